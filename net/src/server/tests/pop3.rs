//! POP3 on loopback: from TLS to the journal and the blobs, and back.

use ceralacca_core::mailbox::{Content, FolderId, MailboxId};
use ceralacca_core::owner::MailboxOrder;
use ceralacca_core::proof::Durable;

use super::*;

impl House {
    fn pop3s(&self) -> Client {
        let mut client = Client::tls(self.running.addresses().pop3s[0], &self.tls);
        assert_eq!(client.line(), "+OK mail.pec.example ready");
        client
    }

    fn opened(&self) -> Client {
        let mut client = self.pop3s();
        client.send(format!("USER {ROSSI}\r\nPASS correct horse\r\n"));
        assert_eq!(
            (client.line(), client.line()),
            ("+OK".into(), "+OK welcome".into())
        );
        client
    }

    fn mailbox(&self) -> MailboxId {
        let address = Address::parse(ROSSI).expect("valid");
        self.state.view().mailbox_of(&address).expect("there").id
    }

    fn file(&self, message: &[u8]) {
        let row = self.state.view().mailbox(self.mailbox()).expect("there");
        let blob = self.state.blobs().store(row.partition, &mut &*message);
        let order = MailboxOrder::Append {
            folder: FolderId::INBOX,
            flags: Vec::new(),
            internal_date: None,
            content: Durable::after_sync(Content::Whole(blob.expect("stored").into_inner())),
            size: message.len() as u64,
        };
        let command = Command::Mailbox(self.mailbox(), order);
        self.state.ask(command).expect("filed");
    }
}

#[test]
fn ac_03_dp_01_what_is_stored_is_retrieved_octet_by_octet_and_goes_at_quit() {
    let house = house();
    // Every octet, in lines and out of them, across many chunks.
    let octets: Vec<u8> = (0..3_000_000u32).map(|i| (i % 256) as u8).collect();
    let message = [b"Subject: octets\r\n\r\n".as_slice(), &octets, b"\r\n"].concat();
    house.file(&message);
    let mut client = house.opened();
    client.send("RETR 1\r\n");
    assert_eq!(client.line(), format!("+OK {} octets", message.len()));
    assert_eq!(client.read(message.len()), message);
    assert_eq!(client.line(), ".");
    client.send("DELE 1\r\nQUIT\r\n");
    assert!(client.line().starts_with("+OK"));
    assert_eq!(
        (client.line(), client.line()),
        ("+OK see you".into(), String::new())
    );
    let inbox = house.state.view().folder(house.mailbox(), FolderId::INBOX);
    let inbox = inbox.expect("INBOX");
    assert!(inbox.messages.is_empty());
    assert_eq!(inbox.set_aside.size(), 1, "AC-13: kept by the usual policy");
    house.running.stop();
}

#[test]
fn a_second_session_is_told_in_use_on_whatever_ring() {
    let house = house();
    let first = house.opened();
    for _ in 0..4 {
        let mut other = house.pop3s();
        other.send(format!("USER {ROSSI}\r\nPASS correct horse\r\n"));
        other.line();
        assert!(other.line().starts_with("-ERR [IN-USE]"));
    }
    drop(first);
    house.running.stop();
}

#[test]
fn ac_04_nothing_is_said_in_clear_and_a_stop_ends_without_a_word() {
    let house = house();
    let address = house.running.addresses().pop3s[0];
    let mut plain = Client::plain(address);
    plain.send("CAPA\r\n");
    let said = plain.line();
    assert!(!said.starts_with("+OK") && !said.contains("USER"), "{said}");
    let mut client = house.opened();
    house.running.stop();
    assert_eq!(client.line(), "");
}

fn stat(client: &mut Client) -> String {
    client.send("STAT\r\n");
    client.line()
}

#[test]
fn ac_14_se_01_pop3_has_its_switch_and_counts_with_the_others() {
    let policy = Policy {
        sign_in_failures_max: 3,
        ..Policy::default()
    };
    let house = house_with(1, policy);
    let sign_in = |password: &str| {
        let mut client = house.pop3s();
        client.send(format!("USER {ROSSI}\r\nPASS {password}\r\n"));
        assert_eq!(client.line(), "+OK");
        client.line()
    };
    house.file(b"Subject: x\r\n\r\nx\r\n");
    let mut inside = house.opened();
    inside.send("DELE 1\r\n");
    assert!(inside.line().starts_with("+OK"));
    let off = Protocols::default().with(Protocol::Pop3, false);
    house.access(AccessOrder::SetProtocols(off));
    assert!(sign_in("correct horse").starts_with("-ERR [SYS/PERM] POP3 is switched off"));
    inside.send("QUIT\r\n");
    assert!(inside.line().starts_with("-ERR [SYS/PERM] signed out"));
    assert_eq!(inside.line(), "", "and ended");
    house.access(AccessOrder::SetProtocols(Protocols::default()));
    assert!(
        stat(&mut house.opened()).starts_with("+OK 1 "),
        "nothing is gone"
    );
    // Known from here, so one try is let through after the lock.
    for _ in 0..3 {
        assert!(sign_in("wrong").starts_with("-ERR [AUTH]"));
    }
    assert!(sign_in("wrong").starts_with("-ERR [AUTH]"));
    assert!(sign_in("correct horse").starts_with("-ERR [SYS/TEMP]"));
    house.running.stop();
}

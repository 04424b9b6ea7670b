//! IMAP on loopback: from TLS to the journal and the blobs, and back.

use super::*;

impl House {
    fn imaps(&self) -> Client {
        let mut client = Client::tls(self.running.addresses().imaps[0], &self.tls);
        assert!(client.line().starts_with("* OK [CAPABILITY IMAP4rev1"));
        client
    }

    fn selected(&self) -> Client {
        let mut client = self.imaps();
        let login = format!("l LOGIN {ROSSI} \"correct horse\"");
        assert!(answer(&mut client, &login).ends_with("] welcome\n"));
        assert!(answer(&mut client, "s SELECT INBOX").ends_with("s OK [READ-WRITE] done\n"));
        client
    }
}

/// Sends a command and reads up to the line that answers it.
fn answer(client: &mut Client, command: &str) -> String {
    client.send(format!("{command}\r\n"));
    lines_to(client, &command[..2])
}

fn lines_to(client: &mut Client, start: &str) -> String {
    let mut lines = String::new();
    loop {
        let line = client.line();
        lines += &line;
        lines.push('\n');
        if line.starts_with(start) || line.is_empty() {
            return lines;
        }
    }
}

fn append(client: &mut Client, message: &[u8]) -> String {
    client.send(format!("a APPEND INBOX {{{}}}\r\n", message.len()));
    assert_eq!(client.line(), "+ send it");
    client.send(message);
    client.send("\r\n");
    lines_to(client, "a ")
}

#[test]
fn ac_02_dp_01_what_is_appended_is_fetched_octet_by_octet() {
    let house = house();
    let mut client = house.selected();
    // Every octet but NUL, in lines and out of them, across many chunks.
    let octets: Vec<u8> = (0..3_000_000u32).map(|i| (i % 255) as u8 + 1).collect();
    let message = [b"Subject: octets\r\n\r\n".as_slice(), &octets].concat();
    assert!(append(&mut client, &message).contains("a OK [APPENDUID "));
    client.send("f UID FETCH 1 (RFC822.SIZE BODY.PEEK[])\r\n");
    let size = message.len();
    let announced = format!("* 1 FETCH (UID 1 RFC822.SIZE {size} BODY[] {{{size}}}");
    assert_eq!(client.line(), announced);
    assert_eq!(client.read(size), message);
    assert_eq!(lines_to(&mut client, "f "), ")\nf OK done\n");
    assert_eq!(
        answer(&mut client, "o LOGOUT"),
        "* BYE see you\no OK done\n"
    );
    assert_eq!(client.line(), "");
    house.running.stop();
}

#[test]
fn ac_11_an_idle_client_is_told_what_another_does_and_that_the_server_stops() {
    let house = house();
    let (mut one, mut two) = (house.selected(), house.selected());
    one.send("i IDLE\r\n");
    assert_eq!(one.line(), "+ idling");
    assert!(append(&mut two, b"Subject: x\r\n\r\ny\r\n").contains("a OK"));
    assert_eq!(
        (one.line(), one.line()),
        ("* 1 EXISTS".to_owned(), "* 0 RECENT".to_owned())
    );
    answer(&mut two, "s STORE 1 +FLAGS (\\Flagged)");
    assert_eq!(one.line(), "* 1 FETCH (UID 1 FLAGS (\\Flagged))");
    one.send("DONE\r\nj IDLE\r\n");
    assert_eq!(
        (one.line(), one.line()),
        ("i OK done".to_owned(), "+ idling".to_owned())
    );
    let stopping = std::thread::spawn(move || house.running.stop());
    assert_eq!(one.line(), "* BYE the server is stopping");
    assert_eq!(two.line(), "* BYE the server is stopping");
    stopping.join().expect("stopped");
}

#[test]
fn refused_messages_leave_the_connection_in_order_and_nothing_behind() {
    let house = house();
    let mut client = house.selected();
    assert!(append(&mut client, b"a\0b").contains("a NO [CANNOT] the message holds a NUL"));
    client.send("a APPEND Nowhere {200000+}\r\n");
    client.send(vec![b'x'; 200_000]);
    client.send("\r\n");
    assert!(client.line().starts_with("a NO [TRYCREATE]"));
    client.send("a APPEND INBOX {400000+}\r\n");
    client.send(vec![b'x'; 400_000]);
    client.send(" (\\Seen)\r\n");
    assert!(client.line().starts_with("a BAD one message at a time"));
    assert_eq!(answer(&mut client, "n NOOP"), "n OK done\n");
    client.send("a APPEND INBOX {400000+}\r\nhalf");
    drop(client);
    let state = Arc::clone(&house.state);
    house.running.stop();
    let address = Address::parse(ROSSI).expect("valid");
    let mailbox = state.view().mailbox_of(&address).expect("there").id;
    assert_eq!(state.view().usage(mailbox), 0);
}

#[test]
fn se_10_one_mailbox_leaves_room_for_the_messages_of_others() {
    let house = house_on(1);
    let begin = |client: &mut Client| {
        client.send("a APPEND INBOX {3}\r\n");
        assert_eq!(client.line(), "+ send it");
    };
    let mut clients: Vec<Client> = (0..=limits::BODIES_PER_MAILBOX_MAX)
        .map(|_| house.selected())
        .collect();
    clients.iter_mut().for_each(begin);
    let mut last = clients.pop().expect("one");
    last.send("abc\r\n");
    assert!(lines_to(&mut last, "a ").contains("a NO [UNAVAILABLE] too much work"));
    let mut first = clients.swap_remove(0);
    first.send("abc\r\n");
    assert!(lines_to(&mut first, "a ").contains("a OK [APPENDUID"));
    begin(&mut last);
    last.send("abc\r\n");
    assert!(lines_to(&mut last, "a ").contains("a OK [APPENDUID"));
    drop(clients);
    house.running.stop();
}

#[test]
fn ac_04_no_command_counts_before_tls_and_wrong_passwords_end_the_connection() {
    let house = house();
    let mut plain = Client::plain(house.running.addresses().imaps[0]);
    plain.send("a LOGIN x y\r\n");
    // A TLS alert is all that it gets.
    assert!(plain.line().starts_with('\u{15}'));
    let mut client = house.imaps();
    for _ in 0..3 {
        let said = answer(&mut client, "a LOGIN rossi@pec.example wrong");
        assert!(said.starts_with("a NO [AUTHENTICATIONFAILED]"));
    }
    assert_eq!(client.line(), "* BYE too many wrong passwords");
    house.running.stop();
}

#[test]
fn ac_14_imap_switched_off_ends_an_idle_client_at_once_and_another_at_its_next_command() {
    let house = house();
    let (mut idle, mut quiet) = (house.selected(), house.selected());
    idle.send("i IDLE\r\n");
    assert_eq!(idle.line(), "+ idling");
    let off = Protocols::default().with(Protocol::Imap, false);
    house.access(AccessOrder::SetProtocols(off));
    let bye = "* BYE signed out: the access to this mailbox was changed";
    assert_eq!(idle.line(), bye);
    assert_eq!(answer(&mut quiet, "n NOOP"), format!("{bye}\n\n"));
    let mut client = house.imaps();
    let said = answer(&mut client, &format!("a LOGIN {ROSSI} \"correct horse\""));
    assert!(
        said.starts_with("a NO [NOPERM] IMAP is switched off"),
        "{said}"
    );
    house.access(AccessOrder::SetProtocols(Protocols::default()));
    drop(house.selected());
    house.running.stop();
}

#[test]
fn ac_15_a_changed_password_ends_who_came_in_with_the_old_one() {
    let house = house();
    let mut client = house.selected();
    let address = Address::parse(ROSSI).expect("valid");
    let set = |hash: &str| RegistryOrder::SetPassword(address.clone(), hash.to_owned());
    order(&house.state, set(HASH));
    assert_eq!(
        answer(&mut client, "n NOOP"),
        "n OK done\n",
        "the same password"
    );
    order(&house.state, set("another"));
    assert!(answer(&mut client, "n NOOP").starts_with("* BYE signed out"));
    house.running.stop();
}

#[test]
fn se_01_wrong_passwords_over_smtp_and_imap_lock_together() {
    let policy = Policy {
        sign_in_failures_max: 4,
        ..Policy::default()
    };
    let house = house_with(1, policy);
    let mut smtp = house.submissions();
    let mut imap = house.imaps();
    for _ in 0..2 {
        let wrong = smtp.ask("AUTH PLAIN AHJvc3NpQHBlYy5leGFtcGxlAHdyb25nIGhvcnNl");
        assert!(wrong.starts_with("535 5.7.8"), "{wrong}");
        let wrong = answer(&mut imap, "a LOGIN rossi@pec.example wrong");
        assert!(wrong.starts_with("a NO [AUTHENTICATIONFAILED]"), "{wrong}");
    }
    assert!(smtp.ask(SIGN_IN).starts_with("454 4.7.0"));
    let said = answer(&mut imap, &format!("a LOGIN {ROSSI} \"correct horse\""));
    assert!(
        said.starts_with("a NO [UNAVAILABLE] too many wrong"),
        "{said}"
    );
    let address = Address::parse(ROSSI).expect("valid");
    assert_eq!(house.login.unlock(&address), 1);
    assert!(smtp.ask(SIGN_IN).starts_with("235"));
    drop(house.selected());
    house.running.stop();
}

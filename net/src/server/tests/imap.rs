//! IMAP on loopback: from TLS to the journal and the blobs, and back.

use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::deflate::stream::deflate;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush};

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

/// Compresses what is sent and takes what comes out of compression.
struct Squeezed {
    client: Client,
    out: CompressorOxide,
    back: Box<InflateState>,
    plain: Vec<u8>,
}

impl Squeezed {
    fn send(&mut self, octets: &[u8]) {
        let mut room = vec![0; octets.len() + 100_000];
        let done = deflate(&mut self.out, octets, &mut room, MZFlush::Sync);
        assert_eq!(done.bytes_consumed, octets.len());
        self.client.send(&room[..done.bytes_written]);
    }

    /// What comes, up to a line that starts so.
    fn read_to(&mut self, start: &str) -> Vec<u8> {
        let end = format!("\r\n{start}");
        loop {
            let found = memchr::memmem::find(&self.plain, end.as_bytes());
            if let Some(at) = found
                && let Some(after) = memchr::memchr(b'\n', &self.plain[at + 2..])
            {
                return self.plain.drain(..at + 3 + after).collect();
            }
            let octet = self.client.read(1);
            let mut room = vec![0; 64 * 1024];
            let done = inflate(&mut self.back, &octet, &mut room, MZFlush::None);
            self.plain.extend_from_slice(&room[..done.bytes_written]);
        }
    }
}

#[test]
fn dp_01_what_travels_compressed_is_the_same_octet_by_octet() {
    let house = house();
    let mut client = house.selected();
    assert_eq!(
        answer(&mut client, "c COMPRESS DEFLATE"),
        "c OK from now on\n"
    );
    let flags = create_comp_flags_from_zip_params(6, -15, 0);
    let mut client = Squeezed {
        client,
        out: CompressorOxide::new(flags),
        back: InflateState::new_boxed(DataFormat::Raw),
        plain: Vec::new(),
    };
    let text = "Una riga come tante altre.\r\n".repeat(20_000);
    let message = format!("Subject: lungo\r\n\r\n{text}");
    client.send(format!("a APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len()).as_bytes());
    let said = client.read_to("a ");
    assert!(String::from_utf8_lossy(&said).contains("a OK [APPENDUID "));
    client.send(b"f FETCH 1 BODY.PEEK[]\r\n");
    let said = client.read_to("f OK");
    let expected = format!(
        "* 1 FETCH (BODY[] {{{}}}\r\n{message})\r\nf OK done\r\n",
        message.len()
    );
    assert_eq!(String::from_utf8_lossy(&said), expected);
    client.send(b"i IDLE\r\n");
    client.send(b"DONE\r\no LOGOUT\r\n");
    assert!(
        client
            .read_to("o OK")
            .starts_with(b"+ idling\r\ni OK done\r\n")
    );
    house.running.stop();
}

#[test]
fn what_is_no_compression_ends_the_connection_and_not_the_server() {
    let house = house();
    let mut client = house.selected();
    assert_eq!(
        answer(&mut client, "c COMPRESS DEFLATE"),
        "c OK from now on\n"
    );
    client.send("n NOOP\r\n\u{ff}\u{ff}\u{ff}\u{ff}");
    assert_eq!(client.line(), "");
    assert!(answer(&mut house.selected(), "n NOOP").ends_with("n OK done\n"));
    house.running.stop();
}

#[test]
fn se_10_an_account_has_so_many_connections_and_a_place_comes_back() {
    let house = house_on(1);
    let mut clients: Vec<Client> = (0..limits::IMAP_SESSIONS_PER_MAILBOX_MAX)
        .map(|_| house.selected())
        .collect();
    let mut one_more = house.imaps();
    let login = format!("l LOGIN {ROSSI} \"correct horse\"");
    let said = answer(&mut one_more, &login);
    assert_eq!(said, "l NO [LIMIT] too many connections of this account\n");
    let mut first = clients.swap_remove(0);
    answer(&mut first, "o LOGOUT");
    assert_eq!(first.line(), "");
    // The place is free once the server has closed its side, too.
    let mut tries = (0..1_000).map(|_| answer(&mut one_more, &login));
    assert!(tries.any(|said| said.ends_with("] welcome\n")));
    drop(clients);
    house.running.stop();
}

#[test]
fn ac_11_three_sessions_at_once_lose_and_double_no_flag() {
    let house = house();
    let mut setter = house.selected();
    for _ in 0..8 {
        append(&mut setter, b"Subject: x\r\n\r\ny\r\n");
    }
    // A third one idles, and is told every change of the others.
    let mut idler = house.selected();
    idler.send("i IDLE\r\n");
    assert_eq!(idler.line(), "+ idling");
    let mut clients = vec![house.selected(), house.selected()];
    std::thread::scope(|scope| {
        for (number, client) in clients.iter_mut().enumerate() {
            scope.spawn(move || {
                for round in 0..20 {
                    let message = round % 8 + 1;
                    let said = answer(
                        client,
                        &format!("s STORE {message} +FLAGS ($C{number}R{round})"),
                    );
                    assert!(said.ends_with("s OK done\n"), "{said}");
                }
            });
        }
    });
    let flags_of = |client: &mut Client| {
        answer(client, "n NOOP");
        let said = answer(client, "f FETCH 1:* FLAGS");
        let lines = said.lines().filter(|line| line.contains("FETCH (FLAGS ("));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    idler.send("DONE\r\n");
    let told = lines_to(&mut idler, "i ");
    let (one, three) = (flags_of(&mut clients[0]), flags_of(&mut idler));
    assert_eq!(one, three);
    let all = one.join(" ");
    for number in 0..2 {
        for round in 0..20 {
            let flag = format!("$C{number}R{round}");
            let is_it = |word: &&str| word.trim_end_matches(')').trim_start_matches('(') == flag;
            assert_eq!(all.split(' ').filter(is_it).count(), 1, "{flag} in {all}");
            assert!(told.contains(&flag), "{flag} in {told}");
        }
    }
    drop((setter, clients, idler));
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

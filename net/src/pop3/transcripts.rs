//! Transcripts: what a client writes and what it is answered, through the real machine, the real
//! decisions of the owner and the real view, with bodies in a map.

use std::sync::Arc;

use ceralacca_core::address::Address;
use ceralacca_core::limits;
use ceralacca_core::login::Refusal;
use ceralacca_core::mailbox::{FlagAction, FlagName, Flags, FolderId};
use ceralacca_core::owner::{MailboxOrder, Outcome};
use ceralacca_core::registry::MailboxState;

use super::codec::{Line, Lines};
use super::session::{Answer, Session, Step};
use super::settings::Settings;
use crate::house::{BOX, House, NOW};

const INBOX: FolderId = FolderId::INBOX;

/// One mailbox, `anna@pec.test`, password `segreto`.
fn empty(state: MailboxState) -> House {
    House::new(Address::parse("anna@pec.test").expect("an address"), state)
}

impl House {
    fn with(messages: &[&str]) -> Arc<Self> {
        let house = empty(MailboxState::Active);
        messages.iter().for_each(|message| house.deliver(message));
        Arc::new(house)
    }

    fn uids(&self) -> Vec<u32> {
        let inbox = self.view.folder(BOX, INBOX).expect("INBOX");
        inbox.messages.keys().copied().collect()
    }

    fn kept(&self) -> Vec<u32> {
        let inbox = self.view.folder(BOX, INBOX).expect("INBOX");
        inbox.set_aside.keys().copied().collect()
    }
}

struct Client {
    house: Arc<House>,
    session: Session,
    is_closed: bool,
    /// The most that was ever to be written at once.
    most: usize,
}

impl Client {
    fn connect(house: &Arc<House>) -> Self {
        let settings = Settings {
            host: "mail.pec.test".to_owned(),
        };
        let mut client = Self {
            house: Arc::clone(house),
            session: Session::new(
                Arc::clone(house) as _,
                Arc::clone(&house.maildrops),
                &settings,
            ),
            is_closed: false,
            most: 0,
        };
        assert_eq!(client.written(), "+OK mail.pec.test ready\r\n");
        client
    }

    fn open(house: &Arc<House>) -> Self {
        let mut client = Self::connect(house);
        assert_eq!(client.say("USER anna@pec.test"), "+OK\r\n");
        assert_eq!(client.say("PASS segreto"), "+OK welcome\r\n");
        client
    }

    fn written(&mut self) -> String {
        let octets = self.session.output();
        self.most = self.most.max(octets.len());
        String::from_utf8(octets).expect("text")
    }

    fn say(&mut self, line: &str) -> String {
        self.write(format!("{line}\r\n").as_bytes())
    }

    /// What is answered to these octets.
    fn write(&mut self, mut octets: &[u8]) -> String {
        let (mut lines, mut answers) = (Lines::default(), String::new());
        while !self.is_closed {
            let (used, line) = lines.next(octets);
            let mut step = match line {
                Line::Whole(line) => self.session.line(line),
                Line::TooLong => self.session.too_long(),
                Line::Unfinished => return answers + &self.written(),
            };
            octets = octets.get(used..).expect("no more than there is");
            loop {
                answers += &self.written();
                step = match step {
                    Step::Read => break,
                    Step::Close => {
                        self.is_closed = true;
                        break;
                    }
                    Step::List | Step::Fetch => self.session.resume(Answer::Go),
                    Step::Verify { name, password } => {
                        let is_right = name == "anna@pec.test" && *password == b"segreto";
                        let row = self
                            .house
                            .view
                            .mailbox(BOX)
                            .filter(|row| is_right && row.state != MailboxState::Closed);
                        self.session
                            .resume(Answer::Verified(row.ok_or(Refusal::Wrong)))
                    }
                    Step::Order(mailbox, order) => {
                        assert_eq!(mailbox, BOX);
                        let answer = self.house.order(order);
                        self.session.resume(Answer::Ordered(answer))
                    }
                };
            }
        }
        answers
    }
}

const ONE: &str = "Subject: uno\r\n\r\nprimo\r\n";
const TWO: &str = "Subject: due\r\n\r\n.secondo\r\n.\r\nriga\r\n";

#[test]
fn ac_03_a_session_from_login_to_update() {
    let house = House::with(&[ONE, TWO]);
    let mut client = Client::open(&house);
    let validity = house
        .view
        .folder(BOX, INBOX)
        .expect("INBOX")
        .row
        .uid_validity;
    let octets = ONE.len() + TWO.len();
    assert_eq!(client.say("STAT"), format!("+OK 2 {octets}\r\n"));
    let sizes = format!("+OK\r\n1 {}\r\n2 {}\r\n.\r\n", ONE.len(), TWO.len());
    assert_eq!(client.say("LIST"), sizes);
    assert_eq!(client.say("LIST 2"), format!("+OK 2 {}\r\n", TWO.len()));
    assert_eq!(client.say("UIDL 2"), format!("+OK 2 {validity}.2\r\n"));
    let ids = format!("+OK\r\n1 {validity}.1\r\n2 {validity}.2\r\n.\r\n");
    assert_eq!(client.say("UIDL"), ids);
    assert_eq!(
        client.say("RETR 2"),
        format!(
            "+OK {} octets\r\nSubject: due\r\n\r\n..secondo\r\n..\r\nriga\r\n.\r\n",
            TWO.len()
        )
    );
    assert_eq!(
        client.say("TOP 2 1"),
        "+OK\r\nSubject: due\r\n\r\n..secondo\r\n.\r\n"
    );
    assert_eq!(client.say("DELE 1"), "+OK it goes at QUIT\r\n");
    assert!(client.say("RETR 1").starts_with("-ERR"));
    assert!(client.say("DELE 1").starts_with("-ERR"));
    assert!(client.say("LIST 1").starts_with("-ERR"));
    assert_eq!(client.say("STAT"), format!("+OK 1 {}\r\n", TWO.len()));
    assert_eq!(
        client.say("LIST"),
        format!("+OK\r\n2 {}\r\n.\r\n", TWO.len())
    );
    assert_eq!(client.say("NOOP"), "+OK\r\n");
    assert_eq!(house.uids(), [1, 2], "nothing goes before QUIT");
    assert_eq!(client.say("QUIT"), "+OK see you\r\n");
    assert!(client.is_closed);
    assert_eq!((house.uids(), house.kept()), (vec![2], vec![]));
    assert_eq!(house.view.usage(BOX), TWO.len() as u64);
}

#[test]
fn rset_takes_every_mark_back() {
    let house = House::with(&[ONE, TWO]);
    let mut client = Client::open(&house);
    client.say("DELE 1");
    client.say("DELE 2");
    assert_eq!(client.say("STAT"), "+OK 0 0\r\n");
    assert_eq!(client.say("RSET"), "+OK\r\n");
    assert_eq!(client.say("LIST 1"), format!("+OK 1 {}\r\n", ONE.len()));
    assert_eq!(client.say("QUIT"), "+OK see you\r\n");
    assert_eq!(house.uids(), [1, 2]);
}

#[test]
fn dp_11_a_session_that_breaks_off_removes_nothing() {
    let house = House::with(&[ONE]);
    let mut client = Client::open(&house);
    client.say("DELE 1");
    drop(client);
    assert_eq!(house.uids(), [1]);
    assert_eq!(
        Client::open(&house).say("LIST 1"),
        format!("+OK 1 {}\r\n", ONE.len())
    );
}

#[test]
fn one_session_at_a_time_holds_the_maildrop() {
    let house = House::with(&[ONE]);
    let mut first = Client::open(&house);
    let mut second = Client::connect(&house);
    second.say("USER anna@pec.test");
    assert!(second.say("PASS segreto").starts_with("-ERR [IN-USE]"));
    assert_eq!(first.say("QUIT"), "+OK see you\r\n");
    second.say("USER anna@pec.test");
    assert_eq!(second.say("PASS segreto"), "+OK welcome\r\n");
}

#[test]
fn the_snapshot_stays_whatever_others_do() {
    let house = House::with(&[ONE, TWO]);
    let mut client = Client::open(&house);
    house.deliver("Subject: tre\r\n\r\n");
    let flagged = MailboxOrder::Flag {
        folder: INBOX,
        uids: vec![1],
        action: FlagAction::Add,
        flags: vec![FlagName::System(Flags::DELETED)],
        unchanged_since: None,
    };
    house.order(flagged).expect("flagged");
    let expunge = MailboxOrder::Expunge {
        folder: INBOX,
        uids: None,
    };
    house.order(expunge).expect("expunged");
    assert!(client.say("STAT").starts_with("+OK 2 "));
    assert!(
        client.say("RETR 1").contains("primo"),
        "it is still readable"
    );
    client.say("DELE 1");
    client.say("DELE 2");
    assert_eq!(client.say("QUIT"), "+OK see you\r\n");
    assert_eq!(house.uids(), [3]);
}

#[test]
fn ac_13_what_is_deleted_is_kept_and_comes_back_under_a_new_uid() {
    let mut house = empty(MailboxState::Active);
    house.keeping.removed = true;
    house.deliver(ONE);
    house.deliver(TWO);
    let house = Arc::new(house);
    let mut client = Client::open(&house);
    client.say("DELE 1");
    client.say("QUIT");
    assert_eq!((house.uids(), house.kept()), (vec![2], vec![1]));
    assert_eq!(house.view.usage(BOX), TWO.len() as u64);
    let restore = || {
        house.order(MailboxOrder::Restore {
            messages: vec![(INBOX, 1), (INBOX, 9)],
            author: "test".to_owned(),
        })
    };
    assert_eq!(restore(), Ok(Outcome::Restored(vec![(INBOX, 1)])));
    assert_eq!((house.uids(), house.kept()), (vec![2, 3], vec![]));
    assert_eq!(house.view.usage(BOX), (ONE.len() + TWO.len()) as u64);
    assert_eq!(restore(), Ok(Outcome::Restored(Vec::new())), "once");
    let mut client = Client::open(&house);
    assert!(client.say("RETR 2").contains("primo"));
    client.say("DELE 2");
    client.say("QUIT");
    let purge = |before| house.order(MailboxOrder::Purge { before });
    assert_eq!(purge(NOW), Ok(Outcome::Already), "the term is not over");
    assert_eq!(house.kept(), [3]);
    assert_eq!(purge(NOW.plus_millis(1)), Ok(Outcome::Again));
    assert_eq!(house.kept(), [0; 0]);
}

#[test]
fn an_update_that_fails_says_so_and_leaves_everything() {
    let mut house = empty(MailboxState::Active);
    house.deliver(ONE);
    house.is_busy = true;
    let house = Arc::new(house);
    let mut client = Client::open(&house);
    client.say("DELE 1");
    assert!(
        client
            .say("QUIT")
            .starts_with("-ERR [SYS/TEMP] nothing was removed")
    );
    assert_eq!(house.uids(), [1]);
}

#[test]
fn ac_05_auth_plain_with_and_without_initial_response() {
    let house = House::with(&[]);
    let response = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    let right = response("\0anna@pec.test\0segreto");
    let mut client = Client::connect(&house);
    assert_eq!(client.say("AUTH"), "+OK\r\nPLAIN\r\n.\r\n");
    assert_eq!(client.say("AUTH PLAIN"), "+ \r\n");
    assert_eq!(client.say(&right), "+OK welcome\r\n");
    drop(client);
    let mut client = Client::connect(&house);
    assert_eq!(
        client.say(&format!("AUTH plain {right}")),
        "+OK welcome\r\n"
    );
    drop(client);
    let mut client = Client::connect(&house);
    client.say("AUTH PLAIN");
    assert_eq!(client.say("*"), "-ERR given up\r\n");
    assert!(client.say("AUTH PLAIN !!").contains("not base64"));
    assert!(client.say("AUTH LOGIN").contains("only PLAIN"));
    let other = response("bruno@pec.test\0anna@pec.test\0segreto");
    assert!(
        client
            .say(&format!("AUTH PLAIN {other}"))
            .contains("[AUTH]")
    );
    assert_eq!(
        client.say("AUTH PLAIN ="),
        "-ERR the response is not of PLAIN\r\n"
    );
}

#[test]
fn se_10_wrong_passwords_look_alike_and_end_the_connection() {
    let house = House::with(&[]);
    let mut client = Client::connect(&house);
    let mut seen = Vec::new();
    for (name, password) in [
        ("anna@pec.test", "sbagliata"),
        ("nessuno@pec.test", "segreto"),
        ("non un indirizzo", "segreto"),
    ] {
        assert!(!client.is_closed);
        assert_eq!(client.say(&format!("USER {name}")), "+OK\r\n");
        seen.push(client.say(&format!("PASS {password}")));
    }
    assert!(client.is_closed);
    assert!(seen.iter().all(|line| line.starts_with("-ERR [AUTH]")));
    assert!(seen.iter().all(|line| *line == seen[0]), "{seen:?}");
}

#[test]
fn dp_10_a_suspended_mailbox_is_read_and_a_closed_one_is_not() {
    drop(Client::open(&Arc::new(empty(MailboxState::Suspended))));
    let mut client = Client::connect(&Arc::new(empty(MailboxState::Closed)));
    client.say("USER anna@pec.test");
    assert!(client.say("PASS segreto").starts_with("-ERR [AUTH]"));
}

#[test]
fn capabilities_are_the_same_before_and_after_login() {
    let house = House::with(&[]);
    let mut client = Client::connect(&house);
    let before = client.say("CAPA");
    for word in ["UIDL", "TOP", "SASL PLAIN", "PIPELINING", "AUTH-RESP-CODE"] {
        assert!(before.contains(&format!("\r\n{word}\r\n")), "{word}");
    }
    assert!(!before.contains("STLS"), "AC-04");
    assert!(client.say("STLS").starts_with("-ERR"));
    assert_eq!(Client::open(&house).say("CAPA"), before);
}

#[test]
fn commands_that_come_together_are_answered_in_order() {
    let house = House::with(&[ONE]);
    let mut client = Client::connect(&house);
    let answers = client.write(b"USER anna@pec.test\r\nPASS segreto\r\nSTAT\r\nRETR 1\r\nQUIT\r\n");
    let size = ONE.len();
    let wanted = format!(
        "+OK\r\n+OK welcome\r\n+OK 1 {size}\r\n+OK {size} octets\r\n{ONE}.\r\n+OK see you\r\n"
    );
    assert_eq!(answers, wanted);
}

#[test]
fn commands_out_of_place_or_of_no_sense_change_nothing() {
    let house = House::with(&[ONE]);
    let mut client = Client::connect(&house);
    for line in ["STAT", "RETR 1", "PASS segreto", "USER", "XYZ", ""] {
        assert!(client.say(line).starts_with("-ERR"), "{line}");
    }
    let mut client = Client::open(&house);
    for line in [
        "USER anna@pec.test",
        "AUTH PLAIN",
        "RETR 0",
        "RETR 2",
        "TOP 1",
        "DELE x",
    ] {
        assert!(client.say(line).starts_with("-ERR"), "{line}");
    }
    let long = "x".repeat(limits::POP3_LINE_BYTES_MAX + 1);
    assert_eq!(client.say(&long), "-ERR the line is too long\r\n");
    assert!(client.say("STAT").starts_with("+OK 1"));
    while !client.is_closed {
        assert!(client.say("XYZ").starts_with("-ERR"));
    }
}

#[test]
fn lists_and_messages_of_any_size_take_little_memory() {
    let messages: Vec<String> = (0..20_000)
        .map(|n| format!("Subject: {n}\r\n\r\n"))
        .collect();
    let house = House::with(&messages.iter().map(String::as_str).collect::<Vec<_>>());
    house.deliver(&("x".repeat(78) + "\r\n").repeat(20_000));
    let mut client = Client::open(&house);
    assert_eq!(client.say("UIDL").lines().count(), 20_001 + 2);
    assert_eq!(
        client.say("RETR 20001").len(),
        "+OK 1600000 octets\r\n".len() + 1_600_000 + 3
    );
    assert!(
        client.most < 3 * limits::POP3_CHUNK_BYTES,
        "{}",
        client.most
    );
}

//! Transcripts: what a client writes and what it is answered, through the real machine, the real
//! decisions of the owner and the real view, with bodies in a map.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::blob::BlobRef;
use ceralacca_core::instant::Instant;
use ceralacca_core::journal::Partition;
use ceralacca_core::limits;
use ceralacca_core::login::Refusal;
use ceralacca_core::mailbox::{Content, FolderId, MailboxId, birth_folders, decide};
use ceralacca_core::owner::{CommandError, MailboxOrder, Outcome};
use ceralacca_core::proof::Durable;
use ceralacca_core::registry::{Holder, HolderKind, MailboxRow, MailboxState};
use ceralacca_core::view::{Row, View, apply};

use super::codec::{Input, Reader};
use super::message::{Octets, ReadError, Store};
use super::session::{Answer, Session, SpoolRefusal, Step};
use super::settings::Settings;

const NOW: i64 = 1_795_321_140_000;
const BOX: MailboxId = MailboxId(7);

/// One mailbox, `anna@pec.test`, password `segreto`.
#[derive(Default)]
struct House {
    view: View,
    bodies: Mutex<HashMap<Content, Arc<Vec<u8>>>>,
    next: AtomicU64,
}

struct Shelf(Arc<House>);

impl Store for Shelf {
    fn view(&self) -> &View {
        &self.0.view
    }

    fn open(&self, content: Content) -> Result<Arc<dyn Octets>, ReadError> {
        let bodies = self.0.bodies.lock().expect("no panic before");
        let body = bodies.get(&content).cloned().ok_or(ReadError::Short(0))?;
        Ok(body)
    }
}

impl Octets for Arc<Vec<u8>> {
    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize, ReadError> {
        (**self).read_at(at, into)
    }
}

impl House {
    fn new(state: MailboxState) -> Arc<Self> {
        let house = Self::default();
        let row = MailboxRow {
            id: BOX,
            partition: Partition(1),
            address: Address::of("anna", &Domain::parse("pec.test").expect("a domain"))
                .expect("ok"),
            holder: Holder {
                kind: HolderKind::Person,
                name: "Anna".to_owned(),
                tax_code: None,
                contacts: Vec::new(),
                documents: Vec::new(),
            },
            password: None,
            state,
            quota: 10_000_000,
            created: Instant::from_millis(NOW),
            ordinary: ceralacca_core::registry::OrdinaryPolicy::Reject,
            receipt_type: None,
            service: false,
            access: Default::default(),
            changes: 1,
        };
        let folders = birth_folders(Instant::from_millis(NOW));
        let folders = folders
            .into_iter()
            .map(|(id, row)| Row::Folder(BOX, id, Some(row)));
        house
            .view
            .publish(std::iter::once(Row::Mailbox(Box::new(row))).chain(folders));
        Arc::new(house)
    }

    fn order(&self, order: MailboxOrder) -> Result<Outcome, CommandError> {
        let (records, outcome) = decide(&self.view, BOX, order, Instant::from_millis(NOW))?;
        self.view.publish(records.iter().flat_map(apply));
        Ok(outcome)
    }

    fn keep(&self, body: &[u8]) -> Durable<Content> {
        let offset = self.next.fetch_add(1, Ordering::Relaxed);
        let length = body.len() as u64;
        let content = Content::Whole(BlobRef {
            segment: 1,
            offset,
            length,
        });
        let body = Arc::new(body.to_vec());
        self.bodies
            .lock()
            .expect("no panic before")
            .insert(content, body);
        Durable::after_sync(content)
    }

    fn deliver(&self, message: &str) {
        self.order(MailboxOrder::Append {
            folder: FolderId::INBOX,
            flags: Vec::new(),
            internal_date: None,
            content: self.keep(message.as_bytes()),
            size: message.len() as u64,
        })
        .expect("there is room");
    }
}

struct Client {
    house: Arc<House>,
    session: Session,
    reader: Reader,
    step: Step,
    body: Vec<u8>,
    /// The most that was ever to be written at once.
    most: usize,
    /// Pieces of answers that were made, others running in between.
    rounds: usize,
    written: Vec<u8>,
}

impl Client {
    fn connect(house: &Arc<House>) -> Self {
        let settings = Settings {
            host: "mail.pec.test".to_owned(),
            message_bytes_max: 2_000_000,
        };
        let store = Arc::new(Shelf(Arc::clone(house)));
        let mut client = Self {
            house: Arc::clone(house),
            session: Session::new(store, Arc::new(settings)),
            reader: Reader::default(),
            step: Step::Read,
            body: Vec::new(),
            most: 0,
            rounds: 0,
            written: Vec::new(),
        };
        client.flush();
        client
    }

    fn selected(house: &Arc<House>) -> Self {
        let mut client = Self::connect(house);
        client.say("l LOGIN anna@pec.test segreto\r\ns SELECT INBOX\r\n");
        client
    }

    fn flush(&mut self) {
        let octets = self.session.output();
        self.most = self.most.max(octets.len());
        self.written.extend(octets);
    }

    /// Sends, and answers all that came back.
    fn say(&mut self, text: &str) -> String {
        self.send(text.as_bytes(), 7)
    }

    fn send(&mut self, octets: &[u8], piece: usize) -> String {
        for mut chunk in octets.chunks(piece) {
            while !chunk.is_empty() && !matches!(self.step, Step::Close) {
                let (used, input) = self.reader.next(chunk);
                let consumed = &chunk[..used];
                chunk = &chunk[used..];
                self.take(input, consumed);
                self.work();
            }
        }
        self.said()
    }

    fn said(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.written)).into_owned()
    }

    fn take(&mut self, input: Input, consumed: &[u8]) {
        let waits_for_line = matches!(self.step, Step::Line | Step::Idle);
        match input {
            Input::Command(line) if waits_for_line => self.step = self.session.line(&line),
            Input::Command(command) => self.step = self.session.command(&command),
            Input::Append { head, size, waits } => {
                self.step = self.session.append(&head, size, waits);
                match self.step {
                    Step::Spool { .. } => self.reader.accept(),
                    _ => self.reader.refuse(),
                }
            }
            Input::Continue => self.session.literal_awaited(),
            Input::Body(_) => self.body.extend_from_slice(consumed),
            Input::BodyEnd { clean } => {
                let body = std::mem::take(&mut self.body);
                let spooled = match clean {
                    true => Ok(self.house.keep(&body)),
                    false => Err(SpoolRefusal::Trailing),
                };
                self.step = self.session.resume(Answer::Spooled(spooled));
            }
            Input::TooLong { tag } => self.step = self.session.too_long(tag.as_deref()),
            Input::Hopeless => self.step = self.session.bye("too much"),
            Input::More => {}
        }
    }

    fn work(&mut self) {
        loop {
            self.flush();
            self.step = match std::mem::replace(&mut self.step, Step::Read) {
                Step::Verify { name, password } => {
                    let address = Address::parse(&name).ok();
                    let row = address.and_then(|a| self.house.view.mailbox_of(&a));
                    let is_right = password.as_slice() == b"segreto";
                    let row = row.filter(|row| is_right && row.state != MailboxState::Closed);
                    self.session
                        .resume(Answer::Verified(row.ok_or(Refusal::Wrong)))
                }
                Step::Order(mailbox, order) => {
                    assert_eq!(mailbox, BOX);
                    let answer = self.house.order(order);
                    self.session.resume(Answer::Ordered(answer))
                }
                Step::Produce(_) => {
                    self.rounds += 1;
                    self.session.resume(Answer::Go)
                }
                other => {
                    self.reader
                        .expect_line(matches!(other, Step::Line | Step::Idle));
                    if self.session.mailbox().is_some() {
                        self.reader.trust();
                    }
                    self.step = other;
                    return;
                }
            };
        }
    }
}

fn house() -> Arc<House> {
    House::new(MailboxState::Active)
}

const MESSAGE: &str = "From: A <a@b.test>\r\nSubject: CONSEGNA: x\r\n\
    X-Riferimento-Message-ID: <opec1@b.test>\r\nDate: Sun, 22 Nov 2026 05:19:00 +0100\r\n\
    Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nciao\r\n--q\r\n\
    Content-Type: text/xml\r\n\r\n<a/>\r\n--q--\r\n";

#[test]
fn ac_05_login_wants_the_full_address_and_its_password() {
    let mut client = Client::connect(&house());
    assert!(client.said().starts_with("* OK [CAPABILITY IMAP4rev1 "));
    assert_eq!(client.say("a SELECT INBOX\r\n"), "a BAD log in first\r\n");
    let no = "NO [AUTHENTICATIONFAILED] the address or the password is wrong (two-step login needs \
              an application password)\r\n";
    assert_eq!(client.say("b LOGIN anna segreto\r\n"), format!("b {no}"));
    assert_eq!(
        client.say("c LOGIN \"anna@pec.test\" \"sbagliato\"\r\n"),
        format!("c {no}")
    );
    assert!(
        client
            .say("d LOGIN ANNA@pec.test {7}\r\nsegreto\r\n")
            .contains("d OK [CAPABILITY ")
    );
    assert_eq!(client.say("e LOGIN a b\r\n"), "e BAD logged in already\r\n");
}

#[test]
fn ac_05_authenticate_plain_works_with_and_without_initial_response() {
    // NUL anna@pec.test NUL segreto
    let response = "AGFubmFAcGVjLnRlc3QAc2VncmV0bw==";
    let mut client = Client::connect(&house());
    client.said();
    assert!(
        client
            .say(&format!("a AUTHENTICATE PLAIN {response}\r\n"))
            .contains("a OK")
    );
    let mut client = Client::connect(&house());
    client.said();
    assert_eq!(client.say("a AUTHENTICATE PLAIN\r\n"), "+ \r\n");
    assert!(client.say(&format!("{response}\r\n")).starts_with("a OK"));
    let mut client = Client::connect(&house());
    client.said();
    client.say("a AUTHENTICATE PLAIN\r\n");
    assert_eq!(client.say("*\r\n"), "a BAD given up\r\n");
    assert!(
        client
            .say("b AUTHENTICATE CRAM-MD5\r\n")
            .starts_with("b NO")
    );
}

#[test]
fn wrong_passwords_are_counted_and_end_the_connection() {
    let mut client = Client::connect(&house());
    for _ in 0..limits::IMAP_LOGIN_FAILURES_MAX {
        client.say("a LOGIN anna@pec.test x\r\n");
    }
    assert!(matches!(client.step, Step::Close));
}

#[test]
fn dp_10_a_suspended_mailbox_can_be_read_and_a_closed_one_not() {
    let mut client = Client::connect(&House::new(MailboxState::Suspended));
    assert!(
        client
            .say("a LOGIN anna@pec.test segreto\r\n")
            .contains("a OK")
    );
    let mut client = Client::connect(&House::new(MailboxState::Closed));
    assert!(
        client
            .say("a LOGIN anna@pec.test segreto\r\n")
            .contains("a NO")
    );
}

#[test]
fn folders_are_listed_made_renamed_and_removed() {
    let mut client = Client::selected(&house());
    let all = client.say("a LIST \"\" \"*\"\r\n");
    assert!(
        all.contains("* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n"),
        "{all}"
    );
    assert!(
        client
            .say("b CREATE \"Attivit&AOA-/2026\"\r\n")
            .ends_with("b OK done\r\n")
    );
    let listed = client.say("c LIST \"\" %\r\n");
    assert!(
        listed.contains("(\\HasChildren \\NonExistent \\Noselect) \"/\" Attivit&AOA-\r\n"),
        "{listed}"
    );
    assert!(
        client
            .say("d RENAME Attivit&AOA-/2026 Altro\r\n")
            .ends_with("d OK done\r\n")
    );
    assert!(
        client
            .say("e UNSUBSCRIBE Altro\r\n")
            .ends_with("e OK done\r\n")
    );
    assert!(!client.say("f LSUB \"\" *\r\n").contains("Altro"));
    let text = "g LIST (SUBSCRIBED) \"\" * RETURN (STATUS (MESSAGES UIDNEXT))\r\n";
    let listed = client.say(text);
    assert!(
        listed.contains("* STATUS INBOX (MESSAGES 0 UIDNEXT 1)\r\n"),
        "{listed}"
    );
    assert!(!listed.contains("Altro"));
    assert!(client.say("h DELETE Altro\r\n").ends_with("h OK done\r\n"));
    assert!(
        client
            .say("i DELETE Altro\r\n")
            .starts_with("i NO [NONEXISTENT]")
    );
    assert!(
        client
            .say("j DELETE INBOX\r\n")
            .starts_with("j NO [CANNOT]")
    );
    assert_eq!(
        client.say("k LIST \"\" \"\"\r\n"),
        "* LIST (\\Noselect) \"/\" \"\"\r\nk OK done\r\n"
    );
}

#[test]
fn select_tells_what_clients_need() {
    let house = house();
    house.deliver(MESSAGE);
    let mut client = Client::connect(&house);
    client.say("l LOGIN anna@pec.test segreto\r\n");
    let validity = house
        .view
        .folder(BOX, FolderId::INBOX)
        .expect("there")
        .row
        .uid_validity;
    assert_eq!(
        client.say("a SELECT inbox\r\n"),
        format!(
            "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n\
             * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] kept\r\n\
             * 1 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 1] first unseen\r\n\
             * OK [UIDVALIDITY {validity}] valid\r\n* OK [UIDNEXT 2] next\r\n\
             a OK [READ-WRITE] done\r\n"
        )
    );
    assert!(
        client
            .say("b EXAMINE Inbox\r\n")
            .ends_with("b OK [READ-ONLY] done\r\n")
    );
    assert!(
        client
            .say("c STORE 1 +FLAGS (\\Seen)\r\n")
            .starts_with("c NO [NOPERM]")
    );
    assert!(
        client
            .say("d SELECT Niente\r\n")
            .starts_with("d NO [NONEXISTENT]")
    );
    assert_eq!(
        client.say("e FETCH 1 FLAGS\r\n"),
        "e BAD select a folder first\r\n"
    );
    assert_eq!(
        client.say("f STATUS INBOX (MESSAGES UNSEEN RECENT)\r\n"),
        "* STATUS INBOX (MESSAGES 1 UNSEEN 1 RECENT 0)\r\nf OK done\r\n"
    );
}

#[test]
fn dp_01_fetched_octets_are_the_stored_octets() {
    let house = house();
    house.deliver(MESSAGE);
    let mut client = Client::selected(&house);
    let size = MESSAGE.len();
    assert_eq!(
        client.say("a FETCH 1 (BODY.PEEK[])\r\n"),
        format!("* 1 FETCH (BODY[] {{{size}}}\r\n{MESSAGE})\r\na OK done\r\n")
    );
    assert_eq!(
        client.say("b UID FETCH 1 (RFC822.SIZE BODY[2])\r\n"),
        format!(
            "* 1 FETCH (UID 1 RFC822.SIZE {size} BODY[2] {{4}}\r\n<a/>)\r\n\
             * 1 FETCH (UID 1 FLAGS (\\Seen))\r\nb OK done\r\n"
        )
    );
    assert_eq!(
        client.say("c FETCH 1 (FLAGS BODY[HEADER.FIELDS (SUBJECT)] BODY[9])\r\n"),
        "* 1 FETCH (FLAGS (\\Seen) BODY[HEADER.FIELDS (SUBJECT)] {24}\r\nSubject: CONSEGNA: x\r\n\r\n \
         BODY[9] NIL)\r\nc OK done\r\n"
    );
    let fetched = client.say("d FETCH 1 FULL\r\n");
    assert!(fetched.contains("ENVELOPE (\"Sun, 22 Nov 2026 05:19:00 +0100\" \"CONSEGNA: x\" "));
    assert!(fetched.contains("INTERNALDATE \"22-Nov-2026 "), "{fetched}");
    assert!(
        fetched.contains("BODY ((\"text\" \"plain\" NIL NIL NIL \"7bit\" 4 1)"),
        "{fetched}"
    );
    assert_eq!(
        client.say("e FETCH 2 FLAGS\r\n"),
        "e BAD no such message\r\n"
    );
    assert_eq!(client.say("f UID FETCH 2:9 FLAGS\r\n"), "f OK done\r\n");
}

#[test]
fn dp_01_partials_joined_are_the_whole_and_memory_is_bounded() {
    let house = house();
    let lines = "0123456789abcdef\r\n".repeat(30_000);
    let message = format!("Subject: large\r\n\r\n{lines}");
    house.deliver(&message);
    let mut client = Client::selected(&house);
    client.most = 0;
    let whole = client.say("a FETCH 1 RFC822\r\n");
    assert!(whole.contains(&message));
    assert!(
        client.most < 3 * limits::IMAP_CHUNK_BYTES,
        "{}",
        client.most
    );
    let mut joined = String::new();
    for origin in (0..=message.len()).step_by(100_000) {
        let part = client.say(&format!("b FETCH 1 BODY.PEEK[]<{origin}.100000>\r\n"));
        let start = part.find("}\r\n").expect("a literal") + 3;
        let end = part.rfind(")\r\nb OK").expect("an end");
        assert!(part.starts_with(&format!("* 1 FETCH (BODY[]<{origin}> {{")));
        joined.push_str(&part[start..end]);
    }
    assert_eq!(joined, message);
}

#[test]
fn ac_12_search_finds_exactly() {
    let house = house();
    house.deliver(MESSAGE);
    house.deliver("From: b@c.test\r\nSubject: =?utf-8?q?perch=C3=A9?=\r\n\r\naltro testo\r\n");
    let mut client = Client::selected(&house);
    client.say("s STORE 2 +FLAGS ($Visto \\Flagged)\r\n");
    for (keys, found) in [
        ("ALL", " 1 2"),
        ("HEADER X-Riferimento-Message-ID <opec1@b.test>", " 1"),
        ("HEADER X-Riferimento-Message-ID opec2", ""),
        ("FROM c.test", " 2"),
        ("NOT FROM c.test", " 1"),
        ("OR FROM c.test SUBJECT consegna", " 1 2"),
        ("CHARSET UTF-8 SUBJECT {7+}\r\nPERCH\u{c9}", " 2"),
        ("BODY altro", " 2"),
        ("TEXT CIAO", " 1"),
        ("BODY consegna", ""),
        ("SINCE 1-Jan-2020 BEFORE 1-Jan-2030", " 1 2"),
        ("ON 1-Jan-2020", ""),
        ("SENTON 22-Nov-2026", " 1"),
        ("LARGER 100", " 1"),
        ("SMALLER 100", " 2"),
        ("KEYWORD $visto", " 2"),
        ("UNKEYWORD $visto", " 1"),
        ("FLAGGED UNSEEN", " 2"),
        ("2:*", " 2"),
        ("UID 2 (UNANSWERED UNDELETED)", " 2"),
        ("UID 1:* NOT 1", " 2"),
    ] {
        let said = client.say(&format!("a SEARCH {keys}\r\n"));
        assert_eq!(said, format!("* SEARCH{found}\r\na OK done\r\n"), "{keys}");
    }
    assert!(
        client
            .say("b SEARCH CHARSET KOI8-R ALL\r\n")
            .starts_with("b NO [BADCHARSET")
    );
    let many = "ALL ".repeat(limits::IMAP_SEARCH_KEYS_MAX + 1);
    assert!(
        client
            .say(&format!("c SEARCH {}\r\n", many.trim_end()))
            .starts_with("c BAD")
    );
}

#[test]
fn a_search_of_many_messages_works_in_rounds() {
    let house = house();
    let most = limits::IMAP_SEARCH_ROUND_MESSAGES + 3;
    (0..most).for_each(|_| house.deliver(MESSAGE));
    let mut client = Client::selected(&house);
    let numbers: String = (1..=most).map(|n| format!(" {n}")).collect();
    let said = client.say("a UID SEARCH TEXT ciao\r\n");
    assert_eq!(said, format!("* SEARCH{numbers}\r\na OK done\r\n"));
}

#[test]
fn ac_11_flags_of_two_clients_are_neither_lost_nor_doubled() {
    let house = house();
    house.deliver(MESSAGE);
    let mut one = Client::selected(&house);
    let mut two = Client::selected(&house);
    assert_eq!(
        one.say("a STORE 1 +FLAGS (\\Flagged)\r\n"),
        "* 1 FETCH (UID 1 FLAGS (\\Flagged))\r\na OK done\r\n"
    );
    // The second did not see the flag yet: what it adds is added, and the difference is told.
    assert_eq!(
        two.say("a STORE 1 +FLAGS.SILENT (\\Seen)\r\n"),
        "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen))\r\na OK done\r\n"
    );
    assert_eq!(
        two.say("b STORE 1 -FLAGS.SILENT (\\Seen)\r\n"),
        "b OK done\r\n"
    );
    assert_eq!(one.say("b NOOP\r\n"), "b OK done\r\n");
    assert_eq!(
        one.say("c STORE 1 FLAGS (\\Flagged)\r\n"),
        "* 1 FETCH (UID 1 FLAGS (\\Flagged))\r\nc OK done\r\n"
    );
    let said = two.say("d STORE 1 +FLAGS.SILENT ($Nuovo)\r\n");
    assert_eq!(
        said,
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Nuovo)\r\nd OK done\r\n"
    );
}

#[test]
fn what_is_gone_keeps_its_number_until_it_may_be_told() {
    let house = house();
    (0..3).for_each(|_| house.deliver(MESSAGE));
    let mut one = Client::selected(&house);
    let mut two = Client::selected(&house);
    one.say("a STORE 1:2 +FLAGS.SILENT (\\Deleted)\r\n");
    assert_eq!(
        one.say("b UID EXPUNGE 2:9\r\n"),
        "* 2 EXPUNGE\r\nb OK done\r\n"
    );
    assert_eq!(one.say("c EXPUNGE\r\n"), "* 1 EXPUNGE\r\nc OK done\r\n");
    house.deliver(MESSAGE);
    assert_eq!(
        two.say("a FETCH 3 (UID RFC822.SIZE)\r\n")
            .lines()
            .collect::<Vec<_>>(),
        [
            &format!("* 3 FETCH (UID 3 RFC822.SIZE {})", MESSAGE.len()),
            "* 4 EXISTS",
            "* 0 RECENT",
            "a OK done"
        ]
    );
    // What is gone can still be read: nothing is reclaimed while it may be asked for.
    assert!(two.say("b FETCH 1 BODY.PEEK[TEXT]\r\n").contains("ciao"));
    assert_eq!(
        two.say("c NOOP\r\n"),
        "* 1 EXPUNGE\r\n* 1 EXPUNGE\r\nc OK done\r\n"
    );
    assert!(
        two.say("d FETCH 1 UID\r\n")
            .starts_with("* 1 FETCH (UID 3)")
    );
}

#[test]
fn idle_tells_what_happens_until_done() {
    let house = house();
    let mut client = Client::selected(&house);
    assert_eq!(client.say("a IDLE\r\n"), "+ idling\r\n");
    house.deliver(MESSAGE);
    client.session.wake();
    client.flush();
    assert_eq!(client.said(), "* 1 EXISTS\r\n* 0 RECENT\r\n");
    assert_eq!(client.say("DONE\r\n"), "a OK done\r\n");
    assert_eq!(client.say("b NOOP\r\n"), "b OK done\r\n");
}

#[test]
fn append_streams_and_refuses_before_the_octets_come() {
    let house = house();
    let mut client = Client::selected(&house);
    let size = MESSAGE.len();
    let date = "\"07-Feb-1994 21:52:25 -0800\"";
    let said = client.say(&format!("a APPEND Sent (\\Seen $X) {date} {{{size}}}\r\n"));
    assert_eq!(said, "+ send it\r\n");
    let said = client.say(&format!("{MESSAGE}\r\n"));
    assert!(
        said.starts_with("a OK [APPENDUID ") && said.ends_with(" 1] done\r\n"),
        "{said}"
    );
    client.say("s SELECT Sent\r\n");
    assert_eq!(
        client.say("b FETCH 1 (FLAGS INTERNALDATE RFC822)\r\n"),
        format!(
            "* 1 FETCH (FLAGS (\\Seen $X) INTERNALDATE \"08-Feb-1994 06:52:25 +0100\" \
             RFC822 {{{size}}}\r\n{MESSAGE})\r\nb OK done\r\n"
        )
    );
    assert!(
        client
            .say("c APPEND Niente {5}\r\n")
            .starts_with("c NO [TRYCREATE]")
    );
    assert!(
        client
            .say("d APPEND Sent {2000001}\r\n")
            .starts_with("d NO [TOOBIG]")
    );
    assert_eq!(
        client.say("e APPEND Niente {5+}\r\n12345\r\nf NOOP\r\n"),
        "e NO [TRYCREATE] no such folder\r\nf OK done\r\n"
    );
    assert!(
        client
            .say("g APPEND Sent {3+}\r\nabc (\\Seen)\r\n")
            .starts_with("g BAD")
    );
    let quota = "f APPEND Sent {1999999}\r\n";
    let full = "x".repeat(1_999_999);
    for _ in 0..5 {
        client.say(quota);
        client.send(format!("{full}\r\n").as_bytes(), 100_000);
    }
    assert!(client.say(quota).starts_with("f NO [OVERQUOTA]"));
    assert_eq!(
        client.say("q GETQUOTAROOT INBOX\r\n"),
        "* QUOTAROOT INBOX \"\"\r\n* QUOTA \"\" (STORAGE 9766 9765)\r\nq OK done\r\n"
            .replace("9766", &house.view.usage(BOX).div_ceil(1024).to_string())
    );
}

#[test]
fn copy_and_move_name_the_new_uids() {
    let house = house();
    (0..3).for_each(|_| house.deliver(MESSAGE));
    let mut client = Client::selected(&house);
    let validity = |id| {
        house
            .view
            .folder(BOX, FolderId(id))
            .expect("there")
            .row
            .uid_validity
    };
    assert_eq!(
        client.say("a COPY 1:2 Sent\r\n"),
        format!("a OK [COPYUID {} 1:2 1:2] done\r\n", validity(2))
    );
    assert_eq!(
        client.say("b UID MOVE 2:3 Trash\r\n"),
        format!(
            "* OK [COPYUID {} 2:3 1:2] done\r\n* 2 EXPUNGE\r\n* 2 EXPUNGE\r\nb OK done\r\n",
            validity(4)
        )
    );
    assert!(
        client
            .say("c COPY 1 Niente\r\n")
            .starts_with("c NO [TRYCREATE]")
    );
    client.say("d STORE 1 +FLAGS.SILENT (\\Deleted)\r\n");
    assert_eq!(client.say("e CLOSE\r\n"), "e OK done\r\n");
    assert_eq!(
        house
            .view
            .folder(BOX, FolderId::INBOX)
            .expect("there")
            .messages
            .size(),
        0
    );
}

#[test]
fn dp_11_close_after_examine_removes_nothing() {
    let house = house();
    house.deliver(MESSAGE);
    let mut client = Client::selected(&house);
    client.say("a STORE 1 +FLAGS (\\Deleted)\r\nb EXAMINE INBOX\r\n");
    assert!(client.say("c EXPUNGE\r\n").starts_with("c NO"));
    assert_eq!(client.say("d CLOSE\r\n"), "d OK done\r\n");
    assert_eq!(
        house
            .view
            .folder(BOX, FolderId::INBOX)
            .expect("there")
            .messages
            .size(),
        1
    );
}

#[test]
fn small_commands_answer() {
    let mut client = Client::selected(&house());
    assert!(client.say("a CAPABILITY\r\n").contains(" IDLE "));
    assert!(
        client
            .say("b NAMESPACE\r\n")
            .starts_with("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n")
    );
    assert!(
        client
            .say("c ID (\"name\" \"x\")\r\n")
            .contains("Ceralacca")
    );
    assert!(
        client
            .say("d ENABLE CONDSTORE\r\n")
            .starts_with("* ENABLED\r\n")
    );
    assert_eq!(client.say("e CHECK\r\n"), "e OK done\r\n");
    assert_eq!(client.say("f UNSELECT\r\n"), "f OK done\r\n");
    assert!(
        client
            .say("g GETQUOTA \"\"\r\n")
            .contains("* QUOTA \"\" (STORAGE 0 9765)")
    );
    assert_eq!(client.say("h FOO\r\n"), "h BAD not understood\r\n");
    assert_eq!(client.say("i STARTTLS\r\n"), "i BAD not understood\r\n");
    assert_eq!(client.say("j LOGOUT\r\n"), "* BYE see you\r\nj OK done\r\n");
}

#[test]
fn nonsense_ends_the_connection_at_last() {
    let mut client = Client::connect(&house());
    client.say(&"?\r\n".repeat(limits::IMAP_BAD_COMMANDS_MAX as usize));
    assert!(matches!(client.step, Step::Close));
}

#[test]
fn a_message_that_cannot_be_read_is_told_and_the_others_are_sent() {
    let house = house();
    house.deliver(MESSAGE);
    house.deliver(MESSAGE);
    let first = house
        .view
        .folder(BOX, FolderId::INBOX)
        .expect("there")
        .messages
        .get(&1)
        .cloned();
    house
        .bodies
        .lock()
        .expect("ok")
        .remove(&first.expect("there").content);
    let mut client = Client::selected(&house);
    let said = client.say("a FETCH 1:2 BODY.PEEK[TEXT]\r\n");
    assert!(said.starts_with("* 2 FETCH (BODY[TEXT] {"), "{said}");
    assert!(said.ends_with("a NO [UNAVAILABLE] a message cannot be read from the disk\r\n"));
}

#[test]
fn a_message_shorter_than_its_row_ends_the_connection_and_not_the_server() {
    let house = house();
    house.deliver(MESSAGE);
    let row = house.view.folder(BOX, FolderId::INBOX).expect("there");
    let content = row.messages.get(&1).expect("there").content;
    let cut = Arc::new(MESSAGE.as_bytes()[..MESSAGE.len() - 9].to_vec());
    house.bodies.lock().expect("ok").insert(content, cut);
    let mut client = Client::selected(&house);
    assert!(
        client
            .say("a FETCH 1 BODYSTRUCTURE\r\n")
            .starts_with("a NO [UNAVAILABLE]")
    );
    client.say("b FETCH 1 BODY.PEEK[]\r\n");
    assert!(matches!(client.step, Step::Close));
}

#[test]
fn a_folder_deleted_under_a_session_leaves_it_empty() {
    let house = house();
    let mut one = Client::selected(&house);
    one.say("a CREATE x\r\nb APPEND x {3+}\r\nabc\r\nc SELECT x\r\n");
    Client::selected(&house).say("a DELETE x\r\n");
    assert_eq!(one.say("d NOOP\r\n"), "* 1 EXPUNGE\r\nd OK done\r\n");
    assert!(one.say("e EXPUNGE\r\n").starts_with("e NO [NONEXISTENT]"));
}

mod any_input {
    use super::*;
    use proptest::prelude::*;

    fn words() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            Just("a "),
            Just("\r\n"),
            Just("SELECT INBOX\r\n"),
            Just("b FETCH "),
            Just("1:* "),
            Just("(BODY[] FLAGS)\r\n"),
            Just("c UID FETCH *:1 (ENVELOPE BODYSTRUCTURE BODY[1.2.MIME]<3.4>)\r\n"),
            Just("d STORE 1 +FLAGS (x)\r\n"),
            Just("e SEARCH TEXT a OR SUBJECT b 1\r\n"),
            Just("f APPEND INBOX {5}\r\n"),
            Just("g APPEND INBOX {3+}\r\n"),
            Just("12345\r\n"),
            Just("h IDLE\r\n"),
            Just("DONE\r\n"),
            Just("i EXPUNGE\r\n"),
            Just("j MOVE 1 Sent\r\n"),
            Just("k CLOSE\r\n"),
            Just("l LIST \"\" *\r\n"),
            Just("m AUTHENTICATE PLAIN\r\n"),
            Just("n CREATE a/b\r\n"),
            Just("{99}\r\n"),
            Just("o RENAME INBOX y\r\n"),
        ];
        let piece = prop_oneof![
            8 => word.prop_map(|w| w.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..20),
        ];
        proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }

    /// What a client that believes every line knows of its folder: a flag word per message.
    #[derive(Default)]
    struct Believer(Vec<Option<String>>);

    impl Believer {
        fn hear(&mut self, said: &str) {
            for line in said.lines().filter_map(|line| line.strip_prefix("* ")) {
                let Some((number, rest)) = line.split_once(' ') else {
                    continue;
                };
                let Ok(number) = number.parse::<usize>() else {
                    continue;
                };
                match rest {
                    "EXISTS" => {
                        assert!(number >= self.0.len(), "EXISTS never shrinks");
                        self.0.resize(number, None);
                    }
                    "EXPUNGE" => drop(self.0.remove(number - 1)),
                    "RECENT" => {}
                    fetch => {
                        let flags = fetch
                            .rsplit("FLAGS (")
                            .next()
                            .and_then(|f| f.split(')').next());
                        self.0[number - 1] = flags.map(str::to_owned);
                    }
                }
            }
        }
    }

    const DEEDS: [&str; 9] = [
        "a NOOP",
        "a STORE 1 +FLAGS (\\Deleted)",
        "a STORE 2:* +FLAGS (\\Flagged $K)",
        "a UID STORE 1:* -FLAGS (\\Deleted)",
        "a EXPUNGE",
        "a FETCH 1:* FLAGS",
        "a UID MOVE 2:3 INBOX",
        "a COPY 1 INBOX",
        "a SEARCH ALL",
    ];

    proptest! {
        #[test]
        fn ac_11_clients_that_believe_every_line_know_the_folder(
            deeds in proptest::collection::vec((0usize..3, 0usize..DEEDS.len()), 0..40),
        ) {
            let house = house();
            (0..4).for_each(|_| house.deliver("A: b\r\n\r\nc"));
            let mut clients: Vec<(Client, Believer)> = Vec::new();
            for _ in 0..3 {
                let mut client = Client::connect(&house);
                let mut believer = Believer::default();
                client.say("l LOGIN anna@pec.test segreto\r\n");
                believer.hear(&client.say("s SELECT INBOX\r\n"));
                believer.hear(&client.say("f FETCH 1:* FLAGS\r\n"));
                clients.push((client, believer));
            }
            for (who, what) in deeds {
                let (client, believer) = &mut clients[who];
                believer.hear(&client.say(&format!("{}\r\n", DEEDS[what])));
            }
            let folder = house.view.folder(BOX, FolderId::INBOX).expect("there");
            for (client, believer) in &mut clients {
                believer.hear(&client.say("n NOOP\r\n"));
                prop_assert_eq!(believer.0.len(), folder.messages.size());
                let mut truth = Believer::default();
                truth.0.resize(folder.messages.size(), None);
                truth.hear(&client.say("t FETCH 1:* FLAGS\r\n"));
                for (known, true_flags) in believer.0.iter().zip(&truth.0) {
                    // Of a new message no flags were told, and none were asked for.
                    prop_assert!(known.is_none() || known == true_flags);
                }
            }
        }

        #[test]
        fn ac_02_no_client_makes_the_machine_panic_or_hoard(octets in words(), piece in 1usize..50) {
            let house = house();
            house.deliver(MESSAGE);
            house.deliver("Subject: b\r\n\r\na");
            let mut client = Client::connect(&house);
            client.say("z LOGIN anna@pec.test segreto\r\n");
            client.send(&octets, piece);
            prop_assert!(client.most < 3 * limits::IMAP_CHUNK_BYTES);
        }
    }
}

#[test]
fn se_10_patterns_made_to_be_slow_let_others_run() {
    let mut client = Client::selected(&house());
    let name = "a".repeat(200);
    for n in 0..50 {
        assert!(
            client
                .say(&format!("c CREATE {name}{n}\r\n"))
                .contains("c OK")
        );
    }
    client.rounds = 0;
    let pattern = "*a".repeat(250);
    let said = client.say(&format!("l LIST \"\" \"{pattern}\"\r\n"));
    assert!(said.ends_with("l OK done\r\n"), "{said}");
    assert!(client.rounds > 5, "{}", client.rounds);
    assert_eq!(
        client.say("l LIST \"\" *\r\n").matches("* LIST").count(),
        55
    );
    assert_eq!(
        client.say("l LSUB \"\" aaa*\r\n").matches("* LSUB").count(),
        50
    );
    let long = "*".repeat(600);
    for command in ["LIST", "LSUB"] {
        let said = client.say(&format!("l {command} \"{long}\" *\r\n"));
        assert!(said.starts_with("l NO [CANNOT]"), "{said}");
    }
}

#[test]
fn se_10_many_keys_over_many_rows_let_others_run() {
    let house = house();
    (0..60).for_each(|_| house.deliver(MESSAGE));
    let mut client = Client::selected(&house);
    client.rounds = 0;
    let keys = "NOT ON 1-Jan-2020 ".repeat(limits::IMAP_SEARCH_KEYS_MAX / 2 - 1);
    let said = client.say(&format!("s SEARCH {keys}ALL\r\n"));
    assert!(said.contains(" 59 60\r\ns OK done\r\n"), "{said}");
    assert!(client.rounds > 1, "{}", client.rounds);
    let texts = "TEXT x ".repeat(limits::IMAP_SEARCH_TEXTS_MAX + 1);
    let said = client.say(&format!("s SEARCH {texts}ALL\r\n"));
    assert_eq!(said, "s BAD too many keys\r\n");
}

#[test]
fn se_10_what_fetch_picks_is_in_memory_one_item_at_a_time() {
    let house = house();
    let field = format!("X-Long: {}\r\n", "x".repeat(900));
    house.deliver(&format!("{}Subject: s\r\n\r\nbody\r\n", field.repeat(300)));
    let mut client = Client::selected(&house);
    let items: Vec<String> = (0..40)
        .map(|n| format!("BODY.PEEK[HEADER.FIELDS.NOT (N{n})]"))
        .collect();
    let said = client.say(&format!("f FETCH 1 ({})\r\n", items.join(" ")));
    assert_eq!(said.matches("Subject: s").count(), 40);
    assert!(said.ends_with(")\r\nf OK done\r\n"));
    assert!(client.most < 400_000, "{}", client.most);
}

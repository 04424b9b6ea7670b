//! The IMAP machine as a function without sockets: any input, in any pieces, ends in the same answers,
//! without panic and in bounded memory.

use std::sync::Arc;

use ceralacca_core::address::Address;
use ceralacca_core::limits;
use ceralacca_core::login::Refusal;
use ceralacca_core::mailbox::FolderId;
use ceralacca_core::registry::MailboxState;
use ceralacca_core::view::Row;
use ceralacca_core::view::marks::Marks;
use ceralacca_net::house::{BOX, House};
use ceralacca_net::imap::codec::{Input, Reader};
use ceralacca_net::imap::session::{Answer, Session, SpoolRefusal, Step};
use ceralacca_net::imap::settings::Settings;
use ceralacca_tests::seed::storm;

use crate::corpus;

const MESSAGES: [&str; 3] = [
    "From: A <a@b.test>\r\nSubject: CONSEGNA: x\r\nMessage-ID: <1@b.test>\r\n\
     X-Ricevuta: avvenuta-consegna\r\nX-Riferimento-Message-ID: <opec1@b.test>\r\n\
     Date: Sun, 22 Nov 2026 05:19:00 +0100\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n\
     --q\r\n\r\nciao\r\n--q\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n--q--\r\n",
    "Subject: b\r\nReferences: <1@b.test>\r\n\r\na",
    "",
];
/// Pieces of an answer and letters of one command that are followed: more would be a loop without end.
const STEPS_MAX: usize = 200_000;

fn house() -> Arc<House> {
    let address = Address::parse("u@pec.test").unwrap();
    let house = House::new(address, MailboxState::Active);
    MESSAGES.iter().for_each(|message| house.deliver(message));
    // The first is marked, the others are not yet.
    let marks = Marks::of(MESSAGES[0].as_bytes());
    let marks = Row::Marks(BOX, FolderId::INBOX, 1, marks);
    house.view.publish([marks]);
    Arc::new(house)
}

/// A rim without a socket.
struct Player {
    house: Arc<House>,
    session: Session,
    reader: Reader,
    step: Step,
    body: Vec<u8>,
    said: Vec<u8>,
    steps: usize,
}

impl Player {
    fn new() -> Self {
        let settings = Settings {
            host: "mail.pec.test".to_owned(),
            message_bytes_max: 4096,
        };
        let house = house();
        Self {
            session: Session::new(house.clone(), Arc::new(settings)),
            house,
            reader: Reader::default(),
            step: Step::Read,
            body: Vec::new(),
            said: Vec::new(),
            steps: 0,
        }
    }

    fn hear(&mut self, input: &[u8], piece: usize) {
        for mut chunk in input.chunks(piece) {
            while !chunk.is_empty() && !matches!(self.step, Step::Close) {
                let (used, found) = self.reader.next(chunk);
                assert!(used <= chunk.len(), "more taken than was there");
                self.take(found, &chunk[..used]);
                chunk = &chunk[used..];
                self.work();
            }
        }
    }

    fn take(&mut self, input: Input, consumed: &[u8]) {
        match input {
            Input::Command(line) if matches!(self.step, Step::Line | Step::Idle) => {
                self.step = self.session.line(&line);
            }
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

    /// Every password is right, every order is decided at once.
    fn work(&mut self) {
        loop {
            let octets = self.session.output();
            assert!(octets.len() < 4 * limits::IMAP_CHUNK_BYTES, "hoards");
            self.said.extend(octets);
            self.steps += 1;
            assert!(self.steps < STEPS_MAX, "an answer without end");
            self.step = match std::mem::replace(&mut self.step, Step::Read) {
                Step::Verify { .. } => {
                    let row = self.house.view.mailbox(BOX);
                    let row = row.ok_or(Refusal::Wrong);
                    self.session.resume(Answer::Verified(row))
                }
                Step::Order(mailbox, order) => {
                    assert_eq!(mailbox, BOX, "another's mailbox");
                    let answer = self.house.order(order);
                    self.session.resume(Answer::Ordered(answer))
                }
                Step::Produce(_) => self.session.resume(Answer::Go),
                Step::Compress => self.session.resume(Answer::Compressed(true)),
                other => {
                    let waits = matches!(other, Step::Line | Step::Idle);
                    self.reader.expect_line(waits);
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

fn said(input: &[u8], piece: usize) -> Vec<u8> {
    let mut player = Player::new();
    player.work();
    player.hear(input, piece.max(1));
    player.said
}

#[test]
fn ac_02_the_imap_machine_answers_any_input_the_same_in_any_pieces() {
    storm("imap-machine", &corpus("imap"), |input| {
        let whole = said(input, input.len());
        let is_known = |line: &&[u8]| line.starts_with(b"* OK [CAPABILITY");
        assert!(whole.split(|b| *b == b'\n').any(|line| is_known(&line)));
        assert_eq!(said(input, 1), whole, "octet by octet");
    });
}

#[test]
fn ac_02_whoever_signed_in_can_ask_anything() {
    storm("imap-selected", &corpus("imap"), |input| {
        let mut player = Player::new();
        player.hear(b"l LOGIN u@pec.test p\r\ns SELECT INBOX\r\n", 64);
        assert!(player.session.mailbox().is_some());
        player.hear(input, 7);
        // Nobody but its holder removes a message (DP-11).
        let text = String::from_utf8_lossy(input).to_ascii_uppercase();
        let folder = player.house.view.folder(BOX, FolderId::INBOX);
        let kept = folder.map_or(0, |folder| folder.messages.size());
        let may_go = ["EXPUNGE", "MOVE", "CLOSE", "RENAME", "DELETE"];
        assert!(kept >= 3 || may_go.iter().any(|word| text.contains(word)));
    });
}

//! Transcripts: what a client writes and what it is answered, through the real machine, the real
//! decisions of the owner and the real view, with bodies in a map.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ceralacca_core::address::Address;
use ceralacca_core::limits;
use ceralacca_core::login::Refusal;
use ceralacca_core::mailbox::FolderId;
use ceralacca_core::registry::MailboxState;
use ceralacca_core::view::Row;

use crate::house::{BOX, House};
use crate::imap::codec::{Input, Reader};
use crate::imap::session::{Answer, Session, SpoolRefusal, Step};
use crate::imap::settings::Settings;

mod any_input;
mod append;
mod changes;
mod condstore;
mod extensions;
mod fetch;
mod finding;
mod folders;
mod login;
mod model;
mod qresync;
mod rev2;
mod search;
mod select;

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
        let mut client = Self {
            house: Arc::clone(house),
            session: Session::new(Arc::clone(house) as _, Arc::new(settings)),
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
                Step::Compress => self.session.resume(Answer::Compressed(true)),
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

/// One mailbox, `anna@pec.test`, password `segreto`.
fn house() -> Arc<House> {
    house_in(MailboxState::Active)
}

fn house_in(state: MailboxState) -> Arc<House> {
    let address = Address::parse("anna@pec.test").expect("an address");
    Arc::new(House::new(address, state))
}

const MESSAGE: &str = "From: A <a@b.test>\r\nSubject: CONSEGNA: x\r\n\
    X-Riferimento-Message-ID: <opec1@b.test>\r\nDate: Sun, 22 Nov 2026 05:19:00 +0100\r\n\
    Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nciao\r\n--q\r\n\
    Content-Type: text/xml\r\n\r\n<a/>\r\n--q--\r\n";

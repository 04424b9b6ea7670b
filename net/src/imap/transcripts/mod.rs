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

use crate::imap::codec::{Input, Reader};
use crate::imap::message::{Octets, ReadError, Store, Summaries};
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

const NOW: i64 = 1_795_321_140_000;
const BOX: MailboxId = MailboxId(7);

/// One mailbox, `anna@pec.test`, password `segreto`.
#[derive(Default)]
struct House {
    view: View,
    bodies: Mutex<HashMap<Content, Arc<Vec<u8>>>>,
    next: AtomicU64,
    summaries: Summaries,
    /// Bodies that were looked into.
    opened: AtomicU64,
}

struct Shelf(Arc<House>);

impl Store for Shelf {
    fn view(&self) -> &View {
        &self.0.view
    }

    fn summaries(&self) -> &Summaries {
        &self.0.summaries
    }

    fn now(&self) -> Instant {
        Instant::from_millis(NOW)
    }

    fn open(&self, content: Content) -> Result<Arc<dyn Octets>, ReadError> {
        self.0.opened.fetch_add(1, Ordering::Relaxed);
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

fn house() -> Arc<House> {
    House::new(MailboxState::Active)
}

const MESSAGE: &str = "From: A <a@b.test>\r\nSubject: CONSEGNA: x\r\n\
    X-Riferimento-Message-ID: <opec1@b.test>\r\nDate: Sun, 22 Nov 2026 05:19:00 +0100\r\n\
    Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nciao\r\n--q\r\n\
    Content-Type: text/xml\r\n\r\n<a/>\r\n--q--\r\n";

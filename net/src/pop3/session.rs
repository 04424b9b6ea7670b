//! The session machine: from (state, line) to (state, step), without sockets. The rim (`serve`) writes
//! what [`Session::output`] holds, does the step and brings its answer; tests do the same with a map.

use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::login::Refusal;
use ceralacca_core::mailbox::{FolderId, MailboxId};
use ceralacca_core::owner::{CommandError, MailboxOrder, Outcome};
use ceralacca_core::registry::MailboxRow;
use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::command::{self, Command, Fault, Number};
use super::maildrop::{Maildrop, Maildrops, Unmarked};
use super::send::Sending;
use super::settings::{CAPABILITIES, Settings};
use crate::imap::message::Store;

/// What the rim does next.
#[derive(Debug)]
pub enum Step {
    /// Read a line.
    Read,
    /// Verify a password and resume with [`Answer::Verified`]. The time it takes tells nothing about
    /// the mailbox.
    Verify {
        /// The address, as typed.
        name: String,
        /// As typed.
        password: Zeroizing<Vec<u8>>,
    },
    /// Resume with [`Answer::Go`]: what comes is in memory.
    List,
    /// Resume with [`Answer::Go`] on a thread that may wait for the disk.
    Fetch,
    /// Ask the owner and resume with [`Answer::Ordered`].
    Order(MailboxId, MailboxOrder),
    /// End the connection.
    Close,
}

/// What came of a step.
#[derive(Debug)]
pub enum Answer {
    /// The mailbox that the password opens, or why none.
    Verified(Result<Arc<MailboxRow>, Refusal>),
    /// Go on.
    Go,
    /// What the owner says.
    Ordered(Result<Outcome, CommandError>),
}

/// One client's session.
pub struct Session {
    store: Arc<dyn Store>,
    maildrops: Arc<Maildrops>,
    out: Vec<u8>,
    phase: Phase,
    /// What an answer goes on with.
    work: Work,
    failures: u32,
    bad: u32,
}

enum Phase {
    /// Nobody has logged in; USER has said who wants to.
    Stranger(Option<Vec<u8>>),
    /// The TRANSACTION state.
    Open(Box<Maildrop>),
    /// The UPDATE state, and whatever ends a session.
    Over,
}

enum Work {
    None,
    /// The next line is the response of AUTH PLAIN.
    Response,
    Verified,
    Sizes(Number),
    UniqueIds(Number),
    /// The message, or where it is while nothing was read.
    Send(Result<Sending, Wanted>),
    Update,
}

#[derive(Clone, Copy)]
struct Wanted {
    number: Number,
    lines: Option<u64>,
}

const NO_MESSAGE: &str = "-ERR there is no such message";
const UNREADABLE: &str = "-ERR [SYS/TEMP] the message cannot be read; try again later";
const IN_USE: &str = "-ERR [IN-USE] another program has this mailbox open over POP3";

/// RFC 3206: wrong, for now, or until the provider changes something.
const fn words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Wrong => {
            "-ERR [AUTH] the address or the password is wrong (two-step login needs an application \
             password)"
        }
        Refusal::Locked { .. } => "-ERR [SYS/TEMP] too many wrong passwords; try again later",
        Refusal::Busy => "-ERR [SYS/TEMP] too many sign in at once; try again later",
        Refusal::SwitchedOff => "-ERR [SYS/PERM] POP3 is switched off for this mailbox",
        Refusal::NotForThis => "-ERR [SYS/PERM] this application password is not for POP3",
        Refusal::NotInService => "-ERR [SYS/PERM] the mailbox is not in service",
    }
}

impl Session {
    /// A new session, its greeting in the output.
    pub fn new(store: Arc<dyn Store>, maildrops: Arc<Maildrops>, settings: &Settings) -> Self {
        let mut session = Self {
            store,
            maildrops,
            out: Vec::new(),
            phase: Phase::Stranger(None),
            work: Work::None,
            failures: 0,
            bad: 0,
        };
        session.say(&format!("+OK {} ready", settings.host));
        session
    }

    /// What is to be written now.
    pub fn output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Enough is to be written for one write.
    pub fn has_much_output(&self) -> bool {
        self.out.len() >= limits::POP3_CHUNK_BYTES
    }

    /// Somebody is logged in.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_))
    }

    /// A line without its end. It may hold a password.
    pub fn line(&mut self, line: &[u8]) -> Step {
        if let Work::Response = self.work {
            self.work = Work::None;
            return self.response(line);
        }
        match command::parse(line) {
            Ok(command) => {
                self.bad = 0;
                self.command(command)
            }
            Err(Fault::Unknown) => self.bad("-ERR this command is not offered"),
            Err(Fault::Arguments) => self.bad("-ERR the command takes other arguments"),
        }
    }

    /// A line was longer than allowed and has been thrown away.
    pub fn too_long(&mut self) -> Step {
        self.work = Work::None;
        self.bad("-ERR the line is too long")
    }

    /// The answer to a step.
    pub fn resume(&mut self, answer: Answer) -> Step {
        match (std::mem::replace(&mut self.work, Work::None), answer) {
            (Work::Verified, Answer::Verified(row)) => self.verified(row),
            (Work::Sizes(next), Answer::Go) => self.list(next, false),
            (Work::UniqueIds(next), Answer::Go) => self.list(next, true),
            (Work::Send(sending), Answer::Go) => self.send(sending),
            (Work::Update, Answer::Ordered(outcome)) => self.updated(&outcome),
            _ => Step::Close,
        }
    }

    fn say(&mut self, line: &str) -> Step {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
        Step::Read
    }

    fn bad(&mut self, line: &str) -> Step {
        self.bad += 1;
        self.say(line);
        match self.bad < limits::POP3_BAD_COMMANDS_MAX {
            true => Step::Read,
            false => self.close(),
        }
    }

    /// Lets go of the maildrop: whoever reads our last answer may open it.
    fn close(&mut self) -> Step {
        self.phase = Phase::Over;
        Step::Close
    }

    fn command(&mut self, command: Command<'_>) -> Step {
        match command {
            Command::Capa => return self.capabilities(),
            Command::Quit => return self.quit(),
            _ => {}
        }
        match &mut self.phase {
            Phase::Stranger(name) => match command {
                Command::User(given) => {
                    *name = Some(given.to_vec());
                    self.say("+OK")
                }
                Command::Pass(password) => match name.take() {
                    Some(name) => self.verify(&name, Zeroizing::new(password.to_vec())),
                    None => self.bad("-ERR say USER first"),
                },
                Command::Mechanisms => self.say("+OK\r\nPLAIN\r\n."),
                Command::Auth(mechanism, initial) => self.auth(mechanism, initial),
                _ => self.bad("-ERR log in first"),
            },
            Phase::Open(maildrop) => match command {
                Command::Stat => {
                    let (messages, octets) = maildrop.stat();
                    self.say(&format!("+OK {messages} {octets}"))
                }
                Command::List(None) => self.begin_list(false),
                Command::Uidl(None) => self.begin_list(true),
                Command::List(Some(number)) => self.list_one(number, false),
                Command::Uidl(Some(number)) => self.list_one(number, true),
                Command::Retr(number) => self.begin_send(number, None),
                Command::Top(number, lines) => self.begin_send(number, Some(lines)),
                Command::Dele(number) => self.mark(number),
                Command::Rset => {
                    maildrop.unmark();
                    self.say("+OK")
                }
                Command::Noop => self.say("+OK"),
                _ => self.bad("-ERR you are logged in already"),
            },
            Phase::Over => Step::Close,
        }
    }

    fn capabilities(&mut self) -> Step {
        self.say("+OK");
        for capability in CAPABILITIES {
            self.say(capability);
        }
        self.say(".")
    }

    fn auth(&mut self, mechanism: &[u8], initial: Option<&[u8]>) -> Step {
        if !mechanism.eq_ignore_ascii_case(b"PLAIN") {
            return self.bad("-ERR only PLAIN is offered");
        }
        match initial {
            // RFC 5034 §4: an empty response is `=`.
            Some(b"=") => self.response(b""),
            Some(response) => self.response(response),
            None => {
                self.work = Work::Response;
                self.say("+ ")
            }
        }
    }

    /// RFC 4616: `[authzid] NUL authcid NUL passwd`, in base64.
    fn response(&mut self, line: &[u8]) -> Step {
        if line == b"*" {
            return self.bad("-ERR given up");
        }
        let Ok(response) = BASE64.decode(line).map(Zeroizing::new) else {
            return self.bad("-ERR the response is not base64");
        };
        let mut fields = response.split(|octet| *octet == 0);
        let (Some(acts_as), Some(name), Some(password), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return self.bad("-ERR the response is not of PLAIN");
        };
        // Nobody acts for another here: a name that nobody has fails as slowly as a wrong password.
        let is_own = acts_as.is_empty() || acts_as.eq_ignore_ascii_case(name);
        let name = if is_own { name } else { b"" };
        self.verify(name, Zeroizing::new(password.to_vec()))
    }

    fn verify(&mut self, name: &[u8], password: Zeroizing<Vec<u8>>) -> Step {
        // What is no text is no address either, and is refused as one that nobody has.
        let name = String::from_utf8(name.to_vec()).unwrap_or_default();
        self.work = Work::Verified;
        Step::Verify { name, password }
    }

    /// The access to the mailbox was changed (AC-14): the session ends without an update, as one that
    /// breaks off does (RFC 1939 §6).
    pub fn signed_out(&mut self) -> Step {
        self.say("-ERR [SYS/PERM] signed out: the access to this mailbox was changed");
        self.close()
    }

    fn verified(&mut self, row: Result<Arc<MailboxRow>, Refusal>) -> Step {
        let row = match row {
            Ok(row) => row,
            Err(refusal) => {
                self.failures += 1;
                self.say(words(refusal));
                return match self.failures < limits::POP3_LOGIN_FAILURES_MAX {
                    true => Step::Read,
                    false => self.close(),
                };
            }
        };
        let Some(held) = self.maildrops.take(row.id) else {
            return self.say(IN_USE);
        };
        match Maildrop::open(self.store.view(), held) {
            Some(maildrop) => {
                self.phase = Phase::Open(Box::new(maildrop));
                self.say("+OK welcome")
            }
            None => self.say("-ERR [SYS/PERM] the mailbox has no INBOX"),
        }
    }

    fn maildrop(&self) -> Option<&Maildrop> {
        match &self.phase {
            Phase::Open(maildrop) => Some(maildrop),
            _ => None,
        }
    }

    fn list_one(&mut self, number: Number, by_id: bool) -> Step {
        let found = self.maildrop().and_then(|maildrop| {
            let row = maildrop.message(number)?;
            Some(match by_id {
                true => format!("+OK {} {}", number.0, maildrop.unique_id(row)),
                false => format!("+OK {} {}", number.0, row.size),
            })
        });
        self.say(found.as_deref().unwrap_or(NO_MESSAGE))
    }

    fn begin_list(&mut self, by_id: bool) -> Step {
        self.say("+OK");
        self.list(Number(1), by_id)
    }

    /// The lines from message `next` on, as far as one write goes.
    fn list(&mut self, mut next: Number, by_id: bool) -> Step {
        let Phase::Open(maildrop) = &self.phase else {
            return Step::Close;
        };
        while let Some((number, row)) = maildrop.from(next) {
            if self.out.len() >= limits::POP3_CHUNK_BYTES {
                self.work = match by_id {
                    true => Work::UniqueIds(number),
                    false => Work::Sizes(number),
                };
                return Step::List;
            }
            let line = match by_id {
                true => format!("{} {}\r\n", number.0, maildrop.unique_id(row)),
                false => format!("{} {}\r\n", number.0, row.size),
            };
            self.out.extend_from_slice(line.as_bytes());
            next = Number(number.0.saturating_add(1));
        }
        self.say(".")
    }

    fn begin_send(&mut self, number: Number, lines: Option<u64>) -> Step {
        match self.maildrop().and_then(|drop| drop.message(number)) {
            Some(_) => {
                self.work = Work::Send(Err(Wanted { number, lines }));
                Step::Fetch
            }
            None => self.say(NO_MESSAGE),
        }
    }

    fn send(&mut self, sending: Result<Sending, Wanted>) -> Step {
        let before = self.out.len();
        let (mut sending, is_new) = match sending {
            Ok(sending) => (sending, false),
            Err(wanted) => match self.opened(wanted) {
                Some(sending) => (sending, true),
                None => return self.say(UNREADABLE),
            },
        };
        match sending.piece(&mut self.out) {
            Ok(true) => Step::Read,
            Ok(false) => {
                self.work = Work::Send(Ok(sending));
                Step::Fetch
            }
            Err(_) if is_new => {
                self.out.truncate(before);
                self.say(UNREADABLE)
            }
            // A message was begun that cannot be ended: the line is broken.
            Err(_) => self.close(),
        }
    }

    fn opened(&mut self, wanted: Wanted) -> Option<Sending> {
        let row = Arc::clone(self.maildrop()?.message(wanted.number)?);
        let octets = self.store.open(row.content).ok()?;
        Some(match wanted.lines {
            Some(lines) => {
                self.say("+OK");
                Sending::top(octets, row.size, lines)
            }
            None => {
                self.say(&format!("+OK {} octets", row.size));
                Sending::whole(octets, row.size)
            }
        })
    }

    fn mark(&mut self, number: Number) -> Step {
        let Phase::Open(maildrop) = &mut self.phase else {
            return Step::Close;
        };
        match maildrop.mark(number) {
            Ok(()) => self.say("+OK it goes at QUIT"),
            Err(Unmarked::NoMessage) => self.say(NO_MESSAGE),
            Err(Unmarked::Full) => {
                self.say("-ERR no more can go at once; QUIT, and come back for the others")
            }
        }
    }

    fn quit(&mut self) -> Step {
        let marked = self.maildrop().map(|drop| (drop.mailbox(), drop.marked()));
        match marked {
            Some((mailbox, uids)) if !uids.is_empty() => {
                self.work = Work::Update;
                let folder = FolderId::INBOX;
                Step::Order(mailbox, MailboxOrder::Remove { folder, uids })
            }
            _ => {
                self.say("+OK see you");
                self.close()
            }
        }
    }

    fn updated(&mut self, outcome: &Result<Outcome, CommandError>) -> Step {
        self.say(match outcome {
            Ok(_) => "+OK see you",
            Err(CommandError::NotInService(_)) => {
                "-ERR [SYS/PERM] the mailbox is not in service; nothing was removed"
            }
            Err(_) => "-ERR [SYS/TEMP] nothing was removed; try again later",
        });
        self.close()
    }
}

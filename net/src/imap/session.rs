//! The session machine: from (state, command) to (state, step), without sockets. The rim
//! (`serve`) writes what [`Session::output`] holds, does the step and brings its answer;
//! tests do the same with a map and a transcript.

use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::login::Refusal;
use ceralacca_core::mailbox::{Content, MailboxId};
use ceralacca_core::owner::{CommandError, MailboxOrder, Outcome};
use ceralacca_core::proof::Durable;
use ceralacca_core::registry::MailboxRow;
use zeroize::Zeroizing;

use super::codec::output::Output;
use super::codec::{self, AppendHead, DecodeError};
use super::command;
use super::command::saved::Filled;
use super::enabled::Enabled;
use super::message::Store;
use super::message::cache::Structures;
use super::selected::Selected;
use super::settings::{CAPABILITIES_STRANGER, Settings};

/// What the rim does next, after it has written the output.
#[derive(Debug)]
pub enum Step {
    /// Read a command.
    Read,
    /// Read one line that stands alone; give it to [`Session::line`].
    Line,
    /// Verify a password and resume with [`Answer::Verified`]. The time it takes tells nothing about
    /// the mailbox.
    Verify {
        /// The address, as typed.
        name: String,
        /// As typed.
        password: Zeroizing<Vec<u8>>,
    },
    /// Ask the owner and resume with [`Answer::Ordered`].
    Order(MailboxId, MailboxOrder),
    /// Resume with [`Answer::Go`].
    Produce(Pace),
    /// Read the message of APPEND into the spool and resume with [`Answer::Spooled`] after its last
    /// line.
    Spool {
        /// Whose partition it will lie in.
        mailbox: MailboxId,
        /// Its octets.
        size: u64,
    },
    /// Read on: the message of an APPEND that was refused is thrown away.
    Skip,
    /// Write what is to be written, make room to compress all that comes after it, and resume with
    /// [`Answer::Compressed`].
    Compress,
    /// Like [`Step::Line`]; call [`Session::wake`] whenever the mailbox changed.
    Idle,
    /// End the connection.
    Close,
}

/// Where the next piece of a long answer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Here: it is in memory.
    Here,
    /// On a thread that may wait for the disk.
    Aside,
}

/// What came of a step.
#[derive(Debug)]
pub enum Answer {
    /// The mailbox that the password opens, or why none.
    Verified(Result<Arc<MailboxRow>, Refusal>),
    /// The password opens a mailbox that has all the connections it may.
    Crowded,
    /// Whether what comes after the answer will be compressed.
    Compressed(bool),
    /// What the owner says.
    Ordered(Result<Outcome, CommandError>),
    /// Go on.
    Go,
    /// The line that was asked for, without its end. It may hold a password.
    Line(Zeroizing<Vec<u8>>),
    /// The message is durable, or why not.
    Spooled(Result<Durable<Content>, SpoolRefusal>),
}

/// Why the message of an APPEND is not in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpoolRefusal {
    /// The disk has no room.
    NoRoom,
    /// Too many messages are on their way, of this mailbox or of all (SE-10).
    Busy,
    /// It held a NUL, which no IMAP literal may (RFC 3501 §4.3).
    Nul,
    /// Something other than a line end came after it.
    Trailing,
}

/// A command that waits for an answer.
pub trait Work: Send {
    /// Goes on with `answer`.
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step;
}

/// Whether the end of a command may tell that messages are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Everything.
    All,
    /// Nothing that shifts sequence numbers (FETCH, STORE, SEARCH).
    NoExpunge,
}

/// One client's session.
pub struct Session {
    /// Where the mailbox is.
    pub(super) store: Arc<dyn Store>,
    /// The listener's.
    pub(super) settings: Arc<Settings>,
    /// Who has logged in.
    pub(super) mailbox: Option<MailboxId>,
    /// The selected folder.
    pub(super) selected: Option<Selected>,
    /// What the client has switched on.
    pub(super) enabled: Enabled,
    /// What is to be written.
    pub(super) out: Output,
    /// Structures of the last messages.
    pub(super) structures: Structures,
    /// COMPRESS was done.
    pub(super) is_compressed: bool,
    /// Wrong passwords so far.
    pub(super) failures: u32,
    work: Option<Box<dyn Work>>,
    /// Commands in a row that were none.
    bad: u32,
}

impl Session {
    /// A new session, its greeting in the output.
    pub fn new(store: Arc<dyn Store>, settings: Arc<Settings>) -> Self {
        let mut out = Output::default();
        out.text("* OK [CAPABILITY ")
            .text(CAPABILITIES_STRANGER)
            .text("] ");
        out.text(&settings.host).text(" ready").end();
        Self {
            store,
            settings,
            mailbox: None,
            selected: None,
            enabled: Enabled::default(),
            out,
            structures: Structures::default(),
            is_compressed: false,
            failures: 0,
            work: None,
            bad: 0,
        }
    }

    /// What is to be written now.
    pub fn output(&mut self) -> Vec<u8> {
        self.out.take()
    }

    /// The mailbox that was logged in to.
    pub fn mailbox(&self) -> Option<MailboxId> {
        self.mailbox
    }

    /// A whole command.
    pub fn command(&mut self, octets: &[u8]) -> Step {
        let filled = match command::saved::put_in(self, octets) {
            Filled::Unchanged => None,
            Filled::With(octets) => Some(octets),
            Filled::Nothing(tag) => return self.ok(&tag, "nothing to do", Telling::NoExpunge),
        };
        match codec::decode(filled.as_deref().unwrap_or(octets)) {
            Ok(tagged) => {
                self.bad = 0;
                command::dispatch(self, tagged)
            }
            Err(error) => self.malformed(error),
        }
    }

    /// An APPEND up to its message: [`Step::Spool`], or [`Step::Skip`] when it is refused.
    pub fn append(&mut self, head: &[u8], size: u64, waits: bool) -> Step {
        let head: AppendHead = match codec::decode_append(head) {
            Ok(head) => head,
            Err(error) => {
                return match self.malformed(error) {
                    Step::Close => Step::Close,
                    _ => Step::Skip,
                };
            }
        };
        self.bad = 0;
        match command::append::start(self, head, size) {
            Step::Spool { mailbox, size } => {
                if waits {
                    self.out.text("+ send it").end();
                }
                Step::Spool { mailbox, size }
            }
            Step::Close => Step::Close,
            _ => Step::Skip,
        }
    }

    /// A line that [`Step::Line`] or [`Step::Idle`] asked for, with its end.
    pub fn line(&mut self, line: &[u8]) -> Step {
        self.resume(Answer::Line(Zeroizing::new(line.trim_ascii().to_vec())))
    }

    /// A literal will be gathered: the client may send it.
    pub fn literal_awaited(&mut self) {
        self.out.text("+ send it").end();
    }

    /// The answer to a step.
    pub fn resume(&mut self, answer: Answer) -> Step {
        match self.work.take() {
            Some(work) => work.resume(self, answer),
            None => Step::Read,
        }
    }

    /// The mailbox changed while [`Step::Idle`] lasts.
    pub fn wake(&mut self) {
        self.tell(Telling::All);
    }

    /// A command was longer than allowed and has been thrown away.
    pub fn too_long(&mut self, tag: Option<&str>) -> Step {
        match tag {
            Some(tag) => self
                .out
                .text(tag)
                .text(" BAD [TOOBIG] the command is too long")
                .end(),
            None => self.out.text("* BAD the command is too long").end(),
        };
        self.count_bad()
    }

    /// The client did nothing for too long, or the appliance stops.
    pub fn bye(&mut self, why: &str) -> Step {
        self.out.text("* BYE ").text(why).end();
        Step::Close
    }

    fn malformed(&mut self, error: DecodeError) -> Step {
        match error.tag {
            Some(tag) => self.out.text(&tag).text(" BAD not understood").end(),
            None => self.out.text("* BAD not understood").end(),
        };
        self.count_bad()
    }

    fn count_bad(&mut self) -> Step {
        self.bad += 1;
        match self.bad < limits::IMAP_BAD_COMMANDS_MAX {
            true => Step::Read,
            false => self.bye("too many commands that are none"),
        }
    }

    /// Waits for the answer to `step` with `work`.
    pub(super) fn wait(&mut self, work: impl Work + 'static, step: Step) -> Step {
        self.work = Some(Box::new(work));
        step
    }

    /// Asks the owner about the mailbox and waits with `work`.
    pub(super) fn order(&mut self, order: MailboxOrder, work: impl Work + 'static) -> Step {
        match self.mailbox {
            Some(mailbox) => self.wait(work, Step::Order(mailbox, order)),
            None => self.bye("nobody is logged in"),
        }
    }

    /// Tells what changed in the selected folder.
    pub(super) fn tell(&mut self, telling: Telling) {
        if let Some(selected) = &mut self.selected {
            let may_expunge = telling == Telling::All;
            selected.tell(self.store.view(), may_expunge, self.enabled, &mut self.out);
        }
    }

    /// The client has shown that it knows mod-sequences (RFC 7162 §3.1): from now on they are told.
    pub(super) fn enable_condstore(&mut self) {
        if self.enabled.condstore {
            return;
        }
        self.enabled.condstore = true;
        if let Some(highest) = self.selected.as_ref().and_then(Selected::settled) {
            write_highest_modseq(&mut self.out, highest);
        }
    }

    /// Ends a command well, after what changed.
    pub(super) fn ok(&mut self, tag: &str, text: &str, telling: Telling) -> Step {
        self.tell(telling);
        self.out.text(tag).text(" OK ").text(text).end();
        Step::Read
    }

    /// Ends a command that could not be done; `text` starts with a response code where one fits.
    pub(super) fn no(&mut self, tag: &str, text: &str) -> Step {
        self.out.text(tag).text(" NO ").text(text).end();
        Step::Read
    }

    /// Ends a command that does not fit here.
    pub(super) fn bad(&mut self, tag: &str, text: &str) -> Step {
        self.out.text(tag).text(" BAD ").text(text).end();
        Step::Read
    }

    /// Ends a command that the owner refused.
    pub(super) fn refused(&mut self, tag: &str, error: &CommandError) -> Step {
        let text = match error {
            CommandError::Busy => "[UNAVAILABLE] too much work is waiting; try again",
            CommandError::DiskFull => "[UNAVAILABLE] no room on the server; try again later",
            CommandError::ScannerAway => {
                "[UNAVAILABLE] no virus check is possible; try again later"
            }
            CommandError::Stopping => "[UNAVAILABLE] the server is stopping",
            CommandError::NotFound(_) => "[NONEXISTENT] it does not exist",
            CommandError::Exists(_) => "[ALREADYEXISTS] the name is taken",
            CommandError::OverQuota => "[OVERQUOTA] the mailbox is full",
            CommandError::TooMany(_) => "[LIMIT] too many messages at once; name fewer",
            CommandError::NotInService(_) => "[NOPERM] the mailbox is not in service",
            CommandError::Refused(_) => "[CANNOT] this cannot be done",
        };
        self.no(tag, text)
    }
}

/// `* OK [HIGHESTMODSEQ n]`
pub(super) fn write_highest_modseq(out: &mut Output, highest: u64) {
    out.text("* OK [HIGHESTMODSEQ ")
        .number(highest)
        .text("] highest")
        .end();
}

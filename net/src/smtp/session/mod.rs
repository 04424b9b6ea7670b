//! A session of SMTP as a machine without sockets: [`Session::step`] takes the octets at hand and
//! answers how many are done with and what is to be done. Replies come in the order of the commands,
//! however they were sent together or torn apart. Guarantees SE-04 at both doors, AP-01, AP-02, AP-15,
//! AP-16, AP-30, AP-31, AC-01 and AC-04 at submission, IP-20, IP-24 and IP-25 at the incoming point: what
//! the driver is told to open, take in and commit has passed them.

mod auth;
mod body;
mod role;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use ceralacca_core::address::Address;
use ceralacca_core::journal::Partition;
use ceralacca_core::limits;
use ceralacca_core::mailbox::MailboxId;
use zeroize::Zeroizing;

use super::codec::{ChunkCheck, Cut, DotReader, LineCutter, LineFault};
use super::command::Command;
use super::settings::Settings;

use role::Role;
pub use role::{Origin, RecipientDomain, RecipientDomains};

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Its partition, the home of what it submits.
    pub home: Partition,
    /// Its address.
    pub address: Address,
}

/// What is to be committed with the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Who sends.
    pub origin: Origin,
    /// Forward path as given.
    pub recipients: Vec<Address>,
    /// For the `Received:` field.
    pub received_from: String,
    /// The driver's: under which key the program may repeat it (AP-28).
    pub key: Option<Vec<u8>>,
}

/// What the driver is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this and CRLF.
    Reply(Cow<'static, str>),
    /// Forget all input, send [`TLS_READY`], do the handshake, tell [`Session::tls_started`].
    StartTls,
    /// Check name and password, tell [`Session::signed_in`].
    Verify(String, Secret),
    /// Reserve places for a message, tell [`Session::opened`].
    Open,
    /// These octets of the input are the message's next.
    Body(Range<usize>),
    /// The message ended: make it durable, commit, tell [`Session::committed`].
    Commit(Box<Transaction>),
    /// Give up what was opened.
    Abandon,
    /// Send what is to be sent and close.
    Close,
}

/// A password on its way: shows as dots.
#[derive(PartialEq, Eq)]
pub struct Secret(pub Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("••••")
    }
}

/// One step: octets of the input that are done with (those of [`Action::Body`] included), and what is to
/// be done. Nothing to do: the machine waits for more octets, or for the driver's answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Octets done with.
    pub taken: usize,
    /// To be done.
    pub action: Option<Action>,
}

/// What the session waits for, for the driver's deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// A command, and nobody signed in yet.
    SignIn,
    /// A command.
    Command,
    /// The octets of a message.
    Body,
}

/// Sent in clear before the handshake.
pub const TLS_READY: &[u8] = b"220 2.0.0 Ready to start TLS\r\n";

type Reply = Cow<'static, str>;

const OK: &str = "250 2.0.0 Ok";
const MUST_START_TLS: &str = "530 5.7.0 Must issue a STARTTLS command first";
const OUT_OF_ORDER: &str = "503 5.5.1 Bad sequence of commands";
const TOO_LARGE: &str = "552 5.3.4 Message size exceeds the announced maximum";
const TOO_MANY_FAILURES: &str = "421 4.7.0 Too many errors, closing connection";

#[derive(Debug)]
enum Phase {
    Command,
    /// Waits for the response of AUTH PLAIN.
    Plain,
    /// Waits for the name of AUTH LOGIN.
    LoginName,
    /// Waits for the password of AUTH LOGIN.
    LoginPassword(String),
    /// Waits for the driver.
    Driver(Asked),
    Data(DotReader, Fate),
    Chunk(Chunk, Fate),
    Closed,
}

#[derive(Debug)]
enum Asked {
    TlsStarted,
    SignedIn,
    OpenedForData,
    OpenedForChunk(Chunk),
    Committed,
}

#[derive(Debug, Clone, Copy)]
struct Chunk {
    length: u64,
    left: u64,
    is_last: bool,
}

/// Whether a body is taken, or read to its end for this reply.
#[derive(Debug)]
enum Fate {
    Taken,
    Refused(Reply),
}

#[derive(Debug)]
struct Mail {
    origin: Origin,
    recipients: Vec<Address>,
    /// Octets of the body so far.
    length: u64,
    /// BDAT began.
    chunks: Option<ChunkCheck>,
}

/// The session.
#[derive(Debug)]
pub struct Session {
    role: Role,
    settings: Settings,
    phase: Phase,
    lines: LineCutter,
    ready: VecDeque<Action>,
    greeted: Option<Greeted>,
    account: Option<Account>,
    mail: Option<Mail>,
    errors: u32,
    failures: u32,
    /// Commands since the last message taken that bring none on its way.
    idle: u32,
}

/// How the peer presented itself.
#[derive(Debug)]
struct Greeted {
    name: String,
    /// By EHLO.
    is_extended: bool,
}

impl Session {
    /// A session of submission that first greets.
    pub fn new(settings: Settings) -> Self {
        Self::with_role(settings, Role::Submission)
    }

    /// A session of the incoming point that first greets; `domains` says who is taken.
    pub fn incoming(settings: Settings, domains: Rc<dyn RecipientDomains>) -> Self {
        let role = Role::incoming(domains);
        Self::with_role(settings, role)
    }

    fn with_role(settings: Settings, role: Role) -> Self {
        let greeting = format!("220 {} ESMTP", settings.host);
        Self {
            role,
            settings,
            phase: Phase::Command,
            lines: LineCutter::default(),
            ready: VecDeque::from([Action::Reply(greeting.into())]),
            greeted: None,
            account: None,
            mail: None,
            errors: 0,
            failures: 0,
            idle: 0,
        }
    }

    /// The next thing to do with `input`, the octets not yet done with.
    pub fn step(&mut self, input: &[u8]) -> Step {
        let mut taken = 0;
        loop {
            if let Some(action) = self.ready.pop_front() {
                return act(taken, Some(action));
            }
            let rest = input.get(taken..).unwrap_or_default();
            let before = taken;
            match &mut self.phase {
                Phase::Driver(_) | Phase::Closed => return act(taken, None),
                Phase::Data(..) => {
                    let (length, body) = self.data(rest);
                    taken += length;
                    if let Some(range) = body {
                        let range = before + range.start..before + range.end;
                        return act(taken, Some(Action::Body(range)));
                    }
                }
                Phase::Chunk(..) => {
                    let (length, is_taken) = self.chunk(rest);
                    taken += length;
                    if is_taken && length > 0 {
                        return act(taken, Some(Action::Body(before..taken)));
                    }
                }
                _ => taken += self.line(rest),
            }
            if taken == before && self.ready.is_empty() {
                return act(taken, None);
            }
        }
    }

    /// The handshake is done: all that was said before it is forgotten (RFC 3207 §4.2).
    pub fn tls_started(&mut self, version: &'static str) {
        if matches!(self.phase, Phase::Driver(Asked::TlsStarted)) {
            self.settings.tls = Some(version);
            self.greeted = None;
            self.phase = Phase::Command;
        }
    }

    /// For the driver's deadlines.
    pub fn waits(&self) -> Waits {
        if let Some(waits) = self.stranger() {
            return waits;
        }
        match self.phase {
            Phase::Data(..) | Phase::Chunk(..) => Waits::Body,
            // Between two chunks the message is still on its way.
            _ if self.mail.as_ref().is_some_and(|m| m.chunks.is_some()) => Waits::Body,
            _ => Waits::Command,
        }
    }

    /// Who signed in.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Who sends the transaction under way, and its recipients so far.
    pub fn under_way(&self) -> Option<(&Origin, &[Address])> {
        let mail = self.mail.as_ref()?;
        Some((&mail.origin, &mail.recipients))
    }

    /// Failed sign-ins so far.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    fn say(&mut self, reply: impl Into<Reply>) {
        self.ready.push_back(Action::Reply(reply.into()));
    }

    fn close(&mut self, reply: &'static str) {
        self.say(reply);
        self.ready.push_back(Action::Close);
        self.phase = Phase::Closed;
    }

    /// A command refused; past a bound the connection is closed.
    fn refuse(&mut self, reply: impl Into<Reply>) {
        self.say(reply);
        self.errors += 1;
        if self.errors >= limits::SMTP_ERRORS_MAX {
            self.give_up_mail();
            self.close(TOO_MANY_FAILURES);
        }
    }

    fn end_mail(&mut self, reply: Reply) {
        self.mail = None;
        self.say(reply);
    }

    /// Forgets the transaction, and what was opened for it.
    fn give_up_mail(&mut self) {
        if self.mail.take().is_some_and(|mail| mail.chunks.is_some()) {
            self.ready.push_back(Action::Abandon);
        }
    }

    /// Octets done with at the start of `rest`.
    fn line(&mut self, rest: &[u8]) -> usize {
        match self.lines.cut(rest) {
            Cut::More(taken) => taken,
            Cut::Line(range, taken) => {
                let line = rest.get(range).unwrap_or_default();
                match std::mem::replace(&mut self.phase, Phase::Command) {
                    Phase::Plain => self.plain(line),
                    Phase::LoginName => self.login_name(line),
                    Phase::LoginPassword(name) => self.login_password(name, line),
                    _ => self.command(line),
                }
                taken
            }
            Cut::Bad(fault, taken) => {
                self.phase = Phase::Command;
                self.refuse(match fault {
                    LineFault::TooLong => "500 5.5.2 Line too long",
                    LineFault::NotALine => "500 5.5.2 Lines end with CRLF and hold no NUL",
                });
                taken
            }
        }
    }

    fn command(&mut self, line: &[u8]) {
        let command = match Command::parse_as(line, self.role.dialect()) {
            Ok(command) => command,
            Err(refused) => {
                self.refuse(refused);
                // Without its length the chunk cannot be told from commands.
                if line
                    .get(..4)
                    .is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"))
                {
                    self.give_up_mail();
                    self.close(TOO_MANY_FAILURES);
                }
                return;
            }
        };
        if self.is_idle_too_long(&command) {
            self.give_up_mail();
            return self.close(TOO_MANY_FAILURES);
        }
        match command {
            Command::Ehlo(name) => self.ehlo(name),
            Command::Helo(name) => {
                self.greet(name, false);
                self.say(format!("250 {}", self.settings.host));
            }
            Command::StartTls => self.start_tls(),
            Command::Auth(mechanism, initial) => self.auth(mechanism, initial),
            Command::Mail(sender, size) => self.mail(sender, size),
            Command::Rcpt(recipient) => self.rcpt(recipient),
            Command::Data => self.data_command(),
            Command::Bdat(length, is_last) => self.bdat(Chunk {
                length,
                left: length,
                is_last,
            }),
            Command::Rset => {
                self.give_up_mail();
                self.say(OK);
            }
            Command::Noop => self.say(OK),
            Command::Vrfy => self.say("252 2.5.0 Cannot verify, but will accept the message"),
            Command::Help => self.say(self.role.help()),
            Command::Quit => {
                self.give_up_mail();
                self.say("221 2.0.0 Bye");
                self.ready.push_back(Action::Close);
                self.phase = Phase::Closed;
            }
        }
    }

    fn greet(&mut self, name: &str, is_extended: bool) {
        self.give_up_mail();
        self.greeted = Some(Greeted {
            name: name.to_owned(),
            is_extended,
        });
    }

    fn ehlo(&mut self, name: &str) {
        self.greet(name, true);
        let own = match self.settings.tls {
            Some(_) => self.role.keyword_under_tls(),
            None => "250-STARTTLS\r\n",
        };
        self.say(format!(
            "250-{}\r\n250-SIZE {}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n\
             250-ENHANCEDSTATUSCODES\r\n{own}250 HELP",
            self.settings.host, self.settings.message_bytes_max
        ));
    }

    fn start_tls(&mut self) {
        if self.settings.tls.is_some() {
            return self.refuse(OUT_OF_ORDER);
        }
        self.give_up_mail();
        self.phase = Phase::Driver(Asked::TlsStarted);
        self.ready.push_back(Action::StartTls);
    }

    fn mail(&mut self, sender: Option<Address>, size: Option<u64>) {
        if let Some(reply) = self.not_yet() {
            return self.refuse(reply);
        }
        if self.mail.is_some() {
            return self.refuse(OUT_OF_ORDER);
        }
        let origin = match self.origin(sender) {
            Ok(origin) => origin,
            Err(reply) => return self.refuse(reply),
        };
        if size.is_some_and(|size| size > self.settings.message_bytes_max) {
            return self.refuse(TOO_LARGE);
        }
        self.mail = Some(Mail {
            origin,
            recipients: Vec::new(),
            length: 0,
            chunks: None,
        });
        self.say("250 2.1.0 Ok");
    }

    fn rcpt(&mut self, recipient: Address) {
        if let Some(reply) = self.not_yet() {
            return self.refuse(reply);
        }
        let Some(mail) = self.mail.as_mut().filter(|mail| mail.chunks.is_none()) else {
            return self.refuse(OUT_OF_ORDER);
        };
        if mail.recipients.len() >= self.role.recipients_max() {
            return self.say("452 4.5.3 Too many recipients");
        }
        match self.role.recipient(&recipient) {
            RecipientDomain::Managed => {
                mail.recipients.push(recipient);
                self.say("250 2.1.5 Ok");
            }
            RecipientDomain::Pending => {
                self.say("451 4.7.1 Domain is not in service yet, try again later");
            }
            RecipientDomain::Foreign => {
                self.refuse("550 5.7.1 Recipient is not of this provider, relaying denied");
            }
        }
    }
}

fn act(taken: usize, action: Option<Action>) -> Step {
    Step { taken, action }
}

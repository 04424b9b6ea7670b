//! A run: connects, hands in every message, waits for all that must come of them, holds the dialogues,
//! and gathers what came. It decides nothing; what it saw is an [`Observed`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use ceralacca_core::directory::Directory;
use ceralacca_core::limits::DIRECTORY_BYTES_MAX;
use ceralacca_core::ports::{Clock, SystemClock};
use ceralacca_core::smime::certificate;

use super::dialogue;
use super::letter::Letter;
use super::observed::{Cast, Observed, Trial};
use super::pending::{Mailboxes, Pending};
use super::scenario::{self, Ending, Scenario, Stage};
use super::settings::{Mailbox, Password, Server, Settings};
use crate::client::{ClientError, Security, SmtpSession, SubmitReply, Trust};
use crate::report::Failure;

/// A bundle of authorities.
const ANCHORS_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How to hand mail in.
pub struct Door {
    server: SocketAddr,
    trust: Trust,
    security: Security,
    user: String,
    password: Password,
}

impl Door {
    fn of(server: &Server, settings: &Settings, sender: &Mailbox) -> Result<Self, Failure> {
        Ok(Self {
            server: server.resolve()?,
            trust: Trust::from_pem_file(&settings.trust, &server.host).map_err(Failure::refused)?,
            security: server.security(),
            user: sender.user.clone().unwrap_or(sender.address.clone()),
            password: Password::read(&sender.password_file)?,
        })
    }

    /// A connection, not signed in.
    pub fn open(&self) -> Result<SmtpSession, ClientError> {
        SmtpSession::open(self.server, &self.trust, self.security)
    }

    /// A signed-in connection.
    pub fn signed_in(&self) -> Result<SmtpSession, ClientError> {
        let mut session = self.open()?;
        session.ehlo()?;
        session.authenticate(&self.user, self.password.secret())?;
        Ok(session)
    }

    /// Hands in one message. A command that is refused before the message is the reply.
    fn submit(&self, from: &str, to: &[String], octets: &[u8]) -> Result<SubmitReply, ClientError> {
        let mut session = self.signed_in()?;
        let mut opening = vec![format!("MAIL FROM:<{from}>")];
        opening.extend(to.iter().map(|address| format!("RCPT TO:<{address}>")));
        let replies = session.pipelined(&opening)?;
        if let Some(refused) = replies.into_iter().find(|reply| reply.code / 100 != 2) {
            return Ok(refused);
        }
        let ready = session.command("DATA")?;
        if ready.code != 354 {
            return Ok(ready);
        }
        session.message(octets)
    }

    /// Begins a message and breaks the connection before its end.
    fn break_off(&self, from: &str, to: &[String], octets: &[u8]) -> Result<(), ClientError> {
        let mut session = self.signed_in()?;
        session.command(&format!("MAIL FROM:<{from}>"))?;
        for address in to {
            session.command(&format!("RCPT TO:<{address}>"))?;
        }
        session.command("DATA")?;
        session.send(octets)
    }
}

/// What a run is asked for.
pub struct Order<'a> {
    /// Servers, mailboxes, promises.
    pub settings: &'a Settings,
    /// Names of the scenarios to send and of the dialogues to hold; `None` does all.
    pub scenarios: Option<Vec<&'static str>>,
    /// Told what is going on.
    pub say: &'a dyn Fn(&str),
}

impl Order<'_> {
    fn asks_for(&self, name: &str) -> bool {
        self.scenarios
            .as_ref()
            .is_none_or(|names| names.contains(&name))
    }
}

/// Makes the run.
pub fn observe(order: &Order<'_>) -> Result<Observed, Failure> {
    let settings = order.settings;
    let (sender, recipient) = settings.pair()?;
    let anchors = read_anchors(&settings.anchors)?;
    let directory = settings
        .directory
        .as_deref()
        .map(read_directory)
        .transpose()?;
    let door = Door::of(&settings.submission, settings, sender)?;
    let mut mailboxes = Mailboxes::open(settings, sender, recipient)?;
    let word = run_word();
    let cast = cast(settings, sender, recipient, &word);
    (order.say)(&format!(
        "{} and {}: signed in",
        cast.sender, cast.recipient
    ));

    let mut run = Run {
        order,
        door,
        cast,
        word,
        pending: Vec::new(),
        left_out: BTreeMap::new(),
    };
    run.send_all(&mut mailboxes);
    // Last: a server that takes a thousand recipients for an attack may lock us out.
    let hold = |d: &dialogue::Dialogue| (d.name, d.hold(&run.door, &run.cast));
    let is_held = |d: &&dialogue::Dialogue| order.asks_for(d.name);
    let dialogues = dialogue::ALL.iter().filter(is_held).map(hold).collect();
    let trials = run.pending.into_iter().map(Pending::into_trial);
    Ok(Observed {
        cast: run.cast,
        promises: settings.limits.promises(),
        trials: trials.map(|trial| (trial.name, trial)).collect(),
        left_out: run.left_out,
        dialogues,
        anchors,
        directory: directory.map(Arc::new),
        at: SystemClock.now(),
    })
}

struct Run<'a> {
    order: &'a Order<'a>,
    door: Door,
    cast: Cast,
    word: String,
    pending: Vec<Pending>,
    left_out: BTreeMap<&'static str, String>,
}

impl Run<'_> {
    /// The timed message alone, then all others at once, the broken one, and the fence behind them.
    fn send_all(&mut self, mailboxes: &mut Mailboxes) {
        let order = self.order;
        let is_asked = |name: &str| order.asks_for(name);
        let any = scenario::all().any(|row| is_asked(row.name)) || is_asked(scenario::BROKEN);
        let is_sent = |row: &&Scenario| is_asked(row.name) || any && row.name == scenario::FENCE;
        let (timed, later): (Vec<_>, Vec<_>) = scenario::all()
            .filter(is_sent)
            .partition(|row| row.name == scenario::TIMED);
        let (fence, bulk): (Vec<_>, Vec<_>) = later
            .into_iter()
            .partition(|row| row.name == scenario::FENCE);
        let breaks = is_asked(scenario::BROKEN);
        for (rows, breaks) in [(timed, false), (bulk, breaks), (fence, false)] {
            rows.into_iter().for_each(|row| self.send(row));
            if breaks {
                self.send_broken();
            }
            self.wait(mailboxes);
        }
    }

    /// The mark of the next message.
    fn mark(&self) -> String {
        format!("{}.{:03}", self.word, self.pending.len())
    }

    fn send(&mut self, row: &Scenario) {
        let mark = self.mark();
        let date = SystemClock.now().header_date();
        let stage = Stage {
            cast: &self.cast,
            promises: &self.order.settings.limits.promises(),
            mark: &mark,
            date: &date,
            large: self.order.settings.limits.large,
        };
        let submission = match (row.write)(&stage) {
            Ok(submission) => submission,
            Err(reason) => {
                self.left_out.insert(row.name, reason);
                return;
            }
        };
        (self.order.say)(&format!("sends `{}`: {}", row.name, row.story));
        let sent_at = SystemClock.now();
        let (to, octets) = (submission.to, submission.octets);
        let reply = self.door.submit(&self.cast.sender, &to, &octets);
        let trial = Trial {
            name: row.name,
            sent: Letter::new(format!("{}/sent.eml", row.name), octets),
            to,
            reply: reply.map_err(|error| error.to_string()),
            sent_at,
            answered_after: None,
            sender: Vec::new(),
            recipient: Vec::new(),
            remote: Vec::new(),
        };
        self.pending
            .push(Pending::new(trial, mark, row.ending, &self.cast));
    }

    fn send_broken(&mut self) {
        let mark = self.mark();
        let date = SystemClock.now().header_date();
        let to = vec![self.cast.recipient.clone()];
        let draft = super::draft::Draft::new(&mark, &date, &self.cast.sender, &[&to[0]]);
        let octets = draft.octets();
        let sent_at = SystemClock.now();
        let broken = self.door.break_off(&self.cast.sender, &to, &octets);
        let reply = Err(match broken {
            Ok(()) => "broken off before the final dot".to_owned(),
            Err(error) => error.to_string(),
        });
        let trial = Trial {
            name: scenario::BROKEN,
            sent: Letter::new(format!("{}/sent.eml", scenario::BROKEN), octets),
            to,
            reply,
            sent_at,
            answered_after: None,
            sender: Vec::new(),
            recipient: Vec::new(),
            remote: Vec::new(),
        };
        self.pending
            .push(Pending::new(trial, mark, Ending::Refused, &self.cast));
    }

    /// Waits until all that was sent has ended, or patience has.
    fn wait(&mut self, mailboxes: &mut Mailboxes) {
        let patience = self.order.settings.limits.patience();
        let start = Stopwatch::now();
        loop {
            mailboxes.sort_into(&mut self.pending, self.order.say);
            let open = self.pending.iter().filter(|p| !p.has_ended()).count();
            if open == 0 {
                return;
            }
            if start.elapsed() > patience {
                (self.order.say)(&format!(
                    "{open} messages have not ended within {patience:?}"
                ));
                self.pending.iter_mut().for_each(Pending::give_up);
                return;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// Between two looks into the mailboxes.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

fn read_anchors(file: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let octets = read(file, ANCHORS_BYTES_MAX)?;
    certificate::read_file(&octets)
        .map_err(|error| Failure::Refused(format!("{}: {}", file.display(), error.0)))
}

fn read_directory(file: &Path) -> Result<Directory, Failure> {
    let octets = read(file, DIRECTORY_BYTES_MAX as u64)?;
    let read = Directory::read(&octets);
    let (directory, _) =
        read.map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))?;
    Ok(directory)
}

fn read(file: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let mut octets = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(most).read_to_end(&mut octets))
        .map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))?;
    Ok(octets)
}

/// Starts the word of every run.
const RUN_PREFIX: &str = "cf";

/// A word that no other run uses.
fn run_word() -> String {
    let millis = SystemClock.now().as_millis();
    format!("{RUN_PREFIX}{millis:x}{:x}", std::process::id())
}

fn cast(settings: &Settings, sender: &Mailbox, recipient: &Mailbox, word: &str) -> Cast {
    let domain = recipient
        .address
        .rsplit_once('@')
        .map_or("", |(_, domain)| domain);
    Cast {
        sender: sender.address.clone(),
        recipient: recipient.address.clone(),
        // Without the word that marks messages: an address is no mark.
        unknown: format!("nobody.{}@{domain}", word.trim_start_matches(RUN_PREFIX)),
        remote: settings
            .remote
            .as_ref()
            .map(|remote| remote.address.clone()),
        external: settings
            .external
            .as_ref()
            .map(|external| external.address.clone()),
    }
}

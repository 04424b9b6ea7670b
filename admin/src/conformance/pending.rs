//! Messages under way and the mailboxes where their answers come: each letter that bears a message's
//! mark goes to its trial.

use std::net::SocketAddr;
use std::time::Instant as Stopwatch;

use super::letter::Letter;
use super::observed::{Cast, Trial};
use super::scenario::Ending;
use super::settings::{Mailbox, Password, Server, Settings};
use crate::client::{ClientError, ImapReader, Trust};
use crate::report::Failure;
use ceralacca_core::wording::words::MessageKind;

/// A message whose answers are awaited.
pub struct Pending {
    trial: Trial,
    mark: String,
    replied: Stopwatch,
    given_up: bool,
    /// Letters to come into the sender's, the recipient's and the remote mailbox.
    awaited: [usize; 3],
}

impl Pending {
    /// Just handed in.
    pub fn new(trial: Trial, mark: String, ending: Ending, cast: &Cast) -> Self {
        let is_taken = trial.reply.as_ref().is_ok_and(|reply| reply.code == 250);
        let awaited = match (is_taken, ending) {
            (false, _) => [0; 3],
            (true, Ending::Refused) => [1, 0, 0],
            (true, _) => awaited(&trial.to, cast),
        };
        Self {
            trial,
            mark,
            replied: Stopwatch::now(),
            given_up: false,
            awaited,
        }
    }

    /// All that must come has come, or it was refused, or nobody waits any longer.
    pub fn has_ended(&self) -> bool {
        let trial = &self.trial;
        let came = [&trial.sender, &trial.recipient, &trial.remote].map(Vec::len);
        let is_whole = came
            .iter()
            .zip(self.awaited)
            .all(|(came, awaited)| *came >= awaited);
        let is_refused = !trial.of(MessageKind::NonAcceptance).is_empty();
        is_whole || is_refused || self.given_up
    }

    /// Waits no longer.
    pub fn give_up(&mut self) {
        self.given_up = true;
    }

    /// What came of it.
    pub fn into_trial(self) -> Trial {
        self.trial
    }

    fn take(&mut self, mailbox: usize, octets: &[u8]) {
        let (name, letters) = match mailbox {
            0 => ("sender", &mut self.trial.sender),
            1 => ("recipient", &mut self.trial.recipient),
            _ => ("remote", &mut self.trial.remote),
        };
        let name = format!("{}/{name}-{}.eml", self.trial.name, letters.len() + 1);
        letters.push(Letter::new(name, octets.to_vec()));
        if mailbox == 0 && self.trial.answered_after.is_none() {
            self.trial.answered_after = Some(self.replied.elapsed());
        }
    }
}

/// An acceptance, an answer for each recipient of certified mail, an envelope for each mailbox of ours.
fn awaited(to: &[String], cast: &Cast) -> [usize; 3] {
    let mut distinct: Vec<String> = to.iter().map(|address| address.to_lowercase()).collect();
    distinct.sort();
    distinct.dedup();
    let is =
        |address: &str, one: Option<&str>| one.is_some_and(|o| o.eq_ignore_ascii_case(address));
    let count = |one: Option<&str>| distinct.iter().filter(|address| is(address, one)).count();
    let answers = distinct.len() - count(cast.external.as_deref());
    [
        1 + answers + count(Some(&cast.sender)),
        count(Some(&cast.recipient)),
        count(cast.remote.as_deref()),
    ]
}

/// The mailboxes of a run.
pub struct Mailboxes(Vec<Postbox>);

struct Postbox {
    server: SocketAddr,
    trust: Trust,
    user: String,
    password: Password,
    reader: ImapReader,
    next: u32,
}

impl Mailboxes {
    /// Signs in to all; what lies there already is left alone.
    pub fn open(
        settings: &Settings,
        sender: &Mailbox,
        recipient: &Mailbox,
    ) -> Result<Self, Failure> {
        let mut all = vec![
            Postbox::open(settings, &settings.imap, sender)?,
            Postbox::open(settings, &settings.imap, recipient)?,
        ];
        if let Some(remote) = &settings.remote {
            let mailbox = Mailbox {
                address: remote.address.clone(),
                user: remote.user.clone(),
                password_file: remote.password_file.clone(),
            };
            all.push(Postbox::open(settings, &remote.imap, &mailbox)?);
        }
        Ok(Self(all))
    }

    /// Takes what is new to the message whose mark it bears.
    pub fn sort_into(&mut self, pending: &mut [Pending], say: &dyn Fn(&str)) {
        for (number, postbox) in self.0.iter_mut().enumerate() {
            let fresh = match postbox.fresh() {
                Ok(fresh) => fresh,
                Err(error) => {
                    say(&format!("a mailbox could not be read: {error}"));
                    continue;
                }
            };
            for octets in fresh {
                let letter = Letter::new("", octets);
                if let Some(of) = pending.iter_mut().find(|p| letter.bears(&p.mark)) {
                    of.take(number, letter.octets());
                }
            }
        }
    }
}

impl Postbox {
    fn open(settings: &Settings, server: &Server, mailbox: &Mailbox) -> Result<Self, Failure> {
        let trust =
            Trust::from_pem_file(&settings.trust, &server.host).map_err(Failure::refused)?;
        let user = mailbox.user.clone().unwrap_or(mailbox.address.clone());
        let password = Password::read(&mailbox.password_file)?;
        let server = server.resolve()?;
        let reader = ImapReader::connect(server, &trust, &user, password.secret())
            .map_err(|error| Failure::Refused(format!("{}: {error}", mailbox.address)))?;
        Ok(Self {
            server,
            trust,
            user,
            password,
            next: reader.uid_next(),
            reader,
        })
    }

    /// What is new; a connection that has ended is opened again.
    fn fresh(&mut self) -> Result<Vec<Vec<u8>>, ClientError> {
        self.look().or_else(|_| {
            let password = self.password.secret();
            self.reader = ImapReader::connect(self.server, &self.trust, &self.user, password)?;
            self.look()
        })
    }

    fn look(&mut self) -> Result<Vec<Vec<u8>>, ClientError> {
        let mut uids = self.reader.search(&format!("UID {}:*", self.next))?;
        // `n:*` names the last message even when it is below n.
        uids.retain(|uid| *uid >= self.next);
        let found = self.reader.fetch(&uids)?;
        if let Some(last) = found.iter().map(|message| message.uid).max() {
            self.next = last + 1;
        }
        Ok(found.into_iter().map(|message| message.octets).collect())
    }
}

//! What a run saw, all of it plain values: messages sent and found, SMTP dialogues, times. Checks judge
//! this and nothing else, so that a doctored copy shows each of them failing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::directory::Directory;
use ceralacca_core::instant::Instant;
use ceralacca_core::wording::words::MessageKind;

use super::letter::Letter;
use crate::client::SubmitReply;

/// Who takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    /// Sends everything; also stands in `Cc:`.
    pub sender: String,
    /// Receives at the same provider.
    pub recipient: String,
    /// An address of the provider that nobody has.
    pub unknown: String,
    /// A mailbox at another provider.
    pub remote: Option<String>,
    /// An address without certified mail.
    pub external: Option<String>,
}

/// What the provider says of itself; the law's floors where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promises {
    /// Within which a receipt of acceptance comes (AP-27).
    pub acceptance: Duration,
    /// Largest message (AP-09).
    pub message_octets: u64,
    /// Largest product of size and recipients (AP-10).
    pub product_octets: u64,
    /// Most recipients (AP-11).
    pub recipients: usize,
}

/// One message and all that came of it.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The name of its scenario.
    pub name: &'static str,
    /// What was submitted.
    pub sent: Letter,
    /// The forward path, as given.
    pub to: Vec<String>,
    /// The reply to the final dot, or that which refused a command before it; else why there is none.
    pub reply: Result<SubmitReply, String>,
    /// When it was handed in, by our clock.
    pub sent_at: Instant,
    /// From the reply until the first answer was seen in the sender's mailbox.
    pub answered_after: Option<Duration>,
    /// What came into the sender's mailbox.
    pub sender: Vec<Letter>,
    /// What came into the recipient's mailbox.
    pub recipient: Vec<Letter>,
    /// What came into the mailbox at the other provider.
    pub remote: Vec<Letter>,
}

impl Trial {
    /// What came into any mailbox, once per mailbox.
    pub fn letters(&self) -> impl Iterator<Item = &Letter> {
        self.sender
            .iter()
            .chain(&self.recipient)
            .chain(&self.remote)
    }

    /// Those of one kind.
    pub fn of(&self, kind: MessageKind) -> Vec<&Letter> {
        self.letters()
            .filter(|letter| letter.kind() == Some(kind))
            .collect()
    }

    /// The receipt of acceptance.
    pub fn acceptance(&self) -> Result<&Letter, Unmade> {
        self.first(MessageKind::Acceptance, "receipt of acceptance")
    }

    /// The transport envelope, as the first mailbox that has one holds it; the recipient's before the
    /// sender's own.
    pub fn envelope(&self) -> Result<&Letter, Unmade> {
        let of = |letters: &'_ [Letter]| {
            letters
                .iter()
                .position(|l| l.kind() == Some(MessageKind::TransportEnvelope))
        };
        let boxes = [&self.recipient, &self.remote, &self.sender];
        let found = boxes
            .into_iter()
            .find_map(|letters| letters.get(of(letters)?));
        found.ok_or_else(|| self.lacks("transport envelope"))
    }

    /// The receipt of delivery, or the notice, about this recipient: the only one of its kind, or the
    /// one whose certification data name it.
    pub fn answer_about(&self, kind: MessageKind, address: &str) -> Result<&Letter, Unmade> {
        let mut all = self.of(kind);
        if all.len() > 1 {
            all.retain(|letter| {
                let data = letter.data();
                data.is_ok_and(|d| {
                    d.deliveries()
                        .iter()
                        .any(|a| a.eq_ignore_ascii_case(address))
                })
            });
        }
        let missing = || self.lacks(&format!("answer about {address}"));
        all.first().copied().ok_or_else(missing)
    }

    /// The receipt of delivery to this recipient.
    pub fn delivery(&self, address: &str) -> Result<&Letter, Unmade> {
        self.answer_about(MessageKind::Delivery, address)
    }

    /// The notice of non-acceptance.
    pub fn refusal(&self) -> Result<&Letter, Unmade> {
        self.first(MessageKind::NonAcceptance, "notice of non-acceptance")
    }

    fn first(&self, kind: MessageKind, words: &str) -> Result<&Letter, Unmade> {
        let found = self.of(kind).into_iter().next();
        found.ok_or_else(|| self.lacks(words))
    }

    fn lacks(&self, words: &str) -> Unmade {
        let found: Vec<&str> = self.letters().map(Letter::name).collect();
        Unmade::Error(format!(
            "the message `{}` brought no {words}; it brought {found:?}",
            self.name
        ))
    }
}

/// One command of a dialogue and its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The command.
    pub sent: String,
    /// The reply.
    pub reply: SubmitReply,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Who took part.
    pub cast: Cast,
    /// What was promised.
    pub promises: Promises,
    /// By the name of their scenario.
    pub trials: BTreeMap<&'static str, Trial>,
    /// Scenarios that were left out, with the reason.
    pub left_out: BTreeMap<&'static str, String>,
    /// SMTP dialogues by name; a failure is told in words.
    pub dialogues: BTreeMap<&'static str, Result<Vec<Exchange>, String>>,
    /// Authorities of signing certificates, in DER.
    pub anchors: Vec<Vec<u8>>,
    /// The index of providers, where one was given.
    pub directory: Option<Arc<Directory>>,
    /// When all was gathered.
    pub at: Instant,
}

impl Observed {
    /// What came of a scenario.
    pub fn trial(&self, name: &str) -> Result<&Trial, Unmade> {
        if let Some(trial) = self.trials.get(name) {
            return Ok(trial);
        }
        let reason = self.left_out.get(name).cloned();
        let reason = reason.unwrap_or_else(|| format!("the message `{name}` was not sent"));
        Err(Unmade::NotApplicable(reason))
    }

    /// A dialogue.
    pub fn dialogue(&self, name: &str) -> Result<&[Exchange], Unmade> {
        match self.dialogues.get(name) {
            Some(Ok(exchanges)) => Ok(exchanges),
            Some(Err(why)) => Err(Unmade::Error(why.clone())),
            None => Err(Unmade::Error(format!("the dialogue `{name}` was not held"))),
        }
    }

    /// All that the provider under test made: what the other provider answers is not its work.
    pub fn made(&self) -> Vec<&Letter> {
        let mut made = Vec::new();
        for trial in self.trials.values() {
            let of_ours = trial.letters().filter(|l| l.kind().is_some());
            made.extend(of_ours.filter(|letter| !self.is_foreign(trial, letter)));
        }
        made
    }

    /// An answer about the mailbox at the other provider.
    fn is_foreign(&self, trial: &Trial, letter: &Letter) -> bool {
        let answers = [MessageKind::Delivery, MessageKind::NonDelivery];
        let is_answer = letter.kind().is_some_and(|kind| answers.contains(&kind));
        let remote = self.cast.remote.as_deref();
        is_answer && remote.is_some_and(|remote| trial.to.iter().any(|to| to == remote))
    }

    /// Receipts and notices among [`Observed::made`].
    pub fn receipts(&self) -> Vec<&Letter> {
        let is_receipt = |l: &&Letter| l.kind().is_some_and(|kind| !kind.is_envelope());
        self.made().into_iter().filter(is_receipt).collect()
    }

    /// Trials whose message must be refused for its form.
    pub fn refused(&self, names: &[&str]) -> Vec<&Trial> {
        names
            .iter()
            .filter_map(|name| self.trials.get(*name))
            .collect()
    }
}

/// Why a check was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmade {
    /// It does not concern this provider or this run.
    NotApplicable(String),
    /// What it looks at is not there.
    Error(String),
}

impl From<String> for Unmade {
    fn from(why: String) -> Self {
        Self::Error(why)
    }
}

//! The SMTP client as a machine without sockets: [`Session::step`] takes the octets at hand and answers
//! how many are done with and what is to be done. Guarantees TE-14 (certified mail is not offered before
//! TLS), that a message counts as sent only by a 2xx after its final dot, and that each recipient gets
//! one answer. RFC 5321, 3207, 1870, 2920, 6152.

#[cfg(test)]
mod tests;
mod transaction;

use std::collections::VecDeque;
use std::time::Duration;

use ceralacca_core::limits;
use ceralacca_core::queue::{Answer, Connection, DispatchClass, DispatchKey, Outgoing};

use super::reply::{Heard, Reply, ReplyReader};
use transaction::{Expect, Transaction};

/// What a session is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Our name for EHLO.
    pub host: String,
    /// The server's name, as its domain gives it.
    pub server: String,
    /// What travels.
    pub class: DispatchClass,
    /// Ordinary mail may go without TLS after a handshake with this server failed.
    pub skips_tls: bool,
}

/// What the driver is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Send these octets.
    Send(Vec<u8>),
    /// Forget all input, do the handshake, tell [`Session::tls_started`] or [`Session::lost`].
    StartTls,
    /// Find the content of the message with this index, tell [`Session::opened`].
    Open(usize),
    /// Send what was opened, dots doubled, and the final dot; tell [`Session::body_sent`].
    Body,
    /// Close the connection.
    Close,
}

/// One step, as in the server's session.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Octets done with.
    pub taken: usize,
    /// To be done.
    pub action: Option<Action>,
}

/// What a session has come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Recipients with an answer.
    pub answers: Vec<(DispatchKey, Answer)>,
    /// A transaction was begun: another host must not be asked for the same.
    pub has_begun: bool,
    /// Transactions that came to their end.
    pub finished: usize,
    /// It took so few recipients at once.
    pub few: Option<usize>,
    /// Why it ended early.
    pub trouble: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    /// The driver does the handshake.
    Handshake,
    /// The driver opens a message.
    Opening,
    /// Commands of a transaction are under way.
    Transaction,
    /// The driver sends a message.
    Body,
    Quitting,
    Closed,
}

/// What the server offers.
#[derive(Debug, Clone, Copy, Default)]
struct Offers {
    starttls: bool,
    pipelining: bool,
    eight_bit: bool,
    /// RFC 1870: SIZE is known; a size of 0 there is no bound.
    size: Option<u64>,
}

/// The session.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    phase: Phase,
    replies: ReplyReader,
    ready: VecDeque<Action>,
    offers: Offers,
    tls: Option<String>,
    messages: Vec<Outgoing>,
    /// The message that is next, or under way.
    at: usize,
    transaction: Option<Transaction>,
    needs_reset: bool,
    is_stopping: bool,
    ended: Ended,
}

impl Session {
    /// A session that waits for the greeting.
    pub fn new(settings: Settings, messages: Vec<Outgoing>) -> Self {
        Self {
            settings,
            phase: Phase::Greeting,
            replies: ReplyReader::default(),
            ready: VecDeque::new(),
            offers: Offers::default(),
            tls: None,
            messages,
            at: 0,
            transaction: None,
            needs_reset: false,
            is_stopping: false,
            ended: Ended::default(),
        }
    }

    /// The next thing to do with `input`, the octets not yet done with.
    pub fn step(&mut self, input: &[u8]) -> Step {
        let mut taken = 0;
        loop {
            let action = self.ready.pop_front();
            let is_drivers = matches!(
                self.phase,
                Phase::Handshake | Phase::Opening | Phase::Body | Phase::Closed
            );
            if action.is_some() || is_drivers {
                return Step { taken, action };
            }
            match self.replies.read(input.get(taken..).unwrap_or_default()) {
                Heard::More(length) => {
                    taken += length;
                    return Step {
                        taken,
                        action: None,
                    };
                }
                Heard::Reply(reply, length) => {
                    taken += length;
                    self.hear(&reply);
                }
                Heard::Fault(fault) => {
                    taken = input.len();
                    self.lost(&format!("{}: {fault}", self.settings.server));
                }
            }
        }
    }

    /// The handshake is done: the server is asked again what it offers (RFC 3207 §4.2).
    pub fn tls_started(&mut self, version: &str) {
        if self.phase == Phase::Handshake {
            self.tls = Some(version.to_owned());
            self.replies = ReplyReader::default();
            self.offers = Offers::default();
            self.hello();
        }
    }

    /// The message is at hand with so many octets, or cannot be had now.
    pub fn opened(&mut self, size: Result<u64, String>) {
        if self.phase != Phase::Opening {
            return;
        }
        match size {
            Ok(size) => self.begin(size),
            Err(reply) => self.answer_all(&Answer::Deferred { reply }),
        }
    }

    /// The message and its final dot are sent.
    pub fn body_sent(&mut self) {
        if self.phase == Phase::Body {
            self.phase = Phase::Transaction;
            if let Some(transaction) = &mut self.transaction {
                transaction.sent.push_back(Expect::Final);
            }
        }
    }

    /// The message could not be sent to its end; the server may have said why.
    pub fn body_torn(&mut self) {
        if self.phase == Phase::Body {
            self.phase = Phase::Transaction;
            if let Some(transaction) = &mut self.transaction {
                transaction.sent.push_back(Expect::Torn);
            }
        }
    }

    /// Finish the message that is being sent and no other; without one, end at once, as if its turn had
    /// not come.
    pub fn stop(&mut self) {
        self.is_stopping = true;
        let awaits_final =
            self.transaction.as_ref().and_then(|t| t.sent.front()) == Some(&Expect::Final);
        if self.phase != Phase::Body && !awaits_final && self.phase != Phase::Closed {
            self.transaction = None;
            self.ready.clear();
            self.close();
        }
    }

    /// It was told to stop.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// The connection is gone, or of no more use. Without a reply to the final dot a message is not
    /// sent: rather twice than never.
    pub fn lost(&mut self, reason: &str) {
        let was_quitting = matches!(self.phase, Phase::Quitting | Phase::Closed);
        self.phase = Phase::Closed;
        self.ready.clear();
        self.ready.push_back(Action::Close);
        if was_quitting {
            return;
        }
        if let Some(transaction) = self.transaction.take() {
            let reply = reason.to_owned();
            let answers = transaction.answers(&Answer::Deferred { reply });
            self.ended.answers.extend(answers);
            self.at += 1;
        }
        self.ended.trouble = Some(reason.to_owned());
    }

    /// How long the next octets may take (RFC 5321 §4.5.3.2).
    pub fn patience(&self) -> Duration {
        let expected = self.transaction.as_ref().and_then(|t| t.sent.front());
        Duration::from_secs(match (self.phase, expected) {
            (Phase::Quitting, _) | (_, Some(Expect::Torn)) => limits::RELAY_QUIT_SECONDS_MAX,
            (Phase::Transaction, Some(Expect::Data)) => limits::RELAY_DATA_SECONDS_MAX,
            (Phase::Transaction, Some(Expect::Final)) => limits::RELAY_FINAL_SECONDS_MAX,
            _ => limits::RELAY_COMMAND_SECONDS_MAX,
        })
    }

    /// The message with this index.
    pub fn message(&self, index: usize) -> Option<&Outgoing> {
        self.messages.get(index)
    }

    /// What it came to.
    pub fn end(self) -> Ended {
        self.ended
    }

    fn hear(&mut self, reply: &Reply) {
        match self.phase {
            Phase::Greeting if reply.is_done() => self.hello(),
            Phase::Ehlo if reply.is_done() => {
                self.offers = Offers::read(&reply.lines);
                self.greeted();
            }
            Phase::Ehlo if self.may_say_helo(reply) => {
                self.phase = Phase::Helo;
                self.say(format!("HELO {}\r\n", self.settings.host));
            }
            Phase::Helo if reply.is_done() => self.greeted(),
            Phase::StartTls if reply.is_done() => {
                self.phase = Phase::Handshake;
                self.ready.push_back(Action::StartTls);
            }
            Phase::StartTls if reply.code != 421 && self.is_ordinary() => self.next_message(),
            Phase::Transaction => self.hear_in_transaction(reply),
            Phase::Quitting => self.close(),
            _ => self.lost(&self.told(reply)),
        }
    }

    fn told(&self, reply: &Reply) -> String {
        format!("{} said: {}", self.settings.server, reply.text())
    }

    fn is_ordinary(&self) -> bool {
        self.settings.class == DispatchClass::Ordinary
    }

    fn may_say_helo(&self, reply: &Reply) -> bool {
        reply.is_refusal() && self.is_ordinary() && self.tls.is_none()
    }

    fn hello(&mut self) {
        self.phase = Phase::Ehlo;
        self.say(format!("EHLO {}\r\n", self.settings.host));
    }

    /// The server knows us: TLS first, if there is none yet.
    fn greeted(&mut self) {
        if self.tls.is_some() {
            return self.next_message();
        }
        if self.offers.starttls && !(self.settings.skips_tls && self.is_ordinary()) {
            self.phase = Phase::StartTls;
            self.say("STARTTLS\r\n".to_owned());
        } else if self.is_ordinary() {
            self.next_message();
        } else {
            let server = &self.settings.server;
            self.lost(&format!(
                "{server} offers no STARTTLS, which certified mail needs"
            ));
        }
    }

    /// The next message that this server can take, or goodbye.
    fn next_message(&mut self) {
        while let Some(message) = self.messages.get(self.at)
            && !self.is_stopping
        {
            if message.eight_bit && !self.offers.eight_bit {
                // SG-08, IP-24: what is signed is never re-encoded.
                self.refuse(
                    "5.6.3",
                    "the server takes no 8-bit message, and it may not be re-encoded",
                );
                continue;
            }
            self.phase = Phase::Opening;
            self.ready.push_back(Action::Open(self.at));
            return;
        }
        self.phase = Phase::Quitting;
        self.say("QUIT\r\n".to_owned());
    }

    /// The whole message is refused by us, in view of what the server offers.
    fn refuse(&mut self, status: &str, reply: &str) {
        self.settle(&Answer::Refused {
            host: self.settings.server.clone(),
            status: status.to_owned(),
            reply: reply.to_owned(),
        });
    }

    fn answer_all(&mut self, answer: &Answer) {
        self.settle(answer);
        self.next_message();
    }

    /// The message is done with, without a transaction.
    fn settle(&mut self, answer: &Answer) {
        let recipients = self.messages.get(self.at).map(|m| m.recipients.as_slice());
        let answers = recipients.unwrap_or_default().iter();
        let answers = answers.map(|(key, _)| (key.clone(), answer.clone()));
        self.ended.answers.extend(answers);
        self.ended.finished += 1;
        self.ended.has_begun = true;
        self.at += 1;
    }

    fn say(&mut self, line: String) {
        self.ready.push_back(Action::Send(line.into_bytes()));
    }

    fn close(&mut self) {
        self.phase = Phase::Closed;
        self.ready.push_back(Action::Close);
    }
}

impl Offers {
    fn read(lines: &[String]) -> Self {
        let mut offers = Self::default();
        // The first line is the server's name.
        for line in lines.iter().skip(1) {
            let mut words = line.split(' ');
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            match keyword.as_str() {
                "STARTTLS" => offers.starttls = true,
                "PIPELINING" => offers.pipelining = true,
                "8BITMIME" => offers.eight_bit = true,
                "SIZE" => {
                    offers.size = words.next().map_or(Some(0), |n| n.parse().ok()).or(Some(0))
                }
                _ => {}
            }
        }
        offers
    }

    /// The server has said that so many octets are too many.
    fn forbids(self, size: u64) -> bool {
        self.size.is_some_and(|most| most > 0 && size > most)
    }
}

impl Ended {
    /// For the schedule, when no other host is to be asked.
    pub fn connection(&self) -> Connection {
        match (self.few, &self.trouble) {
            (Some(few), _) => Connection::ServedFew(few),
            (None, Some(_)) if self.finished == 0 => Connection::Failed,
            _ => Connection::Served,
        }
    }
}

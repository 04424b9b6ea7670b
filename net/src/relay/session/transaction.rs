//! One message's transaction: its commands, together where the server takes them so (RFC 2920), and what
//! the replies mean for each recipient.

use std::collections::VecDeque;
use std::fmt::Write;

use ceralacca_core::queue::{Answer, DispatchKey};

use super::{Action, Phase, Session};
use crate::relay::reply::Reply;

/// Which command a reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    Reset,
    Mail,
    Recipient(usize),
    Data,
    /// The lone dot after a 354 that no recipient stands behind.
    Nothing,
    Final,
    /// As [`Expect::Final`], but the final dot was not sent.
    Torn,
}

/// What is known of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Unasked,
    Accepted,
    Answered(Answer),
}

/// The transaction under way.
#[derive(Debug)]
pub(super) struct Transaction {
    /// Not sent yet.
    commands: VecDeque<(Expect, String)>,
    /// Sent, and not answered.
    pub(super) sent: VecDeque<Expect>,
    fates: Vec<(DispatchKey, Fate)>,
    accepted: usize,
    is_refused: bool,
}

impl Transaction {
    /// What each recipient gets, `otherwise` where nothing else is known.
    pub(super) fn answers(self, otherwise: &Answer) -> Vec<(DispatchKey, Answer)> {
        let answer = |(key, fate)| match fate {
            Fate::Answered(answer) => (key, answer),
            Fate::Unasked | Fate::Accepted => (key, otherwise.clone()),
        };
        self.fates.into_iter().map(answer).collect()
    }

    fn has_accepted(&self) -> bool {
        self.accepted > 0 && !self.is_refused
    }
}

impl Session {
    /// Begins the transaction of the message under way, of `size` octets.
    pub(super) fn begin(&mut self, size: u64) {
        if self.offers.forbids(size) {
            self.refuse("5.3.4", "the message is larger than the server takes");
            return self.next_message();
        }
        let commands = self.commands(size);
        let Some(message) = self.messages.get(self.at) else {
            return;
        };
        let keys = message.recipients.iter().map(|(key, _)| key.clone());
        self.transaction = Some(Transaction {
            commands,
            sent: VecDeque::new(),
            fates: keys.map(|key| (key, Fate::Unasked)).collect(),
            accepted: 0,
            is_refused: false,
        });
        self.needs_reset = false;
        self.ended.has_begun = true;
        self.phase = Phase::Transaction;
        self.send_commands();
    }

    fn commands(&self, size: u64) -> VecDeque<(Expect, String)> {
        let mut commands = VecDeque::new();
        let Some(message) = self.messages.get(self.at) else {
            return commands;
        };
        if self.needs_reset {
            commands.push_back((Expect::Reset, "RSET\r\n".to_owned()));
        }
        let path = message
            .reverse_path
            .as_ref()
            .map_or("", |path| path.as_str());
        let mut mail = format!("MAIL FROM:<{path}>");
        // Writing to a `String` cannot fail.
        if self.offers.size.is_some() {
            let _ = write!(mail, " SIZE={size}");
        }
        if message.eight_bit {
            mail.push_str(" BODY=8BITMIME");
        }
        commands.push_back((Expect::Mail, mail + "\r\n"));
        for (index, (_, to)) in message.recipients.iter().enumerate() {
            // TE-16: no option of delivery status goes with it.
            commands.push_back((Expect::Recipient(index), format!("RCPT TO:<{to}>\r\n")));
        }
        commands.push_back((Expect::Data, "DATA\r\n".to_owned()));
        commands
    }

    /// All commands at once, or the next one.
    fn send_commands(&mut self) {
        let Some(transaction) = &mut self.transaction else {
            return;
        };
        if !transaction.sent.is_empty() {
            return;
        }
        let count = if self.offers.pipelining {
            transaction.commands.len()
        } else {
            1
        };
        let mut octets = String::new();
        for _ in 0..count {
            if let Some((expect, line)) = transaction.commands.pop_front() {
                transaction.sent.push_back(expect);
                octets.push_str(&line);
            }
        }
        if octets.is_empty() {
            self.finish(None);
        } else {
            self.say(octets);
        }
    }

    pub(super) fn hear_in_transaction(&mut self, reply: &Reply) {
        let expected = self.transaction.as_mut().and_then(|t| t.sent.pop_front());
        let Some(expected) = expected else {
            return self.lost(&self.told(reply));
        };
        // RFC 5321 §3.8: the server is closing, whatever was asked.
        if reply.code == 421 {
            return self.lost(&self.told(reply));
        }
        match expected {
            Expect::Reset if reply.is_done() => self.send_commands(),
            Expect::Reset => self.lost(&self.told(reply)),
            Expect::Mail => self.hear_mail(reply),
            Expect::Recipient(index) => self.hear_recipient(index, reply),
            Expect::Data => self.hear_data(reply),
            Expect::Nothing => {
                self.needs_reset = true;
                self.finish(None);
            }
            Expect::Final => {
                let answer = self.final_answer(reply);
                self.finish(Some(&answer));
            }
            Expect::Torn => {
                let answer = self.answer_of(reply);
                let answers = self.transaction.take().map(|t| t.answers(&answer));
                self.ended.answers.extend(answers.unwrap_or_default());
                self.ended.finished += 1;
                self.lost(&self.told(reply));
            }
        }
    }

    fn hear_mail(&mut self, reply: &Reply) {
        if !reply.is_done() {
            let answer = self.answer_of(reply);
            if let Some(transaction) = &mut self.transaction {
                transaction.is_refused = true;
                transaction.commands.clear();
                for (_, fate) in &mut transaction.fates {
                    *fate = Fate::Answered(answer.clone());
                }
            }
        }
        self.send_commands();
    }

    fn hear_recipient(&mut self, index: usize, reply: &Reply) {
        let answer = self.answer_of(reply);
        let Some(transaction) = self.transaction.as_mut().filter(|t| !t.is_refused) else {
            return self.send_commands();
        };
        let fate = if reply.is_done() {
            transaction.accepted += 1;
            Fate::Accepted
        } else if transaction.accepted > 0 && is_too_many(reply) {
            self.ended.few = Some(transaction.accepted);
            Fate::Answered(Answer::NotTried)
        } else {
            Fate::Answered(answer)
        };
        if let Some((_, old)) = transaction.fates.get_mut(index) {
            *old = fate;
        }
        let is_last = matches!(transaction.commands.front(), Some((Expect::Data, _)));
        if is_last && transaction.accepted == 0 {
            transaction.commands.clear();
            self.needs_reset = true;
        }
        self.send_commands();
    }

    fn hear_data(&mut self, reply: &Reply) {
        let is_wanted = self
            .transaction
            .as_ref()
            .is_some_and(Transaction::has_accepted);
        match (reply.code / 100, is_wanted) {
            (3, true) => {
                self.phase = Phase::Body;
                self.ready.push_back(Action::Body);
            }
            (3, false) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.sent.push_back(Expect::Nothing);
                }
                self.say(".\r\n".to_owned());
            }
            _ => {
                self.needs_reset = true;
                let answer = self.answer_of(reply);
                self.finish(Some(&answer));
            }
        }
    }

    /// What a reply means for who stood behind the command. A 2xx is no answer here: only the one to the
    /// final dot says that a message was sent.
    fn answer_of(&self, reply: &Reply) -> Answer {
        if reply.is_refusal() {
            return Answer::Refused {
                host: self.settings.server.clone(),
                status: reply.status(),
                reply: reply.text(),
            };
        }
        Answer::Deferred {
            reply: self.told(reply),
        }
    }

    fn final_answer(&self, reply: &Reply) -> Answer {
        if !reply.is_done() {
            return self.answer_of(reply);
        }
        Answer::Sent {
            host: self.settings.server.clone(),
            reply: reply.text(),
            tls: self.tls.clone(),
        }
    }

    /// The transaction is over; `accepted`: what the accepted recipients get.
    fn finish(&mut self, accepted: Option<&Answer>) {
        let Some(transaction) = self.transaction.take() else {
            return;
        };
        let reply = format!("{} answered nothing to the purpose", self.settings.server);
        let otherwise = Answer::Deferred { reply };
        let answers = transaction.answers(accepted.unwrap_or(&otherwise));
        self.ended.answers.extend(answers);
        self.ended.finished += 1;
        self.at += 1;
        self.next_message();
    }
}

/// RFC 5321 §4.5.3.1.10: more recipients than the server takes at once; 552 is its older form.
fn is_too_many(reply: &Reply) -> bool {
    match reply.enhanced() {
        Some(status) => {
            matches!(reply.code, 452 | 552) && matches!(status.as_str(), "4.5.3" | "5.5.3")
        }
        None => matches!(reply.code, 452 | 552),
    }
}

//! DATA and BDAT: what the message takes, what is read to its end and refused (AP-15, SE-04), and the
//! answers of the driver about it.

use std::ops::Range;

use ceralacca_core::limits;

use super::{
    Action, Asked, Chunk, Fate, Mail, OUT_OF_ORDER, Phase, Reply, Session, TOO_LARGE,
    TOO_MANY_FAILURES, Transaction,
};
use crate::smtp::codec::{ChunkCheck, DotReader};

const NOT_CLEAN: &str = "554 5.6.0 Message refused: it holds a bare CR, a bare LF or a NUL";

impl Session {
    /// The answer to [`Action::Open`]; a refusal is the reply.
    pub fn opened(&mut self, places: Result<(), Reply>) {
        match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Driver(Asked::OpenedForData) => match places {
                Ok(()) => {
                    self.say("354 End data with <CR><LF>.<CR><LF>");
                    self.phase = Phase::Data(DotReader::default(), Fate::Taken);
                }
                Err(refusal) => self.end_mail(refusal),
            },
            Phase::Driver(Asked::OpenedForChunk(chunk)) => {
                let fate = places.map_or_else(Fate::Refused, |()| Fate::Taken);
                self.phase = Phase::Chunk(chunk, fate);
            }
            other => self.phase = other,
        }
    }

    /// Opening or writing the body failed on the way: it is read to its end and refused with `reply`. The
    /// driver has given up what was opened.
    pub fn body_failed(&mut self, reply: Reply) {
        if let Phase::Data(_, fate) | Phase::Chunk(_, fate) = &mut self.phase {
            *fate = Fate::Refused(reply);
        } else if matches!(self.phase, Phase::Driver(Asked::Committed)) {
            // The last run of the body came with its end.
            self.ready.clear();
            self.phase = Phase::Command;
            self.end_mail(reply);
        } else if self.mail.is_some() {
            // The run was the last of a chunk, whose reply waits already.
            self.ready.clear();
            self.end_mail(reply);
        }
    }

    /// The answer to [`Action::Commit`]: the identifier, or the reply that refuses.
    pub fn committed(&mut self, outcome: Result<String, Reply>) {
        if !matches!(self.phase, Phase::Driver(Asked::Committed)) {
            return;
        }
        self.phase = Phase::Command;
        match outcome {
            Ok(identifier) => {
                self.errors = 0;
                self.idle = 0;
                self.end_mail(format!("250 2.0.0 Ok: queued as {identifier}").into());
            }
            Err(refusal) => self.end_mail(refusal),
        }
    }

    /// A transaction with recipients, that no other way of sending has begun; the reply if there is none.
    fn sendable(&self) -> Result<&Mail, &'static str> {
        if let Some(reply) = self.not_yet() {
            return Err(reply);
        }
        let mail = self
            .mail
            .as_ref()
            .filter(|mail| !mail.recipients.is_empty());
        mail.ok_or(OUT_OF_ORDER)
    }

    pub(super) fn data_command(&mut self) {
        match self.sendable().map(|mail| mail.chunks.is_none()) {
            Ok(true) => {
                self.phase = Phase::Driver(Asked::OpenedForData);
                self.ready.push_back(Action::Open);
            }
            Ok(false) => self.refuse(OUT_OF_ORDER),
            Err(reply) => self.refuse(reply),
        }
    }

    pub(super) fn bdat(&mut self, chunk: Chunk) {
        let most = self.settings.message_bytes_max;
        let fits = |mail: &Mail| mail.length.saturating_add(chunk.length) <= most;
        let judged = self
            .sendable()
            .map(|mail| (fits(mail), mail.chunks.is_none()));
        match judged {
            Ok((true, true)) => {
                if let Some(mail) = self.mail.as_mut() {
                    mail.chunks = Some(ChunkCheck::default());
                }
                self.phase = Phase::Driver(Asked::OpenedForChunk(chunk));
                self.ready.push_back(Action::Open);
            }
            Ok((true, false)) => self.phase = Phase::Chunk(chunk, Fate::Taken),
            Ok((false, _)) => {
                self.give_up_mail();
                self.phase = Phase::Chunk(chunk, Fate::Refused(TOO_LARGE.into()));
            }
            Err(reply) => {
                self.give_up_mail();
                self.errors += 1;
                self.phase = Phase::Chunk(chunk, Fate::Refused(reply.into()));
            }
        }
    }

    /// One run of DATA: octets done with, and which of them the message takes.
    pub(super) fn data(&mut self, rest: &[u8]) -> (usize, Option<Range<usize>>) {
        let Phase::Data(reader, fate) = &mut self.phase else {
            return (0, None);
        };
        let run = reader.read(rest);
        let length = self.mail.as_mut().map_or(0, |mail| {
            mail.length = mail.length.saturating_add(run.body.len() as u64);
            mail.length
        });
        if matches!(fate, Fate::Taken) {
            let fault = if length > self.settings.message_bytes_max {
                Some(TOO_LARGE)
            } else {
                (!run.is_clean).then_some(NOT_CLEAN)
            };
            if let Some(reply) = fault {
                *fate = Fate::Refused(reply.into());
                self.ready.push_back(Action::Abandon);
            }
        }
        let is_taken = matches!(fate, Fate::Taken);
        if run.is_end {
            self.end_data();
        }
        (
            run.taken,
            (is_taken && !run.body.is_empty()).then_some(run.body),
        )
    }

    fn end_data(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Data(_, Fate::Refused(reply)) => self.end_mail(reply),
            _ => self.commit(),
        }
    }

    /// One run of a chunk: octets done with, and whether the message takes them.
    pub(super) fn chunk(&mut self, rest: &[u8]) -> (usize, bool) {
        let Phase::Chunk(chunk, fate) = &mut self.phase else {
            return (0, false);
        };
        let length = usize::try_from(chunk.left).map_or(rest.len(), |left| left.min(rest.len()));
        chunk.left -= length as u64;
        let run = rest.get(..length).unwrap_or_default();
        let mut is_taken = false;
        if let (Fate::Taken, Some(mail)) = (&*fate, self.mail.as_mut()) {
            mail.length = mail.length.saturating_add(length as u64);
            let is_end = chunk.left == 0 && chunk.is_last;
            let check = mail.chunks.get_or_insert_default();
            is_taken = check.is_clean(run) && (!is_end || check.is_whole());
            if !is_taken {
                *fate = Fate::Refused(NOT_CLEAN.into());
                self.ready.push_back(Action::Abandon);
                mail.chunks = None;
            }
        }
        if chunk.left == 0 {
            self.end_chunk();
        }
        (length, is_taken)
    }

    fn end_chunk(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Chunk(_, Fate::Refused(reply)) => {
                self.end_mail(reply);
                if self.errors >= limits::SMTP_ERRORS_MAX {
                    self.close(TOO_MANY_FAILURES);
                }
            }
            Phase::Chunk(chunk, Fate::Taken) if chunk.is_last => self.commit(),
            Phase::Chunk(chunk, Fate::Taken) => {
                self.say(format!("250 2.0.0 {} octets received", chunk.length));
            }
            other => self.phase = other,
        }
    }

    fn commit(&mut self) {
        let Some(mail) = self.mail.take() else {
            return self.say(OUT_OF_ORDER);
        };
        self.phase = Phase::Driver(Asked::Committed);
        self.ready.push_back(Action::Commit(Box::new(Transaction {
            origin: mail.origin,
            recipients: mail.recipients,
            key: None,
            received_from: self.received_from(),
        })));
    }

    /// RFC 5321 §4.4, with the TLS version as a comment.
    fn received_from(&self) -> String {
        let address = match self.settings.peer.to_canonical() {
            std::net::IpAddr::V4(v4) => format!("[{v4}]"),
            std::net::IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
        };
        format!(
            "from {} ({address}) by {} with {} ({})",
            self.host_name().unwrap_or(&address),
            self.settings.host,
            self.protocol(),
            self.settings.tls.unwrap_or("no TLS")
        )
    }

    /// The name that the peer gave itself, if it may stand in a `Received:` field.
    pub(super) fn host_name(&self) -> Option<&str> {
        let greeted = self.greeted.as_ref().map(|greeted| &*greeted.name);
        greeted.filter(|name| is_host_name(name))
    }
}

/// What may stand in a `Received:` field as it was given.
fn is_host_name(name: &str) -> bool {
    name.len() <= limits::EHLO_BYTES_MAX
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b))
}

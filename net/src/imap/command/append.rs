//! APPEND (RFC 3501 §6.3.11) with APPENDUID (RFC 4315), literal8 (RFC 3516) and UTF8 (RFC 6855). Everything that can be refused is refused
//! before the client sends the message, which then goes to the spool as it comes and stays as it was
//! sent (DP-01).

use ceralacca_core::instant::Instant;
use ceralacca_core::mailbox::{FlagName, FolderId};
use ceralacca_core::owner::{CommandError, MailboxOrder, Outcome};

use super::store::flag_names;
use super::{TRY_CREATE, folder_named};
use crate::imap::codec::{AppendForm, AppendHead};
use crate::imap::session::{Answer, Session, SpoolRefusal, Step, Telling, Work};

/// An APPEND whose message of `size` octets is announced: [`Step::Spool`] when it may come.
pub fn start(session: &mut Session, head: AppendHead, size: u64) -> Step {
    let tag = head.tag;
    let Some(mailbox) = session.mailbox else {
        return session.bad(&tag, "log in first");
    };
    let Some(folder) = folder_named(session, mailbox, &head.mailbox) else {
        return session.no(&tag, TRY_CREATE);
    };
    if head.form == AppendForm::Utf8 && !session.enabled.utf8_accept {
        return session.bad(&tag, "enable UTF8=ACCEPT first");
    }
    if size > session.settings.message_bytes_max {
        return session.no(
            &tag,
            "[TOOBIG] the message is larger than any that is taken",
        );
    }
    if size == 0 {
        return session.no(&tag, "[CANNOT] the message is empty");
    }
    let view = session.store.view();
    let quota = view.mailbox(mailbox).map_or(0, |row| row.quota);
    if view.usage(mailbox).saturating_add(size) > quota {
        return session.refused(&tag, &CommandError::OverQuota);
    }
    let date = head
        .date
        .map(|date| date.as_ref().timestamp().saturating_mul(1000));
    let work = Spooling {
        tag,
        folder: folder.id,
        flags: flag_names(&head.flags),
        internal_date: date.map(Instant::from_millis),
        size,
        form: head.form,
    };
    session.wait(work, Step::Spool { mailbox, size })
}

struct Spooling {
    tag: String,
    folder: FolderId,
    flags: Vec<FlagName>,
    internal_date: Option<Instant>,
    size: u64,
    form: AppendForm,
}

impl Work for Spooling {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        let content = match answer {
            Answer::Spooled(Ok(content)) => content,
            // No literal of a FETCH could hold it, and nothing is ever changed in a message (DP-01).
            Answer::Spooled(Err(SpoolRefusal::Nul)) => {
                let text = match self.form {
                    AppendForm::Literal => "[CANNOT] the message holds a NUL",
                    _ => "[UNKNOWN-CTE] messages with a NUL are not kept; encode them",
                };
                return session.no(&self.tag, text);
            }
            Answer::Spooled(Err(SpoolRefusal::Trailing)) => {
                return session.bad(&self.tag, "one message at a time");
            }
            Answer::Spooled(Err(SpoolRefusal::Busy)) => {
                return session.refused(&self.tag, &CommandError::Busy);
            }
            _ => return session.refused(&self.tag, &CommandError::DiskFull),
        };
        let order = MailboxOrder::Append {
            folder: self.folder,
            flags: self.flags,
            internal_date: self.internal_date,
            content,
            size: self.size,
        };
        session.order(order, Ordered { tag: self.tag })
    }
}

struct Ordered {
    tag: String,
}

impl Work for Ordered {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        match answer {
            Answer::Ordered(Ok(Outcome::Appended(validity, uid))) => {
                let text = format!("[APPENDUID {validity} {uid}] done");
                session.ok(&self.tag, &text, Telling::All)
            }
            Answer::Ordered(Ok(_)) => session.ok(&self.tag, "done", Telling::All),
            Answer::Ordered(Err(error)) => session.refused(&self.tag, &error),
            _ => session.refused(&self.tag, &CommandError::Stopping),
        }
    }
}

//! LOGIN and AUTHENTICATE PLAIN (RFC 3501 §6.2, RFC 4616, RFC 4959). The user name is the full PEC
//! address (AC-05). A wrong name and a wrong password look alike, and take the same time.

use ceralacca_core::limits;
use ceralacca_core::login::Refusal;
use ceralacca_core::mailbox::MailboxId;
use data_encoding::BASE64;
use imap_types::auth::AuthMechanism;
use zeroize::Zeroizing;

use crate::imap::session::{Answer, Session, Step, Work};

/// LOGIN
pub fn login(session: &mut Session, tag: String, user: &[u8], password: &[u8]) -> Step {
    verify(session, tag, user, Zeroizing::new(password.to_vec()))
}

/// AUTHENTICATE
pub fn authenticate(
    session: &mut Session,
    tag: String,
    mechanism: &AuthMechanism<'_>,
    initial: Option<Vec<u8>>,
) -> Step {
    if *mechanism != AuthMechanism::Plain {
        return session.no(&tag, "only PLAIN is offered");
    }
    match initial {
        Some(response) => plain(session, tag, &Zeroizing::new(response)),
        None => {
            session.out.text("+ ").end();
            session.wait(Response { tag }, Step::Line)
        }
    }
}

/// Waits for the client's response.
struct Response {
    tag: String,
}

impl Work for Response {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        let Answer::Line(line) = answer else {
            return session.bad(&self.tag, "no response");
        };
        if line.as_slice() == b"*" {
            return session.bad(&self.tag, "given up");
        }
        match BASE64.decode(&line) {
            Ok(response) => plain(session, self.tag, &Zeroizing::new(response)),
            Err(_) => session.bad(&self.tag, "the response is not base64"),
        }
    }
}

/// `authorize NUL authenticate NUL password`
fn plain(session: &mut Session, tag: String, response: &Zeroizing<Vec<u8>>) -> Step {
    let mut fields = response.splitn(3, |b| *b == 0);
    let (Some(for_whom), Some(user), Some(password)) =
        (fields.next(), fields.next(), fields.next())
    else {
        return session.bad(&tag, "the response is not of PLAIN");
    };
    let is_other = !for_whom.is_empty() && !for_whom.eq_ignore_ascii_case(user);
    let user = if is_other { &[][..] } else { user };
    verify(session, tag, user, Zeroizing::new(password.to_vec()))
}

fn verify(session: &mut Session, tag: String, user: &[u8], password: Zeroizing<Vec<u8>>) -> Step {
    // What is no text is no address either, and is refused as one that nobody has.
    let name = String::from_utf8(user.to_vec()).unwrap_or_default();
    session.wait(Verified { tag }, Step::Verify { name, password })
}

/// Waits for the password threads.
struct Verified {
    tag: String,
}

impl Work for Verified {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        match answer {
            Answer::Verified(Ok(row)) => enter(session, &self.tag, row.id),
            Answer::Verified(Err(refusal)) => refuse(session, &self.tag, refusal),
            Answer::Crowded => {
                session.no(&self.tag, "[LIMIT] too many connections of this account")
            }
            _ => refuse(session, &self.tag, Refusal::Busy),
        }
    }
}

fn enter(session: &mut Session, tag: &str, mailbox: MailboxId) -> Step {
    session.mailbox = Some(mailbox);
    let offered = session.settings.capabilities();
    session
        .out
        .text(tag)
        .text(" OK [CAPABILITY ")
        .text(&offered)
        .text("] welcome")
        .end();
    Step::Read
}

/// RFC 5530: wrong, for now, or until the provider changes something.
const fn words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Wrong => {
            "[AUTHENTICATIONFAILED] the address or the password is wrong (two-step login needs an \
             application password)"
        }
        Refusal::Locked { .. } => "[UNAVAILABLE] too many wrong passwords; try again later",
        Refusal::Busy => "[UNAVAILABLE] too many sign in at once; try again later",
        Refusal::SwitchedOff => "[NOPERM] IMAP is switched off for this mailbox",
        Refusal::NotForThis => "[NOPERM] this application password is not for IMAP",
        Refusal::NotInService => "[NOPERM] the mailbox is not in service",
    }
}

fn refuse(session: &mut Session, tag: &str, refusal: Refusal) -> Step {
    session.failures += 1;
    let step = session.no(tag, words(refusal));
    match session.failures < limits::IMAP_LOGIN_FAILURES_MAX {
        true => step,
        false => session.bye("too many wrong passwords"),
    }
}

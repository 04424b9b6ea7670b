//! CAPABILITY, NOOP, LOGOUT, CHECK (RFC 3501), ID (RFC 2971), ENABLE (RFC 5161), NAMESPACE (RFC 2342).

use crate::imap::session::{Session, Step, Telling};
use crate::imap::settings::{CAPABILITIES, CAPABILITIES_STRANGER};

/// CAPABILITY
pub fn capability(session: &mut Session, tag: &str) -> Step {
    let offered = match session.mailbox {
        Some(_) => CAPABILITIES,
        None => CAPABILITIES_STRANGER,
    };
    session.out.text("* CAPABILITY ").text(offered).end();
    session.ok(tag, "done", Telling::All)
}

/// NOOP
pub fn noop(session: &mut Session, tag: &str) -> Step {
    session.ok(tag, "done", Telling::All)
}

/// CHECK: all that was answered is durable already.
pub fn check(session: &mut Session, tag: &str) -> Step {
    session.ok(tag, "done", Telling::All)
}

/// LOGOUT
pub fn logout(session: &mut Session, tag: &str) -> Step {
    session.out.text("* BYE see you").end();
    session.out.text(tag).text(" OK done").end();
    Step::Close
}

/// ID: what the client says of itself is not kept.
pub fn id(session: &mut Session, tag: &str) -> Step {
    session.out.text("* ID (\"name\" \"Ceralacca\")").end();
    session.ok(tag, "done", Telling::All)
}

/// ENABLE: nothing that is offered needs it.
pub fn enable(session: &mut Session, tag: &str) -> Step {
    session.out.text("* ENABLED").end();
    session.ok(tag, "done", Telling::All)
}

/// NAMESPACE: one, the holder's.
pub fn namespace(session: &mut Session, tag: &str) -> Step {
    session.out.text("* NAMESPACE ((\"\" \"/\")) NIL NIL").end();
    session.ok(tag, "done", Telling::All)
}

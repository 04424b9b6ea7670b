//! CAPABILITY, NOOP, LOGOUT, CHECK (RFC 3501), ID (RFC 2971), ENABLE (RFC 5161), NAMESPACE (RFC 2342),
//! COMPRESS (RFC 4978).

use imap_types::extensions::enable::CapabilityEnable;

use crate::imap::session::{Answer, Session, Step, Telling, Work};
use crate::imap::settings::CAPABILITIES_STRANGER;

/// CAPABILITY
pub fn capability(session: &mut Session, tag: &str) -> Step {
    let offered = match session.mailbox {
        Some(_) => session.settings.capabilities(),
        None => CAPABILITIES_STRANGER.to_owned(),
    };
    session.out.text("* CAPABILITY ").text(&offered).end();
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

/// ENABLE: what is not known is passed over. What is told from here on is told in the new way.
pub fn enable(session: &mut Session, tag: &str, wanted: &[CapabilityEnable<'_>]) -> Step {
    session.tell(Telling::All);
    let (mut words, mut condstore) = (Vec::new(), false);
    for word in wanted
        .iter()
        .map(|one| one.to_string().to_ascii_uppercase())
    {
        let enabled = &mut session.enabled;
        let is_new = match word.as_str() {
            "CONDSTORE" => !std::mem::replace(&mut condstore, true) && !enabled.condstore,
            "QRESYNC" => {
                condstore = true;
                !std::mem::replace(&mut enabled.qresync, true)
            }
            "UTF8=ACCEPT" => !std::mem::replace(&mut enabled.utf8_accept, true),
            "IMAP4REV2" => !std::mem::replace(&mut enabled.rev2, true),
            _ => false,
        };
        if is_new {
            words.push(word.replace("REV2", "rev2"));
        }
    }
    if session.enabled.utf8_accept || session.enabled.rev2 {
        session.enabled.utf8 = true;
        session.out.speak_utf8();
    }
    session.out.text("* ENABLED");
    for word in words {
        session.out.text(" ").text(&word);
    }
    session.out.end();
    if condstore {
        session.enable_condstore();
    }
    session.ok(tag, "done", Telling::All)
}

/// NAMESPACE: one, the holder's.
pub fn namespace(session: &mut Session, tag: &str) -> Step {
    session.out.text("* NAMESPACE ((\"\" \"/\")) NIL NIL").end();
    session.ok(tag, "done", Telling::All)
}

/// COMPRESS (RFC 4978): from the next octet on, both ways.
pub fn compress(session: &mut Session, tag: String) -> Step {
    match session.is_compressed {
        true => session.no(&tag, "[COMPRESSIONACTIVE] it is compressed already"),
        false => session.wait(Compressed { tag }, Step::Compress),
    }
}

/// Waits for a place for the compression.
struct Compressed {
    tag: String,
}

impl Work for Compressed {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        let Answer::Compressed(true) = answer else {
            return session.no(&self.tag, "[LIMIT] too many connections are compressed");
        };
        session.is_compressed = true;
        session.ok(&self.tag, "from now on", Telling::NoExpunge)
    }
}

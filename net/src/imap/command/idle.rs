//! IDLE (RFC 2177): what changes is told as it happens, until `DONE`.

use crate::imap::session::{Answer, Session, Step, Telling, Work};

/// IDLE
pub fn start(session: &mut Session, tag: String) -> Step {
    session.out.text("+ idling").end();
    session.tell(Telling::All);
    session.wait(Idling { tag }, Step::Idle)
}

struct Idling {
    tag: String,
}

impl Work for Idling {
    fn resume(self: Box<Self>, session: &mut Session, answer: Answer) -> Step {
        match answer {
            Answer::Line(line) if line.eq_ignore_ascii_case(b"DONE") => {
                session.ok(&self.tag, "done", Telling::All)
            }
            _ => session.bad(&self.tag, "DONE was expected"),
        }
    }
}

//! A token in a process of its own: a call that hangs cannot be cancelled and a vendor's library may crash, so
//! module, PIN and keys of every kind live in a child of `serve`, which can be killed and costs neither mail
//! nor connections. It is this program, started anew with a socket as its standard input and nothing
//! secret in its arguments or environment; it reads PIN and key files itself, sees signed attributes and
//! never an octet of mail, checks each signature with the public key, leaves no core dump, and ends with its
//! parent.
//!
//! *On the wire* (`frame`): `Start` in, `Ready` or `Out` back; then requests in batches, all that wait in one
//! write, and answers likewise. A child holds as many requests as its sessions sign at once, and as many ahead;
//! one that answers fast holds 16 for each session. Its workers read the socket themselves, one after another
//! (`inside`), and a request passes through no thread that does not sign; on the other side callers write, and
//! one thread reads (`outside`).
//!
//! *Losses.* Any error that opening the session anew does not mend ends the child, after it has said why; so
//! does the engine's watch over calls that hang, by SIGKILL. A new child is the trial whether the token
//! is back: it finds the module as after a restart, which is what most modules need to find their tokens.
//!
//! *Errands.* What an operator asks of keys while the appliance serves (`errand`) goes to a child of its own,
//! which gets one `Ask`, answers once with `Told` or `Out`, and ends; one that crashes, is not done in time, or is
//! under way when the appliance stops, is ended, and that is the answer.

mod errand;
mod frame;
mod inside;
mod outside;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use errand::Lines;
pub(crate) use errand::{Done, Errand, Errands};
pub use inside::run;

/// How a child is started.
#[derive(Debug, Clone)]
pub struct ChildProgram {
    /// The executable.
    pub path: PathBuf,
    /// What makes it call [`run`].
    pub arguments: Vec<OsString>,
    /// To children that do an errand, of all copies of this.
    lines: Arc<Lines>,
}

impl ChildProgram {
    /// This very program, even if its file was replaced since it was started.
    pub fn this(arguments: &[&str]) -> Self {
        Self {
            path: "/proc/self/exe".into(),
            arguments: arguments.iter().map(OsString::from).collect(),
            lines: Arc::default(),
        }
    }

    /// Gives up the errands under way, and lets none begin: who asked is told at once. Children that sign go
    /// on; their pool ends them.
    pub fn halt(&self) {
        self.lines.halt();
    }
}

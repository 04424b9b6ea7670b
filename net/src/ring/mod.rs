//! Rings: one thread per core, each with an io_uring of its own (tokio-uring) and listeners that share
//! their ports (`SO_REUSEPORT`). Ring types stay in this room. A machine that forbids io_uring is told
//! so in one sentence that names what to change.

pub(crate) mod changes;
pub(crate) mod listener;
pub(crate) mod slots;
pub(crate) mod spool;
pub(crate) mod stream;

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_uring::Runtime;

use crate::NetError;

/// Submission queue entries of a ring.
const SUBMISSION_ENTRIES: u32 = 2048;
/// Completion queue entries: each open connection keeps one read under way.
const COMPLETION_ENTRIES: u32 = 8192;
/// `1`: only privileged processes may; `2`: nobody may.
const DISABLED_SWITCH: &str = "/proc/sys/kernel/io_uring_disabled";

/// Makes the ring of the calling thread.
pub(crate) fn runtime() -> Result<Runtime, NetError> {
    let mut flags = tokio_uring::uring_builder();
    flags.setup_cqsize(COMPLETION_ENTRIES);
    let plain = flags.clone();
    flags.setup_coop_taskrun().setup_single_issuer();
    let with = |uring| {
        Runtime::new(
            tokio_uring::builder()
                .entries(SUBMISSION_ENTRIES)
                .uring_builder(uring),
        )
    };
    match with(&flags) {
        // Kernels before 6.0 do not know the flags, which only save time.
        Err(e) if Errno::from_io_error(&e) == Some(Errno::INVAL) => with(&plain),
        other => other,
    }
    .map_err(|e| NetError::OperatorRing(no_ring(&e, disabled_switch())))
}

/// Lets this process open as many files as the system allows it: each connection is one.
pub(crate) fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: maximum,
        maximum,
    };
    // Should it be refused, accepting waits when files run out.
    let _ = setrlimit(Resource::Nofile, most);
}

fn disabled_switch() -> Option<u32> {
    std::fs::read_to_string(DISABLED_SWITCH)
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// The sentence for an operator whose machine has no io_uring for us.
fn no_ring(error: &io::Error, switch: Option<u32>) -> String {
    match (Errno::from_io_error(error), switch) {
        (Some(Errno::PERM), Some(value @ 1..)) => format!(
            "io_uring is switched off on this machine (kernel.io_uring_disabled = {value}): run \
             `sysctl kernel.io_uring_disabled=0` and start again"
        ),
        (Some(Errno::PERM | Errno::ACCESS), _) => {
            "io_uring is forbidden to this process although kernel.io_uring_disabled is not set: the \
             container's system-call filter (seccomp) must allow io_uring_setup, io_uring_enter and \
             io_uring_register"
                .to_owned()
        }
        (Some(Errno::NOSYS), _) => {
            "this kernel has no io_uring: a Linux kernel of 5.15 or later is needed, or the container's \
             system-call filter (seccomp) hides io_uring_setup, io_uring_enter and io_uring_register; \
             see also the sysctl kernel.io_uring_disabled"
                .to_owned()
        }
        (Some(Errno::NOMEM), _) => {
            "io_uring cannot lock its memory: raise the limit of locked memory (ulimit -l, \
             LimitMEMLOCK=) to 16 MB or more"
                .to_owned()
        }
        _ => format!(
            "io_uring cannot be set up ({error}); see the sysctl kernel.io_uring_disabled and the \
             container's system-call filter (seccomp)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_ring_is_told_with_what_to_change() {
        let sentence = |errno: Errno, switch| no_ring(&errno.into(), switch);
        assert!(sentence(Errno::PERM, Some(2)).contains("sysctl kernel.io_uring_disabled=0"));
        assert!(sentence(Errno::PERM, Some(0)).contains("seccomp"));
        assert!(sentence(Errno::PERM, None).contains("seccomp"));
        assert!(sentence(Errno::NOSYS, None).contains("seccomp"));
        assert!(sentence(Errno::NOMEM, None).contains("locked memory"));
        assert!(sentence(Errno::INVAL, None).contains("kernel.io_uring_disabled"));
    }

    #[test]
    fn a_ring_runs_what_it_is_given() {
        let ring = runtime().expect("io_uring on the machine that tests");
        assert_eq!(ring.block_on(async { 7 }), 7);
    }
}

//! The kernel's settings that the appliance needs: io_uring allowed, open files enough.

use rustix::process::{Resource, getrlimit};

use super::Finding;

/// A connection is one file; segments, sled and sessions need some hundred.
pub const OPEN_FILES_WANTED: u64 = 4096;

const SYSCTL: &str = "/proc/sys/kernel/io_uring_disabled";

/// What the kernel's switch says of io_uring; a container's system-call filter shows only when a ring
/// is made.
pub fn io_uring_allowed() -> Finding {
    judge_io_uring(std::fs::read_to_string(SYSCTL).ok().as_deref())
}

fn judge_io_uring(switch: Option<&str>) -> Finding {
    let subject = "io_uring";
    match switch.map(str::trim) {
        Some("2") => Finding::bad(
            subject,
            "the kernel forbids io_uring (kernel.io_uring_disabled = 2); \
             run `sysctl -w kernel.io_uring_disabled=0`",
        ),
        Some("1") => Finding::warning(
            subject,
            "io_uring is kept to one group (kernel.io_uring_disabled = 1); put the service's user \
             into kernel.io_uring_group or run `sysctl -w kernel.io_uring_disabled=0`",
        ),
        Some(_) => Finding::good(subject, "allowed by the kernel"),
        None => Finding::good(subject, "this kernel has no switch that forbids it"),
    }
}

/// The limit of open files; `serve` raises its own to the hard one, so that one counts.
pub fn open_files() -> Finding {
    let limit = getrlimit(Resource::Nofile);
    judge_open_files(limit.maximum.unwrap_or(u64::MAX))
}

fn judge_open_files(limit: u64) -> Finding {
    let subject = "open files";
    if limit < OPEN_FILES_WANTED {
        return Finding::warning(
            subject,
            format!(
                "at most {limit}, which few connections use up; \
                 set LimitNOFILE={OPEN_FILES_WANTED} or `ulimit -n {OPEN_FILES_WANTED}`"
            ),
        );
    }
    Finding::good(subject, format!("up to {limit}"))
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    #[test]
    fn a_forbidden_ring_is_told_with_its_sysctl() {
        let finding = judge_io_uring(Some("2\n"));
        assert_eq!(finding.health, Health::Bad);
        assert!(finding.sentence.contains("sysctl -w"));
        assert_eq!(judge_io_uring(Some("1\n")).health, Health::Warning);
        assert_eq!(judge_io_uring(Some("0\n")).health, Health::Good);
        assert_eq!(judge_io_uring(None).health, Health::Good);
    }

    #[test]
    fn few_open_files_are_a_warning() {
        assert_eq!(judge_open_files(1024).health, Health::Warning);
        assert_eq!(judge_open_files(OPEN_FILES_WANTED).health, Health::Good);
    }
}

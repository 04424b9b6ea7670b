//! Whether somebody keeps the clock right (TM-05). The kernel's own answer needs a call that no safe
//! binding offers, so this asks the traces that the usual services leave.

use std::path::Path;

use super::Finding;

/// What systemd-timesyncd touches at each synchronisation.
const TIMESYNCD: &str = "/run/systemd/timesync/synchronized";
/// Where chronyd and ntpd live while they run.
const DAEMONS: [(&str, &str); 4] = [
    ("chronyd", "/run/chrony/chronyd.pid"),
    ("chronyd", "/run/chronyd.pid"),
    ("ntpd", "/run/ntpd.pid"),
    ("ntpsec", "/run/ntpsec/ntpd.pid"),
];

/// Whether a time service is seen to be at work.
pub fn clock_synchronised() -> Finding {
    let subject = "clock";
    if Path::new(TIMESYNCD).exists() {
        return Finding::good(subject, "synchronised by systemd-timesyncd");
    }
    let running = DAEMONS.iter().find(|(_, pid)| Path::new(pid).exists());
    match running {
        Some((daemon, _)) => Finding::good(subject, format!("kept by {daemon}")),
        None => Finding::warning(
            subject,
            "no time service is seen to run; receipts state the time of this clock, \
             so run chrony or systemd-timesyncd",
        ),
    }
}

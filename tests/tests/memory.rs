//! Fifty clients submit 30 MB each at the same time: the process stays under 300 MB resident, because
//! bodies stream to disk and drafts read them in slices.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::sync::Barrier;

use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::compose::{Draft, filler};

const CLIENTS: usize = 50;
const MEGABYTE: usize = 1024 * 1024;
const RESIDENT_KB_MAX: u64 = 300 * 1024;

/// A line of `/proc/PID/status` in kB.
fn status_kb(pid: u32, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|l| l.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn fifty_submissions_of_30_mb_stay_under_300_mb_resident() {
    let appliance = Appliance::start();
    let (from, to) = (appliance.mailbox("da"), appliance.mailbox("a"));
    // One gigabyte is the default capacity; what is delivered here is more.
    appliance.well(&["mailbox", "quota", &to.address, "4000000000"]);
    appliance.well(&["mailbox", "quota", &from.address, "4000000000"]);
    let body = filler(30 * MEGABYTE - 4096);
    let (all_in, body) = (Barrier::new(CLIENTS), &body);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let draft = Draft::new(&from.address, &[&to.address]);
                let octets = draft
                    .field("X-TipoRicevuta", "sintetica")
                    .body(body.clone())
                    .bytes();
                let mut session = from.submission();
                session.mail(&from.address);
                session.rcpt(&to.address);
                assert_eq!(session.command("DATA").code, 354);
                // All transactions are open before the first ends.
                let (first, rest) = octets.split_at(octets.len() / 2);
                session.raw(first).unwrap();
                all_in.wait();
                session.raw(rest).unwrap();
                session.raw(b".\r\n").unwrap();
                assert_eq!(session.reply().unwrap().code, 250);
            });
        }
    });
    // Until every receipt is there: certifying must not load the bodies either.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(300);
    let mut inbox = from.inbox();
    while inbox.ok("STATUS INBOX (MESSAGES)").lines_with("STATUS")[0]
        .text
        .split(' ')
        .nth(4)
        != Some(&format!("{})", 2 * CLIENTS))
    {
        assert!(std::time::Instant::now() < end, "the receipts do not come");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let peak = status_kb(appliance.pid(), "VmHWM");
    eprintln!("peak resident: {peak} kB");
    assert!(peak < RESIDENT_KB_MAX, "{peak} kB resident at the peak");
}

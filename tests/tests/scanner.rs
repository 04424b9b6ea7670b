//! The port to the scanner against a real clamd: what is found, what passes, what is over the bounds, and
//! that nothing is ever clean that was not scanned whole.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::io::Read;
use std::sync::OnceLock;

use ceralacca_core::ports::{Clock, ScanVerdict, ScannerAway, SystemClock, VirusScanner};
use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::clamd::{
    Clamd, DETECTION, attachment, eicar, encrypted_zip, nested_zip, stored_zip,
};
use ceralacca_tests::compose::{Draft, filler};
use ceralacca_tests::program::{run, said};

const MEGABYTE: usize = 1024 * 1024;

fn shared() -> &'static Clamd {
    static SHARED: OnceLock<Clamd> = OnceLock::new();
    SHARED.get_or_init(|| Clamd::start_with("AlertEncrypted yes"))
}

fn scanner(address: &str) -> ceralacca_net::scanner::Clamd {
    ceralacca_net::scanner::Clamd::new(address.parse().unwrap(), 72)
}

fn scan(octets: &[u8]) -> Result<ScanVerdict, ScannerAway> {
    scanner(&shared().address()).scan(&mut &octets[..])
}

fn infected() -> Result<ScanVerdict, ScannerAway> {
    Ok(ScanVerdict::Infected(DETECTION.to_owned()))
}

fn draft() -> Draft {
    Draft::new("da@pec.test", &["a@pec.test"])
}

fn with_zip(archive: &[u8]) -> Vec<u8> {
    let part = attachment("archivio.zip", "application/zip", archive);
    draft().mixed(&[&part]).bytes()
}

/// A zip of 200 MB of zeros, some 200 kB long.
fn bomb() -> Vec<u8> {
    let script = "import io,sys,zipfile\nb=io.BytesIO()\nz=zipfile.ZipFile(b,'w',8)\n\
                  z.writestr('a.bin',bytes(200_000_000))\nz.close()\n\
                  sys.stdout.buffer.write(b.getvalue())";
    let output = run("python3", &["-c", script]);
    assert!(output.status.success(), "{}", said(&output));
    output.stdout
}

#[test]
fn clean_is_clean_and_infected_is_named_over_both_kinds_of_sockets() {
    for address in [shared().address(), shared().tcp_address()] {
        let scanner = scanner(&address);
        let clean = scanner.scan(&mut &draft().bytes()[..]);
        assert_eq!(clean, Ok(ScanVerdict::Clean), "{address}");
        let message = draft().body(eicar()).bytes();
        assert_eq!(scanner.scan(&mut &message[..]), infected(), "{address}");
    }
}

#[test]
fn vi_14_archives_and_enclosed_messages_are_looked_into() {
    let zipped = with_zip(&stored_zip("eicar.txt", &eicar()));
    assert_eq!(scan(&zipped), infected());
    // Forwarded: a transport envelope whose original holds the archive.
    let original = String::from_utf8(zipped).unwrap();
    let enclosed = format!(
        "Content-Type: message/rfc822; name=\"postacert.eml\"\r\n\
         Content-Disposition: attachment; filename=\"postacert.eml\"\r\n\r\n{original}"
    );
    let envelope = draft().mixed(&[&enclosed]).bytes();
    assert_eq!(scan(&envelope), infected());
    let envelope = String::from_utf8(envelope).unwrap();
    let forwarded = format!("Content-Type: message/rfc822\r\n\r\n{envelope}");
    let forwarded = draft().multipart("multipart/digest", &[&forwarded]).bytes();
    assert_eq!(scan(&forwarded), infected());
}

#[test]
fn se_08_an_archive_over_the_bounds_is_told_and_an_encrypted_one_passes() {
    for (story, archive) in [("size", bomb()), ("depth", nested_zip(40))] {
        let verdict = scan(&with_zip(&archive));
        assert!(
            matches!(verdict, Ok(ScanVerdict::OverBounds(_))),
            "{story}: {verdict:?}"
        );
    }
    assert_eq!(scan(&with_zip(&nested_zip(3))), Ok(ScanVerdict::Clean));
    assert_eq!(scan(&with_zip(&encrypted_zip())), Ok(ScanVerdict::Clean));
}

/// A message that is made while it is read, and counted.
struct Made {
    left: usize,
    longest: usize,
}

impl Read for Made {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.left.min(into.len());
        self.longest = self.longest.max(length);
        let line = filler(1);
        let octets = line.iter().cycle();
        into.iter_mut()
            .zip(octets)
            .take(length)
            .for_each(|(to, from)| *to = *from);
        self.left -= length;
        Ok(length)
    }
}

#[test]
fn thirty_megabytes_pass_in_chunks_and_more_than_clamd_takes_is_told_apart() {
    for address in [shared().address(), shared().tcp_address()] {
        let mut made = Made {
            left: 30 * MEGABYTE,
            longest: 0,
        };
        let verdict = scanner(&address).scan(&mut made);
        assert_eq!(verdict, Ok(ScanVerdict::Clean), "{address}");
        assert_eq!(made.left, 0, "all of it was sent");
        assert!(made.longest <= 64 * 1024, "a chunk of {}", made.longest);
        let mut made = Made {
            left: 60 * MEGABYTE,
            longest: 0,
        };
        let verdict = scanner(&address).scan(&mut made);
        let Ok(ScanVerdict::TooLong(remedy)) = verdict else {
            panic!("{address}: {verdict:?}");
        };
        assert!(remedy.contains("StreamMaxLength"), "{remedy}");
    }
}

/// Kills clamd in the middle of the message.
struct KillsInTheMiddle {
    clamd: Option<Clamd>,
    left: usize,
}

impl Read for KillsInTheMiddle {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left == MEGABYTE
            && let Some(clamd) = &mut self.clamd
        {
            clamd.kill();
        }
        let length = into.len().min(1024).min(self.left);
        into[..length].fill(b'x');
        self.left -= length;
        Ok(length)
    }
}

#[test]
fn vi_10_clamd_killed_during_a_scan_is_away_and_never_clean() {
    let clamd = Clamd::start();
    let scanner = scanner(&clamd.address());
    assert!(scanner.health(SystemClock.now()).reachable);
    let mut message = KillsInTheMiddle {
        clamd: Some(clamd),
        left: 2 * MEGABYTE,
    };
    let verdict = scanner.scan(&mut message);
    assert!(verdict.is_err(), "{verdict:?}");
    assert!(!scanner.health(SystemClock.now()).reachable);
    assert!(scanner.scan(&mut &b"x"[..]).is_err());
}

#[test]
fn vi_10_a_clamd_that_takes_calls_and_says_nothing_is_away_in_bounded_time() {
    let clamd = Clamd::start();
    clamd.signal("-STOP");
    let start = std::time::Instant::now();
    let health = scanner(&clamd.address()).health(SystemClock.now());
    clamd.signal("-CONT");
    assert!(!health.reachable);
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    assert!(health.alarm.unwrap().contains("in time"));
}

#[test]
fn of_two_clamd_one_may_be_dead() {
    let mut other = Clamd::start();
    let both = format!(
        "{},{}",
        other.address(),
        &shared().tcp_address()["clamd:".len()..]
    );
    let scanner = scanner(&both);
    let message = draft().body(eicar()).bytes();
    for _ in 0..2 {
        assert_eq!(scanner.scan(&mut &message[..]), infected());
    }
    other.kill();
    for _ in 0..3 {
        assert_eq!(scanner.scan(&mut &message[..]), infected());
    }
    let health = scanner.health(SystemClock.now());
    assert!(health.reachable);
    assert!(
        health.alarm.unwrap().contains("clamd.ctl"),
        "the dead one is named"
    );
}

#[test]
fn vi_10_the_version_is_told_and_a_database_without_a_date_raises_an_alarm_only() {
    let health = scanner(&shared().address()).health(SystemClock.now());
    assert!(health.reachable);
    assert!(health.version.starts_with("ClamAV "), "{}", health.version);
    assert_eq!(health.signatures_at, None);
    assert!(health.alarm.unwrap().contains("no date"));
}

#[test]
fn a_message_too_long_for_clamd_is_held_and_the_operator_told() {
    let clamd = Clamd::start_with("StreamMaxLength 1M");
    let appliance = Appliance::scanned_by(&clamd.address());
    let (from, to) = (appliance.mailbox("da"), appliance.mailbox("a"));
    let long = Draft::new(&from.address, &[&to.address]).body(filler(2 * MEGABYTE));
    from.send_well(&[&to.address], &long.bytes());
    // Others go on, and nobody gets the one that was not scanned.
    let short = Draft::new(&from.address, &[&to.address]).bytes();
    from.send_well(&[&to.address], &short);
    from.wait_for(2);
    to.wait_for(1);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !appliance.said_by(&["check"]).contains("StreamMaxLength") {
        assert!(std::time::Instant::now() < end, "the operator is not told");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn init_and_serve_say_what_scans_and_a_dead_scanner_is_warned_of() {
    let mut clamd = Clamd::start();
    let mut appliance = Appliance::scanned_by(&clamd.address());
    let named = format!("virus scanner: clamd at {}", clamd.socket().display());
    assert!(appliance.log().contains(&named), "{}", appliance.log());
    let check = appliance.json(&["check"]).to_string();
    assert!(
        check.contains("ClamAV") || check.contains("no date"),
        "{check}"
    );
    appliance.stop();
    clamd.kill();
    // It starts all the same: mail that is in waits.
    appliance.serve();
    let said = appliance.log();
    assert!(said.contains("warning: no virus scanner works"), "{said}");
    let none = Appliance::initialised(&[]);
    let said = none.said_by(&["check"]);
    assert!(said.contains("no message is scanned for viruses"), "{said}");
}

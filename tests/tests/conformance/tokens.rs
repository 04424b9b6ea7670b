//! Several tokens, the processes in which they sign, and what is measured of them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant as Moment};

use ceralacca_admin::control::{Link, Request};
use ceralacca_admin::report::{Failure, Report};
use ceralacca_core::disk::DataFolder;
use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Signer, SigningRequest};
use ceralacca_hsm::sim::SimSettings;
use ceralacca_hsm::{Authority, SimSigner, SoftwareKey};
use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::compose::Draft;
use ceralacca_tests::judge;
use ceralacca_tests::program::{arg, run_well};
use ceralacca_tests::token::{PIN, TokenFolder, module};
use serde_json::Value;

use crate::at;

const FIRST: &str = Appliance::TOKEN_LABEL;
const SECOND: &str = "seconda";

/// An appliance with two tokens, each with its own key and certificate.
struct Pair {
    appliance: Appliance,
    token: TokenFolder,
    /// The second one's folder.
    second: PathBuf,
}

impl Pair {
    fn serving() -> Self {
        let token = TokenFolder::new();
        let appliance = Appliance::with_token(&token);
        appliance.keygen_and_certificate();
        let first = token.each();
        // The second is made as the first was, and certified by the same authority.
        appliance.set("signer", "token", SECOND);
        let so_pin = token.so_pin_file();
        appliance.well(&["hsm", "init", "--so-pin-file", arg(&so_pin)]);
        appliance.well(&["hsm", "keygen"]);
        let (csr, chain) = (
            appliance.beside("second.csr"),
            appliance.beside("second.pem"),
        );
        appliance.well(&["hsm", "csr", "--out", arg(&csr)]);
        let sign = ["sandbox", "authority", "sign"];
        appliance.well(&[&sign[..], &[arg(&csr), "--out", arg(&chain)]].concat());
        appliance.set("signer", "token", FIRST);
        let mut further = toml::Table::new();
        for (key, value) in [
            ("module", arg(&module())),
            ("token", SECOND),
            ("pin_file", arg(&token.pin_file())),
            ("certificate", arg(&chain)),
        ] {
            further.insert(key.to_owned(), value.into());
        }
        appliance.set("signer", "further", vec![toml::Value::from(further)]);
        let second = token.each().into_iter().find(|it| !first.contains(it));
        let mut pair = Self {
            appliance,
            token,
            second: second.expect("a token was made"),
        };
        pair.appliance.serve();
        pair
    }

    fn tokens(&self) -> Value {
        tokens(&self.appliance)
    }

    fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Duration {
        let begun = Moment::now();
        while !is_so(&self.tokens()) {
            let log = self.appliance.log();
            assert!(
                begun.elapsed().as_secs() < 60,
                "{what}: {}\n{log}",
                self.tokens()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        begun.elapsed()
    }

    fn signal(&self, token: usize, signal: &str) -> u64 {
        let process = self.tokens()[token]["process"].as_u64().expect("a process");
        run_well("kill", &[signal, &process.to_string()]);
        process
    }
}

fn tokens(appliance: &Appliance) -> Value {
    let mut link = Link::open(&DataFolder(appliance.data())).expect("it runs");
    let answer = link.ask(&Request::Status).expect("an answer");
    let status: Result<Report, Failure> = answer.into();
    status.expect("a report").object["signing"]["tokens"].clone()
}

fn signs(token: &Value) -> bool {
    token["available"] == true
}

fn other_process(token: &Value, than: u64) -> bool {
    signs(token) && token["process"] != than
}

/// Chaos on a whole appliance: processes killed and stopped, a token that is taken away, under load.
#[test]
fn hs_04_tokens_that_crash_hang_or_leave_lose_and_double_no_receipt() {
    let pair = Pair::serving();
    let [from, to] = ["da", "a"].map(|name| pair.appliance.mailbox(name).address);
    let (is_over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sender = at(&pair.appliance, &from);
            let mut session = sender.submission();
            while !is_over.load(Ordering::Relaxed) {
                let octets = Draft::new(&from, &[&to]).bytes();
                let reply = session.send(&from, &[&to], &octets);
                assert_eq!(reply.code, 250, "{reply:?}");
                sent.fetch_add(1, Ordering::Relaxed);
                // Below what one sender may send in a minute.
                std::thread::sleep(Duration::from_millis(60));
            }
        });
        let chaos = Chaos(&pair);
        chaos.both_sign();
        chaos.crash();
        chaos.hang();
        chaos.leave();
        is_over.store(true, Ordering::Relaxed);
    });
    let sent = sent.into_inner();
    let receipts = at(&pair.appliance, &from).wait_for(2 * sent);
    at(&pair.appliance, &to).wait_for(sent);
    // Both have signed, and both are believed.
    let spread = receipts.iter().step_by(1 + receipts.len() / 12);
    judge::all_accept(&pair.appliance, &spread.collect::<Vec<_>>());
    for token in pair.tokens().as_array().expect("two") {
        assert!(token["signatures"].as_u64() > Some(10), "{token}");
    }
    assert!(pair.appliance.log().contains("is taken out"));
}

struct Chaos<'a>(&'a Pair);

impl Chaos<'_> {
    fn both_sign(&self) {
        self.0.until("both sign", |tokens| {
            (0..2).all(|n| signs(&tokens[n]) && tokens[n]["signatures"].as_u64() > Some(0))
        });
    }

    /// A vendor's library that crashes.
    fn crash(&self) {
        for turn in 0..4 {
            let token = turn % 2;
            let killed = self.0.signal(token, "-KILL");
            let took = self.0.until("another process signs", |tokens| {
                other_process(&tokens[token], killed)
            });
            assert!(took < Duration::from_secs(2), "{took:?}");
        }
        // Both at once: receipts wait.
        let killed = [0, 1].map(|token| self.0.signal(token, "-KILL"));
        self.0.until("both are back", |tokens| {
            (0..2).all(|token| other_process(&tokens[token], killed[token]))
        });
    }

    /// A call that never returns: only the end of its process ends it.
    fn hang(&self) {
        let stopped = self.0.signal(1, "-STOP");
        let missed = self.0.until("it is missed", |tokens| !signs(&tokens[1]));
        // Long before it is ended the other signs what this one holds, and goes on.
        assert!(missed < Duration::from_secs(8), "{missed:?}");
        let signed = self.0.tokens()[0]["signatures"].as_u64();
        self.0.until("the other signs", |tokens| {
            tokens[0]["signatures"].as_u64() > signed
        });
        assert_eq!(self.0.tokens()[1]["process"], stopped);
        self.0
            .until("it was ended", |tokens| other_process(&tokens[1], stopped));
        assert!(!Path::new(&format!("/proc/{stopped}")).exists());
    }

    fn leave(&self) {
        let away = self.0.token.take(&self.0.second);
        self.0.until("it is missed", |tokens| !signs(&tokens[1]));
        let shown = self.0.appliance.said_by(&["check"]);
        assert!(shown.contains(SECOND) && shown.contains("away"), "{shown}");
        std::fs::rename(away, &self.0.second).expect("put back");
        let took = self.0.until("it is back", |tokens| signs(&tokens[1]));
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}

/// One token that cannot work stays out, says why, and a wrong PIN is tried once.
#[test]
fn hs_04_one_token_set_up_wrongly_stays_out_and_the_other_signs() {
    let mut pair = Pair::serving();
    // What each signs under is published.
    let index = pair.appliance.beside("own.ldif");
    pair.appliance
        .well(&["directory", "export", arg(&index), "--ldif"]);
    let index = std::fs::read_to_string(&index).expect("the index");
    let certificates = index
        .lines()
        .filter(|line| line.starts_with("providerCertificate;"));
    assert_eq!(certificates.count(), 2, "{index}");
    pair.appliance.stop();
    let wrong = pair.appliance.write_beside("wrong-pin", b"00000000");
    run_well("chmod", &["600", arg(&wrong)]);
    let file = pair.appliance.data().join("appliance.toml");
    let text = std::fs::read_to_string(&file).expect("the settings");
    let mut all: toml::Table = text.parse().expect("TOML");
    all["signer"]["further"][0]["pin_file"] = arg(&wrong).into();
    std::fs::write(&file, all.to_string()).expect("written");
    pair.appliance.serve();
    let [from, to] = ["da", "a"].map(|name| pair.appliance.mailbox(name).address);
    let octets = Draft::new(&from, &[&to]).bytes();
    at(&pair.appliance, &from).send_well(&[&to], &octets);
    at(&pair.appliance, &from).wait_for(2);
    let tokens = pair.tokens();
    assert!(signs(&tokens[0]) && !signs(&tokens[1]), "{tokens}");
    let listed = pair.appliance.well(&["hsm", "list"]);
    assert!(listed.contains("refuses the PIN"), "{listed}");
    assert!(
        pair.appliance
            .said_by(&["check"])
            .contains("refuses the PIN")
    );
}

/// HS-09 for the processes in which tokens sign; and they end with the appliance, however it ends.
#[test]
fn hs_09_the_processes_of_tokens_show_no_pin_and_end_with_the_appliance() {
    let mut pair = Pair::serving();
    let processes: Vec<u64> = (0..2)
        .filter_map(|token| pair.tokens()[token]["process"].as_u64())
        .collect();
    assert_eq!(processes.len(), 2);
    for process in &processes {
        for name in ["cmdline", "environ"] {
            let octets = std::fs::read(format!("/proc/{process}/{name}")).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&octets).contains(PIN), "{name}");
        }
        let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).expect("limits");
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        assert!(core.expect("a line").contains(" 0 "), "{core:?}");
    }
    pair.appliance.kill();
    let begun = Moment::now();
    let lives = |process: &u64| Path::new(&format!("/proc/{process}")).exists();
    while processes.iter().any(lives) {
        assert!(
            begun.elapsed().as_secs() < 20,
            "a child outlives its parent"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Bounded batches wait in one queue for all callers, the nearest limit first.
#[test]
fn hs_06_receipts_near_their_limit_are_signed_first() {
    let now = Instant::from_millis(1_795_321_140_000);
    let key = std::sync::Arc::new(SoftwareKey::generate(2048).expect("a key"));
    let authority = Authority::create("Prova", now).expect("an authority");
    let certificate = authority.signing_certificate(key.public(), "Prova", "a@pec.test", 9, now);
    let settings = SimSettings {
        delay: Duration::from_millis(15),
        ..SimSettings::default()
    };
    let certificate = std::sync::Arc::new(certificate.expect("a certificate"));
    let signer = SimSigner::start(key, certificate, settings).expect("a signer");
    let request = |n: u8, hours: i64| {
        SigningRequest::of([n; 32], now).due(now.plus_millis(hours * 3_600_000))
    };
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let early = Moment::now();
        scope.spawn(|| {
            let many: Vec<_> = (0..100).map(|n| request(n, 24)).collect();
            assert!(signer.sign(&many).iter().all(Result::is_ok));
            done.fetch_add(1, Ordering::SeqCst);
        });
        while signer.describe().signatures < 2 {
            std::thread::yield_now();
        }
        // It comes last, and is due first.
        assert!(signer.sign(&[request(200, 1)])[0].is_ok());
        assert_eq!(done.load(Ordering::SeqCst), 0, "{:?}", early.elapsed());
        assert!(signer.describe().signatures < 60);
    });
}

/// The built-in measure: a table, the setting that follows from it, and no measure beside mail.
#[test]
fn hs_10_the_measure_names_the_sessions_that_are_enough() {
    let token = TokenFolder::new();
    let mut appliance = Appliance::with_token(&token);
    appliance.keygen_and_certificate();
    let measure = ["hsm", "bench", "--seconds", "1", "--sessions-max", "4"];
    let shown = appliance.well(&measure);
    assert!(
        shown.contains("signatures/s") && shown.contains("sessions = "),
        "{shown}"
    );
    let measured = appliance.json(&measure);
    let rows = measured["tokens"][0]["rows"].as_array().expect("rows");
    let sessions: Vec<_> = rows
        .iter()
        .filter_map(|row| row["sessions"].as_u64())
        .collect();
    assert_eq!(sessions, [1, 2, 4]);
    for row in rows {
        let (p50, p99) = (row["p50_us"].as_u64(), row["p99_us"].as_u64());
        assert!(
            row["per_second"].as_f64() > Some(10.0) && p50 > Some(100) && p99 >= p50,
            "{row}"
        );
    }
    let enough = measured["tokens"][0]["sessions"].as_u64().expect("a knee");
    assert!(sessions.contains(&enough));
    appliance.serve();
    let refused = appliance.refused(&measure);
    assert!(refused.contains("stop it"), "{refused}");
}

//! Several tokens, the processes in which they sign, and what is measured of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant as Moment};

use ceralacca_admin::control::{HsmRequest, Link, Request};
use ceralacca_admin::report::{Failure, Report};
use ceralacca_core::disk::DataFolder;
use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Signer, SigningRequest};
use ceralacca_hsm::limits::ERRAND_WAIT_MAX;
use ceralacca_hsm::sim::SimSettings;
use ceralacca_hsm::{Authority, SimSigner, SoftwareKey};
use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::compose::Draft;
use ceralacca_tests::judge;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::program::{arg, run_well};
use ceralacca_tests::sealed::Sealed;
use ceralacca_tests::token::{PIN, TokenFolder, module};
use serde_json::Value;

use crate::{Trio, at};

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
        Self::with_second(|_| module())
    }

    /// With this library behind the second.
    fn with_second(library: impl FnOnce(&TokenFolder) -> PathBuf) -> Self {
        let token = TokenFolder::new();
        let appliance = Appliance::with_token(&token);
        appliance.keygen_and_certificate();
        let first = token.each();
        let mut further = toml::Table::new();
        for (key, value) in [
            ("module", arg(&library(&token))),
            ("token", SECOND),
            ("pin_file", arg(&token.pin_file())),
        ] {
            further.insert(key.to_owned(), value.into());
        }
        let name = |further: &toml::Table| {
            let all = vec![toml::Value::from(further.clone())];
            appliance.set("signer", "further", all);
        };
        name(&further);
        // Its key is made there, and certified by the same authority.
        let on_it = |order: &[&str]| {
            appliance.well(&[&["hsm"], order, &["--token", SECOND]].concat());
        };
        let so_pin = token.so_pin_file();
        on_it(&["init", "--so-pin-file", arg(&so_pin)]);
        on_it(&["keygen"]);
        let (csr, chain) = (
            appliance.beside("second.csr"),
            appliance.beside("second.pem"),
        );
        on_it(&["csr", "--out", arg(&csr)]);
        let sign = ["sandbox", "authority", "sign"];
        appliance.well(&[&sign[..], &[arg(&csr), "--out", arg(&chain)]].concat());
        further.insert("certificate".to_owned(), arg(&chain).into());
        name(&further);
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

/// Ends what runs beside, even where a test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends one message after another while something happens; how many.
fn under_load(from: &Mailbox<'_>, to: &str, happens: impl FnOnce()) -> usize {
    let (is_over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut session = from.submission();
            while !is_over.load(Ordering::Relaxed) {
                let octets = Draft::new(&from.address, &[to]).bytes();
                let reply = session.send(&from.address, &[to], &octets);
                assert_eq!(reply.code, 250, "{reply:?}");
                sent.fetch_add(1, Ordering::Relaxed);
                // Below what one sender may send in a minute.
                std::thread::sleep(Duration::from_millis(60));
            }
        });
        let _over = Over(&is_over);
        happens();
    });
    sent.into_inner()
}

/// Chaos on a whole appliance: processes killed and stopped, a token that is taken away, under load.
#[test]
fn hs_04_tokens_that_crash_hang_or_leave_lose_and_double_no_receipt() {
    let pair = Pair::serving();
    let [from, to] = ["da", "a"].map(|name| pair.appliance.mailbox(name));
    let sent = under_load(&from, &to.address, || {
        let chaos = Chaos(&pair);
        chaos.both_sign();
        chaos.crash();
        chaos.hang();
        chaos.leave();
    });
    let receipts = from.wait_for(2 * sent);
    to.wait_for(sent);
    // Both have signed, and both are believed.
    let spread = receipts.iter().step_by(1 + receipts.len() / 12);
    judge::all_accept(&pair.appliance, &spread.collect::<Vec<_>>());
    for token in pair.tokens().as_array().expect("two") {
        assert!(token["signatures"].as_u64() > Some(10), "{token}");
    }
    assert!(pair.appliance.log().contains("is taken out"));
}

/// A vendor's library that says it has signed, and has not: nothing of it is released, and every message has its
/// receipts once.
#[test]
fn hs_04_a_token_that_signs_wrongly_releases_nothing_and_loses_and_doubles_no_receipt() {
    let pair = Pair::with_second(TokenFolder::faulty_module);
    let [from, to] = ["da", "a"].map(|name| pair.appliance.mailbox(name));
    let signatures = |token: usize| {
        pair.tokens()[token]["signatures"]
            .as_u64()
            .expect("a count")
    };
    let sent = under_load(&from, &to.address, || {
        Chaos(&pair).both_sign();
        let told = pair.token.told("wrong");
        pair.until("it is taken out", |tokens| {
            let trouble = tokens[1]["trouble"].as_str().unwrap_or_default();
            !signs(&tokens[1]) && trouble.contains("does not verify")
        });
        let before = [signatures(0), signatures(1)];
        // Long enough for several trials of it.
        let goes_on = |tokens: &Value| tokens[0]["signatures"].as_u64() > Some(before[0] + 60);
        pair.until("the other signs", goes_on);
        assert_eq!(signatures(1), before[1]);
        assert!(!signs(&pair.tokens()[1]));
        let shown = pair.appliance.said_by(&["check"]);
        assert!(
            shown.contains(SECOND) && shown.contains("does not verify"),
            "{shown}"
        );
        drop(told);
        pair.until("it is back and signs", |tokens| {
            signs(&tokens[1]) && tokens[1]["signatures"].as_u64() > Some(before[1])
        });
    });
    let receipts = from.wait_for(2 * sent);
    let envelopes = to.wait_for(sent);
    each_once(&receipts, sent);
    let all: Vec<&Sealed> = receipts.iter().chain(&envelopes).collect();
    let write = |(number, message): (usize, &&Sealed)| {
        let name = format!("{number}.eml");
        pair.appliance.write_beside(&name, &message.message.raw)
    };
    let files: Vec<PathBuf> = all.iter().enumerate().map(write).collect();
    let files: Vec<&str> = files.iter().map(|file| arg(file)).collect();
    judge::python_accepts(&files, &pair.appliance.anchors());
    // Each signature that was made is in a message of the log, and the other way round (LG-14).
    let counted = pair.appliance.well(&["hsm", "reconcile"]);
    assert!(!counted.contains("ALARM"), "{counted}");
    let log = pair.appliance.log();
    assert!(
        log.contains("ALARM: ") && log.contains("does not verify"),
        "{log}"
    );
    // None came later.
    assert_eq!(from.messages().len(), 2 * sent);
    assert_eq!(to.messages().len(), sent);
}

/// One receipt of acceptance and one of delivery for each message.
fn each_once(receipts: &[Sealed], sent: usize) {
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for receipt in receipts {
        let field = |name: &str| receipt.get(name).expect("a field of receipts");
        let of = field("X-Riferimento-Message-ID");
        *seen.entry((of, field("X-Ricevuta"))).or_default() += 1;
    }
    assert!(seen.values().all(|count| *count == 1), "{seen:?}");
    assert_eq!(seen.len(), 2 * sent);
}

/// What an operator asks of keys goes through the vendor's library too: not in the process that takes mail.
#[test]
fn hs_04_a_library_that_crashes_at_a_question_about_keys_takes_no_mail_with_it() {
    let token = TokenFolder::new();
    let mut appliance = Appliance::with_token(&token);
    appliance.keygen_and_certificate();
    let library = token.faulty_module();
    appliance.set("signer", "module", arg(&library));
    // A further session would ask the library too, whenever it is opened.
    appliance.set("signer", "sessions", 1);
    appliance.serve();
    let certifies = || {
        let trio = Trio::at(&appliance);
        trio.certify_simple(&trio.simple());
    };
    certifies();
    let before = tokens(&appliance)[0]["process"].clone();
    let folder = appliance.beside("void");
    let mut hold = vec![
        "hsm",
        "ceremony",
        "hold",
        "--operator",
        "Olga Rossi",
        "--quorum",
        "2",
    ];
    hold.extend(["--custodian", "Anna Bianchi", "--custodian", "Bruno Verdi"]);
    hold.extend([
        "--witness",
        "Vito Gallo",
        "--label",
        "tre",
        "--folder",
        arg(&folder),
    ]);
    let orders: [(&str, &[&str]); 4] = [
        ("abort-C_GetTokenInfo", &["hsm", "list"]),
        ("abort-C_GetTokenInfo", &["hsm", "csr"]),
        (
            "abort-C_GenerateKeyPair",
            &["hsm", "keygen", "--label", "due"],
        ),
        ("abort-C_GenerateKeyPair", &hold),
    ];
    for (fault, order) in orders {
        let told = token.told(fault);
        let said = appliance.refused(order);
        for words in [
            "SIGABRT",
            arg(&library),
            "it alone is lost",
            "then try again",
        ] {
            assert!(said.contains(words), "{order:?}: {said}");
        }
        certifies();
        drop(told);
        // The folder of a ceremony that failed is void.
        let _ = std::fs::remove_dir_all(&folder);
        appliance.well(order);
    }
    let listed = appliance.well(&["hsm", "list"]);
    assert!(
        listed.contains("due  RSA") && listed.contains("tre  RSA"),
        "{listed}"
    );
    certifies();
    assert_eq!(
        tokens(&appliance)[0]["process"],
        before,
        "it went on signing"
    );
    a_question_that_hangs_does_not_hold_up_a_stop(&mut appliance, &token);
}

fn a_question_that_hangs_does_not_hold_up_a_stop(appliance: &mut Appliance, token: &TokenFolder) {
    let _hang = token.told("hang-C_GetTokenInfo");
    let data = DataFolder(appliance.data());
    let asked = std::thread::spawn(move || {
        let list = Request::Hsm(HsmRequest::List { token: None });
        Link::open(&data).expect("it runs").ask(&list).is_ok()
    });
    let begun = Moment::now();
    while children_of(appliance.pid()) < 2 {
        assert!(begun.elapsed().as_secs() < 30, "no child was started");
        std::thread::sleep(Duration::from_millis(5));
    }
    let begun = Moment::now();
    appliance.stop();
    assert!(
        begun.elapsed() < ERRAND_WAIT_MAX / 2,
        "{:?}",
        begun.elapsed()
    );
    // It was told why, or that the connection closed.
    let _ = asked.join().expect("it came back");
}

fn children_of(parent: u32) -> usize {
    let parent = format!("PPid:\t{parent}\n");
    let all = std::fs::read_dir("/proc").expect("processes").flatten();
    let status = all.map(|entry| std::fs::read_to_string(entry.path().join("status")));
    status
        .filter(|text| text.as_ref().is_ok_and(|text| text.contains(&parent)))
        .count()
}

/// `--token` of an appliance that serves; offline each [`Pair`] is made by it.
#[test]
fn hs_07_a_key_is_made_and_asked_for_on_the_token_that_is_named() {
    let pair = Pair::serving();
    let second = ["--token", SECOND];
    let on =
        |token: &[&str], order: &[&str]| pair.appliance.well(&[&["hsm"], order, token].concat());
    let made = on(&second, &["keygen", "--label", "due"]);
    let next = format!("hsm csr --label due --token {SECOND}");
    assert!(made.contains(SECOND) && made.contains(&next), "{made}");
    let request = on(&second, &["csr", "--label", "due"]);
    assert!(request.contains("BEGIN CERTIFICATE REQUEST"), "{request}");
    let listed = on(&second, &["list"]);
    assert!(
        listed.contains("due  RSA") && listed.contains("in use\n"),
        "{listed}"
    );
    let first = on(&["--token", FIRST], &["list"]);
    assert!(!first.contains("due  RSA"), "{first}");
    assert_eq!(first, on(&[], &["list"]));
    for order in [&["keygen"][..], &["csr"], &["list"], &["init"]] {
        let order = [&["hsm"], order, &["--token", "terza"]].concat();
        let said = pair.appliance.refused(&order);
        let labels = format!("`{FIRST}`, `{SECOND}`");
        assert!(said.contains("`terza`") && said.contains(&labels), "{said}");
    }
    let soft = Appliance::shared().refused(&["hsm", "csr", "--token", FIRST]);
    assert!(soft.contains("name no token"), "{soft}");
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

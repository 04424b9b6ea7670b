//! The index of providers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant as Time};

use ceralacca_admin::directory::authority::{IndexAuthority, IndexOptions, ServingIndex};
use ceralacca_core::address::{Address, Domain};
use ceralacca_core::directory::{
    Alarm, Directory, DirectoryShelf, ProviderRecord, ShelfOptions, WriteError, write,
};
use ceralacca_core::disk::SimDisk;
use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Clock, SystemClock};
use ceralacca_core::smime::certificate;
use ceralacca_tests::appliance::{Appliance, DOMAIN, OTHER_DOMAIN, PROVIDER, SERVICE_ADDRESS};
use ceralacca_tests::national::{Entry, Index, entry, hash, index};
use ceralacca_tests::program::{arg, run, run_well, said};

use crate::Trio;

const HOUR: i64 = 60 * 60 * 1000;

/// An appliance that pins an index of the test's, not running.
fn pinning(index: &Index) -> Appliance {
    let appliance = Appliance::initialised(&[]);
    index.pin(&appliance);
    appliance
}

fn taken(index: &Index, appliance: &Appliance, text: &str) {
    let output = index.import(appliance, text);
    assert!(output.status.success(), "{}", said(&output));
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).expect("a domain")
}

fn read(text: &str) -> Directory {
    Directory::read(text.as_bytes()).expect("an index").0
}

/// Domains `d0.NAME.test` and so on.
fn many(name: &str, number: usize) -> Vec<String> {
    (0..number).map(|n| format!("d{n}.{name}.test")).collect()
}

/// A national index that fetches the part of one appliance, which is not running yet but set up to
/// publish it and to fetch the whole.
struct Nation {
    appliance: Appliance,
    index: ServingIndex,
    folder: PathBuf,
}

impl Nation {
    fn new() -> Self {
        let appliance = Appliance::initialised(&[]);
        let own = format!(
            "https://127.0.0.1:{}/directory/own.p7m",
            appliance.port(443)
        );
        let pem = std::fs::read(appliance.anchors()).expect("the evaluation authority");
        let authority = certificate::read_file(&pem).expect("certificates");
        let folder = appliance.beside("index");
        let options = IndexOptions {
            folder: folder.clone(),
            bind: [127, 0, 0, 1].into(),
            port: 0,
            http_port: 0,
            host: None,
            providers: vec![own.clone()],
            anchors: authority.clone(),
            server_authorities: authority,
            every: Duration::from_secs(3600),
        };
        let index = IndexAuthority::open(options)
            .expect("keys")
            .serve()
            .expect("it serves");
        appliance.set("directory", "publish_url", own);
        let nation = Self {
            appliance,
            index,
            folder,
        };
        for (key, file) in [
            ("signer", "index.pem"),
            ("server_authority", "authority.pem"),
            ("client_certificate", "client.pem"),
            ("client_key", "client.key"),
        ] {
            nation.set(key, arg(&nation.folder.join(file)));
        }
        nation.set("url", nation.index.url());
        nation
    }

    fn set(&self, key: &str, value: &str) {
        self.appliance.set("directory", key, value);
    }

    fn own_url(&self) -> String {
        format!(
            "https://127.0.0.1:{}/directory/own.p7m",
            self.appliance.port(443)
        )
    }

    /// What curl fetches, its answer's media type first.
    fn curl(&self, url: &str, authority: &Path, more: &[&str], out: &Path) -> std::process::Output {
        let fixed = [
            "-sS",
            "--fail",
            "-w",
            "%{content_type}",
            "--cacert",
            arg(authority),
        ];
        run("curl", &[&fixed[..], more, &["-o", arg(out), url]].concat())
    }
}

/// Waits until `show` gives an index.
fn wait_for_index(appliance: &Appliance) -> serde_json::Value {
    let end = Time::now() + Duration::from_secs(60);
    loop {
        let shown = appliance.json(&["directory", "show"]);
        if !shown["index"].is_null() {
            return shown;
        }
        assert!(Time::now() < end, "no index came: {}", appliance.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn di_01_the_index_comes_over_https_with_both_certificates_checked() {
    let mut nation = Nation::new();
    nation.appliance.serve();
    assert_eq!(nation.index.collect().expect("a round").troubles.len(), 0);
    // The centre lets nobody in without a certificate.
    let (out, ours) = (
        nation.appliance.beside("x.p7m"),
        nation.folder.join("authority.pem"),
    );
    let stranger = nation.curl(nation.index.url(), &ours, &[], &out);
    assert!(
        !stranger.status.success() && !out.exists(),
        "{}",
        said(&stranger)
    );
    let (cert, key) = (
        nation.folder.join("client.pem"),
        nation.folder.join("client.key"),
    );
    let client = ["--cert", arg(&cert), "--key", arg(&key)];
    let known = nation.curl(nation.index.url(), &ours, &client, &out);
    assert!(known.status.success(), "{}", said(&known));
    nation.appliance.well(&["directory", "fetch"]);
    // A start without an index fetches it by itself.
    nation.appliance.stop();
    std::fs::remove_dir_all(nation.appliance.data().join("directory")).expect("removed");
    nation.appliance.serve();
    let shown = wait_for_index(&nation.appliance);
    assert_eq!(shown["records"][0]["provider"], PROVIDER);
    nation.appliance.stop();
    // Another server authority: the server is not the one.
    nation.set("server_authority", arg(&nation.appliance.anchors()));
    let refused = nation.appliance.refused(&["directory", "fetch"]);
    assert!(refused.to_lowercase().contains("certificate"), "{refused}");
    nation.set("server_authority", arg(&ours));
    nation.appliance.set("directory", "refresh_s", 86_401);
    let refused = nation.appliance.refused(&["directory", "show"]);
    assert!(
        refused.contains("directory.refresh_s"),
        "less than daily: {refused}"
    );
}

#[test]
fn di_02_an_index_of_another_signer_is_discarded_and_the_old_one_stays() {
    let (good, bad) = (Index::new(), Index::new());
    let appliance = pinning(&good);
    let certificate = good.certificate("Uno");
    let text = index(&[entry("Uno", &["uno.test"], &certificate)]);
    taken(&good, &appliance, &text);
    let other = index(&[entry("Uno", &["uno.test", "due.test"], &certificate)]);
    let output = bad.import(&appliance, &other);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let mut altered = good.sealed(&other);
    let at = altered
        .windows(8)
        .position(|w| w == b"due.test")
        .expect("the text is inside");
    altered[at] = b't';
    let file = good.path("altered.p7m");
    std::fs::write(&file, &altered).expect("written");
    appliance.refused(&["directory", "import", arg(&file)]);
    std::fs::write(&file, other.as_bytes()).expect("written");
    appliance.refused(&["directory", "import", arg(&file)]);
    appliance.well(&["directory", "show", "uno.test"]);
    appliance.refused(&["directory", "show", "due.test"]);
}

#[test]
fn di_03_ldif_is_read_in_all_its_spellings() {
    let signer = Index::new();
    let appliance = pinning(&signer);
    let certificate = signer.certificate("Perché S.p.A.");
    let base64 = data_encoding::BASE64.encode(&certificate);
    let (first, rest) = base64.split_at(30);
    let hash = hash(&certificate);
    let text = format!(
        "# a comment\r\n  that is folded\r\nversion: 1\r\ndn: o=postacert\r\no: postacert\r\n\r\n\
         dn:: {}\r\nOBJECTCLASS: Provider\r\nproviderNAME:: {}\r\nmailreceipt: ricevute@pe\r\n rche.test\r\n\
         ManagedDomains:: {}\r\nmanageddomains: UNO.Test\r\nPROVIDERCERTIFICATEHASH:\r\n {}\r\n\
         providercertificate;Binary::{first}\r\n {rest}\r\n",
        data_encoding::BASE64.encode("providerName=Perché S.p.A.,o=postacert".as_bytes()),
        data_encoding::BASE64.encode("Perché S.p.A.".as_bytes()),
        data_encoding::BASE64.encode(b"perche.test"),
        hash.to_uppercase(),
    );
    taken(&signer, &appliance, &text);
    let shown = appliance.json(&["directory", "show"]);
    let record = &shown["records"][0];
    assert_eq!(record["provider"], "Perché S.p.A.");
    assert_eq!(record["mail_receipt"], "ricevute@perche.test");
    assert_eq!(
        record["domains"],
        serde_json::json!(["perche.test", "uno.test"])
    );
    assert_eq!(record["certificates"][0]["sha1"], hash.to_uppercase());
    assert_eq!(shown["remarks"], serde_json::json!([]));
}

#[test]
fn di_04_every_attribute_is_loaded_with_several_values_where_allowed() {
    let signer = Index::new();
    let appliance = pinning(&signer);
    let (old, new) = (signer.certificate("Uno"), signer.certificate("Uno"));
    let mut uno = entry("Uno", &["uno.test", "una.test"], &old);
    uno.certificates.push(&new);
    taken(
        &signer,
        &appliance,
        &index(&[uno, entry("Due", &["due.test"], &old)]),
    );
    let shown = appliance.json(&["directory", "show"]);
    let record = &shown["records"][0];
    assert_eq!(record["location"], "https://uno.test/own.p7m");
    assert_eq!(record["unit"], serde_json::Value::Null);
    assert_eq!(
        record["domains"],
        serde_json::json!(["uno.test", "una.test"])
    );
    let hashes: Vec<&str> = record["certificates"]
        .as_array()
        .expect("certificates")
        .iter()
        .filter_map(|c| c["sha1"].as_str())
        .collect();
    assert_eq!(
        hashes,
        [hash(&old).to_uppercase(), hash(&new).to_uppercase()]
    );
    assert_eq!(shown["records"][1]["provider"], "Due");
}

#[test]
fn di_05_secondary_environments_have_their_own_receipts_and_domains() {
    let signer = Index::new();
    let appliance = pinning(&signer);
    let certificate = signer.certificate("Uno");
    let unit = Entry {
        unit: Some("Est"),
        receipt: "ricevute@est.test",
        ..entry("Uno", &["est.test"], &certificate)
    };
    let text = index(&[entry("Uno", &["uno.test"], &certificate), unit]);
    taken(&signer, &appliance, &text);
    let shown = appliance.json(&["directory", "show", "est.test"]);
    assert_eq!(shown["records"][0]["unit"], "Est");
    assert_eq!(shown["records"][0]["mail_receipt"], "ricevute@est.test");
    let directory = read(&text);
    assert_eq!(
        directory.by_certificate(&certificate).len(),
        2,
        "in both records"
    );
    let chosen = |of: &str| {
        let found = directory.receipts_for(&certificate, Some(&domain(of)), None);
        found.map(Address::as_str)
    };
    assert_eq!(chosen("est.test"), Some("ricevute@est.test"));
    assert_eq!(chosen("uno.test"), Some("ricevute@other.test"));
}

#[test]
fn di_06_searches_ignore_case_and_take_under_ten_microseconds() {
    let certificates: Vec<Vec<u8>> = (0..50).map(|n| format!("certificate {n}").into()).collect();
    let entries: Vec<Entry<'_>> = (0..50)
        .map(|n| Entry {
            domains: many(&format!("p{n}"), 6_000),
            ..entry("Uno", &["x.test"], &certificates[n])
        })
        .collect();
    let directory = read(&index(&entries));
    assert_eq!(directory.domain_count(), 300_000);
    let wanted: Vec<Domain> = (0..1000)
        .map(|n| domain(&format!("D{}.P{}.TEST", n * 6, n % 50)))
        .collect();
    assert!(wanted.iter().all(|domain| directory.is_managed(domain)));
    assert!(!directory.is_managed(&domain("d6000.p1.test")));
    let shouted = index(&entries[..1]).replace(
        &hash(&certificates[0]),
        &hash(&certificates[0]).to_uppercase(),
    );
    assert_eq!(read(&shouted).by_certificate(&certificates[0]).len(), 1);
    // The best of several rounds: the machine may be busy with other tests.
    let best = |search: &dyn Fn(usize) -> bool| {
        let rounds = (0..20).map(|_| {
            let begun = Time::now();
            assert!((0..1000).all(search));
            begun.elapsed() / 1000
        });
        rounds.min().expect("twenty rounds")
    };
    let by_domain = best(&|n| directory.is_managed(&wanted[n]));
    let by_hash = best(&|n| !directory.by_certificate(&certificates[n % 50]).is_empty());
    eprintln!("a domain is found in {by_domain:?}, a certificate in {by_hash:?}");
    assert!(by_domain < Duration::from_micros(10), "{by_domain:?}");
    assert!(by_hash < Duration::from_micros(10), "{by_hash:?}");
}

#[test]
fn di_07_two_certificates_of_one_record_hold_together() {
    let signer = Index::new();
    let (old, new) = (signer.certificate("Uno"), signer.certificate("Uno"));
    let mut uno = entry("Uno", &["uno.test"], &old);
    uno.certificates.push(&new);
    let directory = read(&index(&[uno]));
    for certificate in [&old, &new] {
        assert_eq!(directory.by_certificate(certificate).len(), 1);
    }
    let mut other = old.clone();
    *other.last_mut().expect("octets") ^= 1;
    assert!(directory.by_certificate(&other).is_empty(), "byte by byte");
}

#[test]
fn di_08_our_part_is_published_signed_and_anew_at_each_change() {
    let mut nation = Nation::new();
    let secondary = Entry {
        unit: Some("Est"),
        receipt: "ricevute@est.test",
        ..entry(PROVIDER, &["est.test"], b"certificate of the unit")
    };
    let file = nation
        .appliance
        .write_beside("secondary.ldif", secondary.text().as_bytes());
    nation.set("secondary", arg(&file));
    nation.appliance.serve();
    let (p7m, text) = (
        nation.appliance.beside("own.p7m"),
        nation.appliance.beside("own.ldif"),
    );
    let anchors = nation.appliance.anchors();
    let fetched = || {
        let answer = nation.curl(&nation.own_url(), &anchors, &[], &p7m);
        assert!(answer.status.success(), "{}", said(&answer));
        let kind = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(kind.starts_with("application/pkcs7-mime"), "{kind}");
        let cms = ["cms", "-verify", "-inform", "DER", "-purpose", "smimesign"];
        let files = [
            "-in",
            arg(&p7m),
            "-out",
            arg(&text),
            "-CAfile",
            arg(&anchors),
        ];
        run_well("openssl", &[&cms[..], &files[..]].concat());
        std::fs::read_to_string(&text).expect("LDIF in UTF-8")
    };
    let first = fetched();
    let own = nation.own_url();
    for line in [
        format!("providerName: {PROVIDER}"),
        format!("mailReceipt: {SERVICE_ADDRESS}"),
        format!("managedDomains: {DOMAIN}"),
        format!("managedDomains: {OTHER_DOMAIN}"),
        format!("LDIFLocationURL: {own}"),
        "providerUnit: Est".to_owned(),
        "managedDomains: est.test".to_owned(),
    ] {
        assert!(first.lines().any(|l| l == line), "{line} in\n{first}");
    }
    assert_eq!(
        first.matches("LDIFLocationURL").count(),
        1,
        "only of the main record"
    );
    assert_eq!(first.matches("dn: ").count(), 2);
    nation.appliance.well(&["domain", "add", "nuova.test"]);
    assert!(fetched().contains("managedDomains: nuova.test\n"));
    nation.appliance.well(&["domain", "remove", "nuova.test"]);
    assert_eq!(fetched(), first);
}

#[test]
fn di_10_a_new_index_comes_into_use_while_mail_goes_on() {
    let signer = Index::new();
    let mut appliance = pinning(&signer);
    appliance.serve();
    let pid = appliance.pid();
    let certificate = signer.certificate("Uno");
    let trio = Trio::at(&appliance);
    for number in 1..=3 {
        let domains = many("uno", number);
        let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
        let submission = trio.from.submission();
        taken(
            &signer,
            &appliance,
            &index(&[entry("Uno", &domains, &certificate)]),
        );
        drop(submission);
        let draft = trio.simple();
        trio.from.send_well(&[&trio.to.address], &draft.bytes());
        let shown = appliance.json(&["directory", "show"]);
        assert_eq!(shown["index"]["domains"], number);
    }
    assert_eq!(
        trio.from.wait_for(6).len(),
        6,
        "three acceptances, three deliveries"
    );
    assert_eq!(trio.to.wait_for(3).len(), 3);
    assert_eq!(appliance.pid(), pid);
}

#[test]
fn di_11_an_index_that_loses_much_waits_for_confirmation() {
    let signer = Index::new();
    let appliance = pinning(&signer);
    let certificate = signer.certificate("Uno");
    let with = |number: usize, names: &[&'static str]| {
        let entries: Vec<Entry<'_>> = names
            .iter()
            .map(|name| Entry {
                domains: many(&name.to_lowercase(), number),
                ..entry(name, &["x.test"], &certificate)
            })
            .collect();
        index(&entries)
    };
    taken(&signer, &appliance, &with(50, &["Uno", "Due"]));
    // 4 of 100 go at once, 6 of 96 do not, nor does a provider.
    taken(&signer, &appliance, &with(48, &["Uno", "Due"]));
    for poorer in [with(45, &["Uno", "Due"]), with(96, &["Uno"])] {
        let output = signer.import(&appliance, &poorer);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        let shown = appliance.json(&["directory", "show"]);
        assert_eq!(shown["index"]["domains"], 96);
        assert!(
            shown["alarms"][0]
                .as_str()
                .expect("an alarm")
                .contains("waits"),
            "{shown}"
        );
    }
    assert!(appliance.well(&["check"]).contains("directory confirm"));
    appliance.well(&["directory", "confirm"]);
    let shown = appliance.json(&["directory", "show"]);
    assert_eq!(
        (&shown["index"]["domains"], &shown["alarms"]),
        (&96.into(), &serde_json::json!([]))
    );
    appliance.refused(&["directory", "show", "d0.due.test"]);
    appliance.refused(&["directory", "confirm"]);
}

#[test]
fn di_12_a_changed_byte_of_the_stored_copy_stops_its_use() {
    let signer = Index::new();
    let appliance = pinning(&signer);
    let certificate = signer.certificate("Uno");
    let text = index(&[entry("Uno", &["uno.test"], &certificate)]);
    taken(&signer, &appliance, &text);
    let folder = appliance.data().join("directory");
    let files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the shelf")
        .map(|found| found.expect("an entry").path())
        .collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        let good = std::fs::read(&file).expect("readable");
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            std::fs::write(&file, &bad).expect("written");
            let shown = appliance.json(&["directory", "show"]);
            assert!(shown["index"].is_null(), "{file:?} at {at}: {shown}");
            let said = appliance.refused(&["check"]);
            assert!(said.contains("is not what was stored"), "{said}");
        }
        std::fs::write(&file, &good).expect("written");
    }
    appliance.well(&["directory", "show", "uno.test"]);
}

/// A shelf in memory with an index of the test's.
fn shelf(signer: &Index) -> DirectoryShelf {
    let pem = std::fs::read(signer.path("signer.pem")).expect("the signer");
    let options = ShelfOptions {
        pinned: certificate::read_file(&pem).expect("a certificate"),
        ..ShelfOptions::default()
    };
    DirectoryShelf::open(Arc::new(SimDisk::new()), "/directory".into(), options)
}

#[test]
fn di_13_an_index_older_than_36_hours_raises_an_alarm_and_stays_in_use() {
    let signer = Index::new();
    let shelf = shelf(&signer);
    let certificate = signer.certificate("Uno");
    let p7m = signer.sealed(&index(&[entry("Uno", &["uno.test"], &certificate)]));
    let now = SystemClock.now();
    shelf.take(&p7m, now).expect("taken");
    assert_eq!(shelf.alarms(now.plus_millis(35 * HOUR)), []);
    let late = now.plus_millis(37 * HOUR);
    assert_eq!(shelf.alarms(late), [Alarm::Stale(37)]);
    let current = shelf.current().expect("the last good copy");
    assert!(current.directory.is_managed(&domain("uno.test")));
    let fresh = signer.sealed(&index(&[entry("Uno", &["uno.test"], &certificate)]));
    shelf.take(&fresh, late).expect("taken");
    assert_eq!(shelf.alarms(late), [], "seen again");
}

#[test]
fn di_14_past_mail_finds_the_index_of_its_day_for_30_months() {
    let signer = Index::new();
    let shelf = shelf(&signer);
    let certificate = signer.certificate("Uno");
    let now = SystemClock.now();
    let day = |n: i64| now.plus_millis(n * 24 * HOUR);
    for n in 0..3 {
        let domains = many("uno", usize::try_from(n).expect("small") + 1);
        let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
        let p7m = signer.sealed(&index(&[entry("Uno", &domains, &certificate)]));
        shelf.take(&p7m, day(n)).expect("taken");
    }
    let domains_at = |at: Instant| {
        let found = shelf.as_of(at).expect("the shelf is sound");
        found.map(|index| index.directory.domain_count())
    };
    assert_eq!(domains_at(day(-1)), None);
    for n in 0..3 {
        let expected = usize::try_from(n).expect("small") + 1;
        assert_eq!(domains_at(day(n).plus_millis(HOUR)), Some(expected));
    }
    assert_eq!(domains_at(day(900)), Some(3));
}

#[test]
fn di_15_what_is_not_in_dot_atom_form_is_reported_and_never_written() {
    let signer = Index::new();
    let appliance = pinning(&signer);
    let certificate = signer.certificate("Uno");
    let good = entry("Uno", &["uno.test"], &certificate).text();
    let bad = good.replace(
        "mailReceipt: ricevute@other.test",
        "mailReceipt: \"ri cevute\"@other.test",
    ) + "managedDomains: (x)uno.test\nmanagedDomains: uno..test\n";
    taken(&signer, &appliance, &bad);
    let shown = appliance.json(&["directory", "show"]);
    let remarks = shown["remarks"].to_string();
    for told in ["mailReceipt", "(x)uno.test", "uno..test"] {
        assert!(remarks.contains(told), "{told} in {remarks}");
    }
    assert!(shown["records"][0]["mail_receipt"].is_null());
    assert_eq!(
        shown["records"][0]["domains"],
        serde_json::json!(["uno.test"])
    );
    let record = ProviderRecord {
        name: "Uno".to_owned(),
        unit: None,
        mail_receipt: Address::parse("\"ri cevute\"@other.test").ok(),
        domains: vec![domain("uno.test")],
        certificates: vec![certificate],
        ldif_url: None,
        description: None,
    };
    assert!(matches!(
        write(None, &[record]),
        Err(WriteError::MailReceipt(_))
    ));
}

#[test]
fn di_16_wrong_hashes_and_domains_of_two_are_reported() {
    let signer = Index::new();
    let appliance = pinning(&signer);
    let (one, two) = (signer.certificate("Uno"), signer.certificate("Due"));
    let text = index(&[
        entry("Uno", &["uno.test", "comune.test"], &one),
        entry("Due", &["due.test", "COMUNE.test"], &two),
    ]);
    let wrong = text.replace(&hash(&one), &"0".repeat(40));
    taken(&signer, &appliance, &wrong);
    let remarks = appliance.json(&["directory", "show"])["remarks"].to_string();
    assert!(remarks.contains(&"0".repeat(40)), "{remarks}");
    assert!(
        remarks.contains("comune.test is also listed by Due"),
        "{remarks}"
    );
    let directory = read(&wrong);
    assert!(directory.by_certificate(&one).is_empty(), "not used");
    assert_eq!(directory.by_certificate(&two).len(), 1);
    let shown = appliance.json(&["directory", "show", "comune.test"]);
    assert_eq!(
        shown["records"].as_array().map(Vec::len),
        Some(2),
        "certified all the same"
    );
}

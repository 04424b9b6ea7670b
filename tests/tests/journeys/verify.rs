//! `ceralacca verify` tells the genuine from the altered, the cut and the unsigned, each with its own
//! sentence; and `demo --once` holds.

use ceralacca_tests::appliance::{Appliance, ceralacca};
use ceralacca_tests::compose::Draft;
use ceralacca_tests::journey::certify;
use ceralacca_tests::judge;
use ceralacca_tests::message::find;
use ceralacca_tests::program::{arg, said};
use ceralacca_tests::workspace;

/// `octets` with the first `from` replaced by `to`.
fn replaced(octets: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = find(octets, from).unwrap_or_else(|| panic!("no {}", String::from_utf8_lossy(from)));
    [&octets[..at], to, &octets[at + from.len()..]].concat()
}

#[test]
fn what_is_altered_cut_or_unsigned_is_told_precisely() {
    let appliance = Appliance::shared();
    let (from, to) = (appliance.mailbox("da"), appliance.mailbox("a"));
    let certified = certify(&from, &[&to], &Draft::new(&from.address, &[&to.address]));
    let folder = workspace::scratch();
    let file = folder.path().join("message.eml");
    let verdict = |octets: &[u8]| {
        std::fs::write(&file, octets).unwrap();
        judge::own_verifier(&file, &appliance.anchors())
    };
    for message in certified.all() {
        let output = verdict(&message.message.raw);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    let raw = &certified.delivery().message.raw;
    let draft = Draft::new(&from.address, &[&to.address]).bytes();
    let p7s = certified.delivery().signature.body().to_vec();
    let mut broken = p7s.clone();
    let middle = broken.len() / 2;
    broken[middle] = if broken[middle] == b'A' { b'B' } else { b'A' };
    let cases: [(&str, Vec<u8>); 7] = [
        ("text altered", replaced(raw, b"casella", b"cassella")),
        (
            "a line end altered",
            replaced(
                raw,
                b"Identificativo messaggio: ",
                b"Identificativo messaggio:  ",
            ),
        ),
        ("cut short", raw[..raw.len() * 2 / 3].to_vec()),
        ("not signed", draft),
        ("signature altered", replaced(raw, &p7s, &broken)),
        (
            "type altered",
            replaced(
                raw,
                b"X-Ricevuta: avvenuta-consegna",
                b"X-Ricevuta: accettazione",
            ),
        ),
        (
            "sender altered",
            replaced(
                raw,
                b"posta-certificata@pec.test",
                b"posta-certificata@pec.example",
            ),
        ),
    ];
    let mut sentences = std::collections::BTreeSet::new();
    for (story, octets) in cases {
        let output = verdict(&octets);
        assert_eq!(output.status.code(), Some(1), "{story}: {}", said(&output));
        let words = said(&output);
        assert!(words.len() > 40, "{story}: {words}");
        sentences.insert(words);
    }
    assert!(
        sentences.len() >= 6,
        "each fault has its sentence: {sentences:#?}"
    );
    // The independent judges agree on the altered one.
    std::fs::write(&file, replaced(raw, b"casella", b"cassella")).unwrap();
    assert!(!judge::openssl(&file, &appliance.anchors()).status.success());
    assert!(
        !judge::python(&[arg(&file)], &appliance.anchors())
            .status
            .success()
    );
    // With no anchor nothing is genuine.
    std::fs::write(&file, raw).unwrap();
    let output = ceralacca(&["verify", arg(&file)]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

#[test]
fn verify_speaks_json() {
    let appliance = Appliance::shared();
    let (from, to) = (appliance.mailbox("da"), appliance.mailbox("a"));
    let certified = certify(&from, &[&to], &Draft::new(&from.address, &[&to.address]));
    let file = appliance.write_beside("genuine.eml", &certified.acceptance.message.raw);
    let report = appliance.json(&["verify", arg(&file)]);
    assert_eq!(report["genuine"], true, "{report}");
    let bad = appliance.write_beside("bad.eml", b"Subject: x\r\n\r\ny\r\n");
    let output = appliance.command(&["verify", arg(&bad), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["genuine"], false, "{report}");
}

#[test]
fn the_demo_holds() {
    let output = ceralacca(&["demo", "--once"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn exit_codes_are_those_of_the_manual() {
    let folder = workspace::scratch();
    let data = folder.path().join("none");
    let unreachable = ceralacca(&["--data", arg(&data), "check"]);
    assert!(
        [1, 3].contains(&unreachable.status.code().unwrap()),
        "{}",
        said(&unreachable)
    );
    let init = [
        "init",
        "--data",
        arg(&data),
        "--provider",
        "P",
        "--domain",
        "a.test",
    ];
    let usage = ceralacca(&init);
    assert_eq!(
        usage.status.code(),
        Some(2),
        "no --scanner: {}",
        said(&usage)
    );
    let unknown = [&init[..], &["--scanner", "clamd:nowhere"]].concat();
    let output = ceralacca(&unknown);
    assert!(!output.status.success(), "{}", said(&output));
    let shared = Appliance::shared();
    let output = shared.command(&["mailbox", "show", "nessuno@pec.test"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

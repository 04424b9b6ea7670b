//! From one signing certificate to the next, while mail goes on: it signs only what everybody can verify.

use std::path::{Path, PathBuf};

use ceralacca_core::smime::certificate;
use ceralacca_tests::compose::Draft;
use ceralacca_tests::federation::{Federation, FederationSettings};
use ceralacca_tests::program::{arg, run_well};
use ceralacca_tests::sealed::Sealed;

use crate::at;

/// A certificate of the federation's authority for a new key of the first provider.
fn certified(federation: &Federation, label: &str) -> PathBuf {
    let alfa = &federation.alfa;
    let (csr, pem) = (alfa.beside("next.csr"), alfa.beside("next.pem"));
    alfa.well(&["hsm", "keygen", "--label", label]);
    alfa.well(&["hsm", "csr", "--label", label, "--out", arg(&csr)]);
    let authority = federation.authority();
    alfa.well(&[
        "sandbox",
        "authority",
        "sign",
        arg(&csr),
        "--folder",
        arg(&authority),
        "--out",
        arg(&pem),
    ]);
    pem
}

fn leaf(pem: &Path) -> Vec<u8> {
    let octets = std::fs::read(pem).unwrap();
    certificate::read_file(&octets).unwrap().remove(0)
}

/// What has signed a message, as OpenSSL finds it.
fn signer(federation: &Federation, message: &Sealed) -> Vec<u8> {
    let file = federation.write("signed", message);
    let out = file.with_extension("signer");
    let anchors = federation.anchors();
    let fixed = [
        "cms",
        "-verify",
        "-purpose",
        "smimesign",
        "-out",
        "/dev/null",
    ];
    let more = [
        "-in",
        arg(&file),
        "-CAfile",
        arg(&anchors),
        "-signer",
        arg(&out),
    ];
    run_well("openssl", &[&fixed[..], &more[..]].concat());
    leaf(&out)
}

/// Certificates in our published part of the index.
fn published(federation: &Federation) -> usize {
    let file = federation.alfa.beside("own.ldif");
    federation
        .alfa
        .well(&["directory", "export", arg(&file), "--ldif"]);
    let text = std::fs::read_to_string(file).unwrap();
    text.matches("providerCertificate;binary::").count()
}

fn next(federation: &Federation) -> String {
    let list = federation.alfa.json(&["hsm", "list"]);
    list["next"]["words"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The envelope and the acceptance of a message from the first provider to the second.
fn sent(federation: &Federation, [anna, bruno]: &[String; 2], number: usize) -> Vec<Sealed> {
    let sender = at(&federation.alfa, anna);
    let draft = Draft::new(anna, &[bruno.as_str()]).subject("Cambio");
    sender.send_well(&[bruno], &draft.bytes());
    let envelope = at(&federation.beta, bruno).wait_for(number).pop().unwrap();
    let receipts = sender.wait_for(2 * number);
    let mut acceptance = receipts
        .into_iter()
        .filter(|r| r.type_field() == "accettazione");
    vec![envelope, acceptance.next_back().unwrap()]
}

/// DI-09, HS-07; DI-07 on the other side.
#[test]
fn di_09_hs_07_a_new_certificate_is_published_shown_for_three_days_and_then_signs() {
    let mut federation = Federation::start(&FederationSettings::default());
    let people = [
        federation.alfa.mailbox("anna").address,
        federation.beta.mailbox("bruno").address,
    ];
    let old = signer(&federation, &sent(&federation, &people, 1)[0]);
    let pem = certified(&federation, "second");
    let new = leaf(&pem);
    let import = ["hsm", "import-cert", arg(&pem), "--label", "second"];
    federation
        .alfa
        .refused(&[&import[..], &["--from", "domani"]].concat());
    // Taken back, and as if it had never been.
    assert_eq!(federation.alfa.json(&import)["waits"], true);
    assert_eq!(published(&federation), 2);
    federation.alfa.well(&["hsm", "recall"]);
    federation.alfa.refused(&["hsm", "recall"]);
    assert_eq!(
        (published(&federation), next(&federation)),
        (1, String::new())
    );

    federation.alfa.well(&import);
    assert!(
        next(&federation).contains("does not show it"),
        "{}",
        next(&federation)
    );
    let fetched = || federation.alfa.well(&["directory", "fetch"]);
    federation.wait("the new certificate in the index", || {
        fetched();
        next(&federation).contains("shown by the index since")
    });
    federation.beta.well(&["directory", "fetch"]);
    federation.advance("71h");
    fetched();
    assert!(next(&federation).contains("shown by the index since"));
    for message in sent(&federation, &people, 2) {
        assert!(signer(&federation, &message) == old, "too early");
    }
    federation.advance("1h");
    // Time alone does not do it: somebody must have seen the index again.
    assert!(next(&federation).contains("shown by the index since"));
    fetched();
    assert_eq!(next(&federation), "");
    for message in sent(&federation, &people, 3) {
        assert!(
            signer(&federation, &message) == new,
            "the new one signs, without a restart"
        );
    }
    assert_eq!(
        published(&federation),
        2,
        "the old one for what is under way"
    );
    federation.alfa.kill();
    federation.alfa.serve();
    for message in sent(&federation, &people, 4) {
        assert!(signer(&federation, &message) == new, "and after a crash");
    }
    let list = federation.alfa.json(&["hsm", "list"]);
    let keys = list["keys"].as_array().unwrap();
    let in_use: Vec<_> = keys.iter().filter(|key| key["in_use"] == true).collect();
    assert_eq!((in_use.len(), &in_use[0]["label"]), (1, &"second".into()));
    federation
        .alfa
        .well(&["sandbox", "clock", "--advance", "168h"]);
    assert_eq!(published(&federation), 1, "a week later it is gone");
}

#[test]
fn hs_07_a_new_certificate_signs_not_before_its_instant_or_at_once_when_told_so() {
    let federation = Federation::start(&FederationSettings::default());
    let anna = federation.alfa.mailbox("anna").address;
    let pem = certified(&federation, "second");
    let import = ["hsm", "import-cert", arg(&pem), "--label", "second"];
    let now = federation.alfa.json(&["sandbox", "clock"]);
    let now = ceralacca_core::instant::Instant::from_rfc3339(now["now"].as_str().unwrap()).unwrap();
    let day = 24 * 60 * 60 * 1000;
    let from = now.plus_millis(4 * day).rfc3339();
    federation
        .alfa
        .well(&[&import[..], &["--from", &from]].concat());
    let fetched = || federation.alfa.well(&["directory", "fetch"]);
    federation.wait("the new certificate in the index", || {
        fetched();
        next(&federation).contains("shown by the index since")
    });
    federation.advance("73h");
    fetched();
    assert_eq!(next(&federation), format!("waits until {from}"));
    federation.advance("24h");
    fetched();
    assert_eq!(next(&federation), "");
    // Who does not wait is taken at his word.
    let pem = certified(&federation, "third");
    let import = [
        "hsm",
        "import-cert",
        arg(&pem),
        "--label",
        "third",
        "--at-next-start",
    ];
    assert_eq!(federation.alfa.json(&import)["waits"], false);
    let new = leaf(&pem);
    let mut federation = federation;
    federation.alfa.stop();
    federation.alfa.serve();
    let sender = at(&federation.alfa, &anna);
    sender.send_well(&[&anna], &Draft::new(&anna, &[&anna]).bytes());
    let came = sender.wait_for(3);
    assert!(
        came.iter()
            .all(|message| signer(&federation, message) == new)
    );
}

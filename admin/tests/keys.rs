//! Keys and certificates as an operator meets them: software keys are marked, certificates that break
//! the profile are refused, and the missing step is named.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use ceralacca_admin::cli::Arguments;
use ceralacca_admin::command;
use ceralacca_admin::report::{Failure, Report, Voice};
use ceralacca_core::ports::{Clock, SystemClock};
use ceralacca_core::smime::certificate;
use ceralacca_hsm::authority::Deviation;
use ceralacca_hsm::{Authority, SoftwareKey};
use clap::Parser;
use serde_json::json;

fn run(data: &Path, line: &str) -> Result<Report, Failure> {
    let mut words = vec!["ceralacca", "--data", data.to_str().unwrap()];
    words.extend(line.split(' '));
    command::run(
        Arguments::try_parse_from(words).unwrap(),
        Voice { json: true },
    )
}

fn provider() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    run(
        &data,
        "init --provider Prova --domain pec.test --scanner none --free-ports",
    )
    .unwrap();
    (folder, data)
}

#[test]
fn hs_01_a_software_key_is_marked_wherever_keys_are_shown() {
    let (_folder, data) = provider();
    let listed = run(&data, "hsm list").unwrap();
    assert!(
        listed.words.contains("software key (evaluation only)"),
        "{}",
        listed.words
    );
    assert_eq!(listed.object["keys"][0]["software"], json!(true));
    let checked = run(&data, "check").unwrap();
    assert!(
        checked.words.contains("software key (evaluation only)"),
        "{}",
        checked.words
    );
}

#[test]
fn a_certificate_goes_round_from_request_to_import() {
    let (folder, data) = provider();
    let request = folder.path().join("request.pem");
    let chain = folder.path().join("chain.pem");
    run(&data, &format!("hsm csr --out {}", request.display())).unwrap();
    run(
        &data,
        &format!(
            "sandbox authority sign {} --out {}",
            request.display(),
            chain.display()
        ),
    )
    .unwrap();
    let imported = run(&data, &format!("hsm import-cert {}", chain.display())).unwrap();
    assert_eq!(imported.object["issuers"], json!(1));
    assert!(run(&data, "check").unwrap().words.contains("364 days left"));
}

#[test]
fn sg_11_a_certificate_that_breaks_the_profile_is_refused_when_imported_and_when_loaded() {
    let (folder, data) = provider();
    let key = SoftwareKey::load(&data.join("keys/soft/ceralacca-signing.key")).unwrap();
    let authority = Authority::load(&data.join("keys")).unwrap();
    let broken = authority
        .issue_for(
            key.public(),
            "Prova",
            "posta-certificata@altrove.test",
            30,
            SystemClock.now(),
            &[] as &[Deviation],
        )
        .unwrap();
    let broken = certificate::pem("CERTIFICATE", &broken);
    let file = folder.path().join("broken.pem");
    std::fs::write(&file, &broken).unwrap();
    let refused = run(&data, &format!("hsm import-cert {}", file.display())).unwrap_err();
    assert!(
        refused.to_string().contains("posta-certificata@pec.test"),
        "{refused}"
    );
    std::fs::write(data.join("keys/signing.pem"), &broken).unwrap();
    let refused = run(&data, "serve").unwrap_err();
    assert!(
        refused.to_string().contains("posta-certificata@pec.test"),
        "{refused}"
    );
    assert!(!run(&data, "check").unwrap().held);
}

#[test]
fn serve_names_the_step_that_lacks() {
    let (_folder, data) = provider();
    // The program itself: what it asks of keys it asks in children, which are itself again.
    let serve = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_ceralacca"));
        let ended = program.arg("--data").arg(&data).arg("serve").output();
        let ended = ended.unwrap();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        String::from_utf8_lossy(&ended.stderr).into_owned()
    };
    std::fs::remove_file(data.join("keys/signing.pem")).unwrap();
    let refused = serve();
    assert!(
        refused.contains("hsm csr") && refused.contains("hsm import-cert"),
        "{refused}"
    );
    std::fs::remove_file(data.join("keys/soft/ceralacca-signing.key")).unwrap();
    let refused = serve();
    assert!(refused.contains("hsm keygen"), "{refused}");
}

#[test]
fn nothing_is_genuine_without_somebody_to_trust() {
    let (folder, data) = provider();
    let file = folder.path().join("message.eml");
    std::fs::write(&file, "Subject: prova\r\n\r\nciao\r\n").unwrap();
    let verdict = run(&data, &format!("verify {}", file.display())).unwrap();
    assert!(!verdict.held);
    assert_eq!(verdict.object["genuine"], json!(false));
}

#[test]
fn vi_09_the_key_of_the_quarantine_is_for_its_owner_and_a_lost_one_is_not_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, data) = provider();
    let key = data.join("keys/quarantine.key");
    let mode = |bits| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(bits));
    assert_eq!(
        run(&data, "quarantine list").unwrap().object,
        json!({ "messages": [] })
    );
    mode(0o640).unwrap();
    let refused = run(&data, "quarantine list").unwrap_err().to_string();
    assert!(refused.contains("others may read it"), "{refused}");
    mode(0o600).unwrap();
    std::fs::write(&key, "short\n").unwrap();
    let refused = run(&data, "quarantine list").unwrap_err().to_string();
    assert!(refused.contains("quarantine.key"), "{refused}");
    std::fs::remove_file(&key).unwrap();
    let kept = data.join("quarantine/20261125-00000000000000000000000000000000.cq");
    std::fs::write(&kept, "something").unwrap();
    let refused = run(&data, "quarantine list").unwrap_err().to_string();
    assert!(refused.contains("put it back"), "{refused}");
    assert!(!key.exists());
}

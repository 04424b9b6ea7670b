//! Independent judges of what the appliance emits: `openssl cms -verify`, `xmllint` with our own DTD,
//! and a verifier in Python that shares no code with either.

use std::path::Path;

use crate::appliance::{Appliance, ceralacca};
use crate::program::{arg, run, said};
use crate::sealed::Sealed;
use crate::workspace;

/// Asks every judge about `messages`.
pub fn all_accept(appliance: &Appliance, messages: &[&Sealed]) {
    let folder = workspace::scratch();
    let anchors = appliance.anchors();
    let mut files = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        let file = folder.path().join(format!("{number}.eml"));
        std::fs::write(&file, &message.message.raw).expect("written");
        openssl_accepts(&file, &anchors);
        dtd_accepts(message);
        files.push(file);
    }
    python_accepts(&files.iter().map(|f| arg(f)).collect::<Vec<_>>(), &anchors);
}

/// `openssl cms -verify`, with the purpose S/MIME signing and strict X.509.
pub fn openssl_accepts(file: &Path, anchors: &Path) {
    let output = openssl(file, anchors);
    assert!(
        output.status.success(),
        "openssl refuses: {}",
        said(&output)
    );
}

/// What `openssl cms -verify` says of a file.
pub fn openssl(file: &Path, anchors: &Path) -> std::process::Output {
    let fixed = [
        "cms",
        "-verify",
        "-purpose",
        "smimesign",
        "-x509_strict",
        "-out",
        "/dev/null",
    ];
    let mut arguments = fixed.to_vec();
    arguments.extend(["-in", arg(file), "-CAfile", arg(anchors)]);
    run("openssl", &arguments)
}

/// `xmllint --dtdvalid` over the certification data, when the message has them.
pub fn dtd_accepts(message: &Sealed) {
    let Some(part) = message.named("daticert.xml") else {
        return;
    };
    let dtd = workspace::tests_file("vectors/daticert.dtd");
    let folder = workspace::scratch();
    let file = folder.path().join("daticert.xml");
    std::fs::write(&file, part.decoded()).expect("written");
    let output = run(
        "xmllint",
        &["--nonet", "--noout", "--dtdvalid", arg(&dtd), arg(&file)],
    );
    assert!(
        output.status.success(),
        "{}\n{}",
        said(&output),
        message.data().0
    );
}

/// The verifier in Python.
pub fn python_accepts(files: &[&str], anchors: &Path) {
    let output = python(files, anchors);
    assert!(
        output.status.success(),
        "the Python verifier refuses: {}",
        said(&output)
    );
}

/// What the verifier in Python says of files.
pub fn python(files: &[&str], anchors: &Path) -> std::process::Output {
    let script = workspace::tests_file("scripts/verify_cms.py");
    let mut arguments = vec![arg(&script), arg(anchors)];
    arguments.extend(files);
    run(python_with_cryptography(), &arguments)
}

/// The first `python3` of the path, or Debian's where that one lacks the library that `make setup`
/// installs as a Debian package.
fn python_with_cryptography() -> &'static str {
    let has_library = run("python3", &["-c", "import cryptography"])
        .status
        .success();
    if has_library {
        "python3"
    } else {
        "/usr/bin/python3"
    }
}

/// `ceralacca verify FILE --anchors PEM`.
pub fn own_verifier(file: &Path, anchors: &Path) -> std::process::Output {
    ceralacca(&["verify", arg(file), "--anchors", arg(anchors)])
}

/// An independent DKIM verifier in Python, which gets the key's record instead of asking for it.
pub fn dkim_accepts(message: &[u8], record_name: &str, record: &str) {
    const SCRIPT: &str = "import sys, dkim\n\
        name, record = (a.encode() for a in sys.argv[1:3])\n\
        find = lambda asked, timeout=5: record if asked.rstrip(b'.') == name else None\n\
        sys.exit(0 if dkim.verify(sys.stdin.buffer.read(), dnsfunc=find) else 1)\n";
    let arguments = ["-c", SCRIPT, record_name, record];
    let output = crate::program::run_with_input("/usr/bin/python3", &arguments, message);
    assert!(output.status.success(), "dkim refuses: {}", said(&output));
}

//! `make conformance`: runs the conformance tests and prints the table ID, result, rule. Ends with 1
//! when a row fails or has no test.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use ceralacca_tests::catalogue;

fn main() -> ExitCode {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "test",
            "-p",
            "ceralacca-tests",
            "--test",
            "conformance",
            "--test",
            "between",
            "--no-fail-fast",
        ])
        .args(std::env::args_os().skip(1))
        .stderr(std::process::Stdio::inherit())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            eprintln!("cargo cannot run: {error}");
            return ExitCode::FAILURE;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let results = results(&said);
    let mut failed = 0;
    for row in catalogue::rows() {
        let word = match results.get(row.test.as_str()) {
            Some(true) => "pass",
            Some(false) => "FAIL",
            None => "NONE",
        };
        failed += usize::from(word != "pass");
        println!("{:6} {word}  {} [{}]", row.id, row.rule, row.source);
    }
    println!("{} requirements, {failed} not met", catalogue::rows().len());
    if failed == 0 && output.status.success() {
        return ExitCode::SUCCESS;
    }
    if let Some(at) = said.find("failures:") {
        println!("{}", &said[at..]);
    }
    ExitCode::FAILURE
}

/// `test ap::ap_01_… ... ok`, line by line.
fn results(said: &str) -> BTreeMap<&str, bool> {
    let line = |line: &'_ str| -> Option<(usize, usize, bool)> {
        let rest = line.strip_prefix("test ")?;
        let end = rest.find(" ... ")?;
        Some((5, 5 + end, rest.ends_with("ok")))
    };
    said.lines()
        .filter_map(|text| line(text).map(|(from, to, is_ok)| (&text[from..to], is_ok)))
        .collect()
}

//! The fast rows run in any build: what they tell here means nothing, that they tell it does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_ceralacca-bench"))
        .args(arguments)
        .output()
        .expect("it runs");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs these rows with small numbers; what `--out` wrote.
fn quick(only: &str, folder: &Path) -> Value {
    let file = folder.join("rows.json");
    let out = file.to_str().unwrap();
    bench(&["all", "--quick", "--only", only, "--out", out]);
    serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap()
}

#[track_caller]
fn assert_measured(run: &Value, of: &str, wanted: usize) {
    let rows = run["rows"].as_array().expect("rows");
    let measured: Vec<&Value> = rows
        .iter()
        .filter(|row| row["of"].as_str().is_some_and(|name| name.starts_with(of)))
        .filter(|row| row["value"].as_f64().is_some_and(|value| value > 0.0))
        .collect();
    assert_eq!(measured.len(), wanted, "{of}: {run:#}");
}

#[test]
fn rows_of_the_pool_the_journal_and_the_chain_are_measured_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let only = "pool-sim,pool-softhsm,journal,accepted";
    let run = quick(only, folder.path());
    assert!(run["machine"]["fdatasync_per_s"].as_f64() > Some(0.0));
    assert_measured(&run, "pool --signer sim", 2);
    assert_measured(&run, "pool --signer softhsm", 1);
    assert_measured(&run, "journal", 2);
    assert_measured(&run, "chain", 1);
    let (file, plot) = (
        folder.path().join("rows.json"),
        folder.path().join("rows.svg"),
    );
    let [file, svg] = [&file, &plot].map(|path| path.to_str().unwrap());
    let table = bench(&["report", file, "--svg", svg]).stdout;
    let table = String::from_utf8_lossy(&table).into_owned();
    assert!(
        table.contains("| `journal` | journal: commits for each fdatasync |"),
        "{table}"
    );
    let drawn = std::fs::read_to_string(&plot).unwrap();
    // A bar for each row that has a target.
    assert_eq!(drawn.matches("height=\"14\"").count(), 4, "{drawn}");
}

#[test]
fn rows_beside_postfix_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let run = quick("postfix", folder.path());
    assert_measured(&run, "chain --against postfix", 3);
    let details = &run["rows"][0]["details"];
    assert!(
        details["other_messages_per_s"][0].as_f64() > Some(0.0),
        "{run:#}"
    );
}

#[test]
fn a_row_that_is_not_there_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_ceralacca-bench"))
        .args(["all", "--quick", "--only", "tempo"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("there is no tempo"),
        "{said}"
    );
}

//! Running other people's programs.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs `name` with `arguments`, feeding `input`; a missing program fails the test.
pub fn run_with_input(name: &str, arguments: &[&str], input: &[u8]) -> Output {
    let child = Command::new(name)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|e| panic!("{name} cannot run ({e}): run make setup"));
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    // A program that stops reading early closes the pipe: what it says decides, not the pipe.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer ends");
    output
}

/// Runs `name` with `arguments` and nothing on its input.
pub fn run(name: &str, arguments: &[&str]) -> Output {
    run_with_input(name, arguments, b"")
}

/// Standard output and error as one text, for messages.
pub fn said(output: &Output) -> String {
    format!(
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs and asks for success.
pub fn run_well(name: &str, arguments: &[&str]) -> String {
    let output = run(name, arguments);
    assert!(
        output.status.success(),
        "{name} {arguments:?}: {}",
        said(&output)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

//! The binary `ceralacca` again, built with the tests: same library, same entry.

use std::process::ExitCode;

fn main() -> ExitCode {
    ceralacca_admin::run()
}

//! The one binary: everything it does is in the library, where tests can call it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ceralacca_admin::run()
}

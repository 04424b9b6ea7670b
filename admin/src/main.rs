//! The one binary: everything it does is in the library, where tests can call it.

use std::process::ExitCode;

/// Most of what a message costs outside of its signatures was room for short-lived text, asked for and
/// given back on many threads: this allocator does that in a third of the time of the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ceralacca_admin::run()
}

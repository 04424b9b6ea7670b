//! Where things lie: the repository, the program under test, the judges' scripts.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("tests/ has a parent").to_owned()
}

/// A file of this package.
pub fn tests_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The program under test: `CERALACCA_BIN`, or the twin of the binary that Cargo builds with this
/// package and puts beside its test executables, so that it is never stale.
pub fn program() -> PathBuf {
    if let Some(given) = std::env::var_os("CERALACCA_BIN") {
        return given.into();
    }
    let own = std::env::current_exe().expect("the test executable has a path");
    let found = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("ceralacca-under-test"))
        .find(|path| path.exists());
    found.expect("cargo builds ceralacca-under-test with the tests; run them through cargo")
}

/// A new folder that is removed when the value is dropped. Under the build's `tmp`, so that a crash
/// run uses a real disk and not a memory file system.
pub fn scratch() -> tempfile::TempDir {
    let base =
        std::env::var_os("CERALACCA_TEST_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    std::fs::create_dir_all(&base).expect("the scratch folder can be made");
    tempfile::Builder::new()
        .prefix("ceralacca-test-")
        .tempdir_in(base)
        .expect("a scratch folder")
}

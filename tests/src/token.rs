//! A SoftHSM 2 token in a folder of its own, so that tests neither see nor touch the machine's.

use std::path::PathBuf;

use crate::program::{arg, run_well};
use crate::workspace::root;

/// PIN of the token.
pub const PIN: &str = "73194628";

/// The module's library where Debian and others put it.
pub fn module() -> PathBuf {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ];
    let found = places.iter().map(PathBuf::from).find(|p| p.exists());
    found.expect("SoftHSM 2 is not here: run make setup")
}

/// The folder with the configuration and the tokens.
pub struct TokenFolder {
    folder: tempfile::TempDir,
}

impl TokenFolder {
    /// An empty one, with its configuration file.
    pub fn new() -> Self {
        let folder = crate::workspace::scratch();
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).expect("made");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        std::fs::write(folder.path().join("softhsm2.conf"), text).expect("written");
        secret(&folder.path().join("pin"), PIN);
        secret(&folder.path().join("so-pin"), "84017265");
        Self { folder }
    }

    /// The security officer's PIN file.
    pub fn so_pin_file(&self) -> PathBuf {
        self.folder.path().join("so-pin")
    }

    /// Lets everybody read the PIN file.
    pub fn open_to_all(&self) {
        mode(&self.pin_file(), 0o644);
    }

    /// The configuration file, for `SOFTHSM2_CONF`.
    pub fn conf(&self) -> PathBuf {
        self.folder.path().join("softhsm2.conf")
    }

    /// The PIN file.
    pub fn pin_file(&self) -> PathBuf {
        self.folder.path().join("pin")
    }

    /// Takes the token away: its folder moves aside.
    pub fn pull_out(&self) {
        let from = self.folder.path().join("tokens");
        std::fs::rename(from, self.folder.path().join("away")).expect("moved");
    }

    /// Puts it back.
    pub fn put_back(&self) {
        let to = self.folder.path().join("tokens");
        std::fs::rename(self.folder.path().join("away"), to).expect("moved");
    }

    /// The folder of each token.
    pub fn each(&self) -> Vec<PathBuf> {
        let tokens = std::fs::read_dir(self.folder.path().join("tokens")).expect("the folder");
        tokens.map(|token| token.expect("a token").path()).collect()
    }

    /// Takes one token away; where it is now.
    pub fn take(&self, token: &std::path::Path) -> PathBuf {
        let to = self.folder.path().join("taken");
        std::fs::rename(token, &to).expect("moved");
        to
    }

    /// A vendor's library that does wrong as long as it is [told](Self::told) to, with these tokens behind it:
    /// what is said of it is in `hsm/tests/faulty.c`.
    pub fn faulty_module(&self) -> PathBuf {
        let built = self.folder.path().join("faulty.so");
        let source = root().join("hsm/tests/faulty.c");
        let library = module();
        let define = |name: &str, value: &str| format!("-D{name}=\"{value}\"");
        run_well(
            "cc",
            &[
                "-shared",
                "-fPIC",
                "-O1",
                &define("FOLDER", arg(self.folder.path())),
                &define("MODULE", arg(&library)),
                "-o",
                arg(&built),
                arg(&source),
                "-ldl",
            ],
        );
        built
    }

    /// Tells the faulty module to do this, until what is given back is dropped.
    pub fn told(&self, what: &str) -> Told {
        let file = self.folder.path().join(what);
        std::fs::write(&file, b"").expect("written");
        Told(file)
    }

    fn tool(&self, label: &str, action: &[&str]) -> String {
        let conf = format!("SOFTHSM2_CONF={}", arg(&self.conf()));
        let library = module();
        let fixed = [
            conf.as_str(),
            "pkcs11-tool",
            "--module",
            arg(&library),
            "--token-label",
            label,
        ];
        run_well("env", &[&fixed[..], action].concat())
    }

    /// Names and attributes of the objects in it, as `pkcs11-tool` shows them.
    pub fn objects(&self, label: &str) -> String {
        self.tool(label, &["--login", "--pin", PIN, "--list-objects"])
    }
}

/// What the faulty module is told, as long as it lasts.
pub struct Told(PathBuf);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn secret(path: &std::path::Path, text: &str) {
    std::fs::write(path, text).expect("written");
    mode(path, 0o600);
}

fn mode(path: &std::path::Path, bits: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits)).expect("changed");
}

impl Default for TokenFolder {
    fn default() -> Self {
        Self::new()
    }
}

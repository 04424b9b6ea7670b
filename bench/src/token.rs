//! A SoftHSM 2 token in a folder of its own, and the PIN that opens it or a sealed key.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::provider::{Quiet, appliance};
use crate::sums::Trouble;

/// Where Debian and others have the module.
const PLACES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
];
/// Its token's label.
pub const LABEL: &str = "bench";

/// The module's library.
pub fn module() -> Result<&'static str, Trouble> {
    let found = PLACES.into_iter().find(|place| Path::new(place).exists());
    found.ok_or_else(|| Trouble::from("SoftHSM is not here: apt-get install softhsm2"))
}

/// Files that a token, or a sealed key, needs.
pub struct Token {
    folder: PathBuf,
    /// File with the PIN.
    pub pin: PathBuf,
    conf: PathBuf,
}

impl Token {
    /// A PIN, and a folder for a token that is not there yet.
    pub fn make(folder: &Path) -> Result<Self, Trouble> {
        use std::os::unix::fs::OpenOptionsExt;
        let (pin, conf, tokens) = (
            folder.join("pin"),
            folder.join("conf"),
            folder.join("tokens"),
        );
        std::fs::create_dir(&tokens)?;
        std::fs::write(
            &conf,
            format!("directories.tokendir = {}\n", tokens.display()),
        )?;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&pin)?;
        std::io::Write::write_all(&mut file, b"123456\n")?;
        Ok(Self {
            folder: folder.to_owned(),
            pin,
            conf,
        })
    }

    /// Lets a command find the token.
    pub fn seen_by<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("SOFTHSM2_CONF", &self.conf)
    }

    /// Takes the token away while it is in use: its folder moves aside.
    pub fn pull_out(&self) -> Result<(), Trouble> {
        let (here, away) = (self.folder.join("tokens"), self.folder.join("away"));
        Ok(std::fs::rename(here, away)?)
    }

    /// Puts it back.
    pub fn put_back(&self) -> Result<(), Trouble> {
        let (here, away) = (self.folder.join("tokens"), self.folder.join("away"));
        Ok(std::fs::rename(away, here)?)
    }

    /// Token, key and certificate.
    pub fn certify(&self, data: &Path) -> Result<(), Trouble> {
        let (request, pem) = (data.join("bench.csr"), data.join("bench.pem"));
        let steps: [&[&std::ffi::OsStr]; 5] = [
            &[
                "hsm".as_ref(),
                "init".as_ref(),
                "--so-pin-file".as_ref(),
                self.pin.as_ref(),
            ],
            &["hsm".as_ref(), "keygen".as_ref()],
            &[
                "hsm".as_ref(),
                "csr".as_ref(),
                "--out".as_ref(),
                request.as_ref(),
            ],
            &[
                "sandbox".as_ref(),
                "authority".as_ref(),
                "sign".as_ref(),
                request.as_ref(),
                "--out".as_ref(),
                pem.as_ref(),
            ],
            &["hsm".as_ref(), "import-cert".as_ref(), pem.as_ref()],
        ];
        for step in steps {
            self.seen_by(appliance(data).args(step)).quiet()?;
        }
        Ok(())
    }
}

//! Secrets from files (HS-09): only a file that nobody else may read is accepted, what is read is wiped
//! when dropped, and nothing of it can be printed.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use data_encoding::BASE32_NOPAD;
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use zeroize::Zeroizing;

use crate::error::HsmError;
use crate::limits::PIN_BYTES_MAX;

/// 120 bits: more than a token lets anybody try, and 24 characters, which tokens take.
const DRAWN_PIN_BYTES: usize = 15;

/// A PIN, printed as dots in every build.
pub struct Pin(Zeroizing<String>);

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin(…)")
    }
}

impl Pin {
    /// The first line of the file.
    pub fn read(path: &Path) -> Result<Self, HsmError> {
        let octets = read_secret(path, PIN_BYTES_MAX)?;
        let line = octets.split(|octet| *octet == b'\n').next();
        let line = line.unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| refused(path, "it is not text"))?;
        if text.is_empty() || text.contains('\0') {
            return Err(refused(path, "its first line holds no PIN"));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// One that nobody has seen: 24 letters and digits, 120 bits.
    pub(crate) fn draw() -> Result<Self, String> {
        let mut octets = Zeroizing::new([0; DRAWN_PIN_BYTES]);
        getrandom::fill(octets.as_mut_slice()).map_err(|error| error.to_string())?;
        Ok(Self(Zeroizing::new(BASE32_NOPAD.encode(octets.as_slice()))))
    }

    /// From its octets, where they can be a PIN.
    pub(crate) fn of(octets: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        let is_good =
            !text.is_empty() && text.len() <= PIN_BYTES_MAX && !text.contains(['\0', '\n', '\r']);
        is_good.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Writes it to a new file of mode 0600.
    pub(crate) fn write(&self, path: &Path) -> Result<(), HsmError> {
        let line = Zeroizing::new(format!("{}\n", self.expose()));
        write_secret(path, line.as_bytes())
    }

    /// For the call that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// All of a file that only its owner (this user, or root) may read.
pub fn read_secret(path: &Path, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, HsmError> {
    let file = File::open(path).map_err(|error| refused(path, &error.to_string()))?;
    let facts = file
        .metadata()
        .map_err(|error| refused(path, &error.to_string()))?;
    if !facts.is_file() {
        return Err(refused(path, "it is not a regular file"));
    }
    if facts.mode() & 0o077 != 0 {
        let mode = facts.mode() & 0o777;
        return Err(refused(
            path,
            &format!("others may read it (mode {mode:03o}); make it 0600"),
        ));
    }
    // One octet more than allowed, in a buffer that never grows: a copy left behind is never wiped.
    let mut octets = Zeroizing::new(Vec::with_capacity(bytes_max + 1));
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    file.take(limit + 1)
        .read_to_end(&mut octets)
        .map_err(|error| refused(path, &error.to_string()))?;
    if octets.len() > bytes_max {
        return Err(refused(
            path,
            &format!("it has more than {bytes_max} octets"),
        ));
    }
    Ok(octets)
}

/// Writes a new file that only this user may read, durably, whole or not at all; never over an old one.
pub fn write_secret(path: &Path, octets: &[u8]) -> Result<(), HsmError> {
    let failed = |error: std::io::Error| refused(path, &error.to_string());
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // Crash before its name: a file that nobody reads, written over by the next try.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let unfinished = folder.join(name);
    let written = write_new(&unfinished, octets).and_then(|()| {
        let flags = RenameFlags::NOREPLACE;
        Ok(renameat_with(CWD, &unfinished, CWD, path, flags)?)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    written.map_err(failed)?;
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed)
}

fn write_new(path: &Path, octets: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)?;
    // What an earlier try left may have other rights.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(octets)?;
    file.sync_all()
}

/// Asks the kernel never to dump this process, whose memory holds PINs for moments and software keys for
/// long, and to let no other process of the user read it. For every command, at its start.
pub fn forbid_dumps() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

pub(crate) fn refused(path: &Path, reason: &str) -> HsmError {
    HsmError::File {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn file(mode: u32, octets: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        write_secret(&path, octets).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn hs_09_a_pin_that_others_may_read_is_refused() {
        for mode in [0o640, 0o604, 0o660, 0o644] {
            let (_folder, path) = file(mode, b"1234\n");
            let error = Pin::read(&path).unwrap_err().to_string();
            assert!(error.contains("others may read it"), "{error}");
            assert!(!error.contains("1234"));
        }
    }

    #[test]
    fn hs_09_a_pin_is_read_and_prints_as_dots() {
        let (_folder, path) = file(0o600, b"se cret\r\nsecond line\n");
        let pin = Pin::read(&path).unwrap();
        assert_eq!(pin.expose(), "se cret");
        assert_eq!(format!("{pin:?}"), "Pin(…)");
    }

    #[test]
    fn empty_missing_and_long_files_are_refused() {
        let (folder, empty) = file(0o600, b"\n");
        assert!(Pin::read(&empty).is_err());
        assert!(Pin::read(&folder.path().join("none")).is_err());
        assert!(Pin::read(folder.path()).is_err());
        let (_folder, long) = file(0o600, &[b'1'; PIN_BYTES_MAX + 1]);
        assert!(Pin::read(&long).is_err());
    }

    #[test]
    fn hs_09_the_process_can_be_kept_from_being_dumped() {
        use rustix::process::{DumpableBehavior, dumpable_behavior};
        forbid_dumps().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }

    #[test]
    fn a_secret_is_never_written_over() {
        let (folder, path) = file(0o600, b"first");
        assert!(write_secret(&path, b"second").is_err());
        assert_eq!(read_secret(&path, 10).unwrap().as_slice(), b"first");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_writer_left_is_no_secret_and_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let (path, left) = (folder.path().join("key"), folder.path().join("key.new"));
        std::fs::write(&left, b"half of a key that was longer").unwrap();
        std::fs::set_permissions(&left, Permissions::from_mode(0o644)).unwrap();
        assert!(read_secret(&path, 100).is_err());
        write_secret(&path, b"whole").unwrap();
        assert_eq!(read_secret(&path, 100).unwrap().as_slice(), b"whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        // A link is not followed.
        std::os::unix::fs::symlink(&path, folder.path().join("other.new")).unwrap();
        assert!(write_secret(&folder.path().join("other"), b"x").is_err());
        assert_eq!(read_secret(&path, 100).unwrap().as_slice(), b"whole");
    }
}

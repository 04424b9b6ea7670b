//! The key of sender rewriting (MX-06): `keys/srs.key`, made where it is first needed and never shown.
//! Under the lock of the data directory, so that nobody else makes it at the same time.

use ceralacca_core::disk::DataFolder;
use ceralacca_core::random;
use ceralacca_core::srs::{KEY_BYTES, Rewriter};
use ceralacca_hsm::protected::{read_secret, write_secret};
use zeroize::Zeroizing;

use crate::report::Failure;

/// What rewrites the senders of forwarded mail.
pub fn rewriter(data: &DataFolder) -> Result<Rewriter, Failure> {
    let file = data.keys().join("srs.key");
    if !file.exists() {
        let key = Zeroizing::new(random::bytes::<KEY_BYTES>());
        write_secret(&file, key.as_slice()).map_err(Failure::refused)?;
    }
    let octets = read_secret(&file, KEY_BYTES).map_err(Failure::refused)?;
    let key = octets.as_slice().try_into().map_err(|_| {
        let sentence = "it is no key; remove it, and reports about mail forwarded before are lost";
        Failure::Refused(format!("{}: {sentence}", file.display()))
    })?;
    Ok(Rewriter::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ceralacca_core::address::{Address, Domain};
    use ceralacca_core::instant::Instant;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn mx_06_the_key_is_made_once_and_nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder(folder.path().into());
        std::fs::create_dir(data.keys()).unwrap();
        let (sender, own) = (
            Address::parse("ugo@ordinaria.test").unwrap(),
            Domain::parse("pec.test").unwrap(),
        );
        let now = Instant::from_millis(0);
        let first = rewriter(&data).unwrap().forward(&sender, &own, now);
        let again = rewriter(&data).unwrap();
        assert_eq!(again.reverse(first.local_part(), now).unwrap(), sender);
        let file = data.keys().join("srs.key");
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        std::fs::write(&file, "short").unwrap();
        let refused = rewriter(&data).unwrap_err().to_string();
        assert!(refused.contains("srs.key"), "{refused}");
    }
}

//! A PKCS#11 module is initialised once per process and never finalised: others may hold sessions
//! in it, and vendors' modules take a second `C_Initialize` badly.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use parking_lot::Mutex;

use super::raw::RawSign;
use crate::error::HsmError;

/// Modules that keep keys in files of the host: their keys count as software keys (HS-01).
const SOFTWARE_MODULES: [&str; 4] = ["softhsm", "kryoptic", "softokn", "nss"];

static MODULES: OnceLock<Mutex<HashMap<PathBuf, Arc<Module>>>> = OnceLock::new();

/// A module that is ready.
pub(super) struct Module {
    pub(super) pkcs11: Pkcs11,
    pub(super) raw: RawSign,
    /// Keys lie in software (HS-01).
    pub(super) is_software: bool,
}

/// The module at `path`, initialised when this process did not use it yet.
pub(super) fn load(path: &Path) -> Result<Arc<Module>, HsmError> {
    let refused = |reason: String| HsmError::Module {
        module: path.to_owned(),
        reason,
    };
    let real = path
        .canonicalize()
        .map_err(|error| refused(error.to_string()))?;
    let mut modules = MODULES.get_or_init(Mutex::default).lock();
    if let Some(module) = modules.get(&real) {
        return Ok(Arc::clone(module));
    }
    let pkcs11 = Pkcs11::new(&real).map_err(|error| refused(error.to_string()))?;
    match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // The vendor's own agent in this process may have been first.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(refused(error.to_string())),
    }
    let facts = pkcs11
        .get_library_info()
        .map_err(|error| refused(error.to_string()))?;
    let words = format!(
        "{} {}",
        facts.manufacturer_id(),
        facts.library_description()
    );
    let words = words.to_lowercase();
    let module = Arc::new(Module {
        raw: RawSign::load(&real).map_err(refused)?,
        pkcs11,
        is_software: SOFTWARE_MODULES.iter().any(|known| words.contains(known)),
    });
    modules.insert(real, Arc::clone(&module));
    Ok(module)
}

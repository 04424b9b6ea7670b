//! A PKCS#11 module, one per file and process. All use of it is a [`Visit`]. SoftHSM and others look for
//! tokens in `C_Initialize` only, so who finds none, or no session, may have the module finalised and
//! initialised anew ([`Module::renew`]): with no visit under way, at most once per
//! [`MODULE_RENEWAL_PAUSE`], and never where somebody else in this process initialised it (HS-05).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant as Moment;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use parking_lot::Mutex;

use super::raw::RawSign;
use super::token::away;
use crate::error::HsmError;
use crate::limits::MODULE_RENEWAL_PAUSE;

/// Modules that keep keys in files of the host: their keys count as software keys (HS-01).
const SOFTWARE_MODULES: [&str; 4] = ["softhsm", "kryoptic", "softokn", "nss"];

static MODULES: OnceLock<Mutex<HashMap<PathBuf, Arc<Module>>>> = OnceLock::new();

/// A module that is loaded.
pub(super) struct Module {
    path: PathBuf,
    pkcs11: Pkcs11,
    raw: RawSign,
    is_software: AtomicBool,
    occupancy: Mutex<Occupancy>,
}

/// Who is inside, and whether anybody can be.
struct Occupancy {
    visits: usize,
    phase: Phase,
    /// When it was initialised, or could not be.
    initialised: Moment,
}

enum Phase {
    /// Initialised here.
    Ours,
    /// Initialised by somebody else in this process, whose sessions end with it.
    Foreign,
    /// It could not be initialised, and why.
    Down(HsmError),
}

/// A use of an initialised module: while it lasts, the module is not finalised. A session's owner keeps
/// it as long as the session.
pub(super) struct Visit(Arc<Module>);

/// The module at `path`. One that does not initialise now is tried again by those who enter it.
pub(super) fn load(path: &Path) -> Result<Arc<Module>, HsmError> {
    let refused = |reason: String| refused(path, reason);
    let real = path
        .canonicalize()
        .map_err(|error| refused(error.to_string()))?;
    let mut modules = MODULES.get_or_init(Mutex::default).lock();
    if let Some(module) = modules.get(&real) {
        return Ok(Arc::clone(module));
    }
    let module = Module {
        pkcs11: Pkcs11::new(&real).map_err(|error| refused(error.to_string()))?,
        raw: RawSign::load(&real).map_err(refused)?,
        is_software: AtomicBool::new(names_software(&real.to_string_lossy())),
        path: real.clone(),
        occupancy: Mutex::new(Occupancy {
            visits: 0,
            phase: Phase::Foreign,
            initialised: Moment::now(),
        }),
    };
    match module.initialise(&mut module.occupancy.lock()) {
        Err(error) if !error.is_transient() => return Err(error),
        _ => {}
    }
    let module = Arc::new(module);
    modules.insert(real, Arc::clone(&module));
    Ok(module)
}

impl Module {
    /// Its keys lie in software (HS-01): told by its own words, or its file's name.
    pub(super) fn is_software(&self) -> bool {
        self.is_software.load(Ordering::Relaxed)
    }

    /// Comes in, and waits while the module is renewed.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Visit, HsmError> {
        let mut occupancy = self.occupancy.lock();
        if let Phase::Down(reason) = &occupancy.phase {
            if occupancy.is_recent() {
                return Err(reason.clone());
            }
            self.initialise(&mut occupancy)?;
        }
        occupancy.visits += 1;
        Ok(Visit(Arc::clone(self)))
    }

    /// Finalises and initialises it when nobody is inside: then it looks for its tokens again. Whether
    /// it did.
    pub(super) fn renew(&self) -> bool {
        let mut occupancy = self.occupancy.lock();
        let is_ours = matches!(occupancy.phase, Phase::Ours);
        if !is_ours || occupancy.visits > 0 || occupancy.is_recent() {
            return false;
        }
        match self.pkcs11.clone().finalize() {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiNotInitialized, _)) => {
                self.initialise(&mut occupancy).is_ok()
            }
            Err(_) => {
                occupancy.initialised = Moment::now();
                false
            }
        }
    }

    fn initialise(&self, occupancy: &mut Occupancy) -> Result<(), HsmError> {
        let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        let answer = self.pkcs11.initialize(arguments);
        occupancy.initialised = Moment::now();
        occupancy.phase = match &answer {
            Ok(()) => Phase::Ours,
            // The vendor's own agent in this process may have been first.
            Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Phase::Foreign,
            Err(Error::Pkcs11(reason, _)) if never_mends(reason) => {
                Phase::Down(refused(&self.path, format!("C_Initialize: {reason:?}")))
            }
            Err(error) => Phase::Down(away(error)),
        };
        if let Phase::Down(reason) = &occupancy.phase {
            return Err(reason.clone());
        }
        if let Ok(facts) = self.pkcs11.get_library_info() {
            let is_software =
                [facts.manufacturer_id(), facts.library_description()].map(names_software);
            self.is_software
                .fetch_or(is_software.contains(&true), Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Occupancy {
    /// Too early to initialise it again.
    fn is_recent(&self) -> bool {
        self.initialised.elapsed() < MODULE_RENEWAL_PAUSE
    }
}

impl Visit {
    /// The module's functions.
    pub(super) fn pkcs11(&self) -> &Pkcs11 {
        &self.0.pkcs11
    }

    /// Those that every signature takes.
    pub(super) fn raw(&self) -> &RawSign {
        &self.0.raw
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.occupancy.lock().visits -= 1;
    }
}

fn refused(module: &Path, reason: String) -> HsmError {
    HsmError::Module {
        module: module.to_owned(),
        reason,
    }
}

/// A module that cannot work in this program at all, token or no token.
fn never_mends(reason: &RvError) -> bool {
    matches!(
        reason,
        RvError::ArgumentsBad
            | RvError::CantLock
            | RvError::NeedToCreateThreads
            | RvError::FunctionNotSupported
    )
}

/// One of the words begins with the name of a software module: `OpenSSL` does not name `nss`.
pub(crate) fn names_software(words: &str) -> bool {
    let words = words.to_lowercase();
    let is_software = |word: &str| {
        let word = word.strip_prefix("lib").unwrap_or(word);
        SOFTWARE_MODULES.iter().any(|name| word.starts_with(name))
    };
    words
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(is_software)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::names_software;

    #[test]
    fn hs_01_software_modules_are_known_by_their_words() {
        for words in [
            "SoftHSM",
            "Implementation of PKCS11 SoftHSM v2",
            "/usr/lib/softhsm/libsofthsm2.so",
            "/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
            "NSS Internal Crypto Services",
            "Kryoptic PKCS11 Module",
        ] {
            assert!(names_software(words), "{words}");
        }
        for words in [
            "Hardware with OpenSSL",
            "/opt/vendor/libCryptoki2_64.so",
            "",
        ] {
            assert!(!names_software(words), "{words}");
        }
    }
}

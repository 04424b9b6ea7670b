//! HS-05 on a real module, SoftHSM 2: the tokens' folder is moved aside and back, and signing goes on by
//! itself. Its own process: here the module is finalised, and its folder vanishes.
#![allow(unsafe_code, clippy::unwrap_used, clippy::panic)]

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant as Moment};

use ceralacca_core::ports::{Clock, Signature, Signer, SignerError, SigningRequest, SystemClock};
use ceralacca_core::smime::SigningCertificate;
use ceralacca_hsm::limits::MODULE_RENEWAL_PAUSE;
use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::{
    Authority, ChildProgram, HsmError, Operations, Pkcs11Settings, Pkcs11Signer, SigningPool,
    TokenPlan,
};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "4711-geheim";
const PROVIDER: &str = "Gestore di Prova S.p.A.";
const SERVICE: &str = "posta-certificata@pec.example";
/// Far beyond the longest pause between two tries.
const RETURN_WAIT_MAX: Duration = Duration::from_secs(60);

/// The folder of this process, for one test at a time: its token, `prova`, comes and goes.
struct Drawer {
    folder: PathBuf,
    certificate: Arc<SigningCertificate>,
}

fn drawer() -> MutexGuard<'static, Drawer> {
    static DRAWER: OnceLock<Mutex<Drawer>> = OnceLock::new();
    let drawer = DRAWER.get_or_init(|| Mutex::new(Drawer::make()));
    drawer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drawer {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        std::fs::create_dir(folder.join("tokens")).unwrap();
        let configuration = folder.join("softhsm2.conf");
        let text = format!(
            "directories.tokendir = {}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
            folder.display()
        );
        std::fs::write(&configuration, text).unwrap();
        // SAFETY: Rust's own readers of the environment take the same lock, and the only reader in C, the
        // module, is loaded after this, below.
        unsafe { std::env::set_var("SOFTHSM2_CONF", &configuration) };
        write_pin(&folder.join("pin"), PIN);
        write_pin(&folder.join("so-pin"), "so-4711");
        let operations = Operations::new(KeyHolder::Token(settings(&folder)));
        operations.init(Some(&folder.join("so-pin"))).unwrap();
        operations.keygen("pec", 2048).unwrap();
        let authority = Authority::create("Autorita di prova", SystemClock.now()).unwrap();
        let csr = operations.csr("pec", PROVIDER, SERVICE).unwrap();
        let leaf = authority.issue(&csr, PROVIDER, SERVICE, 365, SystemClock.now());
        let imported = operations.import_certificate(
            "pec",
            (leaf.unwrap() + &authority.certificate_pem()).as_bytes(),
            PROVIDER,
            SERVICE,
        );
        Self {
            folder,
            certificate: Arc::new(imported.unwrap().certificate),
        }
    }

    fn settings(&self) -> Pkcs11Settings {
        settings(&self.folder)
    }

    fn signer(&self) -> Result<Pkcs11Signer, HsmError> {
        Pkcs11Signer::start(&self.settings(), Arc::clone(&self.certificate))
    }

    /// The whole folder moves aside: the module cannot even initialise.
    fn pull_out(&self) {
        std::fs::rename(self.folder.join("tokens"), self.folder.join("away")).unwrap();
    }

    fn put_back(&self) {
        std::fs::rename(self.folder.join("away"), self.folder.join("tokens")).unwrap();
    }

    /// An empty folder in its place: the module initialises, and finds no token.
    fn put_empty(&self) {
        std::fs::create_dir(self.folder.join("tokens")).unwrap();
    }

    fn take_empty(&self) {
        std::fs::remove_dir_all(self.folder.join("tokens")).unwrap();
    }
}

fn settings(folder: &Path) -> Pkcs11Settings {
    Pkcs11Settings {
        module: MODULE.into(),
        token: "prova".to_owned(),
        pin_file: folder.join("pin"),
        key_label: "pec".to_owned(),
        sessions: 3,
    }
}

fn write_pin(path: &Path, pin: &str) {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    writeln!(file, "{pin}").unwrap();
}

fn sign(signer: &Pkcs11Signer) -> Result<Signature, SignerError> {
    let request = SigningRequest::of([7; 32], SystemClock.now());
    signer.sign(&[request]).remove(0)
}

/// Asks until the answer is as wanted, as the pipeline does.
fn until(signer: &Pkcs11Signer, wanted: &str, is_wanted: impl Fn(&Pkcs11Signer) -> bool) {
    let deadline = Moment::now() + RETURN_WAIT_MAX;
    while !is_wanted(signer) {
        assert!(
            Moment::now() < deadline,
            "{wanted}: {:?}, {:?}",
            sign(signer),
            signer.describe().name
        );
        std::thread::yield_now();
    }
}

fn comes_back(signer: &Pkcs11Signer) {
    until(signer, "it signs again", |signer| sign(signer).is_ok());
    let sessions = |signer: &Pkcs11Signer| (0..6).all(|_| sign(signer).is_ok());
    until(signer, "it goes on signing", sessions);
    assert!(signer.describe().is_available);
}

fn is_away(signer: &Pkcs11Signer) -> bool {
    match sign(signer) {
        Ok(_) => false,
        Err(SignerError::Unavailable(words)) => {
            assert!(!words.contains(PIN), "{words}");
            !signer.describe().is_available
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn hs_05_a_token_that_leaves_while_its_sessions_are_open_comes_back_by_itself() {
    let drawer = drawer();
    let signer = drawer.signer().unwrap();
    sign(&signer).unwrap();
    for _ in 0..2 {
        drawer.pull_out();
        // One failure lets go of all sessions: an open one would keep the module as it is.
        assert!(sign(&signer).is_err() && is_away(&signer));
        drawer.put_back();
        comes_back(&signer);
    }
}

#[test]
fn hs_05_a_token_that_is_replaced_by_nothing_comes_back_by_itself() {
    let drawer = drawer();
    let signer = drawer.signer().unwrap();
    sign(&signer).unwrap();
    drawer.pull_out();
    drawer.put_empty();
    until(&signer, "it is away", is_away);
    drawer.take_empty();
    drawer.put_back();
    comes_back(&signer);
}

#[test]
fn hs_05_a_signer_starts_while_the_module_cannot_and_signs_once_it_can() {
    let drawer = drawer();
    drawer.pull_out();
    let signer = drawer.signer().unwrap();
    assert!(is_away(&signer));
    let about = signer.describe();
    assert!(
        about.is_software && about.name.contains("away"),
        "{about:?}"
    );
    drawer.put_back();
    comes_back(&signer);
}

#[test]
fn hs_05_a_signer_starts_without_its_token_and_signs_once_it_comes() {
    let drawer = drawer();
    drawer.pull_out();
    drawer.put_empty();
    let signer = drawer.signer().unwrap();
    assert!(is_away(&signer));
    drawer.take_empty();
    drawer.put_back();
    comes_back(&signer);
}

#[test]
fn hs_05_a_token_that_leaves_under_load_comes_back_by_itself() {
    let drawer = drawer();
    let signer = drawer.signer().unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let _ = sign(&signer);
                }
            });
        }
        for _ in 0..3 {
            drawer.pull_out();
            until(&signer, "it is away", is_away);
            drawer.put_back();
            until(&signer, "it signs again", |signer| sign(signer).is_ok());
        }
        is_over.store(true, Ordering::Relaxed);
    });
    comes_back(&signer);
}

#[test]
fn hs_05_a_token_that_is_away_does_not_end_the_sessions_of_another_signer() {
    let drawer = drawer();
    let pin_file = drawer.folder.join("pin-once");
    write_pin(&pin_file, PIN);
    let present = Pkcs11Settings {
        pin_file: pin_file.clone(),
        ..drawer.settings()
    };
    let present = Pkcs11Signer::start(&present, Arc::clone(&drawer.certificate)).unwrap();
    // From here on a lost session cannot log in again.
    std::fs::remove_file(pin_file).unwrap();
    let absent = Pkcs11Settings {
        token: "altrove".to_owned(),
        ..drawer.settings()
    };
    let absent = Pkcs11Signer::start(&absent, Arc::clone(&drawer.certificate)).unwrap();
    let begun = Moment::now();
    while begun.elapsed() < MODULE_RENEWAL_PAUSE * 3 {
        assert!(sign(&absent).is_err());
        sign(&present).unwrap();
    }
}

/// No test of its own: what a child is.
#[test]
fn a_child_of_these_tests() {
    if rustix::net::sockopt::socket_type(std::io::stdin()).is_ok() {
        ceralacca_hsm::child::run().unwrap();
    }
}

fn in_child(drawer: &Drawer) -> SigningPool {
    let program = ChildProgram::this(&["--exact", "a_child_of_these_tests"]);
    let holder = KeyHolder::Token(drawer.settings());
    let plan = TokenPlan::in_child(program, &holder, "pec", Arc::clone(&drawer.certificate));
    SigningPool::of(vec![plan]).unwrap()
}

fn requests() -> Vec<SigningRequest> {
    vec![SigningRequest::of([7; 32], SystemClock.now()); 16]
}

#[test]
fn hs_05_a_token_in_a_child_leaves_under_load_and_signs_within_two_seconds_of_its_return() {
    let drawer = drawer();
    let pool = in_child(&drawer);
    let signs = || pool.sign(&requests()).iter().all(Result::is_ok);
    assert!(signs());
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let begun = Moment::now();
        while !is_so() {
            assert!(begun.elapsed() < RETURN_WAIT_MAX, "{what}");
            std::thread::sleep(Duration::from_millis(1));
        }
        begun.elapsed()
    };
    let returns: Vec<Duration> = (0..3)
        .map(|_| {
            drawer.pull_out();
            until("it is away", &|| !signs() && !pool.is_available());
            // Long enough for the longest pauses between tries.
            std::thread::sleep(Duration::from_millis(1_500));
            drawer.put_back();
            until("it signs again", &signs)
        })
        .collect();
    assert!(returns.iter().all(|it| it.as_secs() < 2), "{returns:?}");
}

/// An operator's command uses the token from this process while a child signs on it.
#[test]
fn hs_03_keys_are_listed_while_a_child_signs() {
    let drawer = drawer();
    let pool = in_child(&drawer);
    let process = || pool.describe().tokens[0].process;
    let (before, is_over) = (process(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let signer = scope.spawn(|| {
            let mut rounds = 0;
            while !is_over.load(Ordering::Relaxed) {
                assert!(pool.sign(&requests()).iter().all(Result::is_ok));
                rounds += 1;
            }
            rounds
        });
        let operations = Operations::new(KeyHolder::Token(drawer.settings()));
        for _ in 0..150 {
            assert_eq!(operations.list(&[]).unwrap().len(), 1);
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(signer.join().unwrap() > 0);
    });
    assert_eq!(process(), before, "the child has not crashed");
}

#[test]
fn what_the_operator_must_mend_is_an_error_while_the_token_is_away_too() {
    let drawer = drawer();
    drawer.pull_out();
    let no_pin = Pkcs11Settings {
        pin_file: drawer.folder.join("none"),
        ..drawer.settings()
    };
    let started = Pkcs11Signer::start(&no_pin, Arc::clone(&drawer.certificate));
    drawer.put_back();
    assert!(matches!(started.err(), Some(HsmError::File { .. })));
}

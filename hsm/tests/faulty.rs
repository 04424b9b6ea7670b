//! A vendor's library that signs wrongly, crashes and hangs: SoftHSM behind `faulty.c`, each time in a child. What
//! is wrong never leaves the child, the other token signs, and a question of an operator costs its answer alone.
//! The children are this program, told by its arguments to run one of these "tests", [`a_child_of_these_tests`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Moment};

use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Clock, Signature, Signer, SignerError, SigningRequest, SystemClock};
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::smime::profile::AllowedKeys;
use ceralacca_hsm::limits::OPERATION_WAIT_MAX;
use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::{
    Authority, ChildProgram, HsmError, KeyType, Operations, Pkcs11Settings, PublicKey, SigningPool,
    TokenPlan,
};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "4711-geheim";
const PROVIDER: &str = "Gestore di Prova S.p.A.";
const SERVICE: &str = "posta-certificata@pec.example";

/// No test of its own: what a child is.
#[test]
fn a_child_of_these_tests() {
    if rustix::net::sockopt::socket_type(std::io::stdin()).is_ok() {
        ceralacca_hsm::child::run().unwrap();
    }
}

fn program() -> ChildProgram {
    ChildProgram::this(&["--exact", "a_child_of_these_tests"])
}

fn now() -> Instant {
    SystemClock.now()
}

/// A folder with the module, built for it, and the token `prova`; only children ever load the module.
struct Drawer {
    folder: tempfile::TempDir,
    authority: Authority,
}

/// Tells the module to do wrong as long as it lasts.
struct Told(PathBuf);

impl Drop for Told {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

impl Drawer {
    fn new() -> Self {
        let drawer = Self {
            folder: tempfile::tempdir().unwrap(),
            authority: Authority::create("Autorita di prova", now()).unwrap(),
        };
        build(&drawer.path("faulty.so"), drawer.folder.path());
        std::fs::create_dir(drawer.path("tokens")).unwrap();
        let tokens = drawer.path("tokens");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        std::fs::write(drawer.path("softhsm2.conf"), text).unwrap();
        write_pin(&drawer.path("pin"), PIN);
        write_pin(&drawer.path("so-pin"), "so-4711");
        let so_pin = drawer.path("so-pin");
        drawer.operations().init(Some(&so_pin)).unwrap();
        drawer
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn told(&self, what: &str) -> Told {
        let file = self.path(what);
        std::fs::write(&file, b"").unwrap();
        Told(file)
    }

    fn holder(&self) -> KeyHolder {
        self.holder_by(2)
    }

    fn holder_by(&self, sessions: usize) -> KeyHolder {
        KeyHolder::Token(Pkcs11Settings {
            module: self.path("faulty.so"),
            token: "prova".to_owned(),
            pin_file: self.path("pin"),
            key_label: "pec".to_owned(),
            sessions,
        })
    }

    fn operations(&self) -> Operations {
        self.operations_within(OPERATION_WAIT_MAX)
    }

    fn operations_within(&self, wait: Duration) -> Operations {
        Operations::new(self.holder())
            .allowing(AllowedKeys::RsaAndP256)
            .in_children(program(), wait)
    }

    /// A key on the token, from its making to its certificate.
    fn make(&self, label: &str, key: impl Into<KeyType>) -> Arc<SigningCertificate> {
        self.certified(&self.operations(), label, key)
    }

    fn certified(
        &self,
        operations: &Operations,
        label: &str,
        key: impl Into<KeyType>,
    ) -> Arc<SigningCertificate> {
        operations.keygen(label, key).unwrap();
        let csr = operations.csr(label, PROVIDER, SERVICE).unwrap();
        let leaf = self.authority.issue(&csr, PROVIDER, SERVICE, 365, now());
        let file = leaf.unwrap() + &self.authority.certificate_pem();
        let imported = operations.import_certificate(label, file.as_bytes(), PROVIDER, SERVICE);
        Arc::new(imported.unwrap().certificate)
    }

    fn plan(&self, label: &str, certificate: &Arc<SigningCertificate>) -> TokenPlan {
        TokenPlan::in_child(program(), &self.holder(), label, certificate.clone())
    }

    /// A key in a file, in a child as well.
    fn soft_plan(&self) -> TokenPlan {
        let holder = KeyHolder::Software {
            folder: self.path("soft"),
        };
        let operations = Operations::new(holder.clone()).in_children(program(), OPERATION_WAIT_MAX);
        operations.init(None).unwrap();
        let certificate = self.certified(&operations, "soft", 2048);
        TokenPlan::in_child(program(), &holder, "soft", certificate)
    }
}

fn build(module: &Path, folder: &Path) {
    let define = |name: &str, value: &str| format!("-D{name}=\"{value}\"");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"])
        .arg(define("FOLDER", folder.to_str().unwrap()))
        .arg(define("MODULE", MODULE))
        .arg("-o")
        .arg(module)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faulty.c"))
        .arg("-ldl")
        .output()
        .expect("no C compiler is here: run `make setup`");
    assert!(built.status.success(), "{built:?}");
}

fn write_pin(path: &Path, pin: &str) {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    writeln!(options.open(path).unwrap(), "{pin}").unwrap();
}

fn requests(count: u8) -> Vec<SigningRequest> {
    (0..count)
        .map(|n| SigningRequest::of([n; 32], now()))
        .collect()
}

/// All are signed, and each signature is good; the certificates under which they were made.
fn all_good(answers: Vec<Result<Signature, SignerError>>) -> Vec<Arc<SigningCertificate>> {
    let check = |answer: Result<Signature, SignerError>| {
        let signature = answer.unwrap();
        let public = PublicKey::from_certificate(&signature.by.certificate).unwrap();
        assert!(public.verifies(&signature.signed_attributes, &signature.value));
        signature.by
    };
    answers.into_iter().map(check).collect()
}

fn is_available(pool: &SigningPool, token: usize) -> bool {
    pool.describe().tokens[token].is_available
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Moment::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Moment::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the pool says that it made, by its own count and by key (LG-14).
fn counts(pool: &SigningPool) -> [u64; 2] {
    let by_key = pool.made().into_iter().map(|(_, made)| made).sum();
    [pool.describe().signatures, by_key]
}

#[test]
fn hs_04_what_a_module_signs_wrongly_never_leaves_its_child_and_another_token_signs_it() {
    let drawer = Drawer::new();
    let certificate = drawer.make("pec", 2048);
    let pool = SigningPool::of(vec![drawer.plan("pec", &certificate), drawer.soft_plan()]).unwrap();
    let by_it = |by: &Arc<SigningCertificate>| by.certificate == certificate.certificate;
    let mut handed = 0;
    let mut sign = |count| {
        let by = all_good(pool.sign(&requests(count)));
        handed += by.len() as u64;
        by
    };
    until("both sign", || {
        let by = sign(20);
        by.iter().any(by_it) && !by.iter().all(by_it)
    });
    let told = drawer.told("wrong");
    until("it is taken out", || {
        assert!(!sign(20).iter().any(by_it), "it signs nothing well now");
        !is_available(&pool, 0)
    });
    let about = pool.describe();
    let trouble = about.tokens[0].trouble.as_deref().unwrap();
    assert!(trouble.contains("does not verify"), "{trouble}");
    // It is tried again and again, by a signature that nobody is given.
    let tried = Moment::now();
    while tried.elapsed() < Duration::from_secs(2) {
        assert!(!sign(20).iter().any(by_it));
        assert!(!is_available(&pool, 0));
    }
    drop(told);
    until("it signs well and is back", || {
        is_available(&pool, 0) && sign(20).iter().any(by_it)
    });
    assert_eq!(counts(&pool), [handed; 2]);
}

#[test]
fn hs_05_with_the_only_module_signing_wrongly_nothing_is_handed_out_until_it_signs_well() {
    let drawer = Drawer::new();
    for (label, kind) in [("pec", KeyType::Rsa(2048)), ("curve", KeyType::P256)] {
        let certificate = drawer.make(label, kind);
        let pool = SigningPool::of(vec![drawer.plan(label, &certificate)]).unwrap();
        let before = all_good(pool.sign(&requests(10))).len() as u64;
        let told = drawer.told("wrong");
        for _ in 0..3 {
            for answer in pool.sign(&requests(10)) {
                let is_told = match &answer {
                    Err(SignerError::Faulty(token)) => token.contains("prova"),
                    Err(SignerError::Unavailable(why)) => why.contains("does not verify"),
                    _ => false,
                };
                assert!(is_told, "{answer:?}");
            }
        }
        assert_eq!(counts(&pool), [before; 2]);
        drop(told);
        let mut after = 0;
        until("it signs well and is back", || {
            let answers = pool.sign(&requests(10));
            let good: Vec<_> = answers.into_iter().filter(Result::is_ok).collect();
            after += all_good(good).len() as u64;
            after > 20
        });
        assert_eq!(counts(&pool), [before + after; 2]);
    }
}

/// SG-04: made, certified and used through children alone, where the policy allows such keys.
#[test]
fn sg_04_a_key_on_p_256_on_a_token_signs_through_a_child() {
    let drawer = Drawer::new();
    let strict = Operations::new(drawer.holder()).in_children(program(), OPERATION_WAIT_MAX);
    let refused = strict.keygen("curve", KeyType::P256);
    assert_eq!(refused, Err(HsmError::CurveNotAllowed));
    let certificate = drawer.make("curve", KeyType::P256);
    let refused = strict.csr("curve", PROVIDER, SERVICE);
    assert_eq!(refused, Err(HsmError::CurveNotAllowed));
    let public = PublicKey::from_certificate(&certificate.certificate).unwrap();
    assert_eq!(public.key_type(), KeyType::P256);
    let pool = SigningPool::of(vec![drawer.plan("curve", &certificate)]).unwrap();
    // Numbers below 2^255 are shorter in DER: some of these are.
    assert_eq!(all_good(pool.sign(&requests(200))).len(), 200);
    assert_eq!(counts(&pool), [200; 2]);
    let listed = drawer
        .operations()
        .list(std::slice::from_ref(&certificate.certificate))
        .unwrap();
    assert_eq!(
        (listed.len(), listed[0].kind),
        (1, "EC private key (P-256)")
    );
    assert!(listed[0].has_certificate && listed[0].is_software);
}

#[test]
fn hs_04_a_module_that_crashes_or_hangs_at_a_question_costs_its_answer_alone() {
    let drawer = Drawer::new();
    let certificate = drawer.make("pec", 2048);
    // By one session: a further one might be opened, and ask the module, at any time.
    let plan = TokenPlan::in_child(program(), &drawer.holder_by(1), "pec", certificate);
    let pool = SigningPool::of(vec![plan]).unwrap();
    let process = || pool.describe().tokens[0].process;
    let (before, is_over) = (process(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let signer = scope.spawn(|| {
            let mut rounds = 0;
            while !is_over.load(Ordering::Relaxed) {
                all_good(pool.sign(&requests(10)));
                rounds += 1;
            }
            rounds
        });
        let list = |operations: &Operations| operations.list(&[]).map(drop);
        let keygen = |operations: &Operations| operations.keygen("due", 2048).map(drop);
        type Ask<'a> = &'a dyn Fn(&Operations) -> Result<(), HsmError>;
        let asks: [(&str, Ask<'_>); 2] =
            [("C_GetTokenInfo", &list), ("C_GenerateKeyPair", &keygen)];
        for (function, ask) in asks {
            let crash = drawer.told(&format!("abort-{function}"));
            let words = lost(&drawer, ask(&drawer.operations()));
            assert!(words.contains("SIGABRT"), "{words}");
            drop(crash);
            let hang = drawer.told(&format!("hang-{function}"));
            let wait = Duration::from_secs(3);
            let begun = Moment::now();
            let watch = scope.spawn(move || none_shows_the_pin(wait));
            let words = lost(&drawer, ask(&drawer.operations_within(wait)));
            assert!(begun.elapsed() < wait * 5, "{:?}", begun.elapsed());
            assert!(words.contains("had not answered after 3 s"), "{words}");
            assert!(watch.join().unwrap(), "the child was seen");
            drop(hang);
            // Nothing is left of it.
            ask(&drawer.operations()).unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(signer.join().unwrap() > 0);
    });
    assert_eq!(process(), before, "the child that signs is the same");
    let listed = drawer.operations().list(&[]).unwrap();
    let labels: Vec<_> = listed.iter().map(|key| key.label.as_str()).collect();
    assert_eq!(labels.len(), 2, "{labels:?}");
}

#[test]
fn hs_04_a_question_that_hangs_does_not_keep_an_appliance_from_stopping() {
    let drawer = Drawer::new();
    let program = program();
    let operations =
        Operations::new(drawer.holder()).in_children(program.clone(), OPERATION_WAIT_MAX);
    let hang = drawer.told("hang-C_GetTokenInfo");
    let begun = Moment::now();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| operations.list(&[]).map(drop));
        until("a child was started", || !children().is_empty());
        program.halt();
        let words = lost(&drawer, asked.join().unwrap());
        assert!(words.contains("the appliance stops"), "{words}");
    });
    drop(hang);
    let words = lost(&drawer, operations.list(&[]).map(drop));
    assert!(words.contains("the appliance stops"), "{words}");
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}

/// The operator's sentence: what holds the keys, whose library it is, and what became of it.
fn lost(drawer: &Drawer, answer: Result<(), HsmError>) -> String {
    let error = answer.unwrap_err();
    assert!(matches!(error, HsmError::Lost { .. }), "{error:?}");
    let words = error.to_string();
    let module = drawer.path("faulty.so");
    assert!(words.contains("PKCS#11 token \"prova\""), "{words}");
    assert!(words.contains(module.to_str().unwrap()), "{words}");
    words
}

/// HS-09: while children are there, none shows the PIN in its arguments or its environment. Whether one was.
fn none_shows_the_pin(time: Duration) -> bool {
    let (begun, mut seen) = (Moment::now(), false);
    while begun.elapsed() < time {
        for process in children() {
            for name in ["cmdline", "environ"] {
                let octets = std::fs::read(process.join(name)).unwrap_or_default();
                seen |= name == "cmdline" && !octets.is_empty();
                assert!(!String::from_utf8_lossy(&octets).contains(PIN), "{name}");
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    seen
}

/// Folders in `/proc` of this process's children.
fn children() -> Vec<PathBuf> {
    let parent = format!("PPid:\t{}\n", std::process::id());
    let is_child = |folder: &PathBuf| {
        let status = std::fs::read_to_string(folder.join("status")).unwrap_or_default();
        status.contains(&parent)
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.map(|entry| entry.path()).filter(is_child).collect()
}

//! Tokens in processes of their own: killed, stopped, set up wrongly, while mail waits for its receipts. The
//! children are this program, told by its arguments to run one of these "tests", [`a_child_of_these_tests`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant as Moment};

use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Clock, Signature, Signer, SignerError, SigningRequest, SystemClock};
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::smime::profile::AllowedKeys;
use ceralacca_hsm::limits::OPERATION_WAIT_MAX;
use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::public_key::PublicKey;
use ceralacca_hsm::{
    Authority, ChildProgram, HsmError, KeyType, Operations, SigningPool, SoftwareKey, TokenPlan,
};
use rustix::process::{Pid, Signal, kill_process};

const HANG: Duration = Duration::from_secs(1);

/// No test of its own: what a child is.
#[test]
fn a_child_of_these_tests() {
    let stdin = std::io::stdin();
    if rustix::net::sockopt::socket_type(&stdin).is_ok() {
        ceralacca_hsm::child::run().unwrap();
    }
}

fn program() -> ChildProgram {
    ChildProgram::this(&["--exact", "a_child_of_these_tests"])
}

/// A folder of software keys, with a certificate each.
struct Keys {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Keys {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            authority: Authority::create("Autorita di prova", now()).unwrap(),
        }
    }

    fn holder(&self) -> KeyHolder {
        KeyHolder::Software {
            folder: self.folder.path().to_owned(),
        }
    }

    fn make(&self, label: &str) -> Arc<SigningCertificate> {
        let operations = Operations::new(self.holder());
        operations.keygen(label, 2048).unwrap();
        self.certificate(&operations.public_key(label).unwrap())
    }

    fn certificate(&self, public: &PublicKey) -> Arc<SigningCertificate> {
        let issued =
            self.authority
                .signing_certificate(public, "Gestore", "a@pec.example", 365, now());
        Arc::new(issued.unwrap())
    }

    fn plan(&self, label: &str) -> TokenPlan {
        let certificate = self.make(label);
        TokenPlan::in_child(program(), &self.holder(), label, certificate)
    }

    fn pool(&self, labels: &[&str]) -> SigningPool {
        let plans = labels.iter().map(|label| self.plan(label)).collect();
        SigningPool::waiting(plans, HANG).unwrap()
    }
}

fn now() -> Instant {
    SystemClock.now()
}

fn requests(count: u16) -> Vec<SigningRequest> {
    let digest = |n: u16| {
        let mut digest = [0; 32];
        digest[..2].copy_from_slice(&n.to_be_bytes());
        digest
    };
    (0..count)
        .map(|n| SigningRequest::of(digest(n), now()))
        .collect()
}

fn all_good(answers: &[Result<Signature, SignerError>]) {
    for answer in answers {
        let signature = answer.as_ref().unwrap();
        let public = PublicKey::from_certificate(&signature.by.certificate).unwrap();
        assert!(public.verifies(&signature.signed_attributes, &signature.value));
    }
}

fn pid_of(pool: &SigningPool, token: usize) -> Option<Pid> {
    let process = pool.describe().tokens[token].process?;
    Pid::from_raw(i32::try_from(process).unwrap())
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Moment::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Moment::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn hs_03_a_child_signs_all_in_order_and_counts_its_work() {
    let keys = Keys::new();
    let pool = keys.pool(&["uno"]);
    let wanted = requests(700);
    let answers = pool.sign(&wanted);
    all_good(&answers);
    let certificate = &pool.certificate().certificate;
    for (request, answer) in wanted.iter().zip(&answers) {
        let (digest, at) = (&request.content_digest, request.instant);
        let drafted = ceralacca_core::smime::cms::signed_attributes(certificate, digest, at);
        assert_eq!(answer.as_ref().unwrap().signed_attributes, drafted.unwrap());
    }
    let about = pool.describe();
    assert_eq!(about.signatures, 700);
    assert!(about.cpu > Duration::from_micros(100) * 700, "{about:?}");
    assert!(about.is_software && about.name.contains("evaluation only"));
    let pid = pid_of(&pool, 0).unwrap();
    drop(pool);
    assert!(!is_alive(pid), "a child ends with its pool");
}

fn is_alive(pid: Pid) -> bool {
    Path::new(&format!("/proc/{}", pid.as_raw_nonzero())).exists()
}

#[test]
fn hs_04_a_child_that_is_killed_is_followed_by_another_and_no_request_is_lost() {
    let keys = Keys::new();
    let pool = keys.pool(&["uno", "due"]);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let mut signed = 0;
            while !is_over.load(Ordering::Relaxed) {
                let answers = pool.sign(&requests(30));
                // With both away at once they are asked for again.
                signed += answers.iter().filter(|answer| answer.is_ok()).count();
                all_good(
                    &answers
                        .into_iter()
                        .filter(Result::is_ok)
                        .collect::<Vec<_>>(),
                );
            }
            signed
        });
        for turn in 0..6 {
            let is_back = || pool.describe().tokens[turn % 2].is_available;
            until("it is there", is_back);
            let pid = pid_of(&pool, turn % 2).unwrap();
            kill_process(pid, Signal::KILL).unwrap();
            let killed = Moment::now();
            until("another is there", || {
                pid_of(&pool, turn % 2).is_some_and(|new| new != pid) && is_back()
            });
            assert!(
                killed.elapsed() < Duration::from_secs(2),
                "{:?}",
                killed.elapsed()
            );
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(caller.join().unwrap() > 100);
    });
}

#[test]
fn hs_04_a_child_that_hangs_is_killed_and_its_requests_are_signed_elsewhere() {
    let keys = Keys::new();
    let pool = keys.pool(&["uno", "due"]);
    let pid = pid_of(&pool, 0).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let begun = Moment::now();
    let answers = pool.sign(&requests(50));
    all_good(&answers);
    let took = begun.elapsed();
    // Others sign what it holds long before it is given up.
    assert!(took < HANG * 2, "{took:?}");
    assert!(answers.iter().all(|answer| {
        let leaf = &answer.as_ref().unwrap().by.certificate;
        leaf != &pool.certificate().certificate
    }));
    until("a new one signs", || pool.describe().tokens[0].is_available);
    assert_ne!(pid_of(&pool, 0), Some(pid));
    assert!(!is_alive(pid));
}

#[test]
fn hs_05_with_the_only_child_hanging_requests_are_answered_unavailable_and_signed_later() {
    let keys = Keys::new();
    let pool = keys.pool(&["uno"]);
    kill_process(pid_of(&pool, 0).unwrap(), Signal::STOP).unwrap();
    let answers = pool.sign(&requests(3));
    for answer in answers {
        let is_told =
            matches!(&answer, Err(SignerError::Unavailable(why)) if why.contains("not returned"));
        assert!(is_told, "{answer:?}");
    }
    until("it signs again", || pool.sign(&requests(1))[0].is_ok());
}

#[test]
fn hs_04_little_work_reaches_each_token_in_turn() {
    let keys = Keys::new();
    let pool = keys.pool(&["uno", "due"]);
    until("both are there", || {
        pool.describe()
            .tokens
            .iter()
            .all(|token| token.is_available)
    });
    for _ in 0..20 {
        all_good(&pool.sign(&requests(1)));
    }
    let tokens = pool.describe().tokens;
    let made: Vec<u64> = tokens.iter().map(|token| token.signatures).collect();
    assert!(made.iter().all(|made| *made > 3), "{made:?}");
}

#[test]
fn hs_04_a_child_that_hangs_at_the_end_does_not_outlive_its_pool() {
    let keys = Keys::new();
    let pool = keys.pool(&["uno"]);
    let pid = pid_of(&pool, 0).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    drop(pool);
    assert!(!is_alive(pid));
}

#[test]
fn hs_04_one_child_that_cannot_work_does_not_stop_the_other_and_alone_it_is_an_error() {
    let keys = Keys::new();
    let other = SoftwareKey::generate(2048).unwrap();
    let wrong = keys.certificate(other.public());
    keys.make("uno");
    let misfit = || TokenPlan::in_child(program(), &keys.holder(), "uno", wrong.clone());
    let absent = || TokenPlan::in_child(program(), &keys.holder(), "manca", wrong.clone());
    let alone = |plan| SigningPool::of(vec![plan]).err();
    assert_eq!(alone(misfit()), Some(HsmError::OtherKey));
    assert_eq!(alone(absent()), Some(HsmError::NoKey("manca".to_owned())));
    let pool = SigningPool::of(vec![misfit(), keys.plan("due"), absent()]).unwrap();
    all_good(&pool.sign(&requests(20)));
    let tokens = pool.describe().tokens;
    let troubles: Vec<String> = tokens.iter().map(|token| token.words()).collect();
    assert!(troubles[0].contains("another key") && troubles[2].contains("`manca`"));
    assert!(tokens[1].is_available);
}

#[test]
fn hs_07_a_token_that_is_held_back_signs_once_it_is_let() {
    let keys = Keys::new();
    let held = keys
        .plan("due")
        .held(Some("the index does not show it".to_owned()));
    let pool = SigningPool::of(vec![keys.plan("uno"), held]).unwrap();
    all_good(&pool.sign(&requests(10)));
    let held = &pool.describe().tokens[1];
    assert!(!held.is_available && held.process.is_none());
    assert!(held.words().contains("the index does not show it"));
    pool.admit(1, None);
    until("it signs", || pool.describe().tokens[1].is_available);
}

/// SG-04: a key on P-256 in a file, where the policy allows such keys.
#[test]
fn sg_04_a_key_on_p_256_in_a_file_signs_through_a_child() {
    let keys = Keys::new();
    let operations = Operations::new(keys.holder()).allowing(AllowedKeys::RsaAndP256);
    operations.keygen("curva", KeyType::P256).unwrap();
    let public = operations.public_key("curva").unwrap();
    let certificate = keys.certificate(&public);
    let plan = TokenPlan::in_child(program(), &keys.holder(), "curva", certificate);
    let pool = SigningPool::of(vec![plan, keys.plan("uno")]).unwrap();
    let answers = pool.sign(&requests(200));
    all_good(&answers);
    let by_the_curve = |answer: &&Result<Signature, SignerError>| {
        let leaf = &answer.as_ref().unwrap().by.certificate;
        PublicKey::from_certificate(leaf).unwrap().is_same(&public)
    };
    let made = answers.iter().filter(by_the_curve).count();
    assert!(made > 0 && made < 200, "{made}: keys of both kinds sign");
    assert_eq!(pool.describe().signatures, 200);
}

/// What an appliance that serves asks of keys says what the same says in this process.
#[test]
fn questions_about_keys_are_answered_by_children_as_they_are_here() {
    let keys = Keys::new();
    let pin_file = keys.folder.path().join("pin");
    ceralacca_hsm::protected::write_secret(&pin_file, b"una frase lunga").unwrap();
    let sealed = KeyHolder::Sealed {
        folder: keys.folder.path().join("sealed"),
        pin_file: pin_file.clone(),
    };
    for holder in [keys.holder(), sealed] {
        let here = Operations::new(holder);
        let there = here.clone().in_children(program(), OPERATION_WAIT_MAX);
        there.init(None).unwrap();
        let made = there.keygen("uno", 2048).unwrap();
        assert_eq!(made.label, "uno");
        assert_eq!(there.list(&[]).unwrap(), here.list(&[]).unwrap());
        assert_eq!(here.list(&[]).unwrap(), [made]);
        let public = here.public_key("uno").unwrap();
        assert!(there.public_key("uno").unwrap().is_same(&public));
        let csr = there.csr("uno", "Gestore", "a@pec.example").unwrap();
        let issued = keys
            .authority
            .issue(&csr, "Gestore", "a@pec.example", 365, now());
        let issued = issued.unwrap();
        let import = |operations: &Operations| {
            operations.import_certificate("uno", issued.as_bytes(), "Gestore", "a@pec.example")
        };
        assert_eq!(import(&there).unwrap().pem, import(&here).unwrap().pem);
        let words = |answer: Result<_, HsmError>| answer.unwrap_err().to_string();
        let again = there.keygen("uno", 2048);
        assert_eq!(words(again), "a key labelled `uno` exists already");
        let absent = there.public_key("manca").map(drop);
        assert_eq!(absent, Err(HsmError::NoKey("manca".to_owned())));
    }
    // The PIN file is read in the child, and what is wrong with it is told.
    std::fs::remove_file(&pin_file).unwrap();
    let sealed = Operations::new(KeyHolder::Sealed {
        folder: keys.folder.path().join("sealed"),
        pin_file,
    });
    let sealed = sealed.in_children(program(), OPERATION_WAIT_MAX);
    assert!(matches!(sealed.list(&[]), Err(HsmError::File { .. })));
    let no_time = sealed.in_children(program(), Duration::ZERO).list(&[]);
    assert!(
        no_time
            .unwrap_err()
            .to_string()
            .contains("no time was left")
    );
}

/// What a child costs beside the signatures themselves: frames, wake-ups, drafts of attributes.
#[test]
fn a_signature_costs_little_beside_itself() {
    let keys = Keys::new();
    let certificate = keys.make("uno");
    let key = SoftwareKey::load(&keys.folder.path().join("uno.key")).unwrap();
    let here = ceralacca_hsm::SoftwareSigner::start(Arc::new(key), certificate.clone()).unwrap();
    let plan = TokenPlan::in_child(program(), &keys.holder(), "uno", certificate);
    let pool = SigningPool::of(vec![plan]).unwrap();
    for (name, signer) in [("here", &here as &dyn Signer), ("in a child", &pool)] {
        let child = || {
            let process = pid_of(&pool, 0).unwrap().as_raw_nonzero();
            cpu_of(&process.to_string()) + cpu_of("self")
        };
        let (before, spent) = (child(), signer.describe().cpu);
        for _ in 0..20 {
            all_good_in_number(&signer.sign(&requests(128)));
        }
        let beside = (child() - before).saturating_sub(signer.describe().cpu - spent) / (20 * 128);
        println!("{name}: {beside:?} beside a signature");
        // Unoptimised, on a busy machine.
        assert!(beside < Duration::from_micros(200), "{name}: {beside:?}");
    }
}

fn all_good_in_number(answers: &[Result<Signature, SignerError>]) {
    assert!(answers.iter().all(Result::is_ok));
}

/// CPU time of all threads of a process.
fn cpu_of(process: &str) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of_task = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let first = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
        Duration::from_nanos(first.unwrap_or(0))
    };
    tasks.flatten().map(of_task).sum()
}

#[test]
fn a_child_that_was_started_by_hand_ends_at_once() {
    let status = std::process::Command::new("/proc/self/exe")
        .args(["--exact", "a_child_of_these_tests"])
        .stdin(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

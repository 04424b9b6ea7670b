//! The signer of production on a real PKCS#11 module, SoftHSM 2. One token folder per test process: two
//! processes on one folder crash the module. Tokens that go and come are in `tests/token_away.rs`.
#![allow(unsafe_code)]

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ceralacca_core::ports::{Signer, SignerError};
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::smime::profile::AllowedKeys;
use ceralacca_hsm::ceremony::{self, Ceremony};
use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::{HsmError, KeyType, Operations, Pkcs11Settings, Pkcs11Signer};
use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CK_SLOT_ID, CK_TOKEN_INFO, CKR_OK};

use crate::parts::{
    CONTENT, PROVIDER, SERVICE, authority, now, openssl_accepts, request, sign_one,
};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "4711-geheim";

/// The folder of this process, named in the environment before the module starts.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            assert!(
                Path::new(MODULE).exists(),
                "{MODULE} is missing: run `make setup` (it installs softhsm2)"
            );
            let folder = tempfile::tempdir().unwrap();
            let tokens = folder.path().join("tokens");
            std::fs::create_dir(&tokens).unwrap();
            let configuration = folder.path().join("softhsm2.conf");
            let text = format!(
                "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
                tokens.display()
            );
            std::fs::write(&configuration, text).unwrap();
            // SAFETY: Rust's own readers of the environment take the same lock, and the only reader in C,
            // the module, is loaded after this in whichever test comes first.
            unsafe { std::env::set_var("SOFTHSM2_CONF", &configuration) };
            write_pin(folder.path(), "pin", PIN);
            write_pin(folder.path(), "so-pin", "so-4711");
            folder
        })
        .path()
}

fn write_pin(folder: &Path, name: &str, pin: &str) -> PathBuf {
    use std::io::Write;
    let path = folder.join(name);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .unwrap();
    writeln!(file, "{pin}").unwrap();
    path
}

fn settings(token: &str) -> Pkcs11Settings {
    Pkcs11Settings {
        module: MODULE.into(),
        token: token.to_owned(),
        pin_file: folder().join("pin"),
        key_label: "pec".to_owned(),
        sessions: 3,
    }
}

/// A token with the key `pec` and its certificate. Serial: SoftHSM's generation of keys is not safe on
/// several threads.
fn token(label: &str, key: impl Into<KeyType>) -> (Pkcs11Settings, Arc<SigningCertificate>) {
    let key = key.into();
    static SERIAL: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = SERIAL
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let settings = settings(label);
    let operations =
        Operations::new(KeyHolder::Token(settings.clone())).allowing(AllowedKeys::RsaAndP256);
    operations.init(Some(&folder().join("so-pin"))).unwrap();
    let made = operations.keygen("pec", key).unwrap();
    assert_eq!((made.bits, made.kind), (key.bits(), key.words()));
    let csr = operations.csr("pec", PROVIDER, SERVICE).unwrap();
    let leaf = authority()
        .issue(&csr, PROVIDER, SERVICE, 365, now())
        .unwrap();
    let file = leaf + &authority().certificate_pem();
    let imported = operations
        .import_certificate("pec", file.as_bytes(), PROVIDER, SERVICE)
        .unwrap();
    (settings, Arc::new(imported.certificate))
}

#[test]
fn sg_16_openssl_accepts_messages_signed_through_pkcs11() {
    for bits in [2048, 3072] {
        let (settings, certificate) = token(&format!("verify-{bits}"), bits);
        let signer = Pkcs11Signer::start(&settings, certificate).unwrap();
        openssl_accepts(CONTENT, &sign_one(&signer, CONTENT)).unwrap();
    }
}

#[test]
fn sg_04_a_key_on_p_256_signs_in_the_module() {
    let (settings, certificate) = token("curve", KeyType::P256);
    let signer = Pkcs11Signer::start(&settings, Arc::clone(&certificate)).unwrap();
    // Numbers below 2^255 are shorter in DER: some of these are.
    for _ in 0..8 {
        openssl_accepts(CONTENT, &sign_one(&signer, CONTENT)).unwrap();
    }
    let operations = Operations::new(KeyHolder::Token(settings));
    let keys = operations
        .list(std::slice::from_ref(&certificate.certificate))
        .unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].kind, "EC private key (P-256)");
    assert!(keys[0].has_certificate);
    // Without the policy's word the same key does nothing.
    assert_eq!(
        operations.signer("pec", certificate).err(),
        Some(HsmError::CurveNotAllowed)
    );
    let csr = operations.csr("pec", PROVIDER, SERVICE);
    assert_eq!(csr, Err(HsmError::CurveNotAllowed));
    let made = operations.keygen("pec-2", KeyType::P256);
    assert_eq!(made, Err(HsmError::CurveNotAllowed));
}

#[test]
fn hs_08_a_ceremony_initialises_a_token_with_a_pin_that_nobody_saw() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = Pkcs11Settings {
        pin_file: scratch.path().join("pin"),
        ..settings("ceremony")
    };
    let operations = Operations::new(KeyHolder::Token(settings.clone()));
    let name = |name: &str| name.to_owned();
    let ceremony = Ceremony {
        provider: PROVIDER.to_owned(),
        service_address: SERVICE.to_owned(),
        operator: name("Olga Rossi"),
        custodians: vec![name("Anna Bianchi"), name("Bruno Verdi")],
        quorum: 2,
        witnesses: vec![name("Vito Gallo")],
        label: name("pec"),
        key: KeyType::Rsa(2048),
        so_pin_file: Some(folder().join("so-pin")),
        folder: scratch.path().join("ceremony"),
    };
    let held = ceremony.hold(&operations, now()).unwrap();
    for words in ["PKCS#11 token \"ceremony\"", MODULE, "held in software"] {
        assert!(held.record.contains(words), "{}", held.record);
    }
    // The PIN comes back from the shares, and opens the token.
    std::fs::remove_file(&settings.pin_file).unwrap();
    assert!(operations.public_key("pec").is_err());
    ceremony::open(&held.shares, &settings.pin_file).unwrap();
    operations.public_key("pec").unwrap();
}

#[test]
fn hs_01_keys_are_listed_flagged_and_never_made_twice() {
    let (settings, certificate) = token("listed", 2048);
    let operations = Operations::new(KeyHolder::Token(settings.clone()));
    let keys = operations
        .list(std::slice::from_ref(&certificate.certificate))
        .unwrap();
    assert_eq!(keys.len(), 1);
    assert!(keys[0].is_software && keys[0].has_certificate && keys[0].label == "pec");
    assert_eq!(
        operations.keygen("pec", 2048).unwrap_err(),
        HsmError::KeyExists("pec".to_owned())
    );
    assert_eq!(
        operations.init(Some(&folder().join("so-pin"))).unwrap_err(),
        HsmError::TokenExists("listed".to_owned())
    );
    let signer = Pkcs11Signer::start(&settings, certificate).unwrap();
    let words = signer.describe();
    assert_eq!(words.name, "PKCS#11 token \"listed\"");
    assert!(words.is_software && words.is_available);
}

#[test]
fn hs_03_lost_sessions_are_opened_again() {
    let (mut settings, certificate) = token("lost", 2048);
    // One worker, which rests while all is closed: SoftHSM 2.6 reads freed memory where another thread is just
    // opening its session then, and no lock of ours stands between a stranger's call and the module.
    settings.sessions = 1;
    let signer = Pkcs11Signer::start(&settings, certificate).unwrap();
    sign_one(&signer, CONTENT);
    for _ in 0..3 {
        close_all_sessions("lost");
        let requests = vec![request(CONTENT); 12];
        for answer in signer.sign(&requests) {
            answer.unwrap();
        }
    }
    openssl_accepts(CONTENT, &sign_one(&signer, CONTENT)).unwrap();
}

#[test]
fn hs_03_many_threads_sign_on_one_token() {
    let (settings, certificate) = token("threads", 2048);
    let signer = Arc::new(Pkcs11Signer::start(&settings, certificate).unwrap());
    let threads: Vec<_> = (0..4_u8)
        .map(|thread| {
            let signer = Arc::clone(&signer);
            std::thread::spawn(move || {
                let requests: Vec<_> = (0..25_u8).map(|n| request(&[thread, n])).collect();
                signer
                    .sign(&requests)
                    .into_iter()
                    .all(|answer| answer.is_ok())
            })
        })
        .collect();
    for thread in threads {
        assert!(thread.join().unwrap());
    }
}

#[test]
fn settings_that_cannot_work_are_refused_at_start_in_words() {
    let (good, certificate) = token("settings", 2048);
    let start = |settings: &Pkcs11Settings| {
        Pkcs11Signer::start(settings, Arc::clone(&certificate))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let no_module = Pkcs11Settings {
        module: "/nowhere/module.so".into(),
        ..good.clone()
    };
    assert!(start(&no_module).contains("/nowhere/module.so"));
    let no_key = Pkcs11Settings {
        key_label: "other".to_owned(),
        ..good.clone()
    };
    assert!(start(&no_key).contains("no private key labelled `other`"));
    let no_pin = Pkcs11Settings {
        pin_file: folder().join("none"),
        ..good.clone()
    };
    assert!(start(&no_pin).contains("cannot be used"));
    let other = token("settings-other", 2048).0;
    assert!(start(&other).contains("another key"));
    // The same process: a session that is logged in would hide a wrong PIN, so none is open here.
    let wrong_pin = Pkcs11Settings {
        pin_file: write_pin(folder(), "wrong-pin", "1234567"),
        ..good.clone()
    };
    let words = start(&wrong_pin);
    assert!(
        words.contains("refuses the PIN") && !words.contains("1234567"),
        "{words}"
    );
    Pkcs11Signer::start(&good, certificate.clone()).unwrap();
}

#[test]
fn hs_05_a_signer_starts_without_its_token_and_uses_it_once_it_comes() {
    // The key of this certificate is on a token that does not exist yet: made on one, and asked of
    // another, absent one.
    let (_, certificate) = token("present", 2048);
    let absent = settings("absent");
    let signer = Pkcs11Signer::start(&absent, certificate).unwrap();
    let words = signer.describe();
    assert!(
        !words.is_available && words.name.contains("`absent`"),
        "{}",
        words.name
    );
    let answer = &signer.sign(&[request(CONTENT)])[0];
    assert!(matches!(answer, Err(SignerError::Unavailable(why)) if why.contains("`absent`")));
}

#[test]
fn a_key_that_wants_a_login_per_signature_is_refused() {
    let (settings, certificate) = token("always", 2048);
    // The hand below knows nothing of our visits: open sessions keep the module as it is meanwhile.
    let _kept = Pkcs11Signer::start(&settings, Arc::clone(&certificate)).unwrap();
    mark_always_authenticate(&settings);
    let with_key = Pkcs11Settings {
        key_label: "always".to_owned(),
        ..settings
    };
    let refused = Pkcs11Signer::start(&with_key, certificate).err().unwrap();
    assert_eq!(refused, HsmError::AlwaysAuthenticate("always".to_owned()));
    assert!(refused.to_string().contains("CKA_ALWAYS_AUTHENTICATE"));
}

/// Makes a second key, `always`, with that attribute, by the tool's own hand.
fn mark_always_authenticate(settings: &Pkcs11Settings) {
    use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
    use cryptoki::mechanism::Mechanism;
    use cryptoki::object::Attribute;
    use cryptoki::session::UserType;
    let pkcs11 = Pkcs11::new(&settings.module).unwrap();
    let _ = pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    let slots = pkcs11.get_slots_with_initialized_token().unwrap();
    let slot = slots
        .into_iter()
        .find(|slot| pkcs11.get_token_info(*slot).unwrap().label() == settings.token)
        .unwrap();
    let session = pkcs11.open_rw_session(slot).unwrap();
    // The open sessions have logged the token in; without a login the next call fails.
    let _ = session.login(UserType::User, Some(&PIN.to_owned().into()));
    let public = [Attribute::Token(true), Attribute::ModulusBits(2048.into())];
    let private = [
        Attribute::Token(true),
        Attribute::Sign(true),
        Attribute::AlwaysAuthenticate(true),
        Attribute::Label(b"always".to_vec()),
    ];
    session
        .generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)
        .unwrap();
}

/// What another user of the module in the same process could do at any moment.
fn close_all_sessions(label: &str) {
    // SAFETY: the module is loaded and initialised by the signer under test; the calls and structures are
    // those of PKCS#11 2.40, and every pointer is to a live local of the right type.
    unsafe {
        let library = cryptoki_sys::Pkcs11::new(MODULE).unwrap();
        let mut list: *mut CK_FUNCTION_LIST = std::ptr::null_mut();
        let get_list = *library.C_GetFunctionList.as_ref().unwrap();
        check(get_list(&raw mut list));
        let mut slots: [CK_SLOT_ID; 64] = [0; 64];
        let mut count = 64;
        check((*list).C_GetSlotList.unwrap()(
            1,
            slots.as_mut_ptr(),
            &raw mut count,
        ));
        for slot in slots.iter().take(usize::try_from(count).unwrap()) {
            let mut facts = CK_TOKEN_INFO::default();
            check((*list).C_GetTokenInfo.unwrap()(*slot, &raw mut facts));
            if String::from_utf8_lossy(&facts.label).trim_end() == label {
                check((*list).C_CloseAllSessions.unwrap()(*slot));
            }
        }
    }
}

fn check(answer: CK_RV) {
    assert_eq!(answer, CKR_OK);
}

//! Keys and modules.

use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::disk::SimDisk;
use ceralacca_core::ports::NoScanner;
use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::compose::Draft;
use ceralacca_tests::inside::{self, Inside};
use ceralacca_tests::judge;
use ceralacca_tests::program::{arg, run_well, said};
use ceralacca_tests::token::{PIN, TokenFolder};

use crate::{Trio, at};

/// An appliance whose key is in SoftHSM, running.
pub fn appliance_with_token() -> (Appliance, TokenFolder) {
    let token = TokenFolder::new();
    let mut appliance = Appliance::with_token(&token);
    appliance.keygen_and_certificate();
    appliance.serve();
    (appliance, token)
}

/// HS-01 of the vector signer: chosen aloud, marked wherever it is shown, and it certifies mail.
#[test]
fn hs_01_a_key_sealed_in_the_appliance_signs_and_is_shown_as_no_hsm() {
    use std::os::unix::fs::PermissionsExt;
    let folder = ceralacca_tests::workspace::scratch();
    let pin = folder.path().join("pin");
    std::fs::write(&pin, "una frase lunga").unwrap();
    std::fs::set_permissions(&pin, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut appliance = Appliance::initialised(&["--signer", "vector", "--pin-file", arg(&pin)]);
    appliance.serve();
    let words = "not a certified HSM";
    assert!(appliance.log().contains(words), "{}", appliance.log());
    for question in [&["hsm", "list"], &["check"][..]] {
        let said = appliance.said_by(question);
        assert!(said.contains(words), "{said}");
    }
    let trio = Trio::at(&appliance);
    trio.certify_simple(&trio.simple());
    // Without the PIN it does not even start.
    appliance.stop();
    std::fs::write(&pin, "un'altra").unwrap();
    let said = appliance.try_serve().expect_err("another PIN");
    assert!(said.contains("another PIN"), "{said}");
}

/// Certificates with one fault each, made by `openssl` for the token's own key.
pub fn certificates_outside_the_profile_are_refused() {
    let token = TokenFolder::new();
    let appliance = Appliance::with_token(&token);
    appliance.well(&["hsm", "keygen"]);
    let csr = appliance.beside("request.pem");
    appliance.well(&["hsm", "csr", "--out", arg(&csr)]);
    let authority = TestAuthority::new(&appliance);
    let good = "keyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
    let mail = "subjectAltName=email:posta-certificata@pec.test\n";
    let name = "/C=IT/O=Gestore di Prova S.p.A./CN=Posta Certificata";
    let without = |text: &str, by: &str| format!("{}{mail}", good.replace(text, by));
    let cases = [
        (
            "mail address",
            format!("{good}subjectAltName=email:altro@pec.test\n"),
            name,
        ),
        ("rfc822Name", good.to_owned(), name),
        (
            "provider's name",
            format!("{good}{mail}"),
            "/C=IT/O=Altri S.r.l./CN=Posta Certificata",
        ),
        (
            "basic constraints",
            format!("{good}{mail}basicConstraints=CA:FALSE\n"),
            name,
        ),
        ("not critical", without("critical,", ""), name),
        (
            "digitalSignature",
            without("digitalSignature", "keyEncipherment"),
            name,
        ),
        (
            "is critical",
            format!("{good}{mail}extendedKeyUsage=critical,emailProtection\n"),
            name,
        ),
        (
            "subject key identifier",
            without("subjectKeyIdentifier=hash", "subjectKeyIdentifier=none"),
            name,
        ),
    ];
    for (point, extensions, subject) in cases {
        let file = authority.sign(&csr, subject, &extensions);
        let said = appliance.refused(&["hsm", "import-cert", arg(&file)]);
        assert!(
            said.contains(point),
            "{point} is named for\n{extensions}{subject}\n{said}"
        );
    }
    let file = authority.sign(&csr, name, &format!("{good}{mail}"));
    appliance.well(&["hsm", "import-cert", arg(&file)]);
}

/// An authority made with `openssl`.
struct TestAuthority<'a> {
    appliance: &'a Appliance,
}

impl<'a> TestAuthority<'a> {
    fn new(appliance: &'a Appliance) -> Self {
        let (key, certificate) = (appliance.beside("ca.key"), appliance.beside("ca.pem"));
        run_well(
            "openssl",
            &[
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-keyout",
                arg(&key),
                "-out",
                arg(&certificate),
                "-days",
                "3650",
                "-subj",
                "/C=IT/O=Prova/CN=Autorita",
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            ],
        );
        Self { appliance }
    }

    fn sign(&self, csr: &std::path::Path, subject: &str, extensions: &str) -> std::path::PathBuf {
        let file = |name: &str| self.appliance.beside(name);
        let extensions = self
            .appliance
            .write_beside("ext.cnf", extensions.as_bytes());
        let leaf = file("leaf.pem");
        // `openssl x509` takes the subject from the request: another name needs the key's request anew,
        // so the certificate is made from the public key alone.
        let public = file("public.pem");
        run_well(
            "openssl",
            &[
                "req",
                "-in",
                arg(csr),
                "-noout",
                "-pubkey",
                "-out",
                arg(&public),
            ],
        );
        run_well(
            "openssl",
            &[
                "x509",
                "-new",
                "-force_pubkey",
                arg(&public),
                "-subj",
                subject,
                "-days",
                "700",
                "-CA",
                arg(&file("ca.pem")),
                "-CAkey",
                arg(&file("ca.key")),
                "-set_serial",
                "4711",
                "-extfile",
                arg(&extensions),
                "-out",
                arg(&leaf),
                "-sha256",
            ],
        );
        let chain = [
            std::fs::read(&leaf).unwrap(),
            std::fs::read(file("ca.pem")).unwrap(),
        ]
        .concat();
        self.appliance.write_beside("chain.pem", &chain)
    }
}

#[test]
fn hs_01_the_key_is_made_in_the_module_and_software_keys_are_marked() {
    let (appliance, token) = appliance_with_token();
    let objects = token.objects(Appliance::TOKEN_LABEL);
    assert!(objects.contains("Private Key Object; RSA"), "{objects}");
    assert!(objects.contains("never extractable"), "{objects}");
    // SoftHSM is software too, and is told as such beside its token's name.
    let listed = appliance.well(&["hsm", "list"]);
    assert!(
        listed.contains("PKCS#11 token") && listed.contains("software"),
        "{listed}"
    );
    let shared = Appliance::shared();
    for shown in [shared.well(&["hsm", "list"]), shared.well(&["check"])] {
        assert!(shown.to_lowercase().contains("evaluation"), "{shown}");
    }
}

/// SG-04: RSA, unless the policy says otherwise.
pub fn a_key_on_p_256_signs_where_the_policy_allows_it() {
    let token = TokenFolder::new();
    let mut appliance = Appliance::with_token(&token);
    let keygen = ["hsm", "keygen", "--type", "p256"];
    let said = appliance.refused(&keygen);
    assert!(said.contains("ecdsa_keys_allowed = true"), "{said}");
    appliance.set_policy("ecdsa_keys_allowed", true);
    appliance.well(&keygen);
    assert!(token.objects(Appliance::TOKEN_LABEL).contains("EC"));
    appliance.certify_key();
    let listed = appliance.well(&["hsm", "list"]);
    assert!(listed.contains("EC private key (P-256)"), "{listed}");
    appliance.serve();
    let trio = Trio::at(&appliance);
    let certified = trio.certify(&trio.draft());
    for (number, message) in certified.all().iter().enumerate() {
        let file = appliance.write_beside(&format!("{number}.eml"), &message.message.raw);
        judge::openssl_accepts(&file, &appliance.anchors());
        appliance.well(&["verify", arg(&file)]);
        // Who does not know of this policy goes by the rules.
        let strict = judge::own_verifier(&file, &appliance.anchors());
        assert!(
            !strict.status.success(),
            "{}",
            ceralacca_tests::program::said(&strict)
        );
    }
    appliance.stop();
    appliance.set_policy("ecdsa_keys_allowed", false);
    let said = appliance
        .try_serve()
        .expect_err("a key that is not allowed");
    assert!(
        said.contains("P-256") && said.contains("ecdsa_keys_allowed"),
        "{said}"
    );
}

#[test]
fn hs_02_messages_signed_by_the_module_verify_everywhere() {
    // Only the digest of the signed attributes goes in (CKM_RSA_PKCS over a DigestInfo): what proves it
    // on the wire is that independent verifiers accept signatures over attributes that we assembled.
    let (appliance, _token) = appliance_with_token();
    let trio = Trio::at(&appliance);
    let certified = trio.certify(&trio.draft());
    judge::all_accept(&appliance, &certified.all());
}

#[test]
fn hs_03_many_sessions_sign_at_once_and_lost_ones_are_opened_again() {
    a_simulated_token_goes_and_comes();
    let (appliance, token) = appliance_with_token();
    let trio = Trio::at(&appliance);
    let send = |count: usize| {
        let mut session = trio.from.submission();
        for _ in 0..count {
            let octets = trio.simple().bytes();
            let reply = session.send(&trio.from.address, &[&trio.to.address], &octets);
            assert_eq!(reply.code, 250, "{reply:?}");
        }
    };
    send(20);
    trio.from.wait_for(40);
    // Another process logs in, writes and logs out meanwhile; SoftHSM rereads its files.
    token.objects(Appliance::TOKEN_LABEL);
    send(20);
    let all: Vec<_> = trio.from.wait_for(80);
    judge::all_accept(&appliance, &all.iter().collect::<Vec<_>>()[60..]);
}

#[test]
fn hs_05_with_the_token_away_mail_is_taken_in_and_receipts_come_when_it_is_back() {
    let (mut appliance, token) = appliance_with_token();
    let [from, to] = ["da", "a"].map(|n| appliance.mailbox(n).address);
    let send = |appliance: &Appliance| {
        at(appliance, &from).send_well(&[&to], &Draft::new(&from, &[&to]).bytes());
    };
    send(&appliance);
    at(&appliance, &from).wait_for(2);
    // While it runs.
    token.pull_out();
    (0..3).for_each(|_| send(&appliance));
    stays_at(&appliance, &from, 2);
    token.put_back();
    at(&appliance, &from).wait_for(8);
    at(&appliance, &to).wait_for(4);
    // Away already when it starts.
    appliance.stop();
    token.pull_out();
    appliance.serve();
    (0..2).for_each(|_| send(&appliance));
    stays_at(&appliance, &from, 8);
    let shown = said(&appliance.command(&["check"]));
    assert!(shown.contains("cannot sign now"), "{shown}");
    token.put_back();
    at(&appliance, &from).wait_for(12);
    at(&appliance, &to).wait_for(6);
    assert!(appliance.log().contains("receipts come when it is back"));
}

/// For a second nothing more comes: nothing can be signed now.
fn stays_at(appliance: &Appliance, address: &str, count: usize) {
    let asked = std::time::Instant::now();
    while asked.elapsed() < Duration::from_secs(1) {
        assert_eq!(at(appliance, address).messages().len(), count);
    }
}

/// A running certifier loses its token and goes on by itself when it is back.
fn a_simulated_token_goes_and_comes() {
    let (signer, faults) = inside::simulated_signer();
    let inside = Inside::with_signer(Arc::new(SimDisk::new()), Arc::new(NoScanner), signer);
    let (from, to) = ("da@pec.test", "a@pec.test");
    let ids = [from, to].map(|address| inside.mailbox(address));
    let send = || inside.submit((ids[0], from), to, &Draft::new(from, &[to]).bytes());
    send();
    inside.wait_for(ids[0], 2);
    faults.be_away_for(Duration::from_secs(3600));
    (0..5).for_each(|_| send());
    let asked = std::time::Instant::now();
    while asked.elapsed() < Duration::from_millis(500) {
        assert_eq!(inside.held(ids[0]), 2, "nothing can be signed now");
    }
    faults.come_back();
    inside.wait_for(ids[0], 12);
    inside.wait_for(ids[1], 6);
}

#[test]
fn hs_08_a_key_made_at_a_ceremony_signs_and_its_pin_comes_back_from_a_quorum() {
    let folder = ceralacca_tests::workspace::scratch();
    let pin = folder.path().join("pin");
    std::fs::write(&pin, "una frase lunga").unwrap();
    set_private(&pin);
    let mut appliance = Appliance::initialised(&["--signer", "vector", "--pin-file", arg(&pin)]);
    // By the appliance that runs: the files are the caller's.
    appliance.serve();
    let ceremony = appliance.beside("ceremony");
    let hold = |quorum: &'static str, folder: &str| {
        let mut order = vec!["hsm", "ceremony", "hold", "--operator", "Olga Rossi"];
        for custodian in ["Anna Bianchi", "Bruno Verdi", "Carla Neri"] {
            order.extend(["--custodian", custodian]);
        }
        order.extend(["--witness", "Vito Gallo", "--quorum", quorum]);
        order.extend(["--label", "pec-2027", "--folder"]);
        order.push(folder);
        appliance.command(&order)
    };
    let few = hold("1", arg(&ceremony));
    assert!(
        said(&few).contains("quorum must be 2 to 3"),
        "{}",
        said(&few)
    );
    let held = hold("2", arg(&ceremony));
    assert!(held.status.success(), "{}", said(&held));
    let record = std::fs::read_to_string(ceremony.join("record.txt")).unwrap();
    for words in [
        "Custodian 3: Carla Neri",
        "Key: pec-2027",
        "not a certified HSM",
    ] {
        assert!(
            record.contains(words) && said(&held).contains(words),
            "{record}"
        );
    }
    let [text, signature, certificate] =
        ["record.txt", "record.p7s", "record.pem"].map(|name| ceremony.join(name));
    run_well(
        "openssl",
        &[
            "cms",
            "-verify",
            "-binary",
            "-inform",
            "DER",
            "-in",
            arg(&signature),
            "-content",
            arg(&text),
            "-CAfile",
            arg(&certificate),
            "-out",
            "/dev/null",
        ],
    );
    // The key of the record is certified, and signs.
    appliance.certify_label(Some("pec-2027"));
    appliance.stop();
    // The machine is lost with its PIN file; a quorum brings it back.
    std::fs::remove_file(&pin).unwrap();
    let lost = appliance.try_serve().expect_err("no PIN");
    assert!(lost.contains("hsm ceremony open"), "{lost}");
    let share = |number: u8| ceremony.join(format!("share-{number}-of-3.txt"));
    let [first, third] = [share(1), share(3)];
    let open = ["hsm", "ceremony", "open", "--share", arg(&first)];
    let said = appliance.refused(&open);
    assert!(said.contains("1 different shares are too few"), "{said}");
    appliance.well(&[&open[..], &["--share", arg(&third)]].concat());
    assert_eq!(std::fs::read_to_string(&pin).unwrap(), "una frase lunga\n");
    appliance.serve();
    let trio = Trio::at(&appliance);
    let certified = trio.certify_simple(&trio.simple());
    judge::all_accept(&appliance, &certified.all());
    // Neither PIN nor share was said aloud.
    let value = std::fs::read_to_string(&first).unwrap();
    let line = value.lines().find(|line| line.starts_with(" 1:")).unwrap();
    for text in [appliance.log(), said, record] {
        assert!(
            !text.contains("una frase lunga") && !text.contains(&line[4..]),
            "{text}"
        );
    }
}

fn set_private(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn hs_09_the_pin_is_in_no_argument_environment_or_log() {
    let (appliance, _token) = appliance_with_token();
    let trio = Trio::at(&appliance);
    trio.certify_simple(&trio.simple());
    for name in ["cmdline", "environ"] {
        // Who is not root may not even look into a process that must not be dumped.
        let octets = match std::fs::read(format!("/proc/{}/{name}", appliance.pid())) {
            Err(error) if name == "environ" => {
                assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
                continue;
            }
            read => read.unwrap(),
        };
        assert!(
            !String::from_utf8_lossy(&octets).contains(PIN),
            "the PIN is in {name}"
        );
    }
    let shown = said(&appliance.command(&["check", "--json"]));
    let listed = said(&appliance.command(&["hsm", "list", "--json"]));
    let settings = std::fs::read_to_string(appliance.data().join("appliance.toml")).unwrap();
    for text in [appliance.log(), shown, listed, settings] {
        assert!(!text.contains(PIN), "{text}");
    }
    // A PIN file that others may read is refused.
    let open = TokenFolder::new();
    open.open_to_all();
    let said = Appliance::refused_with_token(&open);
    assert!(said.contains("pin") || said.contains("PIN"), "{said}");
}

//! The four checks of the incoming point on genuine and doctored mail of another provider: what it is, what
//! is answered, where it ends. In process (`ceralacca_tests::arrivals`).

use ceralacca_core::log;
use ceralacca_core::policy::Policy;
use ceralacca_core::queue::Purpose;
use ceralacca_core::task::TaskKind;
use ceralacca_core::wording::anomalies::AnomalyReason;
use ceralacca_hsm::Authority;
use ceralacca_tests::arrivals::{
    ALFA, Handed, STRANGER, Scene, Seal, Settings, edited, letter, replaced, signed_part,
    with_data, with_signature,
};
use ceralacca_tests::message::Part;
use ceralacca_tests::program::{arg, run_well};
use ceralacca_tests::sealed::Sealed;
use ceralacca_tests::workspace;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const HOUR_MS: i64 = 60 * 60 * 1000;
const MARKER: &str = "X-Trasporto: posta-certificata";

/// The newest letter of `address` is an anomaly envelope around `octets` that gives this reason.
pub(crate) fn is_anomaly(
    scene: &mut Scene,
    address: &str,
    octets: &[u8],
    reason: AnomalyReason,
    story: &str,
) {
    let last = scene.beta.inbox(address).pop();
    let last = Sealed::parse(&last.unwrap_or_else(|| panic!("{story}: nothing came")));
    assert_eq!(
        last.get("X-Trasporto").as_deref(),
        Some("errore"),
        "{story}"
    );
    let text = last.text().replace('\n', " ");
    assert!(text.contains(&reason.sentence()), "{story}: {text}");
    let enclosed = last.original().expect("the message").raw;
    assert!(enclosed.ends_with(octets), "{story}: not as it came");
}

/// `octets` are ordinary mail: refused by who takes none, an anomaly of this reason for who does.
fn is_ordinary(scene: &mut Scene, octets: &[u8], reason: AnomalyReason, story: &str) {
    let [closed, open] = [CLOSED, OPEN];
    assert_eq!(scene.hand_in(&[closed], octets), "550 5.7.1", "{story}");
    assert!(scene.beta.inbox(closed).is_empty(), "{story}");
    assert_eq!(scene.hand_in(&[open], octets), "250", "{story}");
    is_anomaly(scene, open, octets, reason, story);
    assert_eq!(scene.beta.queue().len(), 0, "{story}: something leaves");
}

/// `octets` are mail of a provider and malformed: an anomaly whatever the mailbox says of ordinary mail.
fn is_malformed(scene: &mut Scene, octets: &[u8], reason: AnomalyReason, story: &str) {
    let before = scene.beta.inbox(CLOSED).len();
    assert_eq!(scene.hand_in(&[CLOSED], octets), "250", "{story}");
    assert_eq!(scene.beta.inbox(CLOSED).len(), before + 1, "{story}");
    is_anomaly(scene, CLOSED, octets, reason, story);
    assert_eq!(scene.beta.queue().len(), 0, "{story}: something leaves");
}

/// `octets` are a correct envelope: in the mailbox as they came, taken in charge, receipted.
pub(crate) fn is_delivered(scene: &mut Scene, octets: &[u8], story: &str) {
    let before = scene.beta.inbox(CLOSED).len();
    let left = scene.beta.queue().len();
    assert_eq!(scene.hand_in(&[CLOSED], octets), "250", "{story}");
    let inbox = scene.beta.inbox(CLOSED);
    assert_eq!(inbox.len(), before + 1, "{story}");
    assert!(inbox[before].ends_with(octets), "{story}: not as it came");
    assert_eq!(scene.beta.queue().len(), left + 2, "{story}: two receipts");
    assert!(scene.beta.is_at_rest(), "{story}");
}

const CLOSED: &str = "bruno@beta.test";
const OPEN: &str = "carla@beta.test";

fn scene() -> Scene {
    populated(Settings::default())
}

pub(crate) fn populated(settings: Settings) -> Scene {
    let mut scene = Scene::with(settings);
    scene.beta.mailbox("bruno");
    scene.beta.open_mailbox("carla");
    scene
}

fn tolerating(name: &str) -> Settings {
    let policy = Policy {
        tolerated_providers: vec![name.to_owned()],
        ..Policy::default()
    };
    Settings { policy }
}

#[test]
fn ip_02_without_a_readable_signature_it_is_ordinary_mail() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED, OPEN]);
    let text = String::from_utf8(envelope.clone()).unwrap();
    let at = text.find("Content-Type: multipart/signed").unwrap();
    let signature = Sealed::parse(&envelope).signature;
    let opaque = format!(
        "{}Content-Type: application/pkcs7-mime; smime-type=signed-data; name=\"smime.p7m\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}",
        &text[..at],
        String::from_utf8_lossy(signature.body())
    );
    let content = signed_part(&envelope);
    let boundary = Part::parse(&envelope).parameter("boundary").unwrap();
    let doubled = format!("\r\n--{boundary}--");
    let third = format!("\r\n--{boundary}\r\nContent-Type: text/plain\r\n\r\nx{doubled}");
    let pkcs7 = b"application/pkcs7-signature";
    let forms = [
        ("opaque", opaque.into_bytes()),
        (
            "plain",
            letter(STRANGER, &[OPEN], "Saluti", "Un testo.\r\n"),
        ),
        (
            "a marker only",
            [&b"X-Trasporto: posta-certificata\r\n"[..], &content].concat(),
        ),
        (
            "mixed",
            edited(&envelope, "multipart/signed", "multipart/mixed"),
        ),
        (
            "no signature part",
            replaced(&envelope, pkcs7, b"application/octet-stream"),
        ),
        (
            "a third part",
            replaced(&envelope, doubled.as_bytes(), third.as_bytes()),
        ),
        ("not base64", replaced(&envelope, signature.body(), b"!!!")),
        (
            "an encoded whole",
            edited(
                &envelope,
                MARKER,
                &format!("Content-Transfer-Encoding: base64\r\n{MARKER}"),
            ),
        ),
    ];
    for (story, octets) in forms {
        is_ordinary(&mut scene, &octets, AnomalyReason::NoSignature, story);
    }
}

#[test]
fn ip_03_the_signers_certificate_stands_in_the_index_octet_by_octet() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED]);
    is_delivered(&mut scene, &envelope, "as it is");
    // The same names under another authority; and by ours, with another key.
    let start = scene.now();
    let stranger = Authority::create("Autorita di Prova", start).unwrap();
    let theirs = Seal::of(&stranger, ALFA, 365, start).seal(&envelope);
    assert_eq!(scene.hand_in(&[CLOSED], &theirs), "550 5.7.1");
    let unknown = Seal::of(&scene.authority, ALFA, 365, start).seal(&envelope);
    assert_eq!(scene.hand_in(&[CLOSED], &unknown), "451 4.7.5");
    // Without a marker nobody waits for an index.
    let unmarked = edited(&unknown, &format!("{MARKER}\r\n"), "");
    assert_eq!(scene.hand_in(&[CLOSED], &unmarked), "550 5.7.1");
    assert_eq!(scene.beta.inbox(CLOSED).len(), 1);
}

#[test]
fn ip_04_signature_path_dates_and_revocation_hold_at_arrival() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED, OPEN]);
    let now = scene.now();
    let expired = Seal::of(&scene.authority, ALFA, 1, now.plus_millis(-40 * DAY_MS));
    let early = Seal::of(&scene.authority, ALFA, 90, now.plus_millis(2 * DAY_MS));
    let revoked = Seal::of(&scene.authority, ALFA, 90, now);
    let stranger = Authority::create("Autorita Estranea", now).unwrap();
    let outside = Seal::of(&stranger, ALFA, 90, now);
    let all = [&expired, &early, &revoked, &outside];
    let certificates = all.map(Seal::certificate);
    scene.publish(|records| records[0].certificates.extend(certificates.clone()));
    is_delivered_then_forgotten(&mut scene, &revoked.seal(&envelope));
    scene.revoke(&[&certificates[2]]);
    let altered = edited(&envelope, "Un testo.", "Un  testo.");
    let garbage = with_signature(&envelope, b"no CMS at all");
    let cases = [
        ("altered", altered, AnomalyReason::BadSignature),
        ("no CMS", garbage, AnomalyReason::BadSignature),
        (
            "expired",
            expired.seal(&envelope),
            AnomalyReason::BadCertificate,
        ),
        (
            "not valid yet",
            early.seal(&envelope),
            AnomalyReason::BadCertificate,
        ),
        (
            "another authority",
            outside.seal(&envelope),
            AnomalyReason::BadCertificate,
        ),
        (
            "revoked",
            revoked.seal(&envelope),
            AnomalyReason::RevokedCertificate,
        ),
    ];
    for (story, octets, reason) in cases {
        assert_eq!(scene.hand_in(&[CLOSED], &octets), "550 5.7.1", "{story}");
        assert_eq!(scene.hand_in(&[OPEN], &octets), "250", "{story}");
        is_anomaly(&mut scene, OPEN, &octets, reason, story);
    }
}

/// A control: before its certificate is revoked the same seal holds.
fn is_delivered_then_forgotten(scene: &mut Scene, octets: &[u8]) {
    assert_eq!(scene.hand_in(&[CLOSED], octets), "250");
    assert_eq!(scene.beta.only(CLOSED).type_field(), "posta-certificata");
}

#[test]
fn ip_05_marker_and_signed_data_must_agree() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED]);
    let put = |to: &str| edited(&envelope, MARKER, to);
    let boundary = Part::parse(&envelope).parameter("boundary").unwrap();
    let end = format!("--{boundary}--");
    let trailed = format!("{end}\r\nPaga subito su questo conto.");
    let cases = [
        ("another kind", put("X-Ricevuta: avvenuta-consegna")),
        ("an anomaly's", put("X-Trasporto: errore")),
        ("unknown", put("X-Ricevuta: boh")),
        (
            "both",
            put(&format!("{MARKER}\r\nX-Ricevuta: accettazione")),
        ),
        ("twice", put(&format!("{MARKER}\r\n{MARKER}"))),
        (
            "twice, in two cases",
            put(&format!("{MARKER}\r\nx-TRASPORTO: errore")),
        ),
        ("none", edited(&envelope, &format!("{MARKER}\r\n"), "")),
        (
            "another subject",
            edited(&envelope, "CERTIFICATA: Saluti", "CERTIFICATA: Offerte"),
        ),
        (
            "another author",
            edited(&envelope, "Per conto di: anna@", "Per conto di: ugo@"),
        ),
        ("two subjects", put(&format!("{MARKER}\r\nSubject: altro"))),
        ("an epilogue", edited(&envelope, &end, &trailed)),
        (
            "another kind in the data",
            scene.seal.seal(&with_data(&envelope, |data| {
                data.replace("tipo=\"posta-certificata\"", "tipo=\"avvenuta-consegna\"")
            })),
        ),
    ];
    for (story, octets) in cases {
        is_malformed(&mut scene, &octets, AnomalyReason::Malformed, story);
    }
}

#[test]
fn ip_06_the_from_domain_is_one_of_the_signers() {
    for (settings, is_tolerated) in [
        (Settings::default(), false),
        (tolerating("Altro Gestore"), false),
        (tolerating("gestore ALFA.test"), true),
    ] {
        let mut scene = populated(settings);
        let envelope = scene.envelope(&[CLOSED]);
        scene.publish(|records| records[0].domains.retain(|d| d.as_str() != ALFA));
        match is_tolerated {
            true => {
                let deliver = || is_delivered(&mut scene, &envelope, "tolerated");
                let ((), said) = log::heard(deliver);
                assert!(said.iter().any(|line| line.contains("(IP-06)")), "{said:?}");
            }
            false => is_malformed(
                &mut scene,
                &envelope,
                AnomalyReason::ForeignSender,
                "foreign",
            ),
        }
    }
    // Not one address.
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED]);
    let doubled = edited(
        &envelope,
        MARKER,
        &format!("{MARKER}\r\nFrom: anna@alfa.test"),
    );
    is_malformed(&mut scene, &doubled, AnomalyReason::Malformed, "two From");
}

#[test]
fn ip_07_a_correct_envelope_is_taken_in_charge_and_delivered() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED]);
    is_delivered(&mut scene, &envelope, "a correct one");
    let leaving = scene.beta.queue();
    let of = |purpose| leaving.iter().find(|l| l.purpose == purpose).unwrap();
    let charge = Sealed::parse(&of(Purpose::TakeCharge).octets);
    assert_eq!(charge.type_field(), "presa-in-carico");
    let receipt = Sealed::parse(&of(Purpose::Receipt).octets);
    assert_eq!(receipt.type_field(), "avvenuta-consegna");
    assert_eq!(of(Purpose::Receipt).to, "anna@alfa.test");
}

#[test]
fn ip_09_a_malformed_message_of_a_provider_reaches_whoever_has_a_mailbox() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED, OPEN]);
    let broken = edited(&envelope, MARKER, "X-Trasporto: errore");
    assert_eq!(scene.hand_in(&[CLOSED, OPEN], &broken), "250");
    for to in [CLOSED, OPEN] {
        is_anomaly(&mut scene, to, &broken, AnomalyReason::Malformed, to);
    }
    assert_eq!(scene.hand_in(&["nessuno@beta.test"], &broken), "550 5.1.1");
    assert_eq!(scene.beta.queue().len(), 0);
}

#[test]
fn ip_10_what_fails_one_of_the_first_three_checks_is_ordinary_mail() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED, OPEN]);
    let altered = edited(&envelope, "Un testo.", "Un  testo.");
    is_ordinary(&mut scene, &altered, AnomalyReason::BadSignature, "altered");
    assert_eq!(scene.hand_in(&["nessuno@beta.test"], &altered), "550 5.1.1");
}

#[test]
fn ip_12_without_index_or_revocation_list_signed_mail_waits() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED, OPEN]);
    let altered = edited(&envelope, "Un testo.", "Un  testo.");
    scene.pass(25 * HOUR_MS);
    assert_eq!(scene.hand_in(&[CLOSED], &envelope), "451 4.7.5", "no list");
    let plain = letter(STRANGER, &[OPEN], "Saluti", "Un testo.\r\n");
    assert_eq!(
        scene.hand_in(&[OPEN], &plain),
        "250",
        "unsigned mail waits for nobody"
    );
    assert_eq!(
        scene.hand_in(&[CLOSED], &altered),
        "550 5.7.1",
        "no list is needed"
    );
    scene.revoke(&[]);
    is_delivered(&mut scene, &envelope, "with a list again");
    let mut blind = populated(Settings::default());
    blind.forget_index();
    for octets in [&envelope, &altered] {
        assert_eq!(blind.hand_in(&[CLOSED], octets), "451 4.7.5", "no index");
    }
    assert_eq!(blind.hand_in(&[OPEN], &plain), "250");
}

#[test]
fn ip_13_fields_inside_the_enclosed_message_mean_nothing() {
    let mut scene = scene();
    let inner = letter("anna@alfa.test", &[CLOSED], "Saluti", "Un testo.\r\n");
    let inner = edited(
        &inner,
        "Subject:",
        "X-Ricevuta: avvenuta-consegna\r\nX-Trasporto: errore\r\nSubject:",
    );
    let envelope = scene.envelope_of(&[CLOSED], &inner);
    is_delivered(&mut scene, &envelope, "fields inside");
    // A genuine envelope enclosed in ordinary mail is ordinary mail.
    let genuine = scene.envelope(&[OPEN]);
    let carried = [
        &b"From: qualcuno@internet.example\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"[..],
        &genuine,
    ]
    .concat();
    let mixed = format!(
        "From: {STRANGER}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"fuori\"\
         \r\n\r\n--fuori\r\nContent-Type: message/rfc822\r\n\r\n{}\r\n--fuori--\r\n",
        String::from_utf8(genuine.clone()).unwrap()
    );
    let before = scene.beta.queue().len();
    for octets in [carried, mixed.into_bytes()] {
        assert_eq!(scene.hand_in(&[OPEN], &octets), "250");
        is_anomaly(
            &mut scene,
            OPEN,
            &octets,
            AnomalyReason::NoSignature,
            "enclosed",
        );
    }
    assert_eq!(scene.beta.queue().len(), before);
    // And one enclosed as the original of another is a message like any other.
    let second = scene.envelope_of(&[CLOSED], &forwarding(&genuine));
    is_delivered(&mut scene, &second, "an envelope in an envelope");
}

/// A message of anna's that encloses `letter`.
fn forwarding(letter: &[u8]) -> Vec<u8> {
    let head = format!(
        "From: anna@alfa.test\r\nTo: {CLOSED}\r\nDate: Wed, 18 Nov 2026 09:00:00 +0100\r\n\
         Message-ID: <due@client.example>\r\nSubject: Inoltro\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"inoltro\"\r\n\r\n--inoltro\r\n\
         Content-Type: message/rfc822; name=\"postacert.eml\"\r\n\r\n"
    );
    [head.as_bytes(), letter, b"\r\n--inoltro--\r\n"].concat()
}

#[test]
fn ip_14_digest_and_signature_type_may_be_any_of_the_known_ones() {
    let mut scene = scene();
    let folder = workspace::scratch();
    let file = |name: &str| folder.path().join(name);
    scene.seal.key().save(&file("key")).unwrap();
    std::fs::write(file("der"), scene.seal.certificate()).unwrap();
    run_well(
        "openssl",
        &[
            "x509",
            "-inform",
            "DER",
            "-in",
            arg(&file("der")),
            "-out",
            arg(&file("pem")),
        ],
    );
    let cases = [
        ("sha1", "sha1", "application/pkcs7-signature"),
        ("sha256", "SHA256", "application/x-pkcs7-signature"),
        ("sha384", "sha-384", "application/pkcs7-signature"),
        ("sha512", "Sha-512", "application/X-PKCS7-Signature"),
        ("sha512", "md5", "application/pkcs7-signature"),
        ("sha1", "boh", "application/pkcs7-signature"),
    ];
    for (digest, micalg, kind) in cases {
        let envelope = scene.envelope(&[CLOSED]);
        std::fs::write(file("content"), signed_part(&envelope)).unwrap();
        let (content, pem, key, out) = (file("content"), file("pem"), file("key"), file("out"));
        run_well(
            "openssl",
            &[
                "cms",
                "-sign",
                "-binary",
                "-md",
                digest,
                "-in",
                arg(&content),
                "-signer",
                arg(&pem),
                "-inkey",
                arg(&key),
                "-outform",
                "DER",
                "-out",
                arg(&out),
            ],
        );
        let letter = with_signature(&envelope, &std::fs::read(&out).unwrap());
        let letter = edited(&letter, "micalg=\"sha-256\"", &format!("micalg={micalg}"));
        let letter = replaced(&letter, b"application/pkcs7-signature", kind.as_bytes());
        is_delivered(
            &mut scene,
            &letter,
            &format!("{digest} as {micalg}, {kind}"),
        );
    }
    let md5 = scene.envelope(&[CLOSED]);
    let forged = with_signature(&md5, b"\x30\x03\x02\x01\x00");
    assert_eq!(scene.hand_in(&[CLOSED], &forged), "550 5.7.1");
}

#[test]
fn ip_15_certification_data_are_found_by_name_or_it_is_malformed() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED]);
    let text = String::from_utf8(envelope.clone()).unwrap();
    let renamed = |to: &str| scene.seal.seal(text.replace("daticert.xml", to).as_bytes());
    let good = renamed("DATICERT.xml");
    let lost = renamed("altri.xml");
    let data = |edit: &dyn Fn(&str) -> String| scene.seal.seal(&with_data(&envelope, edit));
    let prolog = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    let typed = |inner: &str| {
        data(&|d: &str| d.replace(prolog, &format!("{prolog}<!DOCTYPE postacert {inner}>\n")))
    };
    let mut laughs = String::from("[<!ENTITY a0 \"ha\">");
    for n in 1..30 {
        let before = n - 1;
        laughs.push_str(&format!(
            "<!ENTITY a{n} \"&a{before};&a{before};&a{before};\">"
        ));
    }
    laughs.push(']');
    let sealed = Sealed::parse(&envelope);
    let part = String::from_utf8(sealed.named("daticert.xml").unwrap().raw.clone()).unwrap();
    let boundary = sealed.content.parameter("boundary").unwrap();
    let again = format!("{part}\r\n--{boundary}\r\n{part}");
    let cases = [
        ("missing", lost),
        ("twice", scene.seal.seal(&edited(&envelope, &part, &again))),
        ("a document type", typed("SYSTEM \"file:///etc/passwd\"")),
        (
            "an external entity",
            typed("[<!ENTITY e SYSTEM \"file:///etc/passwd\">]"),
        ),
        ("laughs", typed(&laughs)),
        ("an entity", data(&|d| d.replace("Saluti", "&e;"))),
        ("no XML", data(&|_| "ciao".to_owned())),
        ("cut", data(&|d| d[..d.len() / 2].to_owned())),
        ("deep", data(&|_| "<postacert>".repeat(100_000))),
        (
            "10 MB",
            data(&|d| d.replace("Saluti", &"x".repeat(10 << 20))),
        ),
        (
            "no sender",
            data(&|d| d.replace("<mittente>anna@alfa.test</mittente>", "")),
        ),
        (
            "an impossible date",
            data(&|d| d.replace("<giorno>18/11", "<giorno>31/11")),
        ),
        (
            "no identifier",
            data(&|d| d.replace("<identificativo>", "<identificativo>\u{7f} ,")),
        ),
        (
            "not base64",
            scene.seal.seal(&edited(&envelope, "PD94", "****")),
        ),
    ];
    is_delivered(&mut scene, &good, "another case");
    scene.beta.drain();
    for (story, octets) in cases {
        is_malformed(&mut scene, &octets, AnomalyReason::Malformed, story);
    }
}

#[test]
fn ip_16_names_and_values_compare_without_case_and_an_unknown_detail_is_complete() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED]);
    for marker in [
        "x-trasporto: POSTA-CERTIFICATA",
        "X-TRASPORTO:\tPosta-Certificata",
    ] {
        let fresh = scene.envelope(&[CLOSED]);
        is_delivered(&mut scene, &edited(&fresh, MARKER, marker), marker);
    }
    let outer = edited(
        &envelope,
        MARKER,
        &format!("{MARKER}\r\nX-TipoRicevuta: boh"),
    );
    let inner = with_data(&envelope, |d| {
        d.replace("tipo=\"completa\"", "tipo=\"boh\"")
    });
    for (story, octets) in [
        ("in the header", outer),
        ("in the data", scene.seal.seal(&inner)),
    ] {
        is_delivered(&mut scene, &octets, story);
        let receipts = scene.beta.leaving(Purpose::Receipt);
        let receipt = Sealed::parse(&receipts.last().unwrap().octets);
        assert!(
            receipt.named("postacert.eml").is_some(),
            "{story}: not complete"
        );
    }
}

#[test]
fn ip_17_an_unsigned_message_of_a_local_sender_is_ordinary_mail() {
    let mut scene = scene();
    let forged = letter(OPEN, &[CLOSED], "Da un collega", "Un testo.\r\n");
    let marked = edited(&forged, "Subject:", &format!("{MARKER}\r\nSubject:"));
    for octets in [&forged, &marked] {
        for from in [OPEN, STRANGER, ""] {
            let handed = Handed::new(from, &[CLOSED], octets);
            assert_eq!(scene.hand(&handed), "550 5.7.1");
            assert_eq!(scene.hand(&Handed::new(from, &[OPEN], octets)), "250");
            is_anomaly(&mut scene, OPEN, octets, AnomalyReason::NoSignature, from);
        }
    }
    assert_eq!(scene.beta.queue().len(), 0);
}

#[test]
fn ip_18_an_envelope_seen_again_is_stored_and_receipted_once() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED, OPEN]);
    is_delivered(&mut scene, &envelope, "the first time");
    // On another way, and beside a recipient who has it not yet.
    let travelled = [
        &b"Received: from altro.example by mx.example; x\r\n"[..],
        &envelope,
    ]
    .concat();
    assert_eq!(scene.hand_in(&[CLOSED], &travelled), "250");
    assert_eq!(scene.hand_in(&["BRUNO@Beta.Test"], &envelope), "250");
    assert_eq!(
        (scene.beta.inbox(CLOSED).len(), scene.beta.queue().len()),
        (1, 2)
    );
    assert_eq!(scene.hand_in(&[CLOSED, OPEN], &envelope), "250");
    assert_eq!(scene.beta.inbox(CLOSED).len(), 1);
    assert_eq!(scene.beta.inbox(OPEN).len(), 1);
    let charges = scene.beta.leaving(Purpose::TakeCharge);
    let mut named: Vec<_> = charges
        .iter()
        .map(|c| Sealed::parse(&c.octets).data().all("ricezione"))
        .collect();
    named.sort();
    assert_eq!(named, [[CLOSED], [OPEN]]);
    // The same identifier with other content is another message.
    let other = scene
        .seal
        .seal(&edited(&envelope, "Un testo.", "Altro testo."));
    assert_eq!(scene.hand_in(&[CLOSED], &other), "250");
    assert_eq!(scene.beta.inbox(CLOSED).len(), 2);
    let tasks = scene.beta.tasks();
    assert_eq!(tasks.len(), 1, "the alarm, once: {tasks:?}");
    assert_eq!(tasks[0].0.kind, TaskKind::OtherContent);
    // After the days for which it is remembered it may come again.
    scene.pass(8 * DAY_MS);
    scene.revoke(&[]);
    assert_eq!(scene.hand_in(&[CLOSED], &envelope), "250");
    assert_eq!(scene.beta.inbox(CLOSED).len(), 3);
}

#[test]
fn ip_19_who_is_not_named_in_the_signed_data_gets_an_anomaly_and_gives_no_receipt() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED]);
    assert_eq!(scene.hand_in(&["Bruno@BETA.test", OPEN], &envelope), "250");
    assert_eq!(scene.beta.only(CLOSED).type_field(), "posta-certificata");
    is_anomaly(
        &mut scene,
        OPEN,
        &envelope,
        AnomalyReason::NotAddressed,
        "redirected",
    );
    let leaving = scene.beta.queue();
    assert_eq!(leaving.len(), 2);
    for entry in &leaving {
        let data = Sealed::parse(&entry.octets).data();
        assert!(
            !data.0.contains(OPEN),
            "{:?} names the stray",
            entry.purpose
        );
    }
    // All strays: nothing leaves; whoever has no mailbox is told so.
    let second = scene.envelope(&["altri@fuori.example"]);
    assert_eq!(scene.hand_in(&[CLOSED], &second), "250");
    is_anomaly(
        &mut scene,
        CLOSED,
        &second,
        AnomalyReason::NotAddressed,
        "forged",
    );
    assert_eq!(scene.hand_in(&["nessuno@beta.test"], &second), "550 5.1.1");
    assert_eq!(scene.beta.queue().len(), 2);
    assert!(scene.beta.is_at_rest());
}

#[test]
fn ip_21_each_signed_verdict_is_kept_with_what_it_rests_on() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED, OPEN]);
    let verdict = |scene: &mut Scene, octets: &[u8]| {
        let handed = Handed::new("anna@alfa.test", &[OPEN], octets);
        assert_eq!(scene.beta.take_in(&handed), "250");
        let view = scene.beta.stepper().view();
        let row = view.with_work(|work| work.arrivals.values().next().cloned());
        let found = row.expect("an arrival").verdict.clone().expect("a verdict");
        scene.beta.settle();
        found
    };
    let good = verdict(&mut scene, &envelope);
    assert_eq!((good.failed, good.reason.as_deref()), (None, None));
    assert_eq!(good.provider.as_deref(), Some("Gestore alfa.test"));
    assert!(good.certificate.is_some() && good.crl_at.is_some() && good.index_at.is_some());
    let altered = verdict(&mut scene, &edited(&envelope, "Un testo.", "Un  testo."));
    assert_eq!(altered.failed, Some(3));
    let unmarked = verdict(
        &mut scene,
        &edited(&envelope, MARKER, "X-Trasporto: errore"),
    );
    assert_eq!(unmarked.failed, Some(4));
    assert!(unmarked.reason.is_some() && unmarked.crl_at.is_some());
}

#[test]
fn ip_23_a_signer_too_new_for_the_index_is_waited_for_two_hours() {
    let mut scene = scene();
    let fresh = Seal::of(&scene.authority, ALFA, 365, scene.now());
    let envelope = fresh.seal(&scene.envelope(&[CLOSED]));
    assert_eq!(scene.hand_in(&[CLOSED], &envelope), "451 4.7.5");
    assert!(scene.wants_index(), "the index is fetched");
    scene.pass(HOUR_MS);
    assert_eq!(scene.hand_in(&[CLOSED], &envelope), "451 4.7.5");
    assert!(!scene.wants_index(), "once");
    scene.pass(HOUR_MS);
    assert_eq!(
        scene.hand_in(&[CLOSED], &envelope),
        "550 5.7.1",
        "ordinary by now"
    );
    let certificate = fresh.certificate();
    scene.publish(|records| records[0].certificates.push(certificate));
    is_delivered(&mut scene, &envelope, "known by now");
}

#[test]
fn ip_26_what_comes_in_clear_is_handled_as_any_other() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CLOSED]);
    let handed = Handed {
        in_clear: true,
        ..Handed::new("anna@alfa.test", &[CLOSED], &envelope)
    };
    let (reply, said) = log::heard(|| scene.hand(&handed));
    assert_eq!(reply, "250");
    let told = "warning: certified mail of Gestore alfa.test came without TLS";
    assert_eq!(said, [told]);
    assert_eq!(scene.beta.only(CLOSED).type_field(), "posta-certificata");
    assert_eq!(scene.beta.queue().len(), 2);
}

#[test]
fn se_07_forms_beyond_the_bounds_are_refused_or_an_anomaly() {
    let mut scene = scene();
    let part = "--c\r\nContent-Type: text/plain\r\n\r\nx\r\n";
    let head = "From: qualcuno@internet.example\r\nMIME-Version: 1.0\r\n";
    let many = format!(
        "{head}Content-Type: multipart/mixed; boundary=c\r\n\r\n{}--c--\r\n",
        part.repeat(10_001)
    );
    let mut deep = head.to_owned();
    for n in 0..200 {
        deep.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"
        ));
    }
    deep.push_str("\r\nx\r\n");
    let wide = format!("{head}X-Lungo: {}\r\n\r\nx\r\n", "x ".repeat(600_000));
    let folded = format!("{head}X-Lungo: {}\r\n\r\nx\r\n", "x\r\n ".repeat(300_000));
    let cases = [
        ("parts", many),
        ("depth", deep),
        ("header", wide),
        ("folds", folded),
    ];
    for (story, octets) in &cases {
        assert_eq!(
            scene.hand_in(&[OPEN], octets.as_bytes()),
            "550 5.6.0",
            "{story}"
        );
    }
    // A marker alone makes nothing of a provider's: no text may say so.
    for (story, octets) in &cases {
        let marked = format!("{MARKER}\r\n{octets}");
        assert_eq!(
            scene.hand_in(&[CLOSED], marked.as_bytes()),
            "550 5.7.1",
            "{story}"
        );
        assert_eq!(scene.hand_in(&[OPEN], marked.as_bytes()), "250", "{story}");
        let last = Sealed::parse(&scene.beta.inbox(OPEN).pop().unwrap());
        let text = last.text().replace('\n', " ");
        assert!(text.contains("non è stata verificata"), "{story}: {text}");
    }
    // A long line is no fault.
    let long = format!("{head}Subject: lungo\r\n\r\n{}\r\n", "x".repeat(1_000_000));
    assert_eq!(scene.hand_in(&[OPEN], long.as_bytes()), "250");
    // Mail of a provider beyond the bounds is an anomaly, for everybody.
    let envelope = scene.envelope(&[CLOSED]);
    let mut nested = String::new();
    for n in 0..120 {
        nested.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"
        ));
    }
    let inner = format!("MIME-Version: 1.0\r\n{nested}\r\nUn testo.\r\n");
    let envelope = scene
        .seal
        .seal(&edited(&envelope, "\r\nUn testo.\r\n", &inner));
    is_malformed(
        &mut scene,
        &envelope,
        AnomalyReason::OutOfBounds,
        "deep envelope",
    );
    let parts = "--b\r\n\r\nx\r\n".repeat(10_001);
    let many = format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n"
    );
    let envelope = scene.envelope(&[CLOSED]);
    let envelope = scene
        .seal
        .seal(&edited(&envelope, "\r\nUn testo.\r\n", &many));
    is_malformed(
        &mut scene,
        &envelope,
        AnomalyReason::OutOfBounds,
        "many parts",
    );
}

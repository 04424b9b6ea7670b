//! Shape and signature of every generated message.

use ceralacca_core::smime::profile;
use ceralacca_tests::appliance::{Appliance, PROVIDER, SERVICE_ADDRESS};
use ceralacca_tests::compose::Draft;
use ceralacca_tests::judge;
use ceralacca_tests::message::Part;
use ceralacca_tests::program::{arg, run_well};
use ceralacca_tests::sealed::Sealed;
use ceralacca_tests::workspace;

use crate::{Trio, brief, receipts, samples, standard, undelivered};

/// The signer's certificate as `openssl` shows it.
fn certificate_text(message: &Sealed) -> String {
    let folder = workspace::scratch();
    let (cms, leaf) = (
        folder.path().join("smime.p7s"),
        folder.path().join("leaf.pem"),
    );
    std::fs::write(&cms, message.signature.decoded()).unwrap();
    let all = run_well(
        "openssl",
        &["pkcs7", "-inform", "DER", "-in", arg(&cms), "-print_certs"],
    );
    let of_leaf = all
        .split("-----BEGIN")
        .find(|block| block.contains("subject") && block.contains(PROVIDER));
    assert!(of_leaf.is_some(), "{all}");
    run_well(
        "openssl",
        &[
            "cms",
            "-verify",
            "-inform",
            "DER",
            "-in",
            arg(&cms),
            "-noverify",
            "-nosigs",
            "-no_content_verify",
            "-content",
            arg(&cms),
            "-signer",
            arg(&leaf),
            "-out",
            "/dev/null",
        ],
    );
    run_well("openssl", &["x509", "-in", arg(&leaf), "-noout", "-text"])
}

#[test]
fn sg_01_every_message_is_signed_and_detached() {
    for message in samples() {
        assert_eq!(message.message.media_type(), "multipart/signed");
        let protocol = message.message.parameter("protocol");
        assert_eq!(protocol.as_deref(), Some("application/pkcs7-signature"));
        let part = &message.signature;
        assert_eq!(part.media_type(), "application/pkcs7-signature");
        assert_eq!(part.disposition("filename").as_deref(), Some("smime.p7s"));
    }
}

#[test]
fn sg_02_the_content_is_text_data_and_original_where_allowed() {
    for message in samples() {
        let first = message.parts[0].media_type();
        assert!(
            ["text/plain", "multipart/alternative"].contains(&first.as_str()),
            "{first}"
        );
        let enclosed = usize::from(message.original().is_some());
        assert!(message.named("daticert.xml").is_some());
        assert_eq!(message.parts.len(), 2 + enclosed);
    }
}

#[test]
fn sg_03_signer_and_issuer_are_in_the_cms() {
    for message in [&standard().acceptance, standard().envelope()] {
        let folder = workspace::scratch();
        let cms = folder.path().join("smime.p7s");
        std::fs::write(&cms, message.signature.decoded()).unwrap();
        let all = run_well(
            "openssl",
            &["pkcs7", "-inform", "DER", "-in", arg(&cms), "-print_certs"],
        );
        assert!(all.matches("-----BEGIN CERTIFICATE").count() >= 2, "{all}");
    }
}

#[test]
fn sg_04_rsa_of_2048_bits_and_sha_256() {
    crate::hs::a_key_on_p_256_signs_where_the_policy_allows_it();
    for message in samples() {
        let micalg = message.message.parameter("micalg");
        assert_eq!(micalg.as_deref(), Some("sha-256"));
    }
    let text = certificate_text(standard().delivery());
    let bits = text
        .split("Public-Key: (")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    assert!(
        text.contains("rsaEncryption") && bits.parse::<u32>().unwrap() >= 2048,
        "{text}"
    );
    let folder = workspace::scratch();
    let cms = folder.path().join("smime.p7s");
    std::fs::write(&cms, standard().delivery().signature.decoded()).unwrap();
    let shown = run_well(
        "openssl",
        &[
            "cms",
            "-cmsout",
            "-print",
            "-inform",
            "DER",
            "-in",
            arg(&cms),
        ],
    );
    let signer = &shown[shown.find("signerInfos").unwrap()..];
    assert!(
        signer.contains("sha256") && signer.contains("rsaEncryption"),
        "{signer}"
    );
}

#[test]
fn sg_05_from_is_the_certificates_address() {
    let text = certificate_text(standard().delivery());
    assert!(text.contains(&format!("email:{SERVICE_ADDRESS}")), "{text}");
    for message in samples() {
        let from = message.field("From");
        assert!(
            from == SERVICE_ADDRESS || from.ends_with(&format!("<{SERVICE_ADDRESS}>")),
            "{from}"
        );
    }
}

#[test]
fn sg_06_the_text_is_latin_1_and_what_it_lacks_is_a_question_mark() {
    for message in samples() {
        let plain = message.plain();
        let charset = plain.parameter("charset").unwrap_or_default();
        assert_eq!(charset.to_ascii_lowercase(), "iso-8859-1");
    }
    let receipt = &standard().acceptance;
    assert!(
        receipt.text().contains("Perch\u{e9} <b>&?"),
        "{}",
        receipt.text()
    );
    if let Some(html) = receipt.html() {
        assert!(html.contains("&#8364;") || html.contains("&#x20"), "{html}");
    }
    assert!(receipt.data().one("oggetto").contains('€'));
}

#[test]
fn sg_07_html_is_passive_and_says_the_same() {
    for message in samples() {
        let Some(html) = message.html() else { continue };
        let low = html.to_lowercase();
        for active in [
            "<script", "<img", "<link", "<iframe", "<object", "<style", "href=", "src=", "url(",
            "onclick", "onload", "cid:",
        ] {
            assert!(!low.contains(active), "{active} in {html}");
        }
        let data = message.data();
        for fact in [data.one("mittente"), data.one("identificativo")] {
            assert!(html.contains(&fact), "{fact} in {html}");
        }
        assert!(
            !html.contains("<b>&"),
            "a subject cannot bring elements: {html}"
        );
    }
}

#[test]
fn sg_08_all_that_we_write_is_seven_bit() {
    for message in samples() {
        assert!(message.message.raw.is_ascii());
        if let Some(part) = message.named("postacert.eml") {
            assert_eq!(part.encoding(), "7bit");
        }
    }
}

#[test]
fn sg_09_the_subject_names_the_provider() {
    let text = certificate_text(standard().envelope());
    let subject = text.lines().find(|l| l.contains("Subject:")).unwrap();
    assert!(subject.contains(PROVIDER), "{subject}");
}

#[test]
fn sg_10_the_extensions_are_those_of_the_profile() {
    let text = certificate_text(standard().envelope());
    assert!(text.contains("X509v3 Key Usage: critical\n"), "{text}");
    let usage = text
        .split("Key Usage: critical\n")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    assert!(usage.contains("Digital Signature"), "{usage}");
    for needed in [
        "Authority Key Identifier",
        "Subject Key Identifier",
        "Subject Alternative Name",
    ] {
        assert!(
            text.contains(&format!("X509v3 {needed}: \n")),
            "{needed} in {text}"
        );
    }
    assert!(!text.contains("Basic Constraints"), "{text}");
    assert_eq!(text.matches(": critical").count(), 1, "{text}");
    let subject = text.lines().find(|l| l.contains("Subject:")).unwrap();
    assert!(!subject.contains('@'), "{subject}");
}

#[test]
fn sg_11_a_certificate_that_breaks_the_profile_is_refused_with_the_point() {
    crate::hs::certificates_outside_the_profile_are_refused();
}

#[test]
fn sg_12_the_days_before_expiry_raise_alarms() {
    let alarm = profile::expiry_alarm;
    assert_eq!(
        [91, 90, 31, 30, 8, 7, -1].map(|days| alarm(days).is_some()),
        [false, true, true, true, true, true, true]
    );
    assert_eq!(
        (alarm(90), alarm(30), alarm(7)),
        (Some(90), Some(30), Some(7))
    );
    assert_eq!((alarm(31), alarm(8)), (Some(90), Some(30)));
}

#[test]
fn sg_13_each_receipt_has_a_message_id_of_its_own() {
    let mut seen = std::collections::BTreeSet::new();
    for message in receipts() {
        let id = message.field("Message-ID");
        assert_ne!(id, format!("<{}>", message.data().one("identificativo")));
        assert!(seen.insert(id.clone()), "{id} twice");
    }
}

#[test]
fn sg_14_receipts_leave_with_the_service_address_as_reverse_path() {
    for message in receipts() {
        if let Some(path) = message.get("Return-Path") {
            assert_eq!(path, format!("<{SERVICE_ADDRESS}>"));
        }
        assert!(message.field("From").contains(SERVICE_ADDRESS));
    }
    // Nobody may pose as it: it is no mailbox's reverse path.
    let trio = Trio::new();
    assert_eq!(
        trio.from.submission().mail(SERVICE_ADDRESS).status(),
        "553 5.7.1"
    );
}

#[test]
fn sg_16_every_kind_verifies_with_independent_implementations() {
    judge::all_accept(Appliance::shared(), &samples());
}

#[test]
fn sg_18_every_receipt_has_date_from_one_to_and_its_type() {
    for message in receipts() {
        let data = message.data();
        assert_eq!(message.field("To").matches('@').count(), 1);
        assert!(message.field("To").contains(&data.one("mittente")));
        assert_eq!(message.field("X-Riferimento-Message-ID"), data.one("msgid"));
        crate::tm::header_and_data_agree(message);
    }
    let trio = Trio::new();
    let draft = trio.simple().without("Message-ID");
    for message in trio.certify_simple(&draft).all() {
        assert_eq!(message.get("X-Riferimento-Message-ID"), None);
    }
}

#[test]
fn sg_19_receipts_hold_no_other_field_of_the_original() {
    const OURS: [&str; 11] = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Content-Type",
        "X-Ricevuta",
        "X-Riferimento-Message-ID",
        "X-TipoRicevuta",
        "Content-Transfer-Encoding",
    ];
    let trio = Trio::new();
    let draft = trio
        .simple()
        .field("X-Priority", "1")
        .field("References", "<a@b.example>");
    let draft = draft.field("Disposition-Notification-To", &trio.from.address);
    let certified = trio.certify_simple(&draft);
    for receipt in [
        &certified.acceptance,
        certified.delivery(),
        &undelivered().answers[0],
    ] {
        for field in &receipt.message.fields {
            assert!(
                OURS.iter().any(|n| n.eq_ignore_ascii_case(&field.name)),
                "{}",
                field.name
            );
        }
    }
}

#[test]
fn sg_20_every_text_ends_with_its_outcome_and_identifier() {
    let outcomes = [
        ("accettazione", "stato accettato dal sistema ed inoltrato"),
        (
            "non-accettazione",
            "Il messaggio non \u{e8} stato accettato",
        ),
        (
            "avvenuta-consegna",
            "stato consegnato nella casella di destinazione",
        ),
        (
            "errore-consegna",
            "Il messaggio \u{e8} stato rifiutato dal sistema",
        ),
        (
            "posta-certificata",
            "Il messaggio originale \u{e8} incluso in allegato",
        ),
    ];
    for message in samples() {
        let (kind, text) = (message.type_field(), message.text().replace('\n', " "));
        let outcome = outcomes.iter().find(|(k, _)| *k == kind).unwrap().1;
        assert!(text.contains(outcome), "{kind}: {text}");
        let last = format!(
            "Identificativo messaggio: {}",
            message.data().one("identificativo")
        );
        assert!(text.contains(&last), "{text}");
    }
    let original = Part::parse(&brief().submitted);
    assert!(!original.header().is_empty());
    assert!(!Draft::new("a@b.test", &["c@d.test"]).bytes().is_empty());
}

//! Delivery receipts.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ceralacca_tests::appliance::SERVICE_ADDRESS;
use ceralacca_tests::compose::multipart_body;
use ceralacca_tests::message::Part;
use ceralacca_tests::sealed::Sealed;
use data_encoding::HEXLOWER;

use crate::{SUBJECT, Trio, brief, concise, standard};

/// SHA-1 in lower case hexadecimal, by the rule of DR-11.
fn hash(octets: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, octets).as_ref())
}

/// The original in the brief receipt of a message made of `parts`, and the one in its envelope.
fn brief_of(media: &str, parts: &[&str]) -> (Part, Part) {
    let trio = Trio::new();
    let draft = trio
        .simple()
        .field("X-TipoRicevuta", "breve")
        .multipart(media, parts);
    originals(&trio, &draft)
}

fn originals(trio: &Trio<'_>, draft: &ceralacca_tests::compose::Draft) -> (Part, Part) {
    let certified = trio.certify_simple(draft);
    let receipt = certified.delivery();
    let text = receipt.text();
    assert!(
        text.starts_with("Ricevuta breve di avvenuta consegna\n"),
        "{text}"
    );
    (
        receipt.original().unwrap(),
        certified.envelope().original().unwrap(),
    )
}

/// `part` is the hash of `octets`, under the name `name`.
fn is_hash(part: &Part, octets: &[u8], name: &str) {
    assert_eq!(part.media_type(), "text/plain");
    assert_eq!(String::from_utf8_lossy(&part.decoded()), hash(octets));
    let names = [part.parameter("name"), part.disposition("filename")];
    let named = names.iter().flatten().collect::<Vec<_>>();
    assert!(
        !named.is_empty() && named.iter().all(|n| *n == name),
        "{named:?} is not {name}"
    );
}

#[test]
fn dr_01_every_delivery_receipt_has_its_fields() {
    let client = Part::parse(&standard().submitted).field("Message-ID");
    for receipt in &standard().answers {
        assert_eq!(receipt.field("X-Ricevuta"), "avvenuta-consegna");
        assert_eq!(receipt.subject(), format!("CONSEGNA: {SUBJECT}"));
        assert_eq!(receipt.field("X-Riferimento-Message-ID"), client);
        crate::tm::header_and_data_agree(receipt);
    }
}

#[test]
fn dr_02_it_goes_to_the_original_sender_from_the_service_address() {
    let sender = standard().acceptance.data().one("mittente");
    for receipt in &standard().answers {
        assert!(receipt.field("To").contains(&sender));
        assert!(receipt.field("From").contains(SERVICE_ADDRESS));
    }
}

/// Which receipt this is: by its text and by what it encloses.
fn detail(receipt: &Sealed) -> &'static str {
    let text = receipt.text();
    let has_original = receipt.original().is_some();
    match text.lines().next().unwrap() {
        "Ricevuta di avvenuta consegna" if has_original => "complete",
        "Ricevuta breve di avvenuta consegna" if has_original => "brief",
        "Ricevuta sintetica di avvenuta consegna" if !has_original => "concise",
        other => panic!("{other}, original: {has_original}"),
    }
}

#[test]
fn dr_03_complete_for_to_and_concise_for_cc() {
    let [to, cc] = &standard().answers[..] else {
        panic!("two")
    };
    assert_eq!((detail(to), detail(cc)), ("complete", "concise"));
}

#[test]
fn dr_04_brief_for_to_and_concise_for_cc() {
    let [to, cc] = &brief().answers[..] else {
        panic!("two")
    };
    assert_eq!((detail(to), detail(cc)), ("brief", "concise"));
}

#[test]
fn dr_05_concise_for_everyone() {
    let [to, cc] = &concise().answers[..] else {
        panic!("two")
    };
    assert_eq!((detail(to), detail(cc)), ("concise", "concise"));
}

#[test]
fn dr_06_in_both_fields_counts_as_primary() {
    let trio = Trio::new();
    let draft = trio.simple().cc(&[&trio.to.address.to_uppercase()]);
    let certified = trio.certify_simple(&draft);
    assert_eq!(detail(certified.delivery()), "complete");
}

#[test]
fn dr_07_a_complete_receipt_encloses_the_envelopes_original() {
    let receipt = standard().delivery();
    let part = |m: &Sealed| m.named("postacert.eml").unwrap().body().to_vec();
    assert_eq!(part(receipt), part(standard().envelope()));
    assert_eq!(receipt.data().kind(), "avvenuta-consegna");
}

#[test]
fn dr_08_a_concise_receipt_has_text_and_data_only() {
    for receipt in &concise().answers {
        assert_eq!(detail(receipt), "concise");
        assert_eq!(receipt.parts.len(), 2);
    }
}

#[test]
fn dr_09_a_brief_receipt_has_text_data_and_the_shortened_original() {
    let receipt = brief().delivery();
    assert_eq!((detail(receipt), receipt.parts.len()), ("brief", 3));
    assert!(!receipt.holds(b"JVBERi0xLjQK"));
}

#[test]
fn dr_10_named_parts_become_hashes_and_others_stay() {
    let (short, whole) = {
        let certified = brief();
        (
            certified.delivery().original().unwrap(),
            certified.envelope().original().unwrap(),
        )
    };
    let (short, whole) = (short.children(), whole.children());
    assert_eq!(short[0].raw, whole[0].raw);
    is_hash(&short[1], whole[1].body(), "atto.pdf.hash");
    let (inner_short, inner_whole) = (short[2].children(), whole[2].children());
    assert_eq!(inner_short[0].raw, inner_whole[0].raw);
    is_hash(&inner_short[1], inner_whole[1].body(), "pagina.html.hash");

    // The only part of a message.
    let trio = Trio::new();
    let draft = trio
        .simple()
        .field("X-TipoRicevuta", "breve")
        .field("MIME-Version", "1.0");
    let draft = draft.field("Content-Type", "application/pdf; name=solo.pdf");
    let draft = draft
        .field("Content-Transfer-Encoding", "base64")
        .body("JVBERg==\r\n");
    let (short, whole) = originals(&trio, &draft);
    is_hash(&short, whole.body(), "solo.pdf.hash");
}

#[test]
fn dr_11_the_hash_is_one_run_of_forty_characters() {
    let part = &brief().delivery().original().unwrap().children()[1];
    let text = part.decoded();
    assert_eq!(text.len(), 40);
    assert!(
        text.iter()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
    );
}

#[test]
fn dr_12_the_name_gets_hash_and_stays_readable() {
    let extended = "Content-Type: image/png\r\nContent-Disposition: attachment; filename*=UTF-8''citt%C3%A0%20mia.png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA";
    let continued = "Content-Type: image/png; name*0=\"lungo \"; name*1=\"nome.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA";
    let encoded = "Content-Type: image/png; name=\"=?UTF-8?Q?citt=C3=A0.png?=\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA";
    let (short, _) = brief_of("multipart/mixed", &[extended, continued, encoded]);
    let parsed = mail_parser::MessageParser::default()
        .parse(&short.raw)
        .unwrap();
    use mail_parser::MimeHeaders;
    let names: Vec<_> = parsed.parts[1..]
        .iter()
        .map(|p| p.attachment_name().unwrap_or(""))
        .collect();
    assert_eq!(
        names,
        [
            "citt\u{e0} mia.png.hash",
            "lungo nome.png.hash",
            "citt\u{e0}.png.hash"
        ]
    );
}

#[test]
fn dr_13_the_hash_covers_the_encoded_octets_without_the_boundarys_crlf() {
    let encoded = "QUJD\r\nREVG\r\n";
    let part = format!(
        "Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}"
    );
    let (short, _) = brief_of("multipart/mixed", &[&part]);
    is_hash(&short.children()[0], encoded.as_bytes(), "a.zip.hash");
}

#[test]
fn dr_14_an_attached_message_is_replaced_whole() {
    let inner = "Subject: dentro\r\nContent-Type: application/pdf; name=b.pdf\r\n\r\nx";
    let unnamed = format!("Content-Type: message/rfc822\r\n\r\n{inner}");
    let named = format!("Content-Type: message/rfc822; name=\"lettera.eml\"\r\n\r\n{inner}");
    let (short, _) = brief_of("multipart/mixed", &[&unnamed, &named]);
    let parts = short.children();
    is_hash(&parts[0], inner.as_bytes(), "message.eml.hash");
    is_hash(&parts[1], inner.as_bytes(), "lettera.eml.hash");
}

#[test]
fn dr_15_of_a_signed_original_only_the_first_part_is_shortened() {
    let named = "Content-Type: application/pdf; name=c.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA";
    let mixed = multipart_body("=_misto", &["\r\nciao", named]);
    let first = format!("Content-Type: multipart/mixed; boundary=\"=_misto\"\r\n\r\n{mixed}");
    for media in ["pkcs7-signature", "x-pkcs7-signature", "x-pkcs-signature"] {
        let second = format!(
            "Content-Type: application/{media}; name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=smime.p7s\r\n\r\nMIIB"
        );
        let (short, whole) = brief_of("multipart/signed", &[&first, &second]);
        assert_eq!(short.children()[1].raw, whole.children()[1].raw, "{media}");
        let inner = short.children()[0].children();
        assert_eq!(inner[0].body(), b"ciao");
        is_hash(&inner[1], b"AAAA", "c.pdf.hash");
    }
}

#[test]
fn dr_16_an_opaque_original_is_left_intact() {
    for media in ["pkcs7-mime", "x-pkcs7-mime"] {
        let trio = Trio::new();
        let kind = format!("application/{media}; smime-type=signed-data; name=smime.p7m");
        let draft = trio
            .simple()
            .field("X-TipoRicevuta", "breve")
            .field("MIME-Version", "1.0");
        let draft = draft.field("Content-Type", &kind);
        let draft = draft
            .field("Content-Transfer-Encoding", "base64")
            .body("MIIB\r\n");
        let (short, whole) = originals(&trio, &draft);
        assert_eq!(short.raw, whole.raw, "{media}");
    }
}

#[test]
fn dr_17_structure_and_headers_outside_replaced_parts_are_identical() {
    let short = brief().delivery().original().unwrap();
    let whole = brief().envelope().original().unwrap();
    assert_eq!(short.header(), whole.header());
    let (parts, others) = (short.children(), whole.children());
    assert_eq!(parts.len(), others.len());
    assert_eq!(parts[2].header(), others[2].header());
    // Put the replaced parts back: the rest is the same octets.
    let mut back = String::from_utf8(short.raw.clone()).unwrap();
    let replaced = [(&parts[1], &others[1])];
    let (inner, inner_other) = (parts[2].children(), others[2].children());
    for (hash, part) in replaced.into_iter().chain([(&inner[1], &inner_other[1])]) {
        let text = |p: &Part| String::from_utf8(p.raw.clone()).unwrap();
        back = back.replacen(&text(hash), &text(part), 1);
    }
    assert_eq!(back.as_bytes(), whole.raw);
}

#[test]
fn dr_18_the_data_name_type_and_recipient() {
    for (certified, kind) in [
        (standard(), "completa"),
        (brief(), "breve"),
        (concise(), "sintetica"),
    ] {
        for receipt in &certified.answers {
            let data = receipt.data();
            assert_eq!(data.kind(), "avvenuta-consegna");
            assert_eq!(data.attribute("ricevuta", "tipo"), kind);
            assert_eq!(data.all("consegna").len(), 1);
        }
    }
}

#[test]
fn dr_19_the_text_says_placed_in_the_mailbox_and_not_read() {
    for receipt in &standard().answers {
        let text = receipt.text();
        let one_line = text.replace('\n', " ");
        assert!(
            one_line.contains("consegnato nella casella di destinazione"),
            "{text}"
        );
        assert!(one_line.contains("non che sia stato letto"), "{text}");
    }
}

#[test]
fn dr_20_the_type_is_honoured_whatever_the_client() {
    // `brief` was submitted with a bare SMTP client: no webmail, no User-Agent.
    assert_eq!(detail(brief().delivery()), "brief");
    let trio = Trio::new();
    let draft = trio
        .simple()
        .field("x-tiporicevuta", "Breve")
        .field("User-Agent", "Altro/1.0");
    let certified = trio.certify_simple(&draft);
    assert_eq!(detail(certified.delivery()), "brief");
}

#[test]
fn dr_21_a_mailboxs_own_type_applies_where_the_program_asks_for_none() {
    for (own, asked, word, title) in [
        (
            "brief",
            None,
            "breve",
            "Ricevuta breve di avvenuta consegna\n",
        ),
        (
            "brief",
            Some("sintetica"),
            "sintetica",
            "Ricevuta sintetica di",
        ),
        ("none", None, "", "Ricevuta di avvenuta consegna\n"),
    ] {
        let trio = Trio::new();
        let appliance = trio.from.appliance;
        appliance.well(&["mailbox", "receipt-type", &trio.from.address, own]);
        let draft = match asked {
            Some(asked) => trio.simple().field("X-TipoRicevuta", asked),
            None => trio.simple(),
        };
        let certified = trio.certify_simple(&draft);
        let told = certified.envelope().get("X-TipoRicevuta");
        assert_eq!(told.unwrap_or_default(), word);
        let text = certified.delivery().text();
        assert!(text.starts_with(title), "{text}");
    }
}

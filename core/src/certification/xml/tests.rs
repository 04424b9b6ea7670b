//! What is written is read back, and what no honest provider writes is refused.

use proptest::prelude::*;

use super::write::is_allowed;
use super::{XmlFault, read, write};
use crate::address::Address;
use crate::certification::{
    CertificationData, CertificationKind, DeliveryDetail, ErrorKind, OriginalFacts, Recipient,
    RecipientType,
};
use crate::instant::Instant;
use crate::limits;
use crate::message_id::{ClientMessageId, Identifier};

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

fn sample() -> CertificationData {
    CertificationData {
        kind: CertificationKind::NonDelivery,
        error: ErrorKind::NoRecipient,
        original: OriginalFacts {
            sender: address("mario@a.test"),
            recipients: vec![
                Recipient {
                    address: address("anna@b.test"),
                    kind: RecipientType::Certified,
                },
                Recipient {
                    address: address("ugo@c.test"),
                    kind: RecipientType::External,
                },
            ],
            replies: "mario@a.test".to_owned(),
            subject: Some("Saluti & <baci>".to_owned()),
            identifier: Identifier::parse("c00abc@a.test").expect("an identifier"),
            client_id: ClientMessageId::from_field("<x.1@client>"),
        },
        issuer: "Prova S.p.A.".to_owned(),
        at: Instant::from_millis(1_733_353_330_000),
        receipt: Some(DeliveryDetail::Brief),
        delivery: Some(address("anna@b.test")),
        taken_in_charge: Vec::new(),
        extended_error: Some("5.1.1 - Prova S.p.A. - x".to_owned()),
    }
}

fn sample_text() -> String {
    String::from_utf8(write(&sample())).expect("UTF-8")
}

#[test]
fn cd_01_cd_04_cd_09_cd_11_the_file_has_prolog_error_order_and_brackets() {
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <postacert tipo=\"errore-consegna\" errore=\"no-dest\">\n\
        <intestazione>\n\
        <mittente>mario@a.test</mittente>\n\
        <destinatari tipo=\"certificato\">anna@b.test</destinatari>\n\
        <destinatari tipo=\"esterno\">ugo@c.test</destinatari>\n\
        <risposte>mario@a.test</risposte>\n\
        <oggetto>Saluti &amp; &lt;baci&gt;</oggetto>\n\
        </intestazione>\n\
        <dati>\n\
        <gestore-emittente>Prova S.p.A.</gestore-emittente>\n\
        <data zona=\"+0100\">\n\
        <giorno>05/12/2024</giorno>\n\
        <ora>00:02:10</ora>\n\
        </data>\n\
        <identificativo>c00abc@a.test</identificativo>\n\
        <msgid>&lt;x.1@client&gt;</msgid>\n\
        <ricevuta tipo=\"breve\"/>\n\
        <consegna>anna@b.test</consegna>\n\
        <errore-esteso>5.1.1 - Prova S.p.A. - x</errore-esteso>\n\
        </dati>\n\
        </postacert>\n";
    assert_eq!(sample_text(), expected);
}

#[test]
fn cd_08_what_xml_forbids_is_replaced() {
    let mut data = sample();
    data.original.subject = Some("a\u{0}b\u{b}c\u{fffe}d".to_owned());
    let back = read(&write(&data)).expect("readable");
    let subject = back.original.subject.expect("a subject");
    assert_eq!(subject, "a\u{fffd}b\u{fffd}c\u{fffd}d");
}

#[test]
fn se_06_a_value_never_makes_a_node() {
    let mut data = sample();
    let hostile = "</oggetto><oggetto>\r\n<!--x-->&lt;]]>\"'";
    data.original.subject = Some(hostile.to_owned());
    data.issuer = "</gestore-emittente>".to_owned();
    assert_eq!(read(&write(&data)), Ok(data));
}

#[test]
fn cd_15_document_types_and_entities_are_refused() {
    let text = sample_text();
    let typed = text.replace(
        "<postacert ",
        "<!DOCTYPE postacert [<!ENTITY a \"b\">]><postacert ",
    );
    assert_eq!(
        read(typed.as_bytes()),
        Err(XmlFault::Forbidden("a document type"))
    );
    let entity = text.replace("Saluti", "&saluti;");
    assert_eq!(
        read(entity.as_bytes()),
        Err(XmlFault::Forbidden("an entity of its own"))
    );
}

#[test]
fn cd_15_what_trails_the_root_is_tolerated_and_defaults_apply() {
    let text = sample_text()
        .replace(" errore=\"no-dest\"", "")
        .replace(" tipo=\"certificato\"", "")
        .replace("<dati>", "\r\n  <!-- x --> <dati >\t");
    let data = read(format!("\u{feff}{text} x&<").as_bytes()).expect("readable");
    assert_eq!(data.error, ErrorKind::None);
    assert_eq!(data.original.recipients, sample().original.recipients);
}

#[test]
fn cd_15_size_depth_and_number_are_bounded() {
    let deep = "<postacert>".repeat(limits::CERTIFICATION_DEPTH_MAX + 1);
    assert_eq!(read(deep.as_bytes()), Err(XmlFault::TooLarge("depth")));
    let long = vec![b' '; limits::CERTIFICATION_BYTES_MAX + 1];
    assert_eq!(read(&long), Err(XmlFault::TooLarge("size")));
    let many = "<a/>".repeat(limits::CERTIFICATION_ELEMENTS_MAX);
    let many = format!("<postacert>{many}</postacert>");
    assert_eq!(read(many.as_bytes()), Err(XmlFault::TooLarge("elements")));
    let keys: String = (0..=limits::CERTIFICATION_ATTRIBUTES_MAX)
        .map(|n| format!(" a{n}=\"\""))
        .collect();
    let wide = format!("<postacert{keys}></postacert>");
    assert_eq!(read(wide.as_bytes()), Err(XmlFault::TooLarge("attributes")));
}

#[test]
fn cd_02_what_the_format_does_not_allow_is_named() {
    let text = sample_text();
    let cases = [
        ("<mittente>mario@a.test</mittente>", "", "lack `mittente`"),
        ("tipo=\"errore-consegna\" ", "", "lack `tipo`"),
        ("errore-consegna", "consegnato", "invalid `tipo`"),
        ("<mittente>mario@", "<mittente>", "invalid `mittente`"),
        ("05/12/2024", "2024-12-05", "invalid `data`"),
        ("</dati>", "<altro/></dati>", "hold `altro`"),
        ("<postacert ", "<posta ", "not well-formed"),
        ("<risposte>", "<oggetto/><risposte>", "lack `risposte`"),
    ];
    for (from, to, sentence) in cases {
        let fault = read(text.replacen(from, to, 1).as_bytes()).expect_err(to);
        assert!(fault.to_string().contains(sentence), "{fault}");
    }
    assert_eq!(read(b"\xff<postacert/>"), Err(XmlFault::NotUtf8));
    for end in [0, 20, 60, text.len() - 15] {
        assert!(read(&text.as_bytes()[..end]).is_err(), "cut at {end}");
    }
}

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn data() -> impl Strategy<Value = CertificationData> {
    let kinds = (
        proptest::sample::select(CertificationKind::ALL),
        proptest::sample::select(ErrorKind::ALL),
        proptest::option::of(proptest::sample::select(DeliveryDetail::ALL)),
    );
    let addresses = proptest::collection::vec("[a-z!#'&]{1,8}@[a-z]{1,9}\\.test", 1..6);
    let texts = (
        text(),
        proptest::option::of(text()),
        text(),
        proptest::option::of(text()),
    );
    let ids = ("[!-;=?-~]{1,20}@[a-z]{1,5}", "[!-;=?-~]{1,30}");
    (kinds, addresses, texts, ids, 0..4_000_000_000_i64).prop_map(
        |((kind, error, receipt), addresses, (replies, subject, issuer, why), ids, seconds)| {
            let addresses: Vec<_> = addresses.iter().map(|a| address(a)).collect();
            let recipients = addresses.iter().enumerate().map(|(n, address)| Recipient {
                address: address.clone(),
                kind: RecipientType::ALL[n % 2],
            });
            CertificationData {
                kind,
                error,
                original: OriginalFacts {
                    sender: addresses[0].clone(),
                    recipients: recipients.collect(),
                    replies,
                    subject,
                    identifier: Identifier::parse(&ids.0).expect("an identifier"),
                    client_id: ClientMessageId::from_field(&ids.1),
                },
                issuer,
                at: Instant::from_millis(seconds * 1000),
                receipt,
                delivery: addresses.last().cloned(),
                taken_in_charge: addresses,
                extended_error: why,
            }
        },
    )
}

fn allowed(text: &str) -> String {
    let replaced = |c| if is_allowed(c) { c } else { '\u{fffd}' };
    text.chars().map(replaced).collect()
}

proptest! {
    #[test]
    fn cd_02_reading_gives_back_what_was_written(data in data()) {
        let mut expected = data.clone();
        expected.original.replies = allowed(&data.original.replies);
        expected.original.subject = data.original.subject.as_deref().map(allowed);
        expected.issuer = allowed(&data.issuer);
        expected.extended_error = data.extended_error.as_deref().map(allowed);
        prop_assert_eq!(read(&write(&data)), Ok(expected));
    }

    #[test]
    fn cd_15_no_octets_make_the_reader_panic(
        at in 0_usize..900, octets in proptest::collection::vec(any::<u8>(), 0..40)
    ) {
        let mut file = write(&sample());
        let at = at.min(file.len());
        let end = (at + octets.len() / 2).min(file.len());
        file.splice(at..end, octets);
        let _ = read(&file);
    }
}

//! LDIF read and written, the examples of RFC 6109 §4.5.10 with their printed slips, hostile texts, and
//! searches.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::ldif::{Item, Reader, ValueFault};
use super::*;
use crate::limits;

/// The two examples of RFC 6109 §4.5.10, page breaks and indentation taken away.
const FIRST: &[u8] = include_bytes!("../../../tests/vectors/ldif/rfc6109-first.ldif");
const SECOND: &[u8] = include_bytes!("../../../tests/vectors/ldif/rfc6109-second.ldif");

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn faults(remarks: &[Remark]) -> Vec<&Fault> {
    remarks.iter().map(|remark| &remark.fault).collect()
}

fn record(name: &str, domains: &[&str], certificates: &[&[u8]]) -> ProviderRecord {
    ProviderRecord {
        name: name.to_owned(),
        unit: None,
        mail_receipt: Some(Address::parse(&format!("receipts@{}", domains[0])).unwrap()),
        domains: domains.iter().map(|text| domain(text)).collect(),
        certificates: certificates.iter().map(|der| der.to_vec()).collect(),
        ldif_url: None,
        description: None,
    }
}

fn secondary(name: &str, unit: &str, domains: &[&str], certificates: &[&[u8]]) -> ProviderRecord {
    ProviderRecord {
        unit: Some(unit.to_owned()),
        ..record(name, domains, certificates)
    }
}

#[test]
fn di_03_folds_base64_options_case_comments_and_both_ends_of_line_are_read() {
    let text = "version: 1\r\n# a comment\r\n  that goes on\r\ndn: o=postacert\r\nObjectClass: top\r\n\
        LDIFlocationURL: https://index\r\n .example/all\r\ndescription:: Y2l0dMOg\r\n\
        providerCertificate;BINARY:: QUJD\r\n REVG\r\nmail;lang-it: x\r\nempty:\r\njpeg:< file:///x\r\nbad:: *\r\n\r\n\r\n";
    for text in [text.to_owned(), text.replace("\r\n", "\n")] {
        let items: Vec<Item<'_>> = Reader::new(text.as_bytes())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let value = |at: usize| match &items[at] {
            Item::Value(value) => value,
            Item::Blank => panic!("a blank"),
        };
        let octets = |at: usize| value(at).octets.clone().unwrap().into_owned();
        assert_eq!(value(0).name, "dn");
        assert_eq!(value(1).name, "objectclass");
        assert_eq!(octets(2), b"https://index.example/all");
        assert_eq!(octets(3), "città".as_bytes());
        assert_eq!(
            (value(4).name.as_str(), octets(4)),
            ("providercertificate", b"ABCDEF".to_vec())
        );
        assert!(value(5).has_option && !value(4).has_option);
        assert_eq!(octets(6), b"");
        assert_eq!(value(7).octets, Err(ValueFault::Elsewhere));
        assert_eq!(value(8).octets, Err(ValueFault::NotBase64));
        assert_eq!(items[9], Item::Blank);
        assert_eq!(items.len(), 10, "several empty lines are one");
    }
}

#[test]
fn what_is_no_ldif_of_contents_is_refused_by_line() {
    let refused = |text: &str| Directory::read(text.as_bytes()).unwrap_err();
    assert_eq!(refused(""), DirectoryError::Empty);
    assert_eq!(refused("version: 2\n"), LdifError::OtherVersion(1).into());
    assert_eq!(refused("objectClass: top\n"), LdifError::NoName(1).into());
    assert_eq!(
        refused("dn: x\nwithout colon\n"),
        LdifError::NoLine(2).into()
    );
    assert_eq!(refused("dn: x\n: value\n"), LdifError::NoLine(2).into());
    assert_eq!(refused("dn: x\n-\n"), LdifError::NoLine(2).into());
    assert_eq!(refused(" dn: x\n"), LdifError::NothingToContinue(1).into());
    assert_eq!(
        refused("dn: x\n\n y: z\n"),
        LdifError::NothingToContinue(3).into()
    );
    let changes = "dn: x\nchangetype: delete\n";
    assert_eq!(refused(changes), LdifError::Changes(2).into());
    let long = format!("dn: {}\n", "x".repeat(limits::DIRECTORY_VALUE_BYTES_MAX));
    assert_eq!(refused(&long), LdifError::TooLong(1).into());
    let folded = format!("dn: x\n{}", format!(" {}\n", "y".repeat(1000)).repeat(200));
    assert_eq!(refused(&folded), LdifError::TooLong(1).into());
    let many = "dn: x\n\n".repeat(limits::DIRECTORY_RECORDS_MAX + 1);
    assert!(matches!(
        refused(&many),
        DirectoryError::Ldif(LdifError::TooMany {
            what: "records",
            ..
        })
    ));
    let many = format!("dn: x\n{}", "a:b\n".repeat(limits::DIRECTORY_VALUES_MAX));
    assert!(matches!(
        refused(&many),
        DirectoryError::Ldif(LdifError::TooMany { what: "values", .. })
    ));
    let many = "\n".repeat(limits::DIRECTORY_LINES_MAX + 1);
    assert!(matches!(
        refused(&many),
        DirectoryError::Ldif(LdifError::TooMany { what: "lines", .. })
    ));
    let large = vec![b'\n'; limits::DIRECTORY_BYTES_MAX + 1];
    assert!(matches!(
        Directory::read(&large),
        Err(DirectoryError::Ldif(LdifError::TooLarge(_)))
    ));
}

#[test]
fn di_04_the_first_example_of_the_rfc_is_read_with_its_slips() {
    let (directory, remarks) = Directory::read(FIRST).unwrap();
    assert_eq!(
        directory.location(),
        Some("https://igpec.rupa.example.com/igpec.ldif.p7m")
    );
    let names: Vec<&str> = directory
        .records()
        .iter()
        .map(|r| r.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["Anonymous Certified Mail S.p.A.", "Postal Services S.p.A"]
    );
    let first = &directory.records()[0];
    assert_eq!(
        first.mail_receipt.as_ref().unwrap().as_str(),
        "ssacceptance@postalser.example.com"
    );
    assert_eq!(
        first.ldif_url.as_deref(),
        Some("https://anpocert.example.com/anpocert.ldif.p7m")
    );
    assert_eq!(
        first.description.as_deref(),
        Some("Certified mail services for companies")
    );
    assert!(first.is_main());
    assert_eq!(directory.domain_count(), 5);
    let managers: Vec<String> = directory
        .managers_of(&domain("RECEIVEDMAIL.example.com"))
        .map(ProviderRecord::title)
        .collect();
    assert_eq!(managers, ["Postal Services S.p.A"]);
    assert!(!directory.is_managed(&domain("example.com")));
    let told = faults(&remarks);
    assert!(
        told.contains(&&Fault::NoBlank),
        "no empty line after the root: {told:?}"
    );
}

#[test]
fn di_05_the_second_example_of_the_rfc_has_a_secondary_environment() {
    let (directory, remarks) = Directory::read(SECOND).unwrap();
    let [first, second, third] = directory.records() else {
        panic!("{:?}", directory.records());
    };
    assert_eq!(second.unit.as_deref(), Some("Secondary Environment"));
    assert_eq!(second.domains.len(), 2);
    let receipt = |record: &ProviderRecord| record.mail_receipt.clone().unwrap().to_string();
    assert_eq!(receipt(first), "notifications@anpocert.it.example");
    assert_eq!(
        receipt(second),
        "notifications@secondary.anpocert.example.com"
    );
    assert_eq!(third.domains.len(), 2);
    let told = faults(&remarks);
    assert!(
        told.contains(&&Fault::StrayBlank),
        "an empty line inside: {told:?}"
    );
    assert!(
        told.contains(&&Fault::NoMain),
        "the main record has another name: {told:?}"
    );
    let is_http = |fault: &&&Fault| matches!(fault, Fault::NotHttps(_));
    assert_eq!(told.iter().filter(is_http).count(), 2, "{told:?}");
}

#[test]
fn di_06_domains_and_hashes_are_found_without_regard_to_case() {
    let text =
        String::from_utf8(write(None, &[record("Uno", &["pec.example"], &[b"one"])]).unwrap());
    let text = text.unwrap();
    let upper = text.replace("pec.example", "PEC.Example");
    for text in [upper.clone(), swapped_hash(&upper)] {
        let (directory, _) = Directory::read(text.as_bytes()).unwrap();
        assert!(directory.is_managed(&domain("pec.EXAMPLE")));
        assert_eq!(directory.by_certificate(b"one").len(), 1, "{text}");
    }
}

/// The hash in lower case.
fn swapped_hash(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(": ") {
        Some((name, hash)) if name == "providerCertificateHash" => {
            format!("{}: {}", name.to_uppercase(), hash.to_lowercase())
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn di_07_two_certificates_of_one_record_are_both_found() {
    let text = write(None, &[record("Uno", &["pec.example"], &[b"old", b"new"])]).unwrap();
    let (directory, remarks) = Directory::read(&text).unwrap();
    for der in [b"old", b"new"] {
        assert_eq!(directory.by_certificate(der).len(), 1);
    }
    assert!(directory.by_certificate(b"other").is_empty());
    let unreadable = |remark: &Remark| matches!(remark.fault, Fault::BadCertificate(_));
    assert!(
        remarks.iter().all(unreadable),
        "the test's own: {remarks:?}"
    );
}

#[test]
fn tc_02_of_several_records_with_one_certificate_the_senders_domain_chooses() {
    let records = [
        secondary("Uno", "Est", &["est.example"], &[b"one"]),
        record("Uno", &["main.example"], &[b"one", b"two"]),
        secondary("Uno", "Ovest", &["ovest.example"], &[b"one"]),
    ];
    let (directory, _) = Directory::read(&write(None, &records).unwrap()).unwrap();
    let chosen = |sender: Option<&str>, from: Option<&str>| {
        let (sender, from) = (sender.map(domain), from.map(domain));
        let found = directory.receipts_for(b"one", sender.as_ref(), from.as_ref());
        found.unwrap().domain().to_string()
    };
    assert_eq!(
        chosen(Some("ovest.example"), Some("est.example")),
        "ovest.example"
    );
    assert_eq!(
        chosen(Some("altro.example"), Some("est.example")),
        "est.example"
    );
    assert_eq!(chosen(None, Some("altro.example")), "main.example");
    assert_eq!(directory.receipts_for(b"none", None, None), None);
    assert_eq!(directory.by_certificate(b"one").len(), 3);
    assert_eq!(directory.by_certificate(b"two").len(), 1);
}

#[test]
fn nd_07_receipt_addresses_and_those_of_certificates_are_of_services() {
    let (directory, _) = Directory::read(SECOND).unwrap();
    let is = |text: &str| directory.is_service_address(&Address::parse(text).unwrap());
    assert!(is("Notifications@secondary.anpocert.example.com"));
    assert!(!is("mario.rossi@costmec.example.com"));
}

#[test]
fn di_15_what_is_not_in_dot_atom_form_is_reported_and_not_written() {
    let text = "dn: providerName=Uno,o=postacert\nobjectClass: provider\nproviderName: Uno\n\
        mailReceipt: \"a b\"@pec.example\nmailReceipt: <a@pec.example>\nmanagedDomains: pec.example\n\
        managedDomains: [10.0.0.1]\nmanagedDomains: pèc.example\nmanagedDomains: localhost\n";
    let (directory, remarks) = Directory::read(text.as_bytes()).unwrap();
    let receipts = remarks
        .iter()
        .filter(|r| matches!(r.fault, Fault::BadMailReceipt(_)));
    assert_eq!(receipts.map(|r| r.line).collect::<Vec<_>>(), [4, 5]);
    let domains = remarks
        .iter()
        .filter(|r| matches!(r.fault, Fault::BadDomain(_)));
    assert_eq!(domains.map(|r| r.line).collect::<Vec<_>>(), [7, 8, 9]);
    assert_eq!(directory.records()[0].mail_receipt, None);
    assert_eq!(directory.domain_count(), 1);
    let mut bad = record("Uno", &["pec.example"], &[b"one"]);
    bad.mail_receipt = Some(Address::parse("\"a b\"@pec.example").unwrap());
    assert!(matches!(
        write(None, &[bad]),
        Err(WriteError::MailReceipt(_))
    ));
}

#[test]
fn di_16_a_hash_without_certificate_and_a_domain_of_two_are_reported() {
    let records = [
        record("Uno", &["pec.example", "uno.example"], &[b"one"]),
        record("Due", &["pec.example", "due.example"], &[b"two"]),
    ];
    let text = String::from_utf8(write(None, &records).unwrap()).unwrap();
    let (_, hash) = text.split_once("providerCertificateHash: ").unwrap();
    let wrong = text.replacen(&hash[..40], &"0".repeat(40), 1);
    let (directory, remarks) = Directory::read(wrong.as_bytes()).unwrap();
    let told = faults(&remarks);
    assert!(
        told.contains(&&Fault::HashFitsNothing("0".repeat(40))),
        "{told:?}"
    );
    assert!(
        told.iter().any(|fault| matches!(fault, Fault::NoHash(_))),
        "{told:?}"
    );
    assert!(
        directory.by_certificate(b"one").is_empty(),
        "its hash lacks"
    );
    assert_eq!(directory.by_certificate(b"two").len(), 1);
    let shared = Fault::Shared(domain("pec.example"), "Due".to_owned());
    assert!(told.contains(&&shared), "{told:?}");
    assert!(directory.is_managed(&domain("pec.example")));
    assert_eq!(directory.managers_of(&domain("pec.example")).count(), 2);
}

#[test]
fn faults_of_one_record_cost_no_other() {
    let text = "dn: o=postacert\nLDIFLocationURL: http://index.example\n\ndn:: /w==\nfoo: bar\n\n\
        dn: providerName=A,o=postacert\nproviderName: A\nproviderName: B\nproviderUnit: U\n\
        LDIFLocationURL: https://a.example\nproviderCertificateHash: xyz\n\
        providerCertificate;binary:: *\ndescription:: /w==\n\n\
        dn: providerName=C,o=postacert\nobjectClass: provider\nmailReceipt: c@pec.example\n\n\
        dn: providerName=D,o=postacert\n1.3.6.1.4.1.16572.2.2.3: D\nmanagedDomains: d.example\n";
    let (directory, remarks) = Directory::read(text.as_bytes()).unwrap();
    let told = faults(&remarks);
    for fault in [
        Fault::NotHttps("http://index.example".to_owned()),
        Fault::NotText("dn"),
        Fault::Unknown,
        Fault::Twice("providerName"),
        Fault::LocationOfSecondary,
        Fault::BadHash("xyz".to_owned()),
        Fault::BadValue("providerCertificate", ValueFault::NotBase64),
        Fault::NotText("description"),
        Fault::OtherName("providerName=A,o=postacert".to_owned()),
        Fault::Lacks("providerName"),
        Fault::Lacks("mailReceipt"),
        Fault::NoMain,
    ] {
        assert!(told.contains(&&fault), "{fault:?} in {told:?}");
    }
    assert_eq!(directory.records().len(), 2);
    assert!(directory.is_managed(&domain("d.example")));
    for remark in &remarks {
        assert!(!remark.to_string().contains(char::is_control), "{remark}");
    }
}

#[test]
fn remarks_are_bounded_and_counted() {
    let bad = "managedDomains: x\n".repeat(limits::DIRECTORY_REMARKS_MAX + 7);
    let text = format!("dn: providerName=A,o=postacert\nproviderName: A\n{bad}");
    let (_, remarks) = Directory::read(text.as_bytes()).unwrap();
    assert_eq!(remarks.len(), limits::DIRECTORY_REMARKS_MAX + 1);
    // Three more: what the record lacks.
    assert_eq!(remarks.last().unwrap().fault, Fault::More(10));
}

#[test]
fn di_08_our_own_part_is_the_main_record_and_all_secondary_ones() {
    let mut main = record("Poste, \"Uno\" + c.", &["pec.example"], &[b"one"]);
    main.ldif_url = Some("https://pec.example/directory/own.p7m".to_owned());
    main.description = Some(" perché no ".to_owned());
    let unit = secondary(
        "POSTE, \"uno\"  + C.",
        "Est",
        &["est.example"],
        &[b"one", b"two"],
    );
    let text = compose(&main, std::slice::from_ref(&unit)).unwrap();
    let (directory, remarks) = Directory::read(&text).unwrap();
    let mut read = directory.records().to_vec();
    assert_eq!(read[0].description.take().as_deref(), Some("perché no"));
    main.description = None;
    assert_eq!(read, [main.clone(), unit.clone()]);
    let is_expected = |remark: &Remark| matches!(remark.fault, Fault::BadCertificate(_));
    assert!(remarks.iter().all(is_expected), "{remarks:?}");
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("dn: providerName=Poste\\, \\\"Uno\\\" \\+ c.,o=postacert\n"),
        "{text}"
    );
    assert!(text.contains("providerCertificate;binary:: "));
    assert!(
        text.lines()
            .all(|line| line.len() <= limits::LDIF_LINE_COLUMNS)
    );
    let other = secondary("Due", "Est", &["est.example"], &[b"one"]);
    assert!(matches!(
        compose(&main, &[other]),
        Err(WriteError::NotSecondary(..))
    ));
    let mut located = unit;
    located.ldif_url = main.ldif_url.clone();
    assert!(matches!(
        compose(&main, &[located]),
        Err(WriteError::LocationOfSecondary(_))
    ));
    main.ldif_url = Some("http://pec.example".to_owned());
    assert!(matches!(compose(&main, &[]), Err(WriteError::Location(_))));
    main.ldif_url = None;
    main.certificates.clear();
    assert!(matches!(compose(&main, &[]), Err(WriteError::Lacks(..))));
}

#[test]
fn di_11_what_a_new_index_loses_is_counted() {
    let names: Vec<String> = (0..100).map(|n| format!("d{n}.example")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let index = |records: &[ProviderRecord]| Directory::of(None, records.to_vec());
    let old = index(&[
        record("Uno", &all, &[b"one"]),
        record("Due", &["due.example"], &[b"two"]),
    ]);
    let loses = |lost: usize| {
        let new = [
            record("UNO", &all[lost..], &[b"one"]),
            record("Due", &["due.example"], &[]),
        ];
        Losses::between(&old, &index(&new)).hold(5)
    };
    assert_eq!(loses(0), None);
    assert_eq!(loses(5), None, "5 of 101");
    let hold = loses(6).unwrap();
    assert_eq!((hold.0.domains_lost, hold.0.domains_before), (6, 101));
    let moved = [
        record("Uno", &all, &[b"one"]),
        record("Tre", &["due.example"], &[b"two"]),
    ];
    let hold = Losses::between(&old, &index(&moved)).hold(5).unwrap();
    assert_eq!(hold.0.providers_lost, ["Due"]);
    assert!(hold.to_string().contains("(Due)"), "{hold}");
}

#[test]
fn three_hundred_thousand_domains_are_indexed() {
    let domains: Vec<Domain> = (0..300_000)
        .map(|n| domain(&format!("ufficio{n}.comune.example")))
        .collect();
    let mut one = record("Uno", &["pec.example"], &[b"one"]);
    one.domains = domains.clone();
    let text = write(None, &[one]).unwrap();
    let (directory, _) = Directory::read(&text).unwrap();
    assert_eq!(directory.domain_count(), 300_000);
    assert!(
        domains
            .iter()
            .step_by(1_000)
            .all(|domain| directory.is_managed(domain))
    );
    assert!(!directory.is_managed(&domain("ufficio300000.comune.example")));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,300}") {
        let _ = Directory::read(text.as_bytes());
    }

    #[test]
    fn what_is_written_is_read_the_same(
        name in "[^\\p{C}]{0,30}[a-z]",
        unit in proptest::option::of("[ -~]{0,90}[a-z]"),
        description in proptest::option::of("[^\\p{C}]{0,90}"),
        labels in proptest::collection::vec("[a-z]{1,20}", 1..6),
        certificates in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..4),
    ) {
        let trimmed = |text: String| text.trim().to_owned();
        let made = ProviderRecord {
            name: trimmed(name),
            unit: unit.map(trimmed),
            mail_receipt: Some(Address::parse("a.b@pec.example").unwrap()),
            domains: labels.iter().map(|l| domain(&format!("{l}.example"))).collect(),
            certificates,
            ldif_url: None,
            description: description.map(trimmed),
        };
        let text = write(Some("https://index.example/all"), std::slice::from_ref(&made)).unwrap();
        let (directory, _) = Directory::read(&text).unwrap();
        prop_assert_eq!(directory.records(), &[made][..]);
    }
}

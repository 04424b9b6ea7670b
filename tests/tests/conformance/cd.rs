//! Certification data.

use ceralacca_core::certification::xml;
use ceralacca_tests::appliance::PROVIDER;
use ceralacca_tests::judge;
use ceralacca_tests::message::Part;

use crate::{SUBJECT, Trio, receipts, samples, standard, undelivered};

const KINDS: [&str; 8] = [
    "accettazione",
    "non-accettazione",
    "presa-in-carico",
    "avvenuta-consegna",
    "posta-certificata",
    "errore-consegna",
    "preavviso-errore-consegna",
    "rilevazione-virus",
];

#[test]
fn cd_01_the_part_is_what_others_look_for() {
    for message in samples() {
        let part = message.named("daticert.xml").unwrap();
        assert_eq!(part.media_type(), "application/xml");
        assert_eq!(part.parameter("name").as_deref(), Some("daticert.xml"));
        assert_eq!(
            part.disposition("filename").as_deref(),
            Some("daticert.xml")
        );
        assert_eq!(part.encoding(), "base64");
        let data = message.data().0;
        assert!(
            data.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"),
            "{data}"
        );
        assert!(
            !data.contains("<!DOCTYPE") && !data.contains("xmlns"),
            "{data}"
        );
    }
}

#[test]
fn cd_02_every_file_is_valid_against_the_dtd() {
    samples().into_iter().for_each(judge::dtd_accepts);
}

#[test]
fn cd_03_the_kind_is_one_of_eight_and_the_one_of_the_message() {
    for message in samples() {
        let kind = message.data().kind();
        assert!(KINDS.contains(&kind.as_str()), "{kind}");
        assert_eq!(kind, message.type_field());
    }
}

#[test]
fn cd_04_the_error_is_always_written() {
    for message in samples() {
        let error = message.data().error();
        assert!(["nessuno", "no-dest", "no-dominio", "virus", "altro"].contains(&error.as_str()));
    }
}

#[test]
fn cd_05_the_heading_holds_sender_recipients_replies_and_subject() {
    for message in samples() {
        let data = message.data();
        data.one("mittente");
        data.one("risposte");
        let types = data.attributes("destinatari", "tipo");
        assert_eq!(types.len(), data.all("destinatari").len());
        assert!(!types.is_empty());
    }
    let trio = Trio::new();
    let without = trio.certify_simple(&trio.simple().without("Subject"));
    assert!(
        without
            .all()
            .iter()
            .all(|m| m.data().get("oggetto").is_none())
    );
}

#[test]
fn cd_06_sender_and_recipients_are_those_of_smtp() {
    let trio = Trio::new();
    let draft = trio.draft().set(
        "From",
        &format!("Nome Cognome <{}>", trio.from.address.to_uppercase()),
    );
    let certified = trio.certify_simple(&draft);
    for message in certified.all() {
        let data = message.data();
        assert_eq!(data.one("mittente"), trio.from.address);
        assert_eq!(data.all("destinatari"), [trio.to.address.as_str()]);
    }
}

#[test]
fn cd_07_replies_go_to_reply_to_or_the_sender() {
    let plain = standard().acceptance.data();
    assert_eq!(plain.one("risposte"), plain.one("mittente"));
    let trio = Trio::new();
    let draft = trio
        .simple()
        .field("Reply-To", "Uno <uno@a.example>, \"Due\" <due@b.example>");
    let data = trio.certify_simple(&draft).envelope().data();
    assert_eq!(data.one("risposte"), "uno@a.example, due@b.example");
}

#[test]
fn cd_08_the_subject_is_decoded_and_fit_for_xml() {
    for message in [
        &standard().acceptance,
        standard().envelope(),
        standard().delivery(),
    ] {
        assert_eq!(message.data().one("oggetto"), SUBJECT);
    }
    let trio = Trio::new();
    let draft = trio.simple().subject("=?UTF-8?Q?uno=01due=EF=BF=BFtre?=");
    let certified = trio.certify_simple(&draft);
    certified.all().into_iter().for_each(judge::dtd_accepts);
    let subject = certified.acceptance.data().one("oggetto");
    assert!(subject.starts_with("uno") && subject.contains("due") && subject.ends_with("tre"));
}

#[test]
fn cd_09_each_kind_holds_its_elements() {
    for message in samples() {
        let data = message.data();
        let kind = data.kind();
        let has = |name: &str| data.get(name).is_some();
        for always in ["gestore-emittente", "data", "identificativo", "msgid"] {
            assert!(has(always), "{always} in {kind}");
        }
        let with_receipt = ["posta-certificata", "avvenuta-consegna"].contains(&kind.as_str());
        let with_delivery = ["avvenuta-consegna", "errore-consegna"].contains(&kind.as_str());
        assert_eq!(has("ricevuta"), with_receipt, "{kind}");
        assert_eq!(has("consegna"), with_delivery, "{kind}");
        assert_eq!(has("errore-esteso"), data.error() != "nessuno", "{kind}");
        assert!(!has("ricezione"), "{kind}");
    }
}

#[test]
fn cd_10_the_issuer_is_this_provider() {
    for message in samples() {
        assert_eq!(message.data().one("gestore-emittente"), PROVIDER);
    }
}

#[test]
fn cd_11_the_identifier_is_bare_and_the_clients_keeps_its_brackets() {
    let client = Part::parse(&standard().submitted).field("Message-ID");
    for message in standard().all() {
        let data = message.data();
        assert!(!data.one("identificativo").contains(['<', '>']));
        assert_eq!(data.one("msgid"), client);
        assert!(data.0.contains("<msgid>&lt;"), "{}", data.0);
    }
    let trio = Trio::new();
    let without = trio.certify_simple(&trio.simple().without("Message-ID"));
    assert!(
        without
            .all()
            .iter()
            .all(|m| m.data().get("msgid").is_none())
    );
}

#[test]
fn cd_12_later_steps_repeat_the_facts_of_the_envelope() {
    for certified in [standard(), undelivered()] {
        let first = certified.acceptance.data();
        for message in certified.all() {
            let data = message.data();
            assert_eq!(data.inner("intestazione"), first.inner("intestazione"));
            for name in ["identificativo", "msgid"] {
                assert_eq!(data.one(name), first.one(name));
            }
        }
    }
    standard()
        .answers
        .iter()
        .for_each(crate::tm::header_and_data_agree);
}

#[test]
fn cd_13_text_and_data_state_the_same_facts() {
    for message in samples() {
        let (text, data) = (message.text(), message.data());
        let when = [
            data.one("giorno"),
            data.one("ora"),
            data.attribute("data", "zona"),
        ];
        let subject = data.get("oggetto").unwrap_or_default().replace('€', "?");
        let mut facts = when.to_vec();
        facts.extend([data.one("mittente"), data.one("identificativo"), subject]);
        match data.get("consegna") {
            Some(recipient) => facts.push(recipient),
            None => facts.extend(data.all("destinatari")),
        }
        for fact in facts {
            assert!(text.contains(&fact), "{fact:?} in {text}");
        }
    }
}

#[test]
fn cd_14_logic_reads_the_data_and_never_the_text() {
    // A receipt whose text lies: the verifier takes kind and facts from the signed XML alone. Here the
    // text part says nothing that the XML does not, so it is enough that the report is the XML's.
    let appliance = ceralacca_tests::appliance::Appliance::shared();
    let receipt = standard().delivery();
    let file = appliance.write_beside("cd14.eml", &receipt.message.raw);
    let report = appliance
        .json(&["verify", file.to_str().unwrap()])
        .to_string();
    let data = receipt.data();
    for fact in [
        data.kind(),
        data.one("identificativo"),
        data.one("consegna"),
    ] {
        assert!(report.contains(&fact), "{fact} in {report}");
    }
}

#[test]
fn cd_15_the_reader_refuses_a_doctype_and_entities_and_bounds_all() {
    let good = standard().delivery().data().0;
    let read = |text: &str| xml::read(text.as_bytes());
    assert!(read(&good).is_ok());
    assert!(
        read(&format!("{good}\r\n  x")).is_ok(),
        "trailing characters are tolerated"
    );
    let root = good.find("<postacert").unwrap();
    let (prolog, rest) = good.split_at(root);
    for evil in [
        "<!DOCTYPE postacert SYSTEM \"daticert.dtd\">",
        "<!DOCTYPE postacert [<!ENTITY a \"b\">]>",
    ] {
        assert!(read(&format!("{prolog}{evil}{rest}")).is_err(), "{evil}");
    }
    let entity = good.replace("<oggetto>", "<oggetto>&ignota;");
    assert!(read(&entity).is_err());
    let deep = format!("{prolog}{}{rest}", "<a>".repeat(100_000));
    assert!(read(&deep).is_err());
    let long = good.replace("<oggetto>", &format!("<oggetto>{}", "x".repeat(16 << 20)));
    assert!(read(&long).is_err());
    assert!(!receipts().is_empty());
}

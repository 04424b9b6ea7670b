//! Each kind of message: its fields, its text, its certification data, and what it encloses.

use ceralacca_core::certification::{CertificationKind, DeliveryDetail, ErrorKind};
use ceralacca_core::envelope::{EnvelopeFacts, transport};
use ceralacca_core::notice::{
    Delay, Failure, NonAcceptance, delay, non_acceptance, non_delivery, virus_detection,
};
use ceralacca_core::receipt::{acceptance, delivery, detail_for, take_charge};
use ceralacca_core::wording::failures::VIRUS_STATUS;

use super::house::{
    ORIGINAL, Parsed, address, blobs, envelope, facts, field, header, inherited, issuer, original,
    parsed, signed, step,
};

const DATE: &str = "Thu, 05 Dec 2024 00:02:10 +0100";

fn accepted() -> Vec<u8> {
    let draft = acceptance(&issuer(), &original(), Some("Saluti"), step());
    signed(draft, &blobs())
}

fn refused(why: NonAcceptance) -> Vec<u8> {
    let draft = non_acceptance(&issuer(), &original(), Some("Saluti"), &why, step());
    signed(draft, &blobs())
}

fn delivered(facts: &EnvelopeFacts, recipient: &str) -> Vec<u8> {
    let draft = delivery(&issuer(), facts, &address(recipient), &blobs(), step());
    signed(draft.unwrap(), &blobs())
}

fn failed(error: ErrorKind) -> Vec<u8> {
    let failure = Failure {
        error,
        status: "5.1.1".to_owned(),
        reason: "indirizzo non valido".to_owned(),
    };
    let recipient = address("anna@prova.test");
    let draft = non_delivery(&issuer(), &facts(), &recipient, &failure, step());
    signed(draft, &blobs())
}

fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("accettazione", accepted()),
        (
            "non-accettazione",
            refused(NonAcceptance::Formal("x".into())),
        ),
        (
            "non-accettazione",
            refused(NonAcceptance::Virus("Eicar".into())),
        ),
        ("avvenuta-consegna", delivered(&facts(), "anna@prova.test")),
        ("errore-consegna", failed(ErrorKind::NoRecipient)),
    ]
}

#[test]
fn sg_18_sg_19_ap_21_receipts_have_these_fields_and_no_other() {
    for (word, message) in all() {
        let header = header(&message).replace("\r\n ", " ");
        let names: Vec<&str> = header
            .lines()
            .map(|line| line.split(':').next().unwrap())
            .filter(|name| *name != "X-VerificaSicurezza")
            .collect();
        let expected = [
            "X-Ricevuta",
            "Date",
            "Subject",
            "From",
            "To",
            "Message-ID",
            "X-Riferimento-Message-ID",
            "MIME-Version",
            "Content-Type",
        ];
        assert_eq!(names, expected, "{header}");
        assert_eq!(field(&message, "X-Ricevuta").as_deref(), Some(word));
        assert_eq!(field(&message, "Date").as_deref(), Some(DATE));
        let from = field(&message, "From");
        assert_eq!(from.as_deref(), Some("posta-certificata@prova.test"));
        assert_eq!(field(&message, "To").as_deref(), Some("mario@prova.test"));
        let reference = field(&message, "X-Riferimento-Message-ID");
        assert_eq!(reference.as_deref(), Some("<x1@client>"));
    }
}

#[test]
fn tm_07_without_a_clients_identifier_there_is_no_reference() {
    let mut original = original();
    original.client_id = None;
    let message = signed(acceptance(&issuer(), &original, None, step()), &blobs());
    assert_eq!(field(&message, "X-Riferimento-Message-ID"), None);
    assert_eq!(parsed(&message).data.original.client_id, None);
}

#[test]
fn sg_01_sg_02_sg_08_content_is_text_then_data_then_original_signed_detached_and_seven_bit() {
    for (_, message) in all()
        .into_iter()
        .chain([("", signed(envelope(), &blobs()))])
    {
        let kind = field(&message, "Content-Type").unwrap();
        assert!(kind.starts_with("multipart/signed; protocol=\"application/pkcs7-signature\";"));
        assert!(kind.contains("micalg=\"sha-256\""), "{kind}");
        let parts = parsed(&message).parts;
        let expected = [
            "multipart/signed ",
            "multipart/mixed ",
            "multipart/alternative ",
            "text/plain ",
            "text/html ",
            "application/xml daticert.xml",
        ];
        assert_eq!(parts[..6], expected);
        assert_eq!(
            parts.last().unwrap(),
            "application/pkcs7-signature smime.p7s"
        );
        assert!(message.is_ascii());
        let longest = message.split(|b| *b == b'\n').map(<[u8]>::len).max();
        assert!(longest <= Some(99), "{longest:?}");
    }
}

#[test]
fn sg_08_what_may_not_be_recoded_is_labelled_eight_bit_outside_too() {
    let mut facts = facts();
    facts.eight_bit = true;
    let draft = transport(&issuer(), &facts, &inherited(), step());
    assert!(draft.eight_bit);
    let message = String::from_utf8(signed(draft, &blobs())).unwrap();
    let labels = message
        .matches("Content-Transfer-Encoding: 8bit\r\n")
        .count();
    assert_eq!(labels, 3);
}

#[test]
fn ap_19_ap_20_ap_18_acceptance_lists_every_recipient_with_its_type_and_holds_no_original() {
    let message = accepted();
    assert_eq!(field(&message, "Subject").unwrap(), "ACCETTAZIONE: Saluti");
    let Parsed {
        plain,
        data,
        enclosed,
        ..
    } = parsed(&message);
    let expected = "Ricevuta di accettazione\n\
        Il giorno 05/12/2024 alle ore 00:02:10 (+0100) il messaggio\n\
        \"Saluti\" proveniente da \"mario@prova.test\"\n\
        ed indirizzato a:\n\
        anna@prova.test (\"posta certificata\")\n\
        carla@prova.test (\"posta certificata\")\n\
        ugo@ordinaria.test (\"posta ordinaria\")\n\
        Il messaggio è stato accettato dal sistema ed inoltrato.\n\
        Identificativo messaggio: c00abc@prova.test\n";
    assert_eq!(plain, expected);
    assert_eq!(
        (data.kind, data.error),
        (CertificationKind::Acceptance, ErrorKind::None)
    );
    assert_eq!(enclosed, None);
}

#[test]
fn cd_10_cd_12_tm_01_data_repeat_the_original_with_the_steps_own_issuer_and_instant() {
    for (_, message) in all() {
        let data = parsed(&message).data;
        assert_eq!(data.original, original());
        assert_eq!(data.issuer, "Prova PEC S.p.A.");
        assert_eq!(data.at, step().at);
    }
}

#[test]
fn tm_02_policy_can_write_the_colon() {
    let mut issuer = issuer();
    issuer.zone_with_colon = true;
    let draft = acceptance(&issuer, &original(), None, step());
    let text = parsed(&signed(draft, &blobs())).plain;
    assert!(text.contains("alle ore 00:02:10 (+01:00) il"), "{text}");
}

#[test]
fn ap_13_ap_14_cd_13_formal_refusal_says_why_in_text_and_data() {
    let why = "mancanza del campo To";
    let message = refused(NonAcceptance::Formal(why.to_owned()));
    let subject = field(&message, "Subject").unwrap();
    assert_eq!(subject, "AVVISO DI NON ACCETTAZIONE: Saluti");
    assert_eq!(field(&message, "X-VerificaSicurezza"), None);
    let parsed = parsed(&message);
    let expected = "Errore nell'accettazione del messaggio\n\
        Il giorno 05/12/2024 alle ore 00:02:10 (+0100) nel messaggio\n\
        \"Saluti\" proveniente da \"mario@prova.test\"\n\
        ed indirizzato a:\n\
        anna@prova.test\n\
        carla@prova.test\n\
        ugo@ordinaria.test\n\
        è stato rilevato un problema che ne impedisce l'accettazione\n\
        a causa di mancanza del campo To.\n\
        Il messaggio non è stato accettato.\n\
        Identificativo messaggio: c00abc@prova.test\n";
    assert_eq!(parsed.plain, expected);
    assert_eq!(parsed.data.kind, CertificationKind::NonAcceptance);
    assert_eq!(parsed.data.error, ErrorKind::Other);
    assert_eq!(parsed.data.extended_error.as_deref(), Some(why));
    assert_eq!(parsed.enclosed, None);
}

#[test]
fn ap_13_refusal_for_a_virus_is_marked_as_such() {
    let message = refused(NonAcceptance::Virus("Eicar-Test".to_owned()));
    let subject = field(&message, "Subject").unwrap();
    assert_eq!(subject, "AVVISO DI NON ACCETTAZIONE PER VIRUS: Saluti");
    let security = field(&message, "X-VerificaSicurezza");
    assert_eq!(security.as_deref(), Some("errore"));
    let parsed = parsed(&message);
    assert_eq!(parsed.data.error, ErrorKind::Virus);
    assert!(parsed.plain.contains("problema di sicurezza Eicar-Test."));
}

#[test]
fn te_02_te_03_te_04_te_06_te_07_te_16_te_17_the_envelope_inherits_these_fields_unchanged() {
    let mut facts = facts();
    facts.original.sender = address("\"a\\\"b\"@prova.test");
    let mut inherited = inherited();
    let hostile = b"Sender: x@y.test\r\nDisposition-Notification-To: x@y.test\r\nBcc: b@y.test\r\n";
    inherited.copied.extend_from_slice(hostile);
    inherited.copied.extend_from_slice(b"\r\nSubject: body\r\n");
    let draft = transport(&issuer(), &facts, &inherited, step());
    assert_eq!(draft.message_id, "c00abc@prova.test");
    let message = signed(draft, &blobs());
    let expected = "Received: from pc (192.0.2.1) by mx.prova.test; Thu, 5 Dec 2024 00:02:09 +0100\r\n\
        X-Trasporto: posta-certificata\r\n\
        Date: Thu, 05 Dec 2024 00:02:10 +0100\r\n\
        Subject: POSTA CERTIFICATA: Saluti\r\n\
        From: \"Per conto di: \\\"a\\\\\\\"b\\\"@prova.test\" <posta-certificata@prova.test>\r\n\
        Reply-To: \"a\\\"b\"@prova.test\r\n\
        To: anna@prova.test, \"Ugo, u\"\r\n <ugo@ordinaria.test>\r\n\
        Cc: carla@prova.test\r\n\
        Message-ID: <c00abc@prova.test>\r\n\
        X-Riferimento-Message-ID: <x1@client>\r\n\
        MIME-Version: 1.0\r\n";
    let header = header(&message);
    assert!(header.starts_with(expected), "{header}");
}

#[test]
fn te_03_a_reply_to_of_the_original_is_copied_and_none_is_made() {
    let mut inherited = inherited();
    inherited
        .copied
        .extend_from_slice(b"reply-to: Altri <altri@prova.test>\r\n");
    inherited.has_reply_to = true;
    let draft = transport(&issuer(), &facts(), &inherited, step());
    let header = header(&signed(draft, &blobs()));
    assert!(header.contains("\r\nreply-to: Altri <altri@prova.test>\r\n"));
    assert_eq!(header.to_lowercase().matches("\r\nreply-to:").count(), 1);
}

#[test]
fn te_08_the_kind_of_receipt_is_written_only_when_it_was_asked() {
    let message = signed(envelope(), &blobs());
    assert_eq!(field(&message, "X-TipoRicevuta"), None);
    assert_eq!(
        parsed(&message).data.receipt,
        Some(DeliveryDetail::Complete)
    );
    let mut inherited = inherited();
    inherited.asked = Some(DeliveryDetail::Brief);
    let mut facts = facts();
    facts.detail = DeliveryDetail::Brief;
    let message = signed(transport(&issuer(), &facts, &inherited, step()), &blobs());
    assert_eq!(field(&message, "X-TipoRicevuta").as_deref(), Some("breve"));
    assert_eq!(parsed(&message).data.receipt, Some(DeliveryDetail::Brief));
}

#[test]
fn te_01_te_09_the_envelope_encloses_the_original_with_text_and_data() {
    let message = signed(envelope(), &blobs());
    let Parsed {
        plain,
        data,
        enclosed,
        ..
    } = parsed(&message);
    let expected = "Messaggio di posta certificata\n\
        Il giorno 05/12/2024 alle ore 00:02:10 (+0100) il messaggio\n\
        \"Saluti\" è stato inviato da \"mario@prova.test\"\n\
        indirizzato a:\n\
        anna@prova.test\n\
        carla@prova.test\n\
        ugo@ordinaria.test\n\
        Il messaggio originale è incluso in allegato.\n\
        Identificativo messaggio: c00abc@prova.test\n";
    assert_eq!(plain, expected);
    assert_eq!(data.kind, CertificationKind::TransportEnvelope);
    assert_eq!(data.original, original());
    let enclosed = String::from_utf8(enclosed.unwrap()).unwrap();
    assert_eq!(enclosed, ORIGINAL);
}

#[test]
fn dr_01_dr_07_dr_18_dr_19_a_complete_receipt_encloses_the_same_original_as_the_envelope() {
    let message = delivered(&facts(), "anna@prova.test");
    assert_eq!(field(&message, "Subject").unwrap(), "CONSEGNA: Saluti");
    let receipt = parsed(&message);
    let lines: Vec<&str> = receipt.plain.lines().collect();
    let expected = [
        "Ricevuta di avvenuta consegna",
        "Il giorno 05/12/2024 alle ore 00:02:10 (+0100) il messaggio",
        "\"Saluti\" proveniente da \"mario@prova.test\"",
        "ed indirizzato a \"anna@prova.test\"",
        "è stato consegnato nella casella di destinazione.",
        "Identificativo messaggio: c00abc@prova.test",
    ];
    assert_eq!(lines[..6], expected);
    assert!(lines[6].contains("non che sia stato letto"));
    assert_eq!(receipt.data.kind, CertificationKind::Delivery);
    assert_eq!(receipt.data.receipt, Some(DeliveryDetail::Complete));
    assert_eq!(receipt.data.delivery, Some(address("anna@prova.test")));
    let envelope = parsed(&signed(envelope(), &blobs()));
    assert_eq!(receipt.enclosed, envelope.enclosed);
}

#[test]
fn dr_04_dr_09_a_brief_receipt_has_hashes_for_attachments() {
    let mut facts = facts();
    facts.detail = DeliveryDetail::Brief;
    let receipt = parsed(&delivered(&facts, "anna@prova.test"));
    let title = "Ricevuta breve di avvenuta consegna\n";
    assert!(receipt.plain.starts_with(title));
    let enclosed = String::from_utf8(receipt.enclosed.unwrap()).unwrap();
    assert!(enclosed.contains("a.pdf.hash"), "{enclosed}");
    assert!(!enclosed.contains("AAAA"));
    let copy = parsed(&delivered(&facts, "carla@prova.test"));
    assert_eq!(copy.enclosed, None);
    assert_eq!(copy.data.receipt, Some(DeliveryDetail::Brief));
}

#[test]
fn dr_08_a_concise_receipt_holds_no_original() {
    let receipt = parsed(&delivered(&facts(), "carla@prova.test"));
    let title = "Ricevuta sintetica di avvenuta consegna\n";
    assert!(receipt.plain.starts_with(title));
    assert_eq!(receipt.enclosed, None);
    assert_eq!(receipt.data.receipt, Some(DeliveryDetail::Complete));
}

#[test]
fn dr_03_dr_04_dr_05_dr_06_the_receipt_follows_what_was_asked_and_where_the_recipient_stands() {
    use DeliveryDetail::{Brief, Complete, Concise};
    let (to, copy, both, neither) = (
        "Anna@prova.test",
        "carla@prova.test",
        "b@p.test",
        "n@p.test",
    );
    let table = [
        (Complete, [Complete, Concise, Complete, Complete]),
        (Brief, [Brief, Concise, Brief, Brief]),
        (Concise, [Concise, Concise, Concise, Concise]),
    ];
    let mut facts = facts();
    facts.to.push(both.to_owned());
    facts.cc.push(both.to_owned());
    for (asked, expected) in table {
        facts.detail = asked;
        let given = [to, copy, both, neither].map(|who| detail_for(&facts, &address(who)));
        assert_eq!(given, expected);
    }
}

#[test]
fn nd_01_nd_02_nd_03_nd_04_a_failed_delivery_is_told_with_status_provider_and_reason() {
    let message = failed(ErrorKind::NoRecipient);
    let subject = field(&message, "Subject").unwrap();
    assert_eq!(subject, "AVVISO DI MANCATA CONSEGNA: Saluti");
    let parsed = parsed(&message);
    let why = "5.1.1 - Prova PEC S.p.A. - indirizzo non valido";
    let expected = format!(
        "Avviso di mancata consegna\n\
         Il giorno 05/12/2024 alle ore 00:02:10 (+0100) nel messaggio\n\
         \"Saluti\" proveniente da \"mario@prova.test\"\n\
         e destinato all'utente \"anna@prova.test\"\n\
         è stato rilevato un errore: {why}\n\
         Il messaggio è stato rifiutato dal sistema.\n\
         Identificativo messaggio: c00abc@prova.test\n"
    );
    assert_eq!(parsed.plain, expected);
    assert_eq!(parsed.data.error, ErrorKind::NoRecipient);
    assert_eq!(parsed.data.delivery, Some(address("anna@prova.test")));
    assert_eq!(parsed.data.extended_error.as_deref(), Some(why));
    assert_eq!(parsed.data.receipt, None);
    assert_eq!(parsed.enclosed, None);
}

#[test]
fn nd_03_a_virus_makes_the_notice_of_its_own_kind() {
    let message = failed(ErrorKind::Virus);
    let security = field(&message, "X-VerificaSicurezza");
    assert_eq!(security.as_deref(), Some("errore"));
    let subject = field(&message, "Subject").unwrap();
    assert_eq!(subject, "AVVISO DI MANCATA CONSEGNA PER VIRUS: Saluti");
}

#[test]
fn vi_06_the_notice_for_a_virus_names_it_in_text_and_data() {
    let failure = Failure {
        error: ErrorKind::Virus,
        status: VIRUS_STATUS.to_owned(),
        reason: "Eicar-Test".to_owned(),
    };
    let recipient = address("anna@prova.test");
    let draft = non_delivery(&issuer(), &facts(), &recipient, &failure, step());
    let parsed = parsed(&signed(draft, &blobs()));
    let why = "5.7.1 - Prova PEC S.p.A. - Eicar-Test";
    let expected = format!(
        "Avviso di mancata consegna per virus\n\
         Il giorno 05/12/2024 alle ore 00:02:10 (+0100) nel messaggio\n\
         \"Saluti\" proveniente da \"mario@prova.test\"\n\
         e destinato all'utente \"anna@prova.test\"\n\
         è stato rilevato un problema di sicurezza {why}.\n\
         Il messaggio non è stato consegnato.\n\
         Identificativo messaggio: c00abc@prova.test\n"
    );
    assert_eq!(parsed.plain, expected);
    assert_eq!(parsed.data.extended_error.as_deref(), Some(why));
    assert_eq!(parsed.data.delivery, Some(recipient));
    assert_eq!(parsed.enclosed, None);
}

/// The names of the outer fields, in order.
fn field_names(message: &[u8]) -> Vec<String> {
    let header = header(message).replace("\r\n ", " ");
    let name = |line: &str| line.split(':').next().unwrap().to_owned();
    header.lines().map(name).collect()
}

#[test]
fn tc_01_tc_03_tc_05_take_charge_goes_to_the_other_provider_and_lists_whom_we_serve() {
    let taken = [address("anna@prova.test"), address("carla@prova.test")];
    let service = address("ricevute@altri.test");
    let (issuer, original, raw) = (issuer(), original(), Some("Saluti"));
    let draft = take_charge(&issuer, &original, raw, &taken, &service, step());
    let message = signed(draft, &blobs());
    let subject = field(&message, "Subject").unwrap();
    assert_eq!(subject, "PRESA IN CARICO: Saluti");
    let marker = field(&message, "X-Ricevuta");
    assert_eq!(marker.as_deref(), Some("presa-in-carico"));
    let to = field(&message, "To");
    assert_eq!(to.as_deref(), Some("ricevute@altri.test"));
    let from = field(&message, "From");
    assert_eq!(from.as_deref(), Some("posta-certificata@prova.test"));
    let reference = field(&message, "X-Riferimento-Message-ID");
    assert_eq!(reference.as_deref(), Some("<x1@client>"));
    let Parsed {
        plain,
        data,
        enclosed,
        ..
    } = parsed(&message);
    let expected = "Ricevuta di presa in carico\n\
        Il giorno 05/12/2024 alle ore 00:02:10 (+0100) il messaggio\n\
        \"Saluti\" proveniente da \"mario@prova.test\"\n\
        ed indirizzato a:\n\
        anna@prova.test\n\
        carla@prova.test\n\
        ugo@ordinaria.test\n\
        è stato accettato dal sistema.\n\
        Identificativo messaggio: c00abc@prova.test\n";
    assert_eq!(plain, expected);
    assert_eq!(data.kind, CertificationKind::TakeCharge);
    assert_eq!(data.error, ErrorKind::None);
    assert_eq!(data.taken_in_charge, taken);
    assert_eq!((data.delivery, data.receipt, enclosed), (None, None, None));
}

#[test]
fn vi_04_vi_05_a_virus_on_arrival_is_told_to_the_senders_provider() {
    let (anna, service) = (address("anna@prova.test"), address("ricevute@altri.test"));
    let draft = virus_detection(&issuer(), &facts(), &anna, "Eicar-Test", &service, step());
    let message = signed(draft, &blobs());
    let expected = [
        "X-Ricevuta",
        "X-Mittente",
        "Date",
        "Subject",
        "From",
        "To",
        "Message-ID",
        "X-Riferimento-Message-ID",
        "MIME-Version",
        "Content-Type",
    ];
    assert_eq!(field_names(&message), expected);
    let marker = field(&message, "X-Ricevuta");
    assert_eq!(marker.as_deref(), Some("rilevazione-virus"));
    let sender = field(&message, "X-Mittente");
    assert_eq!(sender.as_deref(), Some("mario@prova.test"));
    let to = field(&message, "To");
    assert_eq!(to.as_deref(), Some("ricevute@altri.test"));
    let subject = field(&message, "Subject").unwrap();
    assert_eq!(subject, "PROBLEMA DI SICUREZZA: Saluti");
    let Parsed {
        plain,
        data,
        enclosed,
        ..
    } = parsed(&message);
    let expected = "Avviso di rilevazione virus informatico\n\
        Il giorno 05/12/2024 alle ore 00:02:10 (+0100) nel messaggio\n\
        \"Saluti\" proveniente da \"mario@prova.test\"\n\
        e destinato all'utente \"anna@prova.test\"\n\
        è stato rilevato un problema di sicurezza Eicar-Test.\n\
        Identificativo messaggio: c00abc@prova.test\n";
    assert_eq!(plain, expected);
    assert_eq!(data.kind, CertificationKind::VirusDetection);
    assert_eq!(data.error, ErrorKind::Virus);
    assert_eq!(data.delivery, Some(anna));
    assert_eq!(data.extended_error.as_deref(), Some("Eicar-Test"));
    assert_eq!(enclosed, None);
}

#[test]
fn to_08_to_09_to_10_the_two_notices_of_time_differ_in_status_and_text_alone() {
    let anna = address("anna@prova.test");
    let told = |which| {
        let draft = delay(&issuer(), &facts(), &anna, which, step());
        let message = signed(draft, &blobs());
        let marker = field(&message, "X-Ricevuta");
        assert_eq!(marker.as_deref(), Some("preavviso-errore-consegna"));
        let subject = field(&message, "Subject").unwrap();
        let wanted = "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO: Saluti";
        assert_eq!(subject, wanted);
        assert_eq!(field(&message, "To").as_deref(), Some("mario@prova.test"));
        let parsed = parsed(&message);
        let data = &parsed.data;
        assert_eq!(data.kind, CertificationKind::Delay);
        assert_eq!(data.error, ErrorKind::Other);
        assert_eq!(data.delivery.as_ref(), Some(&anna));
        assert_eq!((data.receipt, &parsed.enclosed), (None, &None));
        parsed
    };
    let (first, last) = (told(Delay::First), told(Delay::Final));
    let why = |parsed: &Parsed| parsed.data.extended_error.clone().unwrap();
    assert!(why(&first).starts_with("4.4.1 - Prova PEC S.p.A. - "));
    assert!(why(&last).starts_with("5.4.1 - Prova PEC S.p.A. - "));
    assert!(first.plain.contains("nelle prime dodici ore"));
    assert!(
        first
            .plain
            .contains("Non escludendo che questo possa avvenire")
    );
    assert!(last.plain.contains("nelle ventiquattro ore"));
    assert!(last.plain.contains("non andata a buon fine"));
    for parsed in [first, last] {
        let reason = why(&parsed);
        let reason = reason.rsplit(" - ").next().unwrap();
        let said = reason.strip_prefix("il messaggio ").unwrap();
        assert!(parsed.plain.contains(said), "{said}");
    }
}

#[test]
fn sg_13_each_receipt_has_a_new_identifier_of_its_own() {
    let mut step = step();
    let first = acceptance(&issuer(), &original(), None, step).message_id;
    step.seed.0[31] ^= 1;
    let second = acceptance(&issuer(), &original(), None, step).message_id;
    assert_ne!(first, second);
    let (local, domain) = first.split_once('@').unwrap();
    assert!(local.bytes().all(|b| b.is_ascii_alphanumeric()), "{local}");
    assert_eq!(domain, "prova.test");
    assert_ne!(first, original().identifier.as_str());
    let message = signed(acceptance(&issuer(), &original(), None, step), &blobs());
    assert_eq!(
        field(&message, "Message-ID").unwrap(),
        format!("<{second}>")
    );
}

#[test]
fn sg_06_sg_07_html_says_what_the_text_says_and_refers_to_nothing() {
    let mut original = original();
    original.subject = Some("<img src='x'> è ž € & \u{1f600}\u{1}".to_owned());
    let draft = acceptance(&issuer(), &original, None, step());
    let Parsed {
        plain, html, data, ..
    } = parsed(&signed(draft, &blobs()));
    assert!(plain.contains("\"<img src='x'> è ? ? & ? \""), "{plain}");
    let escaped = "&quot;&lt;img src='x'&gt; è &#382; &#8364; &amp; &#128512; &quot;";
    assert!(html.contains(escaped), "{html}");
    for tag in html.split('<').skip(1) {
        let allowed = ["!DOCTYPE", "html", "head", "title", "body", "h3", "p", "br"];
        let name = tag.trim_start_matches('/');
        let name = name.split(['>', ' ']).next().unwrap();
        assert!(allowed.contains(&name), "{tag}");
        let attributes = tag.split('>').next().unwrap();
        assert!(!attributes.contains('='), "{tag}");
    }
    let subject = data.original.subject.unwrap();
    assert_eq!(subject, "<img src='x'> è ž € & \u{1f600}\u{fffd}");
}

#[test]
fn sg_07_html_has_every_line_of_the_text() {
    for (_, message) in all() {
        let Parsed { plain, html, .. } = parsed(&message);
        for line in plain.lines() {
            let line = line.replace('"', "&quot;");
            assert!(html.contains(&line), "{line} is not in {html}");
        }
    }
}

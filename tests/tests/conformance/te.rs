//! Transport envelope.

use ceralacca_tests::appliance::{Appliance, OTHER_DOMAIN, SERVICE_ADDRESS};
use ceralacca_tests::compose::Draft;
use ceralacca_tests::journey::certify;
use ceralacca_tests::message::Part;

use crate::{SUBJECT, Trio, standard};

/// Fields that the access point adds or replaces in the original.
const CHANGED: [&str; 3] = ["Received", "Message-ID", "X-Riferimento-Message-ID"];

#[test]
fn te_01_one_envelope_whatever_the_number_of_recipients() {
    let envelopes = &standard().envelopes;
    assert_eq!(envelopes.len(), 2);
    assert_eq!(envelopes[0].field("X-Trasporto"), "posta-certificata");
    assert_eq!(envelopes[0].message.raw, envelopes[1].message.raw);
}

#[test]
fn te_02_trace_and_recipient_fields_are_copied_unchanged() {
    let trio = Trio::new();
    let folded = format!("\"Rossi,  Mario\"\r\n <{}>", trio.to.address);
    let draft = trio.draft().set("To", &folded);
    let draft = Draft::field(draft, "Return-Path", &format!("<{}>", trio.from.address));
    let draft = draft.field(
        "Received",
        "from prima.example by dopo.example; Sun, 22 Nov 2026 09:59:59 +0100",
    );
    let certified = trio.certify(&draft);
    let original = certified.envelope().original().unwrap();
    let outer = &certified.envelope().message;
    assert_eq!(
        original.all("Received").len(),
        2,
        "the access point adds its own"
    );
    for name in ["Received", "To", "Cc", "Return-Path"] {
        assert!(!original.exact(name).is_empty(), "{name}");
        assert_eq!(outer.exact(name), original.exact(name), "{name}");
    }
    assert_eq!(outer.exact("To")[0], format!(" {folded}").as_bytes());
}

#[test]
fn te_03_reply_to_is_copied_or_made_from_the_sender() {
    let trio = Trio::new();
    let certified = trio.certify_simple(&trio.simple());
    let made = certified.envelope().field("Reply-To");
    assert!(made.contains(&trio.from.address), "{made}");
    let trio = Trio::new();
    let asked = "\"Ufficio\"  <ufficio@pec.test>";
    let certified = trio.certify_simple(&trio.simple().field("Reply-To", asked));
    assert_eq!(certified.envelope().field("Reply-To"), asked);
}

#[test]
fn te_04_from_speaks_on_behalf_of_the_sender() {
    let trio = Trio::new();
    let name = "\"Il \\\"Capo\\\" \\\\ Rossi\"";
    let draft = trio
        .simple()
        .set("From", &format!("{name} <{}>", trio.from.address));
    let certified = trio.certify_simple(&draft);
    let from = certified.envelope().field("From");
    assert!(from.starts_with("\"Per conto di: "), "{from}");
    assert!(from.ends_with(&format!("\" <{SERVICE_ADDRESS}>")), "{from}");
    let raw = &certified.envelope().message.raw;
    let parsed = mail_parser::MessageParser::default()
        .parse_headers(&raw[..])
        .unwrap();
    let address = parsed.from().and_then(|a| a.first()).unwrap();
    assert_eq!(address.address(), Some(SERVICE_ADDRESS));
    let shown = address.name().unwrap();
    assert!(shown.contains(&trio.from.address), "{shown}");
}

#[test]
fn te_05_subject_is_prefixed_and_stays_decodable() {
    let envelope = standard().envelope();
    assert_eq!(envelope.subject(), format!("POSTA CERTIFICATA: {SUBJECT}"));
    assert!(envelope.field("Subject").starts_with("POSTA CERTIFICATA: "));
}

#[test]
fn te_06_date_is_the_acceptance_instant() {
    let (envelope, receipt) = (standard().envelope(), &standard().acceptance);
    assert_eq!(envelope.field("Date"), receipt.field("Date"));
    assert_eq!(envelope.data().when(), receipt.data().when());
    crate::tm::header_and_data_agree(envelope);
}

#[test]
fn te_07_the_identifier_takes_the_place_of_the_clients_message_id() {
    let envelope = standard().envelope();
    let identifier = format!("<{}>", envelope.data().one("identificativo"));
    assert_eq!(envelope.field("Message-ID"), identifier);
    assert_eq!(envelope.original().unwrap().field("Message-ID"), identifier);
}

#[test]
fn te_08_the_receipt_asked_for_is_written_in_lower_case_or_left_out() {
    let cases = [
        ("BREVE", Some("breve"), "breve"),
        ("Sintetica", Some("sintetica"), "sintetica"),
        ("completa", Some("completa"), "completa"),
        ("complet", None, "completa"),
    ];
    for (asked, field, in_data) in cases {
        let trio = Trio::new();
        let draft = trio.simple().field("X-TipoRicevuta", asked);
        let certified = trio.certify_simple(&draft);
        let envelope = certified.envelope();
        assert_eq!(envelope.get("X-TipoRicevuta").as_deref(), field, "{asked}");
        assert_eq!(
            envelope.data().attribute("ricevuta", "tipo"),
            in_data,
            "{asked}"
        );
    }
    assert_eq!(standard().envelope().get("X-TipoRicevuta"), None);
    assert_eq!(
        standard().envelope().data().attribute("ricevuta", "tipo"),
        "completa"
    );
}

#[test]
fn te_09_the_body_is_text_data_and_original() {
    let envelope = standard().envelope();
    let text = envelope.text();
    assert!(
        text.starts_with("Messaggio di posta certificata\n"),
        "{text}"
    );
    assert_eq!(envelope.parts.len(), 3);
    assert_eq!(envelope.data().kind(), "posta-certificata");
    assert_eq!(envelope.data().attributes("ricevuta", "tipo").len(), 1);
    assert!(envelope.original().is_some());
}

#[test]
fn te_10_the_enclosed_original_is_the_submitted_octets_but_for_the_fields_of_the_rules() {
    let envelope = standard().envelope();
    let part = envelope.named("postacert.eml").unwrap();
    assert_eq!(part.media_type(), "message/rfc822");
    let (sent, enclosed) = (
        Part::parse(&standard().submitted),
        envelope.original().unwrap(),
    );
    assert_eq!(enclosed.body(), sent.body());
    let kept = |p: &Part| {
        let is_kept = |n: &str| !CHANGED.iter().any(|c| c.eq_ignore_ascii_case(n));
        let fields = p.fields.iter().filter(|f| is_kept(&f.name));
        fields.cloned().collect::<Vec<_>>()
    };
    assert_eq!(kept(&enclosed), kept(&sent));
    assert_eq!(enclosed.all("Received").len(), 1);
}

#[test]
fn te_11_the_paths_of_the_envelope_are_those_of_the_original() {
    let trio = Trio::new();
    let draft = Draft::new(
        &format!("Rossi <{}>", trio.from.address),
        &[&trio.to.address],
    );
    let draft = draft.cc(&[&trio.cc.address, "altri@fuori.example"]);
    let certified = certify(&trio.from, &[&trio.cc, &trio.to], &draft);
    let data = certified.envelope().data();
    assert_eq!(data.one("mittente"), trio.from.address);
    let forward = [trio.cc.address.clone(), trio.to.address.clone()];
    assert_eq!(data.all("destinatari"), forward);
}

#[test]
fn te_12_an_external_recipient_is_accepted_and_nothing_is_expected_for_it() {
    let trio = Trio::new();
    let outside = "fuori@ordinaria.example";
    let draft = Draft::new(&trio.from.address, &[&trio.to.address, outside]);
    trio.from
        .send_well(&[&trio.to.address, outside], &draft.bytes());
    let came = trio.from.wait_for(2);
    let delivery = came
        .iter()
        .find(|m| m.field("X-Ricevuta") == "avvenuta-consegna")
        .unwrap();
    assert_eq!(delivery.data().one("consegna"), trio.to.address);
    let envelope = trio.to.wait_for(1).remove(0);
    assert_eq!(
        envelope.data().attributes("destinatari", "tipo"),
        ["certificato", "esterno"]
    );
    // A second round comes and goes: still nothing for the first message's external recipient.
    trio.from
        .send_well(&[&trio.to.address], &trio.simple().bytes());
    trio.from.wait_for(4);
}

#[test]
fn te_13_mail_inside_one_provider_and_one_domain_is_certified_like_any_other() {
    let appliance = Appliance::shared();
    for domain in [OTHER_DOMAIN, ceralacca_tests::appliance::DOMAIN] {
        let (from, to) = (appliance.mailbox("da"), appliance.mailbox_in("a", domain));
        let draft = Draft::new(&from.address, &[&to.address]);
        let certified = certify(&from, &[&to], &draft);
        ceralacca_tests::judge::all_accept(appliance, &certified.all());
    }
}

#[test]
fn te_16_no_delivery_status_option_is_taken() {
    let trio = Trio::new();
    let mut session = trio.from.submission();
    let from = &trio.from.address;
    let reply = session.command(&format!("MAIL FROM:<{from}> RET=FULL ENVID=x"));
    assert_eq!(reply.code, 555, "{reply:?}");
    assert_eq!(session.mail(from).code, 250);
    let reply = session.command(&format!("RCPT TO:<{}> NOTIFY=SUCCESS", trio.to.address));
    assert_eq!(reply.code, 555, "{reply:?}");
}

#[test]
fn te_17_no_sender_field_is_emitted() {
    let trio = Trio::new();
    let draft = trio.simple().field("Sender", &trio.cc.address);
    let certified = trio.certify_simple(&draft);
    for message in certified.all() {
        assert_eq!(message.get("Sender"), None);
    }
    let original = certified.envelope().original().unwrap();
    assert_eq!(original.field("Sender"), trio.cc.address);
}

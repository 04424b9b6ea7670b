//! Non-delivery notices.

use ceralacca_tests::appliance::PROVIDER;
use ceralacca_tests::message::Part;

use crate::{SUBJECT, undelivered};

#[test]
fn nd_01_the_notice_has_its_fields_and_goes_to_the_sender() {
    let notice = &undelivered().answers[0];
    assert_eq!(notice.field("X-Ricevuta"), "errore-consegna");
    assert_eq!(
        notice.subject(),
        format!("AVVISO DI MANCATA CONSEGNA: {SUBJECT}")
    );
    assert!(notice.field("To").contains(&notice.data().one("mittente")));
    let client = Part::parse(&undelivered().submitted).field("Message-ID");
    assert_eq!(notice.field("X-Riferimento-Message-ID"), client);
}

#[test]
fn nd_02_the_text_names_recipient_reason_and_identifier() {
    let notice = &undelivered().answers[0];
    let (text, data) = (notice.text(), notice.data());
    assert!(text.starts_with("Avviso di mancata consegna\n"), "{text}");
    for fact in [data.one("consegna"), data.one("identificativo")] {
        assert!(text.contains(&fact), "{fact} in {text}");
    }
    assert!(
        text.replace('\n', " ")
            .contains("stato rilevato un errore: "),
        "{text}"
    );
    assert!(notice.original().is_none());
}

#[test]
fn nd_03_the_error_says_which_kind_and_names_one_recipient() {
    let data = undelivered().answers[0].data();
    assert_eq!(data.error(), "no-dest");
    assert_eq!(data.all("consegna"), data.all("destinatari"));
}

#[test]
fn nd_04_the_extended_error_is_status_provider_and_text() {
    let text = undelivered().answers[0].data().one("errore-esteso");
    let rest = text.strip_prefix(&format!("5.1.1 - {PROVIDER} - "));
    assert!(rest.is_some_and(|t| !t.is_empty()), "{text}");
}

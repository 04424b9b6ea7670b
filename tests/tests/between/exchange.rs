//! Certified mail from one provider to the other: envelope, take-charge, delivery, non-delivery.

use ceralacca_tests::compose::Draft;
use ceralacca_tests::federation::{Federation, FederationSettings, of_type};
use ceralacca_tests::judge;

#[test]
fn ip_07_tc_01_dr_02_a_message_goes_from_one_provider_to_the_other_and_its_receipt_returns() {
    let federation = Federation::start(&FederationSettings::default());
    let anna = federation.alfa.mailbox("anna");
    let bruno = federation.beta.mailbox("bruno");
    let draft = Draft::new(&anna.address, &[&bruno.address]).subject("Tra gestori");
    anna.send_well(&[&bruno.address], &draft.bytes());

    let came = anna.wait_for(2);
    let acceptance = of_type(&came, "accettazione")[0];
    assert!(acceptance.text().contains("(\"posta certificata\")"));
    let delivery = of_type(&came, "avvenuta-consegna")[0];
    let envelope = bruno.wait_for(1).remove(0);
    let service = federation.service_mailbox(&federation.alfa);
    let charge = service.wait_for(1).remove(0);

    let identifier = acceptance.data().one("identificativo");
    for message in [acceptance, delivery, &envelope, &charge] {
        assert_eq!(message.data().one("identificativo"), identifier);
    }
    assert_eq!(charge.field("X-Ricevuta"), "presa-in-carico");
    assert_eq!(charge.data().one("ricezione"), bruno.address);
    assert_eq!(
        delivery.data().one("gestore-emittente"),
        "Gestore Beta S.p.A."
    );
    assert_eq!(delivery.data().one("consegna"), bruno.address);
    assert_eq!(
        envelope.original().unwrap().raw,
        delivery.original().unwrap().raw
    );
    let anchors = federation.anchors();
    for (name, message) in [
        ("acceptance", acceptance),
        ("delivery", delivery),
        ("envelope", &envelope),
        ("charge", &charge),
    ] {
        let file = federation.write(name, message);
        judge::openssl_accepts(&file, &anchors);
        let verdict = judge::own_verifier(&file, &anchors);
        assert!(verdict.status.success(), "{name}: {verdict:?}");
    }
    federation.wait_until_at_rest();
}

//! Certified mail from one provider to the other: envelope, take-charge, delivery, non-delivery.

use ceralacca_tests::arrivals::replaced;
use ceralacca_tests::compose::Draft;
use ceralacca_tests::federation::{BETA, Federation, FederationSettings, INTERNET, of_type};
use ceralacca_tests::judge;
use ceralacca_tests::smtp::SmtpClient;

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

/// A secondary exchanger is another name of the same appliance: what comes there is checked as anything.
#[test]
fn ip_22_mail_for_the_second_exchanger_is_checked_and_taken_in_charge_as_any_other() {
    let federation = Federation::start(&FederationSettings::default());
    let anna = federation.alfa.mailbox("anna");
    let bruno = federation.beta.mailbox("bruno");
    let zone = &federation.zone;
    zone.remove("beta.test");
    // Nobody answers at the first.
    zone.address_of("mx1.beta.test", INTERNET);
    zone.address_of("mx2.beta.test", BETA.bind);
    zone.mx("beta.test", 10, "mx1.beta.test")
        .mx("beta.test", 20, "mx2.beta.test");
    let draft = Draft::new(&anna.address, &[&bruno.address]).subject("Al secondo");
    anna.send_well(&[&bruno.address], &draft.bytes());
    let came = anna.wait_for(2);
    assert_eq!(of_type(&came, "avvenuta-consegna").len(), 1);
    let service = federation.service_mailbox(&federation.alfa).wait_for(1);
    assert_eq!(of_type(&service, "presa-in-carico").len(), 1);
    // Its envelope with one octet altered, at the same door.
    let envelope = bruno.wait_for(1).remove(0).message.raw;
    let altered = replaced(&envelope, b"Al secondo", b"Al sekondo");
    let place = std::net::SocketAddr::from((BETA.bind, federation.smtp_port));
    let mut client = SmtpClient::plain(place).unwrap();
    client.ehlo();
    let reply = client.send(&anna.address, &[&bruno.address], &altered);
    assert_eq!(
        reply.status(),
        "550 5.7.1",
        "ordinary mail by now: {reply:?}"
    );
    federation.wait_until_at_rest();
}

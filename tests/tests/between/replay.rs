//! Certified mail in the wrong hands: handed in twice, to others, altered, without a sender, or signed by a
//! provider whose certificate was revoked. Nothing acts twice, and nothing passes for what it is not.

use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::compose::Draft;
use ceralacca_tests::federation::{BETA, Federation, FederationSettings, INTERNET, of_type};
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::message::find;
use ceralacca_tests::program::{arg, run_well};
use ceralacca_tests::receiver::{Receiver, self_signed};
use ceralacca_tests::sealed::Sealed;
use ceralacca_tests::smtp::{Reply, SmtpClient};

use crate::judged;

/// Somebody hands `octets` to a provider's port for other servers.
fn hand_in(
    federation: &Federation,
    side: &Appliance,
    (from, to): (&str, &[&str]),
    octets: &[u8],
) -> Reply {
    let place = std::net::SocketAddr::from((side.profile().bind, federation.smtp_port));
    let mut stranger = SmtpClient::plain(place).unwrap();
    stranger.ehlo();
    stranger.send(from, to, octets)
}

/// The one message of a mailbox is an anomaly envelope that says `why`.
fn got_anomaly(federation: &Federation, mailbox: &Mailbox<'_>, why: &str, is_verified: bool) {
    let envelope = mailbox.wait_for(1).remove(0);
    assert_eq!(envelope.field("X-Trasporto"), "errore");
    let text = envelope.text();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(why), "{text}");
    assert_eq!(
        text.contains("non è stata verificata"),
        !is_verified,
        "{text}"
    );
    judged(federation, &[&envelope]);
}

/// IP-08, IP-10, IP-18, IP-19, TC-09, TO-13, AN-08, AN-09.
#[test]
fn ip_18_ip_19_tc_09_what_is_handed_in_again_or_elsewhere_acts_once_and_for_nobody_else() {
    let federation = Federation::start(&FederationSettings::default());
    let (alfa, beta) = (&federation.alfa, &federation.beta);
    let [anna, dario] = ["anna", "dario"].map(|name| alfa.mailbox(name));
    let [bruno, aldo, dora] = ["bruno", "aldo", "dora"].map(|name| beta.mailbox(name));
    beta.well(&["mailbox", "ordinary", &dora.address, "accept"]);
    let draft = Draft::new(&anna.address, &[&bruno.address]);
    anna.send_well(&[&bruno.address], &draft.bytes());
    let came = anna.wait_for(2);
    let delivery = &of_type(&came, "avvenuta-consegna")[0].message.raw;
    let envelope = bruno.wait_for(1).remove(0).message.raw;
    let service = federation.service_mailbox(alfa);
    let charge = service.wait_for(1).remove(0).message.raw;
    let post_office = "posta-certificata@beta.test";

    let mut altered = envelope.clone();
    let at = find(&altered, b"Content-Type: text/plain").unwrap();
    altered[at + 14] ^= 0x20;
    for (side, from, to, octets, status) in [
        // Again, and to somebody whom it does not name.
        (beta, anna.address.as_str(), &bruno, &envelope, 250),
        (beta, &anna.address, &aldo, &envelope, 250),
        (alfa, post_office, &anna, &delivery.clone(), 250),
        (alfa, post_office, &dario, &delivery.clone(), 250),
        // A receipt between providers, to a holder.
        (alfa, post_office, &anna, &charge, 250),
        // Altered: ordinary mail.
        (beta, &anna.address, &bruno, &altered, 550),
        (beta, &anna.address, &dora, &altered, 250),
    ] {
        let reply = hand_in(&federation, side, (from, &[&to.address]), octets);
        assert_eq!(reply.code, status, "{} {reply:?}", to.address);
    }
    let not_named = "il destinatario non è tra quelli indicati nei dati di certificazione";
    got_anomaly(&federation, &aldo, not_named, true);
    got_anomaly(&federation, &dario, not_named, true);
    let not_genuine = "la firma digitale del messaggio non risulta autentica";
    got_anomaly(&federation, &dora, not_genuine, false);
    federation.wait_until_at_rest();
    assert_eq!((anna.messages().len(), bruno.messages().len()), (2, 1));
    for message in service.messages() {
        assert_eq!(Sealed::parse(&message).type_field(), "presa-in-carico");
    }
}

/// ND-07: an envelope whose reverse path was taken away.
#[test]
fn nd_07_nobody_is_answered_about_an_envelope_without_a_sender() {
    let federation = Federation::start(&FederationSettings::default());
    let beta = &federation.beta;
    let bruno = beta.mailbox("bruno");
    let zone = &federation.zone;
    zone.remove("beta.test");
    zone.mx("beta.test", 10, "mx.altrove.test")
        .address_of("mx.altrove.test", INTERNET);
    let tls = self_signed("mx.altrove.test");
    let thief = Receiver::start((INTERNET, federation.smtp_port).into(), Some(tls));
    let anna = federation.alfa.mailbox("anna");
    let to = [bruno.address.as_str(), "nessuno@beta.test"];
    anna.send_well(&to, &Draft::new(&anna.address, &to).bytes());
    let stolen = thief.wait_for(1).remove(0);
    assert_eq!(stolen.recipients.len(), 2);

    let reply = hand_in(&federation, beta, ("", &to), &stolen.text);
    assert_eq!(reply.code, 250, "{reply:?}");
    bruno.wait_for(1);
    federation.wait("the end of it", || {
        let check = beta.json(&["check"]).to_string();
        check.contains("0 to certify, 0 under way, 0 deliveries")
            && beta.queue()["entries"] == serde_json::json!([])
    });
    assert_eq!(anna.messages().len(), 1, "somebody was answered");
}

/// IP-04, IP-11, IP-21: a certificate that its authority revoked certifies nothing from then on.
#[test]
fn ip_11_the_mail_of_a_provider_whose_certificate_was_revoked_is_ordinary() {
    let federation = Federation::start(&FederationSettings::default());
    let (alfa, beta) = (&federation.alfa, &federation.beta);
    let anna = alfa.mailbox("anna");
    let [bruno, dora] = ["bruno", "dora"].map(|name| beta.mailbox(name));
    beta.well(&["mailbox", "ordinary", &dora.address, "accept"]);
    let certificate = alfa.data().join("keys/signing.pem");
    let serial = run_well(
        "openssl",
        &["x509", "-noout", "-serial", "-in", arg(&certificate)],
    );
    let serial = serial.trim().trim_start_matches("serial=");
    let list = beta.data().join("crls/0.crl");
    let before = std::fs::read(&list).unwrap();
    federation.revoke(&[serial]);
    federation.advance("24h");
    federation.wait("the new list", || std::fs::read(&list).unwrap() != before);
    for to in [&bruno, &dora] {
        let draft = Draft::new(&anna.address, &[&to.address]);
        anna.send_well(&[&to.address], &draft.bytes());
    }
    let revoked = "il certificato di firma del messaggio è stato revocato";
    got_anomaly(&federation, &dora, revoked, false);
    // Refused by the mailbox's policy, which the sender's provider tells.
    let came = anna.wait_for(3);
    let notice = of_type(&came, "errore-consegna")[0];
    assert_eq!(notice.data().one("consegna"), bruno.address);
    let extended = notice.data().one("errore-esteso");
    assert!(
        extended.contains(BETA.host) && extended.contains("5.7.1"),
        "{extended}"
    );
    assert!(bruno.messages().is_empty());
}

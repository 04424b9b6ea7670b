//! What cannot be delivered: the notices of the other provider's delivery point, those that the sender's
//! provider gives when a server refuses, and that nobody is told twice.

use ceralacca_tests::compose::Draft;
use ceralacca_tests::federation::{ALFA, BETA, Federation, FederationSettings, INTERNET, of_type};
use ceralacca_tests::receiver::{Receiver, self_signed};

use crate::{about, judged};

const FAILURE: &str = "errore-consegna";

/// ND-01 to ND-04, ND-06, TC-01, TC-08, TE-12: one message, every kind of recipient.
#[test]
fn nd_03_tc_08_each_recipient_of_one_message_gets_the_answer_that_is_due() {
    let federation = Federation::start(&FederationSettings::default());
    let beta = &federation.beta;
    let internet = Receiver::start((INTERNET, federation.smtp_port).into(), None);
    federation
        .zone
        .mx("internet.test", 10, "mx.internet.test")
        .address_of("mx.internet.test", INTERNET);
    let (anna, dario) = (
        federation.alfa.mailbox("anna"),
        federation.alfa.mailbox("dario"),
    );
    let [bruno, fermo, pieno] = ["bruno", "fermo", "pieno"].map(|name| beta.mailbox(name));
    beta.well(&["mailbox", "suspend", &fermo.address]);
    beta.well(&["mailbox", "quota", &pieno.address, "1000"]);
    let (nobody, service) = ("nessuno@beta.test", "posta-certificata@beta.test");
    let outside = "carla@internet.test";
    let failing = [
        (nobody, "no-dest", "5.1.1"),
        (fermo.address.as_str(), "altro", "5.2.1"),
        (pieno.address.as_str(), "altro", "5.2.2"),
        (service, "altro", "5.7.1"),
    ];
    let delivered = [bruno.address.as_str(), dario.address.as_str()];
    let mut all: Vec<&str> = failing.iter().map(|(address, ..)| *address).collect();
    all.extend(delivered);
    all.push(outside);
    let draft = Draft::new(&anna.address, &all).subject("A tutti");
    anna.send_well(&all, &draft.bytes());

    let came = anna.wait_for(1 + failing.len() + delivered.len());
    for (address, error, status) in failing {
        let notices = about(&came, FAILURE, address);
        assert_eq!(notices.len(), 1, "{address}");
        let (notice, data) = (notices[0], notices[0].data());
        assert_eq!(notice.subject(), "AVVISO DI MANCATA CONSEGNA: A tutti");
        assert_eq!(data.error(), error, "{address}");
        assert_eq!(data.one("gestore-emittente"), BETA.provider);
        let extended = data.one("errore-esteso");
        let begin = format!("{status} - {} - ", BETA.provider);
        assert!(extended.starts_with(&begin), "{address}: {extended}");
        assert!(notice.original().is_none() && notice.text().contains(address));
        assert_eq!(notice.get("X-VerificaSicurezza"), None);
    }
    for address in delivered {
        assert_eq!(about(&came, "avvenuta-consegna", address).len(), 1);
    }
    judged(&federation, &came.iter().collect::<Vec<_>>());
    let acceptance = of_type(&came, "accettazione")[0];
    let ordinary = format!("{outside} (\"posta ordinaria\")");
    assert!(
        acceptance.text().contains(&ordinary),
        "{}",
        acceptance.text()
    );
    let taken = internet.wait_for(1);
    assert_eq!(taken[0].recipients, [outside]);
    let charge = federation.service_mailbox(&federation.alfa).wait_for(1);
    let charged = charge[0].data().all("ricezione");
    assert_eq!(charged.len(), 5, "{charged:?}");
    // Nothing is open, so no clock runs that could tell anybody twice.
    federation.wait_until_at_rest();
    federation.advance("24h");
    anna.send_well(
        &delivered[1..],
        &Draft::new(&anna.address, &delivered[1..]).bytes(),
    );
    anna.wait_for(came.len() + 2);
}

/// TC-03: one receipt for all recipients of the transaction.
#[test]
fn tc_03_fifty_recipients_of_one_transaction_are_taken_in_charge_by_one_receipt() {
    let federation = Federation::start(&FederationSettings::default());
    let (anna, bruno) = (
        federation.alfa.mailbox("anna"),
        federation.beta.mailbox("bruno"),
    );
    let nobody: Vec<String> = (1..50).map(|n| format!("nessuno{n}@beta.test")).collect();
    let mut all = vec![bruno.address.as_str()];
    all.extend(nobody.iter().map(String::as_str));
    let draft = Draft::new(&anna.address, &all).set("To", &all.join(",\r\n "));
    anna.send_well(&all, &draft.bytes());
    let came = anna.wait_for(51);
    assert_eq!(of_type(&came, FAILURE).len(), 49);
    let charges = federation.service_mailbox(&federation.alfa).wait_for(1);
    let mut charged = charges[0].data().all("ricezione");
    let mut expected: Vec<String> = all.iter().map(ToString::to_string).collect();
    charged.sort();
    expected.sort();
    assert_eq!(charged, expected);
    judged(&federation, &[&charges[0]]);
    federation.wait_until_at_rest();
}

/// ND-05, ND-06, TE-14: a server that refuses some, takes others, and never answers.
#[test]
fn nd_05_nd_06_a_refusal_for_good_gives_one_notice_of_ours_and_no_other() {
    let federation = Federation::start(&FederationSettings::default());
    let zone = &federation.zone;
    zone.remove("beta.test");
    zone.mx("beta.test", 10, "mx.altrove.test")
        .address_of("mx.altrove.test", INTERNET);
    let tls = self_signed("mx.altrove.test");
    let server = Receiver::start((INTERNET, federation.smtp_port).into(), Some(tls));
    server
        .says("RCPT TO:<nessuno@", "550 5.1.1 no such user")
        .says("RCPT TO:<vietato@", "554 5.7.1 not for you");
    let anna = federation.alfa.mailbox("anna");
    let [nobody, banned, silent] =
        ["nessuno", "vietato", "muto"].map(|name| format!("{name}@beta.test"));
    let all = [nobody.as_str(), &banned, &silent];
    anna.send_well(&all, &Draft::new(&anna.address, &all).bytes());

    let came = anna.wait_for(3);
    for (address, error, status) in [(&nobody, "no-dest", "5.1.1"), (&banned, "altro", "5.7.1")] {
        let notice = about(&came, FAILURE, address)[0];
        let data = notice.data();
        assert_eq!(data.error(), error, "{address}");
        assert_eq!(data.one("gestore-emittente"), ALFA.provider);
        let extended = data.one("errore-esteso");
        let begin = format!("{status} - {} - ", ALFA.provider);
        assert!(extended.starts_with(&begin), "{extended}");
        assert!(extended.contains("mx.altrove.test"), "{extended}");
        judged(&federation, &[notice]);
    }
    let taken = server.wait_for(1);
    assert_eq!(taken[0].recipients, [silent.as_str()]);
    assert!(taken[0].is_tls, "certified mail left in clear");
    // Taken by its server and never answered for: the clocks alone tell of it.
    federation.advance("12h 5m");
    anna.wait_for(4);
    federation.advance("11h 30m");
    let came = anna.wait_for(5);
    let notices = about(&came, "preavviso-errore-consegna", &silent);
    assert_eq!(notices.len(), 2);
    assert_eq!(of_type(&came, FAILURE).len(), 2);
}

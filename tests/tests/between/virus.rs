//! A provider whose clamd finds what the sender's provider let through, and what waits while it is away.

use ceralacca_tests::clamd::{Clamd, DETECTION, attachment, eicar};
use ceralacca_tests::compose::Draft;
use ceralacca_tests::federation::{ALFA, BETA, Federation, FederationSettings, of_type};
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::message::{Part, find};
use ceralacca_tests::smtp::SmtpClient;

use crate::{at, judged, retried};

/// Only the second provider has a scanner.
pub(crate) fn scanned(clamd: &Clamd) -> Federation {
    Federation::start(&FederationSettings {
        scanners: ["none".to_owned(), clamd.address()],
        ..FederationSettings::default()
    })
}

/// A message with the test string.
pub(crate) fn infected(from: &Mailbox<'_>, to: &str) -> Draft {
    let part = attachment("prova.txt", "text/plain", &eicar());
    Draft::new(&from.address, &[to]).mixed(&[&part])
}

/// VI-04, VI-05, VI-06, VI-08, VI-09, VI-12.
#[test]
fn vi_04_vi_06_vi_12_a_virus_found_on_arrival_is_told_to_the_sender_and_reaches_nobody() {
    let clamd = Clamd::start();
    let federation = scanned(&clamd);
    let (anna, bruno) = (
        federation.alfa.mailbox("anna"),
        federation.beta.mailbox("bruno"),
    );
    let draft = infected(&anna, &bruno.address).subject("Infetto");
    anna.send_well(&[&bruno.address], &draft.bytes());
    let came = anna.wait_for(2);
    let identifier = of_type(&came, "accettazione")[0]
        .data()
        .one("identificativo");
    let notice = of_type(&came, "errore-consegna")[0];
    assert_eq!(notice.field("X-VerificaSicurezza"), "errore");
    let subject = "AVVISO DI MANCATA CONSEGNA PER VIRUS: Infetto";
    assert_eq!(notice.subject(), subject);
    let service = federation.service_mailbox(&federation.alfa).wait_for(2);
    assert_eq!(of_type(&service, "presa-in-carico").len(), 1);
    let detection = of_type(&service, "rilevazione-virus")[0];
    assert_eq!(detection.subject(), "PROBLEMA DI SICUREZZA: Infetto");
    assert_eq!(detection.field("X-Mittente"), anna.address);
    for (message, issuer) in [(notice, ALFA.provider), (detection, BETA.provider)] {
        let data = message.data();
        assert_eq!(data.error(), "virus");
        assert_eq!(data.one("identificativo"), identifier);
        assert_eq!(data.one("consegna"), bruno.address);
        assert_eq!(data.one("gestore-emittente"), issuer);
        assert!(data.one("errore-esteso").contains(DETECTION), "{}", data.0);
        assert!(message.text().contains(DETECTION), "{}", message.text());
        assert!(message.original().is_none());
    }
    let mut all: Vec<_> = came.iter().collect();
    all.extend(&service);
    judged(&federation, &all);
    federation.wait_until_at_rest();
    assert!(bruno.messages().is_empty(), "a virus was delivered");
    let kept = federation.beta.json(&["quarantine", "list"]);
    assert_eq!(kept["messages"].as_array().unwrap().len(), 1, "{kept}");
    assert_eq!(kept["messages"][0]["detection"], DETECTION);
    // VI-07: both sides have something to look into, until it is settled.
    for (side, kind) in [
        (&federation.alfa, "virus-missed-here"),
        (&federation.beta, "virus-missed-elsewhere"),
    ] {
        let tasks = side.json(&["task", "list"]);
        let [task] = &tasks["tasks"].as_array().unwrap()[..] else {
            panic!("one task: {tasks}");
        };
        assert_eq!(
            (&task["kind"], &task["about"]),
            (&kind.into(), &identifier.clone().into())
        );
        let key = task["key"].as_str().unwrap();
        assert!(side.said_by(&["check"]).contains("1 to look into"));
        side.refused(&["task", "settle", key, "--note", " "]);
        side.well(&["task", "settle", key, "--note", "aggiornato"]);
        side.refused(&["task", "settle", key, "--note", "ancora"]);
        assert_eq!(side.json(&["task", "list"])["tasks"], serde_json::json!([]));
    }

    // From the Internet: refused, and neither kept nor told to anybody.
    let beta = &federation.beta;
    beta.well(&["mailbox", "ordinary", &bruno.address, "accept"]);
    let place = std::net::SocketAddr::from((BETA.bind, federation.smtp_port));
    let mut stranger = SmtpClient::plain(place).unwrap();
    stranger.ehlo();
    let draft = infected(&bruno, &bruno.address).set("From", "carla@internet.test");
    let reply = stranger.send("carla@internet.test", &[&bruno.address], &draft.bytes());
    assert_eq!(reply.status(), "550 5.7.1", "{reply:?}");
    assert!(reply.lines[0].contains(DETECTION), "{reply:?}");
    let kept = beta.json(&["quarantine", "list"]);
    assert_eq!(kept["messages"].as_array().unwrap().len(), 1, "{kept}");

    // At the access point: the fence that shows the mailbox empty too.
    let draft = infected(&bruno, &anna.address).subject("Mio");
    bruno.send_well(&[&anna.address], &draft.bytes());
    let refused = bruno.wait_for(1).remove(0);
    assert_eq!(refused.field("X-Ricevuta"), "non-accettazione");
    assert_eq!(refused.field("X-VerificaSicurezza"), "errore");
    let subject = "AVVISO DI NON ACCETTAZIONE PER VIRUS: Mio";
    assert_eq!(refused.subject(), subject);
    judged(&federation, &[&refused]);
}

#[test]
fn vi_10_without_its_scanner_a_provider_lets_others_wait() {
    let mut clamd = Clamd::start();
    let federation = scanned(&clamd);
    let (anna, bruno) = (
        federation.alfa.mailbox("anna"),
        federation.beta.mailbox("bruno"),
    );
    clamd.kill();
    let draft = Draft::new(&anna.address, &[&bruno.address]);
    anna.send_well(&[&bruno.address], &draft.bytes());
    federation.wait("the scanner's absence in the queue", || {
        let queue = federation.alfa.queue().to_string();
        queue.contains("451 4.7.1") && queue.contains(&bruno.address)
    });
    assert!(bruno.messages().is_empty(), "it passed unscanned");
    clamd.run();
    let arrives = || !bruno.messages().is_empty();
    retried(&federation, &federation.alfa, "the message", arrives);
    let came = anna.wait_for(2);
    assert_eq!(of_type(&came, "avvenuta-consegna").len(), 1);
    federation.wait_until_at_rest();
}

/// VI-13: the proof of delivery brings the virus back to a provider that found a scanner meanwhile.
#[test]
fn vi_13_an_infected_receipt_counts_and_is_kept_apart_and_its_holder_is_told() {
    let clamd = Clamd::start();
    let mut federation = Federation::start(&FederationSettings::default());
    let anna = federation.alfa.mailbox("anna").address;
    let bruno = federation.beta.mailbox("bruno").address;
    federation.zone.fails("alfa.test", true);
    let sender = at(&federation.alfa, &anna);
    sender.send_well(&[&bruno], &infected(&sender, &bruno).bytes());
    at(&federation.beta, &bruno).wait_for(1);
    federation.alfa.stop();
    let file = federation.alfa.data().join("appliance.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let scanner = format!("scanner = \"{}\"", clamd.address());
    let changed = settings.replacen("scanner = \"none\"", &scanner, 1);
    assert_ne!(settings, changed);
    std::fs::write(&file, changed).unwrap();
    federation.alfa.serve();
    federation.zone.fails("alfa.test", false);
    let told = || at(&federation.alfa, &anna).messages().len() >= 2;
    retried(&federation, &federation.beta, "word of the receipt", told);
    federation.service_mailbox(&federation.alfa).wait_for(1);
    federation.wait_until_at_rest();
    let held = at(&federation.alfa, &anna).messages();
    assert_eq!(held.len(), 2);
    let notice = Part::parse(&held[1]);
    assert_eq!(notice.get("X-Ricevuta"), None);
    assert_eq!(notice.field("To"), anna);
    assert!(held.iter().all(|raw| find(raw, b"postacert.eml").is_none()));
    let kept = federation.alfa.json(&["quarantine", "list"]);
    assert_eq!(kept["messages"].as_array().unwrap().len(), 1, "{kept}");
    assert_eq!(kept["messages"][0]["detection"], DETECTION);
}

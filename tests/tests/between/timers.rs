//! The clocks of twelve and twenty-four hours against a provider that is silent, late, or half heard, and
//! over stops and kills of our own.

use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::compose::Draft;
use ceralacca_tests::federation::{ALFA, Federation, FederationSettings, of_type};
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::sealed::Sealed;

use crate::{at, judged, retried, seconds_between};

const DELAY: &str = "preavviso-errore-consegna";
/// Where take-charge receipts for the first provider go.
const SERVICE_DOMAIN: &str = "alfa.test";
/// Where mail for holders of its second domain goes.
const HOLDERS_DOMAIN: &str = "comune.alfa.test";
const HOUR: i64 = 60 * 60;
const MINUTE: i64 = 60;

/// A time-out notice about `recipient`, checked whole.
fn is_notice(notice: &Sealed, sender: &str, recipient: &str, (status, words): (&str, &str)) {
    assert_eq!(notice.field("X-Ricevuta"), DELAY);
    let subject = "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO: Senza risposta";
    assert_eq!(notice.subject(), subject);
    assert_eq!(notice.field("To"), sender);
    let data = notice.data();
    assert_eq!((data.kind(), data.error()), (DELAY.into(), "altro".into()));
    assert_eq!(data.one("consegna"), recipient);
    assert_eq!(data.one("gestore-emittente"), ALFA.provider);
    let extended = data.one("errore-esteso");
    let begin = format!("{status} - {} - ", ALFA.provider);
    assert!(extended.starts_with(&begin), "{extended}");
    assert!(notice.text().contains(words), "{}", notice.text());
    assert!(notice.original().is_none());
}

fn send(from: &Mailbox<'_>, to: &str) -> Draft {
    let draft = Draft::new(&from.address, &[to]).subject("Senza risposta");
    from.send_well(&[to], &draft.bytes());
    draft
}

/// `errore-esteso` of the notices about time in a mailbox that must hold `count` messages.
fn statuses(mailbox: &Mailbox<'_>, count: usize) -> Vec<String> {
    let all = mailbox.wait_for(count);
    let notices = of_type(&all, DELAY).into_iter();
    let status = |n: &Sealed| n.data().one("errore-esteso")[..5].to_owned();
    notices.map(status).collect()
}

/// TO-01, TO-02, TO-03, TO-06, TO-08, TO-09, TO-10, TO-12, TE-15.
#[test]
fn to_06_to_12_a_silent_provider_leads_to_both_notices_also_over_a_kill_and_a_stop() {
    let mut federation = Federation::start(&FederationSettings::default());
    let anna = federation.alfa.mailbox("anna").address;
    let bruno = federation.beta.mailbox("bruno").address;
    federation.beta.stop();
    let draft = send(&at(&federation.alfa, &anna), &bruno);
    let acceptance = at(&federation.alfa, &anna).wait_for(1).remove(0);
    federation.alfa.kill();
    federation.advance("12h 5m");
    federation.alfa.serve();
    let came = at(&federation.alfa, &anna).wait_for(2);
    let first = of_type(&came, DELAY)[0].clone();
    is_notice(&first, &anna, &bruno, ("4.4.1", "prime dodici ore"));
    federation.alfa.stop();
    federation.advance("11h 30m");
    federation.alfa.serve();
    let came = at(&federation.alfa, &anna).wait_for(3);
    let last = of_type(&came, DELAY)[1].clone();
    is_notice(&last, &anna, &bruno, ("5.4.1", "ventiquattro ore"));
    for (notice, earliest, latest) in [
        (&first, 12 * HOUR, 12 * HOUR + 10 * MINUTE),
        (&last, 22 * HOUR, 24 * HOUR),
    ] {
        let after = seconds_between(&acceptance, notice);
        assert!((earliest..=latest).contains(&after), "{after} s");
        let reference = notice.field("X-Riferimento-Message-ID");
        assert_eq!(reference, draft.value("Message-ID"));
        let identifier = acceptance.data().one("identificativo");
        assert_eq!(notice.data().one("identificativo"), identifier);
    }
    judged(&federation, &[&first, &last]);
    // The envelope is given up, and nobody is told a third time.
    federation.advance("1h");
    let queue = || federation.alfa.queue()["entries"] == serde_json::json!([]);
    federation.wait("the end of the entry", queue);
    is_quiet(&federation.alfa, &anna, 3);
}

/// Whatever is still owed comes before the receipts of a message of now.
fn is_quiet(side: &Appliance, address: &str, count: usize) {
    let anna = at(side, address);
    anna.send_well(&[address], &Draft::new(address, &[address]).bytes());
    // Acceptance, envelope, delivery.
    anna.wait_for(count + 3);
}

/// TO-04, TO-11, TO-12: the take-charge comes, the delivery receipt not: its way back is cut.
#[test]
fn to_04_to_11_after_a_take_charge_only_the_final_notice_comes_and_a_late_receipt_is_handed_over() {
    let mut federation = Federation::start(&FederationSettings::default());
    let anna = federation
        .alfa
        .mailbox_in("anna", HOLDERS_DOMAIN)
        .address
        .clone();
    let bruno = federation.beta.mailbox("bruno").address;
    federation.zone.fails(HOLDERS_DOMAIN, true);
    send(&at(&federation.alfa, &anna), &bruno);
    at(&federation.beta, &bruno).wait_for(1);
    let service = federation.service_mailbox(&federation.alfa);
    let charge = service.wait_for(1).remove(0);
    assert_eq!(charge.field("X-Ricevuta"), "presa-in-carico");
    federation.advance("12h 5m");
    federation.alfa.kill();
    federation.advance("11h 30m");
    federation.alfa.serve();
    let held = at(&federation.alfa, &anna).wait_for(2);
    let last = of_type(&held, DELAY)[0];
    is_notice(last, &anna, &bruno, ("5.4.1", "ventiquattro ore"));
    judged(&federation, &[last]);
    federation.zone.fails(HOLDERS_DOMAIN, false);
    let arrives = || at(&federation.alfa, &anna).messages().len() >= 3;
    retried(&federation, &federation.beta, "the late receipt", arrives);
    let held = at(&federation.alfa, &anna).wait_for(3);
    let late = of_type(&held, "avvenuta-consegna")[0];
    assert_eq!(late.data().one("consegna"), bruno);
    judged(&federation, &[late]);
    federation.wait_until_at_rest();
}

/// TO-05, TO-06, TO-07: what comes back, and when, decides which notices come.
#[test]
fn to_05_to_06_to_07_late_answers_spare_the_notices_that_the_table_says() {
    let federation = Federation::start(&FederationSettings::default());
    let [elena, carla] =
        ["elena", "carla"].map(|name| federation.alfa.mailbox_in(name, HOLDERS_DOMAIN));
    let dario = federation.alfa.mailbox("dario");
    let bruno = federation.beta.mailbox("bruno");
    federation.zone.fails(SERVICE_DOMAIN, true);
    send(&elena, &bruno.address);
    // Delivered before twelve hours, without take-charge.
    assert_eq!(statuses(&elena, 2), Vec::<String>::new());
    federation.zone.fails(HOLDERS_DOMAIN, true);
    send(&carla, &bruno.address);
    send(&dario, &bruno.address);
    bruno.wait_for(3);
    federation.advance("12h 5m");
    assert_eq!(statuses(&carla, 2), ["4.4.1"]);
    assert_eq!(statuses(&dario, 2), ["4.4.1"]);
    federation.zone.fails(SERVICE_DOMAIN, false);
    let arrives = || dario.messages().len() >= 3;
    retried(&federation, &federation.beta, "dario's receipt", arrives);
    federation.service_mailbox(&federation.alfa).wait_for(3);
    federation.advance("11h 30m");
    // Taken in charge after twelve hours and never delivered: both.
    assert_eq!(statuses(&carla, 3), ["4.4.1", "5.4.1"]);
    // Delivered between the two: the first alone; before twelve hours: none.
    is_quiet(&federation.alfa, &dario.address, 3);
    is_quiet(&federation.alfa, &elena.address, 2);
}

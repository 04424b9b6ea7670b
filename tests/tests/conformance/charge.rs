//! What another provider's envelopes and receipts cause here: take-charge receipts, clocks that stop, the
//! service mailbox; and what nothing may follow from. In process (`ceralacca_tests::arrivals`).

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::intake::Spf;
use ceralacca_core::journal::Record;
use ceralacca_core::log;
use ceralacca_core::owner::RegistryOrder;
use ceralacca_core::queue::Purpose;
use ceralacca_core::registry::MailboxState;
use ceralacca_tests::arrivals::{
    Handed, Leaving, STRANGER, Scene, Seal, Settings, edited, letter, with_data,
};
use ceralacca_tests::sealed::Sealed;

use crate::incoming::populated;

const ANNA: &str = "anna@alfa.test";
const BRUNO: &str = "bruno@beta.test";
const CARLA: &str = "carla@beta.test";
const OURS: &str = "posta-certificata@beta.test";
const THEIRS: &str = "posta-certificata@alfa.test";

fn scene() -> Scene {
    populated(Settings::default())
}

fn of(all: &[Leaving], purpose: Purpose) -> Leaving {
    let found = all.iter().find(|l| l.purpose == purpose);
    found.unwrap_or_else(|| panic!("no {purpose:?}")).clone()
}

/// The take-charge receipts that leave.
fn charges(scene: &mut Scene) -> Vec<(String, Sealed)> {
    let all = scene.beta.leaving(Purpose::TakeCharge);
    let read = all.iter().map(|l| (l.to.clone(), Sealed::parse(&l.octets)));
    read.collect()
}

#[test]
fn tc_01_a_correct_envelope_gives_a_take_charge_receipt() {
    let mut scene = scene();
    let envelope = scene.envelope(&[BRUNO]);
    assert_eq!(scene.hand_in(&[BRUNO], &envelope), "250");
    let (_, charge) = charges(&mut scene).pop().unwrap();
    assert_eq!(charge.field("X-Ricevuta"), "presa-in-carico");
    assert_eq!(charge.subject(), "PRESA IN CARICO: Saluti");
    let identifier = Sealed::parse(&envelope).data().one("identificativo");
    assert_eq!(charge.data().one("identificativo"), identifier);
}

#[test]
fn tc_02_it_goes_to_the_receipt_address_of_the_right_record_and_to_no_user() {
    let mut scene = scene();
    let town = Domain::parse("comune.alfa.test").unwrap();
    scene.alfa.order(RegistryOrder::AddDomain(town.clone()));
    scene.alfa.mailbox_at("ugo@comune.alfa.test");
    let unit = "ricevute@unita.alfa.test";
    scene.publish(|records| {
        let mut second = records[0].clone();
        records[0].domains.retain(|d| *d != town);
        second.unit = Some("Unita".to_owned());
        second.domains = vec![town];
        second.mail_receipt = Address::parse(unit).ok();
        records.push(second);
    });
    for (from, to) in [(ANNA, THEIRS), ("ugo@comune.alfa.test", unit)] {
        let octets = letter(from, &[BRUNO], "Saluti", "Un testo.\r\n");
        scene.alfa.send(from, &[BRUNO], &octets);
        scene.alfa.settle();
        let envelope = scene.alfa.leaving(Purpose::Envelope).pop().unwrap();
        scene.alfa.drain();
        assert_eq!(scene.carry(&envelope), "250");
        let (charged, _) = charges(&mut scene).pop().unwrap();
        assert_eq!(charged, to, "{from}");
        scene.beta.drain();
    }
}

#[test]
fn tc_03_one_receipt_for_a_transaction_names_all_its_recipients() {
    let mut scene = scene();
    let to = [BRUNO, CARLA, "nessuno@beta.test"];
    let envelope = scene.envelope(&[to[0], to[1], to[2], "altri@fuori.example"]);
    assert_eq!(scene.hand_in(&to, &envelope), "250");
    let all = charges(&mut scene);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].1.data().all("ricezione"), to);
}

#[test]
fn tc_04_several_transactions_give_several_receipts_that_cover_all_together() {
    let mut scene = scene();
    let envelope = scene.envelope(&[BRUNO, CARLA]);
    for to in [BRUNO, CARLA] {
        assert_eq!(scene.hand_in(&[to], &envelope), "250");
    }
    let all = charges(&mut scene);
    let mut named: Vec<_> = all.iter().map(|(_, c)| c.data().one("ricezione")).collect();
    named.sort();
    assert_eq!(named, [BRUNO, CARLA]);
}

#[test]
fn tc_05_the_receipt_states_its_kind_and_encloses_nothing() {
    let mut scene = scene();
    let envelope = scene.envelope(&[BRUNO]);
    assert_eq!(scene.hand_in(&[BRUNO], &envelope), "250");
    let (_, charge) = charges(&mut scene).pop().unwrap();
    assert!(charge.text().starts_with("Ricevuta di presa in carico\n"));
    let data = charge.data();
    assert_eq!(
        (data.kind(), data.error()),
        ("presa-in-carico".to_owned(), "nessuno".to_owned())
    );
    assert!(charge.original().is_none());
    assert_eq!(charge.parts.len(), 2);
}

#[test]
fn tc_06_a_take_charge_at_the_service_mailbox_is_stored_and_marks_its_recipients() {
    let mut scene = scene();
    let ugo = scene.alfa.mailbox("ugo");
    let answers = scene.answers(&[ANNA, &ugo], "Un testo.\r\n");
    assert_eq!(scene.beta.open_errands(), [(0, false), (1, false)]);
    let charge = of(&answers, Purpose::TakeCharge);
    assert_eq!(charge.to, OURS);
    assert_eq!(scene.carry(&charge), "250");
    assert_eq!(scene.beta.open_errands(), [(0, true), (1, true)]);
    assert!(scene.beta.inbox(OURS)[0].ends_with(&charge.octets));
    // Again: nothing more.
    assert_eq!(scene.carry(&charge), "250");
    assert_eq!(scene.beta.inbox(OURS).len(), 1);
    assert_eq!(scene.beta.queue().len(), 0, "an answer to a receipt");
    // The users' receipts close what is open.
    for receipt in answers.iter().filter(|l| l.purpose == Purpose::Receipt) {
        assert_eq!(scene.carry(receipt), "250");
    }
    assert!(scene.beta.is_at_rest());
    let kinds: Vec<_> = scene.beta.inbox(BRUNO);
    let kinds: Vec<_> = kinds
        .iter()
        .map(|l| Sealed::parse(l).type_field())
        .collect();
    assert_eq!(
        kinds,
        ["accettazione", "avvenuta-consegna", "avvenuta-consegna"]
    );
}

#[test]
fn ip_08_a_correct_receipt_goes_to_its_addressee_as_it_came() {
    let mut scene = scene();
    let answers = scene.answers(&[ANNA, "nessuno@alfa.test"], "Un testo.\r\n");
    let receipts: Vec<_> = answers
        .iter()
        .filter(|l| l.purpose == Purpose::Receipt)
        .collect();
    assert_eq!(receipts.len(), 2);
    for receipt in &receipts {
        assert_eq!(receipt.to, BRUNO);
        assert_eq!(scene.carry(receipt), "250");
        let last = scene.beta.inbox(BRUNO).pop().unwrap();
        assert!(last.ends_with(&receipt.octets), "not as it came");
    }
    // One transaction with a stranger: the addressee has it all the same.
    let more = scene.answers(&[ANNA], "Un testo.\r\n");
    let receipt = of(&more, Purpose::Receipt);
    let before = scene.beta.inbox(CARLA).len();
    let both = Handed::new(THEIRS, &[CARLA, BRUNO], &receipt.octets);
    assert_eq!(scene.hand(&both), "250");
    let last = scene.beta.inbox(BRUNO).pop().unwrap();
    assert!(last.ends_with(&receipt.octets));
    assert_eq!(scene.beta.inbox(CARLA).len(), before);
    assert!(scene.beta.open_errands().is_empty() && scene.beta.is_at_rest());
    assert_eq!(scene.beta.queue().len(), 0);
}

#[test]
fn ip_09_mail_of_a_provider_that_no_mailbox_takes_is_refused_and_not_lost() {
    let mut scene = scene();
    let envelope = scene.envelope(&[CARLA]);
    let broken = edited(
        &envelope,
        "X-Trasporto: posta-certificata",
        "X-Trasporto: errore",
    );
    let stray = scene.envelope(&[BRUNO]);
    let address = Address::parse(CARLA).unwrap();
    let states = [
        (RegistryOrder::SetQuota(address.clone(), 1), "552 5.2.2"),
        (
            RegistryOrder::SetState(address.clone(), MailboxState::Suspended),
            "550 5.2.1",
        ),
        (
            RegistryOrder::SetState(address, MailboxState::Closed),
            "550 5.1.1",
        ),
    ];
    for (order, said) in states {
        scene.beta.order(order);
        for octets in [&broken, &stray] {
            assert_eq!(scene.hand_in(&[CARLA], octets), said);
        }
    }
    assert_eq!(scene.beta.queue().len(), 0);
}

#[test]
fn tc_07_a_delivery_inside_is_logged_without_a_take_charge_and_counts_as_one() {
    let mut scene = scene();
    let octets = letter(BRUNO, &[CARLA], "Saluti", "Un testo.\r\n");
    let identifier = scene.beta.send(BRUNO, &[CARLA], &octets);
    // As far as the delivery, whose receipt is then late: nothing is signed for a day.
    let is_logged = |record: &Record| matches!(record, Record::Stored(_));
    while scene
        .beta
        .stepper()
        .view()
        .with_work(|work| work.deliveries.is_empty())
    {
        assert!(
            scene.beta.stepper().work_once(&mut |_| 0),
            "it never comes to a delivery"
        );
    }
    scene.pass(26 * 60 * 60 * 1000);
    let records = scene.beta.journal();
    let stored: Vec<_> = records.iter().filter(|r| is_logged(r)).collect();
    let [Record::Stored(stored)] = stored[..] else {
        panic!("{} deliveries in the log", stored.len());
    };
    let evidence = &stored.evidence;
    assert_eq!(evidence.identifier.as_str(), identifier);
    assert_eq!(
        (stored.address.as_str(), evidence.subject.as_deref()),
        (CARLA, Some("Saluti"))
    );
    assert!(
        !records
            .iter()
            .any(|r| matches!(r, Record::TakenInCharge(_) | Record::TimerFired(_)))
    );
    let came = scene.beta.inbox(BRUNO);
    let kinds: Vec<_> = came
        .iter()
        .map(|raw| Sealed::parse(raw).type_field())
        .collect();
    assert_eq!(
        kinds,
        ["accettazione", "avvenuta-consegna"],
        "no notice of twelve hours"
    );
    assert!(scene.beta.inbox(OURS).is_empty() && scene.beta.queue().is_empty());
}

#[test]
fn tc_08_the_service_mailbox_holds_receipts_between_providers_and_sets_the_rest_aside() {
    let mut scene = scene();
    let envelope = scene.envelope(&[OURS]);
    assert_eq!(scene.hand_in(&[OURS], &envelope), "250");
    let notice = scene.beta.leaving(Purpose::Receipt).pop().unwrap();
    let notice = Sealed::parse(&notice.octets);
    assert_eq!(notice.type_field(), "errore-consegna");
    assert_eq!(notice.data().error(), "altro");
    let answers = scene.answers(&[ANNA], "Un testo.\r\n");
    assert_eq!(scene.carry(&of(&answers, Purpose::TakeCharge)), "250");
    // All else: ordinary mail, broken mail of providers, receipts of users, envelopes for others.
    let receipt = of(&answers, Purpose::Receipt).octets;
    let broken = edited(
        &envelope,
        "X-Trasporto: posta-certificata",
        "X-Trasporto: errore",
    );
    let stray = scene.envelope(&[BRUNO]);
    let plain = letter(STRANGER, &[OURS], "Saluti", "Un testo.\r\n");
    for (number, octets) in [plain, receipt, broken, stray].iter().enumerate() {
        assert_eq!(scene.hand_in(&[OURS], octets), "250", "{number}");
        assert_eq!(scene.beta.aside(OURS).len(), number + 1, "{number}");
    }
    assert_eq!(scene.beta.only(OURS).type_field(), "presa-in-carico");
}

#[test]
fn tc_09_a_receipt_between_providers_sent_to_a_holder_is_processed_and_not_put_there() {
    let mut scene = scene();
    let before = scene.beta.inbox(CARLA).len();
    let charge = of(
        &scene.answers(&[ANNA], "Un testo.\r\n"),
        Purpose::TakeCharge,
    );
    let handed = Handed::new(THEIRS, &[CARLA], &charge.octets);
    let (reply, said) = log::heard(|| scene.hand(&handed));
    assert_eq!(reply, "250");
    let reported = |line: &String| line.contains(CARLA) && line.contains("(TC-09)");
    assert!(said.iter().any(reported), "{said:?}");
    assert_eq!(scene.beta.open_errands(), [(0, true)]);
    assert_eq!(scene.beta.inbox(CARLA).len(), before);
    assert_eq!(scene.beta.only(OURS).type_field(), "presa-in-carico");
}

#[test]
fn tc_10_reports_and_other_mail_at_the_service_address_are_set_aside() {
    let mut scene = scene();
    let report = report_about("<altro@beta.test>", OURS);
    let plain = letter(STRANGER, &[OURS], "Saluti", "Un testo.\r\n");
    assert_eq!(scene.hand(&Handed::new("", &[OURS], &report)), "250");
    assert_eq!(
        scene.hand(&Handed::new(STRANGER, &["postmaster@beta.test"], &plain)),
        "250"
    );
    assert_eq!(
        scene.hand(&Handed::new(
            STRANGER,
            &["Posta-Certificata@beta.test"],
            &plain
        )),
        "250"
    );
    let aside = scene.beta.aside(OURS);
    assert_eq!(aside.len(), 3);
    assert!(aside[0].ends_with(&report), "as it came");
    assert!(scene.beta.inbox(OURS).is_empty());
    assert_eq!(scene.beta.queue().len(), 0);
}

/// A delivery report of a stranger's server about the message with this identifier.
pub(crate) fn report_about(message_id: &str, to: &str) -> Vec<u8> {
    format!(
        "From: MAILER-DAEMON@internet.example\r\nTo: {to}\r\nDate: Wed, 18 Nov 2026 09:00:00 +0100\r\n\
         Subject: Undelivered\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"r\"\r\n\r\n\
         --r\r\nContent-Type: text/plain\r\n\r\nNo.\r\n\
         --r\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.internet.example\r\n\r\n\
         Final-Recipient: rfc822; x@internet.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
         --r\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message_id}\r\n\r\n--r--\r\n"
    )
    .into_bytes()
}

#[test]
fn to_13_a_clock_stops_only_for_the_provider_of_the_recipient() {
    let mut scene = scene();
    let start = scene.now();
    let gamma = Seal::of(&scene.authority, "gamma.test", 365, start);
    let certificate = gamma.certificate();
    scene.publish(|records| {
        let mut third = records[0].clone();
        third.name = "Gestore gamma.test".to_owned();
        third.domains = vec![Domain::parse("gamma.test").unwrap()];
        third.certificates = vec![certificate];
        third.mail_receipt = Address::parse("posta-certificata@gamma.test").ok();
        records.push(third);
    });
    let answers = scene.answers(&[ANNA], "Un testo.\r\n");
    let charge = of(&answers, Purpose::TakeCharge);
    let receipt = of(&answers, Purpose::Receipt);
    let before = scene.beta.inbox(BRUNO).len();
    // Another provider says that it took it, or delivered it.
    for genuine in [&charge, &receipt] {
        let text = String::from_utf8(genuine.octets.clone()).unwrap();
        let forged = gamma.seal(
            text.replace(THEIRS, "posta-certificata@gamma.test")
                .as_bytes(),
        );
        let handed = Handed::new("posta-certificata@gamma.test", &[&genuine.to], &forged);
        assert_eq!(scene.hand(&handed), "250");
        assert_eq!(
            scene.beta.open_errands(),
            [(0, false)],
            "{:?}",
            genuine.purpose
        );
    }
    // The right one, of another message, or of another recipient.
    for (from, to) in [
        ("<identificativo>", "<identificativo>x"),
        (ANNA, "ugo@alfa.test"),
    ] {
        let edit = |data: &str| match from == ANNA {
            true => data.replace("<ricezione>anna@", "<ricezione>ugo@"),
            false => data.replace(from, to),
        };
        let forged = scene.seal.seal(&with_data(&charge.octets, edit));
        assert_eq!(scene.hand(&Handed::new(THEIRS, &[OURS], &forged)), "250");
        assert_eq!(scene.beta.open_errands(), [(0, false)], "{from}");
    }
    // The right one in another case.
    let shout = |data: &str| data.replace("<ricezione>anna@alfa", "<ricezione>ANNA@Alfa");
    let charge = scene.seal.seal(&with_data(&charge.octets, shout));
    assert_eq!(scene.hand(&Handed::new(THEIRS, &[OURS], &charge)), "250");
    assert_eq!(scene.beta.open_errands(), [(0, true)]);
    // Its receipt for somebody else is no receipt.
    let stray = Handed::new(THEIRS, &[CARLA], &receipt.octets);
    assert_eq!(scene.hand(&stray), "250");
    assert_eq!(scene.beta.open_errands(), [(0, true)]);
    let other = Sealed::parse(&scene.beta.inbox(CARLA).pop().unwrap());
    assert_eq!(other.type_field(), "errore");
    assert_eq!(scene.carry(&receipt), "250");
    assert_eq!(scene.beta.open_errands(), []);
    assert_eq!(scene.carry(&receipt), "250", "again");
    // The forged receipt and the true one: both are of providers, one has an effect.
    assert_eq!(scene.beta.inbox(BRUNO).len(), before + 2);
    assert_eq!(scene.beta.queue().len(), 0);
    assert!(scene.beta.is_at_rest());
}

#[test]
fn nd_07_nobody_answers_a_null_reverse_path_or_a_service_address() {
    let mut scene = scene();
    scene.beta.mailbox("fermo");
    let fermo = Address::parse("fermo@beta.test").unwrap();
    scene
        .beta
        .order(RegistryOrder::SetState(fermo, MailboxState::Suspended));
    for from in ["", THEIRS, "Posta-Certificata@ALFA.test"] {
        for to in [BRUNO, "nessuno@beta.test", "fermo@beta.test"] {
            let envelope = scene.envelope(&[to]);
            assert_eq!(
                scene.hand(&Handed::new(from, &[to], &envelope)),
                "250",
                "{from} {to}"
            );
            assert!(scene.beta.is_at_rest(), "{from} {to}");
            let left = scene.beta.queue();
            assert!(left.is_empty(), "{from} {to}: {:?} leaves", left[0].purpose);
        }
        // Nor a report of ours: of ordinary mail, of broken mail of a provider.
        let plain = letter(STRANGER, &[CARLA, BRUNO], "Saluti", "Un testo.\r\n");
        let envelope = scene.envelope(&[CARLA, "nessuno@beta.test"]);
        let broken = edited(
            &envelope,
            "X-Trasporto: posta-certificata",
            "X-Trasporto: errore",
        );
        for octets in [&plain, &broken] {
            let handed = Handed::new(from, &[CARLA, BRUNO, "nessuno@beta.test"], octets);
            assert_eq!(scene.hand(&handed), "250", "{from}");
            let left = scene.beta.queue();
            assert!(
                left.is_empty(),
                "{from}: {:?} leaves",
                left.first().map(|l| l.purpose)
            );
        }
    }
    assert_eq!(scene.beta.inbox(BRUNO).len(), 3 + 3, "all were delivered");
    // What a domain says was not sent by it gets no report either.
    let plain = letter(STRANGER, &[CARLA, BRUNO], "Saluti", "Un testo.\r\n");
    let envelope = scene.envelope(&[CARLA, "nessuno@beta.test"]);
    let broken = edited(
        &envelope,
        "X-Trasporto: posta-certificata",
        "X-Trasporto: errore",
    );
    for octets in [&plain, &broken] {
        for (spf, count) in [(Spf::Fail, 0), (Spf::Pass, 1), (Spf::None, 1)] {
            let mut handed = Handed::new(STRANGER, &[CARLA, "nessuno@beta.test"], octets);
            handed.spf = spf;
            assert_eq!(scene.hand(&handed), "250");
            assert_eq!(scene.beta.queue().len(), count, "{spf:?}");
            scene.beta.drain();
        }
    }
}

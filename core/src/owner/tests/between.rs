//! What lies between providers, decided: each outcome, answer and notice acts once.

use super::{House, address, blob, evidence, receipt};
use crate::certification::{CertificationKind, ErrorKind, RecipientType};
use crate::instant::Instant;
use crate::journal::record::{
    Accepted, ArrivalKind, ForeignReceipt, Peer, Received, RecipientErrand, Record, TimerFired,
};
use crate::mailbox::{Content, MailboxId};
use crate::message_id::Identifier;
use crate::notice::{Delay, Failure};
use crate::owner::{Command, FailOrder, MatchOrder, Outcome};
use crate::queue::{Dispatch, DispatchClass, DispatchKey, DispatchOutcome, DispatchRow, Purpose};

const AT: Instant = Instant::from_millis(1_795_000_000_000);

fn entry(identifier: &Identifier, recipient: u16, class: DispatchClass) -> Dispatch {
    Dispatch {
        key: DispatchKey {
            identifier: identifier.clone(),
            number: Purpose::Envelope.number(recipient),
        },
        row: DispatchRow {
            at: AT,
            until: AT.plus_millis(86_400_000),
            content: Content::Rope(blob(2)),
            size: 10,
            eight_bit: false,
            reverse_path: Some(address("anna@pec.test")),
            to: address("carla@altrove.test"),
            class,
            purpose: Purpose::Envelope,
            attempts: 0,
            next: AT,
            last: None,
            held: false,
            answers_to: None,
        },
    }
}

/// A message accepted for one recipient elsewhere.
fn accepted(house: &mut House, kind: RecipientType, queued: bool) -> Identifier {
    let identifier = house.submit();
    let class = match kind {
        RecipientType::Certified => DispatchClass::Certified,
        RecipientType::External => DispatchClass::Ordinary,
    };
    let accepted = Accepted {
        evidence: evidence(&identifier),
        receipt: None,
        envelope: Content::Rope(blob(2)),
        envelope_size: 10,
        facts: blob(3),
        errands: vec![RecipientErrand {
            recipient: 0,
            local: false,
            kind,
        }],
        mailbox: MailboxId(1),
    };
    let leaving = queued.then(|| entry(&identifier, 0, class));
    let command = Command::Accept(
        Box::new(accepted),
        Some(receipt()),
        leaving.into_iter().collect(),
    );
    let (outcome, records) = house.ask(command).unwrap();
    assert_eq!(
        (outcome, records.len()),
        (Outcome::Done, 1 + usize::from(queued))
    );
    identifier
}

fn open(house: &House) -> [usize; 4] {
    house.view.with_work(|work| {
        [
            work.journeys.len(),
            work.errands.len(),
            work.dispatches.len(),
            work.bounces.len(),
        ]
    })
}

fn key(identifier: &Identifier) -> DispatchKey {
    DispatchKey {
        identifier: identifier.clone(),
        number: 0,
    }
}

fn sent(identifier: &Identifier) -> Command {
    let outcome = DispatchOutcome::Sent {
        host: "mx.altrove.test".to_owned(),
        reply: "250 ok".to_owned(),
        tls: None,
    };
    Command::Dispatched(vec![(key(identifier), outcome)])
}

#[test]
fn te_12_an_external_recipient_is_at_its_end_once_it_was_relayed() {
    let mut house = House::new();
    let identifier = accepted(&mut house, RecipientType::External, true);
    assert_eq!(open(&house), [1, 1, 1, 0]);
    let (_, records) = house.ask(sent(&identifier)).unwrap();
    assert!(matches!(&records[..], [Record::Relayed(r)] if r.last && r.closes == Some(0)));
    assert_eq!(open(&house), [0; 4]);
    assert_eq!(house.ask(sent(&identifier)).unwrap().1, []);
}

#[test]
fn to_01_a_certified_recipient_stays_open_until_its_receipt_comes() {
    let mut house = House::new();
    let identifier = accepted(&mut house, RecipientType::Certified, true);
    house.ask(sent(&identifier)).unwrap();
    assert_eq!(open(&house), [1, 1, 0, 0]);
}

#[test]
fn what_lies_in_no_queue_is_queued_once() {
    let mut house = House::new();
    let identifier = accepted(&mut house, RecipientType::External, false);
    assert_eq!(open(&house), [1, 1, 0, 0]);
    let late = entry(&identifier, 0, DispatchClass::Ordinary);
    house.once(&Command::Dispatch(Box::new(late.clone())));
    house.ask(sent(&identifier)).unwrap();
    let again = house.ask(Command::Dispatch(Box::new(late))).unwrap();
    assert_eq!(again, (Outcome::Already, Vec::new()));
}

#[test]
fn nd_05_a_refusal_by_the_other_provider_is_settled_as_a_failed_delivery_once() {
    let mut house = House::new();
    let identifier = accepted(&mut house, RecipientType::Certified, true);
    let refused = DispatchOutcome::Refused {
        host: "mx.altrove.test".to_owned(),
        status: "5.1.1".to_owned(),
        reply: "550 5.1.1 no such user".to_owned(),
    };
    house
        .ask(Command::Dispatched(vec![(key(&identifier), refused)]))
        .unwrap();
    assert_eq!(open(&house), [1, 1, 0, 1]);
    let fail = Command::Fail(Box::new(FailOrder {
        key: key(&identifier),
        recipient: 0,
        address: address("carla@altrove.test"),
        facts: blob(3),
        failure: Failure {
            error: ErrorKind::NoRecipient,
            status: "5.1.1".to_owned(),
            reason: "motivo".to_owned(),
        },
        evidence: evidence(&identifier),
    }));
    let (_, records) = house.ask(fail.clone()).unwrap();
    assert!(matches!(
        &records[..],
        [Record::Stored(_), Record::Reported(_)]
    ));
    assert_eq!(house.ask(fail).unwrap(), (Outcome::Already, Vec::new()));
    // ND-06: no time-out notice follows.
    assert_eq!(house.ask(fire(&identifier, Delay::Final)).unwrap().1, []);
}

#[test]
fn nd_05_an_idle_certified_recipient_is_told_by_its_clock_alone_and_an_external_one_by_a_report() {
    for (kind, bounces) in [(RecipientType::Certified, 0), (RecipientType::External, 1)] {
        let mut house = House::new();
        let identifier = accepted(&mut house, kind, true);
        let expired = DispatchOutcome::Expired {
            reply: "no answer".to_owned(),
        };
        house
            .ask(Command::Dispatched(vec![(key(&identifier), expired)]))
            .unwrap();
        assert_eq!(open(&house)[2..], [0, bounces], "{kind:?}");
    }
}

fn fire(identifier: &Identifier, delay: Delay) -> Command {
    let fired = TimerFired {
        evidence: evidence(identifier),
        recipient: 0,
        delay,
        late_ms: 0,
        notice: None,
        errand: None,
        last: false,
    };
    Command::FireTimer(Box::new(fired), Some(receipt()))
}

#[test]
fn to_02_to_03_to_11_each_notice_is_given_once_and_the_last_ends_the_tracking() {
    let mut house = House::new();
    let identifier = accepted(&mut house, RecipientType::Certified, true);
    house.ask(sent(&identifier)).unwrap();
    house.once(&fire(&identifier, Delay::First));
    assert_eq!(open(&house), [1, 1, 0, 0]);
    house.once(&fire(&identifier, Delay::Final));
    assert_eq!(open(&house), [0; 4]);
    assert_eq!(house.ask(fire(&identifier, Delay::First)).unwrap().1, []);
}

/// A receipt of another provider about `about`, taken in.
fn arrival(house: &mut House, about: &Identifier, kind: CertificationKind) -> Command {
    let identifier = Identifier::parse("c01aaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb@pec.test").unwrap();
    let received = Received {
        identifier: identifier.clone(),
        evidence: evidence(about),
        peer: Peer {
            address: "192.0.2.1".to_owned(),
            helo: "mx.altrove.test".to_owned(),
            tls: None,
        },
        reverse_path: Some(address("posta-certificata@altrove.test")),
        content: Content::Whole(blob(7)),
        size: 5,
        eight_bit: false,
        kind: ArrivalKind::Receipt,
        verdict: None,
        infected: None,
        envelope: None,
        receipt: Some(ForeignReceipt {
            kind,
            about: about.clone(),
            recipients: vec![address("carla@altrove.test")],
            error: ErrorKind::None,
            extended_error: None,
            stated_sender: None,
        }),
        anomaly: None,
        placements: Vec::new(),
        declined: Vec::new(),
        detected_for: Vec::new(),
        seen: Vec::new(),
        is_owed: true,
        named: Vec::new(),
    };
    house
        .ask(Command::Receive(Box::new(received), Vec::new()))
        .unwrap();
    Command::Match(Box::new(MatchOrder {
        arrival: identifier,
        recipients: vec![0],
        evidence: evidence(about),
        scanner: "clamd".to_owned(),
    }))
}

/// Asks until the matching has come to its end.
fn matched(house: &mut House, order: &Command) -> Vec<&'static str> {
    let mut names = Vec::new();
    for _ in 0..3 {
        let (outcome, records) = house.ask(order.clone()).unwrap();
        names.extend(records.iter().map(Record::name));
        if outcome != Outcome::Again {
            break;
        }
    }
    names
}

#[test]
fn to_04_to_13_a_take_charge_is_noted_and_a_delivery_receipt_closes() {
    let mut house = House::new();
    let identifier = accepted(&mut house, RecipientType::Certified, true);
    house.ask(sent(&identifier)).unwrap();
    let order = arrival(&mut house, &identifier, CertificationKind::TakeCharge);
    assert_eq!(matched(&mut house, &order), ["TakenInCharge", "Matched"]);
    assert_eq!(house.ask(fire(&identifier, Delay::First)).unwrap().1, []);
    let order = arrival(&mut house, &identifier, CertificationKind::Delivery);
    assert_eq!(matched(&mut house, &order), ["Landed", "Matched"]);
    assert_eq!(open(&house), [0; 4]);
    assert_eq!(house.ask(fire(&identifier, Delay::Final)).unwrap().1, []);
}

#[test]
fn vi_06_a_virus_detection_is_settled_as_a_failed_delivery() {
    let mut house = House::new();
    let identifier = accepted(&mut house, RecipientType::Certified, true);
    house.ask(sent(&identifier)).unwrap();
    let order = arrival(&mut house, &identifier, CertificationKind::VirusDetection);
    assert_eq!(
        matched(&mut house, &order),
        ["Stored", "TaskOpened", "Matched"]
    );
    let again = arrival(&mut house, &identifier, CertificationKind::VirusDetection);
    assert_eq!(matched(&mut house, &again), ["Matched"]);
}

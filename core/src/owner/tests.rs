//! The chain of one message through the real decisions and the real view, each step asked twice.

use super::decide::{Circumstances, decide};
use super::{
    Command, CommandError, Outcome, ReceiptContent, RegistryOrder, StoreOrder, Submission,
};
use crate::address::{Address, Domain};
use crate::blob::BlobRef;
use crate::certification::RecipientType;
use crate::instant::Instant;
use crate::journal::record::{
    Accepted, Certified, DeliveryOutcome, Evidence, Paths, RecipientErrand, Record, Refused,
};
use crate::mailbox::{Content, FolderId, MailboxId};
use crate::message_id::Identifier;
use crate::policy::Policy;
use crate::proof::Durable;
use crate::registry::{Holder, HolderKind, MailboxState};
use crate::view::{View, apply};

mod between;

struct House {
    view: View,
    policy: Policy,
    tick: u8,
    /// How far the clock was put ahead.
    ahead_ms: i64,
}

impl House {
    fn new() -> Self {
        let mut house = Self {
            view: View::default(),
            policy: Policy::default(),
            tick: 0,
            ahead_ms: 0,
        };
        let domain = Domain::parse("pec.test").unwrap();
        let (name, host) = ("Prova".to_owned(), "mail.pec.test".to_owned());
        house
            .order(RegistryOrder::SetProvider { name, domain, host })
            .unwrap();
        for text in ["anna@pec.test", "bruno@pec.test"] {
            house.add(text, None).unwrap();
        }
        house
    }

    fn add(&mut self, text: &str, quota: Option<u64>) -> Result<Outcome, CommandError> {
        let holder = Holder {
            kind: HolderKind::Person,
            name: "Prova".to_owned(),
            tax_code: None,
            contacts: Vec::new(),
            documents: Vec::new(),
        };
        let address = address(text);
        self.order(RegistryOrder::AddMailbox {
            address,
            holder,
            password: None,
            quota,
        })
    }

    fn order(&mut self, order: RegistryOrder) -> Result<Outcome, CommandError> {
        self.ask(Command::Registry(order, "test".to_owned()))
            .map(|(outcome, _)| outcome)
    }

    fn ask(&mut self, command: Command) -> Result<(Outcome, Vec<Record>), CommandError> {
        self.tick += 1;
        let given = Circumstances {
            now: Instant::from_millis(1_795_000_000_000 + self.ahead_ms + i64::from(self.tick)),
            random: [self.tick; 16],
            policy: &self.policy,
        };
        let decision = decide(&self.view, command, given)?;
        for record in &decision.records {
            // What is stored is what is read again.
            let octets = record.to_bytes();
            let again = Record::from_bytes(record.kind(), &octets).unwrap();
            assert_eq!(&again, record);
            self.view.publish(apply(record));
        }
        Ok((decision.outcome, decision.records))
    }

    fn submit(&mut self) -> Identifier {
        let paths = Paths::Inline(vec![address("bruno@pec.test")]);
        let submission = Submission {
            mailbox: MailboxId(1),
            sender: address("anna@pec.test"),
            recipients: Vec::new(),
            body: Durable::after_sync(blob(1)),
            key: None,
            received_from: "from x ([127.0.0.1]) by y with ESMTPSA".to_owned(),
        };
        match self.ask(Command::Submit(submission, paths)).unwrap() {
            (Outcome::Submitted(identifier), _) => identifier,
            other => panic!("{other:?}"),
        }
    }

    /// Asks twice: done, then nothing.
    fn once(&mut self, command: &Command) -> Record {
        let (outcome, mut records) = self.ask(command.clone()).unwrap();
        assert_eq!((outcome, records.len()), (Outcome::Done, 1), "{command:?}");
        let again = self.ask(command.clone()).unwrap();
        assert_eq!(again, (Outcome::Already, Vec::new()), "{command:?}");
        records.remove(0)
    }

    fn store(&self, identifier: &Identifier, to: &str, size: u64) -> Command {
        Command::Store(Box::new(StoreOrder {
            identifier: identifier.clone(),
            recipient: 0,
            address: address(to),
            envelope: Content::Rope(blob(2)),
            size,
            facts: blob(3),
            evidence: evidence(identifier),
        }))
    }

    fn accept(&mut self, identifier: &Identifier) {
        let accepted = Accepted {
            evidence: evidence(identifier),
            receipt: None,
            envelope: Content::Rope(blob(2)),
            envelope_size: 10,
            facts: blob(3),
            errands: vec![RecipientErrand {
                recipient: 0,
                local: true,
                kind: RecipientType::Certified,
            }],
            mailbox: MailboxId(1),
        };
        self.once(&Command::Accept(
            Box::new(accepted),
            Some(receipt()),
            Vec::new(),
        ));
    }

    fn certify(&mut self, identifier: &Identifier) {
        self.once(&Command::Certify(Box::new(Certified {
            evidence: evidence(identifier),
            recipient: 0,
            receipt: Content::Rope(blob(5)),
            size: 7,
            sender: address("anna@pec.test"),
            eight_bit: false,
            arrival: None,
        })));
    }

    fn open(&self) -> [usize; 5] {
        self.view.with_work(|work| {
            [
                work.submissions.len(),
                work.journeys.len(),
                work.errands.len(),
                work.deliveries.len(),
                work.answers.len(),
            ]
        })
    }

    fn inbox(&self, mailbox: u64) -> usize {
        let folder = self
            .view
            .folder(MailboxId(mailbox), FolderId::INBOX)
            .unwrap();
        folder.messages.size()
    }
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn blob(segment: u64) -> BlobRef {
    BlobRef {
        segment,
        offset: 32,
        length: 10,
    }
}

fn receipt() -> ReceiptContent {
    ReceiptContent {
        mailbox: MailboxId(1),
        content: Content::Rope(blob(4)),
        size: 7,
    }
}

fn evidence(identifier: &Identifier) -> Evidence {
    Evidence {
        salt: [1; 16],
        at: Instant::from_millis(1_795_000_000_000),
        identifier: identifier.clone(),
        client_id: None,
        sender: Some(address("anna@pec.test")),
        recipients: vec![address("bruno@pec.test")],
        subject: Some("Prova".to_owned()),
        made: Vec::new(),
        provider: "Prova".to_owned(),
        signed_by: Vec::new(),
    }
}

#[test]
fn op_08_each_step_acts_once_and_the_chain_leaves_nothing_open() {
    let mut house = House::new();
    let identifier = house.submit();
    assert_eq!(house.open(), [1, 0, 0, 0, 0]);
    house.accept(&identifier);
    assert_eq!(house.open(), [0, 1, 1, 0, 0]);
    let store = house.store(&identifier, "bruno@pec.test", 10);
    house.once(&store);
    assert_eq!(house.open(), [0, 1, 1, 1, 0]);
    house.certify(&identifier);
    assert_eq!(house.open(), [0, 1, 1, 1, 1]);
    house.once(&Command::Land {
        identifier: identifier.clone(),
        recipient: 0,
    });
    assert_eq!(house.open(), [0, 0, 0, 1, 1]);
    house.once(&Command::Strike {
        identifier,
        recipient: 0,
    });
    assert_eq!(house.open(), [0; 5]);
    assert_eq!((house.inbox(1), house.inbox(2)), (2, 1));
}

#[test]
fn ap_12_a_refusal_closes_the_message_with_one_notice() {
    let mut house = House::new();
    let identifier = house.submit();
    let (evidence, reason) = (evidence(&identifier), "motivo".to_owned());
    let refused = Refused {
        evidence,
        notice: None,
        reason,
    };
    house.once(&Command::Refuse(Box::new(refused), Some(receipt())));
    assert_eq!(
        (house.open(), house.inbox(1), house.inbox(2)),
        ([0; 5], 1, 0)
    );
}

#[test]
fn deliveries_that_cannot_be_name_their_status() {
    let mut house = House::new();
    house.add("piccola@pec.test", Some(5)).unwrap();
    house.add("sospesa@pec.test", None).unwrap();
    let state = MailboxState::Suspended;
    house
        .order(RegistryOrder::SetState(address("sospesa@pec.test"), state))
        .unwrap();
    let cases = [
        ("nessuno@pec.test", "5.1.1"),
        ("nessuno@altrove.test", "5.1.2"),
        ("sospesa@pec.test", "5.2.1"),
        ("piccola@pec.test", "5.2.2"),
        ("posta-certificata@pec.test", "5.7.1"),
    ];
    for (to, expected) in cases {
        let identifier = house.submit();
        house.accept(&identifier);
        let store = house.store(&identifier, to, 10);
        let Record::Stored(stored) = house.once(&store) else {
            panic!("not stored")
        };
        let DeliveryOutcome::Failed { status, .. } = &stored.outcome else {
            panic!("{to} took it");
        };
        assert_eq!(status, expected, "{to}");
    }
}

#[test]
fn dp_09_a_receipt_for_a_closed_mailbox_stays_with_the_log() {
    let mut house = House::new();
    let identifier = house.submit();
    house.accept(&identifier);
    let store = house.store(&identifier, "bruno@pec.test", 10);
    house.once(&store);
    house.certify(&identifier);
    house
        .order(RegistryOrder::SetState(
            address("anna@pec.test"),
            MailboxState::Closed,
        ))
        .unwrap();
    let Record::Landed(landed) = house.once(&Command::Land {
        identifier,
        recipient: 0,
    }) else {
        panic!("not landed");
    };
    assert_eq!((&landed.filing, landed.last), (&None, true));
    assert_eq!(landed.unplaced, Some(Content::Rope(blob(5))));
}

#[test]
fn ac_10_names_are_unique_without_regard_to_case_also_after_closing() {
    let mut house = House::new();
    assert!(matches!(
        house.add("ANNA@Pec.Test", None),
        Err(CommandError::Exists(_))
    ));
    house
        .order(RegistryOrder::SetState(
            address("anna@pec.test"),
            MailboxState::Closed,
        ))
        .unwrap();
    assert!(matches!(
        house.add("Anna@pec.test", None),
        Err(CommandError::Exists(_))
    ));
    assert!(matches!(
        house.add("anna@altrove.test", None),
        Err(CommandError::NotFound(_))
    ));
}

#[test]
fn ap_28_a_key_makes_one_message_a_day_in_each_mailbox() {
    fn submit(house: &mut House, mailbox: u64, key: &str) -> (Identifier, usize) {
        let submission = Submission {
            mailbox: MailboxId(mailbox),
            sender: address("anna@pec.test"),
            recipients: Vec::new(),
            body: Durable::after_sync(blob(1)),
            key: Some(key.as_bytes().to_vec()),
            received_from: "from x ([127.0.0.1]) by y with ESMTPSA".to_owned(),
        };
        let paths = Paths::Inline(vec![address("bruno@pec.test")]);
        match house.ask(Command::Submit(submission, paths)).unwrap() {
            (Outcome::Submitted(identifier), records) => (identifier, records.len()),
            other => panic!("{other:?}"),
        }
    }
    let mut house = House::new();
    let (first, written) = submit(&mut house, 1, "a");
    assert_eq!(written, 1);
    let again = submit(&mut house, 1, "a");
    assert_eq!(again, (first.clone(), 0), "the first outcome");
    let others = [submit(&mut house, 1, "b"), submit(&mut house, 2, "a")];
    assert!(others.iter().all(|other| other.0 != first && other.1 == 1));
    house.ahead_ms = crate::limits::SUBMISSION_KEY_MS - 10_000;
    assert_eq!(submit(&mut house, 1, "a"), (first.clone(), 0));
    house.ahead_ms = crate::limits::SUBMISSION_KEY_MS;
    let (next, written) = submit(&mut house, 1, "a");
    assert!(next != first && written == 1, "the day is over");
    assert_eq!(submit(&mut house, 1, "a"), (next, 0), "and another begins");
}

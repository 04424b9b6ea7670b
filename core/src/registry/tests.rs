//! Rows of older versions, and orders about ordinary mail and the service mailbox.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::journal::record::Record;
use crate::owner::{CommandError, Outcome, RegistryOrder};
use crate::policy::Policy;
use crate::view::{View, apply};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn holder() -> Holder {
    Holder {
        kind: HolderKind::Person,
        name: "Anna".to_owned(),
        tax_code: None,
        contacts: Vec::new(),
        documents: Vec::new(),
    }
}

/// A registry under test.
struct House {
    view: View,
    policy: Policy,
}

impl House {
    fn new() -> Self {
        let house = Self {
            view: View::default(),
            policy: Policy::default(),
        };
        let provider = RegistryOrder::SetProvider {
            name: "Prova".to_owned(),
            domain: Domain::parse("pec.test").unwrap(),
            host: "mail.pec.test".to_owned(),
        };
        house.order(provider).unwrap();
        for text in ["anna@pec.test", "berto@pec.test", "carla@pec.test"] {
            let order = RegistryOrder::AddMailbox {
                address: address(text),
                holder: holder(),
                password: None,
                quota: None,
            };
            house.order(order).unwrap();
        }
        house
    }

    fn decided(&self, order: RegistryOrder) -> Result<(Vec<Record>, Outcome), CommandError> {
        Desk {
            newest: &self.view,
            policy: &self.policy,
            now: Instant::from_millis(7),
            author: "test".to_owned(),
            partition: Partition(1),
        }
        .decide(order)
    }

    fn order(&self, order: RegistryOrder) -> Result<Outcome, String> {
        let (records, outcome) = self.decided(order).map_err(|error| error.to_string())?;
        for record in &records {
            self.view.publish(apply(record));
        }
        Ok(outcome)
    }

    fn ordinary(&self, text: &str, policy: OrdinaryPolicy) -> Result<Outcome, String> {
        self.order(RegistryOrder::SetOrdinary(address(text), policy))
    }

    fn row(&self, text: &str) -> MailboxRow {
        (*self.view.mailbox_of(&address(text)).unwrap()).clone()
    }
}

fn forward(text: &str) -> OrdinaryPolicy {
    OrdinaryPolicy::Forward(address(text))
}

/// A row as the first version wrote it.
#[derive(minicbor::Encode)]
struct FirstRow {
    #[n(0)]
    id: MailboxId,
    #[n(1)]
    partition: Partition,
    #[n(2)]
    address: Address,
    #[n(3)]
    holder: Holder,
    #[n(4)]
    password: Option<String>,
    #[n(5)]
    state: MailboxState,
    #[n(6)]
    quota: u64,
    #[n(7)]
    created: Instant,
    #[n(8)]
    changes: u32,
}

#[test]
fn mx_01_a_row_of_an_older_version_rejects_and_a_new_one_keeps_its_policy() {
    let old = FirstRow {
        id: MailboxId(3),
        partition: Partition(2),
        address: address("anna@pec.test"),
        holder: holder(),
        password: None,
        state: MailboxState::Active,
        quota: 9,
        created: Instant::from_millis(1),
        changes: 4,
    };
    let bytes = minicbor::to_vec(&old).unwrap();
    let mut row: MailboxRow = minicbor::decode(&bytes).unwrap();
    assert_eq!(
        (row.ordinary.clone(), row.service),
        (OrdinaryPolicy::Reject, false)
    );
    assert_eq!((row.id, row.changes), (MailboxId(3), 4));
    assert_eq!(row.access, Access::default(), "every protocol is on");
    for policy in [
        OrdinaryPolicy::Reject,
        OrdinaryPolicy::Accept,
        forward("anna@ordinaria.test"),
    ] {
        (row.ordinary, row.service) = (policy, true);
        let bytes = minicbor::to_vec(&row).unwrap();
        assert!(minicbor::decode::<MailboxRow>(&bytes).unwrap() == row);
    }
}

#[test]
fn mx_01_mx_04_mx_08_the_policy_is_set_with_time_and_author_in_the_history() {
    let house = House::new();
    assert_eq!(house.row("anna@pec.test").ordinary, OrdinaryPolicy::Reject);
    house
        .ordinary("anna@pec.test", forward("anna@ordinaria.test"))
        .unwrap();
    let row = house.row("anna@pec.test");
    assert_eq!(row.ordinary, forward("anna@ordinaria.test"));
    let again = house.ordinary("anna@pec.test", forward("anna@ordinaria.test"));
    assert_eq!(again, Ok(Outcome::Already));
    house
        .ordinary("anna@pec.test", forward("ANNA@pec.test"))
        .unwrap();
    assert_eq!(house.row("anna@pec.test").ordinary, OrdinaryPolicy::Accept);
    let history = house.view.history(row.id);
    let last = history.last().unwrap();
    assert_eq!(last.what, "ordinary mail: accept");
    assert_eq!(
        (last.author.as_str(), last.at),
        ("test", Instant::from_millis(7))
    );
    assert_eq!(
        history[1].what,
        "ordinary mail: forward to anna@ordinaria.test"
    );
}

#[test]
fn mx_06_no_forward_goes_in_circles_among_mailboxes_of_ours() {
    let house = House::new();
    house
        .ordinary("anna@pec.test", forward("berto@pec.test"))
        .unwrap();
    for (from, to, why) in [
        ("berto@pec.test", "anna@pec.test", "circles"),
        ("carla@pec.test", "anna@pec.test", "circles"),
        ("berto@pec.test", "carla@pec.test", "circles"),
        ("carla@pec.test", "nobody@pec.test", "no mailbox"),
        ("carla@pec.test", "postmaster@pec.test", "of the house"),
        (
            "carla@pec.test",
            "posta-certificata@pec.test",
            "of the house",
        ),
    ] {
        let refused = house.ordinary(from, forward(to)).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    house
        .ordinary("carla@pec.test", forward("berto@pec.test"))
        .unwrap();
    house
        .ordinary("anna@pec.test", OrdinaryPolicy::Reject)
        .unwrap();
    house
        .ordinary("carla@pec.test", OrdinaryPolicy::Reject)
        .unwrap();
    house
        .ordinary("berto@pec.test", forward("anna@pec.test"))
        .unwrap();
}

#[test]
fn mx_10_what_the_provider_forbids_is_refused() {
    let mut house = House::new();
    house.policy.ordinary_accept_allowed = false;
    let refused = house
        .ordinary("anna@pec.test", OrdinaryPolicy::Accept)
        .unwrap_err();
    assert!(refused.contains("forbids"), "{refused}");
    assert!(
        house
            .ordinary("anna@pec.test", forward("anna@pec.test"))
            .is_err()
    );
    house.policy.ordinary_refused_domains = vec![Domain::parse("pec.test").unwrap()];
    let out = forward("a@ordinaria.test");
    assert!(house.ordinary("anna@pec.test", out).is_err());
    house
        .ordinary("anna@pec.test", OrdinaryPolicy::Reject)
        .unwrap();
}

#[test]
fn tc_08_the_service_mailbox_is_made_once_and_stays_in_service() {
    let house = House::new();
    let made = house.order(RegistryOrder::SettleServiceMailbox).unwrap();
    assert_eq!(made, Outcome::Mailbox(MailboxId(4)));
    let again = house.order(RegistryOrder::SettleServiceMailbox).unwrap();
    assert_eq!(again, Outcome::Already);
    let service = "posta-certificata@pec.test";
    let row = house.row(service);
    assert!(row.service && row.password.is_none());
    let junk = house
        .view
        .folder(row.id, crate::mailbox::FolderId::JUNK)
        .unwrap();
    assert_eq!(junk.row.special_use, Some(crate::mailbox::SpecialUse::Junk));
    let to = || address(service);
    for order in [
        RegistryOrder::SetState(to(), MailboxState::Closed),
        RegistryOrder::SetState(to(), MailboxState::Suspended),
        RegistryOrder::SetOrdinary(to(), OrdinaryPolicy::Accept),
    ] {
        let refused = house.order(order).unwrap_err();
        assert!(refused.contains("service mailbox"), "{refused}");
    }
    house.order(RegistryOrder::SetQuota(to(), 5)).unwrap();
    let password = RegistryOrder::SetPassword(to(), "hash".to_owned());
    house.order(password).unwrap();
    assert_eq!(house.row(service).state, MailboxState::Active);
}

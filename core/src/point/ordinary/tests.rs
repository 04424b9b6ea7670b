//! Tables of what becomes of ordinary mail.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::address::Domain;
use crate::instant::Instant;
use crate::journal::Partition;
use crate::mailbox::MailboxId;
use crate::registry::{Holder, HolderKind};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn row(ordinary: OrdinaryPolicy, state: MailboxState) -> MailboxRow {
    MailboxRow {
        id: MailboxId(1),
        partition: Partition(1),
        address: address("anna@pec.test"),
        holder: Holder {
            kind: HolderKind::Person,
            name: "Anna".to_owned(),
            tax_code: None,
            contacts: Vec::new(),
            documents: Vec::new(),
        },
        password: None,
        state,
        quota: 1000,
        created: Instant::from_millis(0),
        changes: 1,
        ordinary,
        receipt_type: None,
        service: false,
        access: Default::default(),
    }
}

fn active(ordinary: OrdinaryPolicy) -> MailboxRow {
    row(ordinary, MailboxState::Active)
}

fn forward() -> OrdinaryPolicy {
    OrdinaryPolicy::Forward(address("anna@ordinaria.test"))
}

fn mailbox(row: &MailboxRow) -> Addressee<'_> {
    Addressee::Mailbox {
        row,
        domain: DomainState::Active,
        used: 100,
        is_due: false,
    }
}

/// From a sender who may be reported to.
fn decided<'a>(
    addressees: Vec<Addressee<'a>>,
    alter: impl FnOnce(&mut Arrival<'a>),
    policy: &Policy,
) -> Decision {
    let sender = address("ugo@ordinaria.test");
    let recipient = address("anna@pec.test");
    // Leaked once per row of a table: the arrival borrows for the test.
    let (sender, recipient): (&'a Address, &'a Address) =
        (Box::leak(Box::new(sender)), Box::leak(Box::new(recipient)));
    let mut arrival = Arrival {
        reverse_path: Some(sender),
        is_from_service: false,
        sender_check: SenderCheck::Unknown,
        size: 500,
        hops: 3,
        is_out_of_bounds: false,
        recipients: addressees.into_iter().map(|a| (recipient, a)).collect(),
    };
    alter(&mut arrival);
    decide(&arrival, policy)
}

fn one(addressee: Addressee<'_>) -> Fate {
    let mut decision = decided(vec![addressee], |_| {}, &Policy::default());
    decision.fates.remove(0)
}

#[test]
fn mx_01_mx_02_mx_03_mx_04_the_mailbox_decides() {
    let target = address("anna@ordinaria.test");
    let table = [
        (OrdinaryPolicy::Reject, Fate::Refuse(Refusal::Policy)),
        (forward(), Fate::Forward(target)),
        (OrdinaryPolicy::Accept, Fate::Place),
    ];
    for (policy, expected) in table {
        assert_eq!(one(mailbox(&active(policy))), expected);
    }
    assert_eq!(OrdinaryPolicy::default(), OrdinaryPolicy::Reject);
    let own = active(OrdinaryPolicy::Forward(address("Anna@PEC.test")));
    assert_eq!(one(mailbox(&own)), Fate::Place);
    assert_eq!(Refusal::Policy.reply().0, 550);
    assert_eq!(Refusal::Policy.reply().1, "5.7.1");
}

#[test]
fn dp_05_dp_06_nobody_a_closed_a_suspended_and_a_full_mailbox_refuse() {
    let accept = OrdinaryPolicy::Accept;
    let closed = row(accept.clone(), MailboxState::Closed);
    let suspended = row(accept.clone(), MailboxState::Suspended);
    let open = active(accept);
    let with = |domain, used| Addressee::Mailbox {
        row: &open,
        domain,
        used,
        is_due: false,
    };
    let table = [
        (Addressee::Unknown, Refusal::UnknownMailbox, (550, "5.1.1")),
        (mailbox(&closed), Refusal::UnknownMailbox, (550, "5.1.1")),
        (mailbox(&suspended), Refusal::Suspended, (550, "5.2.1")),
        (
            with(DomainState::Suspended, 0),
            Refusal::Suspended,
            (550, "5.2.1"),
        ),
        (
            with(DomainState::Active, 501),
            Refusal::Full,
            (552, "5.2.2"),
        ),
    ];
    for (addressee, refusal, (code, status)) in table {
        assert_eq!(one(addressee), Fate::Refuse(refusal));
        assert_eq!((refusal.reply().0, refusal.reply().1), (code, status));
    }
    assert_eq!(one(with(DomainState::Active, 500)), Fate::Place);
}

#[test]
fn mx_05_nd_07_one_answer_and_a_report_only_to_a_sender_who_may_be_the_one_named() {
    let (reject, accept) = (
        active(OrdinaryPolicy::Reject),
        active(OrdinaryPolicy::Accept),
    );
    let all = |alter: fn(&mut Arrival<'_>)| {
        let addressees = vec![mailbox(&reject), mailbox(&accept), Addressee::Unknown];
        decided(addressees, alter, &Policy::default())
    };
    let decision = all(|_| {});
    assert_eq!((decision.refusal, decision.owes_report), (None, true));
    let expected = [
        Fate::Refuse(Refusal::Policy),
        Fate::Place,
        Fate::Refuse(Refusal::UnknownMailbox),
    ];
    assert_eq!(decision.fates, expected);
    assert!(all(|a| a.sender_check = SenderCheck::Passed).owes_report);
    assert!(!all(|a| a.sender_check = SenderCheck::Failed).owes_report);
    assert!(!all(|a| a.reverse_path = None).owes_report);
    assert!(!all(|a| a.is_from_service = true).owes_report);

    let none = decided(vec![mailbox(&accept)], |_| {}, &Policy::default());
    assert_eq!((none.refusal, none.owes_report), (None, false));
    let same = vec![mailbox(&reject), mailbox(&reject)];
    let same = decided(same, |_| {}, &Policy::default());
    assert_eq!(
        (same.refusal, same.owes_report),
        (Some(Refusal::Policy), false)
    );
    let others = vec![mailbox(&reject), Addressee::Unknown];
    let others = decided(others, |_| {}, &Policy::default());
    assert_eq!(
        (others.refusal, others.owes_report),
        (Some(Refusal::Several), false)
    );
}

#[test]
fn mx_06_se_07_a_loop_and_a_form_out_of_bounds_are_refused_whole() {
    let forwarding = active(forward());
    let with = |alter: fn(&mut Arrival<'_>)| {
        decided(vec![mailbox(&forwarding)], alter, &Policy::default())
    };
    assert_eq!(with(|a| a.hops = 50).refusal, None);
    let looping = with(|a| a.hops = 51);
    assert_eq!(looping.refusal, Some(Refusal::Loop));
    assert_eq!(looping.fates, [Fate::Refuse(Refusal::Loop)]);
    assert_eq!(
        (Refusal::Loop.reply().0, Refusal::Loop.reply().1),
        (554, "5.4.6")
    );
    let odd = with(|a| a.is_out_of_bounds = true);
    assert_eq!(odd.refusal, Some(Refusal::OutOfBounds));
    assert_eq!(Refusal::OutOfBounds.reply().1, "5.6.0");
}

#[test]
fn mx_07_a_report_about_ones_own_mail_is_placed_under_any_policy() {
    for policy in [OrdinaryPolicy::Reject, forward(), OrdinaryPolicy::Accept] {
        let row = active(policy);
        let addressee = Addressee::Mailbox {
            row: &row,
            domain: DomainState::Active,
            used: 0,
            is_due: true,
        };
        assert_eq!(one(addressee), Fate::Place);
    }
}

#[test]
fn mx_06_a_report_to_a_rewritten_sender_goes_back_and_nothing_else_does() {
    let sender = address("eva@ordinaria.test");
    let to = |found, is_report: bool| {
        let alter = |a: &mut Arrival<'_>| {
            if is_report {
                a.reverse_path = None;
            }
        };
        let addressees = vec![Addressee::Rewritten(found)];
        decided(addressees, alter, &Policy::default())
            .fates
            .remove(0)
    };
    assert_eq!(to(Ok(sender.clone()), true), Fate::Return(sender.clone()));
    assert_eq!(to(Ok(sender), false), Fate::Refuse(Refusal::NotAReport));
    assert_eq!(to(Err(SrsError::Opaque), true), Fate::Drop);
    for error in [SrsError::Forged, SrsError::Expired, SrsError::OtherForm] {
        let fate = to(Err(error), true);
        assert_eq!(fate, Fate::Refuse(Refusal::UnknownMailbox));
    }
}

#[test]
fn tc_08_tc_10_what_comes_to_the_house_is_set_aside() {
    assert_eq!(one(Addressee::House { has_room: true }), Fate::SetAside);
    let full = one(Addressee::House { has_room: false });
    assert_eq!(full, Fate::Refuse(Refusal::Full));
}

#[test]
fn mx_10_the_provider_can_forbid_accept_and_forward_altogether_or_for_a_domain() {
    let (accepting, forwarding) = (active(OrdinaryPolicy::Accept), active(forward()));
    let with = |row, policy: &Policy| decided(vec![mailbox(row)], |_| {}, policy).refusal;
    let refused = Some(Refusal::Policy);
    let policy = Policy {
        ordinary_accept_allowed: false,
        ..Policy::default()
    };
    assert_eq!(
        (with(&accepting, &policy), with(&forwarding, &policy)),
        (refused, None)
    );
    let policy = Policy {
        ordinary_forward_allowed: false,
        ..Policy::default()
    };
    assert_eq!(
        (with(&accepting, &policy), with(&forwarding, &policy)),
        (None, refused)
    );
    for (domain, expected) in [("pec.test", refused), ("altra.test", None)] {
        let policy = Policy {
            ordinary_refused_domains: vec![Domain::parse(domain).unwrap()],
            ..Policy::default()
        };
        assert_eq!(with(&accepting, &policy), expected);
        assert_eq!(with(&forwarding, &policy), expected);
    }
}

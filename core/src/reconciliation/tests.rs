//! The ledger over records as the journal gives them back: for each story, what is told of a key.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::instant::Instant;
use crate::journal::record::{
    Change, Evidence, Record, Refused, SignaturesNoted, Started, TaskSettled,
};
use crate::limits::SIGNATURES_UNDER_WAY_MAX;
use crate::message_id::Identifier;
use crate::task::{TaskKey, TaskKind};

const A: KeyMark = KeyMark(*b"key of A");
const B: KeyMark = KeyMark(*b"key of B");
const NOW: Instant = Instant::from_millis(1_795_321_140_000);

fn id(text: &str) -> Identifier {
    Identifier::parse(text).unwrap()
}

/// A step that made `count` signed messages.
fn logged(count: usize, signed_by: &[KeyMark]) -> Record {
    let evidence = Evidence {
        salt: [0; 16],
        at: NOW,
        identifier: id("abc@pec.example"),
        client_id: None,
        sender: None,
        recipients: Vec::new(),
        subject: None,
        made: (0..count).map(|n| format!("{n}@pec.example")).collect(),
        provider: "Prova".to_owned(),
        signed_by: signed_by.to_vec(),
    };
    let refused = Refused {
        evidence,
        notice: None,
        reason: String::new(),
    };
    refused.into()
}

fn noted(made: &[(KeyMark, u64)], closes: bool) -> Record {
    noted_with(made.iter().map(|(key, made)| (*key, [*made, 0, 0])), closes)
}

fn noted_with(uses: impl IntoIterator<Item = (KeyMark, [u64; 3])>, closes: bool) -> Record {
    let of = |(key, [made, other, dropped]): (KeyMark, [u64; 3])| KeyUse {
        made,
        other,
        dropped,
        ..KeyUse::of(key)
    };
    let note = SignaturesNoted {
        at: NOW,
        keys: uses.into_iter().map(of).collect(),
        closes,
    };
    note.into()
}

fn started() -> Record {
    let started = Started {
        at: NOW,
        version: "1".to_owned(),
        epoch: 1,
    };
    started.into()
}

fn folded(records: &[Record]) -> Ledger {
    let mut ledger = Ledger::default();
    for record in records {
        // As the journal keeps it.
        let again = Record::from_bytes(record.kind(), &record.to_bytes()).unwrap();
        ledger.take(&again);
        for line in ledger.reconciled(NOW).keys {
            let made = line.made + line.uncounted + line.missing;
            let used = line.logged + line.other + line.dropped;
            // Between two notes the log is ahead of the count.
            assert!(
                made <= used + line.left + line.under_way + line.excess,
                "{line}"
            );
        }
    }
    ledger
}

fn line(ledger: &Ledger, key: KeyMark) -> KeyLine {
    let found = ledger.reconciled(NOW).keys.into_iter();
    found.into_iter().find(|line| line.key == key).unwrap()
}

#[test]
fn lg_14_what_was_signed_and_logged_is_equal_and_the_rest_has_reasons() {
    let ledger = folded(&[
        started(),
        logged(2, &[A]),
        logged(1, &[A]),
        noted_with([(A, [9, 1, 2])], false),
        logged(1, &[A]),
        // One message by each key: a batch that met a change of keys.
        logged(2, &[A, B]),
        noted(&[(A, 0), (B, 1)], false),
    ]);
    let a = line(&ledger, A);
    assert_eq!((a.made, a.logged, a.other, a.dropped), (9, 5, 1, 2));
    assert_eq!((a.under_way, a.left, a.missing, a.excess), (1, 0, 0, 0));
    assert_eq!(a.alarm(), None);
    assert_eq!(
        a.to_string(),
        format!(
            "key {A}: 9 made, 5 in the log, 1 for the index of providers, 2 not needed: done already \
             or drafted anew, 1 under way"
        )
    );
    assert_eq!(line(&ledger, B).logged, 1);
    // Steps of versions before this one name no key, and steps that made nothing count for nobody.
    let mut older = ledger.clone();
    older.take(&logged(2, &[]));
    older.take(&logged(0, &[A]));
    assert_eq!(older, ledger);
}

#[test]
fn lg_14_a_run_that_ends_in_order_leaves_what_was_under_way() {
    let ledger = folded(&[
        started(),
        logged(2, &[A]),
        noted(&[(A, 5)], true),
        started(),
        logged(1, &[A]),
        noted(&[(A, 1)], false),
    ]);
    let a = line(&ledger, A);
    assert_eq!(
        (a.made, a.logged, a.left, a.under_way, a.uncounted),
        (6, 3, 3, 0, 0)
    );
    assert_eq!(a.alarm(), None);
}

#[test]
fn lg_14_a_crash_loses_the_count_since_the_last_note_and_is_told() {
    let ledger = folded(&[
        started(),
        logged(2, &[A]),
        noted(&[(A, 2)], false),
        logged(3, &[A]),
        started(),
        logged(1, &[A]),
        noted(&[(A, 1)], true),
    ]);
    let a = line(&ledger, A);
    assert_eq!((a.made, a.logged, a.uncounted, a.missing), (3, 6, 3, 0));
    assert_eq!(a.alarm(), None);
    assert!(
        a.to_string().contains("3 of those not counted: a crash"),
        "{a}"
    );
}

#[test]
fn lg_14_more_in_the_log_than_was_signed_is_an_alarm() {
    // Of a key that signs here, and of one that never did.
    let ledger = folded(&[
        started(),
        logged(3, &[A]),
        logged(1, &[B]),
        noted(&[(A, 2)], false),
    ]);
    for (key, missing) in [(A, 1), (B, 1)] {
        let found = line(&ledger, key);
        assert_eq!(found.missing, missing);
        let words = found.alarm().unwrap();
        assert!(
            words.contains(&format!("holds {missing} signed messages more")),
            "{words}"
        );
    }
    // It is not forgotten when the run ends, in whatever way, and not counted twice.
    for (end, start) in [(noted(&[], true), started()), (started(), started())] {
        let mut later = ledger.clone();
        later.take(&end);
        later.take(&start);
        later.take(&noted(&[(A, 0)], false));
        assert_eq!(line(&later, A).missing, 1);
    }
}

#[test]
fn lg_14_signatures_beyond_what_can_be_under_way_are_an_alarm() {
    let most = SIGNATURES_UNDER_WAY_MAX;
    let with = |made| folded(&[started(), logged(2, &[A]), noted(&[(A, made)], false)]);
    assert_eq!(line(&with(2 + most), A).alarm(), None);
    let mut above = with(3 + most);
    let words = line(&above, A).alarm().unwrap();
    assert!(
        words.contains(&format!("made {} signatures", most + 1)),
        "{words}"
    );
    above.take(&noted(&[], true));
    assert_eq!(line(&above, A).excess, most + 1);
}

#[test]
fn lg_14_what_an_operator_has_looked_into_is_an_alarm_no_more_until_there_is_more() {
    let mut ledger = folded(&[started(), logged(3, &[A]), noted(&[(A, 2)], false)]);
    let settled = |kind| TaskSettled {
        key: TaskKey {
            identifier: id(&format!("key-{A}@pec.example")),
            kind,
        },
        change: Change {
            at: NOW,
            author: "root".to_owned(),
            what: "the spare machine signed it".to_owned(),
        },
    };
    ledger.take(&settled(TaskKind::OtherContent).into());
    assert!(line(&ledger, A).alarm().is_some());
    ledger.take(&settled(TaskKind::SignatureCount).into());
    assert_eq!(line(&ledger, A).alarm(), None);
    ledger.take(&logged(1, &[A]));
    ledger.take(&noted(&[(A, 0)], false));
    assert!(line(&ledger, A).alarm().is_some());
}

#[test]
fn a_mark_is_of_the_key_and_not_of_what_is_around_it() {
    assert_eq!(
        KeyMark::of(b"no certificate"),
        KeyMark::of(b"no certificate")
    );
    assert_ne!(KeyMark::of(b"one"), KeyMark::of(b"two"));
    assert_eq!(A.to_string(), "6b6579206f662041");
}

#[test]
fn uses_are_told_once() {
    let uses = Uses::default();
    uses.other(A);
    uses.dropped(&[A], 3);
    uses.dropped(&[A, B], 2);
    let told = uses.since_last(None);
    let of = |key| told.iter().find(|told| told.key == key).cloned().unwrap();
    assert_eq!((of(A).other, of(A).dropped), (1, 4));
    assert_eq!((of(B).other, of(B).dropped), (0, 1));
    assert!(uses.since_last(None).is_empty());
}

//! Guesses and holders, minute by minute.

use super::*;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
const RULES: Rules = Rules {
    failures_max: 10,
    window_ms: 10 * MINUTE,
    lock_ms: 5 * MINUTE,
};

fn at(ms: i64) -> Instant {
    Instant::from_millis(1_000_000_000 + ms)
}

fn account(name: &str) -> Account {
    Account(name.into())
}

fn source(text: &str) -> Source {
    Source(text.into())
}

/// A try: whether the password was looked at, and whether it opened.
fn try_at(
    attempts: &mut Attempts,
    who: (&str, &str),
    is_right: bool,
    now: Instant,
) -> (bool, bool) {
    let (account, source) = (account(who.0), source(who.1));
    if attempts.check(&account, &source, now).is_err() {
        return (false, false);
    }
    let settled = attempts.settle((&account, &source), is_right, now);
    (true, is_right && settled.is_ok())
}

fn wrong(attempts: &mut Attempts, who: (&str, &str), times: usize, now: Instant) {
    for _ in 0..times {
        try_at(attempts, who, false, now);
    }
}

const ANNA: (&str, &str) = ("anna", "192.0.2.1");
const ANNA_AWAY: (&str, &str) = ("anna", "192.0.2.2");
const BERTO: (&str, &str) = ("berto", "192.0.2.1");

#[test]
fn se_01_ten_wrong_passwords_in_ten_minutes_lock_the_pair_and_no_other() {
    let mut attempts = Attempts::new(RULES);
    for n in 0..9 {
        try_at(&mut attempts, ANNA, false, at(n * MINUTE));
    }
    assert_eq!(
        try_at(&mut attempts, ANNA, false, at(9 * MINUTE)),
        (true, false)
    );
    assert_eq!(
        try_at(&mut attempts, ANNA, true, at(9 * MINUTE)),
        (false, false)
    );
    for free in [ANNA_AWAY, BERTO] {
        assert_eq!(
            try_at(&mut attempts, free, true, at(9 * MINUTE)),
            (true, true)
        );
    }
    let until = at(14 * MINUTE);
    let lock = Lock {
        source: Some(source(ANNA.1)),
        until,
    };
    assert_eq!(attempts.locks_of(&account("anna"), at(9 * MINUTE)), [lock]);
    assert_eq!(try_at(&mut attempts, ANNA, true, until), (true, true));
    assert_eq!(attempts.locks_of(&account("anna"), until), []);
}

#[test]
fn se_01_ten_in_more_than_ten_minutes_lock_nothing() {
    let mut attempts = Attempts::new(RULES);
    for n in 0..50 {
        let now = at(n * (MINUTE + 7_000));
        assert_eq!(
            try_at(&mut attempts, ANNA, false, now),
            (true, false),
            "{n}"
        );
    }
}

#[test]
fn se_01_each_lock_is_twice_as_long_up_to_a_day_and_a_day_of_rest_forgets() {
    let mut attempts = Attempts::new(RULES);
    let mut now = at(0);
    let mut lengths = Vec::new();
    for _ in 0..12 {
        wrong(&mut attempts, ANNA, 10, now);
        let until = attempts.locks_of(&account("anna"), now)[0].until;
        lengths.push((until.as_millis() - now.as_millis()) / MINUTE);
        assert_eq!(
            try_at(&mut attempts, ANNA, true, until.plus_millis(-1)),
            (false, false)
        );
        now = until;
    }
    assert_eq!(lengths[..6], [5, 10, 20, 40, 80, 160]);
    assert_eq!(lengths[11], 24 * 60);
    let later = now.plus_millis(2 * limits::LOCK_MS_MAX);
    wrong(&mut attempts, ANNA, 10, later);
    let until = attempts.locks_of(&account("anna"), later)[0].until;
    assert_eq!(until, later.plus_millis(5 * MINUTE));
}

#[test]
fn se_01_the_holder_is_not_shut_out_from_a_known_source() {
    let mut attempts = Attempts::new(RULES);
    assert_eq!(try_at(&mut attempts, ANNA, true, at(0)), (true, true));
    // Somebody behind the same address, or a program with an old password.
    wrong(&mut attempts, ANNA, 30, at(1));
    assert_eq!(attempts.locks_of(&account("anna"), at(1)).len(), 1);
    // One of those tries was let through after the lock; the next is after half a minute.
    let soon = at(1 + limits::LOCKED_KNOWN_TRY_MS);
    assert_eq!(try_at(&mut attempts, ANNA, true, at(2)), (false, false));
    assert_eq!(try_at(&mut attempts, ANNA, false, soon), (true, false));
    assert_eq!(try_at(&mut attempts, ANNA, false, soon), (false, false));
    let then = soon.plus_millis(limits::LOCKED_KNOWN_TRY_MS);
    assert_eq!(try_at(&mut attempts, ANNA, true, then), (true, true));
    assert_eq!(attempts.locks_of(&account("anna"), then), []);
}

#[test]
fn se_01_guesses_from_many_sources_leave_the_known_one_alone() {
    let mut attempts = Attempts::new(RULES);
    assert!(try_at(&mut attempts, ANNA, true, at(0)).1);
    for n in 0..20 {
        wrong(
            &mut attempts,
            ("anna", &format!("198.51.100.{n}")),
            9,
            at(1),
        );
    }
    let stranger = ("anna", "203.0.113.9");
    assert_eq!(try_at(&mut attempts, stranger, true, at(2)), (false, false));
    assert_eq!(try_at(&mut attempts, ANNA, true, at(2)), (true, true));
    assert_eq!(
        try_at(&mut attempts, ("berto", "203.0.113.9"), true, at(2)),
        (true, true)
    );
    let locks = attempts.locks_of(&account("anna"), at(2));
    assert_eq!(locks[0].source, None);
    assert_eq!(
        try_at(&mut attempts, stranger, true, at(11 * MINUTE)),
        (true, true)
    );
}

#[test]
fn se_01_one_source_does_not_try_a_password_on_everybody() {
    let mut attempts = Attempts::new(RULES);
    assert!(try_at(&mut attempts, BERTO, true, at(0)).1);
    for n in 0..200 {
        try_at(
            &mut attempts,
            (&format!("holder{n}"), BERTO.1),
            false,
            at(1),
        );
    }
    assert_eq!(
        try_at(&mut attempts, ("holder999", BERTO.1), true, at(2)),
        (false, false)
    );
    assert_eq!(
        try_at(&mut attempts, BERTO, true, at(2)),
        (true, true),
        "known there"
    );
}

#[test]
fn se_01_guesses_made_at_the_same_time_do_not_pass_the_lock() {
    let mut attempts = Attempts::new(RULES);
    let (account, source) = (account("anna"), source("192.0.2.1"));
    for _ in 0..50 {
        assert!(attempts.check(&account, &source, at(0)).is_ok());
    }
    for _ in 0..49 {
        assert!(attempts.settle((&account, &source), false, at(0)).is_ok());
    }
    assert!(attempts.settle((&account, &source), true, at(0)).is_err());
}

#[test]
fn se_01_an_operator_unlocks() {
    let mut attempts = Attempts::new(RULES);
    wrong(&mut attempts, ANNA, 10, at(0));
    wrong(&mut attempts, ANNA_AWAY, 10, at(0));
    wrong(&mut attempts, BERTO, 10, at(0));
    assert_eq!(attempts.unlock(&account("anna"), at(1)), 2);
    assert_eq!(try_at(&mut attempts, ANNA, true, at(1)), (true, true));
    assert_eq!(try_at(&mut attempts, BERTO, true, at(1)), (false, false));
}

#[test]
fn se_01_the_tables_are_bounded_and_locks_go_last() {
    let mut attempts = Attempts {
        most: 64,
        ..Attempts::new(RULES)
    };
    wrong(&mut attempts, ANNA, 10, at(0));
    for n in 0..5_000 {
        let who = (format!("holder{n}"), format!("2001:db8:0:{n:x}::/64"));
        wrong(&mut attempts, (&who.0, &who.1), 1, at(1 + n));
        try_at(
            &mut attempts,
            (&format!("other{n}"), &who.1),
            true,
            at(1 + n),
        );
    }
    assert!(attempts.pairs.len() <= 64 && attempts.known.len() <= 64);
    assert!(attempts.accounts.len() <= 64 && attempts.sources.len() <= 64);
    assert_eq!(attempts.locks_of(&account("anna"), at(5_000)).len(), 1);
    for n in 0..100 {
        try_at(
            &mut attempts,
            ("anna", &format!("198.51.100.{n}")),
            true,
            at(5_000 + n),
        );
    }
    let known = attempts.known.values().map(Vec::len).max();
    assert!(known <= Some(limits::KNOWN_SOURCES_MAX));
}

proptest! {
    #[test]
    fn se_01_whatever_the_pauses_no_ten_wrong_tries_of_a_stranger_lie_within_ten_minutes_of_an_eleventh(
        pauses in proptest::collection::vec(0i64..4 * MINUTE, 1..200),
    ) {
        let mut attempts = Attempts::new(RULES);
        let (mut now, mut looked_at) = (0, Vec::new());
        for pause in pauses {
            now += pause;
            if try_at(&mut attempts, ANNA, false, at(now)).0 {
                looked_at.push(now);
            }
        }
        for eleven in looked_at.windows(11) {
            let ten = eleven[9] - eleven[0];
            let was_locked = eleven.windows(2).any(|two| two[1] - two[0] >= RULES.lock_ms);
            prop_assert!(ten >= RULES.window_ms || was_locked);
        }
    }
}

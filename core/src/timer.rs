//! The two clocks of RFC 6109 §3.1.6, for each certified recipient of a message of ours, from the instant
//! of acceptance (TO-01). Pure: from an errand to what is owed and when. What closes a clock is a verified
//! receipt or notice (TO-13), which removes the errand or notes the take-charge in it; the table:
//!
//! | take-charge | delivery receipt, non-delivery notice | notices |
//! |---|---|---|
//! | within 12 h | in time / never | none / final (TO-04) |
//! | none, or after 12 h | before 12 h | none (TO-07) |
//! | none, or after 12 h | between the two | first (TO-05) |
//! | none, or after 12 h | never | first and final (TO-06) |
//!
//! Those due while the appliance was stopped are due at once on return (TO-12).

use crate::certification::RecipientType;
use crate::instant::Instant;
use crate::notice::Delay;
use crate::policy::Policy;
use crate::view::row::ErrandRow;

/// TO-02: twelve hours.
pub const FIRST_MS: i64 = 12 * 60 * 60 * 1000;

/// The notice that the errand leads to next, and when, unless something comes first.
pub fn next(row: &ErrandRow, policy: &Policy) -> Option<(Delay, Instant)> {
    if owes(row, Delay::First) {
        Some((Delay::First, row.at.plus_millis(FIRST_MS)))
    } else if owes(row, Delay::Final) {
        let minutes = i64::from(policy.final_notice_minutes);
        Some((Delay::Final, row.at.plus_millis(minutes * 60 * 1000)))
    } else {
        None
    }
}

/// The errand has not had this notice, and nothing that came makes it needless.
pub fn owes(row: &ErrandRow, delay: Delay) -> bool {
    let is_timed = row.kind == RecipientType::Certified && !row.is_foreign && !row.final_fired;
    let charged_in_time = |at: Instant| at <= row.at.plus_millis(FIRST_MS);
    match delay {
        Delay::First => is_timed && !row.first_fired && !row.taken.is_some_and(charged_in_time),
        Delay::Final => is_timed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * 60 * 1000;

    fn row() -> ErrandRow {
        ErrandRow {
            local: false,
            kind: RecipientType::Certified,
            at: Instant::from_millis(1_000),
            taken: None,
            first_fired: false,
            final_fired: false,
            is_foreign: false,
        }
    }

    fn at(hours: i64) -> Instant {
        Instant::from_millis(1_000 + hours * HOUR)
    }

    /// Notices of an errand that nothing closes, with their hours.
    fn notices(mut row: ErrandRow) -> Vec<(Delay, i64)> {
        let policy = Policy::default();
        let mut found = Vec::new();
        while let Some((delay, due)) = next(&row, &policy) {
            let minutes = (due.as_millis() - row.at.as_millis()) / 60_000;
            found.push((delay, minutes));
            match delay {
                Delay::First => row.first_fired = true,
                Delay::Final => row.final_fired = true,
            }
        }
        found
    }

    #[test]
    fn to_02_to_03_to_06_without_any_answer_both_notices_are_due() {
        assert_eq!(
            notices(row()),
            [(Delay::First, 720), (Delay::Final, 23 * 60 + 30)]
        );
    }

    #[test]
    fn to_04_a_take_charge_in_time_leaves_the_final_notice() {
        let taken = Some(at(12));
        let charged = ErrandRow { taken, ..row() };
        assert_eq!(notices(charged), [(Delay::Final, 23 * 60 + 30)]);
    }

    #[test]
    fn to_06_a_late_take_charge_leaves_both() {
        let taken = Some(at(12).plus_millis(1));
        let charged = ErrandRow { taken, ..row() };
        assert_eq!(notices(charged).len(), 2);
    }

    #[test]
    fn te_12_recipients_outside_certified_mail_and_messages_of_others_have_no_clock() {
        let kind = RecipientType::External;
        assert_eq!(notices(ErrandRow { kind, ..row() }), []);
        let is_foreign = true;
        assert_eq!(
            notices(ErrandRow {
                is_foreign,
                ..row()
            }),
            []
        );
    }
}

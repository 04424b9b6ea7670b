//! Time and identifiers (RFC 6109 §4.1, §4.2, §2.2.1).

use std::collections::BTreeMap;

use ceralacca_core::instant::Instant;
use ceralacca_core::wording::annex;

use super::{Check, client_id, text};
use crate::conformance::case::Case;
use crate::conformance::letter::Letter;
use crate::conformance::observed::{Observed, Unmade};

pub(super) const ROWS: &[Check] = rows! {
    "TM-01", "One time in header, text and data of a step", "RFC 6109 §4.1", [], one_time;
    "TM-02", "The text shows legal time with its offset", "RFC 6109 §4.2", [], shown_time;
    "TM-03", "The data write day, hour and zone", "RFC 6109 §4.4", [], written_time;
    "TM-04", "The offset is that of Italian legal time on that day", "RFC 6109 §4.2", [], offset;
    "TM-05", "The provider's clock is right", "DM 2-11-2005 art. 9", [], clock;
    "TM-06", "Identifiers have their form and are unique", "RFC 6109 §2.2.1", [], identifiers;
    "TM-07", "The client's identifier is kept everywhere", "RFC 6109 §2.2.1",
        ["standard", "unknown", "no-id"], reference;
    "TM-08", "A reference that the client wrote is replaced", "RFC 6109 §2.2.1",
        ["reference", "references"], forged_reference;
};

/// The instant in `Date:`.
pub(super) fn date(letter: &Letter) -> Result<Instant, Unmade> {
    let value = letter.value("Date").unwrap_or_default();
    let read = jiff::fmt::rfc2822::parse(&value);
    let zoned = read.map_err(|_| format!("{}: Date: {value:?} is no date", letter.name()))?;
    Ok(Instant::from_millis(zoned.timestamp().as_millisecond()))
}

fn seconds(at: Instant) -> i64 {
    at.as_millis().div_euclid(1000)
}

fn one_time(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    case.each(observed.made(), |case, letter| {
        let data = letter.data()?;
        let in_data = data.instant().map(seconds);
        let in_header = seconds(date(letter)?);
        case.of(letter, in_data == Some(in_header), || {
            format!("Date {in_header}, certification data {in_data:?}")
        });
        let text = text(letter)?;
        let when = data.when();
        let is_shown =
            when.is_some_and(|when| text.contains(&when.day) && text.contains(&when.time));
        case.of(letter, is_shown, || {
            "the text shows the same day and time".to_owned()
        });
        Ok(())
    })
}

fn shown_time(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    case.each(observed.made(), |case, letter| {
        let Some(when) = letter.data()?.when() else {
            return Err(Unmade::Error(format!(
                "{} has no time in its data",
                letter.name()
            )));
        };
        let (sign, rest) = when.zone.split_at_checked(3).unwrap_or(("", ""));
        let offsets = [format!("({})", when.zone), format!("({sign}:{rest})")];
        let text = text(letter)?;
        let is_shown = offsets.iter().any(|offset| text.contains(offset));
        let is_whole = is_shown && text.contains(&when.day) && text.contains(&when.time);
        case.of(letter, is_whole, || {
            format!("{} {} {}", when.day, when.time, offsets[0])
        });
        Ok(())
    })
}

fn written_time(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    case.each(observed.made(), |case, letter| {
        let Some(when) = letter.data()?.when() else {
            case.of(letter, false, || {
                "has no day, hour and zone in its data".to_owned()
            });
            return Ok(());
        };
        let form = |text: &str| -> String {
            text.chars()
                .map(|c| if c.is_ascii_digit() { '9' } else { c })
                .collect()
        };
        let found = [
            form(&when.day),
            form(&when.time),
            form(&when.zone).replace('-', "+"),
        ];
        let is_so = found == ["99/99/9999", "99:99:99", "+9999"];
        case.of(letter, is_so, || {
            format!("{} {} {}", when.day, when.time, when.zone)
        });
        Ok(())
    })
}

fn offset(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    case.each(observed.made(), |case, letter| {
        let data = letter.data()?;
        let legal = data.instant().map(Instant::legal);
        case.of(letter, legal.is_some() && legal == data.when(), || {
            format!("written {:?}, legal time is {legal:?}", data.when())
        });
        Ok(())
    })
}

/// Our own clock may err too, and the data are cut to seconds.
const CLOCK_MARGIN_MILLIS: i64 = 2_000;

fn clock(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for trial in observed.trials.values() {
        let answers = trial.acceptance().or_else(|_| trial.refusal());
        let Ok(letter) = answers else {
            continue;
        };
        let Some(at) = letter.data()?.instant() else {
            continue;
        };
        let earliest = trial.sent_at.plus_millis(-CLOCK_MARGIN_MILLIS);
        let latest = observed.at.plus_millis(CLOCK_MARGIN_MILLIS);
        case.of(letter, earliest <= at && at <= latest, || {
            let (sent, seen) = (trial.sent_at.rfc3339(), observed.at.rfc3339());
            format!("says {}; sent {sent}, all was seen {seen}", at.rfc3339())
        });
    }
    Ok(())
}

fn identifiers(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for trial in observed.trials.values() {
        let Some(letter) = trial.letters().next() else {
            continue;
        };
        let data = letter.data()?;
        let identifier = data.identifier();
        let (local, domain) = identifier.rsplit_once('@').unwrap_or_default();
        // Providers put dots between the pieces of theirs.
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let fits = !local.is_empty() && local.chars().all(is_word) && domain.contains('.');
        case.of(letter, fits, || format!("identifier {identifier:?}"));
        if let Some(other) = seen.insert(identifier.to_owned(), trial.name) {
            case.of(letter, false, || format!("has the identifier of `{other}`"));
        }
    }
    case.holds(seen.len() > 1, || format!("{} identifiers", seen.len()));
    Ok(())
}

/// The reference in header and enclosed original of all letters of a trial.
fn references(case: &mut Case, observed: &Observed, name: &str) -> Result<(), Unmade> {
    let trial = observed.trial(name)?;
    let wanted = client_id(trial);
    case.each(trial.letters(), |case, letter| {
        let found = letter.value(annex::REFERENCE_FIELD);
        case.equal(&format!("reference of {}", letter.name()), &found, &wanted);
        if let Some(original) = letter.original() {
            let found = original.value(annex::REFERENCE_FIELD);
            case.equal(
                &format!("reference of {}", original.name()),
                &found,
                &wanted,
            );
        }
        Ok(())
    })
}

fn reference(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["standard", "unknown", "no-id"] {
        references(case, observed, name)?;
    }
    Ok(())
}

fn forged_reference(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["reference", "references"] {
        references(case, observed, name)?;
        for letter in observed.trial(name)?.letters() {
            let text = String::from_utf8_lossy(letter.octets());
            let is_gone = !text.contains("false@forged.example");
            case.of(letter, is_gone, || {
                "what the client wrote is gone".to_owned()
            });
        }
    }
    Ok(())
}

//! The check list: a row per requirement that shows from outside, a file per family. A check is a
//! function of what was observed; it computes what must be there from the messages themselves, and
//! compares.

/// Rows of a family: requirement, what it asks, source, what it looks at, how it is made.
macro_rules! rows {
    ($($id:literal, $title:literal, $section:literal, [$($scenario:literal),*], $judge:expr;)*) => {
        &[$(Check {
            id: $id,
            title: $title,
            section: $section,
            scenarios: &[$($scenario),*],
            judge: $judge,
        }),*]
    };
}

mod access;
mod delivery;
mod envelope;
mod facts;
mod incoming;
mod moments;
mod refusal;
mod secure;
mod shape;
mod short;
mod signature;

use ceralacca_core::mime::addresses::AddressList;
use ceralacca_core::wording::annex::{self, Mark};

use super::case::Case;
use super::data::Data;
use super::letter::Letter;
use super::observed::{Observed, Trial, Unmade};

/// How a check is made.
pub type Judge = fn(&Observed, &mut Case) -> Result<(), Unmade>;

/// One row of the check list.
pub struct Check {
    /// The requirement.
    pub id: &'static str,
    /// What it asks, in a line.
    pub title: &'static str,
    /// Where it comes from.
    pub section: &'static str,
    /// The scenarios and dialogues that it looks at; none means all of them.
    pub scenarios: &'static [&'static str],
    /// Makes it.
    pub judge: Judge,
}

/// All rows, by family.
pub fn all() -> Vec<&'static Check> {
    let families = [
        access::ROWS,
        refusal::ROWS,
        envelope::ROWS,
        delivery::ROWS,
        short::ROWS,
        facts::ROWS,
        shape::ROWS,
        signature::ROWS,
        incoming::ROWS,
        moments::ROWS,
        secure::ROWS,
    ];
    let mut all: Vec<&Check> = families.into_iter().flatten().collect();
    all.sort_by_key(|check| check.id);
    all
}

/// What the annex says of this letter's kind.
fn mark(letter: &Letter) -> Result<&'static Mark, Unmade> {
    let mark = letter.kind().and_then(annex::mark);
    mark.ok_or_else(|| Unmade::Error(format!("{} is of no known kind", letter.name())))
}

/// The addresses in a field.
fn addresses(letter: &Letter, field: &str) -> Vec<String> {
    let values = letter.exact(field);
    let list = AddressList::of_fields(values.iter().map(Vec::as_slice));
    list.addresses.iter().map(|address| address.key()).collect()
}

/// The certification data where a requirement asks for them: lacking them is the fault.
fn data(case: &mut Case, letter: &Letter) -> Option<Data> {
    match letter.data() {
        Ok(data) => Some(data),
        Err(why) => {
            case.holds(false, || why);
            None
        }
    }
}

/// Blanks and line breaks as one blank each.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The readable text on one line.
fn text(letter: &Letter) -> Result<String, Unmade> {
    let text = letter.text();
    let text = text.ok_or_else(|| format!("{} has no readable text", letter.name()))?;
    Ok(squeezed(&text))
}

/// The first line of the readable text.
fn title(letter: &Letter) -> Result<String, Unmade> {
    let text = letter.text();
    let text = text.ok_or_else(|| format!("{} has no readable text", letter.name()))?;
    let first = text.lines().find(|line| !line.trim().is_empty());
    Ok(first.unwrap_or_default().trim().to_owned())
}

/// The text starts with this title, case aside.
fn titled(case: &mut Case, letter: &Letter, wanted: &str) -> Result<(), Unmade> {
    let found = title(letter)?;
    let is_so = found.eq_ignore_ascii_case(wanted);
    case.of(letter, is_so, || match is_so {
        true => format!("its text is headed {found:?}"),
        false => format!("its text is headed {found:?}, where {wanted:?} belongs"),
    });
    Ok(())
}

/// Prefix and decoded subject of the original.
fn subject(case: &mut Case, trial: &Trial, letter: &Letter) -> Result<(), Unmade> {
    let prefix = mark(letter)?.prefix;
    let wanted = squeezed(&format!("{prefix}{}", plain(&trial.sent.subject())));
    let found = squeezed(&plain(&letter.subject()));
    let is_so = found == wanted;
    case.of(letter, is_so, || match is_so {
        true => format!("subject {found:?}"),
        false => format!("subject {found:?}, where {wanted:?} belongs"),
    });
    Ok(())
}

/// Control characters as blanks: how they are made harmless is the provider's choice.
fn plain(text: &str) -> String {
    let harmless = |c: char| {
        if c.is_control() || c == '\u{fffd}' {
            ' '
        } else {
            c
        }
    };
    text.chars().map(harmless).collect()
}

/// The client's own identifier, where it wrote one.
fn client_id(trial: &Trial) -> Option<String> {
    trial.sent.value("Message-ID")
}

/// Same address, case aside.
fn same(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

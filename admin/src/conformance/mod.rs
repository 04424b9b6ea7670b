//! The check list of RFC 6109 run from outside against any provider: a [`run`] sends messages through
//! two of its mailboxes and gathers what comes of them, [`checks`] judge what was [`observed`], and
//! [`report`] says so in words, JSON, JUnit XML and HTML.
//!
//! The judgement stands apart from what it judges: messages are read with the readers of core, but what
//! must stand in them is worked out from the messages sent, with none of the code that writes ours.

pub mod case;
pub mod checks;
mod data;
mod dialogue;
mod draft;
pub mod letter;
pub mod observed;
mod pending;
pub mod report;
pub mod run;
pub mod scenario;
pub mod settings;

pub use data::Data;

use self::case::{Case, Verdict};
use self::checks::Check;
use self::observed::Observed;

/// One check, made.
pub struct Finding {
    /// Which.
    pub check: &'static Check,
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen, in lines.
    pub evidence: Vec<String>,
}

/// Makes one check.
pub fn judge(check: &'static Check, observed: &Observed) -> Finding {
    let mut case = Case::default();
    let end = (check.judge)(observed, &mut case);
    let (verdict, evidence) = case.close(end);
    Finding {
        check,
        verdict,
        evidence,
    }
}

/// The rows with these identifiers; all when none is named. The first that is unknown is the error.
pub fn chosen(only: &[String]) -> Result<Vec<&'static Check>, String> {
    let all = checks::all();
    let is_known = |id: &&String| all.iter().any(|check| check.id.eq_ignore_ascii_case(id));
    if let Some(unknown) = only.iter().find(|id| !is_known(id)) {
        return Err(unknown.clone());
    }
    let is_chosen =
        |check: &&Check| only.is_empty() || only.iter().any(|id| id.eq_ignore_ascii_case(check.id));
    Ok(all.iter().copied().filter(is_chosen).collect())
}

/// The scenarios and dialogues that these checks look at; `None` when one of them looks at all.
pub fn scenarios_of(checks: &[&Check]) -> Option<Vec<&'static str>> {
    if checks.iter().any(|check| check.scenarios.is_empty()) {
        return None;
    }
    let names = checks.iter().flat_map(|check| check.scenarios);
    Some(names.copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_unique_and_name_scenarios_that_exist() {
        let all = checks::all();
        let mut ids: Vec<&str> = all.iter().map(|check| check.id).collect();
        ids.dedup();
        assert_eq!(ids.len(), all.len(), "an identifier stands twice");
        let mut known: Vec<&str> = scenario::all().map(|row| row.name).collect();
        let count = known.len();
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), count, "a scenario stands twice");
        known.push(scenario::BROKEN);
        known.extend(dialogue::ALL.iter().map(|dialogue| dialogue.name));
        for check in all {
            for name in check.scenarios {
                assert!(known.contains(name), "{}: {name}", check.id);
            }
        }
    }

    #[test]
    fn checks_are_chosen_by_their_identifiers() {
        let two = chosen(&["dr-11".to_owned(), "AP-01".to_owned()]).unwrap();
        let ids: Vec<_> = two.iter().map(|check| check.id).collect();
        assert_eq!(ids, ["AP-01", "DR-11"]);
        assert_eq!(
            chosen(&["XX-01".to_owned()]).err().as_deref(),
            Some("XX-01")
        );
        assert!(scenarios_of(&two).is_some_and(|names| names.contains(&"brief")));
        assert!(scenarios_of(&chosen(&[]).unwrap()).is_none());
    }
}

//! A check being made: what holds, what does not, and the evidence of both in words.

use super::letter::Letter;
use super::observed::Unmade;

/// Lines of evidence that one check keeps; more say nothing new.
const LINES_KEPT_MAX: usize = 12;
/// Characters of one line of evidence.
const LINE_CHARS_MAX: usize = 400;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It does not concern this provider or this run.
    NotApplicable,
    /// It could not be made.
    Error,
}

impl Verdict {
    /// All, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Fail, Self::Error, Self::Pass, Self::NotApplicable];

    /// `pass`, `fail`, `not applicable`, `error`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotApplicable => "not applicable",
            Self::Error => "error",
        }
    }
}

/// Collects what a check finds.
#[derive(Debug, Default)]
pub struct Case {
    faults: Vec<String>,
    seen: Vec<String>,
    count: usize,
    faults_count: usize,
}

impl Case {
    /// Asks that something holds; `words` is the evidence either way.
    pub fn holds(&mut self, holds: bool, words: impl FnOnce() -> String) {
        self.count += 1;
        self.faults_count += usize::from(!holds);
        let lines = if holds {
            &mut self.seen
        } else {
            &mut self.faults
        };
        if lines.len() < LINES_KEPT_MAX {
            lines.push(shown(&words()));
        }
    }

    /// Asks that two values are the same.
    pub fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, wanted: T) {
        let is_so = found == wanted;
        self.holds(is_so, || match is_so {
            true => format!("{what}: {}", told(&found)),
            false => format!(
                "{what}: {}, and {} belongs there",
                told(&found),
                told(&wanted)
            ),
        });
    }

    /// Asks about a letter.
    pub fn of(&mut self, letter: &Letter, holds: bool, words: impl FnOnce() -> String) {
        self.holds(holds, || format!("{}: {}", letter.name(), words()));
    }

    /// Judges each letter; at least one must be there.
    pub fn each<'a>(
        &mut self,
        letters: impl IntoIterator<Item = &'a Letter>,
        mut judge: impl FnMut(&mut Self, &'a Letter) -> Result<(), Unmade>,
    ) -> Result<(), Unmade> {
        let mut trouble = None;
        let mut any = false;
        for letter in letters {
            any = true;
            // One that cannot be judged does not hide another's fault.
            if let Err(why) = judge(self, letter) {
                trouble = trouble.or(Some(why));
            }
        }
        match trouble {
            Some(why) => Err(why),
            None if any => Ok(()),
            None => Err(Unmade::Error("no message to look at came".to_owned())),
        }
    }

    /// The verdict: a fault is one whatever else could not be looked at.
    pub fn close(self, end: Result<(), Unmade>) -> (Verdict, Vec<String>) {
        if !self.faults.is_empty() {
            let mut faults = self.faults;
            if self.faults_count > faults.len() {
                faults.push(format!("{} faults in all", self.faults_count));
            }
            return (Verdict::Fail, faults);
        }
        match end {
            Ok(()) if self.count == 0 => (
                Verdict::Error,
                vec!["the check looked at nothing".to_owned()],
            ),
            Ok(()) => {
                let mut seen = self.seen;
                if self.count > seen.len() {
                    seen.push(format!("{} points hold in all", self.count));
                }
                (Verdict::Pass, seen)
            }
            Err(Unmade::NotApplicable(why)) => (Verdict::NotApplicable, vec![why]),
            Err(Unmade::Error(why)) => (Verdict::Error, vec![why]),
        }
    }
}

/// A value in words: what is there, or that nothing is.
pub fn told(value: &dyn std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let mut inner = text.as_str();
    while let Some(bare) = inner
        .strip_prefix("Some(")
        .and_then(|t| t.strip_suffix(')'))
    {
        inner = bare;
    }
    if inner == "None" {
        "nothing".to_owned()
    } else {
        inner.to_owned()
    }
}

/// One bounded line without control characters.
fn shown(text: &str) -> String {
    let clean = ceralacca_core::mime::words::neutralised(text);
    let mut line: String = clean.chars().take(LINE_CHARS_MAX).collect();
    if line.len() < clean.len() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_outweighs_what_could_not_be_looked_at() {
        let mut case = Case::default();
        case.equal("two", 2, 3);
        let (verdict, lines) = case.close(Err(Unmade::Error("x".into())));
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(lines, ["two: 2, and 3 belongs there"]);
        assert_eq!(told(&Some(Some("x"))), "\"x\"");
        assert_eq!(told(&None::<u8>), "nothing");
    }

    #[test]
    fn evidence_is_bounded_and_says_how_much_there_was() {
        let mut case = Case::default();
        (0..100).for_each(|n| case.holds(false, || format!("{n}\n{}", "x".repeat(1000))));
        let (_, lines) = case.close(Ok(()));
        assert_eq!(lines.len(), LINES_KEPT_MAX + 1);
        assert!(
            lines[0].starts_with("0 xxx") && lines[0].ends_with('…'),
            "{}",
            lines[0]
        );
        assert_eq!(lines.last().map(String::as_str), Some("100 faults in all"));
    }

    #[test]
    fn a_check_that_looks_at_nothing_does_not_pass() {
        assert_eq!(Case::default().close(Ok(())).0, Verdict::Error);
        let mut case = Case::default();
        let none: [&Letter; 0] = [];
        let end = case.each(none, |_, _| Ok(()));
        assert_eq!(case.close(end).0, Verdict::Error);
    }
}

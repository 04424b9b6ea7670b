//! What a run found, for people and for machines. Everything that others wrote is escaped where it
//! stands; no secret is in what is reported, since no check ever holds one.

mod html;
mod junit;

pub use html::html;
pub use junit::junit;

use ceralacca_core::instant::Instant;
use serde_json::{Value, json};

use super::Finding;
use super::case::Verdict;

/// All findings of a run.
pub struct Findings {
    /// In the order of the check list.
    pub all: Vec<Finding>,
    /// The provider, by the server that took the mail.
    pub provider: String,
    /// The mailboxes that were used.
    pub mailboxes: Vec<String>,
    /// When the run ended.
    pub at: Instant,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl Findings {
    /// How many ended this way.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.all
            .iter()
            .filter(|finding| finding.verdict == verdict)
            .count()
    }

    /// Nothing failed, and nothing that should have been looked at was missing.
    pub fn is_good(&self) -> bool {
        self.count(Verdict::Fail) + self.count(Verdict::Error) == 0
    }

    /// `41 pass, 0 fail, …`
    pub fn totals(&self) -> String {
        let of = |verdict: Verdict| format!("{} {}", self.count(verdict), verdict.word());
        let order = [
            Verdict::Pass,
            Verdict::Fail,
            Verdict::Error,
            Verdict::NotApplicable,
        ];
        order.map(of).join(", ")
    }

    /// A line per check; evidence under those that did not pass.
    pub fn words(&self) -> String {
        let mut words = String::new();
        for Finding {
            check,
            verdict,
            evidence,
        } in &self.all
        {
            words.push_str(&format!(
                "{}  {:<14}  {}\n",
                check.id,
                verdict.word(),
                check.title
            ));
            let shown = if *verdict == Verdict::Pass {
                1
            } else {
                evidence.len()
            };
            for line in evidence.iter().take(shown) {
                words.push_str(&format!("       {line}\n"));
            }
        }
        words.push_str(&format!("{} in {:.1} s", self.totals(), self.seconds));
        words
    }

    /// The same as an object.
    pub fn object(&self) -> Value {
        let one = |finding: &Finding| {
            json!({
                "id": finding.check.id,
                "title": finding.check.title,
                "source": finding.check.section,
                "verdict": finding.verdict.word(),
                "evidence": finding.evidence,
            })
        };
        json!({
            "provider": self.provider,
            "mailboxes": self.mailboxes,
            "at": self.at.rfc3339(),
            "seconds": self.seconds,
            "pass": self.count(Verdict::Pass),
            "fail": self.count(Verdict::Fail),
            "error": self.count(Verdict::Error),
            "not_applicable": self.count(Verdict::NotApplicable),
            "checks": self.all.iter().map(one).collect::<Vec<_>>(),
        })
    }
}

/// Text as the content of an element or of an attribute, in XML and in HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.push('?')
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::checks;

    pub(super) fn sample() -> Findings {
        let verdicts = [
            Verdict::Pass,
            Verdict::Fail,
            Verdict::NotApplicable,
            Verdict::Error,
        ];
        let rows = checks::all().into_iter().zip(verdicts);
        let finding = |(check, verdict)| Finding {
            check,
            verdict,
            evidence: vec!["<i>\"evil\" & 'odd'\u{7}</i>".to_owned()],
        };
        Findings {
            all: rows.map(finding).collect(),
            provider: "mail.pec.example:465".to_owned(),
            mailboxes: vec!["a@pec.example".to_owned()],
            at: Instant::from_millis(1_700_000_000_000),
            seconds: 1.5,
        }
    }

    #[test]
    fn findings_are_counted_and_an_error_is_not_good() {
        let mut findings = sample();
        assert_eq!(
            findings.totals(),
            "1 pass, 1 fail, 1 error, 1 not applicable"
        );
        assert!(!findings.is_good());
        findings
            .all
            .retain(|finding| finding.verdict != Verdict::Fail);
        assert!(!findings.is_good());
        findings
            .all
            .retain(|finding| finding.verdict != Verdict::Error);
        assert!(findings.is_good());
        assert_eq!(findings.object()["pass"], 1);
    }

    #[test]
    fn what_others_wrote_stays_text() {
        let findings = sample();
        for page in [junit(&findings), html(&findings)] {
            assert!(
                !page.contains("<i>") && page.contains("&lt;i&gt;"),
                "{page}"
            );
            assert!(!page.contains('\u{7}'));
        }
    }
}

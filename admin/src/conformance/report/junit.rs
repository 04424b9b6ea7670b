//! JUnit XML, as systems of continuous integration read it: a test case per check, its family as the
//! class; `failure`, `error` and `skipped` with the evidence as their text.

use super::{Findings, escaped};
use crate::conformance::Finding;
use crate::conformance::case::Verdict;

/// The report.
pub fn junit(findings: &Findings) -> String {
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n\
         <testsuite name=\"RFC 6109 conformance\" hostname=\"{}\" tests=\"{}\" failures=\"{}\" \
         errors=\"{}\" skipped=\"{}\" time=\"{:.3}\" timestamp=\"{}\">\n",
        escaped(&findings.provider),
        findings.all.len(),
        findings.count(Verdict::Fail),
        findings.count(Verdict::Error),
        findings.count(Verdict::NotApplicable),
        findings.seconds,
        findings.at.rfc3339(),
    );
    findings
        .all
        .iter()
        .for_each(|finding| case(finding, &mut xml));
    xml.push_str("</testsuite>\n</testsuites>\n");
    xml
}

fn case(finding: &Finding, xml: &mut String) {
    let check = finding.check;
    let family = check.id.split('-').next().unwrap_or_default();
    xml.push_str(&format!(
        "<testcase classname=\"conformance.{family}\" name=\"{} {}\" time=\"0\">",
        check.id,
        escaped(check.title)
    ));
    let lines = finding.evidence.join("\n");
    let (first, all) = (
        escaped(finding.evidence.first().map_or("", String::as_str)),
        escaped(&format!("{}\n{lines}", check.section)),
    );
    let element = match finding.verdict {
        Verdict::Pass => format!("<system-out>{all}</system-out>"),
        Verdict::Fail => format!("<failure type=\"fail\" message=\"{first}\">{all}</failure>"),
        Verdict::Error => format!("<error type=\"error\" message=\"{first}\">{all}</error>"),
        Verdict::NotApplicable => format!("<skipped message=\"{first}\"/>"),
    };
    xml.push_str(&element);
    xml.push_str("</testcase>\n");
}

//! The report as one page: readable on a screen and on paper, with nothing that it fetches and no
//! script. The filter is made of radio buttons and rules of style.

use super::{Findings, escaped};
use crate::conformance::Finding;
use crate::conformance::case::Verdict;

const STYLE: &str = "\
:root{--ink:#1d2430;--soft:#5b6575;--line:#d9dee6;--back:#fff;--band:#f5f7fa}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1100px;margin:0 auto;padding:32px 24px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px}
.about{color:var(--soft);margin:0 0 20px}
.totals{display:flex;flex-wrap:wrap;gap:10px;margin:0 0 20px;padding:0;list-style:none}
.totals li{border:1px solid var(--line);border-left-width:5px;border-radius:6px;padding:8px 16px;min-width:130px}
.totals b{display:block;font-size:24px;line-height:1.2}
.filter{margin:0 4px 0 0}
label{margin-right:16px;cursor:pointer;white-space:nowrap}
table{width:100%;border-collapse:collapse;margin-top:14px;table-layout:fixed}
th{text-align:left;font-size:13px;color:var(--soft);border-bottom:2px solid var(--line);padding:6px 10px}
td{vertical-align:top;border-bottom:1px solid var(--line);padding:9px 10px;overflow-wrap:anywhere}
.id{width:76px;font-weight:600;white-space:nowrap}
.verdict{width:144px}
td small{display:block;color:var(--soft)}
.word{display:inline-block;border-radius:4px;padding:1px 9px;font-weight:600;font-size:13px;white-space:nowrap}
.pass .word{background:#dcf3e2;color:#135c2b}
.fail .word{background:#fbdcdc;color:#8c1212}
.error .word{background:#fdebc8;color:#744a00}
.na .word{background:#e8ebf0;color:#434c5a}
li.pass{border-left-color:#2b9a4e}li.fail{border-left-color:#c72c2c}
li.error{border-left-color:#d98d0b}li.na{border-left-color:#9aa4b2}
.evidence{margin:0;padding:0;list-style:none;font:13px/1.45 ui-monospace,monospace}
.evidence li{padding-left:12px;text-indent:-12px}
summary{cursor:pointer;font:13px/1.45 ui-monospace,monospace}
tr.fail td{background:#fff7f7}
#f-fail:checked~table tr.pass,#f-fail:checked~table tr.error,#f-fail:checked~table tr.na,
#f-error:checked~table tr.pass,#f-error:checked~table tr.fail,#f-error:checked~table tr.na,
#f-pass:checked~table tr.fail,#f-pass:checked~table tr.error,#f-pass:checked~table tr.na,
#f-na:checked~table tr.pass,#f-na:checked~table tr.fail,#f-na:checked~table tr.error{display:none}
@media (max-width:700px){table,tbody,tr,td{display:block;width:auto!important}thead{display:none}
td{border:0;padding:2px 0}tr{border-bottom:1px solid var(--line);padding:10px 0;display:block}}
@media print{body{font-size:11px}main{max-width:none;padding:0}.filter,label{display:none}
tr{break-inside:avoid}tr.fail td{background:none}thead{display:table-header-group}}
";

/// The page.
pub fn html(findings: &Findings) -> String {
    let provider = escaped(&findings.provider);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>RFC 6109 conformance of {provider}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>RFC 6109 conformance of {provider}</h1>\n\
         <p class=\"about\">{} checks, run from outside with {}, ended {} after {:.1} s</p>\n",
        findings.all.len(),
        escaped(&findings.mailboxes.join(" and ")),
        findings.at.rfc3339(),
        findings.seconds,
    );
    totals(findings, &mut page);
    filter(&mut page);
    page.push_str(
        "<table>\n<thead><tr><th class=\"id\">ID</th><th>Requirement</th>\
         <th class=\"verdict\">Verdict</th><th>Evidence</th></tr></thead>\n<tbody>\n",
    );
    findings
        .all
        .iter()
        .for_each(|finding| row(finding, &mut page));
    page.push_str("</tbody>\n</table>\n</main>\n</body>\n</html>\n");
    page
}

const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Error => "error",
        Verdict::NotApplicable => "na",
    }
}

fn totals(findings: &Findings, page: &mut String) {
    page.push_str("<ul class=\"totals\">");
    for verdict in Verdict::ALL {
        let (class, count, word) = (class(verdict), findings.count(verdict), verdict.word());
        page.push_str(&format!("<li class=\"{class}\"><b>{count}</b>{word}</li>"));
    }
    page.push_str("</ul>\n");
}

fn filter(page: &mut String) {
    let mut button = |id: &str, word: &str, checked: &str| {
        page.push_str(&format!(
            "<input class=\"filter\" type=\"radio\" name=\"f\" id=\"f-{id}\"{checked}>\
             <label for=\"f-{id}\">{word}</label>\n"
        ));
    };
    button("all", "all", " checked");
    for verdict in Verdict::ALL {
        button(class(verdict), verdict.word(), "");
    }
}

fn row(finding: &Finding, page: &mut String) {
    let check = finding.check;
    let (class, word) = (class(finding.verdict), finding.verdict.word());
    page.push_str(&format!(
        "<tr class=\"{class}\"><td class=\"id\">{}</td><td>{}<small>{}</small></td>\
         <td class=\"verdict\"><span class=\"word\">{word}</span></td><td>",
        check.id,
        escaped(check.title),
        escaped(check.section),
    ));
    let list = |lines: &[String]| -> String {
        let items = lines
            .iter()
            .map(|line| format!("<li>{}</li>", escaped(line)));
        format!("<ul class=\"evidence\">{}</ul>", items.collect::<String>())
    };
    match finding.evidence.as_slice() {
        // What did not pass is shown whole, also on paper.
        [first, rest @ ..] if finding.verdict == Verdict::Pass && !rest.is_empty() => {
            let (first, rest) = (escaped(first), list(rest));
            page.push_str(&format!(
                "<details><summary>{first}</summary>{rest}</details>"
            ));
        }
        lines => page.push_str(&list(lines)),
    }
    page.push_str("</td></tr>\n");
}

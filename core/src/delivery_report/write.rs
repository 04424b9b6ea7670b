//! Writes a delivery report: text for people in two languages, the facts for programs, and the header of
//! the message that it speaks of. All of it is 7-bit; nothing that a remote server said can open a line
//! or a field (SE-06).

use super::Action;
use crate::address::{Address, Domain};
use crate::envelope::Boundary;
use crate::envelope::Step;
use crate::envelope::body::quoted_printable;
use crate::envelope::header::Header;
use crate::instant::Instant;
use crate::limits;
use crate::rope::Rope;
use crate::wording::reports;

/// Local part of the sender of reports, as on most servers.
const SENDER: &str = "MAILER-DAEMON";

/// One recipient that was not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRecipient {
    /// Who.
    pub address: Address,
    /// `Failed` or `Delayed`.
    pub action: Action,
    /// Enhanced status code, `5.1.1`.
    pub status: String,
    /// The server that refused; `None` where it was us.
    pub remote: Option<String>,
    /// Its answer, or our reason.
    pub diagnostic: Option<String>,
}

/// What a report says.
#[derive(Debug, Clone)]
pub struct DeliveryReport<'a> {
    /// Our server's name.
    pub host: &'a str,
    /// The provider's own domain.
    pub domain: &'a Domain,
    /// The reverse path of the message, where the report goes.
    pub to: &'a Address,
    /// When the message came to us.
    pub arrived: Instant,
    /// Who was not served.
    pub recipients: &'a [FailedRecipient],
    /// The header of the message as it came; the report holds so much of it as its bound allows.
    pub header: &'a [u8],
    /// Time and randomness of the report.
    pub step: Step,
}

/// The whole report; its reverse path is null.
pub fn write(report: &DeliveryReport<'_>) -> Rope {
    let boundary = report.step.seed.boundary(Boundary::Report);
    let is_final = report.recipients.iter().any(|r| r.action == Action::Failed);
    let mut message = Rope::text(fields(report, &boundary, is_final).into_bytes());
    message.push_text(format!("\r\n--{boundary}\r\n"));
    message.push_text(words(report, is_final));
    message.push_text(format!(
        "\r\n--{boundary}\r\nContent-Type: message/delivery-status\r\n\r\n"
    ));
    message.push_text(facts(report));
    message.push_text(format!("\r\n--{boundary}\r\n"));
    message.push_text(returned(report.header));
    message.push_text(format!("\r\n--{boundary}--\r\n"));
    message
}

fn fields(report: &DeliveryReport<'_>, boundary: &str, is_final: bool) -> Header {
    let domain = report.domain;
    let step = &report.step;
    let mut header = Header::default();
    header.field("Date", &step.at.header_date());
    let from = format!("Mail Delivery System <{SENDER}@{domain}>");
    header.field("From", &from);
    header.field("To", report.to.as_str());
    header.field("Subject", reports::subject(is_final));
    let id = format!("<d{}@{domain}>", step.seed.word());
    header.field("Message-ID", &id);
    header.field("Auto-Submitted", "auto-replied");
    header.field("MIME-Version", "1.0");
    let kind = "multipart/report; report-type=delivery-status;";
    header.field("Content-Type", &format!("{kind} boundary=\"{boundary}\""));
    header
}

fn words(report: &DeliveryReport<'_>, is_final: bool) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut say = |line: &str| lines.push(line.as_bytes().to_vec());
    for (introduction, because) in reports::paragraphs(is_final) {
        say(introduction);
        say("");
        for recipient in report.recipients {
            let (address, status) = (&recipient.address, plain(&recipient.status));
            say(&format!("    {address}"));
            let diagnostic = plain(recipient.diagnostic.as_deref().unwrap_or_default());
            say(format!("    {because} {status} {diagnostic}").trim_end());
        }
        say("");
    }
    let mut part = b"Content-Type: text/plain; charset=\"utf-8\"\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        .to_vec();
    let add = |line: &Vec<u8>| quoted_printable(line, &mut part);
    lines.iter().for_each(add);
    part
}

fn facts(report: &DeliveryReport<'_>) -> Vec<u8> {
    let mut all = Header::default();
    let host = report.host;
    all.field("Reporting-MTA", &format!("dns; {host}"));
    all.field("Arrival-Date", &report.arrived.header_date());
    let mut octets = all.into_bytes();
    for recipient in report.recipients {
        let mut of_one = Header::default();
        let address = format!("rfc822; {}", recipient.address);
        of_one.field("Final-Recipient", &address);
        of_one.field("Action", recipient.action.word());
        of_one.field("Status", &plain(&recipient.status));
        if let Some(remote) = &recipient.remote {
            of_one.field("Remote-MTA", &format!("dns; {}", plain(remote)));
        }
        if let Some(diagnostic) = &recipient.diagnostic {
            of_one.field("Diagnostic-Code", &format!("smtp; {}", plain(diagnostic)));
        }
        octets.extend_from_slice(b"\r\n");
        octets.extend_from_slice(&of_one.into_bytes());
    }
    octets
}

/// What a stranger's server said: one line of ASCII, bounded.
fn plain(text: &str) -> String {
    let octet = |c: char| match c {
        ' '..='~' => c,
        c if c.is_control() => ' ',
        _ => '?',
    };
    text.chars()
        .take(limits::REPORT_DIAGNOSTIC_CHARS_MAX)
        .map(octet)
        .collect()
}

/// The header of the message, whole lines of it, in quoted-printable where it is not plain.
fn returned(header: &[u8]) -> Vec<u8> {
    let kept = header
        .get(..limits::REPORT_HEADER_BYTES_MAX)
        .unwrap_or(header);
    let end = if kept.len() < header.len() {
        memchr::memrchr(b'\n', kept).map_or(0, |at| at + 1)
    } else {
        kept.len()
    };
    let kept = &kept[..end];
    let lines: Vec<Vec<u8>> = kept
        .split_inclusive(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
        // The blank line ends a header.
        .take_while(|line| !line.is_empty())
        .collect();
    let is_plain = lines
        .iter()
        .all(|line| line.len() <= limits::LINE_BYTES_MAX && line.iter().all(is_harmless));
    let mut part = b"Content-Type: text/rfc822-headers\r\n".to_vec();
    if is_plain {
        part.extend_from_slice(b"\r\n");
        for line in lines {
            part.extend_from_slice(&line);
            part.extend_from_slice(b"\r\n");
        }
        return part;
    }
    part.extend_from_slice(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    let add = |line: &Vec<u8>| quoted_printable(line, &mut part);
    lines.iter().for_each(add);
    part
}

fn is_harmless(octet: &u8) -> bool {
    matches!(octet, b' '..=b'~' | b'\t')
}

//! LDIF as we write it: one way only, base64 where RFC 2849 asks for it, folded; what breaks the forms
//! of RFC 6109 is refused (DI-15). [`compose`] makes our own part of the index (DI-08).

use data_encoding::{BASE64, HEXUPPER};

use super::record::sha1;
use super::{ProviderRecord, ROOT, folded, receipt_address};
use crate::limits::LDIF_LINE_COLUMNS;

/// What may not be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// DI-15.
    #[error("the mailReceipt `{0}` is not in dot-atom form")]
    MailReceipt(String),
    /// RFC 6109 §4.5.9.
    #[error("the record of {0} lacks {1}")]
    Lacks(String, &'static str),
    /// RFC 6109 §4.5.6.
    #[error("the location `{0}` is not an HTTPS URL")]
    Location(String),
    /// RFC 6109 §4.5.6.
    #[error("the secondary environment {0} may not have a location of its own")]
    LocationOfSecondary(String),
    /// RFC 6109 §4.5.7.
    #[error("{0} is no secondary environment of {1}")]
    NotSecondary(String, String),
    /// A name is one line.
    #[error("{0} holds a control character")]
    Control(&'static str),
}

/// Our own part of the index: the main record and those of all secondary environments.
pub fn compose(main: &ProviderRecord, secondary: &[ProviderRecord]) -> Result<Vec<u8>, WriteError> {
    let mut all = vec![main.clone()];
    for record in secondary {
        if record.is_main() || !main.is_main() || folded(&record.name) != folded(&main.name) {
            return Err(WriteError::NotSecondary(record.title(), main.title()));
        }
        all.push(record.clone());
    }
    write(None, &all)
}

/// An index in LDIF; with `location`, the whole one, its root first.
pub fn write(location: Option<&str>, records: &[ProviderRecord]) -> Result<Vec<u8>, WriteError> {
    let mut page = Page {
        text: b"version: 1\n".to_vec(),
    };
    if let Some(url) = location {
        check_https(url)?;
        page.begin(ROOT);
        for class in ["top", "organization", "LDIFLocationURLObject"] {
            page.line("objectClass", class.as_bytes());
        }
        page.line("o", b"postacert");
        page.line("LDIFLocationURL", url.as_bytes());
    }
    for record in records {
        page.record(record)?;
    }
    Ok(page.text)
}

struct Page {
    text: Vec<u8>,
}

impl Page {
    fn record(&mut self, record: &ProviderRecord) -> Result<(), WriteError> {
        let receipt = check(record)?;
        self.begin(&distinguished_name(record));
        self.line("objectClass", b"top");
        self.line("objectClass", b"provider");
        self.line("providerName", record.name.as_bytes());
        if let Some(unit) = &record.unit {
            self.line("providerUnit", unit.as_bytes());
        }
        for der in &record.certificates {
            let hash = HEXUPPER.encode(&sha1(der));
            self.line("providerCertificateHash", hash.as_bytes());
        }
        for der in &record.certificates {
            self.base64("providerCertificate;binary", der);
        }
        self.line("mailReceipt", receipt.as_bytes());
        if let Some(url) = &record.ldif_url {
            self.line("LDIFLocationURL", url.as_bytes());
        }
        for domain in &record.domains {
            self.line("managedDomains", domain.as_str().as_bytes());
        }
        if let Some(description) = &record.description {
            self.line("description", description.as_bytes());
        }
        Ok(())
    }

    fn begin(&mut self, dn: &str) {
        self.text.push(b'\n');
        self.line("dn", dn.as_bytes());
    }

    fn line(&mut self, name: &str, value: &[u8]) {
        if is_safe(value) {
            self.folded(&[name.as_bytes(), b": ", value].concat());
        } else {
            self.base64(name, value);
        }
    }

    fn base64(&mut self, name: &str, value: &[u8]) {
        let text = BASE64.encode(value);
        self.folded(format!("{name}:: {text}").as_bytes());
    }

    /// All octets are ASCII by now, so that a fold cuts no character.
    fn folded(&mut self, line: &[u8]) {
        let (first, mut rest) = line.split_at(line.len().min(LDIF_LINE_COLUMNS));
        self.text.extend_from_slice(first);
        while !rest.is_empty() {
            let (more, left) = rest.split_at(rest.len().min(LDIF_LINE_COLUMNS - 1));
            self.text.extend_from_slice(b"\n ");
            self.text.extend_from_slice(more);
            rest = left;
        }
        self.text.push(b'\n');
    }
}

/// SAFE-STRING of RFC 2849, that ends in no blank.
fn is_safe(value: &[u8]) -> bool {
    let starts = !matches!(value.first(), Some(b' ' | b':' | b'<'));
    let ends = value.last() != Some(&b' ');
    starts && ends && value.iter().all(|octet| (0x20..0x7f).contains(octet))
}

/// The receipt address, once the record may be published.
fn check(record: &ProviderRecord) -> Result<&str, WriteError> {
    let lacks = |what| WriteError::Lacks(record.title(), what);
    for (text, what) in [
        (Some(&record.name), "the provider's name"),
        (record.unit.as_ref(), "the unit's name"),
        (record.description.as_ref(), "the description"),
    ] {
        if text.is_some_and(|text| text.chars().any(char::is_control)) {
            return Err(WriteError::Control(what));
        }
    }
    if record.name.trim().is_empty() {
        return Err(lacks("providerName"));
    }
    if record.domains.is_empty() {
        return Err(lacks("managedDomains"));
    }
    if record.certificates.is_empty() {
        return Err(lacks("providerCertificate"));
    }
    match (&record.ldif_url, &record.unit) {
        (Some(_), Some(unit)) => return Err(WriteError::LocationOfSecondary(unit.clone())),
        (Some(url), None) => check_https(url)?,
        (None, _) => {}
    }
    let receipt = record.mail_receipt.as_ref();
    let receipt = receipt.ok_or_else(|| lacks("mailReceipt"))?.as_str();
    receipt_address(receipt).map_err(|_| WriteError::MailReceipt(receipt.to_owned()))?;
    Ok(receipt)
}

fn check_https(url: &str) -> Result<(), WriteError> {
    let host = url.strip_prefix("https://").unwrap_or_default();
    let is_sound = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
        && url.bytes().all(|octet| octet.is_ascii_graphic());
    if is_sound {
        Ok(())
    } else {
        Err(WriteError::Location(url.to_owned()))
    }
}

fn distinguished_name(record: &ProviderRecord) -> String {
    let name = escaped(&record.name);
    match &record.unit {
        Some(unit) => format!("providerUnit={},providerName={name},{ROOT}", escaped(unit)),
        None => format!("providerName={name},{ROOT}"),
    }
}

/// RFC 4514 §2.4.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let is_edge = (c == ' ' && (at == 0 || at == last)) || (c == '#' && at == 0);
        if is_edge || matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

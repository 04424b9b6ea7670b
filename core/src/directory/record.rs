//! One record of the index, read from the values that follow its `dn:`. Certificates are kept with
//! their hash beside them in the record, byte by byte, or not at all (IP-03, DI-16).

use std::borrow::Cow;

use aws_lc_rs::digest;
use data_encoding::{HEXUPPER, HEXUPPER_PERMISSIVE};

use super::ldif::{LdifError, Value};
use super::remark::{Fault, Remarks};
use super::{ROOT, folded, managed_domain, receipt_address};
use crate::address::{Address, Domain};
use crate::smime::certificate::Certificate;

/// An environment of a provider (RFC 6109 §4.5.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRecord {
    /// `providerName`.
    pub name: String,
    /// `providerUnit`; `None`: the main environment.
    pub unit: Option<String>,
    /// `mailReceipt`: where take-charge receipts and virus detection notices go.
    pub mail_receipt: Option<Address>,
    /// `managedDomains`.
    pub domains: Vec<Domain>,
    /// `providerCertificate` (DER), each with its hash in the record.
    pub certificates: Vec<Vec<u8>>,
    /// `LDIFLocationURL`; of the main environment only.
    pub ldif_url: Option<String>,
    /// `description`.
    pub description: Option<String>,
}

impl ProviderRecord {
    /// The main environment, not a secondary one.
    pub const fn is_main(&self) -> bool {
        self.unit.is_none()
    }

    /// Provider, and unit where it has one, for people.
    pub fn title(&self) -> String {
        match &self.unit {
            Some(unit) => format!("{} ({unit})", self.name),
            None => self.name.clone(),
        }
    }
}

/// The name of a certificate in the index.
pub(super) fn sha1(der: &[u8]) -> [u8; 20] {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der);
    let mut out = [0; 20];
    out.copy_from_slice(hash.as_ref());
    out
}

/// What a finished record turns out to be.
pub(super) enum Read {
    Root { location: Option<String> },
    Provider(ProviderRecord),
    Other,
}

/// Collects the values of one record.
#[derive(Debug)]
pub(super) struct Builder {
    line: usize,
    dn: String,
    is_provider: bool,
    name: Option<String>,
    unit: Option<String>,
    receipts: Vec<(usize, String)>,
    domains: Vec<Domain>,
    bad_domains: Vec<(usize, String)>,
    hashes: Vec<(usize, String)>,
    certificates: Vec<(usize, Vec<u8>)>,
    url: Option<String>,
    description: Option<String>,
    faults: Vec<(usize, Fault)>,
}

impl Builder {
    /// A record begins with its name.
    pub(super) fn begin(dn: Value<'_>) -> Result<Self, LdifError> {
        if dn.name != "dn" {
            return Err(LdifError::NoName(dn.line));
        }
        let mut record = Self {
            line: dn.line,
            dn: String::new(),
            is_provider: false,
            name: None,
            unit: None,
            receipts: Vec::new(),
            domains: Vec::new(),
            bad_domains: Vec::new(),
            hashes: Vec::new(),
            certificates: Vec::new(),
            url: None,
            description: None,
            faults: Vec::new(),
        };
        record.dn = record.text("dn", dn.line, dn.octets).unwrap_or_default();
        Ok(record)
    }

    /// Something about the record's place in the text.
    pub(super) fn remark(&mut self, line: usize, fault: Fault) {
        self.faults.push((line, fault));
    }

    /// Takes one value in.
    pub(super) fn put(&mut self, value: Value<'_>) {
        let Value {
            line,
            name,
            has_option,
            octets,
        } = value;
        if has_option {
            return;
        }
        match name.as_str() {
            "objectclass" => {
                let class = self.text("objectClass", line, octets).unwrap_or_default();
                self.is_provider |=
                    class.eq_ignore_ascii_case("provider") || class == "1.3.6.1.4.1.16572.2.1.2";
            }
            "providercertificatehash" | "1.3.6.1.4.1.16572.2.2.1" => {
                let text = self.text("providerCertificateHash", line, octets);
                self.hashes.extend(text.map(|text| (line, text)));
            }
            "providercertificate" | "1.3.6.1.4.1.16572.2.2.2" => match octets {
                Ok(der) => self.certificates.push((line, der.into_owned())),
                Err(fault) => self.remark(line, Fault::BadValue("providerCertificate", fault)),
            },
            "providername" | "1.3.6.1.4.1.16572.2.2.3" => {
                let text = self.text("providerName", line, octets);
                let again = once(&mut self.name, text);
                self.twice(again, line, "providerName");
            }
            "mailreceipt" | "1.3.6.1.4.1.16572.2.2.4" => {
                let text = self.text("mailReceipt", line, octets);
                self.receipts.extend(text.map(|text| (line, text)));
            }
            "manageddomains" | "1.3.6.1.4.1.16572.2.2.5" => {
                if let Some(text) = self.text("managedDomains", line, octets) {
                    match managed_domain(&text) {
                        Ok(domain) => self.domains.push(domain),
                        Err(_) => self.bad_domains.push((line, text)),
                    }
                }
            }
            "ldiflocationurl" | "1.3.6.1.4.1.16572.2.2.6" => {
                let text = self.text("LDIFLocationURL", line, octets);
                let again = once(&mut self.url, text);
                self.twice(again, line, "LDIFLocationURL");
            }
            "providerunit" | "1.3.6.1.4.1.16572.2.2.7" => {
                let text = self.text("providerUnit", line, octets);
                let again = once(&mut self.unit, text);
                self.twice(again, line, "providerUnit");
            }
            "description" => {
                let text = self.text("description", line, octets);
                once(&mut self.description, text);
            }
            _ => {}
        }
    }

    fn text(
        &mut self,
        name: &'static str,
        line: usize,
        octets: Result<Cow<'_, [u8]>, super::ldif::ValueFault>,
    ) -> Option<String> {
        match octets {
            Err(fault) => self.remark(line, Fault::BadValue(name, fault)),
            Ok(octets) => match std::str::from_utf8(&octets) {
                Ok(text) => return Some(text.trim().to_owned()),
                Err(_) => self.remark(line, Fault::NotText(name)),
            },
        }
        None
    }

    fn twice(&mut self, again: bool, line: usize, name: &'static str) {
        if again {
            self.remark(line, Fault::Twice(name));
        }
    }

    /// The record as a whole; what is wrong with it goes to `remarks`.
    pub(super) fn finish(mut self, remarks: &mut Remarks) -> Read {
        let is_root = normalised(&self.dn) == ROOT;
        let title = match (&self.name, &self.unit) {
            (Some(name), Some(unit)) => format!("{name} ({unit})"),
            (Some(name), None) => name.clone(),
            _ => self.dn.clone(),
        };
        let read = if is_root && !self.is_provider {
            let location = self.url.take().inspect(|url| self.check_https(url.clone()));
            Read::Root { location }
        } else if self.is_provider || self.name.is_some() {
            self.provider().map_or(Read::Other, Read::Provider)
        } else {
            self.remark(self.line, Fault::Unknown);
            Read::Other
        };
        for (line, fault) in self.faults {
            remarks.add(line, &title, fault);
        }
        read
    }

    fn provider(&mut self) -> Option<ProviderRecord> {
        let line = self.line;
        for (line, text) in std::mem::take(&mut self.bad_domains) {
            self.remark(line, Fault::BadDomain(text));
        }
        let name = self.name.take().filter(|name| !name.is_empty());
        let Some(name) = name else {
            self.remark(line, Fault::Lacks("providerName"));
            return None;
        };
        let unit = self.unit.take().filter(|unit| !unit.is_empty());
        self.check_dn(unit.is_some());
        let record = ProviderRecord {
            mail_receipt: self.mail_receipt(),
            certificates: self.hashed_certificates(),
            ldif_url: self.location(unit.is_some()),
            domains: std::mem::take(&mut self.domains),
            description: self.description.take(),
            name,
            unit,
        };
        for (is_empty, name) in [
            (record.mail_receipt.is_none(), "mailReceipt"),
            (record.domains.is_empty(), "managedDomains"),
            (record.certificates.is_empty(), "providerCertificate"),
        ] {
            if is_empty {
                self.remark(line, Fault::Lacks(name));
            }
        }
        Some(record)
    }

    fn check_dn(&mut self, is_secondary: bool) {
        let dn = normalised(&self.dn);
        let names_unit = dn.starts_with("providerunit");
        if names_unit != is_secondary || !dn.ends_with(ROOT) {
            self.remark(self.line, Fault::OtherName(self.dn.clone()));
        }
    }

    fn check_https(&mut self, url: String) {
        if !url.to_ascii_lowercase().starts_with("https://") {
            self.remark(self.line, Fault::NotHttps(url));
        }
    }

    fn location(&mut self, is_secondary: bool) -> Option<String> {
        let url = self.url.take()?;
        if is_secondary {
            self.remark(self.line, Fault::LocationOfSecondary);
            return None;
        }
        self.check_https(url.clone());
        Some(url)
    }

    fn mail_receipt(&mut self) -> Option<Address> {
        let mut found = None;
        for (line, text) in std::mem::take(&mut self.receipts) {
            match receipt_address(&text) {
                Ok(address) => {
                    let again = once(&mut found, Some(address));
                    self.twice(again, line, "mailReceipt");
                }
                Err(_) => self.remark(line, Fault::BadMailReceipt(text)),
            }
        }
        found
    }

    /// Certificates and hashes that fit one another; the others are remarked on.
    fn hashed_certificates(&mut self) -> Vec<Vec<u8>> {
        let mut certificates = Vec::new();
        for (line, der) in std::mem::take(&mut self.certificates) {
            if let Err(error) = Certificate::read(&der) {
                self.remark(line, Fault::BadCertificate(error.0));
            }
            certificates.push((line, sha1(&der), der));
        }
        let mut listed = Vec::new();
        for (line, text) in std::mem::take(&mut self.hashes) {
            match HEXUPPER_PERMISSIVE.decode(text.as_bytes()) {
                Ok(hash) if hash.len() == 20 => listed.push((line, hash)),
                _ => self.remark(line, Fault::BadHash(text)),
            }
        }
        for (line, hash) in &listed {
            if !certificates
                .iter()
                .any(|(_, own, _)| own == hash.as_slice())
            {
                self.remark(*line, Fault::HashFitsNothing(HEXUPPER.encode(hash)));
            }
        }
        let mut kept = Vec::new();
        for (line, own, der) in certificates {
            if listed.iter().any(|(_, hash)| own == hash.as_slice()) {
                kept.push(der);
            } else {
                self.remark(line, Fault::NoHash(HEXUPPER.encode(&own)));
            }
        }
        kept
    }
}

/// Puts a value where none is yet; whether there was one.
fn once<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    match (&place, value) {
        (_, None) => false,
        (Some(_), Some(_)) => true,
        (None, value) => {
            *place = value;
            false
        }
    }
}

/// A distinguished name in lower case without blanks around its commas and equal signs.
fn normalised(dn: &str) -> String {
    let parts = dn.split(',').map(|part| match part.split_once('=') {
        Some((kind, value)) => format!("{}={}", kind.trim().to_lowercase(), folded(value)),
        None => folded(part),
    });
    parts.collect::<Vec<_>>().join(",")
}

//! The index in memory, made once and never changed: searches by domain and by certificate take some
//! microseconds on 300,000 domains (DI-06) with eight octets per domain besides the names themselves.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::ldif::{Item, Reader, too_many};
use super::record::{Builder, Read, sha1};
use super::remark::{Fault, Remarks};
use super::{DirectoryError, ProviderRecord, Remark, folded};
use crate::address::{Address, Domain};
use crate::limits::DIRECTORY_RECORDS_MAX;
use crate::smime::certificate::Certificate;

/// All providers.
#[derive(Debug, Default)]
pub struct Directory {
    location: Option<String>,
    records: Vec<ProviderRecord>,
    /// Every managed domain, in the order of the names.
    domains: Vec<Place>,
    /// Every certificate, in the order of their hashes.
    certificates: Vec<([u8; 20], Place)>,
    /// In lower case.
    service_addresses: HashSet<Box<str>>,
}

/// A value of a record. An index has fewer than 2^32 values ([`crate::limits`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    record: u32,
    at: u32,
}

impl Directory {
    /// Reads an index, the national one or a single provider's. Faults of records are told and cost
    /// nobody else (DI-15, DI-16).
    pub fn read(ldif: &[u8]) -> Result<(Self, Vec<Remark>), DirectoryError> {
        let mut remarks = Remarks::default();
        let (location, records) = read_records(ldif, &mut remarks)?;
        if records.is_empty() {
            return Err(DirectoryError::Empty);
        }
        let directory = Self::of(location, records);
        directory.judge(&mut remarks);
        Ok((directory, remarks.into_vec()))
    }

    /// From records at hand.
    pub fn of(location: Option<String>, records: Vec<ProviderRecord>) -> Self {
        let mut directory = Self {
            location,
            records,
            ..Self::default()
        };
        directory.index_domains();
        directory.index_certificates();
        directory
    }

    fn index_domains(&mut self) {
        let records = &self.records;
        let places = records.iter().enumerate().flat_map(|(number, record)| {
            let ats = 0..record.domains.len();
            ats.map(move |at| place(number, at))
        });
        let mut places: Vec<Place> = places.collect();
        let name = |place: &Place| domain_at(records, *place);
        places.sort_unstable_by(|a, b| (name(a), a.record, a.at).cmp(&(name(b), b.record, b.at)));
        places.dedup_by(|a, b| a.record == b.record && name(a) == name(b));
        places.shrink_to_fit();
        self.domains = places;
    }

    fn index_certificates(&mut self) {
        for (number, record) in self.records.iter().enumerate() {
            let receipt = record.mail_receipt.iter().map(Address::key);
            self.service_addresses
                .extend(receipt.map(String::into_boxed_str));
            for (at, der) in record.certificates.iter().enumerate() {
                self.certificates.push((sha1(der), place(number, at)));
                let Ok(certificate) = Certificate::read(der) else {
                    continue;
                };
                let addresses = certificate.mail_addresses().into_iter();
                self.service_addresses
                    .extend(addresses.map(|a| a.to_ascii_lowercase().into_boxed_str()));
            }
        }
        self.certificates
            .sort_unstable_by_key(|(hash, place)| (*hash, place.record, place.at));
    }

    /// What concerns several records.
    fn judge(&self, remarks: &mut Remarks) {
        for two in self.domains.windows(2) {
            let [a, b] = two else { continue };
            let (Some(one), Some(other)) = (self.record(*a), self.record(*b)) else {
                continue;
            };
            let domain = domain_at(&self.records, *a);
            if domain == domain_at(&self.records, *b)
                && folded(&one.name) != folded(&other.name)
                && let Some(domain) = domain
            {
                let fault = Fault::Shared(domain.clone(), other.title());
                remarks.add(0, &one.title(), fault);
            }
        }
        let mains = self.records.iter().filter(|record| record.is_main());
        let mains: HashSet<String> = mains.map(|record| folded(&record.name)).collect();
        for record in &self.records {
            if !mains.contains(&folded(&record.name)) {
                remarks.add(0, &record.title(), Fault::NoMain);
            }
        }
    }

    /// All records, in the order of the text.
    pub fn records(&self) -> &[ProviderRecord] {
        &self.records
    }

    /// `LDIFLocationURL` of the root: where the whole index is fetched.
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// How many different domains are managed.
    pub fn domain_count(&self) -> usize {
        self.domain_names().count()
    }

    /// Every managed domain once, in order.
    pub fn domain_names(&self) -> impl Iterator<Item = &Domain> {
        let mut last = None;
        let all = self.domains.iter();
        all.filter_map(|place| domain_at(&self.records, *place))
            .filter(move |domain| {
                let is_new = last != Some(*domain);
                last = Some(*domain);
                is_new
            })
    }

    /// A provider manages it: its addresses are certified.
    pub fn is_managed(&self, domain: &Domain) -> bool {
        let found = self
            .domains
            .binary_search_by(|place| self.compare(*place, domain));
        found.is_ok()
    }

    /// The records that list a domain: one, unless providers quarrel (DI-16) or an environment repeats
    /// another's.
    pub fn managers_of(&self, domain: &Domain) -> impl Iterator<Item = &ProviderRecord> {
        let from = self
            .domains
            .partition_point(|place| self.compare(*place, domain).is_lt());
        let rest = self.domains.get(from..).unwrap_or_default();
        let length = rest.partition_point(|place| self.compare(*place, domain).is_eq());
        let found = rest.get(..length).unwrap_or_default();
        found.iter().filter_map(|place| self.record(*place))
    }

    /// The records that hold a certificate, octet by octet, with its hash beside it (IP-03). The same one
    /// may stand in several (DI-05).
    pub fn by_certificate(&self, der: &[u8]) -> Vec<&ProviderRecord> {
        let hash = sha1(der);
        let from = self.certificates.partition_point(|(own, _)| *own < hash);
        let rest = self.certificates.get(from..).unwrap_or_default();
        let same = rest.iter().take_while(|(own, _)| *own == hash);
        let mut found: Vec<u32> = same
            .filter(|(_, place)| self.certificate(*place) == Some(der))
            .map(|(_, place)| place.record)
            .collect();
        found.dedup();
        found
            .into_iter()
            .filter_map(|number| self.records.get(number as usize))
            .collect()
    }

    /// Addresses that belong to providers, not to users: every `mailReceipt` and every mail address of a
    /// certificate (ND-07).
    pub fn is_service_address(&self, address: &Address) -> bool {
        self.service_addresses.contains(address.key().as_str())
    }

    /// Where receipts for the provider that signed with a certificate go (TC-02): of several records with
    /// that certificate, the one that lists the domain of the sender in the certification data, else of
    /// `From:`, else the main one.
    pub fn receipts_for(
        &self,
        certificate_der: &[u8],
        sender: Option<&Domain>,
        from: Option<&Domain>,
    ) -> Option<&Address> {
        let mut records = self.by_certificate(certificate_der);
        records.retain(|record| record.mail_receipt.is_some());
        let lists = |domain: Option<&Domain>| {
            let domain = domain?;
            records
                .iter()
                .find(|record| record.domains.contains(domain))
        };
        let chosen = lists(sender)
            .or_else(|| lists(from))
            .or_else(|| records.iter().find(|record| record.is_main()))
            .or(records.first());
        chosen.and_then(|record| record.mail_receipt.as_ref())
    }

    fn record(&self, place: Place) -> Option<&ProviderRecord> {
        self.records.get(place.record as usize)
    }

    fn certificate(&self, place: Place) -> Option<&[u8]> {
        let all = &self.record(place)?.certificates;
        all.get(place.at as usize).map(Vec::as_slice)
    }

    fn compare(&self, place: Place, domain: &Domain) -> Ordering {
        domain_at(&self.records, place).cmp(&Some(domain))
    }
}

fn place(record: usize, at: usize) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place {
        record: number(record),
        at: number(at),
    }
}

fn domain_at(records: &[ProviderRecord], place: Place) -> Option<&Domain> {
    let record = records.get(place.record as usize)?;
    record.domains.get(place.at as usize)
}

type Records = (Option<String>, Vec<ProviderRecord>);

fn read_records(ldif: &[u8], remarks: &mut Remarks) -> Result<Records, DirectoryError> {
    let mut location = None;
    let mut records = Vec::new();
    let mut number = 0;
    let mut open: Option<Builder> = None;
    let mut after_blank = true;
    let mut close = |builder: Option<Builder>, remarks: &mut Remarks| match builder
        .map(|builder| builder.finish(remarks))
    {
        Some(Read::Root { location: url }) => location = location.take().or(url),
        Some(Read::Provider(record)) => records.push(record),
        Some(Read::Other) | None => {}
    };
    for item in Reader::new(ldif)? {
        let value = match item? {
            Item::Blank => {
                after_blank = true;
                continue;
            }
            Item::Value(value) => value,
        };
        match &mut open {
            Some(builder) if value.name != "dn" => {
                if after_blank {
                    builder.remark(value.line, Fault::StrayBlank);
                }
                builder.put(value);
            }
            _ => {
                number += 1;
                if number > DIRECTORY_RECORDS_MAX {
                    return Err(too_many("records", DIRECTORY_RECORDS_MAX).into());
                }
                let line = value.line;
                let mut begun = Builder::begin(value)?;
                if !after_blank {
                    begun.remark(line, Fault::NoBlank);
                }
                close(open.replace(begun), remarks);
            }
        }
        after_blank = false;
    }
    close(open, remarks);
    Ok((location, records))
}

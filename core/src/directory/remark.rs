//! What is not as it should be in an index that is used all the same: said to the operator (DI-15,
//! DI-16), one sentence each, in a bounded number.

use std::fmt;

use super::ldif::ValueFault;
use crate::address::Domain;
use crate::limits::DIRECTORY_REMARKS_MAX;
use crate::mime::words::neutralised;

/// One fault of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Where in the text; 0: it concerns all of it.
    pub line: usize,
    /// The record's provider and unit, or its name where it has none.
    pub record: String,
    /// What.
    pub fault: Fault,
}

/// What can be wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Not in dot-atom form; not used (DI-15).
    BadMailReceipt(String),
    /// Not in dot-atom form; not used (DI-15).
    BadDomain(String),
    /// No SHA-1 in hexadecimal; not used.
    BadHash(String),
    /// A hash that no certificate of the record has; not used (DI-16).
    HashFitsNothing(String),
    /// A certificate whose hash the record lacks; not used, as nobody finds it (DI-16).
    NoHash(String),
    /// No X.509 certificate.
    BadCertificate(&'static str),
    /// The value of an attribute cannot be decoded; not used.
    BadValue(&'static str, ValueFault),
    /// The value of an attribute is no UTF-8; not used.
    NotText(&'static str),
    /// RFC 6109 §4.5.9 asks for it.
    Lacks(&'static str),
    /// One value is allowed; the first is used.
    Twice(&'static str),
    /// §4.5.6: not in a secondary environment; not used.
    LocationOfSecondary,
    /// §4.5.6 asks for HTTPS.
    NotHttps(String),
    /// Two providers list it; it is certified all the same (DI-16).
    Shared(Domain, String),
    /// §4.5.7: every provider has a main environment.
    NoMain,
    /// The distinguished name and the record do not agree whether this is a secondary environment.
    OtherName(String),
    /// Neither the root nor a provider; not used.
    Unknown,
    /// An empty line stands inside the record, as in the RFC's own example.
    StrayBlank,
    /// No empty line before it, as in the RFC's own example.
    NoBlank,
    /// So many more remarks.
    More(usize),
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, ", self.line)?;
        }
        if !self.record.is_empty() {
            write!(f, "{}: ", neutralised(&self.record))?;
        }
        write!(f, "{}", self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadMailReceipt(text) => {
                write!(
                    f,
                    "mailReceipt `{}` is no plain address; not used",
                    neutralised(text)
                )
            }
            Self::BadDomain(text) => {
                write!(
                    f,
                    "managedDomains `{}` is no domain; not used",
                    neutralised(text)
                )
            }
            Self::BadHash(text) => write!(f, "`{}` is no SHA-1; not used", neutralised(text)),
            Self::HashFitsNothing(hash) => {
                write!(
                    f,
                    "the hash {hash} fits no certificate of the record; not used"
                )
            }
            Self::NoHash(hash) => {
                write!(
                    f,
                    "the certificate {hash} has no hash in the record; not used"
                )
            }
            Self::BadCertificate(why) => write!(f, "a certificate is not readable: {why}"),
            Self::BadValue(name, ValueFault::NotBase64) => {
                write!(f, "a value of {name} is no base64; not used")
            }
            Self::BadValue(name, ValueFault::Elsewhere) => {
                write!(
                    f,
                    "a value of {name} lies elsewhere and is not fetched; not used"
                )
            }
            Self::NotText(name) => write!(f, "a value of {name} is not UTF-8; not used"),
            Self::Lacks(name) => write!(f, "{name} lacks"),
            Self::Twice(name) => write!(f, "{name} stands twice; the first is used"),
            Self::LocationOfSecondary => {
                f.write_str("LDIFLocationURL in a secondary environment; not used")
            }
            Self::NotHttps(url) => {
                write!(f, "LDIFLocationURL `{}` is not HTTPS", neutralised(url))
            }
            Self::Shared(domain, other) => {
                write!(f, "{domain} is also listed by {}", neutralised(other))
            }
            Self::NoMain => f.write_str("there is no main environment of this provider"),
            Self::OtherName(dn) => {
                write!(f, "`{}` does not name this record", neutralised(dn))
            }
            Self::Unknown => f.write_str("neither the root nor a provider; not used"),
            Self::StrayBlank => f.write_str("an empty line stands inside the record"),
            Self::NoBlank => f.write_str("no empty line stands before the record"),
            Self::More(number) => write!(f, "and {number} more remarks"),
        }
    }
}

/// Remarks as they are made.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    kept: Vec<Remark>,
    more: usize,
}

impl Remarks {
    pub(super) fn add(&mut self, line: usize, record: &str, fault: Fault) {
        if self.kept.len() < DIRECTORY_REMARKS_MAX {
            self.kept.push(Remark {
                line,
                record: record.to_owned(),
                fault,
            });
        } else {
            self.more += 1;
        }
    }

    pub(super) fn into_vec(mut self) -> Vec<Remark> {
        if self.more > 0 {
            self.kept.push(Remark {
                line: 0,
                record: String::new(),
                fault: Fault::More(self.more),
            });
        }
        self.kept
    }
}

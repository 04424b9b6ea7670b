//! A new index against the old one: one that loses a provider, or more than a share of the domains, is
//! held until somebody confirms it (DI-11).

use std::collections::HashSet;
use std::fmt;

use super::{Directory, folded};

/// What a new index lacks of the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Losses {
    /// Domains of the old index.
    pub domains_before: usize,
    /// Of those, domains that nobody manages any more.
    pub domains_lost: usize,
    /// Providers without any record left, as they were written.
    pub providers_lost: Vec<String>,
}

/// Why a new index waits for confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold(pub Losses);

impl Losses {
    /// Compares.
    pub fn between(old: &Directory, new: &Directory) -> Self {
        let lost = old.domain_names().filter(|domain| !new.is_managed(domain));
        let left: HashSet<String> = new.records().iter().map(|r| folded(&r.name)).collect();
        let mut providers_lost: Vec<String> = old
            .records()
            .iter()
            .filter(|record| !left.contains(&folded(&record.name)))
            .map(|record| record.name.clone())
            .collect();
        providers_lost.sort_unstable();
        providers_lost.dedup();
        Self {
            domains_before: old.domain_count(),
            domains_lost: lost.count(),
            providers_lost,
        }
    }

    /// More is lost than `percent` of the domains, or any provider.
    pub fn hold(self, percent: u32) -> Option<Hold> {
        let too_many = self.domains_lost * 100 > self.domains_before * percent as usize;
        (too_many || !self.providers_lost.is_empty()).then_some(Hold(self))
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Losses {
            domains_before,
            domains_lost,
            providers_lost,
        } = &self.0;
        write!(f, "it loses {domains_lost} of {domains_before} domains")?;
        if !providers_lost.is_empty() {
            let names: Vec<String> = providers_lost
                .iter()
                .take(10)
                .map(|name| crate::mime::words::neutralised(name))
                .collect();
            let number = providers_lost.len();
            write!(f, " and {number} providers ({})", names.join(", "))?;
        }
        Ok(())
    }
}

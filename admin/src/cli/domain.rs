//! `ceralacca domain …`.

use ceralacca_core::address::Domain;
use clap::Subcommand;

use super::parse::parse_domain;

/// `domain …`
#[derive(Debug, Clone, Subcommand)]
pub enum DomainCommand {
    /// Manage a domain.
    Add {
        /// Its name.
        #[arg(value_parser = parse_domain)]
        domain: Domain,
    },
    /// List them.
    List,
    /// Show a domain, with the record that its DNS must publish for DKIM.
    Show {
        /// Its name.
        #[arg(value_parser = parse_domain)]
        domain: Domain,
    },
    /// Give up a domain without mailboxes.
    Remove {
        /// Its name.
        #[arg(value_parser = parse_domain)]
        domain: Domain,
    },
    /// Stop its service.
    Suspend {
        /// Its name.
        #[arg(value_parser = parse_domain)]
        domain: Domain,
    },
    /// Take up its service.
    Resume {
        /// Its name.
        #[arg(value_parser = parse_domain)]
        domain: Domain,
    },
}

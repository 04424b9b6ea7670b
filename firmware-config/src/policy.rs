//! The `[policy]` table: what an operator may set of [`Policy`]. Values below what the law asks are
//! refused when the file is loaded (AP-09, AP-10, AP-11), values without reason too.

use ceralacca_core::address::Domain;
use ceralacca_core::limits::{
    DELETED_KEPT_DAYS_MAX, EXAMINED_BYTES_MAX, EXTENSION_CHARS_MAX, FORBIDDEN_TYPES_MAX, MEGABYTE,
    RECIPIENTS_PER_TRANSACTION_MAX, SIGN_IN_FAILURES_CEILING,
};
use ceralacca_core::policy::Policy;
use serde::{Deserialize, Serialize};

use crate::error::Fault;

/// Sizes above this help nobody: it bounds what one submission may put on the disk.
const NOTICE_BYTES_CEILING: u64 = 1024 * MEGABYTE;

/// Nobody counts over more, and no lock lasts longer (SE-01).
const DAY_MINUTES: u32 = 24 * 60;

/// Signatures of a month ago protect nobody.
const SCANNER_STALE_HOURS_CEILING: u32 = 30 * 24;

/// `[policy]`: each key as in [`Policy`], its default when left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySettings {
    /// Largest message in octets, at least 31,457,280 (AP-09).
    pub message_bytes_max: u64,
    /// Largest product of size and distinct recipients in octets, at least 31,457,280 (AP-10).
    pub message_product_max: u64,
    /// Most distinct recipients of a message, at least 50 (AP-11).
    pub recipients_max: u32,
    /// Up to this size in octets a message that is too large gets a notice, above it `552` (AP-15).
    pub notice_bytes_max: u64,
    /// Most messages per minute taken from one source address on port 25; past it `451` (SE-10).
    pub arrivals_per_minute_max: u32,
    /// Most messages per minute that one mailbox may hand in; past it `450` (SE-10).
    pub submissions_per_minute_max: u32,
    /// Most messages per minute that mailboxes may hand in from one source address (SE-10).
    pub source_submissions_per_minute_max: u32,
    /// Most sign-ins per minute from one source address, over all protocols (SE-10).
    pub sign_ins_per_minute_max: u32,
    /// Wrong passwords of an account and source that lock the pair, 3 to 100 (SE-01).
    pub sign_in_failures_max: u32,
    /// Within so many minutes, up to a day (SE-01).
    pub sign_in_window_minutes: u32,
    /// Minutes of the first lock, up to a day; each further one is twice as long (SE-01).
    pub sign_in_lock_minutes: u32,
    /// Let 8-bit content inside `multipart/signed` pass as it is (AP-25).
    pub eight_bit_signed_passes: bool,
    /// Sign with ECDSA on P-256 where the key is one; otherwise such a key is refused (SG-04).
    pub ecdsa_keys_allowed: bool,
    /// Write offsets in texts as `(+01:00)` instead of `(+0100)` (TM-02).
    pub zone_with_colon: bool,
    /// Capacity in octets of a mailbox made without `--quota` (AC-06).
    pub mailbox_bytes_default: u64,
    /// Days that a removed message can be restored, 0 to 900 (AC-13).
    pub deleted_kept_days: u32,
    /// What IMAP expunges can be restored too.
    pub expunged_is_kept: bool,
    /// Minutes from acceptance to the final time-out notice, 1,320 to 1,440 (TO-03).
    pub final_notice_minutes: u32,
    /// Take a correct envelope in charge although it holds a virus (VI-12).
    pub infected_is_charged: bool,
    /// Largest message in octets taken from other servers (IP-20).
    pub arrival_bytes_max: u64,
    /// Providers whose mail may be from domains that their record does not list (IP-06).
    pub tolerated_providers: Vec<String>,
    /// Holders may take ordinary mail into their mailboxes (MX-10).
    pub ordinary_accept_allowed: bool,
    /// Holders may have ordinary mail forwarded (MX-10).
    pub ordinary_forward_allowed: bool,
    /// Domains whose mailboxes may do neither (MX-10).
    pub ordinary_refused_domains: Vec<String>,
    /// Virus signatures older than this many hours are as good as no scanner (VI-10).
    pub scanner_stale_hours_max: u32,
    /// Let a message pass whose archives are over the scanner's bounds (SE-08).
    pub over_bounds_passes: bool,
    /// Extensions of attachments that make a submission fail (VI-15).
    pub forbidden_types: Vec<String>,
}

/// TO-03: from 22 to 24 hours.
const FINAL_NOTICE_MINUTES: std::ops::RangeInclusive<u32> = 22 * 60..=24 * 60;

impl Default for PolicySettings {
    fn default() -> Self {
        let policy = Policy::default();
        Self {
            message_bytes_max: policy.message_bytes_max,
            message_product_max: policy.message_product_max,
            recipients_max: policy.recipients_max,
            notice_bytes_max: policy.notice_bytes_max,
            arrivals_per_minute_max: policy.arrivals_per_minute_max,
            submissions_per_minute_max: policy.submissions_per_minute_max,
            source_submissions_per_minute_max: policy.source_submissions_per_minute_max,
            sign_ins_per_minute_max: policy.sign_ins_per_minute_max,
            sign_in_failures_max: policy.sign_in_failures_max,
            sign_in_window_minutes: policy.sign_in_window_minutes,
            sign_in_lock_minutes: policy.sign_in_lock_minutes,
            eight_bit_signed_passes: policy.eight_bit_signed_passes,
            ecdsa_keys_allowed: policy.ecdsa_keys_allowed,
            zone_with_colon: policy.zone_with_colon,
            mailbox_bytes_default: policy.mailbox_bytes_default,
            deleted_kept_days: policy.deleted_kept_days,
            expunged_is_kept: policy.expunged_is_kept,
            final_notice_minutes: policy.final_notice_minutes,
            infected_is_charged: policy.infected_is_charged,
            arrival_bytes_max: policy.arrival_bytes_max,
            tolerated_providers: policy.tolerated_providers,
            ordinary_accept_allowed: policy.ordinary_accept_allowed,
            ordinary_forward_allowed: policy.ordinary_forward_allowed,
            ordinary_refused_domains: Vec::new(),
            scanner_stale_hours_max: policy.scanner_stale_hours_max,
            over_bounds_passes: policy.over_bounds_passes,
            forbidden_types: policy.forbidden_types,
        }
    }
}

impl PolicySettings {
    /// The policy, its floors and ceilings checked.
    pub(crate) fn checked(&self) -> Result<Policy, Fault> {
        if self.notice_bytes_max > NOTICE_BYTES_CEILING {
            return Err(Fault::new(
                "policy.notice_bytes_max",
                format!("{} octets", self.notice_bytes_max),
                format!("lower it to {NOTICE_BYTES_CEILING} or less"),
            ));
        }
        if self.arrival_bytes_max > EXAMINED_BYTES_MAX as u64 {
            return Err(Fault::new(
                "policy.arrival_bytes_max",
                format!("{} octets", self.arrival_bytes_max),
                format!("lower it to {EXAMINED_BYTES_MAX}, all that an examination takes"),
            ));
        }
        if self.recipients_max as usize > RECIPIENTS_PER_TRANSACTION_MAX {
            return Err(Fault::new(
                "policy.recipients_max",
                format!("{} recipients", self.recipients_max),
                format!(
                    "lower it to {RECIPIENTS_PER_TRANSACTION_MAX}, all that a transaction takes"
                ),
            ));
        }
        if !FINAL_NOTICE_MINUTES.contains(&self.final_notice_minutes) {
            return Err(Fault::new(
                "policy.final_notice_minutes",
                format!("{} minutes", self.final_notice_minutes),
                "the law allows 1320 to 1440 (22 to 24 hours)",
            ));
        }
        if !(1..=SCANNER_STALE_HOURS_CEILING).contains(&self.scanner_stale_hours_max) {
            return Err(Fault::new(
                "policy.scanner_stale_hours_max",
                format!("{} hours", self.scanner_stale_hours_max),
                format!("take 1 to {SCANNER_STALE_HOURS_CEILING}"),
            ));
        }
        self.check_sign_in()?;
        if self.deleted_kept_days > DELETED_KEPT_DAYS_MAX {
            return Err(Fault::new(
                "policy.deleted_kept_days",
                format!("{} days", self.deleted_kept_days),
                format!("take 0 to {DELETED_KEPT_DAYS_MAX}"),
            ));
        }
        self.check_types()?;
        self.policy(self.refused_domains()?)
            .checked()
            .map_err(|error| {
                Fault::new(
                    policy_key(error.key),
                    format!("{} is below {}", error.given, error.floor),
                    format!("raise it: that is the least that {}", error.reason),
                )
            })
    }

    fn refused_domains(&self) -> Result<Vec<Domain>, Fault> {
        let parsed = self.ordinary_refused_domains.iter().map(|name| {
            Domain::parse(name).map_err(|error| {
                Fault::new(
                    "policy.ordinary_refused_domains",
                    format!("`{name}`: {error}"),
                    "write domains as in \"pec.example\"".to_owned(),
                )
            })
        });
        parsed.collect()
    }

    fn check_sign_in(&self) -> Result<(), Fault> {
        let ceilings = [
            (
                "policy.sign_in_failures_max",
                self.sign_in_failures_max,
                SIGN_IN_FAILURES_CEILING,
            ),
            (
                "policy.sign_in_window_minutes",
                self.sign_in_window_minutes,
                DAY_MINUTES,
            ),
            (
                "policy.sign_in_lock_minutes",
                self.sign_in_lock_minutes,
                DAY_MINUTES,
            ),
        ];
        match ceilings.into_iter().find(|(_, given, most)| given > most) {
            None => Ok(()),
            Some((key, given, most)) => Err(Fault::new(
                key,
                given.to_string(),
                format!("lower it to {most} or less"),
            )),
        }
    }

    fn check_types(&self) -> Result<(), Fault> {
        let is_extension = |text: &String| {
            (1..=EXTENSION_CHARS_MAX).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        let key = "policy.forbidden_types";
        if let Some(wrong) = self.forbidden_types.iter().find(|text| !is_extension(text)) {
            let remedy = "write extensions as \"exe\": small letters and digits, no dot";
            return Err(Fault::new(key, format!("{wrong:?}"), remedy));
        }
        if self.forbidden_types.len() > FORBIDDEN_TYPES_MAX {
            let problem = format!("{} types", self.forbidden_types.len());
            return Err(Fault::new(
                key,
                problem,
                format!("name at most {FORBIDDEN_TYPES_MAX}"),
            ));
        }
        Ok(())
    }

    fn policy(&self, ordinary_refused_domains: Vec<Domain>) -> Policy {
        Policy {
            message_bytes_max: self.message_bytes_max,
            message_product_max: self.message_product_max,
            recipients_max: self.recipients_max,
            notice_bytes_max: self.notice_bytes_max,
            arrivals_per_minute_max: self.arrivals_per_minute_max,
            submissions_per_minute_max: self.submissions_per_minute_max,
            source_submissions_per_minute_max: self.source_submissions_per_minute_max,
            sign_ins_per_minute_max: self.sign_ins_per_minute_max,
            sign_in_failures_max: self.sign_in_failures_max,
            sign_in_window_minutes: self.sign_in_window_minutes,
            sign_in_lock_minutes: self.sign_in_lock_minutes,
            eight_bit_signed_passes: self.eight_bit_signed_passes,
            ecdsa_keys_allowed: self.ecdsa_keys_allowed,
            zone_with_colon: self.zone_with_colon,
            mailbox_bytes_default: self.mailbox_bytes_default,
            deleted_kept_days: self.deleted_kept_days,
            expunged_is_kept: self.expunged_is_kept,
            final_notice_minutes: self.final_notice_minutes,
            infected_is_charged: self.infected_is_charged,
            arrival_bytes_max: self.arrival_bytes_max,
            tolerated_providers: self.tolerated_providers.clone(),
            ordinary_accept_allowed: self.ordinary_accept_allowed,
            ordinary_forward_allowed: self.ordinary_forward_allowed,
            ordinary_refused_domains,
            scanner_stale_hours_max: self.scanner_stale_hours_max,
            over_bounds_passes: self.over_bounds_passes,
            forbidden_types: self.forbidden_types.clone(),
        }
    }
}

fn policy_key(key: &str) -> &'static str {
    match key {
        "message_bytes_max" => "policy.message_bytes_max",
        "message_product_max" => "policy.message_product_max",
        "recipients_max" => "policy.recipients_max",
        "notice_bytes_max" => "policy.notice_bytes_max",
        "arrival_bytes_max" => "policy.arrival_bytes_max",
        "arrivals_per_minute_max" => "policy.arrivals_per_minute_max",
        "submissions_per_minute_max" => "policy.submissions_per_minute_max",
        "source_submissions_per_minute_max" => "policy.source_submissions_per_minute_max",
        "sign_ins_per_minute_max" => "policy.sign_ins_per_minute_max",
        "sign_in_failures_max" => "policy.sign_in_failures_max",
        "sign_in_window_minutes" => "policy.sign_in_window_minutes",
        "sign_in_lock_minutes" => "policy.sign_in_lock_minutes",
        _ => "policy",
    }
}

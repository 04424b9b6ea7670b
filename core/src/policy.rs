//! Dated policy values that the access and delivery points apply (requirements, annex 1). A value
//! below what the law asks is refused when it is loaded, never applied.

use crate::address::Domain;
use crate::instant::Instant;
use crate::limits::{self, MEGABYTE};
use crate::mailbox::Keeping;
use crate::registry::{MailboxRow, OrdinaryPolicy};
use crate::smime::profile::AllowedKeys;

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Largest message, in octets after dot removal (AP-09).
    pub message_bytes_max: u64,
    /// Largest product of size and distinct recipients, in octets (AP-10).
    pub message_product_max: u64,
    /// Most distinct recipients (AP-11).
    pub recipients_max: u32,
    /// Above this size the answer is `552 5.3.4` and no notice; EHLO `SIZE` announces it (AP-15).
    pub notice_bytes_max: u64,
    /// Most messages that one source address may hand in at the incoming point per minute (SE-10). A busy
    /// provider sends from one: an envelope, a take-charge and a delivery receipt for each message.
    pub arrivals_per_minute_max: u32,
    /// Most messages that one mailbox may hand in per minute (SE-10); how many in all is nobody's business
    /// (AC-08).
    pub submissions_per_minute_max: u32,
    /// Most messages that all mailboxes together may hand in from one source address per minute (SE-10).
    pub source_submissions_per_minute_max: u32,
    /// Most sign-ins from one source address per minute, over all protocols (SE-10).
    pub sign_ins_per_minute_max: u32,
    /// Wrong passwords of an account and source that lock the pair (SE-01).
    pub sign_in_failures_max: u32,
    /// Within so many minutes (SE-01).
    pub sign_in_window_minutes: u32,
    /// How long the first lock lasts; each further one twice as long, up to a day (SE-01).
    pub sign_in_lock_minutes: u32,
    /// Accept 8-bit content inside `multipart/signed` as it is instead of failing it (AP-25).
    pub eight_bit_signed_passes: bool,
    /// Our own messages may be signed with a key on P-256 (SG-04); the rules of PEC know RSA only.
    pub ecdsa_keys_allowed: bool,
    /// Write the offset of texts as `(+01:00)` instead of `(+0100)` (TM-02).
    pub zone_with_colon: bool,
    /// Capacity of a new mailbox, in octets (AC-06).
    pub mailbox_bytes_default: u64,
    /// Days that a removed message can be restored (AC-13); 0: it is gone at once. It counts no more in
    /// its mailbox's usage.
    pub deleted_kept_days: u32,
    /// What IMAP expunges can be restored too, not only what POP3 deletes.
    pub expunged_is_kept: bool,
    /// Minutes from acceptance to the final time-out notice: from 22 to 24 hours (TO-03).
    pub final_notice_minutes: u32,
    /// A correct envelope with a virus is taken in charge (VI-12).
    pub infected_is_charged: bool,
    /// Largest message taken from other servers (IP-20).
    pub arrival_bytes_max: u64,
    /// Providers whose mail may be from domains that their record does not list (IP-06).
    pub tolerated_providers: Vec<String>,
    /// Holders may take ordinary mail into their mailboxes (MX-10).
    pub ordinary_accept_allowed: bool,
    /// Holders may have ordinary mail forwarded (MX-10).
    pub ordinary_forward_allowed: bool,
    /// Domains whose mailboxes may do neither (MX-10).
    pub ordinary_refused_domains: Vec<Domain>,
    /// Signatures older than this many hours are as good as no scanner (VI-10).
    pub scanner_stale_hours_max: u32,
    /// Let a message pass whose archives are over the scanner's bounds, instead of failing it (SE-08).
    pub over_bounds_passes: bool,
    /// Extensions of attachments, in small letters, that make a submission fail; none by default (VI-15).
    pub forbidden_types: Vec<String>,
}

/// A policy value that the law or reason forbids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {given} is below {floor}, the least that {reason}; raise it")]
pub struct PolicyError {
    /// The key in the policy file.
    pub key: &'static str,
    /// What the file says.
    pub given: u64,
    /// The least allowed.
    pub floor: u64,
    /// Who asks for it.
    pub reason: &'static str,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            message_bytes_max: 30 * MEGABYTE,
            message_product_max: 30 * MEGABYTE,
            recipients_max: 50,
            notice_bytes_max: 60 * MEGABYTE,
            arrivals_per_minute_max: 6_000,
            submissions_per_minute_max: 6_000,
            source_submissions_per_minute_max: 60_000,
            sign_ins_per_minute_max: 6_000,
            sign_in_failures_max: 10,
            sign_in_window_minutes: 10,
            sign_in_lock_minutes: 5,
            eight_bit_signed_passes: false,
            ecdsa_keys_allowed: false,
            zone_with_colon: false,
            mailbox_bytes_default: 1000 * MEGABYTE,
            deleted_kept_days: 30,
            expunged_is_kept: false,
            final_notice_minutes: 23 * 60 + 30,
            infected_is_charged: true,
            arrival_bytes_max: 150 * MEGABYTE,
            tolerated_providers: Vec::new(),
            ordinary_accept_allowed: true,
            ordinary_forward_allowed: true,
            ordinary_refused_domains: Vec::new(),
            scanner_stale_hours_max: 72,
            over_bounds_passes: false,
            forbidden_types: Vec::new(),
        }
    }
}

impl Policy {
    /// Which removals can be undone (AC-13).
    pub const fn keeping(&self) -> Keeping {
        let keeps = self.deleted_kept_days > 0;
        Keeping {
            removed: keeps,
            expunged: keeps && self.expunged_is_kept,
        }
    }

    /// The kinds of key that may sign our messages (SG-04).
    pub const fn allowed_keys(&self) -> AllowedKeys {
        match self.ecdsa_keys_allowed {
            true => AllowedKeys::RsaAndP256,
            false => AllowedKeys::Rsa,
        }
    }

    /// What was removed before this is kept no longer (AC-13).
    pub fn kept_since(&self, now: Instant) -> Instant {
        now.plus_millis(-i64::from(self.deleted_kept_days) * 24 * 60 * 60 * 1000)
    }

    /// What the mailbox does with ordinary mail: its own choice, as far as it is allowed (MX-10); a
    /// mailbox that forwards to itself accepts (MX-04).
    pub fn ordinary_in_force<'a>(&self, row: &'a MailboxRow) -> &'a OrdinaryPolicy {
        let chosen = match &row.ordinary {
            OrdinaryPolicy::Forward(target) if *target == row.address => &OrdinaryPolicy::Accept,
            chosen => chosen,
        };
        if self.allows_ordinary(&row.address.domain(), chosen) {
            chosen
        } else {
            &OrdinaryPolicy::Reject
        }
    }

    /// A mailbox of `domain` may be set to `chosen` (MX-10).
    pub fn allows_ordinary(&self, domain: &Domain, chosen: &OrdinaryPolicy) -> bool {
        let is_free = !self.ordinary_refused_domains.contains(domain);
        match chosen {
            OrdinaryPolicy::Reject => true,
            OrdinaryPolicy::Accept => is_free && self.ordinary_accept_allowed,
            OrdinaryPolicy::Forward(_) => is_free && self.ordinary_forward_allowed,
        }
    }

    /// How much anybody may do in a minute, and when a sign-in is locked: the values in force, by key, as
    /// they are published (SE-10).
    pub fn rates(&self) -> [(&'static str, u32); 7] {
        [
            ("arrivals_per_minute_max", self.arrivals_per_minute_max),
            (
                "submissions_per_minute_max",
                self.submissions_per_minute_max,
            ),
            (
                "source_submissions_per_minute_max",
                self.source_submissions_per_minute_max,
            ),
            ("sign_ins_per_minute_max", self.sign_ins_per_minute_max),
            ("sign_in_failures_max", self.sign_in_failures_max),
            ("sign_in_window_minutes", self.sign_in_window_minutes),
            ("sign_in_lock_minutes", self.sign_in_lock_minutes),
        ]
    }

    /// Refuses values below the legal floors (AP-09, AP-10, AP-11, AP-15, IP-20).
    pub fn checked(self) -> Result<Self, PolicyError> {
        let law = "DM 2-11-2005 art. 12 asks";
        let floors = [
            (
                "message_bytes_max",
                self.message_bytes_max,
                limits::MESSAGE_BYTES_FLOOR,
                law,
            ),
            (
                "message_product_max",
                self.message_product_max,
                limits::MESSAGE_PRODUCT_FLOOR,
                law,
            ),
            (
                "recipients_max",
                self.recipients_max.into(),
                limits::RECIPIENTS_FLOOR.into(),
                law,
            ),
            (
                "notice_bytes_max",
                self.notice_bytes_max,
                self.message_bytes_max,
                "message_bytes_max allows",
            ),
            (
                "arrival_bytes_max",
                self.arrival_bytes_max,
                self.message_bytes_max.saturating_mul(2),
                "an envelope of message_bytes_max may take",
            ),
            (
                "arrivals_per_minute_max",
                self.arrivals_per_minute_max.into(),
                1,
                "takes in anything",
            ),
            (
                "submissions_per_minute_max",
                self.submissions_per_minute_max.into(),
                1,
                "lets anybody send",
            ),
            (
                "source_submissions_per_minute_max",
                self.source_submissions_per_minute_max.into(),
                1,
                "lets anybody send",
            ),
            (
                "sign_ins_per_minute_max",
                self.sign_ins_per_minute_max.into(),
                1,
                "lets anybody in",
            ),
            (
                "sign_in_failures_max",
                self.sign_in_failures_max.into(),
                3,
                "forgives a slip of the finger",
            ),
            (
                "sign_in_window_minutes",
                self.sign_in_window_minutes.into(),
                1,
                "counts anything",
            ),
            (
                "sign_in_lock_minutes",
                self.sign_in_lock_minutes.into(),
                1,
                "locks anything",
            ),
        ];
        for (key, given, floor, reason) in floors {
            if given < floor {
                return Err(PolicyError {
                    key,
                    given,
                    floor,
                    reason,
                });
            }
        }
        Ok(self)
    }
}

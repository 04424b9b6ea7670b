//! Orders about mailboxes and their holders (AC-05, AC-09, AC-10). Only hashes of passwords come here
//! (SE-02), and nothing that is shown or kept in the history holds one.

use ceralacca_core::certification::DeliveryDetail;
use ceralacca_core::mailbox::quota;
use ceralacca_core::owner::RegistryOrder;
use ceralacca_core::registry::{
    AccessOrder, Holder, HolderKind, MailboxRow, MailboxState, OrdinaryPolicy,
};
use serde_json::{Value, json};

use super::Desk;
use crate::control::{HolderChange, MailboxRequest, OrdinaryWord, ReceiptTypeWord, StateWord};
use crate::report::{Failure, Report};

/// Mailboxes of one answer.
const LIST_MAX: usize = 10_000;
/// Octets of all that is kept of a holder: a record has 64 KiB and holds it once.
const HOLDER_BYTES_MAX: usize = 16 * 1024;

impl Desk<'_> {
    /// Carries out a request about mailboxes.
    pub fn mailbox(&self, request: MailboxRequest) -> Result<Report, Failure> {
        match request {
            MailboxRequest::Add {
                address,
                password,
                quota,
                holder,
            } => self.add(&address, password, quota, holder),
            MailboxRequest::List {
                domain,
                after,
                limit,
                service,
            } => self.list(domain.as_deref(), after.as_deref(), limit, service),
            MailboxRequest::Show { address } => self.show(&address),
            MailboxRequest::Passwd { address, password } => self.passwd(&address, password),
            MailboxRequest::State { address, state } => self.set_state(&address, state),
            MailboxRequest::Quota { address, octets } => self.set_quota(&address, octets),
            MailboxRequest::Ordinary { address, policy } => self.set_ordinary(&address, &policy),
            MailboxRequest::Holder { address, holder } => self.holder(&address, holder),
            MailboxRequest::ReceiptType { address, what } => self.set_receipt_type(&address, what),
            MailboxRequest::Deleted { address } => self.deleted(&address),
            MailboxRequest::Restore { address, keys } => self.restore(&address, &keys),
            MailboxRequest::History { address } => self.history(&address),
            MailboxRequest::Protocols { address, switches } => self.protocols(&address, &switches),
            MailboxRequest::AddAppPassword {
                address,
                name,
                mark,
                hash,
                protocols,
            } => {
                hashed(&hash)?;
                let protocols = super::access::protocols(&protocols)?;
                self.add_app_password(
                    &address,
                    AccessOrder::AddAppPassword {
                        name,
                        mark,
                        hash,
                        protocols,
                    },
                )
            }
            MailboxRequest::AppPasswords { address } => self.app_passwords(&address),
            MailboxRequest::RevokeAppPassword { address, number } => {
                self.revoke_app_password(&address, number)
            }
            MailboxRequest::TwoStep { address, step } => self.two_step(&address, step),
            MailboxRequest::Unlock { address } => self.unlock(&address),
            MailboxRequest::WarnAt { address, target } => self.warn_at(&address, target.as_deref()),
        }
    }

    fn add(
        &self,
        text: &str,
        password: Option<String>,
        quota: Option<u64>,
        holder: HolderChange,
    ) -> Result<Report, Failure> {
        bounded(&holder)?;
        if let Some(hash) = &password {
            hashed(hash)?;
        }
        let can_sign_in = password.is_some();
        self.order(RegistryOrder::AddMailbox {
            address: super::address(text)?,
            holder: holder.apply(None),
            password,
            quota,
        })?;
        let mut words = format!("{text} is in service");
        if !can_sign_in {
            words.push_str("; nobody can sign in until `mailbox passwd` sets a password");
        }
        self.told(text, words)
    }

    fn list(
        &self,
        domain: Option<&str>,
        after: Option<&str>,
        limit: usize,
        service: bool,
    ) -> Result<Report, Failure> {
        let domain = domain.map(super::domain).transpose()?;
        let after = after.map(str::to_ascii_lowercase);
        let limit = limit.clamp(1, LIST_MAX);
        let mut rows = self.state.view().mailboxes();
        rows.retain(|row| {
            (service || !row.service)
                && domain.as_ref().is_none_or(|d| row.address.domain() == *d)
                && after.as_ref().is_none_or(|a| row.address.key() > *a)
        });
        rows.sort_by_cached_key(|row| row.address.key());
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut words: String = rows.iter().map(|row| self.line(row)).collect();
        if more {
            words.push_str("… there are more: `--after` the last address\n");
        }
        let mailboxes: Vec<Value> = rows.iter().map(|row| self.object(row)).collect();
        Ok(Report::done(
            words,
            json!({ "mailboxes": mailboxes, "more": more }),
        ))
    }

    fn show(&self, text: &str) -> Result<Report, Failure> {
        let row = self.find(text)?;
        let mut words = self.line(&row);
        words.push_str(&holder_words(&row.holder));
        words.push_str(&format!("ordinary mail: {}\n", row.ordinary));
        words.push_str(&format!("asks for {}\n", receipt_words(row.receipt_type)));
        words.push_str(&self.access_words(&row));
        Ok(Report::done(words, self.whole(&row)))
    }

    fn passwd(&self, text: &str, hash: String) -> Result<Report, Failure> {
        hashed(&hash)?;
        self.order(RegistryOrder::SetPassword(super::address(text)?, hash))?;
        self.told(text, format!("the password of {text} is set"))
    }

    fn set_state(&self, text: &str, word: StateWord) -> Result<Report, Failure> {
        let state = match word {
            StateWord::Active => MailboxState::Active,
            StateWord::Suspended => MailboxState::Suspended,
            StateWord::Closed => MailboxState::Closed,
        };
        self.order(RegistryOrder::SetState(super::address(text)?, state))?;
        self.told(text, format!("{text} is {}", state_word(state)))
    }

    fn set_quota(&self, text: &str, octets: u64) -> Result<Report, Failure> {
        self.order(RegistryOrder::SetQuota(super::address(text)?, octets))?;
        self.told(text, format!("{text} may hold {octets} octets"))
    }

    fn set_ordinary(&self, text: &str, word: &OrdinaryWord) -> Result<Report, Failure> {
        let policy = match word {
            OrdinaryWord::Reject => OrdinaryPolicy::Reject,
            OrdinaryWord::Accept => OrdinaryPolicy::Accept,
            OrdinaryWord::Forward(target) => OrdinaryPolicy::Forward(super::address(target)?),
        };
        let order = RegistryOrder::SetOrdinary(super::address(text)?, policy);
        self.order(order)?;
        let policy = &self.find(text)?.ordinary;
        self.told(text, format!("{text} and ordinary mail: {policy}"))
    }

    fn set_receipt_type(&self, text: &str, word: ReceiptTypeWord) -> Result<Report, Failure> {
        let wanted = match word {
            ReceiptTypeWord::Complete => Some(DeliveryDetail::Complete),
            ReceiptTypeWord::Brief => Some(DeliveryDetail::Brief),
            ReceiptTypeWord::Concise => Some(DeliveryDetail::Concise),
            ReceiptTypeWord::None => None,
        };
        let order = RegistryOrder::SetReceiptType(super::address(text)?, wanted);
        self.order(order)?;
        self.told(text, format!("{text} asks for {}", receipt_words(wanted)))
    }

    fn holder(&self, text: &str, change: HolderChange) -> Result<Report, Failure> {
        bounded(&change)?;
        if !change.is_empty() {
            let holder = change.apply(Some(&self.find(text)?.holder));
            self.order(RegistryOrder::SetHolder(super::address(text)?, holder))?;
        }
        let row = self.find(text)?;
        Ok(Report::done(holder_words(&row.holder), self.object(&row)))
    }

    fn history(&self, text: &str) -> Result<Report, Failure> {
        let row = self.find(text)?;
        let mut words = String::new();
        let mut changes = Vec::new();
        for change in self.state.view().history(row.id) {
            let at = change.at.rfc3339();
            words.push_str(&format!("{at}  {}  {}\n", change.author, change.what));
            changes.push(json!({ "at": at, "author": change.author, "what": change.what }));
        }
        let address = row.address.as_str();
        Ok(Report::done(
            words,
            json!({ "address": address, "history": changes }),
        ))
    }

    pub(super) fn find(&self, text: &str) -> Result<std::sync::Arc<MailboxRow>, Failure> {
        let address = super::address(text)?;
        let row = self.state.view().mailbox_of(&address);
        row.ok_or_else(|| Failure::Refused(format!("{text} does not exist")))
    }

    /// Words, and the mailbox as it is now.
    pub(super) fn told(&self, text: &str, words: String) -> Result<Report, Failure> {
        let row = self.find(text)?;
        Ok(Report::done(words, self.whole(&row)))
    }

    fn line(&self, row: &MailboxRow) -> String {
        format!(
            "{}  {}{}  {} of {} octets  {}\n",
            row.address,
            state_word(row.state),
            if row.service { " (service)" } else { "" },
            self.state.view().usage(row.id),
            row.quota,
            if row.holder.name.is_empty() {
                "(holder not given)"
            } else {
                &row.holder.name
            },
        )
    }

    pub(super) fn object(&self, row: &MailboxRow) -> Value {
        json!({
            "id": row.id.0,
            "address": row.address.as_str(),
            "state": state_word(row.state),
            "quota": row.quota,
            "used": self.state.view().usage(row.id),
            "created": row.created.rfc3339(),
            "password": row.password.is_some(),
            "service": row.service,
            "ordinary": ordinary_object(&row.ordinary),
            "access": self.access_object(row),
            "warned_percent": quota::percent(self.state.view().warned(row.id)),
            "receipt_type": receipt_word(row.receipt_type),
            "holder": {
                "kind": kind_word(row.holder.kind),
                "name": row.holder.name,
                "tax_code": row.holder.tax_code,
                "contacts": row.holder.contacts,
                "documents": row.holder.documents,
            },
        })
    }
}

fn state_word(state: MailboxState) -> &'static str {
    match state {
        MailboxState::Active => "active",
        MailboxState::Suspended => "suspended",
        MailboxState::Closed => "closed",
    }
}

fn receipt_word(detail: Option<DeliveryDetail>) -> Option<&'static str> {
    detail.map(|detail| match detail {
        DeliveryDetail::Complete => "complete",
        DeliveryDetail::Brief => "brief",
        DeliveryDetail::Concise => "concise",
    })
}

fn receipt_words(detail: Option<DeliveryDetail>) -> String {
    match receipt_word(detail) {
        Some(word) => format!("{word} delivery receipts where its program does not say"),
        None => "the delivery receipts that its program says, else complete ones".to_owned(),
    }
}

fn ordinary_object(policy: &OrdinaryPolicy) -> Value {
    match policy {
        OrdinaryPolicy::Reject => json!({ "policy": "reject" }),
        OrdinaryPolicy::Accept => json!({ "policy": "accept" }),
        OrdinaryPolicy::Forward(target) => {
            json!({ "policy": "forward", "target": target.as_str() })
        }
    }
}

fn kind_word(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::Person => "person",
        HolderKind::Body => "body",
    }
}

fn holder_words(holder: &Holder) -> String {
    let mut words = format!("holder: {} ({})\n", holder.name, kind_word(holder.kind));
    if let Some(code) = &holder.tax_code {
        words.push_str(&format!("tax code: {code}\n"));
    }
    for contact in &holder.contacts {
        words.push_str(&format!("contact: {contact}\n"));
    }
    for document in &holder.documents {
        words.push_str(&format!("document: {document}\n"));
    }
    words
}

/// Nothing but an Argon2id hash is stored as a password (SE-02).
fn hashed(password: &str) -> Result<(), Failure> {
    if password.starts_with("$argon2id$") && password.len() < 512 {
        return Ok(());
    }
    Err(Failure::Refused(
        "the password is not an Argon2id hash".to_owned(),
    ))
}

fn bounded(holder: &HolderChange) -> Result<(), Failure> {
    let singles = holder.name.iter().chain(&holder.tax_code);
    let all = || {
        singles
            .clone()
            .chain(&holder.contacts)
            .chain(&holder.documents)
    };
    let octets: usize = all().map(String::len).sum();
    if octets <= HOLDER_BYTES_MAX && !all().any(|text| text.contains(char::is_control)) {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "holder data is single lines, together at most {HOLDER_BYTES_MAX} octets"
    )))
}

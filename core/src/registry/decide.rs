//! Operators' orders about provider, domains and mailboxes, decided against the newest state: one
//! record of partition 0 each, with the whole row as it is afterwards.

use super::{
    Access, DomainRow, DomainState, Holder, HolderKind, MailboxRow, MailboxState, OrdinaryPolicy,
    ProviderRow,
};
use crate::address::{Address, Domain};
use crate::certification::DeliveryDetail;
use crate::instant::Instant;
use crate::journal::Partition;
use crate::journal::record::{
    Change, DomainChanged, MailboxChanged, ProviderChanged, QuarantineRead, QuarantineRemoved,
    Record,
};
use crate::mailbox::MailboxId;
use crate::owner::{CommandError, Outcome, RegistryOrder};
use crate::policy::Policy;
use crate::view::View;
use crate::wording;

/// Circumstances of an order.
pub struct Desk<'a> {
    /// State, undurable records included.
    pub newest: &'a View,
    /// Values in force.
    pub policy: &'a Policy,
    /// The time.
    pub now: Instant,
    /// Who orders.
    pub author: String,
    /// Drawn for a new mailbox.
    pub partition: Partition,
}

pub(super) type Decided = Result<(Vec<Record>, Outcome), CommandError>;

impl Desk<'_> {
    /// Decides `order`.
    pub fn decide(&self, order: RegistryOrder) -> Decided {
        match order {
            RegistryOrder::SetProvider { name, domain, host } => {
                self.set_provider(name, domain, host)
            }
            RegistryOrder::AddDomain(domain) => self.add_domain(domain),
            RegistryOrder::RemoveDomain(domain) => self.remove_domain(domain),
            RegistryOrder::SuspendDomain(domain, on) => self.suspend_domain(domain, on),
            RegistryOrder::AddMailbox {
                address,
                holder,
                password,
                quota,
            } => self.add_mailbox(address, holder, password, quota),
            // Of a service mailbox too: with one, operators read it as any mailbox (TC-06).
            RegistryOrder::SetPassword(address, hash) => {
                self.edit(&address, "password changed", |row| {
                    row.password = Some(hash);
                })
            }
            RegistryOrder::SetState(address, state) => self.set_state(&address, state),
            RegistryOrder::SetQuota(address, quota) => self.edit(
                &address,
                &format!("capacity set to {quota} octets"),
                |row| {
                    row.quota = quota;
                },
            ),
            RegistryOrder::SetHolder(address, holder) => {
                self.edit(&address, "holder's data changed", |row| row.holder = holder)
            }
            RegistryOrder::SetOrdinary(address, policy) => self.set_ordinary(&address, policy),
            RegistryOrder::Access(address, order) => self.access(&address, order),
            RegistryOrder::SetReceiptType(address, wanted) => {
                self.set_receipt_type(&address, wanted)
            }
            RegistryOrder::ForwardTried(target, delivered) => self.forward_tried(target, delivered),
            RegistryOrder::EndForward(target, identifier, told) => {
                self.end_forward(target, identifier, told)
            }
            RegistryOrder::SettleServiceMailbox => self.settle_service_mailbox(),
            RegistryOrder::ReadQuarantine {
                name,
                identifier,
                what,
                reason,
            } => {
                let record = QuarantineRead {
                    change: self.change(what),
                    name,
                    identifier,
                    reason,
                };
                Ok((vec![record.into()], Outcome::Done))
            }
            RegistryOrder::RemoveQuarantine { name, identifier } => {
                let record = QuarantineRemoved {
                    change: self.change("its term is over"),
                    name,
                    identifier,
                };
                Ok((vec![record.into()], Outcome::Done))
            }
        }
    }

    /// DR-21.
    fn set_receipt_type(&self, address: &Address, wanted: Option<DeliveryDetail>) -> Decided {
        let row = self.holders_mailbox(address)?;
        if row.receipt_type == wanted {
            return Ok((Vec::new(), Outcome::Already));
        }
        let what = format!("delivery receipts: {}", detail_word(wanted));
        self.edit(address, &what, |row| row.receipt_type = wanted)
    }

    fn change(&self, what: &str) -> Change {
        Change {
            at: self.now,
            author: self.author.clone(),
            what: what.to_owned(),
        }
    }

    fn set_provider(&self, name: String, domain: Domain, host: String) -> Decided {
        let change = self.change("provider set");
        let mut records = Vec::new();
        if self.newest.domain(&domain).is_none() {
            records.extend(self.add_domain(domain.clone())?.0);
        }
        let row = ProviderRow { name, domain, host };
        records.insert(0, ProviderChanged { row, change }.into());
        Ok((records, Outcome::Done))
    }

    fn add_domain(&self, domain: Domain) -> Decided {
        if self.newest.domain(&domain).is_some() {
            return Err(CommandError::Exists(format!("the domain {domain}")));
        }
        let row = Some(DomainRow {
            state: DomainState::Active,
            added: self.now,
        });
        let change = self.change("added");
        Ok((
            vec![
                DomainChanged {
                    domain,
                    row,
                    change,
                }
                .into(),
            ],
            Outcome::Done,
        ))
    }

    fn remove_domain(&self, domain: Domain) -> Decided {
        self.domain(&domain)?;
        if self.newest.provider().is_some_and(|p| p.domain == domain) {
            let sentence = format!("{domain} is the provider's own domain; it cannot be removed");
            return Err(CommandError::Refused(sentence));
        }
        let mailboxes = self.newest.mailboxes();
        let mut held = mailboxes
            .iter()
            .filter(|row| row.address.domain() == domain);
        if held.any(|row| row.state != MailboxState::Closed) {
            let sentence = format!("{domain} has mailboxes; close them first");
            return Err(CommandError::Refused(sentence));
        }
        let change = self.change("removed");
        Ok((
            vec![
                DomainChanged {
                    domain,
                    row: None,
                    change,
                }
                .into(),
            ],
            Outcome::Done,
        ))
    }

    fn suspend_domain(&self, domain: Domain, on: bool) -> Decided {
        let row = self.domain(&domain)?;
        let state = if on {
            DomainState::Suspended
        } else {
            DomainState::Active
        };
        if row.state == state {
            return Ok((Vec::new(), Outcome::Already));
        }
        let change = self.change(if on { "suspended" } else { "resumed" });
        let row = Some(DomainRow { state, ..row });
        Ok((
            vec![
                DomainChanged {
                    domain,
                    row,
                    change,
                }
                .into(),
            ],
            Outcome::Done,
        ))
    }

    fn domain(&self, domain: &Domain) -> Result<DomainRow, CommandError> {
        let row = self.newest.domain(domain);
        row.ok_or_else(|| CommandError::NotFound(format!("the domain {domain}")))
    }

    fn add_mailbox(
        &self,
        address: Address,
        holder: Holder,
        password: Option<String>,
        quota: Option<u64>,
    ) -> Decided {
        self.domain(&address.domain())?;
        if self.newest.mailbox_of(&address).is_some() {
            return Err(CommandError::Exists(format!("the mailbox {address}")));
        }
        if address
            .local_part()
            .eq_ignore_ascii_case(wording::SERVICE_LOCAL_PART)
        {
            let sentence = format!("{address} is a service address; choose another name");
            return Err(CommandError::Refused(sentence));
        }
        let row = MailboxRow {
            password,
            quota: quota.unwrap_or(self.policy.mailbox_bytes_default),
            ..self.new_mailbox(address, holder)
        };
        self.born(row)
    }

    fn new_mailbox(&self, address: Address, holder: Holder) -> MailboxRow {
        let last = self.newest.last_mailbox().map_or(0, |id| id.0);
        MailboxRow {
            id: MailboxId(last + 1),
            partition: self.partition,
            address,
            holder,
            password: None,
            state: MailboxState::Active,
            quota: self.policy.mailbox_bytes_default,
            created: self.now,
            changes: 1,
            ordinary: OrdinaryPolicy::Reject,
            service: false,
            access: Access::default(),
            receipt_type: None,
        }
    }

    fn born(&self, row: MailboxRow) -> Decided {
        let (id, change) = (row.id, self.change("added"));
        Ok((
            vec![MailboxChanged { row, change }.into()],
            Outcome::Mailbox(id),
        ))
    }

    /// RFC 6109 §2.2.5: what other providers tell us goes there.
    fn settle_service_mailbox(&self) -> Decided {
        let Some(provider) = self.newest.provider() else {
            let sentence = "the provider is not set; run init".to_owned();
            return Err(CommandError::Refused(sentence));
        };
        let address = Address::of(wording::SERVICE_LOCAL_PART, &provider.domain)
            .map_err(|error| CommandError::Refused(error.to_string()))?;
        if self.newest.mailbox_of(&address).is_some() {
            return Ok((Vec::new(), Outcome::Already));
        }
        let holder = Holder {
            kind: HolderKind::Body,
            name: provider.name.clone(),
            tax_code: None,
            contacts: Vec::new(),
            documents: Vec::new(),
        };
        self.born(MailboxRow {
            service: true,
            ..self.new_mailbox(address, holder)
        })
    }

    fn set_state(&self, address: &Address, state: MailboxState) -> Decided {
        let what = match state {
            MailboxState::Active => "resumed",
            MailboxState::Suspended => "suspended",
            MailboxState::Closed => "closed",
        };
        let row = self.holders_mailbox(address)?;
        if row.state == state {
            return Ok((Vec::new(), Outcome::Already));
        }
        self.edit(address, what, |row| row.state = state)
    }

    fn mailbox(&self, address: &Address) -> Result<MailboxRow, CommandError> {
        let row = self
            .newest
            .mailbox_of(address)
            .filter(|r| r.state != MailboxState::Closed);
        let missing = || CommandError::NotFound(format!("the mailbox {address}"));
        row.map(|row| (*row).clone()).ok_or_else(missing)
    }

    /// A mailbox that is a holder's, not the house's own.
    pub(super) fn holders_mailbox(&self, address: &Address) -> Result<MailboxRow, CommandError> {
        let row = self.mailbox(address)?;
        if row.service {
            let sentence = format!("{address} is a service mailbox: it stays as it is");
            return Err(CommandError::Refused(sentence));
        }
        Ok(row)
    }

    pub(super) fn edit(
        &self,
        address: &Address,
        what: &str,
        edit: impl FnOnce(&mut MailboxRow),
    ) -> Decided {
        let mut row = self.mailbox(address)?;
        edit(&mut row);
        row.changes += 1;
        let change = self.change(what);
        Ok((vec![MailboxChanged { row, change }.into()], Outcome::Done))
    }
}

/// A type of delivery receipt, in English.
fn detail_word(detail: Option<DeliveryDetail>) -> &'static str {
    match detail {
        None => "as the program asks",
        Some(DeliveryDetail::Complete) => "complete",
        Some(DeliveryDetail::Brief) => "brief",
        Some(DeliveryDetail::Concise) => "concise",
    }
}

//! Where orders about the registry are carried out, over the socket or offline: each is turned into a
//! typed command for the owner, who decides; answers are read from the published view.

mod domain;
mod mailbox;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::owner::{Command, Outcome, RegistryOrder};
use ceralacca_core::state::State;

use crate::control::Request;
use crate::report::{Failure, Report};

/// Carries out a request about mailboxes or domains in the name of `author`; gives back those that are
/// about something else.
pub fn perform(
    state: &State,
    request: Request,
    author: &str,
) -> Result<Result<Report, Failure>, Request> {
    let desk = Desk { state, author };
    Ok(match request {
        Request::MailboxAdd {
            address,
            password,
            quota,
            holder,
        } => desk.mailbox_add(&address, password, quota, holder),
        Request::MailboxList {
            domain,
            after,
            limit,
        } => desk.mailbox_list(domain.as_deref(), after.as_deref(), limit),
        Request::MailboxShow { address } => desk.mailbox_show(&address),
        Request::MailboxPasswd { address, password } => desk.mailbox_passwd(&address, password),
        Request::MailboxState { address, state } => desk.mailbox_state(&address, state),
        Request::MailboxQuota { address, octets } => desk.mailbox_quota(&address, octets),
        Request::MailboxHolder { address, holder } => desk.mailbox_holder(&address, holder),
        Request::MailboxHistory { address } => desk.mailbox_history(&address),
        Request::DomainAdd { domain } => desk.domain_add(&domain),
        Request::DomainList {} => Ok(desk.domain_list()),
        Request::DomainRemove { domain } => desk.domain_remove(&domain),
        Request::DomainSuspend { domain, suspended } => desk.domain_suspend(&domain, suspended),
        other => return Err(other),
    })
}

struct Desk<'a> {
    state: &'a State,
    author: &'a str,
}

impl Desk<'_> {
    fn order(&self, order: RegistryOrder) -> Result<Outcome, Failure> {
        self.state
            .ask(Command::Registry(order, self.author.to_owned()))
            .map_err(Failure::refused)
    }
}

fn address(text: &str) -> Result<Address, Failure> {
    Address::parse(text).map_err(|error| Failure::Refused(format!("`{text}`: {error}")))
}

fn domain(text: &str) -> Result<Domain, Failure> {
    Domain::parse(text).map_err(|error| Failure::Refused(format!("`{text}`: {error}")))
}

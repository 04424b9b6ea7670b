//! The order about ordinary mail (MX-01, MX-08): what the provider forbids is refused (MX-10), and no
//! forward leads in a circle among mailboxes of ours.

use super::decide::{Decided, Desk};
use super::{MailboxRow, MailboxState, OrdinaryPolicy, is_house_address};
use crate::address::Address;
use crate::owner::{CommandError, Outcome};

impl Desk<'_> {
    pub(super) fn set_ordinary(&self, address: &Address, wanted: OrdinaryPolicy) -> Decided {
        let row = self.holders_mailbox(address)?;
        // MX-04: a mailbox that forwards to itself accepts.
        let wanted = match wanted {
            OrdinaryPolicy::Forward(target) if target == row.address => OrdinaryPolicy::Accept,
            wanted => wanted,
        };
        if !self.policy.allows_ordinary(&row.address.domain(), &wanted) {
            let sentence = format!("the provider's policy forbids {address} to {wanted}");
            return Err(CommandError::Refused(sentence));
        }
        if let OrdinaryPolicy::Forward(target) = &wanted {
            self.check_forward(&row, target)?;
        }
        if row.ordinary == wanted {
            return Ok((Vec::new(), Outcome::Already));
        }
        let what = format!("ordinary mail: {wanted}");
        self.edit(address, &what, |row| row.ordinary = wanted)
    }

    fn check_forward(&self, row: &MailboxRow, target: &Address) -> Result<(), CommandError> {
        let refused = |why: String| Err(CommandError::Refused(why));
        let in_service = |row: &MailboxRow| row.state != MailboxState::Closed;
        if self.newest.domain(&target.domain()).is_none() {
            return Ok(());
        }
        if is_house_address(target) {
            return refused(format!("{target} is an address of the house"));
        }
        let Some(other) = self.newest.mailbox_of(target).filter(|r| in_service(r)) else {
            return refused(format!("{target} is of a domain of ours, and no mailbox"));
        };
        if matches!(other.ordinary, OrdinaryPolicy::Forward(_)) {
            return refused(format!("{target} forwards too: mail would go in circles"));
        }
        // One link is the longest chain: nobody of ours may forward to who forwards.
        let forwards_here = |other: &MailboxRow| {
            let is_target =
                matches!(&other.ordinary, OrdinaryPolicy::Forward(to) if *to == row.address);
            in_service(other) && is_target
        };
        let mailboxes = self.newest.mailboxes();
        match mailboxes.iter().find(|other| forwards_here(other)) {
            Some(other) => refused(format!(
                "{} forwards to {}: mail would go in circles",
                other.address, row.address
            )),
            None => Ok(()),
        }
    }
}

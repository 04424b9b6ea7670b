//! The access point's door (RFC 6109 §3.1): who signs in, with which mailbox as home, and the submission
//! that the owner commits. `driver` does the rest.

use std::rc::Rc;
use std::sync::Arc;

use ceralacca_core::blob::BlobRef;
use ceralacca_core::journal::Partition;
use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::owner::{Outcome, Submission};
use ceralacca_core::proof::Durable;
use ceralacca_core::registry::{DomainState, MailboxRow, MailboxState};
use ceralacca_core::state::Place;
use zeroize::Zeroizing;

use super::driver::{self, Door, FAILED, Reply, refusal, settings};
use super::session::{Account, Origin, Session, Transaction};
use crate::conn::Connection;
use crate::ring::slots::Slot;
use crate::shared::Shared;

const TOO_MANY: &str = "451 4.7.1 Too many messages at once from this mailbox, try again later";

/// Speaks with a user's program until one of the two ends it.
pub(crate) async fn run(connection: Connection, shared: Rc<Shared>) {
    let most = shared.state.policy().notice_bytes_max;
    let session = Session::new(settings(&connection, &shared, most));
    let door = AccessDoor(Rc::clone(&shared));
    driver::run(connection, shared, session, door).await;
}

struct AccessDoor(Rc<Shared>);

impl Door for AccessDoor {
    type Slot = Slot<MailboxId>;

    /// A suspended mailbox or domain submits nothing.
    async fn sign_in(&self, name: &str, password: Zeroizing<Vec<u8>>) -> Option<Account> {
        let mailbox = self.0.sign_in(name, password).await;
        mailbox.and_then(|row| self.in_service(&row))
    }

    fn admit(&self, session: &Session) -> Result<(Partition, Self::Slot), Reply> {
        let account = session.account().ok_or(FAILED)?;
        let slot = self.0.message_from(account.mailbox).ok_or(TOO_MANY)?;
        Ok((account.home, slot))
    }

    async fn commit(
        &self,
        place: Place,
        body: Durable<BlobRef>,
        _slot: Self::Slot,
        transaction: Transaction,
    ) -> Result<String, Reply> {
        let Origin::Mailbox { account, sender } = transaction.origin else {
            return Err(FAILED.into());
        };
        let submission = Submission {
            mailbox: account.mailbox,
            sender,
            recipients: transaction.recipients,
            body,
            received_from: transaction.received_from,
            key: transaction.key,
        };
        match self.0.submit(place, submission).await {
            Ok(Outcome::Submitted(identifier)) => Ok(identifier.to_string()),
            Ok(_) => Err(FAILED.into()),
            Err(e) => Err(refusal(e)),
        }
    }
}

impl AccessDoor {
    fn in_service(&self, row: &Arc<MailboxRow>) -> Option<Account> {
        let domain = self.0.state.view().domain(&row.address.domain())?;
        let is_served = row.state == MailboxState::Active && domain.state == DomainState::Active;
        is_served.then(|| Account {
            mailbox: row.id,
            home: row.partition,
            address: row.address.clone(),
        })
    }
}

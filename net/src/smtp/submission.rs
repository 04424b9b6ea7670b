//! The access point's door (RFC 6109 §3.1): who signs in, with which mailbox as home, and the submission
//! that the owner commits. `driver` does the rest.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;

use ceralacca_core::blob::BlobRef;
use ceralacca_core::journal::Partition;
use ceralacca_core::login::{Entry, Protocol, Refusal};
use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::owner::{Outcome, Submission};
use ceralacca_core::proof::Durable;
use ceralacca_core::state::Place;
use zeroize::Zeroizing;

use super::driver::{self, Door, FAILED, Reply, refusal, settings};
use super::session::{Account, Origin, Session, Transaction};
use crate::conn::Connection;
use crate::ring::slots::Slot;
use crate::shared::Shared;

const TOO_FAST: &str = "450 4.7.1 Too many messages in this minute, try again later";
const SIGNED_OUT: &str = "550 5.7.13 Submission is not open to this mailbox or password any more";
const TOO_MANY: &str = "451 4.7.1 Too many messages at once from this mailbox, try again later";

/// Speaks with a user's program until one of the two ends it.
pub(crate) async fn run(connection: Connection, shared: Rc<Shared>) {
    let most = shared.state.policy().notice_bytes_max;
    let session = Session::new(settings(&connection, &shared, most));
    let door = AccessDoor {
        shared: Rc::clone(&shared),
        peer: connection.peer().ip(),
        entry: RefCell::default(),
    };
    driver::run(connection, shared, session, door).await;
}

struct AccessDoor {
    shared: Rc<Shared>,
    peer: IpAddr,
    /// How the session came in.
    entry: RefCell<Option<Entry>>,
}

impl Door for AccessDoor {
    type Slot = Slot<MailboxId>;

    async fn sign_in(&self, name: &str, password: Zeroizing<Vec<u8>>) -> Result<Account, Refusal> {
        let entry = self
            .shared
            .sign_in(Protocol::Submission, self.peer, name, password)
            .await?;
        let account = Account {
            mailbox: entry.row.id,
            home: entry.row.partition,
            address: entry.row.address.clone(),
        };
        *self.entry.borrow_mut() = Some(entry);
        Ok(account)
    }

    fn admit(&self, session: &Session) -> Result<(Partition, Self::Slot), Reply> {
        let account = session.account().ok_or(FAILED)?;
        // AC-14: a session that is open learns of it at its next message.
        let entry = self.entry.borrow();
        let stays = entry
            .as_ref()
            .is_some_and(|entry| self.shared.may_stay(entry));
        if !stays {
            return Err(SIGNED_OUT.into());
        }
        if !self.shared.may_submit(account.mailbox, self.peer) {
            return Err(TOO_FAST.into());
        }
        let slot = self.shared.message_from(account.mailbox).ok_or(TOO_MANY)?;
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
        match self.shared.submit(place, submission).await {
            Ok(Outcome::Submitted(identifier)) => Ok(identifier.to_string()),
            Ok(_) => Err(FAILED.into()),
            Err(e) => Err(refusal(e)),
        }
    }
}

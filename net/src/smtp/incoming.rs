//! The incoming point's door (RFC 6109 §3.2): mail of other servers, in clear or under TLS (IP-01,
//! IP-26), for domains that we manage (IP-25). Nobody signs in. What a message is and whether it is taken
//! says the [`Examiner`], on a thread that may wait; its answer is the reply to the final dot.

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::blob::BlobRef;
use ceralacca_core::intake::{Arrival, Spf, TakenIn};
use ceralacca_core::journal::Partition;
use ceralacca_core::login::Refusal;
use ceralacca_core::proof::Durable;
use ceralacca_core::state::{Place, State};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::driver::{self, BUSY, Door, FAILED, Reply, settings};
use super::session::{Account, Origin, RecipientDomain, RecipientDomains, Session, Transaction};
use crate::conn::Connection;
use crate::ring::slots::{Slot, source};
use crate::shared::Shared;

const POSTMASTER: &str = "postmaster";
const TOO_MANY: &str = "451 4.7.1 Too many messages at once from your address, try again later";
const TOO_FAST: &str = "451 4.7.1 Too many messages from your address, try again in a minute";
/// Longest text of a reply, RFC 5321 §4.5.3.1.5, less code, enhanced code and CRLF.
const REPLY_TEXT_BYTES_MAX: usize = 480;

/// Judges what arrived and answers when its outcome is committed. Asked on a thread that may wait.
pub trait Examiner: Send + Sync {
    /// Takes the message in, or refuses it.
    fn take_in(&self, place: Place, arrival: Arrival) -> TakenIn;
}

impl Examiner for State {
    fn take_in(&self, place: Place, arrival: Arrival) -> TakenIn {
        Self::take_in(self, place, &arrival)
    }
}

/// Speaks with another server until one of the two ends it.
pub(crate) async fn run(connection: Connection, shared: Rc<Shared>) {
    let most = shared.state.policy().arrival_bytes_max;
    let domains = Rc::new(OurDomains(Arc::clone(&shared.state)));
    let session = Session::incoming(settings(&connection, &shared, most), domains);
    let door = IncomingDoor {
        shared: Rc::clone(&shared),
        peer: connection.peer().ip().to_canonical(),
    };
    driver::run(connection, shared, session, door).await;
}

/// The domains of the registry.
struct OurDomains(Arc<State>);

impl fmt::Debug for OurDomains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OurDomains")
    }
}

impl RecipientDomains for OurDomains {
    /// A suspended domain is ours all the same: its mail ends in a notice (DP-10).
    fn judge(&self, domain: &Domain) -> RecipientDomain {
        match self.0.view().domain(domain) {
            Some(_) => RecipientDomain::Managed,
            None => RecipientDomain::Foreign,
        }
    }

    fn postmaster(&self) -> Option<Address> {
        let provider = self.0.view().provider()?;
        Address::of(POSTMASTER, &provider.domain).ok()
    }
}

struct IncomingDoor {
    shared: Rc<Shared>,
    peer: IpAddr,
}

impl Door for IncomingDoor {
    type Slot = Held;

    async fn sign_in(&self, _: &str, _: Zeroizing<Vec<u8>>) -> Result<Account, Refusal> {
        Err(Refusal::Wrong)
    }

    /// The home is the first recipient's; mail for nobody is judged where the registry is.
    fn admit(&self, session: &Session) -> Result<(Partition, Self::Slot), Reply> {
        let source = source(self.peer);
        let slot = self.shared.message_from_source(source).ok_or(TOO_MANY)?;
        if !self.shared.is_in_pace(source) {
            return Err(TOO_FAST.into());
        }
        let (origin, recipients) = session.under_way().ok_or(FAILED)?;
        let first = recipients.first().ok_or(FAILED)?;
        let mailbox = self.shared.state.view().mailbox_of(first);
        let home = mailbox.map_or(Partition::REGISTRY, |row| row.partition);
        // One recipient is answered at once: no report can follow (MX-05).
        let asking = (recipients.len() > 1).then(|| self.ask(origin)).flatten();
        let held = Held {
            asking,
            _slot: slot,
        };
        Ok((home, held))
    }

    async fn commit(
        &self,
        place: Place,
        body: Durable<BlobRef>,
        mut held: Held,
        transaction: Transaction,
    ) -> Result<String, Reply> {
        let Origin::Server {
            reverse_path,
            helo,
            tls,
        } = transaction.origin
        else {
            return Err(FAILED.into());
        };
        let arrival = Arrival {
            body,
            reverse_path,
            recipients: transaction.recipients,
            received_from: transaction.received_from,
            peer: self.peer,
            helo,
            tls: tls.map(str::to_owned),
            spf: held.answer().await,
        };
        match self.shared.examine(place, arrival).await {
            Some(TakenIn::Accepted(identifier)) => Ok(identifier.to_string()),
            Some(TakenIn::Refused { code, status, text }) => Err(refused(code, &status, &text)),
            None => Err(BUSY.into()),
        }
    }
}

impl IncomingDoor {
    /// Asks the sender's domain, while the body comes.
    fn ask(&self, origin: &Origin) -> Option<JoinHandle<Spf>> {
        let Origin::Server {
            reverse_path: Some(path),
            helo,
            ..
        } = origin
        else {
            return None;
        };
        let domains = self.shared.sender_domains.clone()?;
        let (path, helo) = (path.clone(), helo.clone());
        let (host, peer) = (self.shared.host.clone(), self.peer);
        let judge = async move { domains.judge(peer, &helo, &host, &path).await };
        Some(tokio_uring::spawn(judge))
    }
}

/// What a message holds until it is answered or given up.
struct Held {
    asking: Option<JoinHandle<Spf>>,
    _slot: Slot<IpAddr>,
}

impl Held {
    /// What the sender's domain said.
    async fn answer(&mut self) -> Spf {
        match self.asking.as_mut() {
            // A question that failed by a bug has no answer.
            Some(asking) => asking.await.unwrap_or_default(),
            None => Spf::Unknown,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(asking) = &self.asking {
            asking.abort();
        }
    }
}

/// The reply that an examination asks for (MX-02): one line, and never a promise.
fn refused(code: u16, status: &str, text: &str) -> Reply {
    let is_refusal = (400..600).contains(&code);
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let is_status = status.split('.').count() == 3 && status.split('.').all(is_number);
    if !is_refusal || !is_status {
        return FAILED.into();
    }
    let plain = |c: char| if c.is_ascii_graphic() { c } else { ' ' };
    let text: String = text.chars().map(plain).take(REPLY_TEXT_BYTES_MAX).collect();
    format!("{code} {status} {text}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mx_02_a_refusal_is_one_line_and_never_a_promise() {
        let cases = [
            (
                (550, "5.7.1", "Ordinary mail is not taken"),
                "550 5.7.1 Ordinary mail is not taken",
            ),
            (
                (451, "4.3.2", "Try\r\n250 later \u{e8}"),
                "451 4.3.2 Try  250 later  ",
            ),
            ((250, "2.0.0", "Ok"), FAILED),
            ((550, "5.7.1\r\n250 x", "x"), FAILED),
        ];
        for ((code, status, text), reply) in cases {
            assert_eq!(refused(code, status, text), reply);
        }
        let long = refused(554, "5.6.0", &"x".repeat(1000));
        assert!(long.len() + 2 <= 512, "{}", long.len());
    }
}

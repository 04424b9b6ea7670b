//! The way of one message, followed to its end: submitted, certified, read back by all.

use crate::compose::Draft;
use crate::mailbox::Mailbox;
use crate::sealed::Sealed;

/// All that came of one message.
#[derive(Debug, Clone)]
pub struct Certified {
    /// The octets submitted.
    pub submitted: Vec<u8>,
    /// The acceptance receipt.
    pub acceptance: Sealed,
    /// The envelope in each local recipient's mailbox, in the order of `to`.
    pub envelopes: Vec<Sealed>,
    /// The delivery receipts, or non-delivery notices, by recipient in the order of the forward path.
    pub answers: Vec<Sealed>,
}

impl Certified {
    /// The one envelope.
    pub fn envelope(&self) -> &Sealed {
        &self.envelopes[0]
    }

    /// The one delivery receipt.
    pub fn delivery(&self) -> &Sealed {
        &self.answers[0]
    }

    /// Every message emitted, each once.
    pub fn all(&self) -> Vec<&Sealed> {
        let envelope = self.envelopes.first();
        std::iter::once(&self.acceptance)
            .chain(envelope)
            .chain(&self.answers)
            .collect()
    }
}

/// Sends `draft` to `to`, all local, and waits for all that must come. The sender's and recipients'
/// mailboxes must be empty before.
pub fn certify(sender: &Mailbox<'_>, to: &[&Mailbox<'_>], draft: &Draft) -> Certified {
    certify_octets(sender, to, &[], &draft.bytes())
}

/// As [`certify`], with further addresses in the forward path that have no mailbox but answer with a
/// notice.
pub fn certify_octets(
    sender: &Mailbox<'_>,
    to: &[&Mailbox<'_>],
    missing: &[&str],
    message: &[u8],
) -> Certified {
    let mut paths: Vec<&str> = to.iter().map(|m| m.address.as_str()).collect();
    paths.extend(missing);
    sender.send_well(&paths, message);
    let mut came = sender.wait_for(1 + paths.len());
    let is_acceptance = |m: &Sealed| m.get("X-Ricevuta").as_deref() == Some("accettazione");
    let at = came
        .iter()
        .position(is_acceptance)
        .expect("an acceptance receipt");
    let acceptance = came.remove(at);
    came.sort_by_key(|m| {
        let consegna = m.data().one("consegna");
        paths.iter().position(|p| p.eq_ignore_ascii_case(&consegna))
    });
    let envelopes = to.iter().map(|m| m.wait_for(1).remove(0)).collect();
    Certified {
        submitted: message.to_vec(),
        acceptance,
        envelopes,
        answers: came,
    }
}

/// Sends `message`, which the formal checks must refuse, and waits for the notice.
pub fn refused(sender: &Mailbox<'_>, to: &[&str], message: &[u8]) -> Sealed {
    sender.send_well(to, message);
    let notice = sender.wait_for(1).remove(0);
    assert_eq!(notice.field("X-Ricevuta"), "non-accettazione");
    notice
}

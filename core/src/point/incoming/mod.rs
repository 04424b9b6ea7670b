//! The incoming point (RFC 6109 §2.2.2): what another server brought, judged before it is answered. Four
//! checks say what it is ([`examine()`]); that, the virus scanner and the mailboxes' policies say what
//! becomes of it ([`take`]). Bodies are read in pieces, never held whole; only the signed data count,
//! never the text or an outer field alone (CD-14, IP-13).

mod arrival;
mod envelope;
mod examine;
mod form;
mod ordinary;
mod signed;
pub(crate) mod take;

pub use arrival::{Arrival, Spf, TakenIn};
pub use examine::{Examined, SignedFacts, examine};
pub use form::Formed;

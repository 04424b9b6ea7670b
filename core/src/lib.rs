//! What certified mail **is**, and the state that must survive: no socket, no PKCS#11, no HTTP and no
//! async runtime. Other crates fill the ports declared in [`ports`].
//!
//! The way of one message (each step is one record, each record one commit point):
//!
//! ```text
//! Submitted (home)   identifier, paths, body blob            --> 250
//! Accepted  (home)   acceptance receipt, envelope, an errand per recipient     or Refused: the notice
//! Stored    (there)  envelope in the recipient's mailbox: the instant certified
//! Certified (there)  delivery receipt or non-delivery notice, an errand back
//! Landed    (home)   it is in the sender's mailbox
//! ```
//!
//! Rooms, pure first: [`address`], [`message_id`], [`instant`] are parsed once at the edge; [`mime`]
//! scans and [`rope`] describes a message without copying it; [`certification`], [`envelope`],
//! [`receipt`] and [`notice`] make the messages of RFC 6109, [`smime`] signs and verifies them;
//! [`point`] decides. State: [`journal`] is the truth, [`blob`] holds bodies, [`view`] answers
//! questions, [`owner`] decides and commits, [`pipeline`] certifies.

pub mod address;
pub mod blob;
pub mod certification;
pub mod disk;
pub mod envelope;
pub mod instant;
pub mod journal;
pub mod limits;
pub mod mailbox;
pub mod message_id;
pub mod mime;
pub mod notice;
pub mod owner;
pub mod pipeline;
pub mod point;
pub mod policy;
pub mod ports;
pub mod proof;
pub mod random;
pub mod receipt;
pub mod registry;
pub mod rope;
pub mod smime;
pub mod state;
pub mod steps;
pub mod verdict;
pub mod view;
pub mod wording;

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
//! [`receipt`] and [`mod@notice`] make the messages of RFC 6109, [`smime`] signs and verifies them;
//! [`delivery_report`] and [`srs`] serve ordinary mail; [`point`] decides, [`intake`] takes in, [`queue`]
//! says when mail for other servers is tried; [`scanning`] watches the virus scanner, [`quarantine`]
//! keeps what it found, [`encrypted`]; a [`task`] is what an operator has to look into, [`log`] what is
//! said aloud; [`reconciliation`] compares what keys signed with what the log holds; [`login`] signs in. State: [`journal`] is the truth, [`blob`] holds bodies, [`view`]
//! answers questions, [`owner`] decides and commits, [`pipeline`] certifies. [`directory`] knows the
//! other providers. [`stepper`] is an appliance without threads, for simulations.
//!
//! What follows is the design that the rooms keep to; a comment that says *see Commit* means it.
//!
//! # Partitions
//!
//! State is cut into partitions: 0 is the registry (provider, domains, mailboxes, holders), 1 to 255
//! hold mail; a mailbox's is drawn at its birth and never computed again. Order is promised only inside
//! one. What must happen together is one record. What concerns two is a chain: the first record leaves
//! an *errand*, the other side acts once per key (identifier, recipient, step), its answer strikes the
//! errand. A lane is a physical journal: one folder, one writer; an appliance has one for all partitions.
//!
//! # Commit
//!
//! 1. The body is appended to a blob segment and synced. *Crash: octets that nobody names.* A record
//!    never names a blob that is not durable.
//! 2. The command goes to the owner, in a place reserved before `354`.
//! 3. The owner decides against the newest state, undurable records included, and adds the records to
//!    the open group.
//! 4. The writer writes and syncs the group: the **commit point**. *Crash before: nothing happened;
//!    after: replay goes on at 5.*
//! 5. Rows are published in memory, then replies go out, then notices: who was told can read what he
//!    wrote, and nobody reads what may vanish.
//! 6. Rows are written behind, in large batches, to sled and mailbox files.
//!
//! A failed write or sync of the journal, or a failed sync of a blob, stops the process and is never
//! retried: the kernel may have dropped the pages and call them clean. The next start reads the
//! journal's tail past the page cache, cuts what is torn above the last durable mark, and refuses to
//! serve where something below it is damaged or a view is ahead. No room for a body is that message's
//! `452`; below the reserve that finishes accepted work, intake answers `451`.
//!
//! # Keeping
//!
//! The journal and the blobs are the truth; everything under `views/` can be deleted and is rebuilt.
//! Legal fields, with a random salt, are in the record of each event ([`journal::record::Evidence`]).
//! Not there yet: checkpoints (each start verifies the whole journal and replays what the views lack),
//! reclaim of blobs that nobody names any more, removal of old segments.
//!
//! # Threads
//!
//! | thread | owns | never |
//! |---|---|---|
//! | ring, one per core | connections, its blob segment | hashes a password, parses a whole message |
//! | relay | a ring, the schedule of the [`queue`], connections to other servers | waits for the disk |
//! | owner | the newest state, the open group | waits for the disk |
//! | writer | journal segments | anything else |
//! | courier, draft, sign, commit | a stage of the [`pipeline`] each | wait for a batch to fill |
//! | drafting pool, one per core | drafts and digests, at lower priority | touches state |
//! | signers | modules, PINs and keys, a child process for each token with a worker per session | see an octet of mail |
//! | views | sled and mailbox files | are waited for by mail |
//! | marker | marks for header search ([`view::marks`]) | is waited for by anybody |
//! | passwords, two | Argon2id | touch a ring |
//! | prober | the question whether the virus scanner works | scans mail |
//! | reconciler | the count of signatures ([`reconciliation`]) | is waited for by mail |
//!
//! Every queue has its bound in [`limits`]; places are reserved before the work.

pub mod address;
pub mod blob;
pub mod certification;
pub mod delivery_report;
pub mod directory;
pub mod disk;
pub mod encrypted;
pub mod envelope;
pub mod instant;
pub mod intake;
pub mod journal;
pub mod limits;
pub mod log;
pub mod login;
pub mod mailbox;
mod marker;
pub mod message_id;
pub mod mime;
pub mod notice;
pub mod owner;
pub mod pipeline;
pub mod point;
pub mod policy;
pub mod ports;
pub mod proof;
pub mod quarantine;
pub mod queue;
pub mod random;
pub mod receipt;
pub mod reconciliation;
pub mod registry;
pub mod rope;
pub mod scanning;
pub mod smime;
pub mod srs;
pub mod state;
pub mod stepper;
pub mod steps;
pub mod task;
pub mod timer;
pub mod trust;
pub mod verdict;
pub mod view;
pub mod wording;

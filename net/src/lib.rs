//! How bytes come and go: io_uring, TLS, SMTP, IMAP, POP3. Knows what mail *says* to a server, and nothing of
//! what certified mail means: that is `ceralacca-core`, which is asked through its [`State`].
//!
//! `ring` holds the threads and all that touches io_uring; [`conn`] is a connection as sessions see
//! it; [`scanner`] asks clamd; [`smtp`], [`imap`] and [`pop3`] are machines without sockets and the drivers that run
//! them; [`server`] starts and stops everything; [`relay`] sends to other servers; [`house`] is a mailbox for tests
//! of the machines.
//!
//! [`State`]: ceralacca_core::state::State

pub mod conn;
pub mod house;
pub mod imap;
mod pace;
pub mod pop3;
pub mod relay;
mod ring;
pub mod scanner;
pub mod server;
pub mod shared;
pub mod smtp;
#[cfg(test)]
mod testing;
pub mod tls;

pub use ring::changes::Watch;
pub use ring::spool::{Body, Spool, SpoolError};
pub use server::{Listeners, NetError, Running, Server, serve};

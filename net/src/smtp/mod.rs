//! SMTP: of users (RFC 6409, RFC 6109 §3.1) and of other servers (RFC 5321, RFC 6109 §3.2).
//! [`session`] is a machine without sockets from (state, octets) to (state, actions); [`codec`] cuts
//! lines and bodies under byte limits before anything is parsed; [`command`] knows the commands;
//! `driver` runs the machine on a connection, with what [`submission`] and [`incoming`] do each their own
//! way.

pub mod codec;
pub mod command;
mod driver;
pub mod incoming;
mod repeat;
pub mod session;
pub mod settings;
pub(crate) mod spf;
pub mod submission;

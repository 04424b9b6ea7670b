//! SMTP for users (RFC 6409, RFC 5321, RFC 6109 §3.1): [`session`] is a machine without sockets from
//! (state, octets) to (state, actions); [`codec`] cuts lines and bodies under byte limits before anything
//! is parsed; [`command`] knows the commands; [`submission`] runs the machine on a connection.

pub mod codec;
pub mod command;
pub mod session;
pub mod settings;
pub mod submission;

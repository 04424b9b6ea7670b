//! What one session is told at its start.

use std::net::IpAddr;

/// Settings of a session.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's name.
    pub host: String,
    /// EHLO `SIZE` (AP-15, IP-20).
    pub message_bytes_max: u64,
    /// The peer's address, for `Received:`.
    pub peer: IpAddr,
    /// TLS is up already, and its version (port 465).
    pub tls: Option<&'static str>,
}

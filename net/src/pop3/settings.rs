//! What a POP3 listener is told at start.

/// Settings of one listener.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's name in the greeting.
    pub host: String,
}

/// What is offered, before login and after it (RFC 2449 §5). STLS is not among it: the connection is
/// under TLS from its first octet (AC-04); nor UTF8 (RFC 6856), whose server owes others rewritten copies.
/// Nothing here rewrites a message (DP-01).
pub const CAPABILITIES: [&str; 9] = [
    "TOP",
    "USER",
    "SASL PLAIN",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "EXPIRE NEVER",
    "UIDL",
    "IMPLEMENTATION Ceralacca",
];

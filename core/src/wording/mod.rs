//! The only home of Italian: words of the protocol (RFC 6109), and the templates of texts.

/// Local part of the service address (RFC 6109 §2.2.6).
pub const SERVICE_LOCAL_PART: &str = "posta-certificata";

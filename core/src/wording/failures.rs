//! Why a delivery failed, as `errore-esteso` says it: enhanced status (RFC 3463) and text (ND-04).

/// DP-06: nobody has this address.
pub const UNKNOWN_MAILBOX: (&str, &str) = ("5.1.1", "indirizzo non valido");
/// ND-03: the domain is not managed here.
pub const UNKNOWN_DOMAIN: (&str, &str) = ("5.1.2", "dominio non gestito");
/// DP-10.
pub const SUSPENDED: (&str, &str) = ("5.2.1", "casella sospesa");
/// DP-07.
pub const MAILBOX_FULL: (&str, &str) = ("5.2.2", "casella piena");
/// TC-08: the service mailbox takes no envelope.
pub const SERVICE_MAILBOX: (&str, &str) = ("5.7.1", "casella di servizio, non riceve messaggi");

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
/// TO-09, TO-10: neither take-charge nor delivery within twelve hours.
pub const FIRST_DELAY: (&str, &str) = (
    "4.4.1",
    "il messaggio non è stato consegnato nelle prime dodici ore dal suo invio",
);
/// TO-09, TO-10: other providers' programs know the final notice by this status.
pub const FINAL_DELAY: (&str, &str) = (
    "5.4.1",
    "il messaggio non è stato consegnato nelle ventiquattro ore successive al suo invio",
);
/// VI-06: status of a recipient not served for a virus; the reason is what the scanner calls it.
pub const VIRUS_STATUS: &str = "5.7.1";

/// ND-05: another provider's server refused for good; `host` and `reply` are its own words.
pub fn refused_by(host: &str, reply: &str) -> String {
    format!("messaggio rifiutato dal server di destinazione {host}: {reply}")
}

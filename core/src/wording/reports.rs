//! The words of delivery reports about ordinary mail (RFC 3464): Italian first, then English, for a
//! reader who may be anybody.

/// `Subject:`; `is_final` where somebody was given up.
pub const fn subject(is_final: bool) -> &'static str {
    if is_final {
        "Messaggio non consegnato (undelivered mail)"
    } else {
        "Messaggio in ritardo (delayed mail)"
    }
}

/// In each language, what is said before the recipients, and what stands before each reason.
pub const fn paragraphs(is_final: bool) -> [(&'static str, &'static str); 2] {
    if is_final {
        [
            (
                "Il messaggio di cui sono riportate sotto le intestazioni non è stato consegnato a:",
                "motivo:",
            ),
            (
                "The message whose header is returned below could not be delivered to:",
                "reason:",
            ),
        ]
    } else {
        [
            (
                "Il messaggio di cui sono riportate sotto le intestazioni non è ancora stato \
                 consegnato; il sistema continuerà a provare. Non occorre inviarlo di nuovo. Destinatari:",
                "motivo:",
            ),
            (
                "The message whose header is returned below has not been delivered yet; the system \
                 goes on trying. There is no need to send it again. Recipients:",
                "reason:",
            ),
        ]
    }
}

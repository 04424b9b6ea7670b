//! Texts of plain messages of the house to its holders, which certify nothing: no law gives their words.

/// Subject: a receipt was kept apart (VI-13).
pub const QUARANTINED_SUBJECT: &str = "Ricevuta trattenuta per motivi di sicurezza";

/// VI-13: lines of the text; `kind` is the value of `X-Ricevuta:`.
pub fn quarantined_receipt(kind: &str, identifier: &str) -> Vec<String> {
    vec![
        format!(
            "Per un messaggio inviato da questa casella \u{e8} pervenuta una ricevuta ({kind})"
        ),
        "che non pu\u{f2} essere consegnata perch\u{e9} il suo contenuto \u{e8} risultato infetto."
            .to_owned(),
        "I dati di certificazione della ricevuta sono stati registrati.".to_owned(),
        "Per averne un'attestazione firmata ci si pu\u{f2} rivolgere al gestore,".to_owned(),
        "indicando l'identificativo del messaggio.".to_owned(),
        String::new(),
        format!("Identificativo messaggio: {identifier}"),
    ]
}

/// Subject of a warning about the capacity (AC-17); `percent` of it is used.
pub fn quota_subject(percent: u8) -> String {
    match percent {
        100.. => "Casella piena".to_owned(),
        _ => format!("Casella quasi piena: spazio occupato almeno al {percent}%"),
    }
}

/// AC-17: lines of the text; octets in use and allowed.
pub fn quota_warning(address: &str, percent: u8, used: u64, most: u64) -> Vec<String> {
    let effect = match percent {
        100.. => [
            "I messaggi in arrivo che non trovano posto vengono rifiutati: il mittente ne riceve",
            "avviso. Le ricevute continuano ad arrivare.",
        ],
        _ => [
            "Quando lo spazio sar\u{e0} esaurito i messaggi in arrivo verranno rifiutati, e il",
            "mittente ne ricever\u{e0} avviso. Le ricevute continueranno ad arrivare.",
        ],
    };
    let mut lines = vec![
        format!("Nella casella {address} lo spazio a disposizione \u{e8} occupato"),
        format!("almeno al {percent}%: {used} di {most} byte."),
        String::new(),
    ];
    lines.extend(effect.map(str::to_owned));
    lines.push(
        "Per liberare spazio \u{e8} possibile scaricare i messaggi e poi cancellarli dal"
            .to_owned(),
    );
    lines.push("server, dopo averne conservato copia: le ricevute hanno valore legale.".to_owned());
    lines
}

/// Subject: a forward was switched off (MX-09).
pub const FORWARD_ENDED_SUBJECT: &str = "Inoltro della posta ordinaria disattivato";

/// MX-09: lines of the text.
pub fn forward_ended(target: &str) -> Vec<String> {
    vec![
        "L'inoltro dei messaggi di posta ordinaria diretti a questa casella verso l'indirizzo"
            .to_owned(),
        String::new(),
        format!("    {target}"),
        String::new(),
        "\u{e8} stato disattivato, perch\u{e9} da almeno sette giorni nessun messaggio pu\u{f2} \
         esservi consegnato."
            .to_owned(),
        "Da ora i messaggi di posta ordinaria diretti a questa casella sono rifiutati;".to_owned(),
        "i messaggi di posta elettronica certificata sono consegnati come sempre.".to_owned(),
        "L'inoltro pu\u{f2} essere attivato di nuovo, anche verso un altro indirizzo.".to_owned(),
    ]
}

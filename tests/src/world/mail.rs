//! What users of the world write, and what is remembered of it for the judge.

use super::ports::{DOMAINS, mark_of};
use super::provider::MAILBOXES;
use crate::seed::Chance;

/// How a submission ended for its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// `250`, with the identifier.
    Accepted(String),
    /// Refused at the port, or never answered.
    Nothing,
}

/// A message that a user handed in.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Stands in the subject, and nowhere else.
    pub token: String,
    /// The provider.
    pub from: usize,
    /// The sender's address.
    pub sender: String,
    /// The forward path.
    pub recipients: Vec<String>,
    /// The provider whose scanner finds a virus in it.
    pub infected_for: Option<usize>,
    /// Its header contradicts its envelope: no acceptance.
    pub is_formally_wrong: bool,
    /// What the user was told.
    pub told: Told,
}

/// A message and its octets.
pub fn compose(chance: &mut Chance, number: usize, from: usize) -> (Sent, Vec<u8>) {
    let (local, _) = MAILBOXES[chance.below(2)];
    let sender = format!("{local}@{}", DOMAINS[from]);
    let mut recipients = Vec::new();
    for _ in 0..=chance.below(4) {
        let one = recipient(chance, from);
        if !recipients.contains(&one) {
            recipients.push(one);
        }
    }
    let infected_for = (chance.below(8) == 0).then(|| chance.below(2));
    let is_formally_wrong = chance.below(20) == 0;
    let token = format!("prova-{number}-{}", chance.below(1_000_000));
    let sent = Sent {
        token,
        from,
        sender,
        recipients,
        infected_for,
        is_formally_wrong,
        told: Told::Nothing,
    };
    let octets = octets(chance, &sent);
    (sent, octets)
}

fn recipient(chance: &mut Chance, from: usize) -> String {
    let other = DOMAINS[1 - from];
    let own = DOMAINS[from];
    let known = |chance: &mut Chance| MAILBOXES[chance.below(MAILBOXES.len())].0;
    match chance.below(12) {
        0..=4 => format!("{}@{other}", known(chance)),
        5 => format!("nessuno@{other}"),
        6..=7 => format!("{}@{own}", known(chance)),
        8 => format!("nessuno@{own}"),
        9 => "accetta@internet.example".to_owned(),
        10 => "rifiuta@internet.example".to_owned(),
        _ => match chance.below(3) {
            0 => "mai@internet.example".to_owned(),
            _ => "dopo@internet.example".to_owned(),
        },
    }
}

fn octets(chance: &mut Chance, sent: &Sent) -> Vec<u8> {
    let from = match sent.is_formally_wrong {
        true => "qualcun.altro@alfa.test",
        false => &sent.sender,
    };
    let detail = match chance.below(4) {
        0 => "X-TipoRicevuta: breve\r\n",
        1 => "X-TipoRicevuta: sintetica\r\n",
        _ => "",
    };
    let mark = sent.infected_for.map(|p| mark_of(DOMAINS[p]));
    let text = format!("Un testo. {}\r\n", mark.unwrap_or_default());
    let to = sent.recipients.join(",\r\n ");
    let head = format!(
        "From: {from}\r\nTo: {to}\r\nDate: Mon, 02 Nov 2026 09:00:00 +0100\r\n\
         Message-ID: <{0}@client.example>\r\nSubject: {0}\r\n{detail}MIME-Version: 1.0\r\n",
        sent.token
    );
    let message = if chance.below(3) == 0 {
        let size = [10, 500, 12_000][chance.below(3)];
        let attached = "QUJD".repeat(18) + "\r\n";
        let attached = attached.repeat(size / 72 + 1);
        format!(
            "{head}Content-Type: multipart/mixed; boundary=\"c-o-n\"\r\n\r\n--c-o-n\r\n\
             Content-Type: text/plain\r\n\r\n{text}--c-o-n\r\n\
             Content-Type: application/octet-stream; name=\"a.bin\"\r\n\
             Content-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"a.bin\"\r\n\r\n{attached}--c-o-n--\r\n"
        )
    } else {
        format!("{head}Content-Type: text/plain\r\n\r\n{text}")
    };
    message.into_bytes()
}

/// Ordinary mail from outside.
pub fn ordinary(token: &str, to: &str) -> Vec<u8> {
    format!(
        "From: qualcuno@internet.example\r\nTo: {to}\r\nDate: Mon, 02 Nov 2026 09:00:00 +0100\r\n\
         Message-ID: <{token}@internet.example>\r\nSubject: {token}\r\n\r\nBuongiorno.\r\n"
    )
    .into_bytes()
}

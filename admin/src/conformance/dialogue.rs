//! SMTP dialogues whose replies are themselves what a check looks at: no message comes of any of them.

use super::observed::{Cast, Exchange};
use super::run::Door;
use crate::client::{ClientError, SmtpSession};

/// Recipients that one transaction must take (AP-16).
pub const RECIPIENTS_TAKEN: usize = 1000;

/// One dialogue.
pub struct Dialogue {
    /// Where checks name it.
    pub name: &'static str,
    hold: fn(&mut Talk<'_>) -> Result<(), ClientError>,
    signed_in: bool,
}

/// All dialogues.
pub const ALL: &[Dialogue] = &[
    Dialogue {
        name: "before-signing-in",
        hold: before_signing_in,
        signed_in: false,
    },
    Dialogue {
        name: "reverse-paths",
        hold: reverse_paths,
        signed_in: true,
    },
    Dialogue {
        name: "size",
        hold: size,
        signed_in: true,
    },
    Dialogue {
        name: "recipients",
        hold: recipients,
        signed_in: true,
    },
    Dialogue {
        name: "characters",
        hold: characters,
        signed_in: true,
    },
    Dialogue {
        name: "bare-line-feed",
        hold: bare_line_feed,
        signed_in: true,
    },
];

impl Dialogue {
    /// Holds it on a connection of its own.
    pub fn hold(&self, door: &Door, cast: &Cast) -> Result<Vec<Exchange>, String> {
        let words = |error: ClientError| format!("the dialogue `{}`: {error}", self.name);
        let session = if self.signed_in {
            door.signed_in().map_err(words)?
        } else {
            door.open().map_err(words)?
        };
        let mut talk = Talk {
            session,
            cast,
            exchanges: Vec::new(),
        };
        talk.say("EHLO client.example")
            .and_then(|_| (self.hold)(&mut talk))
            .map_err(words)?;
        Ok(talk.exchanges)
    }
}

struct Talk<'a> {
    session: SmtpSession,
    cast: &'a Cast,
    exchanges: Vec<Exchange>,
}

impl Talk<'_> {
    fn say(&mut self, line: &str) -> Result<(), ClientError> {
        let reply = self.session.command(line)?;
        self.exchanges.push(Exchange {
            sent: line.to_owned(),
            reply,
        });
        Ok(())
    }

    fn sender(&self) -> String {
        format!("MAIL FROM:<{}>", self.cast.sender)
    }
}

fn before_signing_in(talk: &mut Talk<'_>) -> Result<(), ClientError> {
    talk.say(&talk.sender())?;
    talk.say(&format!("RCPT TO:<{}>", talk.cast.recipient))?;
    talk.say("DATA")
}

fn reverse_paths(talk: &mut Talk<'_>) -> Result<(), ClientError> {
    let local = talk.cast.sender.split('@').next().unwrap_or_default();
    let paths = [
        talk.cast.recipient.clone(),
        String::new(),
        local.to_owned(),
        format!("{local}@localhost"),
    ];
    for path in paths {
        talk.say(&format!("MAIL FROM:<{path}>"))?;
        // Where it was taken: the next must not fail for that.
        talk.session.command("RSET")?;
    }
    Ok(())
}

fn size(talk: &mut Talk<'_>) -> Result<(), ClientError> {
    let ehlo = talk.exchanges.first().map(|e| e.reply.text.clone());
    let announced = ehlo.and_then(|text| announced_size(&text));
    // A server that announces none is asked about a terabyte.
    let above = announced.map_or(1 << 40, |most| most.saturating_add(1));
    talk.say(&format!("{} SIZE={above}", talk.sender()))
}

/// The number after `SIZE` in a reply to EHLO.
pub fn announced_size(ehlo: &str) -> Option<u64> {
    let mut lines = ehlo.lines().map(str::to_ascii_uppercase);
    let line = lines.find(|line| line.split(' ').next() == Some("SIZE"))?;
    line.split(' ').nth(1)?.parse().ok()
}

fn recipients(talk: &mut Talk<'_>) -> Result<(), ClientError> {
    talk.say(&talk.sender())?;
    let (local, domain) = talk.cast.unknown.rsplit_once('@').unwrap_or_default();
    let lines: Vec<String> = (0..=RECIPIENTS_TAKEN)
        .map(|number| format!("RCPT TO:<{local}.{number}@{domain}>"))
        .collect();
    let replies = talk.session.pipelined(&lines)?;
    let exchanges = lines.into_iter().zip(replies);
    talk.exchanges
        .extend(exchanges.map(|(sent, reply)| Exchange { sent, reply }));
    talk.session.command("RSET").map(drop)
}

fn characters(talk: &mut Talk<'_>) -> Result<(), ClientError> {
    talk.say(&talk.sender())?;
    let domain = talk
        .cast
        .recipient
        .rsplit_once('@')
        .map_or("", |(_, domain)| domain);
    talk.say(&format!("RCPT TO:<perch\u{e9}@{domain}>"))
}

fn bare_line_feed(talk: &mut Talk<'_>) -> Result<(), ClientError> {
    talk.say(&talk.sender())?;
    talk.say(&format!("RCPT TO:<{}>", talk.cast.recipient))?;
    talk.say("DATA")?;
    let text = format!("From: {}\r\n\r\none\n.\ntwo\r\n", talk.cast.sender);
    let reply = talk.session.message(text.as_bytes())?;
    talk.exchanges.push(Exchange {
        sent: "a message with a bare line feed before a dot".to_owned(),
        reply,
    });
    talk.say("NOOP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announced_size_is_found() {
        assert_eq!(
            announced_size("host\nPIPELINING\nSIZE 62914560"),
            Some(62_914_560)
        );
        assert_eq!(announced_size("host\nSIZE"), None);
        assert_eq!(announced_size("host SIZE 7"), None);
    }
}

//! The load: connections that are kept, each submitting one message after another.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::time::Instant;

use ceralacca_admin::client::{Security, SmtpSession, SubmitReply, Trust};

use crate::provider::address;
use crate::sums::Trouble;

/// What a load does.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Messages in all.
    pub messages: usize,
    /// Connections, each with a sender of its own.
    pub connections: usize,
    /// Recipients of each message.
    pub recipients: usize,
    /// Octets of each message.
    pub octets: usize,
}

/// What came of it.
#[derive(Default)]
pub struct Done {
    /// Milliseconds from the first command of each message to its `250`.
    pub replies_ms: Vec<f64>,
    /// Milliseconds since the epoch at which each identifier's submission began.
    pub begun_ms: HashMap<String, f64>,
}

/// Where messages are handed in, over implicit TLS.
pub struct Door {
    /// The port.
    pub address: SocketAddr,
    /// Whom a client trusts.
    pub trust: Trust,
    /// With which senders sign in; `None`: nobody does.
    pub password: Option<&'static str>,
}

/// A connection through a door.
pub struct Connection(SmtpSession);

impl Door {
    /// Connects, and signs in where that is asked.
    pub fn connect(&self, sender: &str) -> Result<Connection, Trouble> {
        let mut session = SmtpSession::open(self.address, &self.trust, Security::Implicit)?;
        expect(250, session.ehlo()?)?;
        if let Some(password) = self.password {
            session.authenticate(sender, password)?;
        }
        Ok(Connection(session))
    }
}

impl Connection {
    /// Hands in one message, its envelope pipelined; the answer is the reply to its final dot, or to `DATA`
    /// where that is refused.
    pub fn submit(
        &mut self,
        from: &str,
        to: &[&str],
        message: &[u8],
    ) -> Result<SubmitReply, Trouble> {
        let mut opening = format!("MAIL FROM:<{from}>\r\n");
        for recipient in to {
            opening.push_str(&format!("RCPT TO:<{recipient}>\r\n"));
        }
        opening.push_str("DATA\r\n");
        self.0.send(opening.as_bytes())?;
        let mut refused = None;
        for _ in 0..=to.len() {
            let reply = self.0.reply()?;
            if reply.code != 250 {
                refused.get_or_insert(reply);
            }
        }
        let reply = self.0.reply()?;
        if reply.code != 354 {
            return Ok(refused.unwrap_or(reply));
        }
        Ok(self.0.message(message)?)
    }

    /// Says goodbye.
    pub fn quit(mut self) -> Result<(), Trouble> {
        expect(221, self.0.command("QUIT")?)
    }
}

fn expect(code: u16, reply: SubmitReply) -> Result<(), Trouble> {
    if reply.code == code {
        return Ok(());
    }
    Err(Trouble::from(format!(
        "{} instead of {code}: {}",
        reply.code, reply.text
    )))
}

/// Connects, calls `begin` once all connections stand and are signed in, then submits all; the first
/// refusal ends the load. What a sign-in costs is no part of what kept connections cost.
pub fn run<T>(
    door: &Door,
    load: Load,
    begin: impl FnOnce() -> Result<T, Trouble>,
) -> Result<(T, Done), Trouble> {
    let next = AtomicUsize::new(0);
    let (standing, all_stand) = mpsc::channel();
    let gates = Barrier::new(load.connections + 1);
    let (begun, parts) = std::thread::scope(|scope| {
        let (next, gates) = (&next, &gates);
        let start = |number| {
            let standing = standing.clone();
            scope.spawn(move || {
                let connection = door.connect(&address(number));
                let _ = standing.send(connection.is_ok());
                gates.wait();
                submit_all(connection?, load, number, next)
            })
        };
        let threads: Vec<_> = (0..load.connections).map(start).collect();
        let stand = all_stand.iter().take(load.connections).all(|stands| stands);
        if !stand {
            // The reason comes from its thread.
            next.store(load.messages, Ordering::Relaxed);
        }
        let begun = begin();
        gates.wait();
        let parts: Vec<_> = threads.into_iter().map(|t| t.join()).collect();
        (begun, parts)
    });
    let mut done = Done::default();
    for part in parts {
        let part = part.map_err(|_| Trouble::from("a connection's thread failed"))??;
        done.replies_ms.extend(part.replies_ms);
        done.begun_ms.extend(part.begun_ms);
    }
    Ok((begun?, done))
}

fn submit_all(
    mut connection: Connection,
    load: Load,
    number: usize,
    next: &AtomicUsize,
) -> Result<Done, Trouble> {
    let sender = address(number);
    let recipients: Vec<String> = (0..load.recipients)
        .map(|r| address(load.connections + r))
        .collect();
    let to: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut done = Done::default();
    loop {
        let message = next.fetch_add(1, Ordering::Relaxed);
        if message >= load.messages {
            connection.quit()?;
            return Ok(done);
        }
        let octets = compose(&sender, &to, message, load.octets);
        let (begun_ms, begun) = (now_ms(), Instant::now());
        let reply = connection.submit(&sender, &to, &octets)?;
        done.replies_ms.push(begun.elapsed().as_secs_f64() * 1000.0);
        if reply.code != 250 {
            return Err(Trouble::from(format!(
                "message {message}: {} {}",
                reply.code, reply.text
            )));
        }
        done.begun_ms.insert(identifier(&reply), begun_ms);
    }
}

/// The identifier at the end of a `250`.
pub fn identifier(reply: &SubmitReply) -> String {
    let last = reply.text.split_whitespace().last().unwrap_or_default();
    last.trim_matches(['<', '>']).to_owned()
}

/// A message of about `octets` octets with a base64 attachment.
pub fn compose(sender: &str, to: &[&str], number: usize, octets: usize) -> Vec<u8> {
    let to = to.join(", ");
    let mut message = format!(
        "From: {sender}\r\nTo: {to}\r\nSubject: Prova {number}\r\n\
         Date: Sun, 22 Nov 2026 05:19:00 +0100\r\nMessage-ID: <{number}@bench.test>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"limite\"\r\n\r\n\
         --limite\r\nContent-Type: text/plain\r\n\r\nUn testo.\r\n\
         --limite\r\nContent-Type: application/octet-stream; name=\"dati.bin\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    );
    let line = "QWxsZWdhdG8gZGkgcHJvdmEsIHF1YWxjaGUgb3R0ZXR0byBkaSB0ZXN0byByaXBldHV0bywgYWxs\r\n";
    while message.len() + 80 < octets {
        message.push_str(line);
    }
    message.push_str("--limite--\r\n");
    message.into_bytes()
}

/// Milliseconds since the epoch.
pub fn now_ms() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0.0, |d| d.as_secs_f64() * 1000.0)
}

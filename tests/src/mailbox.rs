//! A mailbox as its holder sees it: sending over 465, looking into INBOX over 993 until what must come
//! has come.

use std::io;
use std::time::{Duration, Instant};

use crate::appliance::Appliance;
use crate::imap::ImapClient;
use crate::message::Part;
use crate::sealed::Sealed;
use crate::smtp::{Reply, SmtpClient};

/// What must come comes in this time, or the test fails.
pub const ARRIVAL_WAIT: Duration = Duration::from_secs(60);

/// A mailbox of the appliance under test.
#[derive(Clone)]
pub struct Mailbox<'a> {
    /// Where it is.
    pub appliance: &'a Appliance,
    /// Its address.
    pub address: String,
    /// Its password.
    pub password: String,
}

impl<'a> Mailbox<'a> {
    /// One that is there.
    pub fn new(appliance: &'a Appliance, address: &str, password: &str) -> Self {
        Self {
            appliance,
            address: address.to_owned(),
            password: password.to_owned(),
        }
    }

    /// A submission session, signed in.
    pub fn try_submission(&self) -> io::Result<SmtpClient> {
        let place = self.appliance.place(465);
        let mut client = SmtpClient::tls(place, self.appliance.trust())?;
        client.try_command("EHLO client.example")?;
        let token = format!("\0{}\0{}", self.address, self.password);
        let token = data_encoding::BASE64.encode(token.as_bytes());
        let reply = client.try_command(&format!("AUTH PLAIN {token}"))?;
        if reply.code != 235 {
            return Err(io::Error::other(format!("{reply:?}")));
        }
        Ok(client)
    }

    /// A submission session, signed in; a failure fails the test.
    pub fn submission(&self) -> SmtpClient {
        self.try_submission().expect("a submission session")
    }

    /// Submits from this mailbox; the answer that decided.
    pub fn send(&self, to: &[&str], message: &[u8]) -> Reply {
        self.submission().send(&self.address, to, message)
    }

    /// Submits and asks for `250`.
    pub fn send_well(&self, to: &[&str], message: &[u8]) {
        let reply = self.send(to, message);
        assert_eq!(reply.code, 250, "{reply:?}");
    }

    /// An IMAP session, signed in.
    pub fn imap(&self) -> ImapClient {
        let mut imap = self.appliance.imap();
        let answer = imap.login(&self.address, &self.password);
        assert!(answer.is_ok(), "{}: {answer:?}", self.address);
        imap
    }

    /// An IMAP session with INBOX selected.
    pub fn inbox(&self) -> ImapClient {
        let mut imap = self.imap();
        imap.ok("SELECT INBOX");
        imap
    }

    /// All of INBOX now.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        let all = self.inbox().messages_from(1).expect("a fetch");
        all.into_iter().map(|(_, octets)| octets).collect()
    }

    /// Waits until INBOX holds what `enough` asks for; gives all of it.
    pub fn wait_until(&self, what: &str, enough: impl Fn(&[Vec<u8>]) -> bool) -> Vec<Vec<u8>> {
        let mut imap = self.inbox();
        let (mut seen, mut next) = (Vec::new(), 1);
        let end = Instant::now() + ARRIVAL_WAIT;
        loop {
            for (uid, octets) in imap.messages_from(next).expect("a fetch") {
                next = uid + 1;
                seen.push(octets);
            }
            if enough(&seen) {
                return seen;
            }
            assert!(
                Instant::now() < end,
                "{} waits for {what} and has:\n{}\nthe server said:\n{}",
                self.address,
                subjects(&seen),
                self.appliance.log()
            );
            std::thread::sleep(Duration::from_millis(15));
            imap.ok("NOOP");
        }
    }

    /// Waits for `count` messages in all.
    pub fn wait_for(&self, count: usize) -> Vec<Sealed> {
        let all = self.wait_until(&format!("{count} messages"), |m| m.len() >= count);
        assert_eq!(all.len(), count, "{}", subjects(&all));
        all.iter().map(|raw| Sealed::parse(raw)).collect()
    }
}

fn subjects(messages: &[Vec<u8>]) -> String {
    let line = |raw: &Vec<u8>| Part::parse(raw).all("Subject").join("|");
    messages.iter().map(line).collect::<Vec<_>>().join("\n")
}

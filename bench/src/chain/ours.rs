//! A provider of ours that is given one load after another.

use std::time::Instant;

use ceralacca_admin::control::{Link, Request};

use super::arrivals::Arrivals;
use crate::load::{self, Door, Load, now_ms};
use crate::provider::{Holder, Provider, ask};
use crate::sums::Trouble;

/// The provider, warm.
pub struct Ours {
    provider: Provider,
    link: Link,
    door: Door,
    arrivals: Arrivals,
}

/// What one load cost.
pub struct Turn {
    /// From the first submission until the last receipt was in its mailbox.
    pub messages_per_s: f64,
    /// From the first submission until the last `250`.
    pub accepted_per_s: f64,
    /// CPU of the server for each message.
    pub cpu_us: f64,
    /// Signatures that were made.
    pub signatures: f64,
    /// Of the server's CPU, that of signatures and their checks.
    pub signature_share: f64,
    /// Until `250`.
    pub replies_ms: Vec<f64>,
    /// Until the last receipt.
    pub delivered_ms: Vec<f64>,
}

/// Signatures and the CPU seconds that they and their checks took.
#[derive(Clone, Copy)]
struct Signing {
    count: f64,
    cpu_seconds: f64,
}

impl Ours {
    /// Starts a provider with the mailboxes of `load`.
    pub fn start(load: Load, signer: Holder) -> Result<Self, Trouble> {
        Self::warm(
            Provider::start(load.connections + load.recipients, signer)?,
            load,
        )
    }

    /// A provider that runs already; a message for each connection warms caches and pages of code.
    pub fn warm(provider: Provider, load: Load) -> Result<Self, Trouble> {
        let mut ours = Self {
            link: provider.link()?,
            door: provider.door()?,
            arrivals: Arrivals::default(),
            provider,
        };
        ours.turn(Load {
            messages: load.connections,
            ..load
        })?;
        Ok(ours)
    }

    /// The server.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Gives it a load, and waits for the last receipt.
    pub fn turn(&mut self, load: Load) -> Result<Turn, Trouble> {
        let before = self.signing()?;
        let begin = || Ok((self.provider.cpu_seconds()?, Instant::now(), now_ms()));
        let ((cpu_before, begun, begun_ms), done) = load::run(&self.door, load, begin)?;
        let accepted = begun.elapsed().as_secs_f64();
        self.arrivals
            .wait(&mut self.link, load.messages * load.recipients)?;
        // To the moment that the server names, not to that at which it was asked.
        let seconds = (self.arrivals.last_ms() - begun_ms) / 1000.0;
        let cpu = self.provider.cpu_seconds()? - cpu_before;
        let after = self.signing()?;
        let delivered_ms = self.arrivals.milliseconds(&done.begun_ms);
        self.arrivals = std::mem::take(&mut self.arrivals).go_on();
        let messages = load.messages as f64;
        Ok(Turn {
            messages_per_s: messages / seconds,
            accepted_per_s: messages / accepted,
            cpu_us: cpu * 1e6 / messages,
            signatures: after.count - before.count,
            signature_share: (after.cpu_seconds - before.cpu_seconds) / cpu.max(1e-9),
            replies_ms: done.replies_ms,
            delivered_ms,
        })
    }

    fn signing(&mut self) -> Result<Signing, Trouble> {
        let status = ask(&mut self.link, &Request::Status)?;
        let number = |key: &str| status["signing"][key].as_f64();
        match (number("signatures"), number("cpu_us")) {
            (Some(count), Some(cpu_us)) => Ok(Signing {
                count,
                cpu_seconds: cpu_us / 1e6,
            }),
            _ => Err(Trouble::from(format!(
                "no numbers of the signer in {status}"
            ))),
        }
    }
}

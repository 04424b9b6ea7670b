//! One appliance, wired. The map of a run:
//!
//! ```text
//!            mail programs                             ceralacca mailbox, domain, hsm, check, …
//!                 | TLS                                              | control.sock
//!   net   rings, one per core: SMTP, IMAP, POP3     admin   control: a thread per peer, few
//!                 | bodies: own blob segment                         | requests
//!                 | commands (bounded queue)        <----------------+
//!   core  owner: decides --> writer: journal, one fdatasync per group --> 250, rows published
//!                 ^                                                         |
//!                 | Accept, Store, Certify, Land                            | open work
//!   core  pipeline: draft (rayon) | sign | commit  <------------------------+
//!                                    |
//!   hsm                     a queue by deadline --> a child process per token: PKCS#11, sealed or software key
//!   admin web: settings for mail programs, help, our part of the index; directory: fetches the whole index when it is due
//!   net   relay, a ring of its own: what is queued for other servers <-- DNS, other servers
//!   core  views: written behind to sled; passwords: Argon2id on threads of their own
//! ```
//!
//! [`Appliance::open`] takes the lock and opens the state, which is enough for offline commands;
//! [`Appliance::serve`] adds signer, pipeline, rings, the exchange of the index ([`crate::directory`])
//! and the control socket. Stopping goes the other way round: the socket, the exchange, the rings with their transactions, the pipeline, the owner, the views. What is
//! open then goes on at the next start.
//!
//! A failure that could lose mail ends the process at once (see *Commit*): exit code 1, the sentence on
//! stderr; the next start recovers.

mod clock;
mod health;
mod perform;
mod scanning;
mod serving;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ceralacca_core::address::Domain;
use ceralacca_core::directory::ShelfOptions;
use ceralacca_core::disk::{DataFolder, RealDisk};
use ceralacca_core::owner::{Command, RegistryOrder};
use ceralacca_core::ports::{Clock, Sabotage, SystemClock};
use ceralacca_core::quarantine::Quarantine;
use ceralacca_core::state::{Options, State};
use ceralacca_firmware::Settings;

use crate::control::Request;
use crate::directory;
use crate::keys::{self, Keys};
use crate::lock::Lock;
use crate::reach;
use crate::report::{Failure, Report};

pub use clock::SandboxClock;
pub use health::{CANNOT_SIGN, health, relay_words};
pub use scanning::scanner_words;
pub use serving::Serving;

/// Who sets the provider's record to what `appliance.toml` says.
const SETTINGS_AUTHOR: &str = "appliance.toml";

/// A data directory, opened and locked.
pub struct Appliance {
    data: DataFolder,
    settings: Settings,
    state: Arc<State>,
    sandbox_clock: Option<Arc<SandboxClock>>,
    _lock: Lock,
}

impl Appliance {
    /// Opens the data directory for this process alone.
    pub fn open(data: &DataFolder) -> Result<Self, Failure> {
        let settings = Settings::load(data).map_err(Failure::refused)?;
        let lock = reach::lock_offline(data)?;
        Self::open_locked(data, settings, lock)
    }

    /// As [`Appliance::open`], under a lock that is held already.
    pub fn open_locked(data: &DataFolder, settings: Settings, lock: Lock) -> Result<Self, Failure> {
        Self::open_spoiled(data, settings, lock, None)
    }

    /// As [`Appliance::open_locked`], for the sandbox: with what spoils its messages on purpose.
    pub(crate) fn open_spoiled(
        data: &DataFolder,
        settings: Settings,
        lock: Lock,
        sabotage: Option<Arc<dyn Sabotage>>,
    ) -> Result<Self, Failure> {
        let sandbox_clock = SandboxClock::of(data)?;
        let clock: Arc<dyn Clock> = match &sandbox_clock {
            Some(clock) => clock.clone(),
            None => Arc::new(SystemClock),
        };
        let mut options = Options::new(
            Arc::new(RealDisk),
            data.clone(),
            clock,
            Arc::new(end_process),
        );
        options.policy = settings.policy();
        options.quarantine = Some(Arc::new(quarantine(data, &settings)?));
        options.directory = shelf_options(data, &settings)?;
        options.mail_authorities = directory::mail_authorities(data, &settings)?;
        options.rewriter = Some(Arc::new(keys::rewriter(data)?));
        options.sabotage = sabotage;
        let state = State::open(options).map_err(Failure::refused)?;
        let appliance = Self {
            data: data.clone(),
            settings,
            state,
            sandbox_clock,
            _lock: lock,
        };
        appliance.settle_provider()?;
        appliance.settle_service_mailbox()?;
        Ok(appliance)
    }

    /// The state.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// The clock that can be put ahead, where this is a sandbox.
    pub fn sandbox_clock(&self) -> Option<&SandboxClock> {
        self.sandbox_clock.as_deref()
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The data directory.
    pub fn data(&self) -> &DataFolder {
        &self.data
    }

    /// Carries out a request in the name of `author`, offline.
    pub fn perform(&self, request: Request, author: &str) -> Result<Report, Failure> {
        perform::perform(self, None, request, author)
    }

    /// The registry's record of the provider follows `appliance.toml`.
    fn settle_provider(&self) -> Result<(), Failure> {
        let wanted = &self.settings.provider;
        let domain = Domain::parse(&wanted.domain).map_err(Failure::refused)?;
        let has = self.state.view().provider();
        let is_settled = has.is_some_and(|row| {
            row.name == wanted.name && row.domain == domain && row.host == wanted.host
        });
        if is_settled {
            return Ok(());
        }
        let order = RegistryOrder::SetProvider {
            name: wanted.name.clone(),
            domain,
            host: wanted.host.clone(),
        };
        self.state
            .ask(Command::Registry(order, SETTINGS_AUTHOR.to_owned()))
            .map(drop)
            .map_err(Failure::refused)
    }

    /// The provider's own domain has its service mailbox (TC-08), in data of older versions too.
    fn settle_service_mailbox(&self) -> Result<(), Failure> {
        let order = RegistryOrder::SettleServiceMailbox;
        self.state
            .ask(Command::Registry(order, SETTINGS_AUTHOR.to_owned()))
            .map(drop)
            .map_err(Failure::refused)
    }

    /// A path of the settings: relative ones start at the data directory.
    fn path(&self, of_settings: &Path) -> std::path::PathBuf {
        self.data.0.join(of_settings)
    }
}

fn quarantine(data: &DataFolder, settings: &Settings) -> Result<Quarantine, Failure> {
    let key = Keys::of(data, settings).quarantine_key()?;
    Quarantine::open(Arc::new(RealDisk), data.quarantine(), key).map_err(Failure::refused)
}

impl Drop for Appliance {
    fn drop(&mut self) {
        self.state.stop();
    }
}

/// Who may sign the index of providers (DI-02).
fn shelf_options(data: &DataFolder, settings: &Settings) -> Result<ShelfOptions, Failure> {
    let signer = settings.directory.signer.as_deref();
    let pinned = signer.map(|file| directory::certificates(data, file));
    Ok(ShelfOptions {
        pinned: pinned.transpose()?.unwrap_or_default(),
        lost_domains_percent: settings.directory.lost_domains_percent,
    })
}

/// The journal or a body could not be made durable: nothing may go on in this process.
fn end_process(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "ceralacca: stopped: {sentence}");
    std::process::exit(1);
}

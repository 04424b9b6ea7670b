//! From one signing certificate to the next (DI-09, HS-07): the new one waits in `keys/signing-next.pem`,
//! published beside the one in use, until the fetched index has shown it for the policy's time and its own
//! instant has come; until then it can be recalled. The old one stays published for a week, as what it signed
//! may be under way.
//!
//! *Crash while they change places: the next start finds the same certificate in use and waiting, and drops
//! the copy that waits.*

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::address::Domain;
use ceralacca_core::disk::DataFolder;
use ceralacca_core::instant::Instant;
use ceralacca_core::limits::CERTIFICATE_OVERLAP_DAYS;
use ceralacca_core::ports::{Signature, Signer, SignerDescription, SignerError, SigningRequest};
use ceralacca_core::reconciliation::KeyMark;
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::state::State;
use ceralacca_firmware::Settings;
use ceralacca_hsm::SigningPool;
use parking_lot::{Mutex, RwLock};

use super::signing::{self, SigningFile};
use super::{Keys, Tokens, Workplace, signing_file};
use crate::report::Failure;

const HOUR_MS: i64 = 60 * 60 * 1000;

/// How far the next certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The index in use does not show it.
    NotShown,
    /// It shows it since then, and must have been seen doing so at this later instant or after.
    Shown(Instant, Instant),
    /// Shown for long enough; its own instant is still to come.
    Scheduled(Instant),
    /// It may be used.
    Ready,
}

impl Standing {
    /// In words for people.
    pub(super) fn words(self) -> String {
        match self {
            Self::NotShown => "waits: the index in use does not show it".to_owned(),
            Self::Shown(since, until) => format!(
                "waits: shown by the index since {}, used when one fetched at {} or later still \
                 shows it",
                since.rfc3339(),
                until.rfc3339()
            ),
            Self::Scheduled(at) => format!("waits until {}", at.rfc3339()),
            Self::Ready => "is used as soon as the appliance runs".to_owned(),
        }
    }
}

impl Keys<'_> {
    fn next_file(self) -> PathBuf {
        self.data.keys().join("signing-next.pem")
    }

    fn previous_file(self) -> PathBuf {
        self.data.keys().join("signing-previous.pem")
    }

    /// The certificate that waits.
    pub(super) fn next(self) -> Result<Option<SigningFile>, Failure> {
        let in_use = SigningFile::read(&signing_file(self.data))?;
        let next = SigningFile::read(&self.next_file())?;
        Ok(next.filter(|next| in_use.is_none_or(|in_use| in_use.leaf() != next.leaf())))
    }

    /// A new certificate must wait: others know the one in use by the index.
    pub(super) fn must_wait(self, new: &SigningFile, state: &State) -> Result<bool, Failure> {
        let Some(in_use) = SigningFile::read(&signing_file(self.data))? else {
            return Ok(false);
        };
        let domain = self.domain()?;
        let directory = state.directory();
        let now = state.clock().now();
        let is_shown = directory.shown_since(in_use.leaf(), &domain, now).is_some();
        Ok(is_shown && in_use.leaf() != new.leaf())
    }

    /// Lets a new certificate wait, in the place of another that does.
    pub(super) fn stage(self, new: &SigningFile) -> Result<(), Failure> {
        new.write(&self.next_file())
    }

    /// Forgets the one that waits (HS-07).
    pub(super) fn recall(self) -> Result<bool, Failure> {
        let waits = self.next()?.is_some();
        signing::remove(&self.next_file())?;
        Ok(waits)
    }

    /// How far `next` is.
    pub(super) fn standing(self, next: &SigningFile, state: &State) -> Result<Standing, Failure> {
        let now = state.clock().now();
        let hours = i64::from(self.settings.directory.certificate_shown_hours);
        let directory = state.directory();
        let earliest = now.plus_millis(-hours * HOUR_MS);
        let since = directory.shown_since(next.leaf(), &self.domain()?, earliest);
        let (Some(since), Some(index)) = (since, directory.current()) else {
            return Ok(Standing::NotShown);
        };
        let until = since.plus_millis(hours * HOUR_MS);
        if index.fetched_at < until {
            return Ok(Standing::Shown(since, until));
        }
        let later = next.at.filter(|at| *at > now);
        Ok(later.map_or(Standing::Ready, Standing::Scheduled))
    }

    /// Puts the certificate that waits in use; the one before stays published for a while. The copy that
    /// waited is dropped by [`Self::settle`].
    fn put_in_use(self, next: &SigningFile, now: Instant) -> Result<(), Failure> {
        let next = SigningFile {
            at: None,
            ..next.clone()
        };
        self.replace_in_use(&next, now)
    }

    /// Puts a certificate in use from the next start on.
    pub(super) fn replace_in_use(self, new: &SigningFile, now: Instant) -> Result<(), Failure> {
        let before = SigningFile::read(&signing_file(self.data))?;
        if let Some(before) = before.filter(|before| before.leaf() != new.leaf()) {
            let until = now.plus_millis(CERTIFICATE_OVERLAP_DAYS * 24 * HOUR_MS);
            let previous = SigningFile {
                at: Some(until),
                ..before
            };
            previous.write(&self.previous_file())?;
        }
        new.write(&signing_file(self.data))
    }

    /// At the start, before anything is signed: what is due is put in use, and what is in use waits no more.
    pub fn settle(self, state: &State) -> Result<(), Failure> {
        if let Some(next) = self.next()? {
            if self.standing(&next, state)? != Standing::Ready {
                return Ok(());
            }
            self.put_in_use(&next, state.clock().now())?;
        }
        signing::remove(&self.next_file())
    }

    /// Certificates (DER) to be published beside the one that signs: the one of the next start, the one
    /// that waits, the one before, and those of further tokens.
    pub fn published(self, now: Instant) -> Vec<Vec<u8>> {
        let read = |file: PathBuf| SigningFile::read(&file).ok().flatten();
        let previous = read(self.previous_file());
        let previous = previous.filter(|file| file.at.is_some_and(|until| now < until));
        let files = [
            read(signing_file(self.data)),
            read(self.next_file()),
            previous,
        ];
        let leaves = files.into_iter().flatten();
        let leaves = leaves.map(|file| file.leaf().to_vec());
        leaves.chain(self.further_leaves()).collect()
    }

    fn domain(self) -> Result<Domain, Failure> {
        Domain::parse(&self.settings.provider.domain).map_err(Failure::refused)
    }
}

/// A signer whose certificate can be changed while it signs: a batch is signed by one or the other.
pub struct ChangingSigner {
    now: RwLock<Tokens>,
    before: Mutex<Before>,
}

/// What those before have done.
#[derive(Default)]
struct Before {
    signatures: u64,
    cpu: Duration,
    made: BTreeMap<KeyMark, u64>,
}

impl ChangingSigner {
    /// Signs with these at first.
    pub fn new(tokens: Tokens) -> Self {
        Self {
            now: RwLock::new(tokens),
            before: Mutex::default(),
        }
    }

    /// Waits for the batch under way, so that all that it makes is counted (LG-14).
    fn change(&self, tokens: Tokens) {
        let mut now = self.now.write();
        let about = now.signer.describe();
        let mut before = self.before.lock();
        before.signatures += about.signatures;
        before.cpu += about.cpu;
        for (key, made) in now.signer.made() {
            *before.made.entry(key).or_default() += made;
        }
        // The old ones end with nothing locked.
        let old = std::mem::replace(&mut *now, tokens);
        drop((now, before));
        drop(old);
    }

    fn current(&self) -> Arc<dyn Signer> {
        self.now.read_recursive().signer.clone()
    }

    fn pool(&self) -> Option<Arc<SigningPool>> {
        self.now.read_recursive().pool.clone()
    }
}

impl Signer for ChangingSigner {
    fn sign(&self, requests: &[SigningRequest]) -> Vec<Result<Signature, SignerError>> {
        self.now.read().signer.sign(requests)
    }

    fn certificate(&self) -> Arc<SigningCertificate> {
        self.current().certificate()
    }

    fn made(&self) -> Vec<(KeyMark, u64)> {
        // Both at one moment: nothing changes hands between the two. Who asks is not held up by a change that
        // waits for a batch.
        let now = self.now.read_recursive();
        let mut all = self.before.lock().made.clone();
        for (key, made) in now.signer.made() {
            *all.entry(key).or_default() += made;
        }
        all.into_iter().collect()
    }

    fn describe(&self) -> SignerDescription {
        let now = self.now.read_recursive();
        let before = self.before.lock();
        let mut about = now.signer.describe();
        about.signatures += before.signatures;
        about.cpu += before.cpu;
        about
    }
}

/// Puts the next certificate of a running appliance in use when its time has come.
pub struct Changeover {
    data: DataFolder,
    settings: Settings,
    state: Arc<State>,
    signer: Arc<ChangingSigner>,
    place: Workplace,
    /// One look at a time.
    looking: Mutex<()>,
}

impl Changeover {
    /// Of an appliance that signs with `signer`.
    pub fn new(
        data: DataFolder,
        settings: Settings,
        state: Arc<State>,
        signer: Arc<ChangingSigner>,
        place: Workplace,
    ) -> Self {
        Self {
            data,
            settings,
            state,
            signer,
            place,
            looking: Mutex::default(),
        }
    }

    /// Looks whether it is time; the time until another look may find that it is, where that is known.
    pub fn look(&self) -> Option<Duration> {
        let _one = self.looking.lock();
        let keys = Keys::of(&self.data, &self.settings);
        if let Some(pool) = self.signer.pool()
            && let Err(failure) = keys.admit(&pool, &self.state)
        {
            ceralacca_core::warning!("a further token does not sign: {failure}");
        }
        match self.changed() {
            Ok(pause) => pause,
            Err(failure) => {
                ceralacca_core::warning!("the next signing certificate is not in use: {failure}");
                None
            }
        }
    }

    fn changed(&self) -> Result<Option<Duration>, Failure> {
        let keys = Keys::of(&self.data, &self.settings);
        let Some(next) = keys.next()? else {
            return Ok(None);
        };
        let now = self.state.clock().now();
        match keys.standing(&next, &self.state)? {
            Standing::Ready => {}
            Standing::Scheduled(at) => {
                let millis = u64::try_from(at.as_millis() - now.as_millis()).unwrap_or(0);
                return Ok(Some(Duration::from_millis(millis)));
            }
            Standing::NotShown | Standing::Shown(..) => return Ok(None),
        }
        // Its key is at hand before the old one is given up.
        let signer = keys.tokens_of(&next, &self.place, &self.state)?;
        keys.put_in_use(&next, now)?;
        // From here on the disk names it: it signs, even if the copy that waited cannot be dropped.
        self.signer.change(signer);
        ceralacca_core::notice!("the next signing certificate is in use");
        signing::remove(&keys.next_file())?;
        Ok(None)
    }
}

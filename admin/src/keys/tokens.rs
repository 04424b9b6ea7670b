//! The tokens of an appliance that serves: the first, and the further ones of `[[signer.further]]` (HS-04). In
//! `serve` each works in a process of its own ([`ceralacca_hsm::child`]); `demo` and tests keep the first in
//! this process.
//!
//! A further token without a certificate holds the same key as the first and signs under the same one. One
//! with its own signs under that: it is published as the others are, and where providers elsewhere know us by
//! the index, it signs only once the index has shown it for as long as a next certificate has to be (DI-09).

use std::path::Path;
use std::sync::Arc;

use ceralacca_core::ports::Signer;
use ceralacca_core::state::State;
use ceralacca_firmware::{FurtherToken, or_one_per_core};
use ceralacca_hsm::measure::{Measured, knee, measure};
use ceralacca_hsm::operations::KeyHolder;
use ceralacca_hsm::{ChildProgram, Pkcs11Settings, SigningPool, TokenPlan};
use serde_json::{Value, json};

use super::Keys;
use super::rotation::Standing;
use super::signing::SigningFile;
use crate::report::{Failure, Report};

/// The hidden command that makes this program a child that signs.
pub const SIGNER_CHILD: &str = "signer-child";

/// Where the tokens of an appliance that serves work.
#[derive(Debug, Clone)]
pub enum Workplace {
    /// In this process, the first alone: `demo` and tests.
    Here,
    /// Each in a process of its own.
    Children(ChildProgram),
}

/// What signs, and the same as a pool of tokens.
#[derive(Clone)]
pub struct Tokens {
    pub(super) signer: Arc<dyn Signer>,
    pub(super) pool: Option<Arc<SigningPool>>,
}

/// A place of the settings where keys are held, as a command names it.
pub(super) struct Chosen<'a> {
    pub(super) holder: KeyHolder,
    /// The key that is meant where none is named.
    pub(super) label: &'a str,
    /// Where it is not the first.
    pub(super) further: Option<&'a FurtherToken>,
}

impl Chosen<'_> {
    fn token(&self) -> Option<&str> {
        match &self.holder {
            KeyHolder::Token(settings) => Some(&settings.token),
            KeyHolder::Software { .. } | KeyHolder::Sealed { .. } => None,
        }
    }
}

impl<'a> Keys<'a> {
    /// The token with this label; the first, or what stands in its place, where none is named.
    pub(super) fn chosen(self, token: Option<&str>) -> Result<Chosen<'a>, Failure> {
        let label = self.settings.signer.key_label();
        let first = Chosen {
            holder: self.key_holder(),
            label,
            further: None,
        };
        let Some(wanted) = token else {
            return Ok(first);
        };
        let further = self.settings.signer.further().iter().map(|token| {
            let label = token.key_label.as_deref().unwrap_or(label);
            Chosen {
                holder: KeyHolder::Token(self.settings_of(token, label)),
                label,
                further: Some(token),
            }
        });
        let all: Vec<Chosen<'a>> = std::iter::once(first).chain(further).collect();
        let labels = all.iter().filter_map(Chosen::token);
        let labels: Vec<String> = labels.map(|label| format!("`{label}`")).collect();
        let mut found = all.into_iter().filter(|one| one.token() == Some(wanted));
        match (found.next(), found.next(), labels.as_slice()) {
            (Some(one), None, _) => Ok(one),
            (Some(_), Some(_), _) => Err(Failure::Refused(format!(
                "tokens of different modules are labelled `{wanted}` in the settings: give one of them \
                 another label"
            ))),
            (None, _, []) => Err(Failure::Refused(format!(
                "the settings name no token, the key is held otherwise ({}): leave `--token` out",
                self.holder()
            ))),
            (None, _, labels) => Err(Failure::Refused(format!(
                "no token of the settings is labelled `{wanted}`; there are {}{}",
                labels.join(", "),
                self.as_of()
            ))),
        }
    }
}

impl Keys<'_> {
    /// Which settings were looked at.
    const fn as_of(self) -> &'static str {
        match self.children {
            None => "",
            Some(_) => " (as they were when `serve` started)",
        }
    }

    /// What signs with the certificate in use (SG-11).
    pub fn tokens(self, place: &Workplace, state: &State) -> Result<Tokens, Failure> {
        self.tokens_of(&self.signing()?, place, state)
    }

    /// What signs with the certificate and the key of a file.
    pub(super) fn tokens_of(
        self,
        file: &SigningFile,
        place: &Workplace,
        state: &State,
    ) -> Result<Tokens, Failure> {
        let Workplace::Children(program) = place else {
            let signer = self.signer_of(file)?;
            return Ok(Tokens { signer, pool: None });
        };
        let certificate = Arc::new(self.judged(file)?);
        let label = self.label_of(file);
        let holder = self.key_holder();
        let first = TokenPlan::in_child(program.clone(), &holder, label, certificate.clone());
        let mut plans = vec![first];
        for token in self.settings.signer.further() {
            let own = self.certificate_of(token)?;
            let certificate = match &own {
                Some(own) => Arc::new(self.judged(own)?),
                None => certificate.clone(),
            };
            let label = token.key_label.as_deref().unwrap_or(label);
            let holder = KeyHolder::Token(self.settings_of(token, label));
            let why_not = self.why_not(own.as_ref(), state)?;
            let plan = TokenPlan::in_child(program.clone(), &holder, label, certificate);
            plans.push(plan.held(why_not));
        }
        let pool = SigningPool::of(plans).map_err(|error| self.remedy(error))?;
        let pool = Arc::new(pool);
        Ok(Tokens {
            signer: pool.clone(),
            pool: Some(pool),
        })
    }

    /// Lets further tokens sign whose certificates the index shows now.
    pub(super) fn admit(self, pool: &SigningPool, state: &State) -> Result<(), Failure> {
        for (place, token) in (1..).zip(self.settings.signer.further()) {
            let own = self.certificate_of(token)?;
            pool.admit(place, self.why_not(own.as_ref(), state)?);
        }
        Ok(())
    }

    /// Certificates of further tokens, to be published.
    pub(super) fn further_leaves(self) -> Vec<Vec<u8>> {
        let further = self.settings.signer.further().iter();
        let files = further.filter_map(|token| self.certificate_of(token).ok().flatten());
        files.map(|file| file.leaf().to_vec()).collect()
    }

    pub(super) fn certificate_of(
        self,
        token: &FurtherToken,
    ) -> Result<Option<SigningFile>, Failure> {
        let Some(file) = &token.certificate else {
            return Ok(None);
        };
        let file = self.data.0.join(file);
        let absent = || Failure::Refused(format!("{} is missing", file.display()));
        SigningFile::read(&file)?.ok_or_else(absent).map(Some)
    }

    /// Why a token under its own certificate must not sign yet.
    fn why_not(self, own: Option<&SigningFile>, state: &State) -> Result<Option<String>, Failure> {
        let Some(own) = own else {
            return Ok(None);
        };
        if !self.must_wait(own, state)? {
            return Ok(None);
        }
        let standing = self.standing(own, state)?;
        Ok((standing != Standing::Ready).then(|| format!("its certificate {}", standing.words())))
    }

    fn settings_of(self, token: &FurtherToken, label: &str) -> Pkcs11Settings {
        let path = |path: &Path| self.data.0.join(path);
        Pkcs11Settings {
            module: path(&token.module),
            token: token.token.clone(),
            pin_file: path(&token.pin_file),
            key_label: label.to_owned(),
            sessions: or_one_per_core(token.sessions),
        }
    }

    /// `hsm bench` (HS-10): each token by itself, in this process; nothing else may use it meanwhile.
    pub fn bench(self, time: std::time::Duration, sessions_max: usize) -> Result<Report, Failure> {
        let label = self.label_in_use();
        let mut tokens = vec![(self.holder(), self.key_holder(), label.clone(), "signer")];
        for token in self.settings.signer.further() {
            let label = token.key_label.clone().unwrap_or_else(|| label.clone());
            let name = format!("PKCS#11 token \"{}\"", token.token);
            let holder = KeyHolder::Token(self.settings_of(token, &label));
            tokens.push((name, holder, label, "signer.further"));
        }
        let mut words = String::new();
        let mut objects = Vec::new();
        for (name, holder, label, table) in tokens {
            let rows =
                measure(&holder, &label, sessions_max, time).map_err(|error| self.remedy(error))?;
            let takes_setting = matches!(holder, KeyHolder::Token(_));
            words.push_str(&table_of(&name, &rows, takes_setting.then_some(table)));
            objects.push(object_of(&name, &rows));
        }
        Ok(Report::done(words, json!({ "tokens": objects })))
    }
}

/// Rows for people, and the setting that follows from them, where there is one.
fn table_of(name: &str, rows: &[Measured], setting: Option<&str>) -> String {
    let mut words = format!("{name}\nsessions  signatures/s    p50 ms    p99 ms\n");
    for row in rows {
        let [p50, p99] = [row.p50, row.p99].map(|time| time.as_secs_f64() * 1000.0);
        let (sessions, rate) = (row.sessions, row.per_second);
        words.push_str(&format!("{sessions:8}{rate:14.0}{p50:10.2}{p99:10.2}\n"));
    }
    if let Some(knee) = knee(rows) {
        let sessions = knee.sessions;
        words.push_str(&match setting {
            Some(table) => format!(
                "{sessions} sessions are within 3 % of the best: write `sessions = {sessions}` in [{table}]\n"
            ),
            None => format!(
                "{sessions} are within 3 % of the best; this key signs by one per core, without a setting\n"
            ),
        });
    }
    words
}

fn object_of(name: &str, rows: &[Measured]) -> Value {
    let row = |row: &Measured| {
        json!({
            "sessions": row.sessions,
            "per_second": row.per_second,
            "p50_us": u64::try_from(row.p50.as_micros()).unwrap_or(u64::MAX),
            "p99_us": u64::try_from(row.p99.as_micros()).unwrap_or(u64::MAX),
        })
    };
    json!({
        "name": name,
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "sessions": knee(rows).map(|knee| knee.sessions),
    })
}

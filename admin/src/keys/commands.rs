//! `hsm …`: the commands on keys, the same for a token and for a software key.

use std::path::Path;

use ceralacca_core::instant::Instant;
use ceralacca_core::reconciliation::KeyLine;
use ceralacca_core::state::State;
use ceralacca_hsm::KeyType;
use ceralacca_hsm::operations::KeyObject;
use serde_json::{Value, json};

use super::rotation::Standing;
use super::signing::SigningFile;
use super::{Keys, marked, service_address, signing_file};
use crate::control::{HsmRequest, KeyKind};
use crate::report::{Failure, Report};

/// Not before, where that is said; and whether the index is not waited for.
type When = (Option<Instant>, bool);

impl Keys<'_> {
    /// Carries out a request about keys.
    pub fn perform(self, request: HsmRequest, state: &State) -> Result<Report, Failure> {
        match request {
            HsmRequest::Init { so_pin_file, token } => {
                self.init(so_pin_file.as_deref(), token.as_deref())
            }
            HsmRequest::Keygen {
                label,
                kind,
                bits,
                token,
            } => self.keygen(label.as_deref(), key_type(kind, bits)?, token.as_deref()),
            HsmRequest::Ceremony(request) => self.ceremony(request, state),
            HsmRequest::Csr { label, token } => self.csr(label.as_deref(), token.as_deref()),
            HsmRequest::ImportCert {
                label,
                chain,
                from,
                at_next_start,
            } => {
                let from = from.as_deref().map(instant).transpose()?;
                self.import_cert(label, &chain, (from, at_next_start), state)
            }
            HsmRequest::Recall => self.recalled(),
            HsmRequest::List { token } => self.list(token.as_deref(), state),
            HsmRequest::Reconcile => reconcile(state),
        }
    }

    /// `hsm init`
    fn init(self, so_pin_file: Option<&Path>, token: Option<&str>) -> Result<Report, Failure> {
        let holder = self.chosen(token)?.holder;
        let words = holder.words();
        self.operations_on(holder)
            .init(so_pin_file)
            .map_err(|error| self.remedy(error))?;
        let next = order("keygen", None, token);
        Ok(Report::done(
            format!("{words} is ready; next: `{next}`"),
            json!({ "holder": words }),
        ))
    }

    /// `hsm keygen`
    fn keygen(
        self,
        label: Option<&str>,
        kind: KeyType,
        token: Option<&str>,
    ) -> Result<Report, Failure> {
        let chosen = self.chosen(token)?;
        let made = self
            .operations_on(chosen.holder)
            .keygen(label.unwrap_or(chosen.label), kind)
            .map_err(|error| self.remedy(error))?;
        let next = order("csr", label, token);
        let (label, held_by) = (&made.label, &made.held_by);
        let holder = marked(held_by, made.is_software);
        Ok(Report::done(
            format!("the key `{label}`, {kind}, is in {holder}; next: `{next}`"),
            json!({ "label": label, "kind": made.kind, "bits": made.bits, "held_by": held_by,
                    "software": made.is_software }),
        ))
    }

    /// `hsm csr`: the words are the request itself.
    fn csr(self, label: Option<&str>, token: Option<&str>) -> Result<Report, Failure> {
        let chosen = self.chosen(token)?;
        let request = self
            .operations_on(chosen.holder)
            .csr(
                label.unwrap_or(chosen.label),
                &self.settings.provider.name,
                &service_address(self.settings),
            )
            .map_err(|error| self.remedy(error))?;
        Ok(Report::done(request.clone(), json!({ "csr": request })))
    }

    /// `hsm import-cert`: judged (SG-11), then kept: for the next start, or, where others know the one in
    /// use by the index, until the index has shown the new one (DI-09).
    fn import_cert(
        self,
        label: Option<String>,
        chain: &str,
        (from, at_next_start): When,
        state: &State,
    ) -> Result<Report, Failure> {
        let imported = self
            .operations()
            .import_certificate(
                self.label(label.as_deref()),
                chain.as_bytes(),
                &self.settings.provider.name,
                &service_address(self.settings),
            )
            .map_err(|error| self.remedy(error))?;
        let issuers = imported.certificate.chain.len();
        let leaf = [imported.certificate.certificate];
        let new = SigningFile {
            key: Some(self.label(label.as_deref()).to_owned()),
            at: from,
            chain: leaf.into_iter().chain(imported.certificate.chain).collect(),
        };
        let waits = !at_next_start && self.must_wait(&new, state)?;
        let when = if waits {
            self.stage(&new)?;
            self.when_it_waits()
        } else {
            let new = SigningFile { at: None, ..new };
            self.replace_in_use(&new, state.clock().now())?;
            self.recall()?;
            "used from the next start of serve".to_owned()
        };
        let mut words = format!("the certificate is kept, with {issuers} of its issuers; {when}\n");
        if issuers == 0 {
            words.push_str("no issuer was in the file: `verify --data` has nobody to trust\n");
        }
        for warning in &imported.warnings {
            words.push_str(&format!("warning: {warning}\n"));
        }
        Ok(Report::done(
            words,
            json!({ "issuers": issuers, "warnings": imported.warnings, "waits": waits }),
        ))
    }

    fn when_it_waits(self) -> String {
        let hours = self.settings.directory.certificate_shown_hours;
        let published = match self.settings.publishes() {
            true => "published beside the one in use",
            false => "hand the index's centre what `directory export` writes",
        };
        format!(
            "{published}; used once the fetched index has shown it for {hours} hours (`hsm list` says \
             how far it is, `hsm recall` takes it back)"
        )
    }

    /// `hsm recall`
    fn recalled(self) -> Result<Report, Failure> {
        if !self.recall()? {
            let words = "no certificate waits to be used";
            return Err(Failure::Refused(words.to_owned()));
        }
        let words = "recalled: the certificate in use goes on, the other is published no more";
        Ok(Report::done(words, json!({ "recalled": true })))
    }

    /// `hsm list`: software keys are marked (HS-01).
    fn list(self, token: Option<&str>, state: &State) -> Result<Report, Failure> {
        let chosen = self.chosen(token)?;
        let in_use = SigningFile::read(&signing_file(self.data)).ok().flatten();
        let own = chosen.further.map(|token| self.certificate_of(token));
        let own = own.and_then(|file| file.ok().flatten());
        let next = self.next()?;
        let files = in_use.iter().chain(&next).chain(&own);
        let certificates: Vec<Vec<u8>> = files.flat_map(|file| file.chain.clone()).collect();
        let keys = self
            .operations_on(chosen.holder)
            .list(&certificates)
            .map_err(|error| self.remedy(error))?;
        let in_use = chosen.further.and_then(|token| token.key_label.clone());
        let in_use = in_use.unwrap_or_else(|| self.label_in_use());
        let mut words = keys
            .iter()
            .map(|key| line(key, &in_use))
            .collect::<String>();
        let objects: Vec<Value> = keys.iter().map(|key| object(key, &in_use)).collect();
        let mut report = json!({ "keys": objects });
        if let Some(next) = next {
            let label = self.label_of(&next);
            let standing = self.standing(&next, state)?;
            let said = standing.words();
            words.push_str(&format!("next certificate, of `{label}`: {said}\n"));
            report["next"] = json!({
                "label": label,
                "ready": standing == Standing::Ready,
                "words": said,
            });
        }
        Ok(Report::done(words, report))
    }

    pub(super) fn label<'b>(&'b self, label: Option<&'b str>) -> &'b str {
        label.unwrap_or(self.settings.signer.key_label())
    }
}

/// A command as it is typed next, for the same key.
pub(super) fn order(command: &str, label: Option<&str>, token: Option<&str>) -> String {
    let mut order = format!("hsm {command}");
    for (option, value) in [("label", label), ("token", token)] {
        if let Some(value) = value {
            order.push_str(&format!(" --{option} {value}"));
        }
    }
    order
}

/// `hsm reconcile` (LG-14).
fn reconcile(state: &State) -> Result<Report, Failure> {
    let found = state.reconcile().map_err(Failure::refused)?;
    let mut words: String = found.keys.iter().map(|key| format!("{key}\n")).collect();
    let alarms: Vec<String> = found.keys.iter().filter_map(KeyLine::alarm).collect();
    if found.keys.is_empty() {
        words.push_str("no key has signed anything yet\n");
    }
    for alarm in &alarms {
        words.push_str(&format!("ALARM: {alarm}\n"));
    }
    let keys: Vec<Value> = found.keys.iter().map(counted).collect();
    let object = json!({ "at": found.at.rfc3339(), "keys": keys, "alarms": alarms });
    Ok(Report {
        held: alarms.is_empty(),
        ..Report::done(words, object)
    })
}

fn counted(key: &KeyLine) -> Value {
    json!({
        "key": key.key.to_string(),
        "made": key.made,
        "logged": key.logged,
        "uncounted": key.uncounted,
        "other": key.other,
        "dropped": key.dropped,
        "under_way": key.under_way,
        "left": key.left,
        "missing": key.missing,
        "excess": key.excess,
    })
}

fn line(key: &KeyObject, in_use: &str) -> String {
    let state = match (key.label == in_use, key.has_certificate) {
        (true, true) => "  in use",
        (true, false) => "  in use, no certificate",
        (false, true) => "  certified",
        (false, false) => "",
    };
    let holder = marked(&key.held_by, key.is_software);
    let (label, kind, bits) = (&key.label, key.kind, key.bits);
    format!("{label}  {kind} of {bits} bits  {holder}{state}\n")
}

fn object(key: &KeyObject, in_use: &str) -> Value {
    json!({
        "label": key.label,
        "kind": key.kind,
        "bits": key.bits,
        "held_by": key.held_by,
        "software": key.is_software,
        "certificate": key.has_certificate,
        "in_use": key.label == in_use,
    })
}

/// RSA unless another kind is asked for; bits are RSA's alone.
pub(super) fn key_type(kind: KeyKind, bits: Option<usize>) -> Result<KeyType, Failure> {
    match (kind, bits) {
        (KeyKind::Rsa, bits) => Ok(KeyType::Rsa(bits.unwrap_or(super::EVALUATION_BITS))),
        (KeyKind::P256, None) => Ok(KeyType::P256),
        (KeyKind::P256, Some(_)) => {
            let words = "a key on P-256 has no choice of bits: leave `--bits` out";
            Err(Failure::Refused(words.to_owned()))
        }
    }
}

fn instant(text: &str) -> Result<Instant, Failure> {
    Instant::from_rfc3339(text).ok_or_else(|| {
        Failure::Refused(format!(
            "`{text}` is no instant: write one such as 2026-12-01T06:00:00+01:00"
        ))
    })
}

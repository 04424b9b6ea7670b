//! `hsm …`: the commands on keys, the same for a token and for a software key.

use std::path::Path;

use ceralacca_hsm::operations::KeyObject;
use serde_json::{Value, json};

use super::{Keys, marked, read_chain, replace, service_address, signing_file};
use crate::control::HsmRequest;
use crate::report::{Failure, Report};

impl Keys<'_> {
    /// Carries out a request about keys.
    pub fn perform(self, request: HsmRequest) -> Result<Report, Failure> {
        match request {
            HsmRequest::Init { so_pin_file } => self.init(so_pin_file.as_deref()),
            HsmRequest::Keygen { label, bits } => self.keygen(label.as_deref(), bits),
            HsmRequest::Csr { label } => self.csr(label.as_deref()),
            HsmRequest::ImportCert { label, chain } => self.import_cert(label.as_deref(), &chain),
            HsmRequest::List => self.list(),
        }
    }

    /// `hsm init`
    fn init(self, so_pin_file: Option<&Path>) -> Result<Report, Failure> {
        self.operations()
            .init(so_pin_file)
            .map_err(Failure::refused)?;
        let holder = self.holder();
        Ok(Report::done(
            format!("{holder} is ready; next: `hsm keygen`"),
            json!({ "holder": holder }),
        ))
    }

    /// `hsm keygen`
    fn keygen(self, label: Option<&str>, bits: usize) -> Result<Report, Failure> {
        let made = self
            .operations()
            .keygen(self.label(label), bits)
            .map_err(|error| self.remedy(error))?;
        let (label, held_by) = (&made.label, &made.held_by);
        let holder = marked(held_by, made.is_software);
        Ok(Report::done(
            format!("the key `{label}`, RSA {bits}, is in {holder}; next: `hsm csr`"),
            json!({ "label": label, "bits": made.bits, "held_by": held_by,
                    "software": made.is_software }),
        ))
    }

    /// `hsm csr`: the words are the request itself.
    fn csr(self, label: Option<&str>) -> Result<Report, Failure> {
        let request = self
            .operations()
            .csr(
                self.label(label),
                &self.settings.provider.name,
                &service_address(self.settings),
            )
            .map_err(|error| self.remedy(error))?;
        Ok(Report::done(request.clone(), json!({ "csr": request })))
    }

    /// `hsm import-cert`: judged (SG-11), then kept for the next start.
    fn import_cert(self, label: Option<&str>, chain: &str) -> Result<Report, Failure> {
        let imported = self
            .operations()
            .import_certificate(
                self.label(label),
                chain.as_bytes(),
                &self.settings.provider.name,
                &service_address(self.settings),
            )
            .map_err(|error| self.remedy(error))?;
        replace(&signing_file(self.data), imported.pem.as_bytes())?;
        let issuers = imported.certificate.chain.len();
        let mut words = format!(
            "the certificate is kept, with {issuers} of its issuers; used from the next start of serve\n"
        );
        if issuers == 0 {
            words.push_str("no issuer was in the file: `verify --data` has nobody to trust\n");
        }
        for warning in &imported.warnings {
            words.push_str(&format!("warning: {warning}\n"));
        }
        Ok(Report::done(
            words,
            json!({ "issuers": issuers, "warnings": imported.warnings }),
        ))
    }

    /// `hsm list`: software keys are marked (HS-01).
    fn list(self) -> Result<Report, Failure> {
        let certificates = read_chain(&signing_file(self.data)).unwrap_or_default();
        let keys = self
            .operations()
            .list(&certificates)
            .map_err(|error| self.remedy(error))?;
        let in_use = self.settings.signer.key_label();
        let words = keys.iter().map(|key| line(key, in_use)).collect::<String>();
        let objects: Vec<Value> = keys.iter().map(|key| object(key, in_use)).collect();
        Ok(Report::done(words, json!({ "keys": objects })))
    }

    fn label<'b>(&'b self, label: Option<&'b str>) -> &'b str {
        label.unwrap_or(self.settings.signer.key_label())
    }
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

//! `hsm ceremony …` (HS-08): the key of a ceremony, and the PIN file from the custodians' shares.

use std::path::{Path, PathBuf};

use ceralacca_core::state::State;
use ceralacca_hsm::ceremony::{self, Ceremony, CeremonyError};
use ceralacca_hsm::operations::KeyHolder;
use serde_json::json;

use super::commands::{key_type, order};
use super::{Keys, service_address};
use crate::control::CeremonyRequest;
use crate::report::{Failure, Report};

impl Keys<'_> {
    /// `hsm ceremony hold`
    pub(super) fn ceremony(
        self,
        request: CeremonyRequest,
        state: &State,
    ) -> Result<Report, Failure> {
        let chosen = self.chosen(request.token.as_deref())?;
        let label = request.label.unwrap_or_else(|| chosen.label.to_owned());
        let ceremony = Ceremony {
            provider: self.settings.provider.name.clone(),
            service_address: service_address(self.settings),
            operator: request.operator,
            custodians: request.custodians,
            quorum: request.quorum,
            witnesses: request.witnesses,
            key: key_type(request.kind, request.bits)?,
            label: label.clone(),
            so_pin_file: request.so_pin_file,
            folder: request.folder,
        };
        let held = ceremony
            .hold(&self.operations_on(chosen.holder), state.clock().now())
            .map_err(|error| self.of_ceremony(error))?;
        ceralacca_core::notice!("ceremony {}: the key `{label}` was made", held.id);
        let folder = ceremony.folder.display();
        let next = order("csr", Some(&label), request.token.as_deref());
        let mut words = held.record.clone();
        words.push_str(&format!(
            "\nthe shares and the signed record are in {folder}: give each custodian the share, and take\n\
             the shares off this machine; next: `{next}`\n"
        ));
        let object = json!({
            "ceremony": held.id.to_string(),
            "label": label,
            "folder": ceremony.folder,
            "shares": held.shares,
            "record": held.record,
        });
        Ok(Report::done(words, object))
    }

    /// `hsm ceremony open`: nothing of the PIN is said.
    pub fn open_pin(self, shares: &[PathBuf], pin_file: Option<&Path>) -> Result<Report, Failure> {
        let of_settings = match self.key_holder() {
            KeyHolder::Software { .. } => None,
            KeyHolder::Sealed { pin_file, .. } => Some(pin_file),
            KeyHolder::Token(settings) => Some(settings.pin_file),
        };
        let file = pin_file.or(of_settings.as_deref());
        let file = file.ok_or_else(|| self.of_ceremony(CeremonyError::NoPin))?;
        ceremony::open(shares, file).map_err(|error| self.of_ceremony(error))?;
        let words = format!(
            "the PIN is in {}, readable by its owner alone",
            file.display()
        );
        Ok(Report::done(words, json!({ "pin_file": file })))
    }

    fn of_ceremony(self, error: CeremonyError) -> Failure {
        match error {
            CeremonyError::Key(error) => self.remedy(error),
            other => Failure::refused(other),
        }
    }
}

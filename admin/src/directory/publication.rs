//! Our own part of the index, signed (DI-08): the main record and those of secondary environments. It is
//! composed from the registry at each request and signed anew when it says something else than before:
//! a domain or a certificate that has changed is published with the next answer.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ceralacca_core::address::{Address, Domain};
use ceralacca_core::directory::{Directory, ProviderRecord, compose, signed};
use ceralacca_core::disk::DataFolder;
use ceralacca_core::limits::DIRECTORY_BYTES_MAX;
use ceralacca_core::ports::Signer;
use ceralacca_core::state::State;
use ceralacca_firmware::Settings;
use parking_lot::Mutex;

use super::read_file;
use crate::keys::Keys;
use crate::report::Failure;

/// Where it is answered.
pub const PATH: &str = "/directory/own.p7m";
/// RFC 6109 §4.5.6.
pub const MEDIA_TYPE: &str = "application/pkcs7-mime; smime-type=signed-data";

/// What is published, and what was signed last.
pub struct Publication {
    state: Arc<State>,
    data: DataFolder,
    settings: Settings,
    signer: Arc<dyn Signer>,
    last: Mutex<Option<Signed>>,
}

#[derive(Clone)]
struct Signed {
    text: Arc<[u8]>,
    p7m: Arc<[u8]>,
}

impl Publication {
    /// Of an appliance whose key is at hand.
    pub fn new(
        state: Arc<State>,
        data: DataFolder,
        settings: Settings,
        signer: Arc<dyn Signer>,
    ) -> Self {
        Self {
            state,
            data,
            settings,
            signer,
            last: Mutex::new(None),
        }
    }

    /// The signed file (`.p7m`).
    pub fn signed(&self) -> Result<Arc<[u8]>, Failure> {
        let in_use = self.signer.certificate().certificate.clone();
        let text = own_text(
            &self.state,
            &self.data,
            &self.settings,
            Some(in_use.clone()),
        )?;
        let mut last = self.last.lock();
        if let Some(last) = &*last
            && *last.text == *text
        {
            return Ok(last.p7m.clone());
        }
        let now = self.state.clock().now();
        let p7m = signed::seal(&*self.signer, &text, now).map_err(Failure::refused)?;
        self.state.signed_other(&in_use);
        let p7m: Arc<[u8]> = p7m.into();
        *last = Some(Signed {
            text: text.into(),
            p7m: p7m.clone(),
        });
        Ok(p7m)
    }
}

/// Our part of the index in LDIF. The certificate in use stands in it, the next one before it signs, and the
/// one before while what it signed is under way (DI-07, DI-09).
pub fn own_text(
    state: &State,
    data: &DataFolder,
    settings: &Settings,
    in_use: Option<Vec<u8>>,
) -> Result<Vec<u8>, Failure> {
    let mut certificates: Vec<Vec<u8>> = in_use.into_iter().collect();
    for other in Keys::of(data, settings).published(state.clock().now()) {
        if !certificates.contains(&other) {
            certificates.push(other);
        }
    }
    let provider = state
        .view()
        .provider()
        .ok_or_else(|| Failure::Refused("there is no provider yet".to_owned()))?;
    let domains = state.view().domains().into_iter();
    let domains: Result<Vec<Domain>, _> = domains.map(|(name, _)| Domain::parse(&name)).collect();
    let receipt = Address::parse(&provider.service_address()).map_err(Failure::refused)?;
    let main = ProviderRecord {
        name: provider.name.clone(),
        unit: None,
        mail_receipt: Some(receipt),
        domains: domains.map_err(Failure::refused)?,
        certificates,
        ldif_url: settings.directory.publish_url.clone(),
        description: None,
    };
    compose(&main, &secondary(data, settings)?).map_err(Failure::refused)
}

/// Records of our secondary environments, from the file of the settings.
fn secondary(data: &DataFolder, settings: &Settings) -> Result<Vec<ProviderRecord>, Failure> {
    let Some(file) = &settings.directory.secondary else {
        return Ok(Vec::new());
    };
    let file = data.0.join(file);
    let text = read_file(&file, DIRECTORY_BYTES_MAX as u64)?;
    let told = |error| Failure::Refused(format!("{}: {error}", file.display()));
    let (directory, _) = Directory::read(&text).map_err(told)?;
    Ok(directory.records().to_vec())
}

/// Answers with the signed file at [`PATH`].
pub fn router(publication: Arc<Publication>) -> Router {
    let answer = move || {
        let publication = publication.clone();
        async move {
            // The token may be slow, and the answer of another be under way.
            let signed = tokio::task::spawn_blocking(move || publication.signed()).await;
            match signed {
                Ok(Ok(p7m)) => file(&p7m),
                Ok(Err(_)) | Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            }
        }
    };
    Router::new().route(PATH, get(answer))
}

/// A signed index as the answer to a request.
pub fn file(p7m: &[u8]) -> Response {
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], p7m.to_vec()).into_response()
}

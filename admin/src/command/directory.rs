//! `directory …`: the index of providers in use, our own part of it, and the sandbox's national index.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ceralacca_core::disk::DataFolder;
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::needed;
use crate::cli::{DirectoryCommand, IndexArguments, IndexOrder};
use crate::control::{DirectoryRequest, Request};
use crate::directory::authority::{IndexAuthority, IndexOptions, Round, ServingIndex};
use crate::directory::certificates;
use crate::reach;
use crate::report::{Failure, Report, Voice};

pub(super) fn directory(
    data: Option<&DataFolder>,
    order: DirectoryCommand,
    voice: Voice,
) -> Result<Report, Failure> {
    let request = match order {
        DirectoryCommand::Authority(arguments) => return authority(&arguments, voice),
        DirectoryCommand::Show { domain } => DirectoryRequest::Show {
            domain: domain.map(|domain| domain.to_string()),
        },
        DirectoryCommand::Export { file, ldif } => DirectoryRequest::Export {
            file: absolute(&file)?,
            ldif,
        },
        DirectoryCommand::Import { file } => DirectoryRequest::Import {
            file: absolute(&file)?,
        },
        DirectoryCommand::Fetch => DirectoryRequest::Fetch,
        DirectoryCommand::Confirm => DirectoryRequest::Confirm,
        DirectoryCommand::Publish => DirectoryRequest::Publish,
    };
    let data = needed(data.map(|data| data.0.clone()))?;
    reach::ask(&data, Request::Directory(request))
}

/// Relative to where the operator stands now, not to where the appliance runs.
fn absolute(file: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(file).map_err(Failure::refused)
}

fn authority(arguments: &IndexArguments, voice: Voice) -> Result<Report, Failure> {
    let index = IndexAuthority::open(options(arguments)?)?;
    if let Some(IndexOrder::IssueClient { name, out }) = &arguments.order {
        let (certificate, key) = index.issue_client(name, out)?;
        let words = format!("{} and {}", certificate.display(), key.display());
        let object = json!({ "certificate": certificate, "key": key });
        return Ok(Report::done(words, object));
    }
    if arguments.once {
        let port = if arguments.port == 0 {
            443
        } else {
            arguments.port
        };
        return index.collect(&index.url(port)).map(|round| told(&round));
    }
    // Before anything runs: a signal during the start stops it in order too.
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(Failure::refused)?;
    let serving = index.serve()?;
    voice.say(words(&serving, arguments).trim_end());
    voice.object(&object(&serving, arguments));
    let _ = signals.forever().next();
    drop(serving);
    Ok(Report::done("stopped", Value::Null))
}

fn options(arguments: &IndexArguments) -> Result<IndexOptions, Failure> {
    let folder = arguments.folder.clone();
    let folder = folder.ok_or_else(|| Failure::Usage("say --folder FOLDER".to_owned()))?;
    let anchors = bundle(&arguments.anchors)?;
    let server_authorities = match arguments.server_authorities.as_slice() {
        [] => anchors.clone(),
        files => bundle(files)?,
    };
    Ok(IndexOptions {
        folder: absolute(&folder)?,
        bind: arguments.bind,
        port: arguments.port,
        http_port: arguments.http_port,
        host: arguments.host.clone(),
        providers: arguments.providers.clone(),
        anchors,
        server_authorities,
        every: Duration::from_secs(arguments.every.into()),
    })
}

fn bundle(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, Failure> {
    let here = DataFolder(PathBuf::new());
    let mut all = Vec::new();
    for file in files {
        all.extend(certificates(&here, file)?);
    }
    Ok(all)
}

fn told(round: &Round) -> Report {
    let mut words = format!("the index holds {} records\n", round.records);
    for trouble in &round.troubles {
        words.push_str(&format!("warning: {trouble}\n"));
    }
    Report {
        words,
        object: json!({ "records": round.records, "troubles": round.troubles }),
        held: round.troubles.is_empty(),
    }
}

/// What a provider writes into `[directory]`.
fn words(serving: &ServingIndex, arguments: &IndexArguments) -> String {
    let folder = arguments.folder.as_deref().unwrap_or(Path::new("."));
    let file = |name: &str| folder.join(name).display().to_string();
    format!(
        "the index of {} providers, for the sandbox alone\n\
         listens on {} (HTTPS, clients with a certificate) and {} (HTTP, revocation lists)\n\
         url                 {}\n\
         signer              {}\n\
         server_authority    {}\n\
         client_certificate  {}\n\
         client_key          {}\n",
        arguments.providers.len(),
        serving.https(),
        serving.http(),
        serving.url(),
        file("index.pem"),
        file("authority.pem"),
        file("client.pem"),
        file("client.key"),
    )
}

fn object(serving: &ServingIndex, arguments: &IndexArguments) -> Value {
    json!({
        "url": serving.url(),
        "https": serving.https().to_string(),
        "http": serving.http().to_string(),
        "folder": arguments.folder,
    })
}

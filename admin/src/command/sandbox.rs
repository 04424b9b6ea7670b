//! `sandbox …`: a test authority, which nothing outside the sandbox trusts, and the broken provider.

use std::path::Path;

use ceralacca_core::disk::DataFolder;
use ceralacca_core::ports::{Clock, SystemClock};
use ceralacca_core::smime::der;
use ceralacca_firmware::Settings;
use ceralacca_hsm::Authority;
use serde_json::json;

use super::broken;
use super::hsm::{read, written};
use crate::cli::{AuthorityCommand, SandboxCommand, SignArguments};
use crate::control::Request;
use crate::keys;
use crate::report::{Failure, Report, Voice};

pub(super) fn sandbox(
    data: Option<&DataFolder>,
    order: SandboxCommand,
    voice: Voice,
) -> Result<Report, Failure> {
    let needed =
        || data.ok_or_else(|| Failure::Usage("which data directory? say --data DIR".into()));
    match order {
        SandboxCommand::Authority(order) => authority(data, order),
        SandboxCommand::Clock { advance } => {
            let advance_ms = advance.unwrap_or(0);
            crate::reach::ask(needed()?, Request::SandboxClock { advance_ms })
        }
        SandboxCommand::Serve(arguments) => broken::serve(needed()?, &arguments, voice),
    }
}

fn authority(data: Option<&DataFolder>, order: AuthorityCommand) -> Result<Report, Failure> {
    match order {
        AuthorityCommand::Create {
            folder,
            folder_option,
            name,
            crl_url,
        } => match folder.or(folder_option) {
            Some(folder) => create(&folder, &name, crl_url.as_deref()),
            None => Err(Failure::Usage("say --folder F".to_owned())),
        },
        AuthorityCommand::Crl {
            folder,
            out,
            revoked,
            days,
        } => crl(&folder, &out, &revoked, days),
        AuthorityCommand::Sign(arguments) => sign(data, &arguments),
    }
}

/// A list that says which certificates are revoked from now on.
fn crl(folder: &Path, out: &Path, revoked: &[Vec<u8>], days: u32) -> Result<Report, Failure> {
    let now = SystemClock.now();
    let serials: Vec<Vec<u8>> = revoked.iter().map(|serial| der::unsigned(serial)).collect();
    let revoked: Vec<_> = serials
        .iter()
        .map(|serial| (serial.as_slice(), now))
        .collect();
    let next = now.plus_millis(i64::from(days) * 24 * 60 * 60 * 1000);
    let list = Authority::load(folder)
        .and_then(|authority| authority.crl(&revoked, now, next))
        .map_err(Failure::refused)?;
    // Whoever serves the file never sees half of it.
    let new = out.with_extension("new");
    std::fs::write(&new, list)
        .and_then(|()| std::fs::rename(&new, out))
        .map_err(|error| Failure::Refused(format!("{}: {error}", out.display())))?;
    Ok(Report::done(
        format!(
            "{} revoked; the list serves until {}",
            revoked.len(),
            next.rfc3339()
        ),
        json!({ "crl": out, "revoked": revoked.len(), "next_update": next.rfc3339() }),
    ))
}

fn create(folder: &Path, name: &str, crl_url: Option<&str>) -> Result<Report, Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::Refused(format!("{}: {error}", folder.display())))?;
    Authority::create(name, SystemClock.now())
        .map(|authority| match crl_url {
            Some(url) => authority.publishing_at(url),
            None => authority,
        })
        .and_then(|authority| authority.save(folder))
        .map_err(Failure::refused)?;
    Ok(Report::done(
        format!("the test authority `{name}` is in {}", folder.display()),
        json!({ "authority": folder.join("authority.pem") }),
    ))
}

fn sign(data: Option<&DataFolder>, arguments: &SignArguments) -> Result<Report, Failure> {
    let settings = data.map(Settings::load).transpose();
    let settings = settings.map_err(Failure::refused)?;
    let settings = settings.as_ref();
    let folder = arguments.authority.clone().or(data.map(DataFolder::keys));
    let provider = arguments.provider.clone();
    let provider = provider.or(settings.map(|s| s.provider.name.clone()));
    let address = arguments.service_address.as_ref().map(ToString::to_string);
    let address = address.or(settings.map(keys::service_address));
    let (Some(folder), Some(provider), Some(address)) = (folder, provider, address) else {
        return Err(Failure::Usage(
            "say --data DIR, or --authority, --provider and --service-address".to_owned(),
        ));
    };
    let request = read(&arguments.csr)?;
    let authority = Authority::load(&folder).map_err(Failure::refused)?;
    let leaf = authority
        .issue(
            &request,
            &provider,
            &address,
            arguments.days,
            SystemClock.now(),
        )
        .map_err(Failure::refused)?;
    let chain = leaf + &authority.certificate_pem();
    match &arguments.out {
        Some(file) => written(file, chain.as_bytes()),
        None => Ok(Report::done(chain.clone(), json!({ "chain": chain }))),
    }
}

//! `sandbox …`: a test authority, which nothing outside the sandbox trusts, and the broken provider.

use ceralacca_core::disk::DataFolder;
use ceralacca_core::ports::{Clock, SystemClock};
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
        } => match folder.or(folder_option) {
            Some(folder) => create(&folder, &name),
            None => Err(Failure::Usage("say --folder F".to_owned())),
        },
        AuthorityCommand::Sign(arguments) => sign(data, &arguments),
    }
}

fn create(folder: &std::path::Path, name: &str) -> Result<Report, Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::Refused(format!("{}: {error}", folder.display())))?;
    Authority::create(name, SystemClock.now())
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

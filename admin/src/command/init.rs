//! `init`: makes a data directory of its own, or nothing: what a failed run has made is taken away.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use ceralacca_core::disk::DataFolder;
use ceralacca_core::owner::{Command, RegistryOrder};
use ceralacca_firmware::{
    DirectorySettings, ListenSettings, PolicySettings, ProviderSettings, RelaySettings, Settings,
    SignerSettings, ThreadSettings, TlsSettings,
};
use serde_json::json;

use crate::appliance::{Appliance, SandboxClock, scanner_words};
use crate::cli::{InitArguments, SignerKind};
use crate::control::operator;
use crate::keys::{self, Keys};
use crate::lock::Lock;
use crate::report::{Failure, Report};

/// Makes a data directory: keys, settings, provider and domains.
pub fn init(data: &DataFolder, arguments: &InitArguments) -> Result<Report, Failure> {
    make_folder(&data.0)?;
    if data.settings().exists() {
        return Err(Failure::Refused(format!(
            "{} has been initialised already",
            data.0.display()
        )));
    }
    let lock = Lock::take(data).map_err(Failure::refused)?;
    let settings = settings(arguments)?;
    let mut undo = Undo::of(data)?;
    let authority = arguments.authority.as_deref();
    Keys::of(data, &settings).make(arguments.tls_cert.is_none(), authority)?;
    keys::dkim::signer(data, &settings)?;
    let settings = settings.checked(data).map_err(Failure::refused)?;
    settings.write(data).map_err(Failure::refused)?;
    if arguments.sandbox_clock {
        SandboxClock::create(data)?;
    }
    let appliance = Appliance::open_locked(data, settings, lock)?;
    add_domains(&appliance, arguments)?;
    undo.done = true;
    Ok(report(&appliance))
}

fn settings(arguments: &InitArguments) -> Result<Settings, Failure> {
    let Some(own) = arguments.domains.first() else {
        return Err(Failure::Usage("say at least one --domain".to_owned()));
    };
    let host = arguments.host.as_ref().unwrap_or(own);
    let listen = if arguments.free_ports {
        ListenSettings::free_ports(arguments.bind)
    } else {
        ListenSettings {
            bind: arguments.bind,
            port_base: arguments.port_base,
            ..ListenSettings::default()
        }
    };
    Ok(Settings {
        scanner: arguments.scanner.clone(),
        provider: ProviderSettings {
            name: arguments.provider.clone(),
            domain: own.to_string(),
            host: host.to_string(),
        },
        listen,
        tls: tls(arguments)?,
        signer: signer(arguments)?,
        directory: directory(arguments),
        policy: PolicySettings::default(),
        relay: RelaySettings::default(),
        threads: ThreadSettings::default(),
    })
}

/// A shared authority also vouches for the other providers of the sandbox.
fn directory(arguments: &InitArguments) -> DirectorySettings {
    DirectorySettings {
        mail_authorities: arguments
            .authority
            .as_ref()
            .map(|_| keys::AUTHORITY_FILE.into()),
        ..DirectorySettings::default()
    }
}

fn tls(arguments: &InitArguments) -> Result<TlsSettings, Failure> {
    match (&arguments.tls_cert, &arguments.tls_key) {
        (Some(certificate), Some(key)) => Ok(TlsSettings {
            certificate: absolute(certificate)?,
            key: absolute(key)?,
        }),
        _ => Ok(keys::tls_files()),
    }
}

fn signer(arguments: &InitArguments) -> Result<SignerSettings, Failure> {
    let label = arguments.key_label.as_deref();
    let key_label = label.unwrap_or(SignerSettings::KEY_LABEL).to_owned();
    match arguments {
        InitArguments {
            signer: SignerKind::Pkcs11,
            module: Some(module),
            token: Some(token),
            pin_file: Some(pin_file),
            sessions,
            ..
        } => Ok(SignerSettings::Pkcs11 {
            further: Vec::new(),
            module: absolute(module)?,
            token: token.clone(),
            pin_file: absolute(pin_file)?,
            key_label,
            sessions: sessions.unwrap_or(0),
        }),
        InitArguments {
            signer: SignerKind::Vector,
            pin_file: Some(pin_file),
            ..
        } => Ok(SignerSettings::Vector {
            pin_file: absolute(pin_file)?,
            key_label,
        }),
        _ => Ok(SignerSettings::Soft {}),
    }
}

/// Relative to where the operator stands now, not to the data directory.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::Refused(format!("{}: {error}", path.display())))
}

fn add_domains(appliance: &Appliance, arguments: &InitArguments) -> Result<(), Failure> {
    let author = operator(rustix::process::geteuid());
    for domain in arguments.domains.iter().skip(1) {
        let order = RegistryOrder::AddDomain(domain.clone());
        appliance
            .state()
            .ask(Command::Registry(order, author.clone()))
            .map_err(Failure::refused)?;
    }
    Ok(())
}

fn report(appliance: &Appliance) -> Report {
    let data = appliance.data();
    let folder = data.0.display();
    let settings = appliance.settings();
    let holder = Keys::of(data, settings).holder();
    let mut words = format!(
        "{folder} is ready for {}\nsigns with: {holder}\n",
        settings.provider.name
    );
    words.push_str(&scanner_words(settings, None));
    words.push_str(&match settings.signer {
        SignerSettings::Soft {} | SignerSettings::Vector { .. } => {
            format!("run it with: ceralacca serve --data {folder}")
        }
        SignerSettings::Pkcs11 { .. } => format!(
            "next: ceralacca --data {folder} hsm keygen, then hsm csr, then hsm import-cert"
        ),
    });
    let object = json!({
        "data": data.0,
        "provider": settings.provider.name,
        "domain": settings.provider.domain,
        "host": settings.provider.host,
        "service_address": keys::service_address(settings),
        "signer": holder,
        "scanner": settings.scanner.to_string(),
    });
    Report::done(words, object)
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Failure::Refused(format!("{}: {error}", folder.display())))
}

/// Takes away what this run has made, unless it is done.
struct Undo {
    data: DataFolder,
    done: bool,
}

impl Undo {
    /// Nothing of an appliance may be there: what is undone is then ours.
    fn of(data: &DataFolder) -> Result<Self, Failure> {
        let others = [
            data.keys(),
            data.journal(),
            data.blobs(),
            data.views(),
            data.quarantine(),
        ];
        if let Some(found) = others.iter().find(|path| path.exists()) {
            return Err(Failure::Refused(format!(
                "{} exists: take an empty directory",
                found.display()
            )));
        }
        Ok(Self {
            data: data.clone(),
            done: false,
        })
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // What stays behind is told by the next `init`.
        let data = &self.data;
        let folders = [data.keys(), data.journal(), data.blobs(), data.views()];
        for folder in folders.into_iter().chain([data.quarantine()]) {
            let _ = std::fs::remove_dir_all(folder);
        }
        let _ = std::fs::remove_file(data.settings());
    }
}

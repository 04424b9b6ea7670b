//! Reading and writing `appliance.toml`: what is read was checked, what is written is on the disk.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ceralacca_core::disk::DataFolder;

use crate::{Settings, SettingsError};

/// A larger file is no `appliance.toml`.
const FILE_BYTES_MAX: u64 = 256 * 1024;

impl Settings {
    /// Loads and checks the settings of a data directory.
    pub fn load(data: &DataFolder) -> Result<Self, SettingsError> {
        let file = data.settings();
        let text = read(&file)?;
        let settings: Self = toml::from_str(&text).map_err(|error| SettingsError::Syntax {
            file: file.clone(),
            reason: told(&text, &error),
        })?;
        settings.checked(data)
    }

    /// Checks every value as [`Settings::load`] does.
    pub fn checked(self, data: &DataFolder) -> Result<Self, SettingsError> {
        match self.check(&data.0) {
            Ok(()) => Ok(self),
            Err(fault) => Err(fault.in_file(data.settings())),
        }
    }

    /// Writes the settings of a new data directory; never over others.
    pub fn write(&self, data: &DataFolder) -> Result<(), SettingsError> {
        let file = data.settings();
        let made = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&file);
        let mut made = made.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => SettingsError::Exists(file.clone()),
            _ => unreadable(&file, &error),
        })?;
        made.write_all(self.render().as_bytes())
            .and_then(|()| made.sync_all())
            .and_then(|()| std::fs::File::open(&data.0)?.sync_all())
            .map_err(|error| unreadable(&file, &error))
    }
}

fn read(file: &Path) -> Result<String, SettingsError> {
    let opened = std::fs::File::open(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => SettingsError::Missing(file.to_owned()),
        _ => unreadable(file, &error),
    })?;
    let mut text = String::new();
    opened
        .take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(file, &error))?;
    Ok(text)
}

/// Where and what, without any value of the file: a PIN put there by mistake is not printed (HS-09).
fn told(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    let message = match message.split_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid ") => {
            format!("a value of the wrong kind, expected {expected}")
        }
        _ => message.to_owned(),
    };
    let before = error.span().and_then(|span| text.get(..span.start));
    let Some(before) = before else {
        return message;
    };
    let number = before.matches('\n').count();
    let line = text.lines().nth(number).unwrap_or_default();
    let key = line.split_once('=').map_or("", |(key, _)| key.trim());
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !key.is_empty() && key.chars().all(is_key) {
        format!("line {}, {key}: {message}", number + 1)
    } else {
        format!("line {}: {message}", number + 1)
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> SettingsError {
    SettingsError::Unreadable {
        file: PathBuf::from(file),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{
        DirectorySettings, FurtherToken, ListenSettings, PolicySettings, ProviderSettings,
        RelaySettings, ScannerSettings, SignerSettings, ThreadSettings, TlsSettings,
    };

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["tls.crt", "tls.key", "module.so", "pin"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        set_mode(&folder.path().join("tls.crt"), 0o644);
        set_mode(&folder.path().join("pin"), 0o600);
        let data = DataFolder(folder.path().to_owned());
        (folder, data)
    }

    fn set_mode(file: &Path, mode: u32) {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn settings() -> Settings {
        Settings {
            scanner: ScannerSettings::None,
            provider: ProviderSettings {
                name: "Gestore \"di prova\"".to_owned(),
                domain: "pec.example".to_owned(),
                host: "mail.pec.example".to_owned(),
            },
            listen: ListenSettings::default(),
            tls: TlsSettings {
                certificate: "tls.crt".into(),
                key: "tls.key".into(),
            },
            signer: SignerSettings::Pkcs11 {
                module: "module.so".into(),
                token: "prova".to_owned(),
                pin_file: "pin".into(),
                key_label: SignerSettings::KEY_LABEL.to_owned(),
                sessions: 2,
                further: Vec::new(),
            },
            directory: DirectorySettings::default(),
            policy: PolicySettings::default(),
            relay: RelaySettings::default(),
            threads: ThreadSettings::default(),
        }
    }

    fn further(token: &str) -> FurtherToken {
        FurtherToken {
            module: "module.so".into(),
            token: token.to_owned(),
            pin_file: "pin".into(),
            key_label: None,
            sessions: 4,
            certificate: None,
        }
    }

    fn with_further(tokens: Vec<FurtherToken>) -> Settings {
        let mut changed = settings();
        if let SignerSettings::Pkcs11 { further, .. } = &mut changed.signer {
            *further = tokens;
        }
        changed
    }

    #[test]
    fn hs_04_further_tokens_are_checked_as_the_first_is() {
        let (_folder, data) = folder();
        type Change = fn(&mut FurtherToken);
        let cases: [(Change, &str); 5] = [
            (|t| t.module = "none".into(), "signer.further.module"),
            (|t| t.pin_file = "tls.crt".into(), "chmod 600"),
            (|t| t.token = "prova".to_owned(), "twice"),
            (
                |t| t.certificate = Some("none".into()),
                "signer.further.certificate",
            ),
            (|t| t.sessions = 2000, "signer.further.sessions"),
        ];
        for (change, named) in cases {
            let mut token = further("altra");
            change(&mut token);
            let refused = with_further(vec![token]).checked(&data).unwrap_err();
            assert!(refused.to_string().contains(named), "{refused}");
        }
        let many = (0..16).map(|n| further(&n.to_string())).collect();
        let refused = with_further(many).checked(&data).unwrap_err();
        assert!(refused.to_string().contains("signer.further"), "{refused}");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (_folder, data) = folder();
        let mut changed = with_further(vec![
            further("altra"),
            FurtherToken {
                key_label: Some("sua".to_owned()),
                certificate: Some("tls.crt".into()),
                ..further("terza")
            },
        ]);
        changed.listen = ListenSettings::free_ports([127, 0, 0, 1].into());
        changed.policy.recipients_max = 77;
        changed.policy.zone_with_colon = true;
        changed.policy.ecdsa_keys_allowed = true;
        changed.threads.rings = 3;
        changed.relay = RelaySettings {
            dns: Some("127.0.0.1:5353".parse().unwrap()),
            port: 2525,
            certified_source: Some([127, 0, 0, 2].into()),
            ordinary_source: Some([127, 0, 0, 3].into()),
            dkim_selector: "s2026".to_owned(),
            dkim_key: "keys/other.pem".into(),
            connections_max: 7,
            connections_per_destination_max: 3,
        };
        changed.listen.https = Some(0);
        changed.directory = directory();
        changed.write(&data).unwrap();
        assert_eq!(Settings::load(&data).unwrap(), changed);
        let again = changed.write(&data);
        assert!(matches!(again, Err(SettingsError::Exists(_))), "{again:?}");
    }

    fn directory() -> DirectorySettings {
        DirectorySettings {
            url: Some("https://index.example/all.p7m".to_owned()),
            signer: Some("tls.crt".into()),
            server_authority: Some("tls.crt".into()),
            client_certificate: Some("tls.crt".into()),
            client_key: Some("pin".into()),
            mail_authorities: Some("tls.crt".into()),
            refresh_s: 3600,
            crl_refresh_s: 60,
            lost_domains_percent: 7,
            certificate_shown_hours: 48,
            publish_url: Some("https://pec.example/directory/own.p7m".to_owned()),
            secondary: Some("tls.crt".into()),
        }
    }

    #[test]
    fn di_01_an_index_is_fetched_daily_over_https_from_whom_we_can_check() {
        let (_folder, data) = folder();
        let mut good = settings();
        good.directory = directory();
        assert!(good.clone().checked(&data).is_ok());
        type Change = fn(&mut DirectorySettings);
        let cases: [(Change, &str); 8] = [
            (
                |d| d.url = Some("http://index.example".to_owned()),
                "directory.url",
            ),
            (|d| d.signer = None, "directory.signer"),
            (|d| d.server_authority = None, "directory.server_authority"),
            (|d| d.client_key = None, "directory.client_key"),
            (|d| d.client_key = Some("tls.crt".into()), "chmod 600"),
            (|d| d.refresh_s = 86_401, "directory.refresh_s"),
            (|d| d.lost_domains_percent = 101, "lost_domains_percent"),
            (
                |d| d.certificate_shown_hours = 721,
                "certificate_shown_hours",
            ),
        ];
        for (change, named) in cases {
            let mut bad = good.clone();
            change(&mut bad.directory);
            let sentence = bad.checked(&data).unwrap_err().to_string();
            assert!(sentence.contains(named), "{sentence}");
        }
    }

    #[test]
    fn the_usual_ports_stand_on_the_base_and_an_explicit_one_wins() {
        let listen = ListenSettings {
            port_base: 10_000,
            imaps: Some(0),
            ..ListenSettings::default()
        };
        let ports = listen.ports();
        assert_eq!(
            (ports.submission_tls, ports.submission, ports.imaps),
            (10_465, 10_587, 0)
        );
        assert_eq!(ports.incoming, 10_025);
    }

    fn refusal(data: &DataFolder, text: &str) -> String {
        std::fs::write(data.settings(), text).unwrap();
        Settings::load(data).unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_names_file_key_and_remedy() {
        let (_folder, data) = folder();
        let good = settings().render();
        let cases = [
            ("port_base = 0", "port_base = 65000", "listen.port_base"),
            ("\"pec.example\"", "\"localhost\"", "provider.domain"),
            (
                "scanner = \"none\"",
                "scanner = \"sophos:/s\"",
                "is no scanner",
            ),
            (
                "[policy]",
                "[policy]\nscanner_stale_hours_max = 0",
                "policy.scanner_stale_hours_max",
            ),
            (
                "[policy]",
                "[policy]\nforbidden_types = [\".EXE\"]",
                "policy.forbidden_types",
            ),
            ("tls.crt", "absent.crt", "tls.certificate"),
            ("sessions = 2", "sessions = 2000", "signer.sessions"),
            ("[threads]", "[threads]\nwings = 2", "wings"),
            ("# port = 25\n", "port = 0\n", "relay.port"),
            (
                "# certified_source = \"192.0.2.1\"",
                "certified_source = \"203.0.113.1\"",
                "relay.certified_source",
            ),
            (
                "# dkim_selector = \"ceralacca\"",
                "dkim_selector = \"a.b\"",
                "relay.dkim_selector",
            ),
            (
                "# connections_per_destination_max = 10",
                "connections_per_destination_max = 101",
                "relay.connections_per_destination_max",
            ),
        ];
        for (from, to, named) in cases {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            let sentence = refusal(&data, &bad);
            assert!(sentence.contains("appliance.toml"), "{sentence}");
            assert!(sentence.contains(named), "{sentence}");
        }
    }

    #[test]
    fn ap_09_ap_10_ap_11_values_below_the_law_are_refused() {
        let (_folder, data) = folder();
        let good = settings().render();
        for (key, value) in [
            ("message_bytes_max", "31457279"),
            ("message_product_max", "31457279"),
            ("recipients_max", "49"),
            ("recipients_max", "1001"),
            ("notice_bytes_max", "31457279"),
            ("notice_bytes_max", "99999999999"),
            ("arrival_bytes_max", "31457280"),
            ("arrival_bytes_max", "268435457"),
            ("arrivals_per_minute_max", "0"),
        ] {
            let bad = good.replace("[policy]", &format!("[policy]\n{key} = {value}"));
            let sentence = refusal(&data, &bad);
            assert!(sentence.contains(key), "{sentence}");
        }
        let raised = good.replace("[policy]", "[policy]\nrecipients_max = 51");
        std::fs::write(data.settings(), raised).unwrap();
        assert_eq!(Settings::load(&data).unwrap().policy().recipients_max, 51);
    }

    #[test]
    fn hs_09_a_pin_file_open_to_others_is_refused() {
        let (folder, data) = folder();
        settings().write(&data).unwrap();
        assert!(Settings::load(&data).is_ok());
        set_mode(&folder.path().join("pin"), 0o640);
        let sentence = Settings::load(&data).unwrap_err().to_string();
        assert!(sentence.contains("chmod 600"), "{sentence}");
    }

    #[test]
    fn hs_09_a_pin_among_the_settings_is_not_printed() {
        let (_folder, data) = folder();
        let good = settings().render();
        let line = good.lines().find(|line| line.starts_with("pin_file"));
        for (bad, named) in [
            ("pin = \"47110815\"", "`pin`"),
            ("pin = 47110815", "`pin`"),
            ("pin_file = 47110815", "expected"),
            ("pin_file = [\"47110815\"]", "expected"),
            ("pin_file = \"47110815", "line "),
            ("pin_file = 47110815x", "line "),
            ("47110815", "line "),
        ] {
            let sentence = refusal(&data, &good.replace(line.unwrap(), bad));
            assert!(sentence.contains(named), "{sentence}");
            assert!(!sentence.contains("47110815"), "{sentence}");
        }
    }

    #[test]
    fn a_folder_that_was_not_initialised_says_so() {
        let (_folder, data) = folder();
        let sentence = Settings::load(&data).unwrap_err().to_string();
        assert!(sentence.contains("ceralacca init"), "{sentence}");
    }
}

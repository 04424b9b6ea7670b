//! Under which name and ports mail programs reach this appliance.

use std::net::SocketAddr;
use std::sync::OnceLock;

use ceralacca_firmware::Settings;
use ceralacca_net::Listeners;

/// The server's name and ports; `None`: it is not listened on, or the system has not picked yet.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The server's name, as its certificate has it.
    pub host: String,
    /// Submission over TLS.
    pub submission_tls: Option<u16>,
    /// Submission with STARTTLS.
    pub submission: Option<u16>,
    /// IMAPS.
    pub imaps: Option<u16>,
    /// POP3S.
    pub pop3s: Option<u16>,
    https: OnceLock<u16>,
}

impl Reach {
    /// As the settings ask for it.
    pub fn of(settings: &Settings) -> Self {
        let ports = settings.listen.ports();
        let known = |port: u16| (port != 0).then_some(port);
        let https = known(ports.https).filter(|_| settings.publishes());
        Self {
            host: settings.provider.host.clone(),
            submission_tls: known(ports.submission_tls),
            submission: known(ports.submission),
            imaps: known(ports.imaps),
            pop3s: known(ports.pop3s),
            https: https.map(OnceLock::from).unwrap_or_default(),
        }
    }

    /// As it came to be: the ports that the system picked are known.
    pub fn serving(settings: &Settings, listeners: &Listeners) -> Self {
        let port = |list: &[SocketAddr]| list.first().map(SocketAddr::port);
        Self {
            submission_tls: port(&listeners.submissions),
            submission: port(&listeners.submission),
            imaps: port(&listeners.imaps),
            pop3s: port(&listeners.pop3s),
            ..Self::of(settings)
        }
    }

    /// HTTPS is served at this port.
    pub fn set_https(&self, port: u16) {
        // What the settings name is what is listened on: a second value is the same.
        let _ = self.https.set(port);
    }

    /// The port of HTTPS; `None` where it is not served.
    pub fn https(&self) -> Option<u16> {
        self.https.get().copied()
    }

    /// An address of ours on the web.
    pub fn url(&self, path: &str) -> String {
        match self.https() {
            None | Some(443) => format!("https://{}{path}", self.host),
            Some(port) => format!("https://{}:{port}{path}", self.host),
        }
    }
}

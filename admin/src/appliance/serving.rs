//! An appliance that serves: signer, certifier, rings and control socket, started in this order and
//! stopped in the other.

use std::net::SocketAddr;
use std::sync::Arc;

use ceralacca_core::ports::Signer;
use ceralacca_core::registry::Passwords;
use ceralacca_net::{Listeners, Running, Server};
use serde_json::{Value, json};

use super::{Appliance, perform, scanning};
use crate::control::{Answer, ControlServer, Request};
use crate::directory::https::WebServer;
use crate::directory::publication::{self, Publication};
use crate::directory::refresh::{Refresher, Source};
use crate::keys::Keys;
use crate::report::Failure;

/// Threads that hash passwords (see *Threads*).
const PASSWORD_THREADS: usize = 2;

/// It runs; dropped or stopped, it ends in order.
pub struct Serving {
    appliance: Arc<Appliance>,
    signer: Arc<dyn Signer>,
    running: Option<Running>,
    publication: Arc<Publication>,
    source: Option<Arc<Source>>,
    https: Option<WebServer>,
    refresher: Option<Refresher>,
    control: Option<ControlServer>,
}

impl Appliance {
    /// Starts to serve.
    pub fn serve(self) -> Result<Serving, Failure> {
        let signer = Keys::of(&self.data, &self.settings).signer()?;
        let scanner = scanning::scanner(&self.settings);
        self.state
            .start_pipeline(signer.clone(), scanner)
            .map_err(Failure::refused)?;
        let source = Source::of(&self.data, &self.settings)?.map(Arc::new);
        let publication = Arc::new(Publication::new(
            self.state.clone(),
            self.data.clone(),
            self.settings.clone(),
            signer.clone(),
        ));
        let running = ceralacca_net::serve(self.server()?).map_err(Failure::refused)?;
        let mut serving = Serving {
            appliance: Arc::new(self),
            signer,
            running: Some(running),
            publication,
            source,
            https: None,
            refresher: None,
            control: None,
        };
        serving.start_directory()?;
        serving.control = Some(serving.start_control()?);
        Ok(serving)
    }

    fn tls(&self) -> Result<Arc<rustls::ServerConfig>, Failure> {
        let tls = &self.settings.tls;
        let read = |path: &std::path::Path| {
            let path = self.path(path);
            std::fs::read(&path)
                .map_err(|error| Failure::Refused(format!("{}: {error}", path.display())))
        };
        let key = zeroize::Zeroizing::new(read(&tls.key)?);
        ceralacca_net::tls::server_config_from_pem(&read(&tls.certificate)?, &key)
            .map_err(Failure::refused)
    }

    fn server(&self) -> Result<Server, Failure> {
        let listen = &self.settings.listen;
        let ports = listen.ports();
        let at = |port| vec![SocketAddr::new(listen.bind, port)];
        let passwords = Passwords::spawn(PASSWORD_THREADS).map_err(Failure::refused)?;
        Ok(Server {
            state: self.state.clone(),
            examiner: self.state.clone(),
            tls: self.tls()?,
            passwords: Arc::new(passwords),
            host: self.settings.provider.host.clone(),
            listeners: Listeners {
                incoming: at(ports.incoming),
                submission: at(ports.submission),
                submissions: at(ports.submission_tls),
                imaps: at(ports.imaps),
            },
            rings: self.settings.rings(),
        })
    }
}

impl Serving {
    /// Our part of the index is handed out where the settings ask for it, the whole is looked after where
    /// they name one.
    fn start_directory(&mut self) -> Result<(), Failure> {
        let appliance = &self.appliance;
        let settings = &appliance.settings;
        if settings.publishes() {
            let address = SocketAddr::new(settings.listen.bind, settings.listen.ports().https);
            let router = publication::router(self.publication.clone());
            let server = WebServer::start(address, Some(appliance.tls()?), router)?;
            self.https = Some(server);
        }
        if appliance.state.directory().is_used() {
            let refresher = Refresher::start(appliance.state.clone(), self.source.clone())?;
            self.refresher = Some(refresher);
        }
        Ok(())
    }

    fn start_control(&self) -> Result<ControlServer, Failure> {
        let appliance = self.appliance.clone();
        let about = perform::Run {
            signer: self.signer.clone(),
            listens: self.listens(),
            publication: self.publication.clone(),
            source: self.source.clone(),
        };
        let answer = move |request: Request, author: &str| -> Answer {
            perform::perform(&appliance, Some(&about), request, author).into()
        };
        let data = &self.appliance.data;
        ControlServer::start(data, Arc::new(answer))
            .map_err(|error| Failure::Refused(format!("{}: {error}", data.socket().display())))
    }

    /// The appliance.
    pub fn appliance(&self) -> &Appliance {
        &self.appliance
    }

    /// What signs.
    pub fn signer(&self) -> &Arc<dyn Signer> {
        &self.signer
    }

    /// What is listened on, with the ports that were given.
    pub fn addresses(&self) -> Listeners {
        let running = self.running.as_ref();
        running.map_or_else(Listeners::default, |r| r.addresses().clone())
    }

    /// Where our part of the index is handed out, if it is.
    pub fn https(&self) -> Option<SocketAddr> {
        self.https.as_ref().map(WebServer::address)
    }

    /// [`Serving::addresses`] and [`Serving::https`] as an object.
    pub fn listens(&self) -> Value {
        let listeners = self.addresses();
        let text = |list: &[SocketAddr]| -> Vec<String> {
            list.iter().map(SocketAddr::to_string).collect()
        };
        json!({
            "incoming": text(&listeners.incoming),
            "submission_tls": text(&listeners.submissions),
            "submission": text(&listeners.submission),
            "imaps": text(&listeners.imaps),
            "https": self.https().iter().map(SocketAddr::to_string).collect::<Vec<_>>(),
        })
    }

    /// Stops in order; what is open goes on at the next start.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.control.take());
        drop(self.https.take());
        drop(self.refresher.take());
        if let Some(running) = self.running.take() {
            running.stop();
        }
        self.appliance.state.stop();
    }
}

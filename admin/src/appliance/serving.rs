//! An appliance that serves: signer, certifier, rings, relay and control socket, started in this order
//! and stopped in the other, but that the rings take nothing in while the relay ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::login::LoginRoom;
use ceralacca_core::ports::Signer;
use ceralacca_core::registry::Passwords;
use ceralacca_net::{Listeners, Running, Server, relay};
use serde_json::{Value, json};

use super::{Appliance, perform, scanning};
use crate::control::{Answer, ControlServer, Request};
use crate::directory::https::WebServer;
use crate::directory::publication::{self, Publication};
use crate::directory::refresh::{Refresher, Source};
use crate::directory::revocation::ListKeeper;
use crate::keys::{Changeover, ChangingSigner, Keys, Workplace, dkim};
use crate::report::Failure;
use crate::web::{self, Reach, Site};

/// Threads that hash passwords (see *Threads*).
const PASSWORD_THREADS: usize = 2;

/// It runs; dropped or stopped, it ends in order.
pub struct Serving {
    appliance: Arc<Appliance>,
    signer: Arc<dyn Signer>,
    login: Arc<LoginRoom>,
    running: Option<Running>,
    relay: Arc<relay::Running>,
    publication: Arc<Publication>,
    source: Option<Arc<Source>>,
    reach: Arc<Reach>,
    changeover: Option<Arc<Changeover>>,
    place: Workplace,
    https: Option<WebServer>,
    refresher: Option<Refresher>,
    lists: Option<ListKeeper>,
    control: Option<ControlServer>,
}

impl Appliance {
    /// Starts to serve, with the key in this process: for `demo` and tests.
    pub fn serve(self) -> Result<Serving, Failure> {
        self.serve_at(Workplace::Here)
    }

    /// Starts to serve, with the tokens at this place.
    pub fn serve_at(self, place: Workplace) -> Result<Serving, Failure> {
        let keys = Keys::of(&self.data, &self.settings).at(&place);
        keys.settle(&self.state)?;
        let signer = Arc::new(ChangingSigner::new(keys.tokens(&place, &self.state)?));
        let (data, settings, state) =
            (self.data.clone(), self.settings.clone(), self.state.clone());
        let changeover = Changeover::new(data, settings, state, signer.clone(), place.clone());
        self.serve_with(signer, Some(Arc::new(changeover)), place)
    }

    /// As [`Appliance::serve`], with another signer: the sandbox's broken provider has its own.
    pub(crate) fn serve_signing(self, signer: Arc<dyn Signer>) -> Result<Serving, Failure> {
        self.serve_with(signer, None, Workplace::Here)
    }

    fn serve_with(
        self,
        signer: Arc<dyn Signer>,
        changeover: Option<Arc<Changeover>>,
        place: Workplace,
    ) -> Result<Serving, Failure> {
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
        let passwords = Passwords::spawn(PASSWORD_THREADS).map_err(Failure::refused)?;
        let login = LoginRoom::new(self.state.clone(), passwords);
        let server = self.server(login.clone())?;
        let running = ceralacca_net::serve(server).map_err(Failure::refused)?;
        let own = running.addresses().incoming.clone();
        let reach = Reach::serving(&self.settings, running.addresses());
        let relay = relay::start(self.relay(own)?, self.state.clone()).map_err(Failure::refused)?;
        let mut serving = Serving {
            appliance: Arc::new(self),
            signer,
            login,
            running: Some(running),
            relay: Arc::new(relay),
            publication,
            source,
            reach: Arc::new(reach),
            changeover,
            place,
            https: None,
            refresher: None,
            lists: None,
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

    fn server(&self, login: Arc<LoginRoom>) -> Result<Server, Failure> {
        let listen = &self.settings.listen;
        let ports = listen.ports();
        let at = |port| vec![SocketAddr::new(listen.bind, port)];
        Ok(Server {
            state: self.state.clone(),
            examiner: self.state.clone(),
            dns: self.settings.relay.dns,
            tls: self.tls()?,
            login,
            host: self.settings.provider.host.clone(),
            listeners: Listeners {
                incoming: at(ports.incoming),
                submission: at(ports.submission),
                submissions: at(ports.submission_tls),
                imaps: at(ports.imaps),
                pop3s: at(ports.pop3s),
            },
            rings: self.settings.rings(),
        })
    }
}

impl Appliance {
    /// How the relay works; `own` is where this appliance takes mail.
    fn relay(&self, own: Vec<SocketAddr>) -> Result<relay::RelaySettings, Failure> {
        let settings = &self.settings.relay;
        let dkim = dkim::signer(&self.data, &self.settings)?;
        Ok(relay::RelaySettings {
            host: self.settings.provider.host.clone(),
            dns: settings.dns,
            port: settings.port,
            own,
            certified_source: settings.certified_source,
            ordinary_source: settings.ordinary_source,
            dkim: Some(Arc::new(dkim)),
            connections_max: settings.connections_max.into(),
            connections_per_destination_max: settings.connections_per_destination_max.into(),
            anchors: Vec::new(),
            clock: self.state.clock().clone(),
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
            let site = Arc::new(self.site());
            let router = publication::router(self.publication.clone());
            let router = router.merge(web::router(site));
            let server = WebServer::start(address, Some(appliance.tls()?), router)?;
            self.reach.set_https(server.address().port());
            self.https = Some(server);
        }
        if appliance.state.directory().is_used() {
            let refresher = Refresher::start(
                appliance.state.clone(),
                self.source.clone(),
                self.changeover.clone(),
            )?;
            self.refresher = Some(refresher);
            let every = Duration::from_secs(settings.directory.crl_refresh_s.into());
            let (state, source) = (appliance.state.clone(), self.source.clone());
            let lists = ListKeeper::start(state, source, &appliance.data, every)?;
            self.lists = Some(lists);
        }
        Ok(())
    }

    fn site(&self) -> Site {
        let settings = &self.appliance.settings;
        let name = settings.provider.name.clone();
        let is_evaluation = self.signer.describe().is_software;
        let state = self.appliance.state.clone();
        Site::new(state, name, self.reach.clone(), is_evaluation)
    }

    fn start_control(&self) -> Result<ControlServer, Failure> {
        let appliance = self.appliance.clone();
        let about = perform::Run {
            signer: self.signer.clone(),
            login: self.login.clone(),
            listens: self.listens(),
            relay: self.relay.clone(),
            publication: self.publication.clone(),
            source: self.source.clone(),
            reach: self.reach.clone(),
            changeover: self.changeover.clone(),
            place: self.place.clone(),
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
            "pop3s": text(&listeners.pop3s),
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
        // A command that waits for a token is told so, and waited for no longer.
        if let Workplace::Children(program) = &self.place {
            program.halt();
        }
        drop(self.control.take());
        drop(self.https.take());
        drop(self.lists.take());
        drop(self.refresher.take());
        if let Some(running) = self.running.take() {
            running.stop();
        }
        self.relay.stop();
        self.appliance.state.stop();
    }
}

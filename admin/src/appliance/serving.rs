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
use crate::keys::Keys;
use crate::report::Failure;

/// Threads that hash passwords (see *Threads*).
const PASSWORD_THREADS: usize = 2;

/// It runs; dropped or stopped, it ends in order.
pub struct Serving {
    appliance: Arc<Appliance>,
    signer: Arc<dyn Signer>,
    running: Option<Running>,
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
        let running = ceralacca_net::serve(self.server()?).map_err(Failure::refused)?;
        let mut serving = Serving {
            appliance: Arc::new(self),
            signer,
            running: Some(running),
            control: None,
        };
        serving.control = Some(serving.start_control()?);
        Ok(serving)
    }

    fn server(&self) -> Result<Server, Failure> {
        let tls = &self.settings.tls;
        let read = |path: &std::path::Path| {
            let path = self.path(path);
            std::fs::read(&path)
                .map_err(|error| Failure::Refused(format!("{}: {error}", path.display())))
        };
        let key = zeroize::Zeroizing::new(read(&tls.key)?);
        let tls = ceralacca_net::tls::server_config_from_pem(&read(&tls.certificate)?, &key)
            .map_err(Failure::refused)?;
        let listen = &self.settings.listen;
        let ports = listen.ports();
        let at = |port| vec![SocketAddr::new(listen.bind, port)];
        let passwords = Passwords::spawn(PASSWORD_THREADS).map_err(Failure::refused)?;
        Ok(Server {
            state: self.state.clone(),
            examiner: self.state.clone(),
            tls,
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
    fn start_control(&self) -> Result<ControlServer, Failure> {
        let appliance = self.appliance.clone();
        let about = perform::Run {
            signer: self.signer.clone(),
            listens: self.listens(),
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

    /// [`Serving::addresses`] as an object.
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
        if let Some(running) = self.running.take() {
            running.stop();
        }
        self.appliance.state.stop();
    }
}

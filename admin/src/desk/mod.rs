//! Where orders about the registry and the relay's queue are carried out, over the socket or offline: each is turned into a
//! typed command for the owner, who decides; answers are read from the published view.

mod access;
mod deleted;
mod domain;
mod mailbox;
mod quarantine;
mod queue;
mod task;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::login::LoginRoom;
use ceralacca_core::owner::{Command, Outcome, RegistryOrder};
use ceralacca_core::state::State;

use crate::report::Failure;

/// Where an author's orders are carried out.
pub struct Desk<'a> {
    state: &'a State,
    author: &'a str,
    /// Of a running appliance.
    login: Option<&'a LoginRoom>,
}

impl<'a> Desk<'a> {
    /// On this state, in the name of `author`.
    pub const fn of(state: &'a State, author: &'a str) -> Self {
        Self {
            state,
            author,
            login: None,
        }
    }

    /// With who signs in, where the appliance runs.
    pub const fn with_login(self, login: Option<&'a LoginRoom>) -> Self {
        Self { login, ..self }
    }

    fn order(&self, order: RegistryOrder) -> Result<Outcome, Failure> {
        self.state
            .ask(Command::Registry(order, self.author.to_owned()))
            .map_err(Failure::refused)
    }
}

fn address(text: &str) -> Result<Address, Failure> {
    Address::parse(text).map_err(|error| Failure::Refused(format!("`{text}`: {error}")))
}

fn domain(text: &str) -> Result<Domain, Failure> {
    Domain::parse(text).map_err(|error| Failure::Refused(format!("`{text}`: {error}")))
}

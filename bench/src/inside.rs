//! The state of an appliance opened in this process, for what is not measured from outside: the journal with
//! nothing before it, and the filling of a provider before it is served.

use std::sync::Arc;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::disk::{DataFolder, Disk};
use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::owner::{Command, Outcome, RegistryOrder};
use ceralacca_core::ports::SystemClock;
use ceralacca_core::registry::{Holder, HolderKind};
use ceralacca_core::state::{Options, State};

use crate::sums::Trouble;

/// Opens a data folder that no process has open. A failure that an appliance must not survive ends the
/// process, as there.
pub fn open(disk: Arc<dyn Disk>, folder: DataFolder) -> Result<Arc<State>, Trouble> {
    let fatal = Arc::new(|sentence: &str| {
        eprintln!("error: {sentence}");
        std::process::exit(1);
    });
    let options = Options::new(disk, folder, Arc::new(SystemClock), fatal);
    State::open(options).map_err(|error| Trouble::from(error.to_string()))
}

/// Sets the provider of an empty folder.
pub fn found(state: &State) -> Result<(), Trouble> {
    let order = RegistryOrder::SetProvider {
        name: "Prova S.p.A.".to_owned(),
        domain: domain()?,
        host: "pec.test".to_owned(),
    };
    ask(state, Command::Registry(order, "bench".to_owned())).map(drop)
}

/// Makes a mailbox that nobody signs in to.
pub fn add_mailbox(state: &State, address: &str) -> Result<MailboxId, Trouble> {
    let order = RegistryOrder::AddMailbox {
        address: parse(address)?,
        holder: Holder {
            kind: HolderKind::Person,
            name: "Titolare".to_owned(),
            tax_code: None,
            contacts: Vec::new(),
            documents: Vec::new(),
        },
        password: None,
        quota: None,
    };
    match ask(state, Command::Registry(order, "bench".to_owned()))? {
        Outcome::Mailbox(id) => Ok(id),
        other => Err(Trouble::from(format!("{other:?} is no mailbox"))),
    }
}

/// A command, and its answer once it is durable.
pub fn ask(state: &State, command: Command) -> Result<Outcome, Trouble> {
    let done = state.ask(command);
    done.map_err(|error| Trouble::from(error.to_string()))
}

/// An address of ours.
pub fn parse(address: &str) -> Result<Address, Trouble> {
    Address::parse(address).map_err(|error| Trouble::from(error.to_string()))
}

fn domain() -> Result<Domain, Trouble> {
    Domain::parse("pec.test").map_err(|error| Trouble::from(error.to_string()))
}

//! A whole message, from the durable body to the last receipt in its mailbox: owner, certifier and journal
//! without threads, sockets, a disk or a key. Its instructions are what a message costs beside these.

use std::path::PathBuf;
use std::sync::Arc;

use ceralacca_core::address::Domain;
use ceralacca_core::disk::{DataFolder, SimDisk};
use ceralacca_core::instant::Instant;
use ceralacca_core::journal::lane::Lane;
use ceralacca_core::journal::{LaneStore, Position, Record};
use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::owner::{Command, Outcome, RegistryOrder, Submission};
use ceralacca_core::ports::{Clock, NoScanner};
use ceralacca_core::registry::{Holder, HolderKind};
use ceralacca_core::state::Options;
use ceralacca_core::stepper::Stepper;

use super::sample::{FROM, TO, address, message, now};
use super::{Room, Work, of};
use crate::nobody::Nobody;
use crate::sums::Trouble;

/// Of the journal's records for one message, from `Submitted` on.
const RECORDS_MIN: usize = 5;

pub(super) fn all() -> Vec<Room> {
    vec![Room::new("whole message, no threads, no key", whole)]
}

/// Time stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        now()
    }
}

struct House {
    disk: SimDisk,
    stepper: Stepper,
    sender: MailboxId,
}

fn folder() -> DataFolder {
    DataFolder(PathBuf::from("/house"))
}

impl House {
    fn new() -> Result<Self, Trouble> {
        let disk = SimDisk::new();
        let fatal = Arc::new(|sentence: &str| eprintln!("error: {sentence}"));
        let mut options = Options::new(Arc::new(disk.clone()), folder(), Arc::new(Still), fatal);
        options.keep_views = false;
        let signer = Arc::new(Nobody::new(now())?);
        let mut stepper = Stepper::open(options, signer, Arc::new(NoScanner)).map_err(of)?;
        let order = |order| Command::Registry(order, "bench".to_owned());
        let provider = RegistryOrder::SetProvider {
            name: "Prova S.p.A.".to_owned(),
            domain: Domain::parse("pec.test").map_err(of)?,
            host: "pec.test".to_owned(),
        };
        stepper.ask(order(provider)).map_err(of)?;
        let mut sender = None;
        for text in [TO, FROM] {
            let made = stepper.ask(order(mailbox(text)?)).map_err(of)?;
            if let Outcome::Mailbox(id) = made {
                sender = Some(id);
            }
        }
        Ok(Self {
            disk,
            stepper,
            sender: sender.ok_or("no mailbox was made")?,
        })
    }

    /// Takes a message in and works until nothing is left to do.
    fn send(&mut self) -> Result<(), Trouble> {
        let row = self
            .stepper
            .view()
            .mailbox(self.sender)
            .ok_or("no sender")?;
        let blobs = self.stepper.blobs().clone();
        let body = blobs.store(row.partition, &mut message().as_slice());
        let submission = Submission {
            mailbox: self.sender,
            sender: address(FROM)?,
            recipients: vec![address(TO)?],
            body: body.map_err(of)?,
            received_from: "from client.example ([127.0.0.1]) by pec.test with ESMTPSA".to_owned(),
            key: None,
        };
        self.stepper.submit(submission).map_err(of)?;
        // Always the last of what can be done: batches of one.
        while self.stepper.work_once(&mut |_| 0) {}
        Ok(())
    }

    /// Messages in the sender's folders.
    fn receipts(&self) -> usize {
        let folders = self.stepper.view().folders(self.sender);
        folders.iter().map(|folder| folder.messages.size()).sum()
    }
}

fn mailbox(text: &str) -> Result<RegistryOrder, Trouble> {
    Ok(RegistryOrder::AddMailbox {
        address: address(text)?,
        holder: Holder {
            kind: HolderKind::Person,
            name: "Titolare".to_owned(),
            tax_code: None,
            contacts: Vec::new(),
            documents: Vec::new(),
        },
        password: None,
        quota: Some(1 << 50),
    })
}

fn whole() -> Result<Work, Trouble> {
    let mut house = House::new()?;
    house.send()?;
    if house.receipts() != 2 {
        return Err(Trouble::from("a message did not get its receipts"));
    }
    Ok(Box::new(move || drop(house.send())))
}

/// The records that one message leaves.
pub(super) fn records_of_one() -> Result<Vec<Record>, Trouble> {
    let mut house = House::new()?;
    house.send()?;
    let disk = house.disk.clone();
    drop(house);
    let (lane, _) = Lane::open(Arc::new(disk), &folder().journal()).map_err(of)?;
    let mut records = Vec::new();
    let mut take = |entry: ceralacca_core::journal::Entry| {
        if !records.is_empty() || entry.record.name() == "Submitted" {
            records.push(entry.record);
        }
        Ok(())
    };
    lane.replay(Position(0), &mut take).map_err(of)?;
    match records.len() {
        RECORDS_MIN.. => Ok(records),
        few => Err(Trouble::from(format!("{few} records of a message"))),
    }
}

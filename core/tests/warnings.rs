//! Warnings about a mailbox's capacity, decided by the owner over a simulated disk (AC-06, AC-17).
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::Arc;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::disk::{DataFolder, SimDisk};
use ceralacca_core::journal::Partition;
use ceralacca_core::mailbox::{Content, FlagAction, FlagName, Flags, FolderId, MailboxId, quota};
use ceralacca_core::owner::{
    Command, CommandError, MailboxOrder, Outcome, RegistryOrder, WarnOrder,
};
use ceralacca_core::ports::SystemClock;
use ceralacca_core::proof::Durable;
use ceralacca_core::queue::{DispatchClass, Purpose};
use ceralacca_core::registry::{AccessOrder, Holder, HolderKind};
use ceralacca_core::state::{Options, State};

struct House {
    disk: Arc<SimDisk>,
    state: Arc<State>,
    mailbox: MailboxId,
}

fn open(disk: &Arc<SimDisk>) -> Arc<State> {
    let mut options = Options::new(
        disk.clone(),
        DataFolder(PathBuf::from("/data")),
        Arc::new(SystemClock),
        Arc::new(|sentence: &str| panic!("{sentence}")),
    );
    options.keep_views = false;
    State::open(options).unwrap()
}

impl House {
    /// With a mailbox of 1000 octets.
    fn new() -> Self {
        let disk = Arc::new(SimDisk::new());
        let state = open(&disk);
        let order = |order| {
            state
                .ask(Command::Registry(order, "test".to_owned()))
                .unwrap()
        };
        order(RegistryOrder::SetProvider {
            name: "Prova".to_owned(),
            domain: Domain::parse("pec.test").unwrap(),
            host: "mail.pec.test".to_owned(),
        });
        let made = order(RegistryOrder::AddMailbox {
            address: Address::parse("anna@pec.test").unwrap(),
            holder: Holder {
                kind: HolderKind::Person,
                name: "Anna".to_owned(),
                tax_code: None,
                contacts: Vec::new(),
                documents: Vec::new(),
            },
            password: None,
            quota: Some(1000),
        });
        let Outcome::Mailbox(mailbox) = made else {
            panic!("{made:?}");
        };
        Self {
            disk,
            state,
            mailbox,
        }
    }

    fn content(&self, size: usize) -> Durable<Content> {
        let octets = vec![b'x'; size];
        let blob = self.state.blobs().store(Partition(1), &mut &octets[..]);
        Durable::after_sync(Content::Whole(blob.unwrap().into_inner()))
    }

    fn append(&self, size: usize) -> Result<Outcome, CommandError> {
        let order = MailboxOrder::Append {
            folder: FolderId::INBOX,
            flags: Vec::new(),
            internal_date: None,
            content: self.content(size),
            size: size as u64,
        };
        self.state.ask(Command::Mailbox(self.mailbox, order))
    }

    fn used(&self) -> u64 {
        self.state.view().usage(self.mailbox)
    }

    fn warned(&self) -> u8 {
        self.state.view().warned(self.mailbox)
    }

    fn messages(&self) -> usize {
        let inbox = self.state.view().folder(self.mailbox, FolderId::INBOX);
        inbox.unwrap().messages.size()
    }

    /// What the certifier does when it looks.
    fn look(&self) -> Result<Outcome, CommandError> {
        let row = self.state.view().mailbox(self.mailbox).unwrap();
        let level = quota::level(self.used(), row.quota);
        let notice = (level > self.warned())
            .then(|| Durable::after_sync((self.content(10).into_inner(), 10)));
        let order = WarnOrder {
            mailbox: self.mailbox,
            level,
            notice,
        };
        self.state.ask(Command::Warn(Box::new(order)))
    }

    fn remove_all(&self) {
        let inbox = self
            .state
            .view()
            .folder(self.mailbox, FolderId::INBOX)
            .unwrap();
        let flag = MailboxOrder::Flag {
            folder: FolderId::INBOX,
            uids: inbox.messages.keys().copied().collect(),
            action: FlagAction::Add,
            flags: vec![FlagName::System(Flags::DELETED)],
            unchanged_since: None,
        };
        let expunge = MailboxOrder::Expunge {
            folder: FolderId::INBOX,
            uids: None,
        };
        for order in [flag, expunge] {
            self.state
                .ask(Command::Mailbox(self.mailbox, order))
                .unwrap();
        }
    }

    fn restart(self) -> Self {
        self.state.stop();
        Self {
            state: open(&self.disk),
            disk: self.disk,
            mailbox: self.mailbox,
        }
    }
}

#[test]
fn ac_06_a_mailbox_takes_its_last_octet_and_not_one_more() {
    let house = House::new();
    house.append(999).unwrap();
    assert_eq!(house.append(2), Err(CommandError::OverQuota));
    house.append(1).unwrap();
    assert_eq!(house.used(), 1000);
    assert_eq!(house.append(1), Err(CommandError::OverQuota));
}

#[test]
fn ac_17_a_holder_is_warned_once_per_threshold_until_the_use_falls() {
    let mut house = House::new();
    house.append(799).unwrap();
    assert_eq!(house.look(), Ok(Outcome::Already));
    house.append(1).unwrap();
    for (expected, level) in [(Outcome::Done, 1), (Outcome::Already, 1)] {
        assert_eq!(house.look(), Ok(expected));
        assert_eq!((house.warned(), house.messages()), (level, 3));
    }
    // A stop between the use and the warning, and one after it.
    house.append(140).unwrap();
    house = house.restart();
    assert_eq!((house.used(), house.warned()), (950, 1));
    assert_eq!(house.look(), Ok(Outcome::Done));
    house = house.restart();
    assert_eq!((house.warned(), house.messages()), (2, 5));
    assert_eq!(house.look(), Ok(Outcome::Already));
    // The warning itself fills the mailbox, and a full one is told so all the same.
    house.append(40).unwrap();
    assert_eq!(house.look(), Ok(Outcome::Done));
    assert_eq!((house.used(), house.warned()), (1010, 3));

    house.remove_all();
    assert_eq!(house.look(), Ok(Outcome::Done));
    assert_eq!(
        (house.warned(), house.messages()),
        (0, 0),
        "no message says that it fell"
    );
    house.append(960).unwrap();
    assert_eq!(house.look(), Ok(Outcome::Done));
    assert_eq!(
        (house.warned(), house.messages()),
        (2, 2),
        "one warning for two thresholds"
    );
}

#[test]
fn ac_17_the_second_address_gets_a_copy_by_the_ordinary_relay_in_the_same_batch() {
    let house = House::new();
    let to = Address::parse("anna@ordinary.test").unwrap();
    let order = AccessOrder::WarnAt(Some(to.clone()));
    let order = RegistryOrder::Access(Address::parse("anna@pec.test").unwrap(), order);
    house
        .state
        .ask(Command::Registry(order, "test".to_owned()))
        .unwrap();
    house.append(800).unwrap();
    house.look().unwrap();
    let house = house.restart();
    assert_eq!(house.warned(), 1);
    house.state.view().with_work(|work| {
        let entries: Vec<_> = work.dispatches.values().collect();
        assert_eq!(entries.len(), 1);
        assert_eq!(
            (&entries[0].to, entries[0].reverse_path.is_none()),
            (&to, true)
        );
        let way = (entries[0].class, entries[0].purpose);
        assert_eq!(way, (DispatchClass::Ordinary, Purpose::Warning));
    });
}

#[test]
fn ac_17_what_changed_since_it_was_looked_at_warns_of_nothing_old() {
    let house = House::new();
    house.append(800).unwrap();
    let old = WarnOrder {
        mailbox: house.mailbox,
        level: 1,
        notice: Some(Durable::after_sync((house.content(10).into_inner(), 10))),
    };
    house.remove_all();
    let late = house.state.ask(Command::Warn(Box::new(old)));
    assert_eq!(late, Ok(Outcome::Already));
    assert_eq!((house.warned(), house.messages()), (0, 0));
}

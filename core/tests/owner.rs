//! The owner over a simulated disk, without certifier: what no client may do to the house, and what
//! ends it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::blob::BlobRef;
use ceralacca_core::disk::{DataFolder, SimDisk};
use ceralacca_core::journal::{Partition, Record};
use ceralacca_core::limits;
use ceralacca_core::mailbox::{
    Content, FlagAction, FlagName, FolderId, FolderRow, MailboxId, MessageRow,
};
use ceralacca_core::owner::{
    Command, CommandError, MailboxOrder, Outcome, RegistryOrder, Submission,
};
use ceralacca_core::ports::{Clock, SystemClock};
use ceralacca_core::proof::Durable;
use ceralacca_core::registry::{Holder, HolderKind};
use ceralacca_core::state::{Options, State};
use ceralacca_core::view::View;
use ceralacca_core::view::row::Row;

const PATIENCE: Duration = Duration::from_secs(20);

struct House {
    state: Arc<State>,
    mailbox: MailboxId,
    fatal: crossbeam_channel::Receiver<String>,
}

fn house(backlog_max: usize) -> House {
    let (tell, fatal) = crossbeam_channel::unbounded();
    let mut options = Options::new(
        Arc::new(SimDisk::new()),
        DataFolder(PathBuf::from("/data")),
        Arc::new(SystemClock),
        Arc::new(move |sentence: &str| drop(tell.send(sentence.to_owned()))),
    );
    options.keep_views = false;
    options.backlog_max = backlog_max;
    let state = State::open(options).unwrap();
    let domain = Domain::parse("pec.test").unwrap();
    let order = |order| state.ask(Command::Registry(order, "test".to_owned()));
    order(RegistryOrder::SetProvider {
        name: "Prova".to_owned(),
        domain,
        host: "mail.pec.test".to_owned(),
    })
    .unwrap();
    let made = order(RegistryOrder::AddMailbox {
        address: Address::parse("anna@pec.test").unwrap(),
        holder: holder("Anna"),
        password: None,
        quota: None,
    });
    let Ok(Outcome::Mailbox(mailbox)) = made else {
        panic!("{made:?}");
    };
    House {
        state,
        mailbox,
        fatal,
    }
}

fn holder(name: &str) -> Holder {
    Holder {
        kind: HolderKind::Person,
        name: name.to_owned(),
        tax_code: None,
        contacts: Vec::new(),
        documents: Vec::new(),
    }
}

impl House {
    fn order(&self, order: MailboxOrder) -> Result<Outcome, CommandError> {
        self.state.ask(Command::Mailbox(self.mailbox, order))
    }

    fn append(&self, folder: FolderId) -> Result<Outcome, CommandError> {
        let blob = self
            .state
            .blobs()
            .store(Partition(1), &mut &b"A: b\r\n"[..]);
        self.order(MailboxOrder::Append {
            folder,
            flags: Vec::new(),
            internal_date: None,
            content: Durable::after_sync(Content::Whole(blob.unwrap().into_inner())),
            size: 6,
        })
    }

    fn keyword(&self, word: String) -> Result<Outcome, CommandError> {
        self.order(MailboxOrder::Flag {
            folder: FolderId::INBOX,
            uids: vec![1],
            action: FlagAction::Add,
            flags: vec![FlagName::Keyword(word)],
            unchanged_since: None,
        })
    }

    fn create(&self, name: &str) -> FolderId {
        let name = name.to_owned();
        let special_use = None;
        match self.order(MailboxOrder::CreateFolder { name, special_use }) {
            Ok(Outcome::Folder(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    fn assert_lives(&self) {
        assert_eq!(self.fatal.try_recv().ok(), None);
        assert!(matches!(
            self.append(FolderId::INBOX),
            Ok(Outcome::Appended(..))
        ));
    }
}

#[test]
fn what_is_too_long_for_a_record_is_refused_and_the_house_lives() {
    let house = house(10);
    house.append(FolderId::INBOX).unwrap();
    let word = "k".repeat(60_000);
    let answers = [house.keyword(word.clone() + "1"), house.keyword(word + "2")];
    for answer in answers {
        assert!(
            matches!(answer, Err(CommandError::Refused(_))),
            "{answer:?}"
        );
    }
    let order = RegistryOrder::SetHolder(
        Address::parse("anna@pec.test").unwrap(),
        holder(&"x".repeat(limits::RECORD_BYTES_MAX)),
    );
    let answer = house.state.ask(Command::Registry(order, "test".to_owned()));
    assert!(
        matches!(answer, Err(CommandError::Refused(_))),
        "{answer:?}"
    );
    house.assert_lives();
}

#[test]
fn numbers_and_validities_of_folders_are_never_used_again() {
    let house = house(10);
    let of = |id| {
        let view = house.state.view().folder(house.mailbox, id).unwrap();
        (id, view.row.uid_validity)
    };
    let mut seen = Vec::new();
    for _ in 0..5 {
        let id = house.create("Brief");
        house.append(id).unwrap();
        seen.push(of(id));
        house.order(MailboxOrder::DeleteFolder(id)).unwrap();
    }
    let mut ids: Vec<_> = seen.iter().map(|(id, _)| *id).collect();
    let mut validities: Vec<_> = seen.iter().map(|(_, validity)| *validity).collect();
    ids.dedup();
    validities.dedup();
    assert_eq!((ids.len(), validities.len()), (5, 5), "{seen:?}");
}

#[test]
fn a_fault_in_the_owners_thread_ends_the_process_instead_of_leaving_it_deaf() {
    let house = house(10);
    house.state.view().watch(Arc::new(|_| panic!("a fault")));
    drop(house.append(FolderId::INBOX));
    let sentence = house.fatal.recv_timeout(PATIENCE);
    assert!(sentence.is_ok_and(|s| s.contains("owner")));
}

#[test]
fn hs_05_the_backlog_has_a_bound_and_places_come_back() {
    let house = house(3);
    let places: Vec<_> = (0..3).map(|_| house.state.reserve().unwrap()).collect();
    assert_eq!(house.state.reserve().err(), Some(CommandError::Busy));
    drop(places);
    let address = Address::parse("anna@pec.test").unwrap();
    for _ in 0..3 {
        let place = house.state.reserve().unwrap();
        let body = house
            .state
            .blobs()
            .store(Partition(1), &mut &b"A: b\r\n"[..]);
        let submission = Submission {
            mailbox: house.mailbox,
            sender: address.clone(),
            recipients: vec![address.clone()],
            body: body.unwrap(),
            key: None,
            received_from: "from a by b with ESMTPSA".to_owned(),
        };
        let (answer, wait) = crossbeam_channel::bounded(1);
        let reply = Box::new(move |outcome| drop(answer.send(outcome)));
        house.state.submit(place, submission, reply);
        let answer = wait.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(answer, Ok(Outcome::Submitted(_))), "{answer:?}");
    }
    assert_eq!(house.state.reserve().err(), Some(CommandError::Busy));
    house.state.stop();
}

/// A view of one mailbox with `messages` in INBOX and an empty folder 2.
fn full_inbox(messages: u32) -> View {
    let row = |name: &str| FolderRow {
        name: name.to_owned(),
        uid_validity: 1,
        subscribed: true,
        special_use: None,
        keywords: Vec::new(),
        subscribed_names: Vec::new(),
    };
    let view = View::default();
    let mailbox = MailboxId(1);
    let blob = BlobRef {
        segment: u64::MAX,
        offset: u64::MAX,
        length: u64::MAX,
    };
    view.publish([
        Row::Folder(mailbox, FolderId(1), Some(row("INBOX"))),
        Row::Folder(mailbox, FolderId(2), Some(row("Other"))),
    ]);
    view.publish((1..=messages).map(|uid| {
        let message = MessageRow {
            uid: u32::MAX / 2 + uid,
            modseq: u64::MAX / 2,
            flags: ceralacca_core::mailbox::Flags(u64::MAX >> 58),
            content: Content::Rope(blob),
            size: 1 << 40,
            internal_date: SystemClock.now(),
            saved: None,
        };
        Row::Message(mailbox, FolderId(1), std::sync::Arc::new(message))
    }));
    view
}

fn move_all(view: &View) -> Result<(Vec<Record>, Outcome), CommandError> {
    let folder = view.folder(MailboxId(1), FolderId(1)).unwrap();
    let order = MailboxOrder::Copy {
        folder: FolderId(1),
        uids: folder.messages.keys().copied().collect(),
        target: FolderId(2),
        remove: true,
    };
    ceralacca_core::mailbox::decide(view, MailboxId(1), order, SystemClock.now())
}

#[test]
fn op_08_the_largest_move_that_is_taken_fits_one_group() {
    let most = u32::try_from(limits::MESSAGES_PER_COPY_MAX).unwrap();
    let (records, _) = move_all(&full_inbox(most)).unwrap();
    let octets: usize = records
        .iter()
        .map(|record| 40 + record.to_bytes().len())
        .sum();
    assert!(octets < limits::GROUP_BYTES_MAX, "{octets}");
    let refused = move_all(&full_inbox(most + 1));
    assert!(matches!(refused, Err(CommandError::TooMany(_))));
}

#[test]
fn a_removal_in_several_records_counts_the_room_of_each() {
    let count = u32::try_from(limits::UIDS_PER_RECORD_MAX).unwrap() + 100;
    let view = full_inbox(count);
    let usage = u64::from(count) << 40;
    view.publish([Row::Usage(MailboxId(1), usage)]);
    let (records, _) = move_all(&view).unwrap();
    let filings = records.iter().filter_map(|record| match record {
        Record::Appended(appended) => Some(&appended.filing),
        _ => None,
    });
    let after_copies = filings.map(|filing| filing.usage).max().unwrap();
    let removals: Vec<(usize, u64)> = records
        .iter()
        .filter_map(|record| match record {
            Record::Expunged(r) => Some((r.uids.len(), r.usage)),
            _ => None,
        })
        .collect();
    assert_eq!(removals.len(), 2);
    let first = (limits::UIDS_PER_RECORD_MAX as u64) << 40;
    assert_eq!(removals[0].1, after_copies - first);
    assert_eq!(removals[1].1, usage);
}

#[test]
fn ac_13_a_restore_that_finds_no_room_restores_nothing() {
    let house = house(10);
    for _ in 0..2 {
        house.append(FolderId::INBOX).unwrap();
    }
    let folder = FolderId::INBOX;
    let uids = vec![1, 2, 7];
    let removed = house.order(MailboxOrder::Remove { folder, uids });
    assert_eq!(removed, Ok(Outcome::Expunged(vec![1, 2])));
    let view = house.state.view();
    assert_eq!(view.usage(house.mailbox), 0, "it takes no room");
    let quota = |octets| {
        let address = Address::parse("anna@pec.test").unwrap();
        let order = RegistryOrder::SetQuota(address, octets);
        let command = Command::Registry(order, "test".to_owned());
        house.state.ask(command).unwrap();
    };
    let restore = || {
        house.order(MailboxOrder::Restore {
            messages: vec![(folder, 1), (folder, 2)],
            author: "test".to_owned(),
        })
    };
    quota(11);
    assert_eq!(restore(), Err(CommandError::OverQuota));
    assert_eq!(
        view.folder(house.mailbox, folder).unwrap().set_aside.size(),
        2
    );
    quota(12);
    let both = vec![(folder, 1), (folder, 2)];
    assert_eq!(restore(), Ok(Outcome::Restored(both)));
    let inbox = view.folder(house.mailbox, folder).unwrap();
    assert_eq!(inbox.messages.keys().collect::<Vec<_>>(), [&3, &4]);
    assert_eq!((inbox.set_aside.size(), view.usage(house.mailbox)), (0, 12));
    assert_eq!(view.mailboxes_keeping_past(SystemClock.now()), []);
    house.state.stop();
}

#[test]
fn nobody_waits_for_an_owner_that_has_ended() {
    for _ in 0..20 {
        let house = house(10);
        let (state, mailbox) = (house.state.clone(), house.mailbox);
        let (answers, answered) = crossbeam_channel::unbounded();
        let asking = std::thread::spawn(move || {
            for number in 0..50 {
                let name = format!("{number}");
                let special_use = None;
                let order = MailboxOrder::CreateFolder { name, special_use };
                let answer = answers.clone();
                let reply = Box::new(move |outcome: Result<_, _>| drop(answer.send(outcome)));
                state.send(Command::Mailbox(mailbox, order), reply);
            }
        });
        house.state.stop();
        asking.join().unwrap();
        // Each reply was called or dropped: the channel ends.
        loop {
            match answered.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(crossbeam_channel::RecvTimeoutError::Disconnected) => break,
                Err(late) => panic!("{late}"),
            }
        }
    }
}

//! AP-22 and OP-08 for what a holder does in his mailbox: whatever was answered is there after a loss of
//! power at any operation of the disk; what was not answered is there whole or not at all.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::disk::sim::Loss;
use ceralacca_core::disk::{DataFolder, SimDisk};
use ceralacca_core::journal::Partition;
use ceralacca_core::mailbox::{Content, FlagAction, FlagName, Flags, FolderId, MailboxId, Uid};
use ceralacca_core::owner::{Command, MailboxOrder, RegistryOrder};
use ceralacca_core::ports::SystemClock;
use ceralacca_core::proof::Durable;
use ceralacca_core::registry::{Holder, HolderKind};
use ceralacca_core::state::{Options, State};

const MAILBOX: MailboxId = MailboxId(1);
const INBOX: FolderId = FolderId::INBOX;
const TRASH: FolderId = FolderId(4);
/// The first folder that a holder makes: five are there from birth.
const FIRST: FolderId = FolderId(6);

#[derive(Clone)]
enum Act {
    Append(FolderId, &'static str),
    Order(MailboxOrder),
}

/// Some of everything.
fn acts() -> Vec<Act> {
    let name = |name: &str| name.to_owned();
    let create = |text: &str| MailboxOrder::CreateFolder {
        name: name(text),
        special_use: None,
    };
    let flag = |folder, uids: &[Uid], flag| MailboxOrder::Flag {
        folder,
        uids: uids.to_vec(),
        action: FlagAction::Add,
        flags: vec![flag],
        unchanged_since: None,
    };
    let copy = |folder, uids: std::ops::RangeInclusive<Uid>, target, remove| MailboxOrder::Copy {
        folder,
        uids: uids.collect(),
        target,
        remove,
    };
    let mut acts: Vec<Act> = ["A: 1\r\n", "A: 22\r\n", "A: 333\r\n", "A: 4444\r\n"]
        .map(|text| Act::Append(INBOX, text))
        .into();
    let orders = [
        create("Pratiche"),
        copy(INBOX, 2..=3, FIRST, false),
        flag(INBOX, &[1, 4], FlagName::Keyword(name("$visto"))),
        copy(INBOX, 1..=3, TRASH, true),
        flag(TRASH, &[1, 3], FlagName::System(Flags::DELETED)),
        MailboxOrder::Expunge {
            folder: TRASH,
            uids: None,
        },
        MailboxOrder::RenameFolder {
            folder: FIRST,
            name: name("Atti/2026"),
        },
        MailboxOrder::RenameFolder {
            folder: INBOX,
            name: name("Prima"),
        },
        MailboxOrder::Subscribe(TRASH, false),
        MailboxOrder::DeleteFolder(FIRST),
        create("Pratiche"),
    ];
    acts.extend(orders.map(Act::Order));
    acts.push(Act::Append(FolderId(8), "A: 55555\r\n"));
    acts
}

fn open(disk: &SimDisk) -> Option<Arc<State>> {
    let folder = DataFolder(PathBuf::from("/data"));
    let disk = Arc::new(disk.clone());
    let mut options = Options::new(disk, folder, Arc::new(SystemClock), Arc::new(|_: &str| {}));
    options.keep_views = false;
    State::open(options).ok()
}

fn populate(state: &State) -> Option<()> {
    let order = |order| state.ask(Command::Registry(order, "test".to_owned())).ok();
    order(RegistryOrder::SetProvider {
        name: "Prova".to_owned(),
        domain: Domain::parse("pec.test").unwrap(),
        host: "mail.pec.test".to_owned(),
    })?;
    order(RegistryOrder::AddMailbox {
        address: Address::parse("anna@pec.test").unwrap(),
        holder: Holder {
            kind: HolderKind::Person,
            name: "Anna".to_owned(),
            tax_code: None,
            contacts: Vec::new(),
            documents: Vec::new(),
        },
        password: None,
        quota: None,
    })
    .map(drop)
}

/// Does one act; `None` when it was not answered well.
fn act(state: &State, act: Act) -> Option<()> {
    let order = match act {
        Act::Order(order) => order,
        Act::Append(folder, text) => {
            let mut octets = text.as_bytes();
            let blob = state.blobs().store(Partition(1), &mut octets).ok()?;
            MailboxOrder::Append {
                folder,
                flags: Vec::new(),
                internal_date: None,
                content: Durable::after_sync(Content::Whole(blob.into_inner())),
                size: text.len() as u64,
            }
        }
    };
    state.ask(Command::Mailbox(MAILBOX, order)).ok().map(drop)
}

/// What the holder's program sees, but for what the time decides.
fn seen(state: &State) -> String {
    let mut text = format!("{} octets\n", state.view().usage(MAILBOX));
    for folder in state.view().folders(MAILBOX) {
        let (row, counter) = (&folder.row, folder.counter);
        let about = (
            &row.name,
            row.subscribed,
            &row.subscribed_names,
            &row.keywords,
        );
        writeln!(text, "{:?} {about:?} {counter:?}", folder.id).unwrap();
        for message in folder.messages.values() {
            let Content::Whole(blob) = message.content else {
                panic!("not appended here");
            };
            let octets = state.blobs().read(blob, 100).unwrap();
            let octets = String::from_utf8(octets).unwrap();
            let (uid, modseq, flags) = (message.uid, message.modseq, message.flags);
            writeln!(text, "  {uid} {modseq} {flags:?} {octets:?}").unwrap();
        }
    }
    text
}

/// What is seen after each act when nothing goes wrong, and the operations of the disk until then.
fn undisturbed() -> (Vec<String>, u64) {
    let disk = SimDisk::new();
    let state = open(&disk).unwrap();
    let mut states = vec![seen(&state)];
    populate(&state).unwrap();
    states.push(seen(&state));
    for each in acts() {
        act(&state, each).unwrap();
        states.push(seen(&state));
    }
    state.stop();
    (states, disk.operations())
}

/// Until the disk ends; answers how many steps were answered well.
fn work(disk: &SimDisk) -> usize {
    let Some(state) = open(disk) else {
        return 0;
    };
    let mut answered = 0;
    if populate(&state).is_some() {
        answered += 1;
        for each in acts() {
            if act(&state, each).is_none() {
                break;
            }
            answered += 1;
        }
    }
    state.stop();
    answered
}

#[test]
fn op_08_a_holders_acts_are_there_whole_after_a_loss_of_power_at_any_operation() {
    let (states, operations) = undisturbed();
    // One operation in two, torn and clean in turn.
    for last in (0..operations).step_by(2) {
        let loss = if last % 4 == 0 { Loss::All } else { Loss::Some };
        let disk = SimDisk::new();
        disk.freeze_after(last);
        let answered = work(&disk);
        let state = open(&disk.power_cut(last, loss)).unwrap();
        let found = seen(&state);
        let next = &states[(answered + 1).min(states.len() - 1)];
        assert!(
            found == states[answered] || found == *next,
            "after {answered} answers, cut at {last}, {loss:?}:\n{found}\nexpected\n{}",
            states[answered]
        );
        state.stop();
    }
}

/// RFC 9051 §6.3.7 within a record: many long names and all keywords that a folder may have.
#[test]
fn names_that_stay_subscribed_have_a_bound_and_outlive_a_loss_of_power() {
    use ceralacca_core::limits;
    let disk = SimDisk::new();
    let state = open(&disk).unwrap();
    populate(&state).unwrap();
    let ask = |order| state.ask(Command::Mailbox(MAILBOX, order)).unwrap();
    let name = |n: usize| format!("{n:0width$}", width = limits::FOLDER_NAME_BYTES_MAX);
    let count = limits::FOLDERS_PER_MAILBOX_MAX / 2;
    for n in 0..count {
        let made = ask(MailboxOrder::CreateFolder {
            name: name(n),
            special_use: None,
        });
        let ceralacca_core::owner::Outcome::Folder(folder) = made else {
            panic!("{made:?}");
        };
        ask(MailboxOrder::DeleteFolder(folder));
    }
    // INBOX's row can still grow in all that it may hold.
    let keyword = |n: usize| format!("{n:0width$}", width = limits::KEYWORD_BYTES_MAX);
    ask(MailboxOrder::Flag {
        folder: INBOX,
        uids: Vec::new(),
        action: FlagAction::Add,
        flags: (0..limits::KEYWORDS_PER_FOLDER_MAX)
            .map(|n| FlagName::Keyword(keyword(n)))
            .collect(),
        unchanged_since: None,
    });
    state.stop();
    let again = open(&disk.power_cut(1, Loss::All)).unwrap();
    let inbox = again.view().folder(MAILBOX, INBOX).unwrap();
    let newest = count - limits::SUBSCRIBED_NAMES_MAX..count;
    assert_eq!(
        inbox.row.subscribed_names,
        newest.map(name).collect::<Vec<_>>()
    );
    assert_eq!(inbox.row.keywords.len(), limits::KEYWORDS_PER_FOLDER_MAX);
}

//! The POP3 machine: whatever comes, each line has its answer, the cuts between reads change nothing, and
//! nothing is removed without DELE and QUIT.

use std::sync::Arc;

use ceralacca_core::blob::BlobRef;
use ceralacca_core::instant::Instant;
use ceralacca_core::login::Refusal;
use ceralacca_core::mailbox::{
    Content, Flags, FolderId, FolderRow, MailboxId, MessageRow, birth_folders,
};
use ceralacca_core::owner::{MailboxOrder, Outcome};
use ceralacca_core::view::View;
use ceralacca_core::view::row::Row;
use ceralacca_net::imap::message::{Octets, ReadError, Store, Summaries};
use ceralacca_net::pop3::codec::{Line, Lines};
use ceralacca_net::pop3::maildrop::Maildrops;
use ceralacca_net::pop3::session::{Answer, Session, Step};
use ceralacca_net::pop3::settings::Settings;
use ceralacca_tests::seed::storm;

use crate::corpus;

const BOX: MailboxId = MailboxId(1);
const MESSAGES: [&[u8]; 3] = [
    b"Subject: a\r\n\r\n.\r\n..b\r\n",
    b"",
    b"no header\n.\n.\r\n.",
];

struct Shelf(View, Summaries);

struct Body(&'static [u8]);

impl Octets for Body {
    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize, ReadError> {
        let rest = self
            .0
            .get(usize::try_from(at).unwrap()..)
            .unwrap_or_default();
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

impl Store for Shelf {
    fn view(&self) -> &View {
        &self.0
    }

    fn summaries(&self) -> &Summaries {
        &self.1
    }

    fn now(&self) -> Instant {
        Instant::from_millis(1_795_000_000_000)
    }

    fn open(&self, content: Content) -> Result<Arc<dyn Octets>, ReadError> {
        let Content::Whole(blob) = content else {
            return Err(ReadError::Short(0));
        };
        Ok(Arc::new(Body(
            MESSAGES[usize::try_from(blob.offset).unwrap()],
        )))
    }
}

fn shelf() -> Shelf {
    let view = View::default();
    let now = Instant::from_millis(1_795_000_000_000);
    let inbox: (FolderId, FolderRow) = birth_folders(now).remove(0);
    view.publish([Row::Folder(BOX, inbox.0, Some(inbox.1))]);
    view.publish((1..).zip(MESSAGES).map(|(uid, message)| {
        let blob = BlobRef {
            segment: 1,
            offset: u64::from(uid - 1),
            length: message.len() as u64,
        };
        let row = MessageRow {
            uid,
            modseq: 1,
            flags: Flags::default(),
            content: Content::Whole(blob),
            size: message.len() as u64,
            internal_date: now,
            saved: None,
        };
        Row::Message(BOX, FolderId::INBOX, row)
    }));
    Shelf(view, Summaries::default())
}

/// What was said, and what was removed.
#[derive(Debug, PartialEq, Eq)]
struct Done {
    said: Vec<u8>,
    removed: Vec<u32>,
    closed: bool,
}

/// Plays the rim: one name has one password, every order is obeyed. Input comes in pieces.
fn play(store: &Arc<Shelf>, input: &[u8], piece: usize) -> Done {
    let maildrops = Arc::new(Maildrops::default());
    let host = "mail.pec.test".to_owned();
    let mut session = Session::new(store.clone(), maildrops.clone(), &Settings { host });
    let mut lines = Lines::default();
    let mut done = Done {
        said: session.output(),
        removed: Vec::new(),
        closed: false,
    };
    let (mut at, mut arrived) = (0, 0);
    let row = super::mailbox_row(BOX);
    while !done.closed {
        let (used, line) = lines.next(&input[at..arrived]);
        assert!(used <= arrived - at, "more taken than was there");
        at += used;
        let mut step = match line {
            Line::Whole(line) => session.line(line),
            Line::TooLong => session.too_long(),
            Line::Unfinished if arrived == input.len() => break,
            Line::Unfinished => {
                arrived = (arrived + piece).min(input.len());
                continue;
            }
        };
        loop {
            done.said.extend(session.output());
            step = match step {
                Step::Read => break,
                Step::Close => {
                    done.closed = true;
                    break;
                }
                Step::List | Step::Fetch => session.resume(Answer::Go),
                Step::Verify { name, password } => {
                    let is_right = name == "u@pec.test" && *password == b"x";
                    let row = is_right.then(|| row.clone());
                    session.resume(Answer::Verified(row.ok_or(Refusal::Wrong)))
                }
                Step::Order(mailbox, MailboxOrder::Remove { folder, uids }) => {
                    assert_eq!((mailbox, folder), (BOX, FolderId::INBOX));
                    done.removed.clone_from(&uids);
                    session.resume(Answer::Ordered(Ok(Outcome::Expunged(uids))))
                }
                Step::Order(..) => panic!("POP3 orders nothing else"),
            };
        }
    }
    drop(session);
    assert!(maildrops.take(BOX).is_some(), "the maildrop is free again");
    done
}

#[test]
fn pop3_lines_are_answered_and_only_dele_with_quit_removes() {
    let store = Arc::new(shelf());
    storm("pop3", &corpus("pop3"), |input| {
        let whole = play(&store, input, input.len().max(1));
        for piece in [1, 3, 64] {
            assert_eq!(play(&store, input, piece), whole, "in pieces of {piece}");
        }
        assert!(whole.said.starts_with(b"+OK "));
        assert!(whole.said.ends_with(b"\r\n"));
        if !whole.removed.is_empty() {
            let upper = input.to_ascii_uppercase();
            let has = |word: &[u8]| upper.windows(word.len()).any(|w| w == word);
            assert!(whole.closed && has(b"DELE") && has(b"QUIT"), "DP-11");
        }
    });
}

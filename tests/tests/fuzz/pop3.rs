//! The POP3 machine: whatever comes, each line has its answer, the cuts between reads change nothing, and
//! nothing is removed without DELE and QUIT.

use std::sync::Arc;

use ceralacca_core::address::Address;
use ceralacca_core::login::Refusal;
use ceralacca_core::mailbox::FolderId;
use ceralacca_core::owner::{MailboxOrder, Outcome};
use ceralacca_core::registry::MailboxState;
use ceralacca_net::house::{BOX, House};
use ceralacca_net::pop3::codec::{Line, Lines};
use ceralacca_net::pop3::maildrop::Maildrops;
use ceralacca_net::pop3::session::{Answer, Session, Step};
use ceralacca_net::pop3::settings::Settings;
use ceralacca_tests::seed::storm;

use crate::corpus;

const MESSAGES: [&str; 3] = ["Subject: a\r\n\r\n.\r\n..b\r\n", "", "no header\n.\n.\r\n."];

fn house() -> Arc<House> {
    let address = Address::parse("u@pec.test").unwrap();
    let house = House::new(address, MailboxState::Active);
    MESSAGES.iter().for_each(|message| house.deliver(message));
    Arc::new(house)
}

/// What was said, and what was removed.
#[derive(Debug, PartialEq, Eq)]
struct Done {
    said: Vec<u8>,
    removed: Vec<u32>,
    closed: bool,
}

/// Plays the rim: one name has one password, every order is answered as if it were obeyed. Input comes in
/// pieces.
fn play(house: &Arc<House>, input: &[u8], piece: usize) -> Done {
    let maildrops = Arc::new(Maildrops::default());
    let host = "mail.pec.test".to_owned();
    let mut session = Session::new(house.clone(), maildrops.clone(), &Settings { host });
    let mut lines = Lines::default();
    let mut done = Done {
        said: session.output(),
        removed: Vec::new(),
        closed: false,
    };
    let (mut at, mut arrived) = (0, 0);
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
                    let row = house.view.mailbox(BOX).filter(|_| is_right);
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
    let house = house();
    storm("pop3", &corpus("pop3"), |input| {
        let whole = play(&house, input, input.len().max(1));
        for piece in [1, 3, 64] {
            assert_eq!(play(&house, input, piece), whole, "in pieces of {piece}");
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

//! SMTP lines and DATA, IMAP commands.

use std::net::{IpAddr, Ipv4Addr};

use ceralacca_core::address::Address;
use ceralacca_core::journal::Partition;
use ceralacca_core::mailbox::MailboxId;
use ceralacca_net::imap::codec;
use ceralacca_net::smtp::session::{Account, Action, Session};
use ceralacca_net::smtp::settings::Settings;
use ceralacca_tests::seed::storm;

use crate::corpus;

/// What a session did with its input: its replies and the messages it took.
#[derive(Debug, Default, PartialEq, Eq)]
struct Transcript {
    replies: Vec<String>,
    messages: Vec<Vec<u8>>,
}

/// Plays the driver: every password is right, every commit succeeds. Input comes in pieces.
fn play(input: &[u8], piece: usize) -> Transcript {
    let mut session = Session::new(Settings {
        host: "mail.pec.test".to_owned(),
        message_bytes_max: 4096,
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        tls: Some("TLSv1.3"),
    });
    let (mut said, mut body) = (Transcript::default(), Vec::new());
    let (mut at, mut arrived) = (0, 0);
    loop {
        let step = session.step(&input[at..arrived]);
        let here = at;
        assert!(step.taken <= arrived - at, "more taken than was there");
        at += step.taken;
        match step.action {
            None if arrived == input.len() && step.taken == 0 => return said,
            None => arrived = (arrived + piece).min(input.len()),
            Some(Action::Close) => return said,
            Some(Action::Reply(text)) => said.replies.push(text.into_owned()),
            Some(Action::StartTls) => session.tls_started("TLSv1.3"),
            Some(Action::Verify(..)) => session.signed_in(Some(account())),
            Some(Action::Open) => {
                body.clear();
                session.opened(Ok(()));
            }
            Some(Action::Body(range)) => body.extend_from_slice(&input[here..][range]),
            Some(Action::Commit(transaction)) => {
                assert!(!transaction.recipients.is_empty());
                said.messages.push(std::mem::take(&mut body));
                session.committed(Ok("c01@pec.test".to_owned()));
            }
            Some(Action::Abandon) => body.clear(),
        }
    }
}

fn account() -> Account {
    Account {
        mailbox: MailboxId(1),
        home: Partition(1),
        address: Address::parse("u@pec.test").unwrap(),
    }
}

#[test]
fn smtp_takes_only_whole_lines_and_the_cuts_between_reads_change_nothing() {
    storm("smtp", &corpus("smtp"), |input| {
        let whole = play(input, input.len().max(1));
        for message in &whole.messages {
            let bare = |w: &[u8]| (w[0] == b'\r') != (w[1] == b'\n');
            assert!(
                !message.windows(2).any(bare) && !message.contains(&0),
                "SE-04"
            );
        }
        for piece in [1, 3, 64] {
            assert_eq!(play(input, piece), whole, "in pieces of {piece}");
        }
    });
}

#[test]
fn imap_commands_are_understood_or_refused() {
    storm("imap", &corpus("imap"), |input| {
        let whole = codec::exercise(input, input.len().max(1));
        assert_eq!(codec::exercise(input, 1), whole);
    });
}

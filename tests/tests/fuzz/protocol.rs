//! SMTP lines and DATA at both doors, IMAP commands.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::journal::Partition;
use ceralacca_core::mailbox::MailboxId;
use ceralacca_net::imap::codec;
use ceralacca_net::smtp::session::{Account, Action, RecipientDomain, RecipientDomains, Session};
use ceralacca_net::smtp::settings::Settings;
use ceralacca_tests::seed::storm;

use crate::corpus;

/// What a session did with its input: its replies and the messages it took.
#[derive(Debug, Default, PartialEq, Eq)]
struct Transcript {
    replies: Vec<String>,
    messages: Vec<Vec<u8>>,
    recipients: Vec<Address>,
}

fn settings(tls: Option<&'static str>) -> Settings {
    Settings {
        host: "mail.pec.test".to_owned(),
        message_bytes_max: 4096,
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        tls,
    }
}

/// Plays the driver: every password is right, every commit succeeds. Input comes in pieces.
fn play(session: Session, input: &[u8], piece: usize) -> Transcript {
    let mut session = session;
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
            Some(Action::Verify(..)) => session.signed_in(Ok(account())),
            Some(Action::Open) => {
                body.clear();
                session.opened(Ok(()));
            }
            Some(Action::Body(range)) => body.extend_from_slice(&input[here..][range]),
            Some(Action::Commit(transaction)) => {
                assert!(!transaction.recipients.is_empty());
                said.recipients.extend(transaction.recipients);
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

/// Only `pec.test` is ours.
#[derive(Debug)]
struct OneDomain;

impl RecipientDomains for OneDomain {
    fn judge(&self, domain: &Domain) -> RecipientDomain {
        match domain.as_str() {
            "pec.test" => RecipientDomain::Managed,
            _ => RecipientDomain::Foreign,
        }
    }

    fn postmaster(&self) -> Option<Address> {
        Address::parse("postmaster@pec.test").ok()
    }
}

/// One session over `input`, whole and in pieces; what it did.
fn session_of(session: impl Fn() -> Session, input: &[u8]) -> Transcript {
    let whole = play(session(), input, input.len().max(1));
    for message in &whole.messages {
        let bare = |w: &[u8]| (w[0] == b'\r') != (w[1] == b'\n');
        assert!(
            !message.windows(2).any(bare) && !message.contains(&0),
            "SE-04"
        );
    }
    for piece in [1, 3, 64] {
        let pieces = play(session(), input, piece);
        assert_eq!(pieces, whole, "in pieces of {piece}");
    }
    whole
}

#[test]
fn smtp_takes_only_whole_lines_and_the_cuts_between_reads_change_nothing() {
    let session = || Session::new(settings(Some("TLSv1.3")));
    storm("smtp", &corpus("smtp"), |input| {
        session_of(session, input);
    });
}

#[test]
fn the_incoming_point_does_the_same_and_takes_only_recipients_of_ours() {
    let session = || Session::incoming(settings(None), Rc::new(OneDomain));
    storm("incoming", &corpus("incoming"), |input| {
        let done = session_of(session, input);
        let is_ours = |to: &Address| to.domain().as_str() == "pec.test";
        assert!(done.recipients.iter().all(is_ours), "IP-25");
        assert!(!done.replies.iter().any(|said| said.starts_with("235")));
    });
}

#[test]
fn imap_commands_are_understood_or_refused() {
    storm("imap", &corpus("imap"), |input| {
        let whole = codec::exercise(input, input.len().max(1));
        assert_eq!(codec::exercise(input, 1), whole);
    });
}

//! The machine against scripts: what it answers, what it has the driver do, and that the splitting of the
//! octets changes neither.

use ceralacca_core::address::Address;
use ceralacca_core::journal::Partition;
use ceralacca_core::limits;
use ceralacca_core::login::Refusal;
use ceralacca_core::mailbox::MailboxId;
use proptest::prelude::*;

use super::{Account, Action, Session, Waits};
use crate::smtp::settings::Settings;

mod incoming;

const SIZE: u64 = 1000;

/// What a driver does about a session, in order; a body in one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Done {
    Said(String),
    Opened,
    Body(Vec<u8>),
    Abandoned,
    Committed(Vec<String>, String),
    TlsStarted,
    Closed,
}

/// A driver without sockets: the password is `secret`, the mailbox `rossi@pec.example`.
struct Driver {
    session: Session,
    input: Vec<u8>,
    done: Vec<Done>,
    opens: Result<(), &'static str>,
}

impl Driver {
    fn new(tls: Option<&'static str>) -> Self {
        Self::of(Session::new(settings(SIZE, tls)))
    }

    fn of(session: Session) -> Self {
        let mut driver = Self {
            session,
            input: Vec::new(),
            done: Vec::new(),
            opens: Ok(()),
        };
        driver.hear(b"");
        driver
    }

    fn signed_in() -> Self {
        let mut driver = Self::new(Some("TLSv1.3"));
        driver.hear(b"EHLO pc.example\r\nAUTH PLAIN AHJvc3NpQHBlYy5leGFtcGxlAHNlY3JldA==\r\n");
        assert_eq!(driver.codes(), ["220", "250", "235 2.7.0"]);
        driver.done.clear();
        driver
    }

    fn hear(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
        loop {
            let step = self.session.step(&self.input);
            let taken: Vec<u8> = self.input[..step.taken].to_vec();
            let Some(action) = step.action else {
                self.input.drain(..step.taken);
                return;
            };
            let body = match &action {
                Action::Body(range) => self.input[range.clone()].to_vec(),
                _ => Vec::new(),
            };
            self.input.drain(..taken.len());
            self.act(action, body);
        }
    }

    fn act(&mut self, action: Action, body: Vec<u8>) {
        match action {
            Action::Reply(text) => self.done.push(Done::Said(text.into_owned())),
            Action::StartTls => {
                self.input.clear();
                self.done.push(Done::TlsStarted);
                self.session.tls_started("TLSv1.2");
            }
            Action::Verify(name, secret) => {
                let is_right = name == "rossi@pec.example" && **secret.0 == *b"secret";
                self.session
                    .signed_in(is_right.then(account).ok_or(Refusal::Wrong));
            }
            Action::Open => {
                self.done.push(Done::Opened);
                self.session.opened(self.opens.map_err(Into::into));
            }
            Action::Body(_) => match self.done.last_mut() {
                Some(Done::Body(before)) => before.extend_from_slice(&body),
                _ => self.done.push(Done::Body(body)),
            },
            Action::Commit(t) => {
                let recipients = t.recipients.iter().map(ToString::to_string).collect();
                self.done.push(Done::Committed(recipients, t.received_from));
                self.session.committed(Ok("c1@pec.example".to_owned()));
            }
            Action::Abandon => self.done.push(Done::Abandoned),
            Action::Close => self.done.push(Done::Closed),
        }
    }

    /// The codes said, the enhanced one with them.
    fn codes(&self) -> Vec<String> {
        let said = self.done.iter().filter_map(|done| match done {
            Done::Said(text) => Some(text),
            _ => None,
        });
        said.map(|text| {
            let mut words = text.split([' ', '-']);
            let code = words.next().unwrap_or_default();
            let detail = words
                .next()
                .filter(|w| w.split('.').count() == 3 && w.len() < 8);
            detail.map_or(code.to_owned(), |detail| format!("{code} {detail}"))
        })
        .collect()
    }

    fn answers(&mut self, wire: &str) -> Vec<String> {
        self.done.clear();
        self.hear(wire.as_bytes());
        self.codes()
    }

    fn body(&self) -> Option<&[u8]> {
        self.done.iter().find_map(|done| match done {
            Done::Body(body) => Some(&**body),
            _ => None,
        })
    }

    fn has_committed(&self) -> bool {
        self.done.iter().any(|d| matches!(d, Done::Committed(..)))
    }
}

fn settings(message_bytes_max: u64, tls: Option<&'static str>) -> Settings {
    Settings {
        host: "mail.pec.example".to_owned(),
        message_bytes_max,
        peer: [192, 0, 2, 7].into(),
        tls,
    }
}

fn account() -> Account {
    Account {
        mailbox: MailboxId(7),
        home: Partition(3),
        address: Address::parse("rossi@pec.example").expect("valid"),
    }
}

const PATHS: &str = "MAIL FROM:<rossi@pec.example>\r\nRCPT TO:<bianchi@pec.example>\r\n";

#[test]
fn ap_01_no_mail_before_authentication() {
    let mut driver = Driver::new(Some("TLSv1.3"));
    driver.hear(b"EHLO pc.example\r\n");
    let wire = format!("{PATHS}DATA\r\n");
    assert_eq!(driver.answers(&wire), ["530 5.7.0"; 3]);
    assert_eq!(
        driver.answers("BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"),
        ["530 5.7.0", "250 2.0.0"]
    );
    assert!(!driver.has_committed());
}

#[test]
fn ac_04_before_tls_only_starttls_is_offered_and_no_password_is_heard() {
    let mut driver = Driver::new(None);
    driver.hear(b"EHLO pc.example\r\n");
    let Some(Done::Said(ehlo)) = driver.done.last().cloned() else {
        panic!("no answer")
    };
    assert!(
        ehlo.contains("STARTTLS") && !ehlo.contains("AUTH"),
        "{ehlo}"
    );
    assert_eq!(
        driver.answers("AUTH PLAIN AHJvc3NpQHBlYy5leGFtcGxlAHNlY3JldA==\r\nMAIL FROM:<>\r\n"),
        ["530 5.7.0", "530 5.7.0"]
    );
}

#[test]
fn se_05_after_starttls_the_session_starts_anew() {
    let mut driver = Driver::new(None);
    driver.hear(b"EHLO pc.example\r\nSTARTTLS\r\nNOOP\r\n");
    assert_eq!(
        driver.done.last(),
        Some(&Done::TlsStarted),
        "NOOP was forgotten"
    );
    assert_eq!(
        driver.answers("AUTH PLAIN\r\n"),
        ["503 5.5.1"],
        "EHLO first"
    );
    assert_eq!(
        driver.answers("EHLO pc.example\r\nSTARTTLS\r\n"),
        ["250", "503 5.5.1"]
    );
}

#[test]
fn ap_31_ehlo_announces_what_is_meant() {
    let mut driver = Driver::new(Some("TLSv1.3"));
    driver.hear(b"EHLO pc.example\r\n");
    let Some(Done::Said(ehlo)) = driver.done.last() else {
        panic!("no answer")
    };
    for word in [
        "SIZE 1000",
        "PIPELINING",
        "8BITMIME",
        "CHUNKING",
        "AUTH PLAIN LOGIN",
    ] {
        assert!(ehlo.contains(word), "{word} in {ehlo}");
    }
    for word in ["SMTPUTF8", "DSN", "STARTTLS"] {
        assert!(!ehlo.contains(word), "no {word} in {ehlo}");
    }
}

#[test]
fn all_forms_of_auth_sign_in_and_what_is_no_response_is_told() {
    let cases = [
        (
            "AUTH PLAIN\r\nAHJvc3NpQHBlYy5leGFtcGxlAHNlY3JldA==\r\n",
            ["334", "235 2.7.0"].as_slice(),
        ),
        (
            "AUTH LOGIN\r\ncm9zc2lAcGVjLmV4YW1wbGU=\r\nc2VjcmV0\r\n",
            &["334", "334", "235 2.7.0"],
        ),
        (
            "AUTH LOGIN cm9zc2lAcGVjLmV4YW1wbGU=\r\nc2VjcmV0\r\n",
            &["334", "235 2.7.0"],
        ),
        (
            "AUTH LOGIN cm9zc2lAcGVjLmV4YW1wbGU=\r\nd3Jvbmc=\r\n",
            &["334", "535 5.7.8"],
        ),
        ("AUTH PLAIN\r\n*\r\n", &["334", "501 5.7.0"]),
        ("AUTH PLAIN\r\n!!\r\n", &["334", "501 5.5.2"]),
        ("AUTH PLAIN =\r\n", &["501 5.5.2"]),
        ("AUTH CRAM-MD5\r\n", &["504 5.5.4"]),
    ];
    for (wire, codes) in cases {
        let mut driver = Driver::new(Some("TLSv1.3"));
        driver.hear(b"EHLO pc.example\r\n");
        assert_eq!(driver.answers(wire), codes, "{wire}");
    }
}

#[test]
fn se_10_failed_sign_ins_end_the_connection() {
    let mut driver = Driver::new(Some("TLSv1.3"));
    driver.hear(b"EHLO pc.example\r\n");
    let wire = "AUTH PLAIN AGEAYg==\r\n".repeat(10);
    let codes = driver.answers(&wire);
    assert_eq!(
        codes.len(),
        limits::SIGN_IN_FAILURES_MAX as usize + 1,
        "{codes:?}"
    );
    assert_eq!(codes.last().map(String::as_str), Some("421 4.7.0"));
    assert_eq!(driver.done.last(), Some(&Done::Closed));
}

#[test]
fn se_10_a_strangers_chunk_buys_no_time() {
    let mut driver = Driver::new(Some("TLSv1.3"));
    driver.hear(b"EHLO pc.example\r\nBDAT 99999999999\r\n");
    assert_eq!(driver.session.waits(), Waits::SignIn);
    let mut driver = Driver::signed_in();
    driver.hear(b"BDAT 99999999999\r\n");
    assert_eq!(driver.session.waits(), Waits::Body);
}

#[test]
fn ap_02_only_the_own_address_sends() {
    let mut driver = Driver::signed_in();
    let wire = "MAIL FROM:<bianchi@pec.example>\r\nMAIL FROM:<>\r\nMAIL FROM:<rossi@pec>\r\n\
                MAIL FROM:<ROSSI@PEC.example> SIZE=1000 BODY=8BITMIME\r\n";
    let codes = driver.answers(wire);
    assert_eq!(codes, ["553 5.7.1", "553 5.7.1", "504 5.5.2", "250 2.1.0"]);
}

#[test]
fn ap_15_too_large_is_refused_by_what_was_announced_and_by_what_came() {
    let mut driver = Driver::signed_in();
    assert_eq!(
        driver.answers("MAIL FROM:<rossi@pec.example> SIZE=1001\r\n"),
        ["552 5.3.4"]
    );
    let line = "x".repeat(98);
    let just = format!("{line}\r\n").repeat(10);
    for (text, last) in [
        (just.clone(), "250 2.0.0"),
        (format!("{just}y\r\n"), "552 5.3.4"),
    ] {
        let codes = driver.answers(&format!("{PATHS}DATA\r\n{text}.\r\nNOOP\r\n"));
        assert_eq!(codes[2..], ["354", last, "250 2.0.0"]);
        assert_eq!(driver.has_committed(), last == "250 2.0.0");
    }
    let codes = driver.answers(&format!("{PATHS}BDAT 1001 LAST\r\n{just}yNOOP\r\n"));
    assert_eq!(
        codes[2..],
        ["552 5.3.4", "250 2.0.0"],
        "the chunk is read and forgotten"
    );
}

#[test]
fn ap_16_a_thousand_recipients_and_no_more() {
    let mut driver = Driver::signed_in();
    let recipients: String = (0..1002)
        .map(|n| format!("RCPT TO:<r{n}@pec.example>\r\n"))
        .collect();
    let codes = driver.answers(&format!("MAIL FROM:<rossi@pec.example>\r\n{recipients}"));
    assert!(codes[..1001].iter().all(|code| code.starts_with("250")));
    assert_eq!(codes[1001..], ["452 4.5.3", "452 4.5.3"]);
    driver.answers("DATA\r\na\r\n.\r\n");
    let Some(Done::Committed(recipients, _)) = driver
        .done
        .iter()
        .find(|d| matches!(d, Done::Committed(..)))
    else {
        panic!("not committed")
    };
    assert_eq!(recipients.len(), 1000);
}

#[test]
fn ap_22_the_answer_follows_the_commit_and_the_place_comes_before_354() {
    let mut driver = Driver::signed_in();
    driver.answers(&format!("{PATHS}DATA\r\na\r\n..b\r\n.\r\n"));
    let from = "from pc.example ([192.0.2.7]) by mail.pec.example with ESMTPSA (TLSv1.3)";
    let tail = &driver.done[2..];
    assert_eq!(tail[0], Done::Opened);
    assert!(matches!(&tail[1], Done::Said(text) if text.starts_with("354")));
    assert_eq!(tail[2], Done::Body(b"a\r\n.b\r\n".to_vec()));
    assert_eq!(
        tail[3],
        Done::Committed(vec!["bianchi@pec.example".into()], from.into())
    );
    assert_eq!(
        tail[4],
        Done::Said("250 2.0.0 Ok: queued as c1@pec.example".into())
    );
}

#[test]
fn hs_05_without_a_place_there_is_no_354() {
    let mut driver = Driver::signed_in();
    driver.opens = Err("451 4.3.2 Too much waiting work");
    let codes = driver.answers(&format!("{PATHS}DATA\r\nRSET\r\n"));
    assert_eq!(codes[2..], ["451 4.3.2", "250 2.0.0"]);
    let codes = driver.answers(&format!("{PATHS}BDAT 4 LAST\r\nQUITNOOP\r\n"));
    assert_eq!(codes[2..], ["451 4.3.2", "250 2.0.0"]);
    assert!(!driver.has_committed() && driver.body().is_none());
}

#[test]
fn se_04_a_smuggled_end_ends_nothing_and_the_message_is_refused() {
    let ends = [
        "\n.\n", "\r\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\r", "\0\r\n",
    ];
    for end in ends {
        let mut driver = Driver::signed_in();
        let wire =
            format!("{PATHS}DATA\r\na{end}MAIL FROM:<rossi@pec.example>\r\nb\r\n.\r\nNOOP\r\n");
        let codes = driver.answers(&wire);
        assert_eq!(codes[2..], ["354", "554 5.6.0", "250 2.0.0"], "{end:?}");
        assert!(driver.done.contains(&Done::Abandoned) && !driver.has_committed());
    }
}

#[test]
fn se_04_chunks_hold_no_bare_ends_either() {
    for chunk in ["a\nb\r\n", "a\rbc\r\n", "a\0b\r\n", "abcde\r"] {
        let mut driver = Driver::signed_in();
        let wire = format!("{PATHS}BDAT {} LAST\r\n{chunk}NOOP\r\n", chunk.len());
        assert_eq!(
            driver.answers(&wire)[2..],
            ["554 5.6.0", "250 2.0.0"],
            "{chunk:?}"
        );
        assert!(!driver.has_committed());
    }
    let mut driver = Driver::signed_in();
    driver.answers(&format!(
        "{PATHS}BDAT 2\r\na\rBDAT 4\r\n\nb\r\nBDAT 0 LAST\r\n"
    ));
    assert_eq!(driver.body(), Some(&b"a\r"[..]));
    assert!(
        driver.has_committed(),
        "a CRLF may be torn apart: {:?}",
        driver.done
    );
}

#[test]
fn a_refused_chunk_ends_its_transaction_and_no_octet_of_it_is_a_command() {
    let mut driver = Driver::signed_in();
    let codes = driver.answers("BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
    assert_eq!(codes, ["503 5.5.1", "250 2.0.0"]);
    let wire = format!("{PATHS}BDAT 3\r\na\r\nDATA\r\nRCPT TO:<x@pec.example>\r\nRSET\r\nDATA\r\n");
    let codes = driver.answers(&wire);
    assert_eq!(
        codes[2..],
        [
            "250 2.0.0",
            "503 5.5.1",
            "503 5.5.1",
            "250 2.0.0",
            "503 5.5.1"
        ]
    );
    assert!(driver.done.contains(&Done::Abandoned));
    assert_eq!(
        driver.answers("BDAT x\r\nNOOP\r\n"),
        ["501 5.5.4", "421 4.7.0"]
    );
}

#[test]
fn commands_out_of_order_or_unknown_are_told() {
    let mut driver = Driver::signed_in();
    let wire = "RCPT TO:<a@pec.example>\r\nDATA\r\nFOO\r\nVRFY x\r\nHELP\r\nEXPN x\r\nNOOP\n\
                AUTH PLAIN\r\nMAIL FROM:<rossi@pec.example>\r\nMAIL FROM:<rossi@pec.example>\r\nDATA\r\n";
    assert_eq!(
        driver.answers(wire),
        [
            "503 5.5.1",
            "503 5.5.1",
            "500 5.5.2",
            "252 2.5.0",
            "214 2.0.0",
            "502 5.5.1",
            "500 5.5.2",
            "503 5.5.1",
            "250 2.1.0",
            "503 5.5.1",
            "503 5.5.1"
        ]
    );
}

#[test]
fn too_many_errors_end_the_connection() {
    let mut driver = Driver::signed_in();
    let codes = driver.answers(&"FOO\r\n".repeat(100));
    assert_eq!(codes.len(), limits::SMTP_ERRORS_MAX as usize + 1);
    assert_eq!(driver.done.last(), Some(&Done::Closed));
}

#[test]
fn a_body_that_cannot_be_written_is_read_to_its_end_and_refused() {
    let mut driver = Driver::signed_in();
    driver.hear(format!("{PATHS}DATA\r\na\r\n").as_bytes());
    driver.session.body_failed("452 4.3.1 full".into());
    assert_eq!(
        driver.answers("QUIT\r\n.\r\nNOOP\r\n"),
        ["452 4.3.1", "250 2.0.0"]
    );
    assert!(!driver.has_committed());
}

#[test]
fn a_secret_shows_as_dots() {
    let secret = super::Secret(zeroize::Zeroizing::new(b"secret".to_vec()));
    assert_eq!(
        format!("{:?}", Action::Verify("a".into(), secret)),
        "Verify(\"a\", ••••)"
    );
}

/// Scripts of what clients send, in good order and in bad.
fn scripts() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"EHLO pc\r\n",
        b"AUTH LOGIN\r\n",
        b"MAIL FROM:<rossi@pec.example>\r\n",
        b"RSET\r\n",
        b"RCPT TO:<a@b.example>\r\n",
        b"DATA\r\n",
        b".\r\n",
        b"..\r\n",
        b"a\r\n",
        b"BDAT 5\r\n",
        b"BDAT 3 LAST\r\n",
        b"\n",
        b"\r",
        b"\0",
        b".",
        b"x",
        b"NOOP\r\n",
        b"QUIT\r\n",
        b"*\r\n",
        b"MAIL FROM:<\xff>\r\n",
        b"HELO\r\n",
    ];
    proptest::collection::vec(proptest::sample::select(words), 0..40).prop_map(|w| w.concat())
}

/// What a driver did, but for the bodies of messages that were given up.
fn outcome(driver: Driver) -> Vec<Done> {
    let mut kept: Vec<Done> = Vec::new();
    for done in driver.done {
        if done == Done::Abandoned && matches!(kept.last(), Some(Done::Body(_))) {
            kept.pop();
        }
        kept.push(done);
    }
    kept
}

proptest! {
    #[test]
    fn any_splitting_of_the_octets_does_the_same(wire in scripts(), size in 1usize..20) {
        let mut whole = Driver::signed_in();
        whole.hear(&wire);
        let mut split = Driver::signed_in();
        wire.chunks(size).for_each(|piece| split.hear(piece));
        prop_assert_eq!(outcome(whole), outcome(split));
    }

    #[test]
    fn any_octets_are_answered_without_panic(wire in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut driver = Driver::signed_in();
        driver.hear(&wire);
    }
}

//! The incoming point's machine against scripts of other servers, honest and not.

use std::rc::Rc;

use ceralacca_core::address::Domain;

use super::*;
use crate::smtp::session::{Origin, RecipientDomain, RecipientDomains};

/// Ours is `pec.example`, about to be ours `presto.example`.
#[derive(Debug)]
struct Domains;

impl RecipientDomains for Domains {
    fn judge(&self, domain: &Domain) -> RecipientDomain {
        match domain.as_str() {
            "pec.example" => RecipientDomain::Managed,
            "presto.example" => RecipientDomain::Pending,
            _ => RecipientDomain::Foreign,
        }
    }

    fn postmaster(&self) -> Option<Address> {
        Address::parse("postmaster@pec.example").ok()
    }
}

fn fresh(bytes_max: u64, tls: Option<&'static str>) -> Driver {
    let domains = Rc::new(Domains);
    Driver::of(Session::incoming(settings(bytes_max, tls), domains))
}

/// Greeted, in clear.
fn greeted(bytes_max: u64) -> Driver {
    let mut driver = fresh(bytes_max, None);
    driver.hear(b"EHLO mx.other.example\r\n");
    assert_eq!(driver.codes(), ["220", "250"]);
    driver.done.clear();
    driver
}

fn ehlo(tls: Option<&'static str>) -> String {
    let mut driver = fresh(SIZE, tls);
    driver.hear(b"EHLO mx.other.example\r\n");
    match driver.done.last() {
        Some(Done::Said(ehlo)) => ehlo.clone(),
        other => panic!("no answer: {other:?}"),
    }
}

const PATHS: &str = "MAIL FROM:<a@other.example>\r\nRCPT TO:<rossi@pec.example>\r\n";

#[test]
fn ip_01_ip_20_ip_24_ehlo_announces_what_is_meant() {
    let clear = ehlo(None);
    for word in [
        "SIZE 1000",
        "PIPELINING",
        "8BITMIME",
        "CHUNKING",
        "ENHANCEDSTATUSCODES",
        "STARTTLS",
    ] {
        let is_keyword = |line: &str| line.get(4..) == Some(word);
        assert!(clear.split("\r\n").any(is_keyword), "{word} in {clear}");
    }
    let secret = ehlo(Some("TLSv1.3"));
    assert!(!secret.contains("STARTTLS"), "{secret}");
    for ehlo in [&clear, &secret] {
        for word in ["SMTPUTF8", "DSN", "AUTH", "BINARYMIME"] {
            assert!(!ehlo.contains(word), "no {word} in {ehlo}");
        }
        let (lines, last) = ehlo.rsplit_once("\r\n").expect("lines");
        assert!(last.starts_with("250 ") && lines.split("\r\n").all(|l| l.starts_with("250-")));
    }
}

#[test]
fn ac_04_nobody_signs_in_on_either_side_of_starttls() {
    for tls in [None, Some("TLSv1.3")] {
        let mut driver = fresh(SIZE, tls);
        driver.hear(b"EHLO mx.other.example\r\n");
        let wire = "AUTH PLAIN AHJvc3NpQHBlYy5leGFtcGxlAHNlY3JldA==\r\nAUTH LOGIN\r\n\
                    MAIL FROM:<a@other.example> AUTH=<>\r\n";
        let codes = driver.answers(wire);
        assert_eq!(codes, ["502 5.5.1", "502 5.5.1", "555 5.5.4"]);
        assert!(driver.session.account().is_none());
        driver.answers("HELP\r\n");
        assert!(matches!(&driver.done[0], Done::Said(text) if !text.contains("AUTH")));
    }
}

#[test]
fn se_05_what_came_before_the_handshake_is_forgotten() {
    let mut driver = greeted(SIZE);
    driver.hear(
        b"MAIL FROM:<a@other.example>\r\nSTARTTLS\r\nRCPT TO:<rossi@pec.example>\r\nDATA\r\n",
    );
    assert_eq!(driver.done.last(), Some(&Done::TlsStarted));
    assert_eq!(
        driver.answers("MAIL FROM:<a@other.example>\r\nRCPT TO:<rossi@pec.example>\r\nDATA\r\n"),
        ["503 5.5.1"; 3],
        "EHLO first"
    );
    let codes =
        driver.answers("EHLO mx.other.example\r\nSTARTTLS\r\nRCPT TO:<rossi@pec.example>\r\n");
    assert_eq!(
        codes,
        ["250", "503 5.5.1", "503 5.5.1"],
        "no transaction is left"
    );
}

#[test]
fn ip_25_only_our_domains_are_taken_and_a_domain_to_come_is_put_off() {
    let mut driver = greeted(SIZE);
    let wire = "MAIL FROM:<a@other.example>\r\n\
                RCPT TO:<rossi@pec.example>\r\nRCPT TO:<rossi@PEC.Example>\r\n\
                RCPT TO:<a@other.example>\r\nRCPT TO:<rossi@sub.pec.example>\r\n\
                RCPT TO:<rossi%pec.example@other.example>\r\n\
                RCPT TO:<\"rossi@pec.example\"@other.example>\r\n\
                RCPT TO:<@pec.example:a@other.example>\r\n\
                RCPT TO:<rossi@presto.example>\r\nRCPT TO:<rossi@[192.0.2.7]>\r\n\
                DATA\r\nx\r\n.\r\n";
    let codes = driver.answers(wire);
    assert_eq!(
        codes,
        [
            "250 2.1.0",
            "250 2.1.5",
            "250 2.1.5",
            "550 5.7.1",
            "550 5.7.1",
            "550 5.7.1",
            "550 5.7.1",
            "550 5.7.1",
            "451 4.7.1",
            "501 5.1.3",
            "354",
            "250 2.0.0"
        ]
    );
    let taken = driver.done.iter().find_map(|done| match done {
        Done::Committed(recipients, _) => Some(recipients.clone()),
        _ => None,
    });
    let taken = taken.expect("committed");
    assert_eq!(taken, ["rossi@pec.example", "rossi@PEC.Example"]);
}

#[test]
fn ip_25_a_transaction_without_a_recipient_of_ours_carries_nothing() {
    let mut driver = greeted(SIZE);
    let wire = "MAIL FROM:<a@other.example>\r\nRCPT TO:<b@other.example>\r\n\
                RCPT TO:<rossi@presto.example>\r\nDATA\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n";
    let codes = driver.answers(wire);
    let told = [
        "250 2.1.0",
        "550 5.7.1",
        "451 4.7.1",
        "503 5.5.1",
        "503 5.5.1",
        "250 2.0.0",
    ];
    assert_eq!(codes, told);
    assert!(!driver.done.contains(&Done::Opened) && !driver.has_committed());
}

#[test]
fn dp_06_any_local_part_of_a_domain_of_ours_is_taken() {
    for local in [
        "nobody",
        "SRS0=HHH=TT=other.example=a",
        "SRS1=HHH=other.example==HHH=TT=third.example=a",
        "posta-certificata",
        "\"a b\"",
        "postmaster",
        "a+b",
    ] {
        let mut driver = greeted(SIZE);
        let codes = driver.answers(&format!(
            "MAIL FROM:<>\r\nRCPT TO:<{local}@pec.example>\r\n"
        ));
        assert_eq!(codes, ["250 2.1.0", "250 2.1.5"], "{local}");
    }
    let mut driver = greeted(SIZE);
    driver.answers("MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nDATA\r\nx\r\n.\r\n");
    let is_it =
        |done: &Done| matches!(done, Done::Committed(all, _) if *all == ["postmaster@pec.example"]);
    assert!(driver.done.iter().any(is_it), "{:?}", driver.done);
}

#[test]
fn any_reverse_path_sends_and_its_parameters_are_those_announced() {
    let cases = [
        ("<>", "250 2.1.0"),
        ("<> SIZE=1000 BODY=8BITMIME", "250 2.1.0"),
        ("<rossi@pec.example> BODY=7BIT", "250 2.1.0"),
        ("<a@other.example> SIZE=1001", "552 5.3.4"),
        ("<a@other.example> SIZE=99999999999999999999", "552 5.3.4"),
        ("<a@other.example> SIZE=", "501 5.5.4"),
        ("<a@other.example> BODY=BINARYMIME", "501 5.5.4"),
        ("<a@other.example> SMTPUTF8", "555 5.5.4"),
        ("<a@other.example> RET=HDRS", "555 5.5.4"),
        ("<ross\u{ec}@other.example>", "553 5.6.7"),
        ("<a@localhost>", "504 5.5.2"),
        ("a@other.example", "501 5.1.7"),
    ];
    for (path, code) in cases {
        let mut driver = greeted(SIZE);
        let codes = driver.answers(&format!("MAIL FROM:{path}\r\nRSET\r\n"));
        assert_eq!(codes, [code, "250 2.0.0"], "{path}");
    }
    let mut driver = greeted(SIZE);
    let wire = "MAIL FROM:<>\r\nRCPT TO:<ross\u{ec}@pec.example>\r\nRCPT TO:<b@pec.example> NOTIFY=NEVER\r\n";
    assert_eq!(
        driver.answers(wire),
        ["250 2.1.0", "553 5.6.7", "555 5.5.4"]
    );
}

/// What was told to core of one message.
fn committed(tls: Option<&'static str>, greeting: &str, path: &str) -> (Origin, String) {
    let mut session = Session::incoming(settings(SIZE, tls), Rc::new(Domains));
    let wire =
        format!("{greeting}\r\nMAIL FROM:{path}\r\nRCPT TO:<b@pec.example>\r\nDATA\r\nx\r\n.\r\n");
    let mut at = 0;
    loop {
        let step = session.step(&wire.as_bytes()[at..]);
        at += step.taken;
        match step.action {
            Some(Action::Open) => session.opened(Ok(())),
            Some(Action::Commit(t)) => return (t.origin, t.received_from),
            Some(_) => {}
            None => panic!("nothing was committed"),
        }
    }
}

#[test]
fn ip_26_what_is_told_of_the_peer_says_how_it_came() {
    let address = Address::parse("a@other.example").expect("valid");
    let cases = [
        (
            None,
            "EHLO mx.other.example",
            "mx.other.example",
            "mx.other.example",
            "ESMTP (no TLS)",
        ),
        (
            Some("TLSv1.3"),
            "EHLO mx.other.example",
            "mx.other.example",
            "mx.other.example",
            "ESMTPS (TLSv1.3)",
        ),
        (
            None,
            "HELO mx.other.example",
            "mx.other.example",
            "mx.other.example",
            "SMTP (no TLS)",
        ),
        (
            None,
            "EHLO (evil) by x",
            "",
            "[192.0.2.7]",
            "ESMTP (no TLS)",
        ),
    ];
    for (tls, greeting, helo, from, with) in cases {
        let (origin, received) = committed(tls, greeting, "<a@other.example>");
        let reverse_path = Some(address.clone());
        let helo = helo.to_owned();
        assert_eq!(
            origin,
            Origin::Server {
                reverse_path,
                helo,
                tls
            }
        );
        assert_eq!(
            received,
            format!("from {from} ([192.0.2.7]) by mail.pec.example with {with}")
        );
    }
    let (origin, _) = committed(None, "EHLO mx", "<>");
    assert!(matches!(
        origin,
        Origin::Server {
            reverse_path: None,
            ..
        }
    ));
}

#[test]
fn mx_02_the_answer_to_the_final_dot_is_what_was_judged() {
    for (outcome, told) in [
        (
            Ok("c1@pec.example".to_owned()),
            "250 2.0.0 Ok: queued as c1@pec.example",
        ),
        (Err("550 5.7.1 Not taken".into()), "550 5.7.1 Not taken"),
        (Err("451 4.3.2 Later".into()), "451 4.3.2 Later"),
    ] {
        let mut session = Session::incoming(settings(SIZE, None), Rc::new(Domains));
        let wire = format!("EHLO mx\r\n{PATHS}DATA\r\nx\r\n.\r\nNOOP\r\n");
        let (mut at, mut said) = (0, Vec::new());
        loop {
            let step = session.step(&wire.as_bytes()[at..]);
            at += step.taken;
            match step.action {
                Some(Action::Open) => session.opened(Ok(())),
                Some(Action::Commit(_)) => {
                    let waits = session.step(&wire.as_bytes()[at..]);
                    assert_eq!(waits.action, None, "nothing is heard before the verdict");
                    session.committed(outcome.clone());
                }
                Some(Action::Reply(text)) => said.push(text.into_owned()),
                Some(_) => {}
                None => break,
            }
        }
        assert_eq!(said[said.len() - 2..], [told, "250 2.0.0 Ok"]);
    }
}

#[test]
fn ip_20_too_large_is_refused_by_what_was_announced_and_by_what_came() {
    let line = format!("{}\r\n", "x".repeat(98));
    for (text, last) in [
        (line.repeat(10), "250 2.0.0"),
        (format!("{}y\r\n", line.repeat(10)), "552 5.3.4"),
    ] {
        let mut driver = greeted(SIZE);
        let codes = driver.answers(&format!("{PATHS}DATA\r\n{text}.\r\nNOOP\r\n"));
        assert_eq!(codes[2..], ["354", last, "250 2.0.0"]);
    }
    let mut driver = greeted(SIZE);
    let chunks = format!(
        "{PATHS}BDAT 600\r\n{0}BDAT 600 LAST\r\n{0}NOOP\r\n",
        line.repeat(6)
    );
    assert_eq!(
        driver.answers(&chunks)[2..],
        ["250 2.0.0", "552 5.3.4", "250 2.0.0"]
    );
    assert!(!driver.has_committed());
}

#[test]
fn se_07_a_line_or_a_header_of_a_megabyte_is_no_fault_of_the_wire() {
    let most = 4 << 20;
    let line = format!("X: {}\r\n\r\nbody\r\n", "x".repeat(1 << 20));
    let header = format!("{}\r\nbody\r\n", "X-Filler: 0123456789\r\n".repeat(50_000));
    for text in [&line, &header] {
        for piece in [1 << 12, usize::MAX] {
            let mut driver = greeted(most);
            driver.hear(format!("{PATHS}DATA\r\n").as_bytes());
            for part in text.as_bytes().chunks(piece) {
                driver.hear(part);
            }
            driver.hear(b".\r\n");
            assert_eq!(driver.body().map(<[u8]>::len), Some(text.len()));
            assert_eq!(driver.codes().last().map(String::as_str), Some("250 2.0.0"));
        }
    }
    let mut driver = greeted(most);
    driver.hear(format!("{PATHS}BDAT {} LAST\r\n{line}", line.len()).as_bytes());
    assert!(driver.has_committed());
}

#[test]
fn a_command_line_that_is_too_long_is_told_and_passed() {
    let mut driver = greeted(SIZE);
    let codes = driver.answers(&format!("MAIL FROM:<{}>\r\nNOOP\r\n", "a".repeat(1 << 20)));
    assert_eq!(codes, ["500 5.5.2", "250 2.0.0"]);
}

#[test]
fn ten_thousand_recipients_are_answered_and_a_hundred_taken() {
    let mut driver = greeted(SIZE);
    let recipients: String = (0..10_000)
        .map(|n| format!("RCPT TO:<r{n}@pec.example>\r\n"))
        .collect();
    let codes = driver.answers(&format!("MAIL FROM:<>\r\n{recipients}DATA\r\na\r\n.\r\n"));
    let count = |code: &str| codes.iter().filter(|said| *said == code).count();
    assert_eq!((count("250 2.1.5"), count("452 4.5.3")), (100, 9900));
    let is_all = |done: &Done| matches!(done, Done::Committed(all, _) if all.len() == 100);
    assert!(driver.done.iter().any(is_all));
}

#[test]
fn se_04_a_smuggled_end_ends_nothing_however_it_is_cut() {
    let second =
        "MAIL FROM:<ceo@other.example>\r\nRCPT TO:<bianchi@pec.example>\r\nDATA\r\nb\r\n.\r\n";
    let ends = [
        "\n.\n",
        "\r\n.\n",
        "\n.\r\n",
        "\r.\r\n",
        "\r\n.\r",
        "\r.\r",
        "\r\r\n.\r\r\n",
        "\0.\r\n",
        "\r\n.\0\r\n",
        "\r\n\r.\r\n",
    ];
    for end in ends {
        let wire = format!("{PATHS}DATA\r\na{end}{second}NOOP\r\n");
        for piece in [1, 2, 3, usize::MAX] {
            let mut driver = greeted(SIZE);
            for part in wire.as_bytes().chunks(piece) {
                driver.hear(part);
            }
            let codes = driver.codes();
            let after = codes.iter().skip(2).map(String::as_str);
            let told: Vec<&str> = after.collect();
            assert_eq!(
                told,
                ["354", "554 5.6.0", "250 2.0.0"],
                "{end:?} by {piece}"
            );
            assert!(!driver.has_committed());
        }
    }
}

#[test]
fn se_04_chunks_and_data_do_not_mix_and_hold_no_bare_ends() {
    for chunk in ["a\nb\r\n", "a\rbc\r\n", "a\0b\r\n", "abcde\r", "a\n.\nb"] {
        let mut driver = greeted(SIZE);
        let wire = format!("{PATHS}BDAT {} LAST\r\n{chunk}NOOP\r\n", chunk.len());
        assert_eq!(
            driver.answers(&wire)[2..],
            ["554 5.6.0", "250 2.0.0"],
            "{chunk:?}"
        );
        assert!(!driver.has_committed());
    }
    // The dot of DATA ends no chunk, and a chunk's octets are no commands.
    let mut driver = greeted(SIZE);
    let chunk = "a\r\n.\r\nQUIT\r\n";
    driver.answers(&format!(
        "{PATHS}BDAT {} LAST\r\n{chunk}NOOP\r\n",
        chunk.len()
    ));
    assert_eq!(driver.body(), Some(chunk.as_bytes()));
    assert!(driver.has_committed());
    // A mail begun in chunks goes on in chunks, with the recipients that it had.
    let mut driver = greeted(SIZE);
    let wire = format!(
        "{PATHS}BDAT 3\r\na\r\nDATA\r\nRCPT TO:<c@pec.example>\r\nMAIL FROM:<>\r\nBDAT 3 LAST\r\nb\r\n"
    );
    let codes = driver.answers(&wire);
    let told = [
        "250 2.0.0",
        "503 5.5.1",
        "503 5.5.1",
        "503 5.5.1",
        "250 2.0.0",
    ];
    assert_eq!(codes[2..], told);
    assert_eq!(driver.body(), Some(&b"a\r\n"[..]));
    assert!(driver.has_committed());
    // Without its length, what follows cannot be told from commands.
    let mut driver = greeted(SIZE);
    let codes = driver.answers(&format!("{PATHS}BDAT 5 FIRST\r\nQUIT\r\n"));
    assert_eq!(codes[2..], ["501 5.5.4", "421 4.7.0"]);
}

#[test]
fn mail_waits_for_a_greeting_and_for_its_turn() {
    let mut driver = fresh(SIZE, None);
    assert_eq!(
        driver.answers("MAIL FROM:<>\r\nRCPT TO:<b@pec.example>\r\nDATA\r\n"),
        ["503 5.5.1"; 3]
    );
    let wire = "HELO\r\nHELO mx\r\nRCPT TO:<b@pec.example>\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nDATA\r\n\
                EHLO mx\r\nRCPT TO:<b@pec.example>\r\nVRFY b\r\nEXPN b\r\n";
    assert_eq!(
        driver.answers(wire),
        [
            "501 5.5.4",
            "250",
            "503 5.5.1",
            "250 2.1.0",
            "503 5.5.1",
            "503 5.5.1",
            "250",
            "503 5.5.1",
            "252 2.5.0",
            "502 5.5.1"
        ]
    );
}

#[test]
fn se_10_a_peer_that_guesses_or_idles_is_let_go() {
    let mut driver = greeted(SIZE);
    driver.answers("MAIL FROM:<>\r\n");
    let codes = driver.answers(&"RCPT TO:<b@other.example>\r\n".repeat(100));
    assert_eq!(codes.len(), limits::SMTP_ERRORS_MAX as usize + 1);
    assert_eq!(driver.done.last(), Some(&Done::Closed));
    for idle in ["NOOP\r\n", "RSET\r\n", "EHLO mx\r\n", "VRFY b\r\n"] {
        let mut driver = greeted(SIZE);
        let codes = driver.answers(&idle.repeat(1000));
        assert_eq!(
            codes.len(),
            limits::SMTP_IDLE_COMMANDS_MAX as usize,
            "{idle}"
        );
        assert_eq!(codes.last().map(String::as_str), Some("421 4.7.0"));
        assert_eq!(driver.done.last(), Some(&Done::Closed));
    }
    // A message taken begins the count anew.
    let mut driver = greeted(SIZE);
    for _ in 0..1000 {
        let codes = driver.answers(&format!("{PATHS}DATA\r\nx\r\n.\r\n"));
        assert_eq!(codes.last().map(String::as_str), Some("250 2.0.0"));
    }
}

#[test]
fn se_10_a_strangers_chunk_buys_no_time() {
    let mut driver = fresh(SIZE, None);
    driver.hear(b"BDAT 99999999999\r\n");
    assert_eq!(driver.session.waits(), Waits::Command);
    let mut driver = greeted(SIZE);
    assert_eq!(driver.session.waits(), Waits::Command);
    driver.hear(format!("{PATHS}BDAT 3\r\na\r\n").as_bytes());
    assert_eq!(driver.session.waits(), Waits::Body);
}

#[test]
fn hs_05_without_a_place_there_is_no_354() {
    let mut driver = greeted(SIZE);
    driver.opens = Err("451 4.7.1 Too many messages");
    let codes = driver.answers(&format!("{PATHS}DATA\r\nRSET\r\n"));
    assert_eq!(codes[2..], ["451 4.7.1", "250 2.0.0"]);
    let codes = driver.answers(&format!("{PATHS}BDAT 4 LAST\r\nQUITNOOP\r\n"));
    assert_eq!(codes[2..], ["451 4.7.1", "250 2.0.0"]);
    assert!(!driver.has_committed() && driver.body().is_none());
}

/// Scripts of other servers, in good order and in bad.
fn scripts() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"EHLO mx\r\n",
        b"HELO mx\r\n",
        b"MAIL FROM:<>\r\n",
        b"MAIL FROM:<a@other.example> SIZE=9\r\n",
        b"RCPT TO:<b@pec.example>\r\n",
        b"RCPT TO:<b@other.example>\r\n",
        b"RCPT TO:<b@presto.example>\r\n",
        b"RCPT TO:<postmaster>\r\n",
        b"AUTH PLAIN AA==\r\n",
        b"DATA\r\n",
        b".\r\n",
        b"..\r\n",
        b"a\r\n",
        b"BDAT 5\r\n",
        b"BDAT 3 LAST\r\n",
        b"RSET\r\n",
        b"\n",
        b"\r",
        b"\0",
        b".",
        b"x",
        b"NOOP\r\n",
        b"QUIT\r\n",
        b"MAIL FROM:<\xff>\r\n",
    ];
    proptest::collection::vec(proptest::sample::select(words), 0..40).prop_map(|w| w.concat())
}

proptest! {
    #[test]
    fn any_splitting_of_the_octets_does_the_same(wire in scripts(), size in 1usize..20) {
        let mut whole = greeted(SIZE);
        whole.hear(&wire);
        let mut split = greeted(SIZE);
        wire.chunks(size).for_each(|piece| split.hear(piece));
        prop_assert_eq!(outcome(whole), outcome(split));
    }

    #[test]
    fn ip_25_no_script_brings_in_a_recipient_of_another_domain(wire in scripts()) {
        let mut driver = greeted(SIZE);
        driver.hear(&wire);
        for done in &driver.done {
            if let Done::Committed(recipients, _) = done {
                prop_assert!(!recipients.is_empty());
                prop_assert!(recipients.iter().all(|r| r.ends_with("@pec.example")));
            }
        }
    }

    #[test]
    fn any_octets_are_answered_without_panic(wire in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut driver = greeted(SIZE);
        driver.hear(&wire);
    }
}

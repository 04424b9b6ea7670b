//! The machine against scripted servers: what each recipient gets, and that tearing the replies apart
//! changes nothing.

use ceralacca_core::address::Address;
use ceralacca_core::blob::BlobRef;
use ceralacca_core::limits;
use ceralacca_core::mailbox::Content;
use ceralacca_core::message_id::Identifier;
use ceralacca_core::queue::{Answer, Connection, DispatchClass, DispatchKey, Outgoing, Purpose};
use proptest::prelude::*;

use super::{Action, Ended, Session, Settings};

fn message(number: u32, recipients: &[&str]) -> Outgoing {
    let key = |at: usize| DispatchKey {
        identifier: Identifier::parse(&format!("c{number}@pec.example")).expect("valid"),
        number: u32::try_from(at).expect("few"),
    };
    let address = |to: &str| Address::parse(to).expect("valid");
    let all = recipients.iter().enumerate();
    Outgoing {
        content: Content::Whole(BlobRef {
            segment: 1,
            offset: u64::from(number),
            length: 100,
        }),
        size: 100,
        eight_bit: false,
        reverse_path: Some(address("rossi@pec.example")),
        purpose: Purpose::Envelope,
        recipients: all.map(|(at, to)| (key(at), address(to))).collect(),
    }
}

fn settings(class: DispatchClass) -> Settings {
    Settings {
        host: "mail.pec.example".to_owned(),
        server: "mx.a.test".to_owned(),
        class,
        skips_tls: false,
    }
}

/// A server: rules are the first line's prefix and the reply, a used `once` rule goes.
struct Server {
    rules: Vec<(String, String, bool)>,
    /// Lines heard, groups that came together in one entry.
    heard: Vec<String>,
    bodies: usize,
    handshakes: usize,
    /// Octets of each piece of what it says.
    piece: usize,
}

const EHLO: &str = "250-mx.a.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 8BITMIME\r\n";
const EHLO_TLS: &str = "250-mx.a.test\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 SIZE\r\n";

impl Server {
    fn new() -> Self {
        let mut server = Self {
            rules: Vec::new(),
            heard: Vec::new(),
            bodies: 0,
            handshakes: 0,
            piece: usize::MAX,
        };
        for (line, reply) in [
            ("220", "220 mx.a.test ESMTP\r\n"),
            ("EHLO", EHLO),
            ("HELO", "250 mx.a.test\r\n"),
            ("STARTTLS", "220 2.0.0 go\r\n"),
            ("MAIL", "250 2.1.0 ok\r\n"),
            ("RCPT", "250 2.1.5 ok\r\n"),
            ("DATA", "354 go\r\n"),
            ("RSET", "250 ok\r\n"),
            (".", "250 2.0.0 queued as 7\r\n"),
            ("QUIT", "221 bye\r\n"),
        ] {
            server
                .rules
                .push((line.to_owned(), reply.to_owned(), false));
        }
        server
    }

    fn says(mut self, line: &str, reply: &str) -> Self {
        self.rules
            .insert(0, (line.to_owned(), reply.to_owned(), false));
        self
    }

    fn says_once(mut self, line: &str, reply: &str) -> Self {
        self.rules
            .insert(0, (line.to_owned(), reply.to_owned(), true));
        self
    }

    fn torn(mut self, piece: usize) -> Self {
        self.piece = piece;
        self
    }

    /// The reply to a line; `GONE`: it hangs up.
    fn reply(&mut self, line: &str) -> String {
        let at = self
            .rules
            .iter()
            .position(|(prefix, ..)| line.starts_with(prefix.as_str()));
        let at = at.unwrap_or_else(|| panic!("no rule for {line}"));
        if self.rules[at].2 {
            self.rules.remove(at).1
        } else {
            self.rules[at].1.clone()
        }
    }

    /// Runs a session to its end.
    fn serve(&mut self, settings: Settings, messages: Vec<Outgoing>) -> Ended {
        let mut session = Session::new(settings, messages);
        let mut spoken = self.reply("220").into_bytes();
        let mut input = Vec::new();
        loop {
            let step = session.step(&input);
            input.drain(..step.taken);
            match step.action {
                Some(Action::Send(octets)) => {
                    let text = String::from_utf8(octets).expect("text");
                    for line in text.lines() {
                        if line == "." {
                            self.bodies += 1;
                        }
                        spoken.extend(self.reply(line).into_bytes());
                    }
                    self.heard.push(text);
                }
                Some(Action::StartTls) => {
                    // What came with the 220 is thrown away, as the driver does.
                    input.clear();
                    spoken.clear();
                    self.handshakes += 1;
                    session.tls_started("TLSv1.3");
                }
                Some(Action::Open(_)) => session.opened(Ok(100)),
                Some(Action::Body) => {
                    self.bodies += 1;
                    spoken.extend(self.reply(".").into_bytes());
                    session.body_sent();
                }
                Some(Action::Close) => return session.end(),
                None if spoken.is_empty() => session.lost("silence"),
                None => {
                    let piece = self.piece.min(spoken.len());
                    input.extend(spoken.drain(..piece));
                    if input.ends_with(b"GONE") {
                        session.lost("gone");
                    }
                }
            }
        }
    }
}

fn serve(mut server: Server, messages: Vec<Outgoing>) -> (Ended, Server) {
    let ended = server.serve(settings(DispatchClass::Ordinary), messages);
    (ended, server)
}

/// Each answer in a word: `sent`, `deferred`, `again`, or the status of a refusal.
fn words(ended: &Ended) -> Vec<String> {
    let word = |answer: &Answer| match answer {
        Answer::Sent { .. } => "sent".to_owned(),
        Answer::Deferred { .. } => "deferred".to_owned(),
        Answer::NotTried => "again".to_owned(),
        Answer::Refused { status, .. } => status.clone(),
    };
    ended
        .answers
        .iter()
        .map(|(_, answer)| word(answer))
        .collect()
}

const TWO: [&str; 2] = ["a@a.test", "b@a.test"];

#[test]
fn te_11_both_paths_are_those_of_the_entry_and_commands_go_together() {
    let mut message = message(1, &TWO);
    message.eight_bit = true;
    let mut report = super::tests::message(2, &["c@a.test"]);
    report.reverse_path = None;
    let (ended, server) = serve(Server::new(), vec![message, report]);
    assert_eq!(words(&ended), ["sent"; 3]);
    assert_eq!(ended.connection(), Connection::Served);
    assert_eq!(
        server.heard,
        [
            "EHLO mail.pec.example\r\n",
            "MAIL FROM:<rossi@pec.example> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<a@a.test>\r\n\
             RCPT TO:<b@a.test>\r\nDATA\r\n",
            "MAIL FROM:<> SIZE=100\r\nRCPT TO:<c@a.test>\r\nDATA\r\n",
            "QUIT\r\n",
        ]
    );
    let Answer::Sent { host, reply, tls } = &ended.answers[0].1 else {
        panic!("sent");
    };
    assert_eq!(
        (host.as_str(), reply.as_str(), tls),
        ("mx.a.test", "250 2.0.0 queued as 7", &None)
    );
}

#[test]
fn without_pipelining_each_command_waits_for_its_reply() {
    let server = Server::new().says("EHLO", "250 mx.a.test\r\n");
    let (ended, server) = serve(server, vec![message(1, &TWO)]);
    assert_eq!(words(&ended), ["sent"; 2]);
    assert_eq!(server.heard.len(), 6);
    assert_eq!(
        server.heard[1], "MAIL FROM:<rossi@pec.example>\r\n",
        "no SIZE unasked"
    );
}

#[test]
fn sg_08_an_8_bit_message_is_never_sent_to_who_does_not_take_it() {
    let mut message = message(1, &TWO);
    message.eight_bit = true;
    let server = Server::new().says("EHLO", "250-mx.a.test\r\n250 SIZE\r\n");
    let (ended, server) = serve(
        server,
        vec![message, super::tests::message(2, &["c@a.test"])],
    );
    assert_eq!(words(&ended), ["5.6.3", "5.6.3", "sent"]);
    assert_eq!(server.bodies, 1);
}

#[test]
fn a_message_larger_than_the_server_takes_is_refused_unsent() {
    let server = Server::new().says("EHLO", "250-mx.a.test\r\n250 SIZE 99\r\n");
    let (ended, server) = serve(server, vec![message(1, &TWO)]);
    assert_eq!(words(&ended), ["5.3.4"; 2]);
    assert_eq!(server.bodies, 0);
}

#[test]
fn te_14_certified_mail_goes_over_tls_or_not_at_all() {
    let certified = || settings(DispatchClass::Certified);
    let mut server = Server::new().says("EHLO", EHLO_TLS);
    let ended = server.serve(certified(), vec![message(1, &TWO)]);
    assert_eq!(words(&ended), ["sent"; 2]);
    assert_eq!(server.handshakes, 1);
    assert_eq!(
        server.heard[..2],
        ["EHLO mail.pec.example\r\n", "STARTTLS\r\n"]
    );
    assert_eq!(
        server.heard[2], "EHLO mail.pec.example\r\n",
        "asked again under TLS"
    );
    let Answer::Sent { tls, .. } = &ended.answers[0].1 else {
        panic!("sent");
    };
    assert_eq!(tls.as_deref(), Some("TLSv1.3"));
    for mut server in [
        Server::new(),
        Server::new()
            .says("EHLO", EHLO_TLS)
            .says("STARTTLS", "454 4.7.0 not now\r\n"),
        Server::new()
            .says("EHLO", EHLO_TLS)
            .says("STARTTLS", "502 5.5.1 what\r\n"),
        Server::new().says("EHLO", "502 5.5.1 what\r\n"),
    ] {
        let mut settings = certified();
        settings.skips_tls = true;
        let ended = server.serve(settings, vec![message(1, &TWO)]);
        assert!(ended.answers.is_empty() && !ended.has_begun, "{ended:?}");
        assert_eq!(ended.connection(), Connection::Failed);
        assert!(ended.trouble.is_some());
        assert!(
            !server.heard.concat().contains("MAIL"),
            "{:?}",
            server.heard
        );
    }
}

#[test]
fn ordinary_mail_goes_in_clear_where_tls_is_not_to_be_had() {
    for server in [
        Server::new()
            .says("EHLO", EHLO_TLS)
            .says("STARTTLS", "454 4.7.0 not now\r\n"),
        Server::new().says("EHLO", "502 5.5.1 what\r\n"),
    ] {
        let (ended, server) = serve(server, vec![message(1, &TWO)]);
        assert_eq!(words(&ended), ["sent"; 2]);
        assert_eq!(server.handshakes, 0);
    }
    let mut skips = settings(DispatchClass::Ordinary);
    skips.skips_tls = true;
    let mut server = Server::new().says("EHLO", EHLO_TLS);
    assert_eq!(
        words(&server.serve(skips, vec![message(1, &TWO)])),
        ["sent"; 2]
    );
    assert_eq!(server.handshakes, 0);
}

#[test]
fn se_05_what_is_injected_before_the_handshake_counts_for_nothing() {
    let injected =
        "220 go\r\n250-mx.a.test\r\n250 8BITMIME\r\n250 ok\r\n250 ok\r\n354 go\r\n250 sent\r\n";
    let mut server = Server::new()
        .says("EHLO", EHLO_TLS)
        .says("STARTTLS", injected);
    let ended = server.serve(settings(DispatchClass::Certified), vec![message(1, &TWO)]);
    assert_eq!(words(&ended), ["sent"; 2]);
    assert_eq!(server.bodies, 1, "the message was really sent");
    let Answer::Sent { reply, .. } = &ended.answers[0].1 else {
        panic!("sent");
    };
    assert_eq!(reply, "250 2.0.0 queued as 7");
}

#[test]
fn each_recipient_gets_its_own_answer() {
    let server = Server::new()
        .says("RCPT TO:<b", "550 5.1.1 no such user\r\n")
        .says("RCPT TO:<c", "450 4.2.1 busy\r\n");
    let three = ["a@a.test", "b@a.test", "c@a.test"];
    let (ended, _) = serve(server, vec![message(1, &three)]);
    assert_eq!(words(&ended), ["sent", "5.1.1", "deferred"]);
    assert!(matches!(
        &ended.answers[1].1,
        Answer::Refused { host, reply, .. } if host == "mx.a.test" && reply == "550 5.1.1 no such user"
    ));
}

#[test]
fn all_refused_and_the_next_message_starts_clean() {
    for ehlo in [EHLO, "250 mx.a.test\r\n"] {
        for data in ["554 5.5.1 no valid recipients\r\n", "354 go\r\n"] {
            let server = Server::new()
                .says("EHLO", ehlo)
                .says("RCPT TO:<bad", "550 5.1.1 no\r\n")
                .says_once("DATA", data);
            let messages = vec![message(1, &["bad@a.test"]), message(2, &["a@a.test"])];
            let (ended, server) = serve(server, messages);
            let all = server.heard.concat();
            if ehlo == EHLO {
                assert_eq!(words(&ended), ["5.1.1", "sent"], "{ehlo} {data}");
            } else {
                assert_eq!(words(&ended)[0], "5.1.1");
            }
            assert!(all.contains("RSET\r\nMAIL") || ehlo != EHLO, "{all}");
        }
    }
}

#[test]
fn a_refused_sender_concerns_this_message_alone() {
    let server = Server::new()
        .says_once("MAIL", "553 5.1.8 sender\r\n")
        .says_once("RCPT", "503 5.5.1 sequence\r\n")
        .says_once("DATA", "503 5.5.1 sequence\r\n");
    let (ended, _) = serve(server, vec![message(1, &["x@a.test"]), message(2, &TWO)]);
    assert_eq!(words(&ended), ["5.1.8", "sent", "sent"]);
    let server = Server::new()
        .says("EHLO", "250 mx\r\n")
        .says_once("MAIL", "451 4.3.0 later\r\n");
    let (ended, server) = serve(server, vec![message(1, &TWO), message(2, &TWO)]);
    assert_eq!(words(&ended), ["deferred", "deferred", "sent", "sent"]);
    assert_eq!(
        server
            .heard
            .iter()
            .filter(|h| h.starts_with("RCPT"))
            .count(),
        2
    );
}

#[test]
fn too_many_recipients_come_again_and_the_number_is_learned() {
    for reply in [
        "452 4.5.3 too many\r\n",
        "452 too many\r\n",
        "552 5.5.3 too many\r\n",
    ] {
        let server = Server::new()
            .says("RCPT", reply)
            .says_once("RCPT", "250 ok\r\n");
        let (ended, _) = serve(
            server,
            vec![message(1, &["a@a.test", "b@a.test", "c@a.test"])],
        );
        assert_eq!(words(&ended), ["sent", "again", "again"], "{reply}");
        assert_eq!(ended.connection(), Connection::ServedFew(1));
    }
    // For the mailbox, not for their number; and the first of all.
    let server = Server::new().says("RCPT TO:<b", "452 4.2.2 full\r\n");
    assert_eq!(
        words(&serve(server, vec![message(1, &TWO)]).0),
        ["sent", "deferred"]
    );
    let server = Server::new().says("RCPT", "452 4.5.3 too many\r\n");
    assert_eq!(
        words(&serve(server, vec![message(1, &TWO)]).0),
        ["deferred"; 2]
    );
}

#[test]
fn nothing_but_a_2xx_after_the_final_dot_is_sent() {
    for (reply, word) in [
        ("451 4.3.0 later\r\n", "deferred"),
        ("354 more\r\n", "deferred"),
        ("554 5.7.1 spam\r\n", "5.7.1"),
        ("GONE", "deferred"),
        ("", "deferred"),
        ("nonsense\r\n", "deferred"),
    ] {
        let (ended, _) = serve(Server::new().says(".", reply), vec![message(1, &TWO)]);
        assert_eq!(words(&ended), [word; 2], "{reply}");
    }
    let (ended, server) = serve(
        Server::new().says("DATA", "250 ok\r\n"),
        vec![message(1, &TWO)],
    );
    assert_eq!(
        (words(&ended), server.bodies),
        (vec!["deferred".to_owned(); 2], 0)
    );
}

#[test]
fn a_421_ends_it_wherever_it_comes() {
    const CLOSING: &str = "421 4.3.2 closing\r\n";
    for (line, answers) in [
        ("220", &[][..]),
        ("EHLO", &[]),
        ("MAIL", &["deferred", "deferred"]),
        ("RCPT", &["deferred", "deferred"]),
        ("DATA", &["deferred", "deferred"]),
        (".", &["deferred", "deferred"]),
        ("QUIT", &["sent", "sent", "sent"]),
    ] {
        let messages = || vec![message(1, &TWO), message(2, &["c@a.test"])];
        for piece in [1, 7, usize::MAX] {
            let server = Server::new().says(line, CLOSING).torn(piece);
            let (ended, _) = serve(server, messages());
            assert_eq!(words(&ended), answers, "{line}");
            let is_served = ended.connection() == Connection::Served;
            assert_eq!(is_served, line == "QUIT", "{line}");
            assert_eq!(ended.has_begun, !answers.is_empty(), "{line}");
        }
    }
    // After the first message went: the second is tried again at once.
    let server = Server::new()
        .says("MAIL", CLOSING)
        .says_once("MAIL", "250 ok\r\n");
    let (ended, _) = serve(
        server,
        vec![
            message(1, &TWO),
            message(2, &["c@a.test"]),
            message(3, &TWO),
        ],
    );
    assert_eq!(words(&ended), ["sent", "sent", "deferred"]);
    assert_eq!(ended.connection(), Connection::Served);
}

#[test]
fn a_flood_of_lines_ends_the_session() {
    let many = "250-x\r\n".repeat(limits::RELAY_REPLY_LINES_MAX + 5);
    let long = format!("250 {}", "x".repeat(limits::RELAY_REPLY_LINE_BYTES_MAX));
    for flood in [many, long] {
        for line in ["220", "EHLO", "MAIL", "."] {
            let (ended, _) = serve(Server::new().says(line, &flood), vec![message(1, &TWO)]);
            assert!(!words(&ended).contains(&"sent".to_owned()), "{line}");
            assert!(ended.trouble.is_some());
        }
    }
}

#[test]
fn a_stop_finishes_the_message_under_way_and_no_other() {
    let mut session = Session::new(
        settings(DispatchClass::Ordinary),
        vec![message(1, &TWO), message(2, &TWO)],
    );
    let mut said = String::new();
    let mut input =
        b"220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 sent\r\n221 bye\r\n"
            .to_vec();
    loop {
        let step = session.step(&input);
        input.drain(..step.taken);
        match step.action {
            Some(Action::Send(octets)) => said.push_str(&String::from_utf8_lossy(&octets)),
            Some(Action::Open(_)) => session.opened(Ok(1)),
            Some(Action::Body) => {
                session.stop();
                session.body_sent();
            }
            Some(Action::Close) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(words(&session.end()), ["sent"; 2]);
    assert!(said.ends_with("DATA\r\nQUIT\r\n"), "{said}");
}

#[test]
fn a_server_that_refuses_amid_the_message_is_heard_and_never_taken_for_content() {
    for (reply, word) in [
        ("552 5.3.4 too large\r\n", "5.3.4"),
        ("421 closing\r\n", "deferred"),
        ("250 early\r\n", "deferred"),
    ] {
        let one = vec![message(1, &["a@a.test"]), message(2, &TWO)];
        let mut session = Session::new(settings(DispatchClass::Ordinary), one);
        let mut input =
            format!("220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n{reply}").into_bytes();
        loop {
            let step = session.step(&input);
            input.drain(..step.taken);
            match step.action {
                Some(Action::Send(_)) => {}
                Some(Action::Open(_)) => session.opened(Ok(1)),
                Some(Action::Body) => session.body_torn(),
                Some(Action::Close) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(words(&session.end()), [word], "{reply}");
    }
}

#[test]
fn a_stop_before_any_message_leaves_them_as_they_were() {
    for heard in ["", "220 mx\r\n", "220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n"] {
        let mut session = Session::new(settings(DispatchClass::Ordinary), vec![message(1, &TWO)]);
        let mut input = heard.as_bytes().to_vec();
        loop {
            let step = session.step(&input);
            input.drain(..step.taken);
            match step.action {
                Some(Action::Open(_)) => session.opened(Ok(1)),
                Some(Action::Close) => break,
                Some(_) => {}
                None => session.stop(),
            }
        }
        assert!(session.end().answers.is_empty(), "{heard}");
    }
}

#[test]
fn a_message_that_cannot_be_read_is_deferred_and_the_next_one_sent() {
    let mut session = Session::new(
        settings(DispatchClass::Ordinary),
        vec![message(1, &["x@a.test"]), message(2, &["y@a.test"])],
    );
    let mut input =
        b"220 mx\r\n250 mx\r\n250 ok\r\n250 ok\r\n354 go\r\n250 sent\r\n221 bye\r\n".to_vec();
    loop {
        let step = session.step(&input);
        input.drain(..step.taken);
        match step.action {
            Some(Action::Send(_)) => {}
            Some(Action::Open(0)) => session.opened(Err("damaged".to_owned())),
            Some(Action::Open(_)) => session.opened(Ok(1)),
            Some(Action::Body) => session.body_sent(),
            Some(Action::Close) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(words(&session.end()), ["deferred", "sent"]);
}

proptest! {
    /// Whatever a server says, torn as it may be: the session ends, and no recipient has two answers.
    #[test]
    fn any_server_leads_to_an_end(
        replies in prop::collection::vec((0usize..9, "(2[0-9]{2}|354|4[25][0-9]|5[0-9]{2}|xx)[ -]?[ -~]{0,12}"), 0..12),
        piece in 1usize..40,
        is_certified in any::<bool>(),
    ) {
        const LINES: [&str; 9] = ["220", "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", ".", "RSET", "QUIT"];
        let mut server = Server::new().torn(piece);
        for (line, reply) in replies {
            server = server.says_once(LINES[line], &format!("{reply}\r\n"));
        }
        let class = if is_certified { DispatchClass::Certified } else { DispatchClass::Ordinary };
        let ended = server.serve(settings(class), vec![message(1, &TWO), message(2, &TWO)]);
        let mut keys: Vec<_> = ended.answers.iter().map(|(key, _)| key.clone()).collect();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), ended.answers.len());
        let sent = words(&ended).iter().filter(|w| *w == "sent").count();
        prop_assert!(sent == 0 || server.bodies > 0);
        prop_assert!(!is_certified || sent == 0);
    }
}

//! The incoming point: what another server meets on port 25.

use ceralacca_tests::appliance::{Appliance, OTHER_DOMAIN};
use ceralacca_tests::smtp::SmtpClient;

/// Octets that EHLO announces: 150 MB.
const SIZE: u64 = 150 * 1024 * 1024;
const STRANGER: &str = "mittente@fuori.example";

/// Sessions in clear and under TLS, each after its EHLO.
fn both(appliance: &Appliance) -> [(&'static str, SmtpClient); 2] {
    let mut clear = appliance.incoming();
    clear.ehlo();
    let mut secret = appliance.incoming().starttls_after_ehlo(appliance.trust());
    secret.ehlo();
    [("in clear", clear), ("under TLS", secret)]
}

#[test]
fn ip_01_port_25_offers_starttls_and_serves_in_clear_and_under_tls() {
    let appliance = Appliance::shared();
    let to = appliance.mailbox("arrivo");
    let mut clear = appliance.incoming();
    assert_eq!(clear.greeting.code, 220);
    assert!(clear.ehlo().keyword("STARTTLS").is_some());
    let mut secret = appliance.incoming().starttls_after_ehlo(appliance.trust());
    assert_eq!(secret.mail(STRANGER).code, 503, "the session starts anew");
    assert_eq!(secret.ehlo().keyword("STARTTLS"), None);
    assert_eq!(secret.command("STARTTLS").status(), "503 5.5.1");
    for (story, mut session) in both(appliance) {
        for path in [STRANGER, ""] {
            assert_eq!(session.mail(path).status(), "250 2.1.0", "{story}");
            assert_eq!(session.rcpt(&to.address).status(), "250 2.1.5", "{story}");
            assert_eq!(session.command("DATA").code, 354, "{story}");
            session
                .raw(b"From: a@fuori.example\r\n\r\ntesto\r\n.\r\n")
                .unwrap();
            let verdict = session.reply().unwrap();
            assert!([2, 4, 5].contains(&(verdict.code / 100)), "{verdict:?}");
            assert_eq!(session.command("RSET").code, 250, "{story}: one answer");
        }
        assert_eq!(session.command("QUIT").code, 221);
    }
}

#[test]
fn ac_04_nobody_signs_in_on_port_25() {
    for (story, mut session) in both(Appliance::shared()) {
        let ehlo = session.ehlo();
        assert_eq!(ehlo.keyword("AUTH"), None, "{story}");
        assert_eq!(session.command("AUTH PLAIN AHgAeA==").code, 502, "{story}");
        assert_eq!(session.command("AUTH LOGIN").code, 502, "{story}");
        let with_auth = format!("MAIL FROM:<{STRANGER}> AUTH=<>");
        assert_eq!(session.command(&with_auth).code, 555, "{story}");
    }
}

#[test]
fn ip_20_size_is_announced_and_exceeds_the_largest_envelope() {
    let appliance = Appliance::shared();
    for (story, mut session) in both(appliance) {
        let ehlo = session.ehlo();
        assert_eq!(
            ehlo.keyword("SIZE"),
            Some(&*format!("SIZE {SIZE}")),
            "{story}"
        );
        let with_size = |size: u64| format!("MAIL FROM:<{STRANGER}> SIZE={size}");
        assert_eq!(session.command(&with_size(SIZE + 1)).status(), "552 5.3.4");
        assert_eq!(session.command(&with_size(SIZE)).status(), "250 2.1.0");
    }
    // An envelope holds its message and our texts beside it.
    Appliance::refuses_policy("arrival_bytes_max", 30 * 1024 * 1024);
}

#[test]
fn ip_24_eight_bits_are_taken_as_they_are() {
    let appliance = Appliance::shared();
    let to = appliance.mailbox("ottobit");
    for (story, mut session) in both(appliance) {
        let ehlo = session.ehlo();
        for keyword in ["8BITMIME", "CHUNKING", "PIPELINING", "ENHANCEDSTATUSCODES"] {
            assert!(ehlo.keyword(keyword).is_some(), "{story}: {keyword}");
        }
        for keyword in ["SMTPUTF8", "DSN", "BINARYMIME"] {
            assert_eq!(ehlo.keyword(keyword), None, "{story}");
        }
        let with_body = format!("MAIL FROM:<{STRANGER}> BODY=8BITMIME");
        assert_eq!(session.command(&with_body).status(), "250 2.1.0", "{story}");
        assert_eq!(session.rcpt(&to.address).status(), "250 2.1.5", "{story}");
        assert_eq!(session.command("RSET").code, 250);
        let utf8 = format!("MAIL FROM:<{STRANGER}> SMTPUTF8");
        assert_eq!(session.command(&utf8).status(), "555 5.5.4", "{story}");
        let accent = session.command("MAIL FROM:<perch\u{e9}@fuori.example>");
        assert_eq!(accent.status(), "553 5.6.7", "{story}");
    }
}

#[test]
fn ip_25_the_incoming_point_relays_for_nobody() {
    let appliance = Appliance::shared();
    let ours = appliance.mailbox("interno");
    for (story, mut session) in both(appliance) {
        // Even who claims to be one of us.
        for from in [STRANGER, "", &ours.address] {
            assert_eq!(session.mail(from).code, 250, "{story}");
            for foreign in [
                "altri@fuori.example",
                "altri@sotto.pec.test",
                "altri%pec.test@fuori.example",
                "\"altri@pec.test\"@fuori.example",
                "@pec.test:altri@fuori.example",
            ] {
                assert_eq!(
                    session.rcpt(foreign).status(),
                    "550 5.7.1",
                    "{story}: {foreign}"
                );
            }
            assert_eq!(session.command("DATA").code, 503, "{story}");
            assert_eq!(session.rcpt(&ours.address).code, 250, "{story}");
            assert_eq!(session.command("RSET").code, 250);
        }
    }
}

#[test]
fn dp_06_rcpt_takes_any_local_part_of_our_domains() {
    let appliance = Appliance::shared();
    let (_, mut session) = both(appliance).into_iter().next().unwrap();
    assert_eq!(session.mail("").code, 250);
    for path in [
        "nessuno.mai@pec.test".to_owned(),
        format!("nessuno@{}", OTHER_DOMAIN.to_uppercase()),
        "SRS0=HHH=TT=fuori.example=altri@pec.test".to_owned(),
        "\"strano nome\"@pec.test".to_owned(),
        "Postmaster".to_owned(),
    ] {
        assert_eq!(session.rcpt(&path).status(), "250 2.1.5", "{path}");
    }
}

#[test]
fn se_04_smuggled_ends_are_refused_on_port_25_too() {
    let appliance = Appliance::shared();
    let to = appliance.mailbox("contrabbando");
    for end in ["\n.\n", "\r\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\0\r\n"] {
        for (story, mut session) in both(appliance) {
            session.mail(STRANGER);
            session.rcpt(&to.address);
            assert_eq!(session.command("DATA").code, 354);
            let text = format!("Subject: uno\r\n\r\nuno{end}MAIL FROM:<x@fuori.example>\r\n.\r\n");
            session.raw(text.as_bytes()).unwrap();
            let reply = session.reply().unwrap();
            assert_eq!(reply.status(), "554 5.6.0", "{story} {end:?}");
            assert_eq!(
                session.command("NOOP").code,
                250,
                "{story} {end:?}: one answer"
            );
        }
    }
}

#[test]
fn se_07_on_port_25_a_long_line_is_no_fault_and_a_header_beyond_the_bound_is_one() {
    let appliance = Appliance::shared();
    let to = appliance.mailbox("lungo");
    let long = format!("From: {STRANGER}\r\n\r\n{}\r\n", "x".repeat(1_000_000));
    let wide = format!(
        "From: {STRANGER}\r\nX: {}\r\n\r\nx\r\n",
        "x".repeat(1_200_000)
    );
    for (story, mut session) in both(appliance) {
        // Refused for what it is: ordinary mail.
        let reply = session.send(STRANGER, &[&to.address], long.as_bytes());
        assert_eq!(reply.status(), "550 5.7.1", "{story}");
        let reply = session.send(STRANGER, &[&to.address], wide.as_bytes());
        assert_eq!(reply.status(), "550 5.6.0", "{story}");
        assert_eq!(session.command("NOOP").code, 250, "{story}");
    }
}

#[test]
fn se_05_what_follows_starttls_on_port_25_is_discarded() {
    let appliance = Appliance::shared();
    let mut session = appliance.incoming();
    session.ehlo();
    let pipelined = format!("STARTTLS\r\nEHLO x\r\nMAIL FROM:<{STRANGER}>\r\n");
    session.raw(pipelined.as_bytes()).unwrap();
    assert_eq!(session.reply().unwrap().code, 220);
    let mut session = session.handshake(appliance.trust());
    assert_eq!(
        session.rcpt("x@pec.test").code,
        503,
        "neither EHLO nor MAIL was heard"
    );
    session.ehlo();
    assert_eq!(session.mail(STRANGER).code, 250);
}

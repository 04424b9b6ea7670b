//! Access for holders.

use std::net::TcpStream;

use ceralacca_tests::appliance::{Appliance, PASSWORD};
use ceralacca_tests::compose::unique;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::program::arg;
use ceralacca_tests::wire::Wire;

use crate::Trio;

#[test]
fn ac_01_submission_on_465_is_tls_first_and_authenticated() {
    let trio = Trio::new();
    let mut session = trio.from.appliance.submission();
    assert_eq!(session.greeting.code, 220);
    let ehlo = session.ehlo();
    let auth = ehlo.keyword("AUTH").unwrap();
    assert!(auth.contains("PLAIN") && auth.contains("LOGIN"), "{auth}");
    assert_eq!(
        session.auth_plain(&trio.from.address, "sbagliata").status(),
        "535 5.7.8"
    );
    assert_eq!(
        session.auth_login(&trio.from.address, PASSWORD).status(),
        "235 2.7.0"
    );
    assert_eq!(session.mail(&trio.from.address).code, 250);
    // In clear on 465 nobody is served.
    let mut clear = Wire::plain(trio.from.appliance.port(465)).unwrap();
    clear.send(b"EHLO client.example\r\n").unwrap();
    let said = clear.rest();
    assert!(
        !said.windows(4).any(|w| w == b"220 " || w == b"250 "),
        "{said:?}"
    );
}

#[test]
fn ac_02_imap_on_993_is_tls_first() {
    let trio = Trio::new();
    let mut imap = trio.from.appliance.imap();
    assert!(imap.greeting.starts_with("* OK"), "{}", imap.greeting);
    assert!(!imap.login(&trio.from.address, "sbagliata").is_ok());
    assert!(imap.login(&trio.from.address, PASSWORD).is_ok());
    imap.ok("SELECT INBOX");
}

#[test]
fn ac_04_no_password_travels_in_clear() {
    let appliance = Appliance::shared();
    let mut session = appliance.submission_plain();
    let ehlo = session.ehlo();
    assert!(ehlo.keyword("STARTTLS").is_some(), "{ehlo:?}");
    assert_eq!(ehlo.keyword("AUTH"), None);
    let reply = session.command("AUTH PLAIN AHgAeA==");
    assert!([530, 538, 502, 503].contains(&reply.code), "{reply:?}");
    let mut session = appliance
        .submission_plain()
        .starttls_after_ehlo(appliance.trust());
    let ehlo = session.ehlo();
    assert!(
        ehlo.keyword("AUTH").is_some() && ehlo.keyword("STARTTLS").is_none(),
        "{ehlo:?}"
    );
    for usual in [25, 110, 143] {
        if TcpStream::connect(("127.0.0.1", appliance.port(usual))).is_err() {
            continue;
        }
        let mut open = ceralacca_tests::smtp::SmtpClient::plain(appliance.port(usual)).unwrap();
        assert_eq!(open.ehlo().keyword("AUTH"), None, "{usual}");
    }
}

#[test]
fn ac_05_the_user_name_is_the_address_and_the_password_the_last_one_set() {
    let appliance = Appliance::shared();
    let mailbox = appliance.mailbox("Utente");
    let shouted = mailbox.address.to_uppercase();
    assert!(appliance.imap().login(&shouted, PASSWORD).is_ok());
    let (local, _) = mailbox.address.split_once('@').unwrap();
    assert!(!appliance.imap().login(local, PASSWORD).is_ok());
    let file = appliance.write_beside(&unique(), b"nuova Parola 77\n");
    appliance.well(&[
        "mailbox",
        "passwd",
        &mailbox.address,
        "--password-file",
        arg(&file),
    ]);
    assert!(!appliance.imap().login(&mailbox.address, PASSWORD).is_ok());
    Mailbox::new(appliance, &mailbox.address, "nuova Parola 77").inbox();
}

#[test]
fn ac_09_a_mailbox_keeps_its_holder_and_its_history() {
    let appliance = Appliance::shared();
    let address = format!("titolare.{}@pec.test", unique());
    appliance.add(
        &address,
        &[
            "--holder",
            "Rosa Bianchi",
            "--holder-kind",
            "person",
            "--tax-code",
            "BNCRSO80A41H501X",
            "--contact",
            "+39 06 0000000",
            "--document",
            "carta AB123",
        ],
    );
    let shown = appliance.json(&["mailbox", "show", &address]).to_string();
    for fact in [
        "Rosa Bianchi",
        "BNCRSO80A41H501X",
        "+39 06 0000000",
        "carta AB123",
    ] {
        assert!(shown.contains(fact), "{fact} in {shown}");
    }
    appliance.well(&["mailbox", "holder", &address, "--holder", "Rosa Verdi"]);
    appliance.well(&["mailbox", "suspend", &address]);
    let history = appliance
        .json(&["mailbox", "history", &address])
        .to_string();
    for (what, times) in [
        ("added", 1),
        ("holder's", 1),
        ("suspended", 1),
        ("\"author\"", 3),
    ] {
        assert_eq!(history.matches(what).count(), times, "{what} in {history}");
    }
    let shown = appliance.json(&["mailbox", "show", &address]).to_string();
    assert!(
        shown.contains("Rosa Verdi") && shown.contains("BNCRSO80A41H501X"),
        "{shown}"
    );
    assert!(!history.contains("argon2id"), "{history}");
}

#[test]
fn ac_11_one_mailbox_is_used_from_several_places_and_no_flag_is_lost_or_doubled() {
    const ROUNDS: usize = 10;
    let trio = Trio::new();
    trio.from
        .send_well(&[&trio.to.address], &trio.simple().bytes());
    trio.to.wait_for(1);
    // One place only watches; it is told while it waits.
    let mut watch = trio.to.inbox();
    let idle = watch.begin("IDLE").unwrap();
    assert!(watch.response().unwrap().text.starts_with('+'));
    let set = |place: usize| {
        let mut imap = trio.to.inbox();
        for round in 0..ROUNDS {
            imap.ok(&format!("STORE 1 +FLAGS.SILENT ($P{place}R{round})"));
        }
        // What this place took away, no other brings back.
        imap.ok(&format!("STORE 1 -FLAGS.SILENT ($P{place}R0)"));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| set(1));
        scope.spawn(|| set(2));
    });
    let wanted = |word: &str| {
        let place = |place| (1..ROUNDS).map(move |round| format!("$P{place}R{round}"));
        place(1).chain(place(2)).any(|flag| flag == word)
    };
    let flags = |text: &str| {
        let inside = text.split("FLAGS (").nth(1).unwrap_or_default();
        let inside = inside.split(')').next().unwrap_or_default();
        inside.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    let told = loop {
        let told = flags(&watch.response().unwrap().text);
        if told.iter().filter(|word| wanted(word)).count() == 2 * (ROUNDS - 1)
            && !told.iter().any(|word| word.ends_with("R0"))
        {
            break told;
        }
    };
    watch.raw(b"DONE\r\n").unwrap();
    assert!(watch.finish(&idle).unwrap().is_ok());
    let mut fresh = trio.to.inbox();
    let fetched = flags(&fresh.ok("FETCH 1 FLAGS").lines_with("FETCH")[0].text);
    assert_eq!(fetched, told);
    // What is removed in one place is gone in the others, and nothing else.
    fresh.ok("STORE 1 +FLAGS (\\Deleted)");
    fresh.ok("EXPUNGE");
    let gone = watch.ok("NOOP");
    assert_eq!(gone.lines_with("EXPUNGE").len(), 1, "{gone:?}");
}

#[test]
fn ac_10_addresses_are_of_our_domains_and_unique_without_regard_to_case() {
    let appliance = Appliance::shared();
    let mailbox = appliance.mailbox("unica");
    let file = appliance.write_beside("altra-parola", PASSWORD.as_bytes());
    for taken in [
        mailbox.address.to_uppercase(),
        "nome@altrui.example".to_owned(),
    ] {
        appliance.refused(&[
            "mailbox",
            "add",
            &taken,
            "--password-file",
            arg(&file),
            "--holder",
            "X",
        ]);
    }
}

#[test]
fn ac_12_imap_searches_as_its_capabilities_say() {
    let trio = Trio::new();
    let mut imap = trio.to.inbox();
    let said = imap.ok("CAPABILITY");
    let said = &said.lines_with("CAPABILITY")[0].text;
    let words = "IMAP4rev1 IDLE UIDPLUS QUOTA SPECIAL-USE ESEARCH SEARCHRES WITHIN SORT ESORT \
        THREAD=REFERENCES THREAD=ORDEREDSUBJECT";
    for word in words.split_whitespace() {
        assert!(said.split(' ').any(|own| own == word), "{word}: {said}");
    }
    for (number, kind) in (1..).zip(["uno", "due", "uno"]) {
        let message = format!(
            "Message-ID: <{number}@client.example>\r\nX-Ricevuta: {kind}\r\nSubject: {}\r\n\r\nx\r\n",
            3 - number
        );
        assert!(imap.append("INBOX", message.as_bytes()).is_ok());
    }
    for (command, found) in [
        ("UID SEARCH HEADER X-Ricevuta uno", "* SEARCH 1 3"),
        (
            "UID SEARCH HEADER Message-ID <2@client.example>",
            "* SEARCH 2",
        ),
        (
            "UID SEARCH HEADER Message-ID 2@client.example",
            "* SEARCH 2",
        ),
        ("UID SEARCH HEADER Message-ID @client", "* SEARCH 1 2 3"),
        ("UID SORT (SUBJECT) UTF-8 ALL", "* SORT 3 2 1"),
        ("UID THREAD REFERENCES UTF-8 ALL", "* THREAD (1)(2)(3)"),
    ] {
        let answer = imap.ok(command);
        assert_eq!(answer.untagged[0].text.trim_end(), found, "{command}");
    }
    imap.ok("SEARCH RETURN (SAVE) 2:3");
    assert_eq!(imap.ok("FETCH $ UID").lines_with("FETCH").len(), 2);
}

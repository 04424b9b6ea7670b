//! Access for holders.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use ceralacca_tests::appliance::{Appliance, HOST, PASSWORD};
use ceralacca_tests::compose::{Draft, unique};
use ceralacca_tests::mailbox::{ARRIVAL_WAIT, Mailbox};
use ceralacca_tests::program::{arg, run_well, run_with_input, said};
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

/// A message of a mailbox to itself.
fn to_itself(mailbox: &Mailbox<'_>) -> Vec<u8> {
    Draft::new(&mailbox.address, &[&mailbox.address]).bytes()
}

/// Says a line to a POP3 server and gives its answer's first line.
pub(crate) fn pop(wire: &mut Wire, line: &str) -> String {
    wire.send(format!("{line}\r\n").as_bytes()).unwrap();
    String::from_utf8(wire.line().unwrap()).unwrap()
}

/// A POP3 session of a mailbox.
fn popped(mailbox: &Mailbox<'_>) -> Wire {
    let appliance = mailbox.appliance;
    let mut wire = Wire::tls(appliance.place(995), appliance.trust()).unwrap();
    assert!(wire.line().unwrap().starts_with(b"+OK"));
    pop(&mut wire, &format!("USER {}", mailbox.address));
    let entered = pop(&mut wire, &format!("PASS {}", mailbox.password));
    assert!(entered.starts_with("+OK"), "{entered}");
    wire
}

#[test]
fn ac_03_pop3_on_995_is_tls_first() {
    let appliance = Appliance::shared();
    let mailbox = appliance.mailbox("pop");
    mailbox.send_well(&[&mailbox.address], &to_itself(&mailbox));
    let held = mailbox.wait_until("receipts and envelope", |m| m.len() == 3);
    let mut wire = Wire::tls(appliance.place(995), appliance.trust()).unwrap();
    assert!(wire.line().unwrap().starts_with(b"+OK"));
    assert!(pop(&mut wire, "STAT").starts_with("-ERR"));
    pop(&mut wire, &format!("USER {}", mailbox.address));
    assert!(pop(&mut wire, "PASS sbagliata").starts_with("-ERR [AUTH]"));
    drop(wire);
    let mut wire = popped(&mailbox);
    let octets: usize = held.iter().map(Vec::len).sum();
    assert_eq!(pop(&mut wire, "STAT"), format!("+OK 3 {octets}"));
    // In clear nobody is served, and nothing offers to begin in clear.
    let mut clear = Wire::plain(appliance.port(995)).unwrap();
    clear.send(b"CAPA\r\n").unwrap();
    let said = clear.rest();
    assert!(!said.windows(3).any(|w| w == b"+OK"), "{said:?}");
    assert!(pop(&mut wire, "STLS").starts_with("-ERR"));
}

#[test]
fn ac_13_what_pop3_deletes_can_be_restored_for_the_policys_term() {
    let mut appliance = Appliance::initialised(&["--sandbox-clock"]);
    appliance.serve();
    let address = appliance.mailbox("pop").address;
    let mailbox = |appliance: &Appliance| Mailbox::new(appliance, &address, PASSWORD).messages();
    let delete_all = |appliance: &Appliance| {
        let mut wire = popped(&Mailbox::new(appliance, &address, PASSWORD));
        for number in 1..=3 {
            assert!(pop(&mut wire, &format!("DELE {number}")).starts_with("+OK"));
        }
        assert!(pop(&mut wire, "QUIT").starts_with("+OK"));
    };
    let deleted = |appliance: &Appliance| {
        let listed = appliance.json(&["mailbox", "deleted", &address]);
        listed["deleted"].as_array().unwrap().clone()
    };
    let user = Mailbox::new(&appliance, &address, PASSWORD);
    user.send_well(&[&address], &to_itself(&user));
    let held = user.wait_until("receipts and envelope", |m| m.len() == 3);
    delete_all(&appliance);
    assert!(mailbox(&appliance).is_empty(), "no client sees it");
    let used = appliance.json(&["mailbox", "show", &address])["used"].clone();
    assert_eq!(used, 0, "it takes no room");
    // A dead process forgets nothing.
    appliance.kill();
    appliance.serve();
    let kept = deleted(&appliance);
    assert_eq!(kept.len(), 3);
    assert!(mailbox(&appliance).is_empty());
    let key = kept[1]["key"].as_str().unwrap();
    appliance.well(&["mailbox", "restore", &address, key]);
    assert_eq!(mailbox(&appliance), [held[1].clone()]);
    appliance.refused(&["mailbox", "restore", &address, key]);
    appliance.well(&["mailbox", "restore", &address, "--all"]);
    assert_eq!(mailbox(&appliance).len(), 3);
    assert!(deleted(&appliance).is_empty());
    delete_all(&appliance);
    appliance.well(&["sandbox", "clock", "--advance", "29d"]);
    assert_eq!(deleted(&appliance).len(), 3);
    appliance.well(&["sandbox", "clock", "--advance", "2d"]);
    let end = Instant::now() + ARRIVAL_WAIT;
    while !deleted(&appliance).is_empty() {
        assert!(Instant::now() < end, "the term is over");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        appliance
            .said_by(&["mailbox", "restore", &address, "--all"])
            .contains("0 restored")
    );
    // Where the policy keeps nothing, what is deleted is gone.
    appliance.kill();
    appliance.set_policy("deleted_kept_days", 0);
    appliance.serve();
    let user = Mailbox::new(&appliance, &address, PASSWORD);
    user.send_well(&[&address], &to_itself(&user));
    user.wait_until("receipts and envelope", |m| m.len() == 3);
    delete_all(&appliance);
    assert!(deleted(&appliance).is_empty());
}

/// An appliance that serves HTTPS.
fn on_the_web() -> Appliance {
    let mut appliance = Appliance::initialised(&[]);
    appliance.set("listen", "https", i64::from(appliance.port(443)));
    appliance.serve();
    appliance
}

/// Status, header and body of a request over HTTPS.
fn web(appliance: &Appliance, path: &str, more: &[&str]) -> (u16, String, String) {
    let port = appliance.port(443);
    let connect = format!("::127.0.0.1:{port}");
    let (url, anchors) = (format!("https://{HOST}:{port}{path}"), appliance.anchors());
    let mut all = vec![
        "--silent",
        "--show-error",
        "--include",
        "--cacert",
        arg(&anchors),
    ];
    all.extend(["--connect-to", &connect, &url]);
    all.extend(more);
    let answer = run_well("curl", &all);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

fn well_formed(xml: &str) {
    let output = run_with_input("xmllint", &["--nonet", "--noout", "-"], xml.as_bytes());
    assert!(output.status.success(), "{xml}\n{}", said(&output));
}

#[test]
fn ac_16_programs_find_their_settings_and_only_for_domains_of_ours() {
    let appliance = on_the_web();
    let config = "/mail/config-v1.1.xml?emailaddress=anna%40altra.test";
    let (status, _, xml) = web(&appliance, config, &[]);
    assert_eq!(status, 200);
    well_formed(&xml);
    for usual in [993, 995, 465, 587] {
        let port = format!("<port>{}</port>", appliance.port(usual));
        assert!(xml.contains(&port), "{xml}");
    }
    assert!(xml.contains("<domain>altra.test</domain>") && xml.contains(HOST));
    let wellknown = "/.well-known/autoconfig/mail/config-v1.1.xml";
    let (status, _, xml) = web(
        &appliance,
        wellknown,
        &["--header", "Host: autoconfig.pec.test"],
    );
    assert!(
        status == 200 && xml.contains("<domain>pec.test</domain>"),
        "{xml}"
    );
    for foreign in [
        "/mail/config-v1.1.xml?emailaddress=anna%40altri.example",
        "/mail/config-v1.1.xml?emailaddress=%22%3E%3Cscript%3E%40pec.test",
        "/mail/config-v1.1.xml",
        "/autodiscover/autodiscover.json?Email=a%40altri.example&Protocol=AutodiscoverV1",
        "/aiuto/profilo.mobileconfig?emailaddress=a%40altri.example",
        "/mail/",
    ] {
        assert_eq!(web(&appliance, foreign, &[]).0, 404, "{foreign}");
    }
    let request = |address: &str| {
        format!(
            "<?xml version=\"1.0\"?><Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/\
             autodiscover/outlook/requestschema/2006\"><Request><EMailAddress>{address}\
             </EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/\
             autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request>\
             </Autodiscover>"
        )
    };
    let discover = "/autodiscover/autodiscover.xml";
    let post = |body: &str| web(&appliance, discover, &["--data-binary", body]);
    let (status, _, xml) = post(&request("r&amp;d'1@pec.test"));
    assert_eq!(status, 200);
    well_formed(&xml);
    assert!(
        xml.contains("<LoginName>r&amp;d&#39;1@pec.test</LoginName>"),
        "{xml}"
    );
    assert!(
        xml.contains(&format!("<Port>{}</Port>", appliance.port(995))),
        "{xml}"
    );
    assert_eq!(post(&request("anna@altri.example")).0, 404);
    assert_eq!(post("nothing").0, 400);
    assert_eq!(post(&"x".repeat(20_000)).0, 413);
    let json = "/autodiscover/autodiscover.json/v1.0/anna@pec.test?Protocol=AutodiscoverV1";
    let (_, _, told) = web(&appliance, json, &[]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let url = format!("https://{HOST}:{}{discover}", appliance.port(443));
    assert_eq!(told["Url"], url.as_str());
    let profile = ["--data", "emailaddress=anna%40pec.test"];
    let (status, head, plist) = web(&appliance, "/aiuto/profilo.mobileconfig", &profile);
    assert_eq!(status, 200);
    well_formed(&plist);
    assert!(
        head.contains("content-type: application/x-apple-aspen-config"),
        "{head}"
    );
    assert!(
        plist.contains(&format!("<integer>{}</integer>", appliance.port(993))),
        "{plist}"
    );
    // And what the DNS must say.
    let shown = appliance.well(&["domain", "show", "altra.test"]);
    for record in [
        format!(
            "_submissions._tcp.altra.test. IN SRV 0 1 {} {HOST}.",
            appliance.port(465)
        ),
        format!(
            "_imaps._tcp.altra.test. IN SRV 0 1 {} {HOST}.",
            appliance.port(993)
        ),
        format!(
            "_pop3s._tcp.altra.test. IN SRV 10 1 {} {HOST}.",
            appliance.port(995)
        ),
        "_imap._tcp.altra.test. IN SRV 0 0 0 .".to_owned(),
        "_pop3._tcp.altra.test. IN SRV 0 0 0 .".to_owned(),
    ] {
        assert!(shown.contains(&record), "{record}\n{shown}");
    }
}

#[test]
fn ac_18_help_pages_give_servers_ports_and_steps_without_signing_in() {
    let appliance = on_the_web();
    let (status, head, page) = web(&appliance, "/aiuto", &[]);
    assert_eq!(status, 200);
    for usual in [993, 995, 465, 587] {
        let port = format!("<code>{}</code>", appliance.port(usual));
        assert!(page.contains(&port), "{port}");
    }
    for text in [
        HOST,
        "SSL/TLS",
        "STARTTLS",
        "Password normale",
        "Thunderbird",
        "Outlook",
        "iPhone",
        "Android",
        "non serve nessuna opzione speciale",
        // DR-19
        "messo nella casella, non letto",
        "Ambiente di prova",
        "30 giorni",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(
        !page.contains("<script") && !page.contains(" style="),
        "no script, no inline style"
    );
    assert!(
        !page.contains('{') && !page.contains('}'),
        "every name is filled in"
    );
    assert!(
        head.contains("content-security-policy: default-src 'none'"),
        "{head}"
    );
    let (status, head, _) = web(&appliance, "/aiuto/style.css", &[]);
    assert!(
        status == 200 && head.contains("content-type: text/css"),
        "{head}"
    );
}

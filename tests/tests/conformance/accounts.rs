//! How holders get in, and who does not: capacity, protocols, application passwords, locks, rates.

use std::net::SocketAddr;

use ceralacca_tests::appliance::{Appliance, PASSWORD, SERVICE_ADDRESS};
use ceralacca_tests::compose::{Draft, unique};
use ceralacca_tests::journey::refused;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::message::Part;
use ceralacca_tests::program::{arg, run_well, run_with_input, said};
use ceralacca_tests::receiver::{Receiver, self_signed};
use ceralacca_tests::wire::Wire;
use ceralacca_tests::zone::Zone;

use crate::Trio;
use crate::ac::pop;

/// `* QUOTA "" (STORAGE used most)`, in units of 1024 octets.
fn storage(mailbox: &Mailbox<'_>) -> (u64, u64) {
    let answer = mailbox.imap().ok("GETQUOTAROOT INBOX");
    let line = answer.lines_with("STORAGE")[0].text.clone();
    let (_, rest) = line.split_once("STORAGE ").unwrap();
    let mut numbers = rest
        .trim_end_matches(')')
        .split(' ')
        .map(|n| n.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// A message of exactly so many octets.
fn of_size(size: usize) -> Vec<u8> {
    let head = b"Subject: x\r\n\r\n";
    let mut octets = head.to_vec();
    octets.resize(size - 2, b'x');
    octets.extend_from_slice(b"\r\n");
    octets
}

#[test]
fn ac_06_a_mailbox_has_one_gigabyte_and_the_quota_shown_is_the_one_enforced() {
    let appliance = Appliance::shared();
    let usual = appliance.mailbox("capienza");
    assert_eq!(storage(&usual), (0, 1_048_576_000 / 1024));
    let address = format!("piccola.{}@pec.test", unique());
    appliance.add(&address, &["--quota", "204800"]);
    let small = Mailbox::new(appliance, &address, PASSWORD);
    assert_eq!(storage(&small), (0, 200));
    assert!(small.imap().append("INBOX", &of_size(51_200)).is_ok());
    assert_eq!(storage(&small), (50, 200));
    let rest = 204_800 - 51_200;
    let over = small.imap().append("INBOX", &of_size(rest + 1));
    assert!(over.status.starts_with("NO [OVERQUOTA]"), "{over:?}");
    assert_eq!(storage(&small), (50, 200), "nothing of it is left");
    assert!(small.imap().append("INBOX", &of_size(rest)).is_ok());
    let over = small.imap().append("INBOX", &of_size(20));
    assert!(over.status.starts_with("NO [OVERQUOTA]"), "{over:?}");
    assert!(storage(&small).0 >= 200);
    appliance.well(&["mailbox", "quota", &address, "409600"]);
    assert!(small.imap().append("INBOX", &of_size(20)).is_ok());
    assert_eq!(storage(&small).1, 400);
}

#[test]
fn ac_07_any_client_may_send_thirty_megabytes_to_fifty_open_recipients() {
    let trio = Trio::new();
    let appliance = trio.from.appliance;
    let from = &trio.from.address;
    let many: Vec<String> = (0..50).map(|n| format!("r{n}@fuori.example")).collect();
    let all: Vec<&str> = many.iter().map(String::as_str).collect();
    let (to, cc) = all.split_at(25);
    let octets = Draft::new(from, to).cc(cc).bytes();
    // Implicit TLS and STARTTLS, PLAIN and LOGIN: the same limits.
    let plain = || {
        appliance
            .submission_plain()
            .starttls_after_ehlo(appliance.trust())
    };
    for mut session in [appliance.submission(), plain()] {
        let ehlo = session.ehlo();
        let size = ehlo.keyword("SIZE").unwrap().split_once(' ').unwrap().1;
        assert!(size.parse::<u64>().unwrap() >= 31_457_280, "{size}");
        assert_eq!(session.auth_login(from, PASSWORD).code, 235);
        assert_eq!(session.send(from, &all, &octets).code, 250);
    }
    trio.from
        .wait_until("two acceptance receipts", |m| m.len() >= 2);
    let hidden = Draft::new(from, to).field("Bcc", &trio.to.address).bytes();
    let sender = appliance.mailbox("nascosti");
    let text = String::from_utf8(hidden)
        .unwrap()
        .replace(from, &sender.address);
    let notice = refused(&sender, to, text.as_bytes());
    assert_eq!(notice.data().error(), "altro");
}

#[test]
fn ac_08_a_mailbox_sends_as_many_messages_as_it_likes() {
    let trio = Trio::new();
    let (from, to) = (&trio.from.address, trio.to.address.as_str());
    let octets = trio.simple().bytes();
    let mut session = trio.from.submission();
    for n in 0..300 {
        let reply = session.send(from, &[to], &octets);
        assert_eq!(reply.code, 250, "message {n}: {reply:?}");
    }
    // What is bounded is how many in a minute, and nothing else.
    let rates = trio.from.appliance.json(&["rates"]);
    for key in rates.as_object().unwrap().keys() {
        assert!(
            key.ends_with("_per_minute_max") || key.starts_with("sign_in_"),
            "{key}"
        );
    }
}

#[test]
fn ac_14_each_protocol_is_switched_off_and_on_and_the_client_is_told() {
    let appliance = Appliance::shared();
    let mailbox = appliance.mailbox("interruttori");
    let switch = |which: &str, how: &str| {
        appliance.well(&["mailbox", "protocols", &mailbox.address, which, how]);
    };
    let (mut reader, mut sender) = (mailbox.inbox(), mailbox.submission());
    switch("--imap", "off");
    let refused = appliance.imap().login(&mailbox.address, PASSWORD);
    assert!(
        refused
            .status
            .starts_with("NO [NOPERM] IMAP is switched off"),
        "{refused:?}"
    );
    let refused = appliance.imap().login(&mailbox.address, "sbagliata");
    assert!(
        refused.status.starts_with("NO [AUTHENTICATIONFAILED]"),
        "{refused:?}"
    );
    // An open session ends at its next command.
    let tag = reader.begin("NOOP").unwrap();
    let bye = reader.response().unwrap().text;
    assert!(bye.starts_with("* BYE signed out"), "{tag}: {bye}");
    assert_eq!(sender.mail(&mailbox.address).code, 250, "the other goes on");

    switch("--imap", "on");
    switch("--submission", "off");
    mailbox.inbox();
    assert_eq!(sender.rcpt(&mailbox.address).code, 250);
    assert_eq!(sender.command("DATA").status(), "550 5.7.13");
    let mut session = appliance.submission();
    session.ehlo();
    assert_eq!(
        session.auth_plain(&mailbox.address, PASSWORD).status(),
        "525 5.7.13"
    );
    assert_eq!(
        session.auth_plain(&mailbox.address, "sbagliata").status(),
        "535 5.7.8"
    );
    switch("--submission", "on");
    assert_eq!(
        session.auth_plain(&mailbox.address, PASSWORD).status(),
        "235 2.7.0"
    );
    let pop3 = || {
        let mut wire = Wire::tls(appliance.place(995), appliance.trust()).unwrap();
        wire.line().unwrap();
        pop(&mut wire, &format!("USER {}", mailbox.address));
        pop(&mut wire, &format!("PASS {PASSWORD}"))
    };
    assert!(pop3().starts_with("+OK"));
    switch("--pop3", "off");
    let refused = pop3();
    assert!(
        refused.starts_with("-ERR [SYS/PERM] POP3 is switched off"),
        "{refused}"
    );
    let shown = appliance.json(&["mailbox", "show", &mailbox.address]);
    let on = &shown["access"]["protocols"];
    assert_eq!(on, &serde_json::json!(["submission", "imap"]));
    let history = appliance
        .json(&["mailbox", "history", &mailbox.address])
        .to_string();
    assert_eq!(history.matches("protocols: ").count(), 5, "{history}");
}

/// The code that a device shows now: RFC 6238 by somebody else.
fn device(secret: &str) -> String {
    let python = "
import base64, hashlib, hmac, struct, sys, time
tag = hmac.new(base64.b32decode(sys.argv[1]), struct.pack('>Q', int(time.time()) // 30), hashlib.sha1).digest()
at = tag[-1] & 15
print('%06d' % ((struct.unpack('>I', tag[at:at + 4])[0] & 0x7fffffff) % 1000000))
";
    run_well("python3", &["-c", python, secret])
        .trim()
        .to_owned()
}

#[test]
fn ac_15_application_passwords_and_two_step_login() {
    let appliance = Appliance::shared();
    let mailbox = appliance.mailbox("doppia");
    let address = mailbox.address.as_str();
    let add = |name: &str, more: &[&str]| {
        let mut all = vec!["mailbox", "app-password", "add", address, "--name", name];
        all.extend(more);
        let made = appliance.json(&all);
        made["password"].as_str().unwrap().to_owned()
    };
    let phone = add("telefono", &[]);
    let scanner = add("scanner", &["--protocol", "submission"]);
    let imap = |password: &str| appliance.imap().login(address, password).status;
    let smtp = |password: &str| {
        let mut session = appliance.submission();
        session.ehlo();
        session.auth_plain(address, password).status()
    };
    let listed = || appliance.json(&["mailbox", "app-password", "list", address]);
    assert!(listed()["app_passwords"][0]["used"].is_null());
    assert!(imap(&phone).starts_with("OK"));
    assert!(imap(&phone.to_uppercase().replace('-', "")).starts_with("OK"));
    assert_eq!(smtp(&scanner), "235 2.7.0");
    assert!(imap(&scanner).starts_with("NO [NOPERM] this application password"));
    // The note of the use goes its own way; an order to the same owner comes after it.
    appliance.well(&["mailbox", "warn-at", address, "--nowhere"]);
    let text = listed().to_string();
    assert_eq!(text.matches("\"used\":\"20").count(), 2, "{text}");
    assert!(!text.contains("argon2") && !text.contains(&phone), "{text}");
    let again = [
        "mailbox",
        "app-password",
        "add",
        address,
        "--name",
        "telefono",
    ];
    appliance.refused(&again);

    let enrolled = appliance.json(&["mailbox", "two-step", "enable", address]);
    let secret = enrolled["secret"].as_str().unwrap();
    assert!(
        enrolled["uri"]
            .as_str()
            .unwrap()
            .starts_with("otpauth://totp/")
    );
    assert!(
        imap(PASSWORD).starts_with("OK"),
        "not in force before it is confirmed"
    );
    appliance.refused(&["mailbox", "two-step", "confirm", address, "--code", "12345"]);
    let confirm = [
        "mailbox",
        "two-step",
        "confirm",
        address,
        "--code",
        &device(secret),
    ];
    let confirmed = appliance.json(&confirm);
    assert_eq!(confirmed["recovery"].as_array().unwrap().len(), 10);
    assert!(imap(PASSWORD).starts_with("NO [AUTHENTICATIONFAILED]"));
    assert_eq!(smtp(PASSWORD), "535 5.7.8");
    assert!(imap(&phone).starts_with("OK"));
    let shown = appliance.json(&["mailbox", "two-step", "show", address]);
    assert_eq!(shown["access"]["two_step"]["in_force"], true);
    assert!(!shown.to_string().contains(secret));

    appliance.well(&["mailbox", "app-password", "revoke", address, "1"]);
    assert!(imap(&phone).starts_with("NO [AUTHENTICATIONFAILED]"));
    appliance.well(&["mailbox", "two-step", "disable", address]);
    assert!(imap(PASSWORD).starts_with("OK"));
    let history = appliance.json(&["mailbox", "history", address]).to_string();
    for what in [
        "1 added: telefono",
        "1 revoked",
        "in force",
        "two-step login: ended",
    ] {
        assert!(history.contains(what), "{what}: {history}");
    }
}

fn is_warning(raw: &[u8]) -> bool {
    Part::parse(raw).all("Subject").join("").contains("Casella")
}

#[test]
fn ac_17_a_holder_is_warned_once_per_threshold_here_and_at_a_second_address() {
    let server = Receiver::start(
        SocketAddr::from(([127, 0, 0, 2], 0)),
        Some(self_signed("mx.ordinaria.test")),
    );
    let zone = Zone::start();
    zone.mx("ordinaria.test", 10, "mx.ordinaria.test");
    zone.address_of("mx.ordinaria.test", server.address().ip());
    let mut appliance = Appliance::initialised(&[]);
    appliance.relay_to(&zone, server.address().port());
    appliance.serve();
    let address = "piccola@pec.test";
    appliance.add(address, &["--quota", "102400"]);
    appliance.refused(&["mailbox", "warn-at", address, "altra@pec.test"]);
    appliance.well(&["mailbox", "warn-at", address, "anna@ordinaria.test"]);

    let warnings = |appliance: &Appliance, count: usize| {
        let mailbox = Mailbox::new(appliance, address, PASSWORD);
        let all = mailbox.wait_until(&format!("{count} warnings"), |all| {
            all.iter().filter(|raw| is_warning(raw)).count() >= count
        });
        let found: Vec<Vec<u8>> = all.into_iter().filter(|raw| is_warning(raw)).collect();
        assert_eq!(found.len(), count);
        String::from_utf8(found[count - 1].clone()).unwrap()
    };
    let append = |appliance: &Appliance, size: usize| {
        let mailbox = Mailbox::new(appliance, address, PASSWORD);
        assert!(mailbox.imap().append("INBOX", &of_size(size)).is_ok());
    };
    append(&appliance, 80_000);
    assert!(Mailbox::new(&appliance, address, PASSWORD).messages().len() == 1);
    append(&appliance, 2_000);
    let text = warnings(&appliance, 1);
    assert!(
        text.contains("80%") && text.contains("di 102400 byte"),
        "{text}"
    );
    assert!(
        text.contains(&format!("From: {SERVICE_ADDRESS}\r\n")),
        "{text}"
    );
    assert!(
        !text.contains("X-Trasporto") && !text.contains("X-Ricevuta"),
        "{text}"
    );
    let taken = server.wait_for(1).remove(0);
    assert_eq!(taken.recipients, ["anna@ordinaria.test"]);
    assert!(taken.mail.starts_with("MAIL FROM:<>"), "{}", taken.mail);
    assert!(String::from_utf8_lossy(&taken.text).contains("80%"));

    // Killed as it stands, nothing is said again; what was not said yet is.
    for (size, count, percent) in [(15_000, 2, "95%"), (0, 2, "95%")] {
        if size > 0 {
            append(&appliance, size);
        }
        appliance.kill();
        appliance.serve();
        let text = warnings(&appliance, count);
        assert!(text.contains(percent), "{text}");
    }
    server.wait_for(2);
    // Below all thresholds and up again: said again.
    let mailbox = Mailbox::new(&appliance, address, PASSWORD);
    let mut imap = mailbox.inbox();
    imap.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)");
    imap.ok("EXPUNGE");
    // The fall is noted by itself; whatever is noted first, the warning comes.
    append(&appliance, 10);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !appliance.json(&["mailbox", "show", address])["warned_percent"].is_null() {
        assert!(std::time::Instant::now() < end, "the fall is not noted");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    append(&appliance, 90_000);
    assert!(warnings(&appliance, 1).contains("80%"));
    server.wait_for(3);
}

#[test]
fn se_01_wrong_passwords_over_smtp_and_imap_lock_the_pair_for_a_growing_time() {
    let mut appliance = Appliance::initialised(&["--sandbox-clock"]);
    appliance.set_policy("sign_in_failures_max", 6);
    appliance.set_policy("sign_in_lock_minutes", 3);
    appliance.serve();
    let [victim, other] = ["vittima", "altra"].map(|name| appliance.mailbox(name).address);
    let smtp = |address: &str, password: &str| {
        let mut session = appliance.submission();
        session.ehlo();
        session.auth_plain(address, password).status()
    };
    let imap = |address: &str, password: &str| appliance.imap().login(address, password).status;
    let guess = || {
        for _ in 0..3 {
            assert_eq!(smtp(&victim, "sbagliata"), "535 5.7.8");
            assert!(imap(&victim, "sbagliata").starts_with("NO [AUTHENTICATIONFAILED]"));
        }
        assert_eq!(smtp(&victim, PASSWORD), "454 4.7.0");
        assert!(imap(&victim, PASSWORD).starts_with("NO [UNAVAILABLE]"));
    };
    let advance = |by: &str| {
        appliance.well(&["sandbox", "clock", "--advance", by]);
    };
    guess();
    assert_eq!(
        smtp(&other, PASSWORD),
        "235 2.7.0",
        "another account from there"
    );
    let shown = appliance.json(&["mailbox", "show", &victim]);
    assert_eq!(shown["access"]["locks"][0]["source"], "127.0.0.1");
    advance("2m");
    assert_eq!(smtp(&victim, PASSWORD), "454 4.7.0");
    advance("1m");
    guess();
    advance("5m");
    assert_eq!(smtp(&victim, PASSWORD), "454 4.7.0", "twice as long");
    advance("1m");
    assert_eq!(smtp(&victim, PASSWORD), "235 2.7.0");

    // Now the source is known: wrong passwords from there leave the right one a way in.
    for _ in 0..6 {
        imap(&victim, "sbagliata");
    }
    let shown = appliance.json(&["mailbox", "show", &victim]);
    assert!(shown["access"]["locks"][0]["until"].is_string(), "{shown}");
    assert!(imap(&victim, PASSWORD).starts_with("OK"));

    for _ in 0..6 {
        imap(&other, "sbagliata");
    }
    let ended = appliance.json(&["mailbox", "unlock", &other]);
    assert_eq!(ended["ended"], 1);
    assert_eq!(smtp(&other, PASSWORD), "235 2.7.0");
}

/// A handshake by OpenSSL; what it said.
fn handshake(appliance: &Appliance, port: u16, more: &[&str]) -> String {
    let place = format!("127.0.0.1:{}", appliance.port(port));
    let mut all = vec![
        "s_client",
        "-connect",
        &place,
        "-servername",
        "mail.pec.test",
    ];
    let anchors = appliance.beside("anchors.pem");
    std::fs::write(&anchors, &appliance.trust().anchors_pem).unwrap();
    all.extend(["-CAfile", arg(&anchors), "-verify_return_error"]);
    if port == 587 {
        all.extend(["-starttls", "smtp"]);
    }
    all.extend(more);
    said(&run_with_input("openssl", &all, b""))
}

#[test]
fn se_09_tls_1_2_is_the_least_and_weak_suites_are_off() {
    let appliance = Appliance::start();
    for port in [465, 587, 993, 995] {
        for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let said = handshake(&appliance, port, &[version]);
            let new = format!("New, {name}, Cipher is ");
            assert!(
                said.contains(&new) && !said.contains("(NONE)"),
                "{port}: {said}"
            );
            assert!(
                said.contains("Verify return code: 0 (ok)"),
                "{port}: {said}"
            );
        }
        // The client would: at security level 0 OpenSSL offers all that it knows. The server's alert is
        // the refusal.
        let refused = |said: &str| said.contains("SSL alert number") && said.contains("(NONE)");
        for old in ["-tls1", "-tls1_1"] {
            let said = handshake(&appliance, port, &[old, "-cipher", "ALL:@SECLEVEL=0"]);
            assert!(refused(&said), "{port} {old}: {said}");
        }
        let weak = [
            "AES128-SHA",
            "AES256-GCM-SHA384",
            "ECDHE-RSA-AES128-SHA",
            "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384",
            "DHE-RSA-AES128-GCM-SHA256",
            "AECDH-AES128-SHA",
            "NULL-SHA256",
        ];
        for suite in weak {
            let suite = format!("{suite}:@SECLEVEL=0");
            let said = handshake(&appliance, port, &["-tls1_2", "-cipher", &suite]);
            assert!(refused(&said), "{port} {suite}: {said}");
        }
    }
}

#[test]
fn se_10_rates_of_account_and_source_are_bounded_and_published() {
    let mut appliance = Appliance::initialised(&[]);
    appliance.set_policy("submissions_per_minute_max", 5);
    appliance.set_policy("source_submissions_per_minute_max", 8);
    appliance.set_policy("sign_ins_per_minute_max", 40);
    appliance.serve();
    let rates = appliance.json(&["rates"]);
    for (key, value) in [
        ("submissions_per_minute_max", 5),
        ("source_submissions_per_minute_max", 8),
        ("sign_ins_per_minute_max", 40),
        ("arrivals_per_minute_max", 6_000),
        ("sign_in_failures_max", 10),
    ] {
        assert_eq!(rates[key], value, "{rates}");
    }
    let [one, two] = ["uno", "due"].map(|name| appliance.mailbox(name));
    let send = |mailbox: &Mailbox<'_>| {
        let octets = Draft::new(&mailbox.address, &[&two.address]).bytes();
        mailbox.send(&[&two.address], &octets).status()
    };
    for n in 0..6 {
        let wanted = if n < 5 { "250 2.0.0" } else { "450 4.7.1" };
        assert_eq!(send(&one), wanted, "message {n} of one mailbox");
    }
    for n in 0..4 {
        let wanted = if n < 3 { "250 2.0.0" } else { "450 4.7.1" };
        assert_eq!(send(&two), wanted, "message {n} of another from there");
    }
    let refusals = (0..60).filter(|_| {
        let mut session = appliance.submission();
        session.ehlo();
        session.auth_plain(&one.address, PASSWORD).status() == "454 4.7.0"
    });
    assert!(refusals.count() > 0, "sign-ins have their rate");
    Appliance::refuses_policy("sign_in_failures_max", 2);
    Appliance::refuses_policy("sign_in_failures_max", 101);
}

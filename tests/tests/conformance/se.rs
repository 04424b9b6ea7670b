//! Security.

use ceralacca_core::limits;
use ceralacca_tests::appliance::{Appliance, PASSWORD};
use ceralacca_tests::clamd::{Clamd, attachment, encrypted_zip, nested_zip};
use ceralacca_tests::compose::filler;
use ceralacca_tests::journey::refused;
use ceralacca_tests::smtp::dot_stuffed;

use crate::Trio;

#[test]
fn se_02_passwords_are_kept_as_argon2id_with_a_salt_each() {
    let mut appliance = Appliance::start();
    appliance.mailbox("uno");
    appliance.mailbox("due");
    appliance.stop();
    let mut hashes = Vec::new();
    let mut folders = vec![appliance.data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let octets = std::fs::read(&path).unwrap();
            let holds = |text: &[u8]| ceralacca_tests::message::find(&octets, text);
            assert!(
                holds(PASSWORD.as_bytes()).is_none(),
                "the password is in {}",
                path.display()
            );
            let journal = path.components().any(|c| c.as_os_str() == "journal");
            let text = String::from_utf8_lossy(&octets).into_owned();
            let found = text.split("$argon2id$").skip(1).map(|t| t[..60].to_owned());
            hashes.extend(found.filter(|_| journal));
        }
    }
    hashes.sort();
    hashes.dedup();
    assert!(hashes.len() >= 2, "two mailboxes, two salts: {hashes:?}");
    assert!(
        hashes.iter().all(|h| h.starts_with("v=19$m=")),
        "{hashes:?}"
    );
}

#[test]
fn se_03_fields_of_the_service_in_a_submission_stay_inside_the_original() {
    let trio = Trio::new();
    let forged = [
        ("X-Ricevuta", "avvenuta-consegna"),
        ("X-Trasporto", "errore"),
        ("X-VerificaSicurezza", "errore"),
        ("X-Mittente", "altri@pec.test"),
    ];
    let draft = forged
        .iter()
        .fold(trio.simple(), |d, (name, value)| d.field(name, value));
    let certified = trio.certify_simple(&draft);
    assert_eq!(
        certified.envelope().field("X-Trasporto"),
        "posta-certificata"
    );
    assert_eq!(certified.envelope().get("X-Ricevuta"), None);
    for message in certified.all() {
        assert_eq!(message.get("X-VerificaSicurezza"), None);
        assert_eq!(message.get("X-Mittente"), None);
    }
    assert_eq!(certified.acceptance.field("X-Ricevuta"), "accettazione");
    let original = certified.envelope().original().unwrap();
    for (name, value) in forged {
        assert_eq!(original.field(name), value);
    }
}

#[test]
fn se_04_only_crlf_dot_crlf_ends_a_message_and_bare_octets_are_refused() {
    let trio = Trio::new();
    let cases: [(&str, &[u8]); 7] = [
        ("a bare LF", b"uno\ndue\r\n"),
        ("a bare CR", b"uno\rdue\r\n"),
        ("a NUL", b"uno\0due\r\n"),
        ("LF . LF", b"uno\n.\nMAIL FROM:<x@y.test>\r\n"),
        ("LF . CRLF", b"uno\n.\r\nMAIL FROM:<x@y.test>\r\n"),
        ("CR . CR", b"uno\r.\rMAIL FROM:<x@y.test>\r\n"),
        ("CRLF . LF", b"uno\r\n.\nMAIL FROM:<x@y.test>\r\n"),
    ];
    for (story, body) in cases {
        let mut session = trio.from.submission();
        session.mail(&trio.from.address);
        session.rcpt(&trio.to.address);
        assert_eq!(session.command("DATA").code, 354);
        let mut octets = trio.simple().body("").bytes();
        octets.extend_from_slice(body);
        octets.extend_from_slice(b".\r\n");
        // Sent as it is: what looks like an end must not be one.
        session.raw(&octets).unwrap();
        let reply = session.reply().unwrap();
        assert_eq!(reply.code, 554, "{story}: {reply:?}");
        assert_eq!(
            session.command("NOOP").code,
            250,
            "{story}: one answer, not two"
        );
    }
    // A line with a dot is unstuffed and arrives as it was.
    let draft = trio.simple().body(".\r\n..\r\n.x\r\n");
    assert_eq!(dot_stuffed(b".\r\n"), b"..\r\n");
    let certified = trio.certify_simple(&draft);
    assert_eq!(
        certified.envelope().original().unwrap().body(),
        b".\r\n..\r\n.x\r\n"
    );
}

#[test]
fn se_05_what_follows_starttls_in_clear_is_discarded() {
    let appliance = Appliance::shared();
    let mut session = appliance.submission_plain();
    session.ehlo();
    session.raw(b"STARTTLS\r\nNOOP\r\nNOOP\r\n").unwrap();
    assert_eq!(session.reply().unwrap().code, 220);
    let mut session = session.handshake(appliance.trust());
    // The first answer under TLS is the answer to the first command under TLS.
    let ehlo = session.ehlo();
    assert!(ehlo.keyword("AUTH").is_some(), "{ehlo:?}");
    assert_eq!(
        session.command("VRFY x").code / 100 * 100,
        session.command("VRFY y").code / 100 * 100
    );
    assert_eq!(session.command("NOOP").code, 250);
}

#[test]
fn se_06_line_breaks_and_controls_make_no_lines_fields_or_nodes() {
    let trio = Trio::new();
    let evil = "=?UTF-8?Q?uno=0D=0ABcc:_x@y.test=0D=0A=0D=0A</oggetto><falso/>=07=00fine?=";
    let name = "=?UTF-8?Q?Rossi=0D=0AX-Ricevuta:_accettazione?=";
    let draft = trio
        .simple()
        .subject(evil)
        .set("From", &format!("{name} <{}>", trio.from.address));
    let certified = trio.certify_simple(&draft);
    for message in certified.all() {
        let names: Vec<_> = message
            .message
            .fields
            .iter()
            .map(|f| f.name.clone())
            .collect();
        assert!(
            !names.iter().any(|n| n.eq_ignore_ascii_case("Bcc")),
            "{names:?}"
        );
        assert_eq!(
            message.message.all("X-Ricevuta").len() + message.message.all("X-Trasporto").len(),
            1
        );
        assert_eq!(
            message
                .data()
                .order()
                .iter()
                .filter(|n| *n == "falso")
                .count(),
            0
        );
        ceralacca_tests::judge::dtd_accepts(message);
        let text = message.text();
        assert!(
            !text
                .lines()
                .any(|l| l.starts_with("Bcc:") || l.starts_with("</oggetto>")),
            "{text}"
        );
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
    }
}

#[test]
fn se_07_depth_parts_and_header_are_bounded() {
    let trio = Trio::new();
    let mut deep = String::from("\r\nfondo");
    for level in 0..=limits::MIME_DEPTH_MAX {
        deep = format!(
            "Content-Type: multipart/mixed; boundary=l{level}\r\n\r\n--l{level}\r\n{deep}\r\n--l{level}--\r\n"
        );
    }
    let many = vec!["\r\nx"; limits::MIME_PARTS_MAX + 1];
    let long =
        "X-Riempimento: testo di prova per allungare la testata del messaggio fino al limite\r\n";
    let header = long.repeat(limits::HEADER_BYTES_MAX / long.len() + 1);
    let cases = [
        ("depth", trio.simple().mixed(&[&deep]).bytes()),
        ("parts", trio.simple().mixed(&many).bytes()),
        (
            "header",
            [header.as_bytes(), &trio.simple().bytes()].concat(),
        ),
    ];
    for (story, octets) in cases {
        let sender = trio.from.appliance.mailbox("limiti");
        let text = String::from_utf8(octets)
            .unwrap()
            .replace(&trio.from.address, &sender.address);
        let notice = refused(&sender, &[&trio.to.address], text.as_bytes());
        assert_eq!(notice.data().error(), "altro", "{story}");
    }
    assert!(trio.to.messages().is_empty());
    assert!(!filler(1).is_empty());
}

#[test]
fn se_08_an_archive_over_the_bounds_fails_unless_policy_says_else_and_an_encrypted_one_passes() {
    let draft = |trio: &Trio<'_>, archive: &[u8]| {
        let part = attachment("a.zip", "application/zip", archive);
        trio.simple().mixed(&[&part])
    };
    let trio = Trio::at(crate::vi::scanned());
    let over = draft(&trio, &nested_zip(40)).bytes();
    let notice = refused(&trio.from, &[&trio.to.address], &over);
    assert_eq!(notice.data().error(), "altro");
    let reason = notice.data().one("errore-esteso");
    assert!(reason.contains("archivio"), "{reason}");
    assert_eq!(
        notice.get("X-VerificaSicurezza"),
        None,
        "no virus was found"
    );
    assert!(trio.to.messages().is_empty());
    let trio = Trio::at(crate::vi::scanned());
    trio.certify_simple(&draft(&trio, &encrypted_zip()));

    let clamd = Clamd::start();
    let mut appliance = Appliance::scanned_by(&clamd.address());
    appliance.stop();
    appliance.set_policy("over_bounds_passes", true);
    appliance.serve();
    let trio = Trio::at(&appliance);
    trio.certify_simple(&draft(&trio, &nested_zip(40)));
    assert!(
        appliance.log().contains("Heuristics.Limits.Exceeded"),
        "it is logged"
    );
}

/// The appliance is one process on one host; this is the one way that may lead to another.
#[test]
fn se_16_a_scanner_across_the_network_is_warned_about_and_the_rest_stays_on_the_host() {
    use std::os::unix::fs::PermissionsExt;
    let clamd = Clamd::start();
    for (address, is_far) in [
        (clamd.address(), false),
        (clamd.tcp_address(), false),
        ("clamd:scanner.invalid:3310".to_owned(), true),
    ] {
        let appliance = Appliance::scanned_by(&address);
        let warned = "in clear; lead them through a tunnel";
        assert_eq!(appliance.log().contains(warned), is_far, "{address}");
        let socket = appliance.data().join("control.sock");
        let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(
            mode & 0o077,
            0,
            "who is not the owner speaks to {}",
            socket.display()
        );
    }
}

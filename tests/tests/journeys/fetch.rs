//! mbsync, curl and Python's imaplib fetch; what they get is the octets of the mailbox.

use std::collections::BTreeSet;
use std::path::Path;

use ceralacca_tests::appliance::{Appliance, HOST};
use ceralacca_tests::compose::Draft;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::program::{arg, run, run_well, said};
use ceralacca_tests::workspace;

/// A mailbox with receipts, another with three envelopes.
fn filled(appliance: &Appliance) -> (Mailbox<'_>, Mailbox<'_>) {
    let (from, to) = (appliance.mailbox("da"), appliance.mailbox("lettore"));
    for number in 0..3 {
        let draft = Draft::new(&from.address, &[&to.address]).subject(&format!("Numero {number}"));
        from.send_well(&[&to.address], &draft.bytes());
    }
    from.wait_for(6);
    to.wait_for(3);
    (from, to)
}

fn files(folder: &Path) -> BTreeSet<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|e| std::fs::read(e.unwrap().path()).unwrap())
        .collect()
}

fn lf(octets: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(octets)
        .replace("\r\n", "\n")
        .into_bytes()
}

/// The server's own certificate, as it shows it.
fn server_certificate(appliance: &Appliance) -> String {
    let port = appliance.port(993);
    let shown = run(
        "openssl",
        &[
            "s_client",
            "-connect",
            &format!("127.0.0.1:{port}"),
            "-servername",
            HOST,
            "-showcerts",
        ],
    );
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let start = text
        .find("-----BEGIN")
        .unwrap_or_else(|| panic!("{}", said(&shown)));
    let end = text[start..].find("-----END CERTIFICATE-----\n").unwrap();
    text[start..start + end].to_owned() + "-----END CERTIFICATE-----\n"
}

#[test]
fn mbsync_copies_a_mailbox_octet_for_octet_and_carries_flags_back() {
    let appliance = Appliance::shared();
    let (_, to) = filled(appliance);
    let folder = workspace::scratch();
    let certificate = folder.path().join("server.pem");
    std::fs::write(&certificate, server_certificate(appliance)).unwrap();
    let local = folder.path().join("mail");
    std::fs::create_dir(&local).unwrap();
    let config = format!(
        "IMAPAccount prova\nHost 127.0.0.1\nPort {}\nUser {}\nPass \"{}\"\nSSLType IMAPS\n\
         CertificateFile {}\nAuthMechs LOGIN\n\nIMAPStore lontano\nAccount prova\n\n\
         MaildirStore vicino\nPath {}/\nInbox {}/INBOX\nSubFolders Verbatim\n\n\
         Channel prova\nFar :lontano:\nNear :vicino:\nPatterns *\nCreate Both\nExpunge Both\n\
         SyncState *\n",
        appliance.port(993),
        to.address,
        to.password,
        arg(&certificate),
        arg(&local),
        arg(&local)
    );
    let file = folder.path().join("mbsyncrc");
    std::fs::write(&file, config).unwrap();
    run_well("mbsync", &["--config", arg(&file), "prova"]);
    let inbox = local.join("INBOX");
    let copied: BTreeSet<Vec<u8>> = files(&inbox.join("new"))
        .union(&files(&inbox.join("cur")))
        .cloned()
        .collect();
    let held: BTreeSet<Vec<u8>> = to.messages().iter().map(|m| lf(m)).collect();
    let without_tuid = |m: &Vec<u8>| {
        let text = String::from_utf8(m.clone()).unwrap();
        text.lines()
            .filter(|l| !l.starts_with("X-TUID:"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let (copied, held): (BTreeSet<_>, BTreeSet<_>) = (
        copied.iter().map(without_tuid).collect(),
        held.iter().map(without_tuid).collect(),
    );
    assert_eq!(copied, held);
    // Read one here: mbsync carries \Seen to the server.
    let first = std::fs::read_dir(inbox.join("new"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let name = first.file_name().into_string().unwrap();
    let base = name.split(":2,").next().unwrap();
    std::fs::rename(first.path(), inbox.join("cur").join(format!("{base}:2,S"))).unwrap();
    run_well("mbsync", &["--config", arg(&file), "prova"]);
    let seen = to.inbox().ok("SEARCH SEEN");
    assert_eq!(
        seen.lines_with("SEARCH")[0].text.split(' ').count(),
        3,
        "{seen:?}"
    );
}

#[test]
fn imaplib_reads_a_mailbox_octet_for_octet() {
    let appliance = Appliance::shared();
    let (from, _) = filled(appliance);
    let folder = workspace::scratch();
    let script = workspace::tests_file("scripts/fetch_all.py");
    let port = appliance.port(993).to_string();
    let read = run_well(
        "python3",
        &[
            arg(&script),
            &port,
            arg(&appliance.anchors()),
            HOST,
            &from.address,
            &from.password,
            arg(folder.path()),
        ],
    );
    assert_eq!(read.trim(), "6");
    let held: BTreeSet<Vec<u8>> = from.messages().into_iter().collect();
    assert_eq!(files(folder.path()), held);
}

#[test]
fn curl_lists_searches_and_fetches() {
    let appliance = Appliance::shared();
    let (_, to) = filled(appliance);
    let port = appliance.port(993);
    let user = format!("{}:{}", to.address, to.password);
    let curl = |path: &str, more: &[&str]| {
        let fixed = [
            "--silent",
            "--show-error",
            "--cacert",
            arg(&appliance.anchors()),
        ]
        .map(str::to_owned);
        let url = format!("imaps://{HOST}:{port}/{path}");
        let connect = format!("{HOST}:{port}:127.0.0.1:{port}");
        let mut all: Vec<&str> = fixed.iter().map(String::as_str).collect();
        all.extend(["--connect-to", &connect, "--user", &user, "--url", &url]);
        all.extend(more);
        let output = run("curl", &all);
        assert!(
            output.status.success(),
            "{path} {more:?}: {}",
            said(&output)
        );
        output.stdout
    };
    assert!(String::from_utf8_lossy(&curl("", &[])).contains("INBOX"));
    let found = curl("INBOX", &["--request", "SEARCH SUBJECT \"Numero 1\""]);
    assert_eq!(String::from_utf8_lossy(&found).trim(), "* SEARCH 2");
    let whole = curl("INBOX;MAILINDEX=2", &[]);
    assert_eq!(whole, to.messages()[1]);
    let section = curl(
        "INBOX;MAILINDEX=1;SECTION=HEADER.FIELDS%20(X-Trasporto)",
        &[],
    );
    assert!(String::from_utf8_lossy(&section).contains("X-Trasporto: posta-certificata"));
}

#[test]
fn imap_commands_of_the_issue_work_together() {
    let appliance = Appliance::shared();
    let (from, to) = filled(appliance);
    let mut imap = to.imap();
    let listed = imap.ok("LIST \"\" \"*\"");
    assert!(
        listed.untagged.iter().any(|l| l.text.contains("INBOX")),
        "{listed:?}"
    );
    assert_eq!(imap.ok("SELECT INBOX").exists(), Some(3));
    let whole = to.messages().remove(0);
    let partial = imap.ok("FETCH 1 (BODY.PEEK[]<10.20>)");
    assert_eq!(partial.untagged[0].literals[0], whole[10..30]);
    let shape = imap.ok("FETCH 1 (ENVELOPE BODYSTRUCTURE RFC822.SIZE UID FLAGS)");
    let text = shape.untagged[0].text.to_lowercase();
    assert!(
        text.contains("\"signed\"") && text.contains(&format!("rfc822.size {}", whole.len())),
        "{text}"
    );
    let part = imap.ok("FETCH 1 (BODY.PEEK[1.1])");
    assert!(!part.untagged[0].literals.is_empty() || part.untagged[0].text.contains("BODY[1.1]"));
    // Two sessions see the same flags, and IDLE tells of new mail.
    let mut other = to.inbox();
    let tag = other.begin("IDLE").unwrap();
    assert!(other.response().unwrap().text.starts_with('+'));
    imap.ok("STORE 2 +FLAGS (\\Flagged $Pratica)");
    from.send_well(
        &[&to.address],
        &Draft::new(&from.address, &[&to.address]).bytes(),
    );
    loop {
        if other.response().unwrap().text == "* 4 EXISTS" {
            break;
        }
    }
    other.raw(b"DONE\r\n").unwrap();
    assert!(other.finish(&tag).unwrap().is_ok());
    let flagged = other.ok("SEARCH FLAGGED KEYWORD $Pratica");
    assert_eq!(flagged.lines_with("SEARCH")[0].text, "* SEARCH 2");
    // APPEND a copy, delete and expunge it.
    let answer = other.append("INBOX", &whole);
    assert!(answer.is_ok(), "{answer:?}");
    other.ok("STORE 5 +FLAGS (\\Deleted)");
    let expunged = other.ok("EXPUNGE");
    assert!(
        expunged.untagged.iter().any(|l| l.text == "* 5 EXPUNGE"),
        "{expunged:?}"
    );
    from.wait_for(8);
}

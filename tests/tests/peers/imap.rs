//! mbsync, offlineimap, curl and Python's imaplib on a mailbox of ordinary size.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ceralacca_tests::appliance::{Appliance, HOST};
use ceralacca_tests::compose::Draft;
use ceralacca_tests::judge;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::program::{arg, run, run_well, said};
use ceralacca_tests::workspace;

/// Messages of the large mailbox.
const MANY: usize = 2_000;

/// A mailbox with an acceptance receipt, a delivery receipt and the envelope itself.
fn with_certified_mail(appliance: &Appliance) -> Mailbox<'_> {
    let own = appliance.mailbox("pari");
    let draft = Draft::new(&own.address, &[&own.address]).subject("A me stesso");
    own.send_well(&[&own.address], &draft.bytes());
    own.wait_for(3);
    own
}

fn append_many(mailbox: &Mailbox<'_>, count: usize) {
    let mut imap = mailbox.imap();
    for number in 0..count {
        let message = format!(
            "From: ufficio@pec.test\r\nTo: archivio@pec.test\r\nSubject: Pratica {number}\r\n\
             Date: Sun, 22 Nov 2026 05:19:00 +0100\r\nMessage-ID: <pratica.{number}@pec.test>\r\n\r\n\
             Testo della pratica {number}.\r\n"
        );
        let answer = imap.append("INBOX", message.as_bytes());
        assert!(answer.is_ok(), "{answer:?}");
    }
}

/// The server's own certificate, as it shows it.
fn server_certificate(appliance: &Appliance, folder: &Path) -> PathBuf {
    let connect = format!("127.0.0.1:{}", appliance.port(993));
    let arguments = ["s_client", "-connect", &connect, "-servername", HOST];
    let shown = run("openssl", &arguments);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let start = text
        .find("-----BEGIN")
        .unwrap_or_else(|| panic!("{}", said(&shown)));
    let end = text[start..].find("-----END CERTIFICATE-----\n").unwrap();
    let file = folder.join("server.pem");
    std::fs::write(
        &file,
        text[start..start + end].to_owned() + "-----END CERTIFICATE-----\n",
    )
    .unwrap();
    file
}

/// Every file of a tree by its path, with its size.
fn tree(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(tree(&entry.path())),
            false => {
                found.insert(entry.path(), entry.metadata().unwrap().len());
            }
        }
    }
    found
}

/// The messages of a maildir, in the order of their names.
fn mails(maildir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = ["new", "cur"]
        .iter()
        .filter_map(|part| std::fs::read_dir(maildir.join(part)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all
}

/// Every message of a maildir that is signed verifies with `openssl cms`; there are three.
fn signatures_hold(appliance: &Appliance, maildir: &Path) {
    let is_signed = |file: &&PathBuf| {
        let octets = std::fs::read(file).unwrap();
        String::from_utf8_lossy(&octets).contains("multipart/signed")
    };
    let all = mails(maildir);
    let signed: Vec<&PathBuf> = all.iter().filter(is_signed).collect();
    assert_eq!(signed.len(), 3);
    for file in signed {
        judge::openssl_accepts(file, &appliance.anchors());
    }
}

/// What the mailbox says of itself in every folder.
fn status(mailbox: &Mailbox<'_>) -> String {
    let mut imap = mailbox.imap();
    let answer = imap.ok("LIST \"\" * RETURN (STATUS (MESSAGES UNSEEN UIDNEXT))");
    let lines = answer.untagged.iter().map(|line| line.text.clone());
    lines
        .filter(|line| line.starts_with("* STATUS"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn mbsync_syncs_two_thousand_messages_twice_without_difference() {
    let appliance = Appliance::shared();
    let mailbox = with_certified_mail(appliance);
    append_many(&mailbox, MANY - 3);
    let folder = workspace::scratch();
    let local = folder.path().join("mail");
    std::fs::create_dir(&local).unwrap();
    let config = format!(
        "IMAPAccount prova\nHost 127.0.0.1\nPort {}\nUser {}\nPass \"{}\"\nSSLType IMAPS\n\
         CertificateFile {}\nAuthMechs LOGIN\n\nIMAPStore lontano\nAccount prova\n\n\
         MaildirStore vicino\nPath {}/\nInbox {}/INBOX\nSubFolders Verbatim\n\n\
         Channel prova\nFar :lontano:\nNear :vicino:\nPatterns *\nCreate Both\nExpunge Both\n\
         SyncState *\n",
        appliance.port(993),
        mailbox.address,
        mailbox.password,
        arg(&server_certificate(appliance, folder.path())),
        arg(&local),
        arg(&local)
    );
    let file = folder.path().join("mbsyncrc");
    std::fs::write(&file, config).unwrap();
    run_well("mbsync", &["--config", arg(&file), "prova"]);
    let inbox = local.join("INBOX");
    assert_eq!(mails(&inbox).len(), MANY);
    signatures_hold(appliance, &inbox);
    // A second run, and a third, change nothing on either side.
    let (near, far) = (tree(&local), status(&mailbox));
    for _ in 0..2 {
        run_well("mbsync", &["--config", arg(&file), "prova"]);
        assert_eq!(tree(&local), near);
        assert_eq!(status(&mailbox), far);
    }
    // Both ways: one is removed here, one there, one is written here.
    std::fs::remove_file(&mails(&inbox)[MANY - 1]).unwrap();
    let mut imap = mailbox.inbox();
    imap.ok("UID STORE 10 +FLAGS.SILENT (\\Deleted)");
    imap.ok("UID EXPUNGE 10");
    std::fs::write(inbox.join("cur/nuova.1:2,S"), "Subject: Nuova\n\nqui\n").unwrap();
    run_well("mbsync", &["--config", arg(&file), "prova"]);
    assert_eq!(mails(&inbox).len(), MANY - 1);
    assert_eq!(mailbox.inbox().ok("NOOP").exists(), None);
    assert!(status(&mailbox).contains(&format!("INBOX (MESSAGES {}", MANY - 1)));
    let found = mailbox.inbox().ok("SEARCH SUBJECT Nuova SEEN");
    assert_eq!(found.lines_with("SEARCH")[0].text.split(' ').count(), 3);
}

/// The certificate of the server, hashed as offlineimap wants it.
fn fingerprint(appliance: &Appliance, folder: &Path) -> String {
    let file = server_certificate(appliance, folder);
    let arguments = [
        "x509",
        "-in",
        arg(&file),
        "-noout",
        "-fingerprint",
        "-sha256",
    ];
    let shown = run_well("openssl", &arguments);
    let hash = shown.trim().split('=').nth(1).unwrap();
    hash.replace(':', "").to_lowercase()
}

#[test]
fn offlineimap_copies_a_mailbox_and_a_second_run_finds_nothing() {
    const COUNT: usize = 100;
    let appliance = Appliance::shared();
    let mailbox = with_certified_mail(appliance);
    append_many(&mailbox, COUNT - 3);
    let folder = workspace::scratch();
    let local = folder.path().join("mail");
    let password = folder.path().join("password");
    std::fs::write(&password, &mailbox.password).unwrap();
    let config = format!(
        "[general]\naccounts = prova\nmetadata = {}\nui = quiet\n\n[Account prova]\n\
         localrepository = vicino\nremoterepository = lontano\n\n[Repository vicino]\n\
         type = Maildir\nlocalfolders = {}\n\n[Repository lontano]\ntype = IMAP\n\
         remotehost = 127.0.0.1\nremoteport = {}\nremoteuser = {}\nremotepassfile = {}\n\
         ssl = yes\ncert_fingerprint = {}\nauth_mechanisms = PLAIN\n",
        arg(&folder.path().join("state")),
        arg(&local),
        appliance.port(993),
        mailbox.address,
        arg(&password),
        fingerprint(appliance, folder.path())
    );
    let file = folder.path().join("offlineimaprc");
    std::fs::write(&file, config).unwrap();
    run_well("offlineimap", &["-c", arg(&file), "-o"]);
    let inbox = local.join("INBOX");
    assert_eq!(mails(&inbox).len(), COUNT);
    signatures_hold(appliance, &inbox);
    let (near, far) = (tree(&local), status(&mailbox));
    run_well("offlineimap", &["-c", arg(&file), "-o"]);
    assert_eq!(tree(&local), near);
    assert_eq!(status(&mailbox), far);
}

#[test]
fn curl_fetches_a_certified_message_that_still_verifies() {
    let appliance = Appliance::shared();
    let mailbox = with_certified_mail(appliance);
    let folder = workspace::scratch();
    let port = appliance.port(993);
    for number in 1..=3 {
        let file = folder.path().join(format!("{number}.eml"));
        let url = format!("imaps://{HOST}:{port}/INBOX;MAILINDEX={number}");
        let connect = format!("{HOST}:{port}:127.0.0.1:{port}");
        let user = format!("{}:{}", mailbox.address, mailbox.password);
        let anchors = appliance.anchors();
        let fixed = ["--silent", "--show-error", "--cacert", arg(&anchors)];
        let asked = [
            "--connect-to",
            &connect,
            "--user",
            &user,
            "--output",
            arg(&file),
        ];
        run_well("curl", &[&fixed[..], &asked[..], &["--url", &url]].concat());
        judge::openssl_accepts(&file, &anchors);
    }
}

fn script(appliance: &Appliance, mailbox: &Mailbox<'_>, python: &str, name: &str) -> String {
    let script = workspace::tests_file(&format!("scripts/{name}"));
    let (port, anchors) = (appliance.port(993).to_string(), appliance.anchors());
    let place = [arg(&script), &port, arg(&anchors), HOST];
    let who = [mailbox.address.as_str(), mailbox.password.as_str()];
    run_well(python, &[&place[..], &who[..]].concat())
}

#[test]
fn imaplib_uses_utf_8_and_mod_sequences() {
    let appliance = Appliance::shared();
    let mailbox = appliance.mailbox("imaplib");
    script(appliance, &mailbox, "python3", "peer_imaplib.py");
}

#[test]
fn imapclient_uses_what_it_finds_offered() {
    let appliance = Appliance::shared();
    let mailbox = with_certified_mail(appliance);
    let python = workspace::root().join("target/peers/bin/python");
    let read = script(appliance, &mailbox, arg(&python), "peer_imapclient.py");
    assert_eq!(read.trim(), "3");
}

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

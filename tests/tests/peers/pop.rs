//! POP3: Python's poplib, curl, fetchmail, getmail, mutt in tmux; and msmtp hands in.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ceralacca_tests::appliance::{Appliance, HOST};
use ceralacca_tests::compose::{Draft, unique};
use ceralacca_tests::judge;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::program::{arg, run, run_well, run_with_input, said};
use ceralacca_tests::workspace;

/// A mailbox with three envelopes; bodies have lines that begin with a dot.
fn filled(appliance: &Appliance) -> Mailbox<'_> {
    let (from, to) = (appliance.mailbox("da"), appliance.mailbox("pop"));
    for number in 0..3 {
        let draft = Draft::new(&from.address, &[&to.address])
            .subject(&format!("Numero {number}"))
            .body("una riga\r\n.\r\n..due punti\r\n.fine\r\n");
        from.send_well(&[&to.address], &draft.bytes());
    }
    to.wait_for(3);
    to
}

fn files(folder: &Path) -> BTreeSet<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|e| std::fs::read(e.unwrap().path()).unwrap())
        .collect()
}

/// What programs of Unix write: no CR at line ends.
fn lf(octets: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(octets);
    text.replace("\r\n", "\n").into_bytes()
}

/// What stands after the header of a message without CR.
fn body(message: &[u8]) -> Vec<u8> {
    let end = message.windows(2).position(|w| w == b"\n\n").unwrap();
    message[end..].to_vec()
}

/// Every file is a message whose signature openssl accepts.
fn all_are_genuine(appliance: &Appliance, folder: &Path) {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        judge::openssl_accepts(&entry.unwrap().path(), &appliance.anchors());
        seen += 1;
    }
    assert_eq!(seen, 3);
}

fn write_private(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A program that files what it is given in `mail`, as both fetchmail and getmail call one.
fn deliverer(folder: &Path, mail: &Path) -> PathBuf {
    let path = folder.join("deliver.sh");
    // getmail misses the end of a program that ends as soon as it closes its output.
    let script = format!(
        "#!/bin/sh\ncat > \"$(mktemp -p {})\"\nexec >&- 2>&-\nsleep 0.3\n",
        arg(mail)
    );
    write_private(&path, &script, 0o700);
    path
}

#[test]
fn poplib_reads_octet_for_octet_and_what_it_deletes_can_be_restored() {
    let appliance = Appliance::shared();
    let to = filled(appliance);
    let folder = workspace::scratch();
    let script = workspace::tests_file("scripts/pop_all.py");
    let port = appliance.port(995).to_string();
    let arguments = |deletes: &'static str| {
        run_well(
            "python3",
            &[
                arg(&script),
                &port,
                arg(&appliance.anchors()),
                HOST,
                &to.address,
                &to.password,
                arg(folder.path()),
                deletes,
            ],
        )
    };
    let held: BTreeSet<Vec<u8>> = to.messages().into_iter().collect();
    assert_eq!(arguments("keep").trim(), "3");
    assert!(files(folder.path()) == held, "octets differ");
    all_are_genuine(appliance, folder.path());
    assert_eq!(arguments("delete").trim(), "3");
    assert_eq!(to.messages(), Vec::<Vec<u8>>::new());
    appliance.well(&["mailbox", "restore", &to.address, "--all"]);
    let restored: BTreeSet<Vec<u8>> = to.messages().into_iter().collect();
    assert!(restored == held, "octets differ");
}

#[test]
fn curl_lists_and_fetches_over_pop3s() {
    let appliance = Appliance::shared();
    let to = filled(appliance);
    let port = appliance.port(995);
    let user = format!("{}:{}", to.address, to.password);
    let curl = |path: &str, more: &[&str]| {
        let connect = format!("{HOST}:{port}:127.0.0.1:{port}");
        let url = format!("pop3s://{HOST}:{port}/{path}");
        let anchors = appliance.anchors();
        let mut all = vec!["--silent", "--show-error", "--cacert", arg(&anchors)];
        all.extend(["--connect-to", &connect, "--user", &user, "--url", &url]);
        all.extend(more);
        let output = run("curl", &all);
        assert!(output.status.success(), "{path}: {}", said(&output));
        output.stdout
    };
    let held = to.messages();
    let sizes: String = (1..)
        .zip(&held)
        .map(|(number, message)| format!("{number} {}\r\n", message.len()))
        .collect();
    assert_eq!(String::from_utf8_lossy(&curl("", &[])), sizes);
    for (number, message) in (1..).zip(&held) {
        assert_eq!(&curl(&format!("{number}"), &[]), message);
    }
    let top = curl("", &["--request", "TOP 1 0"]);
    assert!(held[0].starts_with(&top) && top.ends_with(b"\r\n\r\n"));
    let plain = curl("1", &["--login-options", "AUTH=PLAIN"]);
    assert_eq!(plain, held[0]);
}

#[test]
fn fetchmail_fetches_each_message_once_and_removes_when_told() {
    let appliance = Appliance::shared();
    let to = filled(appliance);
    let folder = workspace::scratch();
    let mail = folder.path().join("mail");
    std::fs::create_dir(&mail).unwrap();
    let deliver = deliverer(folder.path(), &mail);
    let config = format!(
        "set no bouncemail\npoll 127.0.0.1 protocol POP3 port {} uidl no dns no envelope\n\
         user \"{}\" password \"{}\" mda \"{}\" ssl sslcertck sslcertfile \"{}\" \
         sslcommonname \"{HOST}\" no rewrite\n",
        appliance.port(995),
        to.address,
        to.password,
        arg(&deliver),
        arg(&appliance.anchors()),
    );
    let file = folder.path().join("fetchmailrc");
    write_private(&file, &config, 0o600);
    let (ids, pid) = (folder.path().join("ids"), folder.path().join("pid"));
    let fetch = |more: &[&str]| {
        let mut all = vec!["--fetchmailrc", arg(&file), "--idfile", arg(&ids)];
        all.extend(["--pidfile", arg(&pid), "--nosyslog", "--invisible"]);
        all.extend(more);
        run("fetchmail", &all)
    };
    let held: BTreeSet<Vec<u8>> = to.messages().iter().map(|m| lf(m)).collect();
    let first = fetch(&["--keep"]);
    assert!(first.status.success(), "{}", said(&first));
    assert!(files(&mail) == held, "octets differ");
    all_are_genuine(appliance, &mail);
    let second = fetch(&["--keep"]);
    assert_eq!(
        second.status.code(),
        Some(1),
        "no new mail: {}",
        said(&second)
    );
    assert_eq!(files(&mail).len(), 3);
    assert_eq!(to.messages().len(), 3);
    let third = fetch(&["--nokeep", "--fetchall"]);
    assert!(third.status.success(), "{}", said(&third));
    assert_eq!(to.messages(), Vec::<Vec<u8>>::new());
}

#[test]
fn getmail_fetches_each_message_once() {
    let appliance = Appliance::shared();
    let to = filled(appliance);
    let folder = workspace::scratch();
    let mail = folder.path().join("mail");
    std::fs::create_dir(&mail).unwrap();
    let deliver = deliverer(folder.path(), &mail);
    let config = format!(
        "[retriever]\ntype = SimplePOP3SSLRetriever\nserver = 127.0.0.1\nport = {}\nusername = {}\n\
         password = {}\nca_certs = {}\nssl_cert_hostname = {HOST}\n\
         [destination]\ntype = MDA_external\npath = {}\nallow_root_commands = true\n\
         [options]\nread_all = false\ndelete = false\ndelivered_to = false\nreceived = false\n",
        appliance.port(995),
        to.address,
        to.password,
        arg(&appliance.anchors()),
        arg(&deliver),
    );
    let file = folder.path().join("getmailrc");
    write_private(&file, &config, 0o600);
    let getmail = || {
        run_well(
            "getmail",
            &["--getmaildir", arg(folder.path()), "--rcfile", arg(&file)],
        )
    };
    let held: BTreeSet<Vec<u8>> = to.messages().iter().map(|m| body(&lf(m))).collect();
    getmail();
    // It writes the outer header, which nobody signed, in its own way.
    let fetched: BTreeSet<Vec<u8>> = files(&mail).iter().map(|m| body(m)).collect();
    assert!(fetched == held, "bodies differ");
    all_are_genuine(appliance, &mail);
    getmail();
    assert_eq!(files(&mail).len(), 3, "its UIDL memory holds");
}

/// A terminal of its own, gone with the value.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn run(command: &str) -> Self {
        let terminal = Self { socket: unique() };
        let mut start = vec!["new-session", "-d", "-x", "120", "-y", "40"];
        start.push(command);
        terminal.tmux(&start);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut all = vec!["-L", &self.socket, "-f", "/dev/null"];
        all.extend(arguments);
        run_well("tmux", &all)
    }

    fn keys(&self, keys: &[&str]) {
        let mut all = vec!["send-keys"];
        all.extend(keys);
        self.tmux(&all);
    }

    /// Waits until all of these are on the screen.
    fn shows(&self, wanted: &[&str]) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if wanted.iter().all(|text| screen.contains(text)) {
                return;
            }
            assert!(Instant::now() < end, "{wanted:?} not in\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Ended by itself, perhaps.
        run("tmux", &["-L", &self.socket, "kill-server"]);
    }
}

#[test]
fn mutt_in_a_terminal_lists_and_opens_a_message() {
    let appliance = Appliance::shared();
    let to = filled(appliance);
    let folder = workspace::scratch();
    let config = format!(
        "set pop_host=\"pops://127.0.0.1:{}\"\nset pop_user=\"{}\"\nset pop_pass=\"{}\"\n\
         set ssl_force_tls=yes\nset ssl_verify_host=no\nset certificate_file=\"{}\"\n\
         set ssl_ca_certificates_file=\"{}\"\nset pop_checkinterval=0\nset sort=mailbox-order\n\
         set folder=\"{}\"\nset header_cache=\"\"\nset crypt_verify_sig=no\nset quit=yes\n",
        appliance.port(995),
        to.address,
        to.password,
        arg(&appliance.anchors()),
        arg(&appliance.anchors()),
        arg(folder.path()),
    );
    let file = folder.path().join("muttrc");
    write_private(&file, &config, 0o600);
    let command = format!(
        "env HOME={} LANG=C.UTF-8 mutt -n -F {} -f pops://127.0.0.1:{}",
        arg(folder.path()),
        arg(&file),
        appliance.port(995)
    );
    let terminal = Terminal::run(&command);
    terminal.shows(&["Numero 0", "Numero 1", "Numero 2"]);
    terminal.keys(&["2", "Enter"]);
    terminal.keys(&["Enter"]);
    terminal.shows(&["Subject: POSTA CERTIFICATA: Numero 1"]);
    assert_eq!(to.messages().len(), 3);
}

#[test]
fn msmtp_submits_on_465_and_on_587() {
    let appliance = Appliance::shared();
    let (from, to) = (appliance.mailbox("msmtp"), appliance.mailbox("pop"));
    let password = appliance.write_beside(&unique(), from.password.as_bytes());
    let read = format!("cat {}", arg(&password));
    let mut sent = 0;
    for (usual, starttls) in [(465, "off"), (587, "on")] {
        let draft = Draft::new(&from.address, &[&to.address]).bytes();
        let output = run_with_input(
            "msmtp",
            &[
                "--host=127.0.0.1",
                &format!("--port={}", appliance.port(usual)),
                "--tls=on",
                &format!("--tls-starttls={starttls}"),
                &format!("--tls-trust-file={}", arg(&appliance.anchors())),
                &format!("--tls-host-override={HOST}"),
                "--auth=plain",
                &format!("--user={}", from.address),
                &format!("--passwordeval={read}"),
                &format!("--from={}", from.address),
                &to.address,
            ],
            &draft,
        );
        assert!(output.status.success(), "{usual}: {}", said(&output));
        sent += 1;
    }
    let mut all = from.wait_for(2 * sent);
    all.extend(to.wait_for(sent));
    judge::all_accept(appliance, &all.iter().collect::<Vec<_>>());
}

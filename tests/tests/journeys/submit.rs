//! swaks and curl submit on 465 and 587, with PLAIN and LOGIN.

use ceralacca_tests::appliance::{Appliance, HOST};
use ceralacca_tests::compose::Draft;
use ceralacca_tests::judge;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::program::{arg, run, said};

/// What must come for one message: receipts, the envelope, and all judges content.
fn arrives(appliance: &Appliance, from: &Mailbox<'_>, to: &Mailbox<'_>, nth: usize) {
    let mut all = from.wait_for(2 * nth);
    all.extend(to.wait_for(nth));
    judge::all_accept(appliance, &all.iter().collect::<Vec<_>>());
}

#[test]
fn swaks_submits_on_465_and_on_587() {
    let appliance = Appliance::shared();
    let (from, to) = (appliance.mailbox("swaks"), appliance.mailbox("lettore"));
    let file = appliance.write_beside(
        "swaks.eml",
        &Draft::new(&from.address, &[&to.address]).bytes(),
    );
    let data = format!("@{}", arg(&file));
    let mut sent = 0;
    for (usual, tls) in [(465, "--tls-on-connect"), (587, "--tls")] {
        for method in ["PLAIN", "LOGIN"] {
            let port = appliance.port(usual).to_string();
            let output = run(
                "swaks",
                &[
                    "--server",
                    "127.0.0.1",
                    "--port",
                    &port,
                    tls,
                    "--auth",
                    method,
                    "--auth-user",
                    &from.address,
                    "--auth-password",
                    &from.password,
                    "--from",
                    &from.address,
                    "--to",
                    &to.address,
                    "--helo",
                    "client.example",
                    "--data",
                    &data,
                ],
            );
            assert!(
                output.status.success(),
                "{usual} {method}: {}",
                said(&output)
            );
            sent += 1;
        }
    }
    arrives(appliance, &from, &to, sent);
}

#[test]
fn curl_submits_on_465_and_on_587_checking_the_certificate() {
    let appliance = Appliance::shared();
    let (from, to) = (appliance.mailbox("curl"), appliance.mailbox("lettore"));
    let file = appliance.write_beside(
        "curl.eml",
        &Draft::new(&from.address, &[&to.address]).bytes(),
    );
    let mut sent = 0;
    for (usual, scheme) in [(465, "smtps"), (587, "smtp")] {
        for method in ["AUTH=PLAIN", "AUTH=LOGIN"] {
            let port = appliance.port(usual);
            let output = run(
                "curl",
                &[
                    "--silent",
                    "--show-error",
                    "--ssl-reqd",
                    "--cacert",
                    arg(&appliance.anchors()),
                    "--connect-to",
                    &format!("{HOST}:{port}:127.0.0.1:{port}"),
                    "--url",
                    &format!("{scheme}://{HOST}:{port}/client.example"),
                    "--login-options",
                    method,
                    "--user",
                    &format!("{}:{}", from.address, from.password),
                    "--mail-from",
                    &from.address,
                    "--mail-rcpt",
                    &to.address,
                    "--upload-file",
                    arg(&file),
                ],
            );
            assert!(
                output.status.success(),
                "{usual} {method}: {}",
                said(&output)
            );
            sent += 1;
        }
    }
    arrives(appliance, &from, &to, sent);
}

#[test]
fn bdat_in_pieces_carries_the_same_octets_as_data() {
    let appliance = Appliance::shared();
    let (from, to) = (appliance.mailbox("bdat"), appliance.mailbox("lettore"));
    let octets = Draft::new(&from.address, &[&to.address])
        .body(".\r\n..riga\r\nfine\r\n")
        .bytes();
    let mut session = from.submission();
    assert!(session.ehlo().keyword("CHUNKING").is_some());
    session.mail(&from.address);
    session.rcpt(&to.address);
    let (first, second) = octets.split_at(octets.len() - 9);
    for (piece, last) in [(first, ""), (second, " LAST")] {
        session
            .raw(format!("BDAT {}{last}\r\n", piece.len()).as_bytes())
            .unwrap();
        session.raw(piece).unwrap();
        let reply = session.reply().unwrap();
        assert_eq!(reply.code, 250, "{reply:?}");
    }
    let envelope = to.wait_for(1).remove(0);
    assert_eq!(
        envelope.original().unwrap().body(),
        b".\r\n..riga\r\nfine\r\n"
    );
    from.wait_for(2);
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    let appliance = Appliance::shared();
    let (from, to) = (appliance.mailbox("fila"), appliance.mailbox("lettore"));
    let mut session = from.submission();
    assert!(session.ehlo().keyword("PIPELINING").is_some());
    let (f, t) = (&from.address, &to.address);
    let body = Draft::new(f, &[t]).bytes();
    let batch = format!("MAIL FROM:<{f}>\r\nRCPT TO:<{t}>\r\nDATA\r\n");
    session.raw(batch.as_bytes()).unwrap();
    let codes: Vec<u16> = (0..3).map(|_| session.reply().unwrap().code).collect();
    assert_eq!(codes, [250, 250, 354]);
    session.raw(&body).unwrap();
    session
        .raw(format!(".\r\nMAIL FROM:<{f}>\r\nRSET\r\nQUIT\r\n").as_bytes())
        .unwrap();
    let codes: Vec<u16> = (0..4).map(|_| session.reply().unwrap().code).collect();
    assert_eq!(codes, [250, 250, 250, 221]);
    assert!(session.rest().is_empty());
    arrives(appliance, &from, &to, 1);
}

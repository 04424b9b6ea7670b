//! The ordinary Internet, played by Postfix in both directions: what leaves for it, what comes of that, and
//! what each mailbox's policy makes of its mail.

use ceralacca_tests::compose::Draft;
use ceralacca_tests::federation::{Federation, FederationSettings, INTERNET, of_type};
use ceralacca_tests::judge;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::postfix::{Postfix, PostfixSettings};
use ceralacca_tests::sealed::Sealed;

use crate::{at, judged};

/// Somebody of the Internet.
const CARLA: &str = "carla@internet.test";
/// Where mail is forwarded to.
const LISTA: &str = "lista@internet.test";
/// Taken by the server and returned later.
const ROTTO: &str = "rotto@internet.test";
/// Refused at once.
const NOBODY: &str = "nessuno@internet.test";

/// Postfix as the server of `internet.test`, which both providers find and which finds both.
fn internet(federation: &Federation) -> Postfix {
    let [alfa, beta] = federation
        .sides()
        .map(|side| (side.profile().bind, federation.smtp_port).into());
    let postfix = Postfix::start(
        (INTERNET, federation.smtp_port).into(),
        &PostfixSettings {
            host: "mx.internet.test",
            mailboxes: &[CARLA, LISTA],
            routes: &[("alfa.test", alfa), ("beta.test", beta)],
            tls: true,
            more: &[
                "virtual_alias_maps = inline:{ {rotto@internet.test = sparito@internet.test} }",
            ],
        },
    );
    federation
        .zone
        .mx("internet.test", 10, "mx.internet.test")
        .address_of("mx.internet.test", INTERNET);
    postfix
}

/// The message of a maildir that holds `word`, once it is there.
fn holding(postfix: &Postfix, address: &str, word: &str) -> String {
    let end = std::time::Instant::now() + ceralacca_tests::mailbox::ARRIVAL_WAIT;
    loop {
        let all = postfix.mailbox(address);
        if let Some(found) = all.iter().find(|text| text.contains(word)) {
            return found.clone();
        }
        let late = std::time::Instant::now() > end;
        assert!(
            !late,
            "no {word} for {address}:\n{all:#?}\n{}",
            postfix.log()
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn with_crlf(text: &str) -> Vec<u8> {
    text.replace("\r\n", "\n")
        .replace('\n', "\r\n")
        .into_bytes()
}

/// What Postfix hands in; a body that shows a single changed octet.
fn letter(to: &str, subject: &str) -> String {
    format!(
        "From: Carla <{CARLA}>\r\nTo: {to}\r\nSubject: {subject}\r\n\
         Date: Sun, 22 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{subject}@internet.test>\r\n\r\n\
         Ciao \t=20 = \r\n.punto\r\n\r\nFrom qui  \r\n"
    )
}

/// The enclosed original of an anomaly envelope for ordinary mail, checked whole.
fn anomaly(federation: &Federation, envelope: &Sealed, subject: &str) -> Vec<u8> {
    assert_eq!(envelope.field("X-Trasporto"), "errore");
    assert_eq!(envelope.subject(), format!("ANOMALIA MESSAGGIO: {subject}"));
    assert!(envelope.named("daticert.xml").is_none());
    assert_eq!(envelope.parts.len(), 2);
    let text = envelope.text();
    assert!(text.contains("Anomalia nel messaggio"), "{text}");
    let says = "Tali dati non sono stati certificati per il seguente errore:";
    assert!(text.replace('\n', " ").contains(says), "{text}");
    judged(federation, &[envelope]);
    envelope.original().unwrap().raw
}

/// TE-11, TE-12, TE-16, TE-19, ND-08, MX-07.
#[test]
fn te_12_nd_08_mail_for_the_internet_arrives_signed_and_what_is_refused_comes_back_as_an_anomaly() {
    let federation = Federation::start(&FederationSettings::default());
    let postfix = internet(&federation);
    let anna = federation.alfa.mailbox("anna");
    let to = [CARLA, NOBODY];
    let draft = Draft::new(&anna.address, &to).subject("Fuori");
    anna.send_well(&to, &draft.bytes());
    let came = anna.wait_for(2);
    let acceptance = of_type(&came, "accettazione")[0];
    for address in to {
        let typed = format!("{address} (\"posta ordinaria\")");
        assert!(acceptance.text().contains(&typed), "{}", acceptance.text());
    }
    let arrived = holding(&postfix, CARLA, "X-Trasporto: posta-certificata");
    assert!(arrived.starts_with(&format!("Return-Path: <{}>", anna.address)));
    let arrived = with_crlf(&arrived);
    let envelope = Sealed::parse(&arrived);
    let identifier = acceptance.data().one("identificativo");
    assert_eq!(envelope.field("Message-ID"), format!("<{identifier}>"));
    assert_eq!(
        envelope.data().attributes("destinatari", "tipo"),
        ["esterno", "esterno"]
    );
    judged(&federation, &[&envelope]);
    let dkim = federation.alfa.json(&["domain", "show", "alfa.test"]);
    let [name, text] = ["dkim_name", "dkim_text"].map(|key| dkim[key].as_str().unwrap());
    judge::dkim_accepts(&arrived, name, text);

    let report = came.iter().find(|m| m.type_field() == "errore").unwrap();
    let original = String::from_utf8(report.original().unwrap().raw).unwrap();
    assert!(report.subject().starts_with("ANOMALIA MESSAGGIO: "));
    assert!(original.contains("multipart/report"), "{original}");
    assert!(
        original.contains(NOBODY) && original.contains("550"),
        "{original}"
    );
    judged(&federation, &[acceptance, report]);
    federation.wait_until_at_rest();

    // A report that Postfix makes later passes a mailbox that refuses ordinary mail.
    anna.send_well(&[ROTTO], &Draft::new(&anna.address, &[ROTTO]).bytes());
    let came = anna.wait_for(4);
    let is_report = |m: &&Sealed| m.subject().contains("Undelivered Mail Returned to Sender");
    let report = came.iter().find(is_report).unwrap();
    assert_eq!(report.type_field(), "errore");
    judged(&federation, &[report]);
    // Nothing else follows, and no clock runs.
    federation.wait_until_at_rest();
    federation.advance("25h");
    anna.send_well(
        &[&anna.address],
        &Draft::new(&anna.address, &[&anna.address]).bytes(),
    );
    anna.wait_for(7);
}

/// MX-01 to MX-06, AN-01 to AN-07.
#[test]
fn mx_02_mx_04_mx_05_mx_06_each_mailbox_treats_ordinary_mail_as_its_holder_chose() {
    let federation = Federation::start(&FederationSettings::default());
    let postfix = internet(&federation);
    let alfa = &federation.alfa;
    let [reject, accept, forward, broken] =
        ["rita", "aldo", "franco", "fulvio"].map(|name| alfa.mailbox(name));
    let choose = |mailbox: &Mailbox<'_>, what: &[&str]| {
        alfa.well(&[&["mailbox", "ordinary", &mailbox.address], what].concat());
    };
    choose(&accept, &["accept"]);
    choose(&forward, &["forward", LISTA]);
    choose(&broken, &["forward", ROTTO]);
    for (mailbox, subject) in [
        (&reject, "uno"),
        (&accept, "due"),
        (&forward, "tre"),
        (&broken, "quattro"),
    ] {
        postfix.submit(
            CARLA,
            &[&mailbox.address],
            &letter(&mailbox.address, subject),
        );
    }

    // Rejected: her own server tells her, in our words.
    let daemon = holding(&postfix, CARLA, &reject.address);
    assert!(daemon.contains("MAILER-DAEMON"), "{daemon}");
    assert!(daemon.contains("550 5.7.1"), "{daemon}");
    assert!(reject.messages().is_empty());

    // Accepted: in an anomaly envelope, its octets unchanged.
    let came = accept.wait_for(1).remove(0);
    let original = anomaly(&federation, &came, "due");
    let sent = letter(&accept.address, "due");
    let (_, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(
        original.ends_with(body.as_bytes()),
        "{}",
        String::from_utf8_lossy(&original)
    );
    let behalf = format!("\"Per conto di: {CARLA}\" <posta-certificata@alfa.test>");
    assert_eq!(came.field("From"), behalf);
    assert_eq!(came.field("Message-ID"), "<due@internet.test>");
    let path = String::from_utf8_lossy(&came.message.raw).into_owned();
    assert!(path.contains(&format!("Return-Path: <{CARLA}>")), "{path}");

    // Forwarded: from a sender of ours that leads back, nothing else changed, nothing kept.
    let handed_on = holding(&postfix, LISTA, "<tre@internet.test>");
    assert!(handed_on.starts_with("Return-Path: <SRS0="), "{handed_on}");
    let (_, unsigned) = handed_on.split_once("From: Carla").unwrap();
    let sent = letter(&forward.address, "tre").replace("\r\n", "\n");
    let (_, expected) = sent.split_once("From: Carla").unwrap();
    assert_eq!(unsigned, expected);
    assert!(forward.messages().is_empty());

    // Forwarded to where it cannot be delivered: the report finds its way to her.
    let returned = holding(
        &postfix,
        CARLA,
        "Final-Recipient: rfc822; sparito@internet.test",
    );
    assert!(returned.contains("<quattro@internet.test>"), "{returned}");
    assert!(broken.messages().is_empty());

    // One transaction, two policies: taken once, and a report for the other.
    let both = [reject.address.as_str(), &accept.address];
    postfix.submit(CARLA, &both, &letter(&both.join(", "), "cinque"));
    anomaly(&federation, &accept.wait_for(2)[1], "cinque");
    let report = holding(&postfix, CARLA, "MAILER-DAEMON@alfa.test");
    assert!(report.starts_with("Return-Path: <>"), "{report}");
    assert!(report.contains(&reject.address), "{report}");
    assert!(reject.messages().is_empty());

    // Nothing certified followed from any of it.
    federation.wait_until_at_rest();
    let service = federation.service_mailbox(alfa);
    assert!(service.messages().is_empty());
    assert_eq!(at(alfa, &accept.address).messages().len(), 2);
}

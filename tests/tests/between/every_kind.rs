//! Every row of the table of messages in one federation: made by two providers and their users, judged, and
//! compared with the table, field by field.

use ceralacca_tests::clamd::Clamd;
use ceralacca_tests::compose::Draft;
use ceralacca_tests::federation::{BETA, Federation, of_type};
use ceralacca_tests::judge;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::program::arg;
use ceralacca_tests::sealed::Sealed;
use ceralacca_tests::smtp::SmtpClient;

use crate::virus::{infected, scanned};
use crate::{about, judged};

const SUBJECT: &str = "Perché: tabella";
const SUBJECT_FIELD: &str = "=?utf-8?Q?Perch=C3=A9=3A_tabella?=";

/// A row: what the message is marked by, what its subject begins with, whether it is about a virus.
struct Row {
    marker: (&'static str, &'static str),
    prefix: &'static str,
    is_virus: bool,
    /// `tipo` and `errore` of its certification data.
    data: Option<(&'static str, &'static str)>,
}

const fn row(
    marker: (&'static str, &'static str),
    prefix: &'static str,
    is_virus: bool,
    error: &'static str,
) -> Row {
    Row {
        marker,
        prefix,
        is_virus,
        data: Some((marker.1, error)),
    }
}

const RECEIPT: &str = "X-Ricevuta";
const TRANSPORT: &str = "X-Trasporto";
const LATE: &str = "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO: ";

/// RFC 6109 §3, in its order; the time-out notice stands twice.
const TABLE: [Row; 12] = [
    row(
        (RECEIPT, "non-accettazione"),
        "AVVISO DI NON ACCETTAZIONE: ",
        false,
        "altro",
    ),
    row(
        (RECEIPT, "non-accettazione"),
        "AVVISO DI NON ACCETTAZIONE PER VIRUS: ",
        true,
        "virus",
    ),
    row(
        (RECEIPT, "accettazione"),
        "ACCETTAZIONE: ",
        false,
        "nessuno",
    ),
    row(
        (TRANSPORT, "posta-certificata"),
        "POSTA CERTIFICATA: ",
        false,
        "nessuno",
    ),
    row((RECEIPT, "preavviso-errore-consegna"), LATE, false, "altro"),
    row((RECEIPT, "preavviso-errore-consegna"), LATE, false, "altro"),
    row(
        (RECEIPT, "presa-in-carico"),
        "PRESA IN CARICO: ",
        false,
        "nessuno",
    ),
    Row {
        marker: (TRANSPORT, "errore"),
        prefix: "ANOMALIA MESSAGGIO: ",
        is_virus: false,
        data: None,
    },
    row(
        (RECEIPT, "rilevazione-virus"),
        "PROBLEMA DI SICUREZZA: ",
        false,
        "virus",
    ),
    row(
        (RECEIPT, "errore-consegna"),
        "AVVISO DI MANCATA CONSEGNA PER VIRUS: ",
        true,
        "virus",
    ),
    row(
        (RECEIPT, "avvenuta-consegna"),
        "CONSEGNA: ",
        false,
        "nessuno",
    ),
    row(
        (RECEIPT, "errore-consegna"),
        "AVVISO DI MANCATA CONSEGNA: ",
        false,
        "no-dest",
    ),
];

impl Row {
    fn check(&self, message: &Sealed) {
        let subject = message.subject();
        assert_eq!(subject, format!("{}{SUBJECT}", self.prefix));
        for name in [RECEIPT, TRANSPORT] {
            let expected = (name == self.marker.0).then(|| self.marker.1.to_owned());
            assert_eq!(message.get(name), expected, "{subject}");
        }
        let virus = self.is_virus.then(|| "errore".to_owned());
        assert_eq!(message.get("X-VerificaSicurezza"), virus, "{subject}");
        match self.data {
            Some((kind, error)) => {
                let data = message.data();
                assert_eq!((data.kind(), data.error()), (kind.into(), error.into()));
                let reference = message.field("X-Riferimento-Message-ID");
                assert_eq!(data.one("msgid"), reference, "{subject}");
            }
            None => assert!(message.named("daticert.xml").is_none(), "{subject}"),
        }
        let is_enclosed = matches!(
            self.marker.1,
            "posta-certificata" | "errore" | "avvenuta-consegna"
        );
        assert_eq!(message.original().is_some(), is_enclosed, "{subject}");
        assert!(message.get("Date").is_some() && message.get("Sender").is_none());
    }
}

/// The one message of a recipient about whom it speaks.
fn the_one(messages: &[Sealed], value: &str, recipient: &str) -> Sealed {
    let found = about(messages, value, recipient);
    assert_eq!(found.len(), 1, "{value} of {recipient}");
    found[0].clone()
}

fn draft(from: &Mailbox<'_>, to: &str) -> Draft {
    Draft::new(&from.address, &[to]).subject(SUBJECT_FIELD)
}

/// Ordinary mail as a host of the Internet hands it over.
fn from_the_internet(federation: &Federation, to: &str) {
    let place = std::net::SocketAddr::from((BETA.bind, federation.smtp_port));
    let mut stranger = SmtpClient::plain(place).unwrap();
    stranger.ehlo();
    let message = Draft::new("carla@internet.test", &[to]).subject(SUBJECT_FIELD);
    let reply = stranger.send("carla@internet.test", &[to], &message.bytes());
    assert_eq!(reply.code, 250, "{reply:?}");
}

/// All twelve, in the order of the table.
fn produced(federation: &Federation) -> Vec<Sealed> {
    let anna = federation.alfa.mailbox("anna");
    let (bruno, aldo) = (
        federation.beta.mailbox("bruno"),
        federation.beta.mailbox("aldo"),
    );
    let hidden = draft(&bruno, &anna.address).field("Bcc", "dario@alfa.test");
    bruno.send_well(&[&anna.address], &hidden.bytes());
    let virus = infected(&bruno, &anna.address).subject(SUBJECT_FIELD);
    bruno.send_well(&[&anna.address], &virus.bytes());
    let refused = bruno.wait_for(2);

    federation
        .beta
        .well(&["mailbox", "ordinary", &aldo.address, "accept"]);
    from_the_internet(federation, &aldo.address);
    let anomaly = aldo.wait_for(1).remove(0);

    let nobody = "nessuno@beta.test";
    anna.send_well(&[&bruno.address], &draft(&anna, &bruno.address).bytes());
    let envelope = bruno.wait_for(3).remove(2);
    let virus = infected(&anna, &aldo.address).subject(SUBJECT_FIELD);
    anna.send_well(&[&aldo.address], &virus.bytes());
    anna.send_well(&[nobody], &draft(&anna, nobody).bytes());
    anna.wait_for(6);
    let service = federation.service_mailbox(&federation.alfa).wait_for(4);

    federation.zone.fails("beta.test", true);
    let lost = "lontano@beta.test";
    anna.send_well(&[lost], &draft(&anna, lost).bytes());
    anna.wait_for(7);
    federation.advance("12h 5m");
    anna.wait_for(8);
    federation.advance("11h 30m");
    let came = anna.wait_for(9);
    let late = about(&came, "preavviso-errore-consegna", lost);
    assert!(late[0].data().one("errore-esteso").starts_with("4.4.1"));
    assert!(late[1].data().one("errore-esteso").starts_with("5.4.1"));

    let by_virus = |wanted: bool| {
        let has = |m: &&Sealed| m.get("X-VerificaSicurezza").is_some() == wanted;
        refused.iter().find(has).unwrap().clone()
    };
    let delivery = the_one(&came, "avvenuta-consegna", &bruno.address);
    let identifier = delivery.data().one("identificativo");
    assert_eq!(envelope.field("Message-ID"), format!("<{identifier}>"));
    let detection = of_type(&service, "rilevazione-virus")[0].clone();
    assert_eq!(detection.field("X-Mittente"), anna.address);
    vec![
        by_virus(false),
        by_virus(true),
        of_type(&came, "accettazione")[0].clone(),
        envelope,
        late[0].clone(),
        late[1].clone(),
        of_type(&service, "presa-in-carico")[0].clone(),
        anomaly,
        detection,
        the_one(&came, "errore-consegna", &aldo.address),
        delivery,
        the_one(&came, "errore-consegna", nobody),
    ]
}

#[test]
fn cd_04_all_eleven_kinds_and_both_time_out_notices_are_as_the_table_says_and_genuine() {
    let clamd = Clamd::start();
    let federation = scanned(&clamd);
    let all = produced(&federation);
    assert_eq!(all.len(), TABLE.len());
    for (row, message) in TABLE.iter().zip(&all) {
        row.check(message);
    }
    judged(&federation, &all.iter().collect::<Vec<_>>());
    let files: Vec<_> = (0..all.len())
        .map(|n| federation.write(&format!("kind-{n}"), &all[n]))
        .collect();
    let files: Vec<&str> = files.iter().map(|file| arg(file)).collect();
    judge::python_accepts(&files, &federation.anchors());
    // A single changed octet, and no judge takes any of them.
    for (number, message) in all.iter().enumerate() {
        let mut raw = message.message.raw.clone();
        let at = ceralacca_tests::message::find(&raw, b"Content-Type: text/plain").unwrap();
        raw[at + 14] ^= 0x20;
        let harmed = federation.write(&format!("harmed-{number}"), &Sealed::parse(&raw));
        let anchors = federation.anchors();
        assert!(!judge::openssl(&harmed, &anchors).status.success());
        assert!(!judge::own_verifier(&harmed, &anchors).status.success());
    }
}

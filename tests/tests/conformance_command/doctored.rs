//! Each check is seen failing: one healthy run is observed, then a doctored copy of it for each row of
//! the check list. A row without its cut, or a cut that its check does not see, fails the test.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ceralacca_admin::conformance::case::Verdict;
use ceralacca_admin::conformance::checks;
use ceralacca_admin::conformance::letter::Letter;
use ceralacca_admin::conformance::observed::Observed;
use ceralacca_admin::conformance::run::{Order, observe};
use ceralacca_admin::conformance::settings::Settings;
use ceralacca_admin::conformance::{chosen, judge};
use ceralacca_core::address::Domain;
use ceralacca_core::directory::{Directory, ProviderRecord};
use ceralacca_core::wording::words::MessageKind::{
    self, Acceptance, Delivery, NonAcceptance, NonDelivery, TransportEnvelope,
};
use ceralacca_hsm::authority::Deviation;
use ceralacca_tests::appliance::Appliance;

use crate::Subject;
use crate::resign::Seal;
use crate::surgery::{
    accept, add_field, add_part, change, every, first, lose, reply, stray, trial, turn_hashes, xml,
};

/// A healthy run, once for all the tests of this process.
fn healthy() -> &'static Observed {
    static HEALTHY: OnceLock<Observed> = OnceLock::new();
    HEALTHY.get_or_init(|| {
        let appliance = Appliance::start();
        let subject = Subject::of(&appliance, "");
        let settings = Settings::load(&subject.settings).unwrap();
        let mut observed = observe(&Order {
            settings: &settings,
            scenarios: None,
            say: &|_| {},
        })
        .unwrap();
        // Megabytes of filler would be copied for every cut.
        for name in ["too-large", "product"] {
            let sent = &mut trial(&mut observed, name).sent;
            *sent = Letter::new(sent.name(), sent.octets()[..2000].to_vec());
        }
        observed
    })
}

/// Sets another letter's identifier as this one's own `Message-ID:`.
fn with_identifier_as_own(letter: &Letter) -> Letter {
    let text = String::from_utf8(letter.octets().to_vec()).unwrap();
    let own = letter.value("Message-ID").unwrap();
    let identifier = format!("<{}>", letter.data().unwrap().identifier());
    Letter::new(letter.name(), text.replace(&own, &identifier).into_bytes())
}

fn resigned(observed: &mut Observed, deviations: &[Deviation], chained: bool) {
    let seal = Seal::new();
    change(observed, "standard", Acceptance, |l| {
        seal.sign(l, deviations, chained)
    });
}

type Cut = fn(&mut Observed);

/// The requirement, and a cut that breaks it.
const CASES: &[(&str, Cut)] = &[
    ("AP-01", |o| {
        reply(o, "before-signing-in", 1, 250, "2.1.0 ok")
    }),
    ("AP-01", |o| reply(o, "before-signing-in", -1, 354, "go on")),
    ("AP-02", |o| reply(o, "reverse-paths", 1, 250, "2.1.0 ok")),
    ("AP-02", |o| reply(o, "reverse-paths", 2, 250, "2.1.0 ok")),
    ("AP-02", |o| reply(o, "reverse-paths", 3, 553, "5.7.1 no")),
    ("AP-03", |o| accept(o, "second-subject")),
    ("AP-03", |o| accept(o, "no-date")),
    ("AP-03", |o| accept(o, "raw-header")),
    ("AP-03", |o| accept(o, "long-line")),
    ("AP-03", |o| accept(o, "no-field")),
    ("AP-03", |o| lose(o, "obsolete", Acceptance)),
    ("AP-04", |o| accept(o, "no-from")),
    ("AP-04", |o| accept(o, "two-from")),
    ("AP-05", |o| accept(o, "no-to")),
    ("AP-05", |o| accept(o, "only-cc")),
    ("AP-06", |o| accept(o, "other-from")),
    ("AP-06", |o| lose(o, "case", Acceptance)),
    ("AP-07", |o| accept(o, "hidden")),
    ("AP-08", |o| accept(o, "bcc")),
    ("AP-08", |o| lose(o, "empty-bcc", Acceptance)),
    ("AP-09", |o| accept(o, "too-large")),
    ("AP-10", |o| accept(o, "product")),
    ("AP-11", |o| accept(o, "many")),
    ("AP-12", |o| {
        stray(o, ("standard", TransportEnvelope), "hidden", false)
    }),
    ("AP-13", |o| {
        stray(o, ("bcc", NonAcceptance), "hidden", true)
    }),
    ("AP-13", |o| {
        first(
            o,
            "bcc",
            NonAcceptance,
            "AVVISO DI NON ACC",
            "AVVISO DI ACC",
        )
    }),
    ("AP-14", |o| {
        xml(
            o,
            "hidden",
            NonAcceptance,
            "errore=\"altro\"",
            "errore=\"virus\"",
        )
    }),
    ("AP-14", |o| add_part(o, "bcc", NonAcceptance, ENCLOSED)),
    ("AP-14", |o| {
        every(
            o,
            "bcc",
            NonAcceptance,
            "Errore nell'acc",
            "Errore dell'acc",
        )
    }),
    ("AP-15", |o| reply(o, "size", -1, 250, "2.1.0 ok")),
    ("AP-15", |o| reply(o, "size", 0, 250, "host\nSIZE 1000")),
    ("AP-16", |o| {
        reply(o, "recipients", 500, 452, "4.5.3 enough")
    }),
    ("AP-17", |o| {
        every(o, "hidden", NonAcceptance, "Identificativo", "Numero")
    }),
    ("AP-18", |o| {
        xml(
            o,
            "external",
            Acceptance,
            "tipo=\"esterno\"",
            "tipo=\"certificato\"",
        )
    }),
    ("AP-18", |o| {
        xml(
            o,
            "case",
            Acceptance,
            "tipo=\"certificato\"",
            "tipo=\"esterno\"",
        )
    }),
    ("AP-19", |o| {
        first(o, "standard", Acceptance, "ACCETTAZIONE: ", "RICEVUTA: ")
    }),
    ("AP-19", |o| {
        first(o, "standard", Acceptance, "X-Riferimento-", "X-Altro-")
    }),
    ("AP-20", |o| {
        every(
            o,
            "standard",
            Acceptance,
            "(\"posta certificata\")",
            "(\"posta ord\")",
        )
    }),
    ("AP-20", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "errore=\"nessuno\"",
            "errore=\"altro\"",
        )
    }),
    ("AP-20", |o| add_part(o, "standard", Acceptance, ENCLOSED)),
    ("AP-21", |o| {
        first(
            o,
            "replies",
            Delivery,
            "To: ",
            "To: one@replies.example\r\nX-To: ",
        )
    }),
    ("AP-22", |o| {
        stray(o, ("standard", Acceptance), "broken", true)
    }),
    ("AP-23", |o| {
        stray(o, ("standard", Delivery), "repeated", true)
    }),
    ("AP-23", |o| {
        xml(
            o,
            "repeated",
            Acceptance,
            "<risposte>",
            "<destinatari>a@b.test</destinatari><risposte>",
        )
    }),
    ("AP-24", |o| {
        xml(
            o,
            "wider",
            TransportEnvelope,
            "<risposte>",
            "<destinatari>other@elsewhere.example</destinatari><risposte>",
        )
    }),
    ("AP-25", |o| {
        every(
            o,
            "eight-bit",
            TransportEnvelope,
            "perch=C3=A9",
            "perch=C3=A8",
        )
    }),
    ("AP-25", |o| {
        change(o, "eight-bit", TransportEnvelope, |l| {
            let text = String::from_utf8(l.octets().to_vec()).unwrap();
            Letter::new(
                l.name(),
                text.replace("perch=C3=A9", "perch\u{e9}").into_bytes(),
            )
        })
    }),
    ("AP-25", |o| {
        every(
            o,
            "eight-bit",
            TransportEnvelope,
            "perch=C3=A9",
            "perch=C3=A8",
        )
    }),
    ("AP-25", |o| {
        change(o, "eight-bit", TransportEnvelope, |l| {
            let text = String::from_utf8(l.octets().to_vec()).unwrap();
            Letter::new(
                l.name(),
                text.replace("perch=C3=A9", "perch\u{e9}").into_bytes(),
            )
        })
    }),
    ("AP-27", |o| {
        trial(o, "standard").answered_after = Some(Duration::from_secs(61))
    }),
    ("AP-29", |o| set_code(o, "hidden", 550)),
    ("AP-30", |o| lose(o, "unknown", NonDelivery)),
    ("AP-30", |o| set_code(o, "unknown", 550)),
    ("AP-31", |o| {
        reply(o, "characters", 0, 250, "host\n8BITMIME\nSMTPUTF8")
    }),
    ("AP-31", |o| reply(o, "characters", 0, 250, "host\nSIZE 1")),
    ("AP-31", |o| reply(o, "characters", -1, 250, "2.1.5 ok")),
    ("CD-01", |o| {
        every(o, "standard", Acceptance, "application/xml", "text/xml")
    }),
    ("CD-01", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "<postacert",
            "<!DOCTYPE x><postacert",
        )
    }),
    ("CD-01", |o| {
        xml(o, "standard", Acceptance, "UTF-8", "latin1")
    }),
    ("CD-02", |o| {
        xml(o, "standard", Acceptance, "risposte>", "risposta>")
    }),
    ("CD-02", |o| {
        xml(
            o,
            "standard",
            Delivery,
            "tipo=\"completa\"",
            "tipo=\"piena\"",
        )
    }),
    ("CD-02", |o| {
        xml(
            o,
            "standard",
            Delivery,
            "<msgid>",
            "<consegna>a@b.test</consegna><msgid>",
        )
    }),
    ("CD-03", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "tipo=\"accettazione\"",
            "tipo=\"presa-in-carico\"",
        )
    }),
    ("CD-04", |o| {
        xml(o, "standard", Acceptance, " errore=\"nessuno\"", "")
    }),
    ("CD-05", |o| {
        xml(o, "standard", Acceptance, " tipo=\"certificato\"", "")
    }),
    ("CD-05", |o| {
        xml(
            o,
            "no-subject",
            Acceptance,
            "</intestazione>",
            "<oggetto/></intestazione>",
        )
    }),
    ("CD-06", |o| {
        xml(o, "case", Acceptance, "<mittente>", "<mittente>x")
    }),
    ("CD-06", |o| {
        xml(o, "wider", Delivery, "certificato\">", "certificato\">x")
    }),
    ("CD-07", |o| {
        xml(o, "standard", Acceptance, "<risposte>", "<risposte>x")
    }),
    ("CD-07", |o| {
        xml(
            o,
            "replies",
            TransportEnvelope,
            "<risposte>one@replies.example, ",
            "<risposte>",
        )
    }),
    ("CD-08", |o| {
        xml(o, "standard", Delivery, "<oggetto>", "<oggetto>x")
    }),
    ("CD-08", |o| {
        xml(o, "injection", Acceptance, "<oggetto>uno", "<oggetto>due")
    }),
    ("CD-09", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "</dati>",
            "<consegna>a@b.test</consegna></dati>",
        )
    }),
    ("CD-09", |o| {
        xml(o, "unknown", NonDelivery, "errore-esteso>", "errore>")
    }),
    ("CD-10", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "Gestore di Prova",
            "Altro Gestore",
        )
    }),
    ("CD-11", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "<identificativo>",
            "<identificativo>&lt;",
        )
    }),
    ("CD-11", |o| {
        xml(o, "standard", Acceptance, "<msgid>&lt;", "<msgid>")
    }),
    ("CD-12", |o| {
        xml(
            o,
            "standard",
            Delivery,
            "<identificativo>",
            "<identificativo>x",
        )
    }),
    ("CD-12", |o| {
        xml(o, "unknown", NonDelivery, "<mittente>", "<mittente>x")
    }),
    ("CD-13", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "<identificativo>",
            "<identificativo>x",
        )
    }),
    ("CD-13", |o| {
        xml(o, "unknown", NonDelivery, "<consegna>", "<consegna>x")
    }),
    ("DR-01", |o| {
        first(o, "standard", Delivery, "CONSEGNA: ", "RICEVUTA: ")
    }),
    ("DR-01", |o| {
        first(o, "brief", Delivery, "Date: ", "X-Date: ")
    }),
    ("DR-01", |o| lose(o, "standard", Delivery)),
    ("DR-02", |o| {
        first(
            o,
            "standard",
            Delivery,
            "To: ",
            "To: other@replies.example\r\nX-To: ",
        )
    }),
    ("DR-02", |o| {
        first(
            o,
            "standard",
            Delivery,
            "From: posta-cert",
            "From: posta-ord",
        )
    }),
    ("DR-03", |o| {
        every(
            o,
            "standard",
            Delivery,
            "Ricevuta di avvenuta",
            "Ricevuta breve di avvenuta",
        )
    }),
    ("DR-03", |o| {
        every(
            o,
            "standard",
            Delivery,
            "Ricevuta sintetica di",
            "Ricevuta di",
        )
    }),
    ("DR-04", |o| {
        every(o, "brief", Delivery, "Ricevuta breve di", "Ricevuta di")
    }),
    ("DR-05", |o| {
        every(
            o,
            "concise",
            Delivery,
            "Ricevuta sintetica di",
            "Ricevuta di",
        )
    }),
    ("DR-06", |o| {
        every(
            o,
            "twofold",
            Delivery,
            "Ricevuta di avv",
            "Ricevuta sintetica di avv",
        )
    }),
    ("DR-07", |o| {
        every(o, "standard", Delivery, "Good day.", "Good dax.")
    }),
    ("DR-08", |o| add_part(o, "concise", Delivery, ENCLOSED)),
    ("DR-09", |o| {
        every(o, "brief", Delivery, "Ricevuta breve di", "Ricevuta di")
    }),
    ("DR-10", |o| {
        first(
            o,
            "brief",
            Delivery,
            "text/plain; charset=us-ascii;",
            "application/pdf;",
        )
    }),
    ("DR-10", |o| {
        every(o, "brief", Delivery, "Good day.", "Good dax.")
    }),
    ("DR-11", |o| turn_hashes(o, "brief")),
    ("DR-11", |o| {
        every(o, "single", Delivery, "7bit\r\n\r\n", "7bit\r\n\r\n ")
    }),
    ("DR-12", |o| {
        every(o, "brief", Delivery, "atto.pdf.hash", "atto.hash")
    }),
    ("DR-13", |o| turn_hashes(o, "brief")),
    ("DR-13", |o| turn_hashes(o, "signed")),
    ("DR-14", |o| {
        every(o, "brief", Delivery, "message.eml.hash", "x.hash")
    }),
    ("DR-15", |o| {
        every(o, "signed", Delivery, "\r\nMIIB\r\n", "\r\nMIIC\r\n")
    }),
    ("DR-15", |o| {
        first(
            o,
            "signed",
            Delivery,
            "text/plain; charset=us-ascii;",
            "application/pdf;",
        )
    }),
    ("DR-16", |o| {
        every(o, "opaque", Delivery, "\r\nMIIB\r\n", "\r\nMIIC\r\n")
    }),
    ("DR-17", |o| {
        every(
            o,
            "brief",
            Delivery,
            "\r\nSubject: Conf",
            "\r\nSubject: conf",
        )
    }),
    ("DR-17", |o| {
        every(o, "signed", Delivery, "Good day.", "Good dax.")
    }),
    ("DR-17", |o| {
        every(
            o,
            "single",
            Delivery,
            "\r\nSubject: Conf",
            "\r\nSubject: conf",
        )
    }),
    ("DR-18", |o| {
        xml(
            o,
            "standard",
            Delivery,
            "tipo=\"completa\"",
            "tipo=\"breve\"",
        )
    }),
    ("DR-18", |o| {
        xml(o, "concise", Delivery, "<consegna>", "<consegna>x")
    }),
    ("DR-19", |o| {
        every(
            o,
            "standard",
            Delivery,
            "casella di destinazione",
            "casella",
        )
    }),
    ("DR-20", |o| {
        every(o, "single", Delivery, "Ricevuta breve di", "Ricevuta di")
    }),
    ("IP-03", |o| {
        index(o, |record| record.certificates = vec![Seal::new().anchor()])
    }),
    ("IP-06", |o| {
        index(o, |record| {
            record.domains = vec![Domain::parse("altra.test").unwrap()]
        })
    }),
    ("IP-04", |o| {
        every(o, "standard", Delivery, "Good day.", "Good dax.")
    }),
    ("IP-04", |o| o.anchors = vec![Seal::new().anchor()]),
    ("IP-04", |o| {
        o.at = o.at.plus_millis(-365 * 24 * 60 * 60 * 1000)
    }),
    ("IP-05", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "tipo=\"accettazione\"",
            "tipo=\"avvenuta-consegna\"",
        )
    }),
    ("IP-05", |o| {
        add_field(o, "standard", Acceptance, "X-Trasporto: errore")
    }),
    ("ND-01", |o| {
        first(
            o,
            "unknown",
            NonDelivery,
            "AVVISO DI MANCATA",
            "AVVISO DI AVVENUTA",
        )
    }),
    ("ND-01", |o| {
        stray(o, ("unknown", NonDelivery), "unknown", true)
    }),
    ("ND-02", |o| {
        every(
            o,
            "unknown",
            NonDelivery,
            "Avviso di mancata",
            "Avviso di avvenuta",
        )
    }),
    ("ND-02", |o| add_part(o, "unknown", NonDelivery, ENCLOSED)),
    ("ND-03", |o| {
        xml(
            o,
            "unknown",
            NonDelivery,
            "errore=\"no-dest\"",
            "errore=\"altro\"",
        )
    }),
    ("ND-03", |o| {
        xml(o, "unknown", NonDelivery, "<consegna>", "<consegna>x")
    }),
    ("ND-04", |o| xml(o, "unknown", NonDelivery, "5.1.1 - ", "")),
    ("ND-04", |o| {
        xml(
            o,
            "unknown",
            NonDelivery,
            "5.1.1 - Gestore",
            "5.1.1 - Altro",
        )
    }),
    ("SE-03", |o| {
        add_field(
            o,
            "forged",
            Acceptance,
            "X-Mittente: another@forged.example",
        )
    }),
    ("SE-03", |o| {
        every(
            o,
            "forged",
            TransportEnvelope,
            "\r\nX-Mittente: another",
            "\r\nX-M: another",
        )
    }),
    ("SE-04", |o| reply(o, "bare-line-feed", -2, 250, "2.0.0 ok")),
    ("SE-04", |o| {
        reply(o, "bare-line-feed", -1, 500, "5.5.2 what")
    }),
    ("SE-06", |o| {
        add_field(o, "injection", Acceptance, "Bcc: x@y.example")
    }),
    ("SE-06", |o| {
        xml(o, "injection", Delivery, "</oggetto>", "</oggetto><falso/>")
    }),
    ("SE-06", |o| {
        every(
            o,
            "injection",
            Delivery,
            "Ricevuta di avv",
            "Ricevuta di avv=07",
        )
    }),
    ("SG-01", |o| {
        first(
            o,
            "standard",
            Acceptance,
            "multipart/signed",
            "multipart/mixed",
        )
    }),
    ("SG-01", |o| {
        every(o, "standard", Acceptance, "smime.p7s", "firma.p7s")
    }),
    ("SG-02", |o| add_part(o, "standard", Acceptance, ENCLOSED)),
    ("SG-02", |o| {
        every(
            o,
            "standard",
            TransportEnvelope,
            "name=\"postacert.eml\"",
            "name=\"x.eml\"",
        )
    }),
    ("SG-02", |o| {
        every(
            o,
            "standard",
            Acceptance,
            "name=\"daticert.xml\"",
            "name=\"x.xml\"",
        )
    }),
    ("SG-03", |o| resigned(o, &[], false)),
    ("SG-04", |o| {
        first(
            o,
            "standard",
            Acceptance,
            "micalg=\"sha-256\"",
            "micalg=\"sha1\"",
        )
    }),
    ("SG-05", |o| {
        first(
            o,
            "standard",
            Acceptance,
            "From: posta-certificata@pec",
            "From: posta-certificata@altra",
        )
    }),
    ("SG-05", |o| {
        resigned(o, &[Deviation::OtherMailAddress], true)
    }),
    ("SG-06", |o| {
        every(o, "standard", Acceptance, "iso-8859-1", "utf-8")
    }),
    ("SG-06", |o| {
        every(o, "standard", Acceptance, "&#8364;", "&euro;")
    }),
    ("SG-07", |o| {
        every(o, "standard", Acceptance, "<p>", "<p><script>")
    }),
    ("SG-08", |o| {
        change(o, "standard", Acceptance, |l| {
            Letter::new(l.name(), [l.octets(), b"\xe9\r\n"].concat())
        })
    }),
    ("SG-09", |o| {
        index(o, |record| record.name = "Altro Gestore".to_owned())
    }),
    ("SG-09", |o| {
        resigned(o, &[Deviation::OtherProviderName], true)
    }),
    ("SG-10", |o| {
        resigned(o, &[Deviation::BasicConstraints], true)
    }),
    ("SG-10", |o| {
        resigned(o, &[Deviation::KeyUsageNotCritical], true)
    }),
    ("SG-13", |o| {
        change(o, "standard", Acceptance, with_identifier_as_own)
    }),
    ("SG-13", |o| {
        stray(o, ("standard", Acceptance), "brief", true)
    }),
    ("SG-16", |o| {
        every(o, "standard", TransportEnvelope, "Good day.", "Good dax.")
    }),
    ("SG-18", |o| {
        first(o, "standard", Acceptance, "Date: ", "X-Date: ")
    }),
    ("SG-18", |o| {
        add_field(
            o,
            "no-id",
            Acceptance,
            "X-Riferimento-Message-ID: <a@b.example>",
        )
    }),
    ("SG-19", |o| {
        add_field(o, "standard", Acceptance, "X-Priority: 1")
    }),
    ("SG-19", |o| {
        add_field(o, "replies", Delivery, "Reply-To: one@replies.example")
    }),
    ("SG-20", |o| {
        every(
            o,
            "standard",
            Acceptance,
            "Identificativo mess",
            "Numero del mess",
        )
    }),
    ("SG-20", |o| {
        every(
            o,
            "standard",
            Acceptance,
            "stato accettato dal sistema",
            "stato visto",
        )
    }),
    ("TE-01", |o| trial(o, "standard").recipient.clear()),
    ("TE-01", |o| {
        stray(o, ("standard", TransportEnvelope), "standard", false)
    }),
    ("TE-02", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "Rossi,  Mario",
            "Rossi, Mario",
        )
    }),
    ("TE-02", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "Received: from first",
            "Received: from third",
        )
    }),
    ("TE-03", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "Reply-To: ",
            "Reply-To: x",
        )
    }),
    ("TE-03", |o| {
        first(
            o,
            "replies",
            TransportEnvelope,
            "Reply-To: One",
            "Reply-To: Uno",
        )
    }),
    ("TE-04", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "Per conto di: ",
            "Da parte di: ",
        )
    }),
    ("TE-04", |o| {
        first(
            o,
            "injection",
            TransportEnvelope,
            "<posta-certificata@",
            "<posta@",
        )
    }),
    ("TE-05", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "POSTA CERTIFICATA: ",
            "POSTA: ",
        )
    }),
    ("TE-06", |o| {
        first(o, "standard", TransportEnvelope, "Date: ", OTHER_DATE)
    }),
    ("TE-07", |o| {
        first(
            o,
            "standard",
            TransportEnvelope,
            "Message-ID: <",
            "Message-ID: <x",
        )
    }),
    ("TE-07", |o| {
        every(
            o,
            "no-id",
            TransportEnvelope,
            "Message-ID: <",
            "Message-ID: <x",
        )
    }),
    ("TE-08", |o| {
        first(
            o,
            "brief",
            TransportEnvelope,
            "X-TipoRicevuta: breve",
            "X-TipoRicevuta: Breve",
        )
    }),
    ("TE-08", |o| {
        add_field(
            o,
            "other-word",
            TransportEnvelope,
            "X-TipoRicevuta: complet",
        )
    }),
    ("TE-08", |o| {
        xml(
            o,
            "other-word",
            TransportEnvelope,
            "tipo=\"completa\"",
            "tipo=\"breve\"",
        )
    }),
    ("TE-09", |o| {
        every(
            o,
            "standard",
            TransportEnvelope,
            "Messaggio di posta",
            "Messaggio per posta",
        )
    }),
    ("TE-09", |o| {
        every(
            o,
            "standard",
            TransportEnvelope,
            "name=\"postacert.eml\"",
            "name=\"x.eml\"",
        )
    }),
    ("TE-10", |o| {
        every(o, "standard", TransportEnvelope, "Good day.", "Good dax.")
    }),
    ("TE-10", |o| {
        every(
            o,
            "standard",
            TransportEnvelope,
            "X-Priority: 1",
            "X-Priority: 2",
        )
    }),
    ("TE-13", |o| lose(o, "standard", Delivery)),
    ("TE-17", |o| {
        add_field(o, "standard", Acceptance, "Sender: a@pec.test")
    }),
    ("TM-01", |o| {
        first(o, "standard", Acceptance, "Date: ", OTHER_DATE)
    }),
    ("TM-02", |o| every(o, "standard", Acceptance, "(+0", "(-0")),
    ("TM-03", |o| {
        xml(o, "standard", Acceptance, "zona=\"+0", "zona=\"+0:")
    }),
    ("TM-03", |o| {
        xml(o, "standard", Acceptance, "<giorno>", "<giorno>0")
    }),
    ("TM-04", |o| {
        xml(o, "standard", Acceptance, "zona=\"+0", "zona=\"-0")
    }),
    ("TM-05", |o| {
        let trial = trial(o, "standard");
        trial.sent_at = trial.sent_at.plus_millis(3_600_000);
    }),
    ("TM-06", |o| {
        xml(
            o,
            "standard",
            Acceptance,
            "<identificativo>",
            "<identificativo>a b",
        )
    }),
    ("TM-06", |o| {
        lose(o, "brief", Acceptance);
        stray(o, ("standard", Acceptance), "brief", true);
        trial(o, "brief").sender.rotate_right(1);
    }),
    ("TM-07", |o| {
        first(
            o,
            "standard",
            Delivery,
            "X-Riferimento-Message-ID: <",
            "X-Riferimento-Message-ID: <x",
        )
    }),
    ("TM-07", |o| {
        add_field(
            o,
            "no-id",
            Delivery,
            "X-Riferimento-Message-ID: <a@b.example>",
        )
    }),
    ("TM-08", |o| {
        add_field(
            o,
            "reference",
            Acceptance,
            "X-Riferimento-Message-ID: <false@forged.example>",
        )
    }),
    ("TM-08", |o| {
        add_field(o, "references", Delivery, "X-Altro: <false@forged.example>")
    }),
];

/// An original where none may be.
const ENCLOSED: &str =
    "Content-Type: message/rfc822; name=\"postacert.eml\"\r\n\r\nFrom: a@b.example\r\n\r\nciao";
const OTHER_DATE: &str = "Date: Sun, 22 Nov 2020 10:00:00 +0100\r\nX-Date: ";

/// Another index, with the provider's record edited.
fn index(observed: &mut Observed, edit: fn(&mut ProviderRecord)) {
    let directory = observed.directory.as_ref().expect("an index");
    let mut record = directory.records()[0].clone();
    edit(&mut record);
    observed.directory = Some(Arc::new(Directory::of(None, vec![record])));
}

fn set_code(observed: &mut Observed, name: &str, code: u16) {
    let reply = trial(observed, name).reply.as_mut().expect("a reply");
    reply.code = code;
}

#[test]
fn a_healthy_run_passes_what_the_cuts_break() {
    for check in checks::all() {
        let finding = judge(check, healthy());
        assert_eq!(
            finding.verdict,
            Verdict::Pass,
            "{}: {:?}",
            check.id,
            finding.evidence
        );
    }
}

#[test]
fn each_check_has_been_seen_failing() {
    let mut seen = BTreeSet::new();
    let mut blind = Vec::new();
    for (number, (id, cut)) in CASES.iter().enumerate() {
        let check = chosen(&[(*id).to_owned()])
            .expect("in the check list")
            .remove(0);
        let mut doctored = healthy().clone();
        cut(&mut doctored);
        let finding = judge(check, &doctored);
        if finding.verdict == Verdict::Fail {
            seen.insert(check.id);
        } else {
            blind.push(format!(
                "case {number}, {id}: {:?} {:?}",
                finding.verdict, finding.evidence
            ));
        }
    }
    assert!(
        blind.is_empty(),
        "cuts that were not seen:\n{}",
        blind.join("\n")
    );
    let vacuous: Vec<_> = checks::all()
        .into_iter()
        .filter(|c| !seen.contains(c.id))
        .collect();
    let vacuous: Vec<_> = vacuous.iter().map(|check| check.id).collect();
    assert!(
        vacuous.is_empty(),
        "checks that nothing makes fail: {vacuous:?}"
    );
}

#[test]
fn what_was_not_sent_is_not_applicable_and_what_did_not_come_is_an_error() {
    let mut observed = healthy().clone();
    observed.trials.remove("external");
    observed
        .left_out
        .insert("external", "no ordinary address was given".to_owned());
    let check = chosen(&["AP-18".to_owned()]).unwrap().remove(0);
    let finding = judge(check, &observed);
    assert_eq!(
        finding.verdict,
        Verdict::NotApplicable,
        "{:?}",
        finding.evidence
    );
    assert!(
        finding.evidence[0].contains("ordinary address"),
        "{:?}",
        finding.evidence
    );

    let mut observed = healthy().clone();
    lose(&mut observed, "standard", MessageKind::TransportEnvelope);
    let check = chosen(&["TE-02".to_owned()]).unwrap().remove(0);
    let finding = judge(check, &observed);
    assert_eq!(finding.verdict, Verdict::Error, "{:?}", finding.evidence);
}

/// A run with a mailbox at another provider: the last message, its answer made by somebody else.
fn with_remote() -> Observed {
    let mut observed = healthy().clone();
    let mut trial = observed.trials.remove("fence").expect("the last message");
    let renamed = |letter: &Letter| {
        let name = letter.name().replace("fence/", "remote/");
        Letter::new(name, letter.octets().to_vec())
    };
    trial.name = "remote";
    trial.to = vec![REMOTE.to_owned()];
    trial.remote = trial
        .recipient
        .drain(..)
        .map(|letter| renamed(&letter))
        .collect();
    trial.sender = trial.sender.iter().map(renamed).collect();
    observed.trials.insert("remote", trial);
    observed.cast.remote = Some(REMOTE.to_owned());
    let here = "From: posta-certificata@pec.test";
    first(
        &mut observed,
        "remote",
        Delivery,
        here,
        "From: posta-certificata@altra.test",
    );
    xml(
        &mut observed,
        "remote",
        Delivery,
        "Gestore di Prova",
        "Altro Gestore",
    );
    observed
}

const REMOTE: &str = "anna@altra.test";

/// Checks that look at the answers of another provider, and a cut that breaks each there.
const REMOTE_CASES: &[(&str, Cut)] = &[
    ("DR-01", |o| {
        first(o, "remote", Delivery, "CONSEGNA: ", "RICEVUTA: ")
    }),
    ("DR-02", |o| {
        first(o, "remote", Delivery, "@altra.test", "@pec.test")
    }),
    ("DR-07", |o| {
        every(
            o,
            "remote",
            Delivery,
            "conformance check list",
            "conformance check lisp",
        )
    }),
    ("CD-10", |o| {
        xml(o, "remote", Delivery, "Altro Gestore", "Gestore di Prova")
    }),
    ("CD-12", |o| {
        xml(
            o,
            "remote",
            Delivery,
            "<identificativo>",
            "<identificativo>x",
        )
    }),
];

#[test]
fn what_another_provider_answers_is_judged_as_its_own() {
    for check in checks::all() {
        let finding = judge(check, &with_remote());
        assert_eq!(
            finding.verdict,
            Verdict::Pass,
            "{}: {:?}",
            check.id,
            finding.evidence
        );
    }
    for (id, cut) in REMOTE_CASES {
        let check = chosen(&[(*id).to_owned()])
            .expect("in the check list")
            .remove(0);
        let mut doctored = with_remote();
        cut(&mut doctored);
        let finding = judge(check, &doctored);
        assert_eq!(
            finding.verdict,
            Verdict::Fail,
            "{id}: {:?}",
            finding.evidence
        );
    }
}

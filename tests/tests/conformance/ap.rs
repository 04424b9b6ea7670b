//! Access point.

use std::io::Read;
use std::sync::{Arc, Mutex};

use ceralacca_core::disk::SimDisk;
use ceralacca_core::instant::Instant;
use ceralacca_core::limits;
use ceralacca_core::ports::{ScanVerdict, ScannerAway, ScannerHealth, VirusScanner};
use ceralacca_tests::appliance::{Appliance, OTHER_DOMAIN, SERVICE_ADDRESS};
use ceralacca_tests::compose::{Draft, filler, multipart_body, unique};
use ceralacca_tests::inside::Inside;
use ceralacca_tests::journey::refused;
use ceralacca_tests::message::Part;
use ceralacca_tests::sealed::Sealed;

use crate::{SUBJECT, Trio, at, non_acceptance, standard, undelivered};

/// Sends faulty messages from one mailbox, each of which must end in one notice, and nothing more.
struct Refusals<'a> {
    trio: Trio<'a>,
    seen: usize,
}

impl Refusals<'_> {
    fn new() -> Self {
        Self {
            trio: Trio::new(),
            seen: 0,
        }
    }

    fn simple(&self) -> Draft {
        self.trio.simple()
    }

    fn check(&mut self, fault: &str, octets: &[u8]) -> Sealed {
        let to = self.trio.to.address.clone();
        self.check_to(fault, &[&to], octets)
    }

    fn check_to(&mut self, fault: &str, to: &[&str], octets: &[u8]) -> Sealed {
        let reply = self.trio.from.send(to, octets);
        assert_eq!(reply.code, 250, "{fault}: {reply:?}");
        self.seen += 1;
        let notice = self.trio.from.wait_for(self.seen).pop().expect("a notice");
        let kind = notice.field("X-Ricevuta");
        assert_eq!(kind, "non-accettazione", "{fault}: {}", notice.data().0);
        notice
    }

    /// No recipient got anything.
    fn end(self) {
        assert!(
            self.trio.to.messages().is_empty(),
            "a refused message was delivered"
        );
        assert!(
            self.trio.cc.messages().is_empty(),
            "a refused message was delivered"
        );
    }
}

/// Writes a message between the two.
type Write = fn(&Trio<'_>) -> Vec<u8>;

/// Messages that must pass, all from one mailbox to one.
fn all_pass(cases: &[(&str, Write)]) {
    let trio = Trio::new();
    for (number, (story, write)) in cases.iter().enumerate() {
        let octets = write(&trio);
        let reply = trio.from.send(&[&trio.to.address], &octets);
        assert_eq!(reply.code, 250, "{story}: {reply:?}");
        trio.to.wait_for(number + 1);
    }
    let came = trio.from.wait_for(2 * cases.len());
    assert!(came.iter().all(|m| m.data().error() == "nessuno"));
}

#[test]
fn ap_01_mail_before_authentication_is_refused_and_queues_nothing() {
    let appliance = Appliance::shared();
    let trio = Trio::new();
    let plain = appliance.submission_plain();
    let mut clear = appliance.submission_plain();
    clear.ehlo();
    for mut session in [
        appliance.submission(),
        plain.starttls_after_ehlo(appliance.trust()),
        clear,
    ] {
        session.ehlo();
        assert_eq!(session.mail(&trio.from.address).status(), "530 5.7.0");
        assert_eq!(session.rcpt(&trio.to.address).code / 100, 5);
        assert_eq!(session.command("DATA").code / 100, 5);
    }
    trio.certify_simple(&trio.simple());
}

#[test]
fn ap_02_the_reverse_path_belongs_to_the_mailbox_or_is_refused() {
    let trio = Trio::new();
    let mut session = trio.from.submission();
    assert_eq!(session.mail(&trio.to.address).status(), "553 5.7.1");
    assert_eq!(session.mail("").status(), "553 5.7.1");
    assert_eq!(session.mail("rossi").status(), "504 5.5.2");
    assert_eq!(session.mail("rossi@localhost").status(), "504 5.5.2");
    assert_eq!(session.mail(&trio.from.address).code, 250);
}

#[test]
fn ap_03_what_breaks_rfc_5322_fails_and_its_obsolete_syntax_passes() {
    let mut refusals = Refusals::new();
    for name in ["From", "To", "Cc", "Subject", "Date", "Message-ID"] {
        let draft = refusals.simple().cc(&[&refusals.trio.cc.address]);
        let twice = draft.value(name);
        let octets = draft.field(name, &twice).bytes();
        refusals.check(&format!("a second {name}"), &octets);
    }
    let octets = refusals.simple().without("Date").bytes();
    refusals.check("no Date", &octets);
    let octets = refusals.simple().subject("perch\u{e9}").bytes();
    refusals.check("octets above 127 in the header", &octets);
    let octets = refusals
        .simple()
        .body(format!("{}\r\n", "x".repeat(999)))
        .bytes();
    refusals.check("a body line of 999", &octets);
    let octets = refusals.simple().field("X-Lungo", &"x".repeat(990)).bytes();
    refusals.check("a header line over 998", &octets);
    let mut octets = b"Questa riga non ha i due punti\r\n".to_vec();
    octets.extend(refusals.simple().bytes());
    refusals.check("a line that is no field", &octets);
    refusals.end();
    all_pass(&[
        ("no Message-ID", |t| {
            t.simple().without("Message-ID").bytes()
        }),
        ("a line of 998", |t| {
            t.simple().body(format!("{}\r\n", "x".repeat(998))).bytes()
        }),
        ("white space before the colon and a two-digit year", |t| {
            let from = &t.from.address;
            let date = "Fri, 21 Nov 97 09:55:06 -0600";
            let draft = t.simple().without("From").without("Date");
            draft.field("From ", from).field("Date\t", date).bytes()
        }),
        ("a source route and comments", |t| {
            let (from, to) = (&t.from.address, &t.to.address);
            let value = format!("(chi) Rossi (lui) <@via.example:{from}>");
            t.simple()
                .set("From", &value)
                .set("To", &format!("<{to}> (ciao)"))
                .bytes()
        }),
    ]);
}

#[test]
fn ap_04_from_holds_exactly_one_valid_address() {
    let mut refusals = Refusals::new();
    let (from, to) = (
        refusals.trio.from.address.clone(),
        refusals.trio.to.address.clone(),
    );
    let octets = refusals.simple().without("From").bytes();
    refusals.check("no From", &octets);
    for value in [
        format!("{from}, {to}"),
        "rossi".into(),
        "<@>".into(),
        " ".into(),
    ] {
        let octets = refusals.simple().set("From", &value).bytes();
        refusals.check(&value, &octets);
    }
    refusals.end();
}

#[test]
fn ap_05_to_holds_a_valid_address() {
    let mut refusals = Refusals::new();
    let to = refusals.trio.to.address.clone();
    let octets = refusals.simple().without("To").bytes();
    refusals.check("no To", &octets);
    let octets = refusals.simple().without("To").cc(&[&to]).bytes();
    refusals.check("only Cc", &octets);
    let octets = refusals.simple().set("To", "nessuno:;").cc(&[&to]).bytes();
    refusals.check("an empty group", &octets);
    refusals.end();
}

#[test]
fn ap_06_the_reverse_path_is_the_address_in_from() {
    let mut refusals = Refusals::new();
    let other = refusals.trio.cc.address.clone();
    let octets = refusals.simple().set("From", &other).bytes();
    refusals.check("another's address", &octets);
    refusals.end();
    all_pass(&[("other case", |t| {
        t.simple()
            .set("From", &t.from.address.to_uppercase())
            .bytes()
    })]);
}

#[test]
fn ap_07_every_forward_path_stands_in_to_or_cc() {
    let mut refusals = Refusals::new();
    let (to, cc) = (
        refusals.trio.to.address.clone(),
        refusals.trio.cc.address.clone(),
    );
    let octets = refusals.simple().bytes();
    refusals.check_to("a hidden recipient", &[&to, &cc], &octets);
    refusals.end();
    all_pass(&[
        ("other case", |t| {
            t.simple().set("To", &t.to.address.to_uppercase()).bytes()
        }),
        ("in Cc", |t| {
            t.simple()
                .set("To", &t.cc.address)
                .cc(&[&t.to.address])
                .bytes()
        }),
    ]);
}

#[test]
fn ap_08_bcc_with_a_value_fails_and_an_empty_one_passes() {
    let mut refusals = Refusals::new();
    let to = refusals.trio.to.address.clone();
    let octets = refusals.simple().field("Bcc", &to).bytes();
    refusals.check("Bcc", &octets);
    refusals.end();
    all_pass(&[("an empty Bcc", |t| t.simple().field("Bcc", "").bytes())]);
}

#[test]
fn ap_09_size_up_to_the_maximum_passes_and_above_it_fails() {
    let mut refusals = Refusals::new();
    let limit = usize::try_from(limits::MESSAGE_BYTES_FLOOR).unwrap();
    let draft = refusals.simple();
    let head = draft.clone().body("").bytes().len();
    let mut body = filler(limit - head);
    let tail = body.len() - (limit - head);
    body.truncate(body.len() - tail - 2);
    body.extend_from_slice(b"\r\n");
    let octets = draft.body(body).bytes();
    assert_eq!(octets.len(), limit);
    let over = [&octets[..octets.len() - 2], b"x\r\n"].concat();
    let notice = refusals.check("one octet above 30 MB", &over);
    assert_eq!(notice.data().error(), "altro");
    let trio = &refusals.trio;
    trio.from.send_well(&[&trio.to.address], &octets);
    let delivered = trio.to.wait_for(1).remove(0);
    assert!(delivered.message.raw.len() > limit);
    Appliance::refuses_policy("message_bytes_max", 31_457_279);
}

#[test]
fn ap_10_size_times_recipients_is_bounded() {
    let mut refusals = Refusals::new();
    let (to, cc) = (
        refusals.trio.to.address.clone(),
        refusals.trio.cc.address.clone(),
    );
    let octets = refusals.trio.draft().body(filler(16 * 1024 * 1024)).bytes();
    refusals.check_to("twice 16 MB", &[&to, &cc], &octets);
    // The same to one, named twice, is 16 MB.
    refusals.trio.from.send_well(&[&to, &to], &octets);
    refusals.trio.to.wait_for(1);
    Appliance::refuses_policy("message_product_max", 31_457_279);
}

#[test]
fn ap_11_fifty_recipients_pass_and_fifty_one_fail() {
    let trio = Trio::new();
    let many: Vec<String> = (0..51).map(|n| format!("r{n}@fuori.example")).collect();
    let all: Vec<&str> = many.iter().map(String::as_str).collect();
    let draft = Draft::new(&trio.from.address, &all);
    refused(&trio.from, &all, &draft.bytes());
    trio.from.send_well(&all[..50], &draft.bytes());
    let acceptance = trio.from.wait_for(2).remove(1);
    assert_eq!(acceptance.field("X-Ricevuta"), "accettazione");
    assert_eq!(acceptance.data().all("destinatari").len(), 50);
    Appliance::refuses_policy("recipients_max", 49);
}

#[test]
fn ap_12_one_bad_recipient_stops_the_message_for_all() {
    let mut refusals = Refusals::new();
    let to = refusals.trio.to.address.clone();
    let octets = refusals.simple().bytes();
    refusals.check_to("one good, one hidden", &[&to, "altro@pec.test"], &octets);
    refusals.end();
}

#[test]
fn ap_13_a_formal_failure_gives_exactly_one_notice() {
    let notice = non_acceptance();
    assert_eq!(notice.field("X-Ricevuta"), "non-accettazione");
    assert_eq!(
        notice.subject(),
        format!("AVVISO DI NON ACCETTAZIONE: {SUBJECT}")
    );
}

#[test]
fn ap_14_the_notice_tells_all_and_never_holds_the_original() {
    let notice = non_acceptance();
    let (text, data) = (notice.text(), notice.data());
    assert!(
        text.starts_with("Errore nell'accettazione del messaggio\n"),
        "{text}"
    );
    let recipients = data.all("destinatari");
    assert_eq!(recipients.len(), 2);
    let identifier = data.one("identificativo");
    let mut facts = recipients;
    facts.extend([data.one("mittente"), identifier, "Perché <b>&?".into()]);
    for fact in facts {
        assert!(text.contains(&fact), "{fact} in {text}");
    }
    assert!(text.contains("a causa di "), "{text}");
    assert_eq!(
        (data.kind().as_str(), data.error().as_str()),
        ("non-accettazione", "altro")
    );
    assert!(!data.one("errore-esteso").is_empty());
    assert!(notice.original().is_none() && !notice.holds(b"Testo di prova"));
}

#[test]
fn ap_15_above_the_second_threshold_there_is_no_notice() {
    let trio = Trio::new();
    let mut session = trio.from.submission();
    let ehlo = session.ehlo();
    assert_eq!(ehlo.keyword("SIZE"), Some("SIZE 62914560"));
    let from = &trio.from.address;
    let reply = session.command(&format!("MAIL FROM:<{from}> SIZE=62914561"));
    assert_eq!(reply.status(), "552 5.3.4");
    let octets = trio.simple().body(filler(60 * 1024 * 1024)).bytes();
    assert_eq!(
        trio.from.send(&[&trio.to.address], &octets).status(),
        "552 5.3.4"
    );
    trio.certify_simple(&trio.simple());
    Appliance::refuses_policy("notice_bytes_max", 31_457_279);
}

#[test]
fn ap_16_a_thousand_recipients_are_taken_and_end_in_a_notice() {
    let trio = Trio::new();
    let mut session = trio.from.submission();
    assert_eq!(session.mail(&trio.from.address).code, 250);
    for number in 0..1000 {
        assert_eq!(
            session.rcpt(&format!("r{number}@fuori.example")).code,
            250,
            "{number}"
        );
    }
    assert_eq!(
        session.rcpt("uno.di.troppo@fuori.example").status(),
        "452 4.5.3"
    );
    let draft = trio.simple();
    assert_eq!(session.data(&draft.bytes()).code, 250);
    let notice = trio.from.wait_for(1).remove(0);
    assert_eq!(notice.field("X-Ricevuta"), "non-accettazione");
    assert_eq!(notice.data().all("destinatari").len(), 1000);
}

#[test]
fn ap_17_a_notice_of_non_acceptance_quotes_an_identifier() {
    let notice = non_acceptance();
    let identifier = notice.data().one("identificativo");
    assert!(identifier.ends_with("@pec.test"), "{identifier}");
    let line = format!("Identificativo messaggio: {identifier}");
    assert!(notice.text().contains(&line), "{}", notice.text());
}

#[test]
fn ap_18_recipients_are_typed_by_domain_without_regard_to_case() {
    let trio = Trio::new();
    let here = format!("ignoto@{}", OTHER_DOMAIN.to_uppercase());
    let to = [here.as_str(), "fuori@ordinaria.example"];
    let draft = Draft::new(&trio.from.address, &to);
    trio.from.send_well(&to, &draft.bytes());
    let came = trio.from.wait_for(2);
    let data = came
        .iter()
        .find(|m| m.field("X-Ricevuta") == "accettazione")
        .unwrap()
        .data();
    assert_eq!(
        data.attributes("destinatari", "tipo"),
        ["certificato", "esterno"]
    );
}

#[test]
fn ap_19_acceptance_gives_one_receipt_with_its_fields() {
    let receipt = &standard().acceptance;
    assert_eq!(receipt.field("X-Ricevuta"), "accettazione");
    assert_eq!(receipt.subject(), format!("ACCETTAZIONE: {SUBJECT}"));
    assert!(receipt.field("From").contains(SERVICE_ADDRESS));
    assert!(receipt.get("Date").is_some());
    let client = Part::parse(&standard().submitted).field("Message-ID");
    assert_eq!(receipt.field("X-Riferimento-Message-ID"), client);
}

#[test]
fn ap_20_the_receipt_lists_every_recipient_with_its_type() {
    let trio = Trio::new();
    let outside = "fuori@ordinaria.example";
    let draft = Draft::new(&trio.from.address, &[&trio.to.address, outside]);
    trio.from
        .send_well(&[&trio.to.address, outside], &draft.bytes());
    let came = trio.from.wait_for(2);
    let receipt = came
        .iter()
        .find(|m| m.field("X-Ricevuta") == "accettazione")
        .unwrap();
    let text = receipt.text();
    assert!(text.starts_with("Ricevuta di accettazione\n"), "{text}");
    let certified = format!("{} (\"posta certificata\")", trio.to.address);
    assert!(text.contains(&certified), "{text}");
    assert!(
        text.contains("fuori@ordinaria.example (\"posta ordinaria\")"),
        "{text}"
    );
    let data = receipt.data();
    assert_eq!(
        (data.kind().as_str(), data.error().as_str()),
        ("accettazione", "nessuno")
    );
    assert!(receipt.original().is_none());
}

#[test]
fn ap_21_receipts_go_to_the_reverse_path_and_never_to_reply_to() {
    let trio = Trio::new();
    let draft = trio.simple().field("Reply-To", &trio.cc.address);
    let certified = trio.certify_simple(&draft);
    for receipt in [&certified.acceptance, certified.delivery()] {
        assert!(receipt.field("To").contains(&trio.from.address));
    }
    assert!(trio.cc.messages().is_empty());
}

#[test]
fn ap_22_what_was_answered_250_survives_a_kill_and_what_was_not_emits_nothing() {
    let mut appliance = Appliance::start();
    let [from, to] = ["mittente", "destinatario"].map(|name| appliance.mailbox(name).address);
    let draft = Draft::new(&from, &[&to]);
    let mut broken = at(&appliance, &from).submission();
    broken.mail(&from);
    broken.rcpt(&to);
    assert_eq!(broken.command("DATA").code, 354);
    broken
        .raw(&draft.clone().subject("mai finito").bytes())
        .unwrap();
    drop(broken);
    let bare = draft.clone().subject("rifiutato").body("a\nb\r\n").bytes();
    assert_eq!(at(&appliance, &from).send(&[&to], &bare).code / 100, 5);
    at(&appliance, &from).send_well(&[&to], &draft.bytes());
    appliance.kill();
    appliance.serve();
    at(&appliance, &from).wait_for(2);
    let envelope = at(&appliance, &to).wait_for(1).remove(0);
    assert_eq!(envelope.subject(), "POSTA CERTIFICATA: Prova");
    // Another round: nothing of the two broken ones came meanwhile.
    at(&appliance, &from).send_well(&[&to], &Draft::new(&from, &[&to]).bytes());
    at(&appliance, &from).wait_for(4);
    at(&appliance, &to).wait_for(2);
}

#[test]
fn ap_23_repeated_recipients_count_once() {
    let trio = Trio::new();
    let (to, shouted) = (trio.to.address.clone(), trio.to.address.to_uppercase());
    trio.from
        .send_well(&[&to, &shouted, &to], &trio.simple().bytes());
    let came = trio.from.wait_for(2);
    let receipt = came
        .iter()
        .find(|m| m.field("X-Ricevuta") == "accettazione")
        .unwrap();
    assert_eq!(receipt.data().all("destinatari").len(), 1);
    let text = receipt.text().to_lowercase();
    assert_eq!(text.matches(&to.to_lowercase()).count(), 1, "{text}");
    trio.to.wait_for(1);
}

#[test]
fn ap_24_addresses_outside_the_forward_path_do_no_harm() {
    let trio = Trio::new();
    let certified = trio.certify_simple(&trio.draft());
    let data = certified.acceptance.data();
    assert_eq!(data.all("destinatari"), [trio.to.address.as_str()]);
    assert!(trio.cc.messages().is_empty());
}

#[test]
fn ap_25_eight_bit_leaves_are_re_encoded_and_eight_bit_inside_a_signature_fails() {
    let trio = Trio::new();
    let text = "Perch\u{e9} s\u{ec}\r\n.punto\r\n=uguale\r\n";
    let leaf = format!(
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}"
    );
    let certified = trio.certify_simple(&trio.simple().mixed(&[&leaf, "\r\ndue\r\n"]));
    assert!(certified.envelope().message.raw.is_ascii());
    let original = certified.envelope().original().unwrap();
    let part = original.children().remove(0);
    assert_ne!(part.encoding(), "8bit");
    assert_eq!(
        String::from_utf8(part.decoded()).unwrap(),
        text.trim_end_matches("\r\n").to_owned() + "\r\n"
    );
    assert_eq!(original.children()[1].body(), b"due\r\n");

    let signed = multipart_body(
        "=_firma",
        &[
            &leaf,
            "Content-Type: application/pkcs7-signature\r\n\r\nAA==",
        ],
    );
    let inner = format!("Content-Type: multipart/signed; boundary=\"=_firma\"\r\n\r\n{signed}");
    let attached = format!("Content-Type: message/rfc822\r\n\r\nSubject: x\r\n{inner}");
    let mut refusals = Refusals::new();
    for part in [&inner, &attached] {
        let octets = refusals.simple().mixed(&[part]).bytes();
        let notice = refusals.check("8 bits inside multipart/signed", &octets);
        let reason = notice.data().one("errore-esteso");
        assert!(
            reason.contains('8'),
            "the reason says what is wrong: {reason}"
        );
    }
    refusals.end();

    // Where policy lets it pass it is enclosed as it came, labelled 8bit.
    let mut appliance = Appliance::initialised(&[]);
    appliance.set_policy("eight_bit_signed_passes", true);
    appliance.serve();
    let trio = Trio::at(&appliance);
    let sent = trio.simple().mixed(&[&inner]);
    let certified = trio.certify_simple(&sent);
    let part = certified.envelope().named("postacert.eml").unwrap();
    assert_eq!(part.encoding(), "8bit");
    let original = certified.envelope().original().unwrap();
    assert_eq!(original.body(), Part::parse(&sent.bytes()).body());
}

/// Remembers what it was given.
#[derive(Default)]
struct Recorder(Mutex<Vec<Vec<u8>>>);

impl VirusScanner for Recorder {
    fn scan(&self, message: &mut dyn Read) -> Result<ScanVerdict, ScannerAway> {
        let mut octets = Vec::new();
        message.read_to_end(&mut octets).unwrap();
        self.0.lock().unwrap().push(octets);
        Ok(ScanVerdict::Clean)
    }

    fn describe(&self) -> String {
        "recorder".to_owned()
    }

    fn health(&self, _: Instant) -> ScannerHealth {
        ScannerHealth {
            reachable: true,
            signatures_at: None,
            version: self.describe(),
            alarm: None,
        }
    }
}

#[test]
fn ap_26_formal_checks_run_before_the_virus_check() {
    let scanner = Arc::new(Recorder::default());
    let inside = Inside::start(Arc::new(SimDisk::new()), scanner.clone());
    let (from, to) = ("da@pec.test", "a@pec.test");
    let ids = [from, to].map(|address| inside.mailbox(address));
    let faulty = Draft::new(from, &[to])
        .without("Date")
        .body("guasto\r\n")
        .bytes();
    inside.submit((ids[0], from), to, &faulty);
    inside.wait_for(ids[0], 1);
    let sound = Draft::new(from, &[to]).body("sano\r\n").bytes();
    inside.submit((ids[0], from), to, &sound);
    inside.wait_for(ids[0], 3);
    inside.wait_for(ids[1], 1);
    let scanned = scanner.0.lock().unwrap();
    assert_eq!(scanned.len(), 1);
    assert!(scanned[0].ends_with(b"sano\r\n"));
}

#[test]
fn ap_27_the_acceptance_receipt_comes_within_the_contract_term() {
    let trio = Trio::new();
    let mut session = trio.from.submission();
    let mut sent = Vec::new();
    for _ in 0..20 {
        let draft = trio.simple();
        let reply = session.send(&trio.from.address, &[&trio.to.address], &draft.bytes());
        assert_eq!(reply.code, 250, "{reply:?}");
        sent.push(draft.value("Message-ID"));
    }
    // The wait for arrivals is the policy's term: 60 seconds.
    let came = trio.from.wait_for(40);
    for id in sent {
        let of = |m: &&Sealed| {
            m.field("X-Ricevuta") == "accettazione" && m.field("X-Riferimento-Message-ID") == id
        };
        assert_eq!(came.iter().filter(of).count(), 1);
    }
}

#[test]
fn ap_29_a_message_that_ends_in_a_notice_is_answered_250_and_one_refused_has_none() {
    let trio = Trio::new();
    let bare = trio.simple().body("a\nb\r\n").bytes();
    assert_eq!(trio.from.send(&[&trio.to.address], &bare).code / 100, 5);
    let faulty = trio.simple().without("Date").bytes();
    refused(&trio.from, &[&trio.to.address], &faulty);
}

#[test]
fn ap_30_an_unknown_mailbox_is_accepted_and_ends_in_a_notice() {
    let notice = undelivered();
    assert_eq!(notice.acceptance.data().error(), "nessuno");
    assert_eq!(notice.answers[0].data().error(), "no-dest");
}

#[test]
fn ap_31_submission_is_eight_bit_and_ascii_in_addresses() {
    let trio = Trio::new();
    let mut session = trio.from.submission();
    let ehlo = session.ehlo();
    assert!(ehlo.keyword("8BITMIME").is_some(), "{ehlo:?}");
    for absent in ["SMTPUTF8", "DSN"] {
        assert_eq!(ehlo.keyword(absent), None);
    }
    assert_eq!(session.mail("ross\u{ec}@pec.test").status(), "553 5.6.7");
    session.mail(&trio.from.address);
    assert_eq!(session.rcpt("ross\u{ec}@pec.test").status(), "553 5.6.7");
    assert_eq!(
        session
            .rcpt(&format!("{}@citt\u{e0}.example", unique()))
            .status(),
        "553 5.6.7"
    );
}

#[test]
fn ap_28_a_repeated_submission_is_answered_as_the_first_and_makes_no_second() {
    let trio = Trio::new();
    let draft = trio.simple().field("X-Idempotency-Key", &unique()).bytes();
    let first = trio.from.send(&[&trio.to.address], &draft);
    assert_eq!(first.code, 250, "{first:?}");
    let again = trio.from.send(&[&trio.to.address], &draft);
    assert_eq!((again.code, &again.lines), (250, &first.lines));
    // A later one shows that nothing else was on its way.
    trio.from
        .send_well(&[&trio.to.address], &trio.simple().bytes());
    trio.to.wait_for(2);
    trio.from.wait_for(4);
}

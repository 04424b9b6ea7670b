//! Viruses at the access point, found by a real clamd.

use std::sync::{Arc, OnceLock};

use ceralacca_core::disk::RealDisk;
use ceralacca_core::journal::lane::Lane;
use ceralacca_core::journal::{LaneStore, Position, Record};
use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::clamd::{Clamd, DETECTION, attachment, eicar, stored_zip};
use ceralacca_tests::compose::Draft;
use ceralacca_tests::journey::refused;
use ceralacca_tests::message::{Part, find};
use ceralacca_tests::program::arg;
use ceralacca_tests::sealed::Sealed;

use crate::{SUBJECT, SUBJECT_FIELD, Trio};

/// One clamd and one appliance for the tests of this process that harm neither.
pub(crate) fn scanned() -> &'static Appliance {
    static SCANNED: OnceLock<(Clamd, Appliance)> = OnceLock::new();
    let pair = SCANNED.get_or_init(|| {
        let clamd = Clamd::start();
        let appliance = Appliance::scanned_by(&clamd.address());
        (clamd, appliance)
    });
    &pair.1
}

fn infected(draft: Draft) -> Draft {
    let part = attachment("prova.txt", "text/plain", &eicar());
    draft.subject(SUBJECT_FIELD).mixed(&[&part])
}

/// An infected message and the notice that came of it.
fn notice() -> &'static (Vec<u8>, Sealed) {
    static NOTICE: OnceLock<(Vec<u8>, Sealed)> = OnceLock::new();
    NOTICE.get_or_init(|| {
        let trio = Trio::at(scanned());
        let octets = infected(trio.simple()).bytes();
        let notice = refused(&trio.from, &[&trio.to.address], &octets);
        assert!(
            trio.to.messages().is_empty(),
            "an infected message was delivered"
        );
        (octets, notice)
    })
}

/// VI-01 in part: what is submitted; what comes from elsewhere belongs to the incoming point.
#[test]
fn vi_01_every_submission_that_passed_the_formal_checks_is_scanned() {
    let trio = Trio::at(scanned());
    trio.certify_simple(&trio.simple());
    let trio = Trio::at(scanned());
    let forms: [fn(&Trio<'_>) -> Draft; 4] = [
        |t| infected(t.simple()),
        |t| t.simple().body([&eicar()[..], b"\r\n"].concat()),
        |t| {
            let part = attachment("a.zip", "application/zip", &stored_zip("a.txt", &eicar()));
            t.simple().mixed(&[&part])
        },
        |t| infected(t.simple()).field("X-TipoRicevuta", "sintetica"),
    ];
    for (number, form) in forms.iter().enumerate() {
        trio.from
            .send_well(&[&trio.to.address], &form(&trio).bytes());
        let notice = trio.from.wait_for(number + 1).pop().unwrap();
        assert_eq!(notice.data().error(), "virus", "form {number}");
    }
    assert!(trio.to.messages().is_empty());
}

#[test]
fn vi_02_a_virus_stops_the_message_and_gives_the_notice_of_non_acceptance() {
    let (_, notice) = notice();
    assert_eq!(notice.field("X-Ricevuta"), "non-accettazione");
    assert_eq!(notice.field("X-VerificaSicurezza"), "errore");
    let subject = format!("AVVISO DI NON ACCETTAZIONE PER VIRUS: {SUBJECT}");
    assert_eq!(notice.subject(), subject);
}

#[test]
fn vi_03_its_data_name_the_detection_and_the_original_is_not_attached() {
    let (octets, notice) = notice();
    let data = notice.data();
    assert_eq!(data.error(), "virus");
    assert!(data.one("errore-esteso").contains(DETECTION), "{}", data.0);
    assert!(notice.original().is_none());
    assert!(!notice.holds(&eicar()));
    let sent = Part::parse(octets);
    assert_eq!(
        notice.field("X-Riferimento-Message-ID"),
        sent.field("Message-ID")
    );
}

#[test]
fn vi_09_the_infected_message_is_kept_encrypted_and_each_reading_is_logged() {
    let clamd = Clamd::start();
    let mut appliance = Appliance::scanned_by(&clamd.address());
    let trio = Trio::at(&appliance);
    let octets = infected(trio.simple()).bytes();
    let notice = refused(&trio.from, &[&trio.to.address], &octets);
    let identifier = notice.data().one("identificativo");

    let listed = appliance.json(&["quarantine", "list"]);
    let messages = listed["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{listed}");
    assert_eq!(messages[0]["detection"], DETECTION);
    let name = messages[0]["name"].as_str().unwrap().to_owned();
    let shown = appliance.json(&["quarantine", "show", &name, "--reason", "verifica"]);
    assert_eq!(shown["identifier"], identifier.as_str());
    assert_eq!(shown["sender"], trio.from.address.as_str());
    assert_eq!(shown["recipients"][0], trio.to.address.as_str());

    let out = appliance.beside("aperto.eml");
    let export = [
        "quarantine",
        "export",
        &name,
        "--out",
        arg(&out),
        "--reason",
    ];
    let unsaid = appliance.refused(&[&export[..], &[" "]].concat());
    assert!(unsaid.contains("say why"), "{unsaid}");
    assert!(!out.exists());
    appliance.well(&[&export[..], &["richiesta 12/2026"]].concat());
    assert_eq!(std::fs::read(&out).unwrap(), octets, "as it was");
    appliance.refused(&[&export[..], &["ancora"]].concat());
    assert_eq!(
        appliance.json(&["quarantine", "expire"])["removed"],
        serde_json::json!([])
    );

    // At rest: neither the message nor a name in clear; the key for its owner alone.
    let folder = appliance.data().join("quarantine");
    for entry in std::fs::read_dir(folder).unwrap() {
        let stored = std::fs::read(entry.unwrap().path()).unwrap();
        for plain in [
            &b"Subject"[..],
            trio.from.address.as_bytes(),
            identifier.as_bytes(),
        ] {
            assert_eq!(find(&stored, plain), None);
        }
    }
    use std::os::unix::fs::PermissionsExt;
    let key = appliance.data().join("keys/quarantine.key");
    assert_eq!(
        std::fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let data = appliance.data();
    appliance.kill();
    let (lane, recovered) = Lane::open(Arc::new(RealDisk), &data.join("journal")).unwrap();
    assert!(recovered.end.0 > 0);
    let mut readings = Vec::new();
    lane.replay(Position::default(), &mut |entry| {
        if let Record::QuarantineRead(read) = &entry.record {
            assert_eq!((&read.name, &read.identifier), (&name, &identifier));
            assert!(read.change.author.starts_with("operator uid"));
            readings.push((read.change.what.clone(), read.reason.clone()));
        }
        Ok(())
    })
    .unwrap();
    let reading = |what: &str, why: &str| (what.to_owned(), why.to_owned());
    assert_eq!(
        readings,
        [
            reading("facts", "verifica"),
            reading("content", "richiesta 12/2026")
        ]
    );
}

#[test]
fn vi_10_without_a_scanner_intake_answers_451_and_what_is_in_waits() {
    let mut clamd = Clamd::start();
    let appliance = Appliance::scanned_by(&clamd.address());
    let trio = Trio::at(&appliance);
    clamd.kill();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    // Until somebody noticed, messages are taken in and wait.
    let mut taken = 0;
    let refusal = loop {
        let reply = trio.from.send(&[&trio.to.address], &trio.simple().bytes());
        if reply.code != 250 {
            break reply;
        }
        taken += 1;
        assert!(std::time::Instant::now() < end, "nobody notices");
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    assert_eq!(refusal.status(), "451 4.7.1", "{refusal:?}");
    assert!(trio.from.messages().is_empty() && trio.to.messages().is_empty());
    let check = appliance.refused(&["check"]);
    assert!(check.contains("virus scanner"), "{check}");
    clamd.run();
    while trio
        .from
        .send(&[&trio.to.address], &trio.simple().bytes())
        .code
        != 250
    {
        assert!(std::time::Instant::now() < end, "intake does not go on");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    trio.to.wait_for(taken + 1);
    trio.from.wait_for(2 * (taken + 1));
}

#[test]
fn vi_11_scanning_alters_no_octet() {
    let trio = Trio::at(scanned());
    let part = attachment("dati.bin", "application/octet-stream", &[0, 1, 254, 255]);
    let sent = trio.simple().mixed(&[&part]);
    let certified = trio.certify_simple(&sent);
    let original = certified.envelope().original().unwrap();
    assert_eq!(original.body(), Part::parse(&sent.bytes()).body());
}

#[test]
fn vi_14_archives_and_forwarded_envelopes_are_looked_into() {
    let trio = Trio::at(scanned());
    let zip = attachment("a.zip", "application/zip", &stored_zip("a.txt", &eicar()));
    let original = String::from_utf8(trio.simple().mixed(&[&zip]).bytes()).unwrap();
    let enclosed = format!(
        "Content-Type: message/rfc822; name=\"postacert.eml\"\r\n\
         Content-Disposition: attachment; filename=\"postacert.eml\"\r\n\r\n{original}"
    );
    // Another boundary around the same one.
    let envelope = trio.simple().bytes();
    let envelope = String::from_utf8(envelope).unwrap().replacen(
        "\r\n\r\n",
        "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_busta\"\r\n\r\n",
        1,
    );
    let forwarded = format!("{envelope}--=_busta\r\n{enclosed}\r\n--=_busta--\r\n");
    let notice = refused(&trio.from, &[&trio.to.address], forwarded.as_bytes());
    assert_eq!(notice.data().error(), "virus");
}

/// VI-15 at the access point; correct envelopes of others are never asked about.
#[test]
fn vi_15_a_forbidden_type_fails_in_archives_too_and_the_list_is_off_by_default() {
    let program = b"MZ\x90\x00 e il resto";
    let inner = stored_zip("setup.txt", program);
    let forms = [
        (
            "by its name",
            attachment("a.exe", "application/octet-stream", b"niente"),
        ),
        ("by its octets", attachment("a.txt", "text/plain", program)),
        (
            "in an archive",
            attachment("a.zip", "application/zip", &stored_zip("b.exe", b"x")),
        ),
        (
            "in an archive in an archive",
            attachment("a.zip", "application/zip", &stored_zip("b.dat", &inner)),
        ),
    ];
    let mut appliance = Appliance::initialised(&[]);
    appliance.set_policy("forbidden_types", vec!["exe".to_owned(), "js".to_owned()]);
    appliance.serve();
    let trio = Trio::at(&appliance);
    for (number, (story, part)) in forms.iter().enumerate() {
        let octets = trio.simple().mixed(&[part]).bytes();
        trio.from.send_well(&[&trio.to.address], &octets);
        let notice = trio.from.wait_for(number + 1).pop().unwrap();
        assert_eq!(notice.field("X-Ricevuta"), "non-accettazione", "{story}");
        assert_eq!(notice.data().error(), "altro", "{story}");
        assert!(
            notice.data().one("errore-esteso").contains("(exe)"),
            "{story}"
        );
    }
    assert!(trio.to.messages().is_empty());
    let harmless = attachment(
        "a.zip",
        "application/zip",
        &stored_zip("b.pdf", b"%PDF-1.4"),
    );
    trio.from.send_well(
        &[&trio.to.address],
        &trio.simple().mixed(&[&harmless]).bytes(),
    );
    trio.to.wait_for(1);
    // Where the list names nothing, all of it passes.
    let trio = Trio::at(Appliance::shared());
    trio.certify_simple(&trio.simple().mixed(&[&forms[0].1]));
}

//! Time and identifiers.

use std::collections::BTreeSet;

use ceralacca_core::instant::Instant;
use ceralacca_tests::appliance::Appliance;
use ceralacca_tests::compose::Draft;
use ceralacca_tests::mailbox::Mailbox;
use ceralacca_tests::message::Part;
use ceralacca_tests::sealed::Sealed;

use crate::{Trio, at, non_acceptance, samples, standard, undelivered};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `Date:` says the same second, in the same zone, as the certification data.
pub fn header_and_data_agree(message: &Sealed) {
    let date = message.field("Date");
    let words: Vec<&str> = date.split_whitespace().collect();
    let [_, day, month, year, time, zone] = words[..] else {
        panic!("{date}")
    };
    let month = MONTHS.iter().position(|m| *m == month).unwrap() + 1;
    let shown = format!("{:0>2}/{month:02}/{year} {time} {zone}", day);
    assert_eq!(shown, message.data().when(), "{date}");
}

/// Seconds since 1970 of the certification data.
pub fn seconds_of(message: &Sealed) -> i64 {
    let data = message.data();
    let (day, time, zone) = (
        data.one("giorno"),
        data.one("ora"),
        data.attribute("data", "zona"),
    );
    let numbers: Vec<i64> = day.split('/').map(|n| n.parse().unwrap()).collect();
    seconds(numbers[2], numbers[1], numbers[0], &time, &zone)
}

/// Seconds since 1970 of `22-Nov-2026 10:00:00 +0100`.
pub fn seconds_of_internal_date(text: &str) -> i64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let date: Vec<&str> = words[0].split('-').collect();
    let month = MONTHS.iter().position(|m| *m == date[1]).unwrap() + 1;
    let month = i64::try_from(month).unwrap();
    seconds(
        date[2].parse().unwrap(),
        month,
        date[0].parse().unwrap(),
        words[1],
        words[2],
    )
}

fn seconds(year: i64, month: i64, day: i64, time: &str, zone: &str) -> i64 {
    // Days from the civil date, years beginning in March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let clock: Vec<i64> = time.split(':').map(|n| n.parse().unwrap()).collect();
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let hours: i64 = zone[1..3].parse().unwrap();
    let minutes: i64 = zone[3..5].parse().unwrap();
    days * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
        - sign * (hours * 3600 + minutes * 60)
}

#[test]
fn tm_01_one_time_in_header_text_and_data_of_a_step() {
    for message in samples() {
        header_and_data_agree(message);
        let data = message.data();
        for fact in [data.one("giorno"), data.one("ora")] {
            assert!(
                message.text().contains(&fact),
                "{fact} in {}",
                message.text()
            );
        }
    }
    let accepted = [&standard().acceptance, standard().envelope()].map(seconds_of);
    assert_eq!(accepted[0], accepted[1]);
}

#[test]
fn tm_02_the_text_shows_legal_time_with_its_offset() {
    for message in samples() {
        let data = message.data();
        let zone = data.attribute("data", "zona");
        assert!(["+0100", "+0200"].contains(&zone.as_str()), "{zone}");
        let line = format!(
            "Il giorno {} alle ore {} ({zone})",
            data.one("giorno"),
            data.one("ora")
        );
        assert!(
            message.text().contains(&line),
            "{line} in {}",
            message.text()
        );
    }
    // Policy can write the colon of the RFC's grammar, in the text alone.
    let mut appliance = Appliance::initialised(&[]);
    appliance.set_policy("zone_with_colon", true);
    appliance.serve();
    let trio = Trio::at(&appliance);
    let certified = trio.certify_simple(&trio.simple());
    for message in certified.all() {
        let zone = message.data().attribute("data", "zona");
        let colon = format!("({}:{})", &zone[..3], &zone[3..]);
        assert!(
            message.text().contains(&colon),
            "{colon} in {}",
            message.text()
        );
    }
}

#[test]
fn tm_03_the_data_write_day_hour_and_zone() {
    for message in samples() {
        let data = message.data();
        let digits = |text: &str| {
            text.chars()
                .map(|c| if c.is_ascii_digit() { '9' } else { c })
                .collect::<String>()
        };
        assert_eq!(digits(&data.one("giorno")), "99/99/9999");
        assert_eq!(digits(&data.one("ora")), "99:99:99");
        assert_eq!(digits(&data.attribute("data", "zona")), "+9999");
    }
}

#[test]
fn tm_04_the_repeated_and_the_missing_hour_have_the_right_offset() {
    // 2026-03-29 and 2026-10-25, 01:00 UTC.
    let (spring, autumn) = (1_774_746_000_000, 1_792_890_000_000);
    let cases = [
        (spring - 1000, "29/03/2026", "01:59:59", "+0100"),
        (spring, "29/03/2026", "03:00:00", "+0200"),
        (autumn - 1_800_000, "25/10/2026", "02:30:00", "+0200"),
        (autumn + 1_800_000, "25/10/2026", "02:30:00", "+0100"),
    ];
    for (millis, day, time, zone) in cases {
        let legal = Instant::from_millis(millis).legal();
        assert_eq!(
            (legal.day.as_str(), legal.time.as_str(), legal.zone.as_str()),
            (day, time, zone)
        );
        assert!(
            Instant::from_millis(millis)
                .header_date()
                .ends_with(&format!("{time} {zone}"))
        );
    }
}

#[test]
fn tm_06_the_identifier_is_alphanumeric_and_unique_over_restarts() {
    let mut appliance = Appliance::start();
    let [from, to] = ["da", "a"].map(|n| appliance.mailbox(n).address);
    let mut seen = BTreeSet::new();
    for round in 1..=3 {
        for _ in 0..5 {
            at(&appliance, &from).send_well(&[&to], &Draft::new(&from, &[&to]).bytes());
        }
        at(&appliance, &from).wait_for(10 * round);
        for envelope in at(&appliance, &to).wait_for(5 * round) {
            let id = envelope.data().one("identificativo");
            let (local, domain) = id.split_once('@').unwrap();
            assert!(local.chars().all(|c| c.is_ascii_alphanumeric()), "{id}");
            assert!(["pec.test", "mail.pec.test"].contains(&domain), "{id}");
            seen.insert(id);
        }
        assert_eq!(seen.len(), 5 * round);
        appliance.kill();
        appliance.serve();
    }
}

#[test]
fn tm_07_the_clients_value_is_kept_everywhere() {
    for (certified, sent) in [
        (standard(), &standard().submitted),
        (undelivered(), &undelivered().submitted),
    ] {
        let client = Part::parse(sent).field("Message-ID");
        for message in certified.all() {
            assert_eq!(message.field("X-Riferimento-Message-ID"), client);
            if let Some(original) = message.original() {
                assert_eq!(original.field("X-Riferimento-Message-ID"), client);
            }
        }
    }
    let notice = non_acceptance();
    assert_eq!(
        notice.field("X-Riferimento-Message-ID"),
        notice.data().one("msgid")
    );
}

/// The UIDs that a header search finds.
fn searched(mailbox: &Mailbox<'_>, field: &str, value: &str) -> Vec<u32> {
    let mut imap = mailbox.inbox();
    let answer = imap.ok(&format!("UID SEARCH HEADER {field} \"{value}\""));
    let line = answer.lines_with("SEARCH")[0].text.clone();
    line.split_whitespace()
        .skip(2)
        .map(|n| n.parse().unwrap())
        .collect()
}

#[test]
fn tm_09_a_search_by_either_identifier_returns_all_that_belongs_to_it() {
    let trio = Trio::new();
    let draft = trio.simple();
    let client = draft.value("Message-ID");
    let certified = trio.certify_simple(&draft);
    // Acceptance and delivery receipt, with and without brackets; nothing for a value that is not there.
    for value in [client.as_str(), client.trim_matches(['<', '>'])] {
        let found = searched(&trio.from, "X-Riferimento-Message-ID", value);
        assert_eq!(found.len(), 1 + certified.answers.len(), "{value}");
    }
    let other = client.replacen('<', "<x", 1);
    assert!(searched(&trio.from, "X-Riferimento-Message-ID", &other).is_empty());
    let envelope = certified.envelopes[0].field("Message-ID");
    assert_eq!(searched(&trio.to, "Message-ID", &envelope).len(), 1);
    let kind = certified.acceptance.field("X-Ricevuta");
    assert_eq!(searched(&trio.from, "X-Ricevuta", &kind).len(), 1);
}

#[test]
fn tm_08_a_reference_set_by_the_client_is_replaced() {
    let trio = Trio::new();
    let draft = trio
        .simple()
        .field("X-Riferimento-Message-ID", "<falso@x.example>");
    let client = draft.value("Message-ID");
    for message in trio.certify_simple(&draft).all() {
        assert_eq!(message.field("X-Riferimento-Message-ID"), client);
        if let Some(original) = message.original() {
            assert_eq!(original.field("X-Riferimento-Message-ID"), client);
        }
    }
    let trio = Trio::new();
    let draft = trio
        .simple()
        .without("Message-ID")
        .field("X-Riferimento-Message-ID", "<falso@x.example>");
    for message in trio.certify_simple(&draft).all() {
        assert_eq!(message.get("X-Riferimento-Message-ID"), None);
        assert!(!message.holds(b"falso@x.example"));
    }
}

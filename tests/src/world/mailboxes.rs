//! What lies in the mailboxes of a world, and what is open in its appliances, as the judge reads it: octets
//! taken apart by code of the tests' own.

use std::collections::BTreeMap;

use ceralacca_core::mailbox::quota;
use ceralacca_core::registry::MailboxRow;

use super::mail::Sent;
use super::provider::Provider;
use super::{SECOND, World};
use crate::daticert::Daticert;
use crate::message::Part;
use crate::sealed::Sealed;

/// A message in a mailbox.
pub(super) struct Found {
    pub(super) provider: usize,
    pub(super) mailbox: String,
    pub(super) uid: u32,
    pub(super) raw: Vec<u8>,
    /// Of `X-Ricevuta:` or `X-Trasporto:`.
    pub(super) kind: String,
    pub(super) data: Option<Daticert>,
}

impl Found {
    pub(super) fn about(&self) -> String {
        let data = self.data.as_ref();
        data.map(|d| bare(&d.one("identificativo")))
            .unwrap_or_default()
    }

    pub(super) fn recipient(&self) -> String {
        let data = self.data.as_ref().and_then(|d| d.get("consegna"));
        data.unwrap_or_default().trim().to_ascii_lowercase()
    }

    pub(super) fn extended(&self) -> String {
        let data = self.data.as_ref().and_then(|d| d.get("errore-esteso"));
        data.unwrap_or_default().trim().to_owned()
    }

    pub(super) fn at(&self) -> i64 {
        self.data.as_ref().map(|d| millis(&d.when())).unwrap_or(0)
    }
}

/// What was found of one recipient of one message.
#[derive(Debug, Default)]
pub(super) struct Fate {
    pub(super) delivered: Vec<(u32, i64)>,
    pub(super) failed: Vec<(u32, i64, String)>,
    pub(super) first: Vec<(u32, i64)>,
    pub(super) last: Vec<(u32, i64)>,
    pub(super) envelopes: usize,
}

/// Nothing is open but what is kept for a term.
pub fn has_nothing_open(provider: &Provider) -> bool {
    let Some(stepper) = &provider.stepper else {
        return false;
    };
    let view = stepper.view();
    let is_warned = |row: &MailboxRow| {
        row.service || quota::level(view.usage(row.id), row.quota) == view.warned(row.id)
    };
    let all_warned = view.mailboxes().iter().all(|row| is_warned(row));
    all_warned
        && view.with_work(|work| {
            work.submissions.is_empty()
                && work.journeys.is_empty()
                && work.errands.is_empty()
                && work.deliveries.is_empty()
                && work.answers.is_empty()
                && work.arrivals.is_empty()
                && work.placements.is_empty()
                && work.dispatches.is_empty()
                && work.bounces.is_empty()
        })
}

/// In words.
pub fn what_is_open(provider: &Provider) -> String {
    let Some(stepper) = &provider.stepper else {
        return format!("{} is down", provider.domain);
    };
    let held = stepper.status().held;
    stepper.view().with_work(|work| {
        format!(
            "{}: held {held:?}, submissions {:?}, errands {:?}, deliveries {:?}, answers {:?}, \
             arrivals {:?}, placements {:?}, dispatches {:?}, bounces {:?}, journeys {:?}",
            provider.domain,
            work.submissions.keys(),
            work.errands.keys(),
            work.deliveries.keys(),
            work.answers.keys(),
            work.arrivals.keys(),
            work.placements.keys(),
            work.dispatches.keys(),
            work.bounces.keys(),
            work.journeys.keys()
        )
    })
}

pub(super) fn fate_of(sent: &Sent, to: &str, all: &[&Found]) -> Fate {
    let mut fate = Fate::default();
    for found in all {
        if found.kind == "posta-certificata" && found.mailbox == to {
            fate.envelopes += 1;
        }
        if found.mailbox != sent.sender || found.recipient() != to {
            continue;
        }
        match found.kind.as_str() {
            "avvenuta-consegna" => fate.delivered.push((found.uid, found.at())),
            "errore-consegna" => {
                let error = found.data.as_ref().map(Daticert::error);
                fate.failed
                    .push((found.uid, found.at(), error.unwrap_or_default()));
            }
            "preavviso-errore-consegna" if found.extended().starts_with("4.4.1") => {
                fate.first.push((found.uid, found.at()));
            }
            "preavviso-errore-consegna" => fate.last.push((found.uid, found.at())),
            _ => {}
        }
    }
    fate
}

pub(super) fn read_all(provider: &Provider) -> Vec<Found> {
    let stepper = provider.stepper.as_ref().expect("up after the healing");
    let (view, blobs) = (stepper.view(), stepper.blobs());
    let mut found = Vec::new();
    for mailbox in view.mailboxes() {
        for folder in view.folders(mailbox.id) {
            for (uid, row) in &folder.messages {
                let size = usize::try_from(row.size).expect("a size");
                let rope = blobs.rope(row.content).expect("a rope");
                let raw = rope.read_range(&**blobs, 0, size).expect("octets");
                assert_eq!(raw.len(), size, "RFC822.SIZE in {}", mailbox.address);
                let part = Part::parse(&raw);
                let kind = part.get("X-Ricevuta").or(part.get("X-Trasporto"));
                let kind = kind.unwrap_or_default();
                let is_certified = !kind.is_empty() && kind != "errore";
                found.push(Found {
                    provider: provider.number,
                    mailbox: mailbox.address.key(),
                    uid: *uid,
                    data: is_certified.then(|| Sealed::parse(&raw).data()),
                    kind,
                    raw,
                });
            }
        }
    }
    found
}

pub(super) fn bare(identifier: &str) -> String {
    identifier.trim().trim_matches(['<', '>']).to_owned()
}

/// `dd/mm/yyyy hh:mm:ss +zzzz` in milliseconds.
fn millis(when: &str) -> i64 {
    let digits = |range: std::ops::Range<usize>| when[range].parse::<i64>().expect("digits");
    let (day, month, year) = (digits(0..2), digits(3..5), digits(6..10));
    let (hour, minute, second) = (digits(11..13), digits(14..16), digits(17..19));
    let zone = when[20..].replace(['(', ')', ':'], "");
    let offset = zone[1..3].parse::<i64>().expect("digits") * 60
        + zone[3..5].parse::<i64>().expect("digits");
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let mut days = day - 1;
    for y in 1970..year {
        days += if is_leap(y) { 366 } else { 365 };
    }
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    for (number, length) in (1..).zip(lengths).take_while(|(number, _)| *number < month) {
        days += length + i64::from(number == 2 && is_leap(year));
    }
    let minutes = (days * 24 + hour) * 60 + minute - sign * offset;
    (minutes * 60 + second) * SECOND
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How often each kind of message lies in the mailboxes: what a run has seen.
pub fn census(world: &World) -> BTreeMap<String, usize> {
    let mut census = BTreeMap::new();
    for found in world.providers.iter().flat_map(read_all) {
        *census.entry(found.kind).or_insert(0) += 1;
    }
    census
}

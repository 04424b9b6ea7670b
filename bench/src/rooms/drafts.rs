//! A draft of each kind of message that certified mail knows.

use std::hint::black_box;

use ceralacca_core::certification::{DeliveryDetail, ErrorKind};
use ceralacca_core::envelope::{self, AnomalyFacts, EnvelopeHeader};
use ceralacca_core::mime::Scan;
use ceralacca_core::notice::{self, Delay, Failure, NonAcceptance};
use ceralacca_core::receipt;
use ceralacca_core::rope::Rope;
use ceralacca_core::wording::anomalies::AnomalyReason;

use super::sample::{FROM, Sample, TO, address, message, step};
use super::{Room, Work, of};
use crate::sums::Trouble;

pub(super) fn all() -> Vec<Room> {
    vec![
        Room::new("draft: acceptance receipt", acceptance),
        Room::new("draft: transport envelope", transport),
        Room::new("draft: delivery receipt, complete", complete),
        Room::new("draft: delivery receipt, brief", brief),
        Room::new("draft: delivery receipt, concise", concise),
        Room::new("draft: take-charge receipt", take_charge),
        Room::new("draft: notice of non-acceptance", non_acceptance),
        Room::new("draft: notice of non-delivery", non_delivery),
        Room::new("draft: delay notice", delay),
        Room::new("draft: virus detection notice", virus_detection),
        Room::new("draft: anomaly envelope", anomaly),
    ]
}

fn acceptance() -> Result<Work, Trouble> {
    let Sample {
        issuer, original, ..
    } = Sample::new()?;
    Ok(Box::new(move || {
        black_box(receipt::acceptance(
            &issuer,
            &original,
            Some("Prova"),
            step(),
        ));
    }))
}

fn transport() -> Result<Work, Trouble> {
    let sample = Sample::new()?;
    let facts = sample.facts(DeliveryDetail::Complete);
    let header = EnvelopeHeader {
        copied: format!("To: {TO}\r\n").into_bytes(),
        has_reply_to: false,
        asked: None,
    };
    Ok(Box::new(move || {
        black_box(envelope::transport(&sample.issuer, &facts, &header, step()));
    }))
}

fn complete() -> Result<Work, Trouble> {
    delivery(DeliveryDetail::Complete)
}

fn brief() -> Result<Work, Trouble> {
    delivery(DeliveryDetail::Brief)
}

fn concise() -> Result<Work, Trouble> {
    delivery(DeliveryDetail::Concise)
}

fn delivery(detail: DeliveryDetail) -> Result<Work, Trouble> {
    let sample = Sample::new()?;
    let (facts, to) = (sample.facts(detail), address(TO)?);
    receipt::delivery(&sample.issuer, &facts, &to, &*sample.blobs, step()).map_err(of)?;
    Ok(Box::new(move || {
        let made = receipt::delivery(&sample.issuer, &facts, &to, &*sample.blobs, step());
        drop(black_box(made));
    }))
}

fn take_charge() -> Result<Work, Trouble> {
    let Sample {
        issuer, original, ..
    } = Sample::new()?;
    let (taken, to) = ([address(TO)?], address(FROM)?);
    Ok(Box::new(move || {
        let subject = Some("Prova");
        black_box(receipt::take_charge(
            &issuer,
            &original,
            subject,
            &taken,
            &to,
            step(),
        ));
    }))
}

fn non_acceptance() -> Result<Work, Trouble> {
    let Sample {
        issuer, original, ..
    } = Sample::new()?;
    let why = NonAcceptance::Formal("prova".to_owned());
    Ok(Box::new(move || {
        let subject = Some("Prova");
        black_box(notice::non_acceptance(
            &issuer,
            &original,
            subject,
            &why,
            step(),
        ));
    }))
}

fn non_delivery() -> Result<Work, Trouble> {
    let sample = Sample::new()?;
    let (facts, to) = (sample.facts(DeliveryDetail::Complete), address(TO)?);
    let failure = Failure {
        error: ErrorKind::Other,
        status: "5.1.1".to_owned(),
        reason: "prova".to_owned(),
    };
    Ok(Box::new(move || {
        black_box(notice::non_delivery(
            &sample.issuer,
            &facts,
            &to,
            &failure,
            step(),
        ));
    }))
}

fn delay() -> Result<Work, Trouble> {
    let sample = Sample::new()?;
    let (facts, to) = (sample.facts(DeliveryDetail::Complete), address(TO)?);
    Ok(Box::new(move || {
        let which = Delay::First;
        black_box(notice::delay(&sample.issuer, &facts, &to, which, step()));
    }))
}

fn virus_detection() -> Result<Work, Trouble> {
    let sample = Sample::new()?;
    let facts = sample.facts(DeliveryDetail::Complete);
    let (to, back) = (address(TO)?, address(FROM)?);
    Ok(Box::new(move || {
        black_box(notice::virus_detection(
            &sample.issuer,
            &facts,
            &to,
            "Eicar",
            &back,
            step(),
        ));
    }))
}

fn anomaly() -> Result<Work, Trouble> {
    let sample = Sample::new()?;
    let scan = Scan::of_bytes(&message());
    let facts = AnomalyFacts::read(&scan, Some(&address(FROM)?), vec![address(TO)?]);
    Ok(Box::new(move || {
        let (received, why) = (Rope::whole(sample.body), AnomalyReason::NoSignature);
        black_box(envelope::anomaly(
            &sample.issuer,
            &facts,
            received,
            why,
            step(),
        ));
    }))
}

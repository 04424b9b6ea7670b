//! Receipts of delivery, and notices of non-delivery (RFC 6109 §3.3.2, §3.3.3).

use ceralacca_core::certification::DeliveryDetail;
use ceralacca_core::wording::annex;
use ceralacca_core::wording::words::MessageKind;

use super::{Check, addresses, client_id, data, same, squeezed, subject, text, title, titled};
use crate::conformance::case::Case;
use crate::conformance::letter::Letter;
use crate::conformance::observed::{Observed, Trial, Unmade};

pub(super) const ROWS: &[Check] = rows! {
    "DR-01", "Every receipt of delivery has its fields", "RFC 6109 §3.3.2",
        ["standard", "brief", "concise", "remote"], fields;
    "DR-02", "It goes to the original sender, from the recipient's provider", "RFC 6109 §2.1, §3.3.2",
        ["standard", "remote"], paths;
    "DR-03", "Complete for To, concise for Cc", "RFC 6109 §3.3.2.1",
        ["standard"], |observed, case| details(observed, case, "standard",
            DeliveryDetail::Complete, DeliveryDetail::Concise);
    "DR-04", "Brief for To, concise for Cc", "RFC 6109 §3.3.2.2",
        ["brief"], |observed, case| details(observed, case, "brief",
            DeliveryDetail::Brief, DeliveryDetail::Concise);
    "DR-05", "Concise for everyone", "RFC 6109 §3.3.2.3",
        ["concise"], |observed, case| details(observed, case, "concise",
            DeliveryDetail::Concise, DeliveryDetail::Concise);
    "DR-06", "Who stands in both fields is a primary recipient", "RFC 6109 §3.3.2.1",
        ["twofold"], both_fields;
    "DR-07", "A complete receipt encloses the envelope's original", "RFC 6109 §3.3.2.1",
        ["standard", "remote"], complete;
    "DR-08", "A concise receipt has text and data, no original", "RFC 6109 §3.3.2.3",
        ["standard", "concise"], concise;
    "DR-18", "The data name kind, receipt asked for and recipient", "RFC 6109 §4.4",
        ["standard", "brief", "concise"], named;
    "DR-19", "The text says placed in the mailbox", "RFC 6109 §3.3.2",
        ["standard", "brief", "concise"], placed;
    "DR-20", "The kind is honoured from any client", "RFC 6109 §3.3.2",
        ["single"], |observed, case| {
            let trial = observed.trial("single")?;
            detail(case, trial.delivery(&observed.cast.recipient)?, DeliveryDetail::Brief)
        };
    "ND-01", "A failed delivery gives one notice with its fields", "RFC 6109 §3.3.3",
        ["unknown"], notice_fields;
    "ND-02", "The text names recipient, reason and identifier; no original", "RFC 6109 §3.3.3",
        ["unknown"], notice_text;
    "ND-03", "The data say which error and name one recipient", "RFC 6109 §4.4",
        ["unknown"], notice_data;
    "ND-04", "The error in words is status, provider and text", "field practice",
        ["unknown"], notice_error;
};

/// Receipts of delivery of these trials; those that were left out are not missed.
fn deliveries<'a>(observed: &'a Observed, names: &[&str]) -> Vec<(&'a Trial, &'a Letter)> {
    let trials = names.iter().filter_map(|name| observed.trials.get(*name));
    trials
        .flat_map(|trial| {
            trial
                .of(MessageKind::Delivery)
                .into_iter()
                .map(move |l| (trial, l))
        })
        .collect()
}

fn fields(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for (trial, receipt) in deliveries(observed, &["standard", "brief", "concise", "remote"]) {
        subject(case, trial, receipt)?;
        case.equal("Date fields", receipt.values("Date").len(), 1);
        let found = receipt.value(annex::REFERENCE_FIELD);
        case.equal(annex::REFERENCE_FIELD, found, client_id(trial));
        let marks = receipt.values(annex::PROVIDER_FIELDS[0]);
        let wanted = annex::mark(MessageKind::Delivery).map_or("", |mark| mark.value);
        let is_so = marks.len() == 1 && marks.iter().all(|m| m == wanted);
        case.of(receipt, is_so, || {
            format!("{}: {marks:?}", annex::PROVIDER_FIELDS[0])
        });
    }
    let one = observed.trial("standard")?;
    case.equal(
        "receipts about two recipients",
        one.of(MessageKind::Delivery).len(),
        2,
    );
    Ok(())
}

fn paths(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for (_, receipt) in deliveries(observed, &["standard", "remote"]) {
        let (to, from) = (addresses(receipt, "To"), addresses(receipt, "From"));
        let is_home = to.len() == 1 && to.iter().all(|a| same(a, &observed.cast.sender));
        case.of(receipt, is_home, || format!("To: {to:?}"));
        let is_service = |a: &String| a.split('@').next() == Some(annex::SERVICE_LOCAL_PART);
        let is_so = from.len() == 1 && from.iter().all(is_service);
        case.of(receipt, is_so, || format!("From: {from:?}"));
    }
    let own = observed.trial("standard")?.acceptance()?;
    if let Some(trial) = observed.trials.get("remote") {
        for receipt in trial.of(MessageKind::Delivery) {
            let (here, there) = (addresses(own, "From"), addresses(receipt, "From"));
            case.of(receipt, here != there, || {
                format!("is from {there:?}, the sender's provider is {here:?}")
            });
        }
    }
    Ok(())
}

/// Which receipt this is: by its title and by what it encloses.
fn detail(case: &mut Case, receipt: &Letter, wanted: DeliveryDetail) -> Result<(), Unmade> {
    titled(case, receipt, annex::delivery_title(wanted))?;
    let has_original = receipt.enclosed().is_some();
    case.of(
        receipt,
        has_original == (wanted != DeliveryDetail::Concise),
        || format!("encloses an original: {has_original}"),
    );
    Ok(())
}

fn details(
    observed: &Observed,
    case: &mut Case,
    name: &str,
    primary: DeliveryDetail,
    copy: DeliveryDetail,
) -> Result<(), Unmade> {
    let trial = observed.trial(name)?;
    let of = |wanted| {
        let of_title = annex::delivery_title(wanted);
        let is = |l: &&Letter| title(l).is_ok_and(|t| t.eq_ignore_ascii_case(of_title));
        trial
            .of(MessageKind::Delivery)
            .into_iter()
            .filter(is)
            .count()
    };
    if primary == copy {
        case.equal("receipts of this kind", of(primary), 2);
    } else {
        case.equal("receipts of the primary recipient's kind", of(primary), 1);
        case.equal("receipts of the copy recipient's kind", of(copy), 1);
    }
    for (address, wanted) in [
        (&observed.cast.recipient, primary),
        (&observed.cast.sender, copy),
    ] {
        // Without readable data nothing tells whose receipt it is; how many there are was seen above.
        if let Ok(receipt) = trial.delivery(address) {
            detail(case, receipt, wanted)?;
        }
    }
    Ok(())
}

fn both_fields(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let receipt = observed
        .trial("twofold")?
        .delivery(&observed.cast.recipient)?;
    detail(case, receipt, DeliveryDetail::Complete)
}

fn titled_receipts(observed: &Observed, names: &[&str], wanted: DeliveryDetail) -> Vec<Letter> {
    let of_title = annex::delivery_title(wanted);
    let is = |l: &&Letter| title(l).is_ok_and(|t| t.eq_ignore_ascii_case(of_title));
    let all = deliveries(observed, names)
        .into_iter()
        .map(|(_, letter)| letter);
    all.filter(is).cloned().collect()
}

fn complete(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let envelope = observed.trial("standard")?.envelope()?;
    let receipts = titled_receipts(observed, &["standard"], DeliveryDetail::Complete);
    case.each(&receipts, |case, receipt| {
        let is_same = receipt.enclosed().is_some() && receipt.enclosed() == envelope.enclosed();
        case.of(receipt, is_same, || {
            format!("encloses what {} does", envelope.name())
        });
        data(case, receipt);
        Ok(())
    })?;
    let Some(remote) = observed.trials.get("remote") else {
        return Ok(());
    };
    let (envelope, receipt) = (remote.envelope()?, remote.of(MessageKind::Delivery));
    case.each(receipt, |case, receipt| {
        let is_same = receipt.enclosed().is_some() && receipt.enclosed() == envelope.enclosed();
        case.of(receipt, is_same, || {
            format!("encloses what {} does", envelope.name())
        });
        Ok(())
    })
}

fn concise(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let names = ["standard", "concise"];
    let receipts = titled_receipts(observed, &names, DeliveryDetail::Concise);
    case.each(&receipts, |case, receipt| {
        let is_bare = receipt.enclosed().is_none();
        let parts = receipt.content_parts();
        let messages = parts.iter().filter(|p| p.media.kind == "message").count();
        case.of(receipt, is_bare && messages == 0, || {
            "holds no message".to_owned()
        });
        data(case, receipt);
        Ok(())
    })
}

fn named(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let [complete, brief, concise] = annex::DETAIL_VALUES;
    for (name, wanted) in [
        ("standard", complete),
        ("brief", brief),
        ("concise", concise),
    ] {
        let trial = observed.trial(name)?;
        let mut about = Vec::new();
        for receipt in trial.of(MessageKind::Delivery) {
            let Some(data) = data(case, receipt) else {
                continue;
            };
            let kind = annex::mark(MessageKind::Delivery).map(|mark| mark.value);
            case.equal("kind", data.kind(), kind);
            case.equal("receipt asked for", data.receipt(), Some(Some(wanted)));
            case.equal("recipients named", data.deliveries().len(), 1);
            about.extend(data.deliveries().iter().map(|a| a.to_lowercase()));
        }
        let mut to: Vec<_> = trial.to.iter().map(|a| a.to_lowercase()).collect();
        about.sort();
        to.sort();
        case.equal(
            &format!("recipients of the receipts of `{name}`"),
            about,
            to,
        );
    }
    Ok(())
}

fn placed(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let outcome = annex::mark(MessageKind::Delivery).map_or("", |mark| mark.outcome);
    let all = deliveries(observed, &["standard", "brief", "concise"]);
    case.each(
        all.into_iter().map(|(_, letter)| letter),
        |case, receipt| {
            let is_so = text(receipt)?.contains(outcome);
            case.of(receipt, is_so, || format!("the text says {outcome:?}"));
            Ok(())
        },
    )
}

fn notice(observed: &Observed) -> Result<(&Trial, &Letter), Unmade> {
    let trial = observed.trial("unknown")?;
    let letter = trial.answer_about(MessageKind::NonDelivery, &observed.cast.unknown)?;
    Ok((trial, letter))
}

fn notice_fields(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let (trial, letter) = notice(observed)?;
    case.equal("notices", trial.of(MessageKind::NonDelivery).len(), 1);
    subject(case, trial, letter)?;
    let to = addresses(letter, "To");
    let is_home = to.len() == 1 && to.iter().all(|a| same(a, &observed.cast.sender));
    case.of(letter, is_home, || format!("To: {to:?}"));
    let found = letter.value(annex::REFERENCE_FIELD);
    case.equal(annex::REFERENCE_FIELD, found, client_id(trial));
    Ok(())
}

fn notice_text(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let (_, letter) = notice(observed)?;
    let mark = annex::mark(MessageKind::NonDelivery);
    titled(case, letter, mark.map_or("", |mark| mark.title))?;
    case.of(letter, letter.enclosed().is_none(), || {
        "holds no original".to_owned()
    });
    let text = text(letter)?;
    let outcome = mark.map_or("", |mark| mark.outcome);
    let identifier = annex::IDENTIFIER_LINE.trim();
    for fact in [observed.cast.unknown.as_str(), outcome, identifier] {
        case.of(letter, text.contains(fact), || {
            format!("the text says {fact:?}")
        });
    }
    Ok(())
}

fn notice_data(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let (_, letter) = notice(observed)?;
    if let Some(data) = data(case, letter) {
        case.equal("error", data.error(), Some(annex::NO_MAILBOX));
        let about: Vec<_> = data.deliveries().iter().map(|a| a.to_lowercase()).collect();
        case.equal(
            "recipients named",
            about,
            vec![observed.cast.unknown.to_lowercase()],
        );
    }
    Ok(())
}

fn notice_error(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let (_, letter) = notice(observed)?;
    let data = letter.data()?;
    let words = squeezed(data.extended_error().unwrap_or_default());
    let pieces: Vec<&str> = words.splitn(2, " - ").collect();
    let [status, rest] = pieces.as_slice() else {
        case.of(letter, false, || {
            format!("{words:?} is not `status - provider - text`")
        });
        return Ok(());
    };
    let is_status = status.starts_with("5.") && status.split('.').count() == 3;
    let issuer = format!("{} - ", data.issuer());
    let is_whole = rest
        .strip_prefix(&issuer)
        .is_some_and(|text| !text.trim().is_empty());
    case.of(letter, is_status && is_whole, || format!("{words:?}"));
    Ok(())
}

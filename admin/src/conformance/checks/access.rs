//! The access point: who may send, what a receipt of acceptance says (RFC 6109 §3.1).

use ceralacca_core::wording::annex;
use ceralacca_core::wording::words::MessageKind;

use super::{Check, addresses, client_id, data, same, subject, text, titled};
use crate::conformance::case::{Case, told};
use crate::conformance::dialogue::{RECIPIENTS_TAKEN, announced_size};
use crate::conformance::observed::{Exchange, Observed, Unmade};

pub(super) const ROWS: &[Check] = &[
    Check {
        id: "AP-01",
        title: "MAIL FROM before signing in is refused with 530 5.7.0",
        section: "RFC 6109 §2.2.1, §5.2",
        scenarios: &["before-signing-in"],
        judge: before_signing_in,
    },
    Check {
        id: "AP-02",
        title: "A reverse path of another, or none, is refused",
        section: "RFC 6109 §5.2",
        scenarios: &["reverse-paths"],
        judge: reverse_paths,
    },
    Check {
        id: "AP-15",
        title: "A second size threshold is announced and kept",
        section: "RFC 6109 §3.1.2",
        scenarios: &["size"],
        judge: second_threshold,
    },
    Check {
        id: "AP-16",
        title: "A thousand recipients are taken in one transaction",
        section: "our choice",
        scenarios: &["recipients"],
        judge: thousand_recipients,
    },
    Check {
        id: "AP-18",
        title: "Recipients are typed by their domain, case aside",
        section: "RFC 6109 §2.2.1, §4.4",
        scenarios: &["external", "case"],
        judge: typed_recipients,
    },
    Check {
        id: "AP-19",
        title: "Acceptance makes one receipt with its fields",
        section: "RFC 6109 §3.1.4",
        scenarios: &["standard"],
        judge: acceptance_fields,
    },
    Check {
        id: "AP-20",
        title: "The receipt of acceptance lists each recipient with its type, without the original",
        section: "RFC 6109 §3.1.4",
        scenarios: &["standard", "external"],
        judge: acceptance_content,
    },
    Check {
        id: "AP-21",
        title: "Receipts go to the reverse path, never to Reply-To",
        section: "RFC 6109 §2.1",
        scenarios: &["replies"],
        judge: reverse_path_gets_receipts,
    },
    Check {
        id: "AP-22",
        title: "A transaction that is broken off before its end brings nothing",
        section: "our choice",
        scenarios: &["broken", "fence"],
        judge: broken_off,
    },
    Check {
        id: "AP-23",
        title: "A repeated recipient counts once",
        section: "our choice",
        scenarios: &["repeated"],
        judge: repeated_recipient,
    },
    Check {
        id: "AP-24",
        title: "Certification data list the forward path alone",
        section: "RFC 6109 §2.1",
        scenarios: &["wider"],
        judge: forward_path_alone,
    },
    Check {
        id: "AP-27",
        title: "The receipt of acceptance comes within the contract's term",
        section: "DM 2-11-2005 art. 12",
        scenarios: &["standard"],
        judge: acceptance_in_time,
    },
    Check {
        id: "AP-30",
        title: "An unknown mailbox is accepted and ends in a notice of non-delivery",
        section: "RFC 6109 §3.3.3",
        scenarios: &["unknown"],
        judge: unknown_is_accepted,
    },
    Check {
        id: "AP-31",
        title: "EHLO offers 8BITMIME, neither SMTPUTF8 nor DSN; other characters are refused",
        section: "RFC 6109 §4.3, §4.5.5",
        scenarios: &["characters"],
        judge: extensions,
    },
];

/// One reply has this status.
fn status(case: &mut Case, exchange: &Exchange, wanted: &[&str]) {
    let found = exchange.reply.status();
    let is_so = wanted.contains(&found.as_str());
    case.holds(is_so, || match is_so {
        true => format!("`{}` -> {found}", exchange.sent),
        false => format!(
            "`{}` -> {found}, not {}",
            exchange.sent,
            wanted.join(" or ")
        ),
    });
}

fn before_signing_in(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for (number, exchange) in observed.dialogue("before-signing-in")?.iter().enumerate() {
        match number {
            0 => {}
            1 => status(case, exchange, &["530 5.7.0"]),
            _ => case.holds(exchange.reply.code / 100 == 5, || {
                format!("`{}` -> {}", exchange.sent, exchange.reply.status())
            }),
        }
    }
    Ok(())
}

fn reverse_paths(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let wanted = ["553 5.7.1", "553 5.7.1", "504 5.5.2", "504 5.5.2"];
    let exchanges = observed.dialogue("reverse-paths")?.iter().skip(1);
    for (exchange, wanted) in exchanges.zip(wanted) {
        status(case, exchange, &[wanted]);
    }
    Ok(())
}

fn second_threshold(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let [ehlo, above] = observed.dialogue("size")? else {
        return Err(Unmade::Error("the dialogue about sizes was cut".to_owned()));
    };
    let announced = announced_size(&ehlo.reply.text);
    let most = observed.promises.message_octets;
    case.holds(announced.is_some_and(|size| size >= most), || {
        let announced = told(&announced);
        format!("EHLO announces SIZE {announced}; the largest message has {most} octets")
    });
    status(case, above, &["552 5.3.4"]);
    Ok(())
}

fn thousand_recipients(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let replies = observed.dialogue("recipients")?.iter().skip(2);
    let taken = replies.clone().take_while(|e| e.reply.code == 250).count();
    case.holds(taken >= RECIPIENTS_TAKEN, || {
        let next = replies.clone().nth(taken).map(|e| e.reply.status());
        format!("{taken} recipients were taken, then came {}", told(&next))
    });
    if let Some(next) = replies.clone().nth(taken) {
        status(case, next, &["452 4.5.3"]);
    }
    Ok(())
}

fn typed_recipients(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let [certified, external] = annex::RECIPIENT_WORDS;
    let upper = observed.trial("case")?.acceptance()?.data()?;
    for (address, kind) in upper.recipients() {
        case.equal(
            &format!("type of {address}"),
            kind.unwrap_or(certified.0),
            certified.0,
        );
    }
    let data = observed.trial("external")?.acceptance()?.data()?;
    let wanted = observed.cast.external.as_deref().unwrap_or_default();
    for (address, kind) in data.recipients() {
        let of = if same(address, wanted) {
            external.0
        } else {
            certified.0
        };
        case.equal(
            &format!("type of {address}"),
            kind.unwrap_or(certified.0),
            of,
        );
    }
    Ok(())
}

fn acceptance_fields(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("standard")?;
    case.equal(
        "receipts of acceptance",
        trial.of(MessageKind::Acceptance).len(),
        1,
    );
    let receipt = trial.acceptance()?;
    subject(case, trial, receipt)?;
    let from = addresses(receipt, "From");
    let is_service = from.len() == 1
        && from
            .iter()
            .all(|f| f.split('@').next() == Some(annex::SERVICE_LOCAL_PART));
    case.of(receipt, is_service, || format!("From: {from:?}"));
    case.equal("Date fields", receipt.values("Date").len(), 1);
    case.equal(
        annex::REFERENCE_FIELD,
        receipt.value(annex::REFERENCE_FIELD),
        client_id(trial),
    );
    Ok(())
}

fn acceptance_content(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trials = ["standard", "external"].map(|name| observed.trial(name));
    // Without an ordinary address, the other message shows the rest.
    for trial in trials.into_iter().flatten() {
        let receipt = trial.acceptance()?;
        let wanted = annex::mark(MessageKind::Acceptance);
        titled(case, receipt, wanted.map_or("", |mark| mark.title))?;
        case.of(receipt, receipt.enclosed().is_none(), || {
            "holds no original".to_owned()
        });
        let text = text(receipt)?;
        let Some(data) = data(case, receipt) else {
            continue;
        };
        case.equal("kind", data.kind(), wanted.map(|mark| mark.value));
        case.equal("error", data.error(), annex::ERRORS.first().copied());
        case.equal("recipients", data.recipients().len(), trial.to.len());
        for (address, kind) in data.recipients() {
            let kind = kind.unwrap_or(annex::RECIPIENT_WORDS[0].0);
            let word = annex::RECIPIENT_WORDS.iter().find(|(k, _)| *k == kind);
            let line = format!("{address} {}", word.map_or("", |(_, word)| *word));
            let is_listed = text.to_lowercase().contains(&line.to_lowercase());
            case.of(receipt, is_listed, || format!("the text lists {line:?}"));
        }
    }
    Ok(())
}

fn reverse_path_gets_receipts(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("replies")?;
    let mut answers = trial.of(MessageKind::Acceptance);
    answers.extend(trial.of(MessageKind::Delivery));
    case.each(answers, |case, letter| {
        let to = addresses(letter, "To");
        let is_so = to.len() == 1 && to.iter().all(|a| same(a, &observed.cast.sender));
        case.of(letter, is_so, || format!("To: {to:?}"));
        let is_home = trial.sender.iter().any(|own| own.name() == letter.name());
        case.of(letter, is_home, || {
            "lies in the sender's mailbox".to_owned()
        });
        Ok(())
    })
}

fn broken_off(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let came: Vec<_> = observed
        .trial("broken")?
        .letters()
        .map(|l| l.name())
        .collect();
    case.holds(came.is_empty(), || {
        format!("of the broken message came {came:?}")
    });
    Ok(())
}

fn repeated_recipient(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("repeated")?;
    let data = trial.acceptance()?.data()?;
    case.equal("recipients in the data", data.recipients().len(), 1);
    let text = text(trial.acceptance()?)?.to_lowercase();
    let times = text
        .matches(&observed.cast.recipient.to_lowercase())
        .count();
    case.equal("times that the text lists the recipient", times, 1);
    case.equal(
        "envelopes",
        trial.of(MessageKind::TransportEnvelope).len(),
        1,
    );
    case.equal(
        "receipts of delivery",
        trial.of(MessageKind::Delivery).len(),
        1,
    );
    Ok(())
}

fn forward_path_alone(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("wider")?;
    for letter in [trial.acceptance()?, trial.envelope()?] {
        let data = letter.data()?;
        let found: Vec<_> = data
            .recipients()
            .iter()
            .map(|(a, _)| a.to_lowercase())
            .collect();
        let wanted: Vec<_> = trial.to.iter().map(|a| a.to_lowercase()).collect();
        case.equal(letter.name(), found, wanted);
    }
    Ok(())
}

fn acceptance_in_time(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("standard")?;
    trial.acceptance()?;
    let after = trial.answered_after;
    let after = after.ok_or_else(|| Unmade::Error("no answer was timed".to_owned()))?;
    let most = observed.promises.acceptance;
    case.holds(after <= most, || {
        format!(
            "the first answer was seen {:.1} s after 250; {} s are promised",
            after.as_secs_f64(),
            most.as_secs()
        )
    });
    Ok(())
}

fn unknown_is_accepted(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let trial = observed.trial("unknown")?;
    let code = trial.reply.as_ref().map(|reply| reply.code);
    case.holds(code == Ok(250), || {
        format!("the message was answered {}", told(&code.ok()))
    });
    for kind in [MessageKind::Acceptance, MessageKind::NonDelivery] {
        let name = annex::mark(kind).map_or("", |mark| mark.value);
        case.equal(&format!("messages of kind {name}"), trial.of(kind).len(), 1);
    }
    Ok(())
}

fn extensions(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let exchanges = observed.dialogue("characters")?;
    let [ehlo, .., foreign] = exchanges else {
        return Err(Unmade::Error(
            "the dialogue about characters was cut".to_owned(),
        ));
    };
    let offers = |name: &str| {
        let mut lines = ehlo.reply.text.lines().skip(1);
        lines.any(|line| {
            line.split(' ')
                .next()
                .is_some_and(|k| k.eq_ignore_ascii_case(name))
        })
    };
    for (name, wanted) in [("8BITMIME", true), ("SMTPUTF8", false), ("DSN", false)] {
        case.equal(&format!("EHLO offers {name}"), offers(name), wanted);
    }
    status(case, foreign, &["553 5.6.7"]);
    Ok(())
}

//! Messages with one fault of form each, which must end in a notice of non-acceptance and reach nobody
//! (RFC 6109 §3.1.1, §3.1.2).

use super::{Ending, Scenario, Stage, Submission};
use crate::conformance::draft::{Draft, filler};

/// A row whose message goes to the recipient alone.
macro_rules! refused {
    ($name:literal, $story:literal, |$stage:ident| $draft:expr) => {
        Scenario {
            name: $name,
            story: $story,
            ending: Ending::Refused,
            write: |$stage| $stage.alone(&$draft),
        }
    };
}

pub(super) const ROWS: &[Scenario] = &[
    refused!("second-subject", "two Subject fields", |stage| stage
        .simple()
        .twice("Subject")),
    refused!("second-to", "two To fields", |stage| stage
        .simple()
        .twice("To")),
    refused!("no-date", "no Date", |stage| stage.simple().without("Date")),
    refused!("raw-header", "octets above 127 in the header", |stage| {
        stage.simple().set("Subject", stage.subject("perch\u{e9}"))
    }),
    refused!("long-line", "a line of 999 octets", |stage| {
        stage.simple().body(format!("{}\r\n", "x".repeat(999)))
    }),
    Scenario {
        name: "no-field",
        story: "a line of the header that is no field",
        ending: Ending::Refused,
        write: |stage| {
            let mut submission = stage.alone(&stage.simple())?;
            let line = b"This line has no colon\r\n".to_vec();
            submission.octets = [line, submission.octets].concat();
            Ok(submission)
        },
    },
    refused!("no-from", "no From", |stage| stage.simple().without("From")),
    refused!("two-from", "two addresses in From", |stage| {
        stage.simple().set(
            "From",
            format!("{}, {}", stage.cast.sender, stage.cast.recipient),
        )
    }),
    refused!("bad-from", "no valid address in From", |stage| stage
        .simple()
        .set("From", "<@>")),
    refused!("no-to", "neither To nor Cc", |stage| stage
        .simple()
        .without("To")),
    refused!("only-cc", "no To, only Cc", |stage| {
        stage
            .simple()
            .without("To")
            .set("Cc", stage.cast.recipient.clone())
    }),
    refused!("other-from", "another's address in From", |stage| {
        stage.simple().set("From", stage.cast.recipient.clone())
    }),
    Scenario {
        name: "hidden",
        story: "a recipient of the forward path that stands in neither To nor Cc",
        ending: Ending::Refused,
        write: |stage| stage.both(&stage.simple()),
    },
    refused!("bcc", "a Bcc with a value", |stage| {
        stage.simple().field("Bcc", stage.cast.recipient.clone())
    }),
    Scenario {
        name: "many",
        story: "one recipient more than the most",
        ending: Ending::Refused,
        write: many,
    },
    Scenario {
        name: "too-large",
        story: "two octets above the largest size",
        ending: Ending::Refused,
        write: |stage| {
            let draft = sized(stage, stage.simple(), stage.promises.message_octets + 2)?;
            stage.alone(&draft)
        },
    },
    Scenario {
        name: "product",
        story: "size times two recipients above the largest product",
        ending: Ending::Refused,
        write: |stage| {
            let draft = sized(stage, stage.pair(), stage.promises.product_octets / 2 + 2)?;
            stage.both(&draft)
        },
    },
];

fn many(stage: &Stage<'_>) -> Result<Submission, String> {
    let (local, domain) = stage.cast.unknown.rsplit_once('@').unwrap_or_default();
    let to: Vec<String> = (0..=stage.promises.recipients)
        .map(|number| format!("{local}.{number}@{domain}"))
        .collect();
    let all: Vec<&str> = to.iter().map(String::as_str).collect();
    // A line for each: together they would be too long a line.
    let draft = stage.simple().set("To", all.join(",\r\n "));
    stage.sent_to(&draft, &all)
}

/// `draft` with a body that makes it `octets` long.
fn sized(stage: &Stage<'_>, draft: Draft, octets: u64) -> Result<Draft, String> {
    if !stage.large {
        return Err("large messages are not sent (large = false)".to_owned());
    }
    let head = draft.clone().body("").octets().len();
    let octets = usize::try_from(octets).map_err(|_| "too large to be made here".to_owned())?;
    Ok(draft.body(filler(octets.saturating_sub(head))))
}

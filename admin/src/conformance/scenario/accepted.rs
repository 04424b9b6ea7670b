//! Messages that a provider must accept and certify, each with something that shows one rule.

use super::{Ending, Scenario, Stage};
use crate::conformance::draft::multipart_body;
use ceralacca_core::wording::annex;
use ceralacca_core::wording::words::xml;

/// A subject with an accent and a character that ISO-8859-1 lacks: `Perché <b>&€`.
const SUBJECT_WORDS: &str = "=?UTF-8?Q?Perch=C3=A9_=3Cb=3E=26=E2=82=AC?=";
/// A subject that wants to be lines, fields, nodes and controls; the element of the subject stands in
/// the place of `{}`.
const EVIL_WORDS: &str = "=?UTF-8?Q?uno=0D=0ABcc:_x@y.example=0D=0A=0D=0A</{}><falso/>=07=00fine?=";
/// A name that wants to be a field.
const EVIL_NAME: &str = "=?UTF-8?Q?Rossi=0D=0AX-Priority:_1?=";

const TEXT: &str = "Content-Type: text/plain; charset=us-ascii\r\n\r\nGood day.\r\n";
const DEED: &str = "Content-Type: application/pdf; name=\"atto.pdf\"\r\n\
    Content-Transfer-Encoding: base64\r\n\
    Content-Disposition: attachment; filename=\"atto.pdf\"\r\n\r\n\
    JVBERi0xLjQKJcOkw7zDtsOfCjIgMCBvYmoKPDwvTGVuZ3RoIDMgMCBSL0ZpbHRlci9GbGF0ZURl\r\n\
    Y29kZT4+CnN0cmVhbQo=";
const NESTED: &str = "Content-Type: multipart/alternative; boundary=\"=_inside\"\r\n\r\n\
    --=_inside\r\nContent-Type: text/plain\r\n\r\none\r\n\
    --=_inside\r\nContent-Type: text/html\r\n\
    Content-Disposition: inline; filename=\"pagina.html\"\r\n\r\n<p>one</p>\r\n--=_inside--\r\n";
/// Its base64 ends with a line end of its own, before that of the boundary.
const BUNDLE: &str = "Content-Type: application/zip; name=a.zip\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\nREVG\r\n";
const PICTURE: &str = "Content-Type: image/png\r\n\
    Content-Disposition: attachment; filename*=UTF-8''citt%C3%A0%20mia.png\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nAAAA";
const LETTER: &str = "Content-Type: message/rfc822\r\n\r\n\
    Subject: inside\r\nContent-Type: application/pdf; name=b.pdf\r\n\r\nx";
const NAMED_LETTER: &str = "Content-Type: message/rfc822; name=\"lettera.eml\"\r\n\r\n\
    Subject: inside\r\n\r\ny";

pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: super::TIMED,
        story: "to the recipient, in copy to the sender, with attachments",
        ending: Ending::Accepted,
        write: |stage| {
            let to = format!("\"Rossi,  Mario\"\r\n <{}>", stage.cast.recipient);
            let trace = format!("from first.example by second.example; {}", stage.date);
            let draft = stage
                .pair()
                .set("To", to)
                .set("Subject", stage.subject(SUBJECT_WORDS));
            let draft = draft.field("Received", trace).field("X-Priority", "1");
            let draft = draft.field("References", "<before@client.example>");
            let draft = draft.field("Disposition-Notification-To", stage.cast.sender.clone());
            stage.both(&draft.multipart("multipart/mixed", &[TEXT, DEED, NESTED]))
        },
    },
    Scenario {
        name: "brief",
        story: "asks for brief receipts, with attachments of every sort",
        ending: Ending::Accepted,
        write: |stage| {
            let [_, brief, _] = annex::DETAIL_VALUES;
            let draft = stage
                .pair()
                .field(annex::DETAIL_FIELD, brief.to_uppercase());
            let parts = [TEXT, DEED, NESTED, BUNDLE, PICTURE, LETTER, NAMED_LETTER];
            stage.both(&draft.multipart("multipart/mixed", &parts))
        },
    },
    Scenario {
        name: "concise",
        story: "asks for concise receipts",
        ending: Ending::Accepted,
        write: |stage| {
            let [_, _, concise] = annex::DETAIL_VALUES;
            let draft = stage.pair().field(annex::DETAIL_FIELD, concise);
            stage.both(&draft.multipart("multipart/mixed", &[TEXT, DEED]))
        },
    },
    Scenario {
        name: "single",
        story: "asks for a brief receipt, the whole message is one attachment",
        ending: Ending::Accepted,
        write: |stage| {
            let draft = brief(stage).field("MIME-Version", "1.0");
            let draft = draft.field("Content-Type", "application/pdf; name=solo.pdf");
            let draft = draft.field("Content-Transfer-Encoding", "base64");
            stage.alone(&draft.body("JVBERg==\r\n"))
        },
    },
    Scenario {
        name: "signed",
        story: "asks for a brief receipt, the user's own S/MIME signature",
        ending: Ending::Accepted,
        write: |stage| {
            let mixed = multipart_body("=_mixed", &[TEXT, DEED]);
            let first =
                format!("Content-Type: multipart/mixed; boundary=\"=_mixed\"\r\n\r\n{mixed}");
            let second = "Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\
                Content-Transfer-Encoding: base64\r\n\
                Content-Disposition: attachment; filename=smime.p7s\r\n\r\nMIIB";
            stage.alone(&brief(stage).multipart("multipart/signed", &[&first, second]))
        },
    },
    Scenario {
        name: "opaque",
        story: "asks for a brief receipt, an opaque S/MIME message",
        ending: Ending::Accepted,
        write: |stage| {
            let kind = "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m";
            let draft = brief(stage)
                .field("MIME-Version", "1.0")
                .field("Content-Type", kind);
            let draft = draft.field("Content-Transfer-Encoding", "base64");
            stage.alone(&draft.body("MIIB\r\n"))
        },
    },
    Scenario {
        name: "twofold",
        story: "the recipient stands in To and in Cc",
        ending: Ending::Accepted,
        write: |stage| {
            stage.alone(
                &stage
                    .simple()
                    .set("Cc", stage.cast.recipient.to_uppercase()),
            )
        },
    },
    Scenario {
        name: "other-word",
        story: "asks for a kind of receipt that there is not",
        ending: Ending::Accepted,
        write: |stage| {
            let [complete, ..] = annex::DETAIL_VALUES;
            let word = complete.trim_end_matches('a');
            stage.alone(&stage.simple().field(annex::DETAIL_FIELD, word))
        },
    },
    Scenario {
        name: "replies",
        story: "replies go to two others, and another claims to be the sender",
        ending: Ending::Accepted,
        write: |stage| {
            let value = format!(
                "One <one@replies.example>, \"Two\" <{}>",
                stage.cast.recipient
            );
            let draft = stage.simple().field("Reply-To", value);
            stage.alone(&draft.field("Sender", stage.cast.recipient.clone()))
        },
    },
    Scenario {
        name: "forged",
        story: "brings fields that only a provider may write",
        ending: Ending::Either,
        write: |stage| {
            let forged = [annex::MARKS[3].value, annex::MARKS[5].value];
            let values = [forged[0], forged[1], forged[1], "another@forged.example"];
            let fields = annex::PROVIDER_FIELDS.into_iter().zip(values);
            let draft = fields.fold(stage.simple(), |draft, (name, value)| {
                draft.field(name, value)
            });
            stage.alone(&draft)
        },
    },
    Scenario {
        name: "reference",
        story: "brings a reference identifier of its own, and no Message-ID",
        ending: Ending::Accepted,
        write: |stage| {
            let draft = stage.simple().without("Message-ID");
            stage.alone(&draft.field(annex::REFERENCE_FIELD, "<false@forged.example>"))
        },
    },
    Scenario {
        name: "references",
        story: "brings a reference identifier that is not its Message-ID",
        ending: Ending::Accepted,
        write: |stage| {
            let draft = stage.simple();
            stage.alone(&draft.field(annex::REFERENCE_FIELD, "<false@forged.example>"))
        },
    },
    Scenario {
        name: "injection",
        story: "subject and name hold line ends, controls and XML",
        ending: Ending::Accepted,
        write: |stage| {
            let from = format!("{EVIL_NAME} <{}>", stage.cast.sender);
            let draft = stage.simple().set("From", from);
            stage.alone(&draft.set(
                "Subject",
                stage.subject(&EVIL_WORDS.replace("{}", xml::SUBJECT)),
            ))
        },
    },
    Scenario {
        name: "no-subject",
        story: "has no subject",
        ending: Ending::Accepted,
        write: |stage| stage.alone(&stage.simple().without("Subject")),
    },
    Scenario {
        name: "no-id",
        story: "has no Message-ID",
        ending: Ending::Accepted,
        write: |stage| stage.alone(&stage.simple().without("Message-ID")),
    },
    Scenario {
        name: "case",
        story: "From and To in capitals",
        ending: Ending::Accepted,
        write: |stage| {
            let draft = stage.simple().set("From", stage.cast.sender.to_uppercase());
            stage.alone(&draft.set("To", stage.cast.recipient.to_uppercase()))
        },
    },
    Scenario {
        name: "repeated",
        story: "the recipient stands twice in the forward path, once with its domain in capitals",
        ending: Ending::Accepted,
        write: |stage| {
            let (local, domain) = split(&stage.cast.recipient);
            let again = format!("{local}@{}", domain.to_uppercase());
            stage.sent_to(&stage.simple(), &[&stage.cast.recipient, &again])
        },
    },
    Scenario {
        name: "wider",
        story: "To and Cc name others than the forward path",
        ending: Ending::Accepted,
        write: |stage| {
            let draft = stage.to(&[&stage.cast.recipient, "other@elsewhere.example"]);
            stage.alone(&draft.set("Cc", "third@elsewhere.example"))
        },
    },
    Scenario {
        name: "empty-bcc",
        story: "an empty Bcc",
        ending: Ending::Accepted,
        write: |stage| stage.alone(&stage.simple().field("Bcc", "")),
    },
    Scenario {
        name: "obsolete",
        story: "the obsolete syntax of RFC 5322 §4",
        ending: Ending::Accepted,
        write: |stage| {
            let from = format!("(who) Rossi (he) <@via.example:{}>", stage.cast.sender);
            let draft = stage.simple().without("Date").set("From", from);
            stage.alone(&draft.field("Date\t", "Fri, 21 Nov 97 09:55:06 -0600"))
        },
    },
    Scenario {
        name: "longest-line",
        story: "a line of 998 octets",
        ending: Ending::Accepted,
        write: |stage| stage.alone(&stage.simple().body(format!("{}\r\n", "x".repeat(998)))),
    },
    Scenario {
        name: "eight-bit",
        story: "a text with octets above 127",
        ending: Ending::Accepted,
        write: |stage| {
            let draft = stage.simple().field("MIME-Version", "1.0");
            let draft = draft.field("Content-Type", "text/plain; charset=utf-8");
            let draft = draft.field("Content-Transfer-Encoding", "8bit");
            stage.alone(&draft.body("perch\u{e9}\r\n"))
        },
    },
    Scenario {
        name: "unknown",
        story: "to an address that nobody has",
        ending: Ending::Accepted,
        write: |stage| {
            let draft = stage.to(&[&stage.cast.unknown]);
            let draft = draft.set("Subject", stage.subject(SUBJECT_WORDS));
            stage.sent_to(&draft, &[&stage.cast.unknown])
        },
    },
    Scenario {
        name: "external",
        story: "to the recipient and to an ordinary address",
        ending: Ending::Accepted,
        write: |stage| match stage.cast.external.as_deref() {
            Some(external) => {
                let to = [stage.cast.recipient.as_str(), external];
                stage.sent_to(&stage.to(&to), &to)
            }
            None => Err("no ordinary address was given ([external])".to_owned()),
        },
    },
    Scenario {
        name: "remote",
        story: "to a mailbox at another provider",
        ending: Ending::Accepted,
        write: |stage| match stage.cast.remote.as_deref() {
            Some(remote) => {
                let draft = stage
                    .to(&[remote])
                    .multipart("multipart/mixed", &[TEXT, DEED]);
                stage.sent_to(&draft, &[remote])
            }
            None => Err("no mailbox at another provider was given ([remote])".to_owned()),
        },
    },
    Scenario {
        name: super::FENCE,
        story: "the last one",
        ending: Ending::Accepted,
        write: |stage| stage.alone(&stage.simple()),
    },
];

fn brief(stage: &Stage<'_>) -> crate::conformance::draft::Draft {
    let [_, brief, _] = annex::DETAIL_VALUES;
    stage.simple().field(annex::DETAIL_FIELD, brief)
}

fn split(address: &str) -> (&str, &str) {
    address.rsplit_once('@').unwrap_or((address, ""))
}

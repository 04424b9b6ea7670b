//! The form that all messages share (RFC 6109 §2.1, §4.3).

use std::collections::BTreeMap;

use ceralacca_core::mime::ContentField;
use ceralacca_core::mime::content::TransferEncoding;
use ceralacca_core::wording::annex;
use ceralacca_core::wording::words::MessageKind;

use super::{Check, addresses, client_id, mark, same, squeezed, text};
use crate::conformance::case::Case;
use crate::conformance::letter::Letter;
use crate::conformance::observed::{Observed, Unmade};

pub(super) const ROWS: &[Check] = rows! {
    "SG-01", "Every message is multipart/signed, with a detached signature", "RFC 6109 §2.1", [],
        detached;
    "SG-02", "The signed content is text, data, and the original where allowed", "RFC 6109 §4.3", [],
        content;
    "SG-06", "The text is ISO-8859-1, what that lacks is a question mark", "RFC 6109 §4.3.1",
        ["standard"], charset;
    "SG-07", "HTML is passive and says the same", "RFC 6109 §4.3.1", [], html;
    "SG-08", "All that is written is 7-bit", "RFC 6109 §4.3", [], seven_bit;
    "SG-13", "Each receipt has a Message-ID of its own", "field practice", [], own_identifiers;
    "SG-18", "Every receipt has Date, From, one To, its kind and the client's identifier",
        "RFC 6109 §3.1.2 to §3.3.3", [], receipt_fields;
    "SG-19", "Receipts hold no other field of the original", "RFC 6109 §2.1.1, §3", [],
        no_other_field;
    "SG-20", "Every text says its outcome and its identifier", "RFC 6109 §3.1.2 to §3.3.3", [],
        outcomes;
};

fn detached(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    case.each(observed.made(), |case, letter| {
        let Some((media, parameters)) = letter.media() else {
            case.of(letter, false, || "has no readable Content-Type".to_owned());
            return Ok(());
        };
        let protocol = parameters.text("protocol").unwrap_or_default();
        let is_signed = media == "multipart/signed" && protocol.ends_with("pkcs7-signature");
        case.of(letter, is_signed, || {
            format!("{media}; protocol={protocol:?}")
        });
        let [.., file] = annex::FILES;
        let is_file = letter.signed().is_some_and(|(_, signature)| {
            signature.media.subtype.ends_with("pkcs7-signature")
                && signature.name.as_deref() == Some(file)
        });
        case.of(letter, is_file, || format!("its second part is {file}"));
        Ok(())
    })
}

/// Kinds that enclose the original: always, or in some of their variants.
const ENCLOSING: [(MessageKind, bool); 3] = [
    (MessageKind::TransportEnvelope, true),
    (MessageKind::AnomalyEnvelope, true),
    (MessageKind::Delivery, false),
];

fn content(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let [xml, original, _] = annex::FILES;
    case.each(observed.made(), |case, letter| {
        let is_mixed = letter
            .signed()
            .is_some_and(|(c, _)| c.media.is("multipart", "mixed"));
        let has_text = letter.readable().0.is_some();
        case.of(letter, is_mixed && has_text, || {
            format!("multipart/mixed: {is_mixed}, text first: {has_text}")
        });
        let data = letter.files(xml).len();
        case.of(letter, data == 1, || format!("{xml}: {data}"));
        let enclosed = letter.files(original).len();
        let rule = ENCLOSING
            .iter()
            .find(|(kind, _)| letter.kind() == Some(*kind));
        let is_so = match rule {
            None => enclosed == 0,
            Some((_, true)) => enclosed == 1,
            Some((_, false)) => enclosed <= 1,
        };
        case.of(letter, is_so, || format!("{original}: {enclosed}"));
        Ok(())
    })
}

fn charset(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    case.each(observed.made(), |case, letter| {
        let Some(part) = letter.readable().0 else {
            return Err(Unmade::Error(format!(
                "{} has no readable text",
                letter.name()
            )));
        };
        let charset = letter.parameters(part, ContentField::Type).text("charset");
        let charset = charset.unwrap_or_default();
        let is_so = charset.eq_ignore_ascii_case("iso-8859-1");
        case.of(letter, is_so, || format!("charset {charset:?}"));
        Ok(())
    })?;
    let trial = observed.trial("standard")?;
    let receipt = trial.acceptance()?;
    let subject = trial.sent.subject();
    let wanted: String = subject
        .chars()
        .map(|c| if u32::from(c) < 0x100 { c } else { '?' })
        .collect();
    let is_shown = text(receipt)?.contains(&squeezed(&wanted));
    case.of(receipt, is_shown, || {
        format!("shows the subject as {wanted:?}")
    });
    if let Some(html) = receipt.html() {
        let outside = subject
            .chars()
            .filter(|c| u32::from(*c) >= 0x100)
            .map(u32::from);
        for code in outside {
            let lower = html.to_lowercase();
            let is_so =
                lower.contains(&format!("&#{code};")) || lower.contains(&format!("&#x{code:x};"));
            case.of(receipt, is_so, || format!("HTML refers to U+{code:04X}"));
        }
    }
    Ok(())
}

/// What refers to anything, or acts.
const ACTIVE: [&str; 16] = [
    "<script", "<img", "<link", "<iframe", "<object", "<embed", "<form", "<base", "href=", "src=",
    "url(", "onclick", "onload", "onerror", "cid:", "@import",
];

fn html(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let mut twins = 0;
    for letter in observed.made() {
        let Some(html) = letter.html() else {
            continue;
        };
        twins += 1;
        let lower = html.to_lowercase();
        let found: Vec<_> = ACTIVE
            .iter()
            .filter(|word| lower.contains(**word))
            .collect();
        case.of(letter, found.is_empty(), || {
            format!("active or referring: {found:?}")
        });
        let data = letter.data()?;
        for fact in [data.sender(), data.identifier()] {
            case.of(letter, html.contains(fact), || {
                format!("HTML says {fact:?}")
            });
        }
    }
    if twins == 0 {
        return Err(Unmade::NotApplicable(
            "no message has an HTML text".to_owned(),
        ));
    }
    Ok(())
}

fn seven_bit(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let [_, original, _] = annex::FILES;
    case.each(observed.made(), |case, letter| {
        let is_ascii = letter.octets().is_ascii();
        let encoded: Vec<_> = letter
            .files(original)
            .iter()
            .map(|part| part.encoding)
            .collect();
        let is_so = encoded
            .iter()
            .all(|encoding| *encoding == TransferEncoding::SevenBit);
        case.of(letter, is_ascii && is_so, || {
            format!("7-bit: {is_ascii}, {encoded:?}")
        });
        Ok(())
    })
}

fn own_identifiers(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    case.each(observed.receipts(), |case, letter| {
        let id = letter.value("Message-ID").unwrap_or_default();
        let identifier = letter.data()?.identifier().to_owned();
        let is_own = !id.is_empty() && id != format!("<{identifier}>");
        case.of(letter, is_own, || {
            format!("Message-ID {id}, identifier {identifier}")
        });
        if let Some(other) = seen.insert(id.clone(), letter.name().to_owned()) {
            case.of(letter, false, || {
                format!("has the Message-ID {id} of {other}")
            });
        }
        Ok(())
    })
}

fn receipt_fields(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let receipts = observed.receipts();
    for trial in observed.trials.values() {
        let is_receipt = |l: &&Letter| receipts.iter().any(|r| r.name() == l.name());
        for letter in trial.letters().filter(is_receipt) {
            let (from, to) = (addresses(letter, "From"), addresses(letter, "To"));
            let is_home = to.len() == 1 && to.iter().all(|a| same(a, &observed.cast.sender));
            let is_service = from.len() == 1
                && from
                    .iter()
                    .all(|f| f.split('@').next() == Some(annex::SERVICE_LOCAL_PART));
            case.of(letter, is_home && is_service, || {
                format!("From: {from:?}, To: {to:?}")
            });
            let mark = mark(letter)?;
            let counts = ["Date", mark.field].map(|name| letter.values(name).len());
            case.of(letter, counts == [1, 1], || {
                format!("Date and {}: {counts:?}", mark.field)
            });
            if trial.sent.values("Message-ID").len() < 2 {
                let found = letter.value(annex::REFERENCE_FIELD);
                case.equal(
                    &format!("reference in {}", letter.name()),
                    found,
                    client_id(trial),
                );
            }
        }
    }
    case.holds(!receipts.is_empty(), || {
        format!("{} receipts and notices", receipts.len())
    });
    Ok(())
}

/// Fields that a receipt has by itself, and those that servers add on the way.
const OWN: [&str; 12] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Return-Path",
    annex::REFERENCE_FIELD,
    annex::DETAIL_FIELD,
    annex::MARKS[0].field,
];

fn no_other_field(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let receipts = observed.receipts();
    for trial in observed.trials.values() {
        let of_original = |letter: &Letter| -> Vec<String> {
            let fields = letter.scan().fields();
            let inherited = fields.filter(|field| {
                let is_own = OWN.iter().any(|own| field.is(own));
                let sent = trial.sent.scan().fields_named(field.name);
                !is_own
                    && sent
                        .into_iter()
                        .any(|s| !field.is("Received") || s.value == field.value)
            });
            inherited.map(|field| field.name.to_owned()).collect()
        };
        for letter in trial
            .letters()
            .filter(|l| receipts.iter().any(|r| r.name() == l.name()))
        {
            let found = of_original(letter);
            case.of(letter, found.is_empty(), || format!("inherited: {found:?}"));
        }
    }
    Ok(())
}

fn outcomes(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    case.each(observed.made(), |case, letter| {
        let (mark, text) = (mark(letter)?, text(letter)?);
        let says_outcome = text.contains(mark.outcome);
        case.of(letter, says_outcome, || {
            format!("the text says {:?}", mark.outcome)
        });
        let says_identifier = text.contains(annex::IDENTIFIER_LINE);
        case.of(letter, says_identifier, || {
            "the text names the identifier".to_owned()
        });
        Ok(())
    })
}

//! Brief receipts: which parts give way to which hash (RFC 6109 §3.3.2.2). The rule is worked out here
//! from the original in the envelope, and each hash computed from its octets.

use aws_lc_rs::digest;
use ceralacca_core::certification::DeliveryDetail;
use ceralacca_core::mime::{Part, Shape};
use ceralacca_core::wording::annex;
use ceralacca_core::wording::words::MessageKind;
use data_encoding::HEXLOWER;

use super::{Check, data, titled};
use crate::conformance::case::Case;
use crate::conformance::letter::Letter;
use crate::conformance::observed::{Observed, Unmade};

macro_rules! rows {
    ($($id:literal, $title:literal, [$($scenario:literal),*], $judge:expr;)*) => {
        &[$(Check {
            id: $id,
            title: $title,
            section: "RFC 6109 §3.3.2.2",
            scenarios: &[$($scenario),*],
            judge: $judge,
        }),*]
    };
}

pub(super) const ROWS: &[Check] = rows! {
    "DR-09", "A brief receipt has text, data and the shortened original", ["brief"], brief_parts;
    "DR-10", "Named parts become hashes, others stay", ["brief", "single"], replaced_parts;
    "DR-11", "The hash is SHA-1, one run of 40 hexadecimal digits", ["brief", "single", "signed"],
        hash_form;
    "DR-12", "The name gets .hash and stays readable", ["brief", "single"], hash_names;
    "DR-13", "The hash covers the octets as transmitted, without the boundary's line end",
        ["brief", "single", "signed"], hash_values;
    "DR-14", "An attached message is replaced whole", ["brief"], attached_messages;
    "DR-15", "Of a signed original only the first part is shortened", ["signed"], signed_original;
    "DR-16", "An opaque original is left intact", ["opaque"], opaque_original;
    "DR-17", "Structure and header fields outside replaced parts are identical",
        ["brief", "single", "signed"], untouched;
};

/// The original of an envelope beside that of the brief receipt about the recipient.
struct Twins {
    whole: Letter,
    short: Letter,
}

/// A part of the whole original and the one that stands in its place.
struct Pair<'a> {
    whole: &'a Part,
    short: &'a Part,
    /// The rule replaces it by its hash.
    is_replaced: bool,
}

impl Twins {
    fn of(observed: &Observed, name: &str) -> Result<Self, Unmade> {
        let trial = observed.trial(name)?;
        let receipt = enclosing_receipt(observed, name)?;
        let original = |letter: &Letter| {
            let original = letter.original();
            original.ok_or_else(|| Unmade::Error(format!("{} encloses nothing", letter.name())))
        };
        Ok(Self {
            whole: original(trial.envelope()?)?,
            short: original(receipt)?,
        })
    }

    /// The leaves of both, pair by pair.
    fn pairs(&self) -> Result<Vec<Pair<'_>>, String> {
        let root = self.whole.scan().root();
        let is_opaque =
            root.media.kind == "application" && root.media.subtype.ends_with("pkcs7-mime");
        let mut pairs = Vec::new();
        let state = if is_opaque { Rule::Kept } else { Rule::Applies };
        self.collect((0, 0), state, &mut pairs)?;
        Ok(pairs)
    }

    fn collect<'a>(
        &'a self,
        (whole, short): (usize, usize),
        rule: Rule,
        pairs: &mut Vec<Pair<'a>>,
    ) -> Result<(), String> {
        let (w, s) = (
            &self.whole.scan().parts()[whole],
            &self.short.scan().parts()[short],
        );
        let is_message = w.media.is("message", "rfc822");
        if w.shape != Shape::Multipart || is_message {
            let is_replaced = rule == Rule::Applies && (is_message || w.name.is_some());
            pairs.push(Pair {
                whole: w,
                short: s,
                is_replaced,
            });
            return Ok(());
        }
        let inner: Vec<usize> = self.whole.scan().children(whole).collect();
        let outer: Vec<usize> = self.short.scan().children(short).collect();
        if inner.len() != outer.len() {
            let name = self.short.name();
            return Err(format!(
                "{name}: {} parts where {} belong",
                outer.len(),
                inner.len()
            ));
        }
        let is_signed = whole == 0 && w.media.is("multipart", "signed");
        for (number, places) in inner.into_iter().zip(outer).enumerate() {
            let kept = is_signed && number > 0;
            self.collect(places, if kept { Rule::Kept } else { rule }, pairs)?;
        }
        Ok(())
    }

    fn replaced(&self) -> Result<Vec<Pair<'_>>, Unmade> {
        let pairs = self.pairs()?;
        Ok(pairs.into_iter().filter(|pair| pair.is_replaced).collect())
    }

    /// What stands in the place of a part.
    fn hash(&self, pair: &Pair<'_>) -> String {
        let octets = self.short.decoded(pair.short).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }
}

/// The receipt of delivery that encloses an original: that of the primary recipient.
fn enclosing_receipt<'a>(observed: &'a Observed, name: &str) -> Result<&'a Letter, Unmade> {
    let receipts = observed.trial(name)?.of(MessageKind::Delivery);
    let mut enclosing = receipts.into_iter().filter(|l| l.enclosed().is_some());
    let missing = || format!("no receipt of `{name}` encloses an original");
    Ok(enclosing.next().ok_or_else(missing)?)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Applies,
    Kept,
}

/// Names a part in evidence.
fn named(part: &Part) -> String {
    let name = part.name.as_deref().unwrap_or("without a name");
    format!("{}/{} {name}", part.media.kind, part.media.subtype)
}

fn sha1(octets: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, octets).as_ref())
}

fn is_hash(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn brief_parts(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let receipt = enclosing_receipt(observed, "brief")?;
    titled(case, receipt, annex::delivery_title(DeliveryDetail::Brief))?;
    data(case, receipt);
    case.of(receipt, receipt.enclosed().is_some(), || {
        "encloses an original".to_owned()
    });
    let twins = Twins::of(observed, "brief")?;
    let is_shorter = twins.short.octets() != twins.whole.octets();
    case.of(receipt, is_shorter, || {
        "its original is not the whole one".to_owned()
    });
    Ok(())
}

fn replaced_parts(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["brief", "single"] {
        let twins = Twins::of(observed, name)?;
        let pairs = match twins.pairs() {
            Ok(pairs) => pairs,
            Err(why) => {
                case.holds(false, || why);
                continue;
            }
        };
        for pair in pairs {
            if pair.is_replaced {
                let is_text = pair.short.media.is("text", "plain");
                let is_so = is_text && is_hash(twins.hash(&pair).trim());
                case.holds(is_so, || {
                    format!(
                        "`{name}`: {} became {:?}",
                        named(pair.whole),
                        twins.hash(&pair)
                    )
                });
            } else {
                let is_same = twins.whole.raw(pair.whole) == twins.short.raw(pair.short);
                case.holds(is_same, || format!("`{name}`: {} stays", named(pair.whole)));
            }
        }
    }
    Ok(())
}

fn hash_form(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["brief", "single", "signed"] {
        let twins = Twins::of(observed, name)?;
        for pair in twins.replaced()? {
            let hash = twins.hash(&pair);
            let body = twins.whole.body(pair.whole);
            let readings = [
                sha1(body),
                sha1(&[body, b"\r\n"].concat()),
                sha1(&twins.whole.decoded(pair.whole).unwrap_or_default()),
                sha1(twins.whole.raw(pair.whole)),
            ];
            let is_sha1 = readings
                .iter()
                .any(|reading| reading.eq_ignore_ascii_case(&hash));
            case.holds(is_hash(&hash) && is_sha1, || {
                format!(
                    "`{name}`: {}: {hash:?} is its SHA-1: {is_sha1}",
                    named(pair.whole)
                )
            });
        }
    }
    Ok(())
}

fn hash_names(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["brief", "single"] {
        let twins = Twins::of(observed, name)?;
        for pair in twins
            .replaced()?
            .iter()
            .filter(|pair| pair.whole.name.is_some())
        {
            let wanted = pair.whole.name.as_ref().map(|name| format!("{name}.hash"));
            case.equal(&format!("name in `{name}`"), &pair.short.name, &wanted);
        }
    }
    Ok(())
}

fn hash_values(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["brief", "single", "signed"] {
        let twins = Twins::of(observed, name)?;
        for pair in twins.replaced()? {
            let (found, wanted) = (twins.hash(&pair), sha1(twins.whole.body(pair.whole)));
            case.holds(found.trim().eq_ignore_ascii_case(&wanted), || {
                format!(
                    "`{name}`: {}: {found:?}, its octets give {wanted}",
                    named(pair.whole)
                )
            });
        }
    }
    Ok(())
}

fn attached_messages(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let twins = Twins::of(observed, "brief")?;
    let pairs = twins.replaced()?;
    let messages = pairs
        .iter()
        .filter(|p| p.whole.media.is("message", "rfc822"));
    for pair in messages {
        let wanted = pair.whole.name.as_deref().unwrap_or("message.eml");
        let is_so = pair.short.media.is("text", "plain") && pair.short.shape == Shape::Leaf;
        case.holds(is_so, || {
            format!("{} became {}", named(pair.whole), named(pair.short))
        });
        case.equal(
            "its name",
            pair.short.name.clone(),
            Some(format!("{wanted}.hash")),
        );
    }
    Ok(())
}

fn signed_original(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let twins = Twins::of(observed, "signed")?;
    let second = |letter: &Letter| letter.children(0).get(1).map(|p| letter.raw(p).to_vec());
    let (whole, short) = (second(&twins.whole), second(&twins.short));
    case.holds(whole.is_some() && whole == short, || {
        "the signature part stays".to_owned()
    });
    let replaced = twins.replaced()?;
    case.holds(!replaced.is_empty(), || {
        "the first part is descended into".to_owned()
    });
    for pair in replaced {
        let is_so = pair.short.media.is("text", "plain");
        case.holds(is_so, || {
            format!("{} became {}", named(pair.whole), named(pair.short))
        });
    }
    Ok(())
}

fn opaque_original(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let twins = Twins::of(observed, "opaque")?;
    case.holds(twins.whole.octets() == twins.short.octets(), || {
        format!("{} is that of the envelope", twins.short.name())
    });
    Ok(())
}

fn untouched(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for name in ["brief", "single", "signed"] {
        let twins = Twins::of(observed, name)?;
        // Put the replaced parts back: all the rest must be the same octets.
        let (mut back, mut at) = (Vec::new(), 0);
        for pair in twins.replaced()? {
            let root = pair.short.parent.is_none();
            // Of a part that is the whole message, the fields that do not describe it stay.
            let (start, own) = match root {
                true => (pair.short.body.start, twins.whole.body(pair.whole)),
                false => (pair.short.header.start, twins.whole.raw(pair.whole)),
            };
            let short = twins.short.octets();
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            back.extend_from_slice(short.get(at..place(start)).unwrap_or_default());
            back.extend_from_slice(own);
            at = place(pair.short.body.end);
        }
        back.extend_from_slice(twins.short.octets().get(at..).unwrap_or_default());
        let back = Letter::new("the original put back", back);
        let is_same = match twins.whole.scan().root().shape {
            Shape::Multipart => back.octets() == twins.whole.octets(),
            _ => other_fields(&back) == other_fields(&twins.whole),
        };
        case.holds(is_same, || format!("`{name}`: all else is identical"));
    }
    Ok(())
}

/// Fields that do not describe the body.
fn other_fields(letter: &Letter) -> Vec<Vec<u8>> {
    let fields = letter.scan().fields();
    let of_content = |name: &str| name.to_ascii_lowercase().starts_with("content-");
    let kept = fields.filter(|field| !of_content(field.name));
    kept.map(|field| field.raw.to_vec()).collect()
}

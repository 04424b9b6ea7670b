//! `sandbox serve --broken …`: a provider with known faults, so that each conformance check can be seen
//! failing. Only for a data directory with a software key; nothing in `serve` leads here.

use std::sync::Arc;
use std::time::Duration;

use ceralacca_core::disk::DataFolder;
use ceralacca_core::envelope::SignedDraft;
use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{Clock, Sabotage, Signer, SystemClock};
use ceralacca_core::rope::{Piece, Rope};
use ceralacca_core::smime::SigningCertificate;
use ceralacca_core::wording::annex;
use ceralacca_firmware::{Settings, SignerSettings};
use ceralacca_hsm::{Authority, SoftwareKey, SoftwareSigner};

use super::serve::serve_with;
use crate::appliance::Appliance;
use crate::cli::{BrokenArguments, FaultWord};
use crate::keys;
use crate::lock::Lock;
use crate::report::{Failure, Report, Voice};

/// Validity of what a false authority signs.
const FALSE_DAYS: u32 = 365;
/// How long ago an expired certificate was issued: twice its validity.
const EXPIRED_SINCE_MILLIS: i64 = 2 * FALSE_DAYS as i64 * 24 * 60 * 60 * 1000;

pub(super) fn serve(
    data: &DataFolder,
    arguments: &BrokenArguments,
    voice: Voice,
) -> Result<Report, Failure> {
    let settings = Settings::load(data).map_err(Failure::refused)?;
    if !matches!(settings.signer, SignerSettings::Soft {}) {
        return Err(Failure::Refused(
            "a broken provider signs with a software key only, never with a token".to_owned(),
        ));
    }
    let signer = signer(data, &settings, &arguments.broken)?;
    let faults = Faults {
        faults: arguments.broken.clone(),
        late: Duration::from_secs(arguments.late_seconds),
    };
    voice.say(&format!(
        "WARNING: THIS PROVIDER IS BROKEN ON PURPOSE ({:?}); its messages prove nothing",
        arguments.broken
    ));
    serve_with(voice, || {
        let lock = Lock::take(data).map_err(Failure::refused)?;
        Appliance::open_spoiled(data, settings, lock, Some(Arc::new(faults)))?.serve_signing(signer)
    })
}

/// The software key of the data directory, under the certificate that the faults ask for.
fn signer(
    data: &DataFolder,
    settings: &Settings,
    faults: &[FaultWord],
) -> Result<Arc<dyn Signer>, Failure> {
    let label = settings.signer.key_label();
    let file = data.keys().join("soft").join(format!("{label}.key"));
    let key = Arc::new(SoftwareKey::load(&file).map_err(Failure::refused)?);
    let now = SystemClock.now();
    let issue = |authority: &Authority, at: Instant| {
        authority
            .signing_certificate(
                key.public(),
                &settings.provider.name,
                &keys::service_address(settings),
                FALSE_DAYS,
                at,
            )
            .map_err(Failure::refused)
    };
    let is_expired = faults.contains(&FaultWord::ExpiredCertificate);
    let at = if is_expired {
        now.plus_millis(-EXPIRED_SINCE_MILLIS)
    } else {
        now
    };
    let certificate: SigningCertificate = if faults.contains(&FaultWord::ForeignSigner) {
        let foreign = Authority::create("An authority that nobody trusts", now);
        issue(&foreign.map_err(Failure::refused)?, at)?
    } else if is_expired {
        issue(
            &Authority::load(&data.keys()).map_err(Failure::refused)?,
            at,
        )?
    } else {
        keys::Keys::of(data, settings).certificate()?
    };
    let signer = SoftwareSigner::start(key, Arc::new(certificate)).map_err(Failure::refused)?;
    Ok(Arc::new(signer))
}

/// The faults of messages; those of the signer need none.
struct Faults {
    faults: Vec<FaultWord>,
    late: Duration,
}

impl Faults {
    fn has(&self, fault: FaultWord) -> bool {
        self.faults.contains(&fault)
    }
}

impl Sabotage for Faults {
    fn hold_back(&self) -> Duration {
        if self.has(FaultWord::LateReceipt) {
            return self.late;
        }
        Duration::ZERO
    }

    fn before_signing(&self, draft: &mut SignedDraft) {
        if self.has(FaultWord::WrongHash) && holds(&draft.header, marked(RECEIPT)) {
            draft.content = edited(&draft.content, with_wrong_hashes);
        }
        if self.has(FaultWord::MissingDaticert) {
            draft.content = edited(&draft.content, without_certification_data);
        }
    }

    fn after_signing(&self, message: Rope) -> Rope {
        let header = match message.pieces().first() {
            Some(Piece::Text(text)) => text.as_slice(),
            _ => &[],
        };
        let is_envelope = holds(header, marked(ENVELOPE));
        if !self.has(FaultWord::AlteredEnvelope) || !is_envelope {
            return message;
        }
        edited(&message, with_one_octet_altered)
    }
}

/// Rows of the annex's marks.
const ENVELOPE: usize = 2;
const RECEIPT: usize = 3;

fn marked(row: usize) -> String {
    let mark = annex::MARKS[row];
    format!("{}: {}\r\n", mark.field, mark.value)
}

fn holds(octets: &[u8], text: String) -> bool {
    octets
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// The rope with each of its texts edited.
fn edited(rope: &Rope, edit: impl Fn(String) -> String) -> Rope {
    let mut out = Rope::default();
    for piece in rope.pieces() {
        match piece {
            // Generated text is ASCII; anything else is none of ours to spoil.
            Piece::Text(text) => match String::from_utf8(text.clone()) {
                Ok(text) => out.push_text(edit(text)),
                Err(_) => out.push(piece.clone()),
            },
            slice => out.push(slice.clone()),
        }
    }
    out
}

/// Runs of forty hexadecimal digits at the start of a line, turned round.
fn with_wrong_hashes(text: String) -> String {
    let is_hash = |line: &str| line.len() == 40 && line.bytes().all(|b| b.is_ascii_hexdigit());
    let turned = |line: &str| line.chars().rev().collect::<String>();
    let lines = text.split("\r\n");
    let spoiled: Vec<String> = lines
        .map(|line| {
            if is_hash(line) {
                turned(line)
            } else {
                line.to_owned()
            }
        })
        .collect();
    spoiled.join("\r\n")
}

/// The part that is named so, cut out from its boundary to the next.
fn without_certification_data(text: String) -> String {
    let [file, ..] = annex::FILES;
    let cut = text.find(file).and_then(|name| {
        let start = text.get(..name)?.rfind("\r\n--")?;
        let length = text.get(name..)?.find("\r\n--")?;
        Some((start, name + length))
    });
    match cut {
        Some((start, end)) => format!("{}{}", &text[..start], &text[end..]),
        None => text,
    }
}

/// One letter of a field name that stands under the signature, in the other case.
fn with_one_octet_altered(text: String) -> String {
    let [_, file, _] = annex::FILES;
    let disposition = format!("Content-Disposition: inline; filename=\"{file}\"");
    text.replace(&disposition, &disposition.replacen('C', "c", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_spoils_what_it_names_and_nothing_else() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let text = format!("a\r\n{hash}\r\nb {hash}");
        let spoiled = with_wrong_hashes(text.clone());
        assert_eq!(spoiled.len(), text.len());
        assert!(spoiled.starts_with("a\r\n76543210fedc") && spoiled.ends_with(hash));

        let [file, original, _] = annex::FILES;
        let text = format!("x\r\n--b\r\nA: 1\r\n\r\n1\r\n--b\r\nB: {file}\r\n\r\n2\r\n--b--");
        assert_eq!(
            without_certification_data(text),
            "x\r\n--b\r\nA: 1\r\n\r\n1\r\n--b--"
        );

        let text = format!("Content-Disposition: inline; filename=\"{original}\"\r\n");
        let altered = with_one_octet_altered(text.clone());
        let differs = altered
            .bytes()
            .zip(text.bytes())
            .filter(|(a, b)| a != b)
            .count();
        assert_eq!((altered.len(), differs), (text.len(), 1));
    }
}

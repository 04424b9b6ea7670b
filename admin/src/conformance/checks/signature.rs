//! Signatures and the certificate that they name (RFC 6109 §2.1, §5.5).

use std::collections::BTreeSet;

use ceralacca_core::limits::RSA_BITS_MIN;
use ceralacca_core::smime::certificate::Certificate;
use ceralacca_core::smime::profile;
use ceralacca_core::smime::verify::{DigestAlgorithm, SignerFacts, verify_detached};

use super::{Check, addresses};
use crate::conformance::case::Case;
use crate::conformance::letter::Letter;
use crate::conformance::observed::{Observed, Unmade};

macro_rules! rows {
    ($($id:literal, $title:literal, $section:literal, $judge:expr;)*) => {
        &[$(Check {
            id: $id,
            title: $title,
            section: $section,
            scenarios: &[],
            judge: $judge,
        }),*]
    };
}

pub(super) const ROWS: &[Check] = rows! {
    "SG-03", "The certificates of signer and issuer are in the signature", "RFC 6109 §2.1",
        certificates;
    "SG-04", "RSA of at least 2048 bits, SHA-256", "field practice", algorithms;
    "SG-05", "From is the address in the signing certificate", "RFC 6109 §2.1, §5.5.1",
        certified_address;
    "SG-09", "The certificate names the provider", "RFC 6109 §5.5.1", certified_name;
    "SG-10", "The certificate has the extensions of the profile", "RFC 6109 §5.5.1, §5.5.2",
        extensions;
    "SG-16", "Every signature holds over the octets that came", "RFC 6109 §2.1", holds;
};

/// Who signed a letter, where the signature holds.
pub(super) fn signer(letter: &Letter) -> Result<SignerFacts, String> {
    let (content, signature) = letter
        .signed()
        .ok_or_else(|| "it is not multipart/signed of two parts".to_owned())?;
    let der = letter
        .decoded(signature)
        .ok_or_else(|| "the signature part cannot be decoded".to_owned())?;
    verify_detached(&der, &mut letter.raw(content)).map_err(|error| error.to_string())
}

/// Judges the letters whose signature holds; that it holds is a check of its own.
pub(super) fn each_signed(
    observed: &Observed,
    case: &mut Case,
    mut judge: impl FnMut(&mut Case, &Letter, &SignerFacts) -> Result<(), Unmade>,
) -> Result<(), Unmade> {
    let mut any = false;
    for letter in observed.made() {
        if let Ok(facts) = signer(letter) {
            any = true;
            judge(case, letter, &facts)?;
        }
    }
    if any {
        return Ok(());
    }
    Err(Unmade::Error(
        "no message has a signature that holds".to_owned(),
    ))
}

/// The certificates that signed, each once.
fn leaves(observed: &Observed) -> Result<BTreeSet<Vec<u8>>, Unmade> {
    let made = observed.made();
    let signers = made.into_iter().filter_map(|letter| signer(letter).ok());
    let leaves: BTreeSet<_> = signers.map(|facts| facts.certificate).collect();
    if leaves.is_empty() {
        return Err(Unmade::Error(
            "no message has a signature that holds".to_owned(),
        ));
    }
    Ok(leaves)
}

fn read(der: &[u8]) -> Result<Certificate<'_>, Unmade> {
    Ok(Certificate::read(der).map_err(|error| error.0.to_owned())?)
}

fn certificates(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    case.each(observed.made(), |case, letter| {
        match signer(letter) {
            // Without the signer's certificate there is nothing to check the value with.
            Err(why) if why.contains("certificate of the signer") => {
                case.of(letter, false, || why);
            }
            Err(_) => {}
            Ok(facts) => {
                let leaf = read(&facts.certificate)?;
                let is_issuer = |der: &Vec<u8>| read(der).is_ok_and(|c| c.subject == leaf.issuer);
                let has_issuer = facts.certificates.iter().any(is_issuer);
                case.of(letter, has_issuer, || {
                    format!("holds the issuer's: {has_issuer}")
                });
            }
        }
        Ok(())
    })
}

fn algorithms(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    each_signed(observed, case, |case, letter, facts| {
        let leaf = read(&facts.certificate)?;
        let bits = leaf.public_key().ok().and_then(|key| key.rsa_bits());
        let micalg = letter
            .media()
            .and_then(|(_, parameters)| parameters.text("micalg"));
        let micalg = micalg.unwrap_or_default();
        let is_so = facts.digest == DigestAlgorithm::Sha256
            && bits.is_some_and(|bits| bits >= RSA_BITS_MIN)
            && micalg.eq_ignore_ascii_case(DigestAlgorithm::Sha256.name());
        case.of(letter, is_so, || {
            format!("{}, RSA {bits:?}, micalg {micalg:?}", facts.digest.name())
        });
        Ok(())
    })
}

fn certified_address(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    each_signed(observed, case, |case, letter, facts| {
        let certified = read(&facts.certificate)?.mail_addresses();
        let from = addresses(letter, "From");
        let is_so = from.len() == 1
            && from
                .iter()
                .all(|f| certified.iter().any(|c| c.eq_ignore_ascii_case(f)));
        case.of(letter, is_so, || {
            format!("From {from:?}, certificate {certified:?}")
        });
        Ok(())
    })
}

fn certified_name(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    each_signed(observed, case, |case, letter, facts| {
        let mut names = vec![letter.data()?.issuer().to_owned()];
        if let Some(directory) = &observed.directory {
            let records = directory.by_certificate(&facts.certificate);
            names.extend(records.iter().map(|record| record.name.clone()));
        }
        let words = read(&facts.certificate)?.subject_words();
        for name in names {
            let is_named = profile::names_provider(&facts.certificate, &name);
            case.of(letter, is_named, || {
                format!("the certificate of {words:?} names {name:?}")
            });
        }
        Ok(())
    })
}

fn extensions(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    for leaf in leaves(observed)? {
        let name = read(&leaf)?.sha1_hex();
        match profile::check(&leaf, None, None) {
            Ok(warnings) => case.holds(true, || format!("certificate {name}: {warnings:?}")),
            Err(error) => case.holds(false, || format!("certificate {name}: {error}")),
        }
    }
    Ok(())
}

fn holds(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    case.each(observed.made(), |case, letter| {
        let verdict = signer(letter);
        case.of(letter, verdict.is_ok(), || match &verdict {
            Ok(facts) => format!("the signature holds, {}", facts.digest.name()),
            Err(why) => why.clone(),
        });
        Ok(())
    })
}

//! Would another provider's incoming point take these messages for certified mail (RFC 6109 §2.2.2)?

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::directory::Directory;
use ceralacca_core::mime::ContentField;
use ceralacca_core::smime::chain;
use ceralacca_core::wording::annex;

use super::signature::{each_signed, signer};
use super::{Check, addresses, mark};
use crate::conformance::case::Case;
use crate::conformance::observed::{Observed, Unmade};

pub(super) const ROWS: &[Check] = &[
    Check {
        id: "IP-03",
        title: "Others find the signer's certificate in the index",
        section: "RFC 6109 §2.2.2",
        scenarios: &[],
        judge: known_signer,
    },
    Check {
        id: "IP-04",
        title: "Others find the signature valid: value, certification path, dates",
        section: "RFC 6109 §2.2.2",
        scenarios: &[],
        judge: valid_signature,
    },
    Check {
        id: "IP-05",
        title: "Others find the form correct, and the unsigned kind that of the signed data",
        section: "RFC 6109 §2.2.2",
        scenarios: &[],
        judge: correct_form,
    },
    Check {
        id: "IP-06",
        title: "The domain of From is managed by the provider whose certificate signed",
        section: "RFC 6109 §7",
        scenarios: &[],
        judge: managed_sender,
    },
];

fn directory(observed: &Observed) -> Result<&Directory, Unmade> {
    let given = observed.directory.as_deref();
    given.ok_or_else(|| Unmade::NotApplicable("no index of providers was given".to_owned()))
}

fn known_signer(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let directory = directory(observed)?;
    each_signed(observed, case, |case, letter, facts| {
        let records = directory.by_certificate(&facts.certificate);
        let titles: Vec<String> = records.iter().map(|record| record.title()).collect();
        case.of(letter, !titles.is_empty(), || {
            format!("the certificate stands in these records of the index: {titles:?}")
        });
        Ok(())
    })
}

fn managed_sender(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    let directory = directory(observed)?;
    each_signed(observed, case, |case, letter, facts| {
        let domains: Vec<Domain> = addresses(letter, "From")
            .iter()
            .filter_map(|from| Some(Address::parse(from).ok()?.domain()))
            .collect();
        let records = directory.by_certificate(&facts.certificate);
        let is_managed = |domain: &Domain| records.iter().any(|r| r.domains.contains(domain));
        let is_so = !domains.is_empty() && domains.iter().all(is_managed);
        case.of(letter, is_so, || {
            format!("the provider whose certificate signed manages {domains:?}: {is_so}")
        });
        Ok(())
    })
}

fn valid_signature(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    case.each(observed.made(), |case, letter| {
        let verdict = signer(letter).and_then(|facts| {
            chain::check(
                &facts.certificate,
                &facts.certificates,
                &observed.anchors,
                observed.at,
            )
            .map_err(|error| error.to_string())
        });
        case.of(letter, verdict.is_ok(), || match verdict {
            Ok(()) => "signature, path and dates hold".to_owned(),
            Err(why) => why,
        });
        Ok(())
    })
}

fn correct_form(observed: &Observed, case: &mut Case) -> Result<(), Unmade> {
    case.each(observed.made(), |case, letter| {
        let mark = mark(letter)?;
        let faults = letter.scan().faults();
        case.of(letter, faults.is_empty(), || {
            format!("faults of form: {faults:?}")
        });
        let root = letter.scan().root();
        let types = root.fields_of(ContentField::Type).count();
        let [transport, receipt] =
            [annex::MARKS[5].field, annex::MARKS[0].field].map(|name| letter.values(name).len());
        case.of(letter, types == 1 && transport + receipt == 1, || {
            format!(
                "Content-Type: {types}, fields of kind: {}",
                transport + receipt
            )
        });
        let data = letter.data();
        let signed = data
            .as_ref()
            .ok()
            .and_then(|data| data.kind().map(str::to_owned));
        case.of(letter, signed.as_deref() == Some(mark.value), || {
            format!("marked {:?}, the signed data say {signed:?}", mark.value)
        });
        Ok(())
    })
}

//! Each check is seen failing: one healthy run is observed, then a doctored copy of it for each row of
//! the check list, a file per family of requirements. A row without its cut, or a cut that its check does
//! not see, fails the test.

mod ap;
mod cd;
mod dr;
mod ip;
mod nd;
mod remote;
mod se;
mod sg;
mod te;
mod tm;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use ceralacca_admin::conformance::case::Verdict;
use ceralacca_admin::conformance::checks;
use ceralacca_admin::conformance::letter::Letter;
use ceralacca_admin::conformance::observed::Observed;
use ceralacca_admin::conformance::run::{Order, observe};
use ceralacca_admin::conformance::settings::Settings;
use ceralacca_admin::conformance::{chosen, judge};
use ceralacca_core::directory::{Directory, ProviderRecord};
use ceralacca_core::wording::words::MessageKind;
use ceralacca_tests::appliance::Appliance;

use crate::Subject;
use crate::surgery::{lose, trial};

/// A healthy run, once for all the tests of this process.
fn healthy() -> &'static Observed {
    static HEALTHY: OnceLock<Observed> = OnceLock::new();
    HEALTHY.get_or_init(|| {
        let appliance = Appliance::start();
        let subject = Subject::of(&appliance, "");
        let settings = Settings::load(&subject.settings).unwrap();
        let mut observed = observe(&Order {
            settings: &settings,
            scenarios: None,
            say: &|_| {},
        })
        .unwrap();
        // Megabytes of filler would be copied for every cut.
        for name in ["too-large", "product"] {
            let sent = &mut trial(&mut observed, name).sent;
            *sent = Letter::new(sent.name(), sent.octets()[..2000].to_vec());
        }
        observed
    })
}

type Cut = fn(&mut Observed);

/// The requirement, and a cut that breaks it.
const CASES: [&[(&str, Cut)]; 9] = [
    ap::CASES,
    cd::CASES,
    dr::CASES,
    ip::CASES,
    nd::CASES,
    se::CASES,
    sg::CASES,
    te::CASES,
    tm::CASES,
];

/// An original where none may be.
const ENCLOSED: &str =
    "Content-Type: message/rfc822; name=\"postacert.eml\"\r\n\r\nFrom: a@b.example\r\n\r\nciao";
const OTHER_DATE: &str = "Date: Sun, 22 Nov 2020 10:00:00 +0100\r\nX-Date: ";

/// Another index, with the provider's record edited.
fn index(observed: &mut Observed, edit: fn(&mut ProviderRecord)) {
    let directory = observed.directory.as_ref().expect("an index");
    let mut record = directory.records()[0].clone();
    edit(&mut record);
    observed.directory = Some(Arc::new(Directory::of(None, vec![record])));
}

#[test]
fn a_healthy_run_passes_what_the_cuts_break() {
    for check in checks::all() {
        let finding = judge(check, healthy());
        assert_eq!(
            finding.verdict,
            Verdict::Pass,
            "{}: {:?}",
            check.id,
            finding.evidence
        );
    }
}

#[test]
fn each_check_has_been_seen_failing() {
    let mut seen = BTreeSet::new();
    let mut blind = Vec::new();
    for (number, (id, cut)) in CASES.concat().iter().enumerate() {
        let check = chosen(&[(*id).to_owned()])
            .expect("in the check list")
            .remove(0);
        let mut doctored = healthy().clone();
        cut(&mut doctored);
        let finding = judge(check, &doctored);
        if finding.verdict == Verdict::Fail {
            seen.insert(check.id);
        } else {
            blind.push(format!(
                "case {number}, {id}: {:?} {:?}",
                finding.verdict, finding.evidence
            ));
        }
    }
    assert!(
        blind.is_empty(),
        "cuts that were not seen:\n{}",
        blind.join("\n")
    );
    let vacuous: Vec<_> = checks::all()
        .into_iter()
        .filter(|c| !seen.contains(c.id))
        .collect();
    let vacuous: Vec<_> = vacuous.iter().map(|check| check.id).collect();
    assert!(
        vacuous.is_empty(),
        "checks that nothing makes fail: {vacuous:?}"
    );
}

#[test]
fn what_was_not_sent_is_not_applicable_and_what_did_not_come_is_an_error() {
    let mut observed = healthy().clone();
    observed.trials.remove("external");
    observed
        .left_out
        .insert("external", "no ordinary address was given".to_owned());
    let check = chosen(&["AP-18".to_owned()]).unwrap().remove(0);
    let finding = judge(check, &observed);
    assert_eq!(
        finding.verdict,
        Verdict::NotApplicable,
        "{:?}",
        finding.evidence
    );
    assert!(
        finding.evidence[0].contains("ordinary address"),
        "{:?}",
        finding.evidence
    );

    let mut observed = healthy().clone();
    lose(&mut observed, "standard", MessageKind::TransportEnvelope);
    let check = chosen(&["TE-02".to_owned()]).unwrap().remove(0);
    let finding = judge(check, &observed);
    assert_eq!(finding.verdict, Verdict::Error, "{:?}", finding.evidence);
}

#[test]
fn what_another_provider_answers_is_judged_as_its_own() {
    for check in checks::all() {
        let finding = judge(check, &remote::with_remote());
        assert_eq!(
            finding.verdict,
            Verdict::Pass,
            "{}: {:?}",
            check.id,
            finding.evidence
        );
    }
    for (id, cut) in remote::CASES {
        let check = chosen(&[(*id).to_owned()])
            .expect("in the check list")
            .remove(0);
        let mut doctored = remote::with_remote();
        cut(&mut doctored);
        let finding = judge(check, &doctored);
        assert_eq!(
            finding.verdict,
            Verdict::Fail,
            "{id}: {:?}",
            finding.evidence
        );
    }
}

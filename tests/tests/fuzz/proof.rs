//! Certification data, CMS, and the whole verdict.

use ceralacca_core::certification::xml;
use ceralacca_core::instant::Instant;
use ceralacca_core::smime::{certificate, verify};
use ceralacca_core::verdict::{Expected, examine};
use ceralacca_tests::seed::storm;

use crate::corpus;

#[test]
fn certification_data_that_is_read_is_written_and_read_the_same() {
    storm("daticert", &corpus("daticert"), |input| {
        if let Ok(data) = xml::read(input) {
            assert_eq!(xml::read(&xml::write(&data)), Ok(data));
        }
    });
}

#[test]
fn a_cms_is_verified_or_refused() {
    let content = b"Content-Type: text/plain\r\n\r\nciao\r\n";
    let samples = corpus("cms");
    assert!(verify::verify_detached(&samples[0], &mut &content[..]).is_ok());
    storm("cms", &samples, |input| {
        drop(verify::verify_enclosed(input));
        if verify::verify_detached(input, &mut &content[..]).is_ok() {
            assert!(verify::verify_detached(input, &mut &b"altro"[..]).is_err());
        }
        drop(certificate::read_file(input));
    });
}

#[test]
fn a_verdict_is_given_on_anything() {
    let mut samples = corpus("mime");
    samples.extend(corpus("daticert"));
    storm("verdict", &samples, |input| {
        let verdict = examine(input, &[], Instant::from_millis(0), &Expected::default());
        assert!(!verdict.is_genuine(), "with no anchor nothing is genuine");
    });
}

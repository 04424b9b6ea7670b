//! The index of providers: LDIF, and the signed file around it.

use ceralacca_core::address::Domain;
use ceralacca_core::directory::{Directory, signed, write};
use ceralacca_core::instant::Instant;
use ceralacca_tests::seed::storm;
use ceralacca_tests::workspace::tests_file;

use crate::corpus;

#[test]
fn an_index_that_is_read_finds_what_it_holds_and_is_written_the_same() {
    let read = |name: &str| std::fs::read(tests_file("vectors/ldif").join(name)).unwrap();
    let mut samples = corpus("ldif");
    samples.extend([read("rfc6109-first.ldif"), read("rfc6109-second.ldif")]);
    storm("ldif", &samples, |input| {
        let Ok((directory, _)) = Directory::read(input) else {
            return;
        };
        for record in directory.records() {
            let is_by = |domain: &Domain| directory.managers_of(domain).any(|r| r == record);
            assert!(record.domains.iter().all(is_by));
            let holds = |der: &Vec<u8>| directory.by_certificate(der).contains(&record);
            assert!(record.certificates.iter().all(holds));
        }
        // What may be published is read the same again, the order included.
        if let Ok(text) = write(None, directory.records()) {
            let (again, _) = Directory::read(&text).unwrap();
            assert_eq!(again.records(), directory.records());
        }
    });
}

#[test]
fn a_signed_index_is_opened_or_refused() {
    storm("signed index", &corpus("cms"), |input| {
        let opened = signed::open(input, &[], Instant::from_millis(0));
        assert!(opened.is_err(), "nobody is trusted");
    });
}

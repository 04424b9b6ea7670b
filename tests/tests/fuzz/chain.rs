//! Certificates on the way to an anchor, and revocation lists.

use ceralacca_core::instant::Instant;
use ceralacca_core::smime::certificate::Certificate;
use ceralacca_core::smime::chain::{self, Allowance};
use ceralacca_core::smime::crl::{self, RevocationList};
use ceralacca_core::smime::der::Reader;
use ceralacca_core::smime::name::Name;
use ceralacca_core::smime::revocation::{Asked, Revocation};
use ceralacca_tests::seed::storm;

use crate::corpus;

/// 2026-06-01T00:00:00Z
const AT: Instant = Instant::from_millis(1_780_272_000_000);

/// Leaf, authority below the anchor, anchor.
fn certificates() -> [Vec<u8>; 3] {
    let all: [Vec<u8>; 4] = corpus("certificate").try_into().unwrap();
    let [leaf, middle, root, _] = all;
    [leaf, middle, root]
}

/// What the issuer signed, of a certificate or of a list.
fn signed_part(octets: &[u8]) -> Vec<u8> {
    let whole = Reader::new(octets).any().unwrap();
    whole.reader().any().unwrap().raw.to_vec()
}

#[test]
fn a_certificate_leads_to_its_anchor_or_is_refused() {
    let [leaf, middle, root] = certificates();
    let pool = std::slice::from_ref(&middle);
    let walk = |leaf: &[u8], pool: &[Vec<u8>], anchor: &[u8]| {
        chain::walk(leaf, pool, &[anchor.to_vec()], AT, Allowance::default())
    };
    assert!(walk(&leaf, pool, &root).is_ok());
    storm("certificate", &corpus("certificate"), |input| {
        // What an authority signed cannot be altered.
        if walk(input, pool, &root).is_ok() {
            let all = corpus("certificate");
            assert!(all.iter().any(|one| signed_part(one) == signed_part(input)));
        }
        if walk(&leaf, &[input.to_vec()], &root).is_ok() {
            assert_eq!(signed_part(input), signed_part(&middle));
        }
        drop(walk(&leaf, pool, input));
        if let Ok(certificate) = Certificate::read(input) {
            assert!(crl::distribution_points(&certificate).len() < input.len());
            assert!(Name::read(certificate.subject).is_err() || !certificate.subject.is_empty());
        }
    });
}

#[test]
fn a_revocation_list_is_believed_only_as_it_was_signed() {
    let [leaf, middle, root] = certificates();
    let lists = corpus("crl");
    let anchors = [root];
    let pool = std::slice::from_ref(&middle);
    let path = chain::walk(&leaf, pool, &anchors, AT, Allowance::default()).unwrap();
    let shelf = || Revocation::new(anchors.to_vec(), Allowance::default());
    let whole = shelf();
    for list in &lists {
        whole.put(list, pool, AT).unwrap();
    }
    assert!(whole.status(&path, Asked::Now(AT)).is_ok());
    storm("crl", &lists, |input| {
        if let Ok(list) = RevocationList::read(input) {
            let _ = list.find(&[2, 1, 1]);
            let _ = list.find(input);
            for octets in path.certificates() {
                drop(list.covers(&Certificate::read(octets).unwrap()));
            }
        }
        if shelf().put(input, pool, AT).is_ok() {
            assert!(
                lists
                    .iter()
                    .any(|list| signed_part(list) == signed_part(input))
            );
        }
    });
}

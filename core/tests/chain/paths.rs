//! Which path is found, which is refused, and that the search ends.

use std::time::{Duration, Instant as Clock};

use ceralacca_core::limits::{CHAIN_LINKS_MAX, CHAIN_TRIES_MAX};
use ceralacca_core::smime::chain::{self, Allowance, ChainError};
use ceralacca_core::smime::oid;

use crate::forge::{
    Authority, Draft, Key, at, authority, called, extension, key_usage, now, purposes,
};

const ADDRESS: &str = "posta-certificata@pec.example";

#[test]
fn the_path_is_answered_leaf_first_and_anchor_last() {
    let root = Authority::root("Radice");
    let middle = root.below("Intermedia", vec![authority(Some(0)), key_usage(0x06)]);
    let leaf = middle.leaf(ADDRESS);
    let stranger = Authority::root("Altri");
    let pool = [stranger.certificate.clone(), middle.certificate.clone()];
    let anchors = [stranger.certificate.clone(), root.certificate.clone()];
    let path = chain::walk(&leaf, &pool, &anchors, now(), Allowance::default()).unwrap();
    let expected = [
        leaf.clone(),
        middle.certificate.clone(),
        root.certificate.clone(),
    ];
    assert_eq!(path.certificates(), expected);
    assert_eq!(path.anchor(), root.certificate);
    assert_eq!(path.links().count(), 2);
    let alone = chain::check(&leaf, &[], &anchors, now());
    assert_eq!(alone, Err(ChainError::UnknownIssuer));
    // The intermediate authority may be an anchor of its own.
    assert_eq!(chain::check(&leaf, &[], &middle.anchors(), now()), Ok(()));
}

#[test]
fn an_authority_that_took_another_key_is_found_by_both() {
    let (old, new) = (Authority::root("Autorita"), Authority::root("autorita "));
    let both = [old.certificate.clone(), new.certificate.clone()];
    for (issuer, other) in [(&old, &new), (&new, &old)] {
        let leaf = issuer.leaf(ADDRESS);
        let path = chain::walk(&leaf, &[], &both, now(), Allowance::default()).unwrap();
        assert_eq!(path.anchor(), issuer.certificate);
        let wrong = chain::check(&leaf, &[], &other.anchors(), now());
        assert!(
            matches!(wrong, Err(ChainError::SignatureWrong { .. })),
            "{wrong:?}"
        );
        // Two intermediate authorities of one name.
        let root = Authority::root("Radice");
        let certified = |one: &Authority| {
            let extensions = vec![authority(None), key_usage(0x06)];
            root.certify(&Draft::new(one.name.clone(), &one.key, extensions))
        };
        let pool = [certified(other), certified(issuer)];
        assert_eq!(chain::check(&leaf, &pool, &root.anchors(), now()), Ok(()));
    }
}

#[test]
fn an_expired_certificate_of_an_authority_does_not_hide_its_successor() {
    let root = Authority::root("Radice");
    let middle = root.below("Intermedia", vec![authority(None)]);
    let mut expired = Draft::new(middle.name.clone(), &middle.key, vec![authority(None)]);
    expired.until = "2021-01-01T00:00:00Z";
    let expired = root.certify(&expired);
    let leaf = middle.leaf(ADDRESS);
    let alone = chain::check(
        &leaf,
        std::slice::from_ref(&expired),
        &root.anchors(),
        now(),
    );
    assert_eq!(alone, Err(ChainError::Expired));
    let pool = [expired, middle.certificate.clone()];
    assert_eq!(chain::check(&leaf, &pool, &root.anchors(), now()), Ok(()));
    let early = chain::check(&leaf, &pool, &root.anchors(), at("2019-01-01T00:00:00Z"));
    assert_eq!(early, Err(ChainError::NotYetValid));
}

/// What a middle authority with these extensions makes of a good leaf.
fn under(extensions: Vec<Vec<u8>>) -> Result<(), ChainError> {
    let root = Authority::root("Radice");
    let middle = root.below("Intermedia", extensions);
    let pool = [middle.certificate.clone()];
    chain::check(&middle.leaf(ADDRESS), &pool, &root.anchors(), now())
}

#[test]
fn who_issues_must_be_an_authority_that_may_and_serves_mail() {
    assert_eq!(under(vec![authority(None)]), Ok(()));
    let no_authority = under(vec![key_usage(0x04)]);
    assert!(
        matches!(no_authority, Err(ChainError::NotAnAuthority { .. })),
        "{no_authority:?}"
    );
    let usage = under(vec![authority(None), key_usage(0x82)]);
    assert!(
        matches!(
            usage,
            Err(ChainError::KeyUsage {
                usage: "keyCertSign",
                ..
            })
        ),
        "{usage:?}"
    );
    let server = under(vec![authority(None), purposes(&[oid::SERVER_AUTH])]);
    assert_eq!(server, Err(ChainError::NotForMail));
    let any = purposes(&[oid::SERVER_AUTH, oid::ANY_EXTENDED_KEY_USAGE]);
    assert_eq!(under(vec![authority(None), any]), Ok(()));
}

#[test]
fn critical_extensions_are_known_or_refused_and_policies_are_known() {
    let strange = const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1");
    let unknown = under(vec![authority(None), extension(&strange, true, &[5, 0])]);
    let told = matches!(&unknown, Err(ChainError::UnknownCritical { id, .. }) if *id == strange.to_string());
    assert!(told, "{unknown:?}");
    assert_eq!(
        under(vec![authority(None), extension(&strange, false, &[5, 0])]),
        Ok(())
    );
    let policies = extension(&oid::CERTIFICATE_POLICIES, true, &[0x30, 0]);
    assert_eq!(under(vec![authority(None), policies]), Ok(()));
    let twice = under(vec![authority(None), authority(None)]);
    assert!(
        matches!(twice, Err(ChainError::Malformed { .. })),
        "{twice:?}"
    );
}

#[test]
fn the_leaf_signs_mail_and_its_signature_is_that_of_its_issuer() {
    let root = Authority::root("Radice");
    let key = Key::new();
    let leaf = |extensions| root.certify(&Draft::new(called("Gestore"), &key, extensions));
    let verdict = |leaf: &[u8]| chain::check(leaf, &[], &root.anchors(), now());
    assert_eq!(verdict(&leaf(vec![])), Ok(()));
    assert_eq!(verdict(&leaf(vec![key_usage(0x40)])), Ok(()));
    let encrypts = verdict(&leaf(vec![key_usage(0x20)]));
    assert!(
        matches!(encrypts, Err(ChainError::KeyUsage { .. })),
        "{encrypts:?}"
    );
    assert_eq!(
        verdict(&leaf(vec![purposes(&[oid::SERVER_AUTH])])),
        Err(ChainError::NotForMail)
    );
    let mut altered = leaf(vec![key_usage(0x80)]);
    let last = altered.len() - 1;
    altered[last] ^= 1;
    assert!(matches!(
        verdict(&altered),
        Err(ChainError::SignatureWrong { .. })
    ));
    assert!(matches!(verdict(b"x"), Err(ChainError::BadLeaf(_))));
    let no_anchor = chain::check(&altered, &[], &[b"x".to_vec()], now());
    assert!(matches!(no_anchor, Err(ChainError::BadAnchor(_))));
}

#[test]
fn path_lengths_bind_and_self_issued_certificates_do_not_count() {
    let root = Authority::rooted("Radice", vec![authority(Some(1))]);
    let first = root.below("Prima", vec![authority(None)]);
    let second = first.below("Seconda", vec![authority(None)]);
    let pool = [first.certificate.clone(), second.certificate.clone()];
    assert_eq!(
        chain::check(&first.leaf(ADDRESS), &pool, &root.anchors(), now()),
        Ok(())
    );
    let refused = chain::check(&second.leaf(ADDRESS), &pool, &root.anchors(), now());
    assert!(
        matches!(refused, Err(ChainError::PathLength { .. })),
        "{refused:?}"
    );
    // The first authority takes a new key and certifies it itself.
    let renewed = first.below("Prima", vec![authority(None)]);
    let pool = [first.certificate.clone(), renewed.certificate.clone()];
    assert_eq!(
        chain::check(&renewed.leaf(ADDRESS), &pool, &root.anchors(), now()),
        Ok(())
    );
}

#[test]
fn an_anchor_that_is_no_authority_vouches_for_itself_alone() {
    let key = Key::new();
    let extensions = vec![key_usage(0x84)];
    let own = Authority::rooted("Sola", extensions);
    assert_eq!(
        chain::check(&own.certificate, &[], &own.anchors(), now()),
        Ok(())
    );
    let below = own.certify(&Draft::new(called("Sotto"), &key, vec![]));
    let refused = chain::check(&below, &[], &own.anchors(), now());
    assert!(
        matches!(refused, Err(ChainError::NotAnAuthority { .. })),
        "{refused:?}"
    );
}

#[test]
fn long_chains_end_at_the_bound() {
    let root = Authority::root("Radice");
    let mut all = vec![root.below("0", vec![authority(None)])];
    for step in 1..CHAIN_LINKS_MAX {
        let above = &all[step - 1];
        let next = above.below(&step.to_string(), vec![authority(None)]);
        all.push(next);
    }
    let pool: Vec<Vec<u8>> = all.iter().map(|one| one.certificate.clone()).collect();
    // Leaf and anchor besides.
    let longest = &all[CHAIN_LINKS_MAX - 3];
    assert_eq!(
        chain::check(&longest.leaf(ADDRESS), &pool, &root.anchors(), now()),
        Ok(())
    );
    let over = &all[CHAIN_LINKS_MAX - 2];
    let refused = chain::check(&over.leaf(ADDRESS), &pool, &root.anchors(), now());
    assert_eq!(refused, Err(ChainError::UnknownIssuer));
}

#[test]
fn a_hundred_certificates_signed_crosswise_end_quickly() {
    const NAMES: usize = 10;
    let all: Vec<Authority> = (0..NAMES)
        .map(|n| Authority::root(&n.to_string()))
        .collect();
    let mut pool = Vec::new();
    for issuer in &all {
        for subject in &all {
            let draft = Draft::new(subject.name.clone(), &subject.key, vec![authority(None)]);
            pool.push(issuer.certify(&draft));
        }
    }
    assert!(pool.len() == 100 && pool.len() < CHAIN_TRIES_MAX);
    let leaf = all[0].leaf(ADDRESS);
    let started = Clock::now();
    let stranger = Authority::root("Altri");
    let lost = chain::check(&leaf, &pool, &stranger.anchors(), now());
    assert_eq!(lost, Err(ChainError::TooManyTries));
    // Where one of them is trusted, it is found in spite of the others.
    assert_eq!(chain::check(&leaf, &pool, &all[9].anchors(), now()), Ok(()));
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

//! Name constraints, in the shape of the national authority: below a root, an authority that may certify
//! providers of the country (directoryName) with their certified-mail addresses (rfc822Name) alone.

use ceralacca_core::smime::chain::{self, ChainError};
use ceralacca_core::smime::oid;

use crate::forge::{
    Authority, Draft, Key, alternative, authority, called, constraints, directory, general,
    key_usage, name, now,
};

struct National {
    root: Authority,
    below: Authority,
}

/// As the national authority is: all of the country, and mail under two domains.
fn national() -> National {
    let country = name(&[(oid::COUNTRY, "it")]);
    let permitted = [
        directory(&country),
        general(1, "pec.example"),
        general(1, ".pec.example"),
    ];
    with(constraints(&permitted, &[]))
}

fn with(extension: Vec<u8>) -> National {
    let root = Authority::root("Autorita nazionale");
    let extensions = vec![authority(Some(0)), key_usage(0x06), extension];
    let below = root.below("Autorita per la PEC", extensions);
    National { root, below }
}

impl National {
    fn verdict(&self, subject: Vec<u8>, extensions: Vec<Vec<u8>>) -> Result<(), ChainError> {
        let key = Key::new();
        let leaf = self.below.certify(&Draft::new(subject, &key, extensions));
        let pool = [self.below.certificate.clone()];
        chain::check(&leaf, &pool, &self.root.anchors(), now())
    }

    fn mail(&self, address: &str) -> Result<(), ChainError> {
        let names = alternative(&[general(1, address)]);
        self.verdict(called("Gestore di Prova"), vec![names])
    }
}

fn is_outside(verdict: Result<(), ChainError>, what: &str) {
    match verdict {
        Err(ChainError::NameConstraint { name, authority }) => {
            assert!(name.contains(what), "{name}");
            assert_eq!(authority, "Autorita per la PEC");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn providers_inside_the_subtrees_hold() {
    let national = national();
    for address in [
        "posta@pec.example",
        "Posta@PEC.Example",
        "posta@mail.pec.example",
    ] {
        assert_eq!(national.mail(address), Ok(()), "{address}");
    }
    // A kind of name that nobody bounds is free.
    let names = alternative(&[general(1, "a@pec.example"), general(2, "www.altro.test")]);
    assert_eq!(national.verdict(called("Gestore"), vec![names]), Ok(()));
}

#[test]
fn names_outside_are_refused_with_the_name() {
    let national = national();
    for address in [
        "posta@altro.test",
        "posta@xpec.example",
        "posta@pec.example.test",
        "posta",
    ] {
        is_outside(national.mail(address), address);
    }
    let one_of_two = alternative(&[general(1, "a@pec.example"), general(1, "b@altro.test")]);
    is_outside(
        national.verdict(called("Gestore"), vec![one_of_two]),
        "b@altro.test",
    );
    let foreign = name(&[(oid::COUNTRY, "FR"), (oid::ORGANIZATION, "Gestore")]);
    let names = || alternative(&[general(1, "a@pec.example")]);
    is_outside(
        national.verdict(foreign, vec![names()]),
        "distinguished name",
    );
    let other_order = name(&[(oid::ORGANIZATION, "Gestore"), (oid::COUNTRY, "IT")]);
    is_outside(
        national.verdict(other_order, vec![names()]),
        "distinguished name",
    );
    let alias = alternative(&[
        general(1, "a@pec.example"),
        directory(&name(&[(oid::COUNTRY, "FR")])),
    ]);
    is_outside(
        national.verdict(called("Gestore"), vec![alias]),
        "distinguished name",
    );
}

#[test]
fn a_mail_address_in_the_subject_counts_where_there_is_no_alternative_name() {
    let national = national();
    let subject = |address| {
        let address = (oid::EMAIL_ADDRESS, address);
        name(&[
            (oid::COUNTRY, "IT"),
            (oid::ORGANIZATION, "Gestore"),
            address,
        ])
    };
    assert_eq!(national.verdict(subject("a@pec.example"), vec![]), Ok(()));
    is_outside(
        national.verdict(subject("a@altro.test"), vec![]),
        "a@altro.test",
    );
    let names = alternative(&[general(1, "a@pec.example")]);
    assert_eq!(
        national.verdict(subject("a@altro.test"), vec![names]),
        Ok(())
    );
}

#[test]
fn what_is_excluded_is_refused_also_inside_what_is_permitted() {
    let mailbox = general(1, "abuse@pec.example");
    let national = with(constraints(&[general(1, "pec.example")], &[mailbox]));
    assert_eq!(national.mail("posta@pec.example"), Ok(()));
    is_outside(national.mail("abuse@pec.example"), "abuse");
}

#[test]
fn constraints_of_an_anchor_and_of_each_authority_add_up() {
    let root = Authority::rooted(
        "Radice",
        vec![authority(None), constraints(&[general(1, ".example")], &[])],
    );
    let wider = constraints(&[general(1, "pec.example"), general(1, "altro.test")], &[]);
    let below = root.below("Sotto", vec![authority(None), wider]);
    let pool = [below.certificate.clone()];
    let verdict = |address| chain::check(&below.leaf(address), &pool, &root.anchors(), now());
    assert_eq!(verdict("a@pec.example"), Ok(()));
    let refused = verdict("a@altro.test");
    let told = matches!(&refused, Err(ChainError::NameConstraint { authority, .. }) if authority == "Radice");
    assert!(told, "{refused:?}");
}

#[test]
fn self_issued_authorities_are_free_and_their_leaves_are_not() {
    let root = Authority::root("Radice");
    let permitted = constraints(&[directory(&called("Gestore di Prova"))], &[]);
    let below = root.below("Autorita", vec![authority(None), permitted]);
    // Its name lies outside what it may certify; a new key of its own is allowed all the same.
    let renewed = below.below("Autorita", vec![authority(None)]);
    let pool = [below.certificate.clone(), renewed.certificate.clone()];
    let verdict = |leaf: &[u8]| chain::check(leaf, &pool, &root.anchors(), now());
    assert_eq!(verdict(&renewed.leaf("a@pec.example")), Ok(()));
    let key = Key::new();
    let other = renewed.certify(&Draft::new(called("Autorita"), &key, vec![]));
    assert!(matches!(
        verdict(&other),
        Err(ChainError::NameConstraint { .. })
    ));
    let leaf = renewed.certify(&Draft::new(renewed.name.clone(), &key, vec![]));
    assert!(matches!(
        verdict(&leaf),
        Err(ChainError::NameConstraint { .. })
    ));
}

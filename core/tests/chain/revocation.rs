//! The shelf of revocation lists: good, revoked, unknown; whose lists are believed; what is due.

use std::time::{Duration, Instant as Clock};

use ceralacca_core::smime::certificate::{Certificate, pem};
use ceralacca_core::smime::chain::{self, Allowance, ChainError, Path};
use ceralacca_core::smime::crl::{CrlError, RevocationList, distribution_points};
use ceralacca_core::smime::der::{self, tag};
use ceralacca_core::smime::oid;
use ceralacca_core::smime::revocation::{
    Alarm, Asked, Put, PutError, Reason, Revocation, RevocationError,
};

use crate::forge::{
    Authority, Draft, Key, List, alternative, at, authority, called, extension, general, key_usage,
    now, points,
};

const URL: &str = "http://crl.example/autorita.crl";
const HOUR: Duration = Duration::from_secs(3600);

struct Scene {
    root: Authority,
    path: Path,
    shelf: Revocation,
}

/// A root, a leaf with serial number 42 below it, an empty shelf.
fn scene() -> Scene {
    let root = Authority::root("Autorita");
    let leaf = leaf_of(&root);
    let path = walk(&leaf, &[], &root.anchors());
    let shelf = Revocation::new(root.anchors(), Allowance::default());
    Scene { root, path, shelf }
}

fn leaf_of(root: &Authority) -> Vec<u8> {
    let key = Key::new();
    let names = alternative(&[general(1, "posta@pec.example")]);
    let draft = Draft::new(called("Gestore"), &key, vec![names, points(&[URL])]);
    root.certify(&Draft {
        serial: 42,
        ..draft
    })
}

fn walk(leaf: &[u8], pool: &[Vec<u8>], anchors: &[Vec<u8>]) -> Path {
    chain::walk(leaf, pool, anchors, now(), Allowance::default()).unwrap()
}

fn is_unknown(verdict: &Result<impl std::fmt::Debug, RevocationError>) -> bool {
    matches!(verdict, Err(RevocationError::Unknown { .. }))
}

#[test]
fn ip_12_without_a_current_list_nobody_can_tell() {
    let scene = scene();
    let verdict = |at| scene.shelf.status(&scene.path, Asked::Now(at));
    assert!(is_unknown(&verdict(now())));
    let list = List::of(&[]).sign(&scene.root);
    assert_eq!(scene.shelf.put(&list, &[], now()), Ok(Put::Placed));
    let facts = verdict(now()).unwrap();
    assert_eq!(facts.this_update(), Some(at("2026-06-01T00:00:00Z")));
    assert_eq!(facts.lists[0].0, "Autorita");
    assert!(verdict(at("2026-06-02T23:59:59Z")).is_ok());
    assert!(is_unknown(&verdict(at("2026-06-03T00:00:00Z"))));
    let walked = scene
        .shelf
        .walk(&leaf_of(&scene.root), &[], Asked::Now(now()));
    assert_eq!(walked.unwrap().1, facts);
    let late = scene.shelf.walk(
        &leaf_of(&scene.root),
        &[],
        Asked::Now(at("2026-07-01T00:00:00Z")),
    );
    assert!(matches!(
        late,
        Err(ChainError::NoRevocationInformation { .. })
    ));
}

#[test]
fn ip_04_a_revoked_certificate_is_told_with_date_and_reason() {
    let scene = scene();
    let revoked = [
        (7, "2026-01-01T00:00:00Z", None),
        (42, "2026-05-01T00:00:00Z", Some(1)),
    ];
    let list = List::of(&revoked).sign(&scene.root);
    scene.shelf.put(&list, &[], now()).unwrap();
    let since = at("2026-05-01T00:00:00Z");
    let expected = RevocationError::Revoked {
        subject: "Gestore".to_owned(),
        at: since,
        reason: Reason::KeyCompromise,
    };
    assert_eq!(
        scene.shelf.status(&scene.path, Asked::Now(now())),
        Err(expected.clone())
    );
    assert!(expected.to_string().contains("its key is compromised"));
    let past = |when| scene.shelf.status(&scene.path, Asked::Then(at(when)));
    assert!(past("2026-04-30T23:59:59Z").is_ok());
    assert_eq!(past("2026-05-01T00:00:00Z"), Err(expected));
}

#[test]
fn a_revocation_that_lies_ahead_counts_for_a_message_of_now() {
    let scene = scene();
    let list = List::of(&[(42, "2026-06-01T18:00:00Z", None)]).sign(&scene.root);
    scene.shelf.put(&list, &[], now()).unwrap();
    let verdict = scene.shelf.status(&scene.path, Asked::Now(now()));
    assert!(
        matches!(verdict, Err(RevocationError::Revoked { .. })),
        "{verdict:?}"
    );
    assert!(scene.shelf.status(&scene.path, Asked::Then(now())).is_ok());
}

#[test]
fn every_link_needs_a_list_and_the_anchor_needs_none() {
    let root = Authority::root("Radice");
    let middle = root.below("Intermedia", vec![authority(Some(0)), key_usage(0x06)]);
    let pool = [middle.certificate.clone()];
    let path = walk(&leaf_of(&middle), &pool, &root.anchors());
    let shelf = Revocation::new(root.anchors(), Allowance::default());
    let verdict = || shelf.status(&path, Asked::Now(now()));
    shelf
        .put(&List::of(&[]).sign(&middle), &pool, now())
        .unwrap();
    assert!(is_unknown(&verdict()));
    shelf.put(&List::of(&[]).sign(&root), &[], now()).unwrap();
    assert_eq!(verdict().unwrap().lists.len(), 2);
    // The authority in the middle has serial number 7.
    let newer = List {
        from: "2026-06-01T06:00:00Z",
        ..List::of(&[(7, "2026-06-01T05:00:00Z", Some(2))])
    };
    shelf.put(&newer.sign(&root), &[], now()).unwrap();
    let revoked = verdict();
    let told = matches!(&revoked, Err(RevocationError::Revoked { subject, .. }) if subject == "Intermedia");
    assert!(told, "{revoked:?}");
    let alone = Authority::rooted("Sola", vec![authority(None)]);
    let own = walk(&alone.certificate, &[], &alone.anchors());
    let facts = shelf.status(&own, Asked::Now(now())).unwrap();
    assert!(facts.lists.is_empty());
}

#[test]
fn only_the_authority_and_whom_it_lets_sign_are_believed() {
    let scene = scene();
    let put = |list: &[u8], issuers: &[Vec<u8>]| scene.shelf.put(list, issuers, now());
    // Somebody of the same name with another key, self-made or in the wrong role.
    let impostor = Authority::root("Autorita");
    let forged = List::of(&[]).sign(&impostor);
    assert!(matches!(
        put(&forged, &[]),
        Err(PutError::List(CrlError::SignatureWrong(_)))
    ));
    let refused = put(&forged, &impostor.anchors());
    assert!(
        matches!(refused, Err(PutError::NotTrusted { .. })),
        "{refused:?}"
    );
    let other = Authority::root("Altri");
    let unknown = put(&List::of(&[]).sign(&other), &[]);
    assert!(
        matches!(unknown, Err(PutError::UnknownSigner(_))),
        "{unknown:?}"
    );
    let key = Key::new();
    let name = scene.root.name.clone();
    let certified = |bits: u8| {
        scene
            .root
            .certify(&Draft::new(name.clone(), &key, vec![key_usage(bits)]))
    };
    let list = List::of(&[]).sign_as(&name, &key);
    let wrong_role = put(&list, &[certified(0x80)]);
    let told = matches!(
        &wrong_role,
        Err(PutError::NotTrusted { why, .. }) if matches!(**why, ChainError::KeyUsage { usage: "cRLSign", .. })
    );
    assert!(told, "{wrong_role:?}");
    // With the right role it speaks for the authority, once its own certificate is known to be good.
    assert_eq!(put(&list, &[certified(0x02)]), Ok(Put::Placed));
    let verdict = || scene.shelf.status(&scene.path, Asked::Now(now()));
    assert!(is_unknown(&verdict()));
    let own = List::of(&[(42, "2026-05-01T00:00:00Z", None)]).sign(&scene.root);
    put(&own, &[]).unwrap();
    assert!(matches!(verdict(), Err(RevocationError::Revoked { .. })));
}

#[test]
fn an_older_list_takes_no_place_and_one_of_another_time_is_refused() {
    let scene = scene();
    let put = |list: &List| scene.shelf.put(&list.sign(&scene.root), &[], now());
    let revoking = List {
        from: "2026-06-01T06:00:00Z",
        ..List::of(&[(42, "2026-06-01T05:00:00Z", None)])
    };
    assert_eq!(put(&revoking), Ok(Put::Placed));
    assert_eq!(
        put(&List::of(&[])),
        Ok(Put::Older),
        "what is revoked stays revoked"
    );
    let verdict = scene.shelf.status(&scene.path, Asked::Now(now()));
    assert!(matches!(verdict, Err(RevocationError::Revoked { .. })));
    let over = List {
        until: "2026-06-01T11:00:00Z",
        ..List::of(&[])
    };
    assert!(matches!(put(&over), Err(PutError::Expired { .. })));
    let ahead = List {
        from: "2026-06-01T13:00:00Z",
        ..List::of(&[])
    };
    assert!(matches!(put(&ahead), Err(PutError::FromTheFuture { .. })));
}

/// issuingDistributionPoint with these fields.
fn scoped(fields: &[Vec<u8>]) -> List {
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    let value = der::sequence(&fields);
    List {
        extensions: vec![extension(&oid::ISSUING_DISTRIBUTION_POINT, true, &value)],
        ..List::of(&[])
    }
}

fn flag(number: u8) -> Vec<u8> {
    der::element(tag::context_primitive(number), &[0xff])
}

fn at_point(url: &str) -> Vec<u8> {
    let full = der::element(tag::context(0), &general(6, url));
    der::element(tag::context(0), &full)
}

#[test]
fn a_list_serves_the_certificates_that_it_is_about() {
    let cases = [
        (vec![flag(1)], true),
        (vec![flag(2)], false),
        (vec![at_point(URL)], true),
        (vec![at_point("http://crl.example/altra.crl")], false),
    ];
    for (fields, serves) in cases {
        let scene = scene();
        let list = scoped(&fields).sign(&scene.root);
        assert_eq!(scene.shelf.put(&list, &[], now()), Ok(Put::Placed));
        let verdict = scene.shelf.status(&scene.path, Asked::Now(now()));
        assert_eq!(verdict.is_ok(), serves, "{fields:?}");
        assert!(serves || is_unknown(&verdict));
    }
}

#[test]
fn lists_that_are_not_whole_are_refused_in_words() {
    let root = Authority::root("Autorita");
    let read = |list: List| RevocationList::read(&list.sign(&root)).map(|_| ());
    let with = |id, is_critical| List {
        extensions: vec![extension(id, is_critical, &der::unsigned(&[1]))],
        ..List::of(&[])
    };
    let reasons = der::element(tag::context_primitive(3), &[1, 0x80]);
    assert_eq!(read(scoped(&[flag(4)])), Err(CrlError::Indirect));
    assert_eq!(
        read(scoped(&[flag(5)])),
        Err(CrlError::AttributeCertificates)
    );
    assert_eq!(read(scoped(&[reasons])), Err(CrlError::SomeReasons));
    assert_eq!(
        read(with(&oid::DELTA_CRL_INDICATOR, true)),
        Err(CrlError::Delta)
    );
    assert_eq!(
        read(with(&oid::FRESHEST_CRL, false)),
        Err(CrlError::NewestElsewhere)
    );
    assert_eq!(read(with(&oid::CRL_NUMBER, false)), Ok(()));
    let unknown = read(with(&oid::SERVER_AUTH, true));
    assert!(
        matches!(unknown, Err(CrlError::UnknownCritical(_))),
        "{unknown:?}"
    );
    assert!(matches!(
        RevocationList::read(b"x"),
        Err(CrlError::Unreadable(_))
    ));
    assert!(matches!(
        RevocationList::read(&root.certificate),
        Err(CrlError::Unreadable(_) | CrlError::NoNextUpdate)
    ));
}

#[test]
fn serial_numbers_are_found_among_many_and_the_earliest_entry_counts() {
    let root = Authority::root("Autorita");
    let mut revoked: Vec<(u32, &'static str, Option<u8>)> = (0..20_000)
        .rev()
        .map(|n| (n * 3 + 1, "2026-01-01T00:00:00Z", None))
        .collect();
    revoked.push((7, "2025-01-01T00:00:00Z", Some(6)));
    revoked.push((9, "2025-01-01T00:00:00Z", Some(8)));
    let octets = List::of(&revoked).sign(&root);
    let started = Clock::now();
    let list = RevocationList::read(&octets).unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(list.len(), 20_001, "what is removed is no entry");
    let find = |serial: u32| list.find(&der::unsigned(&serial.to_be_bytes()));
    assert_eq!(find(59_998).unwrap().at, at("2026-01-01T00:00:00Z"));
    assert_eq!(find(7).unwrap().at, at("2025-01-01T00:00:00Z"));
    assert_eq!(find(7).unwrap().reason, Reason::Hold);
    for absent in [0, 2, 3, 9, 59_999, 70_000] {
        assert_eq!(find(absent), None, "{absent}");
    }
    // The same number with a needless zero in front.
    assert!(list.find(&[2, 2, 0, 7]).is_some());
    let text = pem("X509 CRL", &octets);
    assert_eq!(
        RevocationList::read(text.as_bytes()).unwrap().len(),
        list.len()
    );
}

#[test]
fn ip_11_lists_are_due_each_refresh_and_failures_are_told_while_the_last_one_serves() {
    let scene = scene();
    let later = |minutes: i64| now().plus_millis(minutes * 60_000);
    let due = |minutes| scene.shelf.wanted(later(minutes), HOUR).len();
    assert_eq!(due(0), 0);
    scene.shelf.watch(&scene.path);
    let wanted = scene.shelf.wanted(now(), HOUR);
    assert_eq!(
        (wanted[0].url.as_str(), wanted[0].issuer.as_str()),
        (URL, "Autorita")
    );
    let no_list = Alarm::NoCurrentList {
        issuer: "Autorita".to_owned(),
    };
    assert_eq!(scene.shelf.alarms(now()), std::slice::from_ref(&no_list));
    scene
        .shelf
        .put(&List::of(&[]).sign(&scene.root), &[], now())
        .unwrap();
    scene.shelf.note_fetched(URL, now());
    assert_eq!((due(0), due(59), due(60)), (0, 0, 1));
    assert!(scene.shelf.alarms(now()).is_empty());
    scene.shelf.note_failure(URL, "no route", later(60));
    scene.shelf.note_failure(URL, "timed out", later(65));
    assert_eq!((due(66), due(70)), (0, 1), "sooner after a failure");
    let alarm = Alarm::NotFetched {
        issuer: "Autorita".to_owned(),
        url: URL.to_owned(),
        why: "timed out".to_owned(),
        since: later(60),
        usable_until: Some(at("2026-06-03T00:00:00Z")),
    };
    assert_eq!(scene.shelf.alarms(later(65)), [alarm]);
    assert!(
        scene
            .shelf
            .status(&scene.path, Asked::Now(later(65)))
            .is_ok()
    );
    let expired = scene.shelf.alarms(at("2026-06-03T00:00:00Z"));
    assert!(
        expired.contains(&no_list) && expired.len() == 2,
        "{expired:?}"
    );
    scene.shelf.note_fetched(URL, later(70));
    assert!(scene.shelf.alarms(later(70)).is_empty());
}

#[test]
fn what_is_stored_is_put_back_after_a_restart() {
    let root = Authority::root("Radice");
    let middle = root.below("Intermedia", vec![authority(Some(0)), key_usage(0x06)]);
    let pool = [middle.certificate.clone()];
    let path = walk(&leaf_of(&middle), &pool, &root.anchors());
    let before = Revocation::new(root.anchors(), Allowance::default());
    before.watch(&path);
    // The authorities of a watched path are known.
    before
        .put(&List::of(&[]).sign(&middle), &[], now())
        .unwrap();
    before.put(&List::of(&[]).sign(&root), &[], now()).unwrap();
    let after = Revocation::new(root.anchors(), Allowance::default());
    for stored in before.lists() {
        let put = after.put(&stored.der, &stored.authorities, now());
        assert_eq!(put, Ok(Put::Placed), "{}", stored.issuer);
    }
    assert_eq!(
        after.status(&path, Asked::Now(now())),
        before.status(&path, Asked::Now(now()))
    );
    assert_eq!(after.lists().len(), 2);
}

#[test]
fn distribution_points_are_web_addresses_in_order() {
    let root = Authority::root("Autorita");
    let key = Key::new();
    let long = format!("http://crl.example/{}", "x".repeat(3000));
    let urls = [
        "ldap://crl.example/cn=x",
        "HTTP://crl.example/a",
        "https://crl.example/b",
        "http://",
        "http://crl.example/with blank",
        "HTTP://crl.example/a",
        &long,
    ];
    let leaf = root.certify(&Draft::new(called("Gestore"), &key, vec![points(&urls)]));
    let certificate = Certificate::read(&leaf).unwrap();
    assert_eq!(
        distribution_points(&certificate),
        ["HTTP://crl.example/a", "https://crl.example/b"]
    );
    let bare = root.leaf("posta@pec.example");
    assert!(distribution_points(&Certificate::read(&bare).unwrap()).is_empty());
}

#[test]
fn the_shelf_is_shared_between_threads() {
    let scene = scene();
    let list = List::of(&[]).sign(&scene.root);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| scene.shelf.status(&scene.path, Asked::Now(now())));
        }
        scene.shelf.put(&list, &[], now()).unwrap();
    });
    assert!(scene.shelf.status(&scene.path, Asked::Now(now())).is_ok());
}

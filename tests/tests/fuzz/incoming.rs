//! The four checks of the incoming point on mutated mail of a provider: as it came, and with a signature that
//! holds over what it became.

use std::cell::RefCell;

use ceralacca_core::instant::Instant;
use ceralacca_core::mime::Scan;
use ceralacca_core::point::incoming::{Examined, examine};
use ceralacca_core::queue::Purpose;
use ceralacca_tests::arrivals::{START_MS, Scene, signed_part};
use ceralacca_tests::message::find;
use ceralacca_tests::sealed::Sealed;
use ceralacca_tests::seed::storm;

use crate::mail::{Memory, whole};

fn examined(scene: &Scene, octets: &[u8]) -> Examined {
    let scan = Scan::of_bytes(octets);
    let trust = scene.trust();
    let now = Instant::from_millis(START_MS + 60_000);
    examine(&scan, &whole(octets), &Memory(octets), &*trust, now).expect("octets in memory")
}

/// Envelope, receipt and take-charge receipt of the other provider.
fn samples(scene: &mut Scene) -> Vec<Vec<u8>> {
    scene.beta.mailbox("bruno");
    let mut all = vec![scene.envelope(&["bruno@beta.test"])];
    let answers = scene.answers(&["anna@alfa.test"], "Un testo.\r\n");
    let of = |purpose| answers.iter().find(|l| l.purpose == purpose).unwrap();
    all.push(of(Purpose::Receipt).octets.clone());
    all.push(of(Purpose::TakeCharge).octets.clone());
    all
}

#[test]
fn se_12_the_incoming_point_decides_on_anything() {
    let mut scene = Scene::new();
    let corpus = samples(&mut scene);
    for sample in &corpus {
        assert!(matches!(examined(&scene, sample), Examined::Verified(_)));
    }
    storm("incoming point", &corpus, |input| {
        if let Examined::Verified(facts) = examined(&scene, input) {
            assert!(facts.verdict.provider.is_some());
        }
    });
}

#[test]
fn se_12_signed_content_of_any_form_is_read_or_malformed() {
    let mut scene = Scene::new();
    let letter = samples(&mut scene).remove(0);
    let corpus: Vec<Vec<u8>> = vec![signed_part(&letter)];
    let at = find(&letter, &corpus[0]).unwrap();
    let (before, after) = (&letter[..at], &letter[at + corpus[0].len()..]);
    let old = Sealed::parse(&letter).signature.body().to_vec();
    let place = find(after, &old).unwrap();
    let formed = RefCell::new(0);
    storm("signed content", &corpus, |content| {
        let der = scene.seal.sign(content, Instant::from_millis(START_MS));
        let signature = data_encoding::BASE64_MIME.encode(&der);
        let sealed = [
            before,
            content,
            &after[..place],
            signature.trim_end().as_bytes(),
            &after[place + old.len()..],
        ]
        .concat();
        if let Examined::Verified(facts) = examined(&scene, &sealed)
            && facts.form.is_ok()
        {
            *formed.borrow_mut() += 1;
        }
    });
    assert!(formed.into_inner() > 0, "no content was ever well formed");
}

//! The stored copies of the index: who may sign it, what is held, what a changed byte, a cut file or a
//! failing disk leaves (DI-02, DI-10 to DI-14).

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::directory::{
    Alarm, Current, DirectoryShelf, ProviderRecord, ShelfError, ShelfOptions, Taken, write,
};
use ceralacca_core::disk::sim::{Failure, Loss};
use ceralacca_core::disk::{Disk, SimDisk};
use ceralacca_core::instant::Instant;

use super::authority::{Authority, trusted};

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;

fn now() -> Instant {
    Instant::from_millis(1_795_000_000_000)
}

fn later(millis: i64) -> Instant {
    now().plus_millis(millis)
}

fn stranger() -> &'static Authority {
    static STRANGER: OnceLock<Authority> = OnceLock::new();
    STRANGER.get_or_init(|| Authority::new("Stranger", super::house::SERVICE))
}

fn folder() -> PathBuf {
    PathBuf::from("/data/directory")
}

fn open(disk: &SimDisk) -> DirectoryShelf {
    let options = ShelfOptions {
        pinned: vec![trusted().anchor.clone()],
        ..ShelfOptions::default()
    };
    DirectoryShelf::open(Arc::new(disk.clone()), folder(), options)
}

fn record(name: &str, domains: std::ops::Range<usize>) -> ProviderRecord {
    let domain = |n: usize| Domain::parse(&format!("d{n}.{name}.example")).unwrap();
    ProviderRecord {
        name: name.to_owned(),
        unit: None,
        mail_receipt: Some(Address::parse(&format!("r@{name}.example")).unwrap()),
        domains: domains.map(domain).collect(),
        certificates: vec![trusted().certificate.certificate.clone()],
        ldif_url: None,
        description: None,
    }
}

/// An index of `uno` with so many domains and `due` with one, signed at `at`.
fn index(domains: usize, at: Instant) -> Vec<u8> {
    let text = write(None, &[record("uno", 0..domains), record("due", 0..1)]).unwrap();
    trusted().enclose(&text, at)
}

fn count(shelf: &DirectoryShelf) -> Option<usize> {
    Some(shelf.current()?.directory.domain_count())
}

fn in_use(taken: Result<Taken, ShelfError>) -> Arc<Current> {
    match taken.unwrap() {
        Taken::InUse(current) => current,
        other => panic!("{other:?}"),
    }
}

#[test]
fn di_02_only_the_pinned_signer_is_taken_and_the_old_copy_stays() {
    let disk = SimDisk::new();
    let shelf = open(&disk);
    assert_eq!(shelf.alarms(now()), [Alarm::None]);
    in_use(shelf.take(&index(10, now()), now()));
    let text = write(None, &[record("tre", 0..5)]).unwrap();
    let forged = stranger().enclose(&text, now());
    assert!(matches!(
        shelf.take(&forged, now()),
        Err(ShelfError::Signed(_))
    ));
    let mut altered = index(20, now());
    let at = altered.windows(3).position(|w| w == b"d3.").unwrap();
    altered[at] = b'e';
    assert!(matches!(
        shelf.take(&altered, now()),
        Err(ShelfError::Signed(_))
    ));
    assert!(matches!(
        shelf.take(b"no CMS", now()),
        Err(ShelfError::Signed(_))
    ));
    let old = later(9000 * DAY);
    assert!(matches!(
        shelf.take(&index(10, old), old),
        Err(ShelfError::Signed(_))
    ));
    assert_eq!(count(&shelf), Some(11));
    assert_eq!(count(&open(&disk.restart())), Some(11));
}

#[test]
fn di_02_the_signers_own_certificate_may_be_pinned_itself() {
    let options = ShelfOptions {
        pinned: vec![trusted().certificate.certificate.clone()],
        ..ShelfOptions::default()
    };
    let shelf = DirectoryShelf::open(Arc::new(SimDisk::new()), folder(), options);
    in_use(shelf.take(&index(1, now()), now()));
    let expired = later(9000 * DAY);
    assert!(matches!(
        shelf.take(&index(1, expired), expired),
        Err(ShelfError::Signed(_))
    ));
    let alone = DirectoryShelf::open(Arc::new(SimDisk::new()), folder(), ShelfOptions::default());
    assert!(matches!(
        alone.take(&index(1, now()), now()),
        Err(ShelfError::NothingPinned)
    ));
    assert!(!alone.is_used() && alone.alarms(now()).is_empty());
}

#[test]
fn di_10_who_reads_keeps_his_index_while_another_comes() {
    let shelf = open(&SimDisk::new());
    let first = in_use(shelf.take(&index(10, now()), now()));
    in_use(shelf.take(&index(12, later(1)), later(1)));
    assert_eq!(first.directory.domain_count(), 11);
    assert_eq!(count(&shelf), Some(13));
}

#[test]
fn the_same_text_signed_again_is_fresh_and_not_stored_twice() {
    let disk = SimDisk::new();
    let shelf = open(&disk);
    in_use(shelf.take(&index(10, now()), now()));
    let again = shelf.take(&index(10, later(DAY)), later(DAY)).unwrap();
    assert!(matches!(again, Taken::Unchanged(_)));
    for shelf in [&shelf, &open(&disk.restart())] {
        let current = shelf.current().unwrap();
        assert_eq!(current.fetched_at, later(DAY));
        assert_eq!(current.dated, Some(later(DAY)));
        assert_eq!(current.since, now());
    }
    assert_eq!(disk.list(&folder()).unwrap().len(), 2);
}

#[test]
fn an_older_index_played_back_is_refused() {
    let shelf = open(&SimDisk::new());
    in_use(shelf.take(&index(10, later(DAY)), later(DAY)));
    let old = shelf.take(&index(12, now()), later(2 * DAY));
    assert!(matches!(old, Err(ShelfError::Older(..))), "{old:?}");
}

#[test]
fn di_11_an_index_that_loses_much_is_held_until_it_is_confirmed() {
    let disk = SimDisk::new();
    let shelf = open(&disk);
    in_use(shelf.take(&index(100, now()), now()));
    in_use(shelf.take(&index(96, later(1)), later(1)));
    let taken = shelf.take(&index(50, later(DAY)), later(DAY)).unwrap();
    assert!(matches!(taken, Taken::Held(_)), "{taken:?}");
    assert_eq!(count(&shelf), Some(97));
    let disk = disk.restart();
    let restarted = open(&disk);
    assert_eq!(restarted.held(), shelf.held());
    let alarms = restarted.alarms(later(DAY));
    assert!(
        matches!(alarms.as_slice(), [Alarm::Held(hold)] if hold.0.domains_lost == 46),
        "{alarms:?}"
    );
    restarted.confirm(later(2 * DAY)).unwrap();
    for shelf in [&restarted, &open(&disk.restart())] {
        assert_eq!(count(shelf), Some(51));
        assert_eq!(shelf.held(), None);
    }
    let nothing = restarted.confirm(later(2 * DAY));
    assert!(matches!(nothing, Err(ShelfError::NothingHeld)));
}

#[test]
fn di_11_a_held_index_goes_when_a_sound_one_comes() {
    let disk = SimDisk::new();
    let shelf = open(&disk);
    in_use(shelf.take(&index(100, now()), now()));
    let one = trusted().enclose(&write(None, &[record("uno", 0..100)]).unwrap(), later(1));
    let taken = shelf.take(&one, later(1)).unwrap();
    assert!(matches!(taken, Taken::Held(hold) if hold.0.providers_lost == ["due"]));
    in_use(shelf.take(&index(101, later(2)), later(2)));
    assert_eq!(shelf.held(), None);
    assert_eq!(open(&disk.restart()).held(), None);
}

/// Every file of the shelf, with its octets.
fn files(disk: &SimDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let names = disk.list(&folder()).unwrap();
    let read = |name: &String| {
        let path = folder().join(name);
        let file = disk.open(&path, false).unwrap();
        let mut octets = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_at(&mut octets, 0).unwrap();
        (path, octets)
    };
    names.iter().map(read).collect()
}

fn overwrite(disk: &SimDisk, path: &Path, octets: &[u8]) {
    let file = disk.open(path, true).unwrap();
    file.set_len(octets.len() as u64).unwrap();
    file.write_all_at(octets, 0).unwrap();
}

fn is_damaged(shelf: &DirectoryShelf) -> bool {
    let alarms = shelf.alarms(now());
    shelf.current().is_none() && matches!(alarms.as_slice(), [Alarm::Damaged(_)])
}

#[test]
fn di_12_a_changed_byte_or_a_cut_file_stops_its_use() {
    let disk = SimDisk::new();
    let shelf = open(&disk);
    in_use(shelf.take(&index(3, now()), now()));
    in_use(shelf.take(&index(4, later(1)), later(1)));
    let newest = format!("index-{:015}", later(1).as_millis());
    for (path, good) in files(&disk) {
        if !path.to_string_lossy().contains(&newest) {
            continue;
        }
        let step = (good.len() / 40).max(1);
        for at in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            overwrite(&disk, &path, &bad);
            assert!(is_damaged(&open(&disk.restart())), "{path:?} {at}");
            overwrite(&disk, &path, &good[..at]);
            assert!(is_damaged(&open(&disk.restart())), "{path:?} cut at {at}");
        }
        shelf.recheck();
        assert!(is_damaged(&shelf), "while it runs");
        overwrite(&disk, &path, &good);
        shelf.recheck();
        assert_eq!(count(&shelf), Some(5), "put right");
    }
    // A fetch puts it right too.
    let path = folder().join(format!("{newest}.p7m"));
    overwrite(&disk, &path, b"x");
    shelf.recheck();
    assert!(is_damaged(&shelf));
    in_use(shelf.take(&index(6, later(2)), later(2)));
    assert_eq!(count(&open(&disk.restart())), Some(7));
}

#[test]
fn di_12_a_copy_signed_by_another_is_not_used_whatever_its_proof_says() {
    let disk = SimDisk::new();
    let options = ShelfOptions {
        pinned: vec![stranger().anchor.clone()],
        ..ShelfOptions::default()
    };
    let theirs = DirectoryShelf::open(Arc::new(disk.clone()), folder(), options);
    let text = write(None, &[record("uno", 0..5)]).unwrap();
    in_use(theirs.take(&stranger().enclose(&text, now()), now()));
    assert!(is_damaged(&open(&disk.restart())));
}

#[test]
fn di_13_an_index_not_seen_for_36_hours_raises_an_alarm_and_stays() {
    let shelf = open(&SimDisk::new());
    in_use(shelf.take(&index(3, now()), now()));
    assert_eq!(shelf.alarms(later(36 * HOUR - 1)), []);
    assert_eq!(shelf.alarms(later(36 * HOUR)), [Alarm::Stale(36)]);
    assert_eq!(count(&shelf), Some(4));
}

#[test]
fn di_14_past_mail_is_judged_by_the_index_of_its_day_for_30_months() {
    let disk = SimDisk::new();
    let shelf = open(&disk);
    let at = |day: usize| later(day as i64 * DAY);
    for day in 0..4 {
        in_use(shelf.take(&index(10 + day, at(day)), at(day)));
    }
    let shelf = open(&disk.restart());
    assert!(shelf.as_of(later(-1)).unwrap().is_none());
    for day in 0..4 {
        let found = shelf.as_of(at(day).plus_millis(HOUR)).unwrap().unwrap();
        assert_eq!(found.directory.domain_count(), 11 + day);
        assert_eq!(found.since, at(day));
    }
    // The last of the old ones was in use until then.
    in_use(shelf.take(&index(20, at(914)), at(914)));
    assert!(shelf.as_of(at(0)).unwrap().is_some());
    in_use(shelf.take(&index(21, at(932)), at(932)));
    assert!(
        shelf.as_of(at(0)).unwrap().is_none(),
        "its use ended over 30 months ago"
    );
    assert!(shelf.as_of(at(3)).unwrap().is_some());
}

#[test]
fn a_clock_set_back_hides_no_index() {
    let disk = SimDisk::new();
    let shelf = open(&disk);
    in_use(shelf.take(&index(10, now()), later(DAY)));
    in_use(shelf.take(&index(11, now()), now()));
    assert_eq!(count(&open(&disk.restart())), Some(12));
}

#[test]
fn a_failing_disk_leaves_the_old_index_or_the_new_one() {
    let story = |fail: &dyn Fn(&SimDisk)| {
        let disk = SimDisk::new();
        let shelf = open(&disk);
        in_use(shelf.take(&index(10, now()), now()));
        fail(&disk);
        let taken = shelf.take(&index(12, later(1)), later(1));
        let expected = if taken.is_ok() { 13 } else { 11 };
        if let Err(error) = &taken {
            assert!(matches!(error, ShelfError::Write(_)), "{error}");
        }
        assert_eq!(count(&shelf), Some(expected), "who reads sees the answer");
        for seed in 0..8 {
            for loss in [Loss::All, Loss::Some] {
                let after = count(&open(&disk.power_cut(seed, loss)));
                let is_either = after == Some(11) || after == Some(13);
                assert!(is_either, "{after:?} after a cut, {taken:?}");
                assert!(taken.is_err() || after == Some(13), "what was told is lost");
            }
        }
        assert!(count(&open(&disk.restart())).is_some());
        taken.is_ok()
    };
    for failure in [Failure::NotDone, Failure::Done] {
        for nth in 1..=2 {
            assert!(!story(&|disk| disk.fail_write(nth, failure)));
            assert!(!story(&|disk| disk.fail_sync(nth, failure)));
        }
        assert!(
            story(&|disk| disk.fail_write(3, failure)),
            "there is no third write"
        );
    }
    let mut operations = 0;
    while !story(&|disk| disk.freeze_after(operations)) {
        operations += 1;
    }
    assert!(operations > 6, "every step has failed once");
}

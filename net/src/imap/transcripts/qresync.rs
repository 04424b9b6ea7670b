//! QRESYNC (RFC 7162 §3.2): a client that comes back hears what changed and what is gone, and nothing else.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const SMALL: &str = "Subject: x\r\n\r\ny\r\n";

fn validity(house: &House) -> u32 {
    let inbox = house.view.folder(BOX, FolderId::INBOX).expect("there");
    inbox.row.uid_validity
}

fn resyncing(house: &Arc<House>) -> Client {
    let mut client = Client::connect(house);
    client.say("l LOGIN anna@pec.test segreto\r\ne ENABLE QRESYNC\r\n");
    client
}

/// The lines of an answer that tell of messages.
fn news(said: &str) -> Vec<&str> {
    let is_news = |line: &&str| line.contains(" FETCH ") || line.contains("VANISHED");
    said.lines().filter(is_news).collect()
}

#[test]
fn ac_11_a_client_that_comes_back_hears_what_vanished_and_what_changed() {
    let house = house();
    (0..8).for_each(|_| house.deliver(SMALL));
    let mut other = Client::selected(&house);
    other.say("a STORE 2,4:6 +FLAGS (\\Deleted)\r\nb STORE 1 +FLAGS (\\Flagged)\r\n");
    other.say("c EXPUNGE\r\n");
    house.deliver(SMALL);
    let v = validity(&house);
    let mut client = resyncing(&house);
    let said = client.say(&format!("s SELECT INBOX (QRESYNC ({v} 9 1:8))\r\n"));
    assert_eq!(
        news(&said),
        [
            "* VANISHED (EARLIER) 2,4:6",
            "* 1 FETCH (UID 1 FLAGS (\\Flagged) MODSEQ (11))",
        ]
    );
    assert!(
        said.contains("* OK [HIGHESTMODSEQ 13] highest\r\n"),
        "{said}"
    );
    assert!(said.ends_with("s OK [READ-WRITE] done\r\n"), "{said}");
    // Without known UIDs all up to the last are meant; new messages are changes too.
    let said = client.say(&format!("t SELECT INBOX (QRESYNC ({v} 11))\r\n"));
    assert!(said.starts_with("* OK [CLOSED] "), "{said}");
    assert_eq!(
        news(&said),
        [
            "* VANISHED (EARLIER) 2,4:6",
            "* 5 FETCH (UID 9 FLAGS () MODSEQ (13))"
        ]
    );
    let said = client.say(&format!("u SELECT INBOX (QRESYNC ({v} 13))\r\n"));
    assert!(news(&said).is_empty(), "{said}");
    // Another validity: nothing that the client knows is of use.
    let said = client.say(&format!("v SELECT INBOX (QRESYNC ({} 9))\r\n", v + 1));
    assert!(news(&said).is_empty() && said.contains("v OK"), "{said}");
    let said = client.say("w UID FETCH 2:8 (UID) (CHANGEDSINCE 9 VANISHED)\r\n");
    assert_eq!(news(&said), ["* VANISHED (EARLIER) 2,4:6"]);
}

#[test]
fn what_went_too_long_ago_is_told_as_all_that_is_not_there() {
    let house = house();
    (0..6).for_each(|_| house.deliver(SMALL));
    let mut other = Client::selected(&house);
    other.say("a STORE 1,3 +FLAGS (\\Deleted)\r\nb EXPUNGE\r\n");
    let most = limits::EXPUNGED_KEPT_PER_FOLDER_MAX;
    (0..most).for_each(|_| house.deliver(SMALL));
    other.say("c NOOP\r\nd STORE 5:* +FLAGS.SILENT (\\Deleted)\r\ne EXPUNGE\r\n");
    let v = validity(&house);
    let mut client = resyncing(&house);
    let last = most + 6;
    let said = client.say(&format!("s SELECT INBOX (QRESYNC ({v} 2))\r\n"));
    let vanished = format!("* VANISHED (EARLIER) 1,3,7:{last}");
    assert_eq!(news(&said)[0], vanished);
    // What the client says of its numbers narrows it: up to UID 2 all is as it was.
    let said = client.say(&format!("t SELECT INBOX (QRESYNC ({v} 2 1:20 (1 2)))\r\n"));
    assert_eq!(news(&said)[0], "* VANISHED (EARLIER) 3,7:20");
    let said = client.say(&format!(
        "t SELECT INBOX (QRESYNC ({v} 2 1:20 (1:9 2,4:11)))\r\n"
    ));
    assert_eq!(news(&said)[0], "* VANISHED (EARLIER) 7:20");
}

#[test]
fn once_enabled_what_is_gone_is_told_by_uid() {
    let house = house();
    (0..5).for_each(|_| house.deliver(SMALL));
    let mut client = resyncing(&house);
    client.say("s SELECT INBOX\r\n");
    let mut other = Client::selected(&house);
    other.say("a STORE 2:3,5 +FLAGS (\\Deleted)\r\nb UID EXPUNGE 1:3\r\n");
    assert_eq!(
        client.say("a NOOP\r\n"),
        "* VANISHED 2:3\r\n* 3 FETCH (UID 5 FLAGS (\\Deleted) MODSEQ (7))\r\na OK done\r\n"
    );
    assert_eq!(
        client.say("b EXPUNGE\r\n"),
        "* VANISHED 5\r\nb OK [HIGHESTMODSEQ 9] done\r\n"
    );
    assert_eq!(client.say("c EXPUNGE\r\n"), "c OK done\r\n");
    let said = client.say("d MOVE 1 Trash\r\n");
    assert!(said.contains("* VANISHED 1\r\nd OK done\r\n"), "{said}");
    // The others still count.
    assert!(
        other
            .say("c NOOP\r\n")
            .ends_with("* 1 EXPUNGE\r\n* 2 EXPUNGE\r\nc OK done\r\n")
    );
    client.say("e STORE 1 +FLAGS (\\Deleted)\r\n");
    assert_eq!(client.say("f CLOSE\r\n"), "f OK done\r\n");
}

#[test]
fn qresync_wants_to_be_enabled_and_numbers_without_star() {
    let house = house();
    let mut client = Client::selected(&house);
    let bad = "BAD enable QRESYNC first, and name UIDs without *\r\n";
    assert_eq!(
        client.say("a SELECT INBOX (QRESYNC (1 2))\r\n"),
        format!("a {bad}")
    );
    // A command that is refused so leaves the folder selected.
    assert_eq!(client.say("b CHECK\r\n"), "b OK done\r\n");
    assert_eq!(
        client.say("c ENABLE QRESYNC\r\n"),
        "* ENABLED QRESYNC\r\n* OK [HIGHESTMODSEQ 1] highest\r\nc OK done\r\n"
    );
    assert_eq!(
        client.say("d ENABLE QRESYNC CONDSTORE X-NIENTE\r\n"),
        "* ENABLED\r\nd OK done\r\n"
    );
    assert_eq!(
        client.say("e SELECT INBOX (QRESYNC (1 2 1:*))\r\n"),
        format!("e {bad}")
    );
    for command in [
        "SELECT INBOX (QRESYNC (0 2))",
        "SELECT INBOX (QRESYNC)",
        "SELECT INBOX ()",
        "UID FETCH 1 FLAGS (CHANGEDSINCE 0)",
        "STORE 1 (UNCHANGEDSINCE x) FLAGS ()",
    ] {
        assert_eq!(
            client.say(&format!("f {command}\r\n")),
            "f BAD not understood\r\n",
            "{command}"
        );
    }
}

/// What a client keeps while it is away: flags and mod-sequences by UID.
#[derive(Default)]
struct Cache {
    highest: u64,
    messages: BTreeMap<u32, String>,
}

impl Cache {
    /// Believes every line of an answer to SELECT with QRESYNC.
    fn hear(&mut self, said: &str) {
        for line in said.lines() {
            if let Some(set) = line.strip_prefix("* VANISHED (EARLIER) ") {
                for range in set.split(',') {
                    let (start, end) = range.split_once(':').unwrap_or((range, range));
                    let number = |text: &str| text.parse::<u32>().expect("a UID");
                    (number(start)..=number(end)).for_each(|uid| {
                        self.messages.remove(&uid);
                    });
                }
            } else if let Some((_, rest)) = line.split_once("[HIGHESTMODSEQ ") {
                let digits = rest.split(']').next().expect("an end");
                self.highest = digits.parse().expect("a number");
            } else if let Some((_, rest)) = line.split_once(" FETCH (UID ") {
                let (uid, rest) = rest.split_once(" FLAGS (").expect("flags");
                let flags = rest.split(')').next().expect("an end");
                self.messages
                    .insert(uid.parse().expect("a UID"), flags.to_owned());
            }
        }
    }
}

const DEEDS: [&str; 8] = [
    "a NOOP",
    "a STORE 1 +FLAGS (\\Deleted)",
    "a STORE 2:* +FLAGS (\\Flagged)",
    "a UID STORE 1:* -FLAGS (\\Deleted)",
    "a EXPUNGE",
    "a UID MOVE 2:3 INBOX",
    "a COPY 1 INBOX",
    "a STORE 1:2 FLAGS ()",
];

proptest! {
    #[test]
    fn ac_11_a_cache_that_believes_every_line_is_the_folder(
        deeds in proptest::collection::vec((any::<bool>(), 0usize..DEEDS.len()), 0..40),
    ) {
        let house = house();
        (0..4).for_each(|_| house.deliver(SMALL));
        let v = validity(&house);
        let mut other = Client::selected(&house);
        let mut cache = Cache { highest: 1, ..Cache::default() };
        for (comes_back, what) in deeds {
            other.say(&format!("{}\r\n", DEEDS[what]));
            if !comes_back {
                continue;
            }
            let mut client = resyncing(&house);
            let since = cache.highest;
            let said = client.say(&format!("s SELECT INBOX (QRESYNC ({v} {since}))\r\n"));
            cache.hear(&said);
            let folder = house.view.folder(BOX, FolderId::INBOX).expect("there");
            let mut truth = Cache::default();
            truth.hear(&client.say("t UID FETCH 1:* (FLAGS)\r\n"));
            prop_assert_eq!(cache.highest, folder.counter.highest_modseq);
            prop_assert_eq!(&cache.messages, &truth.messages);
        }
    }
}

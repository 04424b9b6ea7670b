//! Searches of every kind, with marks and without.

use ceralacca_core::view::marks::Marks;
use proptest::prelude::*;

use super::*;
use crate::imap::message::fields;

impl House {
    /// Marks the messages of INBOX up to `upto`, as the marker does.
    fn mark(&self, upto: u32) {
        let folder = self.view.folder(BOX, FolderId::INBOX).expect("there");
        let bodies = self.bodies.lock();
        for (uid, row) in folder.messages.range(..=upto) {
            let body = &bodies[&row.content];
            let end = fields::header_end(body).unwrap_or(body.len());
            let marks = Marks::of(&body[..end]);
            self.view
                .publish([Row::Marks(BOX, FolderId::INBOX, *uid, marks)]);
        }
    }

    fn opened(&self) -> u64 {
        self.opened.swap(0, Ordering::Relaxed)
    }
}

fn receipt(number: u32, kind: &str) -> String {
    format!(
        "Message-ID: <{number}@pec.test>\r\nX-Ricevuta: {kind}\r\nSubject: s\r\n\
         X-Riferimento-Message-ID: <ref{}@client.test>\r\n\r\nbody {number}\r\n",
        number / 2
    )
}

const KINDS: [&str; 3] = ["accettazione", "avvenuta-consegna", "non-accettazione"];

fn full_house(messages: u32) -> Arc<House> {
    let house = house();
    for number in 1..=messages {
        house.deliver(&receipt(number, KINDS[number as usize % 3]));
    }
    house
}

fn searched(client: &mut Client, keys: &str) -> String {
    let said = client.say(&format!("a UID SEARCH {keys}\r\n"));
    let found = said.strip_suffix("\r\na OK done\r\n").unwrap_or(&said);
    found.strip_prefix("* SEARCH").unwrap_or(found).to_owned()
}

#[test]
fn tm_09_ac_12_a_whole_value_is_found_without_looking_at_others() {
    let house = full_house(300);
    house.mark(300);
    let mut client = Client::selected(&house);
    house.opened();
    for (keys, found, opened) in [
        (
            "HEADER X-Riferimento-Message-ID <ref70@client.test>",
            " 140 141",
            2,
        ),
        (
            "HEADER X-Riferimento-Message-ID REF70@client.test",
            " 140 141",
            3,
        ),
        ("HEADER Message-ID <7@pec.test>", " 7", 1),
        // RFC 3501: any value that holds the text; the whole value where there is one (AC-12).
        ("HEADER Message-ID 7@pec.test", " 7", 2),
        ("HEADER Message-ID <absent@pec.test>", "", 0),
        ("UNSEEN HEADER Message-ID <9@pec.test>", " 9", 1),
        ("SEEN HEADER Message-ID <9@pec.test>", "", 0),
        (
            "OR HEADER Message-ID <9@pec.test> HEADER Message-ID <5@pec.test>",
            " 5 9",
            2,
        ),
        ("1:4 HEADER X-Ricevuta accettazione", " 3", 0),
        ("1:4 HEADER X-Ricevuta accettaz", " 2 3", 0),
        ("1:4 HEADER X-Ricevuta \"\"", " 1 2 3 4", 0),
        ("1:4 NOT HEADER X-Ricevuta \"\"", "", 0),
    ] {
        assert_eq!(searched(&mut client, keys), found, "{keys}");
        assert_eq!(house.opened(), opened, "{keys}");
    }
    // A part: all are looked at.
    assert_eq!(
        searched(&mut client, "HEADER Message-ID 99@pec").len(),
        " 99 199 299".len()
    );
    assert!(house.opened() >= 300);
    assert_eq!(
        searched(&mut client, "HEADER Message-ID 0@pec.test 1:100").len(),
        " 10 20 30 40 50 60 70 80 90 100".len()
    );
}

proptest! {
    #[test]
    fn ac_12_marks_change_no_answer(
        upto in 0u32..14,
        field in prop_oneof![Just("Message-ID"), Just("X-Ricevuta"), Just("x-riferimento-message-id")],
        text in prop_oneof![
            Just("<3@pec.test>"), Just("1@pec.test"), Just("@"), Just(""), Just("accettazione"),
            Just("consegna"), Just("<ref2@client.test>"), Just("ref1@client.test"), Just("<"),
            Just("<1@pec.test> <2@pec.test>"), Just("mai-vista"), Just("2@pec.test>"),
        ],
        shape in 0usize..4,
    ) {
        let key = format!("HEADER {field} \"{text}\"");
        let keys = match shape {
            0 => key,
            1 => format!("NOT {key}"),
            2 => format!("OR {key} HEADER Message-ID <4@pec.test>"),
            _ => format!("2:9 ({key})"),
        };
        let odd = "Message-ID: <1@pec.test> <2@pec.test>\r\nX-Ricevuta: mai-vista\r\n\r\n";
        let said = |upto| {
            let house = full_house(12);
            house.deliver(odd);
            house.mark(upto);
            searched(&mut Client::selected(&house), &keys)
        };
        let without = said(0);
        prop_assert_eq!(&said(upto), &without, "{}", keys);
        prop_assert_eq!(&said(13), &without, "{}", keys);
        // What RFC 3501 says, or the whole value where there is one (AC-12).
        let wanted = |name: &str, whole: bool| -> String {
            let all = (1..=12).map(|n| receipt(n, KINDS[n as usize % 3])).chain([odd.to_owned()]);
            let matches = |message: &String| {
                fields::fields(message.as_bytes()).any(|own| {
                    let value = String::from_utf8_lossy(&own.unfolded()).into_owned();
                    let is_it = match whole {
                        true => value.split(' ').any(|v| v.trim_matches(['<', '>']) == text),
                        false => value.contains(text),
                    };
                    own.is(name.as_bytes()) && is_it
                })
            };
            let found = (1..).zip(all).filter(|(_, message)| matches(message));
            found.map(|(uid, _)| format!(" {uid}")).collect()
        };
        if shape == 0 {
            let whole = wanted(field, true);
            let is_whole = !whole.is_empty() && (text.contains('@') || KINDS.contains(&text));
            let expected = if is_whole { whole } else { wanted(field, false) };
            prop_assert_eq!(without, expected, "{}", keys);
        }
    }
}

#[test]
fn results_are_returned_as_asked_rfc_4731() {
    let house = full_house(9);
    let mut client = Client::selected(&house);
    client.say("s STORE 2,3,4,8 +FLAGS.SILENT (\\Flagged)\r\n");
    for (command, said) in [
        (
            "SEARCH RETURN (MIN COUNT) FLAGGED",
            "(TAG \"a\") MIN 2 COUNT 4",
        ),
        ("SEARCH RETURN () FLAGGED", "(TAG \"a\") ALL 2:4,8"),
        ("SEARCH RETURN (MAX) FLAGGED", "(TAG \"a\") MAX 8"),
        (
            "UID SEARCH RETURN (ALL MIN MAX COUNT) FLAGGED",
            "(TAG \"a\") UID MIN 2 MAX 8 COUNT 4 ALL 2:4,8",
        ),
        (
            "SEARCH RETURN (MIN ALL COUNT) ANSWERED",
            "(TAG \"a\") COUNT 0",
        ),
        (
            "SORT RETURN (MIN ALL) (REVERSE ARRIVAL REVERSE SIZE) UTF-8 FLAGGED",
            "(TAG \"a\") MIN 4 ALL 4,2,8,3",
        ),
    ] {
        let whole = client.say(&format!("a {command}\r\n"));
        assert_eq!(
            whole,
            format!("* ESEARCH {said}\r\na OK done\r\n"),
            "{command}"
        );
    }
    let said = client.say("a SEARCH RETURN (ALL) MODSEQ 1\r\n");
    assert!(
        said.contains("* ESEARCH (TAG \"a\") ALL 1:9 MODSEQ "),
        "{said}"
    );
    let said = client.say("a SEARCH MODSEQ 11 FLAGGED\r\n");
    assert!(said.starts_with("* SEARCH 2 3 4 8 (MODSEQ "), "{said}");
    assert_eq!(
        client.say("a SEARCH MODSEQ 99\r\n"),
        "* SEARCH\r\na OK done\r\n"
    );
}

#[test]
fn a_saved_result_stands_for_its_set_rfc_5182() {
    let house = full_house(9);
    let mut client = Client::selected(&house);
    assert_eq!(client.say("a FETCH $ UID\r\n"), "a OK nothing to do\r\n");
    assert_eq!(
        client.say("a SEARCH RETURN (SAVE) 3:5\r\n"),
        "a OK done\r\n"
    );
    let said = client.say("a FETCH $ UID\r\n");
    assert_eq!(
        said,
        "* 3 FETCH (UID 3)\r\n* 4 FETCH (UID 4)\r\n* 5 FETCH (UID 5)\r\na OK done\r\n"
    );
    assert_eq!(
        client.say("a SEARCH RETURN (SAVE COUNT) $ NOT 4\r\n"),
        "* ESEARCH (TAG \"a\") COUNT 2\r\na OK done\r\n"
    );
    // MIN and MAX save what they name.
    client.say("a UID STORE $ +FLAGS.SILENT (\\Deleted)\r\n");
    assert_eq!(
        client.say("a SEARCH RETURN (MIN SAVE) DELETED\r\n"),
        "* ESEARCH (TAG \"a\") MIN 3\r\na OK done\r\n"
    );
    assert!(client.say("a COPY $ Sent\r\n").contains("COPYUID"));
    assert_eq!(
        client.say("a UID EXPUNGE $\r\n"),
        "* 3 EXPUNGE\r\na OK done\r\n"
    );
    // What is gone is not in it any more.
    assert_eq!(
        client.say("a STORE $ +FLAGS (x)\r\n"),
        "a OK nothing to do\r\n"
    );
    client.say("a SEARCH RETURN (SAVE) 4:6\r\n");
    assert_eq!(
        client.say("a SEARCH UID $ 5:*\r\n"),
        "* SEARCH 5 6\r\na OK done\r\n"
    );
    // A SEARCH that fails saves nothing; one that is none changes nothing.
    assert!(client.say("a SEARCH RETURN (SAVE) 99\r\n").contains("BAD"));
    assert!(
        client
            .say("a SEARCH RETURN (COUNT) $\r\n")
            .contains("COUNT 3")
    );
    let bad = client.say("a SEARCH RETURN (SAVE) CHARSET KOI8-R ALL\r\n");
    assert!(bad.starts_with("a NO [BADCHARSET"), "{bad}");
    assert!(
        client
            .say("a SEARCH RETURN (COUNT) $\r\n")
            .contains("COUNT 0")
    );
    assert!(client.say("a MOVE $ Sent\r\n").contains("a OK"));
    client.say("a SEARCH RETURN (SAVE) ALL\r\nb SELECT INBOX\r\n");
    assert!(
        client
            .say("a SEARCH RETURN (COUNT) $\r\n")
            .contains("COUNT 0")
    );
    assert!(client.say("a EXPUNGE $\r\n").contains("a BAD"));
}

#[test]
fn messages_are_found_by_their_age_rfc_5032() {
    let house = full_house(1);
    let mut client = Client::selected(&house);
    let old = "\"20-Nov-2026 05:19:00 +0100\"";
    client.say(&format!("a APPEND INBOX {old} {{4+}}\r\nabcd\r\n"));
    assert_eq!(searched(&mut client, "YOUNGER 86400"), " 1");
    assert_eq!(searched(&mut client, "OLDER 86400"), " 2");
    assert_eq!(searched(&mut client, "NOT OLDER 999999999"), " 1 2");
    assert!(client.say("a SEARCH OLDER 0\r\n").contains("a BAD"));
}

#[test]
fn messages_are_sorted_and_threaded_rfc_5256() {
    let house = house();
    for (id, subject, from, day, references) in [
        (1, "Beta", "zoe@a.test", 3, ""),
        (2, "Re: Beta", "Anna@a.test", 4, "<1@t.test>"),
        (3, "=?utf-8?q?=C3=A0?=", "mario@a.test", 1, ""),
        (4, "[x] Fwd: beta", "bea@a.test", 2, "<1@t.test> <2@t.test>"),
    ] {
        house.deliver(&format!(
            "Message-ID: <{id}@t.test>\r\nSubject: {subject}\r\nFrom: {from}\r\n\
             Date: {day} Nov 2026 05:19:00 +0100\r\nReferences: {references}\r\n\r\n{}",
            "x".repeat(5 - id)
        ));
    }
    let mut client = Client::selected(&house);
    for (keys, order) in [
        ("(DATE)", "3 4 1 2"),
        ("(REVERSE DATE)", "2 1 4 3"),
        ("(SUBJECT DATE)", "4 1 2 3"),
        ("(FROM)", "2 4 3 1"),
        ("(CC REVERSE ARRIVAL)", "1 2 3 4"),
    ] {
        let said = client.say(&format!("a SORT {keys} UTF-8 ALL\r\n"));
        assert_eq!(said, format!("* SORT {order}\r\na OK done\r\n"), "{keys}");
    }
    assert_eq!(
        client.say("a UID SORT (SIZE) US-ASCII SUBJECT beta\r\n"),
        "* SORT 1 2 4\r\na OK done\r\n"
    );
    assert_eq!(
        client.say("a THREAD REFERENCES UTF-8 ALL\r\n"),
        "* THREAD (3)(1 2 4)\r\na OK done\r\n"
    );
    assert_eq!(
        client.say("a UID THREAD ORDEREDSUBJECT UTF-8 ALL\r\n"),
        "* THREAD (3)(4 (1)(2))\r\na OK done\r\n"
    );
    assert_eq!(
        client.say("a THREAD REFERENCES UTF-8 ANSWERED\r\n"),
        "* THREAD\r\na OK done\r\n"
    );
    assert!(
        client
            .say("a SORT (DATE) KOI8-R ALL\r\n")
            .starts_with("a NO [BADCHARSET")
    );
}

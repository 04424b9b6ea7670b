//! SEARCH: every key, and many messages or keys.

use super::*;

#[test]
fn ac_12_search_finds_exactly() {
    let house = house();
    house.deliver(MESSAGE);
    house.deliver("From: b@c.test\r\nSubject: =?utf-8?q?perch=C3=A9?=\r\n\r\naltro testo\r\n");
    let mut client = Client::selected(&house);
    client.say("s STORE 2 +FLAGS ($Visto \\Flagged)\r\n");
    for (keys, found) in [
        ("ALL", " 1 2"),
        ("HEADER X-Riferimento-Message-ID <opec1@b.test>", " 1"),
        ("HEADER X-Riferimento-Message-ID opec2", ""),
        ("FROM c.test", " 2"),
        ("NOT FROM c.test", " 1"),
        ("OR FROM c.test SUBJECT consegna", " 1 2"),
        ("CHARSET UTF-8 SUBJECT {7+}\r\nPERCH\u{c9}", " 2"),
        ("BODY altro", " 2"),
        ("TEXT CIAO", " 1"),
        ("BODY consegna", ""),
        ("SINCE 1-Jan-2020 BEFORE 1-Jan-2030", " 1 2"),
        ("ON 1-Jan-2020", ""),
        ("SENTON 22-Nov-2026", " 1"),
        ("LARGER 100", " 1"),
        ("SMALLER 100", " 2"),
        ("KEYWORD $visto", " 2"),
        ("UNKEYWORD $visto", " 1"),
        ("FLAGGED UNSEEN", " 2"),
        ("2:*", " 2"),
        ("UID 2 (UNANSWERED UNDELETED)", " 2"),
        ("UID 1:* NOT 1", " 2"),
    ] {
        let said = client.say(&format!("a SEARCH {keys}\r\n"));
        assert_eq!(said, format!("* SEARCH{found}\r\na OK done\r\n"), "{keys}");
    }
    assert!(
        client
            .say("b SEARCH CHARSET KOI8-R ALL\r\n")
            .starts_with("b NO [BADCHARSET")
    );
    let many = "ALL ".repeat(limits::IMAP_SEARCH_KEYS_MAX + 1);
    assert!(
        client
            .say(&format!("c SEARCH {}\r\n", many.trim_end()))
            .starts_with("c BAD")
    );
}

#[test]
fn a_search_of_many_messages_works_in_rounds() {
    let house = house();
    let most = limits::IMAP_SEARCH_ROUND_MESSAGES + 3;
    (0..most).for_each(|_| house.deliver(MESSAGE));
    let mut client = Client::selected(&house);
    let numbers: String = (1..=most).map(|n| format!(" {n}")).collect();
    let said = client.say("a UID SEARCH TEXT ciao\r\n");
    assert_eq!(said, format!("* SEARCH{numbers}\r\na OK done\r\n"));
}

#[test]
fn se_10_many_keys_over_many_rows_let_others_run() {
    let house = house();
    (0..60).for_each(|_| house.deliver(MESSAGE));
    let mut client = Client::selected(&house);
    client.rounds = 0;
    let keys = "NOT ON 1-Jan-2020 ".repeat(limits::IMAP_SEARCH_KEYS_MAX / 2 - 1);
    let said = client.say(&format!("s SEARCH {keys}ALL\r\n"));
    assert!(said.contains(" 59 60\r\ns OK done\r\n"), "{said}");
    assert!(client.rounds > 1, "{}", client.rounds);
    let texts = "TEXT x ".repeat(limits::IMAP_SEARCH_TEXTS_MAX + 1);
    let said = client.say(&format!("s SEARCH {texts}ALL\r\n"));
    assert_eq!(said, "s BAD too many keys\r\n");
}

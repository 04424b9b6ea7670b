//! What IMAP4rev2 (RFC 9051) and UTF8=ACCEPT (RFC 6855) change once they are enabled.

use super::*;

fn rev2(house: &Arc<House>) -> Client {
    let mut client = Client::connect(house);
    client.say("l LOGIN anna@pec.test segreto\r\n");
    assert_eq!(
        client.say("e ENABLE IMAP4rev2\r\n"),
        "* ENABLED IMAP4rev2\r\ne OK done\r\n"
    );
    client
}

#[test]
fn select_tells_the_name_and_nothing_is_recent() {
    let house = house();
    house.deliver(MESSAGE);
    let mut client = rev2(&house);
    let inbox = house.view.folder(BOX, FolderId::INBOX).expect("there");
    let validity = inbox.row.uid_validity;
    assert_eq!(
        client.say("a SELECT inbox\r\n"),
        format!(
            "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n\
             * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] kept\r\n\
             * 1 EXISTS\r\n\
             * OK [UIDVALIDITY {validity}] valid\r\n* OK [UIDNEXT 2] next\r\n\
             * OK [HIGHESTMODSEQ 2] highest\r\n* OK [MAILBOXID (F7-1-{validity})] this folder\r\n\
             * LIST (\\HasNoChildren) \"/\" INBOX\r\na OK [READ-WRITE] done\r\n"
        )
    );
    house.deliver(MESSAGE);
    assert_eq!(client.say("b NOOP\r\n"), "* 2 EXISTS\r\nb OK done\r\n");
    let said = client.say("c SELECT Sent\r\n");
    assert!(said.starts_with("* OK [CLOSED] "), "{said}");
    assert_eq!(client.say("d UNSELECT\r\n"), "d OK done\r\n");
    let said = client.say("e SELECT INBOX\r\nf EXAMINE Niente\r\ng FETCH 1 FLAGS\r\n");
    assert!(said.contains("* OK [CLOSED] "), "{said}");
    assert!(said.ends_with("g BAD select a folder first\r\n"), "{said}");
}

#[test]
fn names_are_in_utf_8_both_ways_and_a_rename_tells_the_old_one() {
    let house = house();
    let mut client = rev2(&house);
    let mut old = Client::selected(&house);
    for (command, answer) in [
        ("CREATE \"Attività & R\\\"D\"", "OK [MAILBOXID ("),
        ("CREATE {10+}\r\nAttività2", "OK [MAILBOXID ("),
        (
            "SELECT \"Attività & R\\\"D\"",
            "* LIST (\\HasNoChildren) \"/\" \"Attività & R\\\"D\"\r\n",
        ),
        (
            "STATUS \"Attività2\" (MESSAGES)",
            "* STATUS \"Attività2\" (MESSAGES 0)\r\n",
        ),
        (
            "LIST \"\" \"Attività*\"",
            "* LIST (\\HasNoChildren) \"/\" \"Attività2\"\r\n",
        ),
        ("SUBSCRIBE \"Attività2\"", "a OK"),
        (
            "RENAME \"Attività2\" \"Città\"",
            "* LIST (\\HasNoChildren) \"/\" \"Città\" (\"OLDNAME\" (\"Attività2\"))\r\n",
        ),
        ("APPEND \"Città\" {3+}\r\nabc", "a OK [APPENDUID "),
        ("CREATE R&D", "OK [MAILBOXID ("),
    ] {
        let said = client.say(&format!("a {command}\r\n"));
        assert!(said.contains(answer), "{command}: {said}");
    }
    let said = old.say("a LIST \"\" *\r\n");
    for name in ["\"Attivit&AOA- &- R\\\"D\"", "Citt&AOA-", "R&-D"] {
        assert!(
            said.contains(&format!("\"/\" {name}\r\n")),
            "{name}: {said}"
        );
    }
    assert!(client.say("b SELECT \"\u{fffd}\r\n").starts_with("b BAD"));
}

#[test]
fn utf8_accept_takes_messages_with_headers_in_utf_8() {
    let house = house();
    let mut client = Client::selected(&house);
    let append = "a APPEND INBOX (\\Seen) UTF8 (~{21+}\r\nSubject: perché\r\n\r\nsì)\r\n";
    assert_eq!(append.split("\r\n").nth(1).map(str::len), Some(16));
    let message = "Subject: perché\r\n\r\nsì";
    let append = append.replace("21", &message.len().to_string());
    assert_eq!(client.say(&append), "a BAD enable UTF8=ACCEPT first\r\n");
    assert_eq!(
        client.say("b ENABLE UTF8=ACCEPT\r\n"),
        "* ENABLED UTF8=ACCEPT\r\nb OK done\r\n"
    );
    let said = client.say(&append);
    assert!(said.contains("a OK [APPENDUID "), "{said}");
    let said = client.say("c FETCH 1 BODY.PEEK[]\r\n");
    assert!(said.contains(message), "{said}");
    assert_eq!(
        client.say("d SEARCH CHARSET UTF-8 SUBJECT x\r\n"),
        "d BAD no CHARSET after UTF8=ACCEPT\r\n"
    );
    assert_eq!(
        client.say("e SEARCH SUBJECT \"perché\"\r\n"),
        "* SEARCH 1\r\ne OK done\r\n"
    );
    let short = append.replace(")\r\n", "\r\n");
    assert!(
        client
            .say(&short)
            .contains("a BAD one message at a time\r\n")
    );
}

#[test]
fn search_answers_as_esearch_and_sort_does_not() {
    let house = house();
    (0..3).for_each(|_| house.deliver(MESSAGE));
    let mut client = rev2(&house);
    client.say("a SELECT INBOX\r\n");
    assert_eq!(
        client.say("b SEARCH 1,3\r\n"),
        "* ESEARCH (TAG \"b\") ALL 1,3\r\nb OK done\r\n"
    );
    assert_eq!(
        client.say("c UID SEARCH DELETED\r\n"),
        "* ESEARCH (TAG \"c\") UID\r\nc OK done\r\n"
    );
    let said = client.say("d SORT (SUBJECT) UTF-8 ALL\r\n");
    assert!(said.starts_with("* SORT 1 2 3\r\n"), "{said}");
    assert_eq!(
        client.say("e SEARCH RETURN (SAVE) 2\r\nf FETCH $ (UID EMAILID)\r\n"),
        "e OK done\r\n* 2 FETCH (UID 2 EMAILID (M1-1))\r\nf OK done\r\n"
    );
    let said = client.say("g SEARCH MODSEQ 3\r\n");
    assert_eq!(
        said,
        "* OK [HIGHESTMODSEQ 4] highest\r\n* ESEARCH (TAG \"g\") ALL 2:3 MODSEQ 4\r\ng OK done\r\n"
    );
}

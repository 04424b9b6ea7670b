//! Extensions about messages and folders: BINARY (RFC 3516), OBJECTID (RFC 8474), PREVIEW (RFC 8970),
//! SAVEDATE (RFC 8514), APPENDLIMIT (RFC 7889), CREATE-SPECIAL-USE (RFC 6154), STATUS=SIZE (RFC 8438),
//! QUOTA (RFC 9208), COMPRESS (RFC 4978), ID (RFC 2971).

use super::*;

const PARTS: &str = "From: a@b.test\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
    perch=C3=A9=\r\n no\r\n--q\r\nContent-Type: application/octet-stream\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nAAECAwQF\r\n--q\r\nContent-Type: text/plain\r\n\
    Content-Transfer-Encoding: x-segreto\r\n\r\nzzz\r\n--q\r\n\r\nciao\r\n--q--\r\n";

fn with_parts() -> Client {
    let house = house();
    house.deliver(PARTS);
    Client::selected(&house)
}

#[test]
fn binary_is_fetched_decoded_whole_and_in_part() {
    let mut client = with_parts();
    for (items, answer) in [
        ("BINARY.PEEK[1]", "BINARY[1] {10}\r\nperché no"),
        ("BINARY.PEEK[1]<3.4>", "BINARY[1]<3> {4}\r\nché"),
        ("BINARY.PEEK[1]<9.20>", "BINARY[1]<9> {1}\r\no"),
        ("BINARY.PEEK[1]<99.1>", "BINARY[1]<99> {0}\r\n"),
        (
            "BINARY.PEEK[2]",
            "BINARY[2] ~{6}\r\n\0\u{1}\u{2}\u{3}\u{4}\u{5}",
        ),
        ("BINARY.PEEK[4]", "BINARY[4] {4}\r\nciao"),
        ("BINARY.PEEK[9]", "BINARY[9] NIL"),
        ("BINARY.SIZE[1]", "BINARY.SIZE[1] 10"),
        (
            "(BINARY.SIZE[2] BINARY.PEEK[1] UID BINARY.PEEK[4]<1.2>)",
            "BINARY.SIZE[2] 6 BINARY[1] {10}\r\nperché no UID 1 BINARY[4]<1> {2}\r\nia",
        ),
    ] {
        assert_eq!(
            client.say(&format!("a FETCH 1 {items}\r\n")),
            format!("* 1 FETCH ({answer})\r\na OK done\r\n"),
            "{items}"
        );
    }
    let whole = format!("* 1 FETCH (BINARY[] {{{}}}\r\n{PARTS})\r\n", PARTS.len());
    assert!(
        client
            .say("b FETCH 1 BINARY.PEEK[]\r\n")
            .starts_with(&whole)
    );
    assert!(
        client
            .say("c FETCH 1 BINARY.PEEK[3]\r\n")
            .starts_with("c NO [UNKNOWN-CTE]")
    );
    assert!(
        client
            .say("d FETCH 1 BINARY[4]\r\n")
            .contains("* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n")
    );
}

#[test]
fn a_large_part_is_decoded_in_pieces() {
    let house = house();
    let line = "Y2lhbyBhIHR1dHRpLCBxdWVzdG8gZSd1biB0ZXN0bw==\r\n".repeat(20_000);
    house.deliver(&format!("Content-Transfer-Encoding: base64\r\n\r\n{line}"));
    let mut client = Client::selected(&house);
    client.most = 0;
    let text = "ciao a tutti, questo e'un testo".repeat(20_000);
    let said = client.say("a FETCH 1 BINARY.PEEK[1]\r\n");
    assert_eq!(
        said,
        format!(
            "* 1 FETCH (BINARY[1] {{{}}}\r\n{text})\r\na OK done\r\n",
            text.len()
        )
    );
    assert!(
        client.most < 3 * limits::IMAP_CHUNK_BYTES,
        "{}",
        client.most
    );
}

#[test]
fn literal8_is_taken_and_octets_that_no_literal_holds_are_not() {
    let house = house();
    let mut client = Client::selected(&house);
    assert_eq!(client.say("a APPEND INBOX ~{3}\r\n"), "+ send it\r\n");
    assert!(client.say("abc\r\n").contains("a OK [APPENDUID "));
    assert!(
        client
            .say("b APPEND INBOX (\\Seen) ~{3+}\r\nabc\r\n")
            .contains("b OK [APPENDUID ")
    );
}

#[test]
fn identifiers_stay_with_what_they_name() {
    let house = house();
    house.deliver(MESSAGE);
    house.deliver(MESSAGE);
    let mut client = Client::selected(&house);
    let id = |said: &str, word: &str| {
        let rest = said
            .split_once(&format!("{word} ("))
            .expect("an identifier")
            .1;
        rest.split(')').next().expect("an end").to_owned()
    };
    let first = id(&client.say("a FETCH 1 EMAILID\r\n"), "EMAILID");
    let second = id(&client.say("b FETCH 2 (EMAILID THREADID)\r\n"), "EMAILID");
    assert_ne!(first, second);
    assert!(
        client
            .say("c FETCH 2 THREADID\r\n")
            .contains("(THREADID NIL)")
    );
    let made = id(&client.say("d CREATE Pratiche\r\n"), "MAILBOXID");
    client.say("e COPY 1 Pratiche\r\nf RENAME Pratiche Atti\r\n");
    let said = client.say("g SELECT Atti\r\n");
    assert_eq!(id(&said, "MAILBOXID"), made);
    assert_eq!(
        id(&client.say("h FETCH 1 (UID EMAILID)\r\n"), "EMAILID"),
        first
    );
    let said = client.say("i STATUS Atti (MAILBOXID MESSAGES)\r\n");
    assert!(
        said.contains(&format!("(MAILBOXID ({made}) MESSAGES 1)")),
        "{said}"
    );
    // A folder of the same name later is another.
    client.say("j UNSELECT\r\nk DELETE Atti\r\n");
    assert_ne!(id(&client.say("l CREATE Atti\r\n"), "MAILBOXID"), made);
    let all = format!("{first}{second}{made}");
    assert!(
        all.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
        "{all}"
    );
}

#[test]
fn previews_are_short_and_decoded() {
    let mut client = with_parts();
    assert_eq!(
        client.say("a FETCH 1 (UID PREVIEW)\r\n"),
        "* 1 FETCH (UID 1 PREVIEW {10}\r\nperché no)\r\na OK done\r\n"
    );
    assert_eq!(
        client.say("b UID FETCH 1 PREVIEW (LAZY)\r\n"),
        "* 1 FETCH (UID 1 PREVIEW {10}\r\nperché no)\r\nb OK done\r\n"
    );
    assert_eq!(
        client.say("c STATUS INBOX (UNSEEN)\r\n"),
        "* STATUS INBOX (UNSEEN 1)\r\nc OK done\r\n"
    );
}

#[test]
fn the_largest_message_is_told_before_it_is_sent() {
    let mut client = Client::selected(&house());
    assert!(
        client
            .say("a CAPABILITY\r\n")
            .contains(" APPENDLIMIT=2000000\r\n")
    );
    assert_eq!(
        client.say("b STATUS Sent (APPENDLIMIT SIZE)\r\n"),
        "* STATUS Sent (APPENDLIMIT 2000000 SIZE 0)\r\nb OK done\r\n"
    );
    assert!(
        client
            .say("c APPEND Sent {2000001}\r\n")
            .starts_with("c NO [TOOBIG]")
    );
}

#[test]
fn a_folder_is_made_for_a_use_that_no_other_has() {
    let mut client = Client::selected(&house());
    assert!(
        client
            .say("a CREATE Archivio (USE (\\Archive))\r\n")
            .contains("a OK [MAILBOXID")
    );
    let said = client.say("b LIST (SPECIAL-USE) \"\" * RETURN (SPECIAL-USE STATUS (MESSAGES))\r\n");
    assert!(
        said.contains("* LIST (\\HasNoChildren \\Archive) \"/\" Archivio\r\n"),
        "{said}"
    );
    assert!(
        said.contains("* STATUS Archivio (MESSAGES 0)\r\n"),
        "{said}"
    );
    assert!(!said.contains("INBOX"), "{said}");
    for (name, use_) in [
        ("Altro", "\\Archive"),
        ("Inviata", "\\Sent"),
        ("Tutto", "\\All"),
    ] {
        let said = client.say(&format!("c CREATE {name} (USE ({use_}))\r\n"));
        assert!(said.starts_with("c NO [USEATTR]"), "{said}");
    }
}

#[test]
fn sizes_and_deleted_messages_are_counted() {
    let house = house();
    (0..3).for_each(|_| house.deliver(MESSAGE));
    let mut client = Client::selected(&house);
    client.say("a STORE 2:3 +FLAGS.SILENT (\\Deleted)\r\n");
    let size = MESSAGE.len();
    assert_eq!(
        client.say("b STATUS INBOX (SIZE DELETED DELETED-STORAGE)\r\n"),
        format!(
            "* STATUS INBOX (SIZE {} DELETED 2 DELETED-STORAGE {})\r\nb OK done\r\n",
            3 * size,
            2 * size
        )
    );
    assert!(
        client
            .say("c SETQUOTA \"\" (STORAGE 1)\r\n")
            .starts_with("c NO [NOPERM]")
    );
}

#[test]
fn compression_begins_once() {
    let mut client = Client::connect(&house());
    client.said();
    assert_eq!(
        client.say("a COMPRESS DEFLATE\r\n"),
        "a BAD log in first\r\n"
    );
    client.say("b LOGIN anna@pec.test segreto\r\n");
    assert_eq!(client.say("c COMPRESS DEFLATE\r\n"), "c OK from now on\r\n");
    assert!(
        client
            .say("d COMPRESS DEFLATE\r\n")
            .starts_with("d NO [COMPRESSIONACTIVE]")
    );
    assert_eq!(client.say("e COMPRESS LZ4\r\n"), "e BAD not understood\r\n");
}

#[test]
fn the_day_of_saving_is_not_that_of_arrival() {
    let house = house();
    let mut client = Client::selected(&house);
    client.say("a APPEND INBOX \"07-Feb-1994 21:52:25 +0100\" {3+}\r\nabc\r\n");
    assert_eq!(
        client.say("b FETCH 1 (INTERNALDATE SAVEDATE)\r\n"),
        "* 1 FETCH (INTERNALDATE \"07-Feb-1994 21:52:25 +0100\" \
         SAVEDATE \"22-Nov-2026 05:19:00 +0100\")\r\nb OK done\r\n"
    );
    for (keys, found) in [
        ("BEFORE 1-Jan-2000", " 1"),
        ("SAVEDBEFORE 1-Jan-2000", ""),
        ("SAVEDSINCE 22-Nov-2026", " 1"),
        ("SAVEDON 22-Nov-2026", " 1"),
        ("SAVEDON 23-Nov-2026", ""),
        ("SAVEDATESUPPORTED", " 1"),
    ] {
        assert_eq!(
            client.say(&format!("c SEARCH {keys}\r\n")),
            format!("* SEARCH{found}\r\nc OK done\r\n"),
            "{keys}"
        );
    }
    // A copy is saved when it is made, and of old messages nobody knows.
    client.say("d COPY 1 Sent\r\ne SELECT Sent\r\n");
    assert!(
        client
            .say("f FETCH 1 SAVEDATE\r\n")
            .contains("SAVEDATE \"22-Nov-2026")
    );
}

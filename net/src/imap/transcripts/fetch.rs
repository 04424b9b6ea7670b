//! FETCH: octets as they are stored, in bounded memory.

use super::*;

#[test]
fn dp_01_fetched_octets_are_the_stored_octets() {
    let house = house();
    house.deliver(MESSAGE);
    let mut client = Client::selected(&house);
    let size = MESSAGE.len();
    assert_eq!(
        client.say("a FETCH 1 (BODY.PEEK[])\r\n"),
        format!("* 1 FETCH (BODY[] {{{size}}}\r\n{MESSAGE})\r\na OK done\r\n")
    );
    assert_eq!(
        client.say("b UID FETCH 1 (RFC822.SIZE BODY[2])\r\n"),
        format!(
            "* 1 FETCH (UID 1 RFC822.SIZE {size} BODY[2] {{4}}\r\n<a/>)\r\n\
             * 1 FETCH (UID 1 FLAGS (\\Seen))\r\nb OK done\r\n"
        )
    );
    assert_eq!(
        client.say("c FETCH 1 (FLAGS BODY[HEADER.FIELDS (SUBJECT)] BODY[9])\r\n"),
        "* 1 FETCH (FLAGS (\\Seen) BODY[HEADER.FIELDS (SUBJECT)] {24}\r\nSubject: CONSEGNA: x\r\n\r\n \
         BODY[9] NIL)\r\nc OK done\r\n"
    );
    let fetched = client.say("d FETCH 1 FULL\r\n");
    assert!(fetched.contains("ENVELOPE (\"Sun, 22 Nov 2026 05:19:00 +0100\" \"CONSEGNA: x\" "));
    assert!(fetched.contains("INTERNALDATE \"22-Nov-2026 "), "{fetched}");
    assert!(
        fetched.contains("BODY ((\"text\" \"plain\" NIL NIL NIL \"7bit\" 4 1)"),
        "{fetched}"
    );
    assert_eq!(
        client.say("e FETCH 2 FLAGS\r\n"),
        "e BAD no such message\r\n"
    );
    assert_eq!(client.say("f UID FETCH 2:9 FLAGS\r\n"), "f OK done\r\n");
}

#[test]
fn dp_01_partials_joined_are_the_whole_and_memory_is_bounded() {
    let house = house();
    let lines = "0123456789abcdef\r\n".repeat(30_000);
    let message = format!("Subject: large\r\n\r\n{lines}");
    house.deliver(&message);
    let mut client = Client::selected(&house);
    client.most = 0;
    let whole = client.say("a FETCH 1 RFC822\r\n");
    assert!(whole.contains(&message));
    assert!(
        client.most < 3 * limits::IMAP_CHUNK_BYTES,
        "{}",
        client.most
    );
    let mut joined = String::new();
    for origin in (0..=message.len()).step_by(100_000) {
        let part = client.say(&format!("b FETCH 1 BODY.PEEK[]<{origin}.100000>\r\n"));
        let start = part.find("}\r\n").expect("a literal") + 3;
        let end = part.rfind(")\r\nb OK").expect("an end");
        assert!(part.starts_with(&format!("* 1 FETCH (BODY[]<{origin}> {{")));
        joined.push_str(&part[start..end]);
    }
    assert_eq!(joined, message);
}

#[test]
fn a_message_that_cannot_be_read_is_told_and_the_others_are_sent() {
    let house = house();
    house.deliver(MESSAGE);
    house.deliver(MESSAGE);
    let first = house
        .view
        .folder(BOX, FolderId::INBOX)
        .expect("there")
        .messages
        .get(&1)
        .cloned();
    house.bodies.lock().remove(&first.expect("there").content);
    let mut client = Client::selected(&house);
    let said = client.say("a FETCH 1:2 BODY.PEEK[TEXT]\r\n");
    assert!(said.starts_with("* 2 FETCH (BODY[TEXT] {"), "{said}");
    assert!(said.ends_with("a NO [UNAVAILABLE] a message cannot be read from the disk\r\n"));
}

#[test]
fn a_message_shorter_than_its_row_ends_the_connection_and_not_the_server() {
    let house = house();
    house.deliver(MESSAGE);
    let row = house.view.folder(BOX, FolderId::INBOX).expect("there");
    let content = row.messages.get(&1).expect("there").content;
    let cut = Arc::new(MESSAGE.as_bytes()[..MESSAGE.len() - 9].to_vec());
    house.bodies.lock().insert(content, cut);
    let mut client = Client::selected(&house);
    assert!(
        client
            .say("a FETCH 1 BODYSTRUCTURE\r\n")
            .starts_with("a NO [UNAVAILABLE]")
    );
    client.say("b FETCH 1 BODY.PEEK[]\r\n");
    assert!(matches!(client.step, Step::Close));
}

#[test]
fn se_10_what_fetch_picks_is_in_memory_one_item_at_a_time() {
    let house = house();
    let field = format!("X-Long: {}\r\n", "x".repeat(900));
    house.deliver(&format!("{}Subject: s\r\n\r\nbody\r\n", field.repeat(300)));
    let mut client = Client::selected(&house);
    let items: Vec<String> = (0..40)
        .map(|n| format!("BODY.PEEK[HEADER.FIELDS.NOT (N{n})]"))
        .collect();
    let said = client.say(&format!("f FETCH 1 ({})\r\n", items.join(" ")));
    assert_eq!(said.matches("Subject: s").count(), 40);
    assert!(said.ends_with(")\r\nf OK done\r\n"));
    assert!(client.most < 400_000, "{}", client.most);
}

//! STORE, EXPUNGE, COPY, MOVE, IDLE: what clients do to a folder, and what the others are told (AC-11).

use super::*;

#[test]
fn ac_11_flags_of_two_clients_are_neither_lost_nor_doubled() {
    let house = house();
    house.deliver(MESSAGE);
    let mut one = Client::selected(&house);
    let mut two = Client::selected(&house);
    assert_eq!(
        one.say("a STORE 1 +FLAGS (\\Flagged)\r\n"),
        "* 1 FETCH (UID 1 FLAGS (\\Flagged))\r\na OK done\r\n"
    );
    // The second did not see the flag yet: what it adds is added, and the difference is told.
    assert_eq!(
        two.say("a STORE 1 +FLAGS.SILENT (\\Seen)\r\n"),
        "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen))\r\na OK done\r\n"
    );
    assert_eq!(
        two.say("b STORE 1 -FLAGS.SILENT (\\Seen)\r\n"),
        "b OK done\r\n"
    );
    assert_eq!(one.say("b NOOP\r\n"), "b OK done\r\n");
    assert_eq!(
        one.say("c STORE 1 FLAGS (\\Flagged)\r\n"),
        "* 1 FETCH (UID 1 FLAGS (\\Flagged))\r\nc OK done\r\n"
    );
    let said = two.say("d STORE 1 +FLAGS.SILENT ($Nuovo)\r\n");
    assert_eq!(
        said,
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Nuovo)\r\nd OK done\r\n"
    );
    // A keyword that no message has: taken away, it leaves no trace.
    assert_eq!(
        two.say("e STORE 1 -FLAGS.SILENT (NonJunk)\r\n"),
        "e OK done\r\n"
    );
}

#[test]
fn what_is_gone_keeps_its_number_until_it_may_be_told() {
    let house = house();
    (0..3).for_each(|_| house.deliver(MESSAGE));
    let mut one = Client::selected(&house);
    let mut two = Client::selected(&house);
    one.say("a STORE 1:2 +FLAGS.SILENT (\\Deleted)\r\n");
    assert_eq!(
        one.say("b UID EXPUNGE 2:9\r\n"),
        "* 2 EXPUNGE\r\nb OK done\r\n"
    );
    assert_eq!(one.say("c EXPUNGE\r\n"), "* 1 EXPUNGE\r\nc OK done\r\n");
    house.deliver(MESSAGE);
    assert_eq!(
        two.say("a FETCH 3 (UID RFC822.SIZE)\r\n")
            .lines()
            .collect::<Vec<_>>(),
        [
            &format!("* 3 FETCH (UID 3 RFC822.SIZE {})", MESSAGE.len()),
            "* 4 EXISTS",
            "* 0 RECENT",
            "a OK done"
        ]
    );
    // What is gone can still be read: nothing is reclaimed while it may be asked for.
    assert!(two.say("b FETCH 1 BODY.PEEK[TEXT]\r\n").contains("ciao"));
    assert_eq!(
        two.say("c NOOP\r\n"),
        "* 1 EXPUNGE\r\n* 1 EXPUNGE\r\nc OK done\r\n"
    );
    assert!(
        two.say("d FETCH 1 UID\r\n")
            .starts_with("* 1 FETCH (UID 3)")
    );
}

#[test]
fn idle_tells_what_happens_until_done() {
    let house = house();
    let mut client = Client::selected(&house);
    assert_eq!(client.say("a IDLE\r\n"), "+ idling\r\n");
    house.deliver(MESSAGE);
    client.session.wake();
    client.flush();
    assert_eq!(client.said(), "* 1 EXISTS\r\n* 0 RECENT\r\n");
    assert_eq!(client.say("DONE\r\n"), "a OK done\r\n");
    assert_eq!(client.say("b NOOP\r\n"), "b OK done\r\n");
}

#[test]
fn copy_and_move_name_the_new_uids() {
    let house = house();
    (0..3).for_each(|_| house.deliver(MESSAGE));
    let mut client = Client::selected(&house);
    let validity = |id| {
        house
            .view
            .folder(BOX, FolderId(id))
            .expect("there")
            .row
            .uid_validity
    };
    assert_eq!(
        client.say("a COPY 1:2 Sent\r\n"),
        format!("a OK [COPYUID {} 1:2 1:2] done\r\n", validity(2))
    );
    assert_eq!(
        client.say("b UID MOVE 2:3 Trash\r\n"),
        format!(
            "* OK [COPYUID {} 2:3 1:2] done\r\n* 2 EXPUNGE\r\n* 2 EXPUNGE\r\nb OK done\r\n",
            validity(4)
        )
    );
    assert!(
        client
            .say("c COPY 1 Niente\r\n")
            .starts_with("c NO [TRYCREATE]")
    );
    client.say("d STORE 1 +FLAGS.SILENT (\\Deleted)\r\n");
    assert_eq!(client.say("e CLOSE\r\n"), "e OK done\r\n");
    assert_eq!(
        house
            .view
            .folder(BOX, FolderId::INBOX)
            .expect("there")
            .messages
            .size(),
        0
    );
}

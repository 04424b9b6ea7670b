//! SELECT, and commands about the session itself.

use super::*;

#[test]
fn select_tells_what_clients_need() {
    let house = house();
    house.deliver(MESSAGE);
    let mut client = Client::connect(&house);
    client.say("l LOGIN anna@pec.test segreto\r\n");
    let validity = house
        .view
        .folder(BOX, FolderId::INBOX)
        .expect("there")
        .row
        .uid_validity;
    assert_eq!(
        client.say("a SELECT inbox\r\n"),
        format!(
            "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n\
             * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] kept\r\n\
             * 1 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 1] first unseen\r\n\
             * OK [UIDVALIDITY {validity}] valid\r\n* OK [UIDNEXT 2] next\r\n\
             * OK [HIGHESTMODSEQ 2] highest\r\n* OK [MAILBOXID (F7-1-{validity})] this folder\r\n\
             a OK [READ-WRITE] done\r\n"
        )
    );
    assert!(
        client
            .say("b EXAMINE Inbox\r\n")
            .ends_with("b OK [READ-ONLY] done\r\n")
    );
    assert!(
        client
            .say("c STORE 1 +FLAGS (\\Seen)\r\n")
            .starts_with("c NO [NOPERM]")
    );
    assert!(
        client
            .say("d SELECT Niente\r\n")
            .starts_with("* OK [CLOSED] the folder before\r\nd NO [NONEXISTENT]")
    );
    assert_eq!(
        client.say("e FETCH 1 FLAGS\r\n"),
        "e BAD select a folder first\r\n"
    );
    assert_eq!(
        client.say("f STATUS INBOX (MESSAGES UNSEEN RECENT)\r\n"),
        "* STATUS INBOX (MESSAGES 1 UNSEEN 1 RECENT 0)\r\nf OK done\r\n"
    );
}

#[test]
fn dp_11_close_after_examine_removes_nothing() {
    let house = house();
    house.deliver(MESSAGE);
    let mut client = Client::selected(&house);
    client.say("a STORE 1 +FLAGS (\\Deleted)\r\nb EXAMINE INBOX\r\n");
    assert!(client.say("c EXPUNGE\r\n").starts_with("c NO"));
    assert_eq!(client.say("d CLOSE\r\n"), "d OK done\r\n");
    assert_eq!(
        house
            .view
            .folder(BOX, FolderId::INBOX)
            .expect("there")
            .messages
            .size(),
        1
    );
}

#[test]
fn small_commands_answer() {
    let mut client = Client::selected(&house());
    assert!(client.say("a CAPABILITY\r\n").contains(" IDLE "));
    assert!(
        client
            .say("b NAMESPACE\r\n")
            .starts_with("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n")
    );
    assert!(
        client
            .say("c ID (\"name\" \"x\")\r\n")
            .contains("Ceralacca")
    );
    assert!(
        client
            .say("d ENABLE CONDSTORE\r\n")
            .starts_with("* ENABLED CONDSTORE\r\n* OK [HIGHESTMODSEQ 1]")
    );
    assert_eq!(client.say("e CHECK\r\n"), "e OK done\r\n");
    assert_eq!(client.say("f UNSELECT\r\n"), "f OK done\r\n");
    assert!(
        client
            .say("g GETQUOTA \"\"\r\n")
            .contains("* QUOTA \"\" (STORAGE 0 9765)")
    );
    assert_eq!(client.say("h FOO\r\n"), "h BAD not understood\r\n");
    assert_eq!(client.say("i STARTTLS\r\n"), "i BAD not understood\r\n");
    assert_eq!(client.say("j LOGOUT\r\n"), "* BYE see you\r\nj OK done\r\n");
}

#[test]
fn nonsense_ends_the_connection_at_last() {
    let mut client = Client::connect(&house());
    client.say(&"?\r\n".repeat(limits::IMAP_BAD_COMMANDS_MAX as usize));
    assert!(matches!(client.step, Step::Close));
}

#[test]
fn a_folder_deleted_under_a_session_leaves_it_empty() {
    let house = house();
    let mut one = Client::selected(&house);
    one.say("a CREATE x\r\nb APPEND x {3+}\r\nabc\r\nc SELECT x\r\n");
    Client::selected(&house).say("a DELETE x\r\n");
    assert_eq!(one.say("d NOOP\r\n"), "* 1 EXPUNGE\r\nd OK done\r\n");
    assert!(one.say("e EXPUNGE\r\n").starts_with("e NO [NONEXISTENT]"));
}

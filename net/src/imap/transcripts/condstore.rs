//! CONDSTORE (RFC 7162 §3.1): mod-sequences in every answer, and STORE that leaves alone what others changed.

use super::*;

fn house_of(count: usize) -> Arc<House> {
    let house = house();
    (0..count).for_each(|_| house.deliver("Subject: x\r\n\r\ny\r\n"));
    house
}

#[test]
fn ac_11_every_enabling_command_makes_mod_sequences_told_from_then_on() {
    let house = house_of(1);
    let other = &mut Client::selected(&house);
    for (n, command) in [
        "STATUS INBOX (HIGHESTMODSEQ)",
        "FETCH 1 (MODSEQ)",
        "FETCH 1 (UID) (CHANGEDSINCE 900)",
        "STORE 1 (UNCHANGEDSINCE 900) +FLAGS.SILENT ()",
        "ENABLE CONDSTORE",
        "ENABLE QRESYNC",
        "SELECT INBOX (CONDSTORE)",
        "EXAMINE INBOX (CONDSTORE)",
    ]
    .iter()
    .enumerate()
    {
        let mut client = Client::selected(&house);
        other.say("s STORE 1 -FLAGS (\\Seen)\r\n");
        let said = client.say("n NOOP\r\n");
        assert!(!said.contains("MODSEQ"), "{said}");
        let said = client.say(&format!("c {command}\r\n"));
        assert!(said.contains("[HIGHESTMODSEQ "), "{command}: {said}");
        assert!(said.contains("c OK "), "{command}: {said}");
        other.say("t STORE 1 +FLAGS (\\Seen)\r\n");
        let modseq = 2 * n + 3;
        assert_eq!(
            client.say("n NOOP\r\n"),
            format!("* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ ({modseq}))\r\nn OK done\r\n"),
            "{command}"
        );
    }
}

#[test]
fn mod_sequences_are_fetched_and_narrow_a_fetch() {
    let house = house_of(3);
    let mut client = Client::selected(&house);
    assert_eq!(
        client.say("a FETCH 1:2 (FLAGS MODSEQ)\r\n"),
        "* OK [HIGHESTMODSEQ 4] highest\r\n* 1 FETCH (FLAGS () MODSEQ (2))\r\n\
         * 2 FETCH (FLAGS () MODSEQ (3))\r\na OK done\r\n"
    );
    client.say("b STORE 1 +FLAGS (\\Answered)\r\n");
    assert_eq!(
        client.say("c UID FETCH 1:* (FLAGS) (CHANGEDSINCE 3)\r\n"),
        "* 1 FETCH (UID 1 FLAGS (\\Answered) MODSEQ (5))\r\n\
         * 3 FETCH (UID 3 FLAGS () MODSEQ (4))\r\nc OK done\r\n"
    );
    assert_eq!(
        client.say("d FETCH 1:* (FLAGS) (CHANGEDSINCE 5)\r\n"),
        "d OK done\r\n"
    );
    assert_eq!(
        client.say("e STATUS INBOX (HIGHESTMODSEQ MESSAGES)\r\n"),
        "* STATUS INBOX (HIGHESTMODSEQ 5 MESSAGES 3)\r\ne OK done\r\n"
    );
    assert_eq!(
        client.say("f FETCH 1:* (FLAGS) (VANISHED CHANGEDSINCE 1)\r\n"),
        "f BAD VANISHED is for UID FETCH with CHANGEDSINCE and QRESYNC\r\n"
    );
    assert_eq!(
        client
            .say("g UID SEARCH MODSEQ 4\r\n")
            .lines()
            .next()
            .map(|l| &l[..12]),
        Some("* SEARCH 1 3")
    );
}

#[test]
fn ac_11_store_leaves_alone_what_another_changed_and_names_it() {
    let house = house_of(4);
    let mut one = Client::selected(&house);
    let mut two = Client::selected(&house);
    one.say("a ENABLE CONDSTORE\r\n");
    two.say("a STORE 2 +FLAGS ($Altro)\r\nb STORE 4 +FLAGS ($Altro)\r\n");
    assert_eq!(
        one.say("b STORE 1:4 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\\Deleted)\r\n"),
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Altro)\r\n\
         * 1 FETCH (UID 1 MODSEQ (8))\r\n* 3 FETCH (UID 3 MODSEQ (8))\r\n\
         * 2 FETCH (UID 2 FLAGS ($Altro) MODSEQ (6))\r\n\
         * 4 FETCH (UID 4 FLAGS ($Altro) MODSEQ (7))\r\n\
         b OK [MODIFIED 2,4] others changed these before\r\n"
            .replacen(
                "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Altro)\r\n\
                 * 1 FETCH (UID 1 MODSEQ (8))\r\n* 3 FETCH (UID 3 MODSEQ (8))\r\n",
                "* 1 FETCH (UID 1 MODSEQ (8))\r\n* 3 FETCH (UID 3 MODSEQ (8))\r\n\
                 * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Altro)\r\n",
                1
            )
    );
    assert_eq!(
        one.say("c UID STORE 1:4 (UNCHANGEDSINCE 7) FLAGS (\\Seen)\r\n"),
        "* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (9))\r\n\
         * 4 FETCH (UID 4 FLAGS (\\Seen) MODSEQ (9))\r\n\
         c OK [MODIFIED 1,3] others changed these before\r\n"
    );
    // Zero is older than any message: nothing is ever changed so.
    assert_eq!(
        one.say("d STORE 1 (UNCHANGEDSINCE 0) -FLAGS (\\Deleted)\r\n"),
        "d OK [MODIFIED 1] others changed these before\r\n"
    );
    // What is set already is told with the mod-sequence that it keeps.
    assert_eq!(
        one.say("e STORE 1 (UNCHANGEDSINCE 9) +FLAGS.SILENT (\\Deleted)\r\n"),
        "* 1 FETCH (UID 1 MODSEQ (8))\r\ne OK done\r\n"
    );
}

#[test]
fn a_flag_that_came_and_went_is_told_by_its_mod_sequence() {
    let house = house_of(1);
    let mut one = Client::selected(&house);
    let mut two = Client::selected(&house);
    one.say("a ENABLE CONDSTORE\r\n");
    two.say("a STORE 1 +FLAGS (\\Seen)\r\nb STORE 1 -FLAGS (\\Seen)\r\n");
    assert_eq!(
        one.say("b NOOP\r\n"),
        "* 1 FETCH (UID 1 MODSEQ (4))\r\nb OK done\r\n"
    );
    // `\Seen` that a FETCH sets is told with its mod-sequence.
    assert_eq!(
        one.say("c FETCH 1 BODY[TEXT]\r\n"),
        "* 1 FETCH (BODY[TEXT] {3}\r\ny\r\n)\r\n\
         * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (5))\r\nc OK done\r\n"
    );
}

//! Folders: listed, made, renamed, removed.

use super::*;

#[test]
fn folders_are_listed_made_renamed_and_removed() {
    let mut client = Client::selected(&house());
    let all = client.say("a LIST \"\" \"*\"\r\n");
    assert!(
        all.contains("* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n"),
        "{all}"
    );
    assert!(
        client
            .say("b CREATE \"Attivit&AOA-/2026\"\r\n")
            .starts_with("b OK [MAILBOXID (")
    );
    let listed = client.say("c LIST \"\" %\r\n");
    assert!(
        listed.contains("(\\HasChildren \\NonExistent \\Noselect) \"/\" Attivit&AOA-\r\n"),
        "{listed}"
    );
    assert!(
        client
            .say("d RENAME Attivit&AOA-/2026 Altro\r\n")
            .ends_with("d OK done\r\n")
    );
    assert!(
        client
            .say("e UNSUBSCRIBE Altro\r\n")
            .ends_with("e OK done\r\n")
    );
    assert!(!client.say("f LSUB \"\" *\r\n").contains("Altro"));
    let text = "g LIST (SUBSCRIBED) \"\" * RETURN (STATUS (MESSAGES UIDNEXT))\r\n";
    let listed = client.say(text);
    assert!(
        listed.contains("* STATUS INBOX (MESSAGES 0 UIDNEXT 1)\r\n"),
        "{listed}"
    );
    assert!(!listed.contains("Altro"));
    assert!(client.say("h DELETE Altro\r\n").ends_with("h OK done\r\n"));
    assert!(
        client
            .say("i DELETE Altro\r\n")
            .starts_with("i NO [NONEXISTENT]")
    );
    // Not subscribed when it went; one that is stays so, and is no folder (RFC 9051 §6.3.7).
    assert!(!client.say("h2 LSUB \"\" *\r\n").contains("Altro"));
    client.say("h3 CREATE Chiusa\r\nh4 DELETE Chiusa\r\n");
    let lsub = client.say("h5 LSUB \"\" *\r\n");
    assert!(
        lsub.contains("* LSUB (\\Noselect) \"/\" Chiusa\r\n"),
        "{lsub}"
    );
    let listed = client.say("h6 LIST (SUBSCRIBED) \"\" Chiu*\r\n");
    assert_eq!(
        listed,
        "* LIST (\\HasNoChildren \\NonExistent \\Noselect \\Subscribed) \"/\" Chiusa\r\nh6 OK done\r\n"
    );
    assert_eq!(client.say("h7 LIST \"\" Chiu*\r\n"), "h7 OK done\r\n");
    client.say("h8 CREATE Chiusa\r\n");
    let listed = client.say("h9 LIST (SUBSCRIBED) \"\" Chiu*\r\n");
    assert!(
        !listed.contains("NonExistent") && listed.contains("\\Subscribed"),
        "{listed}"
    );
    client.say("ha DELETE Chiusa\r\n");
    assert_eq!(client.say("hb UNSUBSCRIBE Chiusa\r\n"), "hb OK done\r\n");
    assert!(!client.say("hc LSUB \"\" *\r\n").contains("Chiusa"));
    // What programs send after each RENAME and DELETE: it is not subscribed (RFC 9051 §6.3.8).
    assert_eq!(client.say("i2 UNSUBSCRIBE Altro\r\n"), "i2 OK done\r\n");
    assert!(
        client
            .say("i3 SUBSCRIBE Altro\r\n")
            .starts_with("i3 NO [NONEXISTENT]")
    );
    assert!(
        client
            .say("j DELETE INBOX\r\n")
            .starts_with("j NO [CANNOT]")
    );
    assert_eq!(
        client.say("k LIST \"\" \"\"\r\n"),
        "* LIST (\\Noselect) \"/\" \"\"\r\nk OK done\r\n"
    );
}

#[test]
fn se_10_patterns_made_to_be_slow_let_others_run() {
    let mut client = Client::selected(&house());
    let name = "a".repeat(200);
    for n in 0..50 {
        assert!(
            client
                .say(&format!("c CREATE {name}{n}\r\n"))
                .contains("c OK")
        );
    }
    client.rounds = 0;
    let pattern = "*a".repeat(250);
    let said = client.say(&format!("l LIST \"\" \"{pattern}\"\r\n"));
    assert!(said.ends_with("l OK done\r\n"), "{said}");
    assert!(client.rounds > 5, "{}", client.rounds);
    assert_eq!(
        client.say("l LIST \"\" *\r\n").matches("* LIST").count(),
        55
    );
    assert_eq!(
        client.say("l LSUB \"\" aaa*\r\n").matches("* LSUB").count(),
        50
    );
    let long = "*".repeat(600);
    for command in ["LIST", "LSUB"] {
        let said = client.say(&format!("l {command} \"{long}\" *\r\n"));
        assert!(said.starts_with("l NO [CANNOT]"), "{said}");
    }
}

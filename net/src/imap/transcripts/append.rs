//! APPEND.

use super::*;

#[test]
fn append_streams_and_refuses_before_the_octets_come() {
    let house = house();
    let mut client = Client::selected(&house);
    let size = MESSAGE.len();
    let date = "\"07-Feb-1994 21:52:25 -0800\"";
    let said = client.say(&format!("a APPEND Sent (\\Seen $X) {date} {{{size}}}\r\n"));
    assert_eq!(said, "+ send it\r\n");
    let said = client.say(&format!("{MESSAGE}\r\n"));
    assert!(
        said.starts_with("a OK [APPENDUID ") && said.ends_with(" 1] done\r\n"),
        "{said}"
    );
    client.say("s SELECT Sent\r\n");
    assert_eq!(
        client.say("b FETCH 1 (FLAGS INTERNALDATE RFC822)\r\n"),
        format!(
            "* 1 FETCH (FLAGS (\\Seen $X) INTERNALDATE \"08-Feb-1994 06:52:25 +0100\" \
             RFC822 {{{size}}}\r\n{MESSAGE})\r\nb OK done\r\n"
        )
    );
    assert!(
        client
            .say("c APPEND Niente {5}\r\n")
            .starts_with("c NO [TRYCREATE]")
    );
    assert!(
        client
            .say("d APPEND Sent {2000001}\r\n")
            .starts_with("d NO [TOOBIG]")
    );
    assert_eq!(
        client.say("e APPEND Niente {5+}\r\n12345\r\nf NOOP\r\n"),
        "e NO [TRYCREATE] no such folder\r\nf OK done\r\n"
    );
    assert!(
        client
            .say("g APPEND Sent {3+}\r\nabc (\\Seen)\r\n")
            .starts_with("g BAD")
    );
    let quota = "f APPEND Sent {1999999}\r\n";
    let full = "x".repeat(1_999_999);
    for _ in 0..5 {
        client.say(quota);
        client.send(format!("{full}\r\n").as_bytes(), 100_000);
    }
    assert!(client.say(quota).starts_with("f NO [OVERQUOTA]"));
    assert_eq!(
        client.say("q GETQUOTAROOT INBOX\r\n"),
        "* QUOTAROOT INBOX \"\"\r\n* QUOTA \"\" (STORAGE 9766 9765)\r\nq OK done\r\n"
            .replace("9766", &house.view.usage(BOX).div_ceil(1024).to_string())
    );
}

//! Signing in, and what it is refused to.

use super::*;

#[test]
fn ac_05_login_wants_the_full_address_and_its_password() {
    let mut client = Client::connect(&house());
    assert!(client.said().starts_with("* OK [CAPABILITY IMAP4rev1 "));
    assert_eq!(client.say("a SELECT INBOX\r\n"), "a BAD log in first\r\n");
    let no = "NO [AUTHENTICATIONFAILED] the address or the password is wrong (two-step login needs \
              an application password)\r\n";
    assert_eq!(client.say("b LOGIN anna segreto\r\n"), format!("b {no}"));
    assert_eq!(
        client.say("c LOGIN \"anna@pec.test\" \"sbagliato\"\r\n"),
        format!("c {no}")
    );
    assert!(
        client
            .say("d LOGIN ANNA@pec.test {7}\r\nsegreto\r\n")
            .contains("d OK [CAPABILITY ")
    );
    assert_eq!(client.say("e LOGIN a b\r\n"), "e BAD logged in already\r\n");
}

#[test]
fn ac_05_authenticate_plain_works_with_and_without_initial_response() {
    // NUL anna@pec.test NUL segreto
    let response = "AGFubmFAcGVjLnRlc3QAc2VncmV0bw==";
    let mut client = Client::connect(&house());
    client.said();
    assert!(
        client
            .say(&format!("a AUTHENTICATE PLAIN {response}\r\n"))
            .contains("a OK")
    );
    let mut client = Client::connect(&house());
    client.said();
    assert_eq!(client.say("a AUTHENTICATE PLAIN\r\n"), "+ \r\n");
    assert!(client.say(&format!("{response}\r\n")).starts_with("a OK"));
    let mut client = Client::connect(&house());
    client.said();
    client.say("a AUTHENTICATE PLAIN\r\n");
    assert_eq!(client.say("*\r\n"), "a BAD given up\r\n");
    assert!(
        client
            .say("b AUTHENTICATE CRAM-MD5\r\n")
            .starts_with("b NO")
    );
}

#[test]
fn wrong_passwords_are_counted_and_end_the_connection() {
    let mut client = Client::connect(&house());
    for _ in 0..limits::IMAP_LOGIN_FAILURES_MAX {
        client.say("a LOGIN anna@pec.test x\r\n");
    }
    assert!(matches!(client.step, Step::Close));
}

#[test]
fn dp_10_a_suspended_mailbox_can_be_read_and_a_closed_one_not() {
    let mut client = Client::connect(&house_in(MailboxState::Suspended));
    assert!(
        client
            .say("a LOGIN anna@pec.test segreto\r\n")
            .contains("a OK")
    );
    let mut client = Client::connect(&house_in(MailboxState::Closed));
    assert!(
        client
            .say("a LOGIN anna@pec.test segreto\r\n")
            .contains("a NO")
    );
}

//! One command from the octets that [`super::input`] cut. imap-codec parses all but LIST, whose
//! extended form (RFC 5258, RFC 5819, RFC 6154) it does not know, and SEARCH with its kin.

use imap_codec::CommandCodec;
use imap_codec::decode::Decoder;
use imap_types::IntoStatic;
use imap_types::command::{Command, CommandBody};
use imap_types::datetime::DateTime;
use imap_types::extensions::binary::LiteralOrLiteral8;
use imap_types::flag::Flag;
use imap_types::mailbox::Mailbox;

use super::list::{self, ListRequest};
use super::search::{self, SearchRequest};

/// A command with its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// What the answer will be named by.
    pub tag: String,
    /// What is asked.
    pub request: Request,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// As imap-codec knows it.
    Plain(CommandBody<'static>),
    /// LIST.
    List(ListRequest),
    /// SEARCH, SORT, THREAD.
    Search(SearchRequest),
}

/// An APPEND without its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendHead {
    /// What the answer will be named by.
    pub tag: String,
    /// Into.
    pub mailbox: Mailbox<'static>,
    /// Flags.
    pub flags: Vec<Flag<'static>>,
    /// INTERNALDATE.
    pub date: Option<DateTime>,
}

/// The octets are no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a command of IMAP4rev1")]
pub struct DecodeError {
    /// The tag to answer by, when there was one.
    pub tag: Option<String>,
}

/// Decodes one whole command.
pub fn decode(octets: &[u8]) -> Result<Tagged, DecodeError> {
    if let Some((tag, rest)) = list::recognise(octets) {
        let request = list::decode(rest);
        let error = DecodeError {
            tag: Some(tag.clone()),
        };
        let request = Request::List(request.ok_or(error)?);
        return Ok(Tagged { tag, request });
    }
    if let Some((tag, request)) = search::recognise(octets) {
        let error = DecodeError {
            tag: Some(tag.clone()),
        };
        let request = Request::Search(request.ok_or(error)?);
        return Ok(Tagged { tag, request });
    }
    let command = plain(octets)?;
    Ok(Tagged {
        tag: command.tag.as_ref().to_owned(),
        request: Request::Plain(command.body),
    })
}

/// Decodes an APPEND up to its message.
pub fn decode_append(head: &[u8]) -> Result<AppendHead, DecodeError> {
    let with_nothing = [head, b"{0}\r\n\r\n"].concat();
    let command = plain(&with_nothing)?;
    let tag = command.tag.as_ref().to_owned();
    match command.body {
        CommandBody::Append {
            mailbox,
            flags,
            date,
            message: LiteralOrLiteral8::Literal(_),
        } => Ok(AppendHead {
            tag,
            mailbox,
            flags,
            date,
        }),
        _ => Err(DecodeError { tag: Some(tag) }),
    }
}

fn plain(octets: &[u8]) -> Result<Command<'static>, DecodeError> {
    match CommandCodec::default().decode(octets) {
        Ok(([], command)) => Ok(command.into_static()),
        _ => Err(DecodeError { tag: tag(octets) }),
    }
}

/// The first word, when it can be a tag (RFC 3501 §9).
pub(in crate::imap) fn tag(octets: &[u8]) -> Option<String> {
    let end = octets.iter().position(|b| b" \r\n".contains(b))?;
    let is_tag = |b: &u8| b.is_ascii_graphic() && !b"(){%*\"\\+".contains(b);
    let tag = octets[..end].to_vec();
    let is_tag = (1..64).contains(&end) && tag.iter().all(is_tag);
    String::from_utf8(tag).ok().filter(|_| is_tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn malformed_commands_keep_their_tag() {
        for (octets, tag) in [
            ("a1 FROBNICATE\r\n", Some("a1")),
            ("a1\r\n", Some("a1")),
            ("* NOOP\r\n", None),
            ("\r\n", None),
            ("a LIST \"\" \"\r\n", Some("a")),
            ("a FETCH 1 BODY[\r\n", Some("a")),
            ("a NOOP extra\r\n", Some("a")),
        ] {
            let error = decode(octets.as_bytes()).expect_err(octets);
            assert_eq!(error.tag.as_deref(), tag, "{octets}");
        }
    }

    #[test]
    fn append_is_known_by_its_head() {
        let date = "\"07-Feb-1994 21:52:25 -0800\"";
        let head = format!("a APPEND Sent (\\Seen $X) {date} ");
        let append = decode_append(head.as_bytes()).expect("a head");
        assert_eq!(append.flags.len(), 2);
        assert_eq!(
            append.date.map(|d| d.as_ref().timestamp()),
            Some(760_686_745)
        );
        assert!(decode_append(b"a APPEND Sent ~").is_err());
        assert!(decode_append(b"a APPEND {4}\r\nSent ").is_ok());
    }

    proptest! {
        #[test]
        fn ac_02_any_octets_decode_or_fail_without_panic(
            words in proptest::collection::vec(prop_oneof![
                Just("a "), Just("FETCH "), Just("SEARCH "), Just("UID "), Just("1:*"), Just("("),
                Just(")"), Just("BODY["), Just("]"), Just("<0.1>"), Just("{3}\r\nabc"), Just("\r\n"),
                Just("LIST "), Just("\"\" "), Just("RETURN "), Just("STATUS "), Just("OR "),
                Just("NOT "), Just("1-Feb-2020"), Just("SINCE "), Just("STORE "), Just("\\Seen"),
                Just("+FLAGS "), Just("HEADER.FIELDS "), Just("LOGIN "), Just("é"), Just("\0"),
                Just("AUTHENTICATE "), Just("=="), Just("31-Apr-2020"), Just("\"99-Feb"), Just("0"),
                Just("APPEND "), Just("99999999999"), Just(" "), Just(","), Just("\"\\\"\""),
            ], 0..14),
            noise in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            let mut octets = words.concat().into_bytes();
            let at = octets.len() / 2;
            octets.splice(at..at, noise);
            let _ = decode(&octets);
            let _ = decode_append(&octets);
            octets.extend_from_slice(b"\r\n");
            let _ = decode(&octets);
            let _ = super::super::exercise(&octets, 3);
        }
    }
}

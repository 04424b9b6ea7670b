//! One command from the octets that [`super::input`] cut. imap-codec parses all but LIST, STATUS,
//! CREATE and SEARCH with its kin, whose extensions it does not know; what it does not know of FETCH is
//! taken out before.

use imap_codec::CommandCodec;
use imap_codec::decode::Decoder;
use imap_types::IntoStatic;
use imap_types::command::{Command, CommandBody};
use imap_types::datetime::DateTime;
use imap_types::extensions::binary::LiteralOrLiteral8;
use imap_types::flag::Flag;
use imap_types::mailbox::Mailbox;

use super::create::{self, CreateRequest};
use super::cursor::{Cursor, with_literals};
use super::fetch::{self, MoreItem};
use super::list::{self, ListRequest};
use super::search::{self, SearchRequest};
use super::status::{self, StatusRequest};

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
    /// STATUS.
    Status(StatusRequest),
    /// CREATE.
    Create(CreateRequest),
    /// FETCH as imap-codec knows it, and what it does not know.
    Fetch(CommandBody<'static>, Vec<MoreItem>),
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
    /// How the message comes.
    pub form: AppendForm,
}

/// How the message of an APPEND comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendForm {
    /// As a literal.
    Literal,
    /// As a literal that may hold NUL (RFC 3516).
    Literal8,
    /// In `UTF8 (…)`: its header is in UTF-8 (RFC 6855).
    Utf8,
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
    let more = tag(octets).and_then(|tag| Some((own(octets, tag.len())?, tag)));
    if let Some((request, tag)) = more {
        let error = DecodeError {
            tag: Some(tag.clone()),
        };
        let request = request.ok_or(error)?;
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
    let (head, form) = append_form(head);
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
            form,
        }),
        _ => Err(DecodeError { tag: Some(tag) }),
    }
}

/// What is parsed here: `None` for a command that imap-codec knows whole, `Some(None)` for one that
/// nobody understands.
fn own(octets: &[u8], tag_length: usize) -> Option<Option<Request>> {
    let mut at = Cursor::new(octets.get(tag_length + 1..)?);
    if at.take(b"LIST ") {
        return Some(list::decode(at.rest()).map(Request::List));
    }
    if at.take(b"STATUS ") {
        return Some(status::decode(at.rest()).map(Request::Status));
    }
    if at.take(b"CREATE ") {
        return Some(create::decode(at.rest()).map(Request::Create));
    }
    if !at.take(b"FETCH ") && !at.take(b"UID FETCH ") {
        return None;
    }
    let (left, more) = fetch::split(octets, at.rest())?;
    let command = plain(&left).ok();
    Some(command.map(|command| Request::Fetch(command.body, more)))
}

/// What comes before the message, without what says how it comes.
fn append_form(head: &[u8]) -> (&[u8], AppendForm) {
    const UTF8: &[u8] = b"UTF8 (~";
    if let Some(at) = head.len().checked_sub(UTF8.len())
        && head[at..].eq_ignore_ascii_case(UTF8)
    {
        return (&head[..at], AppendForm::Utf8);
    }
    match head.strip_suffix(b"~") {
        Some(head) => (head, AppendForm::Literal8),
        None => (head, AppendForm::Literal),
    }
}

fn plain(octets: &[u8]) -> Result<Command<'static>, DecodeError> {
    if !octets.is_ascii() {
        return known(&with_literals(octets));
    }
    known(octets)
}

fn known(octets: &[u8]) -> Result<Command<'static>, DecodeError> {
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
        assert_eq!(append.form, AppendForm::Literal);
        let form = |head: &[u8]| decode_append(head).map(|append| append.form);
        assert_eq!(form(b"a APPEND Sent ~"), Ok(AppendForm::Literal8));
        assert_eq!(
            form(b"a APPEND Sent (\\Seen) utf8 (~"),
            Ok(AppendForm::Utf8)
        );
        assert!(form(b"a APPEND Sent UTF8 (").is_err());
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
                Just("CREATE "), Just("(USE (\\Sent))"), Just("EMAILID "), Just("PREVIEW (LAZY) "),
                Just("(CHANGEDSINCE 1 VANISHED)"), Just("QRESYNC (1 2 3 (4 5))"), Just("UTF8 (~"),
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

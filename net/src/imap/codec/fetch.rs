//! Items of FETCH that imap-codec does not know: EMAILID and THREADID (RFC 8474), SAVEDATE (RFC 8514) and
//! PREVIEW (RFC 8970). They are taken out of the command, and the rest is left for imap-codec.

use super::cursor::{Cursor, skip_string};

/// An item that imap-codec does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoreItem {
    /// EMAILID
    EmailId,
    /// THREADID
    ThreadId,
    /// SAVEDATE
    SaveDate,
    /// PREVIEW, lazy or not.
    Preview,
}

const WORDS: [(&[u8], MoreItem); 4] = [
    (b"EMAILID", MoreItem::EmailId),
    (b"THREADID", MoreItem::ThreadId),
    (b"SAVEDATE", MoreItem::SaveDate),
    (b"PREVIEW", MoreItem::Preview),
];

/// Takes the items out of a whole FETCH whose arguments are `rest`: the command for imap-codec, and what
/// was taken. `None`: there is nothing to take, or it is no FETCH.
pub(super) fn split(command: &[u8], rest: &[u8]) -> Option<(Vec<u8>, Vec<MoreItem>)> {
    let mut at = Cursor::new(rest);
    at.word(|b| b.is_ascii_digit() || b",:*$".contains(&b))?;
    at.expect(b" ")?;
    let before = command.len() - at.rest().len();
    let (mut left, mut taken) = (Vec::new(), Vec::new());
    let mut one = |at: &mut Cursor<'_>| {
        let item = at.fetch_item()?;
        let known = WORDS
            .iter()
            .find(|(word, _)| item.eq_ignore_ascii_case(word));
        match known {
            Some((_, more)) => {
                if *more == MoreItem::Preview {
                    at.take(b" (LAZY)");
                }
                taken.push(*more);
            }
            None => left.push(item.to_vec()),
        }
        Some(())
    };
    match at.take(b"(") {
        true => at.list(one)?,
        false => one(&mut at)?,
    }
    if taken.is_empty() {
        return None;
    }
    let left = left.join(&b' ');
    let whole = [&command[..before], b"(", &left, b")", at.rest()].concat();
    Some((whole, taken))
}

impl<'a> Cursor<'a> {
    /// One item up to a blank, a parenthesis or the end of the line; what stands in brackets belongs to it.
    fn fetch_item(&mut self) -> Option<&'a [u8]> {
        let octets = self.rest();
        let (mut end, mut is_inside) = (0, false);
        loop {
            match octets.get(end)? {
                b' ' | b'(' | b')' | b'\r' if !is_inside => break,
                b'[' => is_inside = true,
                b']' => is_inside = false,
                b'"' | b'{' => {
                    end += skip_string(&octets[end..])?;
                    continue;
                }
                b'\r' | b'\n' => return None,
                _ => {}
            }
            end += 1;
        }
        *self = Cursor::new(&octets[end..]);
        (end > 0).then(|| &octets[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(command: &str) -> Option<(String, Vec<MoreItem>)> {
        let rest = command.split_once("FETCH ").expect("a FETCH").1;
        let (whole, more) = split(command.as_bytes(), rest.as_bytes())?;
        Some((String::from_utf8(whole).expect("text"), more))
    }

    #[test]
    fn items_are_taken_and_the_rest_stays() {
        let some = |text: &str, more: &[MoreItem]| Some((text.to_owned(), more.to_vec()));
        assert_eq!(
            taken("a FETCH 1 EMAILID\r\n"),
            some("a FETCH 1 ()\r\n", &[MoreItem::EmailId])
        );
        assert_eq!(
            taken("a UID FETCH 1:* (FLAGS preview (lazy) UID THREADID) (CHANGEDSINCE 5)\r\n"),
            some(
                "a UID FETCH 1:* (FLAGS UID) (CHANGEDSINCE 5)\r\n",
                &[MoreItem::Preview, MoreItem::ThreadId]
            )
        );
        assert_eq!(
            taken(
                "a FETCH 2 (BODY[HEADER.FIELDS (A \"PREVIEW\" {8}\r\nSAVEDATE)]<0.9> SAVEDATE)\r\n"
            ),
            some(
                "a FETCH 2 (BODY[HEADER.FIELDS (A \"PREVIEW\" {8}\r\nSAVEDATE)]<0.9>)\r\n",
                &[MoreItem::SaveDate]
            )
        );
        for text in [
            "a FETCH 1 FLAGS\r\n",
            "a FETCH 1 (FLAGS BODY[HEADER.FIELDS (PREVIEW)])\r\n",
            "a FETCH x PREVIEW\r\n",
            "a FETCH 1 (PREVIEW\r\n",
        ] {
            assert_eq!(taken(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn ac_02_any_arguments_are_split_or_left(words in proptest::collection::vec(prop_oneof![
            Just("1:* "), Just("("), Just(")"), Just("PREVIEW"), Just(" (LAZY)"), Just(" "), Just("BODY["),
            Just("]"), Just("\""), Just("\\"), Just("{3}\r\nabc"), Just("{9}\r\n"), Just("\r\n"),
        ], 0..14)) {
            let rest = words.concat();
            let command = format!("a FETCH {rest}");
            let _ = split(command.as_bytes(), rest.as_bytes());
        }
    }
}

//! Texts of header fields: unfolded, RFC 2047 words decoded, and made harmless, so that no CR, LF or
//! control character of a subject or name can open a line or a node in what we write (SE-06, CD-08).

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;

/// The value on one line: line ends taken out, blanks kept (RFC 5322 §2.2.3).
pub fn unfolded(value: &[u8]) -> Vec<u8> {
    let kept = value.iter().filter(|b| !matches!(b, b'\r' | b'\n'));
    kept.copied().collect()
}

/// The text of an unstructured field: unfolded, without the blanks around it, RFC 2047 words decoded.
/// Raw octets above 127 are read as UTF-8, else as Windows-1252.
pub fn decode(value: &[u8]) -> String {
    let line = unfolded(value);
    let mut text = String::new();
    let mut run: Option<Run> = None;
    for token in tokens(line.trim_ascii()) {
        if let Some(word) = EncodedWord::parse(token.word) {
            match &mut run {
                Some(open) if open.charset.eq_ignore_ascii_case(word.charset) => {
                    open.octets.extend_from_slice(&word.octets);
                }
                _ => {
                    // Blanks between two encoded words are not part of the text (RFC 2047 §6.2).
                    let after_word = run.is_some();
                    close(&mut run, &mut text);
                    if !after_word {
                        text.push_str(&plain(token.blank));
                    }
                    run = Some(Run {
                        charset: word.charset,
                        octets: word.octets,
                    });
                }
            }
        } else {
            close(&mut run, &mut text);
            text.push_str(&plain(token.blank));
            text.push_str(&plain(token.word));
        }
    }
    close(&mut run, &mut text);
    text
}

/// The text with everything that may not stand in a header line or in XML 1.0 replaced: line ends and
/// tabs by a blank, other control characters and non-characters by U+FFFD.
pub fn neutralised(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\r' | '\n' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// One line of a header field's value in ASCII: unfolded, RFC 2047 words kept as written, control
/// characters replaced by a blank. A value with raw octets above 127 is decoded and written anew.
pub fn as_header_text(value: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(value)
        && text.bytes().all(|octet| (b' '..0x7f).contains(&octet))
    {
        return Cow::Borrowed(text.trim());
    }
    let line = unfolded(value);
    let line = line.trim_ascii();
    let safe = |&b: &u8| char::from(if b < b' ' || b == 0x7f { b' ' } else { b });
    if line.is_ascii() {
        let text: String = line.iter().map(safe).collect();
        Cow::Owned(text.trim().to_owned())
    } else {
        Cow::Owned(encode(&neutralised(&decode(line))))
    }
}

/// `text` as the value of a header field, to be read as that text: as it is where it is ASCII and holds
/// nothing that looks like an RFC 2047 word, else in such words.
pub fn from_text(text: &str) -> String {
    let text = neutralised(text);
    let text = text.trim();
    if text.is_ascii() && !text.contains("=?") {
        text.to_owned()
    } else {
        encode(text)
    }
}

/// `text` as RFC 2047 words of UTF-8 in base64, each under 76 characters, one blank between them.
pub fn encode(text: &str) -> String {
    let mut words = String::new();
    let mut chunk = String::new();
    for c in text.chars() {
        if chunk.len() + c.len_utf8() > WORD_OCTETS_MAX {
            push_word(&chunk, &mut words);
            chunk.clear();
        }
        chunk.push(c);
    }
    push_word(&chunk, &mut words);
    words
}

/// `octets` in `charset`; an unknown or empty name is read as UTF-8, else as Windows-1252.
pub fn from_charset(charset: &[u8], octets: &[u8]) -> String {
    let is_utf8 = charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"utf8");
    if is_utf8 {
        return String::from_utf8_lossy(octets).into_owned();
    }
    let named = !charset.is_empty() && !charset.eq_ignore_ascii_case(b"us-ascii");
    match charset_decoder(charset) {
        Some(decoder) if named => decoder(octets),
        _ => plain(octets),
    }
}

/// Two hexadecimal digits as an octet.
pub(super) fn hex_octet(pair: &[u8]) -> Option<u8> {
    let digit = |b: &u8| char::from(*b).to_digit(16);
    match pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    }
}

/// Base64 of 45 octets is 60 characters; with `=?utf-8?B?` and `?=` they make 72.
const WORD_OCTETS_MAX: usize = 45;

fn push_word(chunk: &str, words: &mut String) {
    if !chunk.is_empty() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str("=?utf-8?B?");
        data_encoding::BASE64.encode_append(chunk.as_bytes(), words);
        words.push_str("?=");
    }
}

fn plain(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => charset_decoder(b"windows-1252").map_or_else(
            || String::from_utf8_lossy(octets).into_owned(),
            |decoder| decoder(octets),
        ),
    }
}

/// Encoded words in one charset that follow each other, decoded together: programs cut characters of
/// several octets in two.
struct Run<'a> {
    charset: &'a [u8],
    octets: Vec<u8>,
}

fn close(run: &mut Option<Run<'_>>, text: &mut String) {
    if let Some(run) = run.take() {
        text.push_str(&from_charset(run.charset, &run.octets));
    }
}

struct EncodedWord<'a> {
    charset: &'a [u8],
    octets: Vec<u8>,
}

impl<'a> EncodedWord<'a> {
    fn parse(word: &'a [u8]) -> Option<Self> {
        let inner = word.strip_prefix(b"=?")?.strip_suffix(b"?=")?;
        let mut pieces = inner.splitn(3, |&b| b == b'?');
        let (charset, encoding, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
        // RFC 2231 §5: a language may follow the charset.
        let charset = charset.split(|&b| b == b'*').next()?;
        let octets = match encoding {
            b"B" | b"b" => base64_octets(text)?,
            b"Q" | b"q" => q_octets(text),
            _ => return None,
        };
        (!charset.is_empty()).then_some(Self { charset, octets })
    }
}

fn base64_octets(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|&b| b != b'=').map_or(0, |at| at + 1);
    base64_simd::forgiving_decode_to_vec(&text[..end]).ok()
}

fn q_octets(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let pair = (first == b'=').then(|| after.get(..2)).flatten();
        match (first, pair.and_then(hex_octet)) {
            (_, Some(octet)) => {
                octets.push(octet);
                rest = &after[2..];
            }
            (b'_', None) => octets.push(b' '),
            (other, None) => octets.push(other),
        }
    }
    octets
}

/// A word and the blanks before it.
struct Token<'a> {
    blank: &'a [u8],
    word: &'a [u8],
}

/// Words are cut at blanks, and between two encoded words that touch (`?==?`), as some programs write
/// them.
fn tokens(line: &[u8]) -> impl Iterator<Item = Token<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|b| !is_blank(*b))?;
        let (blank, after) = rest.split_at(start);
        let may_touch = after.starts_with(b"=?");
        let is_end = |&at: &usize| {
            is_blank(after[at])
                || (may_touch
                    && after[..at].ends_with(b"?=")
                    && at > 2
                    && after[at..].starts_with(b"=?"))
        };
        let end = (0..after.len()).find(is_end).unwrap_or(after.len());
        let (word, left) = after.split_at(end);
        rest = left;
        Some(Token { blank, word })
    })
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;

    #[test]
    fn cd_08_the_subject_is_decoded() {
        let cases: [(&[u8], &str); 11] = [
            (b" plain  text ", "plain  text"),
            (b"=?utf-8?Q?perch=C3=A9_no?=", "perch\u{e9} no"),
            (b"=?ISO-8859-1?q?citt=E0?= di Roma", "citt\u{e0} di Roma"),
            (b"a =?utf-8?B?w6g=?= b", "a \u{e8} b"),
            (b"=?utf-8?B?w6g=?=\r\n =?utf-8?B?w6g=?=", "\u{e8}\u{e8}"),
            (b"=?utf-8?B?w6?= =?utf-8?Q?=A8?=", "\u{e8}"),
            (b"=?utf-8?q?=C3?= =?utf-8?q?=A8?=", "\u{e8}"),
            (b"=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
            (b"=?utf-8?q?a?= =?iso-8859-1?q?=E0?=", "a\u{e0}"),
            (b"=?broken", "=?broken"),
            (b"citt\xe0", "citt\u{e0}"),
        ];
        for (value, expected) in cases {
            let shown = String::from_utf8_lossy(value);
            assert_eq!(decode(value), expected, "{shown}");
        }
    }

    #[test]
    fn se_06_no_control_character_is_left() {
        let decoded = decode(b"=?utf-8?Q?a=0D=0AX-Ricevuta:_b=00=1B=7F?=");
        assert!(decoded.contains("\r\n"));
        let text = neutralised(&decoded);
        assert_eq!(text, "a  X-Ricevuta: b\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(as_header_text(b" a\r\n\tb\x01c\x7f "), "a b c");
    }

    #[test]
    fn a_text_is_written_as_what_reads_as_that_text() {
        assert_eq!(
            from_text("an offer\r\nX-Ricevuta: b "),
            "an offer  X-Ricevuta: b"
        );
        for text in ["perché", "=?utf-8?Q?x?=", "a"] {
            let written = from_text(text);
            assert!(written.is_ascii());
            assert_eq!(decode(written.as_bytes()), text);
        }
    }

    #[test]
    fn sg_08_raw_octets_become_encoded_words() {
        let text = as_header_text("perché è =?utf-8?Q?x?= no".as_bytes());
        assert!(text.is_ascii());
        assert_eq!(decode(text.as_bytes()), "perché è x no");
        let long = encode(&"è".repeat(100));
        assert!(long.split(' ').all(|word| word.len() <= 75), "{long}");
        assert_eq!(decode(long.as_bytes()), "è".repeat(100));
    }

    proptest! {
        #[test]
        fn se_12_any_octets_in_any_charset_are_decoded(
            octets in proptest::collection::vec(any::<u8>(), 0..60),
            charset in proptest::sample::select(vec![
                "utf-8", "utf-7", "utf-16", "utf-16le", "utf-16be", "us-ascii", "iso-8859-15",
                "iso-2022-jp", "gb18030", "big5", "euc-jp", "euc-kr", "shift_jis", "koi8-r",
                "windows-1258", "macintosh", "ibm850", "nobody-knows-this-one-whatever-it-may-be-so-long",
            ]),
        ) {
            let text = neutralised(&from_charset(charset.as_bytes(), &octets));
            prop_assert!(!text.contains(char::is_control));
            let mut value = format!("=?{charset}?B?").into_bytes();
            value.extend(data_encoding::BASE64.encode(&octets).bytes());
            value.extend_from_slice(b"?= =?");
            value.extend_from_slice(&octets);
            let header = as_header_text(&value);
            prop_assert!(header.is_ascii() && !header.contains(char::is_control));
            let list = crate::mime::addresses::AddressList::parse(&octets);
            prop_assert!(list.addresses.len() + list.invalid <= octets.len());
            let parameters = crate::mime::content::parse_parameters(&value);
            prop_assert!(parameters.iter().all(|(name, _)| !name.is_empty()));
        }
    }
}

//! Responses as octets. Strings are quoted where the grammar allows, else literals, so that no octet
//! of a message or a name can end a line early (RFC 3501 §4.3).

use ceralacca_core::instant::Instant;
use ceralacca_core::limits;
use ceralacca_core::mailbox::Flags;

use super::utf7;

/// Octets to be written to the client.
#[derive(Debug, Default)]
pub struct Output {
    octets: Vec<u8>,
    /// The client reads UTF-8: folder names are written so.
    utf8: bool,
}

/// The system flags in the order in which they are written.
const SYSTEM_FLAGS: [(Flags, &str); 5] = [
    (Flags::ANSWERED, "\\Answered"),
    (Flags::FLAGGED, "\\Flagged"),
    (Flags::DELETED, "\\Deleted"),
    (Flags::SEEN, "\\Seen"),
    (Flags::DRAFT, "\\Draft"),
];

/// Longer strings are literals.
const QUOTED_BYTES_MAX: usize = 1024;

impl Output {
    /// Adds text as it is: the caller's own words, never a peer's.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.octets.extend_from_slice(text.as_bytes());
        self
    }

    /// Adds octets as they are.
    pub fn octets(&mut self, octets: &[u8]) -> &mut Self {
        self.octets.extend_from_slice(octets);
        self
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.text(&number.to_string())
    }

    /// Ends a line.
    pub fn end(&mut self) -> &mut Self {
        self.text("\r\n")
    }

    /// Adds `"…"` or a literal.
    pub fn string(&mut self, string: &[u8]) -> &mut Self {
        let is_text = |b: &u8| (0x20..0x7f).contains(b);
        if string.len() > QUOTED_BYTES_MAX || !string.iter().all(is_text) {
            self.announce(string.len() as u64);
            // CHAR8 holds no NUL (RFC 3501 §9): outside bodies it is dropped for a blank.
            let safe = string.iter().map(|b| if *b == 0 { b' ' } else { *b });
            self.octets.extend(safe);
            return self;
        }
        self.octets.push(b'"');
        for b in string {
            if matches!(b, b'"' | b'\\') {
                self.octets.push(b'\\');
            }
            self.octets.push(*b);
        }
        self.octets.push(b'"');
        self
    }

    /// Adds a string, or `NIL`.
    pub fn nstring(&mut self, string: Option<&[u8]>) -> &mut Self {
        match string {
            Some(string) => self.string(string),
            None => self.text("NIL"),
        }
    }

    /// Announces a literal of `size` octets, which the caller writes next.
    pub fn announce(&mut self, size: u64) -> &mut Self {
        self.text(&format!("{{{size}}}\r\n"))
    }

    /// From now on folder names are written in UTF-8 (RFC 6855 §3, RFC 9051 §5.1).
    pub fn speak_utf8(&mut self) {
        self.utf8 = true;
    }

    /// Adds numbers as a set: `3:5,9`.
    pub fn set(&mut self, ranges: &[(u32, u32)]) -> &mut Self {
        self.text(&set(ranges))
    }

    /// Adds a folder's name.
    pub fn folder(&mut self, name: &str) -> &mut Self {
        if self.utf8 && !name.is_ascii() {
            // A name holds no control character, and every one of its octets may stand in quotes.
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            return self.text("\"").text(&escaped).text("\"");
        }
        let wire = match self.utf8 {
            true => name.to_owned(),
            false => utf7::encode(name),
        };
        let is_atom = |b: u8| b.is_ascii_alphanumeric() || b"-_/.,:;=+@$!?&#|~^'`<>[}".contains(&b);
        match !wire.is_empty() && wire.bytes().all(is_atom) && !wire.eq_ignore_ascii_case("NIL") {
            true => self.text(&wire),
            false => self.string(wire.as_bytes()),
        }
    }

    /// Adds `(\Seen …)`.
    pub fn flags(&mut self, flags: Flags, keywords: &[String]) -> &mut Self {
        self.text("(");
        let system = SYSTEM_FLAGS.iter().map(|(flag, name)| (*flag, *name));
        let keywords = (0u32..).zip(keywords).take(limits::KEYWORDS_PER_FOLDER_MAX);
        let keywords = keywords.map(|(i, name)| (Flags::keyword(i), name.as_str()));
        let set = system.chain(keywords).filter(|(f, _)| flags.contains(*f));
        for (i, (_, name)) in set.enumerate() {
            self.text(if i > 0 { " " } else { "" }).text(name);
        }
        self.text(")")
    }

    /// Adds an INTERNALDATE in legal time, quoted.
    pub fn internal_date(&mut self, at: Instant) -> &mut Self {
        self.text(&format!("\"{}\"", internal_date(at)))
    }

    /// Octets gathered.
    pub fn len(&self) -> usize {
        self.octets.len()
    }

    /// Nothing gathered.
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The octets, leaving nothing.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.octets)
    }
}

/// Numbers in their order as ranges, runs joined.
pub fn runs(numbers: impl IntoIterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

/// Ranges as a client reads them: `3:5,9`.
pub fn set(ranges: &[(u32, u32)]) -> String {
    let range = |(a, b): &(u32, u32)| match a == b {
        true => a.to_string(),
        false => format!("{a}:{b}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

/// `22-Nov-2026 05:19:00 +0100`
pub fn internal_date(at: Instant) -> String {
    // `header_date` is `Sun, 22 Nov 2026 05:19:00 +0100`.
    let date = at.header_date();
    let words: Vec<&str> = date.split(' ').collect();
    match words.as_slice() {
        [_, day, month, year, time, zone] => format!("{day}-{month}-{year} {time} {zone}"),
        _ => "01-Jan-1970 00:00:00 +0000".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Output)) -> String {
        let mut out = Output::default();
        write(&mut out);
        String::from_utf8_lossy(&out.take()).into_owned()
    }

    #[test]
    fn strings_are_quoted_or_literal() {
        assert_eq!(
            written(|o| {
                o.string(b"a \"b\\");
            }),
            r#""a \"b\\""#
        );
        assert_eq!(
            written(|o| {
                o.string(b"a\r\nb");
            }),
            "{4}\r\na\r\nb"
        );
        assert_eq!(
            written(|o| {
                o.string("à".as_bytes());
            }),
            "{2}\r\nà"
        );
        assert_eq!(
            written(|o| {
                o.nstring(None);
            }),
            "NIL"
        );
    }

    #[test]
    fn folder_names_are_atoms_where_they_can_be() {
        assert_eq!(
            written(|o| {
                o.folder("INBOX/a");
            }),
            "INBOX/a"
        );
        assert_eq!(
            written(|o| {
                o.folder("Posta inviata");
            }),
            "\"Posta inviata\""
        );
        assert_eq!(
            written(|o| {
                o.folder("Attività");
            }),
            "Attivit&AOA-"
        );
        assert_eq!(
            written(|o| {
                o.folder("nil");
            }),
            "\"nil\""
        );
    }

    #[test]
    fn folder_names_are_utf_8_for_those_who_read_it() {
        assert_eq!(
            written(|o| {
                o.speak_utf8();
                o.folder("Attività \"R&D\"").text(" ").folder("R&D");
            }),
            "\"Attività \\\"R&D\\\"\" R&D"
        );
    }

    #[test]
    fn runs_of_numbers_are_joined_in_their_order() {
        assert_eq!(set(&runs([3, 4, 5, 9, 1, 2])), "3:5,9,1:2");
        assert_eq!(set(&runs([u32::MAX])), u32::MAX.to_string());
    }

    #[test]
    fn flags_are_named() {
        let flags = Flags::SEEN.with(Flags::keyword(1));
        let keywords = ["$A".to_owned(), "$B".to_owned()];
        assert_eq!(
            written(|o| {
                o.flags(flags, &keywords);
            }),
            "(\\Seen $B)"
        );
    }

    #[test]
    fn internal_date_has_the_form_of_rfc_3501() {
        let at = Instant::from_millis(1_795_321_140_000);
        assert_eq!(internal_date(at).len(), "22-Nov-2026 05:19:00 +0100".len());
        assert_eq!(
            &internal_date(Instant::from_millis(0)),
            "01-Jan-1970 01:00:00 +0100"
        );
    }
}

//! The commands (RFC 1939 §§5 to 7, RFC 2449 §5, RFC 5034 §4): one line each, understood whole or not at
//! all.

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    /// CAPA
    Capa,
    /// USER
    User(&'a [u8]),
    /// PASS: all of the rest, blanks included (RFC 1939 §7).
    Pass(&'a [u8]),
    /// AUTH alone: which mechanisms there are, as old programs ask.
    Mechanisms,
    /// AUTH with a mechanism, and the initial response.
    Auth(&'a [u8], Option<&'a [u8]>),
    /// STAT
    Stat,
    /// LIST, of one message or all.
    List(Option<Number>),
    /// UIDL, of one message or all.
    Uidl(Option<Number>),
    /// RETR
    Retr(Number),
    /// TOP, with so many lines of the body.
    Top(Number, u64),
    /// DELE
    Dele(Number),
    /// RSET
    Rset,
    /// NOOP
    Noop,
    /// QUIT
    Quit,
}

/// A message number as the client counts, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(pub u32);

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody knows it.
    Unknown,
    /// It is known, and what follows it is not what it takes.
    Arguments,
}

/// Understands a line without its end.
pub fn parse(line: &[u8]) -> Result<Command<'_>, Fault> {
    let blank = memchr::memchr(b' ', line);
    let (word, rest) = match blank {
        Some(at) => (
            line.get(..at).unwrap_or_default(),
            line.get(at + 1..).unwrap_or_default(),
        ),
        None => (line, &[][..]),
    };
    let word = word.to_ascii_uppercase();
    match &*word {
        b"USER" => some(rest).map(Command::User),
        b"PASS" => some(rest).map(Command::Pass),
        b"AUTH" => auth(rest),
        b"TOP" => top(rest),
        b"RETR" => number(rest).map(Command::Retr),
        b"DELE" => number(rest).map(Command::Dele),
        b"LIST" => optional(rest).map(Command::List),
        b"UIDL" => optional(rest).map(Command::Uidl),
        b"CAPA" => alone(rest, Command::Capa),
        b"STAT" => alone(rest, Command::Stat),
        b"RSET" => alone(rest, Command::Rset),
        b"NOOP" => alone(rest, Command::Noop),
        b"QUIT" => alone(rest, Command::Quit),
        _ => Err(Fault::Unknown),
    }
}

fn some(rest: &[u8]) -> Result<&[u8], Fault> {
    match rest.is_empty() {
        true => Err(Fault::Arguments),
        false => Ok(rest),
    }
}

fn alone<'a>(rest: &[u8], command: Command<'a>) -> Result<Command<'a>, Fault> {
    match rest.trim_ascii().is_empty() {
        true => Ok(command),
        false => Err(Fault::Arguments),
    }
}

fn auth(rest: &[u8]) -> Result<Command<'_>, Fault> {
    let mut words = words(rest);
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Ok(Command::Mechanisms),
        (Some(mechanism), initial, None) => Ok(Command::Auth(mechanism, initial)),
        _ => Err(Fault::Arguments),
    }
}

fn top(rest: &[u8]) -> Result<Command<'_>, Fault> {
    let mut words = words(rest);
    match (words.next(), words.next(), words.next()) {
        (Some(message), Some(lines), None) => {
            Ok(Command::Top(number(message)?, digits(lines)?.into()))
        }
        _ => Err(Fault::Arguments),
    }
}

fn words(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest.split(|octet| *octet == b' ')
        .filter(|word| !word.is_empty())
}

fn optional(rest: &[u8]) -> Result<Option<Number>, Fault> {
    match rest.trim_ascii().is_empty() {
        true => Ok(None),
        false => number(rest).map(Some),
    }
}

fn number(word: &[u8]) -> Result<Number, Fault> {
    digits(word.trim_ascii()).map(Number)
}

/// A number past `u32` is one that no message has, and as many lines as any message has.
fn digits(word: &[u8]) -> Result<u32, Fault> {
    let text = str::from_utf8(word).map_err(|_| Fault::Arguments)?;
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::Arguments);
    }
    Ok(text.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_understood_in_any_case() {
        let cases: [(&str, Result<Command<'_>, Fault>); 17] = [
            ("capa", Ok(Command::Capa)),
            ("User anna@pec.test", Ok(Command::User(b"anna@pec.test"))),
            ("PASS  two  blanks ", Ok(Command::Pass(b" two  blanks "))),
            ("AUTH", Ok(Command::Mechanisms)),
            ("AUTH PLAIN", Ok(Command::Auth(b"PLAIN", None))),
            ("AUTH PLAIN =", Ok(Command::Auth(b"PLAIN", Some(b"=")))),
            ("STAT ", Ok(Command::Stat)),
            ("LIST", Ok(Command::List(None))),
            ("LIST 2", Ok(Command::List(Some(Number(2))))),
            (
                "UIDL 99999999999",
                Ok(Command::Uidl(Some(Number(u32::MAX)))),
            ),
            ("RETR 1", Ok(Command::Retr(Number(1)))),
            ("TOP 1 0", Ok(Command::Top(Number(1), 0))),
            ("DELE 3", Ok(Command::Dele(Number(3)))),
            ("RETR -1", Err(Fault::Arguments)),
            ("TOP 1", Err(Fault::Arguments)),
            ("QUIT now", Err(Fault::Arguments)),
            ("STLS", Err(Fault::Unknown)),
        ];
        for (line, wanted) in cases {
            assert_eq!(parse(line.as_bytes()), wanted, "{line}");
        }
    }
}

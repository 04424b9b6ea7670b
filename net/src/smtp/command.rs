//! The commands of both doors: one line in, a [`Command`] or the reply that refuses it. Paths are parsed
//! once, here (RFC 5321 §4.1.2), with the codes of AP-02 and AP-31; what one door alone understands
//! stands in its [`Dialect`].

use ceralacca_core::address::{Address, AddressError};

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// EHLO, with the name given.
    Ehlo(&'a str),
    /// HELO, with the name given.
    Helo(&'a str),
    /// STARTTLS.
    StartTls,
    /// AUTH, with its mechanism and initial response.
    Auth(&'a str, Option<&'a str>),
    /// MAIL, `None` for the empty path, with the size announced.
    Mail(Option<Address>, Option<u64>),
    /// RCPT.
    Rcpt(Address),
    /// DATA.
    Data,
    /// BDAT: octets of the chunk, and whether it is the last.
    Bdat(u64, bool),
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// VRFY.
    Vrfy,
    /// HELP.
    Help,
    /// QUIT.
    Quit,
}

/// What a door understands beside what both do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialect {
    /// AUTH, and the parameter of MAIL that belongs to it (RFC 4954).
    Submission,
    /// `RCPT TO:<Postmaster>` without a domain (RFC 5321 §4.5.1), and whose address that is.
    Incoming(Option<Address>),
}

/// The reply to a command that is none.
pub type Refused = &'static str;

const NOT_IMPLEMENTED: Refused = "502 5.5.1 Command not implemented";
const UNKNOWN: Refused = "500 5.5.2 Command not recognized";
const ARGUMENTS: Refused = "501 5.5.4 Syntax error in arguments";
const PARAMETER: Refused = "555 5.5.4 Parameter not recognized or not implemented";
const SENDER_SYNTAX: Refused = "501 5.1.7 Bad sender address syntax";
const RECIPIENT_SYNTAX: Refused = "501 5.1.3 Bad recipient address syntax";
const NOT_ASCII: Refused = "553 5.6.7 Address with non-ASCII characters not permitted";
const NO_DOMAIN: Refused = "504 5.5.2 Sender address needs a full domain";

/// RFC 5321 §4.5.1: taken in any case, with or without a domain.
const POSTMASTER: &[u8] = b"postmaster";

impl<'a> Command<'a> {
    /// Parses a line of submission without its CRLF.
    pub fn parse(line: &'a [u8]) -> Result<Self, Refused> {
        Self::parse_as(line, &Dialect::Submission)
    }

    /// Parses a line without its CRLF.
    pub fn parse_as(line: &'a [u8], dialect: &Dialect) -> Result<Self, Refused> {
        let blank = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
        let (verb, rest) = line.split_at(blank);
        let verb = verb.to_ascii_uppercase();
        if matches!(&*verb, b"MAIL" | b"RCPT") {
            return path_command(&verb, rest, dialect);
        }
        let text = std::str::from_utf8(rest).map_err(|_| UNKNOWN)?.trim();
        match &*verb {
            b"EHLO" if !text.is_empty() => Ok(Self::Ehlo(text)),
            b"HELO" if !text.is_empty() => Ok(Self::Helo(text)),
            b"EHLO" | b"HELO" => Err(ARGUMENTS),
            b"AUTH" if *dialect == Dialect::Submission => auth(text),
            b"AUTH" | b"EXPN" => Err(NOT_IMPLEMENTED),
            b"BDAT" => bdat(text),
            b"NOOP" => Ok(Self::Noop),
            b"HELP" => Ok(Self::Help),
            b"VRFY" if !text.is_empty() => Ok(Self::Vrfy),
            b"VRFY" => Err(ARGUMENTS),
            _ => plain(&verb, text),
        }
    }
}

/// Commands that take no argument.
fn plain<'a>(verb: &[u8], text: &str) -> Result<Command<'a>, Refused> {
    let command = match verb {
        b"STARTTLS" => Command::StartTls,
        b"DATA" => Command::Data,
        b"RSET" => Command::Rset,
        b"QUIT" => Command::Quit,
        _ => return Err(UNKNOWN),
    };
    if text.is_empty() {
        Ok(command)
    } else {
        Err(ARGUMENTS)
    }
}

fn auth(text: &str) -> Result<Command<'_>, Refused> {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    match (words.next(), words.next(), words.next()) {
        (Some(mechanism), initial, None) => Ok(Command::Auth(mechanism, initial)),
        _ => Err(ARGUMENTS),
    }
}

fn bdat<'a>(text: &str) -> Result<Command<'a>, Refused> {
    let (length, last) = text.split_once(' ').unwrap_or((text, ""));
    let is_number = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
    let is_last = last.trim().eq_ignore_ascii_case("LAST");
    if !is_number || !(is_last || last.is_empty()) {
        return Err(ARGUMENTS);
    }
    let length = length.parse().map_err(|_| ARGUMENTS)?;
    Ok(Command::Bdat(length, is_last))
}

/// `MAIL FROM:<path> parameters` and `RCPT TO:<path> parameters`.
fn path_command<'a>(verb: &[u8], rest: &[u8], dialect: &Dialect) -> Result<Command<'a>, Refused> {
    let is_mail = verb == b"MAIL";
    let syntax = if is_mail {
        SENDER_SYNTAX
    } else {
        RECIPIENT_SYNTAX
    };
    let word: &[u8] = if is_mail { b"FROM:" } else { b"TO:" };
    let rest = rest.trim_ascii_start();
    let (given, rest) = rest.split_at_checked(word.len()).ok_or(ARGUMENTS)?;
    if !given.eq_ignore_ascii_case(word) {
        return Err(ARGUMENTS);
    }
    let (path, parameters) = split_path(rest.trim_ascii_start()).ok_or(syntax)?;
    if is_mail {
        let sender = match path {
            b"" => None,
            path => Some(address(path, syntax, NO_DOMAIN)?),
        };
        let size = mail_parameters(parameters, dialect)?;
        return Ok(Command::Mail(sender, size));
    }
    if !parameters.is_empty() {
        return Err(PARAMETER);
    }
    match dialect {
        Dialect::Incoming(Some(postmaster)) if path.eq_ignore_ascii_case(POSTMASTER) => {
            Ok(Command::Rcpt(postmaster.clone()))
        }
        _ => Ok(Command::Rcpt(address(path, syntax, syntax)?)),
    }
}

/// What stands between the angle brackets, and what follows them.
fn split_path(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"<")?;
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, octet) in inner.iter().enumerate() {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'>' if !is_quoted => {
                let after = inner.get(at + 1..)?;
                let is_apart = after.first().is_none_or(|b| *b == b' ');
                return is_apart.then_some((inner.get(..at)?, after.trim_ascii()));
            }
            _ => {}
        }
    }
    None
}

fn address(path: &[u8], syntax: Refused, no_domain: Refused) -> Result<Address, Refused> {
    let text = String::from_utf8_lossy(path);
    // RFC 5321 §4.1.1.3: a source route is accepted and not followed.
    let text = match text.split_once(':') {
        Some((route, mailbox)) if route.starts_with('@') => mailbox,
        _ => &*text,
    };
    Address::parse(text).map_err(|e| match e {
        AddressError::NotAscii => NOT_ASCII,
        AddressError::NoDomain => no_domain,
        AddressError::Malformed => syntax,
    })
}

/// The size announced. BODY (RFC 6152) and AUTH (RFC 4954 §5) are known and change nothing here.
fn mail_parameters(text: &[u8], dialect: &Dialect) -> Result<Option<u64>, Refused> {
    let has_auth = *dialect == Dialect::Submission;
    let text = std::str::from_utf8(text).map_err(|_| PARAMETER)?;
    let mut size = None;
    for parameter in text.split(' ').filter(|word| !word.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match &*name.to_ascii_uppercase() {
            "SIZE" if size.is_none() && is_number(value) => {
                // RFC 1870 §4: up to 20 digits; what does not fit our number is above every bound.
                size = Some(value.parse().unwrap_or(u64::MAX));
            }
            "BODY" if is_one_of(value, &["7BIT", "8BITMIME"]) => {}
            "AUTH" if has_auth && !value.is_empty() => {}
            "AUTH" if has_auth => return Err(ARGUMENTS),
            "SIZE" | "BODY" => return Err(ARGUMENTS),
            _ => return Err(PARAMETER),
        }
    }
    Ok(size)
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        match Command::parse(line.as_bytes()) {
            Ok(command) => format!("{command:?}"),
            Err(refused) => refused[..9].to_owned(),
        }
    }

    #[test]
    fn ap_02_paths_are_refused_with_their_codes() {
        let cases = [
            ("MAIL FROM:<a@localhost>", "504 5.5.2"),
            ("MAIL FROM:<a>", "504 5.5.2"),
            ("MAIL FROM:a@pec.example", "501 5.1.7"),
            ("MAIL FROM:<a b@pec.example>", "501 5.1.7"),
            ("MAIL FROM:<a@pec.example", "501 5.1.7"),
            ("MAIL TO:<a@pec.example>", "501 5.5.4"),
            ("MAIL", "501 5.5.4"),
            ("RCPT TO:<a@@pec.example>", "501 5.1.3"),
            ("RCPT TO:<>", "501 5.1.3"),
            ("RCPT TO:<postmaster>", "501 5.1.3"),
        ];
        for (line, code) in cases {
            assert_eq!(told(line), code, "{line}");
        }
    }

    #[test]
    fn ap_31_non_ascii_addresses_and_unannounced_parameters_are_refused() {
        let cases = [
            ("MAIL FROM:<rossì@pec.example>", "553 5.6.7"),
            ("RCPT TO:<rossì@pec.example>", "553 5.6.7"),
            ("MAIL FROM:<a@pec.example> SMTPUTF8", "555 5.5.4"),
            ("MAIL FROM:<a@pec.example> RET=HDRS", "555 5.5.4"),
            ("MAIL FROM:<a@pec.example> ENVID=1", "555 5.5.4"),
            ("RCPT TO:<a@pec.example> NOTIFY=NEVER", "555 5.5.4"),
            (
                "RCPT TO:<a@pec.example> ORCPT=rfc822;a@b.example",
                "555 5.5.4",
            ),
            ("MAIL FROM:<a@pec.example> BODY=BINARYMIME", "501 5.5.4"),
        ];
        for (line, code) in cases {
            assert_eq!(told(line), code, "{line}");
        }
        let latin = b"RCPT TO:<ross\xec@pec.example>";
        assert_eq!(Command::parse(latin), Err(NOT_ASCII));
    }

    #[test]
    fn commands_are_read_without_regard_to_case() {
        let address = |text| Address::parse(text).expect("valid");
        let cases = [
            ("ehlo pc.example", Command::Ehlo("pc.example")),
            ("mail from: <> size=10", Command::Mail(None, Some(10))),
            (
                "MAIL FROM:<a@pec.example> BODY=8BITMIME SIZE=7 AUTH=<>",
                Command::Mail(Some(address("a@pec.example")), Some(7)),
            ),
            (
                "RCPT TO:<\"a>b\"@pec.example>",
                Command::Rcpt(address("\"a>b\"@pec.example")),
            ),
            (
                "RCPT TO:<@x.example,@y.example:a@pec.example>",
                Command::Rcpt(address("a@pec.example")),
            ),
            ("bdat 12 last", Command::Bdat(12, true)),
            ("BDAT 0", Command::Bdat(0, false)),
            ("auth plain", Command::Auth("plain", None)),
            ("AUTH LOGIN YQ==", Command::Auth("LOGIN", Some("YQ=="))),
            ("quit ", Command::Quit),
        ];
        for (line, command) in cases {
            assert_eq!(Command::parse(line.as_bytes()), Ok(command), "{line}");
        }
        for (line, code) in [
            ("", "500 5.5.2"),
            ("FOO", "500 5.5.2"),
            ("DATA now", "501 5.5.4"),
            ("BDAT -1", "501 5.5.4"),
            ("BDAT 1 FIRST", "501 5.5.4"),
            ("BDAT 99999999999999999999", "501 5.5.4"),
            ("MAIL FROM:<a@pec.example> SIZE=x", "501 5.5.4"),
        ] {
            assert_eq!(told(line), code, "{line}");
        }
    }

    #[test]
    fn ac_04_the_incoming_point_knows_no_auth_and_one_address_without_a_domain() {
        let postmaster = Address::parse("postmaster@pec.example").expect("valid");
        let incoming = Dialect::Incoming(Some(postmaster.clone()));
        let parse = |line: &'static str| Command::parse_as(line.as_bytes(), &incoming);
        assert_eq!(parse("AUTH PLAIN AA=="), Err(NOT_IMPLEMENTED));
        assert_eq!(parse("MAIL FROM:<a@b.example> AUTH=<>"), Err(PARAMETER));
        assert_eq!(parse("MAIL FROM:<postmaster>"), Err(NO_DOMAIN));
        assert_eq!(parse("RCPT TO:<root>"), Err(RECIPIENT_SYNTAX));
        for line in ["RCPT TO:<Postmaster>", "rcpt to:<POSTMASTER>"] {
            assert_eq!(parse(line), Ok(Command::Rcpt(postmaster.clone())));
        }
        let nobody = Command::parse_as(b"RCPT TO:<postmaster>", &Dialect::Incoming(None));
        assert_eq!(nobody, Err(RECIPIENT_SYNTAX));
    }
}

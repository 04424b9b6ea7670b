//! Values as they are written on the command line; an error says how to write them.

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::instant::Instant;

pub(super) fn parse_domain(text: &str) -> Result<Domain, String> {
    Domain::parse(text).map_err(|error| error.to_string())
}

pub(super) fn parse_address(text: &str) -> Result<Address, String> {
    Address::parse(text).map_err(|error| error.to_string())
}

pub(super) fn parse_time(text: &str) -> Result<Instant, String> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| "write it as 2026-11-21T10:00:00Z".to_owned())?;
    Ok(Instant::from_millis(time.as_millisecond()))
}

pub(super) fn parse_serial(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.replace(':', "").to_ascii_lowercase();
    let octets = data_encoding::HEXLOWER.decode(digits.as_bytes());
    octets.map_err(|_| format!("`{text}` is no serial number; write pairs of hexadecimal digits"))
}

pub(super) fn parse_span_ms(text: &str) -> Result<u64, String> {
    let span = text.split_whitespace().map(part_ms).sum::<Option<u64>>();
    span.ok_or_else(|| format!("`{text}` is no time; write 12h, 45m, 90s or 1d"))
}

/// One number with its unit.
fn part_ms(part: &str) -> Option<u64> {
    let (number, unit) = part.split_at(part.len().checked_sub(1)?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(seconds)?.checked_mul(1000)
}

//! The two times of X.509 and CMS (RFC 5280 §4.1.2.5): UTCTime up to 2049, GeneralizedTime after.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::der::{self, DerError, Element, tag};
use crate::instant::Instant;

const BAD_TIME: DerError = DerError("a time is not readable");

/// Writes `instant`, to the second.
pub fn write(instant: Instant) -> Vec<u8> {
    let stamp = Timestamp::from_millisecond(instant.as_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
    let utc = TimeZone::UTC.to_datetime(stamp);
    let (date, time) = (utc.date(), utc.time());
    let mut digits = Vec::with_capacity(15);
    let mut two = |number: i16| {
        // Each is below 100, and not below nothing.
        let number = u8::try_from(number.rem_euclid(100)).unwrap_or(0);
        digits.extend_from_slice(&[b'0' + number / 10, b'0' + number % 10]);
    };
    two(date.year() / 100);
    two(date.year());
    let rest = [
        date.month(),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
    ];
    rest.into_iter().for_each(|number| two(number.into()));
    digits.push(b'Z');
    match digits.get(2..) {
        Some(short) if (1950..2050).contains(&date.year()) => der::element(tag::UTC_TIME, short),
        _ => der::element(tag::GENERALIZED_TIME, &digits),
    }
}

/// Reads either form in UTC; seconds may lack, a fraction is dropped.
pub fn read(element: &Element<'_>) -> Result<Instant, DerError> {
    let text = std::str::from_utf8(element.content).map_err(|_| BAD_TIME)?;
    let text = text.strip_suffix('Z').ok_or(BAD_TIME)?;
    let (year, rest) = match element.tag {
        tag::UTC_TIME => {
            let (short, rest) = pair(text)?;
            let century = if short < 50 { 2000 } else { 1900 };
            (century + short, rest)
        }
        tag::GENERALIZED_TIME => {
            let (high, rest) = pair(text)?;
            let (low, rest) = pair(rest)?;
            (high * 100 + low, rest)
        }
        _ => return Err(BAD_TIME),
    };
    moment(year, rest)
}

fn moment(year: i16, rest: &str) -> Result<Instant, DerError> {
    let (month, rest) = pair(rest)?;
    let (day, rest) = pair(rest)?;
    let (hour, rest) = pair(rest)?;
    let (minute, rest) = pair(rest)?;
    let second = if rest.is_empty() { 0 } else { pair(rest)?.0 };
    let small = |n: i16| i8::try_from(n).map_err(|_| BAD_TIME);
    let civil = DateTime::new(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        0,
    )
    .map_err(|_| BAD_TIME)?;
    let stamp = TimeZone::UTC.to_timestamp(civil).map_err(|_| BAD_TIME)?;
    Ok(Instant::from_millis(stamp.as_millisecond()))
}

/// Two digits and what follows.
fn pair(text: &str) -> Result<(i16, &str), DerError> {
    let (digits, rest) = text.split_at_checked(2).ok_or(BAD_TIME)?;
    if !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(BAD_TIME);
    }
    Ok((digits.parse().map_err(|_| BAD_TIME)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smime::der::Reader;

    fn read_back(octets: &[u8]) -> Result<Instant, DerError> {
        read(&Reader::new(octets).any().unwrap())
    }

    #[test]
    fn both_forms_read_back_to_the_second() {
        for millis in [0, 1_795_321_140_000, 2_524_608_000_000, 4_000_000_000_000] {
            let instant = Instant::from_millis(millis);
            let written = write(instant.plus_millis(999));
            assert_eq!(read_back(&written), Ok(instant));
        }
        assert_eq!(
            write(Instant::from_millis(2_524_607_999_000))[0],
            tag::UTC_TIME
        );
        assert_eq!(
            write(Instant::from_millis(2_524_608_000_000))[0],
            tag::GENERALIZED_TIME
        );
    }

    #[test]
    fn impossible_times_are_refused() {
        for text in ["991332000000Z", "9901010000", "99010100+000Z", "", "Z"] {
            let written = der::element(tag::UTC_TIME, text.as_bytes());
            assert!(read_back(&written).is_err(), "{text}");
        }
    }
}

//! One instant, in milliseconds since the epoch, and its three legal forms: the Italian legal time of
//! texts (TM-02), the attributes of certification data (TM-03) and the `Date:` field (RFC 5322 §3.3).
//! The zone tables are inside the program, so a bare machine writes the right offset (TM-04).

use std::sync::LazyLock;

use jiff::civil::{DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp, Zoned};

/// A point in time (TM-01: one value per processing step, carried into header, text, XML and log).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode,
)]
#[cbor(transparent)]
pub struct Instant(#[n(0)] i64);

/// The parts of an instant in Italian legal time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalTime {
    /// `dd/mm/yyyy`
    pub day: String,
    /// `hh:mm:ss`
    pub time: String,
    /// Sign and `hhmm`, no colon.
    pub zone: String,
}

impl Instant {
    /// From milliseconds since 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This instant moved by `millis`.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This instant moved by calendar months in UTC: the last day of a month stays the last.
    pub fn plus_months(self, months: i32) -> Self {
        let utc = self.timestamp().to_zoned(TimeZone::UTC);
        let moved = utc.checked_add(Span::new().months(months));
        moved.map_or(self, |zoned| Self(zoned.timestamp().as_millisecond()))
    }

    /// `20261122`: the day in UTC, for names of files.
    pub fn utc_day(self) -> String {
        self.timestamp().strftime("%Y%m%d").to_string()
    }

    /// Reads the form of C's `ctime`, as UTC: `Sun Nov 22 04:19:00 2026`.
    pub fn from_ctime(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let [_, month, day, time, year] = words.as_slice() else {
            return None;
        };
        let local = format!("{year} {month} {day} {time}");
        let local = DateTime::strptime("%Y %b %d %H:%M:%S", local).ok()?;
        let stamp = Offset::UTC.to_timestamp(local).ok()?;
        Some(Self(stamp.as_millisecond()))
    }

    /// Reads the attributes of certification data, ours or another provider's (TM-03); a colon in
    /// `zone` is tolerated. `None` where they name no instant.
    pub fn from_legal(legal: &LegalTime) -> Option<Self> {
        let local = format!("{} {}", legal.day.trim(), legal.time.trim());
        let local = DateTime::strptime("%d/%m/%Y %H:%M:%S", local).ok()?;
        // `22/11/26` is the year 26 to the reader of dates: certified mail is younger.
        if local.year() < 1970 {
            return None;
        }
        let minutes = offset_minutes(legal.zone.trim())?;
        let stamp = Offset::from_seconds(minutes * 60).ok()?.to_timestamp(local);
        Some(Self(stamp.ok()?.as_millisecond()))
    }

    /// Italian legal time, summer time included.
    pub fn legal(self) -> LegalTime {
        let local = self.in_rome();
        let (date, time) = (local.date(), local.time());
        let mut day = String::with_capacity(10);
        push_two(&mut day, date.day());
        day.push('/');
        push_two(&mut day, date.month());
        day.push('/');
        push_year(&mut day, date.year());
        LegalTime {
            day,
            time: clock_time(time),
            zone: offset_text(local.offset()),
        }
    }

    /// The date of an RFC 5322 `Date:` field, in legal time: `Sun, 22 Nov 2026 05:19:00 +0100`.
    pub fn header_date(self) -> String {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let local = self.in_rome();
        let date = local.date();
        let named = |names: &[&'static str], number: i8| {
            let place = usize::try_from(number).ok().and_then(|n| names.get(n));
            place.copied().unwrap_or_default()
        };
        let mut text = String::with_capacity(32);
        text.push_str(named(&DAYS, date.weekday().to_monday_zero_offset()));
        text.push_str(", ");
        push_two(&mut text, date.day());
        text.push(' ');
        text.push_str(named(&MONTHS, date.month() - 1));
        text.push(' ');
        push_year(&mut text, date.year());
        text.push(' ');
        push_clock_time(&mut text, local.time());
        text.push(' ');
        push_offset(&mut text, local.offset());
        text
    }

    /// `2026-11-22T04:19:00Z`, for people and logs.
    pub fn rfc3339(self) -> String {
        self.timestamp()
            .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
            .to_string()
    }

    /// Reads an instant of RFC 3339, with any offset.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let stamp: Timestamp = text.parse().ok()?;
        Some(Self(stamp.as_millisecond()))
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn in_rome(self) -> Zoned {
        static ROME: LazyLock<TimeZone> =
            LazyLock::new(|| TimeZone::get("Europe/Rome").unwrap_or(TimeZone::UTC));
        self.timestamp().to_zoned(ROME.clone())
    }
}

/// `hh:mm:ss`
fn clock_time(time: Time) -> String {
    let mut text = String::with_capacity(8);
    push_clock_time(&mut text, time);
    text
}

fn push_clock_time(text: &mut String, time: Time) {
    push_two(text, time.hour());
    text.push(':');
    push_two(text, time.minute());
    text.push(':');
    push_two(text, time.second());
}

/// Sign and `hhmm`.
fn offset_text(offset: Offset) -> String {
    let mut text = String::with_capacity(5);
    push_offset(&mut text, offset);
    text
}

fn push_offset(text: &mut String, offset: Offset) {
    let minutes = offset.seconds() / 60;
    text.push(if minutes < 0 { '-' } else { '+' });
    // An offset is less than 26 hours.
    let minutes = i16::try_from(minutes.unsigned_abs()).unwrap_or(0);
    push_two(text, minutes / 60);
    push_two(text, minutes % 60);
}

/// Two digits of a number from 0 to 99. Formatting it costs ten times as much, and each message has forty.
fn push_two(text: &mut String, number: impl Into<i16>) {
    let number = u8::try_from(number.into().rem_euclid(100)).unwrap_or(0);
    text.push(char::from(b'0' + number / 10));
    text.push(char::from(b'0' + number % 10));
}

/// Four digits of a year that has no more.
fn push_year(text: &mut String, year: i16) {
    push_two(text, year / 100);
    push_two(text, year);
}

/// `+0100` or `+01:00`, in minutes.
fn offset_minutes(zone: &str) -> Option<i32> {
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = zone[1..].replace(':', "");
    let all_digits = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
    let number: i32 = all_digits.then(|| digits.parse().ok()).flatten()?;
    (number % 100 < 60).then_some(sign * (number / 100 * 60 + number % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        let stamp: Timestamp = text.parse().expect("a timestamp");
        Instant::from_millis(stamp.as_millisecond())
    }

    #[test]
    fn tm_04_repeated_and_missing_hour_have_the_right_offset() {
        let cases = [
            ("2026-03-29T00:59:59Z", "01:59:59", "+0100"),
            ("2026-03-29T01:00:00Z", "03:00:00", "+0200"),
            ("2026-10-25T00:30:00Z", "02:30:00", "+0200"),
            ("2026-10-25T01:30:00Z", "02:30:00", "+0100"),
        ];
        for (utc, time, zone) in cases {
            let legal = at(utc).legal();
            assert_eq!(
                (legal.time.as_str(), legal.zone.as_str()),
                (time, zone),
                "{utc}"
            );
        }
    }

    #[test]
    fn tm_03_the_legal_form_names_the_same_instant_also_in_the_repeated_hour() {
        for utc in [
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:30:00Z",
            "2026-07-01T22:00:59Z",
        ] {
            assert_eq!(Instant::from_legal(&at(utc).legal()), Some(at(utc)));
        }
        let mut legal = at("2026-07-01T22:00:59Z").legal();
        legal.zone = "+02:00".to_owned();
        assert_eq!(
            Instant::from_legal(&legal),
            Some(at("2026-07-01T22:00:59Z"))
        );
        for zone in ["", "0200", "+2", "+0260", "+é00"] {
            legal.zone = zone.to_owned();
            assert_eq!(Instant::from_legal(&legal), None, "{zone}");
        }
        legal.zone = "+0200".to_owned();
        legal.day = "01/07/26".to_owned();
        assert_eq!(Instant::from_legal(&legal), None, "a year of two digits");
    }

    #[test]
    fn months_are_those_of_the_calendar_and_ctime_is_read() {
        let moved = at("2026-08-31T10:00:00Z").plus_months(30);
        assert_eq!(moved, at("2029-02-28T10:00:00Z"));
        assert_eq!(moved.utc_day(), "20290228");
        let read = Instant::from_ctime("Tue Nov  4 08:05:09 2026");
        assert_eq!(read, Some(at("2026-11-04T08:05:09Z")));
        for text in [
            "",
            "yesterday",
            "Tue Nov 44 08:05:09 2026",
            "Tue Nov 4 2026",
        ] {
            assert_eq!(Instant::from_ctime(text), None, "{text}");
        }
    }

    #[test]
    fn header_date_is_rfc5322() {
        assert_eq!(
            at("2026-11-22T04:19:00Z").header_date(),
            "Sun, 22 Nov 2026 05:19:00 +0100"
        );
    }
}

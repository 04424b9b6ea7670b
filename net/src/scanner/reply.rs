//! What clamd answers, read strictly: a verdict comes only from an answer whose every octet is
//! understood. Names of detections are bounded and lose what could open a line elsewhere (SE-06).

use ceralacca_core::instant::Instant;
use ceralacca_core::limits;
use ceralacca_core::ports::ScanVerdict;

/// clamd alerts so on what it did not look through whole (`AlertExceedsMax`).
const OVER_BOUNDS: &str = "Heuristics.Limits.Exceeded";
/// And so on what it cannot open (`AlertEncrypted`): no infection, and it passes (SE-08).
const ENCRYPTED: &str = "Heuristics.Encrypted.";
/// Before its own verdicts.
const SUBJECT: &str = "stream: ";

/// The verdict of an answer to `INSTREAM`, without its final zero.
pub(super) fn verdict(answer: &[u8]) -> Result<ScanVerdict, String> {
    let text = std::str::from_utf8(answer).map_err(|_| garbled(answer))?;
    if text == "INSTREAM size limit exceeded. ERROR" {
        return Ok(ScanVerdict::TooLong(
            "the virus scanner takes no message of this length: raise StreamMaxLength in clamd.conf \
             above the policy's message_bytes_max, restart clamd, then this appliance"
                .to_owned(),
        ));
    }
    if text.ends_with(" ERROR") {
        return Err(format!("it reports: {}", neutral(text)));
    }
    let said = text.strip_prefix(SUBJECT).ok_or_else(|| garbled(answer))?;
    if said == "OK" {
        return Ok(ScanVerdict::Clean);
    }
    let name = said.strip_suffix(" FOUND").map(neutral);
    match name.filter(|name| !name.is_empty()) {
        Some(name) if name.starts_with(OVER_BOUNDS) => Ok(ScanVerdict::OverBounds(name)),
        Some(name) if name.starts_with(ENCRYPTED) => Ok(ScanVerdict::Clean),
        Some(name) => Ok(ScanVerdict::Infected(name)),
        None => Err(garbled(answer)),
    }
}

/// What clamd says of itself: `ClamAV 1.4.6/27800/Tue Nov 24 08:55:00 2026`, without number and date
/// where its database has none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) text: String,
    pub(super) signatures_at: Option<Instant>,
}

/// How old signatures are to be taken (VI-10).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Age {
    /// As good as no scanner.
    pub(super) is_stale: bool,
    pub(super) alarm: Option<String>,
}

impl Version {
    /// Reads an answer to `VERSION`, without its final zero.
    pub(super) fn read(answer: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(answer).map_err(|_| garbled(answer))?;
        if !text.starts_with("ClamAV ") {
            return Err(garbled(answer));
        }
        let date = text.splitn(3, '/').nth(2);
        Ok(Self {
            text: neutral(text),
            signatures_at: date.and_then(Instant::from_ctime),
        })
    }

    pub(super) fn age(&self, now: Instant, stale_hours_max: u32) -> Age {
        let Some(at) = self.signatures_at else {
            return Age {
                is_stale: false,
                alarm: Some("it tells no date of its signatures".to_owned()),
            };
        };
        let millis = now.as_millis().saturating_sub(at.as_millis());
        let is_over = |hours: u32| millis > i64::from(hours) * 3_600_000;
        let is_stale = is_over(stale_hours_max);
        let told = if is_stale {
            ", which counts as no scanner"
        } else {
            ""
        };
        let alarm = is_over(limits::SCANNER_ALARM_HOURS.min(stale_hours_max)).then(|| {
            format!(
                "its signatures are of {}, over {} hours old{told}: see that freshclam runs",
                at.rfc3339(),
                millis / 3_600_000
            )
        });
        Age { is_stale, alarm }
    }
}

fn garbled(answer: &[u8]) -> String {
    let told = String::from_utf8_lossy(answer);
    format!("its answer is not understood: {:?}", neutral(&told))
}

/// Visible ASCII and blanks, bounded.
fn neutral(text: &str) -> String {
    let visible = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '_'
        }
    };
    let bounded = text.trim().chars().take(limits::DETECTION_NAME_CHARS_MAX);
    bounded.map(visible).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn vi_03_the_name_of_a_detection_is_bounded_and_opens_no_line() {
        let infected = |name: &str| Ok(ScanVerdict::Infected(name.to_owned()));
        assert_eq!(
            verdict(b"stream: Win.Test.EICAR_HDB-1 FOUND"),
            infected("Win.Test.EICAR_HDB-1")
        );
        let evil = "stream: a\r\nBcc: b\u{e9}\0 FOUND";
        assert_eq!(verdict(evil.as_bytes()), infected("a__Bcc: b__"));
        let long = format!("stream: {} FOUND", "n".repeat(5000));
        assert_eq!(
            verdict(long.as_bytes()),
            infected(&"n".repeat(limits::DETECTION_NAME_CHARS_MAX))
        );
    }

    #[test]
    fn vi_10_only_a_whole_answer_is_clean() {
        assert_eq!(verdict(b"stream: OK"), Ok(ScanVerdict::Clean));
        for answer in [
            "",
            "OK",
            "stream:",
            "stream: ",
            "stream: O",
            "stream: ok",
            "stream: OK ",
            " stream: OK",
            "stream:  FOUND",
            "stream: FOUND",
            "x: OK",
            "stream: OK ERROR",
            "UNKNOWN COMMAND",
            "Can't allocate memory ERROR",
            "COMMAND READ TIMED OUT",
            "stream: OK\r",
        ] {
            assert!(verdict(answer.as_bytes()).is_err(), "{answer:?}");
        }
        assert!(verdict(b"stream: \xff FOUND").is_err());
        let two = verdict(b"stream: OK\nstream: X FOUND");
        assert_eq!(two, Ok(ScanVerdict::Infected("OK_stream: X".to_owned())));
    }

    #[test]
    fn se_08_bounds_are_told_apart_and_what_is_encrypted_passes() {
        let over = verdict(b"stream: Heuristics.Limits.Exceeded.MaxScanSize FOUND");
        assert!(matches!(over, Ok(ScanVerdict::OverBounds(_))), "{over:?}");
        let encrypted = verdict(b"stream: Heuristics.Encrypted.Zip FOUND");
        assert_eq!(encrypted, Ok(ScanVerdict::Clean));
        let long = verdict(b"INSTREAM size limit exceeded. ERROR");
        assert!(matches!(long, Ok(ScanVerdict::TooLong(_))), "{long:?}");
    }

    #[test]
    fn vi_10_signatures_alarm_after_24_hours_and_count_as_none_after_72() {
        let now = Instant::from_ctime("Wed Nov 25 12:00:00 2026").unwrap();
        let age = |date: &str| {
            let answer = format!("ClamAV 1.4.6/27800/{date}");
            Version::read(answer.as_bytes()).unwrap().age(now, 72)
        };
        let cases = [
            ("Thu Nov 26 01:00:00 2026", false, false),
            ("Tue Nov 24 12:00:00 2026", false, false),
            ("Tue Nov 24 11:59:59 2026", false, true),
            ("Sun Nov 22 12:00:00 2026", false, true),
            ("Sun Nov 22 11:59:59 2026", true, true),
        ];
        for (date, is_stale, has_alarm) in cases {
            let age = age(date);
            assert_eq!(
                (age.is_stale, age.alarm.is_some()),
                (is_stale, has_alarm),
                "{date}"
            );
        }
        for answer in ["ClamAV 1.4.6", "ClamAV 1.4.6/27800/one day"] {
            let version = Version::read(answer.as_bytes()).unwrap();
            let age = version.age(now, 72);
            assert!(!age.is_stale && age.alarm.is_some(), "{answer}");
        }
        assert!(Version::read(b"UNKNOWN COMMAND").is_err());
    }
}

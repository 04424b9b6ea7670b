//! How full a mailbox is (AC-06), and of which thresholds its holder is warned (AC-17). Pure.

use crate::limits::QUOTA_WARNINGS_PERCENT;

/// How many thresholds `used` octets of `most` have reached.
pub fn level(used: u64, most: u64) -> u8 {
    let reached = |percent: &u8| {
        let (used, most) = (u128::from(used), u128::from(most));
        used > 0 && used * 100 >= most * u128::from(*percent)
    };
    let count = QUOTA_WARNINGS_PERCENT.iter().filter(|p| reached(p)).count();
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// The highest threshold of a level; `None` for none.
pub fn percent(level: u8) -> Option<u8> {
    let index = usize::from(level).checked_sub(1)?;
    QUOTA_WARNINGS_PERCENT.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ac_17_each_threshold_is_reached_at_its_octet() {
        let cases = [
            (0, 0),
            (799, 0),
            (800, 1),
            (949, 1),
            (950, 2),
            (999, 2),
            (1000, 3),
            (5000, 3),
        ];
        for (used, reached) in cases {
            assert_eq!(level(used, 1000), reached, "{used}");
        }
        assert_eq!(level(u64::MAX, u64::MAX), 3);
        assert_eq!(
            (level(0, 0), level(1, 0)),
            (0, 3),
            "an empty one is not full"
        );
        assert_eq!(
            [0, 1, 2, 3, 4].map(percent),
            [None, Some(80), Some(95), Some(100), None]
        );
    }
}

//! Percentiles, and the one error type of a bench: a sentence.

use std::fmt;

/// What stopped a bench.
#[derive(Debug)]
pub struct Trouble(String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Trouble {
    fn from(sentence: &str) -> Self {
        Self(sentence.to_owned())
    }
}

impl From<String> for Trouble {
    fn from(sentence: String) -> Self {
        Self(sentence)
    }
}

macro_rules! from_errors {
    ($($error:ty),*) => {
        $(impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        })*
    };
}

from_errors!(
    std::io::Error,
    ceralacca_admin::client::ClientError,
    ceralacca_admin::control::ControlError,
    ceralacca_hsm::HsmError
);

/// The value below which `share` (0 to 1) of the values lie; 0 for none.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get((last as f64 * share).round() as usize)
        .copied()
        .unwrap_or(0.0)
}

/// The value in the middle; 0 for none.
pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 0.5)
}

/// The mean; 0 for none.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The rate over several turns of as many messages each: all messages over all of the time. 0 for none.
pub fn over_all(rates: &[f64]) -> f64 {
    let seconds: f64 = rates.iter().map(|rate| 1.0 / rate.max(1e-9)).sum();
    rates.len() as f64 / seconds.max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_turn_weighs_by_its_time() {
        // 100 messages in 1 s, then 100 in 3 s.
        let rate = over_all(&[100.0, 100.0 / 3.0]);
        assert!((rate - 50.0).abs() < 1e-9, "{rate}");
        assert!((mean(&[1.0, 3.0]) - 2.0).abs() < 1e-9);
        assert!(over_all(&[]).abs() < 1e-9 && mean(&[]).abs() < 1e-9);
    }
}

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

//! A row: a number of ours beside its target, with what it was computed from. A run is a list of rows and
//! the facts of the machine, as JSON in one file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::machine;
use crate::report;
use crate::sums::Trouble;

/// What a row must reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// More is better.
    AtLeast(f64),
    /// Less is better.
    AtMost(f64),
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The target is reached.
    Pass,
    /// It is not.
    Fail,
    /// There is no target.
    AsFound,
    /// A peer is missing, or the measurement failed.
    NotMeasured,
}

impl Verdict {
    /// In a table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::AsFound => "as found",
            Self::NotMeasured => "not measured",
        }
    }
}

/// One row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Which measurement: the name of its command.
    pub of: String,
    /// What the number says.
    pub what: String,
    /// `times`, `share`, `ms`, `MB`.
    pub unit: String,
    /// Ours; `None` where it was not measured.
    pub value: Option<f64>,
    /// What it must reach; `None` where it is told as found.
    pub target: Option<Target>,
    /// Why it was not measured.
    pub missing: Option<String>,
    /// What it was computed from.
    pub details: Value,
}

impl Row {
    /// A measured row.
    pub fn new(of: &str, what: impl Into<String>, unit: &str, value: f64) -> Self {
        Self {
            of: of.to_owned(),
            what: what.into(),
            unit: unit.to_owned(),
            value: Some(significant(value)),
            target: None,
            missing: None,
            details: Value::Null,
        }
    }

    /// A row that could not be measured, and why.
    pub fn missing(of: &str, why: &Trouble) -> Self {
        Self {
            value: None,
            missing: Some(why.to_string()),
            ..Self::new(of, of, "", 0.0)
        }
    }

    /// With its target.
    pub fn at_least(mut self, bound: f64) -> Self {
        self.target = Some(Target::AtLeast(bound));
        self
    }

    /// With its target.
    pub fn at_most(mut self, bound: f64) -> Self {
        self.target = Some(Target::AtMost(bound));
        self
    }

    /// With what it was computed from.
    pub fn from(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// Whether it reaches its target.
    pub fn verdict(&self) -> Verdict {
        match (self.value, self.target) {
            (None, _) => Verdict::NotMeasured,
            (Some(_), None) => Verdict::AsFound,
            (Some(value), Some(Target::AtLeast(bound))) if value >= bound => Verdict::Pass,
            (Some(value), Some(Target::AtMost(bound))) if value <= bound => Verdict::Pass,
            _ => Verdict::Fail,
        }
    }

    /// How far it is: 1 at the target, more is better; `None` without both.
    pub fn progress(&self) -> Option<f64> {
        match (self.value?, self.target?) {
            (value, Target::AtLeast(bound)) => Some(value / bound.max(f64::MIN_POSITIVE)),
            // At the bound or with nothing used up: as far as a plot goes.
            (value, Target::AtMost(bound)) => Some((bound / value.max(1e-9)).min(1e6)),
        }
    }
}

/// Four digits say all that a measurement knows.
pub fn significant(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    let steps = 10_f64.powi(digits);
    (value * steps).round() / steps
}

/// All of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// On what, when, against which versions.
    pub machine: Value,
    /// In the order in which they were measured.
    pub rows: Vec<Row>,
}

/// Where a measurement's rows go.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Output {
    /// One JSON object on the last line instead of the table.
    #[arg(long)]
    json: bool,
    /// Also a file of JSON, for `report`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Output {
    /// JSON is wanted.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints the rows, and writes them where they are wanted.
    pub fn put(&self, machine: Value, rows: Vec<Row>) -> Result<(), Trouble> {
        let run = Run { machine, rows };
        if let Some(file) = &self.out {
            let text = serde_json::to_string_pretty(&run).map_err(of)?;
            std::fs::write(file, text + "\n")
                .map_err(|error| Trouble::from(format!("{}: {error}", file.display())))?;
        }
        if self.json {
            println!("{}", serde_json::to_string(&run).map_err(of)?);
        } else {
            print!("{}", report::plain(&run));
        }
        Ok(())
    }

    /// Measures and puts what came of it, with the machine as it was before.
    pub fn of(&self, measure: impl FnOnce() -> Result<Vec<Row>, Trouble>) -> Result<(), Trouble> {
        let machine = machine::facts()?;
        self.put(machine, measure()?)
    }
}

fn of(error: serde_json::Error) -> Trouble {
    Trouble::from(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_passes_at_its_target() {
        let row = |value| Row::new("chain", "x", "times", value);
        assert_eq!(row(2.7).at_least(2.7).verdict(), Verdict::Pass);
        assert_eq!(row(2.69).at_least(2.7).verdict(), Verdict::Fail);
        assert_eq!(row(0.4).at_most(0.4).verdict(), Verdict::Pass);
        assert_eq!(row(0.41).at_most(0.4).verdict(), Verdict::Fail);
        assert_eq!(row(0.41).verdict(), Verdict::AsFound);
        let missing = Row::missing("chain", &Trouble::from("no peer"));
        assert_eq!(missing.verdict(), Verdict::NotMeasured);
        assert_eq!(row(0.2).at_most(0.4).progress(), Some(2.0));
    }

    #[test]
    fn numbers_keep_four_digits() {
        assert_eq!(significant(1234.56), 1235.0);
        assert_eq!(significant(0.123_456), 0.1235);
        assert_eq!(significant(0.0), 0.0);
    }
}

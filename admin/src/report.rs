//! What a command answers and how it is printed: words on stdout, or with `--json` one object on stdout
//! and the words on stderr; exit codes 0 to 3.

use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

/// What came of a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// For people; one or more lines.
    pub words: String,
    /// The same as an object.
    pub object: Value,
    /// False: what was asked about is not genuine or not healthy, exit code 1.
    pub held: bool,
}

impl Report {
    /// Done.
    pub fn done(words: impl Into<String>, object: Value) -> Self {
        Self {
            words: words.into(),
            object,
            held: true,
        }
    }
}

/// Why a command was not done; the text is a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Refused or failed: exit code 1.
    #[error("{0}")]
    Refused(String),
    /// Wrong usage that the parser of arguments cannot see: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The appliance runs and does not answer: exit code 3.
    #[error("{0}")]
    Unreachable(String),
}

impl Failure {
    /// Refused, from anything that says why.
    pub fn refused(why: impl std::fmt::Display) -> Self {
        Self::Refused(why.to_string())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }
}

/// Where words and the object go.
#[derive(Debug, Clone, Copy)]
pub struct Voice {
    /// One object on stdout, words on stderr.
    pub json: bool,
}

impl Voice {
    /// Says words now, before the command has ended.
    pub fn say(self, words: &str) {
        // A closed pipe is the reader's choice.
        let _ = if self.json {
            writeln!(std::io::stderr(), "{words}")
        } else {
            writeln!(std::io::stdout(), "{words}")
        };
    }

    /// Prints the one object, with `--json` only.
    pub fn object(self, object: &Value) {
        if self.json {
            let mut out = std::io::stdout();
            let _ = writeln!(out, "{object}");
            let _ = out.flush();
        }
    }

    /// Prints the end of a command.
    pub fn finish(self, end: Result<Report, Failure>) -> ExitCode {
        match end {
            Ok(report) => {
                if !report.words.is_empty() {
                    self.say(report.words.trim_end());
                }
                if !report.object.is_null() {
                    self.object(&report.object);
                }
                ExitCode::from(u8::from(!report.held))
            }
            Err(failure) => {
                let _ = writeln!(std::io::stderr(), "ceralacca: {failure}");
                self.object(&json!({ "error": failure.to_string() }));
                ExitCode::from(failure.code())
            }
        }
    }
}

//! Lines for whoever watches the appliance, on stderr: one event each, never the content of mail. What
//! must not be overlooked is a [task](crate::task) or an alarm of `check` as well; a line can be lost. A closed
//! stderr stops nothing.

use std::cell::RefCell;
use std::fmt;
use std::io::Write;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something was not done.
    Error,
    /// Somebody should look at it.
    Warning,
    /// Worth knowing.
    Notice,
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

thread_local! {
    static KEPT: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Says a line; by way of the macros [`crate::error!`], [`crate::warning!`] and [`crate::notice!`].
pub fn say(severity: Severity, words: fmt::Arguments<'_>) {
    let line = format!("{}: {words}", severity.word());
    let printed = KEPT.with_borrow_mut(|kept| match kept {
        Some(kept) => {
            kept.push(line);
            None
        }
        None => Some(line),
    });
    if let Some(line) = printed {
        // Nobody reads it: nothing to be done.
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}

/// Does something, and gives with its result what this thread said meanwhile, which is not printed: for
/// tests.
pub fn heard<R>(act: impl FnOnce() -> R) -> (R, Vec<String>) {
    let before = KEPT.replace(Some(Vec::new()));
    let result = act();
    (result, KEPT.replace(before).unwrap_or_default())
}

/// Says what was not done.
#[macro_export]
macro_rules! error {
    ($($words:tt)*) => {
        $crate::log::say($crate::log::Severity::Error, format_args!($($words)*))
    };
}

/// Says what somebody should look at.
#[macro_export]
macro_rules! warning {
    ($($words:tt)*) => {
        $crate::log::say($crate::log::Severity::Warning, format_args!($($words)*))
    };
}

/// Says what is worth knowing.
#[macro_export]
macro_rules! notice {
    ($($words:tt)*) => {
        $crate::log::say($crate::log::Severity::Notice, format_args!($($words)*))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_is_what_was_said_here_and_then() {
        let ((), lines) = heard(|| {
            crate::warning!("{} is late", "it");
            crate::notice!("done");
            std::thread::scope(|scope| {
                scope.spawn(|| heard(|| crate::error!("elsewhere")));
            });
        });
        assert_eq!(lines, ["warning: it is late", "notice: done"]);
        assert_eq!(heard(|| ()).1, Vec::<String>::new());
    }
}

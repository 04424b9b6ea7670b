//! HS-10: how many signatures a second a key makes by 1, 2, 4 … sessions, how long each takes, and where more
//! sessions stop to help. The same sessions, checks included, as in service.

use std::sync::Barrier;
use std::time::{Duration, Instant as Moment};

use crate::error::HsmError;
use crate::holder::KeyHolder;
use crate::limits::SESSIONS_MAX;
use crate::pkcs11::{self, Pkcs11Settings};
use crate::pool::{SessionSource, SigningSession, sign_checked};
use crate::public_key::PublicKey;
use crate::{software, vector};

/// What so many sessions did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Sessions that signed side by side.
    pub sessions: usize,
    /// Signatures a second, all together.
    pub per_second: f64,
    /// Half of the calls took no longer.
    pub p50: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
}

/// Less than this part below the best rate is no loss: the least sessions within it are named.
const KNEE: f64 = 0.97;

/// The least sessions that reach the best rate, but for 3 %.
pub fn knee(rows: &[Measured]) -> Option<Measured> {
    let best = rows.iter().map(|row| row.per_second).fold(0.0, f64::max);
    let reaches = |row: &&Measured| row.per_second >= best * KNEE;
    let enough = rows.iter().filter(reaches);
    enough.min_by_key(|row| row.sessions).copied()
}

/// Signs for `time` with each number of sessions up to `sessions_max`, with the key `label` of `holder`.
pub fn measure(
    holder: &KeyHolder,
    label: &str,
    sessions_max: usize,
    time: Duration,
) -> Result<Vec<Measured>, HsmError> {
    let public = holder.key(label)?.public;
    match holder {
        KeyHolder::Software { .. } => {
            let key = std::sync::Arc::new(holder.load(label)?);
            rows(&software::source(key), &public, sessions_max, time)
        }
        KeyHolder::Sealed { .. } => {
            let key = std::sync::Arc::new(holder.load(label)?);
            rows(&vector::source(key)?, &public, sessions_max, time)
        }
        KeyHolder::Token(settings) => {
            let settings = Pkcs11Settings {
                key_label: label.to_owned(),
                ..settings.clone()
            };
            let source = pkcs11::source(&settings, public.clone(), false)?;
            rows(&source, &public, sessions_max, time)
        }
    }
}

fn rows<S: SessionSource>(
    source: &S,
    public: &PublicKey,
    sessions_max: usize,
    time: Duration,
) -> Result<Vec<Measured>, HsmError> {
    let most = sessions_max.clamp(1, SESSIONS_MAX);
    let doubled = std::iter::successors(Some(1_usize), |sessions| Some(sessions * 2));
    let mut counts: Vec<usize> = doubled.take_while(|sessions| *sessions < most).collect();
    counts.push(most);
    // One stays open: closing the last session of a token logs it out.
    let _kept = source.open()?;
    let measured = counts
        .into_iter()
        .map(|sessions| row(source, public, sessions, time));
    measured.collect()
}

fn row<S: SessionSource>(
    source: &S,
    public: &PublicKey,
    sessions: usize,
    time: Duration,
) -> Result<Measured, HsmError> {
    let start = Barrier::new(sessions);
    let calls: Result<Vec<Vec<Duration>>, HsmError> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..sessions)
            .map(|_| scope.spawn(|| calls(source, public, &start, time)))
            .collect();
        let joined = threads.into_iter().map(|thread| {
            let failed = || HsmError::NotPossible("a thread of the measure failed".to_owned());
            thread.join().map_err(|_| failed())?
        });
        joined.collect()
    });
    let mut calls: Vec<Duration> = calls?.into_iter().flatten().collect();
    calls.sort_unstable();
    let signatures = calls.len() * S::Session::AT_ONCE;
    let at = |part: f64| {
        let index = (calls.len() as f64 * part) as usize;
        calls.get(index.min(calls.len().saturating_sub(1))).copied()
    };
    Ok(Measured {
        sessions,
        per_second: signatures as f64 / time.as_secs_f64(),
        p50: at(0.5).unwrap_or_default(),
        p99: at(0.99).unwrap_or_default(),
    })
}

/// The times of the calls that ended within `time`.
fn calls<S: SessionSource>(
    source: &S,
    public: &PublicKey,
    start: &Barrier,
    time: Duration,
) -> Result<Vec<Duration>, HsmError> {
    let opened = source.open();
    // Who could not open comes too: the others wait for all.
    start.wait();
    let mut session = opened?;
    let begun = Moment::now();
    let mut calls = Vec::new();
    loop {
        // As long as signed attributes are, and never twice the same.
        let octets: Vec<[u8; 170]> = (0..S::Session::AT_ONCE)
            .map(|lane| {
                let mut octets = [lane as u8; 170];
                octets[..8].copy_from_slice(&(calls.len() as u64).to_be_bytes());
                octets
            })
            .collect();
        let octets: Vec<&[u8]> = octets.iter().map(<[u8; 170]>::as_slice).collect();
        let asked = Moment::now();
        sign_checked(source, &mut session, public, &octets, drop)?;
        if begun.elapsed() > time {
            return Ok(calls);
        }
        calls.push(asked.elapsed());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sim::{self, SimSettings};
    use crate::software::SoftwareKey;
    use std::sync::Arc;

    #[test]
    fn hs_10_the_knee_of_a_module_that_signs_four_at_once_is_found() {
        let key = Arc::new(SoftwareKey::generate(2048).unwrap());
        let public = key.public().clone();
        let settings = SimSettings {
            delay: Duration::from_millis(40),
            parallelism: 4,
            ..SimSettings::default()
        };
        let source = sim::Source::new(key, settings);
        let rows = rows(&source, &public, 12, Duration::from_millis(1_500)).unwrap();
        let counts: Vec<usize> = rows.iter().map(|row| row.sessions).collect();
        assert_eq!(counts, [1, 2, 4, 8, 12]);
        for row in &rows {
            // Never faster than the module, and four at once are all that it does.
            assert!(row.p50 >= settings.delay && row.p99 >= row.p50, "{rows:?}");
            assert!(row.per_second <= 4.0 / 0.04, "{rows:?}");
        }
        assert!(rows[2].per_second > rows[0].per_second * 2.0, "{rows:?}");
        let row = |sessions, per_second| Measured {
            sessions,
            per_second,
            ..rows[0]
        };
        let table = [row(1, 50.0), row(2, 99.0), row(4, 98.0), row(8, 100.0)];
        assert_eq!(knee(&table).unwrap().sessions, 2);
        assert_eq!(knee(&[]), None);
    }
}

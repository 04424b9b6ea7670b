//! The virus scanner clamd (VI-01, VI-10, VI-14, SE-08), spoken to with blocking sockets from threads
//! that may wait. A message is streamed in chunks and never altered; only an answer that is understood
//! whole gives a verdict, everything else is [`ScannerAway`], never clean.
//!
//! What `clamd.conf` must say, for clamd looks into archives and nested messages itself:
//!
//! ```text
//! StreamMaxLength 100M     above the policy's largest message, else it is held and the operator is told
//! AlertExceedsMax yes      an archive over MaxScanSize, MaxFiles, MaxRecursion, MaxScanTime is told
//! MaxFileSize 400M         not below MaxScanSize: a larger file in an archive is cut, silently
//! HeuristicScanPrecedence no   (as delivered) a virus is told before a bound or an encrypted archive
//! ```
//!
//! How old its signatures are is read from the answer to `VERSION`, which has their date in clamd's local
//! time; it is taken as UTC, hours off at most. Databases of a house's own may have none: that raises the
//! alarm of VI-10 and no more, since nothing says that they are old.

mod address;
mod pool;
mod reply;
mod talk;

#[cfg(test)]
mod tests;

use std::io::Read;

use ceralacca_core::instant::Instant;
use ceralacca_core::ports::{ScanVerdict, ScannerAway, ScannerHealth, VirusScanner};

pub use address::{ClamdAddress, ClamdAddresses};
use pool::Pool;

/// One clamd server or several; another one takes over where one fails.
pub struct Clamd {
    addresses: ClamdAddresses,
    pool: Pool,
    stale_hours_max: u32,
}

impl Clamd {
    /// Servers whose signatures, once older than `stale_hours_max`, are not asked any more.
    pub fn new(addresses: ClamdAddresses, stale_hours_max: u32) -> Self {
        Self {
            pool: Pool::of(addresses.list()),
            addresses,
            stale_hours_max,
        }
    }
}

impl VirusScanner for Clamd {
    /// A server that cannot be reached gives way to the next; one that fails when octets were taken from
    /// `message` ends this scan, and the next one goes elsewhere.
    fn scan(&self, message: &mut dyn Read) -> Result<ScanVerdict, ScannerAway> {
        let mut troubles = Vec::new();
        for server in self.pool.in_turn() {
            let Some(_place) = server.place() else {
                troubles.push(format!("{}: too many scans at once", server.address));
                continue;
            };
            match talk::connect(&server.address) {
                Ok(stream) => {
                    let verdict = talk::scan(stream, message);
                    server.settle(verdict.is_ok());
                    return verdict.map_err(|why| away(&server.address, &why));
                }
                Err(why) => {
                    server.settle(false);
                    troubles.push(format!("{}: {why}", server.address));
                }
            }
        }
        if troubles.is_empty() {
            troubles.push(format!(
                "{}: the signatures are older than {} hours",
                self.addresses, self.stale_hours_max
            ));
        }
        Err(ScannerAway(troubles.join("; ")))
    }

    fn describe(&self) -> String {
        format!("clamd at {}", self.addresses.joined())
    }

    fn health(&self, now: Instant) -> ScannerHealth {
        let mut health = ScannerHealth {
            reachable: false,
            signatures_at: None,
            version: String::new(),
            alarm: None,
        };
        let mut alarms = Vec::new();
        for server in self.pool.all() {
            let look = talk::connect(&server.address).and_then(talk::version);
            match look {
                Ok(version) => {
                    let age = version.age(now, self.stale_hours_max);
                    server.settle(true);
                    server.set_stale(age.is_stale);
                    health.reachable |= !age.is_stale;
                    // The oldest of the pool: nothing newer is promised.
                    health.signatures_at = match (health.signatures_at, version.signatures_at) {
                        (Some(one), Some(other)) => Some(one.min(other)),
                        (one, other) => one.or(other),
                    };
                    if health.version.is_empty() {
                        health.version = version.text;
                    }
                    alarms.extend(age.alarm.map(|why| format!("{}: {why}", server.address)));
                }
                Err(why) => {
                    server.settle(false);
                    alarms.push(format!("{}: {why}", server.address));
                }
            }
        }
        health.alarm = (!alarms.is_empty()).then(|| alarms.join("; "));
        health
    }
}

fn away(address: &ClamdAddress, why: &str) -> ScannerAway {
    ScannerAway(format!("{address}: {why}"))
}

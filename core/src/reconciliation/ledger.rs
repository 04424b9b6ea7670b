//! The fold over the journal: for each key, what its signer counted and what the log holds.

use std::collections::BTreeMap;

use super::KeyMark;
use crate::instant::Instant;
use crate::journal::record::{Evidence, Record, SignaturesNoted, TaskSettled};
use crate::limits::SIGNATURES_UNDER_WAY_MAX;
use crate::task::TaskKind;

/// All that the journal says of the keys, up to some position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    keys: BTreeMap<KeyMark, Account>,
}

/// One key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Account {
    /// Of runs that have ended.
    ended: Sums,
    /// Logged since the last note of a run that broke off.
    uncounted: u64,
    /// Not in the log when their run ended.
    left: u64,
    /// Logged and never made.
    missing: u64,
    /// Made in runs that ended, above what can have been under way.
    excess: u64,
    /// `missing` and `excess` that an operator has looked into.
    settled: u64,
    run: Run,
}

/// The run that goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Run {
    sums: Sums,
    /// Logged since the last note.
    unnoted: u64,
    /// Logged and never made.
    missing: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    made: u64,
    logged: u64,
    other: u64,
    dropped: u64,
}

impl Sums {
    fn explained(self) -> u64 {
        self.logged + self.other + self.dropped
    }

    fn add(&mut self, more: Self) {
        self.made += more.made;
        self.logged += more.logged;
        self.other += more.other;
        self.dropped += more.dropped;
    }
}

/// A reconciliation, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// When.
    pub at: Instant,
    /// The keys that were ever used.
    pub keys: Vec<KeyLine>,
}

/// One key of a [`Reconciled`]: `made + uncounted + missing = logged + other + dropped + left + under_way`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLine {
    /// Which.
    pub key: KeyMark,
    /// Signatures that its signer counted.
    pub made: u64,
    /// Signed messages in the log.
    pub logged: u64,
    /// Of those: logged after the last note before a crash, which lost the signer's count.
    pub uncounted: u64,
    /// Signatures over what is no message.
    pub other: u64,
    /// Signed and not committed: done already, or drafted anew.
    pub dropped: u64,
    /// Signed and under way, or given up by a signer that was away.
    pub under_way: u64,
    /// The same of runs that have ended.
    pub left: u64,
    /// Messages in the log that the key never signed here.
    pub missing: u64,
    /// Signatures beyond what can be under way.
    pub excess: u64,
    /// An operator has looked into all that is missing or in excess.
    pub is_settled: bool,
}

impl KeyLine {
    /// What an operator must look into.
    pub fn alarm(&self) -> Option<String> {
        let Self {
            key,
            missing,
            excess,
            ..
        } = self;
        match (self.is_settled, *missing, *excess) {
            (true, ..) | (_, 0, 0) => None,
            (_, 0, _) => Some(format!(
                "the key {key} made {excess} signatures that neither the log nor any known reason explains"
            )),
            _ => Some(format!(
                "the log holds {missing} signed messages more than the key {key} has signed here: somebody \
                 else uses the key, or the log was forged"
            )),
        }
    }
}

impl std::fmt::Display for KeyLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "key {}: {} made, {} in the log",
            self.key, self.made, self.logged
        )?;
        for (count, words) in [
            (self.uncounted, "of those not counted: a crash"),
            (self.other, "for the index of providers"),
            (self.dropped, "not needed: done already or drafted anew"),
            (self.under_way, "under way"),
            (self.left, "left when a run ended"),
            (self.missing, "in the log and NEVER MADE"),
            (self.excess, "made and NOT EXPLAINED"),
        ] {
            if count > 0 {
                write!(f, ", {count} {words}")?;
            }
        }
        Ok(())
    }
}

impl Ledger {
    /// One record more.
    pub fn take(&mut self, record: &Record) {
        match record {
            Record::Accepted(r) => self.logged(&r.evidence),
            Record::Refused(r) => self.logged(&r.evidence),
            Record::Certified(r) => self.logged(&r.evidence),
            Record::Answered(r) => self.logged(&r.evidence),
            Record::TimerFired(r) => self.logged(&r.evidence),
            Record::SignaturesNoted(r) => self.noted(r),
            Record::Started(_) => self.broke_off(),
            Record::TaskSettled(r) => self.settled(r),
            _ => {}
        }
    }

    /// As it stands.
    pub fn reconciled(&self, at: Instant) -> Reconciled {
        let lines = self.keys.iter().map(|(key, account)| account.line(*key));
        Reconciled {
            at,
            keys: lines.collect(),
        }
    }

    /// `made` names each signed message of the step.
    fn logged(&mut self, evidence: &Evidence) {
        let count = evidence.made.len() as u64;
        match evidence.signed_by.as_slice() {
            [key] => self.account(*key).run.log(count),
            keys => keys.iter().for_each(|key| self.account(*key).run.log(1)),
        }
    }

    fn noted(&mut self, note: &SignaturesNoted) {
        for said in &note.keys {
            self.account(said.key).run.sums.add(Sums {
                made: said.made,
                logged: 0,
                other: said.other,
                dropped: said.dropped,
            });
        }
        for account in self.keys.values_mut() {
            account.run.note();
            if note.closes {
                account.end();
            }
        }
    }

    /// A start ends the run before it; one that was not closed broke off, and the count since its last note
    /// is lost.
    fn broke_off(&mut self) {
        for account in self.keys.values_mut() {
            let run = &mut account.run;
            let uncounted = std::mem::take(&mut run.unnoted);
            account.uncounted += uncounted;
            // They count as made: nothing says that they were not.
            run.sums.logged -= uncounted;
            account.ended.logged += uncounted;
            account.end();
        }
    }

    fn settled(&mut self, task: &TaskSettled) {
        if task.key.kind != TaskKind::SignatureCount {
            return;
        }
        for (key, account) in &mut self.keys {
            if task.key.identifier.as_str().contains(&key.to_string()) {
                let line = account.line(*key);
                account.settled = line.missing + line.excess;
            }
        }
    }

    fn account(&mut self, key: KeyMark) -> &mut Account {
        self.keys.entry(key).or_default()
    }
}

impl Run {
    fn log(&mut self, count: u64) {
        self.sums.logged += count;
        self.unnoted += count;
    }

    /// All that was logged until now was signed until now.
    fn note(&mut self) {
        self.unnoted = 0;
        let made = self.sums.made + self.missing;
        self.missing += self.sums.explained().saturating_sub(made);
    }

    fn under_way(&self) -> u64 {
        (self.sums.made + self.missing).saturating_sub(self.sums.explained())
    }

    fn excess(&self) -> u64 {
        let under_way = self.under_way();
        if under_way > SIGNATURES_UNDER_WAY_MAX {
            under_way
        } else {
            0
        }
    }
}

impl Account {
    fn end(&mut self) {
        let run = std::mem::take(&mut self.run);
        let (under_way, excess) = (run.under_way(), run.excess());
        self.ended.add(run.sums);
        self.missing += run.missing;
        self.left += under_way - excess;
        self.excess += excess;
    }

    fn line(&self, key: KeyMark) -> KeyLine {
        let mut sums = self.ended;
        sums.add(self.run.sums);
        let excess = self.run.excess();
        let (missing, all_excess) = (self.missing + self.run.missing, self.excess + excess);
        KeyLine {
            key,
            made: sums.made,
            logged: sums.logged,
            uncounted: self.uncounted,
            other: sums.other,
            dropped: sums.dropped,
            under_way: self.run.under_way() - excess,
            left: self.left,
            missing,
            excess: all_excess,
            is_settled: self.settled >= missing + all_excess,
        }
    }
}

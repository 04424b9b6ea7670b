//! Wrong passwords (SE-01), counted over all protocols together. Pure; time comes in with each call.
//!
//! *Problem.* Whoever guesses must be stopped, and must not be able to stop the holder. *Rejected:* a lock
//! on the account, which anybody on earth could turn. *Algorithm.* Ten wrong passwords within ten
//! minutes lock the **pair** of account and source, each time twice as long. Above the pairs two coarser
//! counts stop guesses spread over many sources of one account, or many accounts of one source. A source
//! from which the account was opened lately is **known**: the coarser counts do not touch it, and under a
//! lock it still has one try every half minute, so that the right password opens soon.
//!
//! *Bounds.* All tables are bounded; where the pairs are full, those longest at rest make room, locked
//! ones last. All of it is memory of the run: a restart forgets locks and known sources alike.

use std::collections::{HashMap, VecDeque};

use super::{Account, Source};
use crate::instant::Instant;
use crate::limits;

/// When a pair is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Wrong passwords of a pair that lock it.
    pub failures_max: u32,
    /// Within so long (ms).
    pub window_ms: i64,
    /// The first lock (ms); each further one is twice as long.
    pub lock_ms: i64,
}

/// No try counts before this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locked {
    /// When it ends.
    pub until: Instant,
}

/// What is known of one pair.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    /// When wrong passwords came, within the window.
    wrong: VecDeque<Instant>,
    locked_until: Instant,
    /// Locks in a row.
    locks: u32,
    last: Instant,
    /// A known source may try again then.
    next_try: Instant,
}

/// Wrong passwords of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    since: Instant,
    wrong: u32,
}

/// A lock as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// From where; `None`: from all places that are not known.
    pub source: Option<Source>,
    /// Until when.
    pub until: Instant,
}

/// All counts.
#[derive(Debug)]
pub struct Attempts {
    rules: Rules,
    pairs: HashMap<(Account, Source), Pair>,
    accounts: HashMap<Account, Count>,
    sources: HashMap<Source, Count>,
    known: HashMap<Account, Vec<(Source, Instant)>>,
    most: usize,
}

impl Attempts {
    /// Nothing counted yet.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            pairs: HashMap::new(),
            accounts: HashMap::new(),
            sources: HashMap::new(),
            known: HashMap::new(),
            most: limits::SIGN_IN_PAIRS_MAX,
        }
    }

    /// Whether a password may be looked at.
    pub fn check(
        &mut self,
        account: &Account,
        source: &Source,
        now: Instant,
    ) -> Result<(), Locked> {
        let Some(until) = self.locked_until(account, source, now) else {
            return Ok(());
        };
        let pair = self.pairs.get_mut(&(account.clone(), source.clone()));
        if is_known(&self.known, account, source, now)
            && let Some(pair) = pair
        {
            if pair.next_try > now {
                let until = until.min(pair.next_try);
                return Err(Locked { until });
            }
            pair.next_try = now.plus_millis(limits::LOCKED_KNOWN_TRY_MS);
            return Ok(());
        }
        Err(Locked { until })
    }

    /// What came of a password that was looked at. A right one opens nothing where enough wrong ones came
    /// while it was looked at.
    pub fn settle(
        &mut self,
        (account, source): (&Account, &Source),
        is_right: bool,
        now: Instant,
    ) -> Result<(), Locked> {
        if !is_right {
            self.count_wrong(account, source, now);
            return Ok(());
        }
        if !is_known(&self.known, account, source, now)
            && let Some(until) = self.locked_until(account, source, now)
        {
            return Err(Locked { until });
        }
        self.pairs.remove(&(account.clone(), source.clone()));
        self.note_known(account, source, now);
        Ok(())
    }

    /// Locks of an account.
    pub fn locks_of(&self, account: &Account, now: Instant) -> Vec<Lock> {
        let pairs = self.pairs.iter();
        let of_it = pairs.filter(|((of, _), pair)| of == account && pair.locked_until > now);
        let mut locks: Vec<Lock> = of_it
            .map(|((_, source), pair)| Lock {
                source: Some(source.clone()),
                until: pair.locked_until,
            })
            .collect();
        locks.sort_by(|a, b| a.source.cmp(&b.source));
        let most = self.rules.failures_max * limits::ACCOUNT_FAILURES_FACTOR;
        let all = self.accounts.get(account);
        let until = all.and_then(|count| count.locked_until(most, &self.rules, now));
        locks.extend(until.map(|until| Lock {
            source: None,
            until,
        }));
        locks
    }

    /// Forgets all wrong passwords of an account; answers how many locks that ended.
    pub fn unlock(&mut self, account: &Account, now: Instant) -> usize {
        let locks = self.locks_of(account, now).len();
        self.pairs.retain(|(of, _), _| of != account);
        self.accounts.remove(account);
        locks
    }

    fn locked_until(&self, account: &Account, source: &Source, now: Instant) -> Option<Instant> {
        let pair = self.pairs.get(&(account.clone(), source.clone()));
        if let Some(pair) = pair.filter(|pair| pair.locked_until > now) {
            return Some(pair.locked_until);
        }
        if is_known(&self.known, account, source, now) {
            return None;
        }
        let most = self.rules.failures_max;
        let of_account = self.accounts.get(account).and_then(|count| {
            count.locked_until(most * limits::ACCOUNT_FAILURES_FACTOR, &self.rules, now)
        });
        let of_source = self.sources.get(source).and_then(|count| {
            count.locked_until(most * limits::SOURCE_FAILURES_FACTOR, &self.rules, now)
        });
        of_account.max(of_source)
    }

    fn count_wrong(&mut self, account: &Account, source: &Source, now: Instant) {
        self.make_room(now);
        let rules = self.rules;
        let key = (account.clone(), source.clone());
        let pair = self.pairs.entry(key).or_insert_with(|| Pair {
            wrong: VecDeque::new(),
            locked_until: now,
            locks: 0,
            last: now,
            next_try: now,
        });
        pair.count(&rules, now);
        // The holder's own mistakes stop nobody elsewhere.
        if !is_known(&self.known, account, source, now) {
            let counted = [
                self.accounts
                    .entry(account.clone())
                    .or_insert(Count::at(now)),
                self.sources.entry(source.clone()).or_insert(Count::at(now)),
            ];
            counted.into_iter().for_each(|count| count.add(&rules, now));
        }
    }

    fn note_known(&mut self, account: &Account, source: &Source, now: Instant) {
        let is_new = !self.known.contains_key(account);
        if is_new && self.known.len() >= self.most {
            let oldest = now.plus_millis(-limits::SOURCE_KNOWN_MS);
            self.known
                .retain(|_, sources| sources.iter().any(|(_, at)| *at > oldest));
            if self.known.len() >= self.most {
                return;
            }
        }
        let sources = self.known.entry(account.clone()).or_default();
        match sources.iter_mut().find(|(one, _)| one == source) {
            Some((_, at)) => *at = now,
            None => {
                if sources.len() >= limits::KNOWN_SOURCES_MAX
                    && let Some(oldest) = (0..sources.len()).min_by_key(|n| sources[*n].1)
                {
                    sources.swap_remove(oldest);
                }
                sources.push((source.clone(), now));
            }
        }
    }

    /// Keeps every table under its bound.
    fn make_room(&mut self, now: Instant) {
        let (rules, most) = (self.rules, self.most);
        if self.pairs.len() >= most {
            self.pairs.retain(|_, pair| !pair.is_at_rest(now));
            thin(&mut self.pairs, most, |pair| {
                (pair.locked_until > now, pair.last)
            });
        }
        if self.accounts.len() >= most {
            self.accounts.retain(|_, count| !count.is_over(&rules, now));
            thin(&mut self.accounts, most, |count| count.wrong);
        }
        if self.sources.len() >= most {
            self.sources.retain(|_, count| !count.is_over(&rules, now));
            thin(&mut self.sources, most, |count| count.wrong);
        }
    }
}

/// The account was opened from there lately.
fn is_known(
    known: &HashMap<Account, Vec<(Source, Instant)>>,
    account: &Account,
    source: &Source,
    now: Instant,
) -> bool {
    let lately = |at: &Instant| *at > now.plus_millis(-limits::SOURCE_KNOWN_MS);
    let sources = known.get(account);
    sources.is_some_and(|all| all.iter().any(|(one, at)| one == source && lately(at)))
}

/// Drops an eighth of what is least worth keeping, where a table is full.
fn thin<K: std::hash::Hash + Eq + Clone, V, W: Ord + Copy>(
    table: &mut HashMap<K, V>,
    most: usize,
    worth: impl Fn(&V) -> W,
) {
    if table.len() < most {
        return;
    }
    let mut all: Vec<(W, K)> = table.iter().map(|(k, v)| (worth(v), k.clone())).collect();
    let gone = (all.len() / 8).max(1).min(all.len());
    if gone < all.len() {
        all.select_nth_unstable_by_key(gone, |(worth, _)| *worth);
    }
    for (_, key) in all.into_iter().take(gone) {
        table.remove(&key);
    }
}

impl Pair {
    fn count(&mut self, rules: &Rules, now: Instant) {
        if self.is_at_rest(now) {
            self.locks = 0;
        }
        self.last = now;
        // Under a lock nothing is counted: a wrong try of a known source does not prolong it.
        if self.locked_until > now {
            return;
        }
        self.wrong.push_back(now);
        let since = now.plus_millis(-rules.window_ms);
        while self.wrong.front().is_some_and(|at| *at <= since) {
            self.wrong.pop_front();
        }
        if self.wrong.len() >= rules.failures_max as usize {
            self.wrong.clear();
            let twice = 1i64.checked_shl(self.locks).unwrap_or(i64::MAX);
            let long = rules.lock_ms.saturating_mul(twice.max(1));
            self.locked_until = now.plus_millis(long.min(limits::LOCK_MS_MAX));
            self.next_try = now;
            self.locks = self.locks.saturating_add(1).min(30);
        }
    }

    /// Nothing came for so long that earlier locks are forgotten.
    fn is_at_rest(&self, now: Instant) -> bool {
        self.locked_until <= now && now > self.last.plus_millis(limits::LOCK_MS_MAX)
    }
}

impl Count {
    const fn at(since: Instant) -> Self {
        Self { since, wrong: 0 }
    }

    fn add(&mut self, rules: &Rules, now: Instant) {
        if self.is_over(rules, now) {
            *self = Self::at(now);
        }
        self.wrong = self.wrong.saturating_add(1);
    }

    fn is_over(&self, rules: &Rules, now: Instant) -> bool {
        now >= self.since.plus_millis(rules.window_ms)
    }

    fn locked_until(&self, most: u32, rules: &Rules, now: Instant) -> Option<Instant> {
        let is_locked = self.wrong >= most && !self.is_over(rules, now);
        is_locked.then(|| self.since.plus_millis(rules.window_ms))
    }
}

#[cfg(test)]
mod tests;

//! What SEARCH answers: the old list of numbers, or ESEARCH (RFC 4731) with what was asked for, and what
//! SAVE keeps (RFC 5182 §2.4).

use ceralacca_core::mailbox::Uid;

use crate::imap::codec::Returns;
use crate::imap::codec::output::Output;
use crate::imap::selected::Target;

/// Numbers in ascending order, runs joined.
#[derive(Debug, Default, Clone)]
pub struct Runs(Vec<(u32, u32)>);

impl Runs {
    /// Adds a number above all others, or any other as a run of its own.
    pub fn push(&mut self, number: u32) {
        match self.0.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => self.0.push((number, number)),
        }
    }

    /// As ranges.
    pub fn into_ranges(self) -> Vec<(u32, u32)> {
        self.0
    }

    fn write(&self, out: &mut Output) {
        for (at, (first, last)) in self.0.iter().enumerate() {
            out.text(if at > 0 { "," } else { "" })
                .number((*first).into());
            if first != last {
                out.text(":").number((*last).into());
            }
        }
    }
}

/// A message that was found.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    /// As it is answered.
    pub number: u32,
    /// UID.
    pub uid: Uid,
    /// Mod-sequence.
    pub modseq: u64,
}

impl Hit {
    /// Of a message.
    pub fn of(target: &Target, by_uid: bool) -> Self {
        let uid = target.row.uid;
        Self {
            number: if by_uid { uid } else { target.number },
            uid,
            modseq: target.row.modseq,
        }
    }
}

/// What was found, as far as the answer needs it.
#[derive(Debug, Default)]
pub struct Tally {
    count: u64,
    first: Option<Hit>,
    last: Option<Hit>,
    numbers: Runs,
    uids: Runs,
    modseq: u64,
}

impl Tally {
    /// Takes the next one; for SORT in the order of the answer.
    pub fn take(&mut self, hit: Hit, returns: Returns) {
        self.count += 1;
        self.first.get_or_insert(hit);
        self.last = Some(hit);
        self.modseq = self.modseq.max(hit.modseq);
        if returns.all {
            self.numbers.push(hit.number);
        }
        if returns.save {
            self.uids.push(hit.uid);
        }
    }

    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The highest mod-sequence of what is answered (RFC 7162 §3.1.5, RFC 4731 §3.2).
    pub fn modseq(&self, returns: Returns) -> u64 {
        let of =
            |hit: Option<Hit>, wanted: bool| hit.filter(|_| wanted).map_or(0, |hit| hit.modseq);
        match returns.all || returns.count || !(returns.min || returns.max) {
            true => self.modseq,
            false => of(self.first, returns.min).max(of(self.last, returns.max)),
        }
    }

    /// What `$` means from now on.
    pub fn saved(self, returns: Returns) -> Vec<(u32, u32)> {
        if returns.all || returns.count || !(returns.min || returns.max) {
            return self.uids.into_ranges();
        }
        let mut runs = Runs::default();
        let first = self.first.filter(|_| returns.min);
        let last = self.last.filter(|_| returns.max);
        for hit in first.into_iter().chain(last) {
            runs.push(hit.uid);
        }
        let mut ranges = runs.into_ranges();
        ranges.sort_unstable();
        ranges.dedup();
        ranges
    }

    /// `* ESEARCH …`
    pub fn write(&self, out: &mut Output, tag: &str, by_uid: bool, returns: Returns, modseq: bool) {
        out.text("* ESEARCH (TAG \"")
            .text(tag)
            .text(if by_uid { "\") UID" } else { "\")" });
        if let Some(hit) = self.first.filter(|_| returns.min) {
            out.text(" MIN ").number(hit.number.into());
        }
        if let Some(hit) = self.last.filter(|_| returns.max) {
            out.text(" MAX ").number(hit.number.into());
        }
        if returns.count {
            out.text(" COUNT ").number(self.count);
        }
        if returns.all && !self.is_empty() {
            out.text(" ALL ");
            self.numbers.write(out);
        }
        if modseq && !self.is_empty() {
            out.text(" MODSEQ ").number(self.modseq(returns));
        }
        out.end();
    }
}

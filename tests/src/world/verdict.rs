//! What is said of a healed world, from the octets in its mailboxes, what its users were told, and what
//! the network carried. The table of TO-01 to TO-07 is written down here a second time; of the product
//! only the readers of views are used, never a decision.

use super::mail::{Sent, Told};
use super::mailboxes::{Fate, Found, bare, fate_of, read_all};
use super::network::Carried;
use super::ports::{DOMAINS, service_of};
use super::provider::{Kind, MAILBOXES};
use super::{HOUR, MINUTE, SECOND, World};
use crate::message::{Part, find};
use crate::sealed::Sealed;

/// TO-02: the first notice, and how late it may be; also what a provider that works needs for a step.
const FIRST: i64 = 12 * HOUR;
const FINAL: i64 = 23 * HOUR + 30 * MINUTE;
const LATENESS: i64 = 10 * MINUTE;
/// Clocks are wrong by half a second at most, and certification data know seconds.
const BLUR: i64 = 2 * SECOND;

/// Says it; what is wrong fails the test with the seed.
pub fn judge(world: &World) {
    let judge = Judge::new(world);
    judge.nothing_is_held();
    judge.service_messages_stay_apart();
    judge.what_was_carried_lies_once();
    for sent in &world.sent {
        judge.submission(sent);
    }
    judge.mail_from_outside();
    judge.holders_are_warned_once();
}

struct Judge<'w> {
    world: &'w World,
    found: Vec<Found>,
}

impl<'w> Judge<'w> {
    fn new(world: &'w World) -> Self {
        let found = world.providers.iter().flat_map(read_all).collect();
        Self { world, found }
    }

    fn claim(&self, holds: bool, why: impl FnOnce() -> String) {
        if !holds {
            self.world.fail(&why());
        }
    }

    fn nothing_is_held(&self) {
        for provider in &self.world.providers {
            let held = provider.stepper.as_ref().map(|s| s.status().held);
            let held = held.unwrap_or_default();
            self.claim(held.is_empty(), || format!("work is held: {held:?}"));
        }
    }

    /// TC-02, TC-08, VI-04: messages between providers reach no holder, and nothing else their mailbox.
    fn service_messages_stay_apart(&self) {
        for found in &self.found {
            let is_service = found.mailbox == service_of(DOMAINS[found.provider]);
            let is_theirs = ["presa-in-carico", "rilevazione-virus"].contains(&&*found.kind);
            self.claim(is_service || !is_theirs, || {
                format!("{} lies in {}", found.kind, found.mailbox)
            });
        }
    }

    /// IP-18: what was answered `250`, once or more often, lies in its mailbox once.
    fn what_was_carried_lies_once(&self) {
        let mut judged: Vec<(usize, &[u8])> = Vec::new();
        for carried in &self.world.carried {
            let octets = carried.parcel.octets.as_slice();
            if judged.contains(&(carried.to, octets)) {
                continue;
            }
            judged.push((carried.to, octets));
            let part = Part::parse(octets);
            let Some(kind) = part.get("X-Ricevuta") else {
                continue;
            };
            let to = carried.parcel.recipients.first().map(|a| a.key());
            let to = to.unwrap_or_default();
            let here = |f: &&Found| f.provider == carried.to && f.raw.ends_with(octets);
            let copies: Vec<&str> = self
                .found
                .iter()
                .filter(here)
                .map(|f| f.mailbox.as_str())
                .collect();
            self.claim(copies == [to.as_str()], || {
                format!("{kind} for {to} was taken in and lies in {copies:?}")
            });
        }
    }

    fn mail_from_outside(&self) {
        for (token, mailbox) in &self.world.from_outside {
            let here = |f: &&Found| f.mailbox == *mailbox && f.kind == "errore";
            let copies = self.found.iter().filter(here);
            let copies = copies
                .filter(|f| find(&f.raw, token.as_bytes()).is_some())
                .count();
            self.claim(copies == 1, || {
                format!("{token} from outside lies {copies} times in {mailbox}")
            });
        }
    }

    /// AC-17: nobody removes anything here, so each threshold is told of at most once, and the highest that
    /// is reached has been.
    fn holders_are_warned_once(&self) {
        for provider in &self.world.providers {
            let stepper = provider.stepper.as_ref().expect("up after the healing");
            for row in stepper.view().mailboxes() {
                let address = row.address.key();
                let of_it = |f: &&Found| f.provider == provider.number && f.mailbox == address;
                let told: Vec<u64> = self
                    .found
                    .iter()
                    .filter(of_it)
                    .filter_map(percent)
                    .collect();
                let used = stepper.view().usage(row.id) * 100 / row.quota;
                let reached = [100, 95, 80].into_iter().find(|percent| used >= *percent);
                let reached = reached.filter(|_| !row.service);
                let what = || format!("{address} has {used} % in use and was told of {told:?}");
                self.claim(told.iter().max().copied() == reached, what);
                self.claim(told.is_sorted_by(|a, b| a < b), what);
            }
        }
    }

    fn submission(&self, sent: &Sent) {
        let of_token = |f: &&Found| {
            let subject = f.data.as_ref().and_then(|d| d.get("oggetto"));
            subject.is_some_and(|s| s == sent.token)
        };
        let all: Vec<&Found> = self.found.iter().filter(of_token).collect();
        let count = |kind: &str| all.iter().filter(|f| f.kind == kind).count();
        let (accepted, refused) = (count("accettazione"), count("non-accettazione"));
        let told = &sent.told;
        let what = |n: &str| format!("{n} of {sent:?}");
        self.claim(accepted + refused <= 1, || what("acceptance is told twice"));
        if accepted + refused == 0 {
            self.claim(*told == Told::Nothing, || what("no acceptance"));
            self.claim(all.is_empty(), || what("traces without acceptance"));
            return;
        }
        let is_bad = sent.is_formally_wrong || sent.infected_for == Some(sent.from);
        self.claim((refused == 1) == is_bad, || what("the wrong acceptance"));
        let first = all.iter().find(|f| f.kind.ends_with("accettazione"));
        let first = first.expect("just counted");
        self.claim(first.mailbox == sent.sender, || what("a stray acceptance"));
        let identifier = first.about();
        if let Told::Accepted(known) = told {
            self.claim(*known == identifier, || what("another identifier"));
        }
        let others = all.iter().filter(|f| f.about() != identifier).count();
        self.claim(others == 0, || what("two identifiers"));
        if refused == 1 {
            self.claim(all.len() == 1, || what("more than a refusal"));
            return;
        }
        for recipient in &sent.recipients {
            self.recipient(sent, &identifier, first.at(), recipient, &all);
        }
    }

    fn recipient(&self, sent: &Sent, id: &str, start: i64, to: &str, all: &[&Found]) {
        let fate = fate_of(sent, to, all);
        let what = |n: &str| format!("{n}: {to}, of {sent:?}, {id}: {fate:?}");
        let (local, domain) = to.split_once('@').expect("an address");
        let host = DOMAINS.iter().position(|d| *d == domain);
        let Some(host) = host else {
            return self.outside(sent, id, to, &fate);
        };
        let (done, failed) = (fate.delivered.len(), fate.failed.len());
        let last = fate.last.len();
        // The network's refusal of a transaction that had gone through before: ours, and theirs.
        let was_refused = self.was_refused(sent.from, id, to);
        let most = 1 + usize::from(was_refused);
        let notices_once = fate.first.len() <= 1 && last <= 1;
        self.claim(done <= 1 && failed <= most && notices_once, || {
            what("something twice")
        });
        self.claim(done + failed + last > 0, || what("no legal end"));
        self.claim(done + failed < 2 || was_refused, || what("both receipts"));
        self.claim(fate.envelopes == done, || {
            what("receipt without envelope, or envelope without")
        });
        let closed = fate.delivered.iter().map(|(uid, _)| *uid);
        let closed = closed.chain(fate.failed.iter().map(|(uid, ..)| *uid)).min();
        let notices = fate.first.iter().chain(&fate.last).map(|(uid, _)| *uid);
        let after = |uid: u32| closed.is_some_and(|closed| uid > closed);
        self.claim(!notices.clone().any(after), || {
            what("a time-out notice after the end (ND-06)")
        });
        let known = MAILBOXES.iter().find(|(name, _)| *name == local);
        let is_infected = sent.infected_for == Some(host) && host != sent.from;
        match known {
            _ if is_infected => {
                self.claim(done == 0, || what("a virus was delivered"));
                let is_virus = fate.failed.iter().all(|(.., e)| e == "virus");
                self.claim(is_virus || was_refused, || what("not for its virus"));
            }
            None => {
                self.claim(done == 0, || what("delivered to nobody"));
                let is_no_one = fate.failed.iter().all(|(.., e)| e == "no-dest");
                self.claim(is_no_one || was_refused, || what("not for want of it"));
            }
            Some((_, Kind::Narrow)) => {}
            Some(_) => self.claim(failed == 0 || was_refused, || what("failed without reason")),
        }
        if host == sent.from {
            self.claim(done + failed == 1, || what("a local one without its end"));
        }
        self.clocks(sent, id, start, (to, host), &fate);
    }

    /// TO-02 to TO-07, TO-12.
    fn clocks(&self, sent: &Sent, id: &str, start: i64, (to, host): (&str, usize), fate: &Fate) {
        let what = |n: &str| format!("{n}: {to}, of {sent:?}, {id}, from {start}: {fate:?}");
        for (due, notices) in [(FIRST, &fate.first), (FINAL, &fate.last)] {
            let due = start + due;
            for (_, at) in notices {
                self.claim(*at >= due - BLUR, || what("a notice too soon"));
                let late = self.working(sent.from, due, *at);
                self.claim(late <= LATENESS, || what("a notice too late"));
            }
        }
        if host == sent.from {
            return self.local_clocks(fate, &what);
        }
        if self.was_refused(sent.from, id, to) {
            return;
        }
        let closes = self.came(
            sent.from,
            id,
            to,
            &["avvenuta-consegna", "errore-consegna", "rilevazione-virus"],
        );
        let charged = self.came(sent.from, id, to, &["presa-in-carico"]);
        let (first_due, final_due) = (start + FIRST, start + FINAL);
        // Before, with time to work on it; and after, with time to give the notice.
        let before = |came: Option<i64>, due: i64| {
            came.is_some_and(|came| came < due && self.working(sent.from, came, due) >= LATENESS)
        };
        let after = |came: Option<i64>, due: i64| {
            came.is_none_or(|came| came > due && self.working(sent.from, due, came) >= LATENESS)
        };
        if before(closes, first_due) || before(charged, first_due) {
            self.claim(fate.first.is_empty(), || what("a first notice for nothing"));
        }
        let is_uncharged = charged.is_none_or(|at| at > first_due + BLUR);
        if after(closes, first_due) && is_uncharged {
            self.claim(fate.first.len() == 1, || {
                what("no first notice (TO-05, TO-06)")
            });
        }
        if before(closes, final_due) {
            self.claim(fate.last.is_empty(), || what("a final notice for nothing"));
        }
        if after(closes, final_due) {
            self.claim(fate.last.len() == 1, || {
                what("no final notice (TO-04, TO-06)")
            });
        }
    }

    /// TO-02: what is settled inside the provider needs no notice any more.
    fn local_clocks(&self, fate: &Fate, what: &dyn Fn(&str) -> String) {
        let settled = fate.delivered.iter().map(|(_, at)| *at);
        let settled = settled
            .chain(fate.failed.iter().map(|(_, at, _)| *at))
            .min();
        let after = |(_, at): &(u32, i64)| settled.is_some_and(|settled| *at > settled + BLUR);
        let is_late = fate.first.iter().chain(&fate.last).any(after);
        self.claim(!is_late, || what("a notice of what was settled"));
    }

    /// When the first message of these kinds about a recipient was taken in.
    fn came(&self, by: usize, id: &str, to: &str, kinds: &[&str]) -> Option<i64> {
        let is_it = |carried: &&Carried| {
            let part = Part::parse(&carried.parcel.octets);
            let kind = part.get("X-Ricevuta").unwrap_or_default();
            if carried.to != by || !kinds.contains(&kind.as_str()) {
                return false;
            }
            let data = Sealed::parse(&carried.parcel.octets).data();
            let named = data
                .all("ricezione")
                .into_iter()
                .chain(data.get("consegna"));
            let mut named = named.map(|a| a.trim().to_ascii_lowercase());
            bare(&data.one("identificativo")) == id && named.any(|a| a == to)
        };
        self.world.carried.iter().find(is_it).map(|c| c.at)
    }

    fn was_refused(&self, by: usize, id: &str, to: &str) -> bool {
        let is_it = |(from, parcel): &&(usize, super::network::Parcel)| {
            let data = || Sealed::parse(&parcel.octets).data();
            *from == by
                && parcel.recipients.iter().any(|a| a.key() == to)
                && bare(&data().one("identificativo")) == id
        };
        self.world.refused.iter().any(|refused| is_it(&refused))
    }

    /// ND-08: an ordinary report, or it was taken over.
    fn outside(&self, sent: &Sent, id: &str, to: &str, fate: &Fate) {
        let what = |n: &str| format!("{n}: {to}, of {sent:?}, {id}");
        let is_empty = fate.delivered.is_empty() && fate.failed.is_empty();
        let has_clock = !fate.first.is_empty() || !fate.last.is_empty();
        self.claim(is_empty && !has_clock, || {
            what("certified to the outside (TE-12)")
        });
        let named = format!("rfc822; {to}");
        let is_report = |f: &&Found| {
            let holds = |text: &str| find(&f.raw, text.as_bytes()).is_some();
            f.mailbox == sent.sender && f.kind == "errore" && holds(&named) && holds(id)
        };
        let reports = self.found.iter().filter(is_report).count();
        let reached = self.world.outside.iter().any(|parcel| {
            let is_named = parcel.recipients.iter().any(|a| a.key() == to);
            is_named && find(&parcel.octets, sent.token.as_bytes()).is_some()
        });
        self.claim(reports <= 1, || what("two reports"));
        self.claim(reached || reports == 1, || {
            what("neither taken over nor reported")
        });
        // Taken over and reported both: the answer was lost, and the link went down for a day.
        let is_never_taken = to.starts_with("rifiuta") || to.starts_with("mai");
        self.claim(!is_never_taken || reports == 1, || what("no report"));
    }

    /// Milliseconds between two instants in which a provider was up and had all it needs.
    fn working(&self, provider: usize, from: i64, to: i64) -> i64 {
        let outages = &self.world.providers[provider].outages;
        let overlap = |(start, end): &(i64, Option<i64>)| {
            let end = end.unwrap_or(i64::MAX);
            (end.min(to) - (*start).max(from)).max(0)
        };
        to - from - outages.iter().map(overlap).sum::<i64>()
    }
}

/// The threshold that a warning tells of.
fn percent(found: &Found) -> Option<u64> {
    let subject = found.kind.is_empty().then(|| Part::parse(&found.raw))?;
    match subject.get("Subject")?.as_str() {
        "Casella piena" => Some(100),
        text => text.rsplit(' ').next()?.strip_suffix('%')?.parse().ok(),
    }
}

//! What happens in a world until it is healed: users write, links and power fail, parts are away, clocks are
//! set. Each event and its measure follow from the seed.

use ceralacca_core::address::Address;
use ceralacca_core::disk::sim::Failure;
use ceralacca_core::intake::TakenIn;
use ceralacca_core::mailbox::MailboxId;
use ceralacca_core::owner::{Outcome, Submission};

use super::mail::{self, Told};
use super::network::{INTERNET, Parcel};
use super::ports::DOMAINS;
use super::{HOUR, MINUTE, World};

impl World {
    /// Mostly short, sometimes long enough for a clock to run out.
    pub(super) fn pause(&mut self) -> i64 {
        let most = match self.chance.below(10) {
            0..=4 => 2 * MINUTE,
            5..=7 => HOUR,
            8 => 8 * HOUR,
            _ => 26 * HOUR,
        };
        i64::try_from(self.chance.draw() % most.unsigned_abs()).unwrap_or(0)
    }

    pub(super) fn something_happens(&mut self, number: usize) {
        let provider = self.chance.below(DOMAINS.len());
        match self.chance.below(24) {
            0..=9 => self.submit(number, provider),
            10 => self.write_from_outside(number, provider),
            11..=13 => self.cut_a_link(),
            14 => self.kill(provider),
            15 => self.kill_soon(provider),
            16 => self.fail_a_sync(provider),
            17..=21 => self.take_away(provider),
            22 => self.set_clock(provider),
            _ => {
                // One event after another without a pause between.
                self.submit(number, provider);
                self.submit(number + 1000, 1 - provider);
            }
        }
    }

    fn submit(&mut self, number: usize, from: usize) {
        let (mut sent, octets) = mail::compose(&mut self.chance, number, from);
        let Some(stepper) = self.providers[from].stepper.as_mut() else {
            return;
        };
        let address = |text: &str| Address::parse(text).expect("an address");
        let row = stepper.view().mailbox_of(&address(&sent.sender));
        let (mailbox, home): (MailboxId, _) =
            row.map(|row| (row.id, row.partition)).expect("a sender");
        let stored = stepper.blobs().store(home, &mut octets.as_slice());
        let answer = stored.ok().map(|body| {
            stepper.submit(Submission {
                mailbox,
                sender: address(&sent.sender),
                recipients: sent.recipients.iter().map(|r| address(r)).collect(),
                body,
                key: None,
                received_from: "from client.example ([127.0.0.1]) by mail.test with ESMTPSA"
                    .to_owned(),
            })
        });
        let is_dead = answer.is_none() || stepper.is_dead();
        self.reap(from, is_dead);
        if let Some(Ok(Outcome::Submitted(identifier))) = answer.filter(|_| !is_dead) {
            sent.told = Told::Accepted(identifier.to_string());
        }
        self.note(format!(
            "{} writes {} to {}: {:?}",
            sent.sender,
            sent.token,
            sent.recipients.join(" "),
            sent.told
        ));
        self.sent.push(sent);
    }

    fn write_from_outside(&mut self, number: usize, to: usize) {
        let token = format!("fuori-{number}-{}", self.chance.below(1_000_000));
        let mailbox = format!("carla@{}", DOMAINS[to]);
        let parcel = Parcel {
            reverse_path: Address::parse("qualcuno@internet.example").ok(),
            recipients: vec![Address::parse(&mailbox).expect("an address")],
            octets: mail::ordinary(&token, &mailbox),
        };
        if let Some(TakenIn::Accepted(_)) = self.take_in(to, &parcel) {
            self.from_outside.push((token, mailbox));
        }
    }

    /// One way, or both between the providers; sometimes past every clock.
    fn cut_a_link(&mut self) {
        const LINKS: [&[(usize, usize)]; 5] = [
            &[(0, 1)],
            &[(1, 0)],
            &[(0, 1), (1, 0)],
            &[(0, INTERNET)],
            &[(1, INTERNET)],
        ];
        let links = LINKS[self.chance.below(LINKS.len())];
        let past_clocks = [0, 25 * HOUR][self.chance.below(2)];
        let for_how_long = self.outage() + past_clocks;
        self.note(format!("links {links:?} are down for {for_how_long} ms"));
        for link in links {
            self.links.insert(*link, self.now + for_how_long);
        }
    }

    /// Minutes to thirty hours.
    pub(super) fn outage(&mut self) -> i64 {
        let most = [10 * MINUTE, 2 * HOUR, 14 * HOUR, 30 * HOUR][self.chance.below(4)];
        MINUTE + i64::try_from(self.chance.draw() % most.unsigned_abs()).unwrap_or(0)
    }

    /// kill -9, or a loss of power.
    fn kill(&mut self, provider: usize) {
        if self.providers[provider].stepper.is_none() {
            return;
        }
        self.reap(provider, true);
    }

    /// The process ends between two operations of its disk, a few ones from now.
    fn kill_soon(&mut self, provider: usize) {
        let operations = self.chance.below(60) as u64;
        self.note(format!(
            "{} dies in {operations} operations",
            DOMAINS[provider]
        ));
        self.providers[provider].disk.freeze_after(operations);
    }

    fn fail_a_sync(&mut self, provider: usize) {
        let nth = 1 + self.chance.below(6) as u64;
        let failure = [Failure::NotDone, Failure::Done][self.chance.below(2)];
        self.note(format!(
            "{}: sync {nth} fails, {failure:?}",
            DOMAINS[provider]
        ));
        self.providers[provider].disk.fail_sync(nth, failure);
    }

    /// Token, scanner or index are away for a while.
    fn take_away(&mut self, number: usize) {
        let what = self.chance.below(3);
        let until = self.now + self.outage();
        let signatures = self.chance.below(4);
        let now = self.now;
        let provider = &mut self.providers[number];
        provider.away_until[what] = Some(until);
        provider.note_outage(now);
        match what {
            0 => provider.token.leave_after(signatures),
            1 => provider.scanner.be_away(true),
            _ => provider.index.refresh(now, true),
        }
        let name = ["token", "scanner", "index"][what];
        self.note(format!("{}: no {name} until {until}", DOMAINS[number]));
    }

    /// A clock may be wrong by half a second and go back by one.
    fn set_clock(&mut self, provider: usize) {
        let skew = i64::try_from(self.chance.below(1000)).unwrap_or(0) - 500;
        self.note(format!(
            "{}: the clock is wrong by {skew} ms",
            DOMAINS[provider]
        ));
        self.providers[provider].clock.be_wrong_by(skew);
    }
}

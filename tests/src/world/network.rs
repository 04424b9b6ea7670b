//! The network of the world: it carries the transactions of the real relay schedule's attempts, and loses,
//! cuts, repeats, delays and reorders them as the seed says.

use ceralacca_core::address::Address;
use ceralacca_core::intake::{Arrival, Spf, TakenIn};
use ceralacca_core::journal::Partition;
use ceralacca_core::queue::{
    Answer, Attempt, Connection, DispatchKey, Ending, Event, Outgoing, Purpose,
};

use super::World;
use super::ports::DOMAINS;

/// Where mail goes: a provider, or the Internet's one host.
pub const INTERNET: usize = 2;

/// An attempt on its way.
pub struct Transit {
    /// When it is carried out.
    pub due: i64,
    /// Who sends.
    pub from: usize,
    /// Which life of the sender hears how it ended.
    pub life: u64,
    /// What the schedule asked for.
    pub attempt: Attempt,
    /// The octets of each message.
    pub octets: Vec<Vec<u8>>,
}

/// A transaction that the network repeats by itself.
pub struct Echo {
    /// When.
    pub due: i64,
    /// To whom.
    pub to: usize,
    /// The transaction.
    pub parcel: Parcel,
}

/// One transaction as the receiver sees it.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Reverse path.
    pub reverse_path: Option<Address>,
    /// Forward path.
    pub recipients: Vec<Address>,
    /// The message.
    pub octets: Vec<u8>,
}

/// A transaction that a provider answered with `250`.
#[derive(Debug, Clone)]
pub struct Carried {
    /// When.
    pub at: i64,
    /// By whom.
    pub to: usize,
    /// What.
    pub parcel: Parcel,
}

/// What the receiver said to one transaction.
enum Said {
    Yes,
    NotNow(String),
    Never(String, String),
    /// The connection ended, whatever the receiver did.
    Lost,
}

/// Chances in a hundred, while the world is not healed.
const CUT_BEFORE: usize = 6;
const CUT_AFTER: usize = 6;
const DEFERRED: usize = 5;
const REFUSED: usize = 1;
const ECHOED: usize = 5;
const RECIPIENT_DEFERRED: usize = 5;

impl World {
    /// Takes up attempts of a provider: what they send is read now, as the session would.
    pub(super) fn dispatch(&mut self, from: usize, attempts: Vec<Attempt>) {
        for attempt in attempts {
            let provider = &self.providers[from];
            let stepper = provider.stepper.as_ref().expect("who sends lives");
            let read = |content, size: u64| {
                let rope = stepper.blobs().rope(content).expect("a rope");
                let size = usize::try_from(size).expect("a size");
                let octets = rope.read_range(&**stepper.blobs(), 0, size);
                octets.expect("what is sent can be read")
            };
            let messages = attempt.messages.iter();
            let octets = messages.map(|m| read(m.content, m.size)).collect();
            let life = provider.life;
            let slow = self.healed_or(0, 40_000);
            let mut due = self.now + 20 + i64::try_from(self.chance.below(200 + slow)).unwrap_or(0);
            if let Some(wakes) = self.soon_wakes(host_of(attempt.destination.domain.as_str())) {
                // What arrives just when a clock runs out shows whether both are looked at in order.
                due = due.max(wakes - 3000 + i64::try_from(self.chance.below(4000)).unwrap_or(0));
            }
            self.transits.push(Transit {
                due,
                from,
                life,
                attempt,
                octets,
            });
        }
    }

    /// By chance, when a clock of the receiver runs out within the hour.
    fn soon_wakes(&mut self, to: usize) -> Option<i64> {
        let wakes = self.providers.get(to)?.wakes()?;
        let is_soon = wakes < self.now + 3_600_000;
        self.happens(30).then_some(wakes).filter(|_| is_soon)
    }

    /// Carries out an attempt; its sender hears of it, if it is still the same.
    pub(super) fn carry(&mut self, transit: Transit) {
        let Transit {
            from,
            life,
            attempt,
            octets,
            ..
        } = transit;
        let to = host_of(attempt.destination.domain.as_str());
        let ending = if self.is_reachable(from, to) {
            self.converse(from, to, &attempt, octets)
        } else {
            unreached(&attempt)
        };
        let sender = &mut self.providers[from];
        if sender.life == life && sender.stepper.is_some() {
            let number = attempt.number;
            let attempts = sender.schedule_step(Event::Finished(number, ending));
            self.dispatch(from, attempts);
        }
    }

    fn is_reachable(&mut self, from: usize, to: usize) -> bool {
        let is_up = to == INTERNET || self.providers[to].stepper.is_some();
        is_up && self.link_down_until(from, to).is_none()
    }

    fn converse(
        &mut self,
        from: usize,
        to: usize,
        attempt: &Attempt,
        octets: Vec<Vec<u8>>,
    ) -> Ending {
        let mut answers = Vec::new();
        let mut connection = Connection::Failed;
        for (message, octets) in attempt.messages.iter().zip(octets) {
            let (asked, at_once) = self.asked(to, message);
            answers.extend(at_once);
            if asked.is_empty() {
                connection = Connection::Served;
                continue;
            }
            let parcel = Parcel {
                reverse_path: message.reverse_path.clone(),
                recipients: asked.iter().map(|(_, address)| address.clone()).collect(),
                octets,
            };
            let said = self.transact((from, to), message.purpose, parcel);
            let is_lost = matches!(said, Said::Lost);
            let answer = match said {
                Said::Yes => Answer::Sent {
                    host: format!("mx{to}.example"),
                    reply: "250 2.0.0 ok".to_owned(),
                    tls: Some("TLSv1.3".to_owned()),
                },
                Said::NotNow(reply) => not_now(&reply),
                Said::Never(status, reply) => Answer::Refused {
                    host: format!("mx{to}.example"),
                    status,
                    reply,
                },
                Said::Lost => not_now("the connection was lost"),
            };
            answers.extend(asked.into_iter().map(|(key, _)| (key, answer.clone())));
            if is_lost {
                break;
            }
            connection = Connection::Served;
        }
        Ending {
            connection,
            answers,
        }
    }

    /// Recipients that the server takes into the transaction, and what it says of the others.
    #[expect(clippy::type_complexity, reason = "a partition of what came")]
    fn asked(
        &mut self,
        to: usize,
        message: &Outgoing,
    ) -> (Vec<(DispatchKey, Address)>, Vec<(DispatchKey, Answer)>) {
        let mut asked = Vec::new();
        let mut at_once = Vec::new();
        for (key, address) in &message.recipients {
            let is_report = message.reverse_path.is_none();
            let said = match address.local_part() {
                _ if self.happens(RECIPIENT_DEFERRED) => Some(not_now("451 greylisted")),
                _ if to != INTERNET || is_report => None,
                "rifiuta" => Some(Answer::Refused {
                    host: "mx2.example".to_owned(),
                    status: "5.1.1".to_owned(),
                    reply: "550 5.1.1 no such user".to_owned(),
                }),
                "mai" => Some(not_now("451 4.3.0 not now")),
                "dopo" if self.now < self.dopo_from => Some(not_now("451 4.3.0 later")),
                _ => None,
            };
            match said {
                Some(answer) => at_once.push((key.clone(), answer)),
                None => asked.push((key.clone(), address.clone())),
            }
        }
        (asked, at_once)
    }

    fn transact(&mut self, (from, to): (usize, usize), purpose: Purpose, parcel: Parcel) -> Said {
        if self.happens(CUT_BEFORE) {
            return Said::Lost;
        }
        if self.happens(DEFERRED) {
            return Said::NotNow("450 4.2.0 the network says so".to_owned());
        }
        if purpose == Purpose::TakeCharge && self.swallows_charges {
            // As if the other provider did not send any.
            return Said::Yes;
        }
        if purpose == Purpose::Envelope && to != INTERNET && self.happens(REFUSED) {
            self.note(format!("{from} to {to}: refused for good by the network"));
            self.refused.push((from, parcel.clone()));
            return Said::Never("5.7.1".to_owned(), "550 5.7.1 no".to_owned());
        }
        if self.happens(ECHOED) {
            let due = self.now + i64::try_from(self.chance.below(40_000_000)).unwrap_or(0);
            let parcel = parcel.clone();
            self.echoes.push(Echo { due, to, parcel });
        }
        let said = self.deliver(to, parcel);
        if self.happens(CUT_AFTER) {
            self.note(format!("{from} to {to}: the answer is lost"));
            return Said::Lost;
        }
        said
    }

    /// Hands a transaction to a provider or to the Internet's host.
    fn deliver(&mut self, to: usize, parcel: Parcel) -> Said {
        if to == INTERNET {
            self.outside.push(parcel);
            return Said::Yes;
        }
        match self.take_in(to, &parcel) {
            None => Said::Lost,
            Some(TakenIn::Accepted(_)) => Said::Yes,
            Some(TakenIn::Refused { code, status, text }) if code >= 500 => {
                Said::Never(status, format!("{code} {text}"))
            }
            Some(TakenIn::Refused { code, text, .. }) => Said::NotNow(format!("{code} {text}")),
        }
    }

    /// The receiver's answer; `None` when it died over it.
    pub(super) fn take_in(&mut self, to: usize, parcel: &Parcel) -> Option<TakenIn> {
        let stepper = self.providers[to].stepper.as_mut()?;
        let first = parcel.recipients.first()?;
        let mailbox = stepper.view().mailbox_of(first);
        let home = mailbox.map_or(Partition::REGISTRY, |row| row.partition);
        let stored = stepper.blobs().store(home, &mut parcel.octets.as_slice());
        let taken = stored.ok().map(|body| {
            stepper.take_in(&Arrival {
                body,
                reverse_path: parcel.reverse_path.clone(),
                recipients: parcel.recipients.clone(),
                received_from: "from mx.test ([127.0.0.1]) by mail.test with ESMTPS".to_owned(),
                peer: std::net::IpAddr::from([127, 0, 0, 1]),
                helo: "mx.test".to_owned(),
                tls: Some("TLSv1.3".to_owned()),
                spf: Spf::Unknown,
            })
        });
        let is_dead = taken.is_none() || stepper.is_dead();
        self.reap(to, is_dead);
        let taken = taken.filter(|_| !is_dead)?;
        let said = match &taken {
            TakenIn::Accepted(identifier) => format!("accepted as {identifier}"),
            TakenIn::Refused { code, text, .. } => format!("{code} {text}"),
        };
        self.note(format!("{} takes in: {said}", DOMAINS[to]));
        if matches!(taken, TakenIn::Accepted(_)) {
            self.carried.push(Carried {
                at: self.now,
                to,
                parcel: parcel.clone(),
            });
        }
        Some(taken)
    }
}

/// Which host a domain's mail goes to.
fn host_of(domain: &str) -> usize {
    DOMAINS
        .iter()
        .position(|d| *d == domain)
        .unwrap_or(INTERNET)
}

fn not_now(reply: &str) -> Answer {
    Answer::Deferred {
        reply: reply.to_owned(),
    }
}

/// As the relay says it: the first message stands for all, the others wait untried.
fn unreached(attempt: &Attempt) -> Ending {
    let first = attempt.messages.first().into_iter();
    let recipients = first.flat_map(|message| &message.recipients);
    let told = |(key, _): &(DispatchKey, Address)| (key.clone(), not_now("no route"));
    Ending {
        connection: Connection::Failed,
        answers: recipients.map(told).collect(),
    }
}

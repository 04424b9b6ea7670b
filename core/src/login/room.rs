//! Signs in: looks whether the pair of account and source is locked, has the one hash tried that the
//! password may be of, counts what came of it, and only then says why a right password is not enough.
//! Never waits: the answer comes from a password thread, or at once.

use std::sync::Arc;

use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::attempts::{Attempts, Lock, Locked, Rules};
use super::{Account, Protocol, Refusal, Source, app_password};
use crate::address::Address;
use crate::owner::{Command, RegistryOrder};
use crate::policy::Policy;
use crate::registry::{AccessOrder, Checked, DomainState, MailboxRow, MailboxState, Passwords};
use crate::state::State;
use crate::view::View;

/// An attempt to sign in.
pub struct Attempt {
    /// The address, as typed (AC-05).
    pub name: String,
    /// As typed.
    pub password: Zeroizing<Vec<u8>>,
    /// Over what.
    pub protocol: Protocol,
    /// From where.
    pub source: Source,
}

/// With which of its passwords a mailbox was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The holder's own.
    Password,
    /// An application password, by number.
    App(u32),
}

/// Somebody is in.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The mailbox as it was then.
    pub row: Arc<MailboxRow>,
    /// By what.
    pub by: Credential,
    /// Over what.
    pub protocol: Protocol,
}

/// Called once, on a password thread or at once: must not block.
pub type LoginReply = Box<dyn FnOnce(Result<Entry, Refusal>) + Send>;

/// The room.
pub struct LoginRoom {
    state: Arc<State>,
    passwords: Passwords,
    attempts: Mutex<Attempts>,
}

/// In whose name uses of application passwords are noted.
const AUTHOR: &str = "sign-in";

impl LoginRoom {
    /// For the mailboxes of `state`.
    pub fn new(state: Arc<State>, passwords: Passwords) -> Arc<Self> {
        let attempts = Mutex::new(Attempts::new(rules(&state.policy())));
        Arc::new(Self {
            state,
            passwords,
            attempts,
        })
    }

    /// Signs in. The time to the answer tells nothing about the mailbox.
    pub fn sign_in(self: &Arc<Self>, attempt: Attempt, reply: LoginReply) {
        let address = Address::parse(&attempt.name).ok();
        let account = Account::of(address.as_ref());
        let now = self.state.clock().now();
        let checked = self.attempts.lock().check(&account, &attempt.source, now);
        if let Err(Locked { until }) = checked {
            return reply(Err(Refusal::Locked { until }));
        }
        let row = address.and_then(|address| self.state.view().mailbox_of(&address));
        let row = row.filter(|row| row.state != MailboxState::Closed);
        let (stored, by, password) = tried(row.as_deref(), attempt.password);
        let room = Arc::clone(self);
        let (protocol, source) = (attempt.protocol, attempt.source);
        self.passwords.verify(
            stored,
            password,
            Box::new(move |checked| {
                let is_right = match checked {
                    Checked::Busy => return reply(Err(Refusal::Busy)),
                    Checked::Right => true,
                    Checked::Wrong => false,
                };
                let row = row.filter(|_| is_right);
                reply(room.settle((&account, &source), row, by, protocol));
            }),
        );
    }

    fn settle(
        &self,
        pair: (&Account, &Source),
        row: Option<Arc<MailboxRow>>,
        by: Credential,
        protocol: Protocol,
    ) -> Result<Entry, Refusal> {
        let now = self.state.clock().now();
        let settled = self.attempts.lock().settle(pair, row.is_some(), now);
        let row = row.ok_or(Refusal::Wrong)?;
        settled.map_err(|Locked { until }| Refusal::Locked { until })?;
        let entry = Entry { row, by, protocol };
        entry.check(self.state.view())?;
        if let Credential::App(number) = by
            && let Some(used) = entry.row.access.app_password(number)
            && used.is_use_news(now)
        {
            let order = AccessOrder::NoteUse(number);
            let order = RegistryOrder::Access(entry.row.address.clone(), order);
            // Lost with a crash, or past a bound: the next use notes it.
            let command = Command::Registry(order, AUTHOR.to_owned());
            self.state.send(command, Box::new(drop));
        }
        Ok(entry)
    }

    /// Locks of an account, for the operator.
    pub fn locks_of(&self, address: &Address) -> Vec<Lock> {
        let now = self.state.clock().now();
        self.attempts
            .lock()
            .locks_of(&Account::of(Some(address)), now)
    }

    /// Forgets an account's wrong passwords; answers how many locks that ended.
    pub fn unlock(&self, address: &Address) -> usize {
        let now = self.state.clock().now();
        self.attempts
            .lock()
            .unlock(&Account::of(Some(address)), now)
    }
}

impl Entry {
    /// Whoever came in so may still be in: the mailbox is in service, its password is the same and not
    /// revoked, the protocol is on.
    pub fn holds(&self, view: &View) -> bool {
        let Some(row) = view.mailbox(self.row.id) else {
            return false;
        };
        if Arc::ptr_eq(&row, &self.row) {
            return true;
        }
        let is_same = match self.by {
            Credential::Password => row.password == self.row.password && !row.access.is_two_step(),
            Credential::App(number) => row.access.app_password(number).is_some(),
        };
        let now = Self {
            row,
            ..self.clone()
        };
        is_same && now.row.state != MailboxState::Closed && now.check(view).is_ok()
    }

    fn check(&self, view: &View) -> Result<(), Refusal> {
        let access = &self.row.access;
        if !access.protocols.has(self.protocol) {
            return Err(Refusal::SwitchedOff);
        }
        if let Credential::App(number) = self.by {
            let app = access.app_password(number).ok_or(Refusal::Wrong)?;
            if !app.protocols.has(self.protocol) {
                return Err(Refusal::NotForThis);
            }
        }
        // What is suspended sends and takes nothing (DP-10), but what it holds can be read.
        if self.protocol == Protocol::Submission {
            let domain = view.domain(&self.row.address.domain());
            let is_served = domain.is_some_and(|domain| domain.state == DomainState::Active);
            if self.row.state != MailboxState::Active || !is_served {
                return Err(Refusal::NotInService);
            }
        }
        Ok(())
    }
}

fn rules(policy: &Policy) -> Rules {
    let minute = 60_000;
    Rules {
        failures_max: policy.sign_in_failures_max,
        window_ms: i64::from(policy.sign_in_window_minutes) * minute,
        lock_ms: i64::from(policy.sign_in_lock_minutes) * minute,
    }
}

/// The one hash that a password may be of, and the password as that was made from.
fn tried(
    row: Option<&MailboxRow>,
    password: Zeroizing<Vec<u8>>,
) -> (Option<String>, Credential, Zeroizing<Vec<u8>>) {
    let access = row.map(|row| &row.access);
    if let Some(plain) = app_password::read(&password)
        && let Some(app) = access.and_then(|a| a.app_password_marked(app_password::mark(&plain)))
    {
        return (Some(app.hash.clone()), Credential::App(app.number), plain);
    }
    let own = row.filter(|row| !row.access.is_two_step());
    let hash = own.and_then(|row| row.password.clone());
    (hash, Credential::Password, password)
}

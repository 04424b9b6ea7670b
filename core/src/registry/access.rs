//! How a holder gets at the mailbox: protocols (AC-14), application passwords and two-step login (AC-15),
//! the second address for warnings (AC-17). Lies in the mailbox's row; the orders are decided here.

use super::MailboxRow;
use super::decide::{Decided, Desk};
use crate::address::Address;
use crate::journal::record::MailboxTouched;
use crate::limits;
use crate::login::Protocols;
use crate::login::app_password::AppPassword;
use crate::login::two_step::{Proof, TotpSecret, TwoStep};
use crate::owner::{CommandError, Outcome};

/// What a mailbox may be opened with, and over what.
#[derive(Debug, Clone, PartialEq, Eq, Default, minicbor::Encode, minicbor::Decode)]
pub struct Access {
    /// Protocols that are on.
    #[n(0)]
    pub protocols: Protocols,
    /// Passwords of mail programs, oldest first.
    #[n(1)]
    pub app_passwords: Vec<AppPassword>,
    /// The highest number that one of them has had.
    #[n(2)]
    pub last_app_password: u32,
    /// Enrolled or in force.
    #[n(3)]
    pub two_step: Option<TwoStep>,
    /// Where warnings about the capacity go besides.
    #[n(4)]
    pub warn_at: Option<Address>,
}

impl Access {
    /// Two-step login is in force: mail programs take only application passwords.
    pub fn is_two_step(&self) -> bool {
        self.two_step
            .as_ref()
            .is_some_and(|two| two.confirmed.is_some())
    }

    /// By number.
    pub fn app_password(&self, number: u32) -> Option<&AppPassword> {
        self.app_passwords.iter().find(|app| app.number == number)
    }

    /// By the part that says which.
    pub fn app_password_marked(&self, mark: &[u8]) -> Option<&AppPassword> {
        let is_it = |app: &&AppPassword| app.mark.as_bytes() == mark;
        self.app_passwords.iter().find(is_it)
    }
}

/// An order about a mailbox's access.
#[derive(Debug, Clone)]
pub enum AccessOrder {
    /// Switch protocols.
    SetProtocols(Protocols),
    /// A new application password.
    AddAppPassword {
        /// The holder's word for it.
        name: String,
        /// The part that says which.
        mark: String,
        /// Argon2id of the whole in PHC form.
        hash: String,
        /// What it opens.
        protocols: Protocols,
    },
    /// Revoke one.
    RevokeAppPassword(u32),
    /// One was used.
    NoteUse(u32),
    /// Enrol a device; nothing changes until it is confirmed.
    Enrol(TotpSecret),
    /// Put two-step login in force, with a code of the device and digests of recovery codes.
    Confirm(String, Vec<String>),
    /// Take a code at a sign-in over the web: each is good once.
    TakeCode(String),
    /// End two-step login.
    EndTwoStep,
    /// Where warnings go besides.
    WarnAt(Option<Address>),
}

const WRONG_CODE: &str = "the code is wrong, or was used before; is the device's clock right?";

impl Desk<'_> {
    pub(super) fn access(&self, address: &Address, order: AccessOrder) -> Decided {
        let row = self.holders_mailbox(address)?;
        match order {
            AccessOrder::SetProtocols(protocols) => self.set_protocols(&row, protocols),
            AccessOrder::AddAppPassword {
                name,
                mark,
                hash,
                protocols,
            } => {
                let app = AppPassword {
                    number: row.access.last_app_password.saturating_add(1),
                    name,
                    mark,
                    hash,
                    protocols,
                    created: self.now,
                    used: None,
                };
                self.add_app_password(&row, app)
            }
            AccessOrder::RevokeAppPassword(number) => self.revoke(&row, number),
            AccessOrder::NoteUse(number) => self.note_use(row, number),
            AccessOrder::Enrol(secret) => {
                if row.access.is_two_step() {
                    return refused("two-step login is in force; `disable` it first");
                }
                let what = "two-step login: a device enrolled";
                let two_step = TwoStep::enrolled(secret);
                self.edit_access(&row, what, |a| a.two_step = Some(two_step))
            }
            AccessOrder::Confirm(code, recovery) => self.confirm(&row, &code, recovery),
            AccessOrder::TakeCode(code) => self.take_code(row, &code),
            AccessOrder::EndTwoStep => match row.access.two_step {
                None => Ok((Vec::new(), Outcome::Already)),
                Some(_) => self.edit_access(&row, "two-step login: ended", |a| a.two_step = None),
            },
            AccessOrder::WarnAt(to) => self.warn_at(&row, to),
        }
    }

    fn set_protocols(&self, row: &MailboxRow, protocols: Protocols) -> Decided {
        if row.access.protocols == protocols {
            return Ok((Vec::new(), Outcome::Already));
        }
        let what = format!("protocols: {protocols}");
        self.edit_access(row, &what, |access| access.protocols = protocols)
    }

    fn add_app_password(&self, row: &MailboxRow, app: AppPassword) -> Decided {
        let all = &row.access.app_passwords;
        if all.len() >= limits::APP_PASSWORDS_MAX {
            let most = limits::APP_PASSWORDS_MAX;
            return refused(&format!("a mailbox has at most {most}; revoke one first"));
        }
        if all.iter().any(|other| other.name == app.name) {
            let named = format!("an application password named {}", app.name);
            return Err(CommandError::Exists(named));
        }
        let is_wrong = app.name.is_empty()
            || app.name.chars().count() > limits::APP_PASSWORD_NAME_CHARS_MAX
            || app.name.contains(char::is_control);
        if is_wrong {
            let most = limits::APP_PASSWORD_NAME_CHARS_MAX;
            return refused(&format!("a name is one line of at most {most} characters"));
        }
        if all.iter().any(|other| other.mark == app.mark) {
            return refused("this password was drawn before; draw another");
        }
        let what = format!("application password {} added: {}", app.number, app.name);
        self.edit_access(row, &what, |access| {
            access.last_app_password = app.number;
            access.app_passwords.push(app);
        })
    }

    fn revoke(&self, row: &MailboxRow, number: u32) -> Decided {
        let Some(app) = row.access.app_password(number) else {
            let missing = format!("application password {number} of {}", row.address);
            return Err(CommandError::NotFound(missing));
        };
        let what = format!("application password {number} revoked: {}", app.name);
        self.edit_access(row, &what, |access| {
            access.app_passwords.retain(|app| app.number != number);
        })
    }

    fn note_use(&self, mut row: MailboxRow, number: u32) -> Decided {
        let all = &mut row.access.app_passwords;
        match all.iter_mut().find(|app| app.number == number) {
            Some(app) if app.is_use_news(self.now) => app.used = Some(self.now),
            _ => return Ok((Vec::new(), Outcome::Already)),
        }
        Ok((vec![MailboxTouched { row }.into()], Outcome::Done))
    }

    fn confirm(&self, row: &MailboxRow, code: &str, recovery: Vec<String>) -> Decided {
        let Some(two_step) = &row.access.two_step else {
            return refused("no device is enrolled; `enable` comes first");
        };
        if two_step.confirmed.is_some() {
            return Ok((Vec::new(), Outcome::Already));
        }
        let Some((_, taken)) = two_step.take(code, self.now) else {
            return refused(WRONG_CODE);
        };
        let two_step = TwoStep {
            confirmed: Some(self.now),
            recovery,
            ..taken
        };
        let what = "two-step login: in force";
        self.edit_access(row, what, |access| access.two_step = Some(two_step))
    }

    fn take_code(&self, mut row: MailboxRow, code: &str) -> Decided {
        let in_force = row.access.two_step.as_ref();
        let in_force = in_force.filter(|two| two.confirmed.is_some());
        match in_force.map(|two| two.take(code, self.now)) {
            None => refused("two-step login is not in force"),
            Some(None) => refused(WRONG_CODE),
            Some(Some((Proof::Device, after))) => {
                row.access.two_step = Some(after);
                Ok((vec![MailboxTouched { row }.into()], Outcome::Done))
            }
            Some(Some((Proof::Recovery, after))) => {
                let left = after.recovery.len();
                let what = format!("two-step login: a recovery code used, {left} left");
                self.edit_access(&row, &what, |access| access.two_step = Some(after))
            }
        }
    }

    fn warn_at(&self, row: &MailboxRow, to: Option<Address>) -> Decided {
        if let Some(to) = &to
            && self.newest.domain(&to.domain()).is_some()
        {
            return refused(&format!("{to} is of a domain of ours; name one elsewhere"));
        }
        if row.access.warn_at == to {
            return Ok((Vec::new(), Outcome::Already));
        }
        let what = match &to {
            Some(to) => format!("warnings also to {to}"),
            None => "warnings to the mailbox alone".to_owned(),
        };
        self.edit_access(row, &what, |access| access.warn_at = to)
    }

    fn edit_access(&self, row: &MailboxRow, what: &str, edit: impl FnOnce(&mut Access)) -> Decided {
        self.edit(&row.address, what, |row| edit(&mut row.access))
    }
}

fn refused(why: &str) -> Decided {
    Err(CommandError::Refused(why.to_owned()))
}

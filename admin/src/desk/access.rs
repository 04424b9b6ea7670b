//! Orders about how a mailbox is opened: protocols (AC-14), application passwords and two-step login
//! (AC-15), locks (SE-01), where warnings go (AC-17). What is shown holds no secret.

use ceralacca_core::login::two_step::TotpSecret;
use ceralacca_core::login::{Protocol, Protocols};
use ceralacca_core::owner::RegistryOrder;
use ceralacca_core::registry::{AccessOrder, MailboxRow};
use serde_json::{Value, json};

use super::Desk;
use crate::control::TwoStepWord;
use crate::report::{Failure, Report};

impl Desk<'_> {
    pub(super) fn protocols(
        &self,
        text: &str,
        switches: &[(String, bool)],
    ) -> Result<Report, Failure> {
        let mut wanted = self.find(text)?.access.protocols;
        for (word, on) in switches {
            wanted = wanted.with(protocol(word)?, *on);
        }
        if !switches.is_empty() {
            self.access_order(text, AccessOrder::SetProtocols(wanted))?;
        }
        let on = self.find(text)?.access.protocols;
        self.told(text, format!("{text} takes {on}"))
    }

    pub(super) fn add_app_password(
        &self,
        text: &str,
        order: AccessOrder,
    ) -> Result<Report, Failure> {
        self.access_order(text, order)?;
        let row = self.find(text)?;
        let added = row.access.app_passwords.last();
        let words = added.map_or_else(String::new, |app| {
            format!(
                "application password {} of {text}: {}, for {}",
                app.number, app.name, app.protocols
            )
        });
        let mut object = self.whole(&row);
        object["number"] = json!(row.access.last_app_password);
        Ok(Report::done(words, object))
    }

    pub(super) fn app_passwords(&self, text: &str) -> Result<Report, Failure> {
        let row = self.find(text)?;
        let object = json!({
            "address": row.address.as_str(),
            "app_passwords": app_passwords_object(&row),
        });
        let words = app_passwords_words(&row);
        let none = format!("{text} has no application passwords");
        Ok(Report::done(
            if words.is_empty() { none } else { words },
            object,
        ))
    }

    pub(super) fn revoke_app_password(&self, text: &str, number: u32) -> Result<Report, Failure> {
        self.access_order(text, AccessOrder::RevokeAppPassword(number))?;
        self.told(
            text,
            format!("application password {number} of {text} is revoked"),
        )
    }

    pub(super) fn two_step(&self, text: &str, step: TwoStepWord) -> Result<Report, Failure> {
        let order = match step {
            TwoStepWord::Enrol(secret) => {
                let secret = TotpSecret::parse(&secret);
                let secret = secret.ok_or_else(|| {
                    Failure::Refused("the device's secret is not one of ours".to_owned())
                })?;
                Some(AccessOrder::Enrol(secret))
            }
            TwoStepWord::Confirm(code, recovery) => Some(AccessOrder::Confirm(code, recovery)),
            TwoStepWord::Disable => Some(AccessOrder::EndTwoStep),
            TwoStepWord::Show => None,
        };
        if let Some(order) = order {
            self.access_order(text, order)?;
        }
        let row = self.find(text)?;
        let mut object = self.whole(&row);
        let provider = self.state.view().provider();
        object["provider"] = json!(provider.map(|provider| provider.name.clone()));
        Ok(Report::done(
            format!("{text}: {}\n", two_step_words(&row)),
            object,
        ))
    }

    pub(super) fn unlock(&self, text: &str) -> Result<Report, Failure> {
        let row = self.find(text)?;
        let ended = self.login.map_or(0, |login| login.unlock(&row.address));
        let words = match ended {
            0 => format!("{text} was not locked"),
            _ => format!("{text} is unlocked"),
        };
        let mut object = self.whole(&row);
        object["ended"] = json!(ended);
        Ok(Report::done(words, object))
    }

    pub(super) fn warn_at(&self, text: &str, target: Option<&str>) -> Result<Report, Failure> {
        let target = target.map(super::address).transpose()?;
        let words = match &target {
            Some(target) => format!("warnings about {text} go to {target} too"),
            None => format!("warnings about {text} go to the mailbox alone"),
        };
        self.access_order(text, AccessOrder::WarnAt(target))?;
        self.told(text, words)
    }

    fn access_order(&self, text: &str, order: AccessOrder) -> Result<(), Failure> {
        let address = super::address(text)?;
        self.order(RegistryOrder::Access(address, order)).map(drop)
    }

    pub(super) fn access_words(&self, row: &MailboxRow) -> String {
        let mut words = format!("protocols: {}\n", row.access.protocols);
        words.push_str(&app_passwords_words(row));
        words.push_str(&format!("{}\n", two_step_words(row)));
        if let Some(to) = &row.access.warn_at {
            words.push_str(&format!("warnings also to: {to}\n"));
        }
        for lock in self.locks(row) {
            let from = lock.source.map_or_else(
                || "places where it was not opened lately".to_owned(),
                |source| source.to_string(),
            );
            words.push_str(&format!(
                "locked for {from} until {}\n",
                lock.until.rfc3339()
            ));
        }
        words
    }

    /// The mailbox as an object, with its locks: looked for among all, so not for a list of mailboxes.
    pub(super) fn whole(&self, row: &MailboxRow) -> Value {
        let mut object = self.object(row);
        let locks = self.locks(row).into_iter().map(|lock| {
            let source = lock.source.map(|source| source.to_string());
            json!({ "source": source, "until": lock.until.rfc3339() })
        });
        object["access"]["locks"] = Value::Array(locks.collect());
        object
    }

    pub(super) fn access_object(&self, row: &MailboxRow) -> Value {
        let access = &row.access;
        let protocols: Vec<&str> = access.protocols.each().map(Protocol::word).collect();
        let two_step = access.two_step.as_ref();
        let recovery_left = two_step.map_or(0, |two| two.recovery.len());
        json!({
            "protocols": protocols,
            "app_passwords": app_passwords_object(row),
            "two_step": {
                "enrolled": two_step.is_some(),
                "in_force": access.is_two_step(),
                "recovery_codes": recovery_left,
            },
            "warn_at": access.warn_at.as_ref().map(|to| to.as_str()),
        })
    }

    fn locks(&self, row: &MailboxRow) -> Vec<ceralacca_core::login::attempts::Lock> {
        let login = self.login;
        login.map_or_else(Vec::new, |login| login.locks_of(&row.address))
    }
}

fn app_passwords_words(row: &MailboxRow) -> String {
    let line = |app: &ceralacca_core::login::app_password::AppPassword| {
        let used = app.used.map_or_else(
            || "never used".to_owned(),
            |at| format!("last used {}", at.rfc3339()),
        );
        let (number, name, protocols) = (app.number, &app.name, app.protocols);
        format!("application password {number}: {name}, for {protocols}, {used}\n")
    };
    row.access.app_passwords.iter().map(line).collect()
}

fn app_passwords_object(row: &MailboxRow) -> Value {
    let all = row.access.app_passwords.iter().map(|app| {
        let protocols: Vec<&str> = app.protocols.each().map(Protocol::word).collect();
        json!({
            "number": app.number,
            "name": app.name,
            "protocols": protocols,
            "created": app.created.rfc3339(),
            "used": app.used.map(|at| at.rfc3339()),
        })
    });
    Value::Array(all.collect())
}

fn two_step_words(row: &MailboxRow) -> String {
    match &row.access.two_step {
        None => "two-step login: off".to_owned(),
        Some(two) if two.confirmed.is_none() => {
            "two-step login: a device is enrolled, not confirmed".to_owned()
        }
        Some(two) => format!(
            "two-step login: in force, {} recovery codes left; mail programs need application passwords",
            two.recovery.len()
        ),
    }
}

fn protocol(word: &str) -> Result<Protocol, Failure> {
    Protocol::parse(word).ok_or_else(|| Failure::Refused(format!("`{word}` is no protocol")))
}

/// All when none is named.
pub(super) fn protocols(words: &[String]) -> Result<Protocols, Failure> {
    if words.is_empty() {
        return Ok(Protocols::default());
    }
    let named: Vec<Protocol> = words
        .iter()
        .map(|w| protocol(w))
        .collect::<Result<_, _>>()?;
    Ok(Protocols::only(&named))
}

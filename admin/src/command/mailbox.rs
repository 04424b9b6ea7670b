//! `mailbox …`: passwords are hashed here (SE-02), so that not even the socket carries one.

mod access;

use std::io::Read;
use std::path::Path;

use ceralacca_core::address::Address;
use ceralacca_core::disk::DataFolder;
use ceralacca_core::registry;
use zeroize::Zeroizing;

use crate::cli::{HolderArguments, HolderWord, MailboxCommand, OrdinaryChoice};
use crate::control::{HolderChange, MailboxRequest, OrdinaryWord, Request, StateWord};
use crate::reach;
use crate::report::{Failure, Report};

/// A larger file is no password.
const PASSWORD_FILE_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn mailbox(data: &DataFolder, order: MailboxCommand) -> Result<Report, Failure> {
    match order {
        MailboxCommand::AppPassword(order) => access::app_password(data, order),
        MailboxCommand::TwoStep(order) => access::two_step(data, order),
        order => reach::ask(data, Request::Mailbox(request(order)?)),
    }
}

fn request(order: MailboxCommand) -> Result<MailboxRequest, Failure> {
    Ok(match order {
        MailboxCommand::Add {
            address,
            password_file,
            quota,
            holder,
        } => MailboxRequest::Add {
            address: address.to_string(),
            password: password_file.as_deref().map(hash_file).transpose()?,
            quota,
            holder: holder.into(),
        },
        MailboxCommand::List {
            domain,
            after,
            limit,
            service,
        } => MailboxRequest::List {
            domain: domain.map(|domain| domain.to_string()),
            after: after.map(|address| address.to_string()),
            limit,
            service,
        },
        MailboxCommand::Show { address } => MailboxRequest::Show {
            address: address.to_string(),
        },
        MailboxCommand::Passwd {
            address,
            password_file,
        } => MailboxRequest::Passwd {
            address: address.to_string(),
            password: hash_file(&password_file)?,
        },
        MailboxCommand::Suspend { address } => state(&address, StateWord::Suspended),
        MailboxCommand::Resume { address } => state(&address, StateWord::Active),
        MailboxCommand::Close { address } => state(&address, StateWord::Closed),
        MailboxCommand::Quota { address, octets } => MailboxRequest::Quota {
            address: address.to_string(),
            octets,
        },
        MailboxCommand::Ordinary {
            address,
            what,
            target,
        } => MailboxRequest::Ordinary {
            address: address.to_string(),
            policy: ordinary(what, target)?,
        },
        MailboxCommand::Holder { address, holder } => MailboxRequest::Holder {
            address: address.to_string(),
            holder: holder.into(),
        },
        MailboxCommand::ReceiptType { address, what } => MailboxRequest::ReceiptType {
            address: address.to_string(),
            what,
        },
        MailboxCommand::Deleted { address } => MailboxRequest::Deleted {
            address: address.to_string(),
        },
        // With `--all` there are none.
        MailboxCommand::Restore { address, keys, .. } => MailboxRequest::Restore {
            address: address.to_string(),
            keys,
        },
        MailboxCommand::History { address } => MailboxRequest::History {
            address: address.to_string(),
        },
        MailboxCommand::Protocols {
            address,
            submission,
            imap,
            pop3,
        } => MailboxRequest::Protocols {
            address: address.to_string(),
            switches: access::switches(submission, imap, pop3),
        },
        MailboxCommand::Unlock { address } => MailboxRequest::Unlock {
            address: address.to_string(),
        },
        MailboxCommand::WarnAt {
            address, target, ..
        } => MailboxRequest::WarnAt {
            address: address.to_string(),
            target: target.map(|target| target.to_string()),
        },
        MailboxCommand::AppPassword(_) | MailboxCommand::TwoStep(_) => {
            return Err(Failure::Usage("name what to do".to_owned()));
        }
    })
}

fn state(address: &Address, state: StateWord) -> MailboxRequest {
    MailboxRequest::State {
        address: address.to_string(),
        state,
    }
}

fn ordinary(what: OrdinaryChoice, target: Option<Address>) -> Result<OrdinaryWord, Failure> {
    match (what, target) {
        (OrdinaryChoice::Reject, None) => Ok(OrdinaryWord::Reject),
        (OrdinaryChoice::Accept, None) => Ok(OrdinaryWord::Accept),
        (OrdinaryChoice::Forward, Some(target)) => Ok(OrdinaryWord::Forward(target.to_string())),
        (_, Some(_)) => Err(Failure::Refused("only `forward` takes a target".to_owned())),
        (_, None) => Err(Failure::Refused("`forward` needs a target".to_owned())),
    }
}

impl From<HolderArguments> for HolderChange {
    fn from(arguments: HolderArguments) -> Self {
        Self {
            is_body: arguments.kind.map(|kind| kind == HolderWord::Body),
            name: arguments.name,
            tax_code: arguments.tax_code,
            contacts: arguments.contacts,
            documents: arguments.documents,
        }
    }
}

/// The Argon2id hash of the password in a file, `-` for stdin.
fn hash_file(file: &Path) -> Result<String, Failure> {
    let name = file.display();
    let unreadable = |error| Failure::Refused(format!("{name}: {error}"));
    let mut octets = Zeroizing::new(Vec::new());
    let read = if file == Path::new("-") {
        std::io::stdin()
            .take(PASSWORD_FILE_BYTES_MAX)
            .read_to_end(&mut octets)
    } else {
        std::fs::File::open(file)
            .and_then(|file| file.take(PASSWORD_FILE_BYTES_MAX).read_to_end(&mut octets))
    };
    read.map_err(unreadable)?;
    registry::hash(without_line_break(&octets))
        .map_err(|error| Failure::Refused(format!("{name}: {error}")))
}

/// Editors end the last line with a break; it is not part of the password.
fn without_line_break(octets: &[u8]) -> &[u8] {
    let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
    octets.strip_suffix(b"\r").unwrap_or(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_02_the_request_carries_a_hash_and_never_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "una parola d'ordine\n").unwrap();
        let hash = hash_file(&file).unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(!hash.contains("parola"), "{hash}");
    }

    #[test]
    fn one_line_break_is_not_part_of_the_password() {
        assert_eq!(without_line_break(b"abc\r\n"), b"abc");
        assert_eq!(without_line_break(b"abc\n\n"), b"abc\n");
        assert_eq!(without_line_break(b"abc"), b"abc");
    }

    #[test]
    fn a_bad_password_is_refused_with_the_files_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "x").unwrap();
        let sentence = hash_file(&file).unwrap_err().to_string();
        assert!(sentence.contains("password"), "{sentence}");
    }
}

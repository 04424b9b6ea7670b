//! Where the two doors differ. Submission: users sign in under TLS and send as themselves (AP-01, AP-02,
//! AC-04). Incoming point: other servers, in clear or under TLS (IP-01), nobody signs in, any reverse
//! path sends, and only recipients in domains that we manage are taken (IP-25, DP-06). All else is the
//! same machine.

use std::rc::Rc;

use ceralacca_core::address::{Address, Domain};
use ceralacca_core::limits;

use super::{Account, MUST_START_TLS, OUT_OF_ORDER, Session, Waits};
use crate::smtp::command::{Command, Dialect};

/// Who sends a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A mailbox of ours that signed in.
    Mailbox {
        /// Which.
        account: Account,
        /// Reverse path, its own address as it was written.
        sender: Address,
    },
    /// Another server.
    Server {
        /// Reverse path; `None`: the empty one.
        reverse_path: Option<Address>,
        /// What it called itself, empty when that was no name.
        helo: String,
        /// The TLS version; `None` on a plain connection (IP-26).
        tls: Option<&'static str>,
    },
}

/// What a domain of a recipient is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientDomain {
    /// Ours: any local part is taken (DP-06).
    Managed,
    /// About to become ours: its mail is put off (DL-09).
    Pending,
    /// Not ours (IP-25).
    Foreign,
}

/// What the incoming point asks about domains; answered from memory.
pub trait RecipientDomains: std::fmt::Debug {
    /// What `domain` is to us.
    fn judge(&self, domain: &Domain) -> RecipientDomain;

    /// Whose `<Postmaster>` without a domain is (RFC 5321 §4.5.1).
    fn postmaster(&self) -> Option<Address>;
}

/// Which door this is.
#[derive(Debug)]
pub(super) enum Role {
    Submission,
    Incoming(Dialect, Rc<dyn RecipientDomains>),
}

impl Role {
    pub(super) fn incoming(domains: Rc<dyn RecipientDomains>) -> Self {
        Self::Incoming(Dialect::Incoming(domains.postmaster()), domains)
    }

    pub(super) fn dialect(&self) -> &Dialect {
        match self {
            Self::Submission => &Dialect::Submission,
            Self::Incoming(dialect, _) => dialect,
        }
    }

    /// The line of EHLO that takes the place of STARTTLS.
    pub(super) fn keyword_under_tls(&self) -> &'static str {
        match self {
            Self::Submission => "250-AUTH PLAIN LOGIN\r\n",
            Self::Incoming(..) => "",
        }
    }

    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Submission => {
                "214 2.0.0 Commands: AUTH BDAT DATA EHLO HELO HELP MAIL NOOP QUIT RCPT RSET STARTTLS VRFY"
            }
            Self::Incoming(..) => {
                "214 2.0.0 Commands: BDAT DATA EHLO HELO HELP MAIL NOOP QUIT RCPT RSET STARTTLS VRFY"
            }
        }
    }

    /// Recipients of one transaction; more are put off to the next.
    pub(super) fn recipients_max(&self) -> usize {
        match self {
            Self::Submission => limits::RECIPIENTS_PER_TRANSACTION_MAX,
            Self::Incoming(..) => limits::ARRIVAL_RECIPIENTS_MAX,
        }
    }

    /// Submission takes everybody: what it cannot deliver is relayed.
    pub(super) fn recipient(&self, recipient: &Address) -> RecipientDomain {
        match self {
            Self::Submission => RecipientDomain::Managed,
            Self::Incoming(_, domains) => domains.judge(&recipient.domain()),
        }
    }
}

impl Session {
    /// Why a command about a message cannot be heard now.
    pub(super) fn not_yet(&self) -> Option<&'static str> {
        let is_submission = matches!(self.role, Role::Submission);
        match (self.settings.tls, &self.account, &self.greeted) {
            (None, _, _) if is_submission => Some(MUST_START_TLS),
            (_, None, _) if is_submission => Some("530 5.7.0 Authentication required"),
            (_, _, None) => Some(OUT_OF_ORDER),
            _ => None,
        }
    }

    /// Who sends with this reverse path, or the reply that refuses it.
    pub(super) fn origin(&self, reverse_path: Option<Address>) -> Result<Origin, &'static str> {
        match (&self.role, &self.account, reverse_path) {
            (Role::Incoming(..), _, reverse_path) => Ok(Origin::Server {
                reverse_path,
                helo: self.host_name().unwrap_or_default().to_owned(),
                tls: self.settings.tls,
            }),
            (Role::Submission, Some(account), Some(sender)) if sender == account.address => {
                let account = account.clone();
                Ok(Origin::Mailbox { account, sender })
            }
            _ => Err("553 5.7.1 Sender address is not the authenticated mailbox"),
        }
    }

    /// What is waited for of a peer that may not send yet: a chunk that it sends is thrown away, and buys
    /// no time.
    pub(super) fn stranger(&self) -> Option<Waits> {
        match self.role {
            Role::Submission => self.account.is_none().then_some(Waits::SignIn),
            Role::Incoming(..) => self.greeted.is_none().then_some(Waits::Command),
        }
    }

    /// Counts what other servers say between two messages (SE-10): no honest one goes on so long.
    pub(super) fn is_idle_too_long(&mut self, command: &Command<'_>) -> bool {
        let is_idle = !matches!(
            command,
            Command::Rcpt(_) | Command::Data | Command::Bdat(..) | Command::Quit
        );
        if is_idle && matches!(self.role, Role::Incoming(..)) {
            self.idle += 1;
        }
        self.idle > limits::SMTP_IDLE_COMMANDS_MAX
    }

    /// RFC 3848: the word after `with` in `Received:`.
    pub(super) fn protocol(&self) -> &'static str {
        let is_extended = self.greeted.as_ref().is_some_and(|g| g.is_extended);
        match (&self.role, self.settings.tls) {
            (Role::Submission, _) => "ESMTPSA",
            (Role::Incoming(..), Some(_)) => "ESMTPS",
            (Role::Incoming(..), None) if is_extended => "ESMTP",
            (Role::Incoming(..), None) => "SMTP",
        }
    }
}

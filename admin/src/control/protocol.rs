//! What can be asked over the socket, and the answers. Passwords travel as Argon2id hashes.

use ceralacca_core::registry::{Holder, HolderKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::report::{Failure, Report};

/// A request: one line, `"status"` or `{"mailbox":{"show":{"address":…}}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// How the appliance is.
    Status,
    /// Everything that must be well.
    Check,
    /// Instants of the steps of recent messages (for the bench).
    Steps {
        /// Those after this cursor; 0 for all that are kept.
        after: u64,
    },
    /// About mailboxes.
    Mailbox(MailboxRequest),
    /// About domains.
    Domain(DomainRequest),
    /// About the relay's queue.
    Queue(QueueRequest),
    /// How much anybody may do in a minute, and when sign-ins are locked.
    Rates,
    /// About keys.
    Hsm(HsmRequest),
    /// The sandbox's clock: how far it is ahead, after putting it ahead by so much.
    SandboxClock {
        /// Milliseconds; 0 to ask only.
        advance_ms: u64,
    },
    /// About tasks of operators.
    Task(TaskRequest),
    /// About infected messages that are kept.
    Quarantine(QuarantineRequest),
    /// About the index of providers.
    Directory(DirectoryRequest),
}

/// About mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum MailboxRequest {
    /// Make a mailbox.
    Add {
        /// Address.
        address: String,
        /// Argon2id in PHC form.
        password: Option<String>,
        /// Octets.
        quota: Option<u64>,
        /// Data of the holder.
        holder: HolderChange,
    },
    /// List mailboxes.
    List {
        /// Of this domain only.
        domain: Option<String>,
        /// Those after this address.
        after: Option<String>,
        /// At most so many.
        limit: usize,
        /// The house's own too.
        #[serde(default)]
        service: bool,
    },
    /// Show a mailbox.
    Show {
        /// Address.
        address: String,
    },
    /// Set the password.
    Passwd {
        /// Address.
        address: String,
        /// Argon2id in PHC form.
        password: String,
    },
    /// Put into or take out of service, or close.
    State {
        /// Address.
        address: String,
        /// The state.
        state: StateWord,
    },
    /// Set the capacity.
    Quota {
        /// Address.
        address: String,
        /// In octets.
        octets: u64,
    },
    /// What to do with ordinary mail.
    Ordinary {
        /// Address.
        address: String,
        /// What.
        policy: OrdinaryWord,
    },
    /// Show or change the holder.
    Holder {
        /// Address.
        address: String,
        /// What to change.
        holder: HolderChange,
    },
    /// Which delivery receipt to ask for.
    ReceiptType {
        /// Address.
        address: String,
        /// Which.
        what: ReceiptTypeWord,
    },
    /// Removed messages that can be restored.
    Deleted {
        /// Address.
        address: String,
    },
    /// Put removed messages back.
    Restore {
        /// Address.
        address: String,
        /// Keys; none stands for all.
        keys: Vec<String>,
    },
    /// The history.
    History {
        /// Address.
        address: String,
    },
    /// Show or switch protocols; what is `None` stays.
    Protocols {
        /// Address.
        address: String,
        /// By their words, on or off.
        switches: Vec<(String, bool)>,
    },
    /// A new application password.
    AddAppPassword {
        /// Address.
        address: String,
        /// What it is for.
        name: String,
        /// The part that says which it is.
        mark: String,
        /// Argon2id of the whole in PHC form.
        hash: String,
        /// What it opens, by words; all when empty.
        protocols: Vec<String>,
    },
    /// List application passwords.
    AppPasswords {
        /// Address.
        address: String,
    },
    /// Revoke an application password.
    RevokeAppPassword {
        /// Address.
        address: String,
        /// Which.
        number: u32,
    },
    /// About two-step login.
    TwoStep {
        /// Address.
        address: String,
        /// What.
        step: TwoStepWord,
    },
    /// End all locks of an account.
    Unlock {
        /// Address.
        address: String,
    },
    /// Where warnings go besides.
    WarnAt {
        /// Address.
        address: String,
        /// Where; `None`: nowhere.
        target: Option<String>,
    },
}

/// About two-step login.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TwoStepWord {
    /// Enrol a device; the secret in base32.
    Enrol(String),
    /// In force from now on: a code of the device, digests of recovery codes.
    Confirm(String, Vec<String>),
    /// End it.
    Disable,
    /// How it is.
    Show,
}

impl std::fmt::Debug for TwoStepWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Enrol(_) => "Enrol(••••)",
            Self::Confirm(..) => "Confirm(••••)",
            Self::Disable => "Disable",
            Self::Show => "Show",
        })
    }
}

/// About domains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DomainRequest {
    /// Manage a domain.
    Add {
        /// Name.
        domain: String,
    },
    /// List domains.
    List,
    /// Show a domain and its DKIM record.
    Show {
        /// Name.
        domain: String,
    },
    /// Give up a domain.
    Remove {
        /// Name.
        domain: String,
    },
    /// Stop or take up its service.
    Suspend {
        /// Name.
        domain: String,
        /// Stop.
        suspended: bool,
    },
}

/// About the relay's queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum QueueRequest {
    /// What waits.
    List {
        /// For this destination only.
        destination: Option<String>,
        /// At most so many entries.
        limit: usize,
    },
    /// One entry.
    Show {
        /// Its key.
        key: String,
    },
    /// An order about entries.
    Order {
        /// What.
        order: QueueWord,
        /// Which.
        which: QueueWhich,
    },
}

/// Orders about entries of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueWord {
    /// Do not try.
    Hold,
    /// Try again.
    Release,
    /// Try now.
    Retry,
}

/// Entries of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueWhich {
    /// One.
    Key(String),
    /// Those for one domain.
    Destination(String),
    /// All.
    All,
}

/// A ceremony of a key (HS-08).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CeremonyRequest {
    /// Who types.
    pub operator: String,
    /// Who gets a share each.
    pub custodians: Vec<String>,
    /// How many of them open.
    pub quorum: u8,
    /// Who watches.
    pub witnesses: Vec<String>,
    /// A new folder for shares and record.
    pub folder: std::path::PathBuf,
    /// The key's label; that of the settings when `None`.
    pub label: Option<String>,
    /// Label of the token; the first when `None`.
    #[serde(default)]
    pub token: Option<String>,
    /// What kind of key.
    #[serde(default)]
    pub kind: KeyKind,
    /// RSA bits; the usual ones when `None`.
    pub bits: Option<usize>,
    /// Initialise the token first, with this PIN of the security officer.
    pub so_pin_file: Option<std::path::PathBuf>,
}

/// Kinds of signing keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// RSA, what the rules of PEC know.
    #[default]
    Rsa,
    /// ECDSA on P-256, where the policy allows it.
    P256,
}

/// About keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum HsmRequest {
    /// Initialise a token.
    Init {
        /// File with the security officer's PIN.
        so_pin_file: Option<std::path::PathBuf>,
        /// Label of the token; the first when `None`.
        #[serde(default)]
        token: Option<String>,
    },
    /// Make the signing key.
    Keygen {
        /// Its label; that of the settings when `None`.
        label: Option<String>,
        /// What kind of key.
        #[serde(default)]
        kind: KeyKind,
        /// RSA bits; the usual ones when `None`.
        bits: Option<usize>,
        /// Label of the token; the first when `None`.
        #[serde(default)]
        token: Option<String>,
    },
    /// Make a key at a ceremony.
    Ceremony(CeremonyRequest),
    /// The request for the key's certificate.
    Csr {
        /// The key's label.
        label: Option<String>,
        /// Label of its token; the first when `None`.
        #[serde(default)]
        token: Option<String>,
    },
    /// Take the key's certificate.
    ImportCert {
        /// The key's label.
        label: Option<String>,
        /// PEM, with the issuers.
        chain: String,
        /// Not before this instant (RFC 3339).
        #[serde(default)]
        from: Option<String>,
        /// The index is not waited for.
        #[serde(default)]
        at_next_start: bool,
    },
    /// Forget the certificate that waits to be used.
    Recall,
    /// List keys.
    List {
        /// Label of their token; the first when `None`.
        #[serde(default)]
        token: Option<String>,
    },
    /// Compare what the keys have signed with the log.
    Reconcile,
}

/// About tasks of operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum TaskRequest {
    /// List what is open.
    List,
    /// Settle one.
    Settle {
        /// Its key.
        key: String,
        /// What was found.
        note: String,
    },
}

/// About infected messages that are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum QuarantineRequest {
    /// List what is kept.
    List,
    /// Show the facts of one.
    Show {
        /// Name.
        name: String,
        /// Why.
        reason: String,
    },
    /// Write one to a new file.
    Export {
        /// Name.
        name: String,
        /// The new file, from the root.
        out: std::path::PathBuf,
        /// Why.
        reason: String,
    },
    /// Remove those whose term is over.
    Expire,
}

/// About the index of providers. Files are named by absolute paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DirectoryRequest {
    /// Show the index in use.
    Show {
        /// Who manages this domain.
        domain: Option<String>,
    },
    /// Write our own part of it.
    Export {
        /// Where.
        file: std::path::PathBuf,
        /// As text, not signed.
        ldif: bool,
    },
    /// Take an index from a file.
    Import {
        /// Which (`.p7m`).
        file: std::path::PathBuf,
    },
    /// Fetch the index now.
    Fetch,
    /// Put the index that waits in use.
    Confirm,
    /// Sign our own part anew where something has changed.
    Publish,
}

/// A mailbox's state in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateWord {
    /// In service.
    Active,
    /// Out of service.
    Suspended,
    /// Gone.
    Closed,
}

/// What a mailbox does with ordinary mail, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrdinaryWord {
    /// Refuse it.
    Reject,
    /// Take it, in anomaly envelopes.
    Accept,
    /// Hand it on to this address.
    Forward(String),
}

/// A mailbox's type of delivery receipt, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptTypeWord {
    /// With the whole message.
    Complete,
    /// With the message, attachments replaced by their hashes.
    Brief,
    /// Without the message.
    Concise,
    /// As the program asks; complete where it does not.
    None,
}

/// What to set of a holder; what is `None` or empty stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HolderChange {
    /// A body, not a person.
    pub is_body: Option<bool>,
    /// Name.
    pub name: Option<String>,
    /// Tax code or VAT number.
    pub tax_code: Option<String>,
    /// Contacts.
    pub contacts: Vec<String>,
    /// Documents.
    pub documents: Vec<String>,
}

impl HolderChange {
    /// Nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The holder with these changes.
    pub fn apply(self, old: Option<&Holder>) -> Holder {
        let old = old.cloned().unwrap_or(Holder {
            kind: HolderKind::Person,
            name: String::new(),
            tax_code: None,
            contacts: Vec::new(),
            documents: Vec::new(),
        });
        let or = |new: Vec<String>, old| if new.is_empty() { old } else { new };
        Holder {
            kind: match self.is_body {
                Some(true) => HolderKind::Body,
                Some(false) => HolderKind::Person,
                None => old.kind,
            },
            name: self.name.unwrap_or(old.name),
            tax_code: self.tax_code.or(old.tax_code),
            contacts: or(self.contacts, old.contacts),
            documents: or(self.documents, old.documents),
        }
    }
}

/// The answer: one line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Done.
    Done {
        /// For people.
        words: String,
        /// The object of `--json`.
        object: Value,
        /// Healthy, genuine.
        held: bool,
    },
    /// Not done, and why.
    Refused(String),
}

impl From<Result<Report, Failure>> for Answer {
    fn from(end: Result<Report, Failure>) -> Self {
        match end {
            Ok(Report {
                words,
                object,
                held,
            }) => Self::Done {
                words,
                object,
                held,
            },
            Err(failure) => Self::Refused(failure.to_string()),
        }
    }
}

impl From<Answer> for Result<Report, Failure> {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Done {
                words,
                object,
                held,
            } => Ok(Report {
                words,
                object,
                held,
            }),
            Answer::Refused(why) => Err(Failure::Refused(why)),
        }
    }
}

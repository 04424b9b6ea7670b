//! `mailbox app-password`, `mailbox two-step`: what is secret is drawn here and shown here, once; over the
//! socket go hashes, and of a device's secret what must be kept.

use ceralacca_core::address::Address;
use ceralacca_core::disk::DataFolder;
use ceralacca_core::login::Protocol;
use ceralacca_core::login::app_password::Fresh;
use ceralacca_core::login::two_step::{TotpSecret, draw_recovery_codes, recovery_digest};
use ceralacca_core::registry;
use serde_json::json;

use crate::cli::{AppPasswordCommand, ProtocolChoice, Switch, TwoStepCommand};
use crate::control::{MailboxRequest, Request, TwoStepWord};
use crate::reach;
use crate::report::{Failure, Report};

/// What is to be switched, by words.
pub(super) fn switches(
    submission: Option<Switch>,
    imap: Option<Switch>,
    pop3: Option<Switch>,
) -> Vec<(String, bool)> {
    let all = [
        (Protocol::Submission, submission),
        (Protocol::Imap, imap),
        (Protocol::Pop3, pop3),
    ];
    let given = |(protocol, switch): (Protocol, Option<Switch>)| {
        let on = switch? == Switch::On;
        Some((protocol.word().to_owned(), on))
    };
    all.into_iter().filter_map(given).collect()
}

pub(super) fn app_password(
    data: &DataFolder,
    order: AppPasswordCommand,
) -> Result<Report, Failure> {
    match order {
        AppPasswordCommand::Add {
            address,
            name,
            protocols,
        } => add(data, &address, name, &protocols),
        AppPasswordCommand::List { address } => ask(
            data,
            MailboxRequest::AppPasswords {
                address: address.to_string(),
            },
        ),
        AppPasswordCommand::Revoke { address, number } => ask(
            data,
            MailboxRequest::RevokeAppPassword {
                address: address.to_string(),
                number,
            },
        ),
    }
}

fn add(
    data: &DataFolder,
    address: &Address,
    name: String,
    protocols: &[ProtocolChoice],
) -> Result<Report, Failure> {
    let fresh = Fresh::draw();
    let hash = registry::hash(fresh.plain.as_bytes()).map_err(Failure::refused)?;
    let mut report = ask(
        data,
        MailboxRequest::AddAppPassword {
            address: address.to_string(),
            name,
            mark: fresh.mark.clone(),
            hash,
            protocols: protocols.iter().map(|one| word(*one).to_owned()).collect(),
        },
    )?;
    let shown = fresh.shown();
    report.words = format!(
        "{}\nthe password, shown this once: {}\n",
        report.words.trim_end(),
        *shown
    );
    report.object["password"] = json!(*shown);
    Ok(report)
}

const fn word(choice: ProtocolChoice) -> &'static str {
    match choice {
        ProtocolChoice::Submission => Protocol::Submission.word(),
        ProtocolChoice::Imap => Protocol::Imap.word(),
        ProtocolChoice::Pop3 => Protocol::Pop3.word(),
    }
}

pub(super) fn two_step(data: &DataFolder, order: TwoStepCommand) -> Result<Report, Failure> {
    match order {
        TwoStepCommand::Enable { address } => enable(data, &address),
        TwoStepCommand::Confirm { address, code } => confirm(data, &address, code),
        TwoStepCommand::Disable { address } => step(data, &address, TwoStepWord::Disable),
        TwoStepCommand::Show { address } => step(data, &address, TwoStepWord::Show),
    }
}

fn enable(data: &DataFolder, address: &Address) -> Result<Report, Failure> {
    let secret = TotpSecret::draw();
    let mut report = step(
        data,
        address,
        TwoStepWord::Enrol(secret.shown().to_string()),
    )?;
    let issuer = report.object["provider"].as_str().unwrap_or_default();
    let uri = secret.uri(issuer, address.as_str());
    report.words = format!(
        "the secret, for the device: {}\nor as an address: {}\nthen: ceralacca mailbox two-step \
         confirm {address} --code CODE\n",
        *secret.shown(),
        *uri
    );
    report.object["secret"] = json!(*secret.shown());
    report.object["uri"] = json!(*uri);
    Ok(report)
}

fn confirm(data: &DataFolder, address: &Address, code: String) -> Result<Report, Failure> {
    let codes = draw_recovery_codes();
    let digests = codes.iter().map(|code| recovery_digest(code)).collect();
    let mut report = step(data, address, TwoStepWord::Confirm(code, digests))?;
    let shown: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    report.words = format!(
        "{}\nrecovery codes, each good once, shown this once:\n  {}\n",
        report.words.trim_end(),
        shown.join("\n  ")
    );
    report.object["recovery"] = json!(shown);
    Ok(report)
}

fn step(data: &DataFolder, address: &Address, step: TwoStepWord) -> Result<Report, Failure> {
    let address = address.to_string();
    ask(data, MailboxRequest::TwoStep { address, step })
}

fn ask(data: &DataFolder, request: MailboxRequest) -> Result<Report, Failure> {
    reach::ask(data, Request::Mailbox(request))
}

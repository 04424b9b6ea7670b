//! What a domain's DNS publishes for mail programs (RFC 6186, RFC 8314): SRV records of what is offered,
//! IMAP preferred to POP3, and of what is not.

use serde_json::{Value, json};

use super::Reach;

/// Names and data of one domain's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The owner's name, without the last dot.
    pub name: String,
    /// `SRV` or `CNAME`.
    pub kind: &'static str,
    /// What stands after the kind.
    pub data: String,
}

impl Record {
    /// As in a zone file.
    pub fn line(&self) -> String {
        format!("{}. IN {} {}\n", self.name, self.kind, self.data)
    }

    /// As `--json` says it.
    pub fn object(&self) -> Value {
        json!({ "name": self.name, "type": self.kind, "data": self.data })
    }
}

/// The records for `domain`. Ports that the system picks at each start cannot be published.
pub fn of(domain: &str, reach: &Reach) -> Vec<Record> {
    let srv = |service: &str, data: String| Record {
        name: format!("{service}._tcp.{domain}"),
        kind: "SRV",
        data,
    };
    let host = &reach.host;
    let mut records = Vec::new();
    for (service, priority, port) in [
        ("_submissions", 0, reach.submission_tls),
        ("_submission", 0, reach.submission),
        ("_imaps", 0, reach.imaps),
        ("_pop3s", 10, reach.pop3s),
        ("_autodiscover", 0, reach.https()),
    ] {
        let data = port.map(|port| format!("{priority} 1 {port} {host}."));
        records.extend(data.map(|data| srv(service, data)));
    }
    // AC-04: nothing is read in clear.
    records.extend(["_imap", "_pop3"].map(|service| srv(service, "0 0 0 .".to_owned())));
    if reach.https() == Some(443) {
        records.push(Record {
            name: format!("autoconfig.{domain}"),
            kind: "CNAME",
            data: format!("{host}."),
        });
    }
    records
}

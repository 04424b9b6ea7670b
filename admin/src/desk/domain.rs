//! Orders about the provider's domains.

use ceralacca_core::owner::RegistryOrder;
use ceralacca_core::registry::DomainState;
use serde_json::json;

use super::Desk;
use crate::control::DomainRequest;
use crate::report::{Failure, Report};
use crate::web::records::Record;

impl Desk<'_> {
    /// Carries out a request about domains; `dkim` gives name and text of a domain's DKIM record, `clients`
    /// the records for mail programs.
    pub fn domain(
        &self,
        request: DomainRequest,
        dkim: impl Fn(&str) -> Result<(String, String), Failure>,
        clients: impl Fn(&str) -> Vec<Record>,
    ) -> Result<Report, Failure> {
        match request {
            DomainRequest::Add { domain } => self.add_domain(&domain),
            DomainRequest::List => Ok(self.domains()),
            DomainRequest::Show { domain } => self.shown(&domain, dkim, clients),
            DomainRequest::Remove { domain } => self.remove_domain(&domain),
            DomainRequest::Suspend { domain, suspended } => self.suspend_domain(&domain, suspended),
        }
    }

    fn shown(
        &self,
        name: &str,
        dkim: impl Fn(&str) -> Result<(String, String), Failure>,
        clients: impl Fn(&str) -> Vec<Record>,
    ) -> Result<Report, Failure> {
        let domain = super::domain(name)?;
        let row = self.state.view().domain(&domain);
        let row = row.ok_or_else(|| Failure::Refused(format!("{domain} is not managed here")))?;
        let state = state_word(row.state);
        let (record, text) = dkim(domain.as_str())?;
        let records = clients(domain.as_str());
        let lines: String = records.iter().map(Record::line).collect();
        let words = format!(
            "{domain}  {state}, added {}\nDKIM: publish this TXT record:\n{record}. IN TXT {}\n\
             mail programs: publish these records, that they find their settings:\n{lines}",
            row.added.rfc3339(),
            strings(&text)
        );
        let object = json!({
            "domain": domain.as_str(),
            "state": state,
            "added": row.added.rfc3339(),
            "dkim_name": record,
            "dkim_text": text,
            "clients": records.iter().map(Record::object).collect::<Vec<_>>(),
        });
        Ok(Report::done(words, object))
    }

    fn add_domain(&self, name: &str) -> Result<Report, Failure> {
        self.order(RegistryOrder::AddDomain(super::domain(name)?))?;
        Ok(Report::done(
            format!("{name} is managed now"),
            json!({ "domain": name, "state": "active" }),
        ))
    }

    fn remove_domain(&self, name: &str) -> Result<Report, Failure> {
        self.order(RegistryOrder::RemoveDomain(super::domain(name)?))?;
        Ok(Report::done(
            format!("{name} is given up"),
            json!({ "domain": name, "removed": true }),
        ))
    }

    fn suspend_domain(&self, name: &str, suspended: bool) -> Result<Report, Failure> {
        self.order(RegistryOrder::SuspendDomain(
            super::domain(name)?,
            suspended,
        ))?;
        let state = if suspended { "suspended" } else { "active" };
        Ok(Report::done(
            format!("{name} is {state}"),
            json!({ "domain": name, "state": state }),
        ))
    }

    fn domains(&self) -> Report {
        let own = self.state.view().provider().map(|row| row.domain.clone());
        let mut words = String::new();
        let mut domains = Vec::new();
        for (name, row) in self.state.view().domains() {
            let state = state_word(row.state);
            let is_own = own.as_ref().is_some_and(|own| own.as_str() == name);
            let mark = if is_own { "  the provider's own" } else { "" };
            words.push_str(&format!("{name}  {state}{mark}\n"));
            domains.push(json!({
                "domain": name,
                "state": state,
                "own": is_own,
                "added": row.added.rfc3339(),
            }));
        }
        Report::done(words, json!({ "domains": domains }))
    }
}

const fn state_word(state: DomainState) -> &'static str {
    match state {
        DomainState::Active => "active",
        DomainState::Suspended => "suspended",
    }
}

/// A text as the strings of a TXT record, 255 octets each at most (RFC 1035 §3.3.14).
fn strings(text: &str) -> String {
    let pieces = text.as_bytes().chunks(255);
    let quoted = pieces.map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece)));
    quoted.collect::<Vec<_>>().join(" ")
}

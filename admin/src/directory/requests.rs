//! The commands of `ceralacca directory` on an appliance, running or not.

use std::path::Path;
use std::sync::Arc;

use ceralacca_core::address::Domain;
use ceralacca_core::directory::{Current, ProviderRecord, Taken};
use ceralacca_core::disk::DataFolder;
use ceralacca_core::instant::Instant;
use ceralacca_core::limits::DIRECTORY_BYTES_MAX;
use ceralacca_core::mime::words::neutralised;
use ceralacca_core::smime::certificate::Certificate;
use ceralacca_core::state::State;
use ceralacca_firmware::Settings;
use ceralacca_firmware::os::Finding;
use serde_json::{Value, json};

use super::publication::{PATH, Publication, own_text};
use super::read_file;
use super::refresh::Source;
use crate::control::DirectoryRequest;
use crate::keys::{Keys, replace};
use crate::report::{Failure, Report};

/// Remarks that `show` prints; `--json` has all.
const REMARKS_SHOWN_MAX: usize = 20;
/// Subject of the findings of `check`.
const SUBJECT: &str = "index of providers";

/// Where commands act.
pub struct Office<'a> {
    /// The appliance's state.
    pub state: &'a Arc<State>,
    /// Its folder.
    pub data: &'a DataFolder,
    /// Its settings.
    pub settings: &'a Settings,
    /// What is published, when it runs.
    pub publication: Option<&'a Publication>,
    /// Where the index comes from, when it runs.
    pub source: Option<&'a Source>,
}

impl Office<'_> {
    /// Carries out a request.
    pub fn perform(&self, request: DirectoryRequest) -> Result<Report, Failure> {
        match request {
            DirectoryRequest::Show { domain } => self.show(domain.as_deref()),
            DirectoryRequest::Export { file, ldif } => self.export(&file, ldif),
            DirectoryRequest::Import { file } => self.import(&file),
            DirectoryRequest::Fetch => self.fetch(),
            DirectoryRequest::Confirm => self.confirm(),
            DirectoryRequest::Publish => self.publish(),
        }
    }

    fn now(&self) -> Instant {
        self.state.clock().now()
    }

    fn show(&self, domain: Option<&str>) -> Result<Report, Failure> {
        let shelf = self.state.directory();
        let alarms: Vec<String> = shelf
            .alarms(self.now())
            .iter()
            .map(ToString::to_string)
            .collect();
        let alarm_words: String = alarms.iter().map(|a| format!("warning: {a}\n")).collect();
        let Some(current) = shelf.current() else {
            let words = if shelf.is_used() {
                alarm_words
            } else {
                "no index of providers is configured ([directory] in appliance.toml)\n".to_owned()
            };
            let mut report = Report::done(words, json!({ "index": null, "alarms": alarms }));
            report.held = domain.is_none();
            return Ok(report);
        };
        match domain {
            Some(domain) => show_domain(&current, domain),
            None => Ok(show_all(&current, &alarm_words, &alarms)),
        }
    }

    /// Our own part of the index, signed or as text.
    fn export(&self, file: &Path, ldif: bool) -> Result<Report, Failure> {
        let octets = if ldif {
            own_text(self.state, self.data, self.settings, None)?
        } else {
            self.signed()?.to_vec()
        };
        replace(file, &octets)?;
        Ok(Report::done(
            format!("written to {}", file.display()),
            json!({ "file": file, "octets": octets.len() }),
        ))
    }

    fn signed(&self) -> Result<Arc<[u8]>, Failure> {
        if let Some(publication) = self.publication {
            return publication.signed();
        }
        let signer = Keys::of(self.data, self.settings).signer()?;
        let (state, data) = (self.state.clone(), self.data.clone());
        Publication::new(state, data, self.settings.clone(), signer).signed()
    }

    fn import(&self, file: &Path) -> Result<Report, Failure> {
        let p7m = read_file(file, DIRECTORY_BYTES_MAX as u64)?;
        let taken = self.state.directory().take(&p7m, self.now());
        taken.map(|taken| told(&taken)).map_err(Failure::refused)
    }

    fn fetch(&self) -> Result<Report, Failure> {
        let offline = match self.source {
            Some(_) => None,
            None => Source::of(self.data, self.settings)?,
        };
        let source = self.source.or(offline.as_ref()).ok_or_else(|| {
            Failure::Refused(
                "no index is configured: set directory.url in appliance.toml".to_owned(),
            )
        })?;
        let taken = source.refresh(self.state);
        taken.map(|taken| told(&taken)).map_err(Failure::refused)
    }

    fn confirm(&self) -> Result<Report, Failure> {
        let current = self.state.directory().confirm(self.now());
        current
            .map(|current| told(&Taken::InUse(current)))
            .map_err(Failure::refused)
    }

    /// What is handed out now, signed anew where something has changed.
    fn publish(&self) -> Result<Report, Failure> {
        let octets = self.signed()?.len();
        let url = self.settings.directory.publish_url.as_deref();
        let words = match (url, self.settings.publishes(), self.publication) {
            (_, false, _) => {
                "nothing is published: set directory.publish_url in appliance.toml".to_owned()
            }
            (_, true, None) => "published as soon as the appliance runs".to_owned(),
            (Some(url), true, Some(_)) => format!("published at {url}, {octets} octets"),
            (None, true, Some(_)) => format!("published at {PATH}, {octets} octets"),
        };
        let object =
            json!({ "url": url, "octets": octets, "published": self.settings.publishes() });
        Ok(Report::done(words, object))
    }
}

fn told(taken: &Taken) -> Report {
    match taken {
        Taken::Unchanged(current) => Report::done(
            format!("the index is the one in use: {}", counted(current)),
            json!({ "taken": "unchanged", "index": summary(current) }),
        ),
        Taken::InUse(current) => Report::done(
            format!("the index is in use: {}", counted(current)),
            json!({ "taken": "in use", "index": summary(current) }),
        ),
        Taken::Held(hold) => Report {
            words: format!(
                "the index waits for `directory confirm`, the old one stays in use: {hold}"
            ),
            object: json!({ "taken": "held", "why": hold.to_string() }),
            held: false,
        },
    }
}

fn counted(current: &Current) -> String {
    let directory = &current.directory;
    format!(
        "{} records, {} domains, {} remarks",
        directory.records().len(),
        directory.domain_count(),
        current.remarks.len()
    )
}

fn summary(current: &Current) -> Value {
    json!({
        "records": current.directory.records().len(),
        "domains": current.directory.domain_count(),
        "remarks": current.remarks.len(),
        "since": current.since.rfc3339(),
        "fetched_at": current.fetched_at.rfc3339(),
        "dated": current.dated.map(Instant::rfc3339),
        "sha256": data_encoding::HEXLOWER.encode(&current.digest),
    })
}

fn show_all(current: &Current, alarm_words: &str, alarms: &[String]) -> Report {
    let dated = current
        .dated
        .map_or_else(|| "no date".to_owned(), Instant::rfc3339);
    let mut words = format!(
        "index of providers: {}\nsigned {dated}, last seen {}, in use since {}\n",
        counted(current),
        current.fetched_at.rfc3339(),
        current.since.rfc3339(),
    );
    for record in current.directory.records() {
        words.push_str(&record_words(record));
    }
    for remark in current.remarks.iter().take(REMARKS_SHOWN_MAX) {
        words.push_str(&format!("remark: {remark}\n"));
    }
    if current.remarks.len() > REMARKS_SHOWN_MAX {
        let more = current.remarks.len() - REMARKS_SHOWN_MAX;
        words.push_str(&format!("and {more} more remarks (--json has all)\n"));
    }
    words.push_str(alarm_words);
    let records = current.directory.records().iter().map(record_object);
    let remarks: Vec<String> = current.remarks.iter().map(ToString::to_string).collect();
    let object = json!({
        "index": summary(current),
        "records": records.collect::<Vec<_>>(),
        "remarks": remarks,
        "alarms": alarms,
    });
    Report::done(words, object)
}

/// Exit 0 only if somebody manages it.
fn show_domain(current: &Current, domain: &str) -> Result<Report, Failure> {
    let domain = Domain::parse(domain).map_err(Failure::refused)?;
    let managers: Vec<&ProviderRecord> = current.directory.managers_of(&domain).collect();
    let mut words = match managers.len() {
        0 => format!("{domain}: nobody's; mail to it is ordinary\n"),
        _ => format!("{domain}: certified mail\n"),
    };
    for record in &managers {
        words.push_str(&record_words(record));
    }
    let objects: Vec<Value> = managers
        .iter()
        .map(|record| record_object(record))
        .collect();
    Ok(Report {
        words,
        object: json!({ "domain": domain.as_str(), "managed": !managers.is_empty(),
                        "records": objects }),
        held: !managers.is_empty(),
    })
}

fn record_words(record: &ProviderRecord) -> String {
    let receipt = record.mail_receipt.as_ref();
    let receipt = receipt.map_or("nowhere", |address| address.as_str());
    let mut words = format!(
        "  {}: {} domains, receipts to {receipt}\n",
        neutralised(&record.title()),
        record.domains.len()
    );
    for der in &record.certificates {
        words.push_str(&match Certificate::read(der) {
            Ok(certificate) => format!(
                "    certificate {} until {}\n",
                certificate.sha1_hex(),
                certificate.not_after.rfc3339()
            ),
            Err(error) => format!("    certificate not readable: {}\n", error.0),
        });
    }
    words
}

fn record_object(record: &ProviderRecord) -> Value {
    let certificates: Vec<Value> = record
        .certificates
        .iter()
        .filter_map(|der| Certificate::read(der).ok())
        .map(|certificate| {
            json!({ "sha1": certificate.sha1_hex(), "subject": certificate.subject_words(),
                    "not_after": certificate.not_after.rfc3339() })
        })
        .collect();
    let domains: Vec<&str> = record.domains.iter().map(Domain::as_str).collect();
    json!({
        "provider": record.name,
        "unit": record.unit,
        "mail_receipt": record.mail_receipt.as_ref().map(|address| address.as_str()),
        "domains": domains,
        "certificates": certificates,
        "location": record.ldif_url,
    })
}

/// The index among what must be well (DI-11, DI-12, DI-13, DI-15, DI-16). The stored copy is looked at.
pub fn findings(state: &State) -> Vec<Finding> {
    use ceralacca_core::directory::Alarm;
    let shelf = state.directory();
    if !shelf.is_used() {
        let alone = "none is configured: this appliance works alone";
        return vec![Finding::good(SUBJECT, alone)];
    }
    shelf.recheck();
    let alarms = shelf.alarms(state.clock().now());
    let mut findings: Vec<Finding> = alarms
        .iter()
        .map(|alarm| match alarm {
            Alarm::Damaged(why) => {
                Finding::bad(SUBJECT, format!("{why}; run `directory fetch` or `import`"))
            }
            Alarm::Held(_) => Finding::warning(
                SUBJECT,
                format!("{alarm}; look at it, then run `directory confirm`"),
            ),
            Alarm::None | Alarm::Stale(_) => Finding::warning(SUBJECT, alarm.to_string()),
        })
        .collect();
    if let Some(current) = shelf.current() {
        findings.push(match current.remarks.first() {
            None => Finding::good(SUBJECT, counted(&current)),
            Some(first) => Finding::warning(
                SUBJECT,
                format!("{}; the first: {first}", counted(&current)),
            ),
        });
    }
    let lists = state.trust_room().revocation().alarms(state.clock().now());
    let alarms = lists.iter().map(ToString::to_string);
    findings.extend(alarms.map(|words| Finding::warning("revocation lists", words)));
    findings
}

//! An IMAP server's work, ours and Dovecot's by turns in one run on one machine, with one client: rates,
//! CPU of the server's processes, their ratio. Then how much memory idle connections take.

mod client;
mod dovecot;
mod idle;
mod work;

use std::net::SocketAddr;

use serde_json::{Value, json};

use self::client::Trusted;
use self::dovecot::Dovecot;
use self::work::{Measured, Sizes};
use crate::provider::{self, Holder, Provider};
use crate::sums::Trouble;

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// Measure this server beside ours; without it only ours.
    #[arg(long, value_enum)]
    against: Option<Other>,
    /// Messages of the mailbox that is fetched.
    #[arg(long, default_value_t = 1000)]
    messages: usize,
    /// Octets of each.
    #[arg(long, default_value_t = 20_000)]
    octets: usize,
    /// Messages appended in the measurement, by 16 clients.
    #[arg(long, default_value_t = 3000)]
    appends: usize,
    /// Messages of the mailbox that is searched; 0: no search.
    #[arg(long, default_value_t = 100_000)]
    searched: usize,
    /// Idle TLS connections to ours; 0: none.
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// One JSON object on the last line instead of the table.
    #[arg(long)]
    json: bool,
}

/// A server to compare with.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Other {
    /// Debian's, with mdbox.
    Dovecot,
}

/// A server under test.
pub trait Server: Sync {
    /// Its name in the table.
    fn name(&self) -> &'static str;
    /// IMAP over TLS.
    fn address(&self) -> SocketAddr;
    /// POP3 over TLS.
    fn pop3(&self) -> SocketAddr;
    /// Whom a client trusts.
    fn trusted(&self) -> &Trusted;
    /// CPU seconds of all its processes until now.
    fn cpu_seconds(&self) -> Result<f64, Trouble>;
}

struct Ours {
    provider: Provider,
    trusted: Trusted,
}

impl Server for Ours {
    fn name(&self) -> &'static str {
        "ceralacca"
    }

    fn address(&self) -> SocketAddr {
        self.provider.imap()
    }

    fn pop3(&self) -> SocketAddr {
        self.provider.pop3()
    }

    fn trusted(&self) -> &Trusted {
        &self.trusted
    }

    fn cpu_seconds(&self) -> Result<f64, Trouble> {
        self.provider.cpu_seconds()
    }
}

/// Runs all and prints what was measured.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let provider = Provider::start(work::MAILBOXES, Holder::Soft)?;
    let trusted = Trusted::new(&provider.authority(), provider::HOST)?;
    let ours = Ours { provider, trusted };
    let other = match settings.against {
        Some(Other::Dovecot) => Some(Dovecot::start()?),
        None => None,
    };
    let sizes = Sizes {
        messages: settings.messages.max(1),
        octets: settings.octets,
        appends: settings.appends.max(16),
        searched: settings.searched,
    };
    let own = work::measure(&ours, sizes)?;
    let others = match &other {
        Some(dovecot) => work::measure(dovecot, sizes)?,
        None => Vec::new(),
    };
    let idle = match settings.idle {
        0 => None,
        wanted => Some(idle::measure(&ours, ours.provider.process(), wanted)?),
    };
    let rows: Vec<Value> = own.iter().map(|row| beside(row, &others)).collect();
    if settings.json {
        println!("{}", json!({ "rows": rows, "idle": idle }));
        return Ok(());
    }
    print_table(&rows);
    if let Some(idle) = idle {
        println!("idle TLS connections: {idle}");
    }
    Ok(())
}

/// A row with the other server's numbers and the ratios.
fn beside(row: &Measured, others: &[Measured]) -> Value {
    let other = others.iter().find(|other| other.what == row.what);
    let ratio = |own: f64, other: f64| round(own / other.max(1e-9), 100.0);
    json!({
        "what": row.what,
        "per_s": round(row.per_s, 10.0),
        "cpu_us": round(row.cpu_us, 10.0),
        "other_per_s": other.map(|o| round(o.per_s, 10.0)),
        "other_cpu_us": other.map(|o| round(o.cpu_us, 10.0)),
        "rate_ratio": other.map(|o| ratio(row.per_s, o.per_s)),
        "cpu_ratio": other.map(|o| ratio(row.cpu_us, o.cpu_us)),
    })
}

fn round(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

fn print_table(rows: &[Value]) {
    let heads = ["/s", "CPU us", "other /s", "CPU us", "rate", "CPU"];
    let line = |first: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>11}")).collect();
        println!("{first:<34}{cells}");
    };
    line("", &heads.map(str::to_owned));
    let columns = [
        "per_s",
        "cpu_us",
        "other_per_s",
        "other_cpu_us",
        "rate_ratio",
        "cpu_ratio",
    ];
    for row in rows {
        let cell = |name: &str| match &row[name] {
            Value::Null => "-".to_owned(),
            value => value.to_string(),
        };
        line(row["what"].as_str().unwrap_or_default(), &columns.map(cell));
    }
}

//! What a recipient costs on disk: one message to many of ours, against the same message to one.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use ceralacca_admin::control::Request;
use serde_json::json;

use crate::chain::ours::Ours;
use crate::load::Load;
use crate::provider::{Holder, Provider, ask};
use crate::rows::{Output, Row};
use crate::sums::Trouble;

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// Recipients of a message.
    #[arg(long, default_value_t = 50)]
    recipients: usize,
    /// Octets of a message.
    #[arg(long, default_value_t = 600_000)]
    octets: usize,
    /// Messages of each kind.
    #[arg(long, default_value_t = 40)]
    messages: usize,
    /// What is told, and where.
    #[command(flatten)]
    output: Output,
}

/// For each recipient beyond the first.
const KB_MAX: f64 = 12.0;
/// Views are written behind: until they have caught up.
/// Of a segment's end, at a time.
const LOOKED_AT_BYTES: usize = 64 * 1024;
const SETTLED: Duration = Duration::from_secs(3);

/// Runs it.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let (many, octets) = (settings.recipients.max(2), settings.octets);
    settings
        .output
        .of(|| measure(many, octets, settings.messages.max(1)))
}

/// What a number of messages left behind.
struct Cost {
    /// What the files grew by; of the journal and of bodies, whose segments have zeros ahead, what is used.
    stored: f64,
    /// What the kernel saw being written, zeros and pages written again included.
    written: f64,
}

/// The row.
pub fn measure(many: usize, octets: usize, messages: usize) -> Result<Vec<Row>, Trouble> {
    let load = |recipients| Load {
        messages,
        connections: 1,
        recipients,
        octets,
    };
    let provider = Provider::start(1 + many, Holder::Soft)?;
    let warm = Load {
        messages: 1,
        ..load(many)
    };
    let mut ours = Ours::warm(provider, warm)?;
    let one = cost(&mut ours, load(1))?;
    let all = cost(&mut ours, load(many))?;
    let each = |one: f64, all: f64| (all - one) / ((many - 1) * messages) as f64 / 1000.0;
    let details = json!({
        "messages": messages,
        "octets": octets,
        "stored_kb_for_one": one.stored / messages as f64 / 1000.0,
        "stored_kb_for_all": all.stored / messages as f64 / 1000.0,
        "written_kb_each": each(one.written, all.written),
    });
    let what = format!(
        "{} kB to {many}: disk for each recipient beyond the first",
        octets / 1000
    );
    Ok(vec![
        Row::new("recipients", what, "kB", each(one.stored, all.stored))
            .at_most(KB_MAX)
            .from(details),
    ])
}

fn cost(ours: &mut Ours, load: Load) -> Result<Cost, Trouble> {
    std::thread::sleep(SETTLED);
    let before = (
        stored(ours.provider())?,
        ours.provider().family().written_bytes()?,
    );
    ours.turn(load)?;
    std::thread::sleep(SETTLED);
    let after = (
        stored(ours.provider())?,
        ours.provider().family().written_bytes()?,
    );
    Ok(Cost {
        stored: after.0.saturating_sub(before.0) as f64,
        written: after.1.saturating_sub(before.1) as f64,
    })
}

/// What is used of all files but the journal's, and the journal's end.
fn stored(provider: &Provider) -> Result<u64, Trouble> {
    let status = ask(&mut provider.link()?, &Request::Status)?;
    let position = status["position"]
        .as_u64()
        .ok_or("no position in the status")?;
    let journal = provider.data().journal();
    Ok(position + octets_in(&provider.data().0, &journal)?)
}

fn octets_in(folder: &Path, without: &Path) -> Result<u64, Trouble> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let (entry, path) = entry.map(|e| (e.metadata(), e.path()))?;
        // A file may have gone meanwhile: views replace theirs.
        let Ok(facts) = entry else { continue };
        if facts.is_dir() && path != without {
            sum += octets_in(&path, without)?;
        } else if facts.is_file() {
            let is_segment = path.extension().is_some_and(|end| end == "blob");
            sum += match is_segment {
                true => used_of(&path, facts.len())?,
                false => facts.len(),
            };
        }
    }
    Ok(sum)
}

/// Octets of a segment before the zeros at its end.
fn used_of(path: &Path, length: u64) -> Result<u64, Trouble> {
    let file = std::fs::File::open(path)?;
    let mut chunk = vec![0; LOOKED_AT_BYTES];
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(LOOKED_AT_BYTES as u64);
        let some = &mut chunk[..(end - start) as usize];
        file.read_exact_at(some, start)?;
        if let Some(last) = some.iter().rposition(|octet| *octet != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

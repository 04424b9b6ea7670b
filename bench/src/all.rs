//! Every row in turn. What a peer that is not here, or a failure, leaves out is said in its row, and the
//! others are measured all the same.

use serde_json::json;

use crate::chain::ours::Ours;
use crate::chain::{self, Beside, Other};
use crate::load::Load;
use crate::provider::Holder;
use crate::rows::{Output, Row};
use crate::sums::{Trouble, median};
use crate::{journal, memory, outage, pool, recipients, signers, stored};

/// What to run.
#[derive(clap::Args)]
pub struct Settings {
    /// Small numbers, to see that all of it works; what it tells means little.
    #[arg(long)]
    quick: bool,
    /// Only these, by their names in the table.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// What is told, and where.
    #[command(flatten)]
    output: Output,
}

/// A measurement: its name, and what it does, small where `true` is said.
type Measurement = (&'static str, fn(bool) -> Result<Vec<Row>, Trouble>);

const ALL: [Measurement; 11] = [
    ("signers", signers),
    ("pool-softhsm", pool_softhsm),
    ("pool-sim", pool_sim),
    ("journal", journal),
    ("recipients", recipients),
    ("memory", memory),
    ("accepted", accepted),
    ("postfix", postfix),
    ("filter", filter),
    ("outage", outage),
    ("stored", stored),
];

/// Runs all, or those that are wanted.
pub fn run(settings: &Settings) -> Result<(), Trouble> {
    let known = |name: &&String| !ALL.iter().any(|(known, _)| known == name);
    if let Some(unknown) = settings.only.iter().find(known) {
        let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        let words = format!("there is no {unknown}; there are {}", names.join(", "));
        return Err(Trouble::from(words));
    }
    let is_wanted =
        |name: &str| settings.only.is_empty() || settings.only.iter().any(|only| only == name);
    settings.output.of(|| {
        let mut rows = Vec::new();
        for (name, measure) in ALL.into_iter().filter(|(name, _)| is_wanted(name)) {
            eprintln!("{name} …");
            match measure(settings.quick) {
                Ok(measured) => rows.extend(measured),
                Err(why) => rows.push(Row::missing(name, &why)),
            }
        }
        Ok(rows)
    })
}

fn signers(quick: bool) -> Result<Vec<Row>, Trouble> {
    signers::measure(if quick { 1 } else { 3 })
}

fn pool_softhsm(quick: bool) -> Result<Vec<Row>, Trouble> {
    match quick {
        true => pool::softhsm(0.5, 1, true),
        false => pool::softhsm(4.0, 5, true),
    }
}

fn pool_sim(quick: bool) -> Result<Vec<Row>, Trouble> {
    pool::simulated(if quick { 0.5 } else { 5.0 })
}

fn journal(quick: bool) -> Result<Vec<Row>, Trouble> {
    journal::measure(256, if quick { 0.5 } else { 5.0 })
}

fn recipients(quick: bool) -> Result<Vec<Row>, Trouble> {
    match quick {
        true => recipients::measure(5, 100_000, 3),
        false => recipients::measure(50, 600_000, 40),
    }
}

fn memory(quick: bool) -> Result<Vec<Row>, Trouble> {
    match quick {
        true => memory::measure(4, 2),
        false => memory::measure(50, 30),
    }
}

fn load(messages: usize, connections: usize) -> Load {
    Load {
        messages,
        connections,
        recipients: 1,
        octets: 20_000,
    }
}

/// OP-13, as found: `250` after each message is durable, keys in software.
fn accepted(quick: bool) -> Result<Vec<Row>, Trouble> {
    let (load, turns) = match quick {
        true => (load(100, 4), 1),
        false => (load(5_000, 32), 3),
    };
    let signer = Holder::all_here()[0];
    let mut ours = Ours::start(load, signer)?;
    let (mut accepted, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        let turn = ours.turn(load)?;
        accepted.push(turn.accepted_per_s);
        whole.push(turn.messages_per_s);
    }
    let details = json!({ "accepted_per_s": accepted, "whole_chain_per_s": whole });
    let what = format!("{}: messages accepted (OP-13)", signer.word());
    Ok(vec![
        Row::new("chain", what, "/s", median(&mut accepted.clone())).from(details),
    ])
}

fn postfix(quick: bool) -> Result<Vec<Row>, Trouble> {
    let (load, turns, signers) = match quick {
        true => (load(60, 4), 1, vec![Holder::Soft]),
        false => (load(6_000, 32), 3, Holder::all_here()),
    };
    chain::measure(&Beside {
        other: Other::Postfix,
        load,
        other_messages: load.messages,
        turns,
        signers,
    })
}

fn filter(quick: bool) -> Result<Vec<Row>, Trouble> {
    let (load, other_messages, turns, signers) = match quick {
        true => (load(60, 4), 8, 1, vec![Holder::Soft]),
        false => (load(3_000, 32), 400, 3, Holder::all_here()),
    };
    chain::measure(&Beside {
        other: Other::Filter,
        load,
        other_messages,
        turns,
        signers,
    })
}

fn outage(quick: bool) -> Result<Vec<Row>, Trouble> {
    outage::measure(match quick {
        true => outage::QUICK,
        false => outage::FULL_LENGTH,
    })
}

fn stored(quick: bool) -> Result<Vec<Row>, Trouble> {
    match quick {
        true => stored::measure([600, 60], 60, 1),
        false => stored::measure([1_000_000, 1_000], 2_000, 3),
    }
}

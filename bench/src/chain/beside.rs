//! Ours in turns with another way to deliver mail, each with the same messages from the same clients on
//! kept TLS connections: both meet the same machine, and what disturbs it disturbs both. Ours signs three
//! times for each message and is done when the last receipt is in its mailbox.

use serde_json::json;

use super::Other;
use super::ours::{Ours, Turn};
use crate::load::Load;
use crate::postfix::{Postfix, PostfixTurn};
use crate::provider::Holder;
use crate::rows::Row;
use crate::sums::{Trouble, mean, over_all};

/// What is measured.
pub struct Beside {
    /// Against whom.
    pub other: Other,
    /// Each turn of ours.
    pub load: Load,
    /// Messages of each turn of the other.
    pub other_messages: usize,
    /// Turns of each.
    pub turns: usize,
    /// Ours, one after the other within a turn.
    pub signers: Vec<Holder>,
}

/// What a signer must reach beside Postfix: rate, CPU, share of signatures in the server's CPU.
const fn targets(signer: Holder) -> (f64, Option<f64>, f64) {
    match signer {
        Holder::Vector => (2.7, Some(0.40), 0.65),
        Holder::Soft => (1.6, Some(0.75), 0.80),
        Holder::Softhsm => (0.85, None, 0.90),
    }
}

/// How much faster than a filter that signs.
const FILTER_RATE_MIN: f64 = 15.0;

/// Takes turns, and tells all messages over all of the time: both begin with empty mailboxes and fill them with the
/// same messages, and what fills up grows slower, so that no turn speaks for the others.
pub fn measure(beside: &Beside) -> Result<Vec<Row>, Trouble> {
    let mut other = Postfix::start(beside.other, beside.load)?;
    let mut all: Vec<(Holder, Ours, Vec<Turn>)> = Vec::new();
    for signer in &beside.signers {
        all.push((*signer, Ours::start(beside.load, *signer)?, Vec::new()));
    }
    let their_load = Load {
        messages: beside.other_messages,
        ..beside.load
    };
    let mut theirs = Vec::new();
    for turn in 0..beside.turns {
        for (signer, ours, turns) in &mut all {
            let done = ours.turn(beside.load)?;
            eprintln!(
                "turn {}: {:<8} {:>8.1} messages/s {:>8.0} us",
                turn + 1,
                signer.word(),
                done.messages_per_s,
                done.cpu_us
            );
            turns.push(done);
        }
        let done = other.turn(their_load)?;
        eprintln!(
            "turn {}: {:<8} {:>8.1} messages/s {:>8.0} us",
            turn + 1,
            other.name(),
            done.messages_per_s,
            done.cpu_us
        );
        theirs.push(done);
    }
    let tell =
        |(signer, _, turns): &(Holder, Ours, Vec<Turn>)| rows(beside, *signer, turns, &theirs);
    Ok(all.iter().flat_map(tell).collect())
}

fn rows(beside: &Beside, signer: Holder, ours: &[Turn], theirs: &[PostfixTurn]) -> Vec<Row> {
    let of = |number: fn(&Turn) -> f64| ours.iter().map(number).collect::<Vec<_>>();
    let (rate, cpu) = (of(|t| t.messages_per_s), of(|t| t.cpu_us));
    let share = mean(&of(|t| t.signature_share));
    let their_rate: Vec<f64> = theirs.iter().map(|t| t.messages_per_s).collect();
    let their_cpu: Vec<f64> = theirs.iter().map(|t| t.cpu_us).collect();
    let details = json!({
        "messages": beside.load.messages,
        "octets": beside.load.octets,
        "connections": beside.load.connections,
        "ours_messages_per_s": rate,
        "ours_cpu_us": cpu,
        "other_messages_per_s": their_rate,
        "other_cpu_us": their_cpu,
    });
    let rate = over_all(&rate) / over_all(&their_rate).max(1e-9);
    let cpu = mean(&cpu) / mean(&their_cpu).max(1e-9);
    let word = signer.word();
    if beside.other == Other::Filter {
        let what = format!("{word}: messages/s over Postfix with a signing filter");
        let row = Row::new("chain --against filter", what, "times", rate);
        return vec![row.at_least(FILTER_RATE_MIN).from(details)];
    }
    let (rate_min, cpu_max, share_min) = targets(signer);
    let row = |what: &str, unit, value| {
        Row::new(
            "chain --against postfix",
            format!("{word}: {what}"),
            unit,
            value,
        )
    };
    let cpu = row("CPU of a message over Postfix's", "times", cpu);
    let accepted: Vec<f64> = ours.iter().map(|t| t.accepted_per_s).collect();
    let share = row("signatures in the server's CPU", "share", share);
    vec![
        row("messages/s over Postfix's", "times", rate)
            .at_least(rate_min)
            .from(details),
        match cpu_max {
            Some(most) => cpu.at_most(most),
            None => cpu,
        },
        share
            .at_least(share_min)
            .from(json!({ "accepted_per_s": accepted })),
    ]
}

//! Memory of connections that do nothing: before login, and in IDLE.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::Server;
use super::client::Client;
use crate::provider::{PASSWORD, address};
use crate::sums::Trouble;

/// Connections of one source address: below the server's bound for one.
const PER_SOURCE: usize = 500;
/// In IDLE: signing in costs a password hash each.
const IDLING: usize = 400;

/// Opens `wanted` connections, as many as the process may, and answers kilobytes of each.
pub fn measure(server: &dyn Server, process: u32, wanted: usize) -> Result<Value, Trouble> {
    let before = resident_kb(process)?;
    let mut idling = Vec::with_capacity(IDLING);
    for number in 0..IDLING {
        let mut client = Client::connect(server, Some(source(number)))?;
        let user = address(number % 16);
        client.command(&format!("LOGIN \"{user}\" \"{PASSWORD}\""))?;
        client.command("SELECT INBOX")?;
        client.send(b"t IDLE\r\n")?;
        client.wait_for("+ ")?;
        idling.push(client);
    }
    let idle = resident_kb(process)?.saturating_sub(before);
    let (before, files) = (resident_kb(process)?, open_files(process)?);
    let mut open = Vec::with_capacity(wanted);
    let mut end = None;
    for number in 0..wanted {
        match Client::connect(server, Some(source(number))) {
            Ok(client) => open.push(client),
            Err(error) => {
                end = Some(error.to_string());
                break;
            }
        }
    }
    let strangers = resident_kb(process)?.saturating_sub(before);
    // Those that the server has let go of do not count.
    let count = open_files(process)?.saturating_sub(files);
    drop(open);
    let each = |kb: u64, count: usize| (kb as f64 / count.max(1) as f64 * 10.0).round() / 10.0;
    Ok(json!({
        "connections": count,
        "kb_each": each(strangers, count),
        "ended_by": end,
        "idling": IDLING,
        "idling_kb_each_at_most": each(idle, IDLING),
    }))
}

fn source(number: usize) -> IpAddr {
    let host = u8::try_from(2 + number / PER_SOURCE).unwrap_or(u8::MAX);
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, host))
}

fn open_files(process: u32) -> Result<usize, Trouble> {
    Ok(std::fs::read_dir(format!("/proc/{process}/fd"))?.count())
}

fn resident_kb(process: u32) -> Result<u64, Trouble> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kb.ok_or_else(|| Trouble::from("no VmRSS in /proc"))
}

//! What the kernel counts of a server: its process and all that descend from it. CPU of those that ended
//! stays counted with whoever waited for them, so that a server may hand work to children.

use std::collections::HashMap;

use crate::sums::Trouble;

/// Ticks of `/proc/[pid]/stat` in a second, on every Linux.
const TICKS_PER_S: f64 = 100.0;

/// A process and its descendants, whoever they are at the moment.
#[derive(Debug, Clone, Copy)]
pub struct Family(u32);

/// What `/proc/[pid]/stat` says of one process.
struct Facts {
    parent: u32,
    ticks: u64,
}

impl Family {
    /// Of this process.
    pub fn of(process: u32) -> Self {
        Self(process)
    }

    /// CPU seconds until now, of those that ended too.
    pub fn cpu_seconds(self) -> Result<f64, Trouble> {
        let all = all()?;
        let ticks = self.members(&all).map(|(_, facts)| facts.ticks);
        Ok(ticks.sum::<u64>() as f64 / TICKS_PER_S)
    }

    /// Octets resident now.
    pub fn resident_bytes(self) -> Result<u64, Trouble> {
        self.sum("status", "VmRSS:")
            .map(|kilobytes| kilobytes * 1024)
    }

    /// The largest resident sizes until now, added up: no less than what was resident at any moment.
    pub fn resident_bytes_max(self) -> Result<u64, Trouble> {
        self.sum("status", "VmHWM:")
            .map(|kilobytes| kilobytes * 1024)
    }

    /// From now on the largest resident size is that of what follows.
    pub fn forget_resident_max(self) -> Result<(), Trouble> {
        let all = all()?;
        for (process, _) in self.members(&all) {
            std::fs::write(format!("/proc/{process}/clear_refs"), "5")?;
        }
        Ok(())
    }

    /// Octets that they caused to be written to disks (pages made dirty).
    pub fn written_bytes(self) -> Result<u64, Trouble> {
        self.sum("io", "write_bytes:")
    }

    /// A number of each one's file, added up; who ended meanwhile counts nothing.
    fn sum(self, file: &str, key: &str) -> Result<u64, Trouble> {
        let all = all()?;
        let number = |(process, _): (&u32, &Facts)| {
            let text = std::fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Ok(self.members(&all).filter_map(number).sum())
    }

    fn members(self, all: &HashMap<u32, Facts>) -> impl Iterator<Item = (&u32, &Facts)> {
        let is_one = move |process: u32| {
            let mut at = process;
            while at != self.0 && at > 1 {
                at = all.get(&at).map_or(0, |facts| facts.parent);
            }
            at == self.0
        };
        all.iter().filter(move |(process, _)| is_one(**process))
    }
}

/// Every process of the machine.
fn all() -> Result<HashMap<u32, Facts>, Trouble> {
    let mut found = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may have ended meanwhile.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else {
            continue;
        };
        // After the name: the parent is field 4; utime, stime, cutime, cstime are 14 to 17.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let field = |n: usize| {
            let found = fields.split_whitespace().nth(n);
            found.and_then(|f| f.parse::<u64>().ok()).unwrap_or(0)
        };
        let facts = Facts {
            parent: u32::try_from(field(1)).unwrap_or(0),
            ticks: (11..15).map(field).sum(),
        };
        found.insert(process, facts);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    #[test]
    fn children_count_living_and_ended() {
        let family = Family::of(std::process::id());
        let alone = family.resident_bytes().expect("a size");
        let before = family.cpu_seconds().expect("a time");
        let mut child = std::process::Command::new("sh")
            .args([
                "-c",
                "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; read x",
            ])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("sh runs");
        while family.cpu_seconds().expect("a time") < before + 0.05 {
            std::thread::yield_now();
        }
        assert!(family.resident_bytes().expect("a size") > alone);
        drop(child.stdin.take());
        child.wait().expect("it ends");
        assert!(family.cpu_seconds().expect("a time") >= before + 0.05);
    }
}

//! A block of ports per appliance. The rings listen with `SO_REUSEPORT`, so two appliances on one port
//! would share connections silently: the block is held by a listener without it, for as long as the
//! appliance lives, and lies below the range that the system hands out to clients.

use std::net::{Ipv4Addr, TcpListener};

/// A thousand ports that no other test uses.
#[derive(Debug)]
pub struct PortBlock {
    /// Every listener is `base` + its usual port.
    pub base: u16,
    _lock: TcpListener,
}

const FIRST: u16 = 10;
const BLOCKS: u16 = 22;
/// Where appliances listen: a server of an earlier test may be dying on any of them.
const HOSTS: [u8; 3] = [1, 2, 3];
const USUAL: [u16; 6] = [25, 443, 465, 587, 993, 995];

impl PortBlock {
    /// Takes a free block; fails the test when there is none.
    pub fn take() -> Self {
        let start = u16::try_from(std::process::id() % u32::from(BLOCKS)).unwrap_or(0);
        for step in 0..BLOCKS {
            let base = (FIRST + (start + step) % BLOCKS) * 1000;
            if let Some(block) = Self::try_take(base) {
                return block;
            }
        }
        panic!("no free block of ports between 10000 and 32000")
    }

    fn try_take(base: u16) -> Option<Self> {
        let lock = TcpListener::bind((Ipv4Addr::LOCALHOST, base + 1)).ok()?;
        let is_free =
            |host, port| TcpListener::bind((Ipv4Addr::new(127, 0, 0, host), port)).is_ok();
        let free = |port| HOSTS.iter().all(|host| is_free(*host, base + port));
        USUAL
            .into_iter()
            .all(free)
            .then_some(Self { base, _lock: lock })
    }

    /// The port that stands for the usual one.
    pub fn port(&self, usual: u16) -> u16 {
        self.base + usual
    }
}

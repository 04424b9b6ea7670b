//! The raw signature rate of the machine: the same keys, the same cores, nothing else.

use std::time::{Duration, Instant};

use ceralacca_hsm::SoftwareKey;

use crate::sums::Trouble;

/// RSA-2048 signatures per second on `threads` threads for `time`.
pub fn raw_rate(threads: usize, time: Duration) -> Result<f64, Trouble> {
    let key = SoftwareKey::generate(2048)?;
    let begun = Instant::now();
    let counts = std::thread::scope(|scope| {
        let key = &key;
        let sign = move || {
            let mut count = 0_u64;
            while begun.elapsed() < time {
                key.sign(b"what a signature covers").map(|_| count += 1)?;
            }
            Ok::<u64, Trouble>(count)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(sign)).collect();
        threads.into_iter().map(|t| t.join()).collect::<Vec<_>>()
    });
    let mut all = 0;
    for count in counts {
        all += count.map_err(|_| Trouble::from("a signing thread failed"))??;
    }
    Ok(all as f64 / begun.elapsed().as_secs_f64())
}

//! Room on the disk that holds the data directory.

use std::path::Path;

use super::Finding;

/// Below this somebody should make room: journal and blob segments are written ahead.
pub const FREE_BYTES_WANTED: u64 = 4 * 1024 * 1024 * 1024;

/// Free room under `folder`.
pub fn free_disk(folder: &Path) -> Finding {
    let subject = "disk";
    match rustix::fs::statvfs(folder) {
        Ok(found) => judge(found.f_bavail.saturating_mul(found.f_frsize)),
        Err(error) => Finding::bad(subject, format!("{}: {error}", folder.display())),
    }
}

fn judge(free: u64) -> Finding {
    let subject = "disk";
    let gigabytes = free / (1024 * 1024 * 1024);
    if free < FREE_BYTES_WANTED {
        return Finding::warning(
            subject,
            format!("{gigabytes} GiB free; make room before intake stops"),
        );
    }
    Finding::good(subject, format!("{gigabytes} GiB free"))
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    #[test]
    fn little_room_is_a_warning() {
        assert_eq!(judge(FREE_BYTES_WANTED - 1).health, Health::Warning);
        assert_eq!(judge(FREE_BYTES_WANTED).health, Health::Good);
        let nowhere = free_disk(Path::new("/nonexistent/folder"));
        assert_eq!(nowhere.health, Health::Bad);
    }
}

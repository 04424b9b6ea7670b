//! The disk of the machine: `std::fs`, with `fdatasync`, `statvfs` and direct reads through rustix.
//! It promises what the kernel does, no more: only `sync` and `sync_folder` make anything durable.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Advice, OFlags};

use super::{Disk, DiskFile};

/// Direct reads ask for buffers, offsets and lengths that are multiples of this; 4096 suits every disk.
const DIRECT_ALIGNMENT: usize = 4096;

/// Files of the machine.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile(File);

impl Disk for RealDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(create).mode(0o600);
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => self.sync_folder(parent),
            _ => Ok(()),
        }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let answer = rustix::fs::statvfs(folder)?;
        Ok(answer.f_bavail.saturating_mul(answer.f_frsize))
    }

    fn boot_id(&self) -> String {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        text.trim().to_owned()
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(into, offset)
    }

    fn read_uncached(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if let Ok(read) = self.read_direct(into, offset) {
            return Ok(read);
        }
        // A file system without direct reads: drop the clean pages, then read.
        rustix::fs::fadvise(&self.0, 0, None, Advice::DontNeed)?;
        self.0.read_at(into, offset)
    }

    fn write_all_at(&self, from: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(from, offset)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(&self.0)?)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}

impl RealFile {
    /// Reads with `O_DIRECT` through a second opening of the same file, whatever its name is by now.
    fn read_direct(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let flags = i32::try_from(OFlags::DIRECT.bits()).map_err(io::Error::other)?;
        let again = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        let direct = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(again)?;
        let start = offset - offset % DIRECT_ALIGNMENT as u64;
        let skip = usize::try_from(offset - start).map_err(io::Error::other)?;
        let length = (skip + into.len()).next_multiple_of(DIRECT_ALIGNMENT);
        let mut room = vec![0; length + DIRECT_ALIGNMENT];
        let shift = room.as_ptr().align_offset(DIRECT_ALIGNMENT);
        let Some(aligned) = room.get_mut(shift..shift + length) else {
            return Err(io::Error::other("no aligned buffer"));
        };
        let mut read = 0;
        while read < length {
            match direct.read_at(&mut aligned[read..], start + read as u64)? {
                0 => break,
                n => read += n,
            }
            if read % DIRECT_ALIGNMENT != 0 {
                break; // the end of the file
            }
        }
        let count = read.saturating_sub(skip).min(into.len());
        into[..count].copy_from_slice(&aligned[skip..skip + count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_is_read_back_through_the_cache_and_past_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = RealDisk.open(&path, true).unwrap();
        let content: Vec<u8> = (0..20_000u32).map(|n| (n % 251) as u8).collect();
        file.write_all_at(&content, 0).unwrap();
        for (offset, length) in [
            (0, 20_000),
            (1, 100),
            (4095, 4098),
            (19_990, 100),
            (30_000, 5),
        ] {
            let expected = &content[offset.min(20_000)..(offset + length).min(20_000)];
            for read in [RealFile::read_at_of, RealFile::read_uncached_of] {
                let mut into = vec![0; length];
                let count = read(&*file, &mut into, offset as u64);
                assert_eq!(&into[..count], expected, "{offset} {length}");
            }
        }
        assert_eq!(RealDisk.list(folder.path()).unwrap(), ["file"]);
        assert!(RealDisk.free_bytes(folder.path()).unwrap() > 0);
        assert!(!RealDisk.boot_id().is_empty());
    }

    impl RealFile {
        fn read_at_of(file: &dyn DiskFile, into: &mut [u8], offset: u64) -> usize {
            file.read_at(into, offset).unwrap()
        }

        fn read_uncached_of(file: &dyn DiskFile, into: &mut [u8], offset: u64) -> usize {
            file.read_uncached(into, offset).unwrap()
        }
    }

    #[test]
    fn a_missing_folder_is_empty_and_a_missing_file_is_not_made_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        assert!(RealDisk.list(&missing).unwrap().is_empty());
        let error = RealDisk.open(&missing, false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}

//! The socket's place, reached through the open folder: a path in `/proc/self/fd` stays short, while a
//! data directory may be deeper than the 107 octets that a Unix socket's address allows.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use ceralacca_core::disk::DataFolder;

fn short_path(data: &DataFolder) -> io::Result<(File, PathBuf)> {
    let folder = File::open(&data.0)?;
    let name = data.socket();
    let name = name.file_name().unwrap_or_default();
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    Ok((folder, path))
}

/// Takes the place of a socket that an ended process left; the caller holds the lock of the folder.
pub(super) fn bind(data: &DataFolder) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = short_path(data)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

pub(super) fn connect(data: &DataFolder) -> io::Result<UnixStream> {
    let (_folder, path) = short_path(data)?;
    UnixStream::connect(&path)
}

//! Memory for secrets: pages of their own, locked (never in swap), left out of core dumps and of forked
//! processes, wiped at the end.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mlock, mmap_anonymous, munmap};
use zeroize::Zeroize;

use crate::error::HsmError;

/// A value for which any octets are valid, zeros among them: integers, vectors and arrays of these.
///
/// # Safety
/// The type has no padding that matters, no pointers, and all bit patterns are values of it.
pub(super) unsafe trait Plain: 'static {}

/// Such a value in pages of its own; zeros at first.
pub(super) struct Locked<T: Plain> {
    place: NonNull<T>,
}

// SAFETY: the pages belong to this value alone, as those of a `Box` would.
unsafe impl<T: Plain + Send> Send for Locked<T> {}
// SAFETY: as above; shared references only read.
unsafe impl<T: Plain + Sync> Sync for Locked<T> {}

impl<T: Plain> Locked<T> {
    /// Maps and locks the pages.
    pub(super) fn new() -> Result<Self, HsmError> {
        let length = size_of::<T>().max(1);
        let refused = |error: rustix::io::Errno| {
            HsmError::NotPossible(format!(
                "{length} octets for a key cannot be locked in memory: {error}; \
                 raise the limit (LimitMEMLOCK= of the service, ulimit -l)"
            ))
        };
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new anonymous mapping touches no memory that is in use.
        let place =
            unsafe { mmap_anonymous(std::ptr::null_mut(), length, access, MapFlags::PRIVATE) };
        let place = NonNull::new(place.map_err(refused)?.cast::<T>());
        let Some(place) = place else {
            return Err(refused(rustix::io::Errno::NOMEM));
        };
        let made = Self { place };
        let start = made.place.as_ptr().cast();
        // SAFETY: the range is the mapping just made, which `made` owns.
        unsafe {
            mlock(start, length).map_err(refused)?;
            madvise(start, length, Advice::LinuxDontDump).map_err(refused)?;
            madvise(start, length, Advice::LinuxWipeOnFork).map_err(refused)?;
        }
        Ok(made)
    }
}

impl<T: Plain> std::ops::Deref for Locked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: mapped, aligned to a page, and any octets are a value of `T`.
        unsafe { self.place.as_ref() }
    }
}

impl<T: Plain> std::ops::DerefMut for Locked<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`, and borrowed alone.
        unsafe { self.place.as_mut() }
    }
}

impl<T: Plain> Drop for Locked<T> {
    fn drop(&mut self) {
        let length = size_of::<T>();
        // SAFETY: the mapping is owned and ends here; octets may be overwritten as `T` is plain.
        unsafe {
            let octets = std::slice::from_raw_parts_mut(self.place.as_ptr().cast::<u8>(), length);
            octets.zeroize();
            // What cannot be unmapped stays, wiped.
            let _ = munmap(self.place.as_ptr().cast(), length.max(1));
        }
    }
}

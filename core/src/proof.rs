//! One promise, one type: each wraps the value it speaks of, and only the room that keeps the promise
//! can make it, so that forgetting a step does not compile.

use std::ops::Deref;

macro_rules! promise {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name<T>(T);

        impl<T> $name<T> {
            /// Made only where the promise is kept.
            pub(crate) fn new(value: T) -> Self {
                Self(value)
            }

            /// The value, the promise given up.
            pub fn into_inner(self) -> T {
                self.0
            }
        }

        impl<T> Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }
    };
}

promise! {
    /// It is on disk: a cut of power right now does not lose it.
    Durable
}
promise! {
    /// It passed the formal checks of RFC 6109 §3.1.1.
    Checked
}
promise! {
    /// It carries a signature that was checked with the public key (SG-16).
    Signed
}
promise! {
    /// Signature, chain and format were verified.
    Verified
}

impl<T> Durable<T> {
    /// For the crate that keeps a body segment itself (the rings): call it only after the segment's
    /// `fdatasync` answered well.
    pub fn after_sync(value: T) -> Self {
        Self(value)
    }
}

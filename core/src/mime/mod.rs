//! MIME, read as a stream and never re-serialised: [`Scanner`] finds the fields and parts of a message
//! in one pass, [`enclose()`] writes the content of `postacert.eml` as a rope over the original. Nothing
//! here panics on any octets, and no message is held in memory.

pub mod addresses;
pub mod content;
mod edit;
pub mod enclose;
pub mod fields;
mod scan;
mod scanner;
pub mod words;

pub use enclose::{Enclosed, Marks, enclose};
pub use scan::{ContentField, Field, Part, Scan, ScanFault, Shape, Span};
pub use scanner::Scanner;

#[cfg(test)]
pub(crate) use scanner::tests::mail_octets;

pub(crate) use content::file_name_parameter;
pub(crate) use edit::{Edit, apply};

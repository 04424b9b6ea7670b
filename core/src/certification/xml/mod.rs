//! `daticert.xml` (RFC 6109 §4.4): what [`write()`] makes is valid against the format's definition, element
//! order included (CD-02), and [`read()`] gives it back. The reader takes other providers' files too, and
//! refuses document types, entities, and anything out of bounds (CD-15).

mod read;
pub mod tree;
mod write;

pub use read::read;
pub use write::write;

/// Why a file holds no certification data. The culprit is whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlFault {
    /// Larger, deeper or longer than any honest file.
    #[error("the certification data exceed the bound on {0}")]
    TooLarge(&'static str),
    /// Not UTF-8.
    #[error("the certification data are not UTF-8")]
    NotUtf8,
    /// A document type or an entity of its own.
    #[error("the certification data hold {0}, which is refused")]
    Forbidden(&'static str),
    /// Not well-formed XML.
    #[error("the certification data are not well-formed XML: {0}")]
    Malformed(String),
    /// An element or attribute that the format wants is missing.
    #[error("the certification data lack `{0}`")]
    Missing(&'static str),
    /// An element where the format has none, or out of order.
    #[error("the certification data hold `{0}` where it does not belong")]
    Misplaced(String),
    /// A value that its element or attribute cannot have.
    #[error("the certification data hold an invalid `{element}`: {value:?}")]
    BadValue {
        /// Element or attribute.
        element: &'static str,
        /// What stands there, cut.
        value: String,
    },
}

#[cfg(test)]
mod tests;

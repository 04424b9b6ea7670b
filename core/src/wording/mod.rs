//! The only home of Italian: words of the protocol (RFC 6109), and the templates of texts. All else in
//! the house is English and reaches these through typed names.

pub mod annex;
pub mod anomalies;
pub mod failures;
pub mod faults;
pub mod house;
pub mod pages;
pub mod reports;
pub mod texts;
pub mod words;

/// Local part of the service address (RFC 6109 §2.2.6).
pub const SERVICE_LOCAL_PART: &str = "posta-certificata";

//! The walk from a certificate to an authority, and the shelf of revocation lists, over certificates made
//! anew in each run: authorities shaped as the national ones, roll-overs, constraints, forgeries.
#![allow(clippy::unwrap_used, clippy::panic)]

mod constraints;
mod forge;
mod paths;
mod revocation;

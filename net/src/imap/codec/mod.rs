//! Octets to commands and back: [`input`] cuts under limits, [`mod@decode`] parses what was cut,
//! [`output`] writes responses, [`utf7`] spells folder names. No octet from a client makes any of
//! these panic or hold more than `limits::IMAP_COMMAND_BYTES_MAX`.

mod create;
mod cursor;
pub mod decode;
mod fetch;
pub mod input;
mod list;
pub mod output;
pub mod search;
mod status;
pub mod utf7;

pub use create::{CreateRequest, Wanted};
pub(super) use decode::tag as tag_of;
pub use decode::{AppendForm, AppendHead, DecodeError, Request, Tagged, decode, decode_append};
pub use fetch::MoreItem;
pub use input::{Input, Reader};
pub use list::{ListRequest, ListReturn, ListSelection};
pub use search::{Key, Returns, SearchRequest, SortBy, SortKey, Threading, Verb};
pub use status::{StatusItem, StatusRequest};

/// Reads `octets` as a client's input that comes in pieces of `piece` octets and decodes every
/// command: the entry of fuzz harnesses. Answers how many commands were understood.
pub fn exercise(octets: &[u8], piece: usize) -> usize {
    let mut reader = Reader::default();
    let mut understood = 0;
    for mut chunk in octets.chunks(piece.max(1)) {
        while !chunk.is_empty() {
            let (used, input) = reader.next(chunk);
            chunk = &chunk[used..];
            match input {
                Input::Command(command) => understood += usize::from(decode(&command).is_ok()),
                Input::Append { head, .. } => {
                    understood += usize::from(decode_append(&head).is_ok());
                    reader.accept();
                }
                Input::Hopeless => return understood,
                Input::More
                | Input::Continue
                | Input::Body(_)
                | Input::BodyEnd { .. }
                | Input::TooLong { .. } => {}
            }
        }
    }
    understood
}

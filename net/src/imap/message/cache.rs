//! The structures of the messages a session looked at last: clients ask for one part after another.

use std::collections::VecDeque;
use std::sync::Arc;

use ceralacca_core::limits;
use ceralacca_core::mailbox::{Content, MessageRow};

use super::store::{Octets, ReadError};
use super::structure::Structure;

/// At most `limits::IMAP_STRUCTURES_KEPT` of them.
#[derive(Debug, Default)]
pub struct Structures {
    kept: VecDeque<(Content, Arc<Structure>)>,
}

impl Structures {
    /// The structure of the message of `row`, scanned when it is not known.
    pub fn of(
        &mut self,
        row: &MessageRow,
        octets: &dyn Octets,
    ) -> Result<Arc<Structure>, ReadError> {
        if let Some((_, known)) = self
            .kept
            .iter()
            .find(|(content, _)| *content == row.content)
        {
            return Ok(Arc::clone(known));
        }
        let structure = Arc::new(Structure::read(octets, row.size)?);
        self.kept.truncate(limits::IMAP_STRUCTURES_KEPT - 1);
        self.kept.push_front((row.content, Arc::clone(&structure)));
        Ok(structure)
    }
}

//! Forwards that come to nothing, at each sweep: holders are told by a plain message of the house, stored before
//! the order that switches their forward off.

use std::sync::Arc;

use crate::blob::BlobError;
use crate::envelope::house;
use crate::instant::Instant;
use crate::journal::Partition;
use crate::journal::record::{Placement, Shelf};
use crate::mailbox::Content;
use crate::message_id::Identifier;
use crate::owner::{Command, RegistryOrder};
use crate::registry;
use crate::rope::Rope;
use crate::state::Shared;

/// MX-09: forwards to targets that only fail are switched off, their holders told. What cannot be stored
/// now is told at the next sweep.
pub(super) fn end(shared: &Arc<Shared>, now: Instant) {
    let Some(provider) = shared.view.provider() else {
        return;
    };
    for (target, holders) in registry::ended_forwards(&shared.view) {
        let home = Partition::REGISTRY;
        let identifier = Identifier::mint(home.0, now, crate::random::bytes(), &provider.domain);
        let told = (0..).zip(holders).map(|(number, address)| {
            let text = house::forward_ended(&provider, &address, &target, now);
            let content = Rope::text(text);
            Ok(Placement {
                number,
                address,
                content: Content::Rope(shared.blobs.append(home, &content.to_bytes())?),
                size: content.len(),
                shelf: Shelf::Inbox,
            })
        });
        let told: Result<Vec<_>, BlobError> = told.collect();
        match told {
            Ok(told) => {
                if let Err(error) = shared.blobs.sync() {
                    return shared.fatal(&error.to_string());
                }
                let order = RegistryOrder::EndForward(target, identifier, told);
                let command = Command::Registry(order, "relay".to_owned());
                shared.send_waiting(command, Box::new(drop));
            }
            Err(error) => crate::warning!("holders of forwards to {target} are not told: {error}"),
        }
    }
}

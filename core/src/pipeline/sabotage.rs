//! Where the sandbox's broken provider takes hold (see [`Sabotage`](crate::ports::Sabotage)): before
//! drafting, before signing, after signing. Without one, which is every real run, all passes unchanged.

use std::time::Duration;

use super::draft::{Drafted, Setback};
use super::work::Work;
use crate::rope::Rope;
use crate::state::Shared;

/// How much longer a piece of work has to wait; `None` when it is due.
pub(super) fn held_back(shared: &Shared, work: &Work) -> Option<Duration> {
    let hold = shared.sabotage.as_ref()?.hold_back();
    let Work::Submission(_, identifier) = work else {
        return None;
    };
    let taken = shared
        .view
        .with_work(|open| open.submissions.get(identifier).map(|row| row.at))?;
    let waited = shared.clock.now().as_millis() - taken.as_millis();
    let waited = Duration::from_millis(u64::try_from(waited).unwrap_or(0));
    hold.checked_sub(waited).filter(|rest| !rest.is_zero())
}

/// Spoils settled drafts, and takes their digests anew.
pub(super) fn before_signing(shared: &Shared, drafted: Drafted) -> Result<Drafted, Setback> {
    let Some(sabotage) = &shared.sabotage else {
        return Ok(drafted);
    };
    let mut drafted = drafted;
    for (message, request) in drafted.messages.iter_mut().zip(&mut drafted.requests) {
        sabotage.before_signing(message);
        request.content_digest = message.digest(&*shared.blobs)?;
    }
    Ok(drafted)
}

/// Spoils a signed message.
pub(super) fn after_signing(shared: &Shared, message: Rope) -> Rope {
    match &shared.sabotage {
        Some(sabotage) => sabotage.after_signing(message),
        None => message,
    }
}

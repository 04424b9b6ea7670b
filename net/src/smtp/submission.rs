//! Submission.
use std::rc::Rc;

use crate::conn::Connection;
use crate::shared::Shared;

/// Runs.
pub(crate) async fn run(connection: Connection, _shared: Rc<Shared>) {
    connection.close().await;
}

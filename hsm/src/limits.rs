//! Bounds of this crate: unit last, reason beside it.

use std::time::Duration;

use ceralacca_core::limits::BATCH_MESSAGES_MAX;

/// Requests that wait for a session. A message needs up to three signatures, and one batch signs while
/// another is drafted.
pub const SIGNING_QUEUE_MAX: usize = 512;
const _: () = assert!(SIGNING_QUEUE_MAX >= BATCH_MESSAGES_MAX * 3 * 2);
/// Sessions of one pool: more than any module of today signs in parallel.
pub const SESSIONS_MAX: usize = 256;
/// A call that did not return by then is taken as lost; HSMs on a network answer within 100 ms.
pub const SIGNATURE_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often one who waits looks whether any session is left.
pub const AVAILABILITY_POLL: Duration = Duration::from_millis(50);
/// First pause before a lost session is opened again.
pub const REOPEN_PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause: a token that returns is used within these.
pub const REOPEN_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Between two initialisations of a module that shows no token: one reads all its tokens, and workers take
/// turns at trying.
pub const MODULE_RENEWAL_PAUSE: Duration = Duration::from_secs(1);
/// How long an ending pool waits for its workers; a call into a module cannot be cancelled.
pub const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(2);
/// Fewer requests than these are faster one by one: eight at once take as long as some three.
pub const VECTOR_REQUESTS_MIN: usize = 3;
/// Octets of a PIN file; PKCS#11 tokens take some 255 at most.
pub const PIN_BYTES_MAX: usize = 256;
/// Octets of a software key's file: RSA-4096 in PEM has 3.3 kB.
pub const KEY_FILE_BYTES_MAX: usize = 16 * 1024;
/// Octets of a certificate file with its chain, or of a request.
pub const CERTIFICATE_FILE_BYTES_MAX: usize = 1024 * 1024;
/// People who hold a share each: more than a room of a ceremony takes.
pub const CUSTODIANS_MAX: usize = 16;
/// Octets of a name in a ceremony's record.
pub const CEREMONY_NAME_BYTES_MAX: usize = 128;
/// Octets of a share's file: a share of the longest PIN in lines of letters, and its head.
pub const SHARE_FILE_BYTES_MAX: usize = 4 * 1024;
const _: () =
    assert!(SHARE_FILE_BYTES_MAX > PIN_BYTES_MAX * 4 + 2 * CEREMONY_NAME_BYTES_MAX + 1024);
/// Octets of a label that PKCS#11 keeps for a token.
pub const TOKEN_LABEL_BYTES_MAX: usize = 32;
/// Octets of a key's label.
pub const KEY_LABEL_BYTES_MAX: usize = 64;

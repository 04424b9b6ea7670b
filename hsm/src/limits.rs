//! Bounds of this crate: unit last, reason beside it.

use std::time::Duration;

use ceralacca_core::limits::BATCH_MESSAGES_MAX;

/// Requests that wait for a token. A message needs up to three signatures, and one batch signs while
/// another is drafted. What a lost token gives back comes on top.
pub const SIGNING_QUEUE_MAX: usize = 512;
const _: () = assert!(SIGNING_QUEUE_MAX >= BATCH_MESSAGES_MAX * 3 * 2);
/// Sessions of one pool: more than any module of today signs in parallel.
pub const SESSIONS_MAX: usize = 256;
/// A call that did not return by then is taken as lost; HSMs on a network answer within 100 ms.
pub const SIGNATURE_WAIT_MAX: Duration = Duration::from_secs(10);
/// After this part of that time without an answer another token, where there is one, signs the same: a second.
pub const SUSPICION_PART: u32 = 10;
/// How often one who waits for signatures looks whether a call hangs.
pub const AVAILABILITY_POLL: Duration = Duration::from_millis(50);
/// First pause before a lost session is opened again.
pub const REOPEN_PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause: the full rate is back within two seconds of a token's return, with the module's renewal and
/// the pause of the certifier.
pub const REOPEN_PAUSE_MAX: Duration = Duration::from_millis(800);
/// First pause before a further session is tried again at a token that already signs by others; each next one
/// is longer by as much.
pub const FURTHER_SESSION_PAUSE: Duration = Duration::from_secs(1);
/// A token that signed for so long starts with the shortest pause again when it is lost.
pub const STABLE_AFTER: Duration = Duration::from_secs(10);
/// A token that takes so many times as long as the fastest gets only what the others could not sign sooner:
/// less is the spread of one module's own answers.
pub const SLOW_FACTOR: u32 = 4;
/// A token whose answers take no longer holds several times what it signs at once, so that a good part of the
/// checks is made together; what a slower one held ahead would wait there while another could sign it, so it
/// holds twice that.
pub const AHEAD_PACE_MAX: Duration = Duration::from_millis(20);
/// Signatures wait no longer for others to be checked with: a call into an HSM on a network takes as long.
pub const CHECK_WAIT_MAX: Duration = Duration::from_millis(6);
/// After so long without an answer from a slow token it is asked once more.
pub const SLOW_MEMORY: Duration = Duration::from_secs(5);
/// Between two initialisations of a module that shows no token: one reads all its tokens, and workers take
/// turns at trying.
pub const MODULE_RENEWAL_PAUSE: Duration = Duration::from_millis(400);
const _: () = assert!(MODULE_RENEWAL_PAUSE.as_millis() + REOPEN_PAUSE_MAX.as_millis() < 1_500);
/// Octets of a frame between parent and child: so many requests, or the first one with its certificate.
pub const CHILD_FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Requests that a child holds: all together fit into a socket's buffer, so that writing them waits for
/// nobody.
pub const CHILD_IN_FLIGHT_MAX: usize = 512;
const _: () = assert!(CHILD_IN_FLIGHT_MAX * 256 < CHILD_FRAME_BYTES_MAX);
/// A child that was stopped may let its buffer fill: no caller waits longer for it.
pub const CHILD_WRITE_WAIT_MAX: Duration = Duration::from_secs(1);
/// A vendor's library may take its time to find its device, once.
pub const CHILD_START_WAIT_MAX: Duration = Duration::from_secs(30);
/// All that one command asks of keys through children, together: making a key takes a slow token a minute.
pub const OPERATION_WAIT_MAX: Duration = Duration::from_secs(100);
/// One errand that only looks or signs: the start, and no more than a call.
pub const ERRAND_WAIT_MAX: Duration = CHILD_START_WAIT_MAX.saturating_add(SIGNATURE_WAIT_MAX);
const _: () = assert!(ERRAND_WAIT_MAX.as_millis() * 2 < OPERATION_WAIT_MAX.as_millis());
/// How long a child that ends waits for sessions to be closed.
pub const CHILD_LAST_WAIT_MAX: Duration = Duration::from_millis(300);
/// How often it is looked whether a child that was killed has ended.
pub const CHILD_END_POLL: Duration = Duration::from_millis(2);
const _: () = assert!(CHILD_LAST_WAIT_MAX.as_millis() * 3 < SHUTDOWN_WAIT_MAX.as_millis());
/// How long an ending pool waits for its workers; a call into a module cannot be cancelled.
pub const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(2);
/// Fewer requests than these are faster one by one: eight at once take as long as some three.
pub const VECTOR_REQUESTS_MIN: usize = 3;
/// Fewer checks than these are faster one by one.
pub const VECTOR_CHECKS_MIN: usize = 3;
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

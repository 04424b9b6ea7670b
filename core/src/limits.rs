//! Every bound of the house: unit last, reason beside it, relations asserted at compile time.

/// One megabyte as the requirements count it (1,048,576 octets), the larger of its two readings.
pub const MEGABYTE: u64 = 1024 * 1024;

/// RFC 5321 §4.5.3.1.3: a path is at most 256 octets with its brackets.
pub const ADDRESS_BYTES_MAX: usize = 254;
/// RFC 5321 §4.5.3.1.1.
pub const LOCAL_PART_BYTES_MAX: usize = 64;
/// RFC 1035 §2.3.4.
pub const DOMAIN_BYTES_MAX: usize = 253;
/// Without its brackets: with them and the blank of a folded line it fits a header line.
pub const MESSAGE_ID_BYTES_MAX: usize = LINE_BYTES_MAX - 3;

/// DM 2-11-2005 art. 12: a message of at least this size must be accepted (AP-09).
pub const MESSAGE_BYTES_FLOOR: u64 = 30 * MEGABYTE;
/// DM 2-11-2005 art. 12: size times recipients must be allowed up to here (AP-10).
pub const MESSAGE_PRODUCT_FLOOR: u64 = 30 * MEGABYTE;
/// DM 2-11-2005 art. 12: recipients that must be allowed (AP-11).
pub const RECIPIENTS_FLOOR: u32 = 50;
/// Recipients of one transaction taken before `452 4.5.3` (AP-16).
pub const RECIPIENTS_PER_TRANSACTION_MAX: usize = 1000;
const _: () = assert!(RECIPIENTS_PER_TRANSACTION_MAX > RECIPIENTS_FLOOR as usize);

/// SE-07: nesting of MIME parts.
pub const MIME_DEPTH_MAX: usize = 100;
/// SE-07: parts of one message.
pub const MIME_PARTS_MAX: usize = 10_000;
/// SE-07: the header of a message.
pub const HEADER_BYTES_MAX: usize = MEGABYTE as usize;
/// RFC 5322 §2.1.1, without the CRLF.
pub const LINE_BYTES_MAX: usize = 998;
/// RFC 2046 §5.1.1 allows 70; programs that write more are read, as long as the line `--…--` fits.
pub const BOUNDARY_BYTES_MAX: usize = LINE_BYTES_MAX - 4;
/// Parameters of one `Content-Type` or `Content-Disposition`, continuations of RFC 2231 included.
pub const MIME_PARAMETERS_MAX: usize = 100;
/// RFC 6838 §4.2: a type or subtype.
pub const MEDIA_NAME_BYTES_MAX: usize = 127;
/// Characters kept of an attachment's name: file systems take 255.
pub const ATTACHMENT_NAME_CHARS_MAX: usize = 255;

/// What a verdict takes into memory: a message of the largest size in the field (100 MB), enclosed.
pub const EXAMINED_BYTES_MAX: usize = 256 * MEGABYTE as usize;

/// CD-15: `daticert.xml` as read. A thousand recipients, each listed twice, take some 700 kB.
pub const CERTIFICATION_BYTES_MAX: usize = 4 * MEGABYTE as usize;
/// CD-15: elements of one `daticert.xml`, other providers' limits on recipients being their own.
pub const CERTIFICATION_ELEMENTS_MAX: usize = 20_000;
const _: () = assert!(CERTIFICATION_ELEMENTS_MAX > 2 * RECIPIENTS_PER_TRANSACTION_MAX + 20);
/// CD-15: the format nests four deep; more is somebody else's document.
pub const CERTIFICATION_DEPTH_MAX: usize = 8;
/// CD-15: attributes of one element; the format has two at most.
pub const CERTIFICATION_ATTRIBUTES_MAX: usize = 16;

/// What a delivery report returns of a header, and what is read of any part of one: honest headers
/// have some 10 kB.
pub const REPORT_HEADER_BYTES_MAX: usize = 64 * 1024;
/// Parts of a report that are looked at: the format has three.
pub const REPORT_PARTS_MAX: usize = 16;
/// Characters of a remote server's answer that a report repeats.
pub const REPORT_DIAGNOSTIC_CHARS_MAX: usize = 1000;

/// How long a report may come back to a rewritten sender (MX-06): longer than any server keeps trying.
pub const SRS_DAYS_MAX: i64 = 21;

/// MX-06: `Received:` fields of a message that is still taken in; half of what RFC 5321 §6.3 lets a
/// server ask for at least, and twice what is seen.
pub const HOPS_MAX: usize = 50;
/// MX-07: how long after a message a report about it is expected: servers give up after five days.
pub const REPORTS_DAYS_MAX: i64 = 7;

/// A record holds facts, never bodies (what may be longer is a blob that the record names).
pub const RECORD_BYTES_MAX: usize = 64 * 1024;
/// Addresses that a record holds itself; a longer list is a blob. 100 × 256 octets leave room for
/// the rest of the record.
pub const RECIPIENTS_IN_RECORD_MAX: usize = 100;
const _: () = assert!(RECIPIENTS_IN_RECORD_MAX * (ADDRESS_BYTES_MAX + 8) < RECORD_BYTES_MAX / 2);
/// Subject kept as evidence; the message itself holds the rest.
pub const EVIDENCE_SUBJECT_CHARS_MAX: usize = 1000;

/// Entries of the queue in one record: addresses of the largest size included.
pub const DISPATCHES_PER_RECORD_MAX: usize = 32;
/// Characters kept of what another server answered.
pub const REPLY_CHARS_KEPT_MAX: usize = 200;
const _: () = assert!(
    DISPATCHES_PER_RECORD_MAX * (2 * ADDRESS_BYTES_MAX + 4 * REPLY_CHARS_KEPT_MAX + 200)
        < RECORD_BYTES_MAX
);
/// A receipt is with its sender within these (RFC 6109 §3.1.6, TO-03): what waits is signed in this order.
pub const RECEIPT_DUE_MS: i64 = 24 * 60 * 60 * 1000;
/// A time-out notice, fired half an hour before the law's 24 hours end, within these.
pub const NOTICE_DUE_MS: i64 = 30 * 60 * 1000;
const _: () = assert!(NOTICE_DUE_MS < RECEIPT_DUE_MS);
/// Receipts are tried longer than envelopes: a late one still reaches the user (TO-11).
pub const RECEIPT_QUEUE_MS: i64 = 5 * 24 * 60 * 60 * 1000;
/// TE-15: envelopes are given up a day after acceptance.
pub const ENVELOPE_QUEUE_MS: i64 = 24 * 60 * 60 * 1000;
/// Arrivals and messages sent are remembered for a week (IP-18, MX-07).
pub const REMEMBERED_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// AP-28: a submission under the same key is the same one for a day.
pub const SUBMISSION_KEY_MS: i64 = 24 * 60 * 60 * 1000;
const _: () = assert!(SUBMISSION_KEY_MS <= REMEMBERED_MS);
/// Between two looks for what is older.
pub const SWEEP_MS: i64 = 10 * 60 * 1000;
/// Identifiers and marks dropped in one record: some 60 octets each.
pub const FORGOTTEN_PER_RECORD_MAX: usize = 400;
const _: () = assert!(FORGOTTEN_PER_RECORD_MAX * (DOMAIN_BYTES_MAX / 2 + 32) < RECORD_BYTES_MAX);
/// IP-23: a signer that may be newer than our copy of the index is waited for so long.
pub const INDEX_AWAITED_MS: i64 = 2 * 60 * 60 * 1000;
/// Such signers at a time: certificates that lead to an authority of ours are few.
pub const SIGNERS_AWAITED_MAX: usize = 1000;
/// Recipients of one transaction of another server (RFC 5321 §4.5.3.1.8: at least 100): further ones
/// come in another transaction, which gets its own take-charge receipt (TC-04).
pub const ARRIVAL_RECIPIENTS_MAX: usize = 100;
const _: () = assert!(ARRIVAL_RECIPIENTS_MAX <= RECIPIENTS_IN_RECORD_MAX);

/// Octets that one read of a connection asks for at first; doubled while reads fill it.
pub const READ_BYTES_MIN: usize = 4 * 1024;
/// Octets that one read asks for at most. A connection holds at most three such buffers: the chunk
/// read ahead, what TLS has not opened yet, and what the session has not consumed.
pub const READ_BYTES_MAX: usize = 32 * 1024;
/// Buffers of that size that one ring keeps for its next reads: a megabyte.
pub const READ_BUFFERS_LEFT_MAX: usize = 32;
/// Octets handed to TLS or to the socket in one write.
pub const WRITE_BYTES_MAX: usize = 64 * 1024;
/// Opened octets that a session may leave unconsumed before the connection is closed.
pub const INPUT_BYTES_MAX: usize = 256 * 1024;
const _: () = assert!(INPUT_BYTES_MAX >= 2 * READ_BYTES_MAX);
/// A peer that takes none of our octets for this long is cut off.
pub const WRITE_SECONDS_MAX: u64 = 60;
/// The whole of a TLS handshake.
pub const HANDSHAKE_SECONDS_MAX: u64 = 30;
/// After our last octet we read on for so long, lest a reset overtake it.
pub const LINGER_SECONDS_MAX: u64 = 2;
/// What a ring closing a connection throws away while it lingers.
pub const LINGER_CHUNKS_MAX: usize = 256;
/// Open connections of one ring (SE-10): with an idle one at some 20 kB, 200 MB.
pub const CONNECTIONS_PER_RING_MAX: usize = 10_000;
/// Open connections of one source address on one ring (SE-10): offices behind one address are large.
pub const CONNECTIONS_PER_SOURCE_MAX: usize = 1_000;
const _: () = assert!(CONNECTIONS_PER_SOURCE_MAX <= CONNECTIONS_PER_RING_MAX);

/// RFC 4954 §4.5.3: an AUTH line, the longest command line, is at most this long with its CRLF.
pub const SMTP_LINE_BYTES_MAX: usize = 12_288;
const _: () = assert!(SMTP_LINE_BYTES_MAX < INPUT_BYTES_MAX);
/// RFC 5321 §4.5.3.2.7: the least that a server waits for the next command; no command may take longer.
pub const SMTP_COMMAND_SECONDS_MAX: u64 = 300;
/// From the connection to a successful AUTH.
pub const SMTP_SIGN_IN_SECONDS_MAX: u64 = 300;
/// RFC 5321 §4.5.3.2.5: between two pieces of a message.
pub const SMTP_BODY_PAUSE_SECONDS_MAX: u64 = 180;
/// A whole message: 60 MB at 140 kbit/s.
pub const SMTP_BODY_SECONDS_MAX: u64 = 3600;
/// Commands refused on one connection before it is closed with `421 4.7.0`.
pub const SMTP_ERRORS_MAX: u32 = 20;
/// Commands on a connection of another server since its last message taken, RCPT and what carries the
/// message apart, before it is closed with `421 4.7.0` (SE-10).
pub const SMTP_IDLE_COMMANDS_MAX: u32 = 200;
/// Failed AUTH commands on one connection before it is closed with `421 4.7.0` (SE-10).
pub const SIGN_IN_FAILURES_MAX: u32 = 5;
/// The n-th failed sign-in of a connection is answered n times this later (SE-10).
pub const SIGN_IN_FAILURE_DELAY_MS: u64 = 400;
/// A name given in EHLO.
pub const EHLO_BYTES_MAX: usize = 255;
/// Transactions in DATA may go on so long after the order to stop.
pub const STOP_SECONDS_MAX: u64 = 20;

/// A body up to here is collected in memory and goes into the ring's shared segment; a longer one
/// streams into a segment of its own through a buffer of this size.
pub const BODY_BUFFER_BYTES_MAX: usize = 128 * 1024;
/// Buffers that one ring keeps for bodies to come, each of up to that size: some 4 MB.
pub const BODY_ROOMS_MAX: usize = 32;
/// Bodies that may be on their way into one ring at once, each with its buffer and a connection's
/// three: 400 kB each, so 100 MB for two rings.
pub const BODIES_PER_RING_MAX: usize = 128;
/// Of those, for one mailbox (SE-10): slow messages of one sender leave room for others.
pub const BODIES_PER_MAILBOX_MAX: usize = BODIES_PER_RING_MAX / 2;
/// The same for one source address at the incoming point.
pub const BODIES_PER_SOURCE_MAX: usize = BODIES_PER_RING_MAX / 2;
/// How long a transaction waits for one of those places before `451 4.3.2`.
pub const BODY_PLACE_SECONDS_MAX: u64 = 30;
/// Forms of signatures that the certifier keeps the constant part of: each certificate in use has one, or
/// three on an elliptic curve.
pub const SIGNATURE_TEMPLATES_MAX: usize = 16;
/// Octets of bodies that go to the shared segment in one write: a copy of them, one at a time.
pub const BODIES_PER_WRITE_BYTES_MAX: usize = MEGABYTE as usize;
/// Bodies written together into the shared segment before one sync.
pub const BODIES_PER_SYNC_MAX: usize = 64;

/// Messages of other servers that one ring has examined at once, on threads that may wait.
pub const EXAMINED_AT_ONCE_PER_RING_MAX: u32 = 64;
/// A message takes one of those places per so many octets: digesting and scanning a large one keeps a
/// core and the disk busy for seconds, and many of them at once would starve the certifier.
pub const EXAMINED_BYTES_PER_PLACE: u64 = 4 * MEGABYTE;
const _: () = assert!(
    EXAMINED_AT_ONCE_PER_RING_MAX as u64 * EXAMINED_BYTES_PER_PLACE >= EXAMINED_BYTES_MAX as u64
);
/// How long the answer about the sender's domain is waited for (RFC 7208); the body comes meanwhile.
pub const SPF_SECONDS_MAX: u64 = 5;
/// How long a message waits for those places before `451 4.3.2`.
pub const EXAMINATION_PLACE_SECONDS_MAX: u64 = 120;
/// How long the answer to the final dot may take before `451 4.3.2`; RFC 5321 §4.5.3.2.6: the sending
/// server waits 10 minutes for it.
pub const EXAMINATION_SECONDS_MAX: u64 = 420;
const _: () = assert!(EXAMINATION_PLACE_SECONDS_MAX + EXAMINATION_SECONDS_MAX < 600);
/// Source addresses whose messages are counted (SE-10): some 100 octets each. Past it new ones are not
/// counted until others have rested, and the bounds on connections and bodies hold alone.
pub const SOURCES_COUNTED_MAX: usize = 100_000;

/// Commands that wait for the owner: past it, `451 4.3.2`.
pub const OWNER_QUEUE_MAX: usize = 4096;
/// Accepted for certification and not yet certified: past it intake answers `451 4.3.2` (HS-05).
pub const BACKLOG_MESSAGES_MAX: usize = 100_000;
/// Messages that one round of the certifier drafts and signs together.
pub const BATCH_MESSAGES_MAX: usize = 64;
/// Drafts made together before the batch is weighed: a few per core.
pub const DRAFTED_AT_ONCE_MAX: usize = 16;
/// Generated text that makes a batch go on before it is full: usual batches of 64 hold 1 MB. Three
/// batches, each over it by the drafts of one round with the largest headers, stay under 200 MB.
pub const BATCH_OCTETS_MAX: usize = 8 * MEGABYTE as usize;
const _: () = assert!(
    3 * (BATCH_OCTETS_MAX + DRAFTED_AT_ONCE_MAX * 2 * HEADER_BYTES_MAX) < 200 * MEGABYTE as usize
);
/// Custom keywords of one folder: the bits of a flag word that the system flags leave.
pub const KEYWORDS_PER_FOLDER_MAX: usize = 58;
/// Octets of a keyword's name: all of a folder's lie in one record.
pub const KEYWORD_BYTES_MAX: usize = 255;
const _: () = assert!(KEYWORDS_PER_FOLDER_MAX * (KEYWORD_BYTES_MAX + 8) < RECORD_BYTES_MAX / 2);
/// Folders of one mailbox.
pub const FOLDERS_PER_MAILBOX_MAX: usize = 1000;
/// Names that stay subscribed although their folder was removed: all stand in INBOX's row, which is written
/// whole at each change.
pub const SUBSCRIBED_NAMES_MAX: usize = 100;
/// Octets of a folder's name.
pub const FOLDER_NAME_BYTES_MAX: usize = 255;
const _: () = assert!(SUBSCRIBED_NAMES_MAX * (FOLDER_NAME_BYTES_MAX + 8) < RECORD_BYTES_MAX / 2);
/// Messages that went from a folder and are remembered for clients that come back: 60 octets each. Of
/// more a client hears too, in the words of all that is not there.
pub const EXPUNGED_KEPT_PER_FOLDER_MAX: usize = 1000;
/// Flag changes in one record: 12 octets each stay under [`RECORD_BYTES_MAX`].
pub const UIDS_PER_RECORD_MAX: usize = 2500;
const _: () = assert!(UIDS_PER_RECORD_MAX * 20 < RECORD_BYTES_MAX);

/// Fewer are guessed too soon.
pub const PASSWORD_BYTES_MIN: usize = 8;
/// More only burden the hash.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Sign-ins that wait for a password thread: 19 MiB and some 30 ms each, so half a minute at most.
pub const PASSWORD_QUEUE_MAX: usize = 1000;
/// AC-15: application passwords of one mailbox: all lie in its row.
pub const APP_PASSWORDS_MAX: usize = 20;
/// Characters of the name of one.
pub const APP_PASSWORD_NAME_CHARS_MAX: usize = 60;
const _: () =
    assert!(APP_PASSWORDS_MAX * (4 * APP_PASSWORD_NAME_CHARS_MAX + 200) < RECORD_BYTES_MAX / 4);
/// The last use of one is written again after so long: each time costs a record.
pub const APP_PASSWORD_USE_MS: i64 = 60 * 60 * 1000;
/// AC-15: recovery codes of one mailbox.
pub const RECOVERY_CODES: usize = 10;
/// Steps of half a minute that a code may be early or late (RFC 6238 §5.2).
pub const TOTP_STEPS_OFF_MAX: u64 = 1;

/// SE-01: pairs of account and source that are counted, and as many accounts and sources: some 300 octets
/// each.
pub const SIGN_IN_PAIRS_MAX: usize = 100_000;
/// SE-01: the longest lock, and how long without wrong passwords forgets earlier locks.
pub const LOCK_MS_MAX: i64 = 24 * 60 * 60 * 1000;
/// SE-01: times the wrong passwords that lock a pair, of one account from sources not known together.
pub const ACCOUNT_FAILURES_FACTOR: u32 = 10;
/// SE-01: times the same, of one source at accounts where it is not known: offices are large.
pub const SOURCE_FAILURES_FACTOR: u32 = 20;
/// Wrong passwords that lock a pair: the times of that many are kept.
pub const SIGN_IN_FAILURES_CEILING: u32 = 100;
/// SE-01: under a lock a known source has one try in so long: 2,880 a day.
pub const LOCKED_KNOWN_TRY_MS: i64 = 30_000;
/// SE-01: a source is known for so long after it opened the account.
pub const SOURCE_KNOWN_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// SE-01: known sources of one account: home, office, telephone and some networks in between.
pub const KNOWN_SOURCES_MAX: usize = 16;
/// AC-17: from which use of its capacity on, in percent, a holder is warned.
pub const QUOTA_WARNINGS_PERCENT: [u8; 3] = [80, 95, 100];
/// Nesting of ASN.1: a signature with certificates needs about a dozen.
pub const ASN1_DEPTH_MAX: usize = 32;
/// Octets of a detached signature with its certificates; those seen have 1.5 to 6 kB.
pub const CMS_BYTES_MAX: usize = 1024 * 1024;
/// Certificates inside one signature.
pub const CMS_CERTIFICATES_MAX: usize = 32;
/// Certificates of one path, leaf and anchor included; those of mail have 2 to 4.
pub const CHAIN_LINKS_MAX: usize = 10;
/// Certificates between leaf and anchor that are looked at: those of a signature and known ones.
pub const CHAIN_CANDIDATES_MAX: usize = 128;
const _: () = assert!(CHAIN_CANDIDATES_MAX > CMS_CERTIFICATES_MAX);
/// Links tried on the way to an anchor, signatures at some 0.1 ms each: 30 ms at most.
pub const CHAIN_TRIES_MAX: usize = 300;
/// Subtrees that one authority permits, or excludes: with the names below, a million comparisons.
pub const NAME_CONSTRAINTS_MAX: usize = 1000;
/// Names of one certificate.
pub const SUBJECT_NAMES_MAX: usize = 1000;
/// Purposes in one extended key usage.
pub const EXTENDED_USAGES_MAX: usize = 100;
/// Distribution points of one certificate; those seen have one or two.
pub const DISTRIBUTION_POINTS_MAX: usize = 16;
/// Octets of the address of a revocation list.
pub const DISTRIBUTION_URL_BYTES_MAX: usize = 2048;
/// Octets of one revocation list: a national one of a million entries has some 40 MB.
pub const CRL_BYTES_MAX: usize = 96 * MEGABYTE as usize;
const _: () = assert!(CRL_BYTES_MAX < u32::MAX as usize);
/// Entries of one revocation list.
pub const CRL_ENTRIES_MAX: usize = 2_000_000;
/// The clock of a list's issuer may be ahead by this (ms).
pub const CRL_CLOCK_MARGIN_MS: i64 = 10 * 60 * 1000;
/// After a failed fetch of a list, the next is tried so soon (ms), or after the refresh if that is less.
pub const CRL_RETRY_MS: i64 = 5 * 60 * 1000;
/// Signers of lists, whose certificates other signers' lists speak of, one above the other.
pub const CRL_SIGNERS_DEPTH_MAX: usize = 3;
/// Revocation lists on the shelf: one per authority that PEC providers have.
pub const REVOCATION_LISTS_MAX: usize = 256;
/// Octets of all lists on the shelf.
pub const REVOCATION_BYTES_MAX: usize = 512 * MEGABYTE as usize;
const _: () = assert!(REVOCATION_BYTES_MAX > CRL_BYTES_MAX);
/// Places that lists are fetched from.
pub const REVOCATION_POINTS_MAX: usize = 1024;
/// Signed attributes of one signature; those seen have 3 to 6.
pub const CMS_ATTRIBUTES_MAX: usize = 64;
/// Octets of one certificate.
pub const CERTIFICATE_BYTES_MAX: usize = 64 * 1024;
/// Extensions of one certificate.
pub const CERTIFICATE_EXTENSIONS_MAX: usize = 64;
/// SG-04: keys below prove nothing.
pub const RSA_BITS_MIN: usize = 2048;
/// Octets of signed content digested at a time.
pub const SIGNED_CHUNK_BYTES: usize = 64 * 1024;

/// Commands of one group: while the disk is slow, further ones wait in their queues, which have bounds.
pub const GROUP_COMMANDS_MAX: usize = 1024;
/// Steps kept for the operator and the bench: some 100 octets each.
pub const STEPS_KEPT_MAX: usize = 200_000;
/// Free disk below which intake answers `451`: enough to finish all accepted work.
pub const DISK_RESERVE_BYTES: u64 = 256 * MEGABYTE;

/// Days for which a certificate that signs no more stays published: longer than anything it signed is
/// under way (DI-09).
pub const CERTIFICATE_OVERLAP_DAYS: i64 = 7;
/// Days of failures only, after which a forward is switched off (MX-09).
pub const FORWARD_FAILING_DAYS: i64 = 7;
/// Holders told by one record.
pub const HOLDERS_TOLD_PER_RECORD_MAX: usize = 100;
/// How often what the keys have signed is noted (LG-14): what a crash leaves uncounted.
pub const SIGNATURES_NOTED_MS: i64 = 60 * 60 * 1000;
/// When signatures are reconciled, after midnight UTC: three or four in the morning in Italy.
pub const RECONCILED_AFTER_MS: i64 = 2 * 60 * 60 * 1000;
/// How often somebody looks whether it is time.
pub const RECONCILIATION_POLL: std::time::Duration = std::time::Duration::from_secs(60);
/// Signatures of one key that are made and not yet in the log, at most: a message needs up to three, and a batch
/// is drafted, signed, kept or on its way to the owner.
pub const SIGNATURES_UNDER_WAY_MAX: u64 = BATCH_MESSAGES_MAX as u64 * 3 * 4;
/// Open tasks of operators; further ones are said aloud only.
pub const TASKS_OPEN_MAX: usize = 10_000;
/// Characters that say what a task is about.
pub const TASK_CHARS_MAX: usize = 1_000;
/// Characters of the note that settles a task.
pub const TASK_NOTE_CHARS_MAX: usize = 1_000;
/// Sentences about held work that the operator is shown; the log has all of them.
pub const HELD_SENTENCES_MAX: usize = 100;
/// Facts of messages under way that the certifier keeps at hand: some kilobytes each.
pub const FACTS_CACHED_MAX: usize = 1024;
/// Longer facts, of many recipients, are read again instead: all that is kept takes some 64 MB at most.
pub const FACTS_CACHED_BYTES_MAX: u64 = 32 * 1024;
const _: () = assert!(FACTS_CACHED_MAX as u64 * FACTS_CACHED_BYTES_MAX <= 32 * MEGABYTE);
/// Facts of one message: 1,000 paths and a rope.
pub const FACTS_BYTES_MAX: u64 = 4 * MEGABYTE;

/// A segment of the journal, pre-written with zeros: large enough that making one is rare, small enough
/// that copying the last one at start takes no time that people notice.
pub const JOURNAL_SEGMENT_BYTES: u64 = 8 * MEGABYTE;
/// Segments that wait, zeroed and synced, ahead of the one written.
pub const JOURNAL_SEGMENTS_AHEAD: u64 = 2;
/// Records of one group with their headers: two fit a segment, so that little of it stays unused.
pub const GROUP_BYTES_MAX: usize = 3 * MEGABYTE as usize;
const _: () = assert!(2 * GROUP_BYTES_MAX < JOURNAL_SEGMENT_BYTES as usize);
const _: () = assert!(GROUP_BYTES_MAX > 16 * RECORD_BYTES_MAX);
/// Messages of one COPY or MOVE, whose records of some 150 octets go into one group: a crash leaves all
/// of it or nothing, and the owner is held up for some 20 ms at most.
pub const MESSAGES_PER_COPY_MAX: usize = 10_000;
const _: () = assert!(MESSAGES_PER_COPY_MAX * 200 < GROUP_BYTES_MAX);

/// Messages that one order removes, some 6 octets each: a crash leaves all of them or none.
pub const MESSAGES_PER_REMOVAL_MAX: usize = 200_000;
const _: () = assert!(MESSAGES_PER_REMOVAL_MAX * 10 < GROUP_BYTES_MAX);
/// Days that a removed message can be kept restorable (AC-13): as long as the quarantine keeps.
pub const DELETED_KEPT_DAYS_MAX: u32 = 900;
/// Messages of one order to restore.
pub const MESSAGES_PER_RESTORE_MAX: usize = 1_000;
const _: () = assert!(MESSAGES_PER_RESTORE_MAX <= MESSAGES_PER_COPY_MAX);

/// A blob segment is closed above this: reclaim copies at most so much at a time.
pub const BLOB_SEGMENT_BYTES_MAX: u64 = 256 * MEGABYTE;
/// Zeros that are laid ahead in a segment at a time, once it has as much: a sync of octets written over them
/// changes nothing of the file itself and costs a third. What a stop leaves of them is lost room.
pub const BLOB_GROUND_BYTES: u64 = 2 * MEGABYTE;
const _: () = assert!(BLOB_SEGMENT_BYTES_MAX.is_multiple_of(BLOB_GROUND_BYTES));
/// A body up to this goes with others into the common segment, a longer one into its own: the memory
/// that storing one body takes.
pub const BLOB_IN_MEMORY_BYTES_MAX: u64 = MEGABYTE;
const _: () = assert!(BLOB_IN_MEMORY_BYTES_MAX < BLOB_SEGMENT_BYTES_MAX);
/// A body up to this is read into memory once for its draft; a longer one again by each step, a piece at
/// a time. Drafts of one round hold this much each.
pub const BODY_AT_HAND_BYTES_MAX: u64 = 256 * 1024;
const _: () = assert!(BODY_AT_HAND_BYTES_MAX * DRAFTED_AT_ONCE_MAX as u64 <= 8 * MEGABYTE);
/// Blob segments held open for reading; well under the usual 1,024 files of a process.
pub const BLOB_FILES_OPEN_MAX: usize = 256;
/// The stored form of a rope: generated text and slices, no attachment. The text of 1,000 recipients
/// and of its certification data stays far below.
pub const ROPE_BYTES_MAX: u64 = 16 * MEGABYTE;

/// Rows that wait to be written behind, about 500 octets each; past it they are dropped and read again
/// from the journal at the pace of the disk.
pub const VIEW_ROWS_WAITING_MAX: usize = 200_000;
/// Rows that wake the view's writer before its pause is over.
pub const VIEW_ROWS_EAGER: usize = 20_000;
const _: () = assert!(VIEW_ROWS_EAGER < VIEW_ROWS_WAITING_MAX);
/// The view's writer lets rows gather so long: most of what comes also goes within it, unwritten.
pub const VIEW_PAUSE_MS: u64 = 1_000;
/// Values of the marked header fields of one message; a message with more is read by each search.
pub const MARKS_PER_MESSAGE_MAX: usize = 8;
/// Marks of a folder that are looked at one by one before they are sorted in: some microseconds.
pub const MARKS_FRESH_MAX: usize = 1_024;
/// Octets of a message that are read first to find its header's end.
pub const MARKS_READ_BYTES: usize = 8 * 1024;
/// Changes of mailboxes gather so long before the marker looks at them.
pub const MARKS_GATHER_MS: u64 = 50;
/// Marks of messages just made that wait for the marker: some 100 octets each.
pub const MARKS_AT_HAND_MAX: usize = 8 * 1024;
/// The marker lets the view's writer go first for so long.
pub const MARKS_PAUSE_MS: u64 = 100;
/// sled's cache; all that is read at work is in memory besides.
pub const SLED_CACHE_BYTES: u64 = 64 * MEGABYTE;
/// A mailbox file is left as it is below this many rows; above it, it is rewritten when half are dead.
pub const MAILBOX_FILE_COMPACT_ROWS: u64 = 1_024;
/// Tries to lock sled's files, while a predecessor in this process lets go of them.
pub const SLED_LOCK_TRIES_MAX: u32 = 100;
/// Pause between two tries.
pub const SLED_LOCK_PAUSE_MS: u64 = 20;
/// One IMAP command with its literals, the body of APPEND apart: clients write long lists of UIDs.
pub const IMAP_COMMAND_BYTES_MAX: usize = 64 * 1024;
/// The same before login, when anybody may write.
pub const IMAP_STRANGER_COMMAND_BYTES_MAX: usize = 8 * 1024;
const _: () = assert!(IMAP_STRANGER_COMMAND_BYTES_MAX < IMAP_COMMAND_BYTES_MAX);
/// A refused literal that comes unasked (LITERAL+) is read and thrown away up to this size; past it
/// the connection ends.
pub const IMAP_SKIPPED_BYTES_MAX: u64 = 4 * MESSAGE_BYTES_FLOOR;
/// Wrong passwords on one connection.
pub const IMAP_LOGIN_FAILURES_MAX: u32 = 3;
/// Commands in a row that nobody understands, on one connection.
pub const IMAP_BAD_COMMANDS_MAX: u32 = 50;
/// Octets of a response gathered before they are written; one message never lies in memory whole.
pub const IMAP_CHUNK_BYTES: usize = 64 * 1024;
/// Items of one FETCH.
pub const IMAP_FETCH_ITEMS_MAX: usize = 100;
/// Keys of one SEARCH.
pub const IMAP_SEARCH_KEYS_MAX: usize = 200;
/// TEXT and BODY keys of one SEARCH: each looks through the whole message.
pub const IMAP_SEARCH_TEXTS_MAX: usize = 20;
/// Octets of the envelopes and structures that a ring keeps as they were told: of some 20,000 messages.
pub const IMAP_SUMMARIES_BYTES_MAX: usize = 24 * MEGABYTE as usize;
/// One of them.
pub const IMAP_SUMMARY_BYTES_MAX: usize = 8 * 1024;
const _: () = assert!(IMAP_SUMMARY_BYTES_MAX < IMAP_SUMMARIES_BYTES_MAX / 100);
/// Keys of a SEARCH in each other: the deepest recursion.
pub const IMAP_SEARCH_DEPTH_MAX: usize = 8;
/// Criteria of one SORT.
pub const IMAP_SORT_KEYS_MAX: usize = 16;
/// Characters of a subject or a name that SORT and THREAD compare.
pub const IMAP_SORT_CHARACTERS_MAX: usize = 128;
/// Messages of one SORT or THREAD, a kilobyte of memory each at most.
pub const IMAP_SORT_MESSAGES_MAX: usize = 200_000;
/// Identifiers of one message that THREAD looks at, the last ones.
pub const IMAP_THREAD_REFERENCES_MAX: usize = 32;
/// Messages above one in its thread; what is deeper begins a thread of its own.
pub const IMAP_THREAD_DEPTH_MAX: usize = 500;
/// Rows that SEARCH judges, times its keys, before it lets others run: a microsecond each at most.
pub const IMAP_SEARCH_ROUND_STEPS: usize = 4096;
/// Characters of pattern times characters of name that LIST compares before it lets others run.
pub const IMAP_LIST_ROUND_STEPS: usize = 1_000_000;
/// Octets of one text part that SEARCH TEXT and BODY look at: the part is decoded in memory.
pub const IMAP_SEARCH_PART_BYTES_MAX: u64 = 4 * MEGABYTE;
/// Messages that SEARCH looks into before it lets others run.
pub const IMAP_SEARCH_ROUND_MESSAGES: usize = 64;
/// Octets of messages that SEARCH or FETCH looks into before it lets others run, one message at least.
pub const IMAP_SEARCH_ROUND_BYTES: u64 = MESSAGE_BYTES_FLOOR;
/// Ranges in one line that tells of messages that are gone.
pub const IMAP_RANGES_PER_LINE_MAX: usize = 1000;
/// RFC 8970 §3.1: a preview is for one line or two, and never longer than 256 characters.
pub const IMAP_PREVIEW_CHARACTERS_MAX: usize = 200;
const _: () = assert!(IMAP_PREVIEW_CHARACTERS_MAX <= 256);
/// Octets of a text that are decoded for its preview: tags and styles may stand before the first word.
pub const IMAP_PREVIEW_OCTETS_MAX: u64 = 16 * 1024;
/// Connections of one account on one ring: each of a person's programs opens a handful.
pub const IMAP_SESSIONS_PER_MAILBOX_MAX: usize = 100;
const _: () = assert!(IMAP_SESSIONS_PER_MAILBOX_MAX > BODIES_PER_MAILBOX_MAX);
/// Compressed connections of one ring: the state of each takes some 400 kB.
pub const IMAP_COMPRESSED_PER_RING_MAX: usize = 200;
/// Octets that are taken out of compression before they are read: a little may hold very much.
pub const IMAP_INFLATED_BYTES: usize = 32 * 1024;
/// Structures of messages that a session remembers.
pub const IMAP_STRUCTURES_KEPT: usize = 4;
/// Patterns of one LIST.
pub const IMAP_LIST_PATTERNS_MAX: usize = 16;
/// A client that has not logged in is let go after this.
pub const IMAP_LOGIN_TIMEOUT_S: u64 = 60;
/// Silence allowed in the middle of the message of an APPEND.
pub const IMAP_BODY_SILENCE_S: u64 = 5 * 60;
/// Pieces of answers made at once on threads that may wait for the disk, per ring: each holds a few
/// parts of a message ([`IMAP_SEARCH_PART_BYTES_MAX`]) at most.
pub const IMAP_ASIDE_PER_RING_MAX: usize = 8;
/// The whole message of an APPEND, as long as one of submission may take.
pub const IMAP_BODY_SECONDS_MAX: u64 = SMTP_BODY_SECONDS_MAX;
/// RFC 9051 §5.4: no session ends for want of commands in less than 30 minutes.
pub const IMAP_IDLE_TIMEOUT_S: u64 = 30 * 60;

/// One line of POP3: the longest holds a name and a password in base64 (RFC 5034 §4).
pub const POP3_LINE_BYTES_MAX: usize = 4 * 1024;
const _: () =
    assert!((2 * ADDRESS_BYTES_MAX + PASSWORD_BYTES_MAX + 4) * 4 / 3 + 16 < POP3_LINE_BYTES_MAX);
const _: () = assert!(POP3_LINE_BYTES_MAX < INPUT_BYTES_MAX);
/// Wrong passwords on one connection.
pub const POP3_LOGIN_FAILURES_MAX: u32 = IMAP_LOGIN_FAILURES_MAX;
/// Commands in a row that nobody understands, on one connection.
pub const POP3_BAD_COMMANDS_MAX: u32 = 20;
/// Octets of answers gathered before they are written; one message never lies in memory whole.
pub const POP3_CHUNK_BYTES: usize = IMAP_CHUNK_BYTES;
/// A client that has not logged in is let go after this.
pub const POP3_LOGIN_TIMEOUT_S: u64 = IMAP_LOGIN_TIMEOUT_S;
/// RFC 1939 §3: no session ends for want of commands in less than 10 minutes. It holds the maildrop.
pub const POP3_IDLE_TIMEOUT_S: u64 = 10 * 60;

/// RFC 5321 §4.5.3.1.8: recipients of one transaction that every server takes.
pub const RELAY_RECIPIENTS_PER_TRANSACTION_MAX: usize = 100;
/// Messages sent on one connection: few handshakes, and a stop that need not wait long.
pub const RELAY_MESSAGES_PER_CONNECTION_MAX: usize = 50;
/// Recipients of one connection's messages; the last message may go past it.
pub const RELAY_RECIPIENTS_PER_CONNECTION_MAX: usize = 500;
/// Recipients under way in all: the window over the backlog, some 300 octets each.
pub const RELAY_ACTIVE_MAX: usize = 20_000;
/// Of those, for one destination: one that takes its time leaves room for nine others.
pub const RELAY_ACTIVE_PER_DESTINATION_MAX: usize = RELAY_ACTIVE_MAX / 10;
const _: () = assert!(RELAY_RECIPIENTS_PER_CONNECTION_MAX < RELAY_ACTIVE_PER_DESTINATION_MAX);
/// Minutes from a failure to the next attempt, by attempts before it; the last one repeats.
pub const RELAY_RETRY_MINUTES: [i64; 5] = [1, 5, 15, 30, 60];
/// Pause before a dead destination is probed for the first time; doubled each time.
pub const RELAY_BACKOFF_SECONDS_MIN: i64 = 60;
/// A destination that comes back is noticed within this.
pub const RELAY_BACKOFF_SECONDS_MAX: i64 = 3600;
const _: () = assert!(RELAY_BACKOFF_SECONDS_MIN < RELAY_BACKOFF_SECONDS_MAX);
/// Pauses are up to so much longer, each by its own share.
pub const RELAY_JITTER_PERCENT_MAX: i64 = 20;
/// Outcomes of one command, all of one message: those of one transaction.
pub const DISPATCH_OUTCOMES_PER_COMMAND_MAX: usize = RELAY_RECIPIENTS_PER_TRANSACTION_MAX;

/// One line of a server's reply: RFC 5321 §4.5.3.1.5 says 512, enhanced codes and long names want more.
pub const RELAY_REPLY_LINE_BYTES_MAX: usize = 2048;
const _: () = assert!(RELAY_REPLY_LINE_BYTES_MAX < INPUT_BYTES_MAX);
/// Lines of one reply: an EHLO of today has about fifteen.
pub const RELAY_REPLY_LINES_MAX: usize = 100;
/// From the order to connect to a connection.
pub const RELAY_CONNECT_SECONDS_MAX: u64 = 30;
/// RFC 5321 §4.5.3.2.1 to 3: the greeting and most replies.
pub const RELAY_COMMAND_SECONDS_MAX: u64 = 300;
/// RFC 5321 §4.5.3.2.4: the reply to DATA.
pub const RELAY_DATA_SECONDS_MAX: u64 = 120;
/// RFC 5321 §4.5.3.2.6: the reply to the final dot, the costliest to give up.
pub const RELAY_FINAL_SECONDS_MAX: u64 = 600;
/// The reply to QUIT, which changes nothing.
pub const RELAY_QUIT_SECONDS_MAX: u64 = 5;
/// Silence of a name server before it is asked again.
pub const RELAY_DNS_SECONDS_MAX: u64 = 5;
/// Answers of the DNS that are kept.
pub const RELAY_DNS_CACHE_MAX: u64 = 10_000;
/// How long they are kept at most: what was repaired is seen within this.
pub const RELAY_DNS_KEPT_SECONDS_MAX: u64 = 900;
/// MX hosts of one domain that are looked at.
pub const RELAY_EXCHANGES_MAX: usize = 20;
/// RFC 5321 §5.1 asks for two at least: addresses of one host, and those tried in one attempt.
pub const RELAY_ADDRESSES_MAX: usize = 8;
/// The relay looks at the clock at least so often, and hands in again what was not recorded.
pub const RELAY_TICK_MS_MAX: u64 = 1_000;
/// Changes of the queue that the relay takes before it looks at what is due.
pub const RELAY_CHANGES_AT_ONCE_MAX: usize = 1_000;

/// clamd servers that one appliance may name.
pub const CLAMD_SERVERS_MAX: usize = 8;
/// Scans at once on one clamd server, which runs 10 or 12 threads as it is delivered; two stay free for
/// the questions of the prober.
pub const SCANS_PER_CLAMD_MAX: usize = 8;
/// How long a scan waits for one of those places.
pub const SCAN_PLACE_SECONDS_MAX: u64 = 60;
/// Octets of a message handed to clamd at a time: all of it that is ever in memory.
pub const SCAN_CHUNK_BYTES: usize = 64 * 1024;
/// A clamd server answers the call within this, or is away.
pub const CLAMD_CONNECT_SECONDS_MAX: u64 = 5;
/// It takes a piece of the message within this.
pub const CLAMD_WRITE_SECONDS_MAX: u64 = 30;
/// It gives its verdict within this: its own `MaxScanTime` is 120 seconds as it is delivered.
pub const CLAMD_ANSWER_SECONDS_MAX: u64 = 180;
/// It answers a question about itself within this.
pub const CLAMD_QUESTION_SECONDS_MAX: u64 = 10;
/// One answer of clamd: `stream: NAME FOUND`.
pub const CLAMD_ANSWER_BYTES_MAX: usize = 4 * 1024;
/// Characters kept of a detection's name, which stands in notices and in the log.
pub const DETECTION_NAME_CHARS_MAX: usize = 200;
const _: () = assert!(DETECTION_NAME_CHARS_MAX < CLAMD_ANSWER_BYTES_MAX);
/// A server that failed is left alone for so long, while another one answers.
pub const CLAMD_REST_SECONDS: u64 = 30;
/// Between two looks at a scanner that works.
pub const SCANNER_PROBE_SECONDS: u64 = 10;
/// Between two looks at one that does not: intake is closed meanwhile.
pub const SCANNER_PROBE_AWAY_SECONDS: u64 = 2;
/// VI-10: signatures older than this raise an alarm.
pub const SCANNER_ALARM_HOURS: u32 = 24;

/// Plain octets of one encrypted chunk: the memory that storing or reading a file of any size takes.
pub const ENCRYPTED_CHUNK_BYTES: usize = 64 * 1024;
/// Chunks of one file: AES-GCM allows 2^32 calls under one key, and this is 256 TB.
pub const ENCRYPTED_CHUNKS_MAX: u64 = 1 << 32;
/// What an encrypted file says of itself, before its content: the paths of a whole transaction fit.
pub const ENCRYPTED_FACTS_BYTES_MAX: usize = 512 * 1024;
const _: () =
    assert!(ENCRYPTED_FACTS_BYTES_MAX > RECIPIENTS_PER_TRANSACTION_MAX * (ADDRESS_BYTES_MAX + 8));
/// VI-09: months that an infected message is kept.
pub const QUARANTINE_MONTHS: i32 = 30;
/// Why an operator opens a kept message, in his words.
pub const REASON_CHARS_MAX: usize = 500;

/// VI-15: types that the list may name.
pub const FORBIDDEN_TYPES_MAX: usize = 200;
/// Characters of a type's extension.
pub const EXTENSION_CHARS_MAX: usize = 16;
/// SE-08: archives in archives that are looked into for forbidden types.
pub const ARCHIVE_DEPTH_MAX: usize = 8;
/// SE-08: files of all archives of one message.
pub const ARCHIVE_ENTRIES_MAX: usize = 10_000;
/// SE-08: octets of one attached archive, and of all that is unpacked of a message: each lies in memory
/// while it is looked at.
pub const ARCHIVE_BYTES_MAX: usize = 64 * MEGABYTE as usize;
const _: () = assert!(ARCHIVE_BYTES_MAX as u64 > 2 * MESSAGE_BYTES_FLOOR);
/// Octets of an index of providers, signed: 300,000 domains take some 15 MB.
pub const DIRECTORY_BYTES_MAX: usize = 64 * MEGABYTE as usize;
/// Physical lines of it: a domain is one, a certificate some thirty.
pub const DIRECTORY_LINES_MAX: usize = 2_000_000;
/// Records of it: the real one has some dozens.
pub const DIRECTORY_RECORDS_MAX: usize = 20_000;
/// Values of all its records.
pub const DIRECTORY_VALUES_MAX: usize = 1_000_000;
const _: () = assert!(DIRECTORY_VALUES_MAX < DIRECTORY_LINES_MAX);
/// Octets of one value as written: a certificate in base64.
pub const DIRECTORY_VALUE_BYTES_MAX: usize = 2 * CERTIFICATE_BYTES_MAX;
/// What is said of one index; the rest is counted.
pub const DIRECTORY_REMARKS_MAX: usize = 1_000;
/// Columns of a line that we write (RFC 2849 asks for no number; its examples fold at about this).
pub const LDIF_LINE_COLUMNS: usize = 76;
/// DI-14: 30 months, taken long.
pub const DIRECTORY_KEPT_DAYS: i64 = 930;
/// DI-13: an index that was fetched longer ago raises an alarm.
pub const DIRECTORY_STALE_HOURS: i64 = 36;
/// Octets of the proof beside a stored index.
pub const DIRECTORY_PROOF_BYTES_MAX: usize = 4 * 1024;

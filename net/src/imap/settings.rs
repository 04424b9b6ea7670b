//! What an IMAP listener is told at start.

/// Settings of one listener.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's name in the greeting.
    pub host: String,
    /// Largest message that APPEND takes, in octets: as large as any that a point lets in.
    pub message_bytes_max: u64,
}

/// What is offered before login (AC-04: the connection is under TLS from its first octet).
pub const CAPABILITIES_STRANGER: &str = "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE AUTH=PLAIN";

/// What is offered after login, beside the limit of APPEND ([`Settings::capabilities`]).
const CAPABILITIES: &str = "IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS UNSELECT \
     MOVE QUOTA QUOTA=RES-STORAGE CHILDREN LIST-EXTENDED LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE \
     STATUS=SIZE ESEARCH SEARCHRES WITHIN SORT ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES \
     CONDSTORE QRESYNC BINARY OBJECTID PREVIEW SAVEDATE UTF8=ACCEPT COMPRESS=DEFLATE";

impl Settings {
    /// What is offered after login.
    pub fn capabilities(&self) -> String {
        format!("{CAPABILITIES} APPENDLIMIT={}", self.message_bytes_max)
    }
}

//! MIME, read as a stream and never re-serialised.

//! SMTP: a machine without sockets for submission, and the driver that runs it on a connection.

pub mod submission;

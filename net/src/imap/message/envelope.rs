//! ENVELOPE (RFC 3501 §7.4.2), from a header as it stands.

use super::addresses::{self, Shown};
use super::fields;
use crate::imap::codec::output::Output;

/// The fields of one header that ENVELOPE speaks of, in its order.
const FIELDS: [&[u8]; 10] = [
    b"date",
    b"subject",
    b"from",
    b"sender",
    b"reply-to",
    b"to",
    b"cc",
    b"bcc",
    b"in-reply-to",
    b"message-id",
];
const FROM: usize = 2;

/// Writes the envelope of `header`.
pub fn write(out: &mut Output, header: &[u8]) {
    let mut values: [Option<Vec<u8>>; 10] = Default::default();
    for field in fields::fields(header) {
        let known = FIELDS.iter().position(|name| field.is(name));
        if let Some(index) = known.filter(|i| values[*i].is_none()) {
            values[index] = Some(field.unfolded());
        }
    }
    let from = list(values[FROM].as_deref());
    out.text("(");
    for (index, value) in values.iter().enumerate() {
        out.text(if index > 0 { " " } else { "" });
        match index {
            FROM => write_list(out, &from),
            3 | 4 => match list(value.as_deref()) {
                own if own.is_empty() => write_list(out, &from),
                own => write_list(out, &own),
            },
            5..=7 => write_list(out, &list(value.as_deref())),
            _ => {
                out.nstring(value.as_deref());
            }
        }
    }
    out.text(")");
}

fn list(value: Option<&[u8]>) -> Vec<Shown> {
    value.map(addresses::parse).unwrap_or_default()
}

fn write_list(out: &mut Output, list: &[Shown]) {
    if list.is_empty() {
        out.text("NIL");
        return;
    }
    out.text("(");
    for address in list {
        out.text("(").nstring(address.name.as_deref()).text(" NIL ");
        out.nstring(address.mailbox.as_deref()).text(" ");
        out.nstring(address.host.as_deref()).text(")");
    }
    out.text(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_has_ten_fields_and_takes_sender_from_from() {
        let header = b"From: A <a@b.test>\r\nSubject: POSTA\r\n CERTIFICATA: x\r\nTo: c@d.test\r\n\
                       Message-ID: <1@b.test>\r\nSubject: second\r\n\r\n";
        let mut out = Output::default();
        write(&mut out, header);
        let a = "((\"A\" NIL \"a\" \"b.test\"))";
        assert_eq!(
            String::from_utf8_lossy(&out.take()),
            format!(
                "(NIL \"POSTA CERTIFICATA: x\" {a} {a} {a} ((NIL NIL \"c\" \"d.test\")) \
                 NIL NIL NIL \"<1@b.test>\")"
            )
        );
    }
}

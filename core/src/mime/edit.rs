//! Small changes to a large text: what is not changed stays a slice.

use super::scan::Span;
use crate::rope::Rope;

/// `span` of the source is written as `with`; an empty span inserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) span: Span,
    pub(crate) with: Rope,
}

impl Edit {
    pub(crate) fn replace(span: Span, text: impl Into<Vec<u8>>) -> Self {
        let with = Rope::text(text);
        Self { span, with }
    }

    pub(crate) fn remove(span: Span) -> Self {
        let with = Rope::default();
        Self { span, with }
    }

    pub(crate) fn insert(at: u64, text: impl Into<Vec<u8>>) -> Self {
        Self::replace(Span { start: at, end: at }, text)
    }
}

/// The source, `size` octets, with `edits` in it, in any order. At one place insertions come first, in
/// the order given; one that overlaps an earlier one is left out. `copy` adds an unchanged span of the
/// source.
pub(crate) fn apply<E>(
    size: u64,
    mut edits: Vec<Edit>,
    mut copy: impl FnMut(&mut Rope, Span) -> Result<(), E>,
) -> Result<Rope, E> {
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut rope = Rope::default();
    let mut at = 0;
    for edit in edits {
        if edit.span.start < at {
            continue;
        }
        let (start, end) = (at, edit.span.start);
        copy(&mut rope, Span { start, end })?;
        rope.append(edit.with);
        at = edit.span.end;
    }
    copy(
        &mut rope,
        Span {
            start: at,
            end: size,
        },
    )?;
    Ok(rope)
}

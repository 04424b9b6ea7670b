//! XML as a small tree, within bounds, with no document type and no entity but the five of XML itself
//! (CD-15). Reading ends with the root element: what trails it is not looked at.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::XmlFault;
use super::write::is_allowed;
use crate::limits;

/// One element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// As it was written.
    pub name: String,
    /// Names and values, in order.
    pub attributes: Vec<(String, String)>,
    /// Its own text, entities resolved.
    pub text: String,
    /// In order.
    pub children: Vec<Element>,
}

/// Reads the root element of `bytes`.
pub fn parse(bytes: &[u8]) -> Result<Element, XmlFault> {
    if bytes.len() > limits::CERTIFICATION_BYTES_MAX {
        return Err(XmlFault::TooLarge("size"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| XmlFault::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut builder = Builder::default();
    loop {
        let event = reader.read_event().map_err(|e| malformed(&e))?;
        if let Some(root) = builder.take(event)? {
            return Ok(root);
        }
    }
}

#[derive(Default)]
struct Builder {
    open: Vec<Element>,
    elements: usize,
}

impl Builder {
    /// The root, once it is closed.
    fn take(&mut self, event: Event<'_>) -> Result<Option<Element>, XmlFault> {
        match event {
            Event::Start(start) => self.start(&start)?,
            Event::End(_) => return Ok(self.end()),
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(text) => self.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let c = resolve(&reference)?;
                self.text(c.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => return Err(XmlFault::Forbidden("a document type")),
            Event::Decl(declaration) => check_encoding(declaration.encoding())?,
            Event::Eof => return Err(XmlFault::Malformed("it ends before its root".to_owned())),
            Event::Comment(_) | Event::PI(_) | Event::Empty(_) => {}
        }
        Ok(None)
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), XmlFault> {
        self.elements += 1;
        if self.elements > limits::CERTIFICATION_ELEMENTS_MAX {
            return Err(XmlFault::TooLarge("elements"));
        }
        if self.open.len() >= limits::CERTIFICATION_DEPTH_MAX {
            return Err(XmlFault::TooLarge("depth"));
        }
        let mut element = Element {
            name: start.name().as_ref().to_owned(),
            ..Element::default()
        };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|e| malformed(&e))?;
            if element.attributes.len() >= limits::CERTIFICATION_ATTRIBUTES_MAX {
                return Err(XmlFault::TooLarge("attributes"));
            }
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map_err(|e| malformed(&e))?;
            let key = attribute.key.as_ref().to_owned();
            element.attributes.push((key, value.into_owned()));
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) -> Option<Element> {
        let closed = self.open.pop()?;
        match self.open.last_mut() {
            Some(parent) => {
                parent.children.push(closed);
                None
            }
            None => Some(closed),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), XmlFault> {
        if let Some(bad) = text.chars().find(|c| !is_allowed(*c)) {
            let what = format!("character U+{:04X}", u32::from(bad));
            return Err(XmlFault::Malformed(what));
        }
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(XmlFault::Malformed("text before the root".to_owned())),
        }
        Ok(())
    }
}

fn resolve(reference: &BytesRef<'_>) -> Result<char, XmlFault> {
    if let Some(c) = reference.resolve_char_ref().map_err(|e| malformed(&e))? {
        return Ok(c);
    }
    match &**reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(XmlFault::Forbidden("an entity of its own")),
    }
}

fn check_encoding<T: AsRef<str>, E>(encoding: Option<Result<T, E>>) -> Result<(), XmlFault> {
    match encoding {
        Some(Ok(name)) if !is_utf8_name(name.as_ref()) => Err(XmlFault::NotUtf8),
        _ => Ok(()),
    }
}

/// ASCII is UTF-8 too, and the text was checked to be UTF-8.
fn is_utf8_name(name: &str) -> bool {
    ["UTF-8", "UTF8", "US-ASCII"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

fn malformed(error: &dyn std::fmt::Display) -> XmlFault {
    XmlFault::Malformed(error.to_string())
}

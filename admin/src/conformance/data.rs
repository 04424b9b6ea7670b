//! Certification data as they were written: texts and attributes by name, with no default filled in.
//! Judged against the definition of RFC 6109 §4.4 by [`Data::faults`].

use ceralacca_core::certification::xml::tree::Element;
use ceralacca_core::instant::{Instant, LegalTime};
use ceralacca_core::wording::annex::{self, Declared};
use ceralacca_core::wording::words::xml;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    root: Element,
}

impl Data {
    /// From its root element.
    pub fn new(root: Element) -> Self {
        Self { root }
    }

    /// The kind of message, as written.
    pub fn kind(&self) -> Option<&str> {
        attribute(&self.root, xml::KIND)
    }

    /// The error, as written.
    pub fn error(&self) -> Option<&str> {
        attribute(&self.root, xml::ERROR)
    }

    /// What the header of the original said, with all that stands in it.
    pub fn heading(&self) -> Option<&Element> {
        child(&self.root, xml::HEADING)
    }

    /// Original sender.
    pub fn sender(&self) -> &str {
        self.of_heading(xml::SENDER).unwrap_or_default()
    }

    /// Each recipient with its type as written.
    pub fn recipients(&self) -> Vec<(&str, Option<&str>)> {
        let all = self.heading().map(|h| children(h, xml::RECIPIENT));
        let recipients = all.unwrap_or_default().into_iter();
        recipients
            .map(|element| (element.text.as_str(), attribute(element, xml::KIND)))
            .collect()
    }

    /// Where replies go.
    pub fn replies(&self) -> Option<&str> {
        self.of_heading(xml::REPLIES)
    }

    /// The subject.
    pub fn subject(&self) -> Option<&str> {
        self.of_heading(xml::SUBJECT)
    }

    /// Who certifies.
    pub fn issuer(&self) -> &str {
        self.fact(xml::ISSUER).unwrap_or_default()
    }

    /// The identifier.
    pub fn identifier(&self) -> &str {
        self.fact(xml::IDENTIFIER).unwrap_or_default()
    }

    /// The client's identifier.
    pub fn client_id(&self) -> Option<&str> {
        self.fact(xml::CLIENT_ID)
    }

    /// The kind of receipt asked for; the inner option is its attribute.
    pub fn receipt(&self) -> Option<Option<&str>> {
        let element = self.facts().and_then(|facts| child(facts, xml::RECEIPT));
        element.map(|element| attribute(element, xml::KIND))
    }

    /// The recipients that this message is about.
    pub fn deliveries(&self) -> Vec<&str> {
        let all = self.facts().map(|facts| children(facts, xml::DELIVERY));
        let all = all.unwrap_or_default().into_iter();
        all.map(|element| element.text.as_str()).collect()
    }

    /// Recipients taken in charge.
    pub fn taken_in_charge(&self) -> usize {
        self.facts()
            .map_or(0, |facts| children(facts, xml::TAKEN_IN_CHARGE).len())
    }

    /// The error in words.
    pub fn extended_error(&self) -> Option<&str> {
        self.fact(xml::EXTENDED_ERROR)
    }

    /// Day, time and offset as written.
    pub fn when(&self) -> Option<LegalTime> {
        let date = self.facts().and_then(|facts| child(facts, xml::DATE))?;
        Some(LegalTime {
            day: child(date, xml::DAY)?.text.clone(),
            time: child(date, xml::TIME)?.text.clone(),
            zone: attribute(date, xml::ZONE)?.to_owned(),
        })
    }

    /// The same as an instant.
    pub fn instant(&self) -> Option<Instant> {
        Instant::from_legal(&self.when()?)
    }

    fn facts(&self) -> Option<&Element> {
        child(&self.root, xml::FACTS)
    }

    fn fact(&self, name: &str) -> Option<&str> {
        child(self.facts()?, name).map(|element| element.text.as_str())
    }

    fn of_heading(&self, name: &str) -> Option<&str> {
        child(self.heading()?, name).map(|element| element.text.as_str())
    }

    /// What breaks the definition: element names, their order and number, attributes and their values.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let roots: &[Declared] = &[(xml::HEADING, 1, 1, &[]), (xml::FACTS, 1, 1, &[])];
        if self.root.name != xml::ROOT {
            faults.push(format!("the root element is <{}>", self.root.name));
        }
        match self.kind() {
            Some(kind) if annex::KINDS.contains(&kind) => {}
            kind => faults.push(format!("the root's {} is {kind:?}", xml::KIND)),
        }
        if let Some(error) = self.error().filter(|e| !annex::ERRORS.contains(e)) {
            faults.push(format!("the root's {} is {error:?}", xml::ERROR));
        }
        hold_to(&self.root, roots, &mut faults);
        if let Some(heading) = self.heading() {
            hold_to(heading, annex::HEADING, &mut faults);
        }
        if let Some(facts) = self.facts() {
            hold_to(facts, annex::FACTS, &mut faults);
            if let Some(date) = child(facts, xml::DATE) {
                hold_to(date, annex::DATE, &mut faults);
            }
        }
        faults
    }
}

/// Holds the children of `parent` to their declarations.
fn hold_to(parent: &Element, declared: &[Declared], faults: &mut Vec<String>) {
    let mut rest = parent.children.iter().peekable();
    for (name, fewest, most, attributes) in declared {
        let mut count = 0;
        while let Some(element) = rest.next_if(|element| element.name == *name) {
            count += 1;
            hold_attributes(element, attributes, faults);
        }
        if count < *fewest || count > *most {
            faults.push(format!(
                "<{}> holds <{name}> {count} times here",
                parent.name
            ));
        }
    }
    faults.extend(rest.map(|e| format!("<{}> stands out of order in <{}>", e.name, parent.name)));
}

fn hold_attributes(element: &Element, declared: &[(&str, &[&str])], faults: &mut Vec<String>) {
    for (name, value) in &element.attributes {
        let known = declared.iter().find(|(declared, _)| declared == name);
        let fits =
            known.is_some_and(|(_, values)| values.is_empty() || values.contains(&value.as_str()));
        if !fits {
            faults.push(format!("<{}> has {name}={value:?}", element.name));
        }
    }
    // The type of a recipient has a default; the other attributes are required.
    for (name, _) in declared {
        if element.name != xml::RECIPIENT && attribute(element, name).is_none() {
            faults.push(format!("<{}> lacks {name}", element.name));
        }
    }
}

fn attribute<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
    let found = element.attributes.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str())
}

fn child<'a>(element: &'a Element, name: &str) -> Option<&'a Element> {
    element.children.iter().find(|child| child.name == name)
}

fn children<'a>(element: &'a Element, name: &str) -> Vec<&'a Element> {
    element
        .children
        .iter()
        .filter(|child| child.name == name)
        .collect()
}

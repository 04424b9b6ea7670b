//! The certification data as the tests read them: by name, from text that `xmllint` has judged.

/// A `daticert.xml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daticert(pub String);

impl Daticert {
    /// All texts of the elements called `name`, in order.
    pub fn all(&self, name: &str) -> Vec<String> {
        let (mut found, mut rest) = (Vec::new(), self.0.as_str());
        while let Some(at) = rest.find(&format!("<{name}")) {
            rest = &rest[at + 1 + name.len()..];
            if !rest.starts_with(['>', ' ', '/', '\n', '\t']) {
                continue;
            }
            let Some(close) = rest.find('>') else { break };
            if rest[..close].ends_with('/') {
                found.push(String::new());
                continue;
            }
            let inner = &rest[close + 1..];
            let end = inner.find(&format!("</{name}>")).expect("the end tag");
            found.push(unescaped(&inner[..end]));
        }
        found
    }

    /// The text of the one element called `name`.
    pub fn one(&self, name: &str) -> String {
        let mut all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {}", self.0);
        all.remove(0)
    }

    /// The text of `name` if it stands.
    pub fn get(&self, name: &str) -> Option<String> {
        self.all(name).pop()
    }

    /// All values of `attribute` on the elements called `name`.
    pub fn attributes(&self, name: &str, attribute: &str) -> Vec<String> {
        let (mut found, mut rest) = (Vec::new(), self.0.as_str());
        while let Some(at) = rest.find(&format!("<{name} ")) {
            let tag = &rest[at..];
            let tag = &tag[..tag.find('>').expect("a tag ends")];
            let marks = [format!(" {attribute}=\""), format!(" {attribute}='")];
            let start = marks.iter().find_map(|m| tag.find(m).map(|i| i + m.len()));
            if let Some(start) = start {
                let quote = tag.as_bytes()[start - 1];
                let value = tag[start..].split(char::from(quote)).next();
                found.push(unescaped(value.unwrap_or_default()));
            }
            rest = &rest[at + tag.len()..];
        }
        found
    }

    /// The value of `attribute` on the one element called `name`.
    pub fn attribute(&self, name: &str, attribute: &str) -> String {
        let mut all = self.attributes(name, attribute);
        assert_eq!(all.len(), 1, "{name}/@{attribute} in {}", self.0);
        all.remove(0)
    }

    /// `postacert/@tipo`.
    pub fn kind(&self) -> String {
        self.attribute("postacert", "tipo")
    }

    /// `postacert/@errore`.
    pub fn error(&self) -> String {
        self.attribute("postacert", "errore")
    }

    /// `dd/mm/yyyy hh:mm:ss +zzzz`.
    pub fn when(&self) -> String {
        let zone = self.attribute("data", "zona");
        format!("{} {} {zone}", self.one("giorno"), self.one("ora"))
    }

    /// The names of the elements in the order of their start tags.
    pub fn order(&self) -> Vec<String> {
        let tags = self.0.split('<').skip(1);
        let names = tags.filter(|t| !t.starts_with(['/', '?', '!']));
        let name = |t: &str| {
            let end = t.find(|c: char| !c.is_alphanumeric() && c != '-');
            t[..end.unwrap_or(t.len())].to_owned()
        };
        names.map(name).collect()
    }

    /// The text between the start and the end tag of `name`, as it is written.
    pub fn inner(&self, name: &str) -> &str {
        let start = self.0.find(&format!("<{name}")).expect("the start tag");
        let end = self.0.find(&format!("</{name}>")).expect("the end tag");
        &self.0[start..end]
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = at + rest[at..].find(';').expect("an entity ends");
        out.push(entity(&rest[at + 1..end]));
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> char {
    let number = |digits: &str, base| {
        u32::from_str_radix(digits, base)
            .ok()
            .and_then(char::from_u32)
    };
    let known = match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(hex), _) => number(hex, 16),
            (None, Some(decimal)) => number(decimal, 10),
            _ => None,
        },
    };
    known.unwrap_or_else(|| panic!("&{name}; is no entity of XML"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_begin_alike_are_kept_apart() {
        let xml = "<dati><data zona=\"+0100\"><ora>1</ora></data><ricevuta tipo='breve'/><msgid>&lt;a&#38;b&gt;</msgid></dati>";
        let data = Daticert(xml.to_owned());
        assert_eq!(data.attribute("data", "zona"), "+0100");
        assert_eq!(data.one("msgid"), "<a&b>");
        assert_eq!(data.attribute("ricevuta", "tipo"), "breve");
        assert_eq!(data.order(), ["dati", "data", "ora", "ricevuta", "msgid"]);
    }
}

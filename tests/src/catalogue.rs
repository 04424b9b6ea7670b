//! The catalogue of requirements that are met: `tests/conformance/catalogue.toml`. A row and a test
//! belong together; `tidy` fails when one stands alone.

use std::collections::BTreeMap;
use std::path::Path;

use crate::workspace;

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its permanent name, as in `AP-07`.
    pub id: String,
    /// What it asks, in one line of ours.
    pub rule: String,
    /// Where it comes from.
    pub source: String,
    /// The test that shows it, as in `ap::ap_07_…`.
    pub test: String,
}

/// All rows, in the order of the file.
pub fn rows() -> Vec<Row> {
    let mut table = table();
    let Some(toml::Value::Array(rows)) = table.remove("row") else {
        panic!("the catalogue has no [[row]]");
    };
    rows.iter().map(row).collect()
}

/// Requirements that the code already names and that a later piece of work meets.
pub fn later() -> Vec<String> {
    let table = table();
    let Some(toml::Value::Array(later)) = table.get("later") else {
        return Vec::new();
    };
    later
        .iter()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect()
}

fn table() -> toml::Table {
    let file = workspace::tests_file("conformance/catalogue.toml");
    let text = std::fs::read_to_string(file).expect("the catalogue");
    text.parse().expect("the catalogue is TOML")
}

fn row(value: &toml::Value) -> Row {
    let text = |key: &str| {
        let text = value.get(key).and_then(toml::Value::as_str);
        text.unwrap_or_else(|| panic!("a row lacks {key}: {value}"))
            .to_owned()
    };
    Row {
        id: text("id"),
        rule: text("rule"),
        source: text("source"),
        test: text("test"),
    }
}

/// `ap_07_every_path…` answers `AP-07`.
pub fn id_of_test(name: &str) -> Option<String> {
    ids_of_test(name).into_iter().next()
}

/// `ip_07_tc_01_a_message…` answers `IP-07` and `TC-01`.
pub fn ids_of_test(name: &str) -> Vec<String> {
    let name = name.rsplit("::").next().unwrap_or_default();
    let words: Vec<&str> = name.split('_').collect();
    let id = |pair: &[&str]| {
        let (letters, digits) = (pair[0], pair.get(1)?);
        let fits = letters.len() == 2
            && letters.bytes().all(|b| b.is_ascii_lowercase())
            && digits.len() == 2
            && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| format!("{}-{digits}", letters.to_ascii_uppercase()))
    };
    words.chunks(2).map_while(id).collect()
}

/// Folders of stories, whose tests may answer several requirements or none.
const STORIES: [&str; 2] = ["tests/between", "tests/hostile"];

/// Tests of stories that answer a requirement, by ID.
pub fn stories_in_source() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in STORIES.map(workspace::tests_file) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            for (module, name) in test_names(&path) {
                for id in ids_of_test(&name) {
                    let all = found.entry(id).or_default();
                    all.push(format!("{module}::{name}"));
                }
            }
        }
    }
    found
}

/// The conformance tests as the sources define them: path of the test by ID.
pub fn tests_in_source() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let folder = workspace::tests_file("tests/conformance");
    for entry in std::fs::read_dir(folder).expect("the conformance tests") {
        let path = entry.expect("an entry").path();
        for (module, name) in test_names(&path) {
            let id = id_of_test(&name);
            let id = id.unwrap_or_else(|| panic!("{name} in {module} names no requirement"));
            found
                .entry(id)
                .or_default()
                .push(format!("{module}::{name}"));
        }
    }
    found
}

/// Module and name of each test in a source file.
fn test_names(path: &Path) -> Vec<(String, String)> {
    let module = path.file_stem().and_then(|s| s.to_str());
    let module = module.unwrap_or_default();
    let text = std::fs::read_to_string(path).expect("a source file");
    let mut found = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
            is_test = false;
            let name = rest.split('(').next().unwrap_or_default();
            found.push((module.to_owned(), name.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_names_its_requirement() {
        assert_eq!(id_of_test("ap::ap_07_every_path").as_deref(), Some("AP-07"));
        assert_eq!(id_of_test("helper"), None);
        assert_eq!(id_of_test("ap_7_x"), None);
        assert_eq!(ids_of_test("ip_07_tc_01_a_b"), ["IP-07", "TC-01"]);
    }
}

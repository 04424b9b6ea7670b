//! The shape of the house, as a reader relies on it: arrows between crates, no effects in the pure
//! rooms, Italian only in `wording`, limits used, vectors with an origin, requirements with a row and a
//! test. Lengths are a matter of taste and stay out.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ceralacca_tests::catalogue;
use ceralacca_tests::workspace::{root, tests_file};

const CRATES: [&str; 7] = [
    "core",
    "hsm",
    "net",
    "firmware-config",
    "admin",
    "bench",
    "tests",
];

/// What each crate may use of the others (the map in the README).
const ARROWS: [(&str, &[&str]); 7] = [
    ("core", &[]),
    ("hsm", &["ceralacca-core"]),
    ("net", &["ceralacca-core"]),
    (
        "firmware-config",
        &["ceralacca-core", "ceralacca-hsm", "ceralacca-net"],
    ),
    (
        "admin",
        &[
            "ceralacca-core",
            "ceralacca-hsm",
            "ceralacca-net",
            "ceralacca-firmware",
        ],
    ),
    (
        "bench",
        &[
            "ceralacca-core",
            "ceralacca-hsm",
            "ceralacca-net",
            "ceralacca-firmware",
            "ceralacca-admin",
        ],
    ),
    (
        "tests",
        &[
            "ceralacca-core",
            "ceralacca-hsm",
            "ceralacca-net",
            "ceralacca-firmware",
            "ceralacca-admin",
        ],
    ),
];

/// Outside crates that core must not know.
const NOT_IN_CORE: [&str; 8] = [
    "tokio",
    "tokio-uring",
    "cryptoki",
    "socket2",
    "rustls",
    "hyper",
    "axum",
    "imap-codec",
];

const PURE_ROOMS: [&str; 11] = [
    "directory",
    "mime",
    "delivery_report",
    "srs",
    "smime",
    "certification",
    "envelope",
    "receipt",
    "notice",
    "point",
    "queue",
];

/// A source file, its path from the root.
struct Source {
    path: String,
    text: String,
    /// Its parent declares it under `#[cfg(test)]`, or Cargo knows it as a test.
    is_test: bool,
}

impl Source {
    /// The lines of code with their numbers: comments cut away, unit tests left out.
    fn code(&self) -> Vec<(usize, String)> {
        let mut lines = Vec::new();
        let mut after_mark = false;
        for (number, line) in self.text.lines().enumerate() {
            // `#[cfg(test)] mod tests {` ends the code; `#[cfg(test)] mod tests;` is one line of it.
            if after_mark && line.ends_with('{') {
                break;
            }
            after_mark = line.trim() == "#[cfg(test)]";
            lines.push((number + 1, without_comment(line)));
        }
        lines
    }

    /// Files that this one declares as `#[cfg(test)] mod name;`.
    fn test_modules(&self) -> Vec<String> {
        let path = Path::new(&self.path);
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let folder = match stem {
            "mod" | "lib" | "main" => path.parent().unwrap().to_owned(),
            _ => path.with_extension(""),
        };
        let lines: Vec<&str> = self.text.lines().map(str::trim).collect();
        let declared = lines.windows(2).filter(|two| two[0] == "#[cfg(test)]");
        let name = |two: &[&str]| {
            let name = two[1].strip_suffix(';')?.rsplit(' ').next()?;
            Some(folder.join(name).to_str().unwrap().to_owned())
        };
        declared.filter_map(name).collect()
    }
}

fn without_comment(line: &str) -> String {
    let mut quoted = false;
    let mut previous = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '"' if previous != '\\' && previous != '\'' => quoted = !quoted,
            '/' if previous == '/' && !quoted => return line[..at - 1].to_owned(),
            _ => {}
        }
        previous = c;
    }
    line.to_owned()
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for name in CRATES {
        walk(&root().join(name), &mut |path| {
            if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(path).unwrap();
                let path = path
                    .strip_prefix(root())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                let is_test = path.starts_with("tests/") || path.contains("/tests/");
                found.push(Source {
                    path,
                    text,
                    is_test,
                });
            }
        });
    }
    assert!(found.len() > 50, "the sources are not where they were");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let tests: Vec<String> = found.iter().flat_map(Source::test_modules).collect();
    for source in &mut found {
        let declared = |name: &String| {
            source.path == format!("{name}.rs") || source.path.starts_with(&format!("{name}/"))
        };
        source.is_test |= tests.iter().any(declared);
    }
    found
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match (path.is_dir(), name.as_str()) {
            (true, "target" | ".git") => {}
            (true, _) => walk(&path, visit),
            (false, _) => visit(&path),
        }
    }
}

fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn crates_use_only_what_is_below_them() {
    let mut wrong = Vec::new();
    for (name, allowed) in ARROWS {
        let file = root().join(name).join("Cargo.toml");
        let table: toml::Table = std::fs::read_to_string(file).unwrap().parse().unwrap();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(toml::Value::Table(uses)) = table.get(section) else {
                continue;
            };
            for used in uses.keys() {
                let is_ours = used.starts_with("ceralacca");
                let is_wrong = (is_ours && !allowed.contains(&used.as_str()))
                    || (name == "core" && NOT_IN_CORE.contains(&used.as_str()));
                wrong.extend(is_wrong.then(|| format!("{name} uses {used} in [{section}]")));
            }
        }
    }
    none("arrows that the README does not draw", &wrong);
}

#[test]
fn pure_rooms_have_no_effects() {
    const EFFECTS: [&str; 9] = [
        "std::fs",
        "std::net",
        "std::thread",
        "std::process",
        "std::env",
        "SystemTime",
        "std::time::Instant",
        "println!",
        "File::open",
    ];
    let is_pure = |path: &str| {
        PURE_ROOMS.iter().any(|room| {
            path.starts_with(&format!("core/src/{room}/")) || path == format!("core/src/{room}.rs")
        })
    };
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| is_pure(&s.path) && !s.is_test) {
        for (number, line) in source.code() {
            let effect = EFFECTS.iter().find(|e| line.contains(**e));
            wrong.extend(effect.map(|e| format!("{}:{number}: {e}", source.path)));
        }
    }
    none("effects in rooms that only decide", &wrong);
}

#[test]
fn core_knows_no_socket() {
    let mut wrong = Vec::new();
    for source in sources()
        .iter()
        .filter(|s| s.path.starts_with("core/src/") && !s.is_test)
    {
        for (number, line) in source.code() {
            let is_wrong = line.contains("std::net::") || line.contains("async fn");
            wrong.extend(is_wrong.then(|| format!("{}:{number}", source.path)));
        }
    }
    none("sockets or async code in core", &wrong);
}

#[test]
fn italian_lives_in_wording_alone() {
    const WORDS: [&str; 30] = [
        "accettazione",
        "non-accettazione",
        "avvenuta-consegna",
        "posta-certificata",
        "errore-consegna",
        "presa-in-carico",
        "rilevazione-virus",
        "intestazione",
        "mittente",
        "destinatari",
        "risposte",
        "oggetto",
        "gestore-emittente",
        "giorno",
        "identificativo",
        "ricevuta",
        "consegna",
        "ricezione",
        "errore-esteso",
        "nessuno",
        "no-dominio",
        "certificato",
        "esterno",
        "completa",
        "breve",
        "sintetica",
        "X-Ricevuta",
        "X-Trasporto",
        "X-TipoRicevuta",
        "X-Riferimento-Message-ID",
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        // Tests and benches write users' mail.
        let is_home = ["core/src/wording", "tests/", "bench/"]
            .iter()
            .any(|home| source.path.starts_with(home));
        if is_home || source.is_test {
            continue;
        }
        for (number, line) in source.code() {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '-');
            for word in words.filter(|w| WORDS.iter().any(|i| i.eq_ignore_ascii_case(w))) {
                wrong.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    none(
        "Italian words of the protocol outside core/src/wording",
        &wrong,
    );
}

#[test]
fn every_limit_is_used() {
    let all = sources();
    let mut unused = Vec::new();
    for limits in all.iter().filter(|s| s.path.ends_with("/limits.rs")) {
        for (_, line) in limits.code() {
            let Some(rest) = line.trim_start().strip_prefix("pub const ") else {
                continue;
            };
            let name = rest.split(':').next().unwrap();
            let uses = |s: &Source| s.code().iter().any(|(_, l)| holds_word(l, name));
            let elsewhere = all.iter().any(|s| s.path != limits.path && uses(s));
            let lines = limits.code();
            let inside = lines
                .iter()
                .filter(|(_, l)| holds_word(l, name) && !l.contains("assert!"));
            // A limit made of others may stand for them.
            if !elsewhere && inside.count() < 2 {
                unused.push(format!("{}: {name}", limits.path));
            }
        }
    }
    none("limits that bound nothing", &unused);
}

fn holds_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|w| w == word)
}

#[test]
fn every_vector_has_an_origin() {
    let folder = tests_file("vectors");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut unknown = Vec::new();
    walk(&folder, &mut |path| {
        let name = path.strip_prefix(&folder).unwrap().to_str().unwrap();
        let group = name.split('/').next().unwrap();
        let is_told =
            readme.contains(&format!("`{name}`")) || readme.contains(&format!("`{group}/`"));
        unknown.extend((name != "README.md" && !is_told).then(|| name.to_owned()));
    });
    none(
        "vectors that tests/vectors/README.md does not explain",
        &unknown,
    );
}

/// `AP-07` and the like in a text, also as `ap_07_` in a test's name.
fn ids_in(text: &str) -> BTreeSet<String> {
    const FAMILIES: [&str; 28] = [
        "AP", "TE", "IP", "TC", "VI", "AN", "DP", "DR", "ND", "TO", "CD", "SG", "TM", "DI", "LG",
        "AC", "MX", "DL", "ML", "BL", "PP", "HS", "OP", "SE", "RM", "SB", "WB", "TS",
    ];
    let mut found = BTreeSet::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_') {
        let shape = word.replace('_', "-").to_ascii_uppercase();
        let mut pieces = shape.split('-');
        let (Some(family), Some(digits)) = (pieces.next(), pieces.next()) else {
            continue;
        };
        let is_number = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        let is_upper = word.starts_with(family) && word.contains('-');
        let is_test = word.starts_with(&family.to_ascii_lowercase()) && word.contains('_');
        if is_number && FAMILIES.contains(&family) && (is_upper || is_test) {
            found.insert(format!("{family}-{digits}"));
        }
    }
    found
}

#[test]
fn every_requirement_that_is_named_stands_in_the_catalogue() {
    let mut known: BTreeSet<String> = catalogue::rows().into_iter().map(|r| r.id).collect();
    known.extend(catalogue::later());
    let mut unknown = Vec::new();
    for source in sources().iter().filter(|s| s.path != "tests/tests/tidy.rs") {
        for id in ids_in(&source.text).difference(&known) {
            unknown.push(format!("{}: {id}", source.path));
        }
    }
    none("requirements that the catalogue does not know", &unknown);
}

#[test]
fn rows_and_tests_belong_together() {
    let tests = catalogue::tests_in_source();
    let stories = catalogue::stories_in_source();
    let rows = catalogue::rows();
    let mut wrong = Vec::new();
    let mut seen = BTreeMap::new();
    for row in &rows {
        let again = seen.insert(row.id.clone(), ()).is_some();
        wrong.extend(again.then(|| format!("{} stands twice", row.id)));
        let has_test = [&tests, &stories].iter().any(|tests| {
            tests
                .get(&row.id)
                .is_some_and(|all| all.contains(&row.test))
        });
        wrong.extend((!has_test).then(|| format!("{}: no test {}", row.id, row.test)));
        let is_empty = row.rule.is_empty() || row.source.is_empty();
        wrong.extend(is_empty.then(|| format!("{}: no rule or no source", row.id)));
    }
    for (id, names) in &tests {
        let is_known = seen.contains_key(id);
        wrong.extend((!is_known).then(|| format!("{id} has {names:?} and no row")));
    }
    for id in catalogue::later() {
        wrong.extend(
            seen.contains_key(&id)
                .then(|| format!("{id} is met and still called later")),
        );
    }
    none("rows and tests apart", &wrong);
}

#[test]
fn nothing_is_left_for_later() {
    let marks = ["todo", "unimplemented", "dbg"].map(|word| format!("{word}!("));
    let skipped = ["#[", "ignore"].concat();
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            let line = without_comment(line);
            let mark = marks.iter().find(|m| line.contains(m.as_str()));
            let is_wrong = mark.is_some() || line.trim_start().starts_with(&skipped);
            wrong.extend(is_wrong.then(|| format!("{}:{}", source.path, number + 1)));
        }
    }
    none("marks of unfinished work", &wrong);
}

#[test]
fn every_file_opens_with_its_promise() {
    let is_bare = |s: &&Source| !s.text.starts_with("//!");
    let bare: Vec<_> = sources()
        .iter()
        .filter(is_bare)
        .map(|s| s.path.clone())
        .collect();
    none("files without a word about what they guarantee", &bare);
}

#[test]
fn sled_never_flushes_behind_our_back() {
    let word = ["flush_", "async"].concat();
    let mut wrong = Vec::new();
    for source in sources() {
        let calls = source.code().into_iter().filter(|(_, l)| l.contains(&word));
        wrong.extend(calls.map(|(number, _)| format!("{}:{number}", source.path)));
    }
    none("calls that never come back (stack notes)", &wrong);
}

#[test]
fn only_simulations_draw_their_chance_from_a_seed() {
    let word = ["Seeded", "::new("].concat();
    let mut wrong = Vec::new();
    for source in sources() {
        if source.is_test || source.path.starts_with("tests/") {
            continue;
        }
        let uses = source.code().into_iter().filter(|(_, l)| l.contains(&word));
        wrong.extend(uses.map(|(number, _)| format!("{}:{number}", source.path)));
    }
    none("identifiers and salts that can be foretold", &wrong);
}

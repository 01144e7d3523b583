//! The error catalogue `docs/errors.md` has a row for every code that the sources can answer with, and no other row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// Emulated vendors speak their vendors' codes; what only tests use is nobody's to look up.
const LEFT_OUT: [&str; 5] = ["target", "twins", "testkit", "tests", "examples"];
const LEFT_OUT_FILES: [&str; 2] = ["testing.rs", "conformance.rs"];

type Codes = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !LEFT_OUT.contains(&name.as_str()) && !name.starts_with('.') {
            sources(&path, found);
        } else if name.ends_with(".rs") && !LEFT_OUT_FILES.contains(&name.as_str()) {
            found.push(path);
        }
    }
}

/// Codes by the class that they are made with. Besides the constructors there are two closures of one file that take a
/// code; whoever writes another such helper names it here.
fn codes_in_sources() -> Codes {
    let made = Regex::new(r#"Failure::(business|transient|fault)\(\s*"([a-z0-9_]+)""#).unwrap();
    let refused = Regex::new(r#"\b(?:refuse|own)\(\s*"([a-z0-9]+(?:_[a-z0-9]+)+)""#).unwrap();
    let mut files = Vec::new();
    sources(&root(), &mut files);
    assert!(files.len() > 200, "the sources are not where they were");
    let mut codes = Codes::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
        for found in made.captures_iter(text) {
            codes
                .entry(found[2].to_owned())
                .or_default()
                .insert(found[1].to_owned());
        }
        for found in refused.captures_iter(text) {
            codes
                .entry(found[1].to_owned())
                .or_default()
                .insert("business".to_owned());
        }
    }
    codes
}

fn codes_in_catalogue() -> Codes {
    let row = Regex::new(r"(?m)^\| `([a-z0-9_]+)` \| ([a-z, ]+) \| \S.* \|$").unwrap();
    let text = std::fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let mut codes = Codes::new();
    for found in row.captures_iter(&text) {
        let classes = found[2].split(", ").map(str::to_owned).collect();
        assert!(
            codes.insert(found[1].to_owned(), classes).is_none(),
            "{} has two rows",
            &found[1]
        );
    }
    codes
}

#[test]
fn the_error_catalogue_names_every_code_and_no_other() {
    let (sources, catalogue) = (codes_in_sources(), codes_in_catalogue());
    let without_row: Vec<_> = sources
        .keys()
        .filter(|code| !catalogue.contains_key(*code))
        .collect();
    assert!(
        without_row.is_empty(),
        "codes without a row in docs/errors.md: {without_row:?}"
    );
    let without_code: Vec<_> = catalogue
        .keys()
        .filter(|code| !sources.contains_key(*code))
        .collect();
    assert!(
        without_code.is_empty(),
        "rows of docs/errors.md without a code: {without_code:?}"
    );
    for (code, classes) in sources {
        assert_eq!(classes, catalogue[&code], "the classes of {code}");
    }
}

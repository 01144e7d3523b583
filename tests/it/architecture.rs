//! Who may depend on whom, read from `cargo metadata` and compared with `tests/architecture.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Architecture {
    crates: BTreeMap<String, Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    uses: BTreeSet<String>,
    #[serde(default)]
    tests_use: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

#[test]
fn dependencies_between_our_crates_are_the_declared_ones() {
    let rules: Architecture =
        toml::from_str(&std::fs::read_to_string(root().join("tests/architecture.toml")).unwrap()).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let Some(rule) = rules.crates.get(&package.name) else {
            wrong.push(format!("{} is not declared", package.name));
            continue;
        };
        for dependency in package
            .dependencies
            .iter()
            // A crate's tests may switch on its own features by naming the crate itself.
            .filter(|d| d.path.is_some() && d.name != "canonical-model" && d.name != package.name)
        {
            let in_tests = dependency.kind.as_deref() == Some("dev");
            let allowed = if in_tests {
                rule.tests_use.union(&rule.uses).collect()
            } else {
                rule.uses.iter().collect::<BTreeSet<_>>()
            };
            if !allowed.contains(&"*".to_owned()) && !allowed.contains(&dependency.name) {
                let kind = if in_tests { "tests of " } else { "" };
                wrong.push(format!("{kind}{} must not use {}", package.name, dependency.name));
            }
        }
    }
    let packages: BTreeSet<_> = metadata.packages.iter().map(|p| p.name.clone()).collect();
    wrong.extend(
        rules
            .crates
            .keys()
            .filter(|name| !packages.contains(*name))
            .map(|name| format!("{name} does not exist")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! Every file under `config/` holds settings that its binary takes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use canonical_model::ReferenceMapping;
use chassis::load_with;
use fairlead::{BINARIES, Development};
use toml::{Table, Value};

fn config() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("config")
}

fn table(path: &Path) -> Table {
    std::fs::read_to_string(path)
        .unwrap()
        .parse()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Loads settings of a binary over its defaults.
fn load(binary: &str, overrides: Table) -> anyhow::Result<()> {
    macro_rules! one_of {
        ($($name:literal => $api:ident),*) => {
            match binary {
                $($name => load_with::<$api::Settings>(overrides).map(drop),)*
                other => panic!("{other} is no binary"),
            }
        };
    }
    one_of!(
        "crm-system-api" => crm_system_api,
        "erp-system-api" => erp_system_api,
        "psa-system-api" => psa_system_api,
        "control-process-api" => control_process_api,
        "insight-process-api" => insight_process_api,
        "quote-to-project-process-api" => quote_to_project_process_api,
        "time-to-invoice-process-api" => time_to_invoice_process_api,
        "invoice-to-cash-process-api" => invoice_to_cash_process_api,
        "executive-dashboard-experience-api" => executive_dashboard_experience_api,
        "client-portal-experience-api" => client_portal_experience_api,
        "staffing-experience-api" => staffing_experience_api,
        "operations-desk-experience-api" => operations_desk_experience_api
    )
}

/// A port that two binaries share would be found only when both are started.
#[test]
fn every_binary_takes_its_defaults_and_the_development_set_up() {
    let folder = tempfile::tempdir().unwrap();
    let set_up = Development::at(folder.path());
    set_up.write().unwrap();
    let mut ports = BTreeSet::new();
    for (binary, port) in BINARIES {
        let defaults = table(&config().join(binary).join("default.toml"));
        assert_eq!(
            defaults["http"]["port"].as_integer(),
            Some(i64::from(port)),
            "{binary}"
        );
        assert!(ports.insert(port), "{binary} shares its port");
        load(binary, defaults).unwrap_or_else(|e| panic!("{binary}, defaults: {e:#}"));
        load(binary, set_up.table(binary).unwrap())
            .unwrap_or_else(|e| panic!("{binary}, development: {e:#}"));
        let written = table(&set_up.config_file(binary));
        load(binary, written).unwrap_or_else(|e| panic!("{binary}, as written: {e:#}"));
    }
}

#[test]
fn a_key_that_nobody_knows_is_refused_by_every_binary() {
    for (binary, _) in BINARIES {
        let wrong: Table = "[http]\nprot = 1".parse().unwrap();
        let refused = load(binary, wrong).expect_err(binary);
        assert!(format!("{refused:#}").contains("prot"), "{binary}: {refused:#}");
    }
}

#[test]
fn every_folder_under_config_belongs_to_a_binary_or_is_named_here() {
    let known: BTreeSet<String> = BINARIES.iter().map(|(binary, _)| (*binary).to_owned()).collect();
    let others = BTreeSet::from(["vendors", "development"].map(str::to_owned));
    let folders: BTreeSet<String> = std::fs::read_dir(config())
        .unwrap()
        .filter_map(|entry| entry.ok().filter(|e| e.path().is_dir()))
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, known.union(&others).cloned().collect());
    assert!(table(&config().join("ownership.toml")).contains_key("rule"));
}

/// The development firm has each role, entity and region in all three systems, or a deal would stop half-way.
#[test]
fn the_development_mappings_are_complete() {
    let mappings = table(&config().join("development/mappings.toml"));
    let mappings: Vec<ReferenceMapping> = mappings["mapping"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m.clone().try_into().unwrap())
        .collect();
    for domain in [
        canonical_model::MappingDomain::LegalEntity,
        canonical_model::MappingDomain::Role,
        canonical_model::MappingDomain::Region,
    ] {
        let codes = |connection: &str| -> BTreeSet<&str> {
            let own = mappings
                .iter()
                .filter(|m| m.domain == domain && m.connection == connection);
            own.map(|m| m.code.as_str()).collect()
        };
        assert!(!codes("crm/main").is_empty(), "{domain:?}");
        assert_eq!(codes("crm/main"), codes("erp/main"), "{domain:?}");
        assert_eq!(codes("crm/main"), codes("psa/main"), "{domain:?}");
    }
}

/// A secret in a file that is committed would be everybody's.
#[test]
fn no_committed_setting_holds_a_secret() {
    fn secrets(at: &str, table: &Table, found: &mut Vec<String>) {
        for (key, value) in table {
            let path = format!("{at}.{key}");
            match value {
                Value::Table(inner) => secrets(&path, inner, found),
                Value::String(text) => {
                    let secret = ["secret", "private_key", "password", "encryption_key"];
                    let named = secret.iter().any(|word| key.contains(word))
                        || key == "token"
                        || path.ends_with("sessions.key");
                    if named && !text.starts_with("env:") && !text.starts_with("file:") {
                        found.push(path);
                    }
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    for folder in std::fs::read_dir(config())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
    {
        for file in std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()) {
            if file.extension().is_some_and(|e| e == "toml") {
                secrets(&file.display().to_string(), &table(&file), &mut found);
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

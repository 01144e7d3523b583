//! Where settings come from and what they refuse.

use chassis::{AuthSettings, HttpSettings, Reference, Settings, load_with};
use secrecy::ExposeSecret;
use serde::Deserialize;
use validator::Validate;

#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Sample {
    #[validate(nested)]
    http: HttpSettings,
    #[validate(nested)]
    auth: AuthSettings,
    secret: Option<Reference>,
}

impl Settings for Sample {
    const BINARY: &'static str = "sample-api";
    const DEFAULTS: &'static str = "
        [http]
        port = 8199
        [auth]
        issuer = 'http://127.0.0.1:8290'
        audience = 'sample-api'
    ";
}

fn load(overrides: &str) -> anyhow::Result<Sample> {
    load_with(overrides.parse()?)
}

#[test]
fn overrides_win_over_defaults_key_by_key() {
    let settings = load("http.port = 0").unwrap();
    assert_eq!((settings.http.port, settings.http.workers), (0, 1));
    assert_eq!(settings.auth.algorithms, ["RS256", "ES256"]);
}

#[test]
fn what_does_not_load_names_the_key() {
    for (overrides, named) in [
        ("http.colour = 'red'", "colour"),
        ("http.port = 'many'", "port"),
        ("http.workers = 0", "workers"),
        ("auth.issuer = 'nowhere'", "issuer"),
    ] {
        let error = format!("{:#}", load(overrides).unwrap_err());
        assert!(error.contains(named) && error.contains("sample-api"), "{error}");
    }
}

#[test]
fn a_secret_is_a_reference_and_never_repeated() {
    let error = format!("{:#}", load("secret = 'hunter2'").unwrap_err());
    assert!(
        error.contains("env:NAME") && !error.contains("hunter2"),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "hunter2\n").unwrap();
    let settings = load(&format!("secret = 'file:{}'", file.display())).unwrap();
    assert_eq!(
        settings.secret.unwrap().resolve().unwrap().expose_secret(),
        "hunter2"
    );
}

//! Settings: the crate's documented defaults, then a file, then the environment.

use std::path::{Path, PathBuf};

use anyhow::Context;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;
use validator::Validate;

/// The settings of one binary. `config/README.md` says where values come from.
pub trait Settings: DeserializeOwned + Validate {
    /// Name of the binary, which is also its folder under `config/` and the audience of its tokens.
    const BINARY: &'static str;
    /// Text of `config/<binary>/default.toml`, compiled in: every key with its default.
    const DEFAULTS: &'static str;
}

/// Loads the settings of a binary that runs alone.
///
/// # Errors
/// When a file cannot be read, a key is unknown or missing, or a value is out of range; the text names the key.
pub fn load<S: Settings>() -> anyhow::Result<S> {
    let file = match Env::var("FAIRLEAD_CONFIG") {
        Some(named) => {
            let path = PathBuf::from(named);
            anyhow::ensure!(
                path.is_file(),
                "FAIRLEAD_CONFIG names {}, which is not a file",
                path.display()
            );
            Some(path)
        }
        None => environment_file(S::BINARY),
    };
    checked(layers::<S>(file.as_deref()))
}

/// Loads settings for a program that runs several APIs (the launcher, a test): `overrides` win over everything else,
/// and `FAIRLEAD_CONFIG` is not read, because it belongs to one binary.
///
/// # Errors
/// As [`load`].
pub fn load_with<S: Settings>(overrides: toml::Table) -> anyhow::Result<S> {
    let file = environment_file(S::BINARY);
    checked(layers::<S>(file.as_deref()).merge(Serialized::defaults(overrides)))
}

/// Loads and checks the settings of a binary and says so on standard output.
///
/// # Errors
/// As [`load`].
pub fn check_settings<S: Settings>() -> anyhow::Result<()> {
    use std::io::Write;
    load::<S>()?;
    writeln!(
        std::io::stdout().lock(),
        "the settings of {} are sound",
        S::BINARY
    )?;
    Ok(())
}

fn environment_file(binary: &str) -> Option<PathBuf> {
    let environment = Env::var("FAIRLEAD_ENV")?;
    let path = Path::new("config")
        .join(binary)
        .join(format!("{environment}.toml"));
    path.is_file().then_some(path)
}

fn layers<S: Settings>(file: Option<&Path>) -> Figment {
    let mut figment = Figment::from(Toml::string(S::DEFAULTS));
    if let Some(file) = file {
        figment = figment.merge(Toml::file_exact(file));
    }
    figment.merge(Env::prefixed("FAIRLEAD__").split("__"))
}

fn checked<S: Settings>(figment: Figment) -> anyhow::Result<S> {
    let settings: S = figment
        .extract()
        .with_context(|| format!("the settings of {} do not load", S::BINARY))?;
    settings
        .validate()
        .with_context(|| format!("the settings of {} do not hold", S::BINARY))?;
    Ok(settings)
}

/// How an API listens.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Address to listen on.
    pub bind: String,
    /// Port to listen on; 0 takes any free one.
    pub port: u16,
    /// Certificate and key, to serve TLS.
    pub tls: Option<TlsSettings>,
    /// Longest request body.
    #[validate(range(min = 1024))]
    pub max_body_bytes: usize,
    /// Longest time until an answer begins.
    #[validate(range(min = 100))]
    pub request_timeout_ms: u64,
    /// How long running requests may take to end when the API is told to stop.
    pub shutdown_timeout_s: u64,
    /// Address under which people reach this API, when a proxy stands in front of it.
    pub public_url: Option<Url>,
    /// Threads that serve requests. One is enough where twelve APIs share a process.
    #[validate(range(min = 1, max = 64))]
    pub workers: usize,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            bind: "127.0.0.1".to_owned(),
            port: 0,
            tls: None,
            max_body_bytes: 2 * 1024 * 1024,
            request_timeout_ms: 60_000,
            shutdown_timeout_s: 10,
            public_url: None,
            workers: 1,
        }
    }
}

/// Where the certificate is, in PEM.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate and its chain.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// Whose tokens an API accepts.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct AuthSettings {
    /// The issuer, as in the claim `iss`.
    pub issuer: Url,
    /// What `aud` must contain: the name of this binary.
    #[validate(length(min = 1))]
    pub audience: String,
    /// Where the issuer's keys are; found through its discovery document when absent.
    #[serde(default)]
    pub jwks_url: Option<Url>,
    /// Accepted signature algorithms; only asymmetric ones.
    #[serde(default = "default_algorithms")]
    #[validate(length(min = 1))]
    pub algorithms: Vec<String>,
    /// Authority that signed the issuer's TLS certificate, when it is not a public one.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

fn default_algorithms() -> Vec<String> {
    vec!["RS256".to_owned(), "ES256".to_owned()]
}

impl AuthSettings {
    /// Tokens of `issuer` for `audience`, everything else by default.
    #[must_use]
    pub fn new(issuer: Url, audience: impl Into<String>) -> Self {
        Self {
            issuer,
            audience: audience.into(),
            jwks_url: None,
            algorithms: default_algorithms(),
            ca_file: None,
        }
    }
}

/// What an API tells its operators.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// `json` for machines, `text` for people.
    pub format: LogFormat,
    /// Level, or a filter such as `info,chassis=debug`.
    pub level: String,
    /// Where traces go (OTLP over HTTP), such as `http://127.0.0.1:4318`; nowhere when absent.
    pub otlp_endpoint: Option<Url>,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            level: "info".to_owned(),
            otlp_endpoint: None,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For reading at a terminal.
    Text,
}

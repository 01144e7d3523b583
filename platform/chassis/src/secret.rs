//! Secrets by reference: settings say where a secret is, never what it is.

use std::path::PathBuf;

use anyhow::Context;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// Where a secret is: `env:NAME` or `file:/path`. A literal does not load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// An environment variable.
    Env(String),
    /// A file; white space at its ends does not count.
    File(PathBuf),
}

impl Reference {
    /// Fetches the secret.
    ///
    /// # Errors
    /// When it is not there or empty.
    pub fn resolve(&self) -> anyhow::Result<SecretString> {
        let text = match self {
            Self::Env(name) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "this is where settings read the environment"
                )]
                let value = std::env::var(name);
                value.with_context(|| format!("the environment has no variable {name}"))?
            }
            Self::File(path) => std::fs::read_to_string(path)
                .with_context(|| format!("the secret file {} cannot be read", path.display()))?,
        };
        let text = text.trim();
        anyhow::ensure!(!text.is_empty(), "the secret at {self:?} is empty");
        Ok(SecretString::from(text))
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(PathBuf::from(path))),
            // The text is not repeated: it may be the secret itself.
            _ => Err(serde::de::Error::custom(
                "a secret is given as env:NAME or file:/path, never itself",
            )),
        }
    }
}

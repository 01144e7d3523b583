//! Secrets by reference: settings name where a secret is, never what it is.

use std::fmt;

use canonical_model::{Failure, Result};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Where a secret is: `env:NAME` or `file:/path`. Anything else is refused when settings load.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretRef(Place);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    Environment(String),
    File(String),
}

impl SecretRef {
    /// Fetches the secret; white space at its ends, such as the newline that ends most files, is not part of it.
    ///
    /// # Errors
    /// Fault `secret_unavailable` naming the place when it is not there or empty.
    pub fn resolve(&self) -> Result<SecretString> {
        let text = match &self.0 {
            Place::Environment(name) => from_environment(name),
            Place::File(path) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        };
        let unavailable = |detail: String| {
            let message = format!("the secret {self} is not available: {detail}");
            Failure::fault("secret_unavailable", message)
        };
        let text = text.map_err(unavailable)?;
        let text = text.trim();
        if text.is_empty() {
            return Err(unavailable("it is empty".to_owned()));
        }
        Ok(SecretString::from(text.to_owned()))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a reference in the settings names this variable"
)]
fn from_environment(name: &str) -> std::result::Result<String, String> {
    std::env::var(name).map_err(|error| error.to_string())
}

impl TryFrom<String> for SecretRef {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self(Place::Environment(name.to_owned()))),
            Some(("file", path)) if !path.is_empty() => Ok(Self(Place::File(path.to_owned()))),
            // The text is not repeated: it may be the secret itself.
            _ => Err(
                "a secret is a reference, \"env:NAME\" or \"file:/path\", never the secret itself".to_owned(),
            ),
        }
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Environment(name) => write!(f, "env:{name}"),
            Place::File(path) => write!(f, "file:{path}"),
        }
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretRef({self})")
    }
}

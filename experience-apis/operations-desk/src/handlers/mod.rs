//! One folder a noun, one file an operation.

pub(crate) mod audit_entry;
pub(crate) mod exception;
pub(crate) mod exception_group;
pub(crate) mod instance;
pub(crate) mod mapping;
pub(crate) mod reconciliation;

use serde::de::{DeserializeOwned, IntoDeserializer, value};
use serde::{Deserialize, Deserializer};

/// Forms send fields that were left empty: they are as good as absent.
pub(crate) fn filled<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let text = Option::<String>::deserialize(deserializer)?;
    let read = |text: String| {
        let word: value::StringDeserializer<value::Error> = text.into_deserializer();
        T::deserialize(word).map_err(serde::de::Error::custom)
    };
    text.filter(|text| !text.is_empty()).map(read).transpose()
}

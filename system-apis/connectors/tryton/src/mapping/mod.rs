//! Pure functions between Tryton's records and the canonical ones: no clock, no I/O.

pub(crate) mod account;
pub(crate) mod document;
pub(crate) mod finance;
pub(crate) mod invoice;
pub(crate) mod opportunity;
pub(crate) mod person;
pub(crate) mod project;
pub(crate) mod task;
pub(crate) mod time_entry;

use canonical_model::{Failure, RecordRef, Result};
use serde_json::{Map, Value};

use crate::directory::Lookups;
use crate::wire::Record;

/// Values of a record: what is absent is left out, so that Tryton leaves it as it is.
#[derive(Default)]
pub(crate) struct Values(Map<String, Value>);

impl Values {
    /// Sets a field.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a field that may be absent.
    pub(crate) fn set_opt(&mut self, name: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.set(name, value);
        }
        self
    }

    /// Sets a field of a record that is there already only where it differs; `now` has what is read of it.
    pub(crate) fn change(&mut self, name: &str, value: impl Into<Value>, now: Option<&Record>) -> &mut Self {
        let value = value.into();
        let same = now.is_some_and(|now| now.at(name).unwrap_or(&Value::Null) == &value);
        if !same {
            self.set(name, value);
        }
        self
    }

    /// The values.
    pub(crate) fn build(self) -> Value {
        Value::Object(self.0)
    }
}

/// The legal entity of a record is the company of the connection.
///
/// # Errors
/// Business `invalid_reference` for another.
pub(crate) fn check_entity(entity: Option<&RecordRef>, lookups: &Lookups) -> Result<()> {
    match entity {
        Some(entity) if entity.id != lookups.company.to_string() => {
            let message = format!(
                "this connection keeps the books of company {} in Tryton, not of {:?}",
                lookups.company, entity.id
            );
            Err(Failure::business("invalid_reference", message))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::NaiveDate;
    use serde_json::json;

    use super::*;
    use crate::wire;

    /// The development firm's settings.
    pub(crate) fn settings() -> crate::Settings {
        toml::from_str(crate::EXAMPLE).unwrap()
    }

    /// A record from its JSON.
    pub(crate) fn record(value: Value) -> Record {
        Record::new(value).unwrap()
    }

    /// A day in Tryton's form.
    pub(crate) fn day(text: &str) -> Value {
        wire::date(text.parse::<NaiveDate>().unwrap())
    }

    /// An amount in Tryton's form.
    pub(crate) fn decimal(text: &str) -> Value {
        json!({"__class__": "Decimal", "decimal": text})
    }

    /// Currencies, countries and people.
    pub(crate) fn lookups() -> Lookups {
        Lookups::new(
            &[(1, "EUR"), (2, "USD"), (9, "ZZZ")],
            &[(3, "DE"), (5, "GB")],
            &[(1, "anna.keller@northwind-advisory.example")],
        )
    }
}

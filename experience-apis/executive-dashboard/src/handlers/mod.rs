//! One folder a noun, one file an operation.

pub(crate) mod dashboard;

use std::str::FromStr;

use chassis::Caller;
use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;
use validator::Validate;

use crate::permissions::sees_cost;
use crate::sources::Selection;

/// What to look at.
#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SelectionQuery {
    /// First day; without it, as insight has it.
    #[serde(default, deserialize_with = "filled")]
    #[param(value_type = Option<NaiveDate>, example = "2026-01-01")]
    pub(crate) from: Option<NaiveDate>,
    /// Last day; without it, today.
    #[serde(default, deserialize_with = "filled")]
    #[param(value_type = Option<NaiveDate>, example = "2026-03-31")]
    pub(crate) to: Option<NaiveDate>,
    /// Only this legal entity (canonical code).
    #[serde(default, deserialize_with = "filled")]
    #[validate(length(max = 100))]
    #[param(max_length = 100, example = "de")]
    pub(crate) legal_entity: Option<String>,
    /// Only this region (canonical code).
    #[serde(default, deserialize_with = "filled")]
    #[validate(length(max = 100))]
    #[param(max_length = 100, example = "emea")]
    pub(crate) region: Option<String>,
}

impl SelectionQuery {
    pub(crate) fn for_reader(self, caller: &Caller) -> Selection {
        Selection {
            from: self.from,
            to: self.to,
            legal_entity: self.legal_entity,
            region: self.region,
            with_cost: sees_cost(caller),
        }
    }
}

/// Forms send fields that were left empty: they are as good as absent.
fn filled<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text = Option::<String>::deserialize(deserializer)?;
    text.filter(|text| !text.is_empty())
        .map(|text| text.parse().map_err(serde::de::Error::custom))
        .transpose()
}

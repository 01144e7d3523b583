//! Numbers of the API as exact decimals: no binary fraction takes part in a calculation.

use rust_decimal::Decimal;
use serde_json::{Number, Value};

/// Reads a JSON number exactly as its text says.
pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    let text = value.as_number()?.to_string();
    text.parse().ok().or_else(|| Decimal::from_scientific(&text).ok())
}

/// A decimal as a JSON number without needless zeros.
pub(super) fn number(decimal: Decimal) -> Value {
    let text = decimal.normalize().to_string();
    serde_json::from_str::<Number>(&text).map_or(Value::Null, Value::Number)
}

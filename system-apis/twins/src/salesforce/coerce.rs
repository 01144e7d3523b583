//! Turns the values a client sends into the values a field holds, or refuses them.
//!
//! Type, length, range, picklist and reference are checked here, field by field; rules that need the whole record
//! are in [`super::write`] and [`super::rules`].

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;

use super::call::{Call, stamp};
use super::errors::ApiError;
use super::ids;
use super::number::decimal;
use super::schema::{FieldDefinition, FieldType, Object};
use super::soql::dates;

/// The value to store. An empty text is null.
pub(super) fn coerce(
    call: &Call<'_, '_>,
    object: &Object,
    field: &FieldDefinition,
    value: &Value,
) -> Result<Value, ApiError> {
    if value.is_null() || value.as_str() == Some("") {
        return Ok(if field.kind == FieldType::Boolean {
            Value::Bool(false)
        } else {
            Value::Null
        });
    }
    match field.kind {
        FieldType::Boolean => boolean(field, value),
        kind if kind.is_number() => numeric(field, value),
        FieldType::Date => date(field, value),
        FieldType::DateTime => {
            let text = text(field, value)?;
            let whole_day = || {
                text.parse::<NaiveDate>()
                    .ok()
                    .and_then(|d| d.and_hms_opt(0, 0, 0))
                    .map(|t| t.and_utc())
            };
            let at = dates::instant(&text).or_else(whole_day);
            at.map(|at| Value::from(stamp(at)))
                .ok_or_else(|| unreadable(field, value))
        }
        FieldType::Reference => reference(call, object, field, &text(field, value)?),
        FieldType::Picklist => picklist(call, field, text(field, value)?),
        FieldType::Email => {
            let text = long_enough(field, text(field, value)?)?;
            if is_email(&text) {
                return Ok(Value::from(text));
            }
            let message = format!("{}: invalid email address: {text}", field.label);
            Err(ApiError::of_fields(
                "INVALID_EMAIL_ADDRESS",
                message,
                &[&field.name],
            ))
        }
        _ => Ok(Value::from(long_enough(field, text(field, value)?)?)),
    }
}

fn unreadable(field: &FieldDefinition, value: &Value) -> ApiError {
    let (token, shown) = match value {
        Value::String(text) => ("VALUE_STRING", text.clone()),
        Value::Number(number) if number.is_i64() => ("VALUE_NUMBER_INT", number.to_string()),
        Value::Number(number) => ("VALUE_NUMBER_FLOAT", number.to_string()),
        Value::Bool(true) => ("VALUE_TRUE", "true".to_owned()),
        Value::Bool(false) => ("VALUE_FALSE", "false".to_owned()),
        Value::Array(_) => ("START_ARRAY", "[".to_owned()),
        Value::Object(_) | Value::Null => ("START_OBJECT", "{".to_owned()),
    };
    let kind = if field.kind.is_number() || field.kind == FieldType::Boolean || field.kind == FieldType::Date
    {
        field.kind.name()
    } else if field.kind == FieldType::DateTime {
        "datetime"
    } else {
        "string"
    };
    ApiError::json(format!(
        "Cannot deserialize instance of {kind} from {token} value {shown} or request may be missing a required \
         field at [line:1, column:1]"
    ))
}

fn text(field: &FieldDefinition, value: &Value) -> Result<String, ApiError> {
    match value {
        Value::String(text) => Ok(text.replace('\0', "")),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        _ => Err(unreadable(field, value)),
    }
}

fn long_enough(field: &FieldDefinition, text: String) -> Result<String, ApiError> {
    if field.length == 0 || text.chars().count() <= field.length {
        return Ok(text);
    }
    let message = format!(
        "{}: data value too large: {text} (max length={})",
        field.label, field.length
    );
    Err(ApiError::of_fields("STRING_TOO_LONG", message, &[&field.name]))
}

fn boolean(field: &FieldDefinition, value: &Value) -> Result<Value, ApiError> {
    match value {
        Value::Bool(_) => Ok(value.clone()),
        Value::String(text) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(Value::Bool(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") || text == "0" => Ok(Value::Bool(false)),
        _ => Err(unreadable(field, value)),
    }
}

/// Keeps the number as the client wrote it; only its size is checked.
fn numeric(field: &FieldDefinition, value: &Value) -> Result<Value, ApiError> {
    let given = match value {
        Value::String(text) => serde_json::from_str::<serde_json::Number>(text.trim())
            .ok()
            .map(Value::Number),
        Value::Number(_) => Some(value.clone()),
        _ => None,
    };
    let Some((given, exact)) = given.and_then(|g| decimal(&g).map(|d| (g, d))) else {
        return Err(unreadable(field, value));
    };
    let whole_digits = field.precision.saturating_sub(field.scale).min(27);
    let beyond = Decimal::try_from_i128_with_scale(10_i128.pow(whole_digits), 0);
    let too_large = field.precision > 0 && beyond.is_ok_and(|limit| exact.abs() >= limit);
    if too_large || (field.kind == FieldType::Int && !exact.is_integer()) {
        let message = format!(
            "{}: value outside of valid range on numeric field: {given}",
            field.label
        );
        return Err(ApiError::of_fields(
            "NUMBER_OUTSIDE_VALID_RANGE",
            message,
            &[&field.name],
        ));
    }
    Ok(given)
}

fn date(field: &FieldDefinition, value: &Value) -> Result<Value, ApiError> {
    let text = text(field, value)?;
    let day = text.get(..10).unwrap_or_default();
    let rest_is_time = text.len() == 10 || dates::instant(&text).is_some();
    match NaiveDate::parse_from_str(day, "%Y-%m-%d") {
        Ok(day) if rest_is_time => Ok(Value::from(day.to_string())),
        _ => Err(unreadable(field, value)),
    }
}

fn picklist(call: &Call<'_, '_>, field: &FieldDefinition, text: String) -> Result<Value, ApiError> {
    let known = if field.name == "CurrencyIsoCode" {
        let mut currencies = call.tables().rows("CurrencyType");
        currencies.any(|c| c.text("IsoCode") == Some(&text) && c.get("IsActive") == &Value::Bool(true))
    } else {
        !field.restricted || field.values.contains(&text)
    };
    if known {
        return long_enough(field, text).map(Value::from);
    }
    let message = format!("{}: bad value for restricted picklist field: {text}", field.label);
    Err(ApiError::of_fields(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        message,
        &[&field.name],
    ))
}

fn reference(
    call: &Call<'_, '_>,
    object: &Object,
    field: &FieldDefinition,
    text: &str,
) -> Result<Value, ApiError> {
    let refuse = |code| {
        let message = format!("{}: id value of incorrect type: {text}", field.label);
        Err(ApiError::of_fields(code, message, &[&field.name]))
    };
    let Some(id) = ids::parse(text) else {
        return refuse("MALFORMED_ID");
    };
    let target = call
        .org
        .schema
        .object_of(&id)
        .filter(|o| field.to.iter().any(|t| t == o.name()));
    let Some(target) = target else {
        return refuse("FIELD_INTEGRITY_EXCEPTION");
    };
    match call.tables().get_any(target.name(), &id) {
        Some(record) if !record.deleted => Ok(Value::from(id)),
        Some(_) => Err(ApiError {
            status: 400,
            ..ApiError::deleted()
        }),
        None => {
            tracing::debug!(
                object = object.name(),
                field = field.name,
                "a lookup points to no record"
            );
            Err(ApiError::of_fields(
                "INVALID_CROSS_REFERENCE_KEY",
                "invalid cross reference id",
                &[],
            ))
        }
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    !local.is_empty()
        && !text.contains(char::is_whitespace)
        && !domain.contains('@')
        && domain.split('.').count() > 1
        && domain.split('.').all(|label| !label.is_empty())
}

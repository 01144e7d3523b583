//! Rows of answers, read by column name.

use std::sync::Arc;

use canonical_model::{CanonicalId, Failure, Result};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column, Decode, Postgres, Row as _, Sqlite, TypeInfo, ValueRef};

use crate::Value;

/// One row of an answer. A column that is absent, null without `opt_`, or of another type is a fault.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    /// A text.
    pub fn text(&self, column: &str) -> Result<String> {
        self.opt_text(column)?.ok_or_else(|| wrong(column, "is null"))
    }

    /// A text, or nothing.
    pub fn opt_text(&self, column: &str) -> Result<Option<String>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.clone())),
            _ => Err(wrong(column, "is no text")),
        }
    }

    /// A whole number.
    pub fn int(&self, column: &str) -> Result<i64> {
        self.opt_int(column)?.ok_or_else(|| wrong(column, "is null"))
    }

    /// A whole number, or nothing.
    pub fn opt_int(&self, column: &str) -> Result<Option<i64>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Int(number) => Ok(Some(*number)),
            _ => Err(wrong(column, "is no whole number")),
        }
    }

    /// Yes or no.
    pub fn bool(&self, column: &str) -> Result<bool> {
        match self.value(column)? {
            Value::Bool(yes) => Ok(*yes),
            // SQLite keeps a boolean as a number.
            Value::Int(number) => Ok(*number != 0),
            _ => Err(wrong(column, "is no boolean")),
        }
    }

    /// Bytes.
    pub fn bytes(&self, column: &str) -> Result<Vec<u8>> {
        match self.value(column)? {
            Value::Bytes(bytes) => Ok(bytes.clone()),
            _ => Err(wrong(column, "is not bytes")),
        }
    }

    /// JSON text, read into `T`.
    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|e| wrong(column, &format!("does not read: {e}")))
    }

    /// JSON text, read into `T`, or nothing.
    pub fn opt_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        match self.opt_text(column)? {
            None => Ok(None),
            Some(_) => self.json(column).map(Some),
        }
    }

    /// An instant.
    pub fn time(&self, column: &str) -> Result<DateTime<Utc>> {
        self.opt_time(column)?.ok_or_else(|| wrong(column, "is null"))
    }

    /// An instant, or nothing.
    pub fn opt_time(&self, column: &str) -> Result<Option<DateTime<Utc>>> {
        self.opt_int(column)?
            .map(|ms| DateTime::from_timestamp_millis(ms).ok_or_else(|| wrong(column, "is no instant")))
            .transpose()
    }

    /// A canonical id.
    pub fn id(&self, column: &str) -> Result<CanonicalId> {
        self.text(column)?
            .parse()
            .map_err(|_| wrong(column, "is no canonical id"))
    }

    /// A canonical id, or nothing.
    pub fn opt_id(&self, column: &str) -> Result<Option<CanonicalId>> {
        self.opt_text(column)?
            .map(|text| text.parse().map_err(|_| wrong(column, "is no canonical id")))
            .transpose()
    }

    /// A decimal.
    pub fn decimal(&self, column: &str) -> Result<Decimal> {
        self.opt_decimal(column)?.ok_or_else(|| wrong(column, "is null"))
    }

    /// A decimal, or nothing.
    pub fn opt_decimal(&self, column: &str) -> Result<Option<Decimal>> {
        self.opt_text(column)?
            .map(|text| text.parse().map_err(|_| wrong(column, "is no decimal")))
            .transpose()
    }

    /// A day.
    pub fn date(&self, column: &str) -> Result<NaiveDate> {
        self.opt_date(column)?.ok_or_else(|| wrong(column, "is null"))
    }

    /// A day, or nothing.
    pub fn opt_date(&self, column: &str) -> Result<Option<NaiveDate>> {
        self.opt_text(column)?
            .map(|text| text.parse().map_err(|_| wrong(column, "is no day")))
            .transpose()
    }

    fn value(&self, column: &str) -> Result<&Value> {
        let place = self.columns.iter().position(|name| name == column);
        place
            .and_then(|index| self.values.get(index))
            .ok_or_else(|| wrong(column, "is not in the answer"))
    }
}

fn wrong(column: &str, how: &str) -> Failure {
    Failure::fault(
        "database_content",
        "a stored row does not have the form that this version reads",
    )
    .with_detail(format!("column {column} {how}"))
}

/// The rows of a SQLite answer.
pub(crate) fn from_sqlite(rows: &[SqliteRow]) -> Result<Vec<Row>, sqlx::Error> {
    let columns = names(
        rows.first()
            .map(|row| row.columns().iter().map(|c| c.name().to_owned()).collect()),
    );
    rows.iter()
        .map(|row| {
            let values = (0..row.len())
                .map(|index| sqlite_value(row, index))
                .collect::<Result<_, _>>()?;
            Ok(Row {
                columns: columns.clone(),
                values,
            })
        })
        .collect()
}

/// The rows of a PostgreSQL answer.
pub(crate) fn from_postgres(rows: &[PgRow]) -> Result<Vec<Row>, sqlx::Error> {
    let columns = names(
        rows.first()
            .map(|row| row.columns().iter().map(|c| c.name().to_owned()).collect()),
    );
    rows.iter()
        .map(|row| {
            let values = (0..row.len())
                .map(|index| postgres_value(row, index))
                .collect::<Result<_, _>>()?;
            Ok(Row {
                columns: columns.clone(),
                values,
            })
        })
        .collect()
}

fn names(columns: Option<Vec<String>>) -> Arc<[String]> {
    columns.unwrap_or_default().into()
}

fn sqlite_value(row: &SqliteRow, index: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    // The type of the value, not of the column: SQLite types values.
    let name = raw.type_info().name().to_owned();
    let value = match name.as_str() {
        "INTEGER" | "BOOLEAN" => {
            Value::Int(<i64 as Decode<Sqlite>>::decode(raw).map_err(sqlx::Error::Decode)?)
        }
        "BLOB" => Value::Bytes(<Vec<u8> as Decode<Sqlite>>::decode(raw).map_err(sqlx::Error::Decode)?),
        "TEXT" => Value::Text(<String as Decode<Sqlite>>::decode(raw).map_err(sqlx::Error::Decode)?),
        other => {
            return Err(sqlx::Error::Decode(
                format!("type {other} is not used here").into(),
            ));
        }
    };
    Ok(value)
}

fn postgres_value(row: &PgRow, index: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let name = raw.type_info().name().to_owned();
    let decoded = match name.as_str() {
        "INT8" => <i64 as Decode<Postgres>>::decode(raw).map(Value::Int),
        "INT4" => <i32 as Decode<Postgres>>::decode(raw).map(|number| Value::Int(number.into())),
        "BOOL" => <bool as Decode<Postgres>>::decode(raw).map(Value::Bool),
        "BYTEA" => <Vec<u8> as Decode<Postgres>>::decode(raw).map(Value::Bytes),
        // SUM over BIGINT is NUMERIC there and an integer in SQLite.
        "NUMERIC" => <Decimal as Decode<Postgres>>::decode(raw).map(number),
        "TEXT" | "VARCHAR" | "UNKNOWN" => <String as Decode<Postgres>>::decode(raw).map(Value::Text),
        other => {
            return Err(sqlx::Error::Decode(
                format!("type {other} is not used here").into(),
            ));
        }
    };
    decoded.map_err(sqlx::Error::Decode)
}

fn number(decimal: Decimal) -> Value {
    i64::try_from(decimal)
        .ok()
        .filter(|whole| Decimal::from(*whole) == decimal)
        .map_or_else(|| Value::Text(decimal.to_string()), Value::Int)
}

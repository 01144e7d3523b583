//! Parameters of statements.

use canonical_model::{CanonicalId, Currency};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

/// A parameter of a statement, or a column of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, of any type.
    Null,
    /// A `BIGINT`.
    Int(i64),
    /// A `TEXT`.
    Text(String),
    /// A `BOOLEAN`.
    Bool(bool),
    /// A `BYTEA`.
    Bytes(Vec<u8>),
}

/// `args![a, b]`: the parameters of a statement, each turned into a [`Value`].
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}

macro_rules! from {
    ($($from:ty => $value:ident: $to:expr;)*) => {
        $(impl From<$from> for Value { fn from($value: $from) -> Self { $to } })*
    };
}

from! {
    i64 => value: Self::Int(value);
    i32 => value: Self::Int(value.into());
    u32 => value: Self::Int(value.into());
    bool => value: Self::Bool(value);
    String => value: Self::Text(value);
    &str => value: Self::Text(value.to_owned());
    &String => value: Self::Text(value.clone());
    Vec<u8> => value: Self::Bytes(value);
    CanonicalId => value: Self::Text(value.to_string());
    Decimal => value: Self::Text(value.to_string());
    Currency => value: Self::Text(value.to_string());
    NaiveDate => value: Self::Text(value.to_string());
    DateTime<Utc> => value: Self::Int(value.timestamp_millis());
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

//! A query as written: names not yet looked up, each with its place in the text.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

/// A name or a dotted path, and where it stands.
#[derive(Debug, Clone)]
pub(in super::super) struct Name {
    pub(in super::super) text: String,
    pub(in super::super) at: usize,
}

/// A whole query.
#[derive(Debug, Clone)]
pub(in super::super) struct Query {
    pub(in super::super) select: Vec<Select>,
    pub(in super::super) from: Name,
    pub(in super::super) alias: Option<String>,
    pub(in super::super) filter: Option<Filter>,
    pub(in super::super) group_by: Vec<Column>,
    pub(in super::super) having: Option<Filter>,
    pub(in super::super) order_by: Vec<Order>,
    pub(in super::super) limit: Option<u64>,
    pub(in super::super) offset: u64,
    pub(in super::super) all_rows: bool,
}

/// One item of the SELECT list.
#[derive(Debug, Clone)]
pub(in super::super) enum Select {
    Column {
        column: Column,
        alias: Option<String>,
    },
    Children(Box<Query>),
    Fields {
        which: Which,
        at: usize,
    },
    /// `count()` alone.
    Count,
}

/// What `FIELDS(..)` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Which {
    All,
    Standard,
    Custom,
}

/// A path, or a function of a path.
#[derive(Debug, Clone)]
pub(in super::super) struct Column {
    pub(in super::super) function: Option<Function>,
    pub(in super::super) path: Name,
}

/// Functions of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Function {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
    ToLabel,
    CalendarYear,
    CalendarQuarter,
    CalendarMonth,
    DayInMonth,
    DayOnly,
}

impl Function {
    pub(in super::super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "COUNT" => Self::Count,
            "COUNT_DISTINCT" => Self::CountDistinct,
            "SUM" => Self::Sum,
            "AVG" => Self::Avg,
            "MIN" => Self::Min,
            "MAX" => Self::Max,
            "TOLABEL" => Self::ToLabel,
            "CALENDAR_YEAR" => Self::CalendarYear,
            "CALENDAR_QUARTER" => Self::CalendarQuarter,
            "CALENDAR_MONTH" => Self::CalendarMonth,
            "DAY_IN_MONTH" => Self::DayInMonth,
            "DAY_ONLY" => Self::DayOnly,
            _ => return None,
        })
    }

    pub(in super::super) fn aggregates(self) -> bool {
        matches!(
            self,
            Self::Count | Self::CountDistinct | Self::Sum | Self::Avg | Self::Min | Self::Max
        )
    }
}

/// A condition.
#[derive(Debug, Clone)]
pub(in super::super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        column: Column,
        operator: Operator,
        literal: Literal,
    },
    In {
        column: Column,
        negated: bool,
        set: Set,
    },
    /// INCLUDES and EXCLUDES on a multi-select picklist.
    Includes {
        column: Column,
        negated: bool,
        values: Vec<Literal>,
    },
}

/// Right side of IN.
#[derive(Debug, Clone)]
pub(in super::super) enum Set {
    Values(Vec<Literal>),
    Query(Box<Query>),
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

/// A literal value and where it stands.
#[derive(Debug, Clone)]
pub(in super::super) struct Literal {
    pub(in super::super) value: LiteralValue,
    pub(in super::super) at: usize,
}

/// Kinds of literal.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum LiteralValue {
    Null,
    Bool(bool),
    Text(String),
    Number(Decimal),
    Date(NaiveDate),
    DateTime(DateTime<Utc>),
    /// `TODAY`, `LAST_N_DAYS:30` ...
    Period {
        name: String,
        n: Option<u32>,
    },
}

/// One item of ORDER BY.
#[derive(Debug, Clone)]
pub(in super::super) struct Order {
    pub(in super::super) column: Column,
    pub(in super::super) descending: bool,
    pub(in super::super) nulls_last: bool,
}

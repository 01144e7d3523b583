//! Evaluates a plan over the store: finds, sorts, groups and shows rows.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::super::ids;
use super::super::number::{decimal, number};
use super::super::read::field_value;
use super::super::schema::{FieldType, Schema};
use super::ast::{Function, Operator};
use super::plan::{Operand, Output, Plan, Sort, Test, Wanted};
use super::test::{Key, Source, meets};
use crate::store::{Record, Tables};

/// What a query is evaluated over.
#[derive(Clone, Copy)]
pub(in super::super) struct Over<'a> {
    pub(in super::super) schema: &'a Schema,
    pub(in super::super) tables: &'a Tables,
    /// Version for `attributes.url`.
    pub(in super::super) version: &'a str,
    /// Deleted records too.
    pub(in super::super) deleted: bool,
}

/// All rows of an answer, in order.
pub(in super::super) struct Rows {
    pub(in super::super) total: usize,
    pub(in super::super) rows: Vec<Row>,
}

/// One row of an answer.
#[derive(Clone)]
pub(in super::super) struct Row {
    /// As the REST API shows it, without children.
    pub(in super::super) json: Map<String, Value>,
    pub(in super::super) children: Vec<Children>,
}

/// The children of a row under one relationship.
#[derive(Clone)]
pub(in super::super) struct Children {
    pub(in super::super) name: String,
    pub(in super::super) rows: Vec<Row>,
}

/// Runs a query.
pub(in super::super) fn run(plan: &Plan<'_>, over: Over<'_>) -> Rows {
    if plan.grouped {
        return groups(plan, over);
    }
    let found = records(plan, over, None);
    if plan.count_only {
        return Rows {
            total: found.len(),
            rows: Vec::new(),
        };
    }
    let rows: Vec<Row> = found.into_iter().map(|record| row(plan, over, record)).collect();
    Rows {
        total: rows.len(),
        rows,
    }
}

/// The columns of a query as CSV cells, for bulk queries.
pub(in super::super) fn table(plan: &Plan<'_>, over: Over<'_>) -> Vec<Vec<String>> {
    let cell = |value: Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace("+0000", "Z"),
        other => other.to_string(),
    };
    let values = |record| {
        let row = OfRecord { over, record };
        let shown = plan.outputs.iter().filter_map(|output| match output {
            Output::Value { operand, .. } => Some((operand.kind(), row.value(operand))),
            Output::Children { .. } => None,
        });
        shown
            .map(|(kind, value)| match kind {
                FieldType::DateTime => cell(value),
                _ => value.as_str().map_or_else(|| cell(value.clone()), str::to_owned),
            })
            .collect()
    };
    records(plan, over, None).into_iter().map(values).collect()
}

/// Records that a query finds, sorted and cut; `parent` limits a sub-query to one record's children.
fn records<'a>(plan: &Plan<'_>, over: Over<'a>, parent: Option<(&str, &str)>) -> Vec<&'a Record> {
    let over = Over {
        deleted: over.deleted || plan.all_rows,
        ..over
    };
    let candidates = match parent {
        Some((lookup, id)) => over
            .tables
            .find(plan.object.name(), lookup, &Value::from(id))
            .collect(),
        None => candidates(plan, over),
    };
    let met = |record: &&Record| match &plan.filter {
        Some(test) => meets(test, &OfRecord { over, record }),
        None => true,
    };
    let found: Vec<&Record> = candidates.into_iter().filter(met).collect();
    let found = sorted(found, &plan.order_by, |record, operand| {
        OfRecord { over, record }.value(operand)
    });
    cut(found, plan)
}

fn cut<T>(rows: Vec<T>, plan: &Plan<'_>) -> Vec<T> {
    let offset = usize::try_from(plan.offset).unwrap_or(usize::MAX);
    let limit = plan
        .limit
        .map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX));
    rows.into_iter().skip(offset).take(limit).collect()
}

fn sorted<T>(rows: Vec<T>, order: &[Sort<'_>], value: impl Fn(&T, &Operand<'_>) -> Value) -> Vec<T> {
    if order.is_empty() {
        return rows;
    }
    let mut keyed: Vec<(Vec<Key>, T)> = rows
        .into_iter()
        .map(|row| {
            (
                order
                    .iter()
                    .map(|sort| Key::of(&value(&row, &sort.operand)))
                    .collect(),
                row,
            )
        })
        .collect();
    keyed.sort_by(|(a, _), (b, _)| {
        let each = a.iter().zip(b).zip(order).map(|((a, b), sort)| by(a, b, sort));
        each.fold(Ordering::Equal, Ordering::then)
    });
    keyed.into_iter().map(|(_, row)| row).collect()
}

fn by(a: &Key, b: &Key, sort: &Sort<'_>) -> Ordering {
    match (a, b) {
        (Key::Null, Key::Null) => Ordering::Equal,
        (Key::Null, _) => {
            if sort.nulls_last {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (_, Key::Null) => {
            if sort.nulls_last {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        _ if sort.descending => b.cmp(a),
        _ => a.cmp(b),
    }
}

/// Records worth testing: by id or by an indexed field where the filter names one, else all.
fn candidates<'a>(plan: &Plan<'_>, over: Over<'a>) -> Vec<&'a Record> {
    let object = plan.object.name();
    let parts = match &plan.filter {
        Some(Test::All(parts)) => parts.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    if let Some(found) = parts.iter().find_map(|part| by_index(part, object, over)) {
        return found;
    }
    if over.deleted {
        over.tables.all_rows(object).collect()
    } else {
        over.tables.rows(object).collect()
    }
}

fn by_index<'a>(test: &Test<'_>, object: &str, over: Over<'a>) -> Option<Vec<&'a Record>> {
    let (operand, wanted) = match test {
        Test::Compare {
            operand,
            operator: Operator::Equal,
            wanted,
        } => (operand, std::slice::from_ref(wanted)),
        Test::In {
            operand,
            negated: false,
            wanted,
        } => (operand, wanted.as_slice()),
        _ => return None,
    };
    if !operand.hops.is_empty() || operand.function.is_some() {
        return None;
    }
    let field = operand.field;
    let mut found: BTreeMap<&str, &'a Record> = BTreeMap::new();
    for value in wanted {
        match value {
            Wanted::Id(id) if field.name == "Id" => {
                let record = over
                    .tables
                    .get_any(object, id)
                    .filter(|r| over.deleted || !r.deleted);
                found.extend(record.map(|r| (r.id.as_str(), r)));
            }
            Wanted::Id(id) if !over.deleted => {
                let id = Value::from(id.as_str());
                let records = over.tables.find(object, &field.name, &id);
                found.extend(records.map(|r| (r.id.as_str(), r)));
            }
            Wanted::Text(text)
                if !over.deleted && !text.is_empty() && (field.unique || field.external_id) =>
            {
                let records = over.tables.find_ignoring_case(object, &field.name, text);
                found.extend(records.map(|r| (r.id.as_str(), r)));
            }
            _ => return None,
        }
    }
    Some(found.into_values().collect())
}

struct OfRecord<'a> {
    over: Over<'a>,
    record: &'a Record,
}

impl Source for OfRecord<'_> {
    fn value(&self, operand: &Operand<'_>) -> Value {
        match reached(self.over, self.record, operand) {
            Some(record) => applied(operand.function, field_value(operand.field, record)),
            None if operand.field.kind == FieldType::Boolean && operand.hops.is_empty() => Value::Bool(false),
            None => Value::Null,
        }
    }

    fn selected(&self, plan: &Plan<'_>) -> HashSet<Key> {
        selected(plan, self.over)
    }
}

fn selected(plan: &Plan<'_>, over: Over<'_>) -> HashSet<Key> {
    let Some(Output::Value { operand, .. }) = plan.outputs.first() else {
        return HashSet::new();
    };
    let found = records(
        plan,
        Over {
            deleted: false,
            ..over
        },
        None,
    );
    found
        .into_iter()
        .map(|record| Key::of(&OfRecord { over, record }.value(operand)))
        .collect()
}

/// Follows the hops of a path; `None` where a lookup on the way is empty.
fn reached<'a>(over: Over<'a>, record: &'a Record, operand: &Operand<'_>) -> Option<&'a Record> {
    let mut record = record;
    for hop in &operand.hops {
        record = parent(over, record, &hop.name)?;
    }
    Some(record)
}

fn parent<'a>(over: Over<'a>, record: &Record, lookup: &str) -> Option<&'a Record> {
    let id = record.text(lookup)?;
    over.tables.get_any(over.schema.object_of(id)?.name(), id)
}

fn applied(function: Option<Function>, value: Value) -> Value {
    let part = |from: usize, until: usize| {
        let digits = value.as_str().and_then(|t| t.get(from..until));
        digits.and_then(|d| d.parse::<u32>().ok())
    };
    match function {
        Some(Function::CalendarYear) => json!(part(0, 4)),
        Some(Function::CalendarMonth) => json!(part(5, 7)),
        Some(Function::CalendarQuarter) => json!(part(5, 7).map(|m| m.saturating_sub(1) / 3 + 1)),
        Some(Function::DayInMonth) => json!(part(8, 10)),
        Some(Function::DayOnly) => json!(value.as_str().and_then(|t| t.get(..10))),
        _ => value,
    }
}

/// A record as the REST API shows it.
fn row(plan: &Plan<'_>, over: Over<'_>, record: &Record) -> Row {
    let mut json = Map::new();
    json.insert("attributes".to_owned(), attributes(over, record));
    let mut children = Vec::new();
    for output in &plan.outputs {
        match output {
            Output::Value { operand, name } if operand.hops.is_empty() => {
                let name = if operand.function.is_some() {
                    name
                } else {
                    &operand.field.name
                };
                json.insert(name.clone(), OfRecord { over, record }.value(operand));
            }
            Output::Value { operand, .. } => nest(&mut json, over, record, operand),
            Output::Children { name, lookup, plan } => {
                let found = records(plan, over, Some((&lookup.name, &record.id)));
                let rows = found.into_iter().map(|child| row(plan, over, child)).collect();
                children.push(Children {
                    name: name.clone(),
                    rows,
                });
            }
        }
    }
    Row { json, children }
}

/// Puts a parent's field into nested objects, or a null where a lookup on the way is empty.
fn nest(json: &mut Map<String, Value>, over: Over<'_>, record: &Record, operand: &Operand<'_>) {
    let mut level = json;
    let mut record = record;
    for hop in &operand.hops {
        let name = hop.relationship.clone().unwrap_or_default();
        let Some(above) = parent(over, record, &hop.name) else {
            level.insert(name, Value::Null);
            return;
        };
        record = above;
        let entry = level
            .entry(name)
            .or_insert_with(|| json!({"attributes": attributes(over, above)}));
        let Value::Object(next) = entry else { return };
        level = next;
    }
    level.insert(
        operand.field.name.clone(),
        applied(operand.function, field_value(operand.field, record)),
    );
}

fn attributes(over: Over<'_>, record: &Record) -> Value {
    let object = over
        .schema
        .object_of(&record.id)
        .map_or(ids::prefix(&record.id), |o| o.name());
    json!({"type": object, "url": format!("/services/data/v{}/sobjects/{object}/{}", over.version, record.id)})
}

/// One group of records with equal keys.
struct Group<'a> {
    over: Over<'a>,
    records: Vec<&'a Record>,
}

impl Source for Group<'_> {
    fn value(&self, operand: &Operand<'_>) -> Value {
        let Some(function) = operand.function.filter(|f| f.aggregates()) else {
            return self.records.first().map_or(Value::Null, |r| {
                OfRecord {
                    over: self.over,
                    record: r,
                }
                .value(operand)
            });
        };
        let field = Operand {
            function: None,
            hops: operand.hops.clone(),
            field: operand.field,
        };
        let values = self.records.iter().map(|r| {
            OfRecord {
                over: self.over,
                record: r,
            }
            .value(&field)
        });
        let values: Vec<Value> = values.filter(|v| !v.is_null()).collect();
        aggregate(function, values)
    }

    fn selected(&self, plan: &Plan<'_>) -> HashSet<Key> {
        selected(plan, self.over)
    }
}

fn aggregate(function: Function, values: Vec<Value>) -> Value {
    let total = || values.iter().filter_map(decimal).sum::<Decimal>();
    match function {
        Function::Count => json!(values.len()),
        Function::CountDistinct => json!(values.iter().map(Key::of).collect::<HashSet<_>>().len()),
        _ if values.is_empty() => Value::Null,
        Function::Sum => number(total()),
        Function::Avg => number(
            total()
                .checked_div(Decimal::from(values.len()))
                .unwrap_or_default(),
        ),
        Function::Min => values.into_iter().min_by_key(Key::of).unwrap_or_default(),
        Function::Max => values.into_iter().max_by_key(Key::of).unwrap_or_default(),
        _ => Value::Null,
    }
}

fn groups(plan: &Plan<'_>, over: Over<'_>) -> Rows {
    let mut by_key: BTreeMap<Vec<Key>, Vec<&Record>> = BTreeMap::new();
    for record in candidates(plan, over) {
        let row = OfRecord { over, record };
        if plan.filter.as_ref().is_none_or(|test| meets(test, &row)) {
            let key = plan
                .group_by
                .iter()
                .map(|operand| Key::of(&row.value(operand)))
                .collect();
            by_key.entry(key).or_default().push(record);
        }
    }
    if plan.group_by.is_empty() {
        by_key.entry(Vec::new()).or_default();
    }
    let all = by_key.into_values().map(|records| Group { over, records });
    let kept: Vec<Group<'_>> = all
        .filter(|g| plan.having.as_ref().is_none_or(|test| meets(test, g)))
        .collect();
    let kept = cut(
        sorted(kept, &plan.order_by, |group, operand| group.value(operand)),
        plan,
    );
    let rows: Vec<Row> = kept.iter().map(|group| shown_group(plan, group)).collect();
    Rows {
        total: rows.len(),
        rows,
    }
}

fn shown_group(plan: &Plan<'_>, group: &Group<'_>) -> Row {
    let mut json = Map::new();
    json.insert("attributes".to_owned(), json!({"type": "AggregateResult"}));
    for output in &plan.outputs {
        if let Output::Value { operand, name } = output {
            json.insert(name.clone(), group.value(operand));
        }
    }
    Row {
        json,
        children: Vec::new(),
    }
}

//! Looks up the names of a query in the schema and checks what the vendor checks before it reads a row.

use std::cell::OnceCell;
use std::collections::HashSet;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::super::call::stamp;
use super::super::ids;
use super::super::schema::{FieldDefinition, FieldType, Object, Schema};
use super::Refusal;
use super::ast::{Column, Filter, Function, Literal, LiteralValue, Operator, Query, Select, Set, Which};
use super::dates;
use super::refusals::{unknown_children, unknown_field, unknown_object, unknown_relationship, wrong_type};
use super::test::Key;

/// A query whose every name is known.
pub(in super::super) struct Plan<'s> {
    pub(in super::super) object: &'s Object,
    pub(in super::super) outputs: Vec<Output<'s>>,
    pub(in super::super) count_only: bool,
    /// Has aggregates or GROUP BY: rows are groups.
    pub(in super::super) grouped: bool,
    pub(super) group_by: Vec<Operand<'s>>,
    pub(super) filter: Option<Test<'s>>,
    pub(super) having: Option<Test<'s>>,
    pub(super) order_by: Vec<Sort<'s>>,
    pub(super) limit: Option<u64>,
    pub(in super::super) offset: u64,
    pub(in super::super) all_rows: bool,
}

/// What a row shows.
pub(in super::super) enum Output<'s> {
    /// A field, perhaps of a parent; `name` is the key of an aggregate row.
    Value { operand: Operand<'s>, name: String },
    /// The children of the row.
    Children {
        name: String,
        lookup: &'s FieldDefinition,
        plan: Box<Plan<'s>>,
    },
}

/// A field reached over any number of lookups, perhaps inside a function.
pub(in super::super) struct Operand<'s> {
    pub(in super::super) function: Option<Function>,
    pub(in super::super) hops: Vec<&'s FieldDefinition>,
    pub(in super::super) field: &'s FieldDefinition,
}

impl Operand<'_> {
    /// The path as a CSV header shows it.
    pub(in super::super) fn path(&self) -> String {
        let hops = self.hops.iter().filter_map(|h| h.relationship.as_deref());
        hops.chain([self.field.name.as_str()])
            .collect::<Vec<_>>()
            .join(".")
    }

    /// The type of what the operand yields.
    pub(super) fn kind(&self) -> FieldType {
        match self.function {
            Some(Function::Count | Function::CountDistinct) => FieldType::Int,
            Some(Function::CalendarYear | Function::CalendarQuarter) => FieldType::Int,
            Some(Function::CalendarMonth | Function::DayInMonth) => FieldType::Int,
            Some(Function::DayOnly) => FieldType::Date,
            _ => self.field.kind,
        }
    }

    fn same(&self, other: &Operand<'_>) -> bool {
        self.function == other.function && self.path() == other.path()
    }
}

pub(super) struct Sort<'s> {
    pub(super) operand: Operand<'s>,
    pub(super) descending: bool,
    pub(super) nulls_last: bool,
}

/// A condition with typed values.
pub(super) enum Test<'s> {
    All(Vec<Test<'s>>),
    Any(Vec<Test<'s>>),
    Not(Box<Test<'s>>),
    Compare {
        operand: Operand<'s>,
        operator: Operator,
        wanted: Wanted,
    },
    In {
        operand: Operand<'s>,
        negated: bool,
        wanted: Vec<Wanted>,
    },
    /// `found` is filled when the first row asks.
    InQuery {
        operand: Operand<'s>,
        negated: bool,
        plan: Box<Plan<'s>>,
        found: OnceCell<HashSet<Key>>,
    },
    Includes {
        operand: Operand<'s>,
        negated: bool,
        wanted: Vec<String>,
    },
}

/// A literal in the form that values of the field are compared in.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    Null,
    Bool(bool),
    /// Lower case: SOQL compares texts without regard to case.
    Text(String),
    Id(String),
    Number(Decimal),
    /// A date or datetime as stored.
    Stamp(String),
    /// From the first (included) to the second (excluded).
    Span(String, String),
}

/// Resolves a query.
pub(in super::super) fn plan<'s>(
    schema: &'s Schema,
    query: &Query,
    today: NaiveDate,
) -> Result<Plan<'s>, Refusal> {
    let object = schema
        .object(&query.from.text)
        .ok_or_else(|| unknown_object(&query.from))?;
    Planner {
        schema,
        object,
        alias: query.alias.as_deref(),
        today,
    }
    .plan(query)
}

struct Planner<'s, 'q> {
    schema: &'s Schema,
    object: &'s Object,
    alias: Option<&'q str>,
    today: NaiveDate,
}

impl<'s> Planner<'s, '_> {
    fn plan(&self, query: &Query) -> Result<Plan<'s>, Refusal> {
        if query.offset > 2000 {
            let text = "Maximum SOQL offset allowed is 2000";
            return Err(Refusal::plain("NUMBER_OUTSIDE_VALID_RANGE", text));
        }
        let group_by = query
            .group_by
            .iter()
            .map(|c| self.operand(c))
            .collect::<Result<Vec<_>, _>>()?;
        let mut outputs = Vec::new();
        for item in &query.select {
            self.output(item, query, &mut outputs)?;
        }
        let aggregates = |o: &Output<'_>| matches!(o, Output::Value { operand, .. } if operand.function.is_some_and(Function::aggregates));
        let grouped = !group_by.is_empty() || outputs.iter().any(aggregates);
        if grouped {
            check_grouping(&outputs, &group_by, query)?;
        }
        let mut order_by = Vec::new();
        for order in &query.order_by {
            let operand = self.operand(&order.column)?;
            order_by.push(Sort {
                operand,
                descending: order.descending,
                nulls_last: order.nulls_last,
            });
        }
        Ok(Plan {
            object: self.object,
            outputs,
            count_only: matches!(query.select.as_slice(), [Select::Count]),
            grouped,
            group_by,
            filter: query.filter.as_ref().map(|f| self.test(f)).transpose()?,
            having: query.having.as_ref().map(|f| self.test(f)).transpose()?,
            order_by,
            limit: query.limit,
            offset: query.offset,
            all_rows: query.all_rows,
        })
    }

    fn output(&self, item: &Select, query: &Query, outputs: &mut Vec<Output<'s>>) -> Result<(), Refusal> {
        match item {
            Select::Count if query.select.len() == 1 => {}
            Select::Count => return Err(Refusal::malformed("unexpected token: 'count'", query.from.at)),
            Select::Column { column, alias } => {
                let operand = self.operand(column)?;
                let unnamed = outputs
                    .iter()
                    .filter(|o| matches!(o, Output::Value { name, .. } if name.starts_with("expr")))
                    .count();
                let name = match (alias, operand.function) {
                    (Some(alias), _) => alias.clone(),
                    (None, None | Some(Function::ToLabel)) => operand.field.name.clone(),
                    (None, Some(_)) => format!("expr{unnamed}"),
                };
                outputs.push(Output::Value { operand, name });
            }
            Select::Children(inner) => outputs.push(self.children(inner)?),
            Select::Fields { which, at } => {
                if *which != Which::Standard && query.limit.is_none_or(|l| l > 200) {
                    let text = "The SOQL FIELDS function must have a LIMIT of at most 200";
                    return Err(Refusal::malformed(text, *at));
                }
                let wanted = |f: &&FieldDefinition| match which {
                    Which::All => true,
                    Which::Standard => !f.name.ends_with("__c"),
                    Which::Custom => f.name.ends_with("__c"),
                };
                outputs.extend(
                    self.object
                        .fields()
                        .iter()
                        .filter(wanted)
                        .map(|field| Output::Value {
                            operand: Operand {
                                function: None,
                                hops: Vec::new(),
                                field,
                            },
                            name: field.name.clone(),
                        }),
                );
            }
        }
        Ok(())
    }

    fn children(&self, query: &Query) -> Result<Output<'s>, Refusal> {
        let found = self.schema.children(self.object.name(), &query.from.text);
        let (object, lookup) = found.ok_or_else(|| unknown_children(&query.from))?;
        let alias = query.alias.as_deref();
        let plan = Planner {
            schema: self.schema,
            object,
            alias,
            today: self.today,
        }
        .plan(query)?;
        let name = lookup.children.clone().unwrap_or_default();
        Ok(Output::Children {
            name,
            lookup,
            plan: Box::new(plan),
        })
    }

    fn operand(&self, column: &Column) -> Result<Operand<'s>, Refusal> {
        let mut segments: Vec<&str> = column.path.text.split('.').collect();
        let last = segments.pop().unwrap_or_default();
        let first = segments.first().copied();
        if first.is_some_and(|f| self.alias.is_some_and(|a| a.eq_ignore_ascii_case(f)))
            || first.is_some_and(|f| {
                f.eq_ignore_ascii_case(self.object.name()) && self.object.lookup(f).is_none()
            })
        {
            segments.remove(0);
        }
        let mut object = self.object;
        let mut hops = Vec::new();
        for segment in segments {
            let Some(lookup) = object.lookup(segment) else {
                return Err(unknown_relationship(segment, &column.path));
            };
            let targets = || lookup.to.iter().filter_map(|t| self.schema.object(t));
            let Some(target) = targets()
                .find(|t| t.field(last).is_some())
                .or_else(|| targets().next())
            else {
                return Err(unknown_relationship(segment, &column.path));
            };
            hops.push(lookup);
            object = target;
        }
        if hops.len() > 5 {
            return Err(Refusal::malformed(
                "SOQL relationship queries may go up 5 levels",
                column.path.at,
            ));
        }
        let Some(field) = object.field(last) else {
            return Err(unknown_field(last, object.name(), &column.path));
        };
        Ok(Operand {
            function: column.function,
            hops,
            field,
        })
    }

    fn test(&self, filter: &Filter) -> Result<Test<'s>, Refusal> {
        let all = |parts: &[Filter]| parts.iter().map(|p| self.test(p)).collect::<Result<Vec<_>, _>>();
        Ok(match filter {
            Filter::And(parts) => Test::All(all(parts)?),
            Filter::Or(parts) => Test::Any(all(parts)?),
            Filter::Not(part) => Test::Not(Box::new(self.test(part)?)),
            Filter::Compare {
                column,
                operator,
                literal,
            } => {
                let operand = self.filtered(column)?;
                let wanted = self.wanted(&operand, *operator, literal)?;
                Test::Compare {
                    operand,
                    operator: *operator,
                    wanted,
                }
            }
            Filter::In {
                column,
                negated,
                set: Set::Values(values),
            } => {
                let operand = self.filtered(column)?;
                let wanted = values.iter().map(|v| self.wanted(&operand, Operator::Equal, v));
                let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
                Test::In {
                    operand,
                    negated: *negated,
                    wanted,
                }
            }
            Filter::In {
                column,
                negated,
                set: Set::Query(query),
            } => {
                let operand = self.filtered(column)?;
                let plan = plan(self.schema, query, self.today)?;
                if !matches!(plan.outputs.as_slice(), [Output::Value { .. }]) || plan.grouped {
                    let text = "semi join sub-selects must select one field";
                    return Err(Refusal::malformed(text, query.from.at));
                }
                Test::InQuery {
                    operand,
                    negated: *negated,
                    plan: Box::new(plan),
                    found: OnceCell::new(),
                }
            }
            Filter::Includes {
                column,
                negated,
                values,
            } => {
                let operand = self.filtered(column)?;
                let text = |l: &Literal| match &l.value {
                    LiteralValue::Text(text) => Ok(text.to_lowercase()),
                    _ => Err(wrong_type(&operand, "string", true, l.at)),
                };
                let wanted = values.iter().map(text).collect::<Result<Vec<_>, _>>()?;
                Test::Includes {
                    operand,
                    negated: *negated,
                    wanted,
                }
            }
        })
    }

    fn filtered(&self, column: &Column) -> Result<Operand<'s>, Refusal> {
        let operand = self.operand(column)?;
        if operand.field.filterable {
            return Ok(operand);
        }
        let text = format!(
            "field '{}' can not be filtered in a query call",
            operand.field.name
        );
        Err(Refusal {
            code: "INVALID_FIELD",
            message: text,
            at: Some(column.path.at),
        })
    }

    fn wanted(
        &self,
        operand: &Operand<'_>,
        operator: Operator,
        literal: &Literal,
    ) -> Result<Wanted, Refusal> {
        let at = literal.at;
        match (operand.kind(), &literal.value) {
            (_, LiteralValue::Null) => Ok(Wanted::Null),
            (kind, LiteralValue::Text(text)) if kind.is_id() => {
                let refused = || {
                    Refusal::plain(
                        "INVALID_QUERY_FILTER_OPERATOR",
                        format!("invalid ID field: {text}"),
                    )
                };
                if text.is_empty() {
                    return Ok(Wanted::Null);
                }
                ids::parse(text).map(Wanted::Id).ok_or_else(refused)
            }
            (kind, LiteralValue::Number(number)) if kind.is_number() => Ok(Wanted::Number(*number)),
            (FieldType::Boolean, LiteralValue::Bool(truth)) => Ok(Wanted::Bool(*truth)),
            (FieldType::Date, LiteralValue::Date(date)) => Ok(Wanted::Stamp(date.to_string())),
            (FieldType::DateTime, LiteralValue::DateTime(time)) => Ok(Wanted::Stamp(stamp(*time))),
            (kind @ (FieldType::Date | FieldType::DateTime), LiteralValue::Period { name, n }) => {
                let Some((from, until)) = dates::span(name, *n, self.today) else {
                    return Err(Refusal::malformed(format!("unexpected token: '{name}'"), at));
                };
                let shown = |day: NaiveDate| match kind {
                    FieldType::Date => day.to_string(),
                    _ => format!("{day}T00:00:00.000+0000"),
                };
                Ok(Wanted::Span(shown(from), shown(until)))
            }
            (_, LiteralValue::Period { name, .. }) => {
                Err(Refusal::malformed(format!("unexpected token: '{name}'"), at))
            }
            (FieldType::Boolean, _) => Err(wrong_type(operand, "boolean", false, at)),
            (FieldType::Date, _) => Err(wrong_type(operand, "date", false, at)),
            (FieldType::DateTime, _) => Err(wrong_type(operand, "dateTime", false, at)),
            (FieldType::Int, _) => Err(wrong_type(operand, "int", false, at)),
            (kind, _) if kind.is_number() => Err(wrong_type(operand, "double", false, at)),
            (_, LiteralValue::Text(text)) if operator == Operator::Like => {
                Ok(Wanted::Text(text.to_lowercase()))
            }
            (_, LiteralValue::Text(text)) => Ok(Wanted::Text(
                text.replace("\\%", "%").replace("\\_", "_").to_lowercase(),
            )),
            _ => Err(wrong_type(operand, "string", true, at)),
        }
    }
}

fn check_grouping(outputs: &[Output<'_>], group_by: &[Operand<'_>], query: &Query) -> Result<(), Refusal> {
    for output in outputs {
        match output {
            Output::Value { operand, .. } => {
                let aggregated = operand.function.is_some_and(Function::aggregates);
                if !aggregated && !group_by.iter().any(|g| g.same(operand)) {
                    let text = format!("Field must be grouped or aggregated: {}", operand.path());
                    return Err(Refusal::malformed(text, query.from.at));
                }
            }
            Output::Children { .. } => {
                let text = "Grouped query cannot use child relationships in the SELECT list";
                return Err(Refusal::malformed(text, query.from.at));
            }
        }
    }
    Ok(())
}

//! Carries out a query: names to columns, joins, conditions, groups, order.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::rc::Rc;

use rust_decimal::Decimal;

use super::functions;
use super::syntax::{Expr, Item, Operator, Query, Source, Table as TableName};
use super::tables::{self, Column, Origin, Part, Table};
use super::value::Cell;
use crate::netsuite::references::View;
use crate::netsuite::settings::NetSuiteSettings;

/// One row of the join: a part per table.
type Row<'a> = Vec<Part<'a>>;

/// What a query gave: all rows in order, each evaluated when it is asked for.
pub(super) struct Found<'a> {
    engine: Engine<'a>,
    names: Vec<String>,
    rows: Rows<'a>,
}

enum Rows<'a> {
    /// Rows still to be projected.
    Joined(Vec<(Row<'a>, usize)>, Vec<Expr>),
    /// Rows that had to be computed.
    Computed(Vec<Vec<Cell>>),
}

impl Found<'_> {
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn len(&self) -> usize {
        match &self.rows {
            Rows::Joined(rows, _) => rows.len(),
            Rows::Computed(rows) => rows.len(),
        }
    }

    /// The values of some rows.
    pub(super) fn page(&self, skip: usize, take: usize) -> Result<Vec<Vec<Cell>>, String> {
        match &self.rows {
            Rows::Computed(rows) => Ok(rows.iter().skip(skip).take(take).cloned().collect()),
            Rows::Joined(rows, items) => {
                let project = |(row, number): &(Row<'_>, usize)| {
                    items
                        .iter()
                        .map(|e| self.engine.value(e, row, *number))
                        .collect::<Result<Vec<Cell>, String>>()
                };
                rows.iter().skip(skip).take(take).map(project).collect()
            }
        }
    }
}

/// Evaluates expressions over rows.
pub(super) struct Engine<'a> {
    view: View<'a>,
    settings: &'a NetSuiteSettings,
    parameters: Vec<Cell>,
    now: chrono::NaiveDateTime,
    /// Tables by position, without their rows.
    tables: Vec<(String, String, Vec<Column>)>,
}

/// Carries out a query.
pub(super) fn run<'a>(
    view: View<'a>,
    settings: &'a NetSuiteSettings,
    now: chrono::NaiveDateTime,
    query: Query,
    parameters: &[Cell],
) -> Result<Found<'a>, String> {
    let mut engine = Engine {
        view,
        settings,
        parameters: parameters.to_vec(),
        now,
        tables: Vec::new(),
    };
    let filter = query.filter;
    let rows = engine.join(query.from, filter.as_ref())?;
    let filter = filter.map(|f| engine.bind(f)).transpose()?;
    let mut kept = Vec::new();
    for row in rows {
        let number = kept.len() + 1;
        let keep = match &filter {
            Some(filter) => engine.holds(filter, &row, number)?,
            None => true,
        };
        if keep {
            kept.push((row, number));
        }
    }
    let (items, names) = engine.items(query.items)?;
    let order = engine.order(query.order, &items, &names)?;
    let group: Vec<Expr> = query
        .group
        .into_iter()
        .map(|e| engine.bind(e))
        .collect::<Result<_, _>>()?;
    let having = query.having.map(|e| engine.bind(e)).transpose()?;
    let grouped = !group.is_empty() || having.is_some() || items.iter().any(has_aggregate);
    let rows = if grouped {
        Rows::Computed(engine.grouped(&kept, &items, &group, having.as_ref(), &order)?)
    } else {
        engine.sorted(kept, items, &order)?
    };
    let rows = if query.distinct {
        engine.distinct(rows)?
    } else {
        rows
    };
    Ok(Found {
        engine,
        names,
        rows: cut(rows, query.skip, query.fetch),
    })
}

fn cut(rows: Rows<'_>, skip: usize, fetch: Option<usize>) -> Rows<'_> {
    let take = fetch.unwrap_or(usize::MAX);
    match rows {
        Rows::Joined(rows, items) => Rows::Joined(rows.into_iter().skip(skip).take(take).collect(), items),
        Rows::Computed(rows) => Rows::Computed(rows.into_iter().skip(skip).take(take).collect()),
    }
}

impl<'a> Engine<'a> {
    fn open(&self, table: &TableName) -> Result<Table<'a>, String> {
        match table {
            TableName::Named(name) => tables::table(self.view, self.settings, name)
                .ok_or_else(|| format!("Search error occurred: Record '{name}' was not found.")),
            TableName::Derived(query) => {
                let found = run(
                    self.view,
                    self.settings,
                    self.now,
                    (**query).clone(),
                    &self.parameters,
                )?;
                let rows = found
                    .page(0, usize::MAX)?
                    .into_iter()
                    .map(|cells| Part::Made(Rc::new(cells)))
                    .collect();
                let column = |(at, name): (usize, &String)| Column {
                    name: name.clone(),
                    origin: Origin::Made(at),
                };
                let columns = found.names.iter().enumerate().map(column).collect();
                Ok(Table {
                    name: String::new(),
                    columns,
                    rows,
                })
            }
        }
    }

    fn join(&mut self, from: Vec<Source>, filter: Option<&Expr>) -> Result<Vec<Row<'a>>, String> {
        let mut rows: Vec<Row<'a>> = vec![Vec::new()];
        for (at, source) in from.into_iter().enumerate() {
            let table = self.open(&source.table)?;
            self.tables.push((source.alias, table.name, table.columns));
            let on = source.on.map(|e| self.bind(e)).transpose()?;
            let mut keys = Vec::new();
            on.iter().for_each(|on| equalities(on, at, &mut keys));
            if on.is_none() && at > 0 {
                for part in filter.into_iter().flat_map(conjuncts) {
                    if let Ok(bound) = self.bind(part.clone()) {
                        equalities(&bound, at, &mut keys);
                    }
                }
            }
            rows = self.join_one(rows, table.rows, on.as_ref(), keys.first(), source.outer)?;
        }
        Ok(rows)
    }

    fn join_one(
        &self,
        left: Vec<Row<'a>>,
        right: Vec<Part<'a>>,
        on: Option<&Expr>,
        key: Option<&(Expr, Expr)>,
        outer: bool,
    ) -> Result<Vec<Row<'a>>, String> {
        let mut index: HashMap<String, Vec<usize>> = HashMap::new();
        if let Some((_, of_right)) = key {
            let width = left.first().map_or(0, Vec::len);
            for (at, part) in right.iter().enumerate() {
                let mut row = vec![Part::Missing; width];
                row.push(part.clone());
                index
                    .entry(self.value(of_right, &row, 0)?.join_key())
                    .or_default()
                    .push(at);
            }
        }
        let all: Vec<usize> = if key.is_none() {
            (0..right.len()).collect()
        } else {
            Vec::new()
        };
        let mut joined = Vec::new();
        for row in left {
            let candidates = match key {
                Some((of_left, _)) => index.get(&self.value(of_left, &row, 0)?.join_key()),
                None => Some(&all),
            };
            let before = joined.len();
            for part in candidates.into_iter().flatten().filter_map(|at| right.get(*at)) {
                let mut wider = row.clone();
                wider.push(part.clone());
                let fits = match on {
                    Some(on) => self.holds(on, &wider, 0)?,
                    None => true,
                };
                if fits {
                    joined.push(wider);
                }
            }
            if outer && joined.len() == before {
                let mut wider = row;
                wider.push(Part::Missing);
                joined.push(wider);
            }
        }
        Ok(joined)
    }

    fn items(&self, items: Vec<Item>) -> Result<(Vec<Expr>, Vec<String>), String> {
        let mut expressions = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for item in items {
            match item {
                Item::One(expression, name) => {
                    expressions.push(self.bind(expression)?);
                    names.push(if name == "expr" {
                        format!("expr{}", names.len() + 1)
                    } else {
                        name
                    });
                }
                Item::All(of) => {
                    let wanted = |alias: &String| of.as_ref().is_none_or(|of| of == alias);
                    let before = names.len();
                    for (part, (alias, _, columns)) in
                        self.tables.iter().enumerate().filter(|(_, t)| wanted(&t.0))
                    {
                        let _ = alias;
                        for (at, column) in columns.iter().enumerate() {
                            expressions.push(Expr::Column(part, at));
                            names.push(column.name.clone());
                        }
                    }
                    if let (Some(of), true) = (of, names.len() == before) {
                        return Err(self.unknown_identifier(&of));
                    }
                }
            }
        }
        Ok((expressions, names))
    }

    fn order(
        &self,
        order: Vec<(Expr, bool)>,
        items: &[Expr],
        names: &[String],
    ) -> Result<Vec<(Expr, bool)>, String> {
        let resolve = |expression: Expr| match &expression {
            Expr::Literal(Cell::Number(n)) => {
                let at = n.to_string().parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                at.and_then(|at| items.get(at))
                    .cloned()
                    .ok_or_else(|| format!("Invalid position '{n}' in ORDER BY."))
            }
            Expr::Name(None, name) => match names.iter().position(|n| n == name).and_then(|at| items.get(at))
            {
                Some(item) => Ok(item.clone()),
                None => self.bind(expression),
            },
            _ => self.bind(expression),
        };
        order
            .into_iter()
            .map(|(e, descends)| Ok((resolve(e)?, descends)))
            .collect()
    }

    fn sorted(
        &self,
        rows: Vec<(Row<'a>, usize)>,
        items: Vec<Expr>,
        order: &[(Expr, bool)],
    ) -> Result<Rows<'a>, String> {
        if order.is_empty() {
            return Ok(Rows::Joined(rows, items));
        }
        let mut keyed = Vec::with_capacity(rows.len());
        for row in rows {
            let keys: Vec<Cell> = order
                .iter()
                .map(|(e, _)| self.value(e, &row.0, row.1))
                .collect::<Result<_, _>>()?;
            keyed.push((keys, row));
        }
        keyed.sort_by(|(a, _), (b, _)| self.compare_keys(a, b, order));
        Ok(Rows::Joined(
            keyed.into_iter().map(|(_, row)| row).collect(),
            items,
        ))
    }

    fn compare_keys(&self, a: &[Cell], b: &[Cell], order: &[(Expr, bool)]) -> Ordering {
        for ((a, b), (_, descends)) in a.iter().zip(b).zip(order) {
            let ordering = a.order(b, self.settings.date_format);
            let ordering = if *descends { ordering.reverse() } else { ordering };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        Ordering::Equal
    }

    fn grouped(
        &self,
        rows: &[(Row<'a>, usize)],
        items: &[Expr],
        group: &[Expr],
        having: Option<&Expr>,
        order: &[(Expr, bool)],
    ) -> Result<Vec<Vec<Cell>>, String> {
        for item in items {
            if !is_grouped(item, group) {
                return Err(
                    "Search error occurred: Invalid expression: not a GROUP BY expression.".to_owned(),
                );
            }
        }
        let mut places: HashMap<Vec<String>, usize> = HashMap::new();
        let mut groups: Vec<Vec<&(Row<'a>, usize)>> = Vec::new();
        for row in rows {
            let key: Vec<String> = group
                .iter()
                .map(|e| Ok(self.value(e, &row.0, row.1)?.key()))
                .collect::<Result<_, String>>()?;
            let at = *places.entry(key).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            if let Some(members) = groups.get_mut(at) {
                members.push(row);
            }
        }
        if group.is_empty() && groups.is_empty() {
            groups.push(Vec::new());
        }
        let mut results = Vec::new();
        for members in &groups {
            let of_group = |e: &Expr| {
                self.value(
                    &self.folded(e, members)?,
                    members.first().map_or(&[], |m| &m.0),
                    0,
                )
            };
            let keep = match having {
                Some(having) => self.holds(
                    &self.folded(having, members)?,
                    members.first().map_or(&[], |m| &m.0),
                    0,
                )?,
                None => true,
            };
            if keep {
                let cells: Vec<Cell> = items.iter().map(of_group).collect::<Result<_, _>>()?;
                let keys: Vec<Cell> = order.iter().map(|(e, _)| of_group(e)).collect::<Result<_, _>>()?;
                results.push((keys, cells));
            }
        }
        results.sort_by(|(a, _), (b, _)| self.compare_keys(a, b, order));
        Ok(results.into_iter().map(|(_, cells)| cells).collect())
    }

    /// The expression with its aggregates computed over a group.
    fn folded(&self, expression: &Expr, members: &[&(Row<'a>, usize)]) -> Result<Expr, String> {
        let Expr::Aggregate(name, argument, distinct) = expression else {
            return map_children(expression.clone(), &mut |e| self.folded(&e, members));
        };
        let Some(argument) = argument else {
            return Ok(Expr::Literal(Cell::Number(Decimal::from(members.len()))));
        };
        let mut cells = Vec::new();
        for (row, number) in members {
            cells.push(self.value(argument, row, *number)?);
        }
        cells.retain(|c| !c.is_null());
        if *distinct {
            let mut seen = std::collections::HashSet::new();
            cells.retain(|c| seen.insert(c.key()));
        }
        Ok(Expr::Literal(functions::aggregate(
            name,
            cells,
            self.settings.date_format,
        )))
    }

    fn distinct(&self, rows: Rows<'a>) -> Result<Rows<'a>, String> {
        let mut computed = match rows {
            Rows::Computed(rows) => rows,
            Rows::Joined(rows, items) => {
                let project = |(row, number): &(Row<'_>, usize)| {
                    items
                        .iter()
                        .map(|e| self.value(e, row, *number))
                        .collect::<Result<Vec<Cell>, String>>()
                };
                rows.iter().map(project).collect::<Result<_, _>>()?
            }
        };
        let mut seen = std::collections::HashSet::new();
        computed.retain(|cells| seen.insert(cells.iter().map(Cell::key).collect::<Vec<_>>()));
        Ok(Rows::Computed(computed))
    }

    /// Looks up the names, parameters and sub-queries of an expression.
    fn bind(&self, expression: Expr) -> Result<Expr, String> {
        match expression {
            Expr::Name(of, name) => self.column(of.as_deref(), &name),
            Expr::Parameter(at) => {
                let cell = self.parameters.get(at).cloned();
                cell.map(Expr::Literal)
                    .ok_or_else(|| format!("No value was given for the parameter {}.", at + 1))
            }
            Expr::InQuery(left, query) => {
                let found = run(self.view, self.settings, self.now, *query, &self.parameters)?;
                let values = found
                    .page(0, usize::MAX)?
                    .into_iter()
                    .filter_map(|cells| cells.into_iter().next());
                Ok(Expr::In(
                    Box::new(self.bind(*left)?),
                    values.map(Expr::Literal).collect(),
                ))
            }
            Expr::Function(name, _) if !functions::is_known(&name) => Err(format!(
                "Invalid or unsupported search: Unknown function '{name}'."
            )),
            other => map_children(other, &mut |e| self.bind(e)),
        }
    }

    fn column(&self, of: Option<&str>, name: &str) -> Result<Expr, String> {
        let mut searched = None;
        for (part, (alias, table, columns)) in self.tables.iter().enumerate() {
            if of.is_some_and(|of| of != alias) {
                continue;
            }
            searched = Some(if table.is_empty() { alias } else { table });
            if let Some(at) = columns.iter().position(|c| c.name == name) {
                return Ok(Expr::Column(part, at));
            }
        }
        match (of, searched, self.tables.len()) {
            (_, Some(table), 1) | (Some(_), Some(table), _) => Err(format!(
                "Search error occurred: Field '{name}' for record '{table}' was not found."
            )),
            (of, _, _) => Err(self.unknown_identifier(of.unwrap_or(name))),
        }
    }

    fn unknown_identifier(&self, name: &str) -> String {
        let known: Vec<String> = self
            .tables
            .iter()
            .map(|(alias, table, _)| format!("{table}={alias}"))
            .collect();
        format!(
            "Invalid or unsupported search: Unknown identifier '{name}'. Available identifiers are: {{{}}}",
            known.join(", ")
        )
    }

    fn holds(&self, expression: &Expr, row: &[Part<'a>], number: usize) -> Result<bool, String> {
        Ok(self.truth(expression, row, number)?.unwrap_or(false))
    }

    /// Three-valued logic: `None` is unknown.
    fn truth(&self, expression: &Expr, row: &[Part<'a>], number: usize) -> Result<Option<bool>, String> {
        let format = self.settings.date_format;
        let value = |e: &Expr| self.value(e, row, number);
        Ok(match expression {
            Expr::Binary(Operator::And, left, right) => match self.truth(left, row, number)? {
                Some(false) => Some(false),
                Some(true) => self.truth(right, row, number)?,
                None => self.truth(right, row, number)?.filter(|t| !t),
            },
            Expr::Binary(Operator::Or, left, right) => match self.truth(left, row, number)? {
                Some(true) => Some(true),
                Some(false) => self.truth(right, row, number)?,
                None => self.truth(right, row, number)?.filter(|t| *t),
            },
            Expr::Not(inner) => self.truth(inner, row, number)?.map(|t| !t),
            Expr::IsNull(inner) => Some(value(inner)?.is_null()),
            Expr::In(left, list) => {
                let left = value(left)?;
                let mut unknown = left.is_null();
                for item in list {
                    match left.compare(&value(item)?, format) {
                        Some(Ordering::Equal) => return Ok(Some(true)),
                        None => unknown = true,
                        _ => {}
                    }
                }
                if unknown { None } else { Some(false) }
            }
            Expr::Between(inner, low, high) => {
                let (inner, low, high) = (value(inner)?, value(low)?, value(high)?);
                let above = inner.compare(&low, format).map(Ordering::is_ge);
                let below = inner.compare(&high, format).map(Ordering::is_le);
                above.zip(below).map(|(a, b)| a && b)
            }
            Expr::Like(text, pattern) => match (value(text)?, value(pattern)?) {
                (Cell::Null, _) | (_, Cell::Null) => None,
                (text, pattern) => {
                    let show = |c: Cell| c.shown(format).unwrap_or_default();
                    Some(functions::like(&show(text), &show(pattern)))
                }
            },
            Expr::Binary(operator, left, right) => {
                let (left, right) = (value(left)?, value(right)?);
                self.comparison(*operator, &left, &right)?
            }
            other => value(other)?.number().map(|n| !n.is_zero()),
        })
    }

    fn comparison(&self, operator: Operator, left: &Cell, right: &Cell) -> Result<Option<bool>, String> {
        let ordering = left.compare(right, self.settings.date_format);
        if ordering.is_none() && !left.is_null() && !right.is_null() {
            return Err(format!(
                "Search error occurred: Invalid or unsupported comparison of {left:?} with {right:?}."
            ));
        }
        let test: fn(Ordering) -> bool = match operator {
            Operator::Equal => Ordering::is_eq,
            Operator::NotEqual => Ordering::is_ne,
            Operator::Less => Ordering::is_lt,
            Operator::LessOrEqual => Ordering::is_le,
            Operator::Greater => Ordering::is_gt,
            Operator::GreaterOrEqual => Ordering::is_ge,
            _ => return Err("Search error occurred: a condition is expected.".to_owned()),
        };
        Ok(ordering.map(test))
    }

    fn value(&self, expression: &Expr, row: &[Part<'a>], number: usize) -> Result<Cell, String> {
        let value = |e: &Expr| self.value(e, row, number);
        Ok(match expression {
            Expr::Literal(cell) => cell.clone(),
            Expr::Column(part, at) => match (row.get(*part), self.origin(*part, *at)) {
                (Some(part), Some(origin)) => tables::read(part, origin, self.settings),
                _ => Cell::Null,
            },
            Expr::RowNumber => Cell::Number(Decimal::from(number)),
            Expr::Negative(inner) => value(inner)?.number().map_or(Cell::Null, |n| Cell::Number(-n)),
            Expr::Binary(operator, left, right) if functions::is_arithmetic(*operator) => {
                functions::arithmetic(
                    *operator,
                    &value(left)?,
                    &value(right)?,
                    self.settings.date_format,
                )?
            }
            Expr::Case(branches, otherwise) => {
                for (when, then) in branches {
                    if self.holds(when, row, number)? {
                        return value(then);
                    }
                }
                match otherwise {
                    Some(otherwise) => value(otherwise)?,
                    None => Cell::Null,
                }
            }
            Expr::Function(name, arguments) if name == "BUILTIN.DF" => match arguments.first() {
                Some(Expr::Column(part, at)) => self.display(row, *part, *at),
                Some(other) => value(other)?,
                None => Cell::Null,
            },
            Expr::Function(name, arguments) => {
                let cells: Vec<Cell> = arguments.iter().map(value).collect::<Result<_, _>>()?;
                functions::call(name, &cells, self.now, self.settings.date_format)?
            }
            Expr::Aggregate(name, ..) => {
                return Err(format!("Search error occurred: {name} is not allowed here."));
            }
            condition => self.truth(condition, row, number)?.map_or(Cell::Null, Cell::flag),
        })
    }

    fn origin(&self, part: usize, at: usize) -> Option<&Origin> {
        self.tables.get(part)?.2.get(at).map(|c| &c.origin)
    }

    fn display(&self, row: &[Part<'a>], part: usize, at: usize) -> Cell {
        let (Some(cells), Some(origin)) = (row.get(part), self.origin(part, at)) else {
            return Cell::Null;
        };
        match tables::display(self.view, cells, origin) {
            Some(text) => Cell::Text(text),
            None => tables::read(cells, origin, self.settings),
        }
    }
}

fn conjuncts(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::Binary(Operator::And, left, right) => {
            let mut parts = conjuncts(left);
            parts.extend(conjuncts(right));
            parts
        }
        other => vec![other],
    }
}

/// The equalities of a bound condition between an earlier table and table `at`: (earlier side, new side).
fn equalities(on: &Expr, at: usize, found: &mut Vec<(Expr, Expr)>) {
    for part in conjuncts(on) {
        if let Expr::Binary(Operator::Equal, left, right) = part {
            for (earlier, new) in [(left, right), (right, left)] {
                let (mut of_earlier, mut of_new) = (Vec::new(), Vec::new());
                parts_of(earlier, &mut of_earlier);
                parts_of(new, &mut of_new);
                let is_earlier = !of_earlier.is_empty() && of_earlier.iter().all(|p| *p < at);
                if is_earlier && !of_new.is_empty() && of_new.iter().all(|p| *p == at) {
                    found.push(((**earlier).clone(), (**new).clone()));
                }
            }
        }
    }
}

fn parts_of(expression: &Expr, parts: &mut Vec<usize>) {
    if let Expr::Column(part, _) = expression {
        parts.push(*part);
    }
    for child in children(expression) {
        parts_of(child, parts);
    }
}

fn has_aggregate(expression: &Expr) -> bool {
    matches!(expression, Expr::Aggregate(..)) || children(expression).into_iter().any(has_aggregate)
}

/// Whether every column of an expression is grouped by or aggregated.
fn is_grouped(expression: &Expr, group: &[Expr]) -> bool {
    if group.contains(expression) || matches!(expression, Expr::Aggregate(..)) {
        return true;
    }
    !matches!(expression, Expr::Column(..)) && children(expression).into_iter().all(|c| is_grouped(c, group))
}

fn children(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::Binary(_, a, b) | Expr::Like(a, b) => vec![a, b],
        Expr::Not(a) | Expr::Negative(a) | Expr::IsNull(a) | Expr::InQuery(a, _) => vec![a],
        Expr::In(a, list) => std::iter::once(&**a).chain(list).collect(),
        Expr::Between(a, b, c) => vec![a, b, c],
        Expr::Case(branches, otherwise) => branches
            .iter()
            .flat_map(|(w, t)| [w, t])
            .chain(otherwise.as_deref())
            .collect(),
        Expr::Function(_, arguments) => arguments.iter().collect(),
        Expr::Aggregate(_, argument, _) => argument.as_deref().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The expression with each of its direct children replaced.
fn map_children(expression: Expr, f: &mut dyn FnMut(Expr) -> Result<Expr, String>) -> Result<Expr, String> {
    let mut boxed = |e: Box<Expr>| f(*e).map(Box::new);
    Ok(match expression {
        Expr::Binary(operator, a, b) => Expr::Binary(operator, boxed(a)?, boxed(b)?),
        Expr::Like(a, b) => Expr::Like(boxed(a)?, boxed(b)?),
        Expr::Not(a) => Expr::Not(boxed(a)?),
        Expr::Negative(a) => Expr::Negative(boxed(a)?),
        Expr::IsNull(a) => Expr::IsNull(boxed(a)?),
        Expr::Between(a, b, c) => Expr::Between(boxed(a)?, boxed(b)?, boxed(c)?),
        Expr::In(a, list) => {
            let a = boxed(a)?;
            Expr::In(a, list.into_iter().map(&mut *f).collect::<Result<_, _>>()?)
        }
        Expr::Case(branches, otherwise) => {
            let otherwise = otherwise.map(&mut boxed).transpose()?;
            let branches = branches
                .into_iter()
                .map(|(w, t)| Ok((f(w)?, f(t)?)))
                .collect::<Result<_, String>>()?;
            Expr::Case(branches, otherwise)
        }
        Expr::Function(name, arguments) => {
            Expr::Function(name, arguments.into_iter().map(f).collect::<Result<_, _>>()?)
        }
        Expr::Aggregate(name, argument, distinct) => {
            Expr::Aggregate(name, argument.map(boxed).transpose()?, distinct)
        }
        other => other,
    })
}

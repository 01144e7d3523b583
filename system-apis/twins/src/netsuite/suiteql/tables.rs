//! The tables that SuiteQL sees, over the records of the store.
//!
//! Record types appear under their lower-case names with lower-case columns; transactions of all types together in
//! `transaction`, their lines in `transactionline` and `transactionaccountingline`. Which further columns a real account
//! has is not documented; these are the documented names of the REST fields.

use std::rc::Rc;

use chrono::NaiveDateTime;
use rust_decimal::Decimal;
use serde_json::Value;

use super::value::Cell;
use crate::netsuite::references::{View, in_order};
use crate::netsuite::rules::LEDGER;
use crate::netsuite::schema::{Kind, RecordType};
use crate::netsuite::settings::NetSuiteSettings;
use crate::netsuite::value::{decimal, lines_of, minutes, number_of, text_of};
use crate::store::{Fields, Record};

/// A row of one table.
#[derive(Clone)]
pub(super) enum Part<'a> {
    /// A record; of no type = a line of the ledger.
    Row(Option<&'a RecordType>, &'a Record),
    /// A row that was made up.
    Made(Rc<Vec<Cell>>),
    /// The empty side of an outer join.
    Missing,
}

/// Where a column's value comes from.
#[derive(Clone)]
pub(super) enum Origin {
    Id,
    Field(String, Kind),
    Created,
    Changed,
    Fixed(Cell),
    /// Something of the record's type.
    TypeCode,
    TypeName,
    /// The party of a transaction, whatever its field is called.
    Party,
    /// `total` of a transaction.
    Total,
    Made(usize),
}

/// A column.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) origin: Origin,
}

/// A table with its rows.
pub(super) struct Table<'a> {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Part<'a>>,
}

fn column(name: &str, origin: Origin) -> Column {
    Column {
        name: name.to_owned(),
        origin,
    }
}

fn field(name: &str, field: &str, kind: Kind) -> Column {
    column(name, Origin::Field(field.to_owned(), kind))
}

fn reference(name: &str, target: &str) -> Column {
    field(name, name, Kind::Reference(vec![target.to_owned()]))
}

/// Finds a table by its lower-case name; `None` where there is none or the role may not see it.
pub(super) fn table<'a>(view: View<'a>, settings: &NetSuiteSettings, name: &str) -> Option<Table<'a>> {
    let made = match name {
        "transaction" => Some(transactions(view)),
        "transactionline" => Some(transaction_lines(view)),
        "transactionaccountingline" => Some(accounting_lines(view)),
        "nexttransactionlinelink" => Some(links(view)),
        "deletedrecord" => Some(deleted_records(view)),
        _ => None,
    };
    if made.is_some() {
        return made;
    }
    let record = view
        .schema
        .types()
        .find(|t| t.name.to_lowercase() == name || t.tables.iter().any(|x| x == name))?;
    if record.is_transaction()
        || settings
            .denied_types
            .iter()
            .any(|t| t.eq_ignore_ascii_case(&record.name))
    {
        return None;
    }
    let rows = in_order(view.tables, &record.name)
        .into_iter()
        .map(|r| Part::Row(Some(record), r))
        .collect();
    Some(Table {
        name: name.to_owned(),
        columns: record_columns(record),
        rows,
    })
}

fn record_columns(record: &RecordType) -> Vec<Column> {
    let mut columns = vec![
        column("id", Origin::Id),
        field("externalid", "externalId", Kind::Text),
    ];
    for (name, known) in &record.shape.fields {
        let origin = match (&known.kind, name.as_str()) {
            (Kind::Sublist(_) | Kind::Subrecord(_), _) => continue,
            (_, "dateCreated" | "createdDate") => Origin::Created,
            (kind, _) => Origin::Field(name.clone(), kind.clone()),
        };
        columns.push(Column {
            name: name.to_lowercase(),
            origin,
        });
    }
    columns.push(column("lastmodifieddate", Origin::Changed));
    if record.name == "serviceSaleItem" {
        columns.push(column(
            "itemtype",
            Origin::Fixed(Cell::Text("Service".to_owned())),
        ));
    }
    columns
}

fn transactions(view: View<'_>) -> Table<'_> {
    let mut columns = vec![
        column("id", Origin::Id),
        column("type", Origin::TypeCode),
        column("recordtype", Origin::TypeName),
        column("entity", Origin::Party),
        column("foreigntotal", Origin::Total),
        field("foreignamountpaid", "amountPaid", Kind::Number),
        field("foreignamountunpaid", "amountRemaining", Kind::Number),
    ];
    let mut rows = Vec::new();
    for record in view.schema.types().filter(|t| t.is_transaction()) {
        for more in record_columns(record) {
            if !columns.iter().any(|c| c.name == more.name) {
                columns.push(more);
            }
        }
        rows.extend(view.tables.rows(&record.name).map(|r| {
            (
                crate::netsuite::references::number(&r.id),
                Part::Row(Some(record), r),
            )
        }));
    }
    rows.sort_by_key(|(number, _)| *number);
    Table {
        name: "transaction".to_owned(),
        columns,
        rows: rows.into_iter().map(|(_, part)| part).collect(),
    }
}

fn ledger<'a>(view: View<'a>, posting_only: bool) -> Vec<Part<'a>> {
    let mut rows: Vec<&Record> = view
        .tables
        .rows(LEDGER)
        .filter(|r| !posting_only || r.text("account").is_some())
        .collect();
    rows.sort_by_key(|r| {
        let line = r.get("line").as_u64().unwrap_or_default();
        (
            crate::netsuite::references::number(r.text("transaction").unwrap_or_default()),
            line,
        )
    });
    rows.into_iter().map(|r| Part::Row(None, r)).collect()
}

fn transaction_lines(view: View<'_>) -> Table<'_> {
    let columns = vec![
        field("transaction", "transaction", Kind::Integer),
        field("id", "line", Kind::Integer),
        field("linesequencenumber", "line", Kind::Integer),
        column("uniquekey", Origin::Id),
        field("mainline", "mainLine", Kind::Bool),
        field("taxline", "taxLine", Kind::Bool),
        reference("item", "serviceSaleItem"),
        field("quantity", "quantity", Kind::Number),
        field("rate", "rate", Kind::Number),
        field("foreignamount", "foreignAmount", Kind::Number),
        field("netamount", "netAmount", Kind::Number),
        field("memo", "memo", Kind::Text),
        field(
            "entity",
            "entity",
            Kind::Reference(["customer", "job", "employee"].map(str::to_owned).to_vec()),
        ),
        reference("subsidiary", "subsidiary"),
        reference("department", "department"),
        reference("class", "classification"),
        reference("location", "location"),
        column("linelastmodifieddate", Origin::Changed),
    ];
    Table {
        name: "transactionline".to_owned(),
        columns,
        rows: ledger(view, false),
    }
}

fn accounting_lines(view: View<'_>) -> Table<'_> {
    let columns = vec![
        field("transaction", "transaction", Kind::Integer),
        field("transactionline", "line", Kind::Integer),
        column("accountingbook", Origin::Fixed(Cell::Number(Decimal::ONE))),
        reference("account", "account"),
        field("debit", "debit", Kind::Number),
        field("credit", "credit", Kind::Number),
        field("amount", "netAmount", Kind::Number),
        field("netamount", "netAmount", Kind::Number),
        field("foreignamount", "foreignAmount", Kind::Number),
        field("posting", "posting", Kind::Bool),
        column("lastmodifieddate", Origin::Changed),
    ];
    Table {
        name: "transactionaccountingline".to_owned(),
        columns,
        rows: ledger(view, true),
    }
}

fn made_table<'a>(name: &str, columns: &[&str], rows: Vec<Vec<Cell>>) -> Table<'a> {
    let columns = columns
        .iter()
        .enumerate()
        .map(|(at, c)| column(c, Origin::Made(at)))
        .collect();
    let rows = rows.into_iter().map(|cells| Part::Made(Rc::new(cells))).collect();
    Table {
        name: name.to_owned(),
        columns,
        rows,
    }
}

/// Which transaction line led to which: orders to invoices, invoices to payments and credits.
fn links(view: View<'_>) -> Table<'_> {
    let text = |text: &str| Cell::Text(text.to_owned());
    let amount = |line: &Fields| number_of(line, "amount").map_or(Cell::Null, Cell::Number);
    let mut rows = Vec::new();
    for invoice in in_order(view.tables, "invoice") {
        for line in lines_of(&invoice.fields, "item") {
            if let Some(order) = text_of(&line, "orderDoc") {
                rows.push(vec![
                    Cell::id(order),
                    Cell::id(&invoice.id),
                    text("OrdBill"),
                    text("SalesOrd"),
                    text("CustInvc"),
                    amount(&line),
                ]);
            }
        }
    }
    for (record, code) in [("customerPayment", "CustPymt"), ("creditMemo", "CustCred")] {
        for row in in_order(view.tables, record) {
            for line in lines_of(&row.fields, "apply") {
                let invoice = text_of(&line, "doc").unwrap_or_default();
                rows.push(vec![
                    Cell::id(invoice),
                    Cell::id(&row.id),
                    text("Payment"),
                    text("CustInvc"),
                    text(code),
                    amount(&line),
                ]);
            }
        }
    }
    made_table(
        "nexttransactionlinelink",
        &[
            "previousdoc",
            "nextdoc",
            "linktype",
            "previoustype",
            "nexttype",
            "foreignamount",
        ],
        rows,
    )
}

fn deleted_records(view: View<'_>) -> Table<'_> {
    let mut rows = Vec::new();
    for record in view.schema.types() {
        for row in view.tables.all_rows(&record.name).filter(|r| r.deleted) {
            rows.push(vec![
                Cell::Time(row.changed_at.naive_utc()),
                Cell::id(&row.id),
                Cell::Number(Decimal::from(record.number)),
                Cell::Text(record.name.to_lowercase()),
            ]);
        }
    }
    made_table(
        "deletedrecord",
        &["deleteddate", "recordid", "recordtypeid", "scriptid"],
        rows,
    )
}

/// The value of a column.
pub(super) fn read(part: &Part<'_>, origin: &Origin, settings: &NetSuiteSettings) -> Cell {
    let (record, row) = match part {
        Part::Missing => return Cell::Null,
        Part::Made(cells) => {
            let Origin::Made(at) = origin else {
                return Cell::Null;
            };
            return cells.get(*at).cloned().unwrap_or(Cell::Null);
        }
        Part::Row(record, row) => (*record, *row),
    };
    let own = |name: &str| text_of(&row.fields, name);
    match origin {
        Origin::Id => Cell::id(&row.id.replace('_', "")),
        Origin::Created => Cell::Time(row.created_at.naive_utc()),
        Origin::Changed => Cell::Time(row.changed_at.naive_utc()),
        Origin::Fixed(cell) => cell.clone(),
        Origin::TypeCode => record.and_then(|r| r.code.clone()).map_or(Cell::Null, Cell::Text),
        Origin::TypeName => record.map_or(Cell::Null, |r| Cell::Text(r.name.to_lowercase())),
        Origin::Party => own("entity")
            .or_else(|| own("customer"))
            .map_or(Cell::Null, Cell::id),
        Origin::Total => {
            let total = number_of(&row.fields, "total").or_else(|| number_of(&row.fields, "debitTotal"));
            total.map_or(Cell::Null, Cell::Number)
        }
        Origin::Made(_) => Cell::Null,
        Origin::Field(name, Kind::Enumeration) if name == "jobBillingType" => {
            let known = own(name).and_then(|id| settings.job_billing_types.get(id));
            known.map_or(Cell::Null, |t| Cell::Text(t.code.clone()))
        }
        Origin::Field(name, kind) => cell(row.get(name), kind),
    }
}

fn cell(value: &Value, kind: &Kind) -> Cell {
    match (kind, value) {
        (Kind::Bool, value) => Cell::flag(value.as_bool().unwrap_or(false)),
        (_, Value::Null) => Cell::Null,
        (Kind::Number | Kind::Integer, value) => decimal(value).map_or(Cell::Null, Cell::Number),
        (Kind::Hours, value) => {
            let worked = value.as_str().and_then(minutes);
            worked.map_or(Cell::Null, |m| {
                Cell::Number((Decimal::from(m) / Decimal::from(60)).round_dp(6))
            })
        }
        (Kind::Date, Value::String(text)) => crate::netsuite::value::date(text).map_or(Cell::Null, Cell::day),
        (Kind::DateTime, Value::String(text)) => {
            let time = chrono::DateTime::parse_from_rfc3339(text).map(|t| t.naive_utc());
            time.map_or(Cell::Null, |t: NaiveDateTime| Cell::Time(t))
        }
        (Kind::Reference(_), Value::String(text)) => Cell::id(text),
        (_, Value::String(text)) => Cell::Text(text.clone()),
        (_, other) => Cell::Text(other.to_string()),
    }
}

/// `BUILTIN.DF`: what a person sees instead of an id.
pub(super) fn display(view: View<'_>, part: &Part<'_>, origin: &Origin) -> Option<String> {
    let Part::Row(record, row) = part else { return None };
    match origin {
        Origin::TypeCode => record.map(|r| r.title.clone()),
        Origin::Party => {
            let types = ["customer", "job", "employee"].map(str::to_owned);
            let id = row.text("entity").or_else(|| row.text("customer"))?;
            Some(view.display(view.type_of(&types, id)?, id))
        }
        Origin::Field(name, Kind::Reference(types)) => {
            let id = row.text(name)?;
            Some(view.display(view.type_of(types, id)?, id))
        }
        Origin::Field(name, Kind::Enumeration) => {
            let record = (*record)?;
            let label = record.shape.fields.get(name)?.options.get(row.text(name)?)?;
            let of_transaction = record.is_transaction() && name == "status";
            Some(if of_transaction {
                format!("{} : {label}", record.title)
            } else {
                label.clone()
            })
        }
        _ => None,
    }
}

//! What time-to-invoice keeps: the posting lines, the agreements that they are charged under, and the billing runs.
//!
//! Functions take the transaction that they are part of and never open one. What is true of many lines is written by
//! statements over many lines: a firm with 300,000 entries a week is an ordinary Tuesday.

pub mod billing;
mod bulk;
pub mod contracts;
pub mod desk;
pub mod intake;
pub mod journal;
pub mod listing;
pub mod posting;
pub mod reversal;
mod schema;

use canonical_model::{CanonicalId, Currency, Failure, Money, Result, SourceKind};
use persistence::{Row, Tx, Value};

use crate::edits::Edits;
use crate::line::{LineState, PostingLine, Work};

use bulk::Bulk;

pub use schema::MIGRATIONS;

/// What a line's kind is called in a column.
#[must_use]
pub fn kind_word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::TimeEntry => "time_entry",
        SourceKind::Expense => "expense",
        SourceKind::Milestone => "milestone",
        SourceKind::BillingEvent => "billing_event",
    }
}

/// What a line's state is called in a column.
#[must_use]
pub fn state_word(state: LineState) -> &'static str {
    match state {
        LineState::Queued => "queued",
        LineState::Posting => "posting",
        LineState::Posted => "posted",
        LineState::Reversing => "reversing",
        LineState::Reversed => "reversed",
        LineState::Excepted => "excepted",
        LineState::Skipped => "skipped",
        LineState::Withdrawn => "withdrawn",
    }
}

/// A word of a column as the value that it stands for.
fn read_word<T: serde::de::DeserializeOwned>(word: &str) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(|_| {
        Failure::fault(
            "database_content",
            format!("{word:?} is no word that this version knows"),
        )
    })
}

/// JSON for a column.
fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Failure::fault("database_content", "a value cannot be kept as JSON").with_detail(error.to_string())
    })
}

/// Money as whole minor units and currency: what sums of the database are exact in. No money is an empty currency.
fn minor(money: Option<Money>) -> Result<(i64, String)> {
    use rust_decimal::prelude::ToPrimitive;
    let Some(money) = money else {
        return Ok((0, String::new()));
    };
    let mut amount = money.amount;
    amount.rescale(money.currency.minor_units());
    // Rescaling stops short of an overflow and rounds what does not fit: neither may pass.
    let exact = amount == money.amount && amount.scale() == money.currency.minor_units();
    amount.set_scale(0).ok();
    match amount.to_i64().filter(|_| exact) {
        Some(minor) => Ok((minor, money.currency.to_string())),
        None => {
            let message = format!("{money} is no whole number of minor units");
            Err(Failure::fault("amount_not_rounded", message))
        }
    }
}

/// Money from minor units and currency.
fn money(minor: i64, currency: &str) -> Result<Option<Money>> {
    if currency.is_empty() {
        return Ok(None);
    }
    Ok(Some(Money::from_minor(minor, currency.parse::<Currency>()?)))
}

/// Which posting of its source a line is.
fn generation(row: &Row) -> Result<u32> {
    let generation = row.int("generation")?;
    u32::try_from(generation).map_err(|_| {
        let message = format!("{generation} is no generation of a line");
        Failure::fault("database_content", message)
    })
}

/// A line, its work as the PSA says it with what a person decided on top.
fn line_of(row: &Row) -> Result<PostingLine> {
    let work: Work = row.json("work")?;
    let work = match row.opt_json::<Edits>("edits")? {
        Some(edits) => edits.apply(work),
        None => work,
    };
    Ok(PostingLine {
        id: row.id("id")?,
        connection: row.text("connection")?,
        source_id: row.text("source_id")?,
        generation: generation(row)?,
        work,
        digest: row.text("digest")?,
        state: read_word(&row.text("state")?)?,
        legal_entity: row.opt_text("legal_entity")?,
        erp_id: row.opt_text("erp_id")?,
        erp_project_id: row.opt_text("erp_project_id")?,
        invoice_id: row.opt_text("invoice_id")?,
        failure: row.opt_json("failure")?,
    })
}

/// Runs a statement over ids; the number of rows that it changed.
async fn execute_over_ids(
    tx: &mut Tx,
    template: &'static str,
    fixed: Vec<Value>,
    ids: &[CanonicalId],
) -> Result<u64> {
    let statement = Bulk {
        template,
        fixed: fixed.len(),
        columns: 1,
        brackets: false,
    };
    let mut changed = 0;
    for piece in bulk::pieces(ids) {
        let mut values = fixed.clone();
        values.extend(piece.iter().map(|id| Value::from(*id)));
        changed += tx.execute(statement.text(piece.len()), values).await?;
    }
    Ok(changed)
}

/// Runs a statement over rows of values; the number of rows that it changed.
async fn execute_over_rows(
    tx: &mut Tx,
    template: &'static str,
    fixed: Vec<Value>,
    rows: Vec<Vec<Value>>,
) -> Result<u64> {
    let columns = rows.first().map_or(0, Vec::len);
    let statement = Bulk {
        template,
        fixed: fixed.len(),
        columns,
        brackets: true,
    };
    let mut changed = 0;
    for piece in bulk::pieces(&rows) {
        let mut values = fixed.clone();
        values.extend(piece.iter().flatten().cloned());
        changed += tx.execute(statement.text(piece.len()), values).await?;
    }
    Ok(changed)
}

/// Refuses to go on where lines moved under a statement: the whole transaction is tried again on what is true then.
fn all_moved(changed: u64, wanted: usize) -> Result<()> {
    if u64::try_from(wanted).is_ok_and(|wanted| wanted == changed) {
        return Ok(());
    }
    let message =
        format!("{wanted} posting lines were to be moved and {changed} were; others moved them first");
    Err(Failure::transient("line_moved", message))
}

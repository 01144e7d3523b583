//! Posting lines as people and programs look at them.

use canonical_model::{CanonicalId, Minutes, Money, PostingLineView, Result};
use chrono::NaiveDate;
use persistence::{Row, Tx, args};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::line::LineState;

use super::{generation, money, read_word, state_word};

/// Which lines to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<LineState>,
    /// Only of this project.
    pub project: Option<CanonicalId>,
    /// Only of this person (e-mail address).
    pub person: Option<String>,
    /// Only work on or after this day.
    pub date_from: Option<NaiveDate>,
    /// Only work on or before this day.
    pub date_to: Option<NaiveDate>,
}

const LIST: &str = "SELECT l.id AS id, l.connection AS connection, l.kind AS kind, l.source_id AS source_id,
        p.code AS code, l.person AS person, l.day AS day, l.minutes AS minutes, l.charge_minor AS charge_minor,
        l.charge_currency AS charge_currency, l.state AS state, l.erp_connection AS erp_connection, l.erp_id AS erp_id,
        l.invoice_id AS invoice_id, l.generation AS generation, l.reverses AS reverses, l.credit_note AS credit_note
    FROM posting_lines l LEFT JOIN projects p ON p.id = l.project_id
    WHERE l.id > $1 AND ($2 = '' OR l.state = $2) AND ($3 = '' OR l.project_id = $3) AND ($4 = '' OR l.person = $4)
        AND l.day >= $5 AND l.day <= $6
    ORDER BY l.id LIMIT $7";

/// Lines in the order in which they came in, from behind an id on.
///
/// # Errors
/// Failures of the database.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    after: Option<CanonicalId>,
    limit: u32,
) -> Result<Vec<PostingLineView>> {
    let text = |id: Option<CanonicalId>| id.map_or_else(String::new, |id| id.to_string());
    let values = args![
        text(after),
        filter.state.map_or("", state_word),
        text(filter.project),
        filter.person.clone().unwrap_or_default(),
        first_day(filter.date_from),
        last_day(filter.date_to),
        limit
    ];
    let rows = tx.all(LIST, values).await?;
    rows.iter().map(view_of).collect()
}

// Days are compared as ISO text: no day comes before the empty one and none behind the last.
fn first_day(day: Option<NaiveDate>) -> String {
    day.map_or_else(String::new, |day| day.to_string())
}

pub(super) fn last_day(day: Option<NaiveDate>) -> String {
    day.map_or_else(|| "9999-12-31".to_owned(), |day| day.to_string())
}

fn view_of(row: &Row) -> Result<PostingLineView> {
    let erp = row.opt_text("erp_connection")?.zip(row.opt_text("erp_id")?);
    let person = row.text("person")?;
    Ok(PostingLineView {
        id: row.id("id")?,
        kind: read_word(&row.text("kind")?)?,
        source: format!("{}/{}", row.text("connection")?, row.text("source_id")?),
        project_code: row.opt_text("code")?,
        person: Some(person).filter(|person| person.contains('@')),
        date: row.date("day")?,
        minutes: Minutes::new(row.int("minutes")?),
        charge: money(row.int("charge_minor")?, &row.text("charge_currency")?)?,
        state: read_word(&row.text("state")?)?,
        posting: erp.map(|(connection, id)| format!("{connection}/{id}")),
        invoice: row.opt_text("invoice_id")?,
        generation: generation(row)?,
        reverses: row.opt_id("reverses")?,
        credit_note: row.opt_text("credit_note")?,
    })
}

/// What lines of one state, entity, project and currency come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostingSum {
    /// Where they stand.
    pub state: LineState,
    /// Canonical code of the legal entity, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "de")]
    pub legal_entity: Option<String>,
    /// The project, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<CanonicalId>,
    /// The firm's code of the project, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "HEL-0ABCDEF1")]
    pub project_code: Option<String>,
    /// How many lines.
    pub lines: u64,
    /// Their time.
    pub minutes: Minutes,
    /// What the client pays for them; absent for lines that are not charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Money>,
}

const SUMS: &str = "SELECT l.state AS state, l.legal_entity AS legal_entity, l.project_id AS project_id, p.code AS code,
        l.charge_currency AS currency, COUNT(*) AS lines, SUM(l.minutes) AS minutes, SUM(l.charge_minor) AS charge
    FROM posting_lines l LEFT JOIN projects p ON p.id = l.project_id
    WHERE ($1 = '' OR l.project_id = $1) AND l.day >= $2 AND l.day <= $3
    GROUP BY l.state, l.legal_entity, l.project_id, p.code, l.charge_currency
    ORDER BY l.state, l.legal_entity, p.code, l.charge_currency";

/// Time and money by state, legal entity, project and currency.
///
/// # Errors
/// Failures of the database.
pub async fn sums(
    tx: &mut Tx,
    project: Option<CanonicalId>,
    date_from: Option<NaiveDate>,
    date_to: Option<NaiveDate>,
) -> Result<Vec<PostingSum>> {
    let project = project.map_or_else(String::new, |id| id.to_string());
    let rows = tx
        .all(SUMS, args![project, first_day(date_from), last_day(date_to)])
        .await?;
    let sum = |row: &Row| {
        Ok(PostingSum {
            state: read_word(&row.text("state")?)?,
            legal_entity: row.opt_text("legal_entity")?,
            project_id: row.opt_id("project_id")?,
            project_code: row.opt_text("code")?,
            lines: u64::try_from(row.int("lines")?).unwrap_or(0),
            minutes: Minutes::new(row.int("minutes")?),
            charge: money(row.int("charge")?, &row.text("currency")?)?,
        })
    };
    rows.iter().map(sum).collect()
}

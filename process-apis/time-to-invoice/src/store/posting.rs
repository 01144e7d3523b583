//! Batches of lines on their way into the books.

use canonical_model::{CanonicalId, Failure, Money, Result, SourceKind};
use chrono::{DateTime, Utc};
use persistence::{Tx, Value, args};
use serde::{Deserialize, Serialize};

use crate::line::{PostingLine, Work};

use super::{
    all_moved, execute_over_ids, execute_over_rows, json, kind_word, line_of, minor, money, read_word,
};

/// Lines that are posted together: of one kind, on one project of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The connection they came from.
    pub connection: String,
    /// What they are of.
    pub kind: SourceKind,
    /// Id of the project there.
    pub project: String,
}

const QUEUED: &str = "SELECT connection, kind, project FROM posting_lines WHERE state = 'queued'
    GROUP BY connection, kind, project ORDER BY connection, kind, project LIMIT $1";

/// Groups in which lines wait.
///
/// # Errors
/// Failures of the database.
pub async fn queued_groups(tx: &mut Tx, limit: u32) -> Result<Vec<Group>> {
    let rows = tx.all(QUEUED, args![limit]).await?;
    let group = |row: &persistence::Row| {
        Ok(Group {
            connection: row.text("connection")?,
            kind: read_word(&row.text("kind")?)?,
            project: row.text("project")?,
        })
    };
    rows.iter().map(group).collect()
}

const UNDER_WAY: &str = "SELECT COUNT(DISTINCT batch) AS batches FROM posting_lines
    WHERE state = 'posting' AND connection = $1 AND kind = $2 AND project = $3";

/// Batches of a group that have lines on their way.
///
/// # Errors
/// Failures of the database.
pub async fn batches_under_way(tx: &mut Tx, group: &Group) -> Result<u64> {
    let values = args![&group.connection, kind_word(group.kind), &group.project];
    let row = tx.one(UNDER_WAY, values).await?;
    let batches = row.map_or(Ok(0), |row| row.int("batches"))?;
    Ok(u64::try_from(batches).unwrap_or(0))
}

const CLAIM: &str = "UPDATE posting_lines SET state = 'posting', batch = $1, changed_at = $2
    WHERE state = 'queued' AND id IN (
        SELECT id FROM posting_lines
        WHERE state = 'queued' AND connection = $3 AND kind = $4 AND project = $5
        ORDER BY day, id LIMIT $6)";

/// Gives the oldest waiting lines of a group to a batch; how many.
///
/// # Errors
/// Failures of the database.
pub async fn claim(tx: &mut Tx, group: &Group, batch: &str, limit: u32, now: DateTime<Utc>) -> Result<u64> {
    let kind = kind_word(group.kind);
    #[cfg(feature = "simulation")]
    if canonical_model::simulation::planted(canonical_model::simulation::Defect::CrossEntityLeak) {
        let sql = "UPDATE posting_lines SET state = 'posting', batch = $1, changed_at = $2
            WHERE state = 'queued' AND id IN (
                SELECT id FROM posting_lines
                WHERE state = 'queued' AND connection = $3 AND kind = $4 ORDER BY day, id LIMIT $5)";
        return tx
            .execute(sql, args![batch, now, &group.connection, kind, limit])
            .await;
    }
    tx.execute(
        CLAIM,
        args![batch, now, &group.connection, kind, &group.project, limit],
    )
    .await
}

const CHARGE: &str = "SELECT charge_currency, SUM(charge_minor) AS charge FROM posting_lines
    WHERE batch = $1 AND charge_currency <> '' GROUP BY charge_currency";

/// What clients pay for the lines of a batch, where that is one currency.
///
/// # Errors
/// Failures of the database.
pub async fn charge_of_batch(tx: &mut Tx, batch: &str) -> Result<Option<Money>> {
    let rows = tx.all(CHARGE, args![batch]).await?;
    match rows.as_slice() {
        [one] => money(one.int("charge")?, &one.text("charge_currency")?),
        _ => Ok(None),
    }
}

const OF_BATCH: &str =
    "SELECT id, connection, kind, source_id, generation, work, edits, digest, state, legal_entity,
    erp_id, erp_project_id, invoice_id, failure FROM posting_lines WHERE batch = $1 ORDER BY day, id";

/// The lines of a batch, whatever became of them.
///
/// # Errors
/// Failures of the database.
pub async fn batch_lines(tx: &mut Tx, batch: &str) -> Result<Vec<PostingLine>> {
    let rows = tx.all(OF_BATCH, args![batch]).await?;
    rows.iter().map(line_of).collect()
}

// The earlier of two is the one that counts; a line that was told to be no duplicate is none.
const DUPLICATES: &str = "SELECT mine.id AS id, mine.edits AS edits, MIN(other.source_id) AS other
    FROM posting_lines mine JOIN posting_lines other ON other.fingerprint = mine.fingerprint
        AND other.connection = mine.connection AND other.kind = mine.kind AND other.source_id <> mine.source_id
        AND other.state IN ('queued', 'posting', 'posted')
        AND (other.state = 'posted' OR other.id < mine.id)
    WHERE mine.batch = $1 AND mine.state = 'posting'
    GROUP BY mine.id, mine.edits";

/// Lines of a batch that repeat another source: the line, and the other's id in the PSA.
///
/// # Errors
/// Failures of the database.
pub async fn duplicates(tx: &mut Tx, batch: &str) -> Result<Vec<(CanonicalId, String)>> {
    let mut found = Vec::new();
    for row in tx.all(DUPLICATES, args![batch]).await? {
        let edits: Option<crate::edits::Edits> = row.opt_json("edits")?;
        if !edits.is_some_and(|edits| edits.not_a_duplicate) {
            found.push((row.id("id")?, row.text("other")?));
        }
    }
    Ok(found)
}

/// A line that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The line.
    pub id: CanonicalId,
    /// Why.
    pub failure: Failure,
    /// What lines of one cause have in common.
    pub subject: String,
}

const EXCEPT: &str = "UPDATE posting_lines SET state = 'excepted', changed_at = $1, failure = v.column2,
        cause_code = v.column3, cause_subject = v.column4
    FROM (VALUES {rows}) AS v WHERE posting_lines.id = v.column1 AND posting_lines.state = 'posting'";

/// Sets lines aside for a person.
///
/// # Errors
/// Failures of the database.
pub async fn except(tx: &mut Tx, refused: &[Refused], now: DateTime<Utc>) -> Result<()> {
    let row = |line: &Refused| {
        Ok(args![
            line.id,
            json(&line.failure)?,
            &line.failure.code,
            &line.subject
        ])
    };
    let rows = refused.iter().map(row).collect::<Result<_>>()?;
    execute_over_rows(tx, EXCEPT, args![now], rows).await.map(|_| ())
}

/// A line that is in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// The line.
    pub id: CanonicalId,
    /// Its record in the ERP.
    pub erp_id: String,
    /// What the client pays for it, in the currency of the contract.
    pub charge: Option<Money>,
    /// It as it will be charged, in the ERP's terms.
    pub billed_as: Work,
}

/// Where the lines of a batch were booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The connection, such as `erp/main`.
    pub erp_connection: String,
    /// The project there.
    pub erp_project_id: String,
    /// The project.
    pub project_id: CanonicalId,
    /// Canonical code of the legal entity.
    pub legal_entity: String,
}

const BOOK: &str = "UPDATE posting_lines SET state = 'posted', changed_at = $1, posted_at = $1, erp_connection = $2,
        erp_project_id = $3, project_id = $4, legal_entity = $5, failure = NULL, cause_code = NULL, cause_subject = NULL,
        erp_id = v.column2, charge_minor = v.column3, charge_currency = v.column4, billed_as = v.column5
    FROM (VALUES {rows}) AS v WHERE posting_lines.id = v.column1 AND posting_lines.state = 'posting'";

/// Records lines that are in the books.
///
/// # Errors
/// Failures of the database.
pub async fn book(tx: &mut Tx, place: &Place, booked: &[Booked], now: DateTime<Utc>) -> Result<()> {
    let row = |line: &Booked| {
        let (charge, currency) = minor(line.charge)?;
        Ok(args![
            line.id,
            &line.erp_id,
            charge,
            currency,
            json(&line.billed_as)?
        ])
    };
    let rows: Vec<Vec<Value>> = booked.iter().map(row).collect::<Result<_>>()?;
    let fixed = args![
        now,
        &place.erp_connection,
        &place.erp_project_id,
        place.project_id,
        &place.legal_entity
    ];
    let changed = execute_over_rows(tx, BOOK, fixed, rows).await?;
    all_moved(changed, booked.len())
}

const PLACE: &str = "UPDATE posting_lines SET project_id = $2, legal_entity = $3 WHERE batch = $1";

/// Notes where the lines of a batch belong, so that lists and sums show it before they are posted.
///
/// # Errors
/// Failures of the database.
pub async fn note_place(tx: &mut Tx, batch: &str, project_id: CanonicalId, legal_entity: &str) -> Result<()> {
    tx.execute(PLACE, args![batch, project_id, legal_entity])
        .await
        .map(|_| ())
}

const GIVE_BACK: &str = "UPDATE posting_lines SET state = 'queued', batch = NULL, changed_at = $1
    WHERE state = 'posting' AND id IN ({rows})";

/// Puts lines back into the queue.
///
/// # Errors
/// Failures of the database.
pub async fn give_back(tx: &mut Tx, ids: &[CanonicalId], now: DateTime<Utc>) -> Result<()> {
    execute_over_ids(tx, GIVE_BACK, args![now], ids).await.map(|_| ())
}

const GIVE_BACK_BATCH: &str = "UPDATE posting_lines SET state = 'queued', batch = NULL, changed_at = $2
    WHERE state = 'posting' AND batch = $1";

/// Puts what is left of a batch back into the queue.
///
/// # Errors
/// Failures of the database.
pub async fn give_back_batch(tx: &mut Tx, batch: &str, now: DateTime<Utc>) -> Result<u64> {
    tx.execute(GIVE_BACK_BATCH, args![batch, now]).await
}

const ON_THEIR_WAY: &str = "SELECT batch FROM posting_lines WHERE state = 'posting' AND batch IS NOT NULL
    GROUP BY batch ORDER BY batch";

/// Batches that have lines on their way.
///
/// # Errors
/// Failures of the database.
pub async fn batches_on_their_way(tx: &mut Tx) -> Result<Vec<String>> {
    let rows = tx.all(ON_THEIR_WAY, args![]).await?;
    rows.iter().map(|row| row.text("batch")).collect()
}

//! The lines as they are compared with PSA and ERP.

use canonical_model::{CanonicalId, JournalLine, Result};
use chrono::NaiveDate;
use persistence::{Row, Tx, args};

use crate::edits::Edits;
use crate::line::{PostingLine, Work};
use crate::posting;

use super::{generation, line_of, read_word};

const OF_DAYS: &str =
    "SELECT id, connection, kind, source_id, generation, work, NULL AS edits, digest, state,
        legal_entity, erp_id, erp_project_id, invoice_id, failure, edits AS kept, erp_connection, reverses,
        CASE WHEN news IS NULL THEN 0 ELSE news_told + 1 END AS told
    FROM posting_lines WHERE id > $1 AND day >= $2 AND day <= $3 ORDER BY id LIMIT $4";

/// Lines of work in these days, in the order in which they came in, from behind an id on.
///
/// # Errors
/// Failures of the database.
pub async fn of_days(
    tx: &mut Tx,
    from: NaiveDate,
    to: NaiveDate,
    after: Option<CanonicalId>,
    limit: u32,
) -> Result<Vec<JournalLine>> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    let rows = tx.all(OF_DAYS, args![after, from, to, limit]).await?;
    views(&rows)
}

const OF_SOURCE: &str =
    "SELECT id, connection, kind, source_id, generation, work, NULL AS edits, digest, state,
        legal_entity, erp_id, erp_project_id, invoice_id, failure, edits AS kept, erp_connection, reverses,
        CASE WHEN news IS NULL THEN 0 ELSE news_told + 1 END AS told
    FROM posting_lines WHERE source_id = $1 AND connection = $2 ORDER BY generation";

/// The lines of one source, named by connection and id, such as `psa/main/4711`.
///
/// # Errors
/// Failures of the database.
pub async fn of_source(tx: &mut Tx, source: &str) -> Result<Vec<JournalLine>> {
    let Some((connection, id)) = source.rsplit_once('/') else {
        return Ok(Vec::new());
    };
    let rows = tx.all(OF_SOURCE, args![id, connection]).await?;
    views(&rows)
}

const OF_POSTING: &str =
    "SELECT id, connection, kind, source_id, generation, work, NULL AS edits, digest, state,
        legal_entity, erp_id, erp_project_id, invoice_id, failure, edits AS kept, erp_connection, reverses,
        CASE WHEN news IS NULL THEN 0 ELSE news_told + 1 END AS told
    FROM posting_lines WHERE erp_id = $1 AND erp_connection = $2 ORDER BY generation";

/// The lines that were posted as one record of the ERP, named as in `erp/main/5512`.
///
/// # Errors
/// Failures of the database.
pub async fn of_posting(tx: &mut Tx, posting: &str) -> Result<Vec<JournalLine>> {
    let Some((connection, id)) = posting.rsplit_once('/') else {
        return Ok(Vec::new());
    };
    let rows = tx.all(OF_POSTING, args![id, connection]).await?;
    views(&rows)
}

fn views(rows: &[Row]) -> Result<Vec<JournalLine>> {
    let process = posting::process::definition();
    let view = |row: &Row| {
        let line = line_of(row)?;
        let reversal = row.opt_text("reverses")?.is_some();
        let effect_key = (!reversal).then(|| process.shared_key(&line.business_key()));
        let decided: Edits = row.opt_json("kept")?.unwrap_or_default();
        let posting = row.opt_text("erp_connection")?.zip(line.erp_id.clone());
        Ok(JournalLine {
            id: line.id,
            kind: line.work.kind(),
            source: format!("{}/{}", line.connection, line.source_id),
            generation: generation(row)?,
            state: read_word(&row.text("state")?)?,
            changing: matches!(row.int("told")?, 1 | 2),
            let_stand: row.int("told")? == 3,
            source_project: line.work.project().to_owned(),
            person: line.work.person().to_owned(),
            date: line.work.date(),
            minutes: line.work.minutes(),
            value: line.work.charge(),
            posted_value: posted(line, &decided).charge(),
            posting: posting.map(|(connection, id)| format!("{connection}/{id}")),
            effect_key,
        })
    };
    rows.iter().map(view).collect()
}

fn posted(line: PostingLine, decided: &Edits) -> Work {
    decided.apply(line.work)
}

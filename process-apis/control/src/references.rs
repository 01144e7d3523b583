//! Cross-references: the only place where the ids of two systems meet.
//!
//! One record of one system stands for one canonical thing. A canonical thing has one record in a system, save for
//! accounts in a CRM, where sales may keep one company under several spellings.

use canonical_model::{CanonicalId, CrossReference, Failure, ReferenceAnswer, ReferenceQuestion, Result};
use persistence::{Migration, Row, Tx, args};

/// Tables of this module.
pub const MIGRATION: Migration = Migration {
    name: "control_references_1",
    sql: "CREATE TABLE cross_references (
            resource TEXT NOT NULL,
            connection TEXT NOT NULL,
            id TEXT NOT NULL,
            canonical_id TEXT NOT NULL,
            label TEXT,
            noted_ms BIGINT NOT NULL,
            PRIMARY KEY (resource, connection, id));
          CREATE INDEX cross_references_canonical ON cross_references (resource, canonical_id);",
};

/// What came of noting a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It was not known.
    New,
    /// It was known and said the same.
    Known,
}

/// Notes a reference. Noting it twice is noting it once.
///
/// # Errors
/// Business `already_referenced` where the record stands for another thing, or the thing has another record in that
/// system.
pub async fn note(tx: &mut Tx, reference: &CrossReference, now_ms: i64) -> Result<Noted> {
    let known = tx
        .one(
            "SELECT canonical_id FROM cross_references WHERE resource = $1 AND connection = $2 AND id = $3",
            args![
                reference.resource.as_str(),
                reference.connection.as_str(),
                reference.id.as_str()
            ],
        )
        .await?;
    if let Some(row) = known {
        let canonical_id = row.id("canonical_id")?;
        if canonical_id == reference.canonical_id {
            return Ok(Noted::Known);
        }
        return Err(conflict(reference, &format!("already stands for {canonical_id}")));
    }
    if !may_have_many(reference) {
        let other = tx
            .one(
                "SELECT id FROM cross_references WHERE resource = $1 AND canonical_id = $2 AND connection = $3",
                args![reference.resource.as_str(), reference.canonical_id, reference.connection.as_str()],
            )
            .await?;
        if let Some(row) = other {
            let id = row.text("id")?;
            let reason = format!("cannot stand for {}, which is {id} there", reference.canonical_id);
            return Err(conflict(reference, &reason));
        }
    }
    let inserted = tx
        .execute(
            "INSERT INTO cross_references (resource, connection, id, canonical_id, label, noted_ms)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            args![
                reference.resource.as_str(),
                reference.connection.as_str(),
                reference.id.as_str(),
                reference.canonical_id,
                reference.label.clone(),
                now_ms
            ],
        )
        .await?;
    if inserted == 0 {
        return Err(Failure::transient(
            "database_busy",
            format!("{} is being noted by somebody else; try again", told(reference)),
        ));
    }
    Ok(Noted::New)
}

/// Answers many questions.
///
/// # Errors
/// Business `bad_question` where a question names neither a system id nor a canonical id.
pub async fn answer(tx: &mut Tx, questions: &[ReferenceQuestion]) -> Result<Vec<ReferenceAnswer>> {
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let canonical_id = match (&question.canonical_id, &question.connection, &question.id) {
            (Some(id), None, None) => Some(*id),
            (None, Some(connection), Some(id)) => {
                canonical_id_of(tx, &question.resource, connection, id).await?
            }
            _ => {
                let message = format!(
                    "a question about a {} names either a connection and an id, or a canonical id",
                    question.resource
                );
                return Err(Failure::business("bad_question", message));
            }
        };
        answers.push(match canonical_id {
            Some(id) => ReferenceAnswer {
                references: all_of(tx, &question.resource, id).await?,
            },
            None => ReferenceAnswer::default(),
        });
    }
    Ok(answers)
}

/// Which thing a record stands for.
///
/// # Errors
/// The database fails.
pub async fn canonical_id_of(
    tx: &mut Tx,
    resource: &str,
    connection: &str,
    id: &str,
) -> Result<Option<CanonicalId>> {
    tx.one(
        "SELECT canonical_id FROM cross_references WHERE resource = $1 AND connection = $2 AND id = $3",
        args![resource, connection, id],
    )
    .await?
    .map(|row| row.id("canonical_id"))
    .transpose()
}

/// Every record of a thing, in the order in which they were noted.
///
/// # Errors
/// The database fails.
pub async fn all_of(tx: &mut Tx, resource: &str, id: CanonicalId) -> Result<Vec<CrossReference>> {
    tx.all(
        "SELECT resource, connection, id, canonical_id, label FROM cross_references
         WHERE resource = $1 AND canonical_id = $2 ORDER BY noted_ms, connection, id",
        args![resource, id],
    )
    .await?
    .iter()
    .map(from_row)
    .collect()
}

fn from_row(row: &Row) -> Result<CrossReference> {
    Ok(CrossReference {
        canonical_id: row.id("canonical_id")?,
        resource: row.text("resource")?,
        connection: row.text("connection")?,
        id: row.text("id")?,
        label: row.opt_text("label")?,
    })
}

fn may_have_many(reference: &CrossReference) -> bool {
    reference.resource == "account" && reference.connection.starts_with("crm/")
}

fn told(reference: &CrossReference) -> String {
    format!(
        "{} {} of {}",
        reference.resource, reference.id, reference.connection
    )
}

fn conflict(reference: &CrossReference, reason: &str) -> Failure {
    Failure::business("already_referenced", format!("{} {reason}", told(reference)))
}

//! Reference data: what a value of one system stands for, and what it is called in another.

use std::collections::BTreeMap;

use canonical_model::{Failure, MappingDomain, ReferenceMapping, Result, Translation, TranslationQuestion};
use persistence::{Migration, Row, Tx, args};

/// Tables of this module.
pub const MIGRATION: Migration = Migration {
    name: "control_mappings_1",
    sql: "CREATE TABLE reference_mappings (
            domain TEXT NOT NULL,
            connection TEXT NOT NULL,
            value TEXT NOT NULL,
            code TEXT NOT NULL,
            set_by TEXT NOT NULL,
            set_ms BIGINT NOT NULL,
            PRIMARY KEY (domain, connection, value));
          CREATE INDEX reference_mappings_code ON reference_mappings (domain, connection, code, set_ms);",
};

/// The word for a domain in subjects of exceptions, such as `role` in `role:psa/main:117`.
#[must_use]
pub fn word(domain: MappingDomain) -> String {
    serde_json::to_value(domain)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Refuses a mapping that says nothing.
///
/// # Errors
/// Business `invalid_mapping`, naming the field.
pub fn check(mapping: &ReferenceMapping) -> Result<()> {
    let fields = [
        ("connection", &mapping.connection),
        ("value", &mapping.value),
        ("code", &mapping.code),
    ];
    match fields
        .into_iter()
        .find(|(_, text)| text.trim().is_empty() || text.chars().count() > 200)
    {
        None => Ok(()),
        Some((field, _)) => {
            let message = format!("a mapping's {field} has 1 to 200 characters");
            Err(Failure::business("invalid_mapping", message))
        }
    }
}

/// Sets a mapping; the value's earlier code is replaced.
///
/// # Errors
/// The database fails.
pub async fn set(tx: &mut Tx, mapping: &ReferenceMapping, actor: &str, now_ms: i64) -> Result<()> {
    tx.execute(
        "INSERT INTO reference_mappings (domain, connection, value, code, set_by, set_ms)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (domain, connection, value)
         DO UPDATE SET code = excluded.code, set_by = excluded.set_by, set_ms = excluded.set_ms",
        args![
            word(mapping.domain),
            mapping.connection.as_str(),
            mapping.value.as_str(),
            mapping.code.as_str(),
            actor,
            now_ms
        ],
    )
    .await
    .map(drop)
}

/// Takes a mapping back.
///
/// # Errors
/// Business `not_found` where there is none.
pub async fn remove(tx: &mut Tx, domain: MappingDomain, connection: &str, value: &str) -> Result<()> {
    let removed = tx
        .execute(
            "DELETE FROM reference_mappings WHERE domain = $1 AND connection = $2 AND value = $3",
            args![word(domain), connection, value],
        )
        .await?;
    if removed == 0 {
        let message = format!("{} {value} of {connection} is not mapped", word(domain));
        return Err(Failure::business("not_found", message));
    }
    Ok(())
}

/// All mappings, of one domain or connection where given.
///
/// # Errors
/// The database fails.
pub async fn list(
    tx: &mut Tx,
    domain: Option<MappingDomain>,
    connection: Option<&str>,
) -> Result<Vec<ReferenceMapping>> {
    tx.all(
        "SELECT domain, connection, value, code FROM reference_mappings
         WHERE ($1 = '' OR domain = $1) AND ($2 = '' OR connection = $2)
         ORDER BY domain, connection, value",
        args![
            domain.map(word).unwrap_or_default(),
            connection.unwrap_or_default()
        ],
    )
    .await?
    .iter()
    .map(from_row)
    .collect()
}

/// Who set the mapping that a subject such as `role:psa/main:117` is about.
///
/// # Errors
/// The database fails.
pub async fn set_by(tx: &mut Tx, subject: &str) -> Result<Option<String>> {
    let mut parts = subject.splitn(3, ':');
    let (Some(domain), Some(connection), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
        return Ok(None);
    };
    tx.one(
        "SELECT set_by FROM reference_mappings WHERE domain = $1 AND connection = $2 AND value = $3",
        args![domain, connection, value],
    )
    .await?
    .map(|row| row.text("set_by"))
    .transpose()
}

/// Answers many questions. What is not mapped is absent in its answer. Where several values of the wanted connection
/// stand for one code, the one that was set first is given.
///
/// # Errors
/// The database fails.
pub async fn translate(tx: &mut Tx, questions: &[TranslationQuestion]) -> Result<Vec<Translation>> {
    let mut known: BTreeMap<&TranslationQuestion, Translation> = BTreeMap::new();
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        if !known.contains_key(question) {
            known.insert(question, translate_one(tx, question).await?);
        }
        answers.push(known.get(question).cloned().unwrap_or_default());
    }
    Ok(answers)
}

async fn translate_one(tx: &mut Tx, question: &TranslationQuestion) -> Result<Translation> {
    let domain = word(question.domain);
    let code = match &question.from {
        None => Some(question.value.clone()),
        Some(connection) => tx
            .one(
                "SELECT code FROM reference_mappings WHERE domain = $1 AND connection = $2 AND value = $3",
                args![domain.as_str(), connection.as_str(), question.value.as_str()],
            )
            .await?
            .map(|row| row.text("code"))
            .transpose()?,
    };
    let value = match (&code, &question.to) {
        (Some(code), Some(connection)) => tx
            .one(
                "SELECT value FROM reference_mappings WHERE domain = $1 AND connection = $2 AND code = $3
                 ORDER BY set_ms, value LIMIT 1",
                args![domain.as_str(), connection.as_str(), code.as_str()],
            )
            .await?
            .map(|row| row.text("value"))
            .transpose()?,
        _ => None,
    };
    Ok(Translation { code, value })
}

fn from_row(row: &Row) -> Result<ReferenceMapping> {
    let domain = row.text("domain")?;
    let domain = serde_json::from_value(serde_json::Value::String(domain.clone())).map_err(|_| {
        Failure::fault(
            "unknown_domain",
            format!("{domain:?} is no domain of reference data"),
        )
    })?;
    Ok(ReferenceMapping {
        domain,
        connection: row.text("connection")?,
        value: row.text("value")?,
        code: row.text("code")?,
    })
}

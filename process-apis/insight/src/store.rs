//! What insight keeps: facts as they were told, and rates. Cost rates are encrypted at rest.

use canonical_model::{CostRate, Event, Fact, Failure, FxRate, Result};
use chrono::NaiveDate;
use persistence::{Cipher, Migration, Tx, args};

use crate::cost::Rates;

/// Tables of this module.
pub const MIGRATION: Migration = Migration {
    name: "insight_1",
    sql: "CREATE TABLE facts (
            event_id TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            subject TEXT NOT NULL,
            told_ms BIGINT NOT NULL,
            fact TEXT NOT NULL);
          CREATE INDEX facts_told ON facts (told_ms, event_id);
          CREATE TABLE cost_rates (
            person TEXT NOT NULL,
            effective_from TEXT NOT NULL,
            rate TEXT NOT NULL,
            PRIMARY KEY (person, effective_from));
          CREATE TABLE fx_rates (
            from_currency TEXT NOT NULL,
            to_currency TEXT NOT NULL,
            effective_from TEXT NOT NULL,
            rate TEXT NOT NULL,
            PRIMARY KEY (from_currency, to_currency, effective_from));",
};

/// A fact with its event's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Id of the event that told it.
    pub event_id: String,
    /// What the event was about.
    pub subject: String,
    /// When it was told, milliseconds since 1970.
    pub told_ms: i64,
    /// The fact.
    pub fact: Fact,
}

/// Reads the fact out of an event; none where the event tells something else.
///
/// # Errors
/// Fault `unreadable_fact` where the event's type is a fact's and its data is not.
pub fn fact_of(event: &Event) -> Result<Option<Fact>> {
    if event.data.get("fact").is_none() {
        return Ok(None);
    }
    serde_json::from_value(event.data.clone()).map(Some).map_err(|e| {
        let message = format!(
            "event {} of {} tells a fact that insight cannot read",
            event.id, event.source
        );
        Failure::fault("unreadable_fact", message).with_detail(e.to_string())
    })
}

/// Keeps a fact. True when it was not known.
///
/// # Errors
/// The database fails.
pub async fn keep(tx: &mut Tx, event: &Event, fact: &Fact) -> Result<bool> {
    let text = text_of(fact)?;
    let kept = tx
        .execute(
            "INSERT INTO facts (event_id, kind, subject, told_ms, fact) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
            args![
                event.id.as_str(),
                fact.kind(),
                event.subject.as_str(),
                event.time.timestamp_millis(),
                text
            ],
        )
        .await?;
    Ok(kept > 0)
}

/// Facts after a place, in the order in which they were told.
///
/// # Errors
/// The database fails.
pub async fn facts_after(tx: &mut Tx, told_ms: i64, event_id: &str, limit: i64) -> Result<Vec<Kept>> {
    tx.all(
        "SELECT event_id, subject, told_ms, fact FROM facts
         WHERE told_ms > $1 OR (told_ms = $1 AND event_id > $2) ORDER BY told_ms, event_id LIMIT $3",
        args![told_ms, event_id, limit],
    )
    .await?
    .iter()
    .map(|row| {
        Ok(Kept {
            event_id: row.text("event_id")?,
            subject: row.text("subject")?,
            told_ms: row.int("told_ms")?,
            fact: row.json("fact")?,
        })
    })
    .collect()
}

/// Sets what a person (e-mail address) costs from a day on.
///
/// # Errors
/// The database or the cipher fails.
pub async fn set_cost_rate(tx: &mut Tx, cipher: &Cipher, person: &str, rate: &CostRate) -> Result<()> {
    let sealed = cipher.encrypt(&text_of(rate)?)?;
    let from = rate.effective_from.unwrap_or(NaiveDate::MIN).to_string();
    tx.execute(
        "INSERT INTO cost_rates (person, effective_from, rate) VALUES ($1, $2, $3)
         ON CONFLICT (person, effective_from) DO UPDATE SET rate = excluded.rate",
        args![person.to_lowercase(), from, sealed],
    )
    .await
    .map(drop)
}

/// Sets an exchange rate.
///
/// # Errors
/// The database fails.
pub async fn set_fx_rate(tx: &mut Tx, rate: &FxRate) -> Result<()> {
    tx.execute(
        "INSERT INTO fx_rates (from_currency, to_currency, effective_from, rate) VALUES ($1, $2, $3, $4)
         ON CONFLICT (from_currency, to_currency, effective_from) DO UPDATE SET rate = excluded.rate",
        args![
            rate.from.code(),
            rate.to.code(),
            rate.effective_from.to_string(),
            text_of(rate)?
        ],
    )
    .await
    .map(drop)
}

/// All rates.
///
/// # Errors
/// The database or the cipher fails.
pub async fn rates(tx: &mut Tx, cipher: &Cipher) -> Result<Rates> {
    let mut rates = Rates::default();
    for row in tx.all("SELECT person, rate FROM cost_rates", Vec::new()).await? {
        let text = cipher.decrypt(&row.text("rate")?)?;
        let rate: CostRate = serde_json::from_str(&text)
            .map_err(|_| Failure::fault("unreadable_rate", "a cost rate cannot be read with this key"))?;
        rates.people.entry(row.text("person")?).or_default().push(rate);
    }
    for of_person in rates.people.values_mut() {
        of_person.sort_by_key(|rate| rate.effective_from);
    }
    for row in tx.all("SELECT rate FROM fx_rates", Vec::new()).await? {
        rates.fx.push(row.json("rate")?);
    }
    Ok(rates)
}

fn text_of(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| {
        Failure::fault("unwritable_record", "a record cannot be written").with_detail(e.to_string())
    })
}

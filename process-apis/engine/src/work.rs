//! An instance in the hands of a worker.

use canonical_model::{CanonicalId, Currency, Failure, Money, Result};
use chrono::{DateTime, Utc};
use persistence::{Row, Tx, Value, args};

use crate::AtRisk;
use crate::core::Core;

/// An instance as a worker claimed it.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) id: CanonicalId,
    pub(crate) process: String,
    pub(crate) version: i64,
    pub(crate) business_key: String,
    pub(crate) title: String,
    pub(crate) correlation_id: String,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) undoing: bool,
    pub(crate) step_index: i64,
    pub(crate) step_name: String,
    pub(crate) step_since: DateTime<Utc>,
    pub(crate) sequence: i64,
    pub(crate) state: String,
    pub(crate) answer: Option<serde_json::Value>,
    pub(crate) attempt: i64,
    pub(crate) retry_since: Option<DateTime<Utc>>,
    pub(crate) exception_id: Option<CanonicalId>,
    pub(crate) at_risk: AtRisk,
    /// Grows with each lease: who holds an older one is too late.
    pub(crate) fence: i64,
}

impl Work {
    pub(crate) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            process: row.text("process")?,
            version: row.int("version")?,
            business_key: row.text("business_key")?,
            title: row.text("title")?,
            correlation_id: row.text("correlation_id")?,
            started_at: row.time("started_ms")?,
            undoing: row.text("direction")? == UNDO,
            step_index: row.int("step_index")?,
            step_name: row.text("step_name")?,
            step_since: row.time("step_since_ms")?,
            sequence: row.int("sequence")?,
            state: row.text("state")?,
            answer: row.opt_json("answer")?,
            attempt: row.int("attempt")?,
            retry_since: row.opt_time("retry_since_ms")?,
            exception_id: row.opt_id("exception_id")?,
            at_risk: at_risk(row)?,
            fence: row.int("fence")?,
        })
    }

    /// The step as effects and logs name it.
    pub(crate) fn label(&self) -> String {
        if self.undoing {
            format!("undo {}", self.step_name)
        } else {
            self.step_name.clone()
        }
    }

    /// Renews the lease within a transaction that journals something. Where the lease has ended, or another worker has
    /// the instance, nothing may be journalled.
    pub(crate) async fn hold(&self, tx: &mut Tx, core: &Core) -> Result<()> {
        let now = canonical_model::clock::now();
        let sql = "UPDATE engine_instances SET due_ms = $4
            WHERE id = $1 AND fence = $2 AND status = 'running' AND due_ms > $3";
        held(
            tx.execute(sql, args![self.id, self.fence, now, core.lease_end(now)])
                .await?,
        )
    }
}

pub(crate) const FORWARD: &str = "forward";
pub(crate) const UNDO: &str = "undo";

/// Whether a conditional update of an instance met it.
pub(crate) fn held(rows: u64) -> Result<()> {
    #[cfg(feature = "simulation")]
    if canonical_model::simulation::planted(canonical_model::simulation::Defect::SkippedFencing) {
        return Ok(());
    }
    if rows == 1 { Ok(()) } else { Err(lease_lost()) }
}

/// Not an error of the work: another worker does it. It stops in silence.
pub(crate) fn lease_lost() -> Failure {
    Failure::transient("lease_lost", "another worker has taken this work over")
}

/// Money, entity and region as columns hold them.
pub(crate) fn at_risk(row: &Row) -> Result<AtRisk> {
    Ok(AtRisk {
        money: money(row)?,
        legal_entity: row.opt_text("legal_entity")?,
        region: row.opt_text("region")?,
    })
}

/// Four columns: amount, currency, entity, region.
pub(crate) fn at_risk_args(at_risk: &AtRisk) -> [Value; 4] {
    [
        Value::from(at_risk.money.map(|money| money.amount)),
        Value::from(at_risk.money.map(|money| money.currency)),
        Value::from(at_risk.legal_entity.clone()),
        Value::from(at_risk.region.clone()),
    ]
}

fn money(row: &Row) -> Result<Option<Money>> {
    let (Some(amount), Some(currency)) = (row.opt_decimal("money_amount")?, row.opt_text("money_currency")?)
    else {
        return Ok(None);
    };
    Ok(Some(Money::new(amount, currency.parse::<Currency>()?)))
}

/// A unit variant's word, as JSON and columns have it.
pub(crate) fn word(value: &impl serde::Serialize) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        _ => Err(Failure::fault("word_unwritable", "a state has no word")),
    }
}

/// The variant of a word.
pub(crate) fn from_word<T: serde::de::DeserializeOwned>(word: String) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(|error| {
        Failure::fault("word_unknown", "a stored state is none that this version knows")
            .with_detail(error.to_string())
    })
}

/// Text of a value that is kept as JSON.
pub(crate) fn json(value: &(impl serde::Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Failure::fault("value_unwritable", "a value cannot be written as JSON").with_detail(error.to_string())
    })
}

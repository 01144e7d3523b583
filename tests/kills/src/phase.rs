//! Where a binary was when it was killed, read from the journals that it left.

use std::collections::BTreeSet;

use anyhow::Context;
use fairlead::Development;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Row};

use crate::fleet::{Fleet, has_an_engine};

pub(crate) const STARTING: &str = "starting, not yet ready";
const SENT: &str = "a write was sent, its answer not journalled";
const SETTLING: &str = "a write in doubt was being settled";
const STEP: &str = "in a step, no write open";
const LEASE: &str = "work waited for the lease of one killed before";
const BETWEEN: &str = "between instances";
const FOLLOWING: &str = "without processes: following events, answering";
const CARRYING: &str = "a system API, writes under way through it";
const READING: &str = "a system API, no write under way";

/// Where a binary was.
pub(crate) struct Seen {
    pub(crate) phase: &'static str,
    /// Processes and steps that its workers were in.
    pub(crate) steps: BTreeSet<String>,
}

impl Seen {
    fn only(phase: &'static str) -> Self {
        Self {
            phase,
            steps: BTreeSet::new(),
        }
    }
}

/// Where a system API is that is about to be killed: whether one of the engines waits for a write through it.
pub(crate) async fn of_system_api(fleet: &Fleet, name: &str) -> anyhow::Result<Seen> {
    let target = format!("{}/", name.trim_end_matches("-system-api"));
    for member in fleet.members().iter().filter(|m| has_an_engine(m.name)) {
        let sql =
            "SELECT COUNT(*) AS open FROM engine_effects e JOIN engine_instances i ON i.id = e.instance_id
            WHERE i.status = 'running' AND e.status = 'sent' AND e.last_ms >= $1 AND e.target LIKE $2 || '%'";
        let row = sqlx::query(sql)
            .bind(member.since_ms)
            .bind(&target)
            .fetch_one(&mut open(&fleet.set_up, member.name).await?)
            .await?;
        if row.try_get::<i64, _>("open")? > 0 {
            return Ok(Seen::only(CARRYING));
        }
    }
    Ok(Seen::only(READING))
}

/// Where a process API was that has just been killed. `since_ms`: when it had been started.
pub(crate) async fn of_process_api(set_up: &Development, name: &str, since_ms: i64) -> anyhow::Result<Seen> {
    if !has_an_engine(name) {
        return Ok(Seen::only(FOLLOWING));
    }
    let sql = "SELECT i.process, i.step_name, i.updated_ms, COUNT(e.key) AS open, MAX(e.last_ms) AS last_ms
        FROM engine_instances i LEFT JOIN engine_effects e ON e.instance_id = i.id AND e.status = 'sent'
        WHERE i.status = 'running' GROUP BY i.id, i.process, i.step_name, i.updated_ms";
    let rows = sqlx::query(sql).fetch_all(&mut open(set_up, name).await?).await?;
    let (mut steps, mut sent, mut settling) = (BTreeSet::new(), false, false);
    for row in &rows {
        // What it had not claimed itself is left by one that was killed before.
        if row.try_get::<i64, _>("updated_ms")? < since_ms {
            continue;
        }
        let (process, step): (String, String) = (row.try_get("process")?, row.try_get("step_name")?);
        steps.insert(format!("{process} {step}"));
        if row.try_get::<i64, _>("open")? > 0 {
            let fresh = row.try_get::<i64, _>("last_ms")? >= since_ms;
            (sent, settling) = (sent || fresh, settling || !fresh);
        }
    }
    let phase = match (sent, settling, steps.is_empty(), rows.is_empty()) {
        (true, ..) => SENT,
        (_, true, ..) => SETTLING,
        (_, _, false, _) => STEP,
        (_, _, _, false) => LEASE,
        _ => BETWEEN,
    };
    Ok(Seen { phase, steps })
}

/// Reads only, and leaves the write-ahead log as the killed process left it: recovering is the next one's part.
async fn open(set_up: &Development, name: &str) -> anyhow::Result<SqliteConnection> {
    let file = format!("{}.sqlite", name.trim_end_matches("-process-api"));
    SqliteConnectOptions::new()
        .filename(set_up.data().join(&file))
        .read_only(true)
        .busy_timeout(std::time::Duration::from_secs(10))
        .connect()
        .await
        .with_context(|| format!("the journal {file} cannot be read"))
}

/// Effects whose answers were lost.
pub(crate) struct Settled {
    /// Found at the vendor and adopted.
    pub(crate) adopted: usize,
    /// Not found at the vendor, and sent again under the same key.
    pub(crate) sent_again: usize,
}

/// What the engines have logged of look-ups, each effect counted once.
pub(crate) async fn settled(set_up: &Development) -> anyhow::Result<Settled> {
    let (mut adopted, mut sent_again) = (BTreeSet::new(), BTreeSet::new());
    for name in fairlead::BINARIES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| has_an_engine(name))
    {
        let log = set_up.data().join("logs").join(format!("{name}.log"));
        for line in tokio::fs::read_to_string(log).await?.lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default();
            match text("message") {
                "adopted an effect whose answer was lost" => {
                    adopted.insert(text("effect.key").to_owned());
                }
                "an effect whose answer was lost did not happen" => {
                    sent_again.insert(text("effect.key").to_owned());
                }
                _ => {}
            }
        }
    }
    Ok(Settled {
        adopted: adopted.len(),
        sent_again: sent_again.len(),
    })
}

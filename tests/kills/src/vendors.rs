//! What the vendors hold and what was ever written to them, from the twins' write logs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use fairlead::Development;
use serde_json::Value;
use vendor_twins::store::{LogEntry, Record};

/// Entries of the log asked for at once.
const PAGE: u64 = 20_000;

/// A twin's write log, and the records that it amounts to.
pub(crate) struct Vendor {
    pub(crate) log: Vec<LogEntry>,
    tables: BTreeMap<String, BTreeMap<String, Record>>,
}

impl Vendor {
    pub(crate) async fn read(set_up: &Development, twin: &str) -> anyhow::Result<Self> {
        let http = crate::fleet::http(Duration::from_secs(300))?;
        let (mut log, mut tables) = (Vec::new(), BTreeMap::<String, BTreeMap<String, Record>>::new());
        for page in 0.. {
            let url = format!(
                "{}/_twin/writes?after={}&limit={PAGE}",
                set_up.url(twin),
                page * PAGE
            );
            let answer = http.get(&url).send().await?.error_for_status()?;
            let entries: Vec<LogEntry> =
                serde_json::from_slice(&answer.bytes().await?).with_context(|| url.clone())?;
            if entries.is_empty() {
                break;
            }
            log.extend(entries);
        }
        for entry in &log {
            tables
                .entry(entry.table.clone())
                .or_default()
                .insert(entry.record.id.clone(), entry.record.clone());
        }
        Ok(Self { log, tables })
    }

    /// Records of a table that are not deleted.
    pub(crate) fn rows(&self, table: &str) -> impl Iterator<Item = &Record> {
        let rows = self.tables.get(table).into_iter().flat_map(BTreeMap::values);
        rows.filter(|record| !record.deleted)
    }

    /// A record.
    pub(crate) fn get(&self, table: &str, id: &str) -> Option<&Record> {
        self.tables.get(table)?.get(id)
    }
}

/// Text or number at a JSON pointer as text; anything else is empty.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    plain(value.pointer(pointer).unwrap_or(&Value::Null))
}

/// Text or number as text; anything else is empty.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

//! Time entries, written in batches.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use canonical_model::{FindBy, Resource, Result, TimeEntry, Write, WriteResult, Written};
use system_ports::{Filter, Idempotency, Verb, not_supported};

use super::batch::{self, Item, Proven};
use super::{Noun, Shared, Table, VENDOR, Writing, places, plain, writes};
use crate::directory::Lookups;
use crate::mapping::time_entry::{Currencies, columns, is_as_sent, to_canonical, to_netsuite};
use crate::wire::Record;

plain!(
    /// Time entries.
    TimeEntries
);

#[async_trait]
impl Noun for TimeEntries {
    type Record = TimeEntry;
    type Extra = Currencies;
    const OBJECT: &'static str = "timeBill";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        let filters = vec![
            (Filter::Project, "customer"),
            (Filter::Person, "employee"),
            (Filter::State, "approvalstatus"),
            (Filter::Date, "trandate"),
        ];
        Table {
            name: "timebill",
            condition: None,
            columns: Some(columns(&self.0.settings)),
            filters,
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey]
    }

    fn condition(&self, _: FindBy) -> Option<String> {
        None
    }

    fn states(&self, word: &str) -> Result<Vec<String>> {
        self.0.settings.time.approval.of_word(word)
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::ExternalIdUpsert,
            bulk_size: self.0.settings.limits.batch_size,
        })
    }

    fn reverses(&self) -> bool {
        self.0.settings.time.reversals
    }

    async fn extra(&self, records: &[Record]) -> Result<Currencies> {
        project_currencies(&self.0, records.iter().filter_map(|r| r.text("customer"))).await
    }

    fn map(
        &self,
        record: &Record,
        lookups: &Lookups,
        extra: &Currencies,
    ) -> Result<Vec<(Option<u32>, TimeEntry)>> {
        Ok(vec![(
            None,
            to_canonical(record, lookups, extra, &self.0.settings)?,
        )])
    }

    async fn write_one(&self, write: &Write<TimeEntry>) -> Result<Written> {
        let existing = writes::existing(&self.0, Self::OBJECT, write).await?;
        let body = to_netsuite(&write.record, &self.0.settings);
        writes::put(&self.0, Self::OBJECT, write, existing.is_some(), &[], &body).await
    }

    async fn write(&self, writes: &[Write<TimeEntry>]) -> Vec<WriteResult> {
        let (mut items, mut outcomes) = (Vec::new(), BTreeMap::new());
        for write in writes {
            if write.record.reverses.is_some() && !self.reverses() {
                let refusal = not_supported(VENDOR, TimeEntry::NAME, Verb::Reverse);
                outcomes.insert(write.key.to_string(), Err(self.0.met(refusal)));
            } else if write.id.is_some() {
                let outcome = self.write_one(write).await.map_err(|f| self.0.met(f));
                outcomes.insert(write.key.to_string(), outcome);
            } else {
                let mut body = to_netsuite(&write.record, &self.0.settings);
                if let Some(fields) = body.as_object_mut() {
                    fields.insert("externalId".to_owned(), write.key.as_str().into());
                }
                items.push(Item { write, body });
            }
        }
        let prove = |batch| self.prove(batch);
        batch::send(
            &self.0,
            Self::OBJECT,
            &items,
            std::convert::identity,
            prove,
            &mut outcomes,
        )
        .await;
        batch::in_order(writes, &outcomes)
    }
}

impl TimeEntries {
    /// The entries of a batch that NetSuite shows as they were sent.
    async fn prove(&self, writes: Vec<Write<TimeEntry>>) -> Result<Proven> {
        let names: Vec<String> = columns(&self.0.settings);
        let table = self
            .0
            .settings
            .tables
            .get("time-entries")
            .and_then(|t| t.name.as_deref())
            .unwrap_or("timebill");
        let sql = format!(
            "SELECT id, {} FROM {table} WHERE externalid IN ({})",
            names.join(", "),
            places(writes.len())
        );
        let keys: Vec<String> = writes.iter().map(|write| write.key.to_string()).collect();
        let rows = self.0.client.query(&sql, &keys, 1000).await?.rows;
        let currencies = self.extra(&rows).await?;
        let lookups = self.0.directory.current(&self.0.client).await?;
        let minutes_per_day = self.0.settings.time.minutes_per_day;
        let mut proven = Proven::new();
        for row in &rows {
            let sent = writes
                .iter()
                .find(|write| row.text("externalid").as_deref() == Some(write.key.as_str()));
            let found = to_canonical(row, &lookups, &currencies, &self.0.settings);
            if let (Some(sent), Ok(found)) = (sent, found)
                && is_as_sent(&sent.record, &found, minutes_per_day)
            {
                proven.insert(sent.key.to_string(), row.id()?);
            }
        }
        Ok(proven)
    }
}

/// The currencies of projects, or of customers where time is on one directly.
pub(super) async fn project_currencies(
    shared: &Shared,
    projects: impl Iterator<Item = String> + Send,
) -> Result<Currencies> {
    let mut open: BTreeSet<String> = projects.collect();
    let mut found = Currencies::new();
    for table in ["job", "customer"] {
        let ids: Vec<String> = open.iter().cloned().collect();
        for ids in ids.chunks(500) {
            let sql = format!(
                "SELECT id, currency FROM {table} WHERE id IN ({}) ORDER BY id",
                places(ids.len())
            );
            for row in shared.client.query(&sql, ids, 1000).await?.rows {
                if let Some(currency) = row.text("currency") {
                    found.insert(row.id()?, currency);
                }
            }
        }
        open.retain(|id| !found.contains_key(id));
    }
    Ok(found)
}

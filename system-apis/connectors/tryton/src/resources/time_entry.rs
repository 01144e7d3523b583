//! Time entries: timesheet lines, made many at a time.

use std::collections::BTreeMap;

use async_trait::async_trait;
use canonical_model::{Failure, FindBy, Result, TimeEntry, Write, WriteResult, Written};
use serde_json::{Value, json};
use system_ports::{Filter, Idempotency};

use super::works::Works;
use super::writes::{existing, written};
use super::{By, Noun, Shared, Table, Writing, plain, search};
use crate::directory::Lookups;
use crate::mapping::time_entry::{FIELDS, difference, to_canonical, to_tryton, work_of};
use crate::wire::{Record, id_of};

plain!(
    /// Timesheet lines.
    TimeEntries
);

/// A line that shall be made.
struct Item {
    /// Its place among the writes.
    at: usize,
    key: String,
    values: Value,
}

/// Timesheet work by piece of work.
type Timesheets = BTreeMap<i64, i64>;

#[async_trait]
impl Noun for TimeEntries {
    type Record = TimeEntry;
    type Extra = Works;
    const MODEL: &'static str = "timesheet.line";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            // Time on anything else than projects is not ours to know.
            domain: vec![json!(["work.origin", "like", "project.work,%"])],
            fields: FIELDS.to_vec(),
            filters: vec![Filter::Project, Filter::Person, Filter::Date],
        }
    }

    fn filter(&self, by: By<'_>) -> Result<Value> {
        Ok(match by {
            By::Project(id) => json!([
                "OR",
                ["work.origin.id", "=", id, "project.work"],
                ["work.origin.parent", "child_of", [id], "project.work"]
            ]),
            By::Person(id) => json!(["employee", "=", id]),
            By::From(day) => json!(["date", ">=", crate::wire::date(day)]),
            By::To(day) => json!(["date", "<=", crate::wire::date(day)]),
            By::Account(_) | By::State(_) => json!([]),
        })
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey]
    }

    fn condition(&self, _: FindBy, value: &str) -> Vec<Value> {
        vec![json!(["uuid", "=", value])]
    }

    fn key(&self, record: &Record) -> Option<String> {
        record.text("uuid")
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::UniqueField,
            bulk_size: self.0.settings.limits.batch_size,
            reverses: false,
        })
    }

    async fn extra(&self, records: &[Record]) -> Result<Works> {
        Works::read(&self.0, records.iter().filter_map(work_of)).await
    }

    fn map(&self, record: &Record, lookups: &Lookups, works: &Works) -> Result<Option<TimeEntry>> {
        to_canonical(record, lookups, works)
    }

    async fn write_one(&self, write: &Write<TimeEntry>) -> Result<Written> {
        let record = existing(self, write).await?;
        let lookups = self.0.directory.current(&self.0.client).await?;
        let sheets = self.timesheets(std::iter::once(&write.record)).await?;
        let values = to_tryton(
            &write.record,
            sheet(&sheets, &write.record)?,
            write.key.as_str(),
            &lookups,
        )?;
        let what = format!("time entry of key {}", write.key);
        match record {
            Some(record) => self.bring_to(&record, &values, &what).await,
            None => {
                let ids = self.0.client.create(Self::MODEL, vec![values], &what).await?;
                Ok(written(ids.first().copied().unwrap_or_default(), true))
            }
        }
    }

    async fn write(&self, writes: &[Write<TimeEntry>]) -> Vec<WriteResult> {
        let size = usize::try_from(self.0.settings.limits.batch_size).unwrap_or(1);
        let mut results = Vec::with_capacity(writes.len());
        for batch in writes.chunks(size.max(1)) {
            let outcomes = match self.batch(batch).await {
                Ok(outcomes) => outcomes,
                Err(failure) => batch.iter().map(|_| Err(failure.clone())).collect(),
            };
            for (write, outcome) in batch.iter().zip(outcomes) {
                let outcome = outcome.map_err(|f| self.0.met(f));
                results.push(WriteResult::new(write.key.clone(), outcome));
            }
        }
        results
    }
}

impl TimeEntries {
    /// One batch: what is there under its key is brought to what it shall be, the rest is made in one call. A failure
    /// of the whole comes before anything was written.
    async fn batch(&self, writes: &[Write<TimeEntry>]) -> Result<Vec<Result<Written>>> {
        let keys: Vec<&str> = writes.iter().map(|write| write.key.as_str()).collect();
        let rows = search(self, vec![json!(["uuid", "in", keys])], None).await?;
        let there: BTreeMap<String, &Record> = rows
            .iter()
            .filter_map(|row| Some((row.text("uuid")?, row)))
            .collect();
        let lookups = self.0.directory.current(&self.0.client).await?;
        let sheets = self.timesheets(writes.iter().map(|write| &write.record)).await?;
        let mut outcomes: Vec<Result<Written>> = Vec::with_capacity(writes.len());
        let mut items = Vec::new();
        for (at, write) in writes.iter().enumerate() {
            let key = write.key.as_str();
            let values =
                sheet(&sheets, &write.record).and_then(|work| to_tryton(&write.record, work, key, &lookups));
            let what = format!("time entry of key {key}");
            outcomes.push(match (values, there.get(key)) {
                (Err(failure), _) => Err(failure),
                (Ok(_), _) if write.id.is_some() => self.write_one(write).await,
                (Ok(values), Some(record)) => self.bring_to(record, &values, &what).await,
                (Ok(values), None) => {
                    let key = key.to_owned();
                    items.push(Item { at, key, values });
                    let lost = Failure::fault("result_missing", "a write of a batch was not answered");
                    Err(lost.outcome_unknown())
                }
            });
        }
        for (at, outcome) in self.make(items).await {
            if let Some(place) = outcomes.get_mut(at) {
                *place = outcome;
            }
        }
        Ok(outcomes)
    }

    /// Makes lines in as few calls as there are refused ones among them: Tryton takes all lines of a call or none, so a
    /// refused call is halved until the refused line stands alone.
    async fn make(&self, items: Vec<Item>) -> Vec<(usize, Result<Written>)> {
        let mut outcomes = Vec::with_capacity(items.len());
        let mut calls = vec![items];
        while let Some(mut items) = calls.pop() {
            let Some(first) = items.first() else { continue };
            let what = match items.len() {
                1 => format!("time entry of key {}", first.key),
                count => format!("{count} time entries"),
            };
            let values = items.iter().map(|item| item.values.clone()).collect();
            let failure = match self.0.client.create(Self::MODEL, values, &what).await {
                Ok(ids) => {
                    outcomes.extend(
                        items
                            .iter()
                            .zip(ids)
                            .map(|(item, id)| (item.at, Ok(written(id, true)))),
                    );
                    continue;
                }
                Err(failure) => failure,
            };
            let refused = failure.class == canonical_model::FailureClass::Business && !failure.is_unknown();
            if refused && items.len() > 1 {
                let rest = items.split_off(items.len() / 2);
                calls.push(rest);
                calls.push(items);
            } else if let ("already_taken", [item]) = (failure.code.as_str(), items.as_slice()) {
                // Made by somebody with the same key since we looked.
                outcomes.push((item.at, self.adopt(&item.key, failure).await));
            } else {
                outcomes.extend(items.iter().map(|item| (item.at, Err(failure.clone()))));
            }
        }
        outcomes
    }

    async fn adopt(&self, key: &str, failure: Failure) -> Result<Written> {
        let found = search(self, vec![json!(["uuid", "=", key])], None).await?;
        match found.first() {
            Some(record) => Ok(written(record.id()?, false)),
            None => Err(failure),
        }
    }

    /// Changes a line to what it shall be; one that is so already is left alone.
    async fn bring_to(&self, record: &Record, values: &Value, what: &str) -> Result<Written> {
        let id = record.id()?;
        if let Some(changed) = difference(values, record) {
            let stamp = record.text(super::VERSION).unwrap_or_default();
            let changes = vec![(vec![id], changed)];
            self.0
                .client
                .write(Self::MODEL, changes, Some((id, &stamp)), what)
                .await?;
        }
        Ok(written(id, false))
    }

    /// Where time is booked for the tasks, or projects, of entries.
    async fn timesheets<'a>(
        &self,
        entries: impl Iterator<Item = &'a TimeEntry> + Send,
    ) -> Result<Timesheets> {
        // An id that is none is found missing at its own entry.
        let mut ids: Vec<i64> = entries.filter_map(|entry| place(entry).ok()).collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = self.0.rows("project.work", &ids, &["timesheet_works"]).await?;
        let mut sheets = Timesheets::new();
        for row in rows {
            if let Some(sheet) = row.ids("timesheet_works").first() {
                sheets.insert(row.id()?, *sheet);
            }
        }
        Ok(sheets)
    }
}

/// The piece of work of an entry.
fn place(entry: &TimeEntry) -> Result<i64> {
    match &entry.task {
        Some(task) => id_of(task, "task"),
        None => id_of(&entry.project, "project"),
    }
}

fn sheet(sheets: &Timesheets, entry: &TimeEntry) -> Result<i64> {
    let place = place(entry)?;
    sheets.get(&place).copied().ok_or_else(|| {
        let message = format!(
            "work {place} does not exist in Tryton or takes no time: make it available on timesheets, or choose another"
        );
        Failure::business("invalid_reference", message)
    })
}

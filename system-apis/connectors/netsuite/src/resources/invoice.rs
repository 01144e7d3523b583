//! Invoices.

use std::collections::BTreeSet;

use async_trait::async_trait;
use canonical_model::{FindBy, Invoice, InvoiceLine, Result, SourceKind, Write, Written};
use rust_decimal::Decimal;
use system_ports::{Filter, Idempotency};

use super::{Noun, Shared, Table, Writing, places, plain, writes};
use crate::cursor::split_id;
use crate::directory::Lookups;
use crate::mapping::expense;
use crate::mapping::invoice::{Facts, TimeFact, to_canonical, to_netsuite};
use crate::wire::Record;

plain!(
    /// Invoices.
    Invoices
);

#[async_trait]
impl Noun for Invoices {
    type Record = Invoice;
    type Extra = Facts;
    const OBJECT: &'static str = "invoice";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        let filters = vec![
            (Filter::Account, "entity"),
            (Filter::Project, "job"),
            (Filter::Date, "trandate"),
        ];
        Table {
            name: "transaction",
            condition: Some("type = 'CustInvc'".to_owned()),
            columns: None,
            filters,
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey, FindBy::Code]
    }

    fn condition(&self, by: FindBy) -> Option<String> {
        (by == FindBy::Code).then(|| "tranid = ?".to_owned())
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::UniqueField,
            bulk_size: 1,
        })
    }

    async fn extra(&self, records: &[Record]) -> Result<Facts> {
        let mut ids = BTreeSet::new();
        for record in records {
            // A record whose lines cannot be read is reported by its mapping.
            ids.extend(
                record
                    .lines("time")
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|line| line.text("doc")),
            );
        }
        let mut facts = Facts::default();
        self.time_facts(ids.into_iter().collect(), &mut facts).await?;
        Ok(facts)
    }

    fn map(&self, record: &Record, lookups: &Lookups, facts: &Facts) -> Result<Vec<(Option<u32>, Invoice)>> {
        Ok(vec![(
            None,
            to_canonical(record, lookups, facts, &self.0.settings)?,
        )])
    }

    async fn write_one(&self, write: &Write<Invoice>) -> Result<Written> {
        writes::refuse_change(write, "correct it with a credit note")?;
        let currency = self
            .0
            .directory
            .currency_id(&self.0.client, write.record.currency)
            .await?;
        let mut facts = Facts::default();
        self.time_facts(ids_of(&write.record.lines, SourceKind::TimeEntry, 1), &mut facts)
            .await?;
        self.expense_facts(ids_of(&write.record.lines, SourceKind::Expense, 2), &mut facts)
            .await?;
        let body = to_netsuite(&write.record, &currency, &facts, &self.0.settings)?;
        writes::post(&self.0, Self::OBJECT, write, body).await
    }
}

/// Sources of a kind on lines that have at least so many of them.
fn ids_of(lines: &[InvoiceLine], kind: SourceKind, least: usize) -> Vec<String> {
    let lines = lines.iter().filter(|line| line.sources.len() >= least);
    let sources = lines
        .flat_map(|line| &line.sources)
        .filter(|source| source.kind == kind);
    sources.map(|source| source.record.id.clone()).collect()
}

impl Invoices {
    async fn time_facts(&self, ids: Vec<String>, facts: &mut Facts) -> Result<()> {
        let table = self
            .0
            .settings
            .tables
            .get("time-entries")
            .and_then(|t| t.name.as_deref())
            .unwrap_or("timebill");
        for ids in ids.chunks(500) {
            let sql = format!(
                "SELECT id, hours, rate, item, BUILTIN.DF(item) AS item_label, memo FROM {table} WHERE id IN ({}) ORDER BY id",
                places(ids.len())
            );
            for row in self.0.client.query(&sql, ids, 1000).await?.rows {
                let fact = TimeFact {
                    minutes: row.minutes("hours")?,
                    rate: row.number("rate")?,
                    role: row.reference("item"),
                    note: row.text("memo"),
                };
                facts.time.insert(row.id()?, fact);
            }
        }
        Ok(())
    }

    async fn expense_facts(&self, ids: Vec<String>, facts: &mut Facts) -> Result<()> {
        let reports: BTreeSet<&str> = ids.iter().map(|id| split_id(id).0).collect();
        let calls: Vec<_> = reports
            .into_iter()
            .map(|id| self.0.client.get("expenseReport", id))
            .collect();
        let read = self.0.in_turn(calls).await;
        let lookups = self.0.directory.current(&self.0.client).await?;
        for report in read {
            let Some(report) = report? else { continue };
            for (line, expense) in expense::to_canonical(&report, &lookups, &self.0.settings)? {
                let id = format!("{}-{}", report.id()?, line.unwrap_or_default());
                let worth =
                    expense.amount.amount * lookups.rate(expense.amount.currency).unwrap_or(Decimal::ONE);
                facts.expenses.insert(id, (expense.amount, worth));
            }
        }
        Ok(())
    }
}

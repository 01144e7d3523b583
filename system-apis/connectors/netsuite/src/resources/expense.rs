//! Expenses, written in batches: one report each.

use std::collections::BTreeMap;

use async_trait::async_trait;
use canonical_model::{Expense, Failure, FindBy, Resource, Result, Write, WriteResult, Written};
use serde_json::Value;
use system_ports::{Filter, Idempotency, Verb, not_supported};

use super::batch::{self, Item, Proven};
use super::{Noun, Shared, Table, VENDOR, Writing, plain, writes};
use crate::cursor::split_id;
use crate::directory::Lookups;
use crate::mapping::account::is_id;
use crate::mapping::expense::{OUR_LINE, to_canonical, to_netsuite};
use crate::wire::Record;

plain!(
    /// Expense reports, line by line.
    Expenses
);

#[async_trait]
impl Noun for Expenses {
    type Record = Expense;
    type Extra = ();
    const OBJECT: &'static str = "expenseReport";
    const BY_LINE: bool = true;

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        let filters = vec![
            (Filter::Person, "entity"),
            (Filter::State, "approvalstatus"),
            (Filter::Date, "trandate"),
        ];
        Table {
            name: "transaction",
            condition: Some("type = 'ExpRept'".to_owned()),
            columns: None,
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
        self.0.settings.expense.approval.of_word(word)
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::ExternalIdUpsert,
            bulk_size: self.0.settings.limits.batch_size,
        })
    }

    fn reverses(&self) -> bool {
        self.0.settings.expense.reversals
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Vec<(Option<u32>, Expense)>> {
        to_canonical(record, lookups, &self.0.settings)
    }

    async fn write_one(&self, write: &Write<Expense>) -> Result<Written> {
        let of_report = Write {
            id: write.id.as_deref().map(our_report).transpose()?,
            ..write.clone()
        };
        let existing = writes::existing(&self.0, Self::OBJECT, &of_report).await?;
        let body = self.body(write).await?;
        let written = writes::put(&self.0, Self::OBJECT, &of_report, existing.is_some(), &[], &body).await?;
        Ok(Written {
            id: named(written.id),
            ..written
        })
    }

    async fn write(&self, writes: &[Write<Expense>]) -> Vec<WriteResult> {
        let (mut items, mut outcomes) = (Vec::new(), BTreeMap::new());
        for write in writes {
            let outcome = if write.record.reverses.is_some() && !self.reverses() {
                Err(not_supported(VENDOR, Expense::NAME, Verb::Reverse))
            } else if write.id.is_some() {
                self.write_one(write).await
            } else {
                match self.body(write).await {
                    Ok(body) => {
                        items.push(Item { write, body });
                        continue;
                    }
                    Err(failure) => Err(failure),
                }
            };
            outcomes.insert(write.key.to_string(), outcome.map_err(|f| self.0.met(f)));
        }
        // A report's row does not show its line, so every result is asked for.
        let prove = async |_: Vec<Write<Expense>>| Ok(Proven::new());
        batch::send(&self.0, Self::OBJECT, &items, named, prove, &mut outcomes).await;
        batch::in_order(writes, &outcomes)
    }
}

impl Expenses {
    async fn body(&self, write: &Write<Expense>) -> Result<Value> {
        let mut expense = write.record.clone();
        if !is_id(&expense.category) {
            expense.category.id = self.category(&expense.category.id).await?;
        }
        let currency = self
            .0
            .directory
            .currency_id(&self.0.client, expense.amount.currency)
            .await?;
        #[cfg(feature = "simulation")]
        let currency =
            if canonical_model::simulation::planted(canonical_model::simulation::Defect::SwappedCurrencyBase)
            {
                let base = canonical_model::Currency::EUR;
                self.0.directory.currency_id(&self.0.client, base).await?
            } else {
                currency
            };
        let mut body = to_netsuite(&expense, &currency, &self.0.settings);
        if let (Some(fields), None) = (body.as_object_mut(), &write.id) {
            fields.insert("externalId".to_owned(), write.key.as_str().into());
        }
        Ok(body)
    }

    /// The category that people know by this name.
    async fn category(&self, name: &str) -> Result<String> {
        let sql = "SELECT id FROM expensecategory WHERE LOWER(name) = LOWER(?) ORDER BY id";
        let rows = self.0.client.query(sql, &[name.to_owned()], 2).await?.rows;
        rows.first().map(Record::id).transpose()?.ok_or_else(|| {
            let message = format!("NetSuite has no expense category {name:?}");
            Failure::business("invalid_reference", message)
        })
    }
}

fn named(report: String) -> String {
    format!("{report}-{OUR_LINE}")
}

/// The report of one of our expenses; lines of reports that people wrote are theirs to change.
fn our_report(id: &str) -> Result<String> {
    match split_id(id) {
        (report, Some(line)) if line == OUR_LINE.to_string() => Ok(report.to_owned()),
        _ => Err(Failure::business(
            "not_found",
            format!("NetSuite has no expense {id} of ours"),
        )),
    }
}

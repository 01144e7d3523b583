//! Expenses: supplier invoices, the supplier being who is paid back.

use std::collections::BTreeMap;

use async_trait::async_trait;
use canonical_model::{ApprovalState, Expense, Failure, FindBy, Result, Write, Written};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use system_ports::{Filter, Idempotency};

use super::documents::{self, Document, Header, defaults, with_key};
use super::works::Works;
use super::writes::refuse_change;
use super::{By, Noun, Shared, Table, Writing, plain};
use crate::client::Search;
use crate::directory::Lookups;
use crate::mapping::check_entity;
use crate::mapping::document::{FIELDS, Kind, Line, line_values, tag, tag_of};
use crate::mapping::invoice::to_expense;
use crate::tag;
use crate::wire::{Record, date, id_of};

plain!(
    /// Supplier invoices that book what people spent.
    Expenses
);

/// Invoices to clients by the expense that they charge for.
pub(crate) type Charged = BTreeMap<i64, i64>;

#[async_trait]
impl Noun for Expenses {
    type Record = Expense;
    type Extra = Charged;
    const MODEL: &'static str = "account.invoice";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        // Other supplier invoices are no expenses of people.
        let ours = json!(["lines.note", "ilike", tag::pattern("kind", "expense")]);
        Table {
            domain: vec![json!(["type", "=", "in"]), ours],
            fields: FIELDS.to_vec(),
            filters: vec![Filter::Date],
        }
    }

    fn filter(&self, by: By<'_>) -> Result<Value> {
        Ok(match by {
            By::From(day) => json!(["invoice_date", ">=", date(day)]),
            By::To(day) => json!(["invoice_date", "<=", date(day)]),
            _ => json!([]),
        })
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey, FindBy::Code]
    }

    fn condition(&self, by: FindBy, value: &str) -> Vec<Value> {
        match by {
            FindBy::EffectKey => vec![with_key(value)],
            _ => vec![json!(["number", "=", value])],
        }
    }

    fn matches(&self, record: &Record, by: FindBy, value: &str) -> bool {
        by != FindBy::EffectKey || self.key(record).as_deref() == Some(value)
    }

    fn key(&self, record: &Record) -> Option<String> {
        tag_of(record).get("key").map(str::to_owned)
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::LookUp,
            bulk_size: 1,
            reverses: true,
        })
    }

    async fn extra(&self, records: &[Record]) -> Result<Charged> {
        let mut of_line = BTreeMap::new();
        for record in records {
            for line in record.many("lines")? {
                of_line.insert(format!("account.invoice.line,{}", line.id()?), record.id()?);
            }
        }
        let origins: Vec<&String> = of_line.keys().collect();
        let fields = ["origin", "invoice"].map(str::to_owned);
        let mut charged = Charged::new();
        for origins in origins.chunks(100) {
            let search = Search {
                model: "account.invoice.line",
                domain: vec![
                    json!(["origin", "in", origins]),
                    json!(["invoice.type", "=", "out"]),
                ],
                order: &["id"],
                limit: None,
                fields: &fields,
            };
            for row in self.0.client.search_read(search).await?.rows {
                let expense = row
                    .text("origin")
                    .and_then(|origin| of_line.get(&origin).copied());
                if let (Some(expense), Some(invoice)) = (expense, row.integer("invoice")) {
                    charged.insert(expense, invoice);
                }
            }
        }
        Ok(charged)
    }

    fn map(&self, record: &Record, lookups: &Lookups, charged: &Charged) -> Result<Option<Expense>> {
        if documents::is_unfinished(record) {
            return Ok(None);
        }
        to_expense(record, lookups, charged.get(&record.id()?).copied()).map(Some)
    }

    async fn write_one(&self, write: &Write<Expense>) -> Result<Written> {
        refuse_change(write, "take it back by a negative one")?;
        let (shared, key, expense) = (&*self.0, write.key.as_str(), &write.record);
        let what = format!("expense of key {key}");
        if let Some(known) = documents::earlier(shared, Kind::Expense, key, &what).await? {
            return Ok(known);
        }
        if expense.approval != ApprovalState::Approved {
            let message = "Tryton keeps no approval of expenses: only approved ones are written there";
            return Err(Failure::business("not_approved", message));
        }
        let lookups = shared.directory.current(&shared.client).await?;
        check_entity(expense.legal_entity.as_ref(), &lookups)?;
        let document = self.compose(expense, key, &what, &lookups).await?;
        documents::make(shared, document).await
    }
}

impl Expenses {
    async fn compose<'a>(
        &self,
        expense: &Expense,
        key: &'a str,
        what: &'a str,
        lookups: &Lookups,
    ) -> Result<Document<'a>> {
        let shared = &*self.0;
        self.check_place(expense).await?;
        let person = id_of(&expense.person, "person")?;
        let employee = shared.directory.employee(&shared.client, person).await?;
        let party = if expense.reimbursable {
            employee.party
        } else {
            shared
                .settings
                .expense
                .paid_by_firm
                .unwrap_or(lookups.company_party)
        };
        let company = lookups.company;
        let currency = shared
            .directory
            .currency_id(&shared.client, expense.amount.currency)
            .await?;
        let product = id_of(&expense.category, "expense category")?;
        let filled = defaults(shared, Kind::Expense, &[product], (party, company, currency)).await?;
        let header = Header::of_party(shared, Kind::Expense, party, company, currency).await?;
        let mut header = header.values(Kind::Expense, party, company, currency);
        // The supplier's number of an invoice: Tryton itself warns about a second one with the same.
        header
            .set("reference", key)
            .set("invoice_date", date(expense.date))
            .set_opt("description", expense.note.clone());
        let mut tag = tag(Kind::Expense, key, 1);
        tag.set("person", Some(person));
        tag.set("project", Some(&expense.project.id));
        tag.set("task", expense.task.as_ref().map(|task| task.id.as_str()));
        tag.set("billable", Some(expense.billable));
        tag.set("reimbursable", Some(expense.reimbursable));
        tag.set(
            "reverses",
            expense.reverses.as_ref().map(|reversed| reversed.id.as_str()),
        );
        let amount = expense.amount.amount;
        let line = Line {
            product,
            quantity: if amount.is_sign_negative() {
                Decimal::NEGATIVE_ONE
            } else {
                Decimal::ONE
            },
            unit_price: amount.abs(),
            description: expense.note.as_deref().unwrap_or_default(),
            tax: expense
                .tax_code
                .as_ref()
                .map(|code| id_of(code, "tax code"))
                .transpose()?,
            tag: &tag,
            origin: None,
        };
        let of_product = filled.get(&product).cloned().unwrap_or_default();
        let lines = vec![line_values(&line, &of_product, company, currency)];
        Ok(Document {
            kind: Kind::Expense,
            key,
            what,
            header,
            lines,
            time: BTreeMap::new(),
            net: amount,
            post: shared.settings.expense.post,
        })
    }

    /// Tryton has no field for the project of a supplier invoice, so that it does not check it either.
    async fn check_place(&self, expense: &Expense) -> Result<()> {
        let project = id_of(&expense.project, "project")?;
        let task = expense
            .task
            .as_ref()
            .map(|task| id_of(task, "task"))
            .transpose()?;
        let works = Works::read(&self.0, [project].into_iter().chain(task)).await?;
        let holds = |work: i64| {
            works
                .project_of(work)
                .is_some_and(|found| found.id == expense.project.id)
        };
        if holds(project) && task.is_none_or(holds) {
            return Ok(());
        }
        let message = format!(
            "project {} and the task are not there in Tryton",
            expense.project.id
        );
        Err(Failure::business("invalid_reference", message))
    }
}

//! The ERP as the firm's finance people use it, in the few acts that a story needs.

use anyhow::Context;
use chrono::NaiveDate;
use serde_json::Value;
use vendor_twins::firm::{Payer, Tryton};

/// What stands on an invoice, as people read it.
pub(crate) struct Bill {
    /// Its id in the ERP.
    pub(crate) id: String,
    /// Its number, or its id while it has none.
    pub(crate) number: String,
    /// Gross.
    pub(crate) total: String,
}

/// The firm's ERP.
pub(crate) enum Books<'a> {
    NetSuite(&'a Payer),
    Tryton(&'a Tryton),
}

impl Books<'_> {
    /// What people call the system.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::NetSuite(_) => "NetSuite",
            Self::Tryton(_) => "Tryton",
        }
    }

    /// The company of the firm that a customer belongs to.
    pub(crate) async fn entity_of(&self, customer: &str) -> anyhow::Result<String> {
        match self {
            Self::NetSuite(payer) => {
                let customer = payer.read(&format!("customer/{customer}")).await?;
                let name = customer.pointer("/subsidiary/refName").and_then(Value::as_str);
                Ok(name.unwrap_or_default().to_owned())
            }
            // Customers are the firm's; its one company is that of the database.
            Self::Tryton(tryton) => {
                let companies = tryton
                    .search_read("company.company", &Value::Array(vec![]), &["party.name"])
                    .await?;
                let name = companies
                    .first()
                    .and_then(|c| c.pointer("/party./name"))
                    .and_then(Value::as_str);
                Ok(name.unwrap_or_default().to_owned())
            }
        }
    }

    /// How many time entries stand in the books on projects of a customer.
    pub(crate) async fn time_entries(&self, customer: &str) -> anyhow::Result<usize> {
        match self {
            Self::NetSuite(payer) => {
                let suiteql = format!(
                    "SELECT t.id FROM timebill t JOIN job j ON j.id = t.customer WHERE j.parent = {customer}"
                );
                Ok(payer.query(&suiteql).await?.len())
            }
            Self::Tryton(tryton) => Ok(tryton.time_of(customer).await?.len()),
        }
    }

    /// Invoices of a customer that are valid. A draft in Tryton is still being made.
    pub(crate) async fn invoices(&self, customer: &str) -> anyhow::Result<Vec<Bill>> {
        match self {
            Self::NetSuite(payer) => {
                let suiteql =
                    format!("SELECT id FROM transaction WHERE type = 'CustInvc' AND entity = {customer}");
                let mut bills = Vec::new();
                for row in payer.query(&suiteql).await? {
                    let id = match row.get("id") {
                        Some(Value::String(id)) => id.clone(),
                        Some(id) => id.to_string(),
                        None => continue,
                    };
                    let invoice = payer.read(&format!("invoice/{id}")).await?;
                    bills.push(Bill {
                        number: invoice
                            .get("tranId")
                            .and_then(Value::as_str)
                            .unwrap_or(&id)
                            .to_owned(),
                        total: invoice.get("total").map(Value::to_string).unwrap_or_default(),
                        id,
                    });
                }
                Ok(bills)
            }
            Self::Tryton(tryton) => {
                let invoices = tryton.invoices(customer).await?;
                let valid = invoices
                    .into_iter()
                    .filter(|i| !["draft", "cancelled"].contains(&i.state.as_str()));
                Ok(valid
                    .map(|i| Bill {
                        id: i.id.to_string(),
                        number: i.number.unwrap_or_else(|| i.id.to_string()),
                        total: i.total.to_string(),
                    })
                    .collect())
            }
        }
    }

    /// Finance looks at what was made and posts what waits for that. Returns the numbers of what it posted; in NetSuite,
    /// invoices are in the ledger from the start.
    pub(crate) async fn approve(&self, customer: &str) -> anyhow::Result<Vec<String>> {
        let Self::Tryton(tryton) = self else {
            return Ok(Vec::new());
        };
        let mut posted = Vec::new();
        for invoice in tryton.invoices(customer).await? {
            if invoice.state == "validated" {
                tryton.post(invoice.id).await?;
                let now = tryton.invoices(customer).await?;
                let now = now.into_iter().find(|other| other.id == invoice.id);
                posted.push(
                    now.and_then(|i| i.number)
                        .context("a posted invoice has no number")?,
                );
            }
        }
        Ok(posted)
    }

    /// The client pays every open invoice in full. Returns their numbers.
    pub(crate) async fn pay(&self, customer: &str, date: NaiveDate) -> anyhow::Result<Vec<String>> {
        let mut paid = Vec::new();
        match self {
            Self::NetSuite(payer) => {
                for invoice in payer.open_invoices(customer).await? {
                    payer.pay(customer, &invoice, date).await?;
                    paid.push(invoice.number);
                }
            }
            Self::Tryton(tryton) => {
                for invoice in tryton.invoices(customer).await? {
                    if invoice.state == "posted" && !invoice.to_pay.is_zero() {
                        tryton.pay(invoice.id, date).await?;
                        paid.push(invoice.number.unwrap_or_default());
                    }
                }
            }
        }
        Ok(paid)
    }
}

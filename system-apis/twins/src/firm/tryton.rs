//! Finance people of a firm that keeps its books in Tryton: they post invoices, book payments and look at the ledger, over
//! the remote calls that Tryton's own client makes. Observed with Tryton 8.0.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::client::{FirmError, send, text};

const SYSTEM: &str = "Tryton";
/// On SQLite a call waits while another one writes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where a Tryton is, and who acts there.
#[derive(Debug, Clone)]
pub struct TrytonAddress {
    /// Base URL of the server.
    pub url: String,
    /// Its database.
    pub database: String,
    /// Login of the person.
    pub login: String,
    /// The person's password.
    pub password: String,
}

/// A customer invoice as finance sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrytonInvoice {
    /// Its id.
    pub id: i64,
    /// Its number; none before it is posted.
    pub number: Option<String>,
    /// `draft`, `validated`, `posted`, `paid` or `cancelled`.
    pub state: String,
    /// ISO currency of the amounts.
    pub currency: String,
    /// Net.
    pub net: Decimal,
    /// Tax.
    pub tax: Decimal,
    /// Gross.
    pub total: Decimal,
    /// Still to be paid.
    pub to_pay: Decimal,
}

/// What stands on one account of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Name of the account.
    pub account: String,
    /// Sum of all debits.
    pub debit: Decimal,
    /// Sum of all credits.
    pub credit: Decimal,
}

/// A person at Tryton.
pub struct Tryton {
    http: reqwest::Client,
    at: TrytonAddress,
    session: Mutex<Option<Session>>,
}

#[derive(Clone)]
struct Session {
    authorization: String,
    context: Value,
}

impl Tryton {
    /// The person of an address.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn at(address: TrytonAddress) -> Result<Self, FirmError> {
        Ok(Self {
            http: super::client::http()?,
            at: address,
            session: Mutex::new(None),
        })
    }

    /// Invoices of a customer, oldest first.
    ///
    /// # Errors
    /// Tryton refuses or does not answer.
    pub async fn invoices(&self, customer_id: &str) -> Result<Vec<TrytonInvoice>, FirmError> {
        let domain = json!([["party", "=", number(customer_id)?], ["type", "=", "out"]]);
        let fields = [
            "number",
            "state",
            "currency.code",
            "untaxed_amount",
            "tax_amount",
            "total_amount",
            "amount_to_pay",
        ];
        let rows = self.search_read("account.invoice", &domain, &fields).await?;
        rows.iter().map(invoice).collect()
    }

    /// Posts an invoice: it gets its number and stands in the ledger.
    ///
    /// # Errors
    /// Tryton refuses or does not answer.
    pub async fn post(&self, invoice: i64) -> Result<(), FirmError> {
        self.model("account.invoice", "post", vec![json!([invoice])])
            .await
            .map(drop)
    }

    /// Books that the client has paid all that an invoice is still open for, by the first way of payment that there is.
    ///
    /// # Errors
    /// Tryton refuses or does not answer.
    pub async fn pay(&self, invoice: i64, date: NaiveDate) -> Result<(), FirmError> {
        // Tryton wants a password that was given just now for this.
        *self.session.lock().await = None;
        let method = self
            .search_read("account.invoice.payment.method", &json!([]), &["name"])
            .await?;
        let method = method.first().and_then(|m| m.get("id")).cloned();
        let method = method.ok_or_else(|| missing("way of payment"))?;
        let wizard = "wizard.account.invoice.pay";
        let begun = self.call(&format!("{wizard}.create"), vec![], &json!({})).await?;
        let (id, first) = (at(&begun, "/0")?, at(&begun, "/1")?);
        let on = json!({"active_model": "account.invoice", "active_id": invoice, "active_ids": [invoice]});
        let execute = format!("{wizard}.execute");
        let form = self
            .call(&execute, vec![id.clone(), json!({}), first], &on)
            .await?;
        let mut given = serde_json::Map::new();
        for field in [
            "payee",
            "payees",
            "company",
            "currency",
            "amount",
            "invoice_account",
        ] {
            given.insert(field.to_owned(), at(&form, &format!("/view/defaults/{field}"))?);
        }
        given.insert("payment_method".to_owned(), method);
        given.insert("date".to_owned(), day(date));
        let asked = self
            .call(
                &execute,
                vec![id.clone(), json!({"start": given}), json!("choice")],
                &on,
            )
            .await?;
        if asked.get("view").is_some() {
            return Err(missing("payment in full: it asks what to do with a rest"));
        }
        self.call(&format!("{wizard}.delete"), vec![id], &json!({}))
            .await
            .map(drop)
    }

    /// What stands on each account that anything was booked on, by its number.
    ///
    /// # Errors
    /// Tryton refuses or does not answer.
    pub async fn trial_balance(&self) -> Result<BTreeMap<String, Balance>, FirmError> {
        let fields = ["account.code", "account.name", "debit", "credit"];
        let lines = self.search_read("account.move.line", &json!([]), &fields).await?;
        let mut balances: BTreeMap<String, Balance> = BTreeMap::new();
        for line in &lines {
            let balance = balances
                .entry(text(SYSTEM, line, "/account./code")?)
                .or_insert(Balance {
                    account: text(SYSTEM, line, "/account./name")?,
                    debit: Decimal::ZERO,
                    credit: Decimal::ZERO,
                });
            balance.debit += decimal(line, "/debit")?;
            balance.credit += decimal(line, "/credit")?;
        }
        Ok(balances)
    }

    /// Time booked on all projects of a customer, with what it is booked on.
    ///
    /// # Errors
    /// Tryton refuses or does not answer.
    pub async fn time_of(&self, customer_id: &str) -> Result<Vec<Value>, FirmError> {
        let own = json!([["party", "=", number(customer_id)?], ["type", "=", "project"]]);
        let projects = ids(&self.search_read("project.work", &own, &["name"]).await?);
        let parts = json!([["parent", "child_of", projects]]);
        let works = self
            .search_read("project.work", &parts, &["timesheet_works"])
            .await?;
        let sheets: Vec<Value> = works
            .iter()
            .filter_map(|work| work.get("timesheet_works").and_then(Value::as_array))
            .flatten()
            .cloned()
            .collect();
        let fields = [
            "date",
            "duration",
            "description",
            "uuid",
            "work.name",
            "employee.rec_name",
            "invoice_line",
        ];
        self.search_read("timesheet.line", &json!([["work", "in", sheets]]), &fields)
            .await
    }

    /// The records that a domain means, by id, with some of their fields.
    ///
    /// # Errors
    /// Tryton refuses or does not answer.
    pub async fn search_read(
        &self,
        model: &str,
        domain: &Value,
        fields: &[&str],
    ) -> Result<Vec<Value>, FirmError> {
        let order = json!([["id", "ASC"]]);
        let params = vec![domain.clone(), json!(0), Value::Null, order, json!(fields)];
        let found = self.model(model, "search_read", params).await?;
        match found {
            Value::Array(rows) => Ok(rows),
            other => Err(missing(&format!("rows of {model}: {other}"))),
        }
    }

    /// A method of a model, as the person may call it.
    ///
    /// # Errors
    /// Tryton refuses or does not answer.
    pub async fn model(&self, model: &str, method: &str, params: Vec<Value>) -> Result<Value, FirmError> {
        self.call(&format!("model.{model}.{method}"), params, &json!({}))
            .await
    }

    /// Any call, with the person's context and what is added to it. A session that has ended is begun again.
    async fn call(&self, method: &str, params: Vec<Value>, added: &Value) -> Result<Value, FirmError> {
        let mut again = true;
        loop {
            let session = self.session().await?;
            let mut context = session.context.clone();
            for (key, value) in added.as_object().into_iter().flatten() {
                if let Some(context) = context.as_object_mut() {
                    context.insert(key.clone(), value.clone());
                }
            }
            let mut params = params.clone();
            params.push(context);
            match self
                .post_call(method, &params, Some(&session.authorization))
                .await
            {
                Err(FirmError::Refused { status, .. }) if status == 401 && again => {
                    again = false;
                    *self.session.lock().await = None;
                }
                answer => return answer,
            }
        }
    }

    async fn session(&self) -> Result<Session, FirmError> {
        let mut held = self.session.lock().await;
        if let Some(session) = held.as_ref() {
            return Ok(session.clone());
        }
        let login = [
            json!(self.at.login),
            json!({"password": self.at.password}),
            json!("en"),
        ];
        let begun = self.post_call("common.db.login", &login, None).await?;
        let (user, token) = (text(SYSTEM, &begun, "/0")?, text(SYSTEM, &begun, "/1")?);
        let plain = format!("{}:{user}:{token}", self.at.login);
        let authorization = format!("Session {}", STANDARD.encode(plain));
        let preferences = [json!(true), json!({})];
        let context = self
            .post_call(
                "model.res.user.get_preferences",
                &preferences,
                Some(&authorization),
            )
            .await?;
        let session = Session {
            authorization,
            context,
        };
        *held = Some(session.clone());
        Ok(session)
    }

    async fn post_call(
        &self,
        method: &str,
        params: &[Value],
        authorization: Option<&str>,
    ) -> Result<Value, FirmError> {
        let url = format!("{}/{}/rpc/", self.at.url, self.at.database);
        let mut request = self
            .http
            .post(url)
            .timeout(PATIENCE)
            .json(&json!({"id": 1, "method": method, "params": params}));
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        let answer = send(SYSTEM, method, request).await?.body;
        match answer.get("error") {
            // Type and message; what follows may be tens of kilobytes.
            Some(error) => Err(missing(&format!(
                "result of {method}: {} {}",
                error.pointer("/0").unwrap_or(&Value::Null),
                error.pointer("/1/0").unwrap_or(&Value::Null)
            ))),
            None => Ok(answer.get("result").cloned().unwrap_or(Value::Null)),
        }
    }
}

/// A day as Tryton writes it.
#[must_use]
pub fn day(date: NaiveDate) -> Value {
    json!({"__class__": "date", "year": date.year(), "month": date.month(), "day": date.day()})
}

/// A decimal as Tryton writes it, at a JSON pointer.
///
/// # Errors
/// There is none.
pub fn decimal(record: &Value, pointer: &str) -> Result<Decimal, FirmError> {
    let written = text(SYSTEM, record, &format!("{pointer}/decimal"))?;
    written
        .parse()
        .map_err(|_| missing(&format!("decimal at {pointer}: {written}")))
}

fn invoice(row: &Value) -> Result<TrytonInvoice, FirmError> {
    Ok(TrytonInvoice {
        id: number(&text(SYSTEM, row, "/id")?)?,
        number: row.get("number").and_then(Value::as_str).map(str::to_owned),
        state: text(SYSTEM, row, "/state")?,
        currency: text(SYSTEM, row, "/currency./code")?,
        net: decimal(row, "/untaxed_amount")?,
        tax: decimal(row, "/tax_amount")?,
        total: decimal(row, "/total_amount")?,
        to_pay: decimal(row, "/amount_to_pay")?,
    })
}

fn ids(rows: &[Value]) -> Vec<Value> {
    rows.iter().filter_map(|row| row.get("id").cloned()).collect()
}

fn number(id: &str) -> Result<i64, FirmError> {
    id.parse()
        .map_err(|_| missing(&format!("record {id:?}: ids are numbers")))
}

fn at(value: &Value, pointer: &str) -> Result<Value, FirmError> {
    value.pointer(pointer).cloned().ok_or_else(|| missing(pointer))
}

fn missing(what: &str) -> FirmError {
    FirmError::Missing {
        system: SYSTEM,
        what: what.to_owned(),
    }
}

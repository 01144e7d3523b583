//! What Fairlead says of its own work, asked through its APIs as a program of the firm would ask.
//!
//! It sets the pace of the load. What is proven is looked up at the vendors, and what Fairlead says is compared with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::bail;
use fairlead::{Development, Finance, addresses};
use rust_decimal::Decimal;
use serde_json::Value;
use vendor_twins::firm::Firm;

use crate::load::Played;
use crate::progress::Progress;
use crate::vendors::text;

const LOOK: Duration = Duration::from_secs(1);
const TIME_TO_INVOICE: &str = "time-to-invoice-process-api";
const PROCESSES: [&str; 3] = [
    "quote-to-project-process-api",
    TIME_TO_INVOICE,
    "invoice-to-cash-process-api",
];

/// Looks at the APIs again and again.
#[derive(Clone)]
pub(crate) struct Watch {
    set_up: Development,
    finance: Arc<Finance>,
    firm: Arc<Firm>,
    http: reqwest::Client,
    seen: Arc<Mutex<Seen>>,
}

/// By project code: lines in the books, and the net of the invoices.
#[derive(Default, PartialEq)]
struct Seen {
    posted: BTreeMap<String, u64>,
    invoiced: BTreeMap<String, Decimal>,
}

impl Watch {
    pub(crate) fn new(set_up: &Development) -> anyhow::Result<Self> {
        Ok(Self {
            set_up: set_up.clone(),
            finance: Arc::new(Finance::new(set_up)?),
            firm: Arc::new(Firm::at(&addresses(set_up))?),
            http: crate::fleet::http(Duration::from_secs(30))?,
            seen: Arc::default(),
        })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lines of a project that are in the books, as far as was seen.
    pub(crate) fn posted(&self, code: &str) -> u64 {
        self.seen().posted.get(code).copied().unwrap_or_default()
    }

    /// Net of the invoices of a project, as far as was seen.
    pub(crate) fn invoiced(&self, code: &str) -> Decimal {
        self.seen().invoiced.get(code).copied().unwrap_or_default()
    }

    /// Keeps looking; an API that is away is asked again.
    pub(crate) async fn look(self, progress: Arc<Progress>) {
        loop {
            if let Ok(now) = self.once().await {
                let mut seen = self.seen();
                if *seen != now {
                    *seen = now;
                    progress.moved();
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn once(&self) -> anyhow::Result<Seen> {
        let (mut seen, mut codes) = (Seen::default(), BTreeMap::new());
        for sum in self.sums().await? {
            let code = text(&sum, "/project_code");
            codes.insert(text(&sum, "/project_id"), code.clone());
            if text(&sum, "/state") == "posted" {
                *seen.posted.entry(code).or_default() +=
                    sum.get("lines").and_then(Value::as_u64).unwrap_or(0);
            }
        }
        for run in self
            .pages(TIME_TO_INVOICE, "/v1/billing-runs", "billing:read")
            .await?
        {
            if text(&run, "/state") == "invoiced"
                && let Some(code) = codes.get(&text(&run, "/project_id"))
            {
                let net: Decimal = text(&run, "/net/amount").parse()?;
                *seen.invoiced.entry(code.clone()).or_default() += net;
            }
        }
        Ok(seen)
    }

    /// The journal's own sums.
    pub(crate) async fn sums(&self) -> anyhow::Result<Vec<Value>> {
        let answer = self
            .get(TIME_TO_INVOICE, "/v1/posting-lines/summary", "postings:read")
            .await?;
        Ok(answer
            .get("sums")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default())
    }

    /// Every posting line.
    pub(crate) async fn lines(&self) -> anyhow::Result<Vec<Value>> {
        self.pages(TIME_TO_INVOICE, "/v1/posting-lines", "postings:read")
            .await
    }

    /// Everything that a person was ever asked.
    pub(crate) async fn exceptions(&self) -> anyhow::Result<Vec<Value>> {
        self.pages("control-process-api", "/v1/exceptions", "exceptions:read")
            .await
    }

    /// Instances that have not ended.
    pub(crate) async fn not_ended(&self) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        for api in PROCESSES {
            for state in ["running", "waiting", "compensating", "parked"] {
                let path = format!("/v1/instances?limit=200&state={state}");
                let page = self.get(api, &path, "processes:read").await?;
                for instance in page.get("items").and_then(Value::as_array).into_iter().flatten() {
                    found.push(format!(
                        "{state} {api} {:?} at {} {}",
                        text(instance, "/title"),
                        text(instance, "/step"),
                        instance.get("failure").unwrap_or(&Value::Null)
                    ));
                }
            }
        }
        Ok(found)
    }

    /// What does not go on, for who has to find out why.
    pub(crate) async fn open_matters(&self) -> String {
        match self.not_ended().await {
            Ok(found) => found.join("\n"),
            Err(error) => format!("what does not go on cannot be asked: {error:#}"),
        }
    }

    /// Waits until no instance is on its way and sales sees every account as paid.
    pub(crate) async fn at_rest(&self, played: &[Played]) -> anyhow::Result<()> {
        loop {
            let on_their_way = self.not_ended().await.map_or(1, |found| {
                found
                    .iter()
                    .filter(|instance| !instance.starts_with("parked"))
                    .count()
            });
            if on_their_way == 0 && self.all_paid(played).await? {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn all_paid(&self, played: &[Played]) -> anyhow::Result<bool> {
        let open = self
            .firm
            .sales
            .query("SELECT Id FROM Fairlead_Invoice__c WHERE Status__c != 'Paid' LIMIT 1")
            .await?;
        if !open.is_empty() {
            return Ok(false);
        }
        let paid = self
            .firm
            .sales
            .query("SELECT Id FROM Account WHERE Invoice_Status__c = 'paid'")
            .await?;
        let paid: Vec<String> = paid.iter().map(|account| text(account, "/Id")).collect();
        Ok(played.iter().all(|deal| paid.contains(&deal.account_id)))
    }

    /// Rows of the ERP's ledger.
    pub(crate) async fn ledger(&self, suiteql: &str) -> anyhow::Result<Vec<Value>> {
        Ok(self.firm.payer.query(suiteql).await?)
    }

    /// Approved lines of a project in the PSA, as its users see them.
    pub(crate) async fn approved(&self, lines: &str, workspace_id: &str) -> anyhow::Result<Vec<Value>> {
        let filters = [("workspace_id", workspace_id), ("approved", "true")];
        Ok(self.firm.delivery.list(lines, &filters).await?)
    }

    async fn pages(&self, api: &str, path: &str, scope: &str) -> anyhow::Result<Vec<Value>> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(api, &format!("{path}?limit=500{cursor}"), scope).await?;
            items.extend(
                page.get("items")
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default(),
            );
            match text(&page, "/next_cursor") {
                next if next.is_empty() => return Ok(items),
                next => cursor = format!("&cursor={next}"),
            }
        }
    }

    async fn get(&self, api: &str, path: &str, scope: &str) -> anyhow::Result<Value> {
        let token = self.finance.token(api, scope).await?;
        let url = format!("{}{path}", self.set_up.url(api));
        let answer = self.http.get(&url).bearer_auth(token).send().await?;
        let (status, body) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("{url} answered {status}: {body}");
        }
        Ok(serde_json::from_str(&body)?)
    }
}

//! Insight: key figures, and how projects, invoices and accounts stand.

use std::sync::Arc;

use canonical_model::{
    AccountMargin, AssignmentChanged, CanonicalId, Fact, InvoiceStanding, Kpi, KpiName, Page,
    ProjectStanding, ResourceRequestStanding, ResourceRequestState, Result,
};
use chrono::{DateTime, NaiveDate, Utc};
use egress::{Authorizer, ClientSettings, Request};
use serde::Deserialize;

use crate::api::{Api, word};

/// Over which days, and of which part of the firm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    /// First day.
    pub from: Option<NaiveDate>,
    /// Last day.
    pub to: Option<NaiveDate>,
    /// Only this legal entity (canonical code).
    pub legal_entity: Option<String>,
    /// Only this region (canonical code).
    pub region: Option<String>,
}

/// Which projects or invoices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvoiceQuery {
    /// Only of this account (canonical id).
    pub account_id: Option<CanonicalId>,
    /// Only of this project (canonical id).
    pub project_id: Option<CanonicalId>,
    /// From the page before.
    pub cursor: Option<String>,
    /// Records a page.
    pub limit: Option<u32>,
}

/// Which wishes for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestQuery {
    /// Only those that stand so.
    pub state: Option<ResourceRequestState>,
    /// Only of this account (canonical id).
    pub account_id: Option<CanonicalId>,
    /// Only of this project (canonical id).
    pub project_id: Option<CanonicalId>,
    /// From the page before.
    pub cursor: Option<String>,
    /// Records a page.
    pub limit: Option<u32>,
}

/// Which planned time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssignmentQuery {
    /// Only of this person (e-mail address).
    pub person: Option<String>,
    /// Only of this account (canonical id).
    pub account_id: Option<CanonicalId>,
    /// Only of this project (canonical id).
    pub project_id: Option<CanonicalId>,
    /// Only what lasts at least until this day.
    pub from: Option<NaiveDate>,
    /// Only what begins by this day.
    pub to: Option<NaiveDate>,
    /// From the page before.
    pub cursor: Option<String>,
    /// Records a page.
    pub limit: Option<u32>,
}

/// A fact with where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ToldFact {
    /// Id of the event that told it, as the lineage of figures names it.
    pub event_id: String,
    /// When it was told.
    pub told_at: DateTime<Utc>,
    /// The fact.
    pub fact: Fact,
}

/// Calls insight.
#[derive(Clone)]
pub struct InsightClient {
    api: Api,
}

impl InsightClient {
    /// A client of the API.
    ///
    /// # Errors
    /// Fault `invalid_egress_settings` when the address or the certificate file cannot be used.
    pub fn new(settings: &ClientSettings, authorizer: Arc<dyn Authorizer>) -> Result<Self> {
        let api = Api::new("insight-process-api", settings, authorizer)?;
        Ok(Self { api })
    }

    /// All key figures over a window. Those made of cost are left out for who may not see it.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn kpis(&self, window: &Window) -> Result<Vec<Kpi>> {
        self.api.get(within(Request::get("/v1/kpis"), window)).await
    }

    /// One key figure over a window.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn kpi(&self, name: KpiName, window: &Window) -> Result<Kpi> {
        let request = Request::get(format!("/v1/kpis/{}", word(name))).template("/v1/kpis/{name}");
        self.api.get(within(request, window)).await
    }

    /// How projects stand.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn projects(&self, query: &InvoiceQuery) -> Result<Page<ProjectStanding>> {
        self.api.get(of(Request::get("/v1/projects"), query)).await
    }

    /// How one project stands.
    ///
    /// # Errors
    /// Business `not_found` where there is none.
    pub async fn project(&self, id: CanonicalId) -> Result<ProjectStanding> {
        let request = Request::get(format!("/v1/projects/{id}")).template("/v1/projects/{id}");
        self.api.get(request).await
    }

    /// How invoices stand.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn invoices(&self, query: &InvoiceQuery) -> Result<Page<InvoiceStanding>> {
        self.api.get(of(Request::get("/v1/invoices"), query)).await
    }

    /// One page of the facts that figures are made of, in the order in which they were told.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn facts(&self, cursor: Option<&str>, limit: Option<u32>) -> Result<Page<ToldFact>> {
        let request = Request::get("/v1/facts")
            .query_opt("cursor", cursor)
            .query_opt("limit", limit);
        self.api.get(request).await
    }

    /// Who is wanted, the open requests first.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn resource_requests(&self, query: &RequestQuery) -> Result<Page<ResourceRequestStanding>> {
        let request = Request::get("/v1/resource-requests")
            .query_opt("state", query.state.map(word))
            .query_opt("account_id", query.account_id)
            .query_opt("project_id", query.project_id)
            .query_opt("cursor", query.cursor.as_ref())
            .query_opt("limit", query.limit);
        self.api.get(request).await
    }

    /// Who is placed, by first day.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn assignments(&self, query: &AssignmentQuery) -> Result<Page<AssignmentChanged>> {
        let request = Request::get("/v1/assignments")
            .query_opt("person", query.person.as_ref())
            .query_opt("account_id", query.account_id)
            .query_opt("project_id", query.project_id)
            .query_opt("from", query.from)
            .query_opt("to", query.to)
            .query_opt("cursor", query.cursor.as_ref())
            .query_opt("limit", query.limit);
        self.api.get(request).await
    }

    /// What an account's projects earned, one entry a currency. Needs the scope `costs:read`.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn account_margin(&self, id: CanonicalId) -> Result<Vec<AccountMargin>> {
        let request = Request::get(format!("/v1/accounts/{id}/margin")).template("/v1/accounts/{id}/margin");
        self.api.get(request).await
    }
}

/// The records of all pages: `fetch` gets the cursor of the page that it is asked for.
///
/// # Errors
/// When a page cannot be fetched.
pub async fn every_page<T>(fetch: impl AsyncFn(Option<String>) -> Result<Page<T>>) -> Result<Vec<T>> {
    let (mut records, mut cursor) = (Vec::new(), None);
    loop {
        let page = fetch(cursor).await?;
        records.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(records);
        }
    }
}

fn within(request: Request, window: &Window) -> Request {
    request
        .query_opt("from", window.from)
        .query_opt("to", window.to)
        .query_opt("legal_entity", window.legal_entity.as_ref())
        .query_opt("region", window.region.as_ref())
}

fn of(request: Request, query: &InvoiceQuery) -> Request {
    request
        .query_opt("account_id", query.account_id)
        .query_opt("project_id", query.project_id)
        .query_opt("cursor", query.cursor.as_ref())
        .query_opt("limit", query.limit)
}

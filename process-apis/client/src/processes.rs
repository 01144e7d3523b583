//! What each of the three business processes has of its own.

use std::sync::Arc;

use canonical_model::{
    Accepted, BillingRunRequest, CanonicalId, DealNotice, InvoiceNotice, JournalLine, Page, PostingLineView,
    PostingState, Result, WorkNotice,
};
use chrono::NaiveDate;
use egress::{Authorizer, ClientSettings, Request};

use crate::api::{Api, word};
use crate::{Act, ProcessClient};

/// Calls quote-to-project.
#[derive(Clone)]
pub struct QuoteToProjectClient {
    api: Api,
    process: ProcessClient,
}

impl QuoteToProjectClient {
    /// A client of the API.
    ///
    /// # Errors
    /// Fault `invalid_egress_settings` when the address or the certificate file cannot be used.
    pub fn new(settings: &ClientSettings, authorizer: Arc<dyn Authorizer>) -> Result<Self> {
        let api = Api::new("quote-to-project-process-api", settings, authorizer)?;
        let process = ProcessClient::over(api.clone());
        Ok(Self { api, process })
    }

    /// Its instances, exceptions and events.
    #[must_use]
    pub fn process(&self) -> &ProcessClient {
        &self.process
    }

    /// Tells it that a deal may have been won.
    ///
    /// # Errors
    /// When the notice is not stored.
    pub async fn notify_deal(&self, notice: &DealNotice, act: &Act) -> Result<Accepted> {
        self.api
            .act(Request::post_json("/v1/deal-notices", notice), act)
            .await
    }
}

/// Which posting lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostingLineQuery {
    /// Only in this state.
    pub state: Option<PostingState>,
    /// Only of this project (canonical id).
    pub project_id: Option<CanonicalId>,
    /// Only of this person (e-mail address).
    pub person: Option<String>,
    /// Only work on or after this day.
    pub date_from: Option<NaiveDate>,
    /// Only work on or before this day.
    pub date_to: Option<NaiveDate>,
    /// From the page before.
    pub cursor: Option<String>,
    /// Records a page.
    pub limit: Option<u32>,
}

/// Calls time-to-invoice.
#[derive(Clone)]
pub struct TimeToInvoiceClient {
    api: Api,
    process: ProcessClient,
}

impl TimeToInvoiceClient {
    /// A client of the API.
    ///
    /// # Errors
    /// Fault `invalid_egress_settings` when the address or the certificate file cannot be used.
    pub fn new(settings: &ClientSettings, authorizer: Arc<dyn Authorizer>) -> Result<Self> {
        let api = Api::new("time-to-invoice-process-api", settings, authorizer)?;
        let process = ProcessClient::over(api.clone());
        Ok(Self { api, process })
    }

    /// Its instances, exceptions and events.
    #[must_use]
    pub fn process(&self) -> &ProcessClient {
        &self.process
    }

    /// Tells it that time or expenses may have been approved, changed or withdrawn.
    ///
    /// # Errors
    /// When the notice is not stored.
    pub async fn notify_work(&self, notice: &WorkNotice, act: &Act) -> Result<Accepted> {
        self.api
            .act(Request::post_json("/v1/work-notices", notice), act)
            .await
    }

    /// One page of the posting lines that the query names.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn posting_lines(&self, query: &PostingLineQuery) -> Result<Page<PostingLineView>> {
        let request = Request::get("/v1/posting-lines")
            .query_opt("state", query.state.map(word))
            .query_opt("project_id", query.project_id)
            .query_opt("person", query.person.as_ref())
            .query_opt("date_from", query.date_from)
            .query_opt("date_to", query.date_to)
            .query_opt("cursor", query.cursor.as_ref())
            .query_opt("limit", query.limit);
        self.api.get(request).await
    }

    /// One page of the journal of work in these days.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn journal_of_days(
        &self,
        from: NaiveDate,
        to: NaiveDate,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<JournalLine>> {
        let request = Request::get("/v1/journal-lines")
            .query("date_from", from)
            .query("date_to", to)
            .query_opt("cursor", cursor)
            .query("limit", limit);
        self.api.get(request).await
    }

    /// The journal of one source, such as `psa/main/4711`; none where it never came in.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn journal_of_source(&self, source: &str) -> Result<Vec<JournalLine>> {
        let request = Request::get("/v1/journal-lines").query("source", source);
        let page: Page<JournalLine> = self.api.get(request).await?;
        Ok(page.items)
    }

    /// The journal of one record of the ERP, such as `erp/main/5512`; none where it is no posting of ours.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn journal_of_posting(&self, posting: &str) -> Result<Vec<JournalLine>> {
        let request = Request::get("/v1/journal-lines").query("posting", posting);
        let page: Page<JournalLine> = self.api.get(request).await?;
        Ok(page.items)
    }

    /// Asks for invoices of what is posted and on no invoice.
    ///
    /// # Errors
    /// When the request is not stored.
    pub async fn start_billing_run(&self, run: &BillingRunRequest, act: &Act) -> Result<Accepted> {
        self.api
            .act(Request::post_json("/v1/billing-runs", run), act)
            .await
    }
}

/// Calls invoice-to-cash.
#[derive(Clone)]
pub struct InvoiceToCashClient {
    api: Api,
    process: ProcessClient,
}

impl InvoiceToCashClient {
    /// A client of the API.
    ///
    /// # Errors
    /// Fault `invalid_egress_settings` when the address or the certificate file cannot be used.
    pub fn new(settings: &ClientSettings, authorizer: Arc<dyn Authorizer>) -> Result<Self> {
        let api = Api::new("invoice-to-cash-process-api", settings, authorizer)?;
        let process = ProcessClient::over(api.clone());
        Ok(Self { api, process })
    }

    /// Its instances, exceptions and events.
    #[must_use]
    pub fn process(&self) -> &ProcessClient {
        &self.process
    }

    /// Tells it that an invoice or its payment may have changed.
    ///
    /// # Errors
    /// When the notice is not stored.
    pub async fn notify_invoice(&self, notice: &InvoiceNotice, act: &Act) -> Result<Accepted> {
        self.api
            .act(Request::post_json("/v1/invoice-notices", notice), act)
            .await
    }
}

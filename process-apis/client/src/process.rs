//! What every process API has: instances, exceptions, events.

use std::sync::Arc;

use canonical_model::{CanonicalId, EventPage, InstanceState, InstanceView, Page, Result};
use egress::{Authorizer, ClientSettings, Request};

use crate::DeskClient;
use crate::api::{Api, word};

/// Which instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceQuery {
    /// Only of this process.
    pub process: Option<String>,
    /// Only in this state.
    pub state: Option<InstanceState>,
    /// From the page before.
    pub cursor: Option<String>,
    /// Records a page.
    pub limit: Option<u32>,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// The cursor of the page before; absent = from the beginning.
    pub after: Option<String>,
    /// Events a page.
    pub limit: Option<u32>,
    /// How long the API may wait for the first event when there is none yet.
    pub wait_ms: Option<u64>,
}

/// Calls what every process API has.
#[derive(Clone)]
pub struct ProcessClient {
    api: Api,
    desk: DeskClient,
}

impl ProcessClient {
    /// A client of the API of this name, such as `quote-to-project-process-api`.
    ///
    /// # Errors
    /// Fault `invalid_egress_settings` when the address or the certificate file cannot be used.
    pub fn new(name: &str, settings: &ClientSettings, authorizer: Arc<dyn Authorizer>) -> Result<Self> {
        Ok(Self::over(Api::new(name, settings, authorizer)?))
    }

    pub(crate) fn over(api: Api) -> Self {
        let desk = DeskClient::new(api.clone());
        Self { api, desk }
    }

    /// Its exceptions.
    #[must_use]
    pub fn desk(&self) -> &DeskClient {
        &self.desk
    }

    /// One page of the instances that the query names, without their steps.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn instances(&self, query: &InstanceQuery) -> Result<Page<InstanceView>> {
        let request = Request::get("/v1/instances")
            .query_opt("process", query.process.as_ref())
            .query_opt("state", query.state.map(word))
            .query_opt("cursor", query.cursor.as_ref())
            .query_opt("limit", query.limit);
        self.api.get(request).await
    }

    /// One instance with its steps.
    ///
    /// # Errors
    /// Business `not_found` where there is none.
    pub async fn instance(&self, id: CanonicalId) -> Result<InstanceView> {
        let request = Request::get(format!("/v1/instances/{id}")).template("/v1/instances/{id}");
        self.api.get(request).await
    }

    /// The next page of its events.
    ///
    /// # Errors
    /// When the API is not reached or refuses the cursor.
    pub async fn events(&self, query: &EventQuery) -> Result<EventPage> {
        let request = Request::get("/v1/events")
            .query_opt("after", query.after.as_ref())
            .query_opt("limit", query.limit)
            .query_opt("wait_ms", query.wait_ms);
        self.api.get(request).await
    }
}

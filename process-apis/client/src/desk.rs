//! Exceptions: of one process API, or of all of them at control.

use canonical_model::{
    AssignmentRequest, CanonicalId, ExceptionGroup, ExceptionRecord, ExceptionState, GroupResolution, Page,
    Resolution, ResolutionAccepted, Result,
};
use egress::Request;

use crate::Act;
use crate::api::{Api, word};

/// Which exceptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExceptionQuery {
    /// Only in this state; absent = every state.
    pub state: Option<ExceptionState>,
    /// Only with this code.
    pub code: Option<String>,
    /// Only with this cause's subject.
    pub subject: Option<String>,
    /// Only those that this role resolves.
    pub owner_role: Option<String>,
    /// Only of this legal entity (canonical code).
    pub legal_entity: Option<String>,
    /// Only of this region.
    pub region: Option<String>,
    /// From the page before.
    pub cursor: Option<String>,
    /// Records a page.
    pub limit: Option<u32>,
}

/// Reads exceptions and decides about them.
#[derive(Clone)]
pub struct DeskClient {
    api: Api,
}

impl DeskClient {
    pub(crate) fn new(api: Api) -> Self {
        Self { api }
    }

    /// One page of the exceptions that the query names.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn exceptions(&self, query: &ExceptionQuery) -> Result<Page<ExceptionRecord>> {
        let request = Request::get("/v1/exceptions")
            .query_opt("state", query.state.map(word))
            .query_opt("code", query.code.as_ref())
            .query_opt("subject", query.subject.as_ref())
            .query_opt("owner_role", query.owner_role.as_ref())
            .query_opt("legal_entity", query.legal_entity.as_ref())
            .query_opt("region", query.region.as_ref())
            .query_opt("cursor", query.cursor.as_ref())
            .query_opt("limit", query.limit);
        self.api.get(request).await
    }

    /// One exception.
    ///
    /// # Errors
    /// Business `not_found` where there is none.
    pub async fn exception(&self, id: CanonicalId) -> Result<ExceptionRecord> {
        let request = Request::get(format!("/v1/exceptions/{id}")).template("/v1/exceptions/{id}");
        self.api.get(request).await
    }

    /// The open exceptions by cause.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn exception_groups(&self) -> Result<Vec<ExceptionGroup>> {
        self.api.get(Request::get("/v1/exception-groups")).await
    }

    /// Gives an exception to somebody, or to nobody.
    ///
    /// # Errors
    /// Business `not_found`, or a conflict where it is closed.
    pub async fn assign(
        &self,
        id: CanonicalId,
        assignment: &AssignmentRequest,
        act: &Act,
    ) -> Result<ExceptionRecord> {
        let request = Request::post_json(format!("/v1/exceptions/{id}/assignment"), assignment)
            .template("/v1/exceptions/{id}/assignment");
        self.api.act(request, act).await
    }

    /// Decides about one exception.
    ///
    /// # Errors
    /// Business `not_found`, or a conflict where it is decided already.
    pub async fn resolve(
        &self,
        id: CanonicalId,
        resolution: &Resolution,
        act: &Act,
    ) -> Result<ResolutionAccepted> {
        let request = Request::post_json(format!("/v1/exceptions/{id}/resolution"), resolution)
            .template("/v1/exceptions/{id}/resolution");
        self.api.act(request, act).await
    }

    /// Decides about every open exception of one cause.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn resolve_group(&self, resolution: &GroupResolution, act: &Act) -> Result<ResolutionAccepted> {
        let request = Request::post_json("/v1/exception-groups/resolution", resolution);
        self.api.act(request, act).await
    }
}

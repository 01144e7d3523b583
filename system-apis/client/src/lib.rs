//! The caller of the three system APIs, over canonical records.
//!
//! A failure that a system API answers comes back as it is there: class, code, message and outcome are decided once, in
//! the connector. This crate adds only what it meets itself: an API that is not reached, an answer that is not whole.

mod query;
mod remote;

use std::sync::Arc;

pub use canonical_model::{
    Capabilities, CollectionSupport, ConnectionInfo, Consistency, Filter, Idempotency, Support, SystemKind,
    Verb,
};
use canonical_model::{Resource, Result};
pub use circuits::Circuits;
pub use egress::ClientSettings;
use egress::{Authorizer, HttpClient, Request, segment};

pub use remote::Remote;

/// Calls one system API. Cheap to clone.
#[derive(Clone)]
pub struct SystemClient {
    kind: SystemKind,
    http: HttpClient,
    circuits: Option<Circuits>,
}

impl SystemClient {
    /// A client of the API of this kind of system.
    ///
    /// # Errors
    /// Fault `invalid_egress_settings` when the address or the certificate file cannot be used.
    pub fn new(kind: SystemKind, settings: &ClientSettings, authorizer: Arc<dyn Authorizer>) -> Result<Self> {
        let http = HttpClient::new(settings.egress(audience(kind)))?.with_authorizer(authorizer);
        Ok(Self {
            kind,
            http,
            circuits: None,
        })
    }

    /// The same client, which calls a connection only while its circuit lets it.
    #[must_use]
    pub fn guarded_by(mut self, circuits: Circuits) -> Self {
        self.circuits = Some(circuits);
        self
    }

    /// Which kind of system this is.
    #[must_use]
    pub fn kind(&self) -> SystemKind {
        self.kind
    }

    /// The connections that the API has, with what they can do.
    ///
    /// # Errors
    /// When the API is not reached or refuses.
    pub async fn connections(&self) -> Result<Vec<ConnectionInfo>> {
        self.http.call(Request::get("/v1/connections")).await
    }

    /// One connection with what it can do.
    ///
    /// # Errors
    /// Business `connection_not_found` where the API has none of that name.
    pub async fn connection(&self, name: &str) -> Result<ConnectionInfo> {
        let request = Request::get(format!("/v1/connections/{}", segment(name)))
            .template("/v1/connections/{connection}");
        self.http.call(request).await
    }

    /// Whether a connection answers, asked of the vendor.
    ///
    /// # Errors
    /// What keeps it from answering.
    pub async fn check_health(&self, name: &str) -> Result<()> {
        let request = Request::get(format!("/v1/connections/{}/health", segment(name)))
            .template("/v1/connections/{connection}/health");
        self.http.tell(request).await
    }

    /// The records of one kind in the connection of this name (`main`, not `erp/main`).
    #[must_use]
    pub fn collection<T: Resource>(&self, connection: &str) -> Remote<T> {
        Remote::new(self.http.clone(), self.circuits.clone(), self.kind, connection)
    }
}

/// The audience that tokens for this API name: its binary.
#[must_use]
pub fn audience(kind: SystemKind) -> &'static str {
    match kind {
        SystemKind::Crm => "crm-system-api",
        SystemKind::Erp => "erp-system-api",
        SystemKind::Psa => "psa-system-api",
    }
}

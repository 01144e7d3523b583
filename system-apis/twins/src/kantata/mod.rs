//! Kantata twin.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::ServiceConfig;

use crate::faults::Faults;
use crate::server::Twin;
use crate::store::Store;

/// Set-up of the account.
#[derive(Debug, Clone, Default)]
pub struct KantataSettings {}

/// The account.
pub struct Kantata {
    store: Store,
    faults: Faults,
}

impl Kantata {
    /// An account over a store.
    #[must_use]
    pub fn new(store: Store, _settings: KantataSettings) -> Arc<Self> {
        Arc::new(Self {
            store,
            faults: Faults::default(),
        })
    }
}

impl Twin for Kantata {
    fn name(&self) -> &'static str {
        "kantata"
    }
    fn store(&self) -> &Store {
        &self.store
    }
    fn faults(&self) -> &Faults {
        &self.faults
    }
    fn configure(self: Arc<Self>, _config: &mut ServiceConfig) {}
    fn too_many_requests(&self, _retry_after_s: Option<u64>) -> HttpResponse {
        HttpResponse::TooManyRequests().finish()
    }
    fn server_error(&self, _status: u16) -> HttpResponse {
        HttpResponse::InternalServerError().finish()
    }
    fn seed(&self) {}
}

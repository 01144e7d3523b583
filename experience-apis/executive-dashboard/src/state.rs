//! What handlers share.

use std::sync::Arc;

use canonical_model::Result;

use crate::live::Live;
use crate::sources::{Selection, Sources};
use crate::view::Dashboard;

/// The dashboard at work.
#[derive(Clone)]
pub(crate) struct Board {
    pub(crate) sources: Sources,
    pub(crate) live: Arc<Live>,
}

impl Board {
    /// One reading for a request, whose correlation id goes along.
    pub(crate) async fn read(&self, selection: &Selection) -> Result<Dashboard> {
        correlated(self.sources.read(selection)).await
    }
}

/// Runs calls that carry the correlation id of this request.
pub(crate) async fn correlated<F: Future>(calls: F) -> F::Output {
    match chassis::current_correlation_id() {
        Some(id) => egress::with_correlation(id, calls).await,
        None => calls.await,
    }
}

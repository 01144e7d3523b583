//! Connections that are not called for a while.

use actix_web::{get, web};
use canonical_model::Failure;
use chassis::{Allowed, Handled, Problem};
use chrono::{DateTime, Utc};
use process_engine::PausedConnection;
use serde::Serialize;
use utoipa::ToSchema;

use crate::permissions::ReadProcesses;
use crate::served::Served;

/// A connection that is not called until it is back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PauseView {
    /// The connection.
    #[schema(example = "erp/main")]
    connection: String,
    /// Since when it is not called.
    since: DateTime<Utc>,
    /// When one call finds out whether it is back.
    next_probe_at: DateTime<Utc>,
    /// Calls that found it still down.
    failed_probes: u32,
    /// What it failed with last.
    failure: Failure,
    /// Instances that wait for it. They use up no tries.
    waiting_instances: u64,
}

impl From<PausedConnection> for PauseView {
    fn from(paused: PausedConnection) -> Self {
        let PausedConnection { pause, waiting } = paused;
        Self {
            connection: pause.connection,
            since: pause.since,
            next_probe_at: pause.next_probe_at,
            failed_probes: pause.failed_probes,
            failure: pause.failure,
            waiting_instances: waiting,
        }
    }
}

/// List paused connections
///
/// Connections of systems that are down, which this API does not call at present, with what waits for them. Each is asked
/// again by one call at a time, and goes on by itself when it is back.
#[utoipa::path(
    operation_id = "pauses_list",
    tag = "pauses",
    responses((status = 200, description = "The paused connections, by name", body = Vec<PauseView>), Problem),
    security(("bearer" = ["processes:read"]))
)]
#[get("/v1/pauses")]
pub(crate) async fn list(
    _allowed: Allowed<ReadProcesses>,
    served: web::Data<Served>,
) -> Handled<Vec<PauseView>> {
    let paused = served.desk.paused_connections().await?;
    Ok(web::Json(paused.into_iter().map(PauseView::from).collect()))
}

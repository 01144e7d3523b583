//! Processes and their steps.

use actix_web::http::StatusCode;
use actix_web::web;
use canonical_model::{CanonicalId, Failure};
use chassis::{Allowed, ValidQuery};

use super::{Shown, address, page, to};
use crate::handlers::instance::list::{InstanceFilter, instances};
use crate::permissions::ReadProcesses;
use crate::state::{Desk, correlated};
use crate::view::{OneProcess, ProcessGroup, Processes};

/// `GET /processes`.
pub(crate) async fn list(
    allowed: Allowed<ReadProcesses>,
    filter: ValidQuery<InstanceFilter>,
    desk: web::Data<Desk>,
) -> Shown {
    let filter = filter.0;
    let state = serde_json::to_value(filter.state).ok();
    let state = state.as_ref().and_then(serde_json::Value::as_str);
    let found = correlated(instances(&desk, &filter)).await?;
    let groups = found.iter().map(|of_api| {
        let pairs = |cursor| {
            [
                ("process_api", Some(of_api.process_api.as_str())),
                ("process", filter.process.as_deref()),
                ("state", state),
                ("cursor", Some(cursor)),
            ]
        };
        ProcessGroup {
            process_api: &of_api.process_api,
            instances: &of_api.items,
            next: of_api
                .next_cursor
                .as_deref()
                .map(|cursor| address("/processes", &pairs(cursor))),
            refused: of_api.failure.as_ref().map(|failure| failure.message.as_str()),
        }
    });
    let groups: Vec<_> = groups.collect();
    let apis: Vec<&str> = desk.processes.iter().map(|(name, _)| *name).collect();
    let body = Processes {
        groups: &groups,
        apis: &apis,
        api: filter.process_api.as_deref(),
        state: filter.state,
    };
    page(&allowed.caller, "/processes", "Processes", StatusCode::OK, &body)
}

/// `GET /processes/{process_api}/{id}`.
pub(crate) async fn show(
    allowed: Allowed<ReadProcesses>,
    path: web::Path<(String, CanonicalId)>,
    desk: web::Data<Desk>,
) -> Shown {
    let (process_api, id) = path.into_inner();
    let instance = correlated(desk.process(&process_api)?.instance(id)).await?;
    let body = OneProcess { instance: &instance };
    page(
        &allowed.caller,
        "/processes",
        &instance.title,
        StatusCode::OK,
        &body,
    )
}

/// `GET /instances/{id}`: an exception names its instance, not the API that has it.
pub(crate) async fn find(
    _allowed: Allowed<ReadProcesses>,
    id: web::Path<CanonicalId>,
    desk: web::Data<Desk>,
) -> Shown {
    for (name, client) in desk.processes.iter() {
        match correlated(client.instance(*id)).await {
            Ok(_) => return Ok(to(&format!("/processes/{name}/{id}"))),
            Err(failure) if failure.code == "not_found" => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    if correlated(desk.control.reconciliation(*id)).await.is_ok() {
        return Ok(to(&format!("/reconciliations/{id}")));
    }
    Err(Failure::business("not_found", "No process API has an instance of this id.").into())
}

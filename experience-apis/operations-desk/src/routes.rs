//! The table of the API, and the pages beside it.

use actix_web::web::{self, get, post};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::{audit_entry, exception, exception_group, instance, mapping, reconciliation};
use crate::pages;

/// Registers every operation; pages and assets are not part of the contract.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(exception_group::list::list)
        .service(exception_group::resolve::resolve)
        .service(exception::list::list)
        .service(exception::read::read)
        .service(exception::assign::assign)
        .service(exception::resolve::resolve)
        .service(instance::list::list)
        .service(instance::read::read)
        .service(mapping::set::set)
        .service(reconciliation::create::create)
        .service(reconciliation::list::list)
        .service(reconciliation::read::read)
        .service(reconciliation::differences::differences)
        .service(reconciliation::certificate::certificate)
        .service(audit_entry::list::list)
        .map(|inner| inner.configure(experience_look::assets).configure(pages));
}

fn pages(config: &mut web::ServiceConfig) {
    config
        .route("/", get().to(pages::groups::show))
        .route("/exception-groups/resolution", post().to(pages::groups::resolve))
        .route("/exceptions", get().to(pages::exceptions::show))
        .route("/exceptions/{id}", get().to(pages::exception::show))
        .route("/exceptions/{id}/assignment", post().to(pages::exception::assign))
        .route(
            "/exceptions/{id}/resolution",
            post().to(pages::exception::resolve),
        )
        .route("/exceptions/{id}/mapping", post().to(pages::exception::map))
        .route("/processes", get().to(pages::processes::list))
        .route("/processes/{process_api}/{id}", get().to(pages::processes::show))
        .route("/instances/{id}", get().to(pages::processes::find))
        .route("/reconciliations", get().to(pages::reconciliations::list))
        .route("/reconciliations", post().to(pages::reconciliations::start))
        .route("/reconciliations/{id}", get().to(pages::reconciliations::show))
        .route(
            "/reconciliations/{id}/certificate",
            get().to(pages::reconciliations::certificate),
        )
        .route("/audit", get().to(pages::audit::show));
}

/// The contract.
#[must_use]
pub fn contract() -> OpenApi {
    chassis::contract(
        "Fairlead Operations Desk Experience API",
        "1.0.0",
        "What waits for people over all processes, how processes stand, mappings of reference data, reconciliations, and the audit log.",
        &[
            ("exceptions", "What waits for a person."),
            ("processes", "How processes stand, step by step."),
            ("references", "What values of systems stand for."),
            (
                "reconciliation",
                "PSA, journal and ERP compared, with what differs and certificates.",
            ),
            ("audit", "Decisions and effects, append-only."),
        ],
        routes,
    )
}

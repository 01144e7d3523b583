//! The table of the API.

use std::fmt::Write;

use canonical_model::KpiName;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::{account, assignment, fact, invoice, kpi, project, resource_request};

/// Registers every operation.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(kpi::list::list)
        .service(kpi::read::read)
        .service(project::list::list)
        .service(project::read::read)
        .service(invoice::list::list)
        .service(account::margin::margin)
        .service(resource_request::list::list)
        .service(assignment::list::list)
        .service(fact::list::list);
}

/// The contract. Its description states the definition of every key figure.
#[must_use]
pub fn contract() -> OpenApi {
    let mut description = String::from(
        "Facts from the processes, and the key figures that follow from them. A figure without facts has no value.\n\n",
    );
    for name in KpiName::ALL {
        // Writing to a string does not fail.
        let _ = writeln!(
            description,
            "- **{}** ({}): {}",
            name.title(),
            name.unit(),
            name.definition()
        );
    }
    chassis::contract(
        "Fairlead Insight Process API",
        "1.0.0",
        &description,
        &[
            ("figures", "Key figures and the facts that they are made of."),
            ("projects", "How projects, invoices and accounts stand."),
        ],
        routes,
    )
}

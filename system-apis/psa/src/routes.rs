//! The table of the API.

use canonical_model::{
    Account, Assignment, CostRate, Expense, Milestone, Person, Project, RateCard, ResourceRequest, Role,
    Task, TimeEntry,
};
use system_ports::PsaPort;
use system_serving::{TAGS, collection, connections};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers every operation.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(connections::<dyn PsaPort>())
        .service(collection::<dyn PsaPort, Account>())
        .service(collection::<dyn PsaPort, Project>())
        .service(collection::<dyn PsaPort, Task>())
        .service(collection::<dyn PsaPort, Milestone>())
        .service(collection::<dyn PsaPort, Person>())
        .service(collection::<dyn PsaPort, Role>())
        .service(collection::<dyn PsaPort, RateCard>())
        .service(collection::<dyn PsaPort, CostRate>())
        .service(collection::<dyn PsaPort, ResourceRequest>())
        .service(collection::<dyn PsaPort, Assignment>())
        .service(collection::<dyn PsaPort, TimeEntry>())
        .service(collection::<dyn PsaPort, Expense>());
}

/// The contract.
#[must_use]
pub fn contract() -> OpenApi {
    chassis::contract(
        "Fairlead PSA System API",
        "1.0.0",
        "Work as it is planned, done and approved, in front of any number of PSA connections. Records are canonical; what a vendor cannot do is declared and refused, never skipped.",
        &TAGS,
        routes,
    )
}

//! The table of the API.

use canonical_model::{Account, Assignment, Contact, Contract, Invoice, Opportunity};
use system_ports::CrmPort;
use system_serving::{TAGS, collection, connections};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers every operation.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(connections::<dyn CrmPort>())
        .service(collection::<dyn CrmPort, Account>())
        .service(collection::<dyn CrmPort, Contact>())
        .service(collection::<dyn CrmPort, Opportunity>())
        .service(collection::<dyn CrmPort, Contract>())
        .service(collection::<dyn CrmPort, Assignment>())
        .service(collection::<dyn CrmPort, Invoice>());
}

/// The contract.
#[must_use]
pub fn contract() -> OpenApi {
    chassis::contract(
        "Fairlead CRM System API",
        "1.0.0",
        "Deals, companies and people of sales, in front of any number of CRM connections. Records are canonical; what a vendor cannot do is declared and refused, never skipped.",
        &TAGS,
        routes,
    )
}

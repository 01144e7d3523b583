//! The table of the API.

use canonical_model::{
    Account, Assignment, BillingSchedule, Contract, CreditNote, Expense, FxRate, Invoice, LegalEntity,
    Payment, Period, Person, Project, Role, Task, TaxCode, TimeEntry,
};
use system_ports::ErpPort;
use system_serving::{TAGS, collection, connections};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers every operation.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(connections::<dyn ErpPort>())
        .service(collection::<dyn ErpPort, LegalEntity>())
        .service(collection::<dyn ErpPort, Period>())
        .service(collection::<dyn ErpPort, TaxCode>())
        .service(collection::<dyn ErpPort, FxRate>())
        .service(collection::<dyn ErpPort, Account>())
        .service(collection::<dyn ErpPort, Contract>())
        .service(collection::<dyn ErpPort, Project>())
        .service(collection::<dyn ErpPort, Task>())
        .service(collection::<dyn ErpPort, Person>())
        .service(collection::<dyn ErpPort, Role>())
        .service(collection::<dyn ErpPort, Assignment>())
        .service(collection::<dyn ErpPort, TimeEntry>())
        .service(collection::<dyn ErpPort, Expense>())
        .service(collection::<dyn ErpPort, BillingSchedule>())
        .service(collection::<dyn ErpPort, Invoice>())
        .service(collection::<dyn ErpPort, CreditNote>())
        .service(collection::<dyn ErpPort, Payment>());
}

/// The contract.
#[must_use]
pub fn contract() -> OpenApi {
    chassis::contract(
        "Fairlead ERP System API",
        "1.0.0",
        "The books, in front of any number of ERP connections. Records are canonical; what a vendor cannot do is declared and refused, never skipped.",
        &TAGS,
        routes,
    )
}

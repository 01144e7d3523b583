//! The table of the API, and the page beside it.

use actix_web::web;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::{invoice, project};
use crate::page;

/// Registers every operation; page and assets are not part of the contract.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(project::list::list)
        .service(project::read::read)
        .service(invoice::list::list)
        .map(|inner| {
            inner
                .configure(experience_look::assets)
                .route("/", web::get().to(page::show))
        });
}

/// The contract.
#[must_use]
pub fn contract() -> OpenApi {
    chassis::contract(
        "Fairlead Client Portal Experience API",
        "1.0.0",
        "What one client may see of its projects and invoices.",
        &[("portal", "Projects and invoices of the client who asks.")],
        routes,
    )
}

//! The table of the API, and the page beside it.

use actix_web::web;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::{assignment, request};
use crate::page;

/// Registers every operation; page and assets are not part of the contract.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(request::list::list)
        .service(assignment::list::list)
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
        "Fairlead Staffing Experience API",
        "1.0.0",
        "Open requests and planned time, for resource managers and consultants.",
        &[("staffing", "Who is wanted and who is placed.")],
        routes,
    )
}

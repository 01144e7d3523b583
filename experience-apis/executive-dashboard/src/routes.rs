//! The table of the API, and the page beside it.

use actix_web::web;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::dashboard;
use crate::page;

/// Registers every operation; page and assets are not part of the contract.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(dashboard::read::read)
        .service(dashboard::stream::stream)
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
        "Fairlead Executive Dashboard Experience API",
        "1.0.0",
        "Key figures of the firm with their exact definitions, how projects stand, and what waits for people; live.",
        &[("dashboard", "Everything on one page.")],
        routes,
    )
}

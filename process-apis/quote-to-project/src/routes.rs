//! The table of the API.

use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::deal_notice;

/// Registers every operation.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(deal_notice::create::create)
        .configure(process_serving::routes);
}

/// The contract.
#[must_use]
pub fn contract() -> OpenApi {
    let mut tags = vec![("deals", "Deals that become projects.")];
    tags.extend(process_serving::TAGS);
    chassis::contract(
        "Fairlead Quote-to-Project Process API",
        "1.0.0",
        "From a won deal to a staffed project, and planned time to CRM and ERP.",
        &tags,
        routes,
    )
}

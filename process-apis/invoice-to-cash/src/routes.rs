//! The table of the API.

use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::invoice_notice;

/// Registers every operation.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(invoice_notice::create::create);
    process_serving::routes(config);
}

/// The contract.
#[must_use]
pub fn contract() -> OpenApi {
    let mut tags = vec![("invoices", "Invoices and payments of the books, back to sales.")];
    tags.extend(process_serving::TAGS);
    chassis::contract(
        "Fairlead Invoice-to-Cash Process API",
        "1.0.0",
        "From invoices and payments in the books to what sales and insight see of them.",
        &tags,
        routes,
    )
}

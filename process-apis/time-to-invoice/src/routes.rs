//! The table of the API.

use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::{billing_run, journal_line, posting_line, work_notice, work_sweep};

/// Registers every operation.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(posting_line::list::list)
        .service(posting_line::sum::sum)
        .service(journal_line::list::list)
        .service(work_notice::create::create)
        .service(work_sweep::create::create)
        .service(billing_run::create::create)
        .service(billing_run::list::list)
        .configure(process_serving::routes);
}

/// The contract.
#[must_use]
pub fn contract() -> OpenApi {
    let mut tags = vec![
        ("work", "Approved time and expenses on their way into the books."),
        ("billing", "Invoices of what is posted or agreed."),
    ];
    tags.extend(process_serving::TAGS);
    chassis::contract(
        "Fairlead Time-to-Invoice Process API",
        "1.0.0",
        "Approved time and expenses into the books, and from there to invoices.",
        &tags,
        routes,
    )
}

//! The table of the API.

use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::{
    account, account_match, audit_entry, audit_export, audit_tree_head, cross_reference, exception,
    exception_group, mapping, ownership, reconciliation, translation,
};

/// Registers every operation.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(account_match::create::create)
        .service(account_match::rule::rule)
        .service(account::list::list)
        .service(account::read::read)
        .service(cross_reference::query::query)
        .service(cross_reference::note::note)
        .service(mapping::list::list)
        .service(mapping::set::set)
        .service(mapping::remove::remove)
        .service(translation::query::query)
        .service(ownership::check::check)
        .service(exception::list::list)
        .service(exception_group::list::list)
        .service(exception_group::resolve::resolve)
        .service(exception::read::read)
        .service(exception::assign::assign)
        .service(exception::resolve::resolve)
        .service(reconciliation::create::create)
        .service(reconciliation::list::list)
        .service(reconciliation::read::read)
        .service(reconciliation::differences::differences)
        .service(reconciliation::certificate::certificate)
        .service(audit_entry::list::list)
        .service(audit_tree_head::prove::prove)
        .service(audit_tree_head::list::list)
        .service(audit_tree_head::compare::compare)
        .service(audit_export::read::read);
}

/// The contract.
#[must_use]
pub fn contract() -> OpenApi {
    chassis::contract(
        "Fairlead Control Process API",
        "1.0.0",
        "Golden records, cross-references, reference data, ownership, the exception desk over all processes, reconciliation, and the audit log.",
        &[
            (
                "accounts",
                "Golden records of customers, and how accounts of systems are matched with them.",
            ),
            (
                "references",
                "Cross-references between systems, mappings of reference data, ownership of fields.",
            ),
            ("exceptions", "What waits for a person."),
            (
                "reconciliation",
                "PSA, journal and ERP compared, with what differs and certificates.",
            ),
            ("audit", "Decisions and effects, append-only."),
        ],
        routes,
    )
}

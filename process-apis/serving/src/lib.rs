//! The endpoints that every process API shares: instances, exceptions, events; and how an API follows others' feeds.
//!
//! An API registers [`routes`] beside its own, and hands [`Served`] to the chassis. Nothing is decided here: the engine
//! decides, the caller's permission is checked in the signature.

pub mod event_feed;
pub mod feed;
mod handlers;
mod permissions;
mod served;
mod view;

use utoipa_actix_web::service_config::ServiceConfig;

pub use served::{Served, once};

use handlers::{event, exception, exception_group, instance, pause};

/// Tags of the shared operations, for an API's contract.
pub const TAGS: [(&str, &str); 4] = [
    (
        "instances",
        "Running and ended processes, with their steps and effects.",
    ),
    (
        "exceptions",
        "What waits for a person, and what people decide about it.",
    ),
    ("pauses", "Connections that are down, and what waits for them."),
    ("events", "What happened, as a feed of CloudEvents."),
];

/// Registers the shared operations.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(instance::list::list)
        .service(instance::read::read)
        .service(exception::list::list)
        .service(exception_group::list::list)
        .service(exception_group::resolve::resolve)
        .service(exception::read::read)
        .service(exception::assign::assign)
        .service(exception::resolve::resolve)
        .service(pause::list::list)
        .service(event::list::list);
}

//! The callers of the process APIs, over canonical structs.
//!
//! One client for each API, and two parts that several have in common: [`ProcessClient`] for instances and events, and
//! [`DeskClient`] for exceptions. A failure that an API answers comes back as it is there.

mod act;
mod api;
mod control;
mod desk;
mod insight;
mod process;
mod processes;

pub use egress::ClientSettings;

pub use act::Act;
pub use control::{AuditQuery, ControlClient, DifferenceQuery, MappingQuery, ReconciliationQuery};
pub use desk::{DeskClient, ExceptionQuery};
pub use insight::{AssignmentQuery, InsightClient, InvoiceQuery, RequestQuery, ToldFact, Window, every_page};
pub use process::{EventQuery, InstanceQuery, ProcessClient};
pub use processes::{InvoiceToCashClient, PostingLineQuery, QuoteToProjectClient, TimeToInvoiceClient};

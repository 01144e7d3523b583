//! Planned time: made by resource managers, only read here.

use std::collections::BTreeSet;

use canonical_model::{Assignment, ListQuery, Result};
use chrono::{DateTime, Utc};
use system_ports::{Filter, Support, Verb};

use super::{Noun, Shared, Stamp, filter, in_state, is, params};
use crate::client::{Object, Params};
use crate::mapping::{View, assignment};
use crate::wire::{Envelope, Record};

impl Noun for Assignment {
    const OBJECT: Object = Object {
        plural: "workspace_allocations",
        singular: "workspace_allocation",
    };
    const LISTED_BY: Stamp = Stamp::Created;
    const CHANGED_BY: Stamp = Stamp::Updated;
    const STATES: &'static [&'static str] = &["tentative", "confirmed", "cancelled"];
    const EVENT: &'static str = "workspace_allocation";
    // Who takes a seat moves the seat's stamp, not that of its time.
    const EVENTS: &'static [&'static str] = &["workspace_allocation:deleted", "workspace_resource:updated"];

    fn support() -> Support {
        Support {
            filters: vec![Filter::Project, Filter::State],
            ..Support::read_only(&[Verb::List, Verb::Read, Verb::Changes], &[])
        }
    }

    fn params() -> Params {
        params(&[("include", "external_references")])
    }

    fn filters(query: &ListQuery) -> Params {
        filter("workspace_id", query.project.as_ref())
    }

    fn keeps(&self, query: &ListQuery) -> bool {
        is(query.project.as_ref(), Some(&self.project.id)) && in_state(query.state.as_ref(), self.state)
    }

    fn read(record: &Record, view: View<'_>) -> Result<Option<Self>> {
        assignment::read(record, view)
    }

    /// The newer of the stamps of the time and of its seat, which says whose time it is.
    fn changed_at(record: &Record, view: View<'_>) -> Result<DateTime<Utc>> {
        let own = record.instant("updated_at")?;
        let seat = view
            .envelope
            .follow(record, "workspace_resource_id", "workspace_resources");
        let seat = seat.map(|seat| seat.instant("updated_at")).transpose()?.flatten();
        record.needed("updated_at", own.max(seat))
    }

    async fn complete(shared: &Shared, envelope: &mut Envelope, ids: &[String]) -> Result<()> {
        let seats = envelope.ids_in("workspace_allocations", ids, "workspace_resource_id");
        shared.load_seats(envelope, seats).await
    }

    /// The time of changed seats.
    async fn concerned(shared: &Shared, _: &str, ids: &BTreeSet<String>) -> Result<Envelope> {
        let what = "reading planned time of changed seats";
        let by = ("workspace_resource_ids", ids);
        shared
            .client
            .by_ids("workspace_allocations", by, &Self::params(), what)
            .await
    }
}

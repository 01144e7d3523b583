//! Wishes for people: a seat on the project with our key, the time that is wanted on it, and a request to fill it.
//!
//! Kantata has these as three records. They are made in that order, each only where it is missing, so that a write that
//! stopped half-way is completed when it is sent again. Until the request is there, a look-up by key finds nothing.

use std::collections::BTreeSet;

use canonical_model::{
    Failure, FindBy, ListQuery, ResourceRequest, ResourceRequestState, Result, Write, WriteResult, Written,
};
use serde_json::json;
use system_ports::{Consistency, Filter, Idempotency, Support, Verb};

use super::writes::not_applied;
use super::{KeyField, Noun, Records, Shared, Stamp, in_state, is, params, version};
use crate::client::{Fields, Object, Params};
use crate::failure::{Refusal, mentions};
use crate::mapping::{View, check_days, put, put_custom, resource_request};
use crate::settings::Settings;
use crate::wire::{Envelope, Record};

const REQUEST: Object = Object {
    plural: "resource_requests",
    singular: "resource_request",
};
const SEAT: Object = Object {
    plural: "workspace_resources",
    singular: "workspace_resource",
};
const ALLOCATION: Object = Object {
    plural: "workspace_allocations",
    singular: "workspace_allocation",
};

impl Noun for ResourceRequest {
    const OBJECT: Object = REQUEST;
    const LISTED_BY: Stamp = Stamp::Created;
    const CHANGED_BY: Stamp = Stamp::Updated;
    const STATES: &'static [&'static str] = &["open", "fulfilled", "cancelled"];

    fn support() -> Support {
        Support {
            verbs: vec![Verb::List, Verb::Read, Verb::Find, Verb::Changes, Verb::Write],
            filters: vec![Filter::Project, Filter::State],
            find_by: vec![FindBy::EffectKey],
            idempotency: Idempotency::UniqueField,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 1,
        }
    }

    fn params() -> Params {
        params(&[("include", "resource")])
    }

    fn filters(query: &ListQuery) -> Params {
        match query.state.as_deref() {
            Some("open") => params(&[("pending_requests_only", "true")]),
            _ => Vec::new(),
        }
    }

    fn keeps(&self, query: &ListQuery) -> bool {
        is(query.project.as_ref(), Some(&self.project.id)) && in_state(query.state.as_ref(), self.state)
    }

    fn read(record: &Record, view: View<'_>) -> Result<Option<Self>> {
        resource_request::read(record, view)
    }

    fn effect_key(record: &Record, view: View<'_>) -> Option<String> {
        let seat = view.envelope.follow(record, "resource_id", SEAT.plural)?;
        view.envelope.custom_text(seat, &view.settings.fields.seat_key)
    }

    async fn complete(shared: &Shared, envelope: &mut Envelope, ids: &[String]) -> Result<()> {
        let seats = envelope.ids_in(REQUEST.plural, ids, "resource_id");
        let by = ("workspace_resource_ids", &seats);
        let time = shared
            .client
            .by_ids(ALLOCATION.plural, by, &Vec::new(), "reading time wanted")
            .await?;
        envelope.take_along(time);
        shared.load_seats(envelope, seats).await
    }

    async fn with_key(records: &Records<Self>, key: &str) -> Result<BTreeSet<String>> {
        records.requests_with_key(key).await
    }

    async fn write_all(records: &Records<Self>, writes: &[Write<Self>]) -> Vec<WriteResult> {
        let mut results = Vec::with_capacity(writes.len());
        let mut stopped: Option<Failure> = None;
        for write in writes {
            let result = match &stopped {
                Some(failure) => Err(failure.clone()),
                None => records.write_request(write).await.map_err(|f| records.at_home(f)),
            };
            if let Err(failure) = &result
                && failure.is_transient()
            {
                stopped.get_or_insert_with(|| not_applied(failure));
            }
            results.push(WriteResult::new(write.key.clone(), result));
        }
        results
    }
}

/// Where our key is: on the seat.
fn seat_key(settings: &Settings) -> KeyField<'_> {
    KeyField {
        subject: "Resource",
        field: &settings.fields.seat_key,
    }
}

impl Records<ResourceRequest> {
    /// Ids of the requests for seats that carry our key.
    pub(super) async fn requests_with_key(&self, key: &str) -> Result<BTreeSet<String>> {
        let seats = self.shared.ids_with(&seat_key(self.settings()), key).await?;
        let mut ids = BTreeSet::new();
        for seat in seats {
            ids.extend(self.request_for(&seat).await?.map(|(id, _)| id));
        }
        Ok(ids)
    }

    async fn write_request(&self, write: &Write<ResourceRequest>) -> Result<Written> {
        let wanted = &write.record;
        match &write.id {
            Some(id) => self.resolve(id, wanted, write.expected_version.as_deref()).await,
            None if wanted.state != ResourceRequestState::Open => {
                let message = "a request is made open; to resolve one, write it by its id";
                Err(Failure::business("record_id_missing", message))
            }
            None => self.ask(write).await,
        }
    }

    /// Makes what is missing of seat, time and request.
    async fn ask(&self, write: &Write<ResourceRequest>) -> Result<Written> {
        let wanted = &write.record;
        check_days("a request", Some(wanted.start_date), Some(wanted.end_date))?;
        let (seat, new) = self.seat(write).await?;
        let what = format!("time of request {}", write.key);
        let known = BTreeSet::from([seat.clone()]);
        let time = if new {
            Envelope::default()
        } else {
            let by = ("workspace_resource_ids", &known);
            self.client()
                .by_ids(ALLOCATION.plural, by, &Vec::new(), &what)
                .await?
        };
        if resource_request::allocations(&time, &seat).is_empty() {
            let mut fields = Fields::new();
            put(&mut fields, "resource_id", Some(seat.as_str()));
            put(&mut fields, "start_date", Some(wanted.start_date.to_string()));
            put(&mut fields, "end_date", Some(wanted.end_date.to_string()));
            put(&mut fields, "minutes", Some(wanted.minutes.count()));
            put(&mut fields, "notes", wanted.note.as_deref());
            fields.insert("hard".to_owned(), json!(false));
            self.client().create(ALLOCATION, &[&fields], &what).await?;
        }
        if !new && let Some((id, version)) = self.request_for(&seat).await? {
            return Ok(Written {
                id,
                code: None,
                version,
                created: Some(false),
            });
        }
        let mut fields = Fields::new();
        put(&mut fields, "resource_id", Some(seat.as_str()));
        put(&mut fields, "approver_ids", Some(self.approvers(wanted).await?));
        let what = format!("creating resource_request {}", write.key);
        let made = self.client().create(REQUEST, &[&fields], &what).await?;
        let id = made.results.first().cloned().ok_or_else(|| {
            let message = format!("{what}: Kantata took it and does not say under which id");
            Failure::fault("unexpected_answer", message).outcome_unknown()
        })?;
        Ok(Written {
            version: made.get(REQUEST.plural, &id).and_then(version),
            id,
            code: None,
            created: Some(true),
        })
    }

    /// The seat with our key, and whether it is new.
    async fn seat(&self, write: &Write<ResourceRequest>) -> Result<(String, bool)> {
        let wanted = &write.record;
        let mut fields = Fields::new();
        put(&mut fields, "workspace_id", Some(wanted.project.id.as_str()));
        put(&mut fields, "role_id", Some(wanted.role.id.as_str()));
        put_custom(&mut fields, &self.settings().fields.seat_key, write.key.as_str());
        let what = format!("creating the seat of request {}", write.key);
        match self.client().create(SEAT, &[&fields], &what).await {
            Ok(made) => {
                let id = made.results.first().cloned();
                let id = id.ok_or_else(|| {
                    let message = format!("{what}: Kantata took it and does not say under which id");
                    Failure::fault("unexpected_answer", message).outcome_unknown()
                })?;
                Ok((id, true))
            }
            Err(Refusal { failure, entries }) => {
                let taken = entries
                    .iter()
                    .any(|entry| mentions(entry, &self.settings().texts.duplicate));
                if !taken {
                    return Err(failure);
                }
                let seats = self
                    .shared
                    .ids_with(&seat_key(self.settings()), write.key.as_str())
                    .await?;
                let seat = seats.into_iter().next().ok_or(failure)?;
                Ok((seat, false))
            }
        }
    }

    /// The newest request for a seat with its version.
    async fn request_for(&self, seat: &str) -> Result<Option<(String, Option<String>)>> {
        // Requests cannot be filtered by seat; ours is among the newest.
        let newest = params(&[("order", "created_at:desc")]);
        let of_seat = |envelope: &Envelope| {
            let requests = envelope.results.iter().filter_map(|id| {
                let request = envelope.get(REQUEST.plural, id)?;
                let same = request.text("resource_id").as_deref() == Some(seat);
                same.then(|| (id.clone(), version(request)))
            });
            requests.max_by_key(|(id, _)| (id.len(), id.clone()))
        };
        let enough = |envelope: &Envelope| of_seat(envelope).is_some();
        let what = "looking up the request for a seat";
        let found = self.client().pages(REQUEST.plural, &newest, what, enough).await?;
        Ok(of_seat(&found))
    }

    /// Who may answer: those of the settings, else the lead of the project.
    async fn approvers(&self, wanted: &ResourceRequest) -> Result<Vec<String>> {
        let configured = &self.settings().request_approver_ids;
        if !configured.is_empty() {
            return Ok(configured.clone());
        }
        let id = &wanted.project.id;
        let mut found = Envelope::default();
        self.shared
            .load_projects(&mut found, BTreeSet::from([id.clone()]))
            .await?;
        let lead = found
            .get("workspaces", id)
            .and_then(|w| w.text("primary_maven_id"));
        lead.map(|lead| vec![lead]).ok_or_else(|| {
            let message = format!("project {id} in Kantata has no lead who could answer a request");
            Failure::business("approver_missing", message)
        })
    }

    /// Takes a request to the state that is wanted. Other fields of a request cannot be changed in Kantata.
    async fn resolve(&self, id: &str, wanted: &ResourceRequest, expected: Option<&str>) -> Result<Written> {
        if !crate::cursor::is_id(id) {
            return Err(self.missing(id));
        }
        let what = format!("updating resource_request {id}");
        let ids = BTreeSet::from([id.to_owned()]);
        let found = self
            .client()
            .only(REQUEST.plural, &ids, &Vec::new(), &what)
            .await?;
        let current = found.get(REQUEST.plural, id).ok_or_else(|| self.missing(id))?;
        let stamp = version(current);
        if expected.is_some() && expected != stamp.as_deref() {
            let message = format!("resource_request {id} was changed in Kantata");
            return Err(Failure::business("version_conflict", message));
        }
        let state = resource_request::state(current, self.settings())?;
        let mut done = Written {
            id: id.to_owned(),
            code: None,
            version: stamp,
            created: Some(false),
        };
        if state == wanted.state {
            return Ok(done);
        }
        let mut fields = Fields::new();
        match wanted.state {
            ResourceRequestState::Cancelled => put(&mut fields, "request_resolution_status", Some("cancel")),
            ResourceRequestState::Fulfilled => {
                put(&mut fields, "request_resolution_status", Some("approve"));
                put(
                    &mut fields,
                    "user_id",
                    wanted.person.as_ref().map(|p| p.id.as_str()),
                );
                put(&mut fields, "allocations_state", Some("hard"));
            }
            ResourceRequestState::Open => {
                let message =
                    format!("resource_request {id} is resolved; Kantata opens none again: make another");
                return Err(Failure::business("request_resolved", message));
            }
        }
        let answer = self.client().update(REQUEST, id, &fields, &what).await?;
        done.version = answer.get(REQUEST.plural, id).and_then(version);
        Ok(done)
    }
}

//! One function for each kind of call of Kantata's REST API: wire in, wire out.

use std::collections::BTreeSet;
use std::sync::Arc;

use canonical_model::{Failure, Result};
use chrono::{DateTime, Duration, Utc};
use egress::{BearerToken, EgressSettings, HttpClient, Request, segment};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::failure::{self, Refusal};
use crate::settings::Settings;
use crate::wire::Envelope;

/// Parameters of a list.
pub(crate) type Params = Vec<(&'static str, String)>;
/// The fields of a record that is written.
pub(crate) type Fields = Map<String, Value>;

/// Records in one answer; Kantata clamps anything larger without a word.
const PAGE: usize = 200;
/// Records by which each page overlaps the one before, so that a list that moves between two pages is noticed.
const OVERLAP: usize = 20;
/// Ids in one query.
const IDS: usize = 100;

/// A kind of record: the plural in paths and lists, the singular in writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) plural: &'static str,
    pub(crate) singular: &'static str,
}

/// The calls of one connection.
pub(crate) struct Client {
    http: HttpClient,
    settings: Settings,
}

impl Client {
    pub(crate) fn connect(connection: &str, settings: &Settings) -> Result<Self> {
        let limits = &settings.limits;
        let mut egress = EgressSettings::new(connection, settings.base_url.clone());
        egress.connect_timeout_ms = limits.connect_timeout_ms;
        egress.timeout_ms = limits.timeout_ms;
        egress.rate_per_second = limits.rate_per_second;
        egress.max_concurrent = Some(limits.max_concurrent);
        egress.ca_file.clone_from(&settings.ca_file);
        egress.allow_plain_http = settings.allow_plain_http;
        let token = BearerToken(settings.token.resolve()?);
        Ok(Self {
            http: HttpClient::new(egress)?.with_authorizer(Arc::new(token)),
            settings: settings.clone(),
        })
    }

    pub(crate) fn connection(&self) -> &str {
        self.http.name()
    }

    async fn exchange(&self, request: Request, what: &str) -> Result<Envelope, Refusal> {
        let begun = Instant::now();
        let response = self.http.send(request).await?;
        if !response.status.is_success() {
            let mut refusal = failure::of_answer(&response, what, &self.settings);
            refusal.failure = refusal.failure.at(self.connection());
            return Err(refusal);
        }
        let mut envelope: Envelope = response
            .json()
            .map_err(|failure: Failure| failure.at(self.connection()))?;
        let elapsed = Duration::from_std(begun.elapsed()).unwrap_or_default();
        let date = response
            .header("date")
            .and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        envelope.asked_at = date.map(|date| date.to_utc() - elapsed - Duration::seconds(1));
        Ok(envelope)
    }

    /// One answer to a list.
    pub(crate) async fn get(&self, path: &'static str, params: &Params, what: &str) -> Result<Envelope> {
        let mut request = Request::get(format!("/api/v1/{path}"));
        for (name, value) in params {
            request = request.query(*name, value);
        }
        Ok(self.exchange(request, what).await?)
    }

    /// A list from its beginning, page by page until `enough` has come, or all of it.
    pub(crate) async fn pages(
        &self,
        path: &'static str,
        params: &Params,
        what: &str,
        enough: impl Fn(&Envelope) -> bool + Send + Sync,
    ) -> Result<Envelope> {
        let mut whole = Envelope::default();
        let mut offset = 0;
        loop {
            let mut asked = params.clone();
            asked.push(("limit", PAGE.to_string()));
            asked.push(("offset", offset.to_string()));
            let page = self.get(path, &asked, what).await?;
            let count = page.results.len();
            let joins = whole.results.last().is_none_or(|last| page.holds(last));
            if count > 0 && !joins {
                let message = format!("{what}: the list moved while it was read; read it again");
                return Err(Failure::transient("paging_broken", message).at(self.connection()));
            }
            whole.absorb(page);
            if count < PAGE || enough(&whole) {
                return Ok(whole);
            }
            offset += PAGE - OVERLAP;
        }
    }

    /// The records of these ids that are there; default filters still apply.
    pub(crate) async fn only(
        &self,
        path: &'static str,
        ids: &BTreeSet<String>,
        params: &Params,
        what: &str,
    ) -> Result<Envelope> {
        let mut whole = Envelope::default();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        for part in ids.chunks(IDS) {
            let mut asked = params.clone();
            asked.push(("only", part.join(",")));
            whole.absorb(self.get(path, &asked, what).await?);
        }
        Ok(whole)
    }

    /// The records of a list whose filter takes ids, in parts that a URL can hold.
    pub(crate) async fn by_ids(
        &self,
        path: &'static str,
        (filter, ids): (&'static str, &BTreeSet<String>),
        params: &Params,
        what: &str,
    ) -> Result<Envelope> {
        let mut whole = Envelope::default();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        for part in ids.chunks(IDS) {
            let mut asked = params.clone();
            asked.push((filter, part.join(",")));
            whole.absorb(self.pages(path, &asked, what, |_| false).await?);
        }
        Ok(whole)
    }

    /// Creates records, all or none. Of several, the answer shows which is which by their custom fields.
    pub(crate) async fn create(
        &self,
        object: Object,
        records: &[&Fields],
        what: &str,
    ) -> Result<Envelope, Refusal> {
        let path = format!("/api/v1/{}", object.plural);
        let request = match records {
            [one] => Request::post_json(path, &json!({ object.singular: one })),
            several => Request::post_json(path, &json!({ object.plural: several }))
                .query("include", "custom_field_values"),
        };
        self.exchange(request, what).await
    }

    /// Changes fields of a record; the last write wins.
    pub(crate) async fn update(
        &self,
        object: Object,
        id: &str,
        fields: &Fields,
        what: &str,
    ) -> Result<Envelope> {
        let path = format!("/api/v1/{}/{}", object.plural, segment(id));
        let body = json!({ object.singular: fields });
        Ok(self.exchange(Request::put_json(path, &body), what).await?)
    }

    /// Sets the one external reference that a service has on a record.
    pub(crate) async fn set_reference(&self, reference: &Fields, what: &str) -> Result<Envelope> {
        let body = json!({ "external_reference": reference });
        let request = Request::post_json("/api/v1/external_references/create_or_update", &body);
        Ok(self.exchange(request, what).await?)
    }

    /// The user whose token this is.
    pub(crate) async fn me(&self) -> Result<Envelope> {
        Ok(self
            .exchange(Request::get("/api/v1/users/me"), "asking who we are")
            .await?)
    }
}

/// An instant that an answer is not older than.
pub(crate) fn asked_at(envelope: &Envelope) -> DateTime<Utc> {
    envelope.asked_at.unwrap_or_else(canonical_model::clock::now)
}

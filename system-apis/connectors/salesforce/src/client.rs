//! One function for each call of Salesforce's REST API: wire in, wire out.

use std::sync::Arc;

use canonical_model::{Failure, Result, Written};
use chrono::{DateTime, Utc};
use egress::{EgressSettings, HttpClient, Request, Response};
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;

use crate::auth::Session;
use crate::failure::{self, Asked};
use crate::settings::{Limits, Settings};
use crate::wire::{Batch, Fields, QueryPage, Record, Row, Saved};

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Which records a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Those that exist.
    Live,
    /// Those in the recycle bin, too.
    Deleted,
}

/// The whole answer to a query.
pub(crate) struct Found {
    pub(crate) records: Vec<Record>,
    /// An instant of the org's own clock before which the query was evaluated at the earliest.
    pub(crate) asked_at: Option<DateTime<Utc>>,
}

/// The calls of one connection.
pub(crate) struct Client {
    http: HttpClient,
    session: Arc<Session>,
    data_path: String,
    pub(crate) limits: Limits,
}

impl Client {
    pub(crate) fn connect(connection: &str, settings: &Settings) -> Result<Self> {
        let limits = settings.limits.clone();
        let mut egress = EgressSettings::new(connection, settings.login_url.clone());
        egress.allowed_hosts.clone_from(&settings.allowed_hosts);
        egress.timeout_ms = limits.timeout_ms;
        egress.rate_per_second = limits.rate_per_second;
        egress.max_concurrent = Some(limits.max_concurrent);
        egress.ca_file.clone_from(&settings.ca_file);
        egress.allow_plain_http = settings.allow_plain_http;
        let session = Arc::new(Session::new(&egress, settings)?);
        let http = HttpClient::new(egress)?.with_authorizer(Arc::<Session>::clone(&session));
        Ok(Self {
            http,
            session,
            data_path: format!("/services/data/v{}", settings.api_version),
            limits,
        })
    }

    pub(crate) fn connection(&self) -> &str {
        self.http.name()
    }

    pub(crate) fn asked<'a>(&self, what: &'a str) -> Asked<'a> {
        Asked {
            what,
            limit_pause_ms: self.limits.limit_pause_ms,
        }
    }

    /// Sends to the org's own address and judges the answer.
    pub(crate) async fn send(&self, mut request: Request, what: &str) -> Result<Response> {
        let instance = self.session.instance().await?;
        request.target = format!("{}{}", instance.as_str().trim_end_matches('/'), request.target);
        // Appears as the origin of the change in the vendor's change events.
        let response = self
            .http
            .send(request.header("sforce-call-options", "client=fairlead"))
            .await?;
        self.note_usage(&response);
        if response.status.is_success() {
            return Ok(response);
        }
        Err(failure::of_answer(&response, self.asked(what)).at(self.connection()))
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("{}/{rest}", self.data_path)
    }

    /// Warns while there is still time to raise the org's daily limit.
    fn note_usage(&self, response: &Response) {
        let usage = response.header("sforce-limit-info").and_then(|info| {
            let (used, most) = info
                .split_once("api-usage=")?
                .1
                .split(';')
                .next()?
                .split_once('/')?;
            Some((used.trim().parse::<u64>().ok()?, most.trim().parse::<u64>().ok()?))
        });
        if let Some((used, most)) =
            usage.filter(|(used, most)| used.saturating_mul(10) >= most.saturating_mul(9))
        {
            tracing::warn!(
                connection = self.connection(),
                used,
                most,
                "the org's daily API calls are nearly used up"
            );
        }
    }

    /// Everything that a query finds, through all its pages.
    pub(crate) async fn query(&self, soql: &str, seen: Seen, what: &str) -> Result<Found> {
        let resource = if seen == Seen::Deleted {
            "queryAll"
        } else {
            "query"
        };
        let length: usize = url::form_urlencoded::byte_serialize(soql.as_bytes())
            .map(str::len)
            .sum();
        if length > self.limits.max_url_bytes {
            let message =
                format!("{what}: the query takes {length} bytes of a URL, more than limits.max_url_bytes");
            return Err(Failure::fault("query_too_long", message).at(self.connection()));
        }
        let begun = Instant::now();
        let request = Request::get(self.path(resource))
            .query("q", soql)
            .template("/services/data/{version}/query");
        let response = self.send(request, what).await?;
        let elapsed = chrono::Duration::from_std(begun.elapsed()).unwrap_or_default();
        let date = response
            .header("date")
            .and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        let asked_at = date.map(|date| date.to_utc() - elapsed - chrono::Duration::seconds(1));
        let records = self.remaining(response.json()?, what).await?;
        Ok(Found { records, asked_at })
    }

    /// A page and all that follow it. A page that is missing is an error, never a shorter answer.
    async fn remaining(&self, page: QueryPage, what: &str) -> Result<Vec<Record>> {
        let (total, mut records) = (page.total_size, page.records);
        let (mut done, mut next) = (page.done, page.next_records_url);
        while !done {
            let Some(path) = next.filter(|path| path.starts_with('/')) else {
                return Err(self.broken_paging(what, "a page does not say where the next one is"));
            };
            let request = Request::get(path).template("/services/data/{version}/query/{cursor}");
            let page: QueryPage = self.send(request, what).await?.json()?;
            if page.total_size != total {
                return Err(self.broken_paging(what, "the number of records changed between two pages"));
            }
            if page.records.is_empty() && !page.done {
                return Err(self.broken_paging(what, "a page is empty and not the last"));
            }
            records.extend(page.records);
            (done, next) = (page.done, page.next_records_url);
        }
        if records.len() == total {
            return Ok(records);
        }
        Err(self.broken_paging(what, "the pages do not hold as many records as announced"))
    }

    fn broken_paging(&self, what: &str, why: &str) -> Failure {
        Failure::transient("paging_broken", format!("{what}: {why}; read it again")).at(self.connection())
    }

    /// Completes children that came in a first page of their own.
    pub(crate) async fn complete_children(
        &self,
        records: &mut [Record],
        relationship: &str,
        what: &str,
    ) -> Result<()> {
        for record in records {
            let Some(page) = record.children(relationship)?.filter(|page| !page.done) else {
                continue;
            };
            let total = page.total_size;
            let children = self.remaining(page, what).await?;
            let whole = QueryPage {
                total_size: total,
                done: true,
                next_records_url: None,
                records: children,
            };
            let raw = serde_json::value::to_raw_value(&whole).map_err(|error| {
                let message = format!("{what}: the children of a record cannot be put together");
                Failure::fault("unexpected_answer", message).with_detail(error.to_string())
            })?;
            record.set_children(relationship, raw);
        }
        Ok(())
    }

    /// Creates the record under a key, or updates the one that has it.
    pub(crate) async fn upsert(
        &self,
        object: &str,
        (field, key): (&str, &str),
        fields: &Fields,
        what: &str,
    ) -> Result<Written> {
        let key = utf8_percent_encode(key, SEGMENT);
        let path = self.path(&format!("sobjects/{object}/{field}/{key}"));
        let request = json_request(Method::PATCH, path, fields)?
            .template("/services/data/{version}/sobjects/{object}/{key}");
        let response = self.send(request, what).await?;
        let saved: Saved = response.json()?;
        self.written(saved, what)
    }

    /// Changes fields of a known record; refused when it was changed after `unless_modified_since`.
    pub(crate) async fn update(
        &self,
        object: &str,
        id: &str,
        fields: &Fields,
        unless_modified_since: Option<DateTime<Utc>>,
        what: &str,
    ) -> Result<Written> {
        let path = self.path(&format!("sobjects/{object}/{}", utf8_percent_encode(id, SEGMENT)));
        let mut request = json_request(Method::PATCH, path, fields)?
            .template("/services/data/{version}/sobjects/{object}/{id}");
        if let Some(at) = unless_modified_since {
            request = request.header(
                "if-unmodified-since",
                at.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            );
        }
        self.send(request, what).await?;
        Ok(updated(id))
    }

    /// Up to 200 upserts in one call; one outcome each, in order.
    pub(crate) async fn upsert_batch(
        &self,
        object: &str,
        field: &str,
        rows: &[(&str, &Fields)],
        what: &str,
    ) -> Result<Vec<Result<Written>>> {
        let path = self.path(&format!("composite/sobjects/{object}/{field}"));
        self.batch(Method::PATCH, path, (object, field), rows, what).await
    }

    /// Up to 200 updates in one call; one outcome each, in order.
    pub(crate) async fn update_batch(
        &self,
        object: &str,
        rows: &[(&str, &Fields)],
        what: &str,
    ) -> Result<Vec<Result<Written>>> {
        let path = self.path("composite/sobjects");
        let results = self
            .batch(Method::PATCH, path, (object, "id"), rows, what)
            .await?;
        // An update says nothing about creation, and the id is the one that was given.
        let with_id = results
            .into_iter()
            .zip(rows)
            .map(|(result, (id, _))| result.map(|_| updated(id)));
        Ok(with_id.collect())
    }

    async fn batch(
        &self,
        method: Method,
        path: String,
        (object, field): (&str, &str),
        rows: &[(&str, &Fields)],
        what: &str,
    ) -> Result<Vec<Result<Written>>> {
        let records = rows
            .iter()
            .map(|(value, fields)| Row {
                object,
                identity: (field, value),
                fields,
            })
            .collect();
        let body = Batch {
            all_or_none: false,
            records,
        };
        let request =
            json_request(method, path, &body)?.template("/services/data/{version}/composite/sobjects");
        let response = self.send(request, what).await?;
        let results: Vec<Saved> = response.json()?;
        if results.len() != rows.len() {
            let message = format!(
                "{what}: {} records were sent and {} answered",
                rows.len(),
                results.len()
            );
            return Err(Failure::fault("unexpected_answer", message)
                .outcome_unknown()
                .at(self.connection()));
        }
        let named = results.into_iter().zip(rows);
        Ok(named
            .map(|(saved, (value, _))| self.written(saved, &format!("{what} {value}")))
            .collect())
    }

    /// A record's own outcome: a 2xx says nothing about it.
    fn written(&self, saved: Saved, what: &str) -> Result<Written> {
        match saved {
            Saved {
                success: true,
                id: Some(id),
                created,
                ..
            } => Ok(Written {
                id,
                code: None,
                version: None,
                created,
            }),
            Saved {
                success: true,
                id: None,
                ..
            } => {
                let message = format!("{what}: Salesforce wrote it and does not say under which id");
                Err(Failure::fault("unexpected_answer", message)
                    .outcome_unknown()
                    .at(self.connection()))
            }
            Saved {
                success: false,
                errors,
                ..
            } => Err(failure::of_record(&errors, self.asked(what)).at(self.connection())),
        }
    }
}

pub(crate) fn updated(id: &str) -> Written {
    Written {
        id: id.to_owned(),
        code: None,
        version: None,
        created: Some(false),
    }
}

/// A request with a body in which decimals stand as they are.
pub(crate) fn json_request(method: Method, path: String, body: &impl serde::Serialize) -> Result<Request> {
    let bytes = serde_json::to_vec(body).map_err(|error| {
        Failure::fault(
            "unencodable_request",
            "a write to Salesforce cannot be put into JSON",
        )
        .with_detail(error.to_string())
    })?;
    let mut request = Request::put_bytes(path, "application/json", bytes);
    request.method = method;
    Ok(request)
}

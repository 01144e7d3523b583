//! One function for each call to Tryton: wire in, wire out. What an answer means is decided in `failure`.

use std::sync::Arc;
use std::time::Duration;

use canonical_model::{Failure, Result};
use chrono::{DateTime, Utc};
use egress::{EgressSettings, HttpClient, Kind, Request};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::auth;
use crate::failure::Judge;
use crate::settings::{Settings, Texts};
use crate::wire::{CallError, Record};

/// Warnings that one press of a button may meet, one after the other.
const MOST_WARNINGS: usize = 8;

/// Calls one database of one server.
pub(crate) struct Client {
    http: HttpClient,
    path: String,
    connection: String,
    texts: Texts,
    language: String,
    company: Option<i64>,
    accept_warnings: Vec<String>,
    /// The user's preferences, which every call carries as its context.
    context: Mutex<Option<Held>>,
    context_life: Duration,
}

/// When the context was asked for, and what it is.
type Held = (Instant, Arc<Map<String, Value>>);

/// Records of one search.
pub(crate) struct Rows {
    /// The records.
    pub(crate) rows: Vec<Record>,
    /// The server's clock when it answered, where it said so.
    pub(crate) now: Option<DateTime<Utc>>,
}

/// What is asked for.
pub(crate) struct Search<'a> {
    /// The model, such as `party.party`.
    pub(crate) model: &'a str,
    /// Conditions, all of which hold.
    pub(crate) domain: Vec<Value>,
    /// Fields in the order of which the records come.
    pub(crate) order: &'a [&'a str],
    /// Records at most; absent = all.
    pub(crate) limit: Option<u32>,
    /// Fields to read.
    pub(crate) fields: &'a [String],
}

enum Answer {
    Result(Value, Option<DateTime<Utc>>),
    Error(CallError),
}

impl Client {
    /// A client for a connection; nothing is sent yet.
    pub(crate) fn new(connection: &str, settings: &Settings) -> Result<Self> {
        let limits = &settings.limits;
        let mut egress = EgressSettings::new(connection, settings.base_url.clone());
        egress.connect_timeout_ms = limits.connect_timeout_ms;
        egress.timeout_ms = limits.timeout_ms;
        egress.max_concurrent = Some(limits.max_concurrent);
        egress.ca_file.clone_from(&settings.ca_file);
        egress.allow_plain_http = settings.allow_plain_http;
        let http = HttpClient::new(egress)?;
        let authorizer = auth::authorizer(settings, http.clone());
        Ok(Self {
            http: http.with_authorizer(authorizer),
            path: settings.path(),
            connection: connection.to_owned(),
            texts: settings.texts.clone(),
            language: settings.language.clone(),
            company: settings.company,
            accept_warnings: settings.accept_warnings.clone(),
            context: Mutex::new(None),
            context_life: Duration::from_secs(limits.directory_s),
        })
    }

    /// The records that meet a domain.
    pub(crate) async fn search_read(&self, search: Search<'_>) -> Result<Rows> {
        let order: Vec<Value> = search.order.iter().map(|field| json!([field, "ASC"])).collect();
        let params = vec![
            Value::Array(search.domain),
            json!(0),
            json!(search.limit),
            Value::Array(order),
            json!(search.fields),
        ];
        let method = format!("model.{}.search_read", search.model);
        let (result, now) = self.read(&method, params, search.model).await?;
        let Value::Array(items) = result else {
            return Err(self.undecodable(search.model));
        };
        let rows = items.into_iter().map(Record::new).collect::<Result<_>>();
        Ok(Rows {
            rows: rows.map_err(|f| f.at(&*self.connection))?,
            now,
        })
    }

    /// Makes records in one transaction; their ids, in order.
    pub(crate) async fn create(&self, model: &str, records: Vec<Value>, what: &str) -> Result<Vec<i64>> {
        let count = records.len();
        let method = format!("model.{model}.create");
        let result = self
            .change(&method, vec![Value::Array(records)], Map::new(), what)
            .await?;
        let ids: Option<Vec<i64>> = result
            .as_array()
            .map(|ids| ids.iter().filter_map(Value::as_i64).collect());
        ids.filter(|ids| ids.len() == count)
            .ok_or_else(|| self.undecodable(what).outcome_unknown())
    }

    /// Changes records in one transaction: ids with their values, pair by pair. Tryton refuses it where a record of
    /// `seen` has another stamp than this by now.
    pub(crate) async fn write(
        &self,
        model: &str,
        changes: Vec<(Vec<i64>, Value)>,
        seen: Option<(i64, &str)>,
        what: &str,
    ) -> Result<()> {
        let params = changes
            .into_iter()
            .flat_map(|(ids, values)| [json!(ids), values])
            .collect();
        let mut extra = Map::new();
        if let Some((id, stamp)) = seen {
            extra.insert("_timestamp".to_owned(), json!({ format!("{model},{id}"): stamp }));
        }
        self.change(&format!("model.{model}.write"), params, extra, what)
            .await
            .map(drop)
    }

    /// Deletes records in one transaction.
    pub(crate) async fn delete(&self, model: &str, ids: &[i64], what: &str) -> Result<()> {
        self.change(
            &format!("model.{model}.delete"),
            vec![json!(ids)],
            Map::new(),
            what,
        )
        .await
        .map(drop)
    }

    /// Presses a button on a record. A warning that the settings accept is confirmed, as a person would.
    pub(crate) async fn press(&self, model: &str, button: &str, id: i64, what: &str) -> Result<()> {
        let method = format!("model.{model}.{button}");
        for _ in 0..MOST_WARNINGS {
            let answer = self
                .call(&method, vec![json!([id])], Map::new(), Kind::Write, what)
                .await?;
            let error = match answer {
                Answer::Result(..) => return Ok(()),
                Answer::Error(error) => error,
            };
            match error.name.as_deref().filter(|name| self.accepts(name)) {
                Some(name) => self.skip_warning(name).await?,
                None => return Err(self.judge().refusal(&error, Kind::Write, what)),
            }
        }
        let message = format!("Tryton warns about {what} again and again: look at it in Tryton");
        Err(Failure::business("needs_confirmation", message).at(&*self.connection))
    }

    fn accepts(&self, name: &str) -> bool {
        let kind = name.split_once('.').map_or(name, |(_, kind)| kind);
        self.accept_warnings.iter().any(|accepted| accepted == kind)
    }

    /// Confirms a warning for the next time that it would be raised.
    async fn skip_warning(&self, name: &str) -> Result<()> {
        self.change(
            "model.res.user.warning.skip",
            vec![json!(name)],
            Map::new(),
            "a warning",
        )
        .await
        .map(drop)
    }

    /// What Tryton fills in when a person sets these fields in a form: defaults, accounts, taxes.
    pub(crate) async fn on_change(&self, model: &str, values: Value, fields: &[&str]) -> Result<Record> {
        let method = format!("model.{model}.on_change");
        let (result, _) = self.read(&method, vec![values, json!(fields)], model).await?;
        Record::new(result).map_err(|f| f.at(&*self.connection))
    }

    /// The id of a record that a module of Tryton brings.
    pub(crate) async fn xml_id(&self, module: &str, name: &str) -> Result<i64> {
        let params = vec![json!(module), json!(name)];
        let (result, _) = self.read("model.ir.model.data.get_id", params, name).await?;
        result.as_i64().ok_or_else(|| self.undecodable(name))
    }

    async fn read(
        &self,
        method: &str,
        params: Vec<Value>,
        what: &str,
    ) -> Result<(Value, Option<DateTime<Utc>>)> {
        match self.call(method, params, Map::new(), Kind::Read, what).await? {
            Answer::Result(value, now) => Ok((value, now)),
            Answer::Error(error) => Err(self.judge().refusal(&error, Kind::Read, what)),
        }
    }

    async fn change(
        &self,
        method: &str,
        params: Vec<Value>,
        extra: Map<String, Value>,
        what: &str,
    ) -> Result<Value> {
        match self.call(method, params, extra, Kind::Write, what).await? {
            Answer::Result(value, _) => Ok(value),
            Answer::Error(error) => Err(self.judge().refusal(&error, Kind::Write, what)),
        }
    }

    /// One call, with the user's context and what this call adds to it.
    async fn call(
        &self,
        method: &str,
        mut params: Vec<Value>,
        extra: Map<String, Value>,
        kind: Kind,
        what: &str,
    ) -> Result<Answer> {
        let mut context = Map::clone(&*self.context().await?);
        context.extend(extra);
        params.push(Value::Object(context));
        self.send(method, params, kind, what).await
    }

    async fn send(&self, method: &str, params: Vec<Value>, kind: Kind, what: &str) -> Result<Answer> {
        let body = json!({ "id": 1, "method": method, "params": params });
        let request = Request::post_json(&self.path, &body).template("/{database}/rpc/");
        let request = match kind {
            Kind::Read => request.reading(),
            Kind::Write => request,
        };
        let answer = self.http.send(request).await?;
        if !answer.status.is_success() {
            return Err(self.judge().failure(&answer, what));
        }
        let now = answer
            .header("date")
            .and_then(|date| DateTime::parse_from_rfc2822(date).ok())
            .map(|date| date.to_utc());
        let doubt = |failure: Failure| match kind {
            Kind::Read => failure,
            Kind::Write => failure.outcome_unknown(),
        };
        let body: Value = answer.json().map_err(|f| doubt(f.at(&*self.connection)))?;
        match body {
            Value::Object(mut body) => match (body.remove("result"), body.get("error")) {
                (Some(result), None) => Ok(Answer::Result(result, now)),
                (_, Some(error)) => Ok(Answer::Error(CallError::new(error))),
                (None, None) => Err(doubt(self.undecodable(what))),
            },
            _ => Err(doubt(self.undecodable(what))),
        }
    }

    /// The context of calls, asked for anew where it is old: the user's company, in the language of the settings.
    async fn context(&self) -> Result<Arc<Map<String, Value>>> {
        let mut held = self.context.lock().await;
        if let Some((_, context)) = held.as_ref().filter(|(at, _)| at.elapsed() < self.context_life) {
            return Ok(Arc::clone(context));
        }
        let what = "the user's preferences";
        let params = vec![json!(true), json!({})];
        let answer = self
            .send("model.res.user.get_preferences", params, Kind::Read, what)
            .await?;
        let mut context = match answer {
            Answer::Result(Value::Object(context), _) => context,
            Answer::Result(..) => return Err(self.undecodable(what)),
            Answer::Error(error) => return Err(self.judge().refusal(&error, Kind::Read, what)),
        };
        context.insert("language".to_owned(), json!(self.language));
        if let Some(company) = self.company {
            context.insert("company".to_owned(), json!(company));
        }
        if context.get("company").and_then(Value::as_i64).is_none() {
            let message = "the user has no company in Tryton: give it one, or set `company`";
            return Err(Failure::fault("invalid_settings", message).at(&*self.connection));
        }
        let context = Arc::new(context);
        *held = Some((Instant::now(), Arc::clone(&context)));
        Ok(context)
    }

    /// The company that this connection works in.
    pub(crate) async fn company(&self) -> Result<i64> {
        let context = self.context().await?;
        let company = context.get("company").and_then(Value::as_i64);
        company.ok_or_else(|| self.undecodable("the user's preferences"))
    }

    fn undecodable(&self, what: &str) -> Failure {
        let message = format!("Tryton's answer about {what} cannot be read");
        Failure::fault("undecodable_answer", message).at(&*self.connection)
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            connection: &self.connection,
            texts: &self.texts,
        }
    }
}

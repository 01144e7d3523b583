//! The systems around the API, played by the test: a PSA that tells changes, an ERP that keeps what is written under its
//! key, control's cross-references and mappings, and quote-to-project's events.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use canonical_model::{
    CanonicalId, Capabilities, Change, ConnectionInfo, Consistency, ContractAgreed, CrossReference, Event,
    Fact, Failure, Filter as SupportFilter, Idempotency, MappingDomain, Milestone, MilestoneState, Period,
    PeriodState, Person, Project, ProjectStatus, RecordRef, ReferenceAnswer, ReferenceMapping,
    ReferenceQuestions, Resource, Sourced, Support, TimeEntry, Translation, TranslationQuestion,
    TranslationQuestions, Verb,
};
use chrono::Utc;
use serde_json::{Value, json};
use testkit::Issuer;
use time_to_invoice_process_api::{Running, Settings, run};
use tokio::sync::watch;

/// Longest that a test waits for something to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the systems hold.
#[derive(Default)]
pub(crate) struct Systems {
    pub(crate) references: Vec<CrossReference>,
    pub(crate) mappings: Vec<ReferenceMapping>,
    pub(crate) events: Vec<Event>,
    /// Changes by collection of the PSA, as its feed tells them.
    pub(crate) changes: BTreeMap<String, Vec<Value>>,
    /// What was written into the ERP, by collection and key.
    pub(crate) written: BTreeMap<(String, String), Value>,
    /// Every write that the ERP was asked for, by collection.
    pub(crate) sends: Vec<(String, String)>,
    /// Ids of PSA records that were marked, with their ids in the ERP.
    pub(crate) marks: BTreeMap<String, String>,
    /// Keys whose next write happens and is answered with doubt.
    pub(crate) lose_answers: usize,
    /// Look-ups in the ERP are answered with what nobody can read.
    pub(crate) garble_look_ups: bool,
    /// Notes whose time the ERP refuses.
    pub(crate) refused_notes: BTreeSet<String>,
    pub(crate) period_state: Option<PeriodState>,
    /// The ERP takes no reversals.
    pub(crate) no_reversals: bool,
    /// What records of the PSA are by now, where its feed does not tell it: by collection and id.
    pub(crate) untold: BTreeMap<(String, String), Option<Value>>,
}

/// The systems, and what wakes who waits for them to change.
#[derive(Clone)]
pub(crate) struct World {
    systems: Arc<Mutex<Systems>>,
    changed: watch::Sender<u64>,
    erp: String,
    psa: String,
    processes: String,
}

impl World {
    pub(crate) async fn start(_issuer: &Issuer) -> Self {
        let systems = Arc::new(Mutex::new(Systems::default()));
        let changed = watch::Sender::new(0);
        let serve = |name: &'static str| serve(name, Arc::clone(&systems), changed.clone());
        let (erp, psa, processes) = (serve("erp"), serve("psa"), serve("processes"));
        let world = Self {
            systems,
            changed,
            erp,
            psa,
            processes,
        };
        world.map(MappingDomain::LegalEntity, "erp/main", "3", "de");
        world
    }

    /// Project 31 of the PSA is project 900 of the ERP, under a contract; people, tasks and roles are known.
    pub(crate) fn set_up(&self, agreed: &ContractAgreed) {
        let (scope, task) = (&agreed.scope, CanonicalId::generate());
        for (resource, id, psa, erp) in [
            ("project", scope.project_id, "31", "900"),
            ("task", task, "410", "55"),
        ] {
            self.refer(resource, id, "psa/main", psa);
            self.refer(resource, id, "erp/main", erp);
        }
        self.refer("account", scope.account_id, "erp/main", "12");
        self.map(MappingDomain::Role, "erp/main", "204", "senior-consultant");
        self.map(MappingDomain::Role, "psa/main", "117", "senior-consultant");
        self.tell(Fact::ContractAgreed(agreed.clone()));
    }

    /// Everything is as at the beginning.
    pub(crate) fn reset(&self) {
        *self.systems() = Systems::default();
        self.map(MappingDomain::LegalEntity, "erp/main", "3", "de");
    }

    /// The API against these systems, on a database of its own.
    pub(crate) async fn run(&self, issuer: &Issuer) -> Running {
        run(&self.settings(issuer)).await.unwrap()
    }

    /// The API's settings against these systems.
    pub(crate) fn settings(&self, issuer: &Issuer) -> Settings {
        let folder = tempfile::Builder::new()
            .prefix("fairlead-test-")
            .tempdir()
            .unwrap()
            .keep();
        let secret = folder.join("secret");
        std::fs::write(&secret, "for the test").unwrap();
        let fast = json!({ "interval_ms": 50, "page": 100 });
        let settings = json!({
            "http": { "port": 0 },
            "auth": { "issuer": issuer.url(), "audience": "time-to-invoice-process-api" },
            "database": { "url": format!("sqlite:{}", folder.join("t2i.db").display()) },
            "engine": { "poll_ms": 50, "retry": { "first_ms": 20, "max_ms": 200, "budget_ms": 20_000 } },
            "identity": {
                "token_url": issuer.url().join("token").unwrap(),
                "client_id": "t2i",
                "client_secret": format!("file:{}", secret.display()),
            },
            "systems": { "erp": self.erp, "psa": self.psa },
            "processes": { "control": self.processes, "quote_to_project": self.processes },
            "intake": { "time_entries": fast, "expenses": fast, "milestones": fast },
            "posting": { "interval_ms": 50, "gather_ms": 20, "believe_s": 0 },
            "billing": { "schedule": "on_request", "interval_ms": 100 },
        });
        let overrides = toml::Table::try_from(settings).unwrap();
        chassis::load_with(overrides).unwrap()
    }

    pub(crate) fn systems(&self) -> MutexGuard<'_, Systems> {
        self.systems.lock().unwrap()
    }

    /// Waits until the systems are as they should be.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Systems) -> bool) {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            while !holds(&self.systems()) {
                changed.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("{what} has not come about; sent: {:?}", self.systems().sends);
        }
    }

    pub(crate) fn refer(&self, resource: &str, canonical_id: CanonicalId, connection: &str, id: &str) {
        self.systems().references.push(CrossReference {
            canonical_id,
            resource: resource.to_owned(),
            connection: connection.to_owned(),
            id: id.to_owned(),
            label: None,
        });
    }

    pub(crate) fn map(&self, domain: MappingDomain, connection: &str, value: &str, code: &str) {
        self.systems().mappings.push(ReferenceMapping {
            domain,
            connection: connection.to_owned(),
            value: value.to_owned(),
            code: code.to_owned(),
        });
    }

    /// Quote-to-project tells a fact.
    pub(crate) fn tell(&self, fact: Fact) {
        let mut systems = self.systems();
        let event = Event {
            specversion: "1.0".to_owned(),
            id: CanonicalId::generate().to_string(),
            source: "/process/quote-to-project".to_owned(),
            kind: fact.kind().to_owned(),
            subject: "crm/main 006".to_owned(),
            time: Utc::now(),
            correlation_id: "c".to_owned(),
            data: serde_json::to_value(fact).unwrap(),
        };
        systems.events.push(event);
    }

    /// The PSA tells a change of a record.
    pub(crate) fn change<T: Resource>(&self, id: &str, record: Option<T>) {
        let change = Change {
            id: id.to_owned(),
            changed_at: Utc::now(),
            record: record.map(|record| sourced(id, record)),
            failure: None,
        };
        self.push::<T>(&change);
    }

    /// The PSA changes a record, or deletes it, and its feed tells nothing.
    pub(crate) fn change_untold<T: Resource>(&self, id: &str, record: Option<T>) {
        let record = record.map(|record| serde_json::to_value(sourced(id, record)).unwrap());
        let place = (T::PATH.to_owned(), id.to_owned());
        self.systems().untold.insert(place, record);
    }

    /// The PSA tells a change that it cannot put into words.
    pub(crate) fn garble(&self, id: &str, failure: Failure) {
        let change = Change::<TimeEntry> {
            id: id.to_owned(),
            changed_at: Utc::now(),
            record: None,
            failure: Some(failure),
        };
        self.push::<TimeEntry>(&change);
    }

    fn push<T: Resource>(&self, change: &Change<T>) {
        let change = serde_json::to_value(change).unwrap();
        let mut systems = self.systems();
        systems
            .changes
            .entry(T::PATH.to_owned())
            .or_default()
            .push(change);
    }
}

fn sourced<T>(id: &str, data: T) -> Sourced<T> {
    Sourced {
        connection: "psa/main".to_owned(),
        object: "record".to_owned(),
        id: id.to_owned(),
        version: None,
        changed_at: Utc::now(),
        effect_key: None,
        links: BTreeMap::new(),
        data,
        extensions: BTreeMap::new(),
    }
}

fn serve(name: &'static str, systems: Arc<Mutex<Systems>>, changed: watch::Sender<u64>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = HttpServer::new(move || {
        let (systems, changed) = (Arc::clone(&systems), changed.clone());
        App::new().default_service(web::to(move |request: HttpRequest, body: web::Bytes| {
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let answer = answer(name, &request, body, &mut systems.lock().unwrap());
            changed.send_modify(|count| *count += 1);
            async move { answer }
        }))
    });
    let server = server
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
    actix_web::rt::spawn(server);
    address
}

fn answer(name: &str, request: &HttpRequest, body: Value, systems: &mut Systems) -> HttpResponse {
    let path = request.path().to_owned();
    let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    let query = web::Query::<BTreeMap<String, String>>::from_query(request.query_string())
        .map(web::Query::into_inner)
        .unwrap_or_default();
    let json = match (name, parts.as_slice()) {
        ("processes", ["cross-references", "query"]) => references(body, systems),
        ("processes", ["cross-references"]) => {
            let reference: CrossReference = serde_json::from_value(body).unwrap();
            if !systems.references.contains(&reference) {
                systems.references.push(reference);
            }
            json!({})
        }
        ("processes", ["translations", "query"]) => translations(body, systems),
        ("processes", ["events"]) => events(&query, systems),
        (_, ["connections", "main"]) => serde_json::to_value(connection(name, systems.no_reversals)).unwrap(),
        ("psa", ["connections", "main", collection, "changes"]) => changes(collection, &query, systems),
        ("psa", ["connections", "main", _, "links"]) => links(&body, systems),
        ("psa", ["connections", "main", collection]) => listed(collection, &query, systems),
        ("psa", ["connections", "main", collection, id]) => match latest(collection, id, systems) {
            Some(Ok(record)) => record,
            Some(Err(failure)) => return problem(422, &failure),
            None => return not_found(),
        },
        ("erp", ["connections", "main", "periods"]) => periods(systems),
        ("erp", ["connections", "main", "projects", "900"]) => erp_project(),
        ("erp", ["connections", "main", "people", "matches"]) => erp_people(&query),
        ("erp", ["connections", "main", collection, "writes"]) => writes(collection, &body, systems),
        ("erp", ["connections", "main", collection, "matches"]) => found(collection, &query, systems),
        ("erp", ["connections", "main", collection, id]) => match written(collection, id, systems) {
            Some(record) => record,
            None => return not_found(),
        },
        _ => return not_found(),
    };
    HttpResponse::Ok().json(json)
}

fn not_found() -> HttpResponse {
    problem(404, &Failure::business("not_found", "there is none"))
}

fn problem(status: u16, failure: &Failure) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap();
    let problem = json!({
        "type": "about:blank", "title": "Refused", "status": status.as_u16(), "detail": failure.message,
        "code": failure.code, "class": failure.class, "outcome": failure.outcome,
    });
    HttpResponse::build(status)
        .content_type("application/problem+json")
        .json(problem)
}

fn references(body: Value, systems: &Systems) -> Value {
    let asked: ReferenceQuestions = serde_json::from_value(body).unwrap();
    let answers = asked.questions.iter().map(|question| {
        let of_resource = || {
            systems
                .references
                .iter()
                .filter(|r| r.resource == question.resource)
        };
        let id = question.canonical_id.or_else(|| {
            of_resource()
                .find(|r| {
                    Some(&r.connection) == question.connection.as_ref() && Some(&r.id) == question.id.as_ref()
                })
                .map(|r| r.canonical_id)
        });
        ReferenceAnswer {
            references: of_resource()
                .filter(|r| Some(r.canonical_id) == id)
                .cloned()
                .collect(),
        }
    });
    json!({ "answers": answers.collect::<Vec<_>>() })
}

fn translations(body: Value, systems: &Systems) -> Value {
    let asked: TranslationQuestions = serde_json::from_value(body).unwrap();
    let answers: Vec<_> = asked
        .questions
        .iter()
        .map(|question| translation(question, systems))
        .collect();
    json!({ "answers": answers })
}

fn translation(question: &TranslationQuestion, systems: &Systems) -> Translation {
    let of_domain = || systems.mappings.iter().filter(|m| m.domain == question.domain);
    let code = match &question.from {
        None => Some(question.value.clone()),
        Some(from) => of_domain()
            .find(|m| m.connection == *from && m.value == question.value)
            .map(|m| m.code.clone()),
    };
    let value = of_domain()
        .find(|m| Some(&m.connection) == question.to.as_ref() && Some(&m.code) == code.as_ref())
        .map(|m| m.value.clone());
    Translation { code, value }
}

fn events(query: &BTreeMap<String, String>, systems: &Systems) -> Value {
    let after: usize = query
        .get("after")
        .and_then(|after| after.parse().ok())
        .unwrap_or(0);
    let new: Vec<_> = systems.events.iter().skip(after).collect();
    json!({ "events": new, "next_cursor": systems.events.len().to_string() })
}

fn connection(kind: &str, no_reversals: bool) -> ConnectionInfo {
    let mut support = Support {
        verbs: vec![
            Verb::List,
            Verb::Read,
            Verb::Find,
            Verb::Changes,
            Verb::Write,
            Verb::Link,
        ],
        filters: vec![SupportFilter::State, SupportFilter::Date],
        find_by: Vec::new(),
        idempotency: Idempotency::ExternalIdUpsert,
        consistency: Consistency::ReadAfterWrite,
        bulk_size: 100,
    };
    if !no_reversals {
        support.verbs.push(Verb::Reverse);
    }
    let names = [
        "time-entries",
        "expenses",
        "milestones",
        "invoices",
        "credit-notes",
        "projects",
        "people",
        "periods",
        "tasks",
    ];
    let collections = names.into_iter().map(|name| (name, support.clone())).collect();
    ConnectionInfo {
        name: "main".to_owned(),
        connection: format!("{kind}/main"),
        capabilities: Capabilities::new("a vendor of the test", collections),
    }
}

fn changes(collection: &str, query: &BTreeMap<String, String>, systems: &Systems) -> Value {
    let after: usize = query
        .get("cursor")
        .and_then(|cursor| cursor.parse().ok())
        .unwrap_or(0);
    let all = systems.changes.get(collection).map_or(&[][..], Vec::as_slice);
    let new: Vec<_> = all.iter().skip(after).collect();
    json!({ "items": new, "next_cursor": all.len().to_string(), "more": false })
}

/// Approved records of some days.
fn listed(collection: &str, query: &BTreeMap<String, String>, systems: &Systems) -> Value {
    let all = systems.changes.get(collection).map_or(&[][..], Vec::as_slice);
    let ids: BTreeSet<&str> = all.iter().map(|change| change["id"].as_str().unwrap()).collect();
    let day = |name: &str, record: &Value| {
        query
            .get(name)
            .map(|day| day.as_str().cmp(record["data"]["date"].as_str().unwrap()))
    };
    let asked_for = |record: &Value| {
        record["data"]["approval"] == "approved"
            && day("date_from", record).is_none_or(|order| order.is_le())
            && day("date_to", record).is_none_or(|order| order.is_ge())
    };
    let known = ids
        .into_iter()
        .filter_map(|id| latest(collection, id, systems)?.ok());
    json!({ "items": known.filter(asked_for).collect::<Vec<_>>() })
}

/// A record of the ERP by its id.
fn written(collection: &str, id: &str, systems: &Systems) -> Option<Value> {
    let of_collection = |((of, _), _): &(&(String, String), &Value)| of == collection;
    let mut records = systems.written.iter().filter(of_collection);
    let mut data = records.find(|(_, record)| record["_id"] == id)?.1.clone();
    data.as_object_mut().unwrap().remove("_id");
    Some(serde_json::to_value(sourced(id, data)).unwrap())
}

/// A record as the feed told it last, or as it is by now: what it is, or why nobody can read it.
fn latest(collection: &str, id: &str, systems: &Systems) -> Option<Result<Value, Failure>> {
    if let Some(now) = systems.untold.get(&(collection.to_owned(), id.to_owned())) {
        return now.clone().map(Ok);
    }
    let changes = systems.changes.get(collection)?;
    let change = changes.iter().rev().find(|change| change["id"] == id)?;
    if let Some(failure) = change.get("failure").filter(|failure| !failure.is_null()) {
        return Some(Err(serde_json::from_value(failure.clone()).unwrap()));
    }
    change
        .get("record")
        .filter(|record| !record.is_null())
        .cloned()
        .map(Ok)
}

fn links(body: &Value, systems: &mut Systems) -> Value {
    let mut results = Vec::new();
    for link in body["links"].as_array().unwrap() {
        let (id, other) = (
            link["id"].as_str().unwrap(),
            link["other_id"].as_str().unwrap_or("-"),
        );
        systems.marks.insert(id.to_owned(), other.to_owned());
        results.push(json!({ "key": link["key"], "written": { "id": id } }));
    }
    json!({ "results": results })
}

fn periods(systems: &Systems) -> Value {
    let period = Period {
        name: "2026".to_owned(),
        start_date: "2026-01-01".parse().unwrap(),
        end_date: "2026-12-31".parse().unwrap(),
        state: systems.period_state.unwrap_or(PeriodState::Open),
    };
    json!({ "items": [sourced("p", period)] })
}

fn erp_project() -> Value {
    let project = Project {
        code: "HEL-1".to_owned(),
        name: "Grid strategy".to_owned(),
        account: Some(RecordRef::labelled("12", "Helios Energy GmbH")),
        legal_entity: Some(RecordRef::id("3")),
        region: None,
        manager: None,
        billing_method: None,
        currency: canonical_model::Currency::EUR,
        budget: None,
        target_margin_percent: None,
        rate_card: None,
        start_date: None,
        end_date: None,
        status: ProjectStatus::Active,
    };
    serde_json::to_value(sourced("900", project)).unwrap()
}

fn erp_people(query: &BTreeMap<String, String>) -> Value {
    let email = query.get("value").cloned().unwrap_or_default();
    if !email.starts_with("anna") {
        return json!([]);
    }
    let person = Person {
        name: "Anna Keller".to_owned(),
        email,
        home_entity: None,
        role: None,
        skills: Vec::new(),
        weekly_capacity_minutes: None,
        active: true,
    };
    json!([sourced("11", person)])
}

/// Writes what is asked under its key, once; a write may be refused, or happen and be answered with doubt.
fn writes(collection: &str, body: &Value, systems: &mut Systems) -> Value {
    let mut results = Vec::new();
    for write in body["writes"].as_array().unwrap() {
        let key = write["key"].as_str().unwrap().to_owned();
        systems.sends.push((collection.to_owned(), key.clone()));
        let note = write["record"]["note"].as_str().unwrap_or_default();
        if systems.refused_notes.contains(note) {
            let failure = Failure::business("vendor_refused", "The note says what the ERP does not like")
                .at("erp/main");
            results.push(json!({ "key": key, "failure": failure }));
            continue;
        }
        let number = systems.written.len() + 1;
        let place = (collection.to_owned(), key.clone());
        let record = systems.written.entry(place).or_insert_with(|| {
            let mut record = write["record"].clone();
            record["_id"] = json!(format!("{collection}-{number}"));
            record
        });
        let id = record["_id"].clone();
        if systems.lose_answers > 0 {
            systems.lose_answers -= 1;
            let failure = Failure::transient("no_answer", "the connection was lost").outcome_unknown();
            results.push(json!({ "key": key, "failure": failure }));
            continue;
        }
        results.push(json!({ "key": key, "written": { "id": id, "code": format!("N{number}") } }));
    }
    json!({ "results": results })
}

fn found(collection: &str, query: &BTreeMap<String, String>, systems: &Systems) -> Value {
    if systems.garble_look_ups {
        return json!("neither here nor there");
    }
    let key = query.get("value").cloned().unwrap_or_default();
    match systems.written.get(&(collection.to_owned(), key)) {
        None => json!([]),
        Some(record) => {
            let mut data = record.clone();
            let id = data["_id"].as_str().unwrap().to_owned();
            data.as_object_mut().unwrap().remove("_id");
            json!([sourced(&id, data)])
        }
    }
}

/// A milestone that was reached.
pub(crate) fn reached(project: &str, amount: canonical_model::Money) -> Milestone {
    Milestone {
        name: "Concept".to_owned(),
        project: RecordRef::id(project),
        due_date: "2026-11-20".parse().unwrap(),
        amount,
        state: MilestoneState::Completed,
        completed_on: Some("2026-11-19".parse().unwrap()),
    }
}

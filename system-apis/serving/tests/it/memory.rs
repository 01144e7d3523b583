//! A PSA in memory behind the shared endpoints.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use canonical_model::{
    Account, Assignment, Change, Changes, CostRate, EffectKey, Expense, Failure, FindBy, Link, ListQuery,
    Milestone, Page, Person, Project, RateCard, Resource, ResourceRequest, Result, Role, Sourced, SystemKind,
    Task, TimeEntry, Write, WriteResult, Written,
};
use chassis::{Api, HttpSettings, RunningApi};
use egress::BearerToken;
use serde_json::{Value, json};
use system_client::{ClientSettings, SystemClient};
use system_ports::{
    Capabilities, Collection, Consistency, Filter, Idempotency, Port, PsaPort, Support, Verb, none_supported,
    not_supported,
};
use system_serving::{System, TAGS, collection, connections};
use testkit::Issuer;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) const BINARY: &str = "psa-system-api";

/// A collection in memory. An account named `down` cannot be written now, one named `broken` breaks the vendor, and
/// one named `silent` is not answered.
pub(crate) struct Memory<T> {
    support: Support,
    records: Mutex<Vec<Sourced<T>>>,
}

impl<T: Resource> Memory<T> {
    fn absent() -> Self {
        Self {
            support: Support::absent(),
            records: Mutex::default(),
        }
    }

    fn with(records: Vec<T>) -> Self {
        let all = [
            Verb::List,
            Verb::Read,
            Verb::Find,
            Verb::Changes,
            Verb::Write,
            Verb::Link,
        ];
        let support = Support {
            filters: vec![Filter::State],
            idempotency: Idempotency::ExternalIdUpsert,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 1000,
            ..Support::read_only(&all, &[FindBy::EffectKey, FindBy::Name])
        };
        let memory = Self {
            support,
            records: Mutex::default(),
        };
        for (n, record) in records.into_iter().enumerate() {
            memory.put(&format!("seed-{n}").parse().unwrap(), record);
        }
        memory
    }

    fn put(&self, key: &EffectKey, data: T) -> Written {
        let mut records = self.records.lock().unwrap();
        let known = records
            .iter()
            .position(|record| record.effect_key.as_deref() == Some(key.as_str()));
        let at = known.unwrap_or(records.len());
        let record = Sourced {
            connection: "psa/main".to_owned(),
            object: T::NAME.to_owned(),
            id: (at + 1).to_string(),
            version: None,
            changed_at: "2026-03-01T10:00:00Z".parse().unwrap(),
            effect_key: Some(key.to_string()),
            links: BTreeMap::new(),
            data,
            extensions: BTreeMap::new(),
        };
        let written = Written {
            id: record.id.clone(),
            code: None,
            version: None,
            created: Some(known.is_none()),
        };
        if known.is_some() {
            records[at] = record;
        } else {
            records.push(record);
        }
        written
    }

    fn refusal(&self, verb: Verb) -> Option<Failure> {
        (!self.support.has(verb)).then(|| not_supported("Memory", T::NAME, verb))
    }
}

#[async_trait]
impl<T: Resource> Collection<T> for Memory<T> {
    fn support(&self) -> Support {
        self.support.clone()
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Sourced<T>>> {
        let from = query
            .cursor
            .as_deref()
            .map_or(0, |cursor| cursor.parse().unwrap());
        let limit = usize::try_from(query.limit.unwrap()).unwrap();
        let records = self.records.lock().unwrap();
        let items: Vec<_> = records.iter().skip(from).take(limit).cloned().collect();
        let next = from + items.len();
        Ok(Page {
            items,
            next_cursor: (next < records.len()).then(|| next.to_string()),
        })
    }

    async fn read(&self, id: &str) -> Result<Sourced<T>> {
        let records = self.records.lock().unwrap();
        let found = records.iter().find(|record| record.id == id).cloned();
        found.ok_or_else(|| Failure::business("not_found", format!("no {} {id}", T::NAME)))
    }

    async fn find(&self, _by: FindBy, value: &str) -> Result<Vec<Sourced<T>>> {
        // Shows a test which correlation id reached the connector.
        if value == "correlation" {
            let id = egress::current_correlation_id().unwrap_or_default();
            return Err(Failure::business("correlated", id));
        }
        let records = self.records.lock().unwrap();
        let of_key = |record: &&Sourced<T>| record.effect_key.as_deref() == Some(value);
        Ok(records.iter().filter(of_key).cloned().collect())
    }

    async fn changes(&self, cursor: Option<&str>, limit: u32) -> Result<Changes<T>> {
        let query = ListQuery {
            cursor: cursor.map(str::to_owned),
            limit: Some(limit),
            ..ListQuery::default()
        };
        let page = self.list(&query).await?;
        let change = |record: Sourced<T>| Change {
            id: record.id.clone(),
            changed_at: record.changed_at,
            record: Some(record),
            failure: None,
        };
        Ok(Changes {
            more: page.next_cursor.is_some(),
            next_cursor: page
                .next_cursor
                .unwrap_or_else(|| self.records.lock().unwrap().len().to_string()),
            items: page.items.into_iter().map(change).collect(),
        })
    }

    async fn write(&self, writes: &[Write<T>]) -> Vec<WriteResult> {
        if self.refusal(Verb::Write).is_some() {
            return none_supported::<T>(
                "Memory",
                Verb::Write,
                writes.iter().map(|write| write.key.clone()),
            );
        }
        let mut results = Vec::new();
        for write in writes {
            let name = serde_json::to_value(&write.record).unwrap()["name"].clone();
            let result = match name.as_str() {
                Some("silent") => return results,
                Some("down") => Err(Failure::transient("timeout", "no answer").outcome_unknown()),
                Some("broken") => Err(Failure::fault("unknown_status", "status 7 is not known")),
                _ => Ok(self.put(&write.key, write.record.clone())),
            };
            results.push(WriteResult::new(write.key.clone(), result));
        }
        results
    }

    async fn link(&self, links: &[Link]) -> Vec<WriteResult> {
        let mut records = self.records.lock().unwrap();
        let mut note = |link: &Link| {
            let record = records.iter_mut().find(|record| record.id == link.id);
            let record = record.ok_or_else(|| Failure::business("not_found", "no such record"))?;
            record
                .links
                .extend(link.other_id.clone().map(|id| (link.system.clone(), id)));
            Ok(Written {
                id: link.id.clone(),
                code: None,
                version: None,
                created: Some(false),
            })
        };
        links
            .iter()
            .map(|link| WriteResult::new(link.key.clone(), note(link)))
            .collect()
    }
}

pub(crate) struct MemoryPsa {
    accounts: Memory<Account>,
    time_entries: Memory<TimeEntry>,
    cost_rates: Memory<CostRate>,
    projects: Memory<Project>,
    tasks: Memory<Task>,
    milestones: Memory<Milestone>,
    people: Memory<Person>,
    roles: Memory<Role>,
    rate_cards: Memory<RateCard>,
    resource_requests: Memory<ResourceRequest>,
    assignments: Memory<Assignment>,
    expenses: Memory<Expense>,
}

fn record<T: Resource>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn rate(amount: &str) -> Value {
    json!({"money": {"amount": amount, "currency": "EUR"}, "per": "hour"})
}

impl MemoryPsa {
    fn new() -> Self {
        let entry = json!({
            "person": {"id": "7"}, "project": {"id": "3"}, "date": "2026-02-03", "minutes": 90, "billable": true,
            "approval": "approved", "rate": rate("180.00"), "cost_rate": rate("71.00")
        });
        let names = ["Meridian Optics", "Harbour Foods", "Quintal Rail"];
        Self {
            accounts: Memory::with(names.map(|name| record(json!({"name": name}))).into()),
            time_entries: Memory::with(vec![record(entry)]),
            cost_rates: Memory::with(vec![record(
                json!({"person": {"id": "7"}, "rate": rate("71.00")}),
            )]),
            projects: Memory::absent(),
            tasks: Memory::absent(),
            milestones: Memory::absent(),
            people: Memory::absent(),
            roles: Memory::absent(),
            rate_cards: Memory::absent(),
            resource_requests: Memory::absent(),
            assignments: Memory::absent(),
            expenses: Memory::absent(),
        }
    }
}

#[async_trait]
impl Port for MemoryPsa {
    fn vendor(&self) -> &'static str {
        "Memory"
    }

    fn capabilities(&self) -> Capabilities {
        let accounts = (Account::PATH, self.accounts.support());
        Capabilities::new(self.vendor(), BTreeMap::from([accounts]))
    }

    async fn check_health(&self) -> Result<()> {
        Err(Failure::transient(
            "connection_failed",
            "Memory cannot be reached",
        ))
    }
}

macro_rules! collections {
    ($($name:ident $record:ident),+ $(,)?) => {
        impl PsaPort for MemoryPsa {
            $(fn $name(&self) -> &dyn Collection<$record> { &self.$name })+
        }
    };
}

collections!(
    accounts Account, projects Project, tasks Task, milestones Milestone, people Person, roles Role,
    rate_cards RateCard, cost_rates CostRate, resource_requests ResourceRequest, assignments Assignment,
    time_entries TimeEntry, expenses Expense,
);

fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(connections::<dyn PsaPort>())
        .service(collection::<dyn PsaPort, Account>())
        .service(collection::<dyn PsaPort, Task>())
        .service(collection::<dyn PsaPort, CostRate>())
        .service(collection::<dyn PsaPort, TimeEntry>());
}

pub(crate) fn contract() -> OpenApi {
    chassis::contract("Memory PSA", "1.0.0", "A PSA in memory.", &TAGS, routes)
}

/// The API at work.
pub(crate) struct Office {
    pub(crate) api: RunningApi,
    pub(crate) issuer: Issuer,
}

impl Office {
    pub(crate) async fn open() -> Self {
        let issuer = Issuer::start().await;
        let port: Arc<dyn PsaPort> = Arc::new(MemoryPsa::new());
        let state = System::new(SystemKind::Psa, [("main".to_owned(), port)]).unwrap();
        let api = Api {
            name: BINARY,
            contract,
            routes,
            state,
        };
        let api = chassis::start(api, &HttpSettings::default(), &issuer.auth(BINARY)).unwrap();
        Self { api, issuer }
    }

    /// A client whose token has these scopes.
    pub(crate) fn client(&self, scopes: &[&str]) -> SystemClient {
        let token = self.issuer.service_token(BINARY, scopes);
        let settings = ClientSettings::new(self.api.base_url.parse().unwrap());
        SystemClient::new(SystemKind::Psa, &settings, Arc::new(BearerToken(token.into()))).unwrap()
    }

    pub(crate) fn worker(&self) -> SystemClient {
        self.client(&["records:read", "records:write"])
    }

    /// Status and code of a raw call.
    pub(crate) async fn refusal(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let token = self
            .issuer
            .service_token(BINARY, &["records:read", "records:write"]);
        let answer = request.bearer_auth(token).send().await.unwrap();
        (answer.status().as_u16(), testkit::problem_of(answer).await.code)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/v1/connections{path}", self.api.base_url)
    }
}

//! Doubles of the APIs around a process, for its tests: CRM, ERP and PSA system APIs, control and insight.
//!
//! They keep what they are told and answer as the contracts say: a write under a known key changes the record that carries
//! it, a write by id changes that record, what a write does not say stays. Rules of vendors are not here; the twins have
//! them. A process is driven against these through every fault, which the twins would be too slow for.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a double that cannot answer ends the test"
)]

mod answers;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::{App, HttpRequest, HttpServer, web};
use canonical_model::{CanonicalId, CrossReference, MappingDomain, ReferenceMapping, Resource};
use chrono::{DateTime, Utc};
use serde_json::Value;

/// A record in a system.
#[derive(Debug, Clone)]
pub struct Record {
    /// The key that it carries.
    pub key: Option<String>,
    /// Counts its changes.
    pub version: u64,
    /// What it says.
    pub data: Value,
    /// Ids of other systems that were noted on it.
    pub links: BTreeMap<String, String>,
}

/// A system and one of its collections, such as `("erp", "invoices")`.
pub type Place = (String, String);

/// What the systems and APIs hold.
#[derive(Debug, Default)]
pub struct Holdings {
    /// Records by place and id.
    pub records: BTreeMap<Place, BTreeMap<String, Record>>,
    /// Every write that was carried out, with its key: place, key.
    pub writes: Vec<(Place, String)>,
    /// What a change feed tells, by place, in its order.
    pub changes: BTreeMap<Place, Vec<Value>>,
    /// Cross-references at control.
    pub references: Vec<CrossReference>,
    /// Mappings at control.
    pub mappings: Vec<ReferenceMapping>,
    /// Golden accounts at control.
    pub accounts: BTreeMap<CanonicalId, Value>,
}

/// The APIs at work.
pub struct Doubles {
    holdings: Arc<Mutex<Holdings>>,
    /// Address of the CRM system API.
    pub crm: String,
    /// Address of the ERP system API.
    pub erp: String,
    /// Address of the PSA system API.
    pub psa: String,
    /// Address of control and insight.
    pub processes: String,
}

impl Doubles {
    /// Starts them, empty.
    #[must_use]
    pub fn start() -> Self {
        let holdings = Arc::new(Mutex::new(Holdings::default()));
        let serve = |name| serve(name, Arc::clone(&holdings));
        Self {
            crm: serve("crm"),
            erp: serve("erp"),
            psa: serve("psa"),
            processes: serve("processes"),
            holdings: Arc::clone(&holdings),
        }
    }

    /// What they hold now.
    pub fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything.
    pub fn reset(&self) {
        *self.holdings() = Holdings::default();
    }

    /// A system has a record, whoever made it.
    pub fn put<T: Resource>(&self, system: &str, id: &str, record: &T) {
        let data = serde_json::to_value(record).unwrap();
        let mut holdings = self.holdings();
        let records = holdings.records.entry(place::<T>(system)).or_default();
        let version = records.get(id).map_or(1, |record| record.version + 1);
        let record = Record {
            key: None,
            version,
            data,
            links: BTreeMap::new(),
        };
        records.insert(id.to_owned(), record);
    }

    /// The change feed of a system tells a record as it is now; deleted where there is none.
    pub fn tell<T: Resource>(&self, system: &str, id: &str, changed_at: DateTime<Utc>) {
        let mut holdings = self.holdings();
        let place = place::<T>(system);
        let record = holdings.records.get(&place).and_then(|records| records.get(id));
        let record = record.map(|record| answers::sourced(system, id, record, changed_at));
        let mut change = serde_json::json!({ "id": id, "changed_at": changed_at });
        if let Some(record) = record {
            change["record"] = record;
        }
        holdings.changes.entry(place).or_default().push(change);
    }

    /// Control knows which record of a system a thing is.
    pub fn refer(&self, resource: &str, canonical_id: CanonicalId, connection: &str, id: &str) {
        self.holdings().references.push(CrossReference {
            canonical_id,
            resource: resource.to_owned(),
            connection: connection.to_owned(),
            id: id.to_owned(),
            label: None,
        });
    }

    /// Control has a mapping.
    pub fn map(&self, domain: MappingDomain, connection: &str, value: &str, code: &str) {
        self.holdings().mappings.push(ReferenceMapping {
            domain,
            connection: connection.to_owned(),
            value: value.to_owned(),
            code: code.to_owned(),
        });
    }
}

impl Holdings {
    /// The records of a collection.
    #[must_use]
    pub fn all<T: Resource>(&self, system: &str) -> Vec<(&String, &Record)> {
        self.records
            .get(&place::<T>(system))
            .map(|records| records.iter().collect())
            .unwrap_or_default()
    }

    /// The records of a collection that were written by us.
    #[must_use]
    pub fn ours<T: Resource>(&self, system: &str) -> Vec<T> {
        let all = self.all::<T>(system).into_iter();
        let ours = all.filter(|(_, record)| record.key.is_some());
        ours.map(|(_, record)| serde_json::from_value(record.data.clone()).unwrap())
            .collect()
    }

    /// A record as it is now.
    #[must_use]
    pub fn one<T: Resource>(&self, system: &str, id: &str) -> T {
        serde_json::from_value(self.records[&place::<T>(system)][id].data.clone()).unwrap()
    }
}

fn place<T: Resource>(system: &str) -> Place {
    (system.to_owned(), T::PATH.to_owned())
}

fn serve(name: &'static str, holdings: Arc<Mutex<Holdings>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = HttpServer::new(move || {
        let holdings = Arc::clone(&holdings);
        App::new().default_service(web::to(move |request: HttpRequest, body: web::Bytes| {
            let mut holdings = holdings.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = answers::answer(name, &request, &body, &mut holdings);
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

//! The firm's people: they set projects up, work, approve, change their minds, and decide at the desk.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use anyhow::{Context, ensure};
use canonical_model::{
    Account, BillingMethod, CanonicalId, ContractAgreed, Currency, EffectKey, Event, Fact, MappingDomain,
    Project, ProjectScope, ProjectStatus, RecordRef, Resource, Task, Write, clock,
};
use chrono::{Days, NaiveDate};
use http::Method;
use serde_json::{Map, Value, json};
use time_to_invoice_process_api::by_hand::ByHand;
use vendor_twins::kantata::Kantata;
use vendor_twins::netsuite::NetSuite;
use vendor_twins::store::{Caller, Tables};

use crate::state::Shared;
use crate::wire::Network;

/// A project in both systems.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) erp_id: String,
    psa_id: String,
    psa_task: String,
    /// The ERP's id of its legal entity.
    pub(crate) subsidiary: &'static str,
    pub(crate) currency: Currency,
}

/// What is said of a source when it is approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Index of the project.
    pub(crate) place: usize,
    /// Id of the person, the same in both systems.
    pub(crate) person: String,
    /// Id of the role in the PSA; empty for an expense.
    pub(crate) role: String,
    pub(crate) date: NaiveDate,
    /// Minutes of time, cents of an expense.
    pub(crate) quantity: i64,
    /// Cents an hour; none for an expense.
    pub(crate) rate: i64,
}

/// A time entry or an expense of the PSA.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Begins its note, in every system.
    pub(crate) tag: String,
    /// It is time, not an expense.
    pub(crate) time: bool,
    pub(crate) id: String,
    /// What is approved now.
    pub(crate) approved: Option<Said>,
    /// Everything that was ever approved.
    pub(crate) ever: Vec<Said>,
}

/// People and what they know.
pub(crate) struct Firm {
    network: Network,
    shared: Shared,
    netsuite: Arc<NetSuite>,
    kantata: Arc<Kantata>,
    pub(crate) places: Vec<Place>,
    pub(crate) sources: Vec<Source>,
    closed: Option<&'static str>,
}

const PEOPLE: [&str; 4] = ["11", "13", "14", "16"];
const CATEGORIES: [(&str, &str); 3] = [("Travel", "1"), ("Lodging", "2"), ("Meals", "3")];
/// Roles of the PSA; those of the ERP are a hundred more.
const ROLES: [&str; 4] = ["1", "2", "3", "4"];

impl Firm {
    pub(crate) fn new(
        network: Network,
        shared: Shared,
        netsuite: Arc<NetSuite>,
        kantata: Arc<Kantata>,
    ) -> Self {
        Self {
            network,
            shared,
            netsuite,
            kantata,
            places: Vec::new(),
            sources: Vec::new(),
            closed: None,
        }
    }

    /// Customers, projects, tasks and mappings. The role of analysts and one kind of expense are forgotten.
    pub(crate) async fn set_up(&mut self, api: &ByHand) -> anyhow::Result<()> {
        {
            let mut control = self
                .network
                .control
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            for (value, code) in [("1", "us"), ("2", "uk"), ("3", "de")] {
                control.map(MappingDomain::LegalEntity, "erp/main", value, code);
            }
            for role in ROLES {
                control.map(
                    MappingDomain::Role,
                    "erp/main",
                    &format!("10{role}"),
                    &format!("role-{role}"),
                );
                if role != "4" {
                    control.map(MappingDomain::Role, "psa/main", role, &format!("role-{role}"));
                }
            }
            for (name, id) in CATEGORIES {
                control.map(MappingDomain::ExpenseCategory, "erp/main", id, name);
                if name != "Meals" {
                    control.map(MappingDomain::ExpenseCategory, "psa/main", name, name);
                }
            }
        }
        let projects = [
            ("US-1", "1", "us", Currency::USD),
            ("DE-1", "3", "de", Currency::EUR),
            ("DE-2", "3", "de", Currency::USD),
        ];
        let mut events = Vec::new();
        for (code, subsidiary, entity, currency) in projects {
            events.push(
                self.set_project_up(api, code, subsidiary, entity, currency)
                    .await?,
            );
        }
        api.learn(events).await?;
        Ok(())
    }

    async fn set_project_up(
        &mut self,
        api: &ByHand,
        code: &str,
        subsidiary: &'static str,
        entity: &str,
        currency: Currency,
    ) -> anyhow::Result<Event> {
        let (account_id, project_id, task_id) = (
            CanonicalId::generate(),
            CanonicalId::generate(),
            CanonicalId::generate(),
        );
        let account = |legal_entity| Account {
            name: format!("Customer of {code}"),
            parent: None,
            website: None,
            phone: None,
            email: None,
            tax_registrations: Vec::new(),
            billing_address: None,
            payment_terms: None,
            legal_entity,
            currency: Some(currency),
            financials: None,
        };
        let project = |account: String, legal_entity, manager| Project {
            code: code.to_owned(),
            name: format!("Project {code}"),
            account: Some(RecordRef::id(account)),
            legal_entity,
            region: None,
            manager,
            billing_method: Some(BillingMethod::TimeAndMaterials),
            currency,
            budget: None,
            target_margin_percent: None,
            rate_card: None,
            start_date: NaiveDate::from_ymd_opt(2026, 8, 3),
            end_date: NaiveDate::from_ymd_opt(2027, 3, 31),
            status: ProjectStatus::Active,
        };
        let task = |project: &str| Task {
            name: "Delivery".to_owned(),
            project: RecordRef::id(project),
            parent: None,
            billable: true,
            planned_minutes: None,
            start_date: None,
            end_date: None,
            completed: false,
        };
        let of_erp = Some(RecordRef::id(subsidiary));
        let erp_account = write(api, "erp/main", code, account(of_erp.clone())).await?;
        let psa_account = write(api, "psa/main", code, account(None)).await?;
        let erp_id = write(api, "erp/main", code, project(erp_account.clone(), of_erp, None)).await?;
        let manager = Some(RecordRef::id("17"));
        let psa_id = write(api, "psa/main", code, project(psa_account, None, manager)).await?;
        let erp_task = write(api, "erp/main", code, task(&erp_id)).await?;
        let psa_task = write(api, "psa/main", code, task(&psa_id)).await?;
        let mut control = self
            .network
            .control
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        control.refer(Account::NAME, account_id, "erp/main", &erp_account);
        control.refer(Project::NAME, project_id, "erp/main", &erp_id);
        // One project of the PSA is still to be tied to that of the ERP, by its code.
        if code != "DE-2" {
            control.refer(Project::NAME, project_id, "psa/main", &psa_id);
        }
        control.refer(Task::NAME, task_id, "erp/main", &erp_task);
        control.refer(Task::NAME, task_id, "psa/main", &psa_task);
        drop(control);
        self.places.push(Place {
            erp_id,
            psa_id,
            psa_task,
            subsidiary,
            currency,
        });
        let agreed = Fact::ContractAgreed(ContractAgreed {
            scope: ProjectScope {
                project_id,
                project_code: code.to_owned(),
                account_id,
                account_name: format!("Customer of {code}"),
                legal_entity: entity.to_owned(),
                region: None,
            },
            billing_method: BillingMethod::TimeAndMaterials,
            currency,
            cap: None,
            purchase_order: None,
            purchase_order_required: false,
            rate_card: None,
            charges: Vec::new(),
        });
        Ok(Event {
            specversion: "1.0".to_owned(),
            id: CanonicalId::generate().to_string(),
            source: "/process/quote-to-project".to_owned(),
            kind: agreed.kind().to_owned(),
            subject: project_id.to_string(),
            time: clock::now(),
            correlation_id: code.to_owned(),
            data: serde_json::to_value(agreed)?,
        })
    }

    /// Something that a person does. What it was called.
    pub(crate) async fn act(&mut self) -> &'static str {
        let drawn = self.shared.lock().below(100);
        let what = match drawn {
            0..=34 => {
                self.enter(true).await;
                "enters and approves time"
            }
            35..=39 => {
                self.enter(false).await;
                "enters time"
            }
            40..=51 => {
                self.spend().await;
                "spends"
            }
            52..=59 => {
                self.approve_some().await;
                "approves"
            }
            60..=69 => {
                self.change(Change::Edit).await;
                "edits"
            }
            70..=78 => {
                self.change(Change::Withdraw).await;
                "withdraws an approval"
            }
            79..=86 => {
                self.change(Change::Delete).await;
                "deletes"
            }
            87..=91 => {
                self.close_period();
                "closes a period"
            }
            92..=95 => {
                self.open_periods();
                "opens the periods"
            }
            _ => {
                self.map_all();
                "maps what was missing"
            }
        };
        self.look();
        what
    }

    pub(crate) async fn enter(&mut self, approve: bool) {
        let (place, person, count) = {
            let mut state = self.shared.lock();
            (
                state.index(self.places.len()),
                state.index(PEOPLE.len()),
                1 + state.below(4),
            )
        };
        let (Some(at), Some(person)) = (self.places.get(place).cloned(), PEOPLE.get(person)) else {
            return;
        };
        let mut entries = Vec::new();
        for _ in 0..count {
            let (day, minutes, rate, role) = {
                let mut state = self.shared.lock();
                let minutes = 1 + i64::from(state.below(600));
                let rate = 5_000 + i64::from(state.below(35_000));
                (state.below(60), minutes, rate, state.index(ROLES.len()))
            };
            let tag = format!("T{}", self.sources.len() + entries.len());
            entries.push((
                tag.clone(),
                json!({"workspace_id": at.psa_id, "story_id": at.psa_task, "user_id": person,
                    "role_id": ROLES.get(role), "date_performed": self.day(day), "time_in_minutes": minutes,
                    "billable": true, "rate_in_cents": rate, "notes": format!("{tag} work")}),
            ));
        }
        self.create(
            "time_entries",
            "timesheet_submission",
            "line_item_ids",
            &at,
            entries,
            approve,
        )
        .await;
    }

    async fn spend(&mut self) {
        let (place, person, category, day, cents) = {
            let mut state = self.shared.lock();
            let (place, person) = (state.index(self.places.len()), state.index(PEOPLE.len()));
            let category = state.index(CATEGORIES.len());
            (
                place,
                person,
                category,
                state.below(60),
                100 + i64::from(state.below(90_000)),
            )
        };
        let (Some(at), Some(person), Some((category, _))) = (
            self.places.get(place).cloned(),
            PEOPLE.get(person),
            CATEGORIES.get(category),
        ) else {
            return;
        };
        let tag = format!("X{}", self.sources.len());
        let expense = json!({"workspace_id": at.psa_id, "user_id": person, "date": self.day(day),
            "category": category, "amount_in_cents": cents, "billable": true, "reimbursable": true,
            "notes": format!("{tag} spent")});
        let expenses = vec![(tag, expense)];
        self.create(
            "expenses",
            "expense_report_submission",
            "expense_ids",
            &at,
            expenses,
            true,
        )
        .await;
    }

    /// A day within the last so many.
    fn day(&self, back: u32) -> NaiveDate {
        let today = clock::now().date_naive();
        today.checked_sub_days(Days::new(back.into())).unwrap_or(today)
    }

    async fn create(
        &mut self,
        collection: &str,
        submission: &str,
        ids_field: &str,
        at: &Place,
        records: Vec<(String, Value)>,
        approve: bool,
    ) {
        let (tags, records): (Vec<String>, Vec<Value>) = records.into_iter().unzip();
        let (status, answer) = self
            .network
            .person(
                Method::POST,
                collection,
                Some(&object(collection, records.into())),
            )
            .await;
        let results = answer.get("results").and_then(Value::as_array);
        let ids: Vec<String> = results
            .into_iter()
            .flatten()
            .filter_map(|result| Some(result.get("id")?.as_str()?.to_owned()))
            .collect();
        if ids.len() != tags.len() {
            let what = format!("{collection} were not created: {status} {answer}");
            return self.shared.violated("people_can_work", what);
        }
        for (tag, id) in tags.into_iter().zip(&ids) {
            self.sources.push(Source {
                tag,
                time: collection == "time_entries",
                id: id.clone(),
                approved: None,
                ever: Vec::new(),
            });
        }
        if approve {
            self.submit(submission, ids_field, &at.psa_id, &ids).await;
        }
    }

    async fn submit(&self, kind: &str, ids_field: &str, workspace: &str, ids: &[String]) {
        let mut fields = Map::new();
        fields.insert("title".to_owned(), "Week".into());
        fields.insert("workspace_id".to_owned(), workspace.into());
        fields.insert(ids_field.to_owned(), json!(ids));
        let body = object(kind, Value::Object(fields));
        let (_, created) = self
            .network
            .person(Method::POST, &format!("{kind}s"), Some(&body))
            .await;
        if let Some(id) = created.pointer("/results/0/id").and_then(Value::as_str) {
            let body = json!({"resolution": {"description": "approved"}});
            let path = format!("{kind}s/{id}/approve");
            self.network.person(Method::PUT, &path, Some(&body)).await;
        }
    }

    /// Approves a source that is not approved.
    async fn approve_some(&self) {
        let waiting: Vec<&Source> = self.sources.iter().filter(|s| s.approved.is_none()).collect();
        let drawn = self.shared.lock().index(waiting.len());
        if let Some(source) = waiting.get(drawn) {
            self.approve(source).await;
        }
    }

    async fn approve(&self, source: &Source) {
        let workspace = self.kantata_field(source, "workspace_id");
        let Some(workspace) = workspace.as_ref().and_then(Value::as_str) else {
            return;
        };
        let (kind, ids_field) = if source.time {
            ("timesheet_submission", "line_item_ids")
        } else {
            ("expense_report_submission", "expense_ids")
        };
        self.submit(kind, ids_field, workspace, std::slice::from_ref(&source.id))
            .await;
    }

    fn kantata_field(&self, source: &Source, field: &str) -> Option<Value> {
        use vendor_twins::server::Twin;
        let table = table(source);
        self.kantata
            .store()
            .read(|tables| Some(tables.get(table, &source.id)?.get(field).clone()))
    }

    async fn change(&self, change: Change) {
        let approved: Vec<Source> = self
            .sources
            .iter()
            .filter(|s| s.approved.is_some())
            .cloned()
            .collect();
        let (drawn, by, again) = {
            let mut state = self.shared.lock();
            (
                state.index(approved.len()),
                1 + i64::from(state.below(90)),
                state.chance(7_000),
            )
        };
        let Some(source) = approved.get(drawn) else { return };
        let (table, one) = (table(source), if source.time { "time_entry" } else { "expense" });
        if change != Change::Delete || !again {
            let submission = self.kantata_field(source, "recent_submission_id");
            let Some(submission) = submission.as_ref().and_then(Value::as_str) else {
                return;
            };
            let kind = if source.time {
                "timesheet_submissions"
            } else {
                "expense_report_submissions"
            };
            let body = json!({"resolution": {"description": "not yet"}});
            let path = format!("{kind}/{submission}/reject");
            self.network.person(Method::PUT, &path, Some(&body)).await;
        }
        match change {
            Change::Withdraw => {}
            Change::Delete => {
                let path = format!("{table}/{}", source.id);
                self.network.person(Method::DELETE, &path, None).await;
            }
            Change::Edit => {
                let field = if source.time {
                    "time_in_minutes"
                } else {
                    "amount_in_cents"
                };
                let quantity = source
                    .approved
                    .as_ref()
                    .map_or(by, |said| said.quantity % 700 + by);
                let mut fields = Map::new();
                fields.insert(field.to_owned(), quantity.into());
                if source.time && by % 3 == 0 {
                    fields.insert("rate_in_cents".to_owned(), (9_000 + by * 7).into());
                }
                let path = format!("{table}/{}", source.id);
                let body = object(one, Value::Object(fields));
                self.network.person(Method::PUT, &path, Some(&body)).await;
                if again {
                    self.approve(source).await;
                }
            }
        }
    }

    /// The month that is closed takes no postings.
    fn close_period(&mut self) {
        let month = if self.shared.lock().chance(5_000) {
            "Sep 2026"
        } else {
            "Oct 2026"
        };
        self.closed = Some(month);
        self.set_periods(|name| name == month);
    }

    /// All months take postings again.
    pub(crate) fn open_periods(&mut self) {
        if self.closed.take().is_some() {
            self.set_periods(|_| false);
        }
    }

    fn set_periods(&self, closed: impl Fn(&str) -> bool) {
        use vendor_twins::server::Twin;
        let months = ["Sep 2026", "Oct 2026"];
        let done: Result<(), ()> = self.netsuite.store().transact(&Caller::default(), |tx| {
            let found: Vec<(String, bool)> = tx
                .tables()
                .rows("accountingPeriod")
                .filter_map(|period| {
                    let name = period.text("periodName")?;
                    months.contains(&name).then(|| (period.id.clone(), closed(name)))
                })
                .collect();
            for (id, closed) in found {
                let fields = ["closed", "allLocked", "arLocked", "apLocked"];
                let fields = fields.map(|field| (field.to_owned(), Value::Bool(closed)));
                tx.update("accountingPeriod", &id, fields.into_iter().collect());
            }
            Ok(())
        });
        done.unwrap_or_default();
    }

    /// Somebody maps what was forgotten.
    pub(crate) fn map_all(&self) {
        let mut control = self
            .network
            .control
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        control.map(MappingDomain::Role, "psa/main", "4", "role-4");
        control.map(MappingDomain::ExpenseCategory, "psa/main", "Meals", "Meals");
    }

    /// Sees what the PSA says of each source now.
    pub(crate) fn look(&mut self) {
        use vendor_twins::server::Twin;
        let ids: BTreeMap<String, usize> = self
            .places
            .iter()
            .enumerate()
            .map(|(n, place)| (place.psa_id.clone(), n))
            .collect();
        let sources = &mut self.sources;
        self.kantata.store().read(|tables| {
            for source in sources {
                source.approved = said(tables, source, &ids);
                if let Some(said) = &source.approved
                    && !source.ever.contains(said)
                {
                    source.ever.push(said.clone());
                }
            }
        });
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Edit,
    Withdraw,
    Delete,
}

fn table(source: &Source) -> &'static str {
    if source.time { "time_entries" } else { "expenses" }
}

fn said(tables: &Tables, source: &Source, places: &BTreeMap<String, usize>) -> Option<Said> {
    let record = tables.get(table(source), &source.id)?;
    let submissions = if source.time {
        "timesheet_submissions"
    } else {
        "expense_report_submissions"
    };
    let submission = tables.get(submissions, record.text("recent_submission_id")?)?;
    if submission.text("status") != Some("approved") {
        return None;
    }
    let (day, quantity) = if source.time {
        ("date_performed", "time_in_minutes")
    } else {
        ("date", "amount_in_cents")
    };
    Some(Said {
        place: *places.get(record.text("workspace_id")?)?,
        person: record.text("user_id")?.to_owned(),
        role: record
            .text("role_id")
            .filter(|_| source.time)
            .unwrap_or_default()
            .to_owned(),
        date: record.text(day)?.parse().ok()?,
        quantity: record.get(quantity).as_i64()?,
        rate: record
            .get("rate_in_cents")
            .as_i64()
            .filter(|_| source.time)
            .unwrap_or_default(),
    })
}

fn object(name: &str, value: Value) -> Value {
    let mut body = Map::new();
    body.insert(name.to_owned(), value);
    Value::Object(body)
}

async fn write<T: Resource>(api: &ByHand, connection: &str, code: &str, record: T) -> anyhow::Result<String> {
    let word = connection.replace('/', "-");
    let key: EffectKey = format!("sim-{word}-{}-{code}", T::NAME).parse()?;
    let write = Write {
        key,
        id: None,
        expected_version: None,
        record,
    };
    let collection = api.services.systems.collection::<T>(connection)?;
    let written = collection.write(&write).await;
    let written = written.with_context(|| format!("{} {code} in {connection}", T::NAME))?;
    ensure!(!written.id.is_empty(), "{} {code} has no id", T::NAME);
    Ok(written.id)
}

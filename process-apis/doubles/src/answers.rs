//! What the doubles answer.

use std::collections::BTreeMap;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use canonical_model::{
    CanonicalId, Capabilities, ConnectionInfo, Consistency, CrossReference, Failure, FindBy, Idempotency,
    Outcome, ReferenceAnswer, ReferenceQuestions, Support, Translation, TranslationQuestion,
    TranslationQuestions, Verb,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{Holdings, Place, Record};

/// Everything that a collection can be.
const COLLECTIONS: [&str; 16] = [
    "accounts",
    "assignments",
    "billing-schedules",
    "contracts",
    "expenses",
    "fx-rates",
    "invoices",
    "legal-entities",
    "milestones",
    "opportunities",
    "payments",
    "people",
    "projects",
    "resource-requests",
    "tasks",
    "time-entries",
];

type Answer = Result<Value, Failure>;
type Query = BTreeMap<String, String>;

pub(crate) fn answer(
    name: &str,
    request: &HttpRequest,
    body: &[u8],
    holdings: &mut Holdings,
) -> HttpResponse {
    let path = request.path().to_owned();
    let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    let query = web::Query::<Query>::from_query(request.query_string())
        .map(web::Query::into_inner)
        .unwrap_or_default();
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let answer = match (name, parts.as_slice()) {
        ("processes", parts) => process(request.method(), parts, body, holdings),
        (_, ["connections", "main"]) => Ok(serde_json::to_value(connection(name)).unwrap()),
        (_, ["connections", "main", collection, rest @ ..]) => {
            let place = (name.to_owned(), (*collection).to_owned());
            of_collection(place, rest, &query, &body, holdings)
        }
        _ => Err(not_found()),
    };
    match answer {
        Ok(json) => HttpResponse::Ok().json(json),
        Err(failure) => problem(&failure),
    }
}

fn of_collection(
    place: Place,
    rest: &[&str],
    query: &Query,
    body: &Value,
    holdings: &mut Holdings,
) -> Answer {
    match rest {
        [] => list(&place, query, holdings),
        ["matches"] => matches(&place, query, holdings),
        ["changes"] => Ok(changes(&place, query, holdings)),
        ["writes"] => Ok(results(body, "writes", |write| {
            write_one(&place, write, holdings)
        })),
        ["links"] => Ok(results(body, "links", |link| link_one(&place, link, holdings))),
        [id] => {
            let records = holdings.records.get(&place);
            let record = records.and_then(|records| records.get(*id));
            let record = record.ok_or_else(not_found)?;
            Ok(sourced(&place.0, id, record, Utc::now()))
        }
        _ => Err(not_found()),
    }
}

/// A page; what it is filtered by is a reference of the record.
fn list((system, collection): &Place, query: &Query, holdings: &Holdings) -> Answer {
    let after = query.get("cursor").cloned().unwrap_or_default();
    let limit: usize = query.get("limit").map_or(100, |limit| limit.parse().unwrap());
    let fits = |record: &Record| {
        ["account", "project"].into_iter().all(|name| {
            let wanted = query.get(name);
            wanted.is_none_or(|wanted| record.data[name]["id"] == wanted.as_str())
        })
    };
    let place = (system.clone(), collection.clone());
    let all = holdings.records.get(&place).into_iter().flatten();
    let mut found = all.filter(|(id, record)| **id > after && fits(record));
    let items: Vec<_> = found.by_ref().take(limit).collect();
    let mut page = json!({
        "items": items.iter().map(|(id, record)| sourced(system, id, record, Utc::now())).collect::<Vec<_>>(),
    });
    if found.next().is_some() {
        page["next_cursor"] = json!(items.last().unwrap().0);
    }
    Ok(page)
}

fn matches(place: &Place, query: &Query, holdings: &Holdings) -> Answer {
    let value = query.get("value").cloned().unwrap_or_default();
    let by = query.get("by").cloned().unwrap_or_default();
    let fits = |record: &Record| {
        if by == FindBy::EffectKey.word() {
            record.key.as_ref() == Some(&value)
        } else if by == FindBy::Email.word() {
            record.data["email"] == value.as_str()
        } else {
            by == FindBy::Name.word() && record.data["name"] == value.as_str()
        }
    };
    let all = holdings.records.get(place).into_iter().flatten();
    let found = all.filter(|(_, record)| fits(record));
    let found = found.map(|(id, record)| sourced(&place.0, id, record, Utc::now()));
    Ok(Value::Array(found.collect()))
}

fn changes(place: &Place, query: &Query, holdings: &Holdings) -> Value {
    let from: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let limit: usize = query.get("limit").map_or(100, |limit| limit.parse().unwrap());
    let all = holdings.changes.get(place).map_or(&[][..], Vec::as_slice);
    let items: Vec<_> = all.iter().skip(from).take(limit).collect();
    let next = from + items.len();
    json!({ "items": items, "next_cursor": next.to_string(), "more": next < all.len() })
}

fn results(body: &Value, name: &str, mut one: impl FnMut(&Value) -> Answer) -> Value {
    let results = body[name]
        .as_array()
        .unwrap()
        .iter()
        .map(|asked| match one(asked) {
            Ok(written) => json!({ "key": asked["key"], "written": written }),
            Err(failure) => json!({ "key": asked["key"], "failure": failure }),
        });
    json!({ "results": results.collect::<Vec<_>>() })
}

/// Changes the record of the id, else the one that carries the key, else makes one.
fn write_one(place: &Place, write: &Value, holdings: &mut Holdings) -> Answer {
    let key = write["key"].as_str().unwrap().to_owned();
    holdings.writes.push((place.clone(), key.clone()));
    let records = holdings.records.entry(place.clone()).or_default();
    let by_key = || {
        let carries = records
            .iter()
            .find(|(_, record)| record.key.as_ref() == Some(&key));
        carries.map(|(id, _)| id.clone())
    };
    let known = write["id"].as_str().map(str::to_owned).or_else(by_key);
    let Some(id) = known else {
        let id = format!("{}-{}-{}", place.0, place.1, records.len() + 1);
        let record = Record {
            key: Some(key),
            version: 1,
            data: write["record"].clone(),
            links: BTreeMap::new(),
        };
        records.insert(id.clone(), record);
        return Ok(json!({ "id": id, "version": "1", "created": true }));
    };
    let record = records.get_mut(&id).ok_or_else(not_found)?;
    let expected = write["expected_version"].as_str();
    if expected.is_some_and(|expected| expected != record.version.to_string()) {
        let message = format!("{id} has version {} by now", record.version);
        return Err(Failure::business("version_conflict", message));
    }
    for (field, value) in write["record"].as_object().unwrap() {
        // An empty list says nothing either.
        if value.as_array().is_none_or(|items| !items.is_empty()) {
            record.data[field] = value.clone();
        }
    }
    record.version += 1;
    Ok(json!({ "id": id, "version": record.version.to_string(), "created": false }))
}

fn link_one(place: &Place, link: &Value, holdings: &mut Holdings) -> Answer {
    let key = link["key"].as_str().unwrap().to_owned();
    holdings.writes.push((place.clone(), key));
    let id = link["id"].as_str().unwrap();
    let records = holdings.records.entry(place.clone()).or_default();
    let record = records.get_mut(id).ok_or_else(not_found)?;
    let (system, other) = (
        link["system"].as_str().unwrap(),
        link["other_id"].as_str().unwrap(),
    );
    record.links.insert(system.to_owned(), other.to_owned());
    Ok(json!({ "id": id }))
}

pub(crate) fn sourced(system: &str, id: &str, record: &Record, changed_at: DateTime<Utc>) -> Value {
    let mut sourced = json!({
        "connection": format!("{system}/main"), "object": "record", "id": id, "changed_at": changed_at,
        "version": record.version.to_string(), "links": record.links, "data": record.data, "extensions": {},
    });
    if let Some(key) = &record.key {
        sourced["effect_key"] = json!(key);
    }
    sourced
}

fn connection(kind: &str) -> ConnectionInfo {
    let support = Support {
        verbs: vec![
            Verb::List,
            Verb::Read,
            Verb::Find,
            Verb::Changes,
            Verb::Write,
            Verb::Link,
        ],
        filters: Vec::new(),
        find_by: vec![FindBy::Name],
        idempotency: Idempotency::ExternalIdUpsert,
        consistency: Consistency::ReadAfterWrite,
        bulk_size: 100,
    };
    let collections = COLLECTIONS.into_iter().map(|name| (name, support.clone()));
    ConnectionInfo {
        name: "main".to_owned(),
        connection: format!("{kind}/main"),
        capabilities: Capabilities::new("a double", collections.collect()),
    }
}

/// Control and insight.
fn process(method: &Method, parts: &[&str], body: Value, holdings: &mut Holdings) -> Answer {
    match (method.as_str(), parts) {
        ("POST", ["cross-references", "query"]) => Ok(references(body, holdings)),
        ("PUT", ["cross-references"]) => note(serde_json::from_value(body).unwrap(), holdings),
        ("POST", ["translations", "query"]) => Ok(translations(body, holdings)),
        ("POST", ["account-matches"]) => Ok(account_match(&body, holdings)),
        ("GET", ["accounts", id]) => {
            let id: CanonicalId = id.parse().unwrap();
            let account = holdings.accounts.get(&id).ok_or_else(not_found)?;
            let references = holdings.references.iter();
            let references: Vec<_> = references
                .filter(|known| known.resource == "account" && known.canonical_id == id)
                .collect();
            Ok(json!({ "canonical_id": id, "account": account, "references": references }))
        }
        ("GET", ["accounts", _, "margin"]) => Ok(json!([])),
        ("GET", ["invoices"]) => Ok(json!({ "items": [] })),
        _ => Err(not_found()),
    }
}

fn references(body: Value, holdings: &Holdings) -> Value {
    let asked: ReferenceQuestions = serde_json::from_value(body).unwrap();
    let answers = asked.questions.iter().map(|question| {
        let known = || {
            holdings
                .references
                .iter()
                .filter(|r| r.resource == question.resource)
        };
        let by_record = || {
            known()
                .find(|r| {
                    Some(&r.connection) == question.connection.as_ref() && Some(&r.id) == question.id.as_ref()
                })
                .map(|r| r.canonical_id)
        };
        let id = question.canonical_id.or_else(by_record);
        ReferenceAnswer {
            references: known().filter(|r| Some(r.canonical_id) == id).cloned().collect(),
        }
    });
    json!({ "answers": answers.collect::<Vec<_>>() })
}

/// A record stands for one thing, and a thing for one record of a system.
fn note(reference: CrossReference, holdings: &mut Holdings) -> Answer {
    let mut alike = holdings
        .references
        .iter()
        .filter(|known| known.resource == reference.resource && known.connection == reference.connection);
    // Accounts of a CRM may be several spellings of one company.
    let several = reference.resource == "account" && reference.connection.starts_with("crm/");
    let taken = alike.any(|known| {
        let (same_thing, same_record) = (
            known.canonical_id == reference.canonical_id,
            known.id == reference.id,
        );
        same_thing != same_record && !(several && same_thing)
    });
    if taken {
        return Err(Failure::business(
            "already_referenced",
            format!("{reference:?} is taken"),
        ));
    }
    if !holdings.references.iter().any(|known| {
        let record = known.connection == reference.connection && known.id == reference.id;
        known.resource == reference.resource && record
    }) {
        holdings.references.push(reference);
    }
    Ok(json!({}))
}

fn translations(body: Value, holdings: &Holdings) -> Value {
    let asked: TranslationQuestions = serde_json::from_value(body).unwrap();
    let answers = asked
        .questions
        .iter()
        .map(|question| translation(question, holdings));
    json!({ "answers": answers.collect::<Vec<_>>() })
}

fn translation(question: &TranslationQuestion, holdings: &Holdings) -> Translation {
    let of_domain = || holdings.mappings.iter().filter(|m| m.domain == question.domain);
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

/// Each account of a system is a company of its own, once.
fn account_match(body: &Value, holdings: &mut Holdings) -> Value {
    let (connection, id) = (body["connection"].as_str().unwrap(), body["id"].as_str().unwrap());
    let known = holdings
        .references
        .iter()
        .find(|known| known.resource == "account" && known.connection == connection && known.id == id);
    let (decision, canonical_id) = match known {
        Some(known) => ("matched", known.canonical_id),
        None => {
            let canonical_id = CanonicalId::generate();
            holdings.accounts.insert(canonical_id, body["account"].clone());
            holdings.references.push(CrossReference {
                canonical_id,
                resource: "account".to_owned(),
                connection: connection.to_owned(),
                id: id.to_owned(),
                label: None,
            });
            ("new", canonical_id)
        }
    };
    json!({
        "decision": decision, "canonical_id": canonical_id, "reasons": [], "explanation": "as told",
        "candidates": [],
    })
}

fn not_found() -> Failure {
    Failure::business("not_found", "there is none")
}

fn problem(failure: &Failure) -> HttpResponse {
    let status = match failure.code.as_str() {
        "not_found" => StatusCode::NOT_FOUND,
        _ => StatusCode::CONFLICT,
    };
    HttpResponse::build(status)
        .content_type("application/problem+json")
        .json(json!({
            "type": "about:blank", "title": "Refused", "status": status.as_u16(), "detail": failure.message,
            "code": failure.code, "class": failure.class, "outcome": Outcome::NotApplied,
        }))
}

//! The people in the store, the administrator's calls, and user info.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{OpenId, SignIn, tokens};
use crate::store::{Caller, Fields, Record, Tables};

const PEOPLE: &str = "person";

/// Adds the configured people who are not there yet; what an administrator changed stays.
pub(super) fn plant(provider: &OpenId) {
    for person in &provider.settings.people {
        if find(provider, &person.email).is_none() {
            save(provider, "seed", person);
        }
    }
}

fn key(email: &str) -> String {
    email.trim().to_lowercase()
}

fn of_record(record: &Record) -> Option<SignIn> {
    serde_json::from_value(Value::Object(record.fields.clone())).ok()
}

/// Everybody, in the order of e-mail addresses.
pub(super) fn all(tables: &Tables) -> Vec<SignIn> {
    tables.rows(PEOPLE).filter_map(of_record).collect()
}

/// One person by e-mail address.
pub(super) fn find(provider: &OpenId, email: &str) -> Option<SignIn> {
    provider
        .store
        .read(|tables| tables.get(PEOPLE, &key(email)).and_then(of_record))
}

fn save(provider: &OpenId, by: &str, person: &SignIn) {
    let caller = Caller {
        name: by.to_owned(),
        ..Caller::default()
    };
    let fields: Fields = match serde_json::to_value(person) {
        Ok(Value::Object(fields)) => fields,
        _ => return,
    };
    let done: Result<(), ()> = provider.store.transact(&caller, |tx| {
        tx.create(PEOPLE, key(&person.email), fields);
        Ok(())
    });
    done.unwrap_or_default();
}

/// `GET /_twin/people`.
pub(super) async fn list(provider: web::Data<OpenId>) -> HttpResponse {
    HttpResponse::Ok().json(provider.store.read(all))
}

/// Body of `PUT /_twin/people/{email}`: what is absent stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    name: Option<String>,
    roles: Option<Vec<String>>,
    account: Option<String>,
}

/// `PUT /_twin/people/{email}`: adds or changes somebody.
pub(super) async fn set(
    provider: web::Data<OpenId>,
    email: web::Path<String>,
    change: web::Json<Change>,
) -> HttpResponse {
    let email = key(&email);
    let change = change.into_inner();
    let mut person = find(&provider, &email).unwrap_or_else(|| SignIn {
        name: email.clone(),
        email,
        roles: Vec::new(),
        account: None,
    });
    person.name = change.name.unwrap_or(person.name);
    person.roles = change.roles.unwrap_or(person.roles);
    person.account = change.account.or(person.account);
    save(&provider, "administrator", &person);
    HttpResponse::Ok().json(person)
}

/// `/userinfo`.
pub(super) async fn user_info(provider: web::Data<OpenId>, request: HttpRequest) -> HttpResponse {
    let person = tokens::bearer(&provider, &request).and_then(|claims| find(&provider, &claims.sub));
    let Some(person) = person else {
        return HttpResponse::Unauthorized()
            .insert_header(("WWW-Authenticate", "Bearer error=\"invalid_token\""))
            .json(json!({"error": "invalid_token"}));
    };
    let mut answer = json!({
        "sub": person.email, "name": person.name, "email": person.email, "email_verified": true, "roles": person.roles});
    if let (Some(account), Some(map)) = (person.account, answer.as_object_mut()) {
        map.insert("account".to_owned(), Value::from(account));
    }
    HttpResponse::Ok().json(answer)
}

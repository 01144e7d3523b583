//! Sessions and the OAuth flows that open them: client credentials, JWT bearer, refresh token, user name and password.
//!
//! Access tokens live in memory only, as a restarted twin may forget them; the refresh grant is kept in the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use sha2::Sha256;

use super::call::{Response, stamp};
use super::errors::ApiError;
use super::{Salesforce, ids, rendered};
use crate::faults::Fault;
use crate::server::VendorFaults;
use crate::store::{Caller, Fields, Record};

/// One opened session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) user_id: String,
    pub(super) username: String,
    expires_at: DateTime<Utc>,
}

/// All open sessions by access token.
#[derive(Default)]
pub(super) struct Sessions {
    by_token: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    /// Opens a session for a user and returns its access token.
    pub(super) fn open(&self, org: &Salesforce, user: &Record) -> String {
        let secret = hex::encode(rand::random::<[u8; 32]>());
        let (left, right) = secret.split_at(16);
        let token = format!("{}!AQ{left}.{right}", ids::short(&org.org_id()));
        let session = Session {
            user_id: user.id.clone(),
            username: user.text("Username").unwrap_or_default().to_owned(),
            expires_at: org.store.now() + org.settings.token_lifetime,
        };
        let now = org.store.now();
        let mut sessions = self.lock();
        sessions.retain(|_, s| s.expires_at > now);
        sessions.insert(token.clone(), session);
        token
    }

    /// Ends a session; false where there is none.
    pub(super) fn close(&self, token: &str) -> bool {
        self.lock().remove(token).is_some()
    }

    /// The session of a request. Each use prolongs it.
    pub(super) fn authenticate(&self, org: &Salesforce, request: &HttpRequest) -> Result<Session, ApiError> {
        let Some(token) = bearer(request) else {
            return Err(ApiError::new(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"));
        };
        if VendorFaults::has(request, &Fault::ExpiredToken) {
            self.close(&token);
        }
        let now = org.store.now();
        let mut sessions = self.lock();
        match sessions.get_mut(&token) {
            Some(session) if session.expires_at > now => {
                session.expires_at = now + org.settings.token_lifetime;
                Ok(session.clone())
            }
            _ => {
                sessions.remove(&token);
                Err(ApiError::session())
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        self.by_token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bearer(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get("authorization")?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth");
    known.then(|| token.trim().to_owned())
}

/// A refusal of the token endpoint: an object, unlike those of the data API.
#[derive(Debug)]
struct Refused {
    error: &'static str,
    description: &'static str,
}

const fn refused(error: &'static str, description: &'static str) -> Refused {
    Refused { error, description }
}

const UNKNOWN_GRANT: Refused = refused("invalid_grant", "expired access/refresh token");

type Form = HashMap<String, String>;

/// `POST /services/oauth2/token`.
pub(super) async fn token(org: web::Data<Salesforce>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let mut form: Form = url::form_urlencoded::parse(&body).into_owned().collect();
    basic_credentials(&request, &mut form);
    let base_url = org.base_url(&request);
    match granted(&org, &form, &base_url) {
        Ok(answer) => rendered(Response::json(200, answer)),
        Err(refused) => {
            let body = json!({"error": refused.error, "error_description": refused.description});
            rendered(Response::json(400, body))
        }
    }
}

/// Client id and secret may stand in the header instead of the form.
fn basic_credentials(request: &HttpRequest, form: &mut Form) {
    let header = request
        .headers()
        .get("authorization")
        .and_then(|v| v.to_str().ok());
    let decoded = header.and_then(|h| STANDARD.decode(h.strip_prefix("Basic ")?.trim()).ok());
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some((id, secret)) = text.as_deref().and_then(|t| t.split_once(':')) {
        form.insert("client_id".to_owned(), id.to_owned());
        form.insert("client_secret".to_owned(), secret.to_owned());
    }
}

fn granted(org: &Salesforce, form: &Form, base_url: &str) -> Result<Value, Refused> {
    let value = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let mut refresh_token = None;
    let user = match value("grant_type") {
        "client_credentials" => {
            check_client(org, value("client_id"), Some(value("client_secret")))?;
            user_named(org, &org.settings.integration_user)
                .ok_or(refused("invalid_grant", "no client credentials user enabled"))?
        }
        "password" => {
            check_client(org, value("client_id"), Some(value("client_secret")))?;
            login(org, value("username"), value("password"))
                .ok_or(refused("invalid_grant", "authentication failure"))?
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => asserted(org, value("assertion"), base_url)?,
        "refresh_token" => {
            check_client(
                org,
                value("client_id"),
                form.get("client_secret").map(String::as_str),
            )?;
            refresh_token = refreshed(org, value("refresh_token"))?;
            user_named(org, &org.settings.integration_user).ok_or(UNKNOWN_GRANT)?
        }
        _ => return Err(refused("unsupported_grant_type", "grant type not supported")),
    };
    let access_token = org.sessions.open(org, &user);
    let id = format!("{base_url}/id/{}/{}", org.org_id(), user.id);
    let issued_at = org.store.now().timestamp_millis().to_string();
    let mut answer = json!({
        "access_token": access_token, "instance_url": base_url, "id": id, "token_type": "Bearer",
        "signature": signature(org, &format!("{id}{issued_at}")), "issued_at": issued_at,
        "scope": "api refresh_token id",
    });
    if let (Some(token), Some(object)) = (refresh_token, answer.as_object_mut()) {
        object.insert("refresh_token".to_owned(), Value::from(token));
    }
    Ok(answer)
}

fn signature(org: &Salesforce, text: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(org.settings.client_secret.as_bytes()) else {
        return String::new();
    };
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn check_client(org: &Salesforce, id: &str, secret: Option<&str>) -> Result<(), Refused> {
    if id != org.settings.client_id {
        return Err(refused("invalid_client_id", "client identifier invalid"));
    }
    if secret.is_some_and(|s| s != org.settings.client_secret) {
        return Err(refused("invalid_client", "invalid client credentials"));
    }
    Ok(())
}

fn user_named(org: &Salesforce, username: &str) -> Option<Record> {
    org.store.read(|tables| {
        let mut users = tables.find_ignoring_case("User", "Username", username);
        users.find(|u| u.get("IsActive") == &Value::Bool(true)).cloned()
    })
}

/// Checks a password, with or without the security token behind it.
pub(super) fn login(org: &Salesforce, username: &str, password: &str) -> Option<Record> {
    let bare = &org.settings.password;
    let fits = password == bare || password.strip_prefix(bare.as_str()) == Some(&org.settings.security_token);
    if fits { user_named(org, username) } else { None }
}

/// The user that a signed assertion names.
fn asserted(org: &Salesforce, assertion: &str, base_url: &str) -> Result<Record, Refused> {
    let invalid = || refused("invalid_grant", "invalid assertion");
    let pem = org.settings.jwt_public_key_pem.as_ref().ok_or_else(invalid)?;
    let key = DecodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| invalid())?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    // `exp` may be a number or a numeric text and the audience has several spellings: both are checked below.
    (validation.validate_exp, validation.validate_aud) = (false, false);
    let claims = jsonwebtoken::decode::<Value>(assertion, &key, &validation)
        .map_err(|_| invalid())?
        .claims;
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    check_client(org, claim("iss"), None)?;
    let audiences = [
        "https://login.salesforce.com",
        "https://test.salesforce.com",
        base_url,
    ];
    if !audiences.contains(&claim("aud").trim_end_matches('/')) {
        return Err(refused("invalid_grant", "audience is invalid"));
    }
    let expires = claims
        .get("exp")
        .and_then(|e| e.as_i64().or_else(|| e.as_str()?.parse().ok()));
    if expires.is_none_or(|at| at <= org.store.now().timestamp()) {
        return Err(refused("invalid_grant", "expired authorization code"));
    }
    user_named(org, claim("sub")).ok_or(refused("invalid_grant", "user hasn't approved this consumer"))
}

const GRANTS: &str = "_RefreshGrant";

/// Accepts a refresh token; with rotation, returns its successor and spends it. A spent token that comes again
/// ends the whole grant.
fn refreshed(org: &Salesforce, token: &str) -> Result<Option<String>, Refused> {
    let caller = Caller {
        name: org.settings.integration_user.clone(),
        ..Caller::default()
    };
    let fields = |values: Value| values.as_object().cloned().unwrap_or_default();
    // The inner result is the verdict: a refusal, too, may have something to remember.
    let verdict: Result<Result<Option<String>, Refused>, Refused> = org.store.transact(&caller, |tx| {
        let grant = tx.tables().get(GRANTS, "1").map(|g| g.fields.clone());
        let grant = grant.unwrap_or_else(|| fields(json!({"token": org.settings.refresh_token})));
        if grant.get("token").and_then(Value::as_str) != Some(token) {
            let spent = grant.get("spent").and_then(Value::as_array);
            if spent.is_some_and(|s| s.iter().any(|t| t == token)) {
                tx.create(GRANTS, "1", fields(json!({"token": null})));
            }
            return Ok(Err(UNKNOWN_GRANT));
        }
        if !org.settings.refresh_token_rotation {
            return Ok(Ok(None));
        }
        let next = format!("5Aep861{}", hex::encode(rand::random::<[u8; 24]>()));
        let mut spent = grant
            .get("spent")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        spent.push(Value::from(token));
        tx.create(GRANTS, "1", fields(json!({"token": next, "spent": spent})));
        Ok(Ok(Some(next)))
    });
    verdict.and_then(|inner| inner)
}

/// `POST /services/oauth2/revoke`: ends a session or the refresh grant.
pub(super) async fn revoke(org: web::Data<Salesforce>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let in_query = url::form_urlencoded::parse(request.query_string().as_bytes());
    let in_body = url::form_urlencoded::parse(&body);
    let found = in_query.chain(in_body).find(|(name, _)| name == "token");
    let token = found.map(|(_, token)| token.into_owned()).unwrap_or_default();
    if org.sessions.close(&token) || revoke_grant(&org, &token) {
        return rendered(Response::empty(200));
    }
    let body =
        json!({"error": "unsupported_token_type", "error_description": "this token type is not supported"});
    rendered(Response::json(400, body))
}

fn revoke_grant(org: &Salesforce, token: &str) -> bool {
    let caller = Caller {
        name: org.settings.integration_user.clone(),
        ..Caller::default()
    };
    let done: Result<(), ()> = org.store.transact(&caller, |tx| {
        let current = tx.tables().get(GRANTS, "1").map(|g| g.get("token").clone());
        if current.unwrap_or_else(|| Value::from(org.settings.refresh_token.as_str())) != token {
            return Err(());
        }
        tx.create(
            GRANTS,
            "1",
            Fields::from_iter([("token".to_owned(), Value::Null)]),
        );
        Ok(())
    });
    done.is_ok()
}

fn session_user(org: &Salesforce, request: &HttpRequest) -> Option<Record> {
    let session = org.sessions.authenticate(org, request).ok()?;
    org.store
        .read(|tables| tables.get("User", &session.user_id).cloned())
}

fn bad_token() -> HttpResponse {
    HttpResponse::Forbidden()
        .content_type("text/plain")
        .body("Bad_OAuth_Token")
}

fn urls(org: &Salesforce, base: &str, user: &Record) -> Value {
    let data = format!("{base}/services/data/v{{version}}");
    json!({
        "rest": format!("{data}/"), "sobjects": format!("{data}/sobjects/"), "query": format!("{data}/query/"),
        "recent": format!("{data}/recent/"), "search": format!("{data}/search/"),
        "profile": format!("{base}/{}", user.id), "enterprise": format!("{base}/services/Soap/c/{{version}}/{}", org.org_id()),
        "partner": format!("{base}/services/Soap/u/{{version}}/{}", org.org_id()),
    })
}

/// `GET /services/oauth2/userinfo`.
pub(super) async fn user_info(org: web::Data<Salesforce>, request: HttpRequest) -> HttpResponse {
    let Some(user) = session_user(&org, &request) else {
        return bad_token();
    };
    let base = org.base_url(&request);
    let id = format!("{base}/id/{}/{}", org.org_id(), user.id);
    rendered(Response::json(
        200,
        json!({
            "sub": id, "user_id": user.id, "organization_id": org.org_id(),
            "preferred_username": user.get("Username"), "nickname": user.get("Alias"), "name": user.get("Name"),
            "email": user.get("Email"), "email_verified": true, "given_name": user.get("FirstName"),
            "family_name": user.get("LastName"), "zoneinfo": user.get("TimeZoneSidKey"), "picture": null,
            "photos": {}, "profile": format!("{base}/{}", user.id), "address": {},
            "urls": urls(&org, &base, &user), "active": user.get("IsActive"), "user_type": "STANDARD",
            "language": user.get("LanguageLocaleKey"), "locale": user.get("LocaleSidKey"), "utcOffset": 0,
            "updated_at": stamp(user.changed_at),
        }),
    ))
}

/// `GET /id/<org>/<user>`, where the token answer's `id` points to.
pub(super) async fn identity(
    org: web::Data<Salesforce>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> HttpResponse {
    let Some(user) = session_user(&org, &request) else {
        return bad_token();
    };
    let (org_id, user_id) = path.into_inner();
    if ids::parse(&org_id) != Some(org.org_id()) || ids::parse(&user_id).as_ref() != Some(&user.id) {
        return HttpResponse::NotFound()
            .content_type("text/plain")
            .body("Missing_User_Mapping");
    }
    let base = org.base_url(&request);
    rendered(Response::json(
        200,
        json!({
            "id": format!("{base}/id/{}/{}", org.org_id(), user.id), "asserted_user": true, "user_id": user.id,
            "organization_id": org.org_id(), "username": user.get("Username"), "nick_name": user.get("Alias"),
            "display_name": user.get("Name"), "email": user.get("Email"), "email_verified": true,
            "first_name": user.get("FirstName"), "last_name": user.get("LastName"),
            "timezone": user.get("TimeZoneSidKey"), "photos": {}, "active": user.get("IsActive"),
            "user_type": "STANDARD", "language": user.get("LanguageLocaleKey"), "locale": user.get("LocaleSidKey"),
            "utcOffset": 0, "urls": urls(&org, &base, &user), "last_modified_date": stamp(user.changed_at),
        }),
    ))
}

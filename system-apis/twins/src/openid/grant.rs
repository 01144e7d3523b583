//! `/token`: codes, refresh tokens and client credentials become access tokens.

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::authorize::{CODES, Code, remember};
use super::tokens::{self, Order};
use super::{Client, OpenId, people};
use crate::store::Caller;

const REFRESH: &str = "_refresh";
const REFRESH_LIFETIME_S: i64 = 8 * 3600;

/// Scopes of OpenID Connect itself, which belong to no API.
const OWN_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// What a refresh token stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Refresh {
    client_id: String,
    audience: String,
    scope: String,
    person: String,
    expires: i64,
}

struct Denied {
    status: u16,
    error: &'static str,
    description: &'static str,
}

const fn denied(error: &'static str, description: &'static str) -> Denied {
    Denied {
        status: 400,
        error,
        description,
    }
}

const UNKNOWN_CODE: Denied = denied(
    "invalid_grant",
    "the code is unknown, spent, expired or another program's",
);
const UNKNOWN_REFRESH: Denied = denied("invalid_grant", "the refresh token is unknown, spent or expired");

#[derive(Default)]
struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }
}

/// `POST /token`.
pub(super) async fn token(provider: web::Data<OpenId>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let mut form = Form(url::form_urlencoded::parse(&body).into_owned().collect());
    basic_credentials(&request, &mut form);
    let answer = client_of(&provider, &form).and_then(|client| {
        let issuer = provider.issuer(&request);
        match form.get("grant_type") {
            Some("authorization_code") => redeem(&provider, client, &form, issuer),
            Some("refresh_token") => refresh(&provider, client, &form, issuer),
            Some("client_credentials") => credentials(&provider, client, &form, issuer),
            _ => Err(denied("unsupported_grant_type", "this grant type is not offered")),
        }
    });
    let mut response = match &answer {
        Ok(_) => HttpResponse::Ok(),
        Err(denied) if denied.status == 401 => {
            let mut response = HttpResponse::Unauthorized();
            response.insert_header(("WWW-Authenticate", "Basic realm=\"token\""));
            response
        }
        Err(_) => HttpResponse::BadRequest(),
    };
    response.insert_header(("Cache-Control", "no-store"));
    match answer {
        Ok(body) => response.json(body),
        Err(Denied {
            error, description, ..
        }) => response.json(json!({"error": error, "error_description": description})),
    }
}

/// Client id and secret in the header, form-encoded as RFC 6749 section 2.3.1 says, count before those in the form.
fn basic_credentials(request: &HttpRequest, form: &mut Form) {
    let header = request
        .headers()
        .get("authorization")
        .and_then(|v| v.to_str().ok());
    let decoded = header.and_then(|h| STANDARD.decode(h.strip_prefix("Basic ")?.trim()).ok());
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some((id, secret)) = text.as_deref().and_then(|t| t.split_once(':')) {
        let plain = |text: &str| {
            percent_decode_str(&text.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        form.0.insert(0, ("client_id".to_owned(), plain(id)));
        form.0.insert(0, ("client_secret".to_owned(), plain(secret)));
    }
}

fn client_of<'p>(provider: &'p OpenId, form: &Form) -> Result<&'p Client, Denied> {
    let invalid = Denied {
        status: 401,
        error: "invalid_client",
        description: "client id or secret is wrong",
    };
    let client = form.get("client_id").and_then(|id| provider.client(id));
    match client {
        Some(client) if client.secret.as_deref() == form.get("client_secret") => Ok(client),
        _ => Err(invalid),
    }
}

/// Takes what a secret stands for out of the store, so that it works once.
fn take<T: DeserializeOwned>(provider: &OpenId, table: &str, secret: &str) -> Option<T> {
    let taken = provider.store.transact(&Caller::default(), |tx| {
        let fields = tx.tables().get(table, secret).map(|record| record.fields.clone());
        let fields = fields.ok_or(())?;
        tx.delete(table, secret);
        Ok::<_, ()>(fields)
    });
    serde_json::from_value(Value::Object(taken.ok()?)).ok()
}

fn redeem(provider: &OpenId, client: &Client, form: &Form, issuer: String) -> Result<Value, Denied> {
    let secret = form.get("code").unwrap_or_default();
    let code: Code = take(provider, CODES, secret).ok_or(UNKNOWN_CODE)?;
    let expired = code.expires <= provider.store.now().timestamp();
    if expired || code.client_id != client.id || form.get("redirect_uri") != Some(&code.redirect_uri) {
        return Err(UNKNOWN_CODE);
    }
    let verifier = form.get("code_verifier").unwrap_or_default();
    if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) != code.challenge {
        return Err(denied(
            "invalid_grant",
            "the code verifier does not fit the challenge",
        ));
    }
    let grant = Refresh {
        client_id: code.client_id,
        audience: code.audience,
        scope: code.scope,
        person: code.person,
        expires: provider.store.now().timestamp() + REFRESH_LIFETIME_S,
    };
    for_person(provider, client, &grant, issuer, code.nonce.as_deref())
}

fn refresh(provider: &OpenId, client: &Client, form: &Form, issuer: String) -> Result<Value, Denied> {
    let secret = form.get("refresh_token").unwrap_or_default();
    let grant: Refresh = take(provider, REFRESH, secret).ok_or(UNKNOWN_REFRESH)?;
    if grant.client_id != client.id || grant.expires <= provider.store.now().timestamp() {
        return Err(UNKNOWN_REFRESH);
    }
    for_person(provider, client, &grant, issuer, None)
}

/// Tokens for a person, with a new refresh token. Roles are read afresh, so a change counts from here on.
fn for_person(
    provider: &OpenId,
    client: &Client,
    grant: &Refresh,
    issuer: String,
    nonce: Option<&str>,
) -> Result<Value, Denied> {
    let person =
        people::find(provider, &grant.person).ok_or(denied("invalid_grant", "the person is gone"))?;
    let order = Order {
        issuer,
        client_id: &client.id,
        audience: &grant.audience,
        scope: persons_scope(provider, client, grant),
        person: Some(&person),
    };
    let refresh_token = hex::encode(rand::random::<[u8; 32]>());
    remember(provider, REFRESH, &refresh_token, grant);
    let mut answer = answer(provider, &order)?;
    answer.insert("refresh_token".to_owned(), Value::from(refresh_token));
    if grant.scope.split_whitespace().any(|s| s == "openid")
        && let Some(token) = tokens::id_token(provider, &order, nonce)
    {
        answer.insert("id_token".to_owned(), Value::from(token));
    }
    Ok(Value::Object(answer))
}

/// What a person's token may be used for: everything the API offers, because the API itself checks the role. An API that
/// signs people in for itself names its own scopes; those of another API must be registered.
fn persons_scope(provider: &OpenId, client: &Client, grant: &Refresh) -> String {
    let offered = provider
        .settings
        .apis
        .get(&grant.audience)
        .cloned()
        .unwrap_or_default();
    let own = client.id == grant.audience;
    let asked = grant.scope.split_whitespace();
    let mut scopes: Vec<&str> = asked
        .filter(|s| own || OWN_SCOPES.contains(s) || offered.iter().any(|o| o == s))
        .collect();
    for scope in &offered {
        if !scopes.contains(&scope.as_str()) {
            scopes.push(scope);
        }
    }
    scopes.join(" ")
}

fn credentials(provider: &OpenId, client: &Client, form: &Form, issuer: String) -> Result<Value, Denied> {
    if client.secret.is_none() {
        return Err(denied(
            "unauthorized_client",
            "a public client has no credentials",
        ));
    }
    let audience = form
        .get("audience")
        .ok_or(denied("invalid_target", "audience is missing"))?;
    let registered = client.grants.get(audience).ok_or(denied(
        "invalid_target",
        "the audience is not registered for this client",
    ))?;
    let offered = provider.settings.apis.get(audience).cloned().unwrap_or_default();
    let allowed: Vec<&str> = if registered.iter().any(|s| s == "*") {
        offered.iter().map(String::as_str).collect()
    } else {
        registered.iter().map(String::as_str).collect()
    };
    let scope = match form.get("scope") {
        Some(asked) if asked.split_whitespace().all(|s| allowed.contains(&s)) => asked.to_owned(),
        Some(_) => {
            return Err(denied(
                "invalid_scope",
                "a scope is not registered for this client",
            ));
        }
        None => allowed.join(" "),
    };
    let order = Order {
        issuer,
        client_id: &client.id,
        audience,
        scope,
        person: None,
    };
    answer(provider, &order).map(Value::Object)
}

fn answer(provider: &OpenId, order: &Order<'_>) -> Result<Map<String, Value>, Denied> {
    let token =
        tokens::access_token(provider, order).ok_or(denied("server_error", "there is no signing key"))?;
    let answer = json!({
        "access_token": token, "token_type": "Bearer",
        "expires_in": provider.settings.token_lifetime.num_seconds(), "scope": order.scope,
    });
    Ok(answer.as_object().cloned().unwrap_or_default())
}

//! The issuer over HTTP.

use actix_web::{HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::{LIFETIME_S, State};

/// A sign-in between `/authorize` and `/token`.
#[derive(Clone, Deserialize)]
pub(super) struct Attempt {
    client_id: String,
    redirect_uri: Url,
    scope: String,
    audience: String,
    state: String,
    nonce: String,
    code_challenge: String,
}

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    client_id: Option<String>,
    scope: Option<String>,
    audience: Option<String>,
    code: Option<String>,
    redirect_uri: Option<Url>,
    code_verifier: Option<String>,
}

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/.well-known/openid-configuration", web::get().to(discovery))
        .route("/jwks", web::get().to(keys))
        .route("/authorize", web::get().to(authorize))
        .route("/token", web::post().to(token));
}

async fn discovery(state: web::Data<State>) -> HttpResponse {
    let base = state.url.as_str().trim_end_matches('/');
    HttpResponse::Ok().json(json!({
        "issuer": base,
        "jwks_uri": format!("{base}/jwks"),
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
    }))
}

async fn keys(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(state.key_set())
}

/// Signs in whoever the test said, without asking.
async fn authorize(state: web::Data<State>, query: web::Query<Attempt>) -> HttpResponse {
    let attempt = query.into_inner();
    let code = uuid::Uuid::new_v4().to_string();
    let mut back = attempt.redirect_uri.clone();
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &attempt.state);
    state
        .attempts
        .lock()
        .expect("no test panicked here")
        .insert(code, attempt);
    HttpResponse::SeeOther()
        .insert_header(("location", back.as_str()))
        .finish()
}

async fn token(state: web::Data<State>, form: web::Form<TokenRequest>) -> HttpResponse {
    let form = form.into_inner();
    let answer = match form.grant_type.as_str() {
        "client_credentials" => client_credentials(&state, &form),
        "authorization_code" => authorization_code(&state, &form),
        _ => None,
    };
    match answer {
        Some(answer) => HttpResponse::Ok().json(answer),
        None => HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" })),
    }
}

/// Any client gets what it asks for.
fn client_credentials(state: &State, form: &TokenRequest) -> Option<Value> {
    let audience = form.audience.as_deref()?;
    let subject = form.client_id.as_deref().unwrap_or("test-service");
    let scopes: Vec<&str> = form.scope.iter().flat_map(|scope| scope.split(' ')).collect();
    let token = state.sign(state.claims(subject, audience, &scopes));
    Some(
        json!({ "access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_S, "scope": form.scope }),
    )
}

fn authorization_code(state: &State, form: &TokenRequest) -> Option<Value> {
    let attempt = state
        .attempts
        .lock()
        .expect("no test panicked here")
        .remove(form.code.as_deref()?)?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form.code_verifier.as_deref()?.as_bytes()));
    let same = challenge == attempt.code_challenge
        && form.redirect_uri.as_ref() == Some(&attempt.redirect_uri)
        && form.client_id.as_ref() == Some(&attempt.client_id);
    if !same {
        return None;
    }
    let person = state.person.lock().expect("no test panicked here").clone();
    let scopes: Vec<&str> = attempt.scope.split(' ').collect();
    let access = state.sign(state.person_claims(&person, &attempt.audience, &scopes));
    let mut id = state.person_claims(&person, &attempt.client_id, &[]);
    id.insert("nonce".to_owned(), json!(attempt.nonce));
    Some(json!({
        "access_token": access,
        "id_token": state.sign(id),
        "token_type": "Bearer",
        "expires_in": LIFETIME_S,
    }))
}

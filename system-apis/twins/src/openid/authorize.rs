//! `/authorize`: checks the request, shows who can sign in, and sends the browser back with a code.
//!
//! The same parameters with `person=<email>` as a posted form sign in without the page, for tests.

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{Client, OpenId, page, people};
use crate::store::{Caller, Fields};

/// Codes that wait to be redeemed, by the code.
pub(super) const CODES: &str = "_code";
const CODE_LIFETIME_S: i64 = 300;

/// The parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) response_type: String,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) code_challenge: String,
    pub(super) code_challenge_method: String,
    /// Only in the posted form.
    pub(super) person: Option<String>,
}

/// What a code stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) audience: String,
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
    pub(super) challenge: String,
    pub(super) person: String,
    pub(super) expires: i64,
}

/// Why there is no code.
enum Refusal {
    /// The redirect cannot be trusted: shown to the person.
    Page(&'static str),
    /// Told to the program by redirect.
    Redirect(&'static str, &'static str),
}

/// `GET /authorize`.
pub(super) async fn show(provider: web::Data<OpenId>, request: HttpRequest) -> HttpResponse {
    let asked = asked(request.query_string().as_bytes());
    match check(&provider, &asked) {
        Ok(_) => {
            let people = provider.store.read(people::all);
            html(page::choose(request.query_string(), &people))
        }
        Err(refusal) => refused(&refusal, &asked),
    }
}

/// `POST /authorize`: parameters in the query, in the form, or in both.
pub(super) async fn sign_in(provider: web::Data<OpenId>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let both = [request.query_string().as_bytes(), b"&", &body].concat();
    let asked = asked(&both);
    let audience = match check(&provider, &asked) {
        Ok(audience) => audience,
        Err(refusal) => return refused(&refusal, &asked),
    };
    let person = asked
        .person
        .as_deref()
        .and_then(|email| people::find(&provider, email));
    let Some(person) = person else {
        return refused(
            &Refusal::Redirect("access_denied", "nobody of that address can sign in"),
            &asked,
        );
    };
    let code = hex::encode(rand::random::<[u8; 24]>());
    let stands_for = Code {
        client_id: asked.client_id.clone(),
        redirect_uri: asked.redirect_uri.clone(),
        audience,
        scope: asked.scope.clone(),
        nonce: asked.nonce.clone(),
        challenge: asked.code_challenge.clone(),
        person: person.email,
        expires: provider.store.now().timestamp() + CODE_LIFETIME_S,
    };
    remember(&provider, CODES, &code, &stands_for);
    back(&asked, &[("code", &code)])
}

/// Puts something that a secret stands for into the store.
pub(super) fn remember(provider: &OpenId, table: &str, secret: &str, what: &impl Serialize) {
    let fields: Fields = match serde_json::to_value(what) {
        Ok(Value::Object(fields)) => fields,
        _ => return,
    };
    let done: Result<(), ()> = provider.store.transact(&Caller::default(), |tx| {
        tx.create(table, secret, fields);
        Ok(())
    });
    done.unwrap_or_default();
}

/// Parameters by name; one that comes twice counts the last time.
fn asked(form: &[u8]) -> Asked {
    let pairs = url::form_urlencoded::parse(form).into_owned();
    let fields: Fields = pairs.map(|(name, value)| (name, Value::from(value))).collect();
    serde_json::from_value(Value::Object(fields)).unwrap_or_default()
}

/// The audience, when the request is in order.
fn check(provider: &OpenId, asked: &Asked) -> Result<String, Refusal> {
    let client = provider
        .client(&asked.client_id)
        .ok_or(Refusal::Page("the program that sent you here is not registered"))?;
    if !may_return(client, &asked.redirect_uri) {
        return Err(Refusal::Page(
            "the address to return to is not registered for this program",
        ));
    }
    if asked.response_type != "code" {
        return Err(Refusal::Redirect(
            "unsupported_response_type",
            "response_type must be code",
        ));
    }
    if asked.code_challenge.is_empty() || asked.code_challenge_method != "S256" {
        return Err(Refusal::Redirect(
            "invalid_request",
            "PKCE with code_challenge_method S256 is required",
        ));
    }
    let audience = asked.audience.clone().unwrap_or_else(|| client.id.clone());
    if audience != client.id && !client.grants.contains_key(&audience) {
        return Err(Refusal::Redirect(
            "invalid_target",
            "the audience is not registered for this program",
        ));
    }
    Ok(audience)
}

fn may_return(client: &Client, uri: &str) -> bool {
    let Ok(wanted) = Url::parse(uri) else { return false };
    client.redirect_uris.iter().any(|registered| {
        let Ok(registered) = Url::parse(registered) else {
            return false;
        };
        let loopback = |url: &Url| matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let same_place = if loopback(&registered) {
            loopback(&wanted)
        } else {
            registered.host_str() == wanted.host_str()
                && registered.port_or_known_default() == wanted.port_or_known_default()
                && registered.scheme() == wanted.scheme()
        };
        same_place && registered.path() == wanted.path()
    })
}

fn refused(refusal: &Refusal, asked: &Asked) -> HttpResponse {
    match refusal {
        Refusal::Page(why) => HttpResponse::BadRequest()
            .content_type("text/html; charset=utf-8")
            .body(page::refusal(why)),
        Refusal::Redirect(error, why) => back(asked, &[("error", error), ("error_description", why)]),
    }
}

fn back(asked: &Asked, parameters: &[(&str, &str)]) -> HttpResponse {
    let Ok(mut uri) = Url::parse(&asked.redirect_uri) else {
        return HttpResponse::BadRequest().finish();
    };
    uri.query_pairs_mut().extend_pairs(parameters);
    if let Some(state) = &asked.state {
        uri.query_pairs_mut().append_pair("state", state);
    }
    HttpResponse::SeeOther()
        .insert_header(("Location", uri.to_string()))
        .insert_header(("Cache-Control", "no-store"))
        .finish()
}

fn html(body: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("Cache-Control", "no-store"))
        .body(body)
}

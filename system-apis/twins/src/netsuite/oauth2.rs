//! OAuth 2.0 client credentials with a signed assertion: the token endpoint and the check of access tokens.
//!
//! After the OAuth 2.0 for machine-to-machine guide. Algorithms are those the vendor names, as far as the JOSE library
//! knows them (ES512 is not among them). Access tokens die with the process.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use super::settings::NetSuiteSettings;

/// Path of the token endpoint.
pub(super) const TOKEN_PATH: &str = "/services/rest/auth/oauth2/v1/token";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SCOPES: [&str; 3] = ["restlets", "rest_webservices", "suite_analytics"];
const LONGEST_ASSERTION_S: i64 = 3600;

/// Signs and reads access tokens.
pub(super) struct Tokens {
    secret: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct AccessToken {
    sub: String,
    scope: Vec<String>,
    exp: i64,
    jti: String,
}

#[derive(Deserialize)]
struct Assertion {
    iss: String,
    #[serde(default)]
    scope: Value,
    aud: Value,
    iat: i64,
    exp: i64,
}

/// What an access token says.
pub(super) enum Checked {
    /// Client id.
    Valid(String),
    /// Signed by us, but not for REST web services.
    OutOfScope,
    /// Unknown or expired.
    Invalid,
}

/// An error of the token endpoint.
struct Denied(u16, &'static str);

impl Tokens {
    pub(super) fn new() -> Self {
        Self {
            secret: rand::random(),
        }
    }

    /// Answers `POST /services/rest/auth/oauth2/v1/token`.
    pub(super) fn issue(&self, call: &Call, settings: &NetSuiteSettings, now_s: i64) -> HttpResponse {
        match self.grant(call, settings, now_s) {
            Ok(token) => HttpResponse::Ok().json(json!({
                "access_token": token, "expires_in": settings.token_lifetime_s, "token_type": "Bearer",
            })),
            Err(Denied(status, error)) => {
                let code = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                let mut response = HttpResponse::build(code);
                if status == 401 {
                    response.insert_header((
                        "WWW-Authenticate",
                        format!("Basic realm=\"{}\"", settings.account_id),
                    ));
                }
                response.json(json!({ "error": error }))
            }
        }
    }

    fn grant(&self, call: &Call, settings: &NetSuiteSettings, now_s: i64) -> Result<String, Denied> {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(call.body.as_bytes())
            .into_owned()
            .collect();
        let get = |name: &str| form.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
        if !call.content_type.starts_with("application/x-www-form-urlencoded") {
            return Err(Denied(400, "invalid_request"));
        }
        let grant_type = get("grant_type").ok_or(Denied(400, "invalid_request"))?;
        if grant_type != "client_credentials" {
            return Err(Denied(400, "unsupported_grant_type"));
        }
        let assertion = get("client_assertion").ok_or(Denied(400, "invalid_request"))?;
        if get("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(Denied(400, "invalid_request"));
        }
        let assertion = verify(assertion, settings)?;
        if assertion.iss != settings.client_id {
            return Err(Denied(401, "invalid_client"));
        }
        let in_time = assertion.exp > now_s
            && assertion.iat <= now_s + 60
            && assertion.exp > assertion.iat
            && assertion.exp - assertion.iat <= LONGEST_ASSERTION_S;
        if !in_time || !is_for_us(&assertion.aud, call, settings) {
            return Err(Denied(400, "invalid_grant"));
        }
        let scope = scopes(&assertion.scope).ok_or(Denied(400, "invalid_scope"))?;
        self.sign(&settings.client_id, scope, now_s + settings.token_lifetime_s)
            .ok_or(Denied(500, "server_error"))
    }

    fn sign(&self, client: &str, scope: Vec<String>, exp: i64) -> Option<String> {
        let claims = AccessToken {
            sub: client.to_owned(),
            scope,
            exp,
            jti: uuid::Uuid::new_v4().to_string(),
        };
        encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &EncodingKey::from_secret(&self.secret),
        )
        .ok()
    }

    /// Reads an access token.
    pub(super) fn check(&self, token: &str, now_s: i64) -> Checked {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.validate_exp = false;
        rules.required_spec_claims.clear();
        match decode::<AccessToken>(token, &DecodingKey::from_secret(&self.secret), &rules) {
            Ok(token) if token.claims.exp <= now_s => Checked::Invalid,
            Ok(token) if token.claims.scope.iter().any(|s| s == "rest_webservices") => {
                Checked::Valid(token.claims.sub)
            }
            Ok(_) => Checked::OutOfScope,
            Err(_) => Checked::Invalid,
        }
    }
}

fn verify(assertion: &str, settings: &NetSuiteSettings) -> Result<Assertion, Denied> {
    let bad = |_| Denied(400, "invalid_grant");
    let header = decode_header(assertion).map_err(bad)?;
    let kid = header.kid.ok_or(Denied(400, "invalid_grant"))?;
    let certificate = settings
        .certificates
        .iter()
        .find(|c| c.id == kid)
        .ok_or(Denied(400, "invalid_grant"))?;
    let pem = certificate.public_key_pem.as_bytes();
    let key = match header.alg {
        Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512 => DecodingKey::from_rsa_pem(pem),
        Algorithm::RS256 if settings.accept_rs256 => DecodingKey::from_rsa_pem(pem),
        Algorithm::ES256 | Algorithm::ES384 => DecodingKey::from_ec_pem(pem),
        _ => return Err(Denied(400, "invalid_grant")),
    };
    let mut rules = Validation::new(header.alg);
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    decode::<Assertion>(assertion, &key.map_err(bad)?, &rules)
        .map(|t| t.claims)
        .map_err(bad)
}

fn is_for_us(aud: &Value, call: &Call, settings: &NetSuiteSettings) -> bool {
    let ours = [call.base.as_str(), settings.public_url.as_str()].map(|base| format!("{base}{TOKEN_PATH}"));
    let named = |v: &Value| v.as_str().is_some_and(|v| ours.iter().any(|o| o == v));
    aud.as_array()
        .map_or_else(|| named(aud), |list| list.iter().any(named))
}

/// Comma-separated text, space-separated text and an array are all seen in the field.
fn scopes(claim: &Value) -> Option<Vec<String>> {
    let list: Vec<String> = match claim {
        Value::String(text) => text
            .split([',', ' '])
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
            .collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    (!list.is_empty() && list.iter().all(|s| SCOPES.contains(&s.as_str()))).then_some(list)
}

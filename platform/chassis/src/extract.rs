//! What handlers take from a request, checked: a body, a query, an idempotency key.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError, UrlencodedError};
use actix_web::{FromRequest, HttpRequest, web};
use canonical_model::Failure;
use futures_util::future::{FutureExt, LocalBoxFuture};
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use crate::problem::Problem;

/// A JSON body that is what its type says it is. `request_body = T` names it in the contract.
#[derive(Debug, Clone)]
pub struct Valid<T>(pub T);

impl<T: DeserializeOwned + Validate + 'static> FromRequest for Valid<T> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Json::<T>::from_request(request, payload);
        async move {
            let body = body.await?.into_inner();
            body.validate()
                .map_err(|errors| Problem(refusal("invalid_body", "body", &errors)))?;
            Ok(Self(body))
        }
        .boxed_local()
    }
}

/// A query string that is what its type says it is. `params(T)` names it in the contract.
#[derive(Debug, Clone)]
pub struct ValidQuery<T>(pub T);

impl<T: DeserializeOwned + Validate + 'static> FromRequest for ValidQuery<T> {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read_query(request))
    }
}

fn read_query<T: DeserializeOwned + Validate>(
    request: &HttpRequest,
) -> Result<ValidQuery<T>, actix_web::Error> {
    let query = web::Query::<T>::from_query(request.query_string())
        .map_err(|error| query_problem(&error))?
        .into_inner();
    query
        .validate()
        .map_err(|errors| Problem(refusal("invalid_query", "query", &errors)))?;
    Ok(ValidQuery(query))
}

fn refusal(code: &str, what: &str, errors: &ValidationErrors) -> Failure {
    let mut lines = Vec::new();
    describe("", errors, &mut lines);
    lines.sort();
    // Two literal calls, so that the error catalogue finds both codes.
    let message = format!("The {what} is refused: {}.", lines.join("; "));
    match code {
        "invalid_query" => Failure::business("invalid_query", message),
        _ => Failure::business("invalid_body", message),
    }
}

fn describe(prefix: &str, errors: &ValidationErrors, lines: &mut Vec<String>) {
    for (field, kind) in errors.errors() {
        let path = match (prefix.is_empty(), field.as_ref()) {
            (true, "__all__") => "as a whole".to_owned(),
            (false, "__all__") => prefix.to_owned(),
            (true, field) => field.to_owned(),
            (false, field) => format!("{prefix}.{field}"),
        };
        match kind {
            ValidationErrorsKind::Field(found) => {
                lines.extend(found.iter().map(|error| format!("{path} {}", reason(error))));
            }
            ValidationErrorsKind::Struct(inner) => describe(&path, inner, lines),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    describe(&format!("{path}[{index}]"), inner, lines);
                }
            }
        }
    }
}

fn reason(error: &ValidationError) -> String {
    if let Some(message) = &error.message {
        return message.to_string();
    }
    let bounds: Vec<String> = ["min", "max", "equal", "exclusive_min", "exclusive_max"]
        .iter()
        .filter_map(|name| error.params.get(*name).map(|value| format!("{name} {value}")))
        .collect();
    match (error.code.as_ref(), bounds.is_empty()) {
        ("length", false) => format!("must have a length of {}", bounds.join(", ")),
        ("range", false) => format!("must be within {}", bounds.join(", ")),
        (code, _) => format!("does not satisfy `{code}`"),
    }
}

/// The caller's name for this request: the same key and the same body have one effect, however often they arrive.
/// `params(IdempotencyKey)` names it in the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(pub String);

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let key = request
            .headers()
            .get("idempotency-key")
            .and_then(|value| value.to_str().ok());
        ready(match key {
            Some(key) if is_sound_key(key) => Ok(Self(key.to_owned())),
            _ => Err(Problem(Failure::business(
                "idempotency_key_missing",
                "This operation needs the header Idempotency-Key: 1 to 64 visible ASCII characters without spaces.",
            ))),
        })
    }
}

fn is_sound_key(key: &str) -> bool {
    (1..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(64))
            .pattern(Some("^[!-~]{1,64}$"))
            .build();
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(
                "Name of this request, chosen by the caller. Sent again with the same body it has no second effect.",
            ))
            .schema(Some(schema))
            .example(Some(serde_json::Value::from("0197-billing-run-42")))
            .build();
        vec![parameter]
    }
}

/// Configures actix so that what its own extractors refuse is problem+json too.
pub(crate) fn configure(config: &mut web::ServiceConfig, max_body_bytes: usize) {
    config
        .app_data(web::PayloadConfig::new(max_body_bytes))
        .app_data(
            web::JsonConfig::default()
                .limit(max_body_bytes)
                .error_handler(|error, _| json_problem(&error).into()),
        )
        .app_data(
            web::FormConfig::default()
                .limit(max_body_bytes)
                .error_handler(|error, _| form_problem(&error).into()),
        )
        .app_data(web::QueryConfig::default().error_handler(|error, _| query_problem(&error).into()))
        .app_data(web::PathConfig::default().error_handler(|error, _| path_problem(&error).into()));
}

fn json_problem(error: &JsonPayloadError) -> Problem {
    Problem(match error {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => too_large(),
        JsonPayloadError::ContentType => Failure::business(
            "unsupported_media_type",
            "The body must be JSON, with the header Content-Type: application/json.",
        ),
        JsonPayloadError::Deserialize(error) if error.is_data() => {
            Failure::business("invalid_body", format!("The body is refused: {error}."))
        }
        JsonPayloadError::Deserialize(error) => {
            Failure::business("malformed_body", format!("The body is not JSON: {error}."))
        }
        JsonPayloadError::Payload(actix_web::error::PayloadError::Overflow) => too_large(),
        _ => Failure::business("malformed_body", "The body did not arrive whole."),
    })
}

fn form_problem(error: &UrlencodedError) -> Problem {
    Problem(match error {
        UrlencodedError::Overflow { .. } => too_large(),
        UrlencodedError::ContentType => Failure::business(
            "unsupported_media_type",
            "The body must be a form, with the header Content-Type: application/x-www-form-urlencoded.",
        ),
        UrlencodedError::Parse(error) => {
            Failure::business("invalid_body", format!("The form is refused: {error}."))
        }
        _ => Failure::business("malformed_body", "The form did not arrive whole."),
    })
}

fn too_large() -> Failure {
    Failure::business("body_too_large", "The body is longer than this API accepts.")
}

fn query_problem(error: &QueryPayloadError) -> Problem {
    Problem(Failure::business(
        "malformed_query",
        format!("The query cannot be read: {error}."),
    ))
}

fn path_problem(error: &PathError) -> Problem {
    Problem(Failure::business(
        "malformed_path",
        format!("The path cannot be read: {error}."),
    ))
}

//! Several calls in one: `/composite` with references and all-or-none, and `/composite/batch`.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::call::{Call, Content, Payload, Request, Response, Who};
use super::errors::ApiError;
use super::{parameters, routes, split_path};

type Answer = Result<Response, ApiError>;

const MOST: usize = 25;
const MOST_HEAVY: usize = 5;
const ROLLED_BACK: &str =
    "The transaction was rolled back since another operation in the same transaction failed.";

/// Runs a call inside this one; its failure takes back what it wrote.
fn run(call: &mut Call<'_, '_>, who: &Who, request: &Request) -> Response {
    let org = call.org;
    let outcome = call.tx.attempt(|tx| {
        let mut inner = Call { org, who, tx };
        match routes::route(&mut inner, request) {
            Ok(response) if !response.failed() => Ok(response),
            Ok(response) => Err(response),
            Err(error) => Err(Response::from(error)),
        }
    });
    outcome.unwrap_or_else(|failed| failed)
}

/// Reads method, address, headers and body of a part; `url` is a path below the host.
fn part(call: &Call<'_, '_>, method: &str, url: &str, body: Option<Value>) -> Option<(Who, Request)> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (version, path) = split_path(path)?;
    let who = Who {
        version,
        ..call.who.clone()
    };
    let body = body.map_or(Payload::None, Payload::Json);
    let request = Request {
        method: method.to_ascii_uppercase(),
        path,
        query: parameters(query),
        headers: Vec::new(),
        body,
    };
    Some((who, request))
}

fn limit(message: &str) -> ApiError {
    ApiError::new(400, "LIMIT_EXCEEDED", message)
}

fn heavy(url: &str) -> bool {
    ["/query", "/queryAll", "/composite/sobjects"]
        .iter()
        .any(|part| url.contains(part))
}

fn text<'v>(part: &'v Value, name: &str) -> &'v str {
    part.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// `POST composite`.
pub(super) fn composite(call: &mut Call<'_, '_>, request: &Request) -> Answer {
    let body = request.object()?;
    let parts = body.get("compositeRequest").and_then(Value::as_array).cloned();
    let parts = parts.ok_or_else(|| ApiError::json("compositeRequest is required"))?;
    if parts.len() > MOST {
        return Err(limit("Composite requests may contain up to 25 subrequests."));
    }
    if parts.iter().filter(|p| heavy(text(p, "url"))).count() > MOST_HEAVY {
        return Err(limit(
            "Composite requests may contain up to 5 query or collection subrequests.",
        ));
    }
    let all_or_none = body.get("allOrNone") == Some(&Value::Bool(true));
    let outcome = call.attempt(|call| {
        let answers = run_parts(call, &parts);
        let failed = answers.iter().any(|a| a.response.failed());
        if all_or_none && failed {
            Err(answers)
        } else {
            Ok(answers)
        }
    });
    let answers = outcome.unwrap_or_else(|answers| answers.into_iter().map(rolled_back).collect());
    let shown: Vec<Value> = answers.into_iter().map(Part::shown).collect();
    Ok(Response::json(200, json!({"compositeResponse": shown})))
}

/// One part's answer.
struct Part {
    reference: String,
    response: Response,
    /// Whether it was not run, or would have succeeded.
    innocent: bool,
}

impl Part {
    fn shown(self) -> Value {
        let headers: Map<String, Value> = self
            .response
            .headers
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)))
            .collect();
        let body = match self.response.body {
            Content::Empty => Value::Null,
            Content::Json(value) => value,
            Content::Csv(text) => Value::from(text),
        };
        json!({
            "body": body, "httpHeaders": headers, "httpStatusCode": self.response.status,
            "referenceId": self.reference,
        })
    }
}

fn halted(message: &str) -> Response {
    ApiError::new(400, "PROCESSING_HALTED", message).into()
}

fn rolled_back(part: Part) -> Part {
    if part.innocent {
        Part {
            response: halted(ROLLED_BACK),
            ..part
        }
    } else {
        part
    }
}

fn run_parts(call: &mut Call<'_, '_>, parts: &[Value]) -> Vec<Part> {
    let mut known: HashMap<String, Value> = HashMap::new();
    let mut answers = Vec::new();
    for wanted in parts {
        let reference = text(wanted, "referenceId").to_owned();
        let (response, ran) = run_part(call, wanted, &known);
        if !response.failed()
            && let Content::Json(body) = &response.body
        {
            known.insert(reference.clone(), body.clone());
        }
        let innocent = !response.failed() || !ran;
        answers.push(Part {
            reference,
            response,
            innocent,
        });
    }
    answers
}

fn run_part(call: &mut Call<'_, '_>, wanted: &Value, known: &HashMap<String, Value>) -> (Response, bool) {
    let mut missing = None;
    let url = resolve(text(wanted, "url"), known, &mut missing);
    let body = wanted
        .get("body")
        .map(|body| resolve_all(body, known, &mut missing));
    if let Some(missing) = missing {
        let message = format!("Invalid reference specified. No value for {missing} found");
        return (halted(&message), false);
    }
    let Some((who, mut request)) = part(call, text(wanted, "method"), &url, body) else {
        return (ApiError::not_found().into(), true);
    };
    let allowed = matches!(
        request.segments().as_slice(),
        ["query" | "queryAll" | "sobjects" | "limits", ..] | ["composite", "sobjects", ..]
    );
    if !allowed {
        return (
            halted("The request can't be processed in a composite request"),
            true,
        );
    }
    if let Some(headers) = wanted.get("httpHeaders").and_then(Value::as_object) {
        let pairs = headers
            .iter()
            .filter_map(|(n, v)| Some((n.to_lowercase(), v.as_str()?.to_owned())));
        request.headers = pairs.collect();
    }
    (run(call, &who, &request), true)
}

/// Replaces `@{reference.path}` by values from earlier answers.
fn resolve(text: &str, known: &HashMap<String, Value>, missing: &mut Option<String>) -> String {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        resolved.push_str(before);
        let Some((path, behind)) = after.split_once('}') else {
            resolved.push_str("@{");
            rest = after;
            continue;
        };
        match look_up(&percent_decode_str(path).decode_utf8_lossy(), known) {
            Some(Value::String(value)) => resolved.push_str(&value),
            Some(Value::Null) | None => *missing = Some(path.to_owned()),
            Some(value) => resolved.push_str(&value.to_string()),
        }
        rest = behind;
    }
    resolved.push_str(rest);
    resolved
}

fn resolve_all(value: &Value, known: &HashMap<String, Value>, missing: &mut Option<String>) -> Value {
    match value {
        Value::String(text) => Value::from(resolve(text, known, missing)),
        Value::Array(items) => items
            .iter()
            .map(|item| resolve_all(item, known, missing))
            .collect(),
        Value::Object(object) => {
            let pairs = object
                .iter()
                .map(|(name, value)| (name.clone(), resolve_all(value, known, missing)));
            Value::Object(pairs.collect())
        }
        other => other.clone(),
    }
}

/// `account.id`, `found.records[0].Id`.
fn look_up(path: &str, known: &HashMap<String, Value>) -> Option<Value> {
    let mut steps = path.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    let mut value = known.get(steps.next()?)?;
    for step in steps {
        value = match value {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            Value::Object(object) => object.iter().find(|(name, _)| name.eq_ignore_ascii_case(step))?.1,
            _ => return None,
        };
    }
    Some(value.clone())
}

/// `POST composite/batch`: independent calls, each on its own.
pub(super) fn batch(call: &mut Call<'_, '_>, request: &Request) -> Answer {
    let body = request.object()?;
    let parts = body.get("batchRequests").and_then(Value::as_array).cloned();
    let parts = parts.ok_or_else(|| ApiError::json("batchRequests is required"))?;
    if parts.len() > MOST {
        return Err(limit("Batch requests may contain up to 25 subrequests."));
    }
    let halt = body.get("haltOnError") == Some(&Value::Bool(true));
    let mut failed = false;
    let mut results = Vec::new();
    for wanted in &parts {
        let response = if failed && halt {
            let text = "A previous request in the batch was unsuccessful.";
            ApiError::new(412, "BATCH_PROCESSING_HALTED", text).into()
        } else {
            let url = text(wanted, "url")
                .trim_start_matches('/')
                .trim_start_matches("services/data/");
            let body = wanted.get("richInput").cloned();
            match part(
                call,
                text(wanted, "method"),
                &format!("/services/data/{url}"),
                body,
            ) {
                Some((who, request)) => run(call, &who, &request),
                None => ApiError::not_found().into(),
            }
        };
        failed |= response.failed();
        let result = match response.body {
            Content::Json(value) => value,
            Content::Empty | Content::Csv(_) => Value::Null,
        };
        results.push(json!({"statusCode": response.status, "result": result}));
    }
    Ok(Response::json(
        200,
        json!({"hasErrors": failed, "results": results}),
    ))
}

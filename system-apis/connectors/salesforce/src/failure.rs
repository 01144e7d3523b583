//! Salesforce's refusals as failures: the one place where their class is decided.
//!
//! Codes follow the vendor's list of status codes. A code that is not listed here is a fault that names it, never a
//! guess. A refusal that Salesforce states for a record means that the record was not written.

use canonical_model::{Failure, Outcome};
use egress::{Kind, Response};
use http::StatusCode;

use crate::wire::{Refusal, SignInRefusal};

/// The concurrent limit clears within seconds, the daily one does not.
const CONCURRENT_PAUSE_MS: u64 = 5_000;

/// What was asked, for messages, and how long to pause at the daily limit.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) what: &'a str,
    pub(crate) limit_pause_ms: u64,
}

/// The failure that an answer other than 2xx means.
pub(crate) fn of_answer(response: &Response, asked: Asked<'_>) -> Failure {
    let refusals: Vec<Refusal> = serde_json::from_slice(&response.body).unwrap_or_default();
    let status = response.status;
    let failure = match refusals.first() {
        Some(refusal) => of_refusal(refusal, status, asked),
        None => of_status(status, asked),
    };
    let asked_to_wait = response.retry_after_ms();
    let failure = match asked_to_wait {
        Some(ms) => failure.retry_after_ms(ms),
        None => failure,
    };
    match response.kind {
        // Nothing that was only read can have been applied.
        Kind::Read => Failure {
            outcome: Outcome::NotApplied,
            ..failure
        },
        Kind::Write => failure,
    }
}

/// The failure that a refused record of a batch means.
pub(crate) fn of_record(refusals: &[Refusal], asked: Asked<'_>) -> Failure {
    match refusals.first() {
        Some(refusal) => of_refusal(refusal, StatusCode::BAD_REQUEST, asked),
        None => {
            let message = format!("{}: Salesforce refused it without saying why", asked.what);
            Failure::fault("unexpected_answer", message)
        }
    }
}

/// `CODE:message:fields --`, as bulk results have it.
pub(crate) fn bulk_refusal(text: &str) -> Refusal {
    let (code, rest) = text.split_once(':').unwrap_or((text, ""));
    let message = rest.rsplit_once(':').map_or(rest, |(message, _)| message);
    Refusal {
        code: code.trim().to_owned(),
        message: message.trim().to_owned(),
        fields: None,
    }
}

fn of_refusal(refusal: &Refusal, status: StatusCode, asked: Asked<'_>) -> Failure {
    let told = told(refusal, asked);
    let failure = transient(refusal, &told, asked)
        .or_else(|| refused_by_rule(refusal, &told))
        .or_else(|| wrong_set_up(refusal, &told))
        .or_else(|| server_error(refusal, status, &told));
    failure.unwrap_or_else(|| {
        let failure = Failure::fault(
            "unknown_vendor_code",
            format!("{told} (code {} is not known)", refusal.code),
        );
        if status.is_server_error() {
            failure.outcome_unknown()
        } else {
            failure
        }
    })
}

/// `what: the vendor's text`, short enough for a screen.
fn told(refusal: &Refusal, asked: Asked<'_>) -> String {
    let text: String = refusal.message.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = text.chars().take(400).collect();
    let fields = refusal.fields.as_deref().unwrap_or_default().join(", ");
    if fields.is_empty() {
        format!("{}: {text}", asked.what)
    } else {
        format!("{}: {text} [{fields}]", asked.what)
    }
}

fn transient(refusal: &Refusal, told: &str, asked: Asked<'_>) -> Option<Failure> {
    Some(match refusal.code.as_str() {
        "REQUEST_LIMIT_EXCEEDED" if refusal.message.contains("Concurrent") => {
            Failure::transient("vendor_limit_reached", told).retry_after_ms(CONCURRENT_PAUSE_MS)
        }
        "REQUEST_LIMIT_EXCEEDED" => {
            Failure::transient("vendor_limit_reached", told).retry_after_ms(asked.limit_pause_ms)
        }
        "UNABLE_TO_LOCK_ROW" => Failure::transient("record_locked", told),
        "INVALID_QUERY_LOCATOR" => Failure::transient("query_cursor_lost", told),
        "QUERY_TIMEOUT" => Failure::transient("vendor_busy", told),
        _ => return None,
    })
}

/// Rules of the vendor and of the org: a person decides.
fn refused_by_rule(refusal: &Refusal, told: &str) -> Option<Failure> {
    Some(match refusal.code.as_str() {
        "REQUIRED_FIELD_MISSING" => Failure::business("required_field_missing", told),
        "FIELD_CUSTOM_VALIDATION_EXCEPTION" => Failure::business("validation_rule_refused", told),
        "FIELD_INTEGRITY_EXCEPTION" | "FIELD_FILTER_VALIDATION_EXCEPTION" | "INVALID_STATUS" => {
            Failure::business("field_value_refused", told)
        }
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" => Failure::business("automation_refused", told),
        "STRING_TOO_LONG" => Failure::business("text_too_long", told),
        "NUMBER_OUTSIDE_VALID_RANGE" => Failure::business("number_out_of_range", told),
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" => Failure::business("picklist_value_refused", told),
        "INVALID_EMAIL_ADDRESS" => Failure::business("email_refused", told),
        "DELETE_FAILED" => Failure::business("deletion_refused", told),
        "INVALID_CROSS_REFERENCE_KEY" | "MALFORMED_ID" => Failure::business("reference_not_found", told),
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
        | "INSUFFICIENT_ACCESS_OR_READONLY"
        | "TRANSFER_REQUIRES_READ" => Failure::business("record_not_accessible", told),
        "ENTITY_IS_DELETED" => Failure::business("record_deleted", told),
        "DUPLICATE_VALUE" => Failure::business("duplicate_value", told),
        "DUPLICATES_DETECTED" => Failure::business("duplicates_detected", told),
        "NOT_FOUND" if !refusal.message.contains("external ID field") => Failure::business("not_found", told),
        _ => return None,
    })
}

/// What an administrator or a developer has to put right.
fn wrong_set_up(refusal: &Refusal, told: &str) -> Option<Failure> {
    Some(match refusal.code.as_str() {
        "INVALID_FIELD" => Failure::fault("field_not_visible", field_not_visible(refusal, told)),
        "INVALID_FIELD_FOR_INSERT_UPDATE" => Failure::fault(
            "field_not_writable",
            format!("{told} Give the integration user edit access to it."),
        ),
        "INVALID_TYPE" | "INVALIDENTITY" => Failure::fault(
            "object_not_visible",
            format!(
                "{told} Give the integration user access to the object, or correct its name in the settings."
            ),
        ),
        "NOT_FOUND" => Failure::fault("key_field_missing", told),
        "DUPLICATE_EXTERNAL_ID" => {
            Failure::fault("key_not_unique", format!("{told} Make the key field unique."))
        }
        "INVALID_SESSION_ID" | "INVALID_AUTH_HEADER" => Failure::fault("sign_in_refused", told),
        "API_DISABLED_FOR_ORG"
        | "INSUFFICIENT_ACCESS"
        | "FUNCTIONALITY_NOT_ENABLED"
        | "TXN_SECURITY_METERING_ERROR" => Failure::fault("access_missing", told),
        "MALFORMED_QUERY" | "JSON_PARSER_ERROR" | "EXCEEDED_ID_LIMIT" | "MISSING_ARGUMENT"
        | "METHOD_NOT_ALLOWED" | "INVALIDJOB" | "INVALIDJOBSTATE" => {
            Failure::fault("request_refused_as_wrong", told)
        }
        _ => return None,
    })
}

/// Errors after which a write may have happened.
fn server_error(refusal: &Refusal, status: StatusCode, told: &str) -> Option<Failure> {
    Some(match refusal.code.as_str() {
        "SERVER_UNAVAILABLE" => Failure::transient("vendor_unavailable", told).outcome_unknown(),
        "UNKNOWN_EXCEPTION" | "APEX_ERROR" => Failure::transient("vendor_error", told).outcome_unknown(),
        "REQUEST_RUNNING_TOO_LONG" => Failure::transient("vendor_busy", told).outcome_unknown(),
        code if code.starts_with("EXCEEDED_MAX_") => {
            let failure = Failure::transient("vendor_busy", told);
            if status.is_server_error() {
                failure.outcome_unknown()
            } else {
                failure
            }
        }
        _ => return None,
    })
}

/// A field that the user may not see does not exist for the API.
fn field_not_visible(refusal: &Refusal, told: &str) -> String {
    let quoted = |before: &str| {
        let (_, rest) = refusal.message.split_once(before)?;
        rest.split_once('\'').map(|(name, _)| name.to_owned())
    };
    match (
        quoted("No such column '"),
        quoted("on entity '").or_else(|| quoted("on sobject of type ")),
    ) {
        (Some(field), entity) => format!(
            "Salesforce shows the integration user no field {field} on {}: give it access to the field, or leave the \
             field's name empty in this connection's settings",
            entity.as_deref().unwrap_or("the object")
        ),
        _ => told.to_owned(),
    }
}

/// An answer without a refusal in it: a page of a proxy, an empty body.
fn of_status(status: StatusCode, asked: Asked<'_>) -> Failure {
    let told = format!("{}: Salesforce answered status {}", asked.what, status.as_u16());
    match status.as_u16() {
        300 => Failure::fault(
            "key_not_unique",
            format!("{told}: several records have this key; make the key field unique"),
        ),
        401 => Failure::fault("sign_in_refused", told),
        403 => Failure::fault("access_missing", told),
        404 => Failure::business("not_found", told),
        412 => Failure::business(
            "version_conflict",
            format!("{}: it was changed by somebody else meanwhile", asked.what),
        ),
        420 | 429 => Failure::transient("vendor_limit_reached", told).retry_after_ms(asked.limit_pause_ms),
        500..=599 => Failure::transient("vendor_unavailable", told).outcome_unknown(),
        _ => Failure::fault("unexpected_answer", told),
    }
}

/// The failure of a sign-in. Nothing else was sent, so nothing was applied.
pub(crate) fn of_sign_in(response: &Response) -> Failure {
    let status = response.status;
    let refusal: Option<SignInRefusal> = serde_json::from_slice(&response.body).ok();
    match refusal {
        Some(refusal) if refusal.error == "rate_limit_exceeded" => {
            let message = "Salesforce refuses further sign-ins for a while";
            Failure::transient("vendor_limit_reached", message).retry_after_ms(CONCURRENT_PAUSE_MS)
        }
        Some(refusal) if !status.is_server_error() => {
            let why = refusal.error_description.unwrap_or_default();
            let message = format!("Salesforce refused the sign-in: {} {why}", refusal.error);
            Failure::fault("sign_in_refused", message.trim_end())
        }
        _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            let message = format!("Salesforce's sign-in answered status {}", status.as_u16());
            Failure::transient("vendor_unavailable", message)
        }
        _ => {
            let message = format!(
                "Salesforce's sign-in answered status {} in a form we do not know",
                status.as_u16()
            );
            Failure::fault("sign_in_refused", message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::FailureClass::{Business, Fault, Transient};
    use canonical_model::Outcome::{NotApplied, Unknown};

    const ASKED: Asked<'static> = Asked {
        what: "writing account 001",
        limit_pause_ms: 60_000,
    };

    fn answered(status: u16, body: &str, kind: Kind) -> Failure {
        let response = Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: body.to_owned().into(),
            kind,
        };
        of_answer(&response, ASKED)
    }

    #[test]
    fn each_refusal_of_a_write_has_its_class_code_and_outcome() {
        let cases = [
            (
                403,
                "REQUEST_LIMIT_EXCEEDED",
                Transient,
                "vendor_limit_reached",
                NotApplied,
            ),
            (400, "UNABLE_TO_LOCK_ROW", Transient, "record_locked", NotApplied),
            (
                400,
                "REQUIRED_FIELD_MISSING",
                Business,
                "required_field_missing",
                NotApplied,
            ),
            (
                400,
                "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                Business,
                "validation_rule_refused",
                NotApplied,
            ),
            (
                400,
                "DUPLICATES_DETECTED",
                Business,
                "duplicates_detected",
                NotApplied,
            ),
            (400, "DUPLICATE_VALUE", Business, "duplicate_value", NotApplied),
            (
                400,
                "INVALID_CROSS_REFERENCE_KEY",
                Business,
                "reference_not_found",
                NotApplied,
            ),
            (404, "ENTITY_IS_DELETED", Business, "record_deleted", NotApplied),
            (404, "NOT_FOUND", Business, "not_found", NotApplied),
            (401, "INVALID_SESSION_ID", Fault, "sign_in_refused", NotApplied),
            (403, "API_DISABLED_FOR_ORG", Fault, "access_missing", NotApplied),
            (400, "INVALID_FIELD", Fault, "field_not_visible", NotApplied),
            (
                400,
                "JSON_PARSER_ERROR",
                Fault,
                "request_refused_as_wrong",
                NotApplied,
            ),
            (400, "SOMETHING_NEW", Fault, "unknown_vendor_code", NotApplied),
            (500, "SOMETHING_NEW", Fault, "unknown_vendor_code", Unknown),
            (500, "UNKNOWN_EXCEPTION", Transient, "vendor_error", Unknown),
            (
                503,
                "SERVER_UNAVAILABLE",
                Transient,
                "vendor_unavailable",
                Unknown,
            ),
        ];
        for (status, vendor_code, class, code, outcome) in cases {
            let body =
                format!(r#"[{{"message":"Some\n  text","errorCode":"{vendor_code}","fields":["Name"]}}]"#);
            let failure = answered(status, &body, Kind::Write);
            assert_eq!(
                (failure.class, failure.code.as_str(), failure.outcome),
                (class, code, outcome),
                "{vendor_code}"
            );
            assert!(
                failure.message.contains("writing account 001: Some text"),
                "{}",
                failure.message
            );
            assert_eq!(
                answered(status, &body, Kind::Read).outcome,
                NotApplied,
                "{vendor_code}"
            );
        }
        assert!(
            answered(
                400,
                r#"[{"message":"x","errorCode":"SOMETHING_NEW"}]"#,
                Kind::Write
            )
            .message
            .contains("SOMETHING_NEW")
        );
    }

    #[test]
    fn an_answer_that_is_no_json_is_judged_by_its_status() {
        let page = "<html>Down for maintenance</html>";
        let cases = [
            (502, Transient, "vendor_unavailable", Unknown),
            (420, Transient, "vendor_limit_reached", NotApplied),
            (412, Business, "version_conflict", NotApplied),
            (414, Fault, "unexpected_answer", NotApplied),
        ];
        for (status, class, code, outcome) in cases {
            let failure = answered(status, page, Kind::Write);
            assert_eq!(
                (failure.class, failure.code.as_str(), failure.outcome),
                (class, code, outcome)
            );
        }
        let several =
            r#"["/services/data/v62.0/sobjects/Account/001","/services/data/v62.0/sobjects/Account/002"]"#;
        assert_eq!(answered(300, several, Kind::Write).code, "key_not_unique");
    }

    #[test]
    fn a_bulk_error_is_taken_apart() {
        let refusal =
            bulk_refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION:Close date: must be later:CloseDate --");
        assert_eq!(
            (refusal.code.as_str(), refusal.message.as_str()),
            ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Close date: must be later")
        );
    }
}

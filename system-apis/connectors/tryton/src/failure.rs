//! From Tryton's statuses, error types and texts to a [`Failure`]: the only place where its answers are judged.
//!
//! Tryton gives no codes, only types and texts. The texts are settings; every call asks for them in the language of the
//! settings. A text that matches none is the refusal `refused_by_vendor`, with Tryton's own words.

use canonical_model::{Failure, Outcome};
use egress::{Kind, Response};

use crate::settings::Texts;
use crate::wire::CallError;

/// What the table needs to know beside the answer.
pub(crate) struct Judge<'a> {
    /// The connection, as the failure's source.
    pub(crate) connection: &'a str,
    /// Texts to tell refusals apart.
    pub(crate) texts: &'a Texts,
}

impl Judge<'_> {
    /// The failure that an answer with another status than 200 is. `what` names the record for people.
    pub(crate) fn failure(&self, answer: &Response, what: &str) -> Failure {
        let status = answer.status.as_u16();
        let mut failure = match status {
            401 => Failure::fault(
                "credentials_refused",
                "Tryton refuses our session twice: check the user and its companies",
            ),
            403 => Failure::fault(
                "access_missing",
                format!("Tryton lets nobody call what we need for {what}: is the module activated?"),
            ),
            404 => Failure::fault(
                "invalid_request",
                format!("Tryton has nothing at our address (at {what}): check base_url and database"),
            ),
            429 => Failure::transient(
                "vendor_limit_reached",
                "Tryton takes no more requests for a while",
            )
            .retry_after_ms(answer.retry_after_ms().unwrap_or(2_000)),
            502..=504 => Failure::transient(
                "vendor_unavailable",
                format!("Tryton is not available (status {status})"),
            ),
            500.. => Failure::transient(
                "vendor_error",
                format!("Tryton failed with status {status} at {what}"),
            ),
            _ => Failure::fault(
                "unexpected_answer",
                format!("Tryton answered status {status} at {what} without saying why"),
            ),
        };
        // A server that failed may have written first; one that refused has not.
        if answer.kind == Kind::Write && !answer.status.is_client_error() {
            failure.outcome = Outcome::Unknown;
        }
        failure
            .at(self.connection)
            .with_detail(format!("status {status}"))
    }

    /// The failure that an error of a call is.
    pub(crate) fn refusal(&self, error: &CallError, kind: Kind, what: &str) -> Failure {
        let text = error.message.as_str();
        let failure = match error.kind.as_str() {
            "UserError" => self.by_text(text, what),
            "UserWarning" => {
                let name = error.name.as_deref().unwrap_or_default();
                let name = name.split_once('.').map_or(name, |(_, name)| name);
                let message = format!(
                    "Tryton asks for a confirmation of {what}: {text} Do it in Tryton, or list {name:?} in accept_warnings"
                );
                Failure::business("needs_confirmation", message)
            }
            "ConcurrencyException" => Failure::transient(
                "record_locked",
                format!("somebody else is changing {what} in Tryton"),
            ),
            "LoginException" => Failure::fault(
                "credentials_refused",
                "Tryton asks our user for more than a password",
            ),
            _ => self.of_server(text, kind, what),
        };
        failure
            .at(self.connection)
            .with_detail(format!("{} {text}", error.kind))
    }

    /// An error that no rule of Tryton raised: a field or model that it does not have, or a defect of the server. What
    /// runs after a commit can fail like that too, so that a write is in doubt.
    fn of_server(&self, text: &str, kind: Kind, what: &str) -> Failure {
        let failure = Failure::fault(
            "vendor_refused_request",
            format!("Tryton cannot carry out our request for {what}: {text}. Are all its modules activated?"),
        );
        match kind {
            Kind::Read => failure,
            Kind::Write => failure.outcome_unknown(),
        }
    }

    fn by_text(&self, text: &str, what: &str) -> Failure {
        let texts = self.texts;
        if says(&texts.period_closed, text) {
            let message = format!(
                "the accounting period of {what} is closed or missing: open it or choose another date. Tryton: {text}"
            );
            Failure::business("period_closed", message)
        } else if says(&texts.unique, text) {
            let message = format!("another record in Tryton has the code or number of {what}: {text}");
            Failure::business("already_taken", message)
        } else if says(&texts.already_invoiced, text) {
            let message = format!("{what} cannot be changed, because it is on an invoice: {text}");
            Failure::business("already_invoiced", message)
        } else if says(&texts.posted, text) {
            Failure::business(
                "posted_document",
                format!("{what} is in the books and is not changed: {text}"),
            )
        } else if says(&texts.missing, text) {
            Failure::business("not_found", format!("Tryton does not have {what}: {text}"))
        } else if says(&texts.access, text) {
            Failure::fault(
                "access_missing",
                format!("our user may not do this with {what}: {text}"),
            )
        } else if says(&texts.value_missing, text) {
            Failure::business(
                "required_field_missing",
                format!("{what} lacks something: {text}"),
            )
        } else if says(&texts.value_too_long, text) {
            Failure::business("text_too_long", format!("{what} was refused: {text}"))
        } else if says(&texts.invalid_reference, text) || (says(&texts.domain, text) && names_an_id(text)) {
            Failure::business("invalid_reference", format!("{what} was refused: {text}"))
        } else if says(&texts.domain, text) || says(&texts.invalid_value, text) {
            Failure::business("invalid_value", format!("{what} was refused: {text}"))
        } else {
            Failure::business("refused_by_vendor", format!("Tryton refuses {what}: {text}"))
        }
    }
}

/// A refused value that is a number where people would see a name: the record behind it is not there.
fn names_an_id(text: &str) -> bool {
    let mut parts = text.split('"');
    let value = parts.nth(1).unwrap_or_default();
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn says(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| text.contains(pattern.as_str()))
}

#[cfg(test)]
mod tests {
    use canonical_model::FailureClass::{Business, Fault, Transient};
    use http::{HeaderMap, StatusCode};
    use serde_json::{Value, json};

    use super::*;

    fn judged(error: Value) -> Failure {
        let texts = Texts::default();
        let judge = Judge {
            connection: "erp/main",
            texts: &texts,
        };
        judge.refusal(&CallError::new(&error), Kind::Write, "time entry k")
    }

    #[test]
    fn each_type_and_text_has_its_class() {
        let user = |text: &str| json!(["UserError", [text, "", null]]);
        for (error, class, code) in [
            (
                user(
                    "To continue, you must reopen the period \"2026-03\" of company \"N\" for the date \"03/24/2026\".",
                ),
                Business,
                "period_closed",
            ),
            (
                user("To continue, you must create a fiscal year for the date \"2030\" and company \"N\"."),
                Business,
                "period_closed",
            ),
            (
                user("The code on party must be unique."),
                Business,
                "already_taken",
            ),
            (
                user("You cannot delete timesheet line \"(2)\" because it has been invoiced."),
                Business,
                "already_invoiced",
            ),
            (
                user("You cannot modify invoice \"1\" because it is posted, paid or cancelled."),
                Business,
                "posted_document",
            ),
            (
                user("You are trying to write to records \"99999\" of \"Party\" that don't exist."),
                Business,
                "not_found",
            ),
            (
                user("You are not allowed to access \"Party\"."),
                Fault,
                "access_missing",
            ),
            (
                user("A value is required for field \"Party\" in \"Invoice\"."),
                Business,
                "required_field_missing",
            ),
            (
                user(
                    "The value \"999\" for field \"Employee\" in record \"(4)\" of \"Timesheet Line\" is not valid according to its domain.",
                ),
                Business,
                "invalid_reference",
            ),
            (
                user(
                    "The value \"-1 day, 23:50:00\" for field \"Duration\" in record \"(3)\" of \"Timesheet Line\" is not valid according to its domain.",
                ),
                Business,
                "invalid_value",
            ),
            (
                user("The European VAT Number \"DE123456789\" for party \"Helios\" is not valid."),
                Business,
                "invalid_value",
            ),
            (user("Our rule says no."), Business, "refused_by_vendor"),
            (
                json!([
                    "UserWarning",
                    [
                        "ab.invoice_date_future",
                        "The invoices have a date in the future.",
                        ""
                    ]
                ]),
                Business,
                "needs_confirmation",
            ),
            (
                json!(["ConcurrencyException", "Records were modified in the meanwhile"]),
                Transient,
                "record_locked",
            ),
        ] {
            let failure = judged(error.clone());
            assert_eq!((failure.class, failure.code.as_str()), (class, code), "{error}");
            assert!(!failure.is_unknown(), "{error} was rolled back");
        }
        let bare = judged(json!(["'nam'", ""]));
        assert_eq!(
            (bare.class, bare.code.as_str()),
            (Fault, "vendor_refused_request")
        );
        assert!(bare.is_unknown() && bare.message.contains("'nam'"));
    }

    #[test]
    fn a_server_that_failed_may_have_written_and_one_that_refused_has_not() {
        let texts = Texts::default();
        let judge = Judge {
            connection: "erp/main",
            texts: &texts,
        };
        for (status, class, code, unknown) in [
            (401, Fault, "credentials_refused", false),
            (403, Fault, "access_missing", false),
            (404, Fault, "invalid_request", false),
            (418, Fault, "unexpected_answer", false),
            (429, Transient, "vendor_limit_reached", false),
            (500, Transient, "vendor_error", true),
            (503, Transient, "vendor_unavailable", true),
        ] {
            let answer = Response {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: "<html>".into(),
                kind: Kind::Write,
            };
            let failure = judge.failure(&answer, "invoice k");
            assert_eq!(
                (failure.class, failure.code.as_str(), failure.is_unknown()),
                (class, code, unknown)
            );
        }
    }
}

//! From NetSuite's status, code and text to a [`Failure`]: the only place where its answers are judged.
//!
//! Code first, then text, because most business rules of NetSuite share the code `USER_ERROR`. The texts are settings:
//! they come in the language of the integration user. A code that is not in the table is a Fault that names it.

use canonical_model::{Failure, Outcome};
use egress::{Kind, Response};

use crate::settings::Texts;
use crate::wire::{ErrorBody, ErrorDetail};

/// Fields whose value is another record: what is wrong with them is a reference, not a value.
const REFERENCES: [&str; 24] = [
    "entity",
    "customer",
    "employee",
    "item",
    "job",
    "project",
    "parent",
    "subsidiary",
    "billingSubsidiary",
    "currency",
    "caseTaskEvent",
    "projecttask",
    "projectTask",
    "category",
    "terms",
    "taxCode",
    "allocationResource",
    "doc",
    "projectManager",
    "billingSchedule",
    "billingRateCard",
    "nexus",
    "createdFrom",
    "timesheet",
];

/// What the table needs to know beside the answer.
pub(crate) struct Judge<'a> {
    /// The connection, as the failure's source.
    pub(crate) connection: &'a str,
    /// Texts to tell refusals apart.
    pub(crate) texts: &'a Texts,
    /// Pause where NetSuite names none.
    pub(crate) retry_after_ms: u64,
}

impl Judge<'_> {
    /// The failure that an answer is. `what` names the record for people: `invoice of key x`.
    pub(crate) fn failure(&self, answer: &Response, what: &str) -> Failure {
        let status = answer.status.as_u16();
        let details = serde_json::from_slice::<ErrorBody>(&answer.body)
            .map(|body| body.details)
            .unwrap_or_default();
        let mut failure = match (status, details.first()) {
            (429, _) => self.over_limit(answer),
            (401, _) => Failure::fault(
                "credentials_refused",
                "NetSuite refuses our credentials twice: check the integration, its role and the login audit trail",
            ),
            (502..=504, _) => Failure::transient(
                "vendor_unavailable",
                format!("NetSuite is not available (status {status})"),
            ),
            (_, Some(detail)) => self.by_code(status, detail, what),
            (500.., None) => Failure::transient(
                "vendor_error",
                format!("NetSuite failed with status {status} at {what}"),
            ),
            (_, None) => Failure::fault(
                "unexpected_answer",
                format!("NetSuite answered status {status} at {what} without saying why"),
            ),
        };
        if failure.is_transient() && failure.retry_after_ms.is_none() {
            failure.retry_after_ms = answer.retry_after_ms();
        }
        // A server that failed may have written first; one that refused has not.
        if answer.kind == Kind::Write && !answer.status.is_client_error() {
            failure.outcome = Outcome::Unknown;
        }
        let detail: Vec<String> = details
            .iter()
            .map(|d| format!("{}: {}", d.code, d.detail))
            .collect();
        failure
            .at(self.connection)
            .with_detail(format!("status {status}; {}", detail.join("; ")))
    }

    fn over_limit(&self, answer: &Response) -> Failure {
        let wait = answer.retry_after_ms().unwrap_or(self.retry_after_ms);
        Failure::transient(
            "vendor_limit_reached",
            "NetSuite is over the account's limit of concurrent requests",
        )
        .retry_after_ms(wait)
    }

    fn by_code(&self, status: u16, detail: &ErrorDetail, what: &str) -> Failure {
        let text = detail.detail.as_str();
        match detail.code.as_str() {
            "CONCURRENCY_LIMIT_EXCEEDED" | "SSS_REQUEST_LIMIT_EXCEEDED" => Failure::transient(
                "vendor_limit_reached",
                "NetSuite is over the account's limit of concurrent requests",
            )
            .retry_after_ms(self.retry_after_ms),
            "INSUFFICIENT_PERMISSION" => Failure::fault(
                "access_missing",
                format!("the integration's role may not do this with {what}: {text}"),
            ),
            "NONEXISTENT_ID" if says(&self.texts.type_absent, text) => Failure::fault(
                "record_type_absent",
                format!("{text}: switch its feature on or give the role access"),
            ),
            "NONEXISTENT_ID" => Failure::business("not_found", format!("NetSuite has no {what}")),
            "RCRD_HAS_BEEN_CHANGED" => Failure::transient(
                "record_locked",
                format!("somebody else is changing {what} in NetSuite"),
            ),
            "INVALID_KEY_OR_REF" => self.invalid(detail, what),
            "USER_ERROR"
            | "INVALID_CONTENT"
            | "INVALID_FLD_VALUE"
            | "UNIQUE_CUST_ID_REQD"
            | "DUP_ENTITY"
            | "DUP_RCRD" => self.by_text(detail, what),
            "INVALID_PARAMETER" | "INVALID_REQUEST" | "METHOD_NOT_ALLOWED" => Failure::fault(
                "invalid_request",
                format!("NetSuite cannot read our request for {what}: {text}"),
            ),
            "UNEXPECTED_ERROR" => Failure::transient(
                "vendor_error",
                format!("NetSuite failed with status {status} at {what}"),
            ),
            code if says(&self.texts.tax_undetermined, code) => tax_undetermined(what),
            code => Failure::fault(
                "unknown_vendor_code",
                format!(
                    "NetSuite answered with the code {code:?} at {what}, which Fairlead does not know: {text}"
                ),
            ),
        }
    }

    fn by_text(&self, detail: &ErrorDetail, what: &str) -> Failure {
        let text = detail.detail.as_str();
        let texts = self.texts;
        if says(&texts.period_closed, text) {
            let message =
                format!("the accounting period of {what} is closed: open it or choose another date");
            Failure::business("period_closed", message)
        } else if says(&texts.record_exists, text) {
            Failure::business("already_exists", format!("NetSuite has {what} already"))
        } else if says(&texts.duplicate, text)
            || detail.code.starts_with("DUP_")
            || detail.code.starts_with("UNIQUE_")
        {
            let message = format!("another record in NetSuite has the name or number of {what}: {text}");
            Failure::business("already_taken", message)
        } else if says(&texts.already_invoiced, text) {
            let message = format!("{what} cannot be changed or billed, because it is on an invoice: {text}");
            Failure::business("already_invoiced", message)
        } else if says(&texts.not_approved, text) {
            Failure::business("not_approved", format!("{what} needs an approval first: {text}"))
        } else if says(&texts.project_closed, text) {
            Failure::business("project_closed", format!("{what} was refused: {text}"))
        } else if says(&texts.value_missing, text) {
            Failure::business(
                "required_field_missing",
                format!("{what} lacks something: {text}"),
            )
        } else if says(&texts.value_too_long, text) {
            Failure::business("text_too_long", format!("{what} was refused: {text}"))
        } else if says(&texts.tax_undetermined, text) {
            tax_undetermined(what)
        } else if says(&texts.locked, text) {
            Failure::transient("record_locked", format!("a workflow holds {what} in NetSuite"))
        } else if says(&texts.unknown_property, text) {
            let message = format!(
                "a field of {what} does not exist in NetSuite: check the custom fields in the settings"
            );
            Failure::fault("field_not_visible", message)
        } else if says(&texts.invalid_value, text) {
            self.invalid(detail, what)
        } else {
            Failure::business("refused_by_vendor", format!("NetSuite refuses {what}: {text}"))
        }
    }

    fn invalid(&self, detail: &ErrorDetail, what: &str) -> Failure {
        let path = detail.path.as_deref().unwrap_or_default();
        let field = path.rsplit('.').next().unwrap_or_default();
        let message = format!("{what} was refused: {}", detail.detail);
        if REFERENCES.contains(&field) || detail.code == "INVALID_KEY_OR_REF" {
            return Failure::business("invalid_reference", message);
        }
        Failure::business("invalid_value", message)
    }
}

fn tax_undetermined(what: &str) -> Failure {
    let message = format!("no tax could be determined for {what}: check the nexus of subsidiary and client");
    Failure::business("tax_not_determined", message)
}

fn says(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| text.contains(pattern.as_str()))
}

#[cfg(test)]
mod tests {
    use canonical_model::FailureClass::{Business, Fault, Transient};
    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;

    fn judged(status: u16, code: &str, text: &str, path: &str) -> Failure {
        let body = json!({"o:errorDetails": [{"detail": text, "o:errorCode": code, "o:errorPath": path}]});
        answered(status, body.to_string())
    }

    fn answered(status: u16, body: String) -> Failure {
        let texts = Texts::default();
        let judge = Judge {
            connection: "erp/main",
            texts: &texts,
            retry_after_ms: 2000,
        };
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Response {
            status,
            headers: HeaderMap::new(),
            body: body.into(),
            kind: Kind::Write,
        };
        judge.failure(&answer, "time entry k")
    }

    #[test]
    fn each_code_and_text_has_its_class() {
        let closed =
            "The transaction date you specified is not within the date range of your accounting period.";
        let value = "Error while accessing resource: You have entered an Invalid Field Value 9999 for the following field: x";
        let tax = "UNABLE_TO_SAVE_THE_TRANSACTION_DUE_TO_AN_ERROR_BEING_REPORTED_BY_THE_TAX_CALCULATION_ENGINE: no nexus";
        for (status, code, text, path, class, expected) in [
            (400, "USER_ERROR", closed, "", Business, "period_closed"),
            (
                400,
                "INVALID_CONTENT",
                value,
                "item.items[0].item",
                Business,
                "invalid_reference",
            ),
            (400, "INVALID_CONTENT", value, "hours", Business, "invalid_value"),
            (
                400,
                "USER_ERROR",
                "This record already exists",
                "",
                Business,
                "already_exists",
            ),
            (
                400,
                "USER_ERROR",
                "A customer record with this ID already exists",
                "",
                Business,
                "already_taken",
            ),
            (
                400,
                "USER_ERROR",
                "Please enter value(s) for: Subsidiary",
                "",
                Business,
                "required_field_missing",
            ),
            (400, "USER_ERROR", tax, "", Business, "tax_not_determined"),
            (
                400,
                "USER_ERROR",
                "Our workflow says no",
                "",
                Business,
                "refused_by_vendor",
            ),
            (
                404,
                "NONEXISTENT_ID",
                "Record does not exist.",
                "",
                Business,
                "not_found",
            ),
            (
                404,
                "NONEXISTENT_ID",
                "Record type 'job' does not exist",
                "",
                Fault,
                "record_type_absent",
            ),
            (403, "INSUFFICIENT_PERMISSION", "no", "", Fault, "access_missing"),
            (
                409,
                "RCRD_HAS_BEEN_CHANGED",
                "Record has been changed",
                "",
                Transient,
                "record_locked",
            ),
            (
                429,
                "CONCURRENCY_LIMIT_EXCEEDED",
                "Request blocked.",
                "",
                Transient,
                "vendor_limit_reached",
            ),
            (400, "INVALID_REQUEST", "no JSON", "", Fault, "invalid_request"),
            (400, "SOMETHING_NEW", "?", "", Fault, "unknown_vendor_code"),
        ] {
            let failure = judged(status, code, text, path);
            assert_eq!(
                (failure.class, failure.code.as_str()),
                (class, expected),
                "{text}"
            );
            assert!(!failure.is_unknown(), "{code} was not applied");
        }
        assert!(
            judged(400, "SOMETHING_NEW", "?", "")
                .message
                .contains("SOMETHING_NEW")
        );
        assert_eq!(
            judged(429, "CONCURRENCY_LIMIT_EXCEEDED", "", "").retry_after_ms,
            Some(2000)
        );
    }

    #[test]
    fn a_server_that_failed_may_have_written() {
        let failure = judged(500, "UNEXPECTED_ERROR", "Error ID: x", "");
        assert!(failure.is_unknown() && failure.is_transient());
        let page = answered(503, "<html>maintenance</html>".to_owned());
        assert_eq!(
            (page.class, page.code.as_str()),
            (Transient, "vendor_unavailable")
        );
        let nonsense = answered(418, "{".to_owned());
        assert_eq!(
            (nonsense.class, nonsense.code.as_str()),
            (Fault, "unexpected_answer")
        );
    }
}

//! Kantata's refusals as failures: the one place where their class is decided.
//!
//! Kantata has no machine codes. The status decides, then the kind of entry, then parts of its text that the settings
//! name. A refusal (4xx) says that nothing was written; a server error says nothing about it.

use canonical_model::{Failure, Outcome};
use egress::{Kind, Response};

use crate::settings::Settings;
use crate::wire::{Refused, refusals};

/// A refused call, with the entries of its answer.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) failure: Failure,
    pub(crate) entries: Vec<Refused>,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            entries: Vec::new(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        refusal.failure
    }
}

/// What an answer other than 2xx means.
pub(crate) fn of_answer(response: &Response, what: &str, settings: &Settings) -> Refusal {
    let entries = refusals(&response.body);
    let failure = classify(response, &entries, what, settings);
    let failure = match response.header("x-request-id") {
        Some(id) => failure.with_detail(format!("Kantata's request id {id}")),
        None => failure,
    };
    let failure = match response.kind {
        // Nothing that was only read can have been applied.
        Kind::Read => Failure {
            outcome: Outcome::NotApplied,
            ..failure
        },
        Kind::Write => failure,
    };
    Refusal { failure, entries }
}

fn classify(response: &Response, entries: &[Refused], what: &str, settings: &Settings) -> Failure {
    let status = response.status.as_u16();
    let told = told(entries, what, status);
    let says = |texts: &[String]| entries.iter().any(|entry| mentions(entry, texts));
    match status {
        _ if says(&settings.texts.account_closed) => Failure::fault("vendor_account_closed", told),
        400 => Failure::fault("vendor_refused_request", told),
        401 => Failure::fault("sign_in_refused", told),
        403 => Failure::business("permission_missing", told),
        404 => Failure::business("not_found", told),
        422 => entries.first().map_or_else(
            || Failure::business("field_value_refused", told.clone()),
            |entry| of_entry(entry, what, settings),
        ),
        429 => {
            let pause = response
                .retry_after_ms()
                .unwrap_or(settings.limits.retry_after_ms);
            Failure::transient("vendor_limit_reached", told).retry_after_ms(pause)
        }
        500..=599 => {
            let mut failure = Failure::transient("vendor_unavailable", told).outcome_unknown();
            failure.retry_after_ms = response.retry_after_ms();
            failure
        }
        _ => Failure::fault("unexpected_answer", told).outcome_unknown(),
    }
}

/// What one entry of a validation means.
pub(crate) fn of_entry(entry: &Refused, what: &str, settings: &Settings) -> Failure {
    let told = told(std::slice::from_ref(entry), what, 422);
    if mentions(entry, &settings.texts.duplicate) {
        Failure::business("duplicate_value", told)
    } else if mentions(entry, &settings.texts.blank) {
        Failure::business("required_field_missing", told)
    } else {
        Failure::business("field_value_refused", told)
    }
}

/// Whether an entry holds one of these texts.
pub(crate) fn mentions(entry: &Refused, texts: &[String]) -> bool {
    texts.iter().any(|text| entry.message.contains(text.as_str()))
}

/// `what: the vendor's texts [fields]`, short enough for a screen.
fn told(entries: &[Refused], what: &str, status: u16) -> String {
    if entries.is_empty() {
        return format!("{what}: Kantata answered {status}");
    }
    let one = |entry: &Refused| match &entry.field {
        Some(field) => format!("{} [{field}]", entry.message),
        None => entry.message.clone(),
    };
    let text = entries.iter().map(one).collect::<Vec<_>>().join("; ");
    let text: String = text.chars().take(400).collect();
    format!("{what}: {text}")
}

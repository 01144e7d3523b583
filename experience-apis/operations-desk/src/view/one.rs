//! One exception with everything needed to decide.

use askama::Template;
use canonical_model::{ExceptionRecord, FailureClass, MappingDomain, ResolutionAction};
use chrono::{DateTime, Utc};
use experience_look::{shown_money, shown_word};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use super::{Clock, Hand, Notice, at, is_closed, nonce, state_word};

/// The page of an exception.
#[derive(Template)]
#[template(path = "exception.html")]
pub struct One<'a> {
    /// The exception.
    pub exception: &'a ExceptionRecord,
    /// Now, for the clock.
    pub now: DateTime<Utc>,
    /// What was just refused or done.
    pub notice: Option<&'a Notice>,
    /// The mapping that would mend it.
    pub mapping: Option<&'a MappingOffer>,
    /// What the reader may do.
    pub hand: Hand<'a>,
}

/// A mapping that an exception waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingOffer {
    /// What is mapped.
    pub domain: MappingDomain,
    /// Its word in JSON.
    pub word: String,
    /// The connection.
    pub connection: String,
    /// The value that has no code, or the code that has no value there: the message says which.
    pub value: String,
    /// Codes that are in use for this domain, to choose from.
    pub codes: Vec<String>,
}

impl MappingOffer {
    /// The mapping that an exception waits for, where its cause names one: `role:psa/main:117`.
    #[must_use]
    pub fn of(exception: &ExceptionRecord) -> Option<Self> {
        let cause = &exception.cause;
        if !cause.code.ends_with("_not_mapped") {
            return None;
        }
        let mut parts = cause.subject.splitn(3, ':');
        let (word, connection, value) = (parts.next()?, parts.next()?, parts.next()?);
        let domain: StrDeserializer<'_, Error> = word.into_deserializer();
        Some(Self {
            domain: MappingDomain::deserialize(domain).ok()?,
            word: word.to_owned(),
            connection: connection.to_owned(),
            value: value.to_owned(),
            codes: Vec::new(),
        })
    }
}

impl One<'_> {
    fn money(&self) -> String {
        shown_money(self.exception.money_at_risk.as_slice())
    }

    fn clock(&self) -> Clock {
        Clock::of(self.exception.due_at, self.now)
    }

    fn state(&self) -> &'static str {
        state_word(self.exception.state)
    }

    fn word(&self, name: &str) -> String {
        shown_word(name)
    }

    fn at(&self, time: &DateTime<Utc>) -> String {
        at(time)
    }

    fn nonce(&self) -> String {
        nonce()
    }

    fn is_open(&self) -> bool {
        !is_closed(self.exception.state)
    }

    fn is_mine(&self) -> bool {
        self.exception.assignee.as_deref() == Some(self.hand.person)
    }

    /// What kind of failure it is, in words.
    fn kind(&self) -> &'static str {
        match self.exception.failure.class {
            FailureClass::Transient => "It could go through unchanged: the other side was not able to.",
            FailureClass::Business => "Refused by a rule: somebody decides or mends the cause.",
            FailureClass::Fault => {
                "A fault of ours or of the configuration: it does not go away by trying again."
            }
        }
    }

    fn is_unknown(&self) -> bool {
        self.exception.failure.is_unknown()
    }

    /// How it was decided, in words.
    fn decision(&self) -> Option<String> {
        let resolution = self.exception.resolution.as_ref()?;
        let action = match resolution.action {
            ResolutionAction::Retry => "Tried again",
            ResolutionAction::Answer => "Tried again with an answer",
            ResolutionAction::Skip => "Skipped",
            ResolutionAction::Compensate => "Taken back",
        };
        Some(match &resolution.reason {
            Some(reason) => format!("{action}: {reason}"),
            None => action.to_owned(),
        })
    }

    /// The form of an answer, where it is known by the code.
    fn answer(&self) -> &'static str {
        match self.exception.cause.code.as_str() {
            "customer_ambiguous" => "{\n  \"canonical_id\": null,\n  \"reason\": \"\"\n}",
            "customer_exists_already" => "{\n  \"id\": null\n}",
            "milestone_not_agreed" => "{\n  \"charge_as_planned\": true\n}",
            "missing_purchase_order" => "{\n  \"purchase_order\": \"\"\n}",
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{CanonicalId, Currency, ExceptionCause, ExceptionState, Failure, Money};
    use rust_decimal::dec;

    fn moment(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn exception() -> ExceptionRecord {
        ExceptionRecord {
            id: CanonicalId::generate(),
            process: "time-posting".to_owned(),
            instance_id: CanonicalId::generate(),
            step: "validate".to_owned(),
            business_key: "time_entry psa/main 4711 #1".to_owned(),
            title: "Anna Keller, 3 November, 7:30".to_owned(),
            failure: Failure::business(
                "role_not_mapped",
                "role <117> has no counterpart in the ERP; map it and retry the group",
            ),
            cause: ExceptionCause {
                code: "role_not_mapped".to_owned(),
                subject: "role:psa/main:117".to_owned(),
            },
            owner_role: "data_steward".to_owned(),
            assignee: None,
            money_at_risk: Some(Money::new(dec!(1125), Currency::EUR)),
            legal_entity: Some("de".to_owned()),
            region: None,
            state: ExceptionState::Open,
            opened_at: moment("2026-11-10T10:00:00Z"),
            due_at: moment("2026-11-11T10:00:00Z"),
            closed_at: None,
            resolution: None,
            correlation_id: "c-1".to_owned(),
        }
    }

    fn page(exception: &ExceptionRecord, may_resolve: bool, may_map: bool) -> String {
        let offer = MappingOffer::of(exception);
        let hand = Hand {
            may_resolve,
            may_map,
            csrf: "token",
            person: "anna",
        };
        One {
            exception,
            now: moment("2026-11-10T12:00:00Z"),
            notice: None,
            mapping: offer.as_ref(),
            hand,
        }
        .render()
        .unwrap()
    }

    #[test]
    fn an_exception_page_shows_what_happened_and_offers_what_the_reader_may_do() {
        let mut exception = exception();
        let for_reader = page(&exception, false, false);
        assert!(
            for_reader.contains("role &#60;117&#62; has no counterpart"),
            "{for_reader}"
        );
        assert!(
            for_reader.contains("1,125.00 EUR") && for_reader.contains("22 h left"),
            "{for_reader}"
        );
        assert!(!for_reader.contains("<form"), "{for_reader}");
        assert!(page(&exception, true, false).contains(r#"name="csrf" value="token""#));
        assert!(!page(&exception, true, false).contains("/mapping"));
        let steward = page(&exception, true, true);
        assert!(steward.contains(r#"name="domain" value="role""#), "{steward}");
        assert!(steward.contains(r#"name="value" value="117""#), "{steward}");
        assert_each_field_is_labelled(&steward);

        exception.state = ExceptionState::Skipped;
        assert!(
            !page(&exception, true, true).contains("<form"),
            "what is closed is not decided again"
        );
    }

    /// Every field that people see has a label that names it by id, and no id is there twice.
    fn assert_each_field_is_labelled(html: &str) {
        for tag in ["<input ", "<select ", "<textarea "] {
            for field in html.split(tag).skip(1) {
                let field = field.split('>').next().unwrap();
                if field.contains("type=\"hidden\"") {
                    continue;
                }
                let id = field.split("id=\"").nth(1).unwrap().split('"').next().unwrap();
                assert_eq!(html.matches(&format!("<label for=\"{id}\"")).count(), 1, "{id}");
                assert_eq!(html.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
            }
        }
    }

    #[test]
    fn a_mapping_is_offered_where_the_cause_names_one() {
        let offer = |code: &str, subject: &str| {
            let mut exception = exception();
            exception.cause = ExceptionCause {
                code: code.to_owned(),
                subject: subject.to_owned(),
            };
            MappingOffer::of(&exception).map(|offer| (offer.domain, offer.connection, offer.value))
        };
        let entity = (
            MappingDomain::LegalEntity,
            "erp/main".to_owned(),
            "a:b".to_owned(),
        );
        assert_eq!(
            offer("legal_entity_not_mapped", "legal_entity:erp/main:a:b"),
            Some(entity)
        );
        assert_eq!(offer("project_not_mapped", "project:psa/main:7"), None);
        assert_eq!(offer("period_closed", "role:psa/main:117"), None);
        assert_eq!(offer("role_not_mapped", ""), None);
    }
}

//! Control's cross-references and mappings, as far as time-to-invoice asks for them.

use canonical_model::{
    CanonicalId, CrossReference, MappingDomain, ReferenceAnswer, ReferenceAnswers, ReferenceMapping,
    ReferenceQuestions, Translation, TranslationQuestion, TranslationQuestions, Translations,
};
use serde_json::{Value, json};

/// What control knows.
#[derive(Default)]
pub(crate) struct Control {
    references: Vec<CrossReference>,
    mappings: Vec<ReferenceMapping>,
}

impl Control {
    pub(crate) fn refer(&mut self, resource: &str, canonical_id: CanonicalId, connection: &str, id: &str) {
        self.references.push(CrossReference {
            canonical_id,
            resource: resource.to_owned(),
            connection: connection.to_owned(),
            id: id.to_owned(),
            label: None,
        });
    }

    pub(crate) fn map(&mut self, domain: MappingDomain, connection: &str, value: &str, code: &str) {
        let known =
            |m: &ReferenceMapping| m.domain == domain && m.connection == connection && m.value == value;
        if !self.mappings.iter().any(known) {
            self.mappings.push(ReferenceMapping {
                domain,
                connection: connection.to_owned(),
                value: value.to_owned(),
                code: code.to_owned(),
            });
        }
    }

    /// The answer to a call: status and body.
    pub(crate) fn answer(&mut self, path: &str, body: &[u8]) -> (u16, Value) {
        let answered = match path {
            "/v1/cross-references/query" => self.references_of(body),
            "/v1/cross-references" => self.note(body),
            "/v1/translations/query" => self.translations(body),
            _ => None,
        };
        match answered {
            Some(answer) => (200, answer),
            None => (
                404,
                json!({"type": "about:blank", "title": "Not found", "status": 404, "code": "not_found",
                    "class": "business", "detail": path}),
            ),
        }
    }

    fn references_of(&self, body: &[u8]) -> Option<Value> {
        let asked: ReferenceQuestions = serde_json::from_slice(body).ok()?;
        let answers = asked.questions.iter().map(|question| {
            let canonical = question.canonical_id.or_else(|| {
                let found = self.references.iter().find(|r| {
                    r.resource == question.resource
                        && Some(&r.connection) == question.connection.as_ref()
                        && Some(&r.id) == question.id.as_ref()
                });
                found.map(|r| r.canonical_id)
            });
            let of_it =
                |r: &&CrossReference| Some(r.canonical_id) == canonical && r.resource == question.resource;
            ReferenceAnswer {
                references: self.references.iter().filter(of_it).cloned().collect(),
            }
        });
        serde_json::to_value(ReferenceAnswers {
            answers: answers.collect(),
        })
        .ok()
    }

    fn note(&mut self, body: &[u8]) -> Option<Value> {
        let reference: CrossReference = serde_json::from_slice(body).ok()?;
        if !self.references.contains(&reference) {
            self.references.push(reference);
        }
        Some(json!({}))
    }

    fn translations(&self, body: &[u8]) -> Option<Value> {
        let asked: TranslationQuestions = serde_json::from_slice(body).ok()?;
        let answers = asked.questions.iter().map(|question| self.translation(question));
        serde_json::to_value(Translations {
            answers: answers.collect(),
        })
        .ok()
    }

    fn translation(&self, question: &TranslationQuestion) -> Translation {
        let of_domain = || self.mappings.iter().filter(|m| m.domain == question.domain);
        let code = match &question.from {
            None => Some(question.value.clone()),
            Some(from) => of_domain()
                .find(|m| m.connection == *from && m.value == question.value)
                .map(|m| m.code.clone()),
        };
        let value = of_domain()
            .find(|m| Some(&m.connection) == question.to.as_ref() && Some(&m.code) == code.as_ref())
            .map(|m| m.value.clone());
        Translation { code, value }
    }
}

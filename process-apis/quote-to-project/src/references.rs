//! What the words of one system stand for in another: asked of control, never guessed.
//!
//! What is not mapped is a Business failure about `<domain>:<connection>:<value>`. Setting that mapping at control lets
//! the whole group of exceptions about it run again. Where the canonical code is known but the target has no value for
//! it, the code stands in the place of the value.

use std::fmt;

use canonical_model::{
    CanonicalId, CrossReference, Failure, FindBy, MappingDomain, Person, RecordRef, ReferenceAnswer,
    ReferenceQuestion, Resource, Result, Translation, TranslationQuestion,
};

use crate::Ctx;
use crate::systems::System;

/// A value of one system, and where it shall go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What kind of word it is.
    pub domain: MappingDomain,
    /// The system's value.
    pub value: String,
    /// The connection that a value is wanted for.
    pub to: Option<String>,
}

/// A word's canonical code, and its value where one was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// The canonical code.
    pub code: String,
    /// The value in the wanted connection; the code where none was wanted.
    pub value: String,
}

/// What words of the connection `from` mean, in their order.
///
/// # Errors
/// Business `.._not_mapped` for the first word that has no code, or no value where one is wanted.
pub async fn meanings(ctx: &Ctx, from: &str, words: &[Word]) -> Result<Vec<Meaning>> {
    let found = translate(ctx, Some(from), words).await?;
    words
        .iter()
        .zip(found)
        .map(|(word, translation)| meaning(from, word, translation).map_err(|gap| gap.tell(ctx)))
        .collect()
}

/// What a canonical code is called in a connection, where it is mapped there.
///
/// # Errors
/// Control does not answer.
pub async fn value_of(ctx: &Ctx, domain: MappingDomain, code: &str, to: &str) -> Result<Option<String>> {
    let word = Word {
        domain,
        value: code.to_owned(),
        to: Some(to.to_owned()),
    };
    let mut found = translate(ctx, None, &[word]).await?;
    Ok(found.pop().and_then(|translation| translation.value))
}

/// The canonical code of a record of the connection `from`: a mapping may name its id or what people call it.
///
/// # Errors
/// Business `.._not_mapped` where it names neither.
pub async fn code_of(ctx: &Ctx, from: &str, domain: MappingDomain, record: &RecordRef) -> Result<String> {
    let word = |value: &String| Word {
        domain,
        value: value.clone(),
        to: None,
    };
    let words: Vec<_> = std::iter::once(&record.id)
        .chain(&record.label)
        .map(word)
        .collect();
    let found = translate(ctx, Some(from), &words).await?;
    let code = found.into_iter().find_map(|translation| translation.code);
    code.ok_or_else(|| Gap::new(domain, from, &record.id).tell(ctx))
}

async fn translate(ctx: &Ctx, from: Option<&str>, words: &[Word]) -> Result<Vec<Translation>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let question = |word: &Word| TranslationQuestion {
        domain: word.domain,
        from: from.map(str::to_owned),
        value: word.value.clone(),
        to: word.to.clone(),
    };
    let questions: Vec<_> = words.iter().map(question).collect();
    let answers = ctx.services().control.translate(&questions).await?;
    if answers.len() == words.len() {
        return Ok(answers);
    }
    let message = format!("control answered {} of {} questions", answers.len(), words.len());
    Err(Failure::fault("answers_missing", message))
}

fn meaning(from: &str, word: &Word, translation: Translation) -> Result<Meaning, Gap> {
    let code = translation
        .code
        .ok_or_else(|| Gap::new(word.domain, from, &word.value))?;
    match (&word.to, translation.value) {
        (None, _) => Ok(Meaning {
            value: code.clone(),
            code,
        }),
        (Some(_), Some(value)) => Ok(Meaning { code, value }),
        (Some(to), None) => Err(Gap::new(word.domain, to, &code)),
    }
}

/// A mapping that is missing. Its text is what exceptions about it are grouped by: `<domain>:<connection>:<value>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    domain: MappingDomain,
    connection: String,
    value: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", word(self.domain), self.connection, self.value)
    }
}

impl Gap {
    /// A value (or canonical code) that a connection has no mapping of.
    #[must_use]
    pub fn new(domain: MappingDomain, connection: &str, value: &str) -> Self {
        Self {
            domain,
            connection: connection.to_owned(),
            value: value.to_owned(),
        }
    }

    /// The step's failure.
    #[must_use]
    pub fn tell(&self, ctx: &Ctx) -> Failure {
        ctx.about(self.to_string(), self.failure())
    }

    fn failure(&self) -> Failure {
        let message = format!(
            "{} {:?} of {} is not mapped; map it in control, and everything that waits for it goes on",
            word(self.domain).replace('_', " "),
            self.value,
            self.connection
        );
        match self.domain {
            MappingDomain::LegalEntity => Failure::business("legal_entity_not_mapped", message),
            MappingDomain::Role => Failure::business("role_not_mapped", message),
            MappingDomain::Region => Failure::business("region_not_mapped", message),
            MappingDomain::TaxCode => Failure::business("tax_code_not_mapped", message),
            MappingDomain::PaymentTerms => Failure::business("payment_terms_not_mapped", message),
            MappingDomain::ExpenseCategory => Failure::business("expense_category_not_mapped", message),
            MappingDomain::RateCard => Failure::business("rate_card_not_mapped", message),
            MappingDomain::Person => Failure::business("person_not_mapped", message),
            MappingDomain::ProjectCode => Failure::business("project_code_not_mapped", message),
        }
    }
}

fn word(domain: MappingDomain) -> &'static str {
    match domain {
        MappingDomain::LegalEntity => "legal_entity",
        MappingDomain::Role => "role",
        MappingDomain::Region => "region",
        MappingDomain::TaxCode => "tax_code",
        MappingDomain::PaymentTerms => "payment_terms",
        MappingDomain::ExpenseCategory => "expense_category",
        MappingDomain::RateCard => "rate_card",
        MappingDomain::Person => "person",
        MappingDomain::ProjectCode => "project_code",
    }
}

/// A person by e-mail address, which is the same in every system unless a mapping says otherwise.
///
/// # Errors
/// Business `person_not_mapped` where the system has no active person with that address.
pub async fn person(ctx: &Ctx, system: &System, email: &str) -> Result<RecordRef> {
    let mapped = value_of(ctx, MappingDomain::Person, email, system.connection()).await?;
    let address = mapped.as_deref().unwrap_or(email);
    let found = system.collection::<Person>().find(FindBy::Email, address).await?;
    let person = found.into_iter().find(|person| person.data.active);
    match person {
        Some(person) => Ok(RecordRef::labelled(person.id, person.data.email)),
        None => Err(Gap::new(MappingDomain::Person, system.connection(), email).tell(ctx)),
    }
}

/// Everything that is known of a record of a system.
///
/// # Errors
/// Control does not answer.
pub async fn known<T: Resource>(ctx: &Ctx, connection: &str, id: &str) -> Result<ReferenceAnswer> {
    ask(
        ctx,
        ReferenceQuestion {
            resource: T::NAME.to_owned(),
            connection: Some(connection.to_owned()),
            id: Some(id.to_owned()),
            canonical_id: None,
        },
    )
    .await
}

async fn ask(ctx: &Ctx, question: ReferenceQuestion) -> Result<ReferenceAnswer> {
    let mut answers = ctx.services().control.references(&[question]).await?;
    answers
        .pop()
        .ok_or_else(|| Failure::fault("answers_missing", "control answered no question of one"))
}

/// Tells control which record of a system a thing is. Telling it again changes nothing.
///
/// # Errors
/// Business `already_referenced` where the record stands for another thing, or the thing has another record there.
pub async fn register<T: Resource>(
    ctx: &Ctx,
    canonical_id: CanonicalId,
    connection: &str,
    id: &str,
    label: Option<&str>,
) -> Result<()> {
    let reference = CrossReference {
        canonical_id,
        resource: T::NAME.to_owned(),
        connection: connection.to_owned(),
        id: id.to_owned(),
        label: label.map(str::to_owned),
    };
    ctx.services().control.register(&reference).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(to: Option<&str>) -> Word {
        Word {
            domain: MappingDomain::Role,
            value: "Principal".to_owned(),
            to: to.map(str::to_owned),
        }
    }

    #[test]
    fn an_unmapped_word_is_named_where_its_mapping_is_missing() {
        let gap = meaning("crm/main", &role(None), Translation::default()).unwrap_err();
        assert_eq!(gap.failure().code, "role_not_mapped");
        assert_eq!(gap.to_string(), "role:crm/main:Principal");

        let half = Translation {
            code: Some("principal".to_owned()),
            value: None,
        };
        let gap = meaning("crm/main", &role(Some("psa/main")), half.clone()).unwrap_err();
        assert_eq!(gap.to_string(), "role:psa/main:principal");
        assert_eq!(meaning("crm/main", &role(None), half).unwrap().code, "principal");
    }
}

//! Questions to control, in bulk: what stands for what.

use std::collections::BTreeMap;

use canonical_model::{
    CanonicalId, CrossReference, Failure, MappingDomain, ReferenceAnswer, ReferenceQuestion, Resource,
    Result, Translation, TranslationQuestion,
};
use process_client::ControlClient;

/// Control takes so many questions at once.
const AT_ONCE: usize = 1000;

/// Everything that is known of some records of a connection, by their ids.
///
/// # Errors
/// Control does not answer.
pub(crate) async fn known<T: Resource>(
    control: &ControlClient,
    connection: &str,
    ids: &[String],
) -> Result<BTreeMap<String, ReferenceAnswer>> {
    let question = |id: &String| ReferenceQuestion {
        resource: T::NAME.to_owned(),
        connection: Some(connection.to_owned()),
        id: Some(id.clone()),
        canonical_id: None,
    };
    let mut answers = BTreeMap::new();
    for some in ids.chunks(AT_ONCE) {
        let questions: Vec<_> = some.iter().map(question).collect();
        let found = control.references(&questions).await?;
        check_count(questions.len(), found.len())?;
        answers.extend(some.iter().cloned().zip(found));
    }
    Ok(answers)
}

/// Everything that is known of a thing.
///
/// # Errors
/// Control does not answer.
pub(crate) async fn of_canonical<T: Resource>(
    control: &ControlClient,
    id: CanonicalId,
) -> Result<ReferenceAnswer> {
    let question = ReferenceQuestion {
        resource: T::NAME.to_owned(),
        connection: None,
        id: None,
        canonical_id: Some(id),
    };
    let mut answers = control.references(&[question]).await?;
    check_count(1, answers.len())?;
    Ok(answers.pop().unwrap_or_default())
}

/// What some words mean, in their order.
///
/// # Errors
/// Control does not answer.
pub(crate) async fn translate(
    control: &ControlClient,
    questions: &[TranslationQuestion],
) -> Result<Vec<Translation>> {
    let mut answers = Vec::with_capacity(questions.len());
    for some in questions.chunks(AT_ONCE) {
        let found = control.translate(some).await?;
        check_count(some.len(), found.len())?;
        answers.extend(found);
    }
    Ok(answers)
}

/// A question about a word.
#[must_use]
pub(crate) fn question(
    domain: MappingDomain,
    from: Option<&str>,
    value: &str,
    to: Option<&str>,
) -> TranslationQuestion {
    TranslationQuestion {
        domain,
        from: from.map(str::to_owned),
        value: value.to_owned(),
        to: to.map(str::to_owned),
    }
}

/// Tells control which record of a connection a thing is. Telling it again changes nothing.
///
/// # Errors
/// Business `already_referenced` where the record stands for another thing.
pub(crate) async fn register<T: Resource>(
    control: &ControlClient,
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
    control.register(&reference).await
}

fn check_count(asked: usize, answered: usize) -> Result<()> {
    if asked == answered {
        return Ok(());
    }
    let message = format!("control answered {answered} of {asked} questions");
    Err(Failure::fault("answers_missing", message))
}

//! Questions to control, in bulk: what stands for what.

use std::collections::BTreeMap;

use canonical_model::{
    CanonicalId, CrossReference, MappingDomain, ReferenceAnswer, ReferenceQuestion, Resource, Result,
    Translation, TranslationQuestion,
};
use process_client::ControlClient;

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
    let questions: Vec<_> = ids.iter().map(question).collect();
    let answers = control.references(&questions).await?;
    Ok(ids.iter().cloned().zip(answers).collect())
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
    control.translate(questions).await
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

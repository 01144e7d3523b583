//! Whose invoice or payment is it? Answered by control's cross-references, never guessed.

use canonical_model::{
    Account, CanonicalId, Failure, Opportunity, Project, RecordRef, ReferenceAnswer, ReferenceQuestion,
    Resource, Result,
};
use serde::{Deserialize, Serialize};

use crate::services::Ctx;

/// The company behind an ERP's customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    /// The golden account.
    pub canonical_id: CanonicalId,
    /// What it is called.
    pub name: String,
    /// Its accounts in the CRM: more than one where sales keeps it under several spellings.
    pub crm_ids: Vec<String>,
}

/// The golden account of an ERP's customer.
///
/// # Errors
/// Business `account_not_referenced` where control does not know the customer; `account_without_crm_id` where it knows no
/// account of the CRM for it.
pub async fn buyer(ctx: &Ctx, connection: &str, account: &RecordRef) -> Result<Buyer> {
    let known = references::<Account>(ctx, connection, &account.id).await?;
    let label = account.label.clone().unwrap_or_else(|| account.id.clone());
    let Some(canonical_id) = known.canonical_id() else {
        let message = format!(
            "customer {label} of {connection} is not known to Fairlead; note its cross-reference at control, or skip"
        );
        let failure = Failure::business("account_not_referenced", message);
        return Err(ctx.about(format!("account:{connection}:{}", account.id), failure));
    };
    let crm = ctx.services().crm_name();
    let crm_ids: Vec<String> = known
        .references
        .iter()
        .filter(|r| r.connection == crm)
        .map(|r| r.id.clone())
        .collect();
    if crm_ids.is_empty() {
        let message =
            format!("customer {label} of {connection} has no account in {crm}; note it at control, or skip");
        let failure = Failure::business("account_without_crm_id", message);
        return Err(ctx.about(format!("account:{connection}:{}", account.id), failure));
    }
    let name = known
        .references
        .iter()
        .find_map(|r| r.label.clone())
        .unwrap_or(label);
    Ok(Buyer {
        canonical_id,
        name,
        crm_ids,
    })
}

/// A project of an ERP: its canonical id, and the opportunity that it came from, where they are known.
///
/// # Errors
/// Control does not answer.
pub async fn project(
    ctx: &Ctx,
    connection: &str,
    project: &RecordRef,
) -> Result<(Option<CanonicalId>, Option<String>)> {
    let known = references::<Project>(ctx, connection, &project.id).await?;
    let Some(canonical_id) = known.canonical_id() else {
        return Ok((None, None));
    };
    let question = ReferenceQuestion {
        resource: Opportunity::NAME.to_owned(),
        connection: None,
        id: None,
        canonical_id: Some(canonical_id),
    };
    let crm = ctx.services().crm_name();
    let answers = ctx.services().control.references(&[question]).await?;
    let opportunity = answers
        .first()
        .and_then(|answer| answer.id_in(&crm))
        .map(str::to_owned);
    Ok((Some(canonical_id), opportunity))
}

async fn references<T: Resource>(ctx: &Ctx, connection: &str, id: &str) -> Result<ReferenceAnswer> {
    let question = ReferenceQuestion {
        resource: T::NAME.to_owned(),
        connection: Some(connection.to_owned()),
        id: Some(id.to_owned()),
        canonical_id: None,
    };
    let mut answers = ctx.services().control.references(&[question]).await?;
    Ok(answers.pop().unwrap_or_default())
}

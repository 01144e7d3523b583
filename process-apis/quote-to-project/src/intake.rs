//! How deals and assignments come in: notices and feeds meet in one inbox, and one instance stands for each piece of work.

use canonical_model::{
    Assignment, CanonicalId, Change, ExceptionState, Failure, Opportunity, OpportunityStage, Resolution,
    ResolutionAction, Resource, Result,
};
use chrono::{DateTime, Utc};
use persistence::{Tx, inbox};
use process_engine::{Engine, ExceptionFilter, Start, Started};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::allocation::{self, AllocationSync};
use crate::conversion::{self, Conversion};
use crate::services::Services;
use crate::settings::DealSettings;
use crate::unreadable::{self, Unreadable};

/// Exceptions that a change of the deal in the CRM may have mended.
const MENDED_IN_CRM: [&str; 4] = [
    "deal_not_won",
    "deal_incomplete",
    "missing_rate",
    "currency_mismatch_in_deal",
];

/// Takes up a deal; where it is taken up already, gives the instance that works on it.
///
/// # Errors
/// The database fails.
pub async fn deal(
    engine: &Engine<Services>,
    tx: &mut Tx,
    connection: &str,
    opportunity_id: &str,
    correlation_id: &str,
) -> Result<Started> {
    let start = Start {
        process: conversion::NAME,
        business_key: &format!("{connection} {opportunity_id}"),
        correlation_id,
        state: &Conversion::of(connection, opportunity_id),
    };
    engine.start_in(tx, start).await
}

/// Takes up a change of an assignment. `message` tells one change from another.
///
/// # Errors
/// The database fails.
pub async fn assignment(
    engine: &Engine<Services>,
    tx: &mut Tx,
    connection: &str,
    (assignment_id, changed_at): (&str, DateTime<Utc>),
    message: &str,
    correlation_id: &str,
) -> Result<Started> {
    let start = Start {
        process: allocation::NAME,
        business_key: &format!("{connection} {message}"),
        correlation_id,
        state: &AllocationSync::of(connection, assignment_id, changed_at),
    };
    engine.start_in(tx, start).await
}

/// Takes in a change of an opportunity that the CRM tells of.
///
/// # Errors
/// The database fails.
pub async fn deal_changed(
    engine: &Engine<Services>,
    tx: &mut Tx,
    connection: &str,
    change: Change<Opportunity>,
    deals: &DealSettings,
) -> Result<()> {
    let correlation = Uuid::now_v7().to_string();
    if change.failure.is_some() {
        return cannot_be_read::<Opportunity>(engine, tx, connection, &change, &correlation).await;
    }
    let wanted = change
        .record
        .as_ref()
        .is_some_and(|found| is_wanted(&found.data, deals));
    let source = format!("{connection} {}", Opportunity::PATH);
    if !wanted || !inbox::accept(tx, &source, &message_id(&change.id, change.changed_at)).await? {
        return Ok(());
    }
    let started = deal(engine, tx, connection, &change.id, &correlation).await?;
    if !started.new {
        let (engine, actor) = (engine.clone(), connection.to_owned());
        tx.after_commit(move || drop(tokio::spawn(try_again(engine, started.instance_id, actor))));
    }
    Ok(())
}

/// Tries a deal again that waits for something that sales had to mend: its change in the CRM may have been that.
async fn try_again(engine: Engine<Services>, instance_id: CanonicalId, actor: String) {
    let filter = ExceptionFilter {
        instance_id: Some(instance_id),
        ..ExceptionFilter::default()
    };
    let retry = Resolution {
        action: ResolutionAction::Retry,
        reason: Some("the deal was changed in the CRM".to_owned()),
        answer: None,
    };
    let tried = async {
        for exception in engine.exceptions(filter).await?.items {
            let waits = matches!(exception.state, ExceptionState::Open | ExceptionState::Assigned);
            if waits && MENDED_IN_CRM.contains(&exception.cause.code.as_str()) {
                engine
                    .resolve_exception(exception.id, retry.clone(), &actor)
                    .await?;
            }
        }
        Ok::<_, Failure>(())
    };
    if let Err(failure) = tried.await {
        // A person can still do it: the exception stays on the desk.
        tracing::warn!(instance.id = %instance_id, code = %failure.code, "a changed deal was not tried again");
    }
}

/// Takes in a change of an assignment that the PSA tells of.
///
/// # Errors
/// The database fails.
pub async fn assignment_changed(
    engine: &Engine<Services>,
    tx: &mut Tx,
    connection: &str,
    change: Change<Assignment>,
) -> Result<()> {
    let correlation = Uuid::now_v7().to_string();
    if change.failure.is_some() {
        return cannot_be_read::<Assignment>(engine, tx, connection, &change, &correlation).await;
    }
    let source = format!("{connection} {}", Assignment::PATH);
    let message = message_of(&change);
    if !inbox::accept(tx, &source, &message).await? {
        return Ok(());
    }
    let told = (change.id.as_str(), change.changed_at);
    assignment(engine, tx, connection, told, &message, &correlation)
        .await
        .map(drop)
}

/// Whether a deal is for us: won, without a project, and not from before our time.
#[must_use]
pub fn is_wanted(opportunity: &Opportunity, deals: &DealSettings) -> bool {
    opportunity.stage == OpportunityStage::Won
        && opportunity.project.is_none()
        && deals
            .closed_since
            .is_none_or(|since| opportunity.close_date >= since)
}

async fn cannot_be_read<T: Resource>(
    engine: &Engine<Services>,
    tx: &mut Tx,
    connection: &str,
    change: &Change<T>,
    correlation_id: &str,
) -> Result<()> {
    let start = Start {
        process: unreadable::NAME,
        business_key: &format!(
            "{connection} {} {}",
            T::NAME,
            message_id(&change.id, change.changed_at)
        ),
        correlation_id,
        state: &Unreadable {
            connection: connection.to_owned(),
            resource: T::NAME.to_owned(),
            id: change.id.clone(),
            changed_at: change.changed_at,
        },
    };
    engine.start_in(tx, start).await.map(drop)
}

/// One change of a record, however often it is told.
pub(crate) fn message_id(id: &str, changed_at: DateTime<Utc>) -> String {
    format!("{id} {}", changed_at.timestamp_millis())
}

/// The same where two changes may have one stamp, because the system stamps to the second: what the record says tells
/// them apart.
fn message_of<T: Resource>(change: &Change<T>) -> String {
    let says = change.record.as_ref().map(|record| &record.data);
    let says = serde_json::to_vec(&says).unwrap_or_default();
    let digest: String = hex::encode(Sha256::digest(says)).chars().take(16).collect();
    format!("{} {digest}", message_id(&change.id, change.changed_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::RecordRef;

    fn deal(stage: OpportunityStage) -> Opportunity {
        Opportunity {
            name: "Grid strategy".to_owned(),
            stage,
            account: None,
            owner: None,
            amount: None,
            close_date: "2026-10-01".parse().unwrap(),
            signature_date: None,
            legal_entity: None,
            region: None,
            billing_method: None,
            target_margin_percent: None,
            project_manager: None,
            start_date: None,
            end_date: None,
            purchase_order: None,
            rate_card: None,
            cap: None,
            lines: Vec::new(),
            project: None,
            project_status: None,
        }
    }

    #[test]
    fn two_changes_within_a_second_are_two() {
        let change = |record: Option<&str>| Change {
            id: "7".to_owned(),
            changed_at: DateTime::UNIX_EPOCH,
            record: record.map(|name| canonical_model::Sourced {
                connection: "psa/main".to_owned(),
                object: "role".to_owned(),
                id: "7".to_owned(),
                version: None,
                changed_at: DateTime::UNIX_EPOCH,
                effect_key: None,
                links: std::collections::BTreeMap::new(),
                data: canonical_model::Role {
                    name: name.to_owned(),
                },
                extensions: std::collections::BTreeMap::new(),
            }),
            failure: None,
        };
        let (first, second, gone) = (change(Some("a")), change(Some("b")), change(None));
        assert_eq!(message_of(&first), message_of(&first.clone()));
        assert_ne!(message_of(&first), message_of(&second));
        assert_ne!(message_of(&second), message_of(&gone));
    }

    #[test]
    fn open_deals_old_deals_and_our_own_echo_are_left_alone() {
        let any = DealSettings::default();
        let won = deal(OpportunityStage::Won);
        assert!(is_wanted(&won, &any));
        assert!(!is_wanted(&deal(OpportunityStage::Open), &any));
        let since = DealSettings {
            closed_since: "2026-10-02".parse().ok(),
        };
        assert!(!is_wanted(&won, &since));
        let echo = Opportunity {
            project: Some(RecordRef::id("77")),
            ..won
        };
        assert!(!is_wanted(&echo, &any));
    }
}

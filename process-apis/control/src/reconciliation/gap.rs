//! A change feed that was not read for longer than its vendor remembers: what changed in between may never have been told.
//!
//! Whoever follows the feed tells it as an event. Here it becomes an exception that says so and, for work that is posted,
//! a full comparison of the days in question; the exception closes when that has come to its end.

use canonical_model::clock;
use canonical_model::{
    CanonicalId, Event, ExceptionCause, ExceptionRecord, ExceptionState, Failure, ReconciliationScope,
    ReconciliationState, ReconciliationTrigger, Result,
};
use chrono::{DateTime, Days, TimeDelta, Utc};
use persistence::Tx;
use serde::Deserialize;

use super::{OURS, ReconciliationSettings, Wake, differences, store};
use crate::desk;

/// Collections whose records are compared.
const COMPARED: [&str; 2] = ["time-entries", "expenses"];

/// What the event of a gap tells.
#[derive(Debug, Deserialize)]
struct Gap {
    /// Connection and collection, such as `psa/main time-entries`.
    feed: String,
    /// When it was last read, where that is known.
    last_read_at: Option<DateTime<Utc>>,
    /// Why something may be missing.
    reason: String,
}

/// Answers a gap.
///
/// # Errors
/// The database fails. An event that cannot be read is logged.
pub(crate) async fn take_gap(
    tx: &mut Tx,
    event: &Event,
    settings: &ReconciliationSettings,
    wake: &Wake,
) -> Result<()> {
    let gap: Gap = match serde_json::from_value(event.data.clone()) {
        Ok(gap) => gap,
        Err(error) => {
            tracing::error!(event = %event.id, %error, "a gap in a feed cannot be read");
            return Ok(());
        }
    };
    let now = clock::now();
    let exception = CanonicalId::generate();
    let compared = COMPARED.iter().any(|collection| gap.feed.ends_with(collection));
    let mut instance_id = exception;
    if compared {
        let since = gap.last_read_at.unwrap_or(now).date_naive();
        let run = store::NewRun {
            id: CanonicalId::generate(),
            trigger: ReconciliationTrigger::FeedGap,
            requested_by: event.source.clone(),
            scope: ReconciliationScope {
                period: None,
                from: since.checked_sub_days(Days::new(settings.gap_days.into())),
                to: Some(now.date_naive()),
                legal_entity: None,
                region: None,
                project_code: None,
            },
            correlation_id: event.correlation_id.clone(),
            gap_exception: Some(exception),
        };
        super::begin(tx, &run, now.timestamp_millis()).await?;
        instance_id = run.id;
        let wake = wake.runs.clone();
        tx.after_commit(move || wake.notify_one());
    }
    let answer = if compared {
        "the days in question are being compared as a whole"
    } else {
        "look for what was deleted or changed meanwhile"
    };
    let failure = Failure::business("feed_gap", format!("{}: {}; {answer}", gap.feed, gap.reason));
    let record = ExceptionRecord {
        id: exception,
        process: "reconciliation".to_owned(),
        instance_id,
        step: "feed".to_owned(),
        business_key: format!("feed {}", gap.feed),
        title: format!("Changes of {} may have been missed", gap.feed),
        cause: ExceptionCause {
            code: failure.code.clone(),
            subject: format!("feed:{}", gap.feed),
        },
        failure,
        owner_role: "integration_operator".to_owned(),
        assignee: None,
        money_at_risk: None,
        legal_entity: None,
        region: None,
        state: ExceptionState::Open,
        opened_at: now,
        due_at: now + TimeDelta::hours(settings.sla_hours.into()),
        closed_at: None,
        resolution: None,
        correlation_id: event.correlation_id.clone(),
    };
    desk::take(tx, OURS, &record).await?;
    differences::log(tx, &record, "exception.opened", &event.source, now).await
}

/// A person wants the days of a gap compared again, after the comparison failed.
///
/// # Errors
/// Business `resolution_not_offered` where there is nothing to compare, or the comparison is under way.
pub(super) async fn compare_again(
    tx: &mut Tx,
    record: &ExceptionRecord,
    actor: &str,
    wake: &Wake,
    now: DateTime<Utc>,
) -> Result<()> {
    let before = store::of_gap(tx, record.id).await?;
    let Some(before) = before.filter(|run| run.state == ReconciliationState::Failed) else {
        let message = "there is no failed comparison of this gap to repeat; close it with a reason (skip) when nothing is \
                       missing";
        return Err(Failure::business("resolution_not_offered", message));
    };
    tx.execute(
        "UPDATE reconciliations SET gap_exception = NULL WHERE gap_exception = $1",
        persistence::args![record.id],
    )
    .await?;
    let again = store::NewRun {
        id: CanonicalId::generate(),
        trigger: ReconciliationTrigger::FeedGap,
        requested_by: actor.to_owned(),
        scope: before.scope,
        correlation_id: record.correlation_id.clone(),
        gap_exception: Some(record.id),
    };
    super::begin(tx, &again, now.timestamp_millis()).await?;
    let wake = wake.runs.clone();
    tx.after_commit(move || wake.notify_one());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{Resolution, ResolutionAction};
    use serde_json::json;

    fn gap(feed: &str) -> Event {
        let now = clock::now();
        Event {
            specversion: "1.0".to_owned(),
            id: CanonicalId::generate().to_string(),
            source: "/feed".to_owned(),
            kind: "feed.gap".to_owned(),
            subject: feed.to_owned(),
            time: now,
            correlation_id: "c".to_owned(),
            data: json!({"feed": feed, "last_read_at": "2026-10-20T08:00:00Z", "reason": "it was not read"}),
        }
    }

    #[tokio::test]
    async fn a_gap_is_put_before_a_person_and_posted_work_is_compared_as_a_whole() {
        let migrations: Vec<_> = persistence::MIGRATIONS
            .into_iter()
            .chain(crate::state::MIGRATIONS)
            .collect();
        for (engine, db) in testkit::test_database(&migrations).await {
            let settings: crate::Settings = chassis::load_with(toml::Table::new()).unwrap();
            let settings = settings.reconciliation;
            let take = async |feed: &'static str| {
                let settings = settings.clone();
                db.write(move |tx| {
                    Box::pin(async move { take_gap(tx, &gap(feed), &settings, &Wake::default()).await })
                })
                .await
                .unwrap();
            };
            take("psa/main time-entries").await;
            take("psa/main milestones").await;
            let (exceptions, runs) = db
                .read(|tx| {
                    Box::pin(async move {
                        let exceptions = desk::list(tx, &desk::Filter::default(), 0, 10).await?;
                        Ok((exceptions, store::list(tx, None, None, 10).await?))
                    })
                })
                .await
                .unwrap();
            assert_eq!(exceptions.len(), 2, "{engine}");
            assert!(
                exceptions.iter().all(|e| e.cause.code == "feed_gap"),
                "{engine}: {exceptions:#?}"
            );
            let [run] = runs.as_slice() else {
                panic!("{engine}: {runs:#?}")
            };
            assert_eq!(
                (run.trigger, run.scope.from),
                (ReconciliationTrigger::FeedGap, "2026-09-15".parse().ok()),
                "{engine}: {} days before the gap",
                settings.gap_days
            );
            let of_run = exceptions.iter().find(|e| e.instance_id == run.id).unwrap().id;
            let retry = Resolution {
                action: ResolutionAction::Retry,
                reason: None,
                answer: None,
            };
            let refused = db
                .write(move |tx| {
                    Box::pin(async move {
                        let now = clock::now();
                        differences::decide(tx, of_run, &retry, "ines", &Wake::default(), now).await
                    })
                })
                .await
                .unwrap_err();
            assert_eq!(
                refused.code, "resolution_not_offered",
                "{engine}: it is under way"
            );
        }
    }
}

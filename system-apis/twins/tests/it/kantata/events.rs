//! The event feed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::DateTime;
use serde_json::json;
use vendor_twins::kantata::KantataSettings;
use vendor_twins::store::Store;

use super::{Account, MARIA, ids, records, refusal};

/// An account whose time is moved by hand.
fn account_in_time(settings: KantataSettings) -> (Account, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(1_790_000_000));
    let clock = Arc::clone(&seconds);
    let clock = Arc::new(move || DateTime::from_timestamp(clock.load(Ordering::SeqCst), 0).unwrap());
    (Account::with(Store::in_memory(clock), settings), seconds)
}

#[tokio::test]
async fn events_come_late_out_of_order_and_for_nine_days() {
    let settings = KantataSettings {
        event_lag: chrono::Duration::seconds(10),
        ..KantataSettings::default()
    };
    let (account, seconds) = account_in_time(settings);
    let project = account.project("Feed").await;
    let entries = account
        .hours(&project, MARIA, &["2026-09-07", "2026-09-08"])
        .await;
    assert_eq!(account.get("subscribed_events").await.1["count"], 0);
    seconds.fetch_add(30, Ordering::SeqCst);
    let (_, feed) = account
        .get("subscribed_events?order=created_at:asc&per_page=200")
        .await;
    let shown = records(&feed);
    let types: Vec<_> = shown.iter().map(|e| e["event_type"].as_str().unwrap()).collect();
    for expected in ["workspace:created", "participation:created", "time_entry:created"] {
        assert!(types.contains(&expected), "{types:?}");
    }
    let created: Vec<_> = shown
        .iter()
        .map(|e| e["created_at"].as_str().unwrap().to_owned())
        .collect();
    assert!(created.is_sorted());
    let mut by_id = ids(&feed);
    by_id.sort();
    assert_ne!(
        by_id,
        ids(&feed),
        "the order of the feed is not that of the changes"
    );
    assert!(
        shown
            .iter()
            .all(|e| e["subject_changed_at"].as_str() < e["created_at"].as_str())
    );
    assert!(created[0].ends_with('Z') && shown[0].get("current_payload").is_none());

    seconds.fetch_add(8 * 86_400, Ordering::SeqCst);
    assert_eq!(account.get("subscribed_events").await.1["count"], feed["count"]);
    account.delete(&format!("time_entries/{}", entries[0])).await;
    seconds.fetch_add(86_400, Ordering::SeqCst);
    let (_, kept) = account.get("subscribed_events?include=subject").await;
    let deleted = records(&kept);
    assert_eq!(deleted.len(), 1);
    assert_eq!(
        (&deleted[0]["event_type"], &deleted[0]["subject_ref"]),
        (&json!("time_entry:deleted"), &json!(null))
    );
}

#[tokio::test]
async fn an_approval_is_a_change_of_the_timesheet_with_what_changed() {
    let settings = KantataSettings {
        event_lag: chrono::Duration::zero(),
        ..KantataSettings::default()
    };
    let (account, seconds) = account_in_time(settings);
    let project = account.project("Payloads").await;
    let entries = account.hours(&project, MARIA, &["2026-09-07"]).await;
    let sheet = account.submit(&project, &entries).await;
    let before = seconds.fetch_add(60, Ordering::SeqCst);
    account.resolve(&sheet, "approve").await;
    let after = DateTime::from_timestamp(before, 0)
        .unwrap()
        .format("%Y-%m-%dT%H:%M:%SZ");
    let path = format!(
        "subscribed_events?created_after={after}&optional_fields=payload_changes,current_payload&include=subject"
    );
    let (_, feed) = account
        .get(&format!(
            "{path}&event_types=timesheet:updated,expense_report:updated"
        ))
        .await;
    let event = records(&feed).remove(0);
    assert_eq!(
        (&event["subject_type"], &event["subject_id"]),
        (&json!("TimesheetSubmission"), &json!(sheet))
    );
    assert_eq!(
        event["payload_changes"]["status"],
        json!({"from": "pending", "to": "approved"})
    );
    assert_eq!(
        event["subject_ref"],
        json!({"id": sheet, "key": "timesheet_submissions"})
    );
    assert_eq!(feed["timesheet_submissions"][&sheet]["status"], "approved");
    let (_, touched) = account
        .get(&format!("{path}&event_types=time_entry:updated"))
        .await;
    assert_eq!(touched["count"], 1);

    account
        .post(
            "custom_field_values",
            json!({"custom_field_value": {
        "subject_type": "Workspace", "subject_id": project, "custom_field_id": 304, "value": "EMEA"}}),
        )
        .await;
    let (_, newest) = account
        .get(&format!(
            "subscribed_events?subject_type=Workspace&subject_id={project}&most_recent=true"
        ))
        .await;
    assert_eq!(
        records(&newest)[0]["event_type"],
        "workspace:custom_field_value_created"
    );
    let (_, types) = account.get("subscribed_events/event_types").await;
    assert!(types["event_types"]["daily_scheduled_hours:created"]["payload_fields"].is_array());
}

#[tokio::test]
async fn an_account_that_did_not_buy_the_feed_is_refused() {
    let settings = KantataSettings {
        subscribed_events: false,
        ..KantataSettings::default()
    };
    let (account, _) = account_in_time(settings);
    assert_eq!(refusal(&account.get("subscribed_events").await).0, 403);
}

//! Time, expenses and their approval.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Account, HELEN, JAMES, LEE, MARIA, answer, first, id, ids, records, refusal};

#[tokio::test]
async fn bulk_time_is_all_or_nothing_and_names_each_bad_entry() {
    let account = Account::start();
    let project = account.project("Bulk").await;
    let entry = |minutes: Value, day: &str| json!({"workspace_id": project, "date_performed": day, "time_in_minutes": minutes});
    let (status, refused) = account
        .post(
            "time_entries",
            json!({"time_entries": [
                entry(json!(60), "2026-10-05"), entry(json!(0), "2026-10-05"), entry(json!(60), "soon"),
                {"workspace_id": project, "date_performed": "2026-10-05", "time_in_minutes": 1, "story_id": "999"},
                {"time_in_minutes": 5}]}),
        )
        .await;
    assert_eq!(status, 422);
    let errors: Vec<_> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["index"].clone(), e["field"].clone()))
        .collect();
    let expected = [
        (json!(1), json!("time_in_minutes")),
        (json!(2), json!("date_performed")),
        (json!(3), json!("story_id")),
        (json!(4), json!("workspace_id")),
        (json!(4), json!("date_performed")),
    ];
    assert_eq!(errors, expected);
    assert_eq!(account.get("time_entries").await.1["count"], 0);
    let many: Vec<Value> = (0..101).map(|_| entry(json!(1), "2026-10-05")).collect();
    assert_eq!(
        account
            .post("time_entries", json!({"time_entries": many}))
            .await
            .0,
        422
    );

    let made = account
        .hours(&project, JAMES, &["2026-10-05", "2026-10-06"])
        .await;
    let (_, listed) = account.get("time_entries?order=created_at:asc").await;
    let james = first(&listed);
    // The rate of his role on the rate card; what he costs in the project's currency.
    assert_eq!(
        (&james["rate_in_cents"], &james["cost_rate_in_cents"]),
        (&json!(24_000), &json!(13_335))
    );
    assert_eq!(
        (&james["billable"], &james["approved"]),
        (&json!(true), &json!(false))
    );
    let (status, _) = account.delete(&format!("time_entries?ids={},999", made[0])).await;
    assert_eq!(
        (status, account.get("time_entries").await.1["count"].clone()),
        (404, json!(2))
    );
    let request = account
        .request(Method::DELETE, "time_entries")
        .json(&json!({"ids": made.join(",")}));
    assert_eq!(answer(request).await, (204, Value::Null));
    assert_eq!(account.get("time_entries").await.1["count"], 0);
}

#[tokio::test]
async fn forms_are_taken_as_well_as_json() {
    let account = Account::start();
    let project = account.project("Forms").await;
    let form = [
        ("time_entry[workspace_id]", project.as_str()),
        ("time_entry[date_performed]", "2026-10-05"),
        ("time_entry[time_in_minutes]", "90"),
        ("time_entry[billable]", "false"),
        ("time_entry[external_reference][service_name]", "Fairlead"),
        ("time_entry[external_reference][service_model]", "TimeEntry"),
        ("time_entry[external_reference][service_model_ref]", "t-1"),
    ];
    let (status, made) = answer(
        account
            .request(Method::POST, "time_entries.json?include=external_references")
            .form(&form),
    )
    .await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(
        (&first(&made)["time_in_minutes"], &first(&made)["billable"]),
        (&json!(90), &json!(false))
    );
    assert_eq!(
        first(&made)["external_reference_ids"].as_array().unwrap().len(),
        1
    );
    let form = [
        ("timesheet_submission[workspace_id]", project.as_str()),
        ("timesheet_submission[title]", "W"),
        ("timesheet_submission[line_item_ids][]", &id(&first(&made))),
    ];
    let (status, sheet) = answer(account.request(Method::POST, "timesheet_submissions").form(&form)).await;
    assert_eq!(
        (status, &first(&sheet)["start_date"]),
        (200, &json!("2026-10-05")),
        "{sheet}"
    );
}

#[tokio::test]
async fn an_approved_timesheet_can_be_rejected_later_and_submitted_again() {
    let account = Account::start();
    let project = account.project("Approving").await;
    let entries = account
        .hours(&project, MARIA, &["2026-10-05", "2026-10-06"])
        .await;
    let other = account.hours(&project, LEE, &["2026-10-05"]).await;
    let mixed = json!({"timesheet_submission": {
        "workspace_id": project, "title": "Week", "line_item_ids": [entries[0], other[0]]}});
    assert_eq!(
        refusal(&account.post("timesheet_submissions", mixed).await).3,
        "line_item_ids"
    );

    let sheet = account.submit(&project, &entries).await;
    let again =
        json!({"timesheet_submission": {"workspace_id": project, "title": "Week", "line_item_ids": entries}});
    assert_eq!(
        refusal(&account.post("timesheet_submissions", again).await).3,
        "line_item_ids"
    );
    let (status, approved) = account.resolve(&sheet, "approve").await;
    assert_eq!((status, &first(&approved)["status"]), (200, &json!("approved")));
    assert_eq!(first(&approved)["line_item_total_in_cents"], 2 * 8 * 18_000);
    let entry = format!("time_entries/{}", entries[0]);
    assert_eq!(first(&account.get(&entry).await.1)["approved"], true);
    let change = json!({"time_entry": {"notes": "late"}});
    assert_eq!(refusal(&account.put(&entry, change.clone()).await).0, 422);
    assert_eq!(refusal(&account.delete(&entry).await).0, 422);
    assert_eq!(refusal(&account.resolve(&sheet, "cancel").await).0, 422);

    let body = json!({"resolution": {"description": "wrong project", "submission_ids": [sheet]}});
    let (status, rejected) = account.post("timesheet_rejections", body).await;
    assert_eq!(status, 200, "{rejected}");
    let resolution = first(&rejected);
    assert_eq!(
        (&resolution["type"], &resolution["target_id"]),
        (&json!("rejection"), &json!(sheet))
    );
    let (_, entry_now) = account
        .get(&format!("{entry}?include=active_submission,recent_submission"))
        .await;
    let now = first(&entry_now);
    assert_eq!(
        (&now["approved"], &now["active_submission_id"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(now["recent_submission_id"], sheet);
    assert_eq!(account.put(&entry, change).await.0, 200);

    let second = account.submit(&project, &entries).await;
    let (_, old) = account
        .get(&format!("timesheet_submissions/{sheet}?include=time_entries"))
        .await;
    assert_eq!(
        (&first(&old)["status"], &first(&old)["time_entry_ids"]),
        (&json!("rejected"), &json!([]))
    );
    let (_, new) = account
        .get(&format!(
            "time_entries?with_recent_timesheet_ids={second}&order=created_at:asc"
        ))
        .await;
    assert_eq!(ids(&new), entries);
    let body = json!({"resolution": {"submission_ids": [second, "999"]}});
    assert_eq!(account.post("timesheet_approvals", body).await.0, 404);
    let (_, still) = account.get(&format!("timesheet_submissions/{second}")).await;
    assert_eq!(first(&still)["status"], "pending");
}

#[tokio::test]
async fn work_of_a_project_without_approvals_is_approved_without_a_submission() {
    let account = Account::start();
    let fields = json!({"title": "Internal", "require_time_approvals": false});
    let project = id(&account.create("workspaces", "workspace", fields).await);
    let entries = account.hours(&project, MARIA, &["2026-10-05"]).await;
    let (_, approved) = account
        .get("time_entries?approved=true&include=active_submission")
        .await;
    assert_eq!(ids(&approved), entries);
    assert!(first(&approved)["active_submission_id"].is_null());
}

#[tokio::test]
async fn expenses_are_written_and_read_under_different_names_and_a_locked_reference_holds_them() {
    let account = Account::start();
    let project = account.project("Expenses").await;
    let fields = json!({"workspace_id": project, "user_id": HELEN, "date": "2026-10-05", "category": "Travel",
        "amount_in_cents": 12_050, "billable": false, "reimbursable": true});
    let expense = account.create("expenses", "expense", fields).await;
    assert_eq!(
        (&expense["is_billable"], expense.get("billable")),
        (&json!(false), None)
    );
    assert_eq!(
        (&expense["expense_category_id"], &expense["currency"]),
        (&json!("901"), &json!("USD"))
    );
    let foreign = json!({"workspace_id": project, "date": "2026-10-05", "category": "Meals",
        "foreign_exchange_amount": {"source_value": "33.10", "source_currency": "USD"}, "amount_in_cents": 1});
    assert_eq!(
        account.create("expenses", "expense", foreign).await["amount_in_cents"],
        3310
    );

    let report = json!({"workspace_id": project, "title": "Trip", "expense_ids": [id(&expense)]});
    let report = id(&account
        .create("expense_report_submissions", "expense_report_submission", report)
        .await);
    let path = |action: &str| format!("expense_report_submissions/{report}/{action}");
    assert_eq!(account.put(&path("approve"), json!({})).await.0, 200);
    let (_, approved) = account.get("expenses?approved=true").await;
    assert_eq!(records(&approved).len(), 1);
    let lock = json!({"external_reference": {
        "service_name": "Netsuite", "service_model": "ExpenseReport", "service_model_ref": "88", "subject_type": "Expense",
        "subject_id": id(&expense), "status": "successful", "locked": true}});
    assert_eq!(
        account.post("external_references/create_or_update", lock).await.0,
        200
    );
    assert_eq!(refusal(&account.put(&path("reject"), json!({})).await).0, 422);
}

#[tokio::test]
async fn locked_time_stays_as_it_is() {
    let account = Account::start();
    let project = account.project("Locking").await;
    let entries = account.hours(&project, MARIA, &["2026-01-05"]).await;
    let lock = |date: Value| {
        account
            .http
            .put(format!("{}/_twin/time-lock", account.base))
            .json(&json!({"date": date}))
    };
    assert_eq!(lock(json!("2026-01-09")).send().await.unwrap().status(), 422);
    assert_eq!(lock(json!("2026-01-10")).send().await.unwrap().status(), 204);
    let entry = json!({"time_entry": {"workspace_id": project, "date_performed": "2026-01-10", "time_in_minutes": 5}});
    assert_eq!(
        refusal(&account.post("time_entries", entry).await).3,
        "date_performed"
    );
    let submit =
        json!({"timesheet_submission": {"workspace_id": project, "title": "Week", "line_item_ids": entries}});
    assert_eq!(
        refusal(&account.post("timesheet_submissions", submit).await).0,
        422
    );
    assert_eq!(
        account.delete(&format!("time_entries/{}", entries[0])).await.0,
        422
    );
    assert_eq!(lock(Value::Null).send().await.unwrap().status(), 204);
    assert_eq!(
        account.delete(&format!("time_entries/{}", entries[0])).await.0,
        204
    );
}

//! Projects, tasks, custom fields with a unique constraint, external references, billing.

use serde_json::json;

use super::{Account, BILLING_TYPE, JAMES, MARIA, PROJECT_CODE, PROJECT_KEY, first, id, ids, refusal};

#[tokio::test]
async fn a_project_is_created_whole_and_its_money_is_read_with_care() {
    let account = Account::start();
    let company = json!({"name": "Heliograph GmbH", "company": true});
    let company = id(&account
        .create("workspace_groups", "workspace_group", company)
        .await);
    let (status, made) = account
        .post(
            "workspaces?include=custom_field_values,external_references,workspace_groups",
            json!({"workspaces": [{
                "title": "Heliograph operating model", "creator_role": "maven", "currency": "USD", "rate_card_id": 612,
                "price": "75000.50", "budgeted": true, "target_margin": 35.5, "start_date": "2026-10-05",
                "due_date": "2026-12-18", "status_key": 300, "primary_maven_id": 12,
                "primary_workspace_group_id": company,
                "custom_fields": [
                    {"custom_field_id": 301, "value": "q2p-1"}, {"custom_field_id": 303, "value": [403]},
                    {"custom_field_id": 307, "value": [7_500_050, "EUR"]}],
                "external_reference": {"service_name": "Fairlead", "service_model": "Project", "service_model_ref": "prj_1"},
            }]}),
        )
        .await;
    assert_eq!(status, 200, "{made}");
    let project = first(&made);
    // The rate card's currency wins over the one that was asked for.
    assert_eq!(
        (&project["currency"], &project["currency_base_unit"]),
        (&json!("EUR"), &json!(100))
    );
    assert_eq!(
        (&project["price_in_cents"], &project["price"]),
        (&json!(7_500_050), &json!("€75000.50"))
    );
    assert_eq!(project["target_margin"], 35.5);
    assert_eq!(
        project["status"],
        json!({"color": "green", "key": 300, "message": "Active"})
    );
    assert_eq!(project["workspace_group_ids"], json!([company]));
    let values = made["custom_field_values"].as_object().unwrap();
    assert!(
        values
            .values()
            .any(|v| v["custom_field_id"] == BILLING_TYPE && v["display_value"] == "Milestone")
    );
    let reference = made["external_references"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap()
        .clone();
    assert_eq!(
        (&reference["subject_type"], reference["subject_id"].is_i64()),
        (&json!("Workspace"), true)
    );

    let (_, found) = account.get("workspaces?by_custom_text_value=(301:q2p-1)").await;
    assert_eq!(ids(&found), [id(&project)]);
    let (_, found) = account
        .get("workspaces?external_reference_service_model_ref=prj_1")
        .await;
    assert_eq!(ids(&found), [id(&project)]);
    let (_, none) = account
        .get("workspaces?without_external_reference_service_name=Fairlead")
        .await;
    assert_eq!(none["count"], 0);
    let (_, group) = account
        .get(&format!("workspace_groups/{company}?include=workspaces"))
        .await;
    assert_eq!(first(&group)["workspace_ids"], json!([id(&project)]));
    assert_eq!(
        account.delete(&format!("workspaces/{}", id(&project))).await.0,
        404
    );
}

#[tokio::test]
async fn refusals_have_the_vendors_form_and_leave_no_trace() {
    let account = Account::start();
    let blank = account
        .post("workspaces", json!({"workspace": {"currency": "USD"}}))
        .await;
    assert_eq!(
        blank,
        (
            422,
            json!({"errors": [{"type": "validation", "message": "Title can't be blank", "field": "title"}]})
        )
    );
    let currency = account
        .post(
            "workspaces",
            json!({"workspace": {"title": "x", "currency": "XXX"}}),
        )
        .await;
    assert_eq!(refusal(&currency).3, "currency");
    let status = account
        .post(
            "workspaces",
            json!({"workspace": {"title": "x", "status_key": 1}}),
        )
        .await;
    assert_eq!(refusal(&status).3, "status_key");
    assert_eq!(
        refusal(&account.post("workspaces", json!({"title": "x"})).await).0,
        400
    );
    let (status, kind, message, _) = refusal(&account.get("workspaces/1").await);
    assert_eq!(
        (status, kind.as_str(), message.as_str()),
        (404, "system", "Record not found")
    );
    assert_eq!(refusal(&account.get("nonsense").await).0, 404);

    let project = account.project("Tree").await;
    let long = json!({"story": {"title": "x".repeat(201), "workspace_id": project}});
    assert_eq!(refusal(&account.post("stories", long).await).3, "title");
    let mut parent = None;
    for level in 0..5 {
        let story = json!({"title": format!("level {level}"), "workspace_id": project, "parent_id": parent});
        parent = Some(id(&account.create("stories", "story", story).await));
    }
    let deeper = json!({"story": {"title": "level 5", "workspace_id": project, "parent_id": parent}});
    assert_eq!(refusal(&account.post("stories", deeper).await).3, "parent_id");
    let (_, log) = super::answer(account.http.get(format!("{}/_twin/writes", account.base))).await;
    let stories = log
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["table"] == "stories")
        .count();
    assert_eq!(stories, 5);
}

#[tokio::test]
async fn a_unique_custom_field_is_the_guard_against_a_second_project() {
    let account = Account::start();
    let body = json!({"workspace": {"title": "Once", "custom_fields": [{"custom_field_id": 301, "value": "key-1"}]}});
    let (_, made) = account.post("workspaces", body.clone()).await;
    let project = ids(&made).remove(0);
    let second = account.post("workspaces", body).await;
    let (status, kind, message, _) = refusal(&second);
    assert_eq!((status, kind.as_str()), (422, "validation"));
    assert!(message.contains("has already been entered"), "{message}");
    let (_, all) = account.get("workspaces").await;
    assert_eq!(all["count"], 1);

    // Every write of a value makes a new record of it.
    let find = format!("custom_field_values?subject_type=workspace&with_subject_id={project}");
    let (_, before) = account.get(&find).await;
    let write = |field: &str, value: serde_json::Value| {
        json!({"custom_field_values": [
            {"subject_type": "Workspace", "subject_id": project, "custom_field_id": field, "value": value}]})
    };
    let same = account
        .post("custom_field_values", write(PROJECT_KEY, json!("key-1")))
        .await;
    assert_eq!(same.0, 200, "{}", same.1);
    let (_, after) = account.get(&find).await;
    assert_eq!(after["count"], 1);
    assert_ne!(ids(&before), ids(&after));

    for (field, value) in [
        (BILLING_TYPE, json!(["999"])),
        (BILLING_TYPE, json!(["401", "402"])),
        ("307", json!("75000")),
    ] {
        let refused = account
            .post("custom_field_values", write(field, value.clone()))
            .await;
        assert_eq!(
            (refused.0, &refused.1["errors"][0]["index"]),
            (422, &json!(0)),
            "{field} {value}"
        );
    }
    let other = account.project("Other").await;
    account
        .post("custom_field_values", write(PROJECT_CODE, json!("HEL-1")))
        .await;
    let taken = json!({"custom_field_value": {
        "subject_type": "Workspace", "subject_id": other, "custom_field_id": PROJECT_CODE, "value": "HEL-1"}});
    assert!(
        refusal(&account.post("custom_field_values", taken).await)
            .2
            .contains("has already been entered")
    );
}

#[tokio::test]
async fn an_external_reference_is_one_for_each_service_and_subject() {
    let account = Account::start();
    let project = account.project("References").await;
    let entries = account
        .hours(&project, MARIA, &["2026-10-05", "2026-10-06"])
        .await;
    let reference = |entry: &str, status: &str, bill: &str| {
        json!({"external_reference": {
            "service_name": "Netsuite", "service_model": "TimeBill", "service_model_ref": bill, "subject_type": "TimeEntry",
            "subject_id": entry, "status": status, "external_message": "posted"}})
    };
    let path = "external_references/create_or_update";
    let (status, made) = account.post(path, reference(&entries[0], "failed", "71")).await;
    assert_eq!(status, 200, "{made}");
    let (_, again) = account
        .post(path, reference(&entries[0], "successful", "72"))
        .await;
    assert_eq!(ids(&made), ids(&again));
    assert_eq!(first(&again)["status"], "successful");
    assert!(first(&again)["last_synced_at"].is_string());

    let (_, open) = account
        .get("time_entries?without_external_reference_service_name=Netsuite")
        .await;
    assert_eq!(ids(&open), entries[1..]);
    let filters = "external_reference_service_name=Netsuite&external_reference_status=successful&include=external_references";
    let (_, sent) = account.get(&format!("time_entries?{filters}")).await;
    assert_eq!(first(&sent)["external_reference_ids"], json!(ids(&made)));
    let (_, by_ref) = account
        .get("time_entries?external_reference_service_model_refs=71,72")
        .await;
    assert_eq!(ids(&by_ref), entries[..1]);
    let (_, listed) = account
        .get("external_references?subject_type=TimeEntry&service_model_ref=72")
        .await;
    assert_eq!(listed["count"], 1);

    let stray = account.post(path, reference("999", "successful", "73")).await;
    assert_eq!(refusal(&stray).3, "subject_id");
    let incomplete = json!({"external_reference": {"service_name": "Netsuite", "subject_type": "TimeEntry"}});
    let (status, body) = account.post(path, incomplete).await;
    assert_eq!((status, body["errors"].as_array().unwrap().len()), (422, 3));
}

#[tokio::test]
async fn milestones_and_time_are_invoiced_once() {
    let account = Account::start();
    let project = account.project("Billing").await;
    let story = json!({"title": "Blueprint accepted", "workspace_id": project, "story_type": "milestone"});
    let story = id(&account.create("stories", "story", story).await);
    let without = json!({"billing_milestone": {
        "title": "Blueprint", "amount_in_cents": 2_500_000, "workspace_id": project, "billing_type": "upon_completion"}});
    assert_eq!(
        refusal(&account.post("billing_milestones", without).await).3,
        "story_id"
    );
    let milestone = json!({"title": "Blueprint", "amount_in_cents": 2_500_000, "workspace_id": project,
        "date_to_invoice": "2026-10-30", "billing_type": "upon_completion", "story_id": story,
        "external_reference": {"service_name": "Fairlead", "service_model": "Milestone", "service_model_ref": "ms-1"}});
    let milestone = account
        .create("billing_milestones", "billing_milestone", milestone)
        .await;
    assert_eq!(milestone["currency"], "USD");
    let entries = account.hours(&project, JAMES, &["2026-10-05"]).await;

    let invoice = json!({"invoice": {
        "workspace_id": project, "payment_schedule": 30, "invoice_date": "2026-10-31", "suppress_emails": true,
        "time_entry_ids": entries, "billing_milestone_ids": [id(&milestone)],
        "additional_items": [{"title": "Travel flat", "amount": "100.25"}]}});
    let (status, made) = account
        .post("invoices?include=time_entries,additional_items", invoice.clone())
        .await;
    assert_eq!(status, 200, "{made}");
    // 8 hours at 240 USD, the milestone, the item.
    assert_eq!(first(&made)["balance_in_cents"], 192_000 + 2_500_000 + 10_025);
    assert_eq!(
        (&first(&made)["due_date"], &first(&made)["status"]),
        (&json!("2026-11-30"), &json!("new"))
    );
    assert_eq!(made["time_entries"][&entries[0]]["is_invoiced"], true);
    assert_eq!(
        refusal(&account.post("invoices", invoice).await).3,
        "time_entry_ids"
    );

    let payment = json!({"external_payment": {
        "invoice_id": ids(&made)[0], "workspace_id": project, "amount_in_cents": 2_702_025, "message": "PYMT7"}});
    assert_eq!(account.post("external_payments", payment).await.0, 200);
    let (_, paid) = account.get(&format!("invoices/{}", ids(&made)[0])).await;
    assert_eq!(
        (&first(&paid)["status"], &first(&paid)["balance_in_cents"]),
        (&json!("accepted payment"), &json!(0))
    );
}

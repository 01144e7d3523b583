//! Seats, allocations, staffing requests, assignments.

use serde_json::json;

use super::{Account, CONSULTANT, HELEN, JAMES, MARIA, SENIOR, first, id, ids, records, refusal};

#[tokio::test]
async fn a_request_makes_a_seat_and_its_approval_fills_it() {
    let account = Account::start();
    let project = account.project("Staffing").await;
    let request = json!({"resource_request": {
        "approver_ids": [HELEN], "resource_workspace_id": project, "resource_role_id": SENIOR,
        "workspace_allocation_start_date": "2026-10-05", "workspace_allocation_end_date": "2026-10-16",
        "workspace_allocation_percentage": 50, "custom_fields": [{"custom_field_id": 331, "value": "seat-1"}]}});
    let (status, made) = account
        .post("resource_requests?include=resource", request.clone())
        .await;
    assert_eq!(status, 200, "{made}");
    let request_id = ids(&made).remove(0);
    let seat = first(&made)["resource_id"].as_str().unwrap().to_owned();
    assert_eq!(first(&made)["status"], "pending");
    assert_eq!(
        made["workspace_resources"][&seat]["pending_resource_request_id"],
        request_id
    );
    // The seat's unique field keeps a request that is sent twice from making two seats.
    let (_, _, message, _) = refusal(&account.post("resource_requests", request).await);
    assert!(message.contains("has already been entered"), "{message}");
    let (_, soft) = account
        .get(&format!("workspace_allocations?workspace_id={project}"))
        .await;
    assert_eq!(
        (&first(&soft)["minutes"], &first(&soft)["hard"]),
        (&json!(2400), &json!(false))
    );
    assert_eq!(first(&soft)["percentage"], 50);

    let approve = json!({"resource_request": {"request_resolution_status": "approve", "user_id": JAMES}});
    let (status, approved) = account
        .put(&format!("resource_requests/{request_id}"), approve.clone())
        .await;
    assert_eq!((status, &first(&approved)["status"]), (200, &json!("approved")));
    let (_, seats) = account
        .get(&format!(
            "workspace_resources?workspace_id={project}&include=workspace_allocations"
        ))
        .await;
    assert_eq!(first(&seats)["full_name"], "James Whitfield");
    assert_eq!(first(&seats)["total_allocated_minutes"], 2400);
    let allocations = seats["workspace_allocations"].as_object().unwrap();
    assert!(allocations.values().all(|a| a["hard"] == true));
    let (_, people) = account.get(&format!("users?participant_in={project}")).await;
    assert!(ids(&people).contains(&JAMES.to_owned()));
    assert_eq!(
        refusal(
            &account
                .put(&format!("resource_requests/{request_id}"), approve)
                .await
        )
        .0,
        422
    );
    let (_, open) = account.get("resource_requests?pending_requests_only=true").await;
    assert_eq!(open["count"], 0);
    let nobody = json!({"resource_request": {"resource_workspace_id": project, "resource_role_id": SENIOR}});
    assert_eq!(
        refusal(&account.post("resource_requests", nobody).await).3,
        "approver_ids"
    );
}

#[tokio::test]
async fn allocations_take_a_resource_id_and_can_be_split() {
    let account = Account::start();
    let project = account.project("Allocating").await;
    let seat = json!({"workspace_id": project, "user_id": MARIA, "role_id": CONSULTANT});
    let seat = id(&account
        .create("workspace_resources", "workspace_resource", seat)
        .await);
    let wrong = json!({"workspace_allocation": {
        "workspace_resource_id": seat, "start_date": "2026-10-05", "end_date": "2026-10-09", "minutes": 2400}});
    assert_eq!(
        refusal(&account.post("workspace_allocations", wrong).await).3,
        "resource_id"
    );
    let several = json!({"workspace_allocations": [
        {"resource_id": seat, "start_date": "2026-10-05", "end_date": "2026-10-16", "minutes": 4800, "hard": true},
        {"resource_id": seat, "start_date": "2026-10-20", "end_date": "2026-10-19", "minutes": 60}]});
    let (status, refused) = account.post("workspace_allocations", several).await;
    assert_eq!((status, &refused["errors"][0]["index"]), (422, &json!(1)));
    let allocation =
        json!({"resource_id": seat, "start_date": "2026-10-05", "end_date": "2026-10-16", "minutes": 4800});
    let allocation = id(&account
        .create("workspace_allocations", "workspace_allocation", allocation)
        .await);
    let path =
        format!("workspace_allocations/split?workspace_allocation_id={allocation}&split_date=2026-10-12");
    let (status, split) = account.put(&path, json!({})).await;
    assert_eq!(status, 200, "{split}");
    let parts: Vec<_> = records(&split)
        .iter()
        .map(|a| (a["end_date"].clone(), a["minutes"].clone()))
        .collect();
    assert_eq!(
        parts,
        [
            (json!("2026-10-11"), json!(2400)),
            (json!("2026-10-16"), json!(2400))
        ]
    );
    assert_eq!(
        account
            .delete(&format!("workspace_allocations/{allocation}"))
            .await
            .0,
        204
    );
    assert_eq!(
        account
            .get(&format!("workspace_allocations/{allocation}"))
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn an_assignment_is_ended_never_deleted() {
    let account = Account::start();
    let project = account.project("Assigning").await;
    let story = id(&account
        .create(
            "stories",
            "story",
            json!({"title": "Analysis", "workspace_id": project}),
        )
        .await);
    let assignment = account
        .create(
            "assignments",
            "assignment",
            json!({"story_id": story, "assignee_id": MARIA}),
        )
        .await;
    let day = json!({"assignment_id": id(&assignment), "date": "2026-10-05", "minutes": 240});
    account
        .create("story_allocation_days", "story_allocation_day", day)
        .await;
    let (_, task) = account.get(&format!("stories/{story}?include=assignees")).await;
    assert_eq!(first(&task)["assignee_ids"], json!([MARIA]));
    let path = format!("assignments/{}", id(&assignment));
    assert_eq!(account.delete(&path).await.0, 404);
    account
        .put(&path, json!({"assignment": {"current": false}}))
        .await;
    let (_, task) = account.get(&format!("stories/{story}?include=assignees")).await;
    assert_eq!(first(&task)["assignee_ids"], json!([]));
    let (_, ended) = account.get(&path).await;
    assert_eq!(
        (&first(&ended)["current"], &first(&ended)["allocated_minutes"]),
        (&json!(false), &json!(240))
    );
}

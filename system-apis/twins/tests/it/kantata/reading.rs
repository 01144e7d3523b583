//! The envelope, paging, side-loading and filters, with the traps that the vendor has.

use serde_json::json;

use super::{Account, CONSULTANT, JAMES, LEE, MARIA, SENIOR, first, id, ids, records, refusal};

#[tokio::test]
async fn the_envelope_pages_and_clamps_as_the_vendor_does() {
    let account = Account::start();
    let project = account.project("Paging").await;
    let entries: Vec<_> = (0..45)
        .map(|n| json!({"workspace_id": project, "date_performed": "2026-10-05", "time_in_minutes": n + 1}))
        .collect();
    let (_, made) = account
        .post("time_entries.json", json!({"time_entries": entries}))
        .await;
    assert_eq!(made["count"], 45);

    let (status, page) = account.get("time_entries.json?page=3&order=created_at:asc").await;
    assert_eq!(status, 200);
    assert_eq!(page["count"], 45);
    assert_eq!(
        page["meta"],
        json!({"count": 45, "page_count": 3, "page_number": 3, "page_size": 20})
    );
    assert_eq!(ids(&page), ids(&made)[40..]);
    assert_eq!(page["results"][0]["key"], "time_entries");
    let record = first(&page);
    assert!(record["id"].is_string() && record["workspace_id"].is_string());
    assert!(record["created_at"].as_str().unwrap().ends_with("-07:00"));

    for (query, size, number, shown) in [
        ("per_page=1000", 200, 1, 45),
        ("per_page=0", 20, 1, 20),
        ("page=-2", 20, 1, 20),
        ("page=9", 20, 9, 0),
        ("limit=5", 20, 1, 20),
        ("limit=5&offset=43", 20, 1, 2),
    ] {
        let (_, page) = account.get(&format!("time_entries?{query}")).await;
        let meta = &page["meta"];
        assert_eq!(
            (&meta["page_size"], &meta["page_number"]),
            (&json!(size), &json!(number)),
            "{query}"
        );
        assert_eq!((ids(&page).len(), &page["count"]), (shown, &json!(45)), "{query}");
    }
    let (_, none) = account.get("time_entries?workspace_id=1").await;
    assert_eq!(
        none["meta"],
        json!({"count": 0, "page_count": 0, "page_number": 0, "page_size": 20})
    );

    // `only` is not paged, drops what is not there, and the defaults still apply.
    let wanted = [&ids(&made)[..30], &["999".to_owned(), "x".to_owned()]]
        .concat()
        .join(",");
    let (_, only) = account.get(&format!("time_entries?only={wanted}")).await;
    assert_eq!(ids(&only).len(), 30);
    account
        .put(
            &format!("workspaces/{project}"),
            json!({"workspace": {"archived": true}}),
        )
        .await;
    let (_, hidden) = account.get(&format!("time_entries?only={wanted}")).await;
    assert_eq!(hidden["count"], 0);
    let (_, shown) = account.get("time_entries?from_archived_workspaces=true").await;
    assert_eq!(shown["count"], 45);
}

#[tokio::test]
async fn associations_are_side_loaded_and_unknown_names_ignored() {
    let account = Account::start();
    let project = account.project("Including").await;
    let parent = id(&account
        .create(
            "stories",
            "story",
            json!({"title": "Design", "workspace_id": project}),
        )
        .await);
    let child = json!({"title": "Workshops", "workspace_id": project, "parent_id": parent});
    let child = id(&account.create("stories", "story", child).await);
    account.hours(&project, JAMES, &["2026-10-05"]).await;

    let (_, plain) = account
        .get("time_entries?order=nonsense:asc&nonsense=1&include=nonsense")
        .await;
    let entry = first(&plain);
    assert_eq!(entry["user_id"], JAMES);
    assert!(plain.get("users").is_none() && entry.get("active_submission_id").is_none());
    let (_, loaded) = account
        .get("time_entries?include=user,workspace,active_submission")
        .await;
    assert_eq!(
        loaded["users"][JAMES]["email_address"],
        "james.whitfield@northwind-advisory.example"
    );
    assert_eq!(loaded["workspaces"][&project]["title"], "Including");
    assert!(first(&loaded)["active_submission_id"].is_null());

    // The map also holds side-loaded records of the same kind: only `results` is the list.
    let (_, tree) = account.get("stories?parents_only=true&include=sub_stories").await;
    assert_eq!(ids(&tree), std::slice::from_ref(&parent));
    assert_eq!(tree["stories"].as_object().unwrap().len(), 2);
    assert_eq!(tree["stories"][&parent]["sub_story_ids"], json!([child]));
    assert_eq!(tree["stories"][&child]["ancestor_ids"], json!([parent]));

    let path =
        format!("workspaces/{project}?include=participants,participations&optional_fields=minutes_logged");
    let (_, workspace) = account.get(&path).await;
    assert_eq!(first(&workspace)["minutes_logged"], 480);
    assert_eq!(first(&workspace)["participant_ids"], json!(["10"]));
    assert_eq!(first(&workspace)["rate_card_id"], 610);
}

#[tokio::test]
async fn filters_that_are_always_true_mislead_who_asks_for_the_opposite() {
    let account = Account::start();
    let project = account.project("Traps").await;
    let entries = account
        .hours(&project, MARIA, &["2026-10-05", "2026-10-06"])
        .await;
    let submission = account.submit(&project, &entries[..1]).await;
    assert_eq!(account.resolve(&submission, "approve").await.0, 200);

    for value in ["true", "false"] {
        let (_, approved) = account.get(&format!("time_entries?approved={value}")).await;
        assert_eq!(ids(&approved), entries[..1], "approved={value}");
        let (_, uninvoiced) = account
            .get(&format!("time_entries?uninvoiced={value}&order=created_at:asc"))
            .await;
        assert_eq!(ids(&uninvoiced), entries, "uninvoiced={value}");
    }
    let (_, between) = account
        .get("time_entries?date_performed_between=2026-10-06:2026-10-31")
        .await;
    assert_eq!(ids(&between), entries[1..]);
    let (_, free) = account.get("time_entries?in_active_submission=false").await;
    assert_eq!(ids(&free), entries[1..]);
    let (_, statuses) = account.get("timesheet_submissions?statuses=new,approved").await;
    assert_eq!(ids(&statuses), [submission]);

    let seat = json!({"workspace_id": project, "role_id": SENIOR, "user_id": null});
    let seat = id(&account
        .create("workspace_resources", "workspace_resource", seat)
        .await);
    let (_, named) = account.get("workspace_resources").await;
    assert_eq!(named["count"], 0);
    let hidden = account.get(&format!("workspace_resources/{seat}")).await;
    assert_eq!(refusal(&hidden).0, 404);
    let (_, all) = account.get("workspace_resources?include_unnamed=true").await;
    assert_eq!(first(&all)["role_name"], "Senior Consultant");

    let (_, expenses) = account.get("expenses?order=updated_at:asc").await;
    assert_eq!(expenses["count"], 0);
    let needs = account.get("custom_field_values").await;
    assert_eq!(refusal(&needs).0, 400);
    let (_, by_mail) = account
        .get("users?by_email_address=lee.morgan@northwind-advisory.example")
        .await;
    assert_eq!(ids(&by_mail), [LEE]);
}

#[tokio::test]
async fn changes_can_be_polled_and_a_shifted_page_repeats_a_record() {
    let account = Account::start();
    let project = account.project("Polling").await;
    let days = ["2026-10-05", "2026-10-06", "2026-10-07", "2026-10-08"];
    let entries = account.hours(&project, MARIA, &days).await;
    let (_, all) = account.get("time_entries?order=updated_at:asc").await;
    assert_eq!(ids(&all), entries);
    account
        .put(
            &format!("time_entries/{}", entries[0]),
            json!({"time_entry": {"notes": "more"}}),
        )
        .await;
    let (_, moved) = account
        .get("time_entries?order=updated_at:asc&updated_after=2026-01-01T00:00:00%2B02:00")
        .await;
    assert_eq!(ids(&moved).last(), entries.first());
    let (_, none) = account
        .get("time_entries?updated_after=2999-01-01T00:00:00Z")
        .await;
    assert_eq!(none["count"], 0);

    account
        .faults(json!([{"path": "page=2", "fault": {"kind": "page_shift"}}]))
        .await;
    let (_, one) = account
        .get("time_entries?order=created_at:asc&per_page=2&page=1")
        .await;
    let (_, two) = account
        .get("time_entries?order=created_at:asc&per_page=2&page=2")
        .await;
    assert_eq!(ids(&one).last(), ids(&two).first());
}

#[tokio::test]
async fn the_firm_is_there() {
    let account = Account::start();
    let (_, me) = account.get("users/me.json").await;
    assert_eq!(first(&me)["full_name"], "Fairlead Integration");
    let include = "include=rate_card_versions";
    let (_, cards) = account.get(&format!("rate_cards?{include}")).await;
    let euro = records(&cards)
        .into_iter()
        .find(|c| c["currency"] == "EUR")
        .unwrap();
    let version = euro["rate_card_version_ids"][0].as_str().unwrap();
    let (_, roles) = account
        .get(&format!("rate_card_roles?rate_card_version_id={version}"))
        .await;
    let consultant = records(&roles)
        .into_iter()
        .find(|r| r["role_id"] == CONSULTANT)
        .unwrap();
    assert_eq!(consultant["rate"], 165);
    let (_, rates) = account
        .get("cost_rates?per_page=200&include=account_membership")
        .await;
    let tom = records(&rates)
        .into_iter()
        .find(|r| r["account_membership_id"] == "114" && r["currency"] == "EUR");
    assert_eq!(tom.unwrap()["amount_in_subunits"], 7400);
    let (_, fields) = account.get("custom_fields?include=choices&per_page=200").await;
    let unique: Vec<_> = records(&fields)
        .into_iter()
        .filter(|f| f["unique_constraint"] == true)
        .collect();
    assert!(
        unique
            .iter()
            .any(|f| f["name"] == "Fairlead Key" && f["subject_type"] == "Workspace")
    );
    let (_, values) = account
        .get("custom_field_values?subject_type=user&with_subject_id=14")
        .await;
    assert!(
        records(&values)
            .iter()
            .any(|v| v["display_value"] == "Northwind Advisory Deutschland")
    );
}

//! Several records or calls in one request.

use serde_json::{Value, json};

use super::Org;

fn account(name: &str) -> Value {
    json!({"attributes": {"type": "Account"}, "Name": name})
}

#[tokio::test]
async fn a_collection_succeeds_in_part_or_not_at_all() {
    let org = Org::start().await;
    let records = json!([account("A"), account(""), {"attributes": {"type": "Nope"}}, account("B")]);
    let (status, results) = org
        .post(
            "composite/sobjects",
            json!({"allOrNone": false, "records": records}),
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        (&results[0]["success"], &results[3]["success"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        results[1]["errors"][0],
        json!({"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [Name]", "fields": ["Name"]})
    );
    assert_eq!(
        (results[1].get("id"), &results[2]["errors"][0]["statusCode"]),
        (None, &json!("INVALID_TYPE"))
    );
    let before = org.writes("Account").await;
    let (status, results) = org
        .post(
            "composite/sobjects",
            json!({"allOrNone": true, "records": records}),
        )
        .await;
    assert_eq!(
        (status, &results[0]["errors"][0]["statusCode"]),
        (200, &json!("ALL_OR_NONE_OPERATION_ROLLED_BACK"))
    );
    assert_eq!(results[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(org.writes("Account").await, before);

    let many: Vec<Value> = (0..201).map(|n| account(&n.to_string())).collect();
    assert_eq!(
        org.post("composite/sobjects", json!({"records": many})).await.0,
        400
    );

    let id = org
        .create("Account", json!({"Name": "C", "Fairlead_Id__c": "C"}))
        .await;
    let upserts = json!({"records": [
        {"attributes": {"type": "Account"}, "Fairlead_Id__c": "c", "Name": "C2"}, {"attributes": {"type": "Account"}, "Fairlead_Id__c": "D", "Name": "D"},
        {"attributes": {"type": "Account"}, "Fairlead_Id__c": "E", "Name": "E"}, {"attributes": {"type": "Account"}, "Fairlead_Id__c": "e", "Name": "E"}]});
    let (_, results) = org
        .patch("composite/sobjects/Account/Fairlead_Id__c", upserts)
        .await;
    assert_eq!(
        results[0],
        json!({"id": id, "success": true, "errors": [], "created": false})
    );
    assert_eq!(
        (&results[1]["created"], &results[2]["errors"][0]["statusCode"]),
        (&json!(true), &json!("DUPLICATE_VALUE"))
    );

    let (_, got) = org
        .post(
            "composite/sobjects/Account",
            json!({"ids": [id, "001Fl0000000zzzAAA"], "fields": ["Name"]}),
        )
        .await;
    assert_eq!((&got[0]["Name"], &got[1]), (&json!("C2"), &Value::Null));
    let path = format!("composite/sobjects?ids={id},001Fl0000000zzzAAA,x&allOrNone=false");
    let (_, results) = org.delete(&path).await;
    assert_eq!(results[0], json!({"id": id, "success": true, "errors": []}));
    assert_eq!(
        results[1]["errors"][0]["statusCode"],
        "INVALID_CROSS_REFERENCE_KEY"
    );
    assert_eq!(results[2]["errors"][0]["statusCode"], "MALFORMED_ID");
    org.twin.stop().await;
}

fn composite(all_or_none: bool, second: Value) -> Value {
    let base = "/services/data/v59.0";
    json!({"allOrNone": all_or_none, "compositeRequest": [
        {"method": "POST", "url": format!("{base}/sobjects/Account"), "referenceId": "acc", "body": {"Name": "Composed"}},
        {"method": "POST", "url": format!("{base}/sobjects/Contact"), "referenceId": "con", "body": second},
        {"method": "GET", "url": format!("{base}/query?q=SELECT+Id,+LastName,+Account.Name+FROM+Contact+WHERE+AccountId='@{{acc.id}}'"), "referenceId": "found"},
        {"method": "PATCH", "url": format!("{base}/sobjects/Contact/@{{found.records[0].Id}}"), "referenceId": "upd", "body": {"Title": "of @{acc.id}"}},
    ]})
}

#[tokio::test]
async fn a_composite_passes_references_on_and_rolls_back_when_asked() {
    let org = Org::start().await;
    let good = json!({"LastName": "Linked", "AccountId": "@{acc.id}"});
    let (status, body) = org.post("composite", composite(true, good)).await;
    let parts = body["compositeResponse"].as_array().unwrap();
    let statuses: Vec<_> = parts
        .iter()
        .map(|p| p["httpStatusCode"].as_u64().unwrap())
        .collect();
    assert_eq!((status, statuses), (200, vec![201, 201, 200, 204]), "{body}");
    assert_eq!(parts[2]["body"]["records"][0]["Account"]["Name"], "Composed");
    assert!(
        parts[0]["httpHeaders"]["Location"]
            .as_str()
            .unwrap()
            .starts_with("/services/data/v59.0/sobjects/Account/001")
    );
    let contact = org
        .read("Contact", parts[1]["body"]["id"].as_str().unwrap())
        .await;
    assert_eq!(
        contact["Title"],
        format!("of {}", parts[0]["body"]["id"].as_str().unwrap())
    );

    let bad = json!({"FirstName": "No last name", "AccountId": "@{acc.id}"});
    let before = (org.writes("Account").await, org.writes("Contact").await);
    let (status, body) = org.post("composite", composite(true, bad.clone())).await;
    let codes: Vec<&Value> = body["compositeResponse"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["body"][0]["errorCode"])
        .collect();
    assert_eq!(
        (status, codes),
        (
            200,
            vec![
                &json!("PROCESSING_HALTED"),
                &json!("REQUIRED_FIELD_MISSING"),
                &json!("PROCESSING_HALTED"),
                &json!("PROCESSING_HALTED")
            ]
        )
    );
    assert_eq!((org.writes("Account").await, org.writes("Contact").await), before);

    let (_, body) = org.post("composite", composite(false, bad)).await;
    let statuses: Vec<_> = body["compositeResponse"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["httpStatusCode"].as_u64().unwrap())
        .collect();
    assert_eq!(
        statuses,
        [201, 400, 200, 400],
        "the account stays, what depends on nothing found is halted"
    );
    assert_eq!(org.writes("Account").await, before.0 + 1);
    org.twin.stop().await;
}

#[tokio::test]
async fn a_batch_runs_independent_calls_and_can_stop_at_an_error() {
    let org = Org::start().await;
    let parts = json!([{"method": "POST", "url": "v60.0/sobjects/Account", "richInput": {"Name": "Batched"}},
        {"method": "GET", "url": "v60.0/sobjects/Nope"}, {"method": "GET", "url": "v60.0/limits"}]);
    let (_, body) = org.post("composite/batch", json!({"batchRequests": parts})).await;
    assert_eq!(body["hasErrors"], true);
    let statuses = |body: &Value| {
        body["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["statusCode"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(&body), [201, 404, 200]);
    let (_, body) = org
        .post(
            "composite/batch",
            json!({"haltOnError": true, "batchRequests": parts}),
        )
        .await;
    assert_eq!(statuses(&body), [201, 404, 412]);
    org.twin.stop().await;
}

#[tokio::test]
async fn a_tree_grows_whole_or_not_at_all() {
    let org = Org::start().await;
    let tree = |last_name: &str| {
        json!({"records": [{"attributes": {"type": "Account", "referenceId": "a"}, "Name": "Root",
            "Contacts": {"records": [{"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": last_name}]}}]})
    };
    let (status, body) = org.post("composite/tree/Account", tree("Leaf")).await;
    assert_eq!((status, &body["hasErrors"]), (201, &json!(false)));
    let contact = org
        .read("Contact", body["results"][1]["id"].as_str().unwrap())
        .await;
    assert_eq!(contact["AccountId"], body["results"][0]["id"]);
    let before = org.writes("Account").await;
    let (status, body) = org.post("composite/tree/Account", tree("")).await;
    assert_eq!((status, &body["results"][0]["referenceId"]), (400, &json!("c")));
    assert_eq!(
        body["results"][0]["errors"][0]["statusCode"],
        "REQUIRED_FIELD_MISSING"
    );
    assert_eq!(org.writes("Account").await, before);
    org.twin.stop().await;
}

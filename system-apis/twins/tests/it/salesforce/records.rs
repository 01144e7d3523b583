//! Single records: their life, their keys and what is refused.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use vendor_twins::salesforce::SalesforceSettings;
use vendor_twins::store::{Store, system_clock};

use super::{Org, answer, refusal};

#[tokio::test]
async fn a_record_lives_from_creation_to_the_recycle_bin() {
    let org = Org::start().await;
    let request = org
        .request(Method::POST, "sobjects/Account/")
        .json(&json!({"name": "Acme", "BillingCity": "Ulm"}));
    let response = request.send().await.unwrap();
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let created: Value = response.json().await.unwrap();
    let id = created["id"].as_str().unwrap();
    assert_eq!(created, json!({"id": id, "success": true, "errors": []}));
    assert_eq!(location, format!("/services/data/v60.0/sobjects/Account/{id}"));
    assert!(id.len() == 18 && id.starts_with("001"));

    let before = org.read("Account", id).await;
    assert_eq!(
        (
            &before["Name"],
            &before["BillingAddress"]["city"],
            &before["Phone"]
        ),
        (&json!("Acme"), &json!("Ulm"), &Value::Null)
    );
    assert_eq!(
        (&before["CurrencyIsoCode"], &before["IsDeleted"]),
        (&json!("USD"), &json!(false))
    );
    assert_eq!(
        org.patch(
            &format!("sobjects/Account/{}", &id[..15]),
            json!({"Phone": "1", "BillingCity": null})
        )
        .await,
        (204, Value::Null)
    );
    let after = org
        .get(&format!(
            "sobjects/Account/{id}?fields=Phone,BillingAddress,LastModifiedDate,SystemModstamp"
        ))
        .await
        .1;
    assert_eq!(
        (&after["Phone"], &after["BillingAddress"], after.get("Name")),
        (&json!("1"), &Value::Null, None)
    );
    assert!(after["SystemModstamp"].as_str() > before["SystemModstamp"].as_str());
    assert_eq!(after["LastModifiedDate"], after["SystemModstamp"]);

    let tag = {
        let response = org.request(Method::GET, &location).send().await.unwrap();
        assert!(response.headers().contains_key("last-modified"));
        response.headers()["etag"].to_str().unwrap().to_owned()
    };
    let unchanged = org.request(Method::GET, &location).header("If-None-Match", tag);
    assert_eq!(answer(unchanged).await.0, 304);
    let stale = org
        .request(Method::PATCH, &location)
        .header("If-Unmodified-Since", "Thu, 01 Jan 2015 00:00:00 GMT");
    assert_eq!(answer(stale.json(&json!({"Phone": "2"}))).await.0, 412);

    assert_eq!(org.delete(&location).await.0, 204);
    for gone in [
        org.get(&location).await,
        org.delete(&location).await,
        org.patch(&location, json!({"Phone": "3"})).await,
    ] {
        assert_eq!(
            refusal(&gone),
            (
                404,
                "ENTITY_IS_DELETED".to_owned(),
                "entity is deleted".to_owned()
            )
        );
    }
    let window = "start=2020-01-01T00:00:00Z&end=2020-01-02T00:00:00Z";
    assert_eq!(
        org.get(&format!("sobjects/Account/deleted/?{window}")).await.1["deletedRecords"],
        json!([])
    );
    let now = chrono::Utc::now();
    let text = |hours| {
        (now + chrono::Duration::hours(hours))
            .format("%Y-%m-%dT%H:%M:%S%%2B00:00")
            .to_string()
    };
    let (_, deleted) = org
        .get(&format!(
            "sobjects/Account/deleted?start={}&end={}",
            text(-1),
            text(1)
        ))
        .await;
    assert_eq!(deleted["deletedRecords"][0]["id"], id);
    let (_, updated) = org
        .get(&format!(
            "sobjects/Account/updated?start={}&end={}",
            text(-1),
            text(1)
        ))
        .await;
    assert!(!updated["ids"].as_array().unwrap().contains(&json!(id)));
    assert_eq!(
        refusal(
            &org.get(&format!(
                "sobjects/Account/updated?start={}&end={}",
                text(-24 * 40),
                text(1)
            ))
            .await
        )
        .0,
        400
    );
    org.twin.stop().await;
}

#[tokio::test]
async fn a_stamp_moves_on_every_write_even_when_the_clock_stands() {
    let frozen = chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap();
    let org = Org::with(
        Store::in_memory(Arc::new(move || frozen)),
        SalesforceSettings::default(),
    )
    .await;
    let id = org.create("Account", json!({"Name": "Still"})).await;
    let mut stamps = Vec::new();
    for n in 0..3 {
        org.patch(&format!("sobjects/Account/{id}"), json!({"Phone": n.to_string()}))
            .await;
        stamps.push(
            org.read("Account", &id).await["SystemModstamp"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert!(stamps.is_sorted_by(|a, b| a < b), "{stamps:?}");
    org.twin.stop().await;
}

#[tokio::test]
async fn an_upsert_creates_then_updates_and_refuses_a_key_that_fits_several() {
    let org = Org::start().await;
    let path = "sobjects/Account/Fairlead_Id__c/a%2Fb%20%26.c";
    let (status, created) = org.patch(path, json!({"Name": "Keyed"})).await;
    let id = created["id"].as_str().unwrap();
    assert_eq!((status, &created["created"]), (201, &json!(true)));
    let response = org
        .request(Method::PATCH, path)
        .json(&json!({"Name": "Keyed 2"}))
        .send()
        .await
        .unwrap();
    assert!(
        response.headers()["location"]
            .to_str()
            .unwrap()
            .contains("/Fairlead_Id__c/")
    );
    let updated: Value = response.json().await.unwrap();
    assert_eq!(
        updated,
        json!({"id": id, "success": true, "errors": [], "created": false})
    );
    let (_, read) = org.get(path).await;
    assert_eq!(
        (&read["Name"], &read["Fairlead_Id__c"]),
        (&json!("Keyed 2"), &json!("a/b &.c"))
    );
    // Keys ignore case; versions before 46 answer an update without a body.
    let old = org
        .patch(
            "/services/data/v45.0/sobjects/Account/fairlead_id__c/A%2FB%20%26.C",
            json!({"Name": "Keyed 3"}),
        )
        .await;
    assert_eq!(old, (204, Value::Null));
    assert_eq!(
        org.patch(&format!("sobjects/Account/Id/{id}"), json!({"Name": "By id"}))
            .await
            .0,
        200
    );

    assert_eq!(
        org.patch(
            "sobjects/Account/Fairlead_Id__c/new?updateOnly=true",
            json!({"Name": "x"})
        )
        .await
        .0,
        404
    );
    let unknown = refusal(&org.patch("sobjects/Account/Phone/1", json!({"Name": "x"})).await);
    assert_eq!(
        unknown,
        (
            404,
            "NOT_FOUND".to_owned(),
            "Provided external ID field does not exist or is not accessible: Phone".to_owned()
        )
    );
    let doubled = org
        .patch(
            "sobjects/Account/Fairlead_Id__c/k",
            json!({"Name": "x", "Fairlead_Id__c": "k"}),
        )
        .await;
    assert_eq!(refusal(&doubled).1, "INVALID_FIELD");

    for name in ["First", "Second"] {
        org.create("Contact", json!({"LastName": name, "Email": "same@acme.example"}))
            .await;
    }
    let before = org.writes("Contact").await;
    let (status, paths) = org
        .patch(
            "sobjects/Contact/Email/same@acme.example",
            json!({"LastName": "Third"}),
        )
        .await;
    assert_eq!((status, paths.as_array().unwrap().len()), (300, 2));
    assert!(
        paths[0]
            .as_str()
            .unwrap()
            .starts_with("/services/data/v60.0/sobjects/Contact/003")
    );
    assert_eq!(org.writes("Contact").await, before);
    org.twin.stop().await;
}

#[tokio::test]
async fn every_wrong_value_has_its_own_refusal_and_writes_nothing() {
    let org = Org::start().await;
    let taken = org
        .create("Account", json!({"Name": "Taken", "Fairlead_Id__c": "T-1"}))
        .await;
    let contact = org.create("Contact", json!({"LastName": "Someone"})).await;
    let gone = org.create("Account", json!({"Name": "Gone"})).await;
    org.delete(&format!("sobjects/Account/{gone}")).await;
    let deal = json!({"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-06-30"});
    let deal = |field: &str, value: Value| {
        let mut body = deal.clone();
        body[field] = value;
        body
    };
    let long = "x".repeat(121);
    let cases = [
        (
            "Contact",
            json!({"FirstName": "No"}),
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [LastName]",
            "LastName",
        ),
        (
            "Account",
            json!({"Name": "x", "Nope__c": 1}),
            "INVALID_FIELD",
            "No such column 'Nope__c' on sobject of type Account",
            "",
        ),
        (
            "Account",
            json!({"Name": "x", "Id": taken}),
            "INVALID_FIELD",
            "cannot specify Id in an insert call",
            "",
        ),
        (
            "Opportunity",
            deal("Name", json!(long)),
            "STRING_TOO_LONG",
            "(max length=120)",
            "Name",
        ),
        (
            "Opportunity",
            deal("IsWon", json!(true)),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: IsWon.",
            "IsWon",
        ),
        (
            "Opportunity",
            deal("CurrencyIsoCode", json!("XXX")),
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "bad value for restricted picklist field: XXX",
            "CurrencyIsoCode",
        ),
        (
            "Opportunity",
            deal("CloseDate", json!("2026-13-01")),
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of date from VALUE_STRING value 2026-13-01",
            "",
        ),
        (
            "Opportunity",
            deal("Amount", json!("much")),
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of currency",
            "",
        ),
        (
            "Opportunity",
            deal("Amount", json!(1e16)),
            "NUMBER_OUTSIDE_VALID_RANGE",
            "value outside of valid range",
            "Amount",
        ),
        (
            "Opportunity",
            deal("AccountId", json!("001")),
            "MALFORMED_ID",
            "Account ID: id value of incorrect type: 001",
            "AccountId",
        ),
        (
            "Opportunity",
            deal("AccountId", json!(contact)),
            "FIELD_INTEGRITY_EXCEPTION",
            "id value of incorrect type",
            "AccountId",
        ),
        (
            "Opportunity",
            deal("AccountId", json!("001Fl0000000zzzAAA")),
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
            "",
        ),
        (
            "Opportunity",
            deal("AccountId", json!(gone)),
            "ENTITY_IS_DELETED",
            "entity is deleted",
            "",
        ),
        (
            "Opportunity",
            deal("Account", json!({"Fairlead_Id__c": "T-9"})),
            "INVALID_FIELD",
            "Foreign key external ID: t-9 not found for field Fairlead_Id__c in entity Account",
            "",
        ),
        (
            "Opportunity",
            deal("Project_Manager_Email__c", json!("helen")),
            "INVALID_EMAIL_ADDRESS",
            "invalid email address: helen",
            "Project_Manager_Email__c",
        ),
        (
            "Account",
            json!({"Name": "x", "Fairlead_Id__c": "t-1"}),
            "DUPLICATE_VALUE",
            "duplicate value found: Fairlead_Id__c duplicates value on record with id: ",
            "",
        ),
    ];
    let before = (org.writes("Account").await, org.writes("Opportunity").await);
    for (object, body, code, text, field) in cases {
        let answer = org.post(&format!("sobjects/{object}"), body.clone()).await;
        let (status, error, message) = refusal(&answer);
        assert_eq!((status, error.as_str()), (400, code), "{body}: {message}");
        assert!(message.contains(text), "{message}");
        if !field.is_empty() {
            assert_eq!(answer.1[0]["fields"], json!([field]));
        }
    }
    assert_eq!(
        (org.writes("Account").await, org.writes("Opportunity").await),
        before
    );
    let broken = org
        .request(Method::POST, "sobjects/Account")
        .header("content-type", "application/json")
        .body("{\"Name\":");
    assert_eq!(refusal(&answer(broken).await).1, "JSON_PARSER_ERROR");
    // An open picklist takes what it does not know; a duplicate names the holder by its short id.
    org.create("Opportunity", deal("Billing_Method__c", json!("Barter")))
        .await;
    let (_, _, message) = refusal(
        &org.post("sobjects/Account", json!({"Name": "y", "Fairlead_Id__c": "T-1"}))
            .await,
    );
    assert!(message.ends_with(&taken[..15]), "{message}");
    org.twin.stop().await;
}

#[tokio::test]
async fn a_lock_refuses_the_write_and_leaves_no_trace() {
    let org = Org::start().await;
    let id = org.create("Account", json!({"Name": "Busy"})).await;
    org.faults(json!([{"method": "PATCH", "fault": {"kind": "locked"}, "times": 2}]))
        .await;
    let (status, code, message) = refusal(
        &org.patch(&format!("sobjects/Account/{id}"), json!({"Phone": "1"}))
            .await,
    );
    assert_eq!((status, code.as_str()), (400, "UNABLE_TO_LOCK_ROW"));
    assert!(message.starts_with("unable to obtain exclusive access to this record") && message.contains(&id));
    let record = json!({"attributes": {"type": "Account"}, "id": id, "Phone": "1"});
    let (status, results) = org
        .patch("composite/sobjects", json!({"records": [record]}))
        .await;
    assert_eq!(
        (status, &results[0]["errors"][0]["statusCode"]),
        (200, &json!("UNABLE_TO_LOCK_ROW"))
    );
    assert_eq!(org.read("Account", &id).await["Phone"], Value::Null);
    assert_eq!(
        org.patch(&format!("sobjects/Account/{id}"), json!({"Phone": "1"}))
            .await
            .0,
        204
    );
    org.twin.stop().await;
}

#[tokio::test]
async fn an_amount_comes_back_as_it_was_sent() {
    let org = Org::start().await;
    for amount in ["12345678901.23", "0.1", "99999999999.99", "1000"] {
        let body = format!(
            "{{\"Name\":\"M\",\"StageName\":\"Prospecting\",\"CloseDate\":\"2026-06-30\",\"Amount\":{amount}}}"
        );
        let request = org
            .request(Method::POST, "sobjects/Opportunity")
            .header("content-type", "application/json");
        let (_, created) = answer(request.body(body)).await;
        let path = format!(
            "sobjects/Opportunity/{}?fields=Amount",
            created["id"].as_str().unwrap()
        );
        let text = org
            .request(Method::GET, &path)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(text.contains(&format!("\"Amount\":{amount},")), "{text}");
    }
    org.twin.stop().await;
}

#[tokio::test]
async fn a_restarted_org_remembers_records_ids_jobs_and_stamps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("salesforce.journal");
    let open = || Store::open(&path, system_clock()).unwrap();
    let org = Org::with(open(), SalesforceSettings::default()).await;
    let id = org
        .create("Account", json!({"Name": "Lasting", "Fairlead_Id__c": "L-1"}))
        .await;
    let before = org.read("Account", &id).await;
    let job = json!({"object": "Account", "operation": "insert"});
    let (_, job) = org.post("jobs/ingest", job).await;
    let job_path = format!("jobs/ingest/{}", job["id"].as_str().unwrap());
    answer(
        org.request(Method::PUT, &format!("{job_path}/batches"))
            .body("Name\nFrom a job\n"),
    )
    .await;
    org.twin.stop().await;

    let org = Org::with(open(), SalesforceSettings::default()).await;
    assert_eq!(org.read("Account", &id).await, before);
    assert_eq!(
        refusal(
            &org.post("sobjects/Account", json!({"Name": "x", "Fairlead_Id__c": "L-1"}))
                .await
        )
        .1,
        "DUPLICATE_VALUE"
    );
    let next = org.create("Account", json!({"Name": "Later"})).await;
    assert!(next > id);
    assert_eq!(
        org.column("SELECT Name FROM User WHERE Alias = 'fairlead'", "Name")
            .await,
        ["Fairlead Integration"]
    );
    assert_eq!(
        org.patch(&job_path, json!({"state": "UploadComplete"})).await.0,
        200
    );
    org.twin.stop().await;

    // Whatever the last process left of the job is done by the next one.
    let org = Org::with(open(), SalesforceSettings::default()).await;
    let finished = async {
        while org.get(&job_path).await.1["state"] != "JobComplete" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), finished)
        .await
        .unwrap();
    assert_eq!(
        org.column("SELECT Name FROM Account WHERE Name = 'From a job'", "Name")
            .await
            .len(),
        1
    );
    org.twin.stop().await;
}

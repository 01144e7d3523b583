//! Bulk API 2.0.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Org, answer, refusal};

async fn finished(org: &Org, path: &str) -> Value {
    let poll = async {
        loop {
            let (_, job) = org.get(path).await;
            if ["JobComplete", "Failed"].contains(&job["state"].as_str().unwrap()) {
                return job;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), poll).await.unwrap()
}

/// Opens a job, uploads, closes and waits; the job's path and its end state.
async fn ingest(org: &Org, job: Value, csv: &str) -> (String, Value) {
    let (status, opened) = org.post("jobs/ingest", job).await;
    assert_eq!((status, &opened["state"]), (200, &json!("Open")), "{opened}");
    let path = format!("jobs/ingest/{}", opened["id"].as_str().unwrap());
    assert_eq!(
        opened["contentUrl"],
        format!("services/data/v60.0/{path}/batches")
    );
    let upload = org
        .request(Method::PUT, &format!("{path}/batches"))
        .header("content-type", "text/csv");
    assert_eq!(answer(upload.body(csv.to_owned())).await, (201, Value::Null));
    let (_, closed) = org.patch(&path, json!({"state": "UploadComplete"})).await;
    assert_eq!(closed["state"], "UploadComplete");
    let end = finished(org, &path).await;
    (path, end)
}

async fn csv(org: &Org, path: &str) -> String {
    let (status, text) = org.get(path).await;
    assert_eq!(status, 200, "{text}");
    text.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_upsert_job_reports_every_row_and_completes_in_spite_of_bad_ones() {
    let org = Org::start().await;
    let known = org
        .create(
            "Account",
            json!({"Name": "Known", "Fairlead_Id__c": "K", "Phone": "1", "Site": "s"}),
        )
        .await;
    let upsert = json!({"object": "Account", "operation": "upsert", "externalIdFieldName": "Fairlead_Id__c", "contentType": "CSV", "lineEnding": "LF"});
    let rows = "Fairlead_Id__c,Name,Phone,Site,Parent.Fairlead_Id__c\n\
                K,\"Known, too\",,#N/A,\n\
                N,New,2,,K\n\
                B,,3,,\n\
                P,Orphan,,,NOBODY\n";
    let (path, end) = ingest(&org, upsert, rows).await;
    assert_eq!(
        (
            &end["state"],
            &end["numberRecordsProcessed"],
            &end["numberRecordsFailed"]
        ),
        (&json!("JobComplete"), &json!(4), &json!(2))
    );
    assert_eq!(
        (&end["jobType"], &end["apiVersion"]),
        (&json!("V2Ingest"), &json!(60))
    );
    let account = org.read("Account", &known).await;
    assert_eq!(
        (&account["Name"], &account["Phone"], &account["Site"]),
        (&json!("Known, too"), &json!("1"), &Value::Null)
    );
    let new = org.get("sobjects/Account/Fairlead_Id__c/N").await.1;
    assert_eq!(new["ParentId"], known);
    let (_, log) = answer(org.http.get(format!("{}/_twin/writes", org.base))).await;
    let row = log
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["record"]["id"] == new["Id"])
        .unwrap();
    assert_eq!(row["caller"]["name"], "integration@northwind-advisory.example");
    assert!(
        log.as_array()
            .unwrap()
            .iter()
            .all(|e| !e["table"].as_str().unwrap().starts_with('_'))
    );

    let good = csv(&org, &format!("{path}/successfulResults/")).await;
    let header = "\"Fairlead_Id__c\",\"Name\",\"Phone\",\"Site\",\"Parent.Fairlead_Id__c\"";
    assert_eq!(
        good,
        format!(
            "\"sf__Id\",\"sf__Created\",{header}\n\"{known}\",\"false\",\"K\",\"Known, too\",\"\",\"#N/A\",\"\"\n\
         \"{}\",\"true\",\"N\",\"New\",\"2\",\"\",\"K\"\n",
            new["Id"].as_str().unwrap()
        )
    );
    let bad = csv(&org, &format!("{path}/failedResults")).await;
    assert!(
        bad.contains("\"\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --\",\"B\""),
        "{bad}"
    );
    assert!(
        bad.contains("INVALID_FIELD:Foreign key external ID: nobody not found"),
        "{bad}"
    );
    assert_eq!(
        csv(&org, &format!("{path}/unprocessedRecords")).await,
        format!("{header}\n")
    );
    assert_eq!(org.delete(&path).await.0, 204);
    assert_eq!(org.get(&path).await.0, 404);
    org.twin.stop().await;
}

#[tokio::test]
async fn update_delete_and_wrong_columns_end_as_the_vendor_ends_them() {
    let org = Org::start().await;
    let id = org.create("Account", json!({"Name": "One"})).await;
    let (_, end) = ingest(
        &org,
        json!({"object": "Account", "operation": "update"}),
        &format!("Id,Phone\n{id},9\n001Fl0000000zzzAAA,9\n"),
    )
    .await;
    assert_eq!(
        (
            &end["numberRecordsFailed"],
            &org.read("Account", &id).await["Phone"]
        ),
        (&json!(1), &json!("9"))
    );
    let (path, end) = ingest(
        &org,
        json!({"object": "Account", "operation": "insert"}),
        "Name,Wrong\nx,y\n",
    )
    .await;
    assert_eq!(
        (&end["state"], &end["errorMessage"]),
        (
            &json!("Failed"),
            &json!("InvalidBatch : Field name not found : Wrong")
        )
    );
    assert_eq!(
        csv(&org, &format!("{path}/unprocessedrecords"))
            .await
            .lines()
            .count(),
        2
    );
    let (_, end) = ingest(
        &org,
        json!({"object": "Account", "operation": "delete"}),
        &format!("Id\r\n{id}\r\n"),
    )
    .await;
    assert_eq!(end["numberRecordsFailed"], 0);
    assert_eq!(org.get(&format!("sobjects/Account/{id}")).await.0, 404);

    let cases = [
        (json!({"object": "Nope", "operation": "insert"}), "INVALIDENTITY"),
        (json!({"object": "Account", "operation": "upsert"}), "INVALIDJOB"),
        (json!({"object": "Account", "operation": "merge"}), "INVALIDJOB"),
    ];
    for (job, code) in cases {
        assert_eq!(refusal(&org.post("jobs/ingest", job).await).1, code);
    }
    let (_, open) = org
        .post("jobs/ingest", json!({"object": "Account", "operation": "insert"}))
        .await;
    let path = format!("jobs/ingest/{}", open["id"].as_str().unwrap());
    answer(
        org.request(Method::PUT, &format!("{path}/batches"))
            .body("Name\nNever\n"),
    )
    .await;
    assert_eq!(
        org.patch(&path, json!({"state": "Aborted"})).await.1["state"],
        "Aborted"
    );
    assert_eq!(
        csv(&org, &format!("{path}/unprocessedrecords")).await,
        "\"Name\"\n\"Never\"\n"
    );
    assert_eq!(org.patch(&path, json!({"state": "UploadComplete"})).await.0, 400);
    org.twin.stop().await;
}

#[tokio::test]
async fn a_query_job_is_read_page_by_page() {
    let org = Org::start().await;
    for n in 1..=5 {
        org.create(
            "Contact",
            json!({"LastName": format!("L\"{n}"), "Birthdate": "1990-01-02"}),
        )
        .await;
    }
    let soql = "SELECT LastName, Birthdate, Account.Name, CreatedDate FROM Contact WHERE LastName LIKE 'L%' ORDER BY LastName";
    let (status, job) = org
        .post("jobs/query", json!({"operation": "query", "query": soql}))
        .await;
    assert_eq!(
        (status, &job["state"], &job["object"]),
        (200, &json!("UploadComplete"), &json!("Contact"))
    );
    let path = format!("jobs/query/{}", job["id"].as_str().unwrap());
    let end = finished(&org, &path).await;
    assert_eq!(
        (&end["numberRecordsProcessed"], &end["jobType"]),
        (&json!(5), &json!("V2Query"))
    );
    let mut locator = String::new();
    let mut counts = Vec::new();
    let mut rows = Vec::new();
    while locator != "null" {
        let page = format!("{path}/results?maxRecords=2&locator={locator}");
        let response = org.request(Method::GET, &page).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        counts.push(header("sforce-numberofrecords"));
        locator = header("sforce-locator");
        let text = response.text().await.unwrap();
        assert!(text.starts_with("\"LastName\",\"Birthdate\",\"Account.Name\",\"CreatedDate\"\n"));
        rows.extend(text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>());
    }
    assert_eq!(counts, ["2", "2", "1"]);
    assert!(
        rows[0].starts_with("\"L\"\"1\",\"1990-01-02\",\"\",\"2") && rows[0].ends_with("Z\""),
        "{}",
        rows[0]
    );
    assert_eq!(
        org.get(&format!("/services/data/v59.0/{path}/results")).await.0,
        409
    );

    let cases = [
        (
            "SELECT BillingAddress FROM Account",
            "Selecting compound data not supported in Bulk Query",
        ),
        (
            "SELECT COUNT(Id) FROM Account",
            "Aggregate Relationships not supported in Bulk Query",
        ),
        (
            "SELECT Nope FROM Account",
            "No such column 'Nope' on entity 'Account'",
        ),
    ];
    for (soql, text) in cases {
        let (status, _, message) = refusal(
            &org.post("jobs/query", json!({"operation": "query", "query": soql}))
                .await,
        );
        assert!(status == 400 && message.contains(text), "{message}");
    }
    org.twin.stop().await;
}

#[tokio::test]
async fn thousands_of_rows_are_loaded_and_found_by_key() {
    let org = Org::start().await;
    let mut rows = String::from("Name,Fairlead_Id__c\n");
    for n in 0..5000 {
        rows.push_str(&format!("Company {n},KEY-{n}\n"));
    }
    let upsert = json!({"object": "Account", "operation": "upsert", "externalIdFieldName": "Fairlead_Id__c"});
    for created in [true, false] {
        let (path, end) = ingest(&org, upsert.clone(), &rows).await;
        assert_eq!(
            (&end["numberRecordsProcessed"], &end["numberRecordsFailed"]),
            (&json!(5000), &json!(0))
        );
        let good = csv(&org, &format!("{path}/successfulResults")).await;
        assert_eq!(good.matches(&format!("\"{created}\"")).count(), 5000);
    }
    let keys: Vec<String> = (0..5000).step_by(50).map(|n| format!("'key-{n}'")).collect();
    let soql = format!(
        "SELECT COUNT() FROM Account WHERE Fairlead_Id__c IN ({})",
        keys.join(",")
    );
    assert_eq!(org.query(&soql).await.1["totalSize"], 100);
    org.twin.stop().await;
}

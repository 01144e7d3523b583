//! What the standard objects do by themselves.

use serde_json::{Value, json};

use super::{Org, refusal};

async fn deal(org: &Org, currency: &str) -> String {
    let body = json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-05-13", "Amount": 500, "CurrencyIsoCode": currency});
    org.create("Opportunity", body).await
}

async fn price(org: &Org, code: &str, currency: &str) -> String {
    let soql = format!(
        "SELECT Id FROM PricebookEntry WHERE ProductCode = '{code}' AND CurrencyIsoCode = '{currency}'"
    );
    org.column(&soql, "Id").await[0].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_stage_decides_what_is_closed_and_won() {
    let org = Org::start().await;
    let id = deal(&org, "EUR").await;
    let state = async || {
        let read = org.read("Opportunity", &id).await;
        [
            "IsClosed",
            "IsWon",
            "Probability",
            "ForecastCategory",
            "ForecastCategoryName",
            "ExpectedRevenue",
        ]
        .map(|f| read[f].clone())
    };
    let opened = org.read("Opportunity", &id).await;
    assert_eq!(
        (
            &opened["FiscalQuarter"],
            &opened["FiscalYear"],
            &opened["LastStageChangeDate"]
        ),
        (&json!(2), &json!(2026), &Value::Null)
    );
    assert_eq!(
        state().await,
        [
            json!(false),
            json!(false),
            json!(10),
            json!("Pipeline"),
            json!("Pipeline"),
            json!(50)
        ]
    );
    let path = format!("sobjects/Opportunity/{id}");
    org.patch(
        &path,
        json!({"StageName": "Negotiation/Review", "Probability": 42, "ForecastCategoryName": "Commit"}),
    )
    .await;
    assert_eq!(
        state().await,
        [
            json!(false),
            json!(false),
            json!(42),
            json!("Forecast"),
            json!("Commit"),
            json!(210)
        ]
    );
    org.patch(&path, json!({"StageName": "Closed Won"})).await;
    assert_eq!(
        state().await,
        [
            json!(true),
            json!(true),
            json!(100),
            json!("Closed"),
            json!("Closed"),
            json!(500)
        ]
    );
    assert!(org.read("Opportunity", &id).await["LastStageChangeDate"].is_string());
    org.patch(&path, json!({"StageName": "Closed Lost"})).await;
    assert_eq!(
        state().await,
        [
            json!(true),
            json!(false),
            json!(0),
            json!("Omitted"),
            json!("Omitted"),
            json!(0)
        ]
    );
    let stages = org
        .column(
            "SELECT ApiName FROM OpportunityStage WHERE IsWon = true",
            "ApiName",
        )
        .await;
    assert_eq!(stages, ["Closed Won"]);
    org.twin.stop().await;
}

#[tokio::test]
async fn the_amount_is_the_sum_of_the_lines_as_soon_as_there_are_any() {
    let org = Org::start().await;
    let id = deal(&org, "EUR").await;
    let before = org.read("Opportunity", &id).await;
    let entry = price(&org, "SENIOR", "EUR").await;
    let line = json!({"OpportunityId": id, "PricebookEntryId": entry, "Quantity": 12.5, "UnitPrice": 220.1, "Role__c": "Senior Consultant"});
    let first = org.create("OpportunityLineItem", line).await;
    let product = org.read("PricebookEntry", &entry).await["Product2Id"].clone();
    org.create(
        "OpportunityLineItem",
        json!({"OpportunityId": id, "Product2Id": product, "Quantity": 3, "TotalPrice": 100}),
    )
    .await;
    let after = org.read("Opportunity", &id).await;
    assert_eq!(
        (&after["Amount"].to_string()[..], &after["HasOpportunityLineItem"]),
        ("2851.25", &json!(true))
    );
    assert_eq!(after["TotalOpportunityQuantity"].to_string(), "15.5");
    // The system's own write moves SystemModstamp and not LastModifiedDate.
    assert!(after["SystemModstamp"].as_str() > before["SystemModstamp"].as_str());
    assert_eq!(after["LastModifiedDate"], before["LastModifiedDate"]);
    let read = org.read("OpportunityLineItem", &first).await;
    assert_eq!(
        (&read["CurrencyIsoCode"], &read["ProductCode"], &read["ListPrice"]),
        (&json!("EUR"), &json!("SENIOR"), &json!(220))
    );

    assert_eq!(
        org.patch(
            &format!("sobjects/Opportunity/{id}"),
            json!({"Amount": 1, "NextStep": "call"})
        )
        .await
        .0,
        204
    );
    let ignored = org.read("Opportunity", &id).await;
    assert_eq!(
        (ignored["Amount"].to_string(), &ignored["NextStep"]),
        ("2851.25".to_owned(), &json!("call"))
    );
    org.patch(
        &format!("sobjects/OpportunityLineItem/{first}"),
        json!({"Quantity": 10, "Discount": 10}),
    )
    .await;
    assert_eq!(org.read("Opportunity", &id).await["Amount"].to_string(), "2080.9");
    org.delete(&format!("sobjects/OpportunityLineItem/{first}")).await;
    assert_eq!(org.read("Opportunity", &id).await["Amount"], 100);

    let foreign =
        json!({"OpportunityId": id, "PricebookEntryId": price(&org, "SENIOR", "USD").await, "Quantity": 1});
    assert_eq!(
        refusal(&org.post("sobjects/OpportunityLineItem", foreign).await).1,
        "FIELD_INTEGRITY_EXCEPTION"
    );
    let unpriced = refusal(
        &org.post(
            "sobjects/OpportunityLineItem",
            json!({"OpportunityId": id, "Quantity": 1}),
        )
        .await,
    );
    assert_eq!(unpriced.2, "Required fields are missing: [PricebookEntryId]");
    org.twin.stop().await;
}

#[tokio::test]
async fn a_contract_is_drafted_then_activated() {
    let org = Org::start().await;
    let account = org.create("Account", json!({"Name": "Acme"})).await;
    let drafted = json!({"AccountId": account, "StartDate": "2026-01-31", "ContractTerm": 1});
    let mut activated = drafted.clone();
    activated["Status"] = json!("Activated");
    assert_eq!(org.post("sobjects/Contract", activated).await.0, 400);
    let id = org.create("Contract", drafted).await;
    let contract = org.read("Contract", &id).await;
    assert_eq!(
        (
            &contract["Status"],
            &contract["EndDate"],
            &contract["ContractNumber"]
        ),
        (&json!("Draft"), &json!("2026-02-27"), &json!("00000100"))
    );
    org.patch(&format!("sobjects/Contract/{id}"), json!({"Status": "Activated"}))
        .await;
    let contract = org.read("Contract", &id).await;
    assert_eq!(contract["StatusCode"], "Activated");
    assert!(contract["ActivatedDate"].is_string() && contract["ActivatedById"].is_string());
    org.twin.stop().await;
}

#[tokio::test]
async fn a_deleted_account_takes_its_own_along_and_frees_the_rest() {
    let org = Org::start().await;
    let account = org.create("Account", json!({"Name": "Acme"})).await;
    let contact = org
        .create("Contact", json!({"LastName": "L", "AccountId": account}))
        .await;
    let child = org
        .create("Account", json!({"Name": "Acme Sub", "ParentId": account}))
        .await;
    let invoice = json!({"Account__r": {"Fairlead_Id__c": "none"}, "Number__c": "1"});
    assert_eq!(org.post("sobjects/Fairlead_Invoice__c", invoice).await.0, 400);
    let invoice = org
        .create(
            "Fairlead_Invoice__c",
            json!({"Account__c": account, "Total__c": 10}),
        )
        .await;
    assert_eq!(org.delete(&format!("sobjects/Account/{account}")).await.0, 204);
    assert_eq!(
        refusal(&org.get(&format!("sobjects/Contact/{contact}")).await).1,
        "ENTITY_IS_DELETED"
    );
    assert_eq!(org.read("Account", &child).await["ParentId"], Value::Null);
    assert_eq!(
        org.read("Fairlead_Invoice__c", &invoice).await["Account__c"],
        Value::Null
    );
    let entry = price(&org, "PARTNER", "USD").await;
    let product = org.read("PricebookEntry", &entry).await["Product2Id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        refusal(&org.delete(&format!("sobjects/Product2/{product}")).await).1,
        "DELETE_FAILED"
    );
    org.twin.stop().await;
}

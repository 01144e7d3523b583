//! The record service: upsert, merge, references, reads.

use serde_json::{Value, json};

use super::{Account, answer};

fn items<'a>(record: &'a Value, sublist: &str) -> &'a Vec<Value> {
    record[sublist]["items"].as_array().unwrap()
}

#[actix_web::test]
async fn an_upsert_by_external_id_makes_one_record_and_says_where_it_is() {
    let account = Account::start().await;
    let put = async |name: &str| {
        let body = json!({"companyName": name, "subsidiary": {"id": "3"}});
        account.send("PUT", "record/v1/customer/eid:SF-1", body).await
    };
    let first = put("Helios").await;
    assert_eq!((first.status, &first.body), (204, &Value::Null));
    assert!(
        first
            .location
            .starts_with(&format!("{}/services/rest/record/v1/customer/", account.base))
    );
    let second = put("Helios SE").await;
    assert_eq!(first.id(), second.id());
    let read = account.read("CUSTOMER", "eid:SF-1").await;
    assert_eq!(
        (&read["companyName"], &read["externalId"]),
        (&json!("Helios SE"), &json!("SF-1"))
    );
    assert_eq!(read["currency"]["refName"], "Euro");
    let taken = json!({"companyName": "Other", "subsidiary": {"id": "3"}, "externalId": "SF-1"});
    let taken = account.send("POST", "record/v1/customer", taken).await;
    assert_eq!(
        taken.refusal(),
        (400, "USER_ERROR".into(), "This record already exists".into())
    );
    let twin = json!({"companyName": "Helios", "subsidiary": {"id": "3"}, "entityId": "helios"});
    let twin = account.send("POST", "record/v1/customer", twin).await;
    assert_eq!(twin.refusal().2, "A customer record with this ID already exists");
    let missing = account.send("PUT", "record/v1/customer/424242", json!({})).await;
    assert_eq!(
        (missing.status, missing.refusal().1.as_str()),
        (404, "NONEXISTENT_ID")
    );
}

#[actix_web::test]
async fn keyed_lines_merge_unkeyed_ones_append_and_replace_takes_over() {
    let account = Account::start().await;
    let (customer, _, _) = account.engagement().await;
    let order = json!({"entity": {"id": customer}, "externalId": "SO-1", "memo": "first", "item": {"items": [
        {"item": "110", "quantity": 1, "rate": 100}, {"item": "111", "quantity": 1, "rate": 50}]}});
    let id = account.create("salesOrder", order).await;
    let change =
        json!({"memo": null, "item": {"items": [{"line": 2, "rate": 70}, {"item": "112", "amount": 5}]}});
    account
        .send("PATCH", &format!("record/v1/salesOrder/{id}"), change)
        .await
        .id();
    let read = account.read("salesOrder", "eid:SO-1").await;
    assert!(read.get("memo").is_none());
    let amounts: Vec<_> = items(&read, "item")
        .iter()
        .map(|l| (l["line"].clone(), l["amount"].clone()))
        .collect();
    assert_eq!(
        amounts,
        [
            (json!(1), json!(100)),
            (json!(2), json!(70)),
            (json!(3), json!(5))
        ]
    );
    assert_eq!(read["item"]["totalResults"], 3);
    let whole = json!({"item": {"items": [{"item": "110", "amount": 9}]}});
    account
        .send("PATCH", &format!("record/v1/salesOrder/{id}?replace=item"), whole)
        .await
        .id();
    assert_eq!(items(&account.read("salesOrder", &id).await, "item").len(), 1);

    let registration = |n: u32| json!({"taxRegistration": {"items": [{"nexusCountry": "DE", "taxRegistrationNumber": n.to_string()}]}});
    for n in 1..=2 {
        account
            .send(
                "PATCH",
                &format!("record/v1/customer/{customer}"),
                registration(n),
            )
            .await
            .id();
    }
    assert_eq!(
        items(&account.read("customer", &customer).await, "taxRegistration").len(),
        2,
        "no key, so appended"
    );
    let closed = account.get(&format!("record/v1/salesOrder/{id}")).await.body;
    assert!(closed["item"].get("items").is_none() && closed["item"]["links"][0]["href"].is_string());
    let lines = account.get(&format!("record/v1/salesOrder/{id}/item")).await.body;
    assert_eq!(lines["items"][0]["amount"], 9);
}

#[actix_web::test]
async fn references_are_taken_by_id_external_id_or_name_and_wrong_ones_are_placed() {
    let account = Account::start().await;
    account
        .send(
            "PUT",
            "record/v1/customer/eid:C1",
            json!({"companyName": "One", "subsidiary": 3}),
        )
        .await
        .id();
    for parent in [json!({"externalId": "C1"}), json!({"refName": "One"})] {
        let body = json!({"entityId": format!("P {parent}"), "parent": parent, "subsidiary": {"id": "3"}, "currency": {"refName": "EUR"}});
        let id = account.create("job", body).await;
        let read = account.read("job", &id).await;
        assert_eq!(
            (&read["parent"]["externalId"], &read["currency"]["id"]),
            (&json!("C1"), &json!("4"))
        );
    }
    let wrong = json!({"entity": {"id": "1"}, "item": {"items": [{"item": {"id": "9999"}}]}});
    let wrong = account.send("POST", "record/v1/invoice", wrong).await;
    let text = "Error while accessing resource: You have entered an Invalid Field Value";
    assert!(wrong.refusal().2.starts_with(text), "{:?}", wrong.refusal());
    let (customer, _, _) = account.engagement().await;
    let wrong = json!({"entity": {"id": customer}, "item": {"items": [{"item": {"id": "9999"}}]}});
    let wrong = account.send("POST", "record/v1/invoice", wrong).await;
    assert_eq!(
        wrong.body["o:errorDetails"][0]["o:errorPath"],
        "item.items[0].item"
    );
}

#[actix_web::test]
async fn unknown_properties_are_dropped_with_a_warning_unless_they_are_errors() {
    let account = Account::start().await;
    let body = json!({"companyName": "Typo", "subsidiary": {"id": "3"}, "compnyName": "x"});
    let lenient = account.send("POST", "record/v1/customer", body.clone()).await;
    assert_eq!(lenient.status, 204);
    let warning = lenient
        .headers
        .get("x-netsuite-propertyvalidation")
        .unwrap()
        .to_str()
        .unwrap();
    assert!(warning.contains("compnyName"), "{warning}");
    let strict = account
        .request("POST", "record/v1/customer")
        .header("X-NetSuite-PropertyNameValidation", "error");
    let strict = answer(strict.json(&body)).await;
    assert_eq!(
        (strict.status, strict.refusal().1.as_str()),
        (400, "INVALID_CONTENT")
    );
}

#[actix_web::test]
async fn lists_hold_ids_and_follow_absolute_links() {
    let account = Account::start().await;
    let first = account
        .get("record/v1/employee?limit=3&q=isInactive IS false")
        .await
        .body;
    assert_eq!(
        (&first["count"], &first["hasMore"], &first["totalResults"]),
        (&json!(3), &json!(true), &json!(7))
    );
    assert_eq!(
        first["items"][0].as_object().unwrap().len(),
        2,
        "ids and links only"
    );
    let next = first["links"]
        .as_array()
        .unwrap()
        .iter()
        .find(|l| l["rel"] == "next")
        .unwrap();
    let second = account.get(next["href"].as_str().unwrap()).await.body;
    assert_eq!(
        (&second["offset"], &second["items"][0]["id"]),
        (&json!(3), &json!("14"))
    );
    let odd = account.get("record/v1/employee?limit=3&offset=1").await;
    assert_eq!((odd.status, odd.refusal().1.as_str()), (400, "INVALID_PARAMETER"));
    let both = account
        .get("record/v1/employee/11?fields=email&expandSubResources=true")
        .await;
    assert_eq!(
        (both.status, both.refusal().1.as_str()),
        (400, "INVALID_PARAMETER")
    );
    let some = account.get("record/v1/employee/11?fields=email").await.body;
    assert!(some["email"].is_string() && some.get("laborCost").is_none());
    assert_eq!(
        answer(account.request("OPTIONS", "record/v1/customer"))
            .await
            .status,
        204
    );
}

#[actix_web::test]
async fn a_deletion_needs_nothing_to_depend_on_the_record() {
    let account = Account::start().await;
    let (customer, project, task) = account.engagement().await;
    let delete = async |path: String| answer(account.request("DELETE", &path)).await;
    let refused = delete(format!("record/v1/customer/{customer}")).await;
    assert_eq!(refused.refusal().1, "USER_ERROR");
    for path in [
        format!("projectTask/{task}"),
        format!("job/{project}"),
        format!("customer/{customer}"),
    ] {
        let gone = delete(format!("record/v1/{path}")).await;
        assert_eq!(
            (gone.status, gone.location.as_str()),
            (204, ""),
            "{path}: {}",
            gone.body
        );
    }
    assert_eq!(account.get(&format!("record/v1/job/{project}")).await.status, 404);
    let rows = account
        .rows("SELECT recordid, scriptid FROM deletedrecord ORDER BY recordid")
        .await;
    assert_eq!(rows.iter().filter(|r| r["scriptid"] == "job").count(), 1);
}

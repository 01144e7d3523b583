//! Records through the API and the connector to the twin, and back.

use reqwest::Method;
use serde_json::{Value, json};

use crate::office::Office;

#[tokio::test]
async fn a_client_is_written_once_under_its_key_and_read_back() {
    let office = Office::open().await;
    let body = json!({"writes": [
        {"key": "psa-it-1", "record": {"name": "Meridian Optics"}},
        {"key": "psa-it-2", "record": {"name": ""}},
    ]});
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = office
            .call(Method::POST, "/main/accounts/writes", Some(&body))
            .await;
        let text = answer.text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        let results = &answer["results"];
        ids.push(results[0]["written"]["id"].as_str().expect(&text).to_owned());
        assert_eq!(results[1]["failure"]["code"], "invalid_record", "{text}");
    }
    assert_eq!(ids[0], ids[1]);
    let read = office.get(&format!("/main/accounts/{}", ids[0])).await;
    assert_eq!(read["data"]["name"], "Meridian Optics");
    assert_eq!(
        (&read["connection"], &read["effect_key"]),
        (&json!("psa/main"), &json!("psa-it-1"))
    );
    let found = office
        .get("/main/accounts/matches?by=effect_key&value=psa-it-1")
        .await;
    assert_eq!(found[0]["id"], read["id"]);
    assert_eq!(office.get("/main/health").await["connection"], "psa/main");
    office.close().await;
}

//! Change events over long polling.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Org, answer};

async fn bayeux(org: &Org, messages: Value) -> Vec<Value> {
    let url = format!("{}/cometd/60.0/", org.base);
    let request = org
        .http
        .post(url)
        .header("authorization", format!("OAuth {}", org.token));
    let (status, answers) = answer(request.json(&messages)).await;
    assert_eq!(status, 200);
    answers.as_array().unwrap().clone()
}

async fn client(org: &Org) -> String {
    let answers = bayeux(org, json!([{"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}])).await;
    assert_eq!(answers[0]["successful"], true);
    answers[0]["clientId"].as_str().unwrap().to_owned()
}

async fn subscribe(org: &Org, client: &str, channel: &str, replay: i64) -> Value {
    let message = json!([{"channel": "/meta/subscribe", "clientId": client, "subscription": channel, "ext": {"replay": {channel: replay}}}]);
    bayeux(org, message).await.remove(0)
}

/// The events of one connect, without waiting longer than `wait_ms` for the first.
async fn events(org: &Org, client: &str, wait_ms: u64) -> Vec<Value> {
    let message = json!([{"channel": "/meta/connect", "clientId": client, "connectionType": "long-polling", "advice": {"timeout": wait_ms}}]);
    let mut answers = bayeux(org, message).await;
    let last = answers.pop().unwrap();
    assert_eq!(
        (&last["channel"], &last["successful"]),
        (&json!("/meta/connect"), &json!(true))
    );
    answers
}

#[tokio::test]
async fn a_waiting_client_hears_of_a_change_and_replays_what_it_missed() {
    let org = Org::start().await;
    let id = org.create("Opportunity", json!({"Name": "Heard", "StageName": "Prospecting", "CloseDate": "2026-06-30", "NextStep": "call"})).await;
    let channel = "/data/OpportunityChangeEvent";
    let waiting = client(&org).await;
    assert_eq!(subscribe(&org, &waiting, channel, -1).await["successful"], true);
    let change = async {
        let request = org
            .request(Method::PATCH, &format!("sobjects/Opportunity/{id}"))
            .header("Sforce-Call-Options", "client=fairlead");
        answer(request.json(&json!({"StageName": "Closed Won", "NextStep": null}))).await
    };
    let (heard, _) = tokio::join!(events(&org, &waiting, 15_000), change);
    let payload = &heard[0]["data"]["payload"];
    let header = &payload["ChangeEventHeader"];
    assert_eq!(
        (&heard[0]["channel"], &header["changeType"], &header["recordIds"]),
        (&json!(channel), &json!("UPDATE"), &json!([id]))
    );
    assert!(
        header["changeOrigin"]
            .as_str()
            .unwrap()
            .ends_with(";client=fairlead")
    );
    assert_eq!(
        (&payload["StageName"], &payload["IsWon"], payload.get("Name")),
        (&json!("Closed Won"), &json!(true), None)
    );
    assert_eq!(header["nulledFields"], json!(["NextStep"]));
    assert!(
        header["changedFields"]
            .as_array()
            .unwrap()
            .contains(&json!("StageName"))
    );
    let replay = heard[0]["data"]["event"]["replayId"].as_i64().unwrap();

    org.create("Account", json!({"Name": "On another channel"})).await;
    org.delete(&format!("sobjects/Opportunity/{id}")).await;
    let again = client(&org).await;
    subscribe(&org, &again, channel, replay).await;
    let missed = events(&org, &again, 0).await;
    assert_eq!(missed.len(), 1);
    assert_eq!(
        missed[0]["data"]["payload"]["ChangeEventHeader"]["changeType"],
        "DELETE"
    );
    assert!(events(&org, &again, 0).await.is_empty());

    let all = client(&org).await;
    subscribe(&org, &all, "/data/ChangeEvents", -2).await;
    let replayed = events(&org, &all, 0).await;
    let of = |object: &str| {
        replayed
            .iter()
            .filter(|e| e["data"]["payload"]["ChangeEventHeader"]["entityName"] == object)
            .count()
    };
    assert_eq!(of("Opportunity"), 3);
    let ids: Vec<i64> = replayed
        .iter()
        .map(|e| e["data"]["event"]["replayId"].as_i64().unwrap())
        .collect();
    assert!(ids.is_sorted_by(|a, b| a < b));

    let invalid = subscribe(&org, &all, channel, 99_999_999).await;
    assert!(
        invalid["error"]
            .as_str()
            .unwrap()
            .starts_with("400::The replayId {99999999} you provided was invalid.")
    );
    assert_eq!(
        subscribe(&org, &all, "/data/NopeChangeEvent", -1).await["successful"],
        false
    );
    let stranger = bayeux(&org, json!([{"channel": "/meta/connect", "clientId": "nobody"}])).await;
    assert_eq!(
        (&stranger[0]["error"], &stranger[0]["advice"]["reconnect"]),
        (&json!("403::Unknown client"), &json!("handshake"))
    );
    org.twin.stop().await;
}

//! Records through the client and the endpoints, and back.

use canonical_model::{
    Account, EffectKey, FailureClass, FindBy, Link, LinkState, ListQuery, Outcome, SystemKind, Task, Write,
};
use serde_json::json;

use crate::memory::Office;

fn account(key: &str, name: &str) -> Write<Account> {
    Write {
        key: key.parse().unwrap(),
        id: None,
        expected_version: None,
        record: serde_json::from_value(json!({"name": name})).unwrap(),
    }
}

#[tokio::test]
async fn pages_are_followed_to_their_end() {
    let office = Office::open().await;
    let accounts = office.worker().collection::<Account>("main");
    let query = ListQuery {
        limit: Some(2),
        ..ListQuery::default()
    };
    assert_eq!(accounts.list(&query).await.unwrap().items.len(), 2);
    let names: Vec<_> = accounts
        .list_all(&query)
        .await
        .unwrap()
        .into_iter()
        .map(|a| a.data.name)
        .collect();
    assert_eq!(names, ["Meridian Optics", "Harbour Foods", "Quintal Rail"]);
    let first = accounts.changes(None, 2).await.unwrap();
    let rest = accounts.changes(Some(&first.next_cursor), 2).await.unwrap();
    assert_eq!(
        (first.items.len(), first.more, rest.items.len(), rest.more),
        (2, true, 1, false)
    );
    assert_eq!(accounts.target(), "psa/main account");
}

#[tokio::test]
async fn a_batch_is_answered_item_by_item_and_a_key_makes_one_record() {
    let office = Office::open().await;
    let accounts = office.worker().collection::<Account>("main");
    let batch = [
        account("k-1", "Northgate"),
        account("k-2", ""),
        account("k-3", "down"),
        account("k-4", "broken"),
        account("k-5", "Eastgate"),
    ];
    let results = accounts.write_all(&batch).await.unwrap();
    let ends: Vec<_> = results
        .iter()
        .map(|result| match &result.failure {
            Some(failure) => (failure.code.as_str(), failure.class, failure.outcome),
            None => ("", FailureClass::Business, Outcome::NotApplied),
        })
        .collect();
    assert_eq!(
        ends,
        [
            ("", FailureClass::Business, Outcome::NotApplied),
            ("invalid_record", FailureClass::Business, Outcome::NotApplied),
            ("timeout", FailureClass::Transient, Outcome::Unknown),
            ("unknown_status", FailureClass::Fault, Outcome::NotApplied),
            ("", FailureClass::Business, Outcome::NotApplied),
        ]
    );
    assert_eq!(
        results[3].failure.as_ref().unwrap().source.as_deref(),
        Some("psa/main")
    );
    let again = accounts.write(&batch[0]).await.unwrap();
    assert_eq!(
        (Some(again.id.clone()), again.created),
        (results[0].written.as_ref().map(|w| w.id.clone()), Some(false))
    );
    let key = "k-1".parse::<EffectKey>().unwrap();
    assert_eq!(accounts.find_by_key(&key).await.unwrap().unwrap().id, again.id);
    let unused = "k-9".parse::<EffectKey>().unwrap();
    assert_eq!(accounts.find_by_key(&unused).await.unwrap(), None);
}

#[tokio::test]
async fn a_write_that_the_connector_does_not_answer_is_in_doubt() {
    let office = Office::open().await;
    let accounts = office.worker().collection::<Account>("main");
    let results = accounts
        .write_all(&[
            account("s-1", "Westgate"),
            account("s-2", "silent"),
            account("s-3", "Southgate"),
        ])
        .await
        .unwrap();
    assert!(results[0].written.is_some());
    for result in &results[1..] {
        let failure = result.failure.as_ref().unwrap();
        assert_eq!(
            (failure.code.as_str(), failure.outcome),
            ("answers_missing", Outcome::Unknown)
        );
    }
}

#[tokio::test]
async fn a_system_that_is_down_is_asked_once_for_all_its_callers() {
    let office = Office::open().await;
    let accounts = office.worker().collection::<Account>("main");
    for n in 0..3 {
        let down = [account(&format!("down-{n}"), "down")];
        let results = accounts.write_all(&down).await.unwrap();
        assert_eq!(results[0].failure.as_ref().unwrap().code, "timeout");
    }
    let somebody_else = office.worker();
    let accounts = somebody_else.collection::<Account>("main");
    let failure = accounts.read("1").await.unwrap_err();
    assert_eq!(failure.code, "connection_paused");
    let sound = [account("k-1", "Westgate")];
    let failure = accounts.write_all(&sound).await.unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.outcome, failure.source.as_deref()),
        ("connection_paused", Outcome::NotApplied, Some("psa/main"))
    );
    let key = "k-1".parse::<EffectKey>().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(failure.retry_after_ms.unwrap())).await;
    assert_eq!(
        accounts.find_by_key(&key).await.unwrap(),
        None,
        "nothing was sent"
    );
    let results = accounts.write_all(&sound).await.unwrap();
    assert!(results[0].written.is_some());
}

#[tokio::test]
async fn more_than_a_batch_is_sent_in_several() {
    let office = Office::open().await;
    let accounts = office.worker().collection::<Account>("main");
    let writes: Vec<_> = (0..2_500)
        .map(|n| account(&format!("many-{n}"), "Many"))
        .collect();
    let results = accounts.write_all(&writes).await.unwrap();
    assert_eq!(results.len(), 2_500);
    assert!(
        results
            .iter()
            .zip(&writes)
            .all(|(result, write)| result.key == write.key && result.written.is_some())
    );
    assert!(accounts.write_all(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_link_stands_on_the_record() {
    let office = Office::open().await;
    let accounts = office.worker().collection::<Account>("main");
    let link = Link {
        key: "l-1".parse().unwrap(),
        id: "2".to_owned(),
        system: "erp".to_owned(),
        other_id: Some("881".to_owned()),
        state: LinkState::Succeeded,
        message: None,
    };
    accounts.link(&link).await.unwrap();
    assert_eq!(accounts.read("2").await.unwrap().links["erp"], "881");
}

#[tokio::test]
async fn failures_come_back_as_the_connector_decided_them() {
    let office = Office::open().await;
    let client = office.worker();
    let accounts = client.collection::<Account>("main");
    let missing = accounts.read("no such/id").await.unwrap_err();
    assert_eq!(
        (missing.class, missing.code.as_str()),
        (FailureClass::Business, "not_found")
    );
    assert_eq!(missing.message, "no account no such/id");
    assert_eq!(missing.source.as_deref(), Some("psa/main"));
    let absent = client
        .collection::<Task>("main")
        .list(&ListQuery::default())
        .await
        .unwrap_err();
    assert_eq!(absent.code, "capability_absent");
    let by = accounts.find(FindBy::Email, "a@b.example").await.unwrap_err();
    assert_eq!(by.code, "capability_absent");
    let filtered = ListQuery {
        person: Some("7".to_owned()),
        ..ListQuery::default()
    };
    assert_eq!(
        accounts.list(&filtered).await.unwrap_err().code,
        "filter_not_supported"
    );
    let elsewhere = client.collection::<Account>("emea").read("1").await.unwrap_err();
    assert_eq!(elsewhere.code, "connection_not_found");
    let health = client.check_health("main").await.unwrap_err();
    assert_eq!(
        (health.class, health.source.as_deref()),
        (FailureClass::Transient, Some("psa/main"))
    );
}

#[tokio::test]
async fn connections_say_what_they_can_do() {
    let office = Office::open().await;
    let client = office.worker();
    assert_eq!(client.kind(), SystemKind::Psa);
    let connections = client.connections().await.unwrap();
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0].connection, "psa/main");
    assert_eq!(client.connection("main").await.unwrap(), connections[0]);
    assert_eq!(connections[0].capabilities.collections[0].collection, "accounts");
}

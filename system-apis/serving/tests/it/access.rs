//! Who sees what.

use canonical_model::{Account, CostRate, FindBy, ListQuery, TimeEntry};
use chassis::Role;

use crate::memory::{BINARY, Office, contract};

#[test]
fn the_contract_says_what_its_readers_need() {
    let findings = testkit::contract_findings(&contract());
    assert!(findings.is_empty(), "{findings:#?}");
}

#[tokio::test]
async fn every_operation_refuses_callers_who_may_not() {
    let office = Office::open().await;
    testkit::check_refusals(&office.api.base_url, &contract(), &office.issuer, BINARY).await;
}

#[tokio::test]
async fn cost_is_left_out_for_who_may_not_see_it() {
    let office = Office::open().await;
    for (scopes, sees) in [
        (&["records:read"][..], false),
        (&["records:read", "cost-rates:read"], true),
    ] {
        let entries = office.client(scopes).collection::<TimeEntry>("main");
        let query = ListQuery::default();
        let mut seen = entries.list_all(&query).await.unwrap();
        seen.push(entries.read("1").await.unwrap());
        seen.extend(entries.find(FindBy::EffectKey, "seed-0").await.unwrap());
        let changes = entries.changes(None, 10).await.unwrap();
        seen.extend(changes.items.into_iter().filter_map(|change| change.record));
        assert_eq!(seen.len(), 4);
        for entry in seen {
            assert_eq!(entry.data.cost_rate.is_some(), sees);
            assert!(entry.data.rate.is_some());
        }
        let rates = office
            .client(scopes)
            .collection::<CostRate>("main")
            .list(&query)
            .await;
        assert_eq!(rates.is_ok(), sees);
        if let Err(failure) = rates {
            assert_eq!(failure.code, "missing_scope");
        }
    }
}

#[tokio::test]
async fn people_read_by_role_and_never_write() {
    let office = Office::open().await;
    let scopes = ["records:read", "records:write"];
    let ask = |role, method: reqwest::Method, path: &str| {
        let token = office
            .issuer
            .person_token(BINARY, &scopes, &[role], "anna@northwind-advisory.example");
        testkit::http()
            .request(method, office.url(path))
            .bearer_auth(token)
            .send()
    };
    let read = ask(Role::DataSteward, reqwest::Method::GET, "/main/accounts")
        .await
        .unwrap();
    assert_eq!(read.status(), 200);
    for (role, method, path) in [
        (Role::Viewer, reqwest::Method::GET, "/main/accounts"),
        (Role::Client, reqwest::Method::GET, ""),
        (
            Role::Administrator,
            reqwest::Method::POST,
            "/main/accounts/writes",
        ),
    ] {
        let answer = ask(role, method, path).await.unwrap();
        assert_eq!(answer.status(), 403);
        assert_eq!(testkit::problem_of(answer).await.code, "missing_role");
    }
}

#[tokio::test]
async fn the_correlation_id_goes_on_to_the_connector() {
    let office = Office::open().await;
    let accounts = office.worker().collection::<Account>("main");
    let call = accounts.find(FindBy::Name, "correlation");
    let failure = egress::with_correlation("0197-the-whole-way", call)
        .await
        .unwrap_err();
    assert_eq!(failure.message, "0197-the-whole-way");
}

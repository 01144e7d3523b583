//! A listing of one account holds nothing of another.

use canonical_model::{
    AssignmentChanged, AssignmentState, CanonicalId, Currency, Event, Fact, InvoiceChanged, InvoiceStatus,
    Minutes, Money, ProjectScope, StaffingRequested,
};
use insight_process_api::{Settings, run, store};
use persistence::Database;
use rust_decimal::dec;
use serde_json::Value;
use testkit::Issuer;

const API: &str = "insight-process-api";

/// An invoice, a request and planned time of an account, each named after it.
fn facts_of(name: &str, account_id: CanonicalId) -> [Fact; 3] {
    let scope = ProjectScope {
        project_id: CanonicalId::generate(),
        project_code: format!("{name}-1"),
        account_id,
        account_name: name.to_owned(),
        legal_entity: "de".to_owned(),
        region: None,
    };
    let amount = Money::new(dec!(100), Currency::EUR);
    [
        Fact::InvoiceChanged(InvoiceChanged {
            invoice: name.to_owned(),
            number: None,
            account_id,
            account_name: name.to_owned(),
            project_id: Some(scope.project_id),
            legal_entity: None,
            status: InvoiceStatus::Open,
            date: "2026-11-20".parse().unwrap(),
            due_date: None,
            net: amount,
            total: amount,
            amount_paid: Money::zero(Currency::EUR),
            changed_at: "2026-11-20T08:00:00Z".parse().unwrap(),
        }),
        Fact::StaffingRequested(StaffingRequested {
            scope: scope.clone(),
            request: name.to_owned(),
            role: "consultant".to_owned(),
            requested_at: "2026-11-01T08:00:00Z".parse().unwrap(),
            start_date: "2026-11-09".parse().unwrap(),
            minutes: Minutes::new(600),
        }),
        Fact::AssignmentChanged(AssignmentChanged {
            scope,
            assignment: name.to_owned(),
            person: Some(format!("tom@{name}.example")),
            role: None,
            state: AssignmentState::Confirmed,
            start_date: "2026-11-09".parse().unwrap(),
            end_date: "2026-11-20".parse().unwrap(),
            minutes: Minutes::new(600),
            changed_at: "2026-11-02T08:00:00Z".parse().unwrap(),
        }),
    ]
}

fn event(id: usize, fact: &Fact) -> Event {
    Event {
        specversion: "1.0".to_owned(),
        id: format!("event-{id}"),
        source: "/process/test".to_owned(),
        kind: fact.kind().to_owned(),
        subject: "test".to_owned(),
        time: "2026-11-24T12:00:00Z".parse().unwrap(),
        correlation_id: "c".to_owned(),
        data: serde_json::to_value(fact).unwrap(),
    }
}

/// Facts that insight has from before.
async fn keep(settings: &Settings, facts: Vec<Fact>) {
    let migrations: Vec<_> = persistence::MIGRATIONS
        .into_iter()
        .chain([store::MIGRATION])
        .collect();
    let database = Database::open(&settings.database, &migrations).await.unwrap();
    let write = database.write(move |tx| {
        Box::pin(async move {
            for (n, fact) in facts.iter().enumerate() {
                store::keep(tx, &event(n, fact), fact).await?;
            }
            Ok(())
        })
    });
    write.await.unwrap();
}

#[tokio::test]
async fn a_listing_of_one_account_holds_nothing_of_another() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let settings = crate::api::settings(folder.path(), &issuer);
    let (own, other) = (CanonicalId::generate(), CanonicalId::generate());
    let facts = [facts_of("own", own), facts_of("other", other)];
    keep(&settings, facts.into_iter().flatten().collect()).await;
    let running = run(&settings).await.unwrap();
    let names = async |path: String, field: &str| {
        let answer = testkit::http()
            .get(format!("{}{path}", running.base_url))
            .bearer_auth(issuer.service_token(API, &["insight:read"]))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        let page: Value = answer.json().await.unwrap();
        let name = |record: &Value| record[field].as_str().unwrap().to_owned();
        let mut names: Vec<_> = page["items"].as_array().unwrap().iter().map(name).collect();
        names.sort();
        names
    };
    for (path, field) in [
        ("/v1/invoices", "invoice"),
        ("/v1/resource-requests", "request"),
        ("/v1/assignments", "assignment"),
    ] {
        assert_eq!(names(path.to_owned(), field).await, ["other", "own"]);
        assert_eq!(names(format!("{path}?account_id={own}"), field).await, ["own"]);
        let nobody = CanonicalId::generate();
        assert!(
            names(format!("{path}?account_id={nobody}"), field)
                .await
                .is_empty()
        );
    }
    let planned = async |query: &str| names(format!("/v1/assignments?{query}"), "assignment").await;
    assert_eq!(planned("person=Tom%40OWN.example").await, ["own"]);
    assert!(planned("from=2026-11-21").await.is_empty());
    let asked = async |state: &str| names(format!("/v1/resource-requests?state={state}"), "request").await;
    assert_eq!(asked("open").await, ["other", "own"]);
    assert!(asked("fulfilled").await.is_empty());
    running.stop().await;
}

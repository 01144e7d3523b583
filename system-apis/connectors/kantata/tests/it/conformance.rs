//! The port's suite, for every collection that it can be run on, and what is written is read again.

use canonical_model::{
    Account, Address, FindBy, ListQuery, MilestoneState, Project, ProjectStatus, RecordRef, Resource,
    ResourceRequestState, TaxRegistration,
};
use serde_json::json;
use system_ports::conformance::{Subject, check};
use system_ports::{Collection, Port, PsaPort};

use crate::account::{
    Desk, HELEN, account, create, day, eur, hours, milestone, project, request, task, update, written,
};

async fn passes<T: Resource>(
    collection: &dyn Collection<T>,
    record: impl Fn(usize) -> T,
    refused: Option<T>,
) {
    let subject = Subject {
        collection,
        record: Box::new(record),
        refused,
        run: "a".to_owned(),
    };
    check(&subject).await.unwrap();
}

#[actix_web::test]
async fn every_collection_keeps_the_ports_promises() {
    let desk = Desk::start().await;
    let psa = &desk.psa;
    let client = desk.client("owner").await;
    let place = desk.project("CON-0000").await;
    passes(
        psa.accounts(),
        |n| account(&format!("Konform {n}")),
        Some(account(" ")),
    )
    .await;
    let reversed = Project {
        end_date: Some(day("2026-01-01")),
        ..project("CON-9999", &client)
    };
    passes(
        psa.projects(),
        |n| project(&format!("CON-{n}"), &client),
        Some(reversed),
    )
    .await;
    let long = "x".repeat(201);
    passes(
        psa.tasks(),
        |n| task(&place, &format!("Task {n}")),
        Some(task(&place, &long)),
    )
    .await;
    passes(
        psa.milestones(),
        |n| milestone(&place, &format!("Milestone {n}"), "40000"),
        Some(milestone(&place, &long, "1")),
    )
    .await;
    let gone = request("999999999", 60);
    passes(
        psa.resource_requests(),
        |n| request(&place, 60 * i64::try_from(n).unwrap()),
        Some(gone),
    )
    .await;
    // What is only read: every page, the refusals, a missing record.
    let anna = psa.people().read("11").await.unwrap().data;
    passes(psa.people(), |_| anna.clone(), None).await;
    let role = psa.roles().read("1").await.unwrap().data;
    passes(psa.roles(), |_| role.clone(), None).await;
    let card = psa.rate_cards().read("610").await.unwrap().data;
    passes(psa.rate_cards(), |_| card.clone(), None).await;
    let cost = psa.cost_rates().read("501").await.unwrap().data;
    passes(psa.cost_rates(), |_| cost.clone(), None).await;
    let seats = psa.assignments().list(&ListQuery::default()).await.unwrap();
    passes(psa.assignments(), |_| seats.items[0].data.clone(), None).await;
    let worked: Vec<_> = (1..=5).map(|n| hours("2026-11-02", 60 * n)).collect();
    let entries = desk.firm.delivery.log_time(&place, &worked).await.unwrap();
    let entry = psa.time_entries().read(&entries[0]).await.unwrap().data;
    passes(psa.time_entries(), |_| entry.clone(), None).await;
}

#[actix_web::test]
async fn what_is_written_is_read_again() {
    let desk = Desk::start().await;
    let psa = &desk.psa;
    let mut company = Account {
        tax_registrations: vec![TaxRegistration {
            country: "DE".to_owned(),
            number: "DE123456789".to_owned(),
        }],
        billing_address: Some(Address {
            lines: vec!["Unter den Linden 1".to_owned(), "10117 Berlin".to_owned()],
            country: "DE".to_owned(),
            ..Address::default()
        }),
        ..account("Helios Energy GmbH")
    };
    let client = written(psa.accounts(), "q2p-client-1", company.clone()).await.id;
    let read = psa.accounts().read(&client).await.unwrap();
    // Kantata's client companies have neither.
    (company.legal_entity, company.currency) = (None, None);
    assert_eq!(
        (read.data, read.effect_key.as_deref()),
        (company, Some("q2p-client-1"))
    );
    let found = psa
        .accounts()
        .find(FindBy::Name, "helios energy gmbh")
        .await
        .unwrap();
    assert_eq!(found.len(), 1);

    let mut expected = project("HEL-0001", &client);
    let made = written(psa.projects(), "q2p-project-1", expected.clone()).await;
    assert_eq!(
        (made.created, made.code.as_deref()),
        (Some(true), Some("HEL-0001"))
    );
    let labelled = |id: &str, label: &str| Some(RecordRef::labelled(id, label));
    expected.account = labelled(&client, "Helios Energy GmbH");
    expected.manager = labelled(HELEN, "helen.cho@northwind-advisory.example");
    expected.legal_entity = labelled("Northwind Advisory Deutschland", "Northwind Advisory Deutschland");
    // The card of the set in the project's currency.
    expected.rate_card = Some(RecordRef::id("612"));
    let found = psa.projects().find(FindBy::Code, "HEL-0001").await.unwrap();
    assert_eq!((&found[0].id, &found[0].data), (&made.id, &expected));
    assert_eq!(psa.projects().find(FindBy::Code, "HEL-0002").await.unwrap(), []);

    let parent = written(psa.tasks(), "task-1", task(&made.id, "Blueprint"))
        .await
        .id;
    let mut part = task(&made.id, "Interviews");
    part.parent = Some(RecordRef::id(&parent));
    let id = written(psa.tasks(), "task-2", part.clone()).await.id;
    part.project = RecordRef::labelled(&made.id, "HEL-0001");
    part.parent = labelled(&parent, "Blueprint");
    assert_eq!(psa.tasks().read(&id).await.unwrap().data, part);

    let mut expected = milestone(&made.id, "Handover", "40000.50");
    let id = written(psa.milestones(), "milestone-1", expected.clone())
        .await
        .id;
    expected.project = RecordRef::labelled(&made.id, "HEL-0001");
    assert_eq!(psa.milestones().read(&id).await.unwrap().data, expected);
    assert_eq!(psa.tasks().read(&id).await.unwrap_err().code, "not_found");

    let mut expected = request(&made.id, 2415);
    let id = written(psa.resource_requests(), "request-1", expected.clone())
        .await
        .id;
    expected.project = RecordRef::labelled(&made.id, "HEL-0001");
    expected.role = RecordRef::labelled("2", "Senior Consultant");
    let read = psa.resource_requests().read(&id).await.unwrap();
    assert_eq!(
        (read.data, read.effect_key.as_deref()),
        (expected, Some("request-1"))
    );
}

#[actix_web::test]
async fn states_are_set_by_id_and_leave_the_rest_alone() {
    let desk = Desk::start().await;
    let psa = &desk.psa;
    let client = desk.client("owner").await;
    let id = written(psa.projects(), "p", project("HEL-0001", &client))
        .await
        .id;
    // As the loop sends it: the state and what must be there, nothing else.
    let bare = Project {
        account: None,
        legal_entity: None,
        region: None,
        manager: None,
        billing_method: None,
        budget: None,
        target_margin_percent: None,
        rate_card: None,
        start_date: None,
        end_date: None,
        status: ProjectStatus::Active,
        ..project("HEL-0001", &client)
    };
    let before = psa.projects().read(&id).await.unwrap();
    let results = psa
        .projects()
        .write(&[update("activate", &id, bare.clone())])
        .await;
    assert!(results[0].failure.is_none(), "{results:?}");
    let after = psa.projects().read(&id).await.unwrap();
    assert_eq!(after.effect_key.as_deref(), Some("p"));
    let expected = Project {
        status: ProjectStatus::Active,
        ..before.data
    };
    assert_eq!(after.data, expected);
    let mut stale = update("close", &id, bare);
    stale.expected_version = Some("2020-01-01T00:00:00-07:00".to_owned());
    let results = psa.projects().write(&[stale]).await;
    assert_eq!(results[0].failure.as_ref().unwrap().code, "version_conflict");

    let id = written(psa.milestones(), "m", milestone(&id, "Handover", "40000"))
        .await
        .id;
    let mut record = psa.milestones().read(&id).await.unwrap().data;
    record.state = MilestoneState::Cancelled;
    psa.milestones().write(&[update("cancel", &id, record)]).await;
    let read = psa.milestones().read(&id).await.unwrap().data;
    assert_eq!(
        (read.state, read.amount),
        (MilestoneState::Cancelled, eur("40000.00"))
    );

    let place = desk.project("HEL-0002").await;
    let id = written(psa.resource_requests(), "r", request(&place, 600))
        .await
        .id;
    let mut record = psa.resource_requests().read(&id).await.unwrap().data;
    record.state = ResourceRequestState::Cancelled;
    let cancel = [update("cancel-r", &id, record)];
    for _ in 0..2 {
        let results = psa.resource_requests().write(&cancel).await;
        assert!(results[0].failure.is_none(), "{results:?}");
    }
    let read = psa.resource_requests().read(&id).await.unwrap().data;
    assert_eq!(read.state, ResourceRequestState::Cancelled);
}

#[actix_web::test]
async fn the_same_key_twice_in_a_batch_is_one_record_and_siblings_go_on() {
    let desk = Desk::start().await;
    let place = desk.project("HEL-0001").await;
    let tasks = desk.psa.tasks();
    let results = tasks
        .write(&[
            create("twice", task(&place, "First")),
            create("bad", task(&place, &"x".repeat(201))),
            create("twice", task(&place, "Second")),
            create("nowhere", task("999999999", "Lost")),
            create("other", task(&place, "Other")),
        ])
        .await;
    let codes: Vec<_> = results
        .iter()
        .map(|r| r.failure.as_ref().map(|f| f.code.as_str()))
        .collect();
    let refused = Some("field_value_refused");
    assert_eq!(codes, [None, refused, None, refused, None]);
    let written: Vec<_> = results.iter().filter_map(|r| r.written.clone()).collect();
    assert_eq!(
        (&written[0].id, written[1].created),
        (&written[1].id, Some(false))
    );
    assert_eq!(desk.field("stories", &written[0].id, "title"), json!("Second"));
    assert_eq!(desk.count("stories"), 2);
}

#[actix_web::test]
async fn people_roles_and_rates_are_the_accounts() {
    let desk = Desk::start().await;
    let psa = &desk.psa;
    psa.check_health().await.unwrap();
    assert_eq!(psa.capabilities().collections.len(), 12);
    let anna = psa
        .people()
        .find(FindBy::Email, "Anna.Keller@northwind-advisory.example")
        .await
        .unwrap();
    let anna = &anna[0];
    assert_eq!(anna.data.role, Some(RecordRef::labelled("1", "Partner")));
    assert_eq!(
        anna.data.home_entity.as_ref().unwrap().id,
        "Northwind Advisory Deutschland"
    );
    assert_eq!(anna.data.weekly_capacity_minutes.unwrap().count(), 2400);
    assert_eq!(anna.data.skills, ["Operating model design"]);
    let cards = psa
        .rate_cards()
        .find(FindBy::Name, "Standard rates")
        .await
        .unwrap();
    let euros = cards
        .iter()
        .find(|card| card.data.currency.code() == "EUR")
        .unwrap();
    let partner = &euros.data.lines[0];
    assert_eq!(
        (partner.role.label.as_deref(), partner.rate.money),
        (Some("Partner"), eur("370.00"))
    );
    assert_eq!(euros.data.effective_from, Some(day("2026-01-01")));
    let costs = psa.cost_rates().list(&ListQuery::default()).await.unwrap().items;
    let annas: Vec<_> = costs
        .iter()
        .filter(|cost| cost.data.person.id == anna.id)
        .collect();
    assert_eq!(annas.len(), 3);
    assert!(annas.iter().any(|cost| cost.data.rate.money == eur("210.00")));
    let roles = psa.roles().find(FindBy::Name, "analyst").await.unwrap();
    assert_eq!((roles.len(), roles[0].id.as_str()), (1, "4"));
}

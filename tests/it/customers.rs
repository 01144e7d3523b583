//! Who buys: the same company under another spelling is no second customer, and where it is not clear, a person rules.

use reqwest::Method;
use serde_json::{Value, json};
use vendor_twins::firm::{Deal, WonDeal};

use crate::books;
use crate::world::{World, fairlead_deal, number, small_deal, text};

const CONTROL: &str = "control-process-api";

#[actix_web::test]
async fn one_company_is_one_customer_however_it_is_spelt() {
    let world = World::start().await;
    let first = world
        .firm
        .sales
        .win(&small("Helios Energy GmbH", "Grid strategy"))
        .await
        .unwrap();
    let first_project = world.project_of(&first.opportunity_id).await;
    another_spelling(&world, &first).await;
    a_lookalike_is_a_company_of_its_own_when_a_person_says_so(&world).await;
    a_lookalike_is_the_known_company_when_a_steward_rules_so(&world, &first).await;
    let customers = world.rows("SELECT id FROM customer").await;
    assert_eq!(
        customers.len(),
        2,
        "Helios Energy and Helios Energy Storage: {customers:?}"
    );
    let parent = world.erp(&format!("job/{}", first_project.job_id)).await["parent"]["id"].clone();
    assert_eq!(jobs_of(&world, &text(&parent)).await, 3);
    books::nothing_is_made_twice(&world).await;
    world.stop().await;
}

fn small(company: &str, name: &str) -> Deal {
    let helios = fairlead_deal();
    Deal {
        website: helios.website,
        tax_registration: helios.tax_registration,
        ..small_deal(company, name)
    }
}

async fn jobs_of(world: &World, customer: &str) -> usize {
    world
        .rows(&format!("SELECT id FROM job WHERE parent = {customer}"))
        .await
        .len()
}

async fn erp_number(world: &World, won: &WonDeal) -> String {
    let account = world.firm.sales.read("Account", &won.account_id).await.unwrap();
    text(&account["ERP_Id__c"])
}

/// No legal form, no tax registration, the same web site written otherwise: a second account in the CRM, one customer.
async fn another_spelling(world: &World, first: &WonDeal) {
    let deal = Deal {
        website: Some("helios-energy.example/de".to_owned()),
        tax_registration: None,
        ..small("Helios Energy", "Grid roll-out")
    };
    let won = world.firm.sales.win(&deal).await.unwrap();
    assert_ne!(won.account_id, first.account_id);
    world.project_of(&won.opportunity_id).await;
    let customer = erp_number(world, first).await;
    assert_eq!(erp_number(world, &won).await, customer);
    assert_eq!(world.rows("SELECT id FROM customer").await.len(), 1);
    assert_eq!(jobs_of(world, &customer).await, 2);
}

/// The exception of the deal, complete: who decides, what waits, by when.
async fn parked(world: &World, deal: &Deal) -> Value {
    let exceptions = world.open_exceptions("customer_ambiguous", 1).await;
    assert_eq!(exceptions.len(), 1, "{exceptions:?}");
    let exception = &exceptions[0];
    assert_eq!(exception["owner_role"], "data_steward");
    assert_eq!(exception["title"], format!("Deal {:?}", deal.name));
    let worth: u32 = deal.lines.iter().map(|line| line.hours * line.unit_price).sum();
    assert_eq!(
        number(&exception["money_at_risk"]["amount"]),
        worth.into(),
        "{exception}"
    );
    assert_eq!(exception["money_at_risk"]["currency"], "EUR");
    let at = |field: &str| chrono::DateTime::parse_from_rfc3339(exception[field].as_str().unwrap()).unwrap();
    assert_eq!((at("due_at") - at("opened_at")).num_hours(), 4);
    assert!(
        text(&exception["failure"]["message"]).contains("Helios Energy"),
        "{exception}"
    );
    exception.clone()
}

async fn a_lookalike_is_a_company_of_its_own_when_a_person_says_so(world: &World) {
    let deal = Deal {
        website: Some("https://helios-storage.example".to_owned()),
        tax_registration: None,
        ..small("Helios Energy Storage", "Battery park")
    };
    let won = world.firm.sales.win(&deal).await.unwrap();
    let exception = parked(world, &deal).await;
    assert_eq!(
        world.rows("SELECT id FROM customer").await.len(),
        1,
        "nothing is made before a person decides"
    );
    let answer = json!({"canonical_id": null, "reason": "another company, with a register entry of its own"});
    world
        .resolve(&exception, &json!({"action": "answer", "answer": answer}))
        .await;
    world.project_of(&won.opportunity_id).await;
    assert_eq!(world.rows("SELECT id FROM customer").await.len(), 2);
}

async fn a_lookalike_is_the_known_company_when_a_steward_rules_so(world: &World, first: &WonDeal) {
    let deal = Deal {
        website: Some("https://helios-solutions.example".to_owned()),
        tax_registration: None,
        ..small("Helios Energy Solutions", "Smart meters")
    };
    let won = world.firm.sales.win(&deal).await.unwrap();
    let exception = parked(world, &deal).await;
    let account = crm_account(world, &won.account_id).await;
    let request = json!({"connection": "crm/main", "id": won.account_id, "account": account["data"]});
    let known = golden_of(world, &first.account_id).await;
    let ruling = json!({"request": request, "canonical_id": known, "reason": "a brand of Helios Energy"});
    let path = "/v1/account-matches/ruling";
    world
        .call(Method::POST, CONTROL, path, "accounts:rule", Some(&ruling))
        .await;
    world.resolve(&exception, &json!({"action": "retry"})).await;
    world.project_of(&won.opportunity_id).await;
    assert_eq!(erp_number(world, &won).await, erp_number(world, first).await);
}

async fn crm_account(world: &World, id: &str) -> Value {
    let path = format!("/v1/connections/main/accounts/{id}");
    world
        .call(Method::GET, "crm-system-api", &path, "records:read", None)
        .await
}

async fn golden_of(world: &World, crm_id: &str) -> Value {
    let question = json!({"questions": [{"resource": "account", "connection": "crm/main", "id": crm_id}]});
    let path = "/v1/cross-references/query";
    let answer = world
        .call(Method::POST, CONTROL, path, "references:read", Some(&question))
        .await;
    answer["answers"][0]["references"][0]["canonical_id"].clone()
}

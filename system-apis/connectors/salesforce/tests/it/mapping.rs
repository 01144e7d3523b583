//! Records as the org holds them, in the canonical model, and back.

use canonical_model::{
    AccountFinancials, Address, BillingMethod, Change, Currency, FindBy, Link, LinkState, ListQuery, Minutes,
    Money, Opportunity, OpportunityLine, OpportunityStage, Rate, RatePer, RecordRef, Sourced,
    TaxRegistration,
};
use rust_decimal::dec;
use salesforce_connector::Settings;
use serde_json::json;
use system_ports::CrmPort;
use vendor_twins::firm::{Deal, DealLine};

use crate::org::{Org, account, create, day, eur, key, update};

/// What a salesperson sells.
pub(crate) fn deal() -> Deal {
    Deal {
        company: "Helios Energy GmbH".to_owned(),
        website: Some("https://www.helios-energy.example/de".to_owned()),
        tax_registration: Some("DE 123 456 789".to_owned()),
        address: ["Hafenstraße 1\n2. Stock", "Hamburg", "20457", "Germany"].map(str::to_owned),
        name: "Helios grid strategy".to_owned(),
        currency: "EUR".to_owned(),
        legal_entity: "Northwind Advisory Deutschland".to_owned(),
        region: "EMEA".to_owned(),
        billing_method: "Time and Materials".to_owned(),
        target_margin: "37.5".to_owned(),
        manager_email: "anna.keller@northwind-advisory.example".to_owned(),
        start: day("2026-12-01"),
        end: day("2027-03-31"),
        purchase_order: Some("4500012345".to_owned()),
        lines: vec![
            DealLine {
                description: "Strategy".to_owned(),
                workstream: "Analysis".to_owned(),
                role: Some("Senior Consultant".to_owned()),
                hours: 120,
                unit_price: 220,
                start: day("2026-12-01"),
                end: day("2027-01-31"),
            },
            DealLine {
                description: "Final report".to_owned(),
                workstream: "Reporting".to_owned(),
                role: None,
                hours: 0,
                unit_price: 15_000,
                start: day("2027-03-15"),
                end: day("2027-03-31"),
            },
        ],
    }
}

fn expected_lines(found: &Opportunity) -> Vec<OpportunityLine> {
    let role = "Senior Consultant";
    vec![
        OpportunityLine {
            id: found.lines[0].id.clone(),
            description: "Strategy".to_owned(),
            workstream: Some("Analysis".to_owned()),
            role: Some(RecordRef::labelled(role, role)),
            minutes: Some(Minutes::new(120 * 60)),
            rate: Some(Rate {
                money: eur("220"),
                per: RatePer::Hour,
            }),
            amount: eur("26400"),
            start_date: Some(day("2026-12-01")),
            end_date: Some(day("2027-01-31")),
            milestone_date: None,
        },
        OpportunityLine {
            id: found.lines[1].id.clone(),
            description: "Final report".to_owned(),
            workstream: Some("Reporting".to_owned()),
            role: None,
            minutes: None,
            rate: None,
            amount: eur("15000"),
            start_date: None,
            end_date: None,
            milestone_date: Some(day("2027-03-15")),
        },
    ]
}

#[actix_web::test]
async fn a_deal_as_a_salesperson_makes_it_is_read_whole() {
    let org = Org::start().await;
    let won = org.win(&deal()).await;
    let read: Sourced<Opportunity> = org.crm.opportunities().read(&won.opportunity_id).await.unwrap();
    let entity = "Northwind Advisory Deutschland";
    let owner = RecordRef::labelled(
        read.data.owner.clone().unwrap().id,
        "integration@northwind-advisory.example",
    );
    let manager = "anna.keller@northwind-advisory.example";
    let expected = Opportunity {
        name: "Helios grid strategy".to_owned(),
        stage: OpportunityStage::Won,
        account: Some(RecordRef::labelled(&won.account_id, "Helios Energy GmbH")),
        owner: Some(owner),
        amount: Some(eur("41400.00")),
        close_date: day("2026-12-01"),
        signature_date: Some(day("2026-12-01")),
        legal_entity: Some(RecordRef::labelled(entity, entity)),
        region: Some("EMEA".to_owned()),
        billing_method: Some(BillingMethod::TimeAndMaterials),
        target_margin_percent: Some(dec!(37.5)),
        project_manager: Some(RecordRef::labelled(manager, manager)),
        start_date: Some(day("2026-12-01")),
        end_date: Some(day("2027-03-31")),
        purchase_order: Some("4500012345".to_owned()),
        rate_card: None,
        cap: None,
        lines: expected_lines(&read.data),
        project: None,
        project_status: None,
    };
    assert_eq!(read.data, expected);
    assert_eq!(read.data.amount.unwrap().to_string(), "41400.00 EUR");
    assert_eq!(
        (read.connection.as_str(), read.object.as_str()),
        ("crm/main", "Opportunity")
    );

    let account = org.crm.accounts().read(&won.account_id).await.unwrap().data;
    let address = Address {
        lines: vec!["Hafenstraße 1".to_owned(), "2. Stock".to_owned()],
        city: Some("Hamburg".to_owned()),
        region: None,
        postal_code: Some("20457".to_owned()),
        country: "DE".to_owned(),
    };
    assert_eq!(
        (account.billing_address, account.currency),
        (Some(address), Some(Currency::EUR))
    );
    assert_eq!(
        account.tax_registrations,
        [TaxRegistration {
            country: "DE".to_owned(),
            number: "DE 123 456 789".to_owned()
        }]
    );
}

#[actix_web::test]
async fn the_project_goes_back_to_the_deal_and_nothing_else_does() {
    let org = Org::start().await;
    let won = org.win(&deal()).await;
    let mut record = org
        .crm
        .opportunities()
        .read(&won.opportunity_id)
        .await
        .unwrap()
        .data;
    record.name = "Renamed by a stale copy".to_owned();
    record.project = Some(RecordRef::labelled("40100", "HEL-0001"));
    record.project_status = Some("active".to_owned());
    let written = org
        .crm
        .opportunities()
        .write(&[update("q2p-1", &won.opportunity_id, record.clone())])
        .await;
    assert!(written[0].failure.is_none(), "{written:?}");
    let read = org
        .crm
        .opportunities()
        .find(FindBy::Code, "hel-0001")
        .await
        .unwrap();
    assert_eq!(
        (
            read[0].data.project.as_ref(),
            read[0].data.project_status.as_deref()
        ),
        (record.project.as_ref(), Some("active"))
    );
    assert_eq!(
        (read[0].data.name.as_str(), read[0].links["psa"].as_str()),
        ("Helios grid strategy", "40100")
    );
    let refused = org.crm.opportunities().write(&[create("q2p-2", record)]).await;
    assert_eq!(refused[0].failure.as_ref().unwrap().code, "record_id_missing");
}

#[actix_web::test]
async fn finance_comes_back_to_the_account_in_its_currency_only() {
    let org = Org::start().await;
    let parent = org.account("parent").await.id;
    let mut record = account("Helios Energy");
    record.parent = Some(RecordRef::id(&parent));
    record.website = Some("https://helios.example".to_owned());
    record.billing_address = Some(Address {
        city: Some("Hamburg".to_owned()),
        country: "DE".to_owned(),
        ..Address::default()
    });
    let id = crate::org::written(org.crm.accounts(), "k-1", record.clone())
        .await
        .id;
    record.currency = None;
    record.financials = Some(AccountFinancials {
        invoice_status: "open".to_owned(),
        billed_to_date: eur("9007199254740.93"),
        collected_to_date: eur("0.10"),
        dso_days: Some(dec!(31.5)),
        margin_percent: Some(dec!(42.10)),
        as_of: day("2026-12-31"),
    });
    let results = org
        .crm
        .accounts()
        .write(&[update("k-2", &id, record.clone())])
        .await;
    assert!(results[0].failure.is_none(), "{results:?}");
    let read = org.crm.accounts().read(&id).await.unwrap().data;
    record.currency = Some(Currency::EUR);
    record.parent = Some(RecordRef::labelled(&parent, "parent"));
    assert_eq!(read, record);

    let figures = record.financials.as_mut().unwrap();
    figures.billed_to_date = Money::new(dec!(1), Currency::USD);
    figures.collected_to_date = Money::new(dec!(1), Currency::USD);
    record.currency = None;
    let refused = org.crm.accounts().write(&[update("k-3", &id, record)]).await;
    assert_eq!(refused[0].failure.as_ref().unwrap().code, "currency_differs");
    assert_eq!(org.field("Account", &id, "Collected_To_Date__c"), json!(0.1));
}

#[actix_web::test]
async fn a_link_shows_users_how_the_erp_stands() {
    let org = Org::start().await;
    let id = org.account("linked").await.id;
    let link = |state, other_id: Option<&str>, message: &str| Link {
        key: key("q2p-link"),
        id: id.clone(),
        system: "erp/main".to_owned(),
        other_id: other_id.map(str::to_owned),
        state,
        message: Some(message.to_owned()),
    };
    let failed = org
        .crm
        .accounts()
        .link(&[link(LinkState::Failed, None, "no nexus in FR")])
        .await;
    assert!(failed[0].failure.is_none(), "{failed:?}");
    assert_eq!(
        org.field("Account", &id, "Fairlead_Message__c"),
        json!("no nexus in FR")
    );
    org.crm
        .accounts()
        .link(&[link(LinkState::Succeeded, Some("107"), "Northwind Advisory GmbH")])
        .await;
    let fields = [
        "ERP_Id__c",
        "ERP_Entity__c",
        "Fairlead_State__c",
        "Fairlead_Message__c",
    ]
    .map(|f| org.field("Account", &id, f));
    assert_eq!(
        fields,
        [
            json!("107"),
            json!("Northwind Advisory GmbH"),
            json!("Succeeded"),
            json!(null)
        ]
    );
    assert_eq!(org.crm.accounts().read(&id).await.unwrap().links["erp"], "107");

    let mut elsewhere = link(LinkState::Succeeded, Some("1"), "");
    elsewhere.system = "psa".to_owned();
    let refused = org.crm.accounts().link(&[elsewhere]).await;
    assert_eq!(refused[0].failure.as_ref().unwrap().code, "link_not_mapped");
}

#[actix_web::test]
async fn a_company_is_found_by_name_domain_and_tax_registration_however_written() {
    let org = Org::start().await;
    let won = org.win(&deal()).await;
    let mut lookalike = account("Helios' \"Energy\" \\ 100%_ GmbH");
    lookalike.website = Some("https://not-helios-energy.example".to_owned());
    let other = crate::org::written(org.crm.accounts(), "lookalike", lookalike.clone())
        .await
        .id;
    let ids = async |by, value: &str| -> Vec<String> {
        org.crm
            .accounts()
            .find(by, value)
            .await
            .unwrap()
            .into_iter()
            .map(|found| found.id)
            .collect()
    };
    assert_eq!(
        ids(FindBy::Name, "helios energy gmbh").await,
        vec![won.account_id.clone()]
    );
    assert_eq!(ids(FindBy::Name, &lookalike.name).await, vec![other.clone()]);
    assert_eq!(
        ids(FindBy::Domain, "helios-energy.example").await,
        vec![won.account_id.clone()]
    );
    assert_eq!(
        ids(FindBy::TaxRegistration, "DE123456789").await,
        vec![won.account_id.clone()]
    );
    assert_eq!(
        ids(FindBy::TaxRegistration, "DE12345678").await,
        Vec::<String>::new()
    );
    // Its web site says nothing, but somebody there writes from that domain.
    crate::org::written(
        org.crm.contacts(),
        "person",
        crate::org::contact(&other, "Lindqvist"),
    )
    .await;
    assert_eq!(ids(FindBy::Domain, "helios.example").await, vec![other]);
    let people = org
        .crm
        .contacts()
        .find(FindBy::Email, "lindqvist@helios.example")
        .await
        .unwrap();
    assert_eq!(people[0].data.last_name, "Lindqvist");
}

#[actix_web::test]
async fn listings_apply_their_filters() {
    let org = Org::start().await;
    let won = org.win(&deal()).await;
    let list = async |query: ListQuery| org.crm.opportunities().list(&query).await.unwrap().items.len();
    assert_eq!(
        list(ListQuery {
            state: Some("won".to_owned()),
            account: Some(won.account_id.clone()),
            ..ListQuery::default()
        })
        .await,
        1
    );
    assert_eq!(
        list(ListQuery {
            state: Some("open".to_owned()),
            ..ListQuery::default()
        })
        .await,
        0
    );
    assert_eq!(
        list(ListQuery {
            date_from: Some(day("2026-12-02")),
            ..ListQuery::default()
        })
        .await,
        0
    );
    assert_eq!(
        list(ListQuery {
            account: Some("nobody".to_owned()),
            ..ListQuery::default()
        })
        .await,
        0
    );
}

fn told<T>(changes: &[Change<T>]) -> Vec<(&str, &str)> {
    let kind = |change: &Change<T>| match (&change.record, &change.failure) {
        (Some(_), None) => "record",
        (None, Some(_)) => "failure",
        _ => "deleted",
    };
    changes
        .iter()
        .map(|change| (change.id.as_str(), kind(change)))
        .collect()
}

#[actix_web::test]
async fn changes_come_in_order_with_deletions_and_go_on_behind_what_cannot_be_read() {
    let org = Org::start().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let mut deal = deal();
        deal.name = format!("Deal {n}");
        ids.push(org.win(&deal).await.opportunity_id);
    }
    org.change("Opportunity", &ids[1], json!({"CurrencyIsoCode": "ZZZ"}));
    org.delete("Opportunity", &ids[0]);
    let first = org.crm.opportunities().changes(None, 2).await.unwrap();
    assert_eq!(
        (told(&first.items), first.more),
        (
            vec![(ids[2].as_str(), "record"), (ids[1].as_str(), "failure")],
            true
        )
    );
    let failure = first.items[1].failure.as_ref().unwrap();
    assert_eq!(failure.code, "unknown_currency");
    assert!(
        failure.message.contains("ZZZ") && failure.message.contains(&ids[1]),
        "{}",
        failure.message
    );
    let second = org
        .crm
        .opportunities()
        .changes(Some(&first.next_cursor), 2)
        .await
        .unwrap();
    assert_eq!(
        (told(&second.items), second.more),
        (vec![(ids[0].as_str(), "deleted")], false)
    );
    // Within the overlap everything comes again, and what is new comes too.
    org.change("Opportunity", &ids[1], json!({"CurrencyIsoCode": "EUR"}));
    let third = org
        .crm
        .opportunities()
        .changes(Some(&second.next_cursor), 100)
        .await
        .unwrap();
    assert_eq!(
        third
            .items
            .last()
            .map(|change| (change.id.as_str(), change.record.is_some())),
        Some((ids[1].as_str(), true))
    );
    assert_eq!(third.items.len(), 3);
}

#[actix_web::test]
async fn long_answers_are_read_through_every_page_children_included() {
    let small_pages = vendor_twins::salesforce::SalesforceSettings {
        page_size: 2,
        ..Default::default()
    };
    let org = Org::with(small_pages, |_| {}).await;
    let mut deal = deal();
    deal.lines = (0..7)
        .map(|n| DealLine {
            description: format!("Line {n}"),
            ..deal.lines[0].clone()
        })
        .collect();
    for n in 0..5 {
        deal.name = format!("Long deal {n}");
        org.win(&deal).await;
    }
    let listed = org
        .crm
        .opportunities()
        .list(&ListQuery::default())
        .await
        .unwrap()
        .items;
    let lines: Vec<usize> = listed.iter().map(|deal| deal.data.lines.len()).collect();
    assert_eq!(lines, [7; 5]);
}

#[test]
fn the_documented_settings_are_the_defaults() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../config/vendors/salesforce.toml"
    ))
    .unwrap();
    let documented: Settings = toml::from_str(&text).unwrap();
    assert_eq!(
        documented,
        Settings::new(documented.login_url.clone(), documented.auth.clone())
    );
}

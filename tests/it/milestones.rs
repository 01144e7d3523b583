//! A deal that is paid by milestones, for a company that sales knew before.

use fairlead::deals;
use reqwest::Method;
use rust_decimal::{Decimal, dec};
use vendor_twins::firm::Hours;

use crate::books;
use crate::world::{World, number, text};

#[actix_web::test]
async fn each_milestone_that_is_reached_is_invoiced_once() {
    let world = World::start().await;
    let deal = deals::fabrikam(chrono::Utc::now().date_naive());
    let known = world
        .firm
        .sales
        .query("SELECT Id FROM Account WHERE Name = 'Fabrikam Industrial Group'")
        .await
        .unwrap();
    let won = world.firm.sales.win(&deal).await.unwrap();
    assert_eq!(
        won.account_id,
        text(&known[0]["Id"]),
        "the account that sales had"
    );
    let project = world.project_of(&won.opportunity_id).await;
    let fields = world.project_fields(&project.workspace_id).await;
    assert_eq!(fields["Billing Type"], "Milestone");
    let job = world.erp(&format!("job/{}", project.job_id)).await;
    assert_eq!(
        (text(&job["jobBillingType"]["id"]), text(&job["subsidiary"]["id"])),
        ("4".to_owned(), "1".to_owned())
    );
    let customer = text(&job["parent"]["id"]);
    let schedule = world
        .rows(&format!(
            "SELECT id FROM billingschedule WHERE job = {}",
            project.job_id
        ))
        .await;
    let schedule = world
        .erp(&format!("billingSchedule/{}", text(&schedule[0]["id"])))
        .await;
    let planned: Decimal = schedule["milestone"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| number(&m["milestoneAmount"]))
        .sum();
    assert_eq!(planned, dec!(60000));

    let hours = Hours {
        person: "maria.santos@northwind-advisory.example".to_owned(),
        task: Some("Design".to_owned()),
        role: "Consultant".to_owned(),
        date: deal.start,
        minutes: 480,
        rate_in_cents: None,
        notes: "interviews".to_owned(),
    };
    world
        .firm
        .delivery
        .work(&project.workspace_id, &[hours])
        .await
        .unwrap();
    world
        .firm
        .delivery
        .complete(&project.workspace_id, "Current state assessed")
        .await
        .unwrap();
    let first = invoices(&world, &customer, 1).await;
    assert_eq!(first, [dec!(24000)]);
    world
        .firm
        .delivery
        .complete(&project.workspace_id, "Target model agreed")
        .await
        .unwrap();
    let both = invoices(&world, &customer, 2).await;
    assert_eq!(both, [dec!(24000), dec!(36000)]);

    // Asked for again, there is nothing left to charge: the hours are covered by the milestones.
    world.finance.run_billing(&project.code).await.unwrap();
    world
        .until("the hours in the books", async || {
            let rows = world
                .rows(&format!(
                    "SELECT id FROM timebill WHERE customer = {}",
                    project.job_id
                ))
                .await;
            (rows.len() == 1).then_some(())
        })
        .await;
    for invoice in world.firm.payer.open_invoices(&customer).await.unwrap() {
        world
            .firm
            .payer
            .pay(&customer, &invoice, chrono::Utc::now().date_naive())
            .await
            .unwrap();
    }
    let account = world
        .until("the account is paid", async || {
            let account = world.firm.sales.read("Account", &won.account_id).await.unwrap();
            let collected = account["Collected_To_Date__c"].as_f64();
            (account["Invoice_Status__c"] == "paid" && collected == Some(60_000.0)).then_some(account)
        })
        .await;
    assert_eq!(
        number(&account["Billed_To_Date__c"]),
        dec!(60000),
        "no sales tax on services in the United States"
    );
    settled(&world).await;
    assert_eq!(invoices(&world, &customer, 2).await, both);
    books::balance(&world).await;
    books::nothing_is_made_twice(&world).await;
    world.stop().await;
}

/// Net amounts of a customer's invoices, once there are so many.
async fn invoices(world: &World, customer: &str, count: usize) -> Vec<Decimal> {
    let suiteql =
        format!("SELECT id FROM transaction WHERE type = 'CustInvc' AND entity = {customer} ORDER BY id");
    let rows = world
        .until(&format!("{count} invoices"), async || {
            let rows = world.rows(&suiteql).await;
            (rows.len() >= count).then_some(rows)
        })
        .await;
    let mut net = Vec::new();
    for row in rows {
        let invoice = world.erp(&format!("invoice/{}", text(&row["id"]))).await;
        net.push(number(&invoice["subtotal"]).normalize());
    }
    net.sort();
    net
}

/// No billing run is under way any more.
async fn settled(world: &World) {
    world
        .until("every billing run ended", async || {
            let path = "/v1/instances?process=billing&limit=100";
            let page = world
                .call(
                    Method::GET,
                    "time-to-invoice-process-api",
                    path,
                    "processes:read",
                    None,
                )
                .await;
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .all(|i| i["state"] == "completed")
                .then_some(())
        })
        .await;
}

//! The CRM port: deals as salespeople make them.

use canonical_model::{BillingMethod, OpportunityStage, RecordRef, Write};
use rust_decimal::dec;
use serde_json::json;
use system_ports::{CrmPort, Port, Verb};
use tryton_connector::TrytonCrm;

use crate::{Books, create, day_value, settings, today, try_write};

#[actix_web::test]
async fn a_deal_is_followed_from_lead_to_won_and_told_its_project() {
    let Some(books) = Books::open().await else { return };
    let work = books.engagement("Helios").await;
    let crm = TrytonCrm::connect("crm/main", &settings(&books.server, &books.server.url)).unwrap();
    crm.check_health().await.unwrap();
    let id = |path: &str| books.server.id(path);
    let hour = books
        .admin
        .model("product.uom.search", json!([[["name", "=", "Hour"]], 0, 1, null]))
        .await[0]
        .clone();
    let party: i64 = work.account.parse().unwrap();
    let made = books
        .admin
        .model(
            "sale.opportunity.create",
            json!([[{
                "party": party, "description": "Grid", "company": id("/company"), "currency": id("/currencies/EUR"),
                "amount": {"__class__": "Decimal", "decimal": "20000"}, "start_date": day_value(today()),
                "employee": id("/employees/anna.keller@northwind-advisory.example"),
                "comment": "Billing: time and materials\nStart: 2026-12-01\nEnd: 2027-02-28",
                "lines": [["create", [{
                    "product": id("/roles/consultant"), "quantity": 100, "unit": hour, "note": "Workstream: Design"
                }]]]
            }]]),
        )
        .await[0]
        .as_i64()
        .unwrap();
    let deal_id = made.to_string();
    let lead = crm.opportunities().read(&deal_id).await.unwrap();
    assert_eq!(lead.data.stage, OpportunityStage::Open);
    assert_eq!(lead.data.account.as_ref().unwrap().id, work.account);
    assert_eq!(lead.data.billing_method, Some(BillingMethod::TimeAndMaterials));
    let sold = &lead.data.lines[0];
    assert_eq!(
        (sold.amount.amount, sold.workstream.as_deref()),
        (dec!(19500), Some("Design"))
    );
    assert_eq!(sold.role.as_ref().unwrap().label.as_deref(), Some("Consultant"));

    let seen = crm.opportunities().changes(None, 100).await.unwrap();
    books
        .admin
        .model("sale.opportunity.write", json!([[made], { "state": "won" }]))
        .await;
    let changed = crm
        .opportunities()
        .changes(Some(&seen.next_cursor), 100)
        .await
        .unwrap();
    let won = changed.items.iter().find(|change| change.id == deal_id).unwrap();
    assert_eq!(won.record.as_ref().unwrap().data.stage, OpportunityStage::Won);

    let mut told = won.record.as_ref().unwrap().data.clone();
    told.project = Some(RecordRef::labelled("77", "HEL-1"));
    told.project_status = Some("active".into());
    let version = crm.opportunities().read(&deal_id).await.unwrap().version;
    let write = Write {
        id: Some(deal_id.clone()),
        expected_version: version,
        ..create("tell", told.clone())
    };
    try_write(crm.opportunities(), write.clone()).await.unwrap();
    assert_eq!(crm.opportunities().read(&deal_id).await.unwrap().data, told);
    told.project_status = Some("withdrawn".into());
    let stale = Write {
        record: told,
        ..write
    };
    let refused = try_write(crm.opportunities(), stale).await.unwrap_err();
    assert_eq!(refused.code, "version_conflict");

    let absent = crm.invoices();
    assert!(!absent.support().has(Verb::Write));
    let refused = absent.read("1").await.unwrap_err();
    assert_eq!(refused.code, "capability_absent");
}

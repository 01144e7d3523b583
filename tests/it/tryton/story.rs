//! The main story in a ledger that nobody here wrote.

use chrono::Utc;
use rust_decimal::{Decimal, RoundingStrategy, dec};
use serde_json::json;
use vendor_twins::firm::decimal;

use super::ledger::{self, CASH, EXPENSE, PAYABLE, RECEIVABLE, REVENUE, TAX, on};
use super::{Firm, installed};
use crate::world::{fairlead_deal, number, text};

#[actix_web::test]
async fn a_deal_by_the_hour_becomes_cash_in_a_real_ledger() {
    let Some(installation) = installed() else { return };
    let firm = Firm::start(installation).await;
    let deal = fairlead_deal();
    let told = firm.play_to_invoice(&deal).await;

    // Seventy-five hours of each role at the sold rates and two expenses, with German tax on the whole.
    let spent = dec!(341.50) + dec!(288);
    let net = dec!(75) * (dec!(370) + dec!(220) + dec!(165)) + spent;
    let tax = (net * dec!(0.19)).round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    let invoices = firm.tryton.invoices(&told.customer_id).await.unwrap();
    assert_eq!(invoices.len(), 1, "{invoices:?}");
    let invoice = &invoices[0];
    assert_eq!((invoice.net, invoice.tax, invoice.total), (net, tax, net + tax));
    assert_eq!((invoice.state.as_str(), invoice.to_pay), ("posted", net + tax));

    // Before the payment: the client owes what the invoice says, which is revenue and tax; the firm owes its people what
    // they spent.
    let balances = ledger::trial_balance(&firm.tryton).await;
    assert_eq!(on(&balances, RECEIVABLE), invoice.total);
    assert_eq!(on(&balances, REVENUE), -net);
    assert_eq!(on(&balances, TAX), -tax);
    assert_eq!((on(&balances, EXPENSE), on(&balances, PAYABLE)), (spent, -spent));
    assert_eq!(on(&balances, CASH), Decimal::ZERO);

    firm.play_to_payment(&deal, &told).await;

    // After it: nothing is owed, and the payment is reconciled with the invoice.
    let balances = ledger::trial_balance(&firm.tryton).await;
    assert_eq!(on(&balances, RECEIVABLE), Decimal::ZERO);
    assert_eq!(on(&balances, CASH), invoice.total);
    let paid = &firm.tryton.invoices(&told.customer_id).await.unwrap()[0];
    assert_eq!((paid.state.as_str(), paid.to_pay), ("paid", Decimal::ZERO));
    let owed = json!([["account.code", "=", RECEIVABLE]]);
    let fields = ["reconciliation", "debit", "credit"];
    let lines = firm
        .tryton
        .search_read("account.move.line", &owed, &fields)
        .await
        .unwrap();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(!lines[0]["reconciliation"].is_null(), "{lines:?}");
    assert_eq!(lines[0]["reconciliation"], lines[1]["reconciliation"]);
    assert_eq!(
        decimal(&lines[0], "/debit").unwrap(),
        decimal(&lines[1], "/credit").unwrap()
    );

    // Every approved hour once, and all of them on the invoice.
    let minutes = ledger::hours_agree(&firm, &told.workspace_id, &told.customer_id).await;
    assert_eq!(minutes, 3 * 75 * 60);
    let lines = firm.tryton.time_of(&told.customer_id).await.unwrap();
    assert!(lines.iter().all(|l| !l["invoice_line"].is_null()), "{lines:?}");
    customer_and_project(&firm, &told).await;
    assert_eq!(
        ledger::documents(&firm.tryton).await,
        ledger::documents_of_one_deal()
    );

    // What sales sees.
    let world = &firm.world;
    let account = world.firm.sales.read("Account", &told.account_id).await.unwrap();
    assert_eq!(number(&account["Billed_To_Date__c"]), net, "{account}");
    assert_eq!(number(&account["Collected_To_Date__c"]), net + tax, "{account}");
    assert_eq!(number(&account["DSO_Days__c"]), Decimal::ZERO, "{account}");
    assert_eq!(
        account["Financials_As_Of__c"],
        Utc::now().date_naive().to_string()
    );
    let open = world.exceptions().await;
    assert!(open.is_empty(), "nobody was asked: {open:#?}");
    firm.stop().await;
}

/// The customer once, with its German tax number; the project under its code, with the workstreams that were sold.
async fn customer_and_project(firm: &Firm, told: &fairlead::Told) {
    let id: i64 = told.customer_id.parse().unwrap();
    let fields = ["name", "tax_identifier.code", "addresses.country.code"];
    let parties = firm
        .tryton
        .search_read("party.party", &json!([["id", "=", id]]), &fields)
        .await
        .unwrap();
    assert_eq!(parties[0]["name"], "Helios Energy GmbH", "{parties:?}");
    assert_eq!(
        parties[0]["tax_identifier."]["code"], "DE 811 907 980",
        "{parties:?}"
    );
    let works = firm
        .tryton
        .search_read("project.work", &json!([]), &["name", "type", "number", "party"])
        .await
        .unwrap();
    let projects: Vec<_> = works.iter().filter(|w| w["type"] == "project").collect();
    assert_eq!(projects.len(), 1, "{works:?}");
    assert_eq!(text(&projects[0]["number"]), told.project_code);
    assert_eq!(projects[0]["party"], id);
    let mut tasks: Vec<String> = works
        .iter()
        .filter(|w| w["type"] == "task")
        .map(|w| text(&w["name"]))
        .collect();
    tasks.sort();
    assert_eq!(tasks, ["Rollout", "Strategy"]);
}

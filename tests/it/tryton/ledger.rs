//! What must hold in Tryton's own books, read by a finance person there.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::{Value, json};
use vendor_twins::firm::{Balance, Tryton};

use super::Firm;
use crate::books::people;
use crate::world::{number, text};

/// Accounts of the ledger that a sale goes through: its number in the chart.
pub(super) const CASH: &str = "1.1.1";
pub(super) const RECEIVABLE: &str = "1.2.1";
pub(super) const PAYABLE: &str = "2.1.1";
pub(super) const EXPENSE: &str = "5.1.3";
pub(super) const REVENUE: &str = "4.2.2";
pub(super) const TAX: &str = "2.2.3";

/// Debits equal credits, and something was booked. Gives debit less credit of each account.
pub(super) async fn trial_balance(tryton: &Tryton) -> BTreeMap<String, Decimal> {
    let balances = tryton.trial_balance().await.unwrap();
    let sum = |of: fn(&Balance) -> Decimal| balances.values().map(of).sum::<Decimal>();
    assert_eq!(sum(|b| b.debit), sum(|b| b.credit), "{balances:?}");
    assert!(sum(|b| b.debit) > Decimal::ZERO, "{balances:?}");
    balances
        .into_iter()
        .map(|(code, b)| (code, (b.debit - b.credit).normalize()))
        .collect()
}

/// What stands on one account.
pub(super) fn on(balances: &BTreeMap<String, Decimal>, account: &str) -> Decimal {
    balances.get(account).copied().unwrap_or_default()
}

/// A time entry as PSA and ledger can both tell it: day, person, minutes.
type Told = (String, String, i64);

/// Hours in Tryton are the hours approved in the PSA, entry by entry and once, under a key each. Gives their minutes.
pub(super) async fn hours_agree(firm: &Firm, workspace_id: &str, customer_id: &str) -> i64 {
    let filters = [("workspace_id", workspace_id), ("approved", "true")];
    let delivery = &firm.world.firm.delivery;
    let entries = delivery.list("time_entries", &filters).await.unwrap();
    let people = people(&firm.world).await;
    let mut approved: Vec<Told> = entries
        .iter()
        .map(|e| {
            let person = people[&text(&e["user_id"])].clone();
            let minutes = e["time_in_minutes"].as_i64().unwrap();
            (text(&e["date_performed"]), person, minutes)
        })
        .collect();
    let lines = firm.tryton.time_of(customer_id).await.unwrap();
    let mut booked: Vec<Told> = lines
        .iter()
        .map(|l| {
            (
                date(&l["date"]),
                text(&l["employee."]["rec_name"]),
                minutes(&l["duration"]),
            )
        })
        .collect();
    approved.sort();
    booked.sort();
    assert_eq!(booked, approved);
    let keys: BTreeSet<String> = lines.iter().map(|l| text(&l["uuid"])).collect();
    assert_eq!(keys.len(), lines.len(), "every line carries a key of its own");
    assert!(!keys.contains(""), "a line without a key could be made again");
    booked.iter().map(|(_, _, minutes)| minutes).sum()
}

/// Tables of what a story leaves in Tryton.
const DOCUMENTS: [&str; 7] = [
    "party.party",
    "project.work",
    "timesheet.line",
    "account.invoice",
    "account.invoice.line",
    "account.move",
    "account.move.reconciliation",
];

/// How many records of each kind there are: two firms in which the same happened are equal in it.
pub(super) async fn documents(tryton: &Tryton) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for model in DOCUMENTS {
        let params = vec![json!([])];
        let count = tryton.model(model, "search_count", params).await.unwrap();
        counts.insert(model, count.as_u64().unwrap());
    }
    counts
}

/// What [`documents`] counts after the demonstration's deal: the company, its seven people and the client; project and two
/// workstreams; two expenses and the invoice, whose lines are three roles and the two expenses; their moves and that of the
/// payment.
pub(super) fn documents_of_one_deal() -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("party.party", 9),
        ("project.work", 3),
        ("timesheet.line", 30),
        ("account.invoice", 3),
        ("account.invoice.line", 7),
        ("account.move", 4),
        ("account.move.reconciliation", 1),
    ])
}

/// A day as Tryton writes it.
pub(super) fn date(value: &Value) -> String {
    format!(
        "{:04}-{:02}-{:02}",
        value["year"].as_i64().unwrap(),
        value["month"].as_i64().unwrap(),
        value["day"].as_i64().unwrap()
    )
}

fn minutes(duration: &Value) -> i64 {
    let minutes = number(&duration["seconds"]) / Decimal::from(60);
    i64::try_from(minutes.normalize()).unwrap()
}

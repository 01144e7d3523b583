//! One deal on two ERPs: emulated NetSuite and a real Tryton end with the same canonical records. What differs is listed
//! here, with why.

use std::collections::BTreeMap;

use fairlead::Told;
use reqwest::Method;
use rust_decimal::{Decimal, RoundingStrategy, dec};
use serde_json::Value;

use super::{Firm, installed};
use crate::loop_;
use crate::world::{World, fairlead_deal, number, text};

#[actix_web::test]
async fn the_same_deal_ends_in_the_same_records_on_netsuite_and_on_tryton() {
    let Some(installation) = installed() else { return };
    let deal = fairlead_deal();
    let on_netsuite = async {
        let world = World::start().await;
        let told = loop_::play(&world, &deal).await;
        let seen = Seen::of(&world, &told).await;
        world.stop().await;
        seen
    };
    let on_tryton = async {
        let firm = Firm::start(installation).await;
        let told = firm.play_to_invoice(&deal).await;
        firm.play_to_payment(&deal, &told).await;
        let seen = Seen::of(&firm.world, &told).await;
        firm.stop().await;
        seen
    };
    let (netsuite, tryton) = tokio::join!(on_netsuite, on_tryton);
    assert_eq!(tryton.customer, netsuite.customer);
    assert_eq!(tryton.project, netsuite.project);
    assert_eq!(tryton.tasks, netsuite.tasks);
    assert_eq!(tryton.time, netsuite.time);
    assert_eq!(tryton.time.len(), 30);
    assert_eq!(tryton.expenses, netsuite.expenses);
    assert_eq!(tryton.expenses.len(), 2);
    netsuite.invoice.is_the_same_as(&tryton.invoice);
}

/// What the ERP's system API says of a deal, without the ids, which are each system's own.
#[derive(Debug)]
struct Seen {
    /// Name, country, postal code, tax number. Tryton keeps no currency of a customer.
    customer: Vec<String>,
    /// Name, method, currency, budget, days, state.
    project: Vec<String>,
    /// Names, planned minutes and days, in their order.
    tasks: Vec<Vec<String>>,
    /// Day, minutes, billable, note, approval, person, task.
    time: Vec<Vec<String>>,
    /// Day, person, amount, billable, note.
    expenses: Vec<Vec<String>>,
    invoice: Bill,
}

/// An invoice.
#[derive(Debug)]
struct Bill {
    /// Currency, date, state.
    head: Vec<String>,
    /// By price: quantity, amount and number of sources. NetSuite shows a line for each entry, Tryton the lines as they were sent.
    lines: BTreeMap<String, (Decimal, Decimal, usize)>,
    net: Decimal,
    tax: Decimal,
    total: Decimal,
    paid: Decimal,
    /// Payments: day, amount, amount applied to this invoice.
    payments: Vec<Vec<String>>,
}

impl Bill {
    /// What is charged at each price, net, payment and state are the same. Tax is each ERP's own: NetSuite's twin rounds it for each entry that is
    /// billed, Tryton once for the invoice; so the gross differs by as much.
    fn is_the_same_as(&self, tryton: &Self) {
        assert_eq!(tryton.head, self.head);
        assert_eq!(tryton.lines, self.lines);
        assert_eq!(tryton.net, self.net);
        let rounded =
            |amount: Decimal| amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        assert_eq!(tryton.tax, rounded(tryton.net * dec!(0.19)));
        let apart = (self.tax - tryton.tax).abs();
        assert!(
            apart <= dec!(0.005) * Decimal::from(30),
            "NetSuite {}, Tryton {}",
            self.tax,
            tryton.tax
        );
        for bill in [self, tryton] {
            assert_eq!(bill.total, bill.net + bill.tax);
            assert_eq!(bill.paid, bill.total);
            let amount = bill.total.normalize().to_string();
            let today = chrono::Utc::now().date_naive().to_string();
            assert_eq!(bill.payments, [[today, amount.clone(), amount]]);
        }
    }
}

impl Seen {
    async fn of(world: &World, told: &Told) -> Self {
        let customer = one(world, &format!("accounts/{}", told.customer_id)).await;
        let address = &customer["billing_address"];
        let project = items(
            world,
            &format!("projects/matches?by=code&value={}", told.project_code),
        )
        .await;
        assert_eq!(project.len(), 1, "{project:?}");
        let project_id = text(&project[0]["id"]);
        let project = &project[0]["data"];
        let tasks = items(world, &format!("tasks?project={project_id}&limit=100")).await;
        let names: BTreeMap<String, String> = tasks
            .iter()
            .map(|t| (text(&t["id"]), text(&t["data"]["name"])))
            .collect();
        let time = items(world, &format!("time-entries?project={project_id}&limit=500")).await;
        let expenses = items(world, "expenses?limit=100").await;
        let mut seen = Self {
            customer: vec![
                text(&customer["name"]),
                text(&address["country"]),
                text(&address["postal_code"]),
                text(&customer["tax_registrations"][0]["country"]),
                text(&customer["tax_registrations"][0]["number"]),
            ],
            project: fields(
                project,
                &[
                    "name",
                    "billing_method",
                    "currency",
                    "start_date",
                    "end_date",
                    "status",
                ],
            ),
            tasks: tasks
                .iter()
                .map(|t| fields(&t["data"], &["name", "planned_minutes", "completed", "billable"]))
                .collect(),
            time: time.iter().map(|t| entry(&t["data"], &names)).collect(),
            expenses: expenses
                .iter()
                .map(|e| {
                    let mut seen = fields(&e["data"], &["date", "billable", "note"]);
                    seen.push(text(&e["data"]["person"]["label"]));
                    seen.push(amount(&e["data"]["amount"]));
                    seen
                })
                .collect(),
            invoice: Bill::of(world, told).await,
        };
        seen.project.push(amount(&project["budget"]));
        seen.tasks.sort();
        seen.time.sort();
        seen.expenses.sort();
        seen
    }
}

impl Bill {
    async fn of(world: &World, told: &Told) -> Self {
        let invoice = one(world, &format!("invoices/{}", told.invoices[0])).await;
        let payments = items(world, &format!("payments?account={}&limit=100", told.customer_id)).await;
        let mut lines = BTreeMap::new();
        for line in invoice["lines"].as_array().unwrap() {
            let sum: &mut (Decimal, Decimal, usize) = lines.entry(amount(&line["unit_price"])).or_default();
            sum.0 += number(&line["quantity"]);
            sum.1 += number(&line["amount"]["amount"]);
            sum.2 += line["sources"].as_array().map_or(0, Vec::len);
        }
        Self {
            head: fields(&invoice, &["currency", "date", "status", "purchase_order"]),
            lines,
            net: number(&invoice["net"]["amount"]),
            tax: number(&invoice["tax"]["amount"]),
            total: number(&invoice["total"]["amount"]),
            paid: number(&invoice["amount_paid"]["amount"]),
            payments: payments
                .iter()
                .map(|p| {
                    let payment = &p["data"];
                    let applied = &payment["applied"][0];
                    assert_eq!(applied["invoice"]["id"], told.invoices[0], "{payment}");
                    vec![
                        text(&payment["date"]),
                        amount(&payment["amount"]),
                        amount(&applied["amount"]),
                    ]
                })
                .collect(),
        }
    }
}

/// Rate and role are left out: Tryton keeps neither with time. So is the invoice: NetSuite's time does not name it. All three
/// stand on the invoice's lines, which are compared.
fn entry(entry: &Value, tasks: &BTreeMap<String, String>) -> Vec<String> {
    let mut seen = fields(entry, &["date", "minutes", "billable", "note", "approval"]);
    seen.push(text(&entry["person"]["label"]));
    seen.push(tasks[&text(&entry["task"]["id"])].clone());
    seen
}

fn fields(record: &Value, names: &[&str]) -> Vec<String> {
    let shown = |value: &Value| match value {
        Value::Bool(flag) => flag.to_string(),
        other => text(other),
    };
    names.iter().map(|name| shown(&record[*name])).collect()
}

fn amount(money: &Value) -> String {
    number(&money["amount"]).normalize().to_string()
}

async fn one(world: &World, path: &str) -> Value {
    erp(world, path).await["data"].clone()
}

async fn items(world: &World, path: &str) -> Vec<Value> {
    // A list is a page of records, a look-up the records alone.
    let page = erp(world, path).await;
    let records = page["items"].as_array().or_else(|| page.as_array());
    records.unwrap_or_else(|| panic!("{path}: {page}")).clone()
}

async fn erp(world: &World, path: &str) -> Value {
    let path = format!("/v1/connections/main/{path}");
    world
        .call(Method::GET, "erp-system-api", &path, "records:read", None)
        .await
}

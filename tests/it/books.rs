//! What must hold in the books after every story, whatever went wrong on the way.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::Value;
use vendor_twins::store::Verb;

use crate::world::{World, number, text};

/// Debits equal credits, in each transaction and over all.
pub(crate) async fn balance(world: &World) {
    let sum = "SUM(NVL(debit, 0)) - SUM(NVL(credit, 0)) AS rest, SUM(NVL(debit, 0)) AS debit";
    let each = world
        .rows(&format!(
            "SELECT transaction, {sum} FROM transactionaccountingline GROUP BY transaction"
        ))
        .await;
    for row in &each {
        assert_eq!(number(&row["rest"]), Decimal::ZERO, "{row}");
    }
    let all = world
        .rows(&format!("SELECT {sum} FROM transactionaccountingline"))
        .await;
    if !each.is_empty() {
        assert_eq!(number(&all[0]["rest"]), Decimal::ZERO);
        assert!(number(&all[0]["debit"]) > Decimal::ZERO);
    }
}

/// A time entry as both PSA and ERP can tell it: day, person's name, minutes, price of an hour in cents.
type Told = (String, String, i64, Decimal);

/// Approved time of a project in the PSA is in the ERP: each entry once, by the write log too.
pub(crate) async fn every_entry_is_posted_once(world: &World, workspace_id: &str, job_id: &str) -> usize {
    let entries = world
        .firm
        .delivery
        .list(
            "time_entries",
            &[("workspace_id", workspace_id), ("approved", "true")],
        )
        .await
        .unwrap();
    let people = people(world).await;
    let mut sold: Vec<Told> = entries
        .iter()
        .map(|e| {
            let minutes = e["time_in_minutes"].as_i64().unwrap();
            let cents = number(&e["rate_in_cents"]);
            (
                text(&e["date_performed"]),
                people[&text(&e["user_id"])].clone(),
                minutes,
                cents,
            )
        })
        .collect();
    let suiteql = format!(
        "SELECT t.id, t.externalid, TO_CHAR(t.trandate, 'YYYY-MM-DD') AS day, BUILTIN.DF(t.employee) AS person, t.hours, t.rate \
         FROM timebill t WHERE t.customer = {job_id}"
    );
    let rows = world.rows(&suiteql).await;
    let mut posted: Vec<Told> = rows
        .iter()
        .map(|r| {
            let cents = (number(&r["rate"]) * Decimal::ONE_HUNDRED).normalize();
            (text(&r["day"]), text(&r["person"]), minutes(&r["hours"]), cents)
        })
        .collect();
    sold.sort();
    posted.sort();
    assert_eq!(posted, sold);
    let keys: BTreeSet<String> = rows.iter().map(|r| text(&r["externalid"])).collect();
    assert_eq!(keys.len(), rows.len(), "every posting carries a key of its own");
    rows.len()
}

/// Approved minutes of a project in the PSA, by day and person's name.
pub(crate) async fn approved_minutes(world: &World, workspace_id: &str) -> BTreeMap<(String, String), i64> {
    let filter = [("workspace_id", workspace_id), ("approved", "true")];
    let entries = world.firm.delivery.list("time_entries", &filter).await.unwrap();
    let people = people(world).await;
    let mut sums = BTreeMap::new();
    for entry in entries {
        let of = (
            text(&entry["date_performed"]),
            people[&text(&entry["user_id"])].clone(),
        );
        *sums.entry(of).or_default() += entry["time_in_minutes"].as_i64().unwrap();
    }
    sums
}

/// Minutes of a project in the ERP, reversals among them, by day and person's name; what comes to nothing is left out.
pub(crate) async fn booked_minutes(world: &World, job_id: &str) -> BTreeMap<(String, String), i64> {
    let suiteql = format!(
        "SELECT TO_CHAR(t.trandate, 'YYYY-MM-DD') AS day, BUILTIN.DF(t.employee) AS person, t.hours FROM timebill t \
         WHERE t.customer = {job_id}"
    );
    let mut sums: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in world.rows(&suiteql).await {
        *sums.entry((text(&row["day"]), text(&row["person"]))).or_default() += minutes(&row["hours"]);
    }
    sums.retain(|_, minutes| *minutes != 0);
    sums
}

/// Hours as a number or as `7:30`, negative in a reversal.
pub(crate) fn minutes(hours: &Value) -> i64 {
    let told = text(hours);
    if let Some(rest) = told.strip_prefix('-') {
        return -minutes(&Value::from(rest));
    }
    let minutes = match told.split_once(':') {
        Some((h, m)) => h.parse::<Decimal>().unwrap() * Decimal::from(60) + m.parse::<Decimal>().unwrap(),
        None => {
            told.parse::<Decimal>()
                .unwrap_or_else(|_| panic!("{hours} are no hours"))
                * Decimal::from(60)
        }
    };
    i64::try_from(minutes.normalize()).unwrap()
}

/// Names of the PSA's users by id.
pub(crate) async fn people(world: &World) -> BTreeMap<String, String> {
    let users = world.firm.delivery.list("users", &[]).await.unwrap();
    users
        .iter()
        .map(|u| (text(&u["id"]), text(&u["full_name"])))
        .collect()
}

/// No record that Fairlead makes in the ERP was made twice under one key, and nothing was made without one.
pub(crate) async fn nothing_is_made_twice(world: &World) {
    let mut keys: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let ours = [
        "customer",
        "job",
        "projectTask",
        "salesOrder",
        "billingSchedule",
        "resourceAllocation",
        "timeBill",
        "expenseReport",
        "invoice",
        "creditMemo",
    ];
    for entry in world.writes("netsuite").await {
        if entry.verb == Verb::Create && ours.contains(&entry.table.as_str()) {
            let key = entry.record.text("externalId").unwrap_or_default().to_owned();
            assert!(
                !key.is_empty(),
                "a {} without a key: {:?}",
                entry.table,
                entry.record
            );
            keys.entry((entry.table, key)).or_default().push(entry.record.id);
        }
    }
    for ((table, key), ids) in &keys {
        assert_eq!(
            ids.len(),
            1,
            "{table} {key} was made {} times: {ids:?}",
            ids.len()
        );
    }
}

/// Tables of what a story leaves at the vendors; the rest is the firm's master data and the vendors' own book-keeping.
const DOCUMENTS: [(&str, &[&str]); 3] = [
    (
        "salesforce",
        &[
            "Contract",
            "Fairlead_Allocation__c",
            "Fairlead_Invoice__c",
            "Opportunity",
        ],
    ),
    (
        "netsuite",
        &[
            "billingSchedule",
            "customer",
            "customerPayment",
            "expenseReport",
            "invoice",
            "job",
            "projectTask",
            "resourceAllocation",
            "salesOrder",
            "timeBill",
        ],
    ),
    (
        "kantata",
        &[
            "expenses",
            "external_references",
            "resource_requests",
            "stories",
            "time_entries",
            "workspace_allocations",
            "workspace_groups",
            "workspace_resources",
            "workspaces",
        ],
    ),
];

/// How many records of each kind a story made at the vendors, deleted ones included: two worlds in which the same
/// happened are equal in it.
pub(crate) async fn documents(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (twin, tables) in DOCUMENTS {
        let created = world.created(twin).await;
        for table in tables {
            counts.insert(
                format!("{twin} {table}"),
                created.get(*table).copied().unwrap_or_default(),
            );
        }
    }
    counts
}

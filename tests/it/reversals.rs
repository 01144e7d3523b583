//! Life after posting: what is edited, un-approved, deleted or priced anew in the PSA comes out of the books again, and what
//! is true then gets into them. Looked up where finance looks: hours, credit memos and invoices of the ERP.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate, Utc};
use reqwest::Method;
use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};
use vendor_twins::firm::{Expenditure, Hours};

use crate::books;
use crate::world::{Project, World, number, small_deal, text};

const JAMES: &str = "james.whitfield@northwind-advisory.example";
const T2I: &str = "time-to-invoice-process-api";

/// A project with approved work on it, all of it posted.
struct Posted {
    project: Project,
    start: NaiveDate,
    /// Time entries, seven and a half hours at 220 euros each, every one on a timesheet of its own.
    entries: Vec<String>,
    /// Expenses of 120.00 and 80.50 euros, each on a report of its own.
    expenses: Vec<String>,
}

impl Posted {
    async fn set(world: &World, company: &str, days: &[NaiveDate]) -> Self {
        let deal = small_deal(company, "Plant review");
        let won = world.firm.sales.win(&deal).await.unwrap();
        let project = world.project_of(&won.opportunity_id).await;
        let delivery = &world.firm.delivery;
        let work: Vec<Hours> = days
            .iter()
            .enumerate()
            .map(|(n, day)| Hours {
                person: JAMES.to_owned(),
                task: Some("Strategy".to_owned()),
                role: "Senior Consultant".to_owned(),
                date: *day,
                minutes: 450,
                rate_in_cents: Some(22_000),
                notes: format!("day {n}"),
            })
            .collect();
        let entries = delivery.log_time(&project.workspace_id, &work).await.unwrap();
        for entry in &entries {
            approve(world, &project, entry).await;
        }
        let spent = |amount_in_cents, notes: &str| Expenditure {
            person: JAMES.to_owned(),
            date: *days.last().unwrap(),
            category: "Travel".to_owned(),
            amount_in_cents,
            notes: notes.to_owned(),
        };
        let mut expenses = Vec::new();
        for one in [spent(12_000, "train"), spent(8_050, "hotel")] {
            expenses.extend(delivery.spend(&project.workspace_id, &[one]).await.unwrap());
        }
        let posted = Self {
            project,
            start: deal.start,
            entries,
            expenses,
        };
        posted.documents(world, days.len(), 2).await;
        posted.hours_agree(world).await;
        posted
    }

    /// Five days from the start of a deal on.
    fn week(start: NaiveDate) -> Vec<NaiveDate> {
        (0..5)
            .map(|n| start.checked_add_days(Days::new(n)).unwrap())
            .collect()
    }

    /// Waits until the ERP has so many records of time and of expenses, reversals among them.
    async fn documents(&self, world: &World, time: usize, expenses: usize) {
        let what = format!("{time} records of time and {expenses} of expenses");
        world
            .until(&what, async || {
                let created = world.created("netsuite").await;
                let count = |table: &str| created.get(table).copied().unwrap_or_default();
                (count("timeBill") >= time && count("expenseReport") >= expenses).then_some(())
            })
            .await;
        let created = world.created("netsuite").await;
        assert_eq!((created["timeBill"], created["expenseReport"]), (time, expenses));
    }

    /// The sum of the time in the ERP, of each person and day, is what is approved in the PSA.
    async fn hours_agree(&self, world: &World) {
        let approved = books::approved_minutes(world, &self.project.workspace_id).await;
        let booked = books::booked_minutes(world, &self.project.job_id).await;
        assert_eq!(booked, approved);
    }

    /// Edits the first entry, takes back the approval of the second, deletes the third, prices the fourth anew, and takes
    /// back the approval of the first expense. The fifth entry and the second expense stay.
    async fn change_everything(&self, world: &World) {
        let [edited, unapproved, deleted, priced, _] = self.entries.as_slice() else {
            panic!("there are five entries");
        };
        let edit = json!({"time_entry": {"time_in_minutes": 420}});
        self.edit(world, edited, &edit).await;
        withdraw(world, "time_entries", unapproved).await;
        withdraw(world, "time_entries", deleted).await;
        world.remove_in_kantata(&format!("time_entries/{deleted}")).await;
        let price = json!({"time_entry": {"rate_in_cents": 25_000}});
        self.edit(world, priced, &price).await;
        withdraw(world, "expenses", &self.expenses[0]).await;
    }

    /// Sends an entry back, changes it, and approves it again: Kantata takes no other way.
    async fn edit(&self, world: &World, entry: &str, body: &Value) {
        withdraw(world, "time_entries", entry).await;
        world
            .in_kantata(Method::PUT, &format!("time_entries/{entry}"), body)
            .await;
        approve(world, &self.project, entry).await;
    }

    /// Bills what there is up to today, and gives the newest invoice.
    async fn bill(&self, world: &World, count: usize) -> Value {
        let request = json!({"up_to": Utc::now().date_naive()});
        world
            .call(
                Method::POST,
                T2I,
                "/v1/billing-runs",
                "billing:write",
                Some(&request),
            )
            .await;
        let suiteql = "SELECT id FROM transaction WHERE type = 'CustInvc' ORDER BY id";
        let rows = world
            .until(&format!("{count} invoices"), async || {
                let rows = world.rows(suiteql).await;
                (rows.len() >= count).then_some(rows)
            })
            .await;
        assert_eq!(rows.len(), count);
        world
            .until("the billing runs to end", async || {
                let path = "/v1/billing-runs?state=running";
                let page = world.call(Method::GET, T2I, path, "billing:read", None).await;
                page["items"].as_array().unwrap().is_empty().then_some(())
            })
            .await;
        let newest = rows.iter().map(|row| number(&row["id"])).max().unwrap();
        world.erp(&format!("invoice/{newest}")).await
    }
}

async fn approve(world: &World, project: &Project, entry: &str) {
    let ids = [entry.to_owned()];
    world
        .firm
        .delivery
        .submit_and_approve(
            "timesheet_submission",
            "line_item_ids",
            &project.workspace_id,
            &ids,
        )
        .await
        .unwrap();
}

async fn withdraw(world: &World, lines: &str, id: &str) {
    let ids = [id.to_owned()];
    let rejected = world
        .firm
        .delivery
        .withdraw_approval(lines, &ids, "not like this")
        .await
        .unwrap();
    assert_eq!(rejected.len(), 1, "{lines} {id}");
}

async fn credit_memos(world: &World) -> Vec<Value> {
    let rows = world
        .rows("SELECT id FROM transaction WHERE type = 'CustCred' ORDER BY id")
        .await;
    let mut memos = Vec::new();
    for row in rows {
        memos.push(world.erp(&format!("creditMemo/{}", text(&row["id"]))).await);
    }
    memos
}

/// What lines come to, by state: time, and money where it is charged.
async fn sums(world: &World) -> BTreeMap<String, (i64, Decimal)> {
    let path = "/v1/posting-lines/summary";
    let page = world.call(Method::GET, T2I, path, "postings:read", None).await;
    let mut sums: BTreeMap<String, (i64, Decimal)> = BTreeMap::new();
    for sum in page["sums"].as_array().unwrap() {
        let of = sums.entry(text(&sum["state"])).or_default();
        of.0 += sum["minutes"].as_i64().unwrap();
        if !sum["charge"].is_null() {
            of.1 += number(&sum["charge"]["amount"]);
        }
    }
    sums
}

async fn nobody_is_asked(world: &World) {
    let open: Vec<Value> = world.exceptions().await;
    assert!(open.is_empty(), "{open:#?}");
}

#[actix_web::test]
async fn what_changes_before_the_invoice_is_reversed_and_only_what_is_true_is_charged() {
    let world = World::start().await;
    let start = small_deal("x", "x").start;
    let posted = Posted::set(&world, "Aurelia Chemie GmbH", &Posted::week(start)).await;
    posted.change_everything(&world).await;
    // Five entries, four reversals, two posted anew; two expenses and a reversal.
    posted.documents(&world, 11, 3).await;
    posted.hours_agree(&world).await;
    let invoice = posted.bill(&world, 1).await;
    // 7 h and 7.5 h at 220, 7.5 h at 250, and the hotel.
    assert_eq!(
        number(&invoice["subtotal"]),
        dec!(1540) + dec!(1650) + dec!(1875) + dec!(80.50),
        "{invoice}"
    );
    assert!(credit_memos(&world).await.is_empty());
    let sums = sums(&world).await;
    assert_eq!(sums["reversed"], (0, dec!(0)), "{sums:?}");
    assert_eq!(sums["posted"], (1320, dec!(5145.50)), "{sums:?}");
    nobody_is_asked(&world).await;
    books::balance(&world).await;
    books::nothing_is_made_twice(&world).await;
    world.stop().await;
}

#[actix_web::test]
async fn what_changes_after_the_invoice_is_credited_to_the_cent_and_charged_anew() {
    let world = World::start().await;
    let start = small_deal("x", "x").start;
    let posted = Posted::set(&world, "Brandt Logistik GmbH", &Posted::week(start)).await;
    let invoice = posted.bill(&world, 1).await;
    assert_eq!(number(&invoice["subtotal"]), dec!(8450.50), "{invoice}");
    posted.change_everything(&world).await;
    posted.documents(&world, 11, 3).await;
    posted.hours_agree(&world).await;
    let memos = credit_memos(&world).await;
    let mut nets: Vec<Decimal> = memos.iter().map(|memo| number(&memo["subtotal"])).collect();
    nets.sort();
    assert_eq!(nets, [dec!(120), dec!(1650), dec!(1650), dec!(1650), dec!(1650)]);
    let of: BTreeSet<String> = memos
        .iter()
        .map(|memo| text(&memo["createdFrom"]["id"]))
        .collect();
    assert_eq!(of, BTreeSet::from([text(&invoice["id"])]));
    // Within the cap of 8,800 only because what was credited does not count any more.
    let second = posted.bill(&world, 2).await;
    assert_eq!(number(&second["subtotal"]), dec!(1540) + dec!(1875), "{second}");
    nobody_is_asked(&world).await;
    books::balance(&world).await;
    books::nothing_is_made_twice(&world).await;
    world.stop().await;
}

#[actix_web::test]
async fn a_closed_period_leaves_the_reversal_to_a_person_who_reopens_it_or_names_another_day() {
    let world = World::start().await;
    let today = Utc::now().date_naive();
    let last_month = today.with_day(1).unwrap().pred_opt().unwrap();
    let posted = Posted::set(&world, "Cedar Bau AG", &[last_month, last_month]).await;
    let period = world
        .rows(&format!(
            "SELECT id FROM accountingperiod WHERE isposting = 'T' AND startdate <= TO_DATE('{last_month}', 'YYYY-MM-DD') \
             AND enddate >= TO_DATE('{last_month}', 'YYYY-MM-DD')"
        ))
        .await;
    let period = format!("accountingPeriod/{}", text(&period[0]["id"]));
    let close = |closed: bool| json!({ "closed": closed });
    let payer = &world.firm.payer;
    payer.by_hand("PATCH", &period, Some(&close(true))).await.unwrap();
    for entry in &posted.entries {
        withdraw(&world, "time_entries", entry).await;
    }
    let stopped = world.open_exceptions("period_closed", 2).await;
    for exception in &stopped {
        assert_eq!(exception["owner_role"], "project_accountant", "{exception}");
        assert_eq!(
            number(&exception["money_at_risk"]["amount"]),
            dec!(1650),
            "{exception}"
        );
        assert_eq!(exception["legal_entity"], "de", "{exception}");
    }
    let booked = books::booked_minutes(&world, &posted.project.job_id).await;
    assert_eq!(booked.values().sum::<i64>(), 900, "nothing is reversed yet");

    let answer = json!({"action": "answer", "answer": {"reverse_on": today}});
    world.resolve(&stopped[0], &answer).await;
    posted.documents(&world, 3, 2).await;
    payer
        .by_hand("PATCH", &period, Some(&close(false)))
        .await
        .unwrap();
    let retry = json!({"action": "retry", "reason": "the period is open again"});
    // What the ERP says about its periods is believed for a moment.
    world
        .until("the second reversal", async || {
            if let Some(open) = world.exceptions().await.iter().find(|e| {
                e["closed_at"].is_null() && matches!(e["state"].as_str(), Some("open" | "assigned"))
            }) {
                world.resolve(open, &retry).await;
            }
            (world.created("netsuite").await["timeBill"] == 4).then_some(())
        })
        .await;
    let booked = books::booked_minutes(&world, &posted.project.job_id).await;
    let by_day: BTreeMap<NaiveDate, i64> = booked
        .into_iter()
        .map(|((day, _), minutes)| (day.parse().unwrap(), minutes))
        .collect();
    assert_eq!(by_day, BTreeMap::from([(last_month, 450), (today, -450)]));
    books::nothing_is_made_twice(&world).await;
    world.stop().await;
}

#[actix_web::test]
async fn what_the_feed_does_not_tell_is_found_by_a_notice_or_a_sweep() {
    let mut world = World::start().await;
    let start = small_deal("x", "x").start;
    let posted = Posted::set(&world, "Delta Werke GmbH", &Posted::week(start)).await;
    world.restart_deaf().await;
    posted.change_everything(&world).await;
    let notice = json!({"connection": "psa/main", "kind": "expense", "ids": [posted.expenses[0]]});
    world
        .call(Method::POST, T2I, "/v1/work-notices", "work:write", Some(&notice))
        .await;
    posted.documents(&world, 5, 3).await;
    let range = json!({"date_from": posted.start, "date_to": Utc::now().date_naive()});
    for _ in 0..2 {
        world
            .call(Method::POST, T2I, "/v1/work-sweeps", "work:write", Some(&range))
            .await;
        world
            .until("the sweep to end", async || {
                let path = "/v1/instances?process=work-sweep&limit=100";
                let page = world.call(Method::GET, T2I, path, "processes:read", None).await;
                let all = page["items"].as_array().unwrap();
                all.iter()
                    .all(|sweep| sweep["state"] == "completed")
                    .then_some(())
            })
            .await;
        posted.documents(&world, 11, 3).await;
    }
    posted.hours_agree(&world).await;
    nobody_is_asked(&world).await;
    books::nothing_is_made_twice(&world).await;
    world.stop().await;
}

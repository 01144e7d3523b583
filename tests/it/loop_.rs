//! The main story: a deal by the hour is won, delivered, invoiced and paid. Every claim is looked up at the vendor whose
//! user would look there.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Utc;
use fairlead::{Story, Told, addresses};
use rust_decimal::{Decimal, dec};
use serde_json::Value;
use vendor_twins::firm::Deal;
use vendor_twins::store::Verb;

use crate::world::{Project, World, fairlead_deal, number, text};
use crate::{books, children};

#[actix_web::test]
async fn a_deal_by_the_hour_becomes_cash() {
    let world = World::start().await;
    let deal = fairlead_deal();
    let told = play(&world, &deal).await;
    everything_is_where_it_belongs(&world, &deal, &told).await;
    assert_eq!(books::documents(&world).await, documents_of_one_deal());
    world.stop().await;
}

/// Every record that one deal leaves at the vendors, by table: with a lost answer, a crash or another database it is as
/// many.
pub(crate) fn documents_of_one_deal() -> BTreeMap<String, usize> {
    let counts = [
        ("salesforce Contract", 1),
        ("salesforce Fairlead_Allocation__c", 3),
        ("salesforce Fairlead_Invoice__c", 1),
        ("salesforce Opportunity", 1),
        ("netsuite billingSchedule", 1),
        ("netsuite customer", 1),
        ("netsuite customerPayment", 1),
        ("netsuite expenseReport", 2),
        ("netsuite invoice", 1),
        ("netsuite job", 1),
        ("netsuite projectTask", 2),
        ("netsuite resourceAllocation", 3),
        ("netsuite salesOrder", 1),
        ("netsuite timeBill", 30),
        ("kantata expenses", 2),
        ("kantata external_references", 32),
        ("kantata resource_requests", 3),
        ("kantata stories", 2),
        ("kantata time_entries", 30),
        ("kantata workspace_allocations", 3),
        ("kantata workspace_groups", 1),
        ("kantata workspace_resources", 3),
        ("kantata workspaces", 1),
    ];
    counts
        .into_iter()
        .map(|(table, count)| (table.to_owned(), count))
        .collect()
}

/// Plays a deal from won to paid, through interruptions: a step that fails because the APIs are away is tried again.
pub(crate) async fn play_on(world: &World, deal: &Deal) -> Told {
    let at = addresses(&world.set_up);
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(300);
    loop {
        let story = Story::new(&at, &world.finance, deal.clone()).unwrap();
        match story.play(&mut |_| ()).await {
            Ok(told) => return told,
            Err(error) if tokio::time::Instant::now() < end => {
                eprintln!("interrupted: {error:#}");
                children::ready(world).await;
            }
            Err(error) => panic!("{error:#}\n{}", world.open_matters().await),
        }
    }
}

/// Plays a deal from won to paid.
pub(crate) async fn play(world: &World, deal: &Deal) -> Told {
    let at = addresses(&world.set_up);
    let story = Story::new(&at, &world.finance, deal.clone()).unwrap();
    let mut lines = Vec::new();
    match story.play(&mut |line: &str| lines.push(line.to_owned())).await {
        Ok(told) => told,
        Err(error) => panic!("{error:#}\nafter {lines:#?}\n{}", world.open_matters().await),
    }
}

/// The first acceptance point, sentence by sentence.
pub(crate) async fn everything_is_where_it_belongs(world: &World, deal: &Deal, told: &Told) {
    let project = world.project_of(&told.opportunity_id).await;
    assert_eq!(
        (&project.code, &project.workspace_id),
        (&told.project_code, &told.workspace_id)
    );
    customer(world, deal, told).await;
    project_in_kantata(world, deal, &project).await;
    project_in_netsuite(world, deal, told, &project).await;
    staffing(world, deal, &project).await;
    allocations(world, deal, told, &project).await;
    time(world, deal, told, &project).await;
    let spent = expenses(world, told, &project).await;
    let total = invoice(world, told, spent).await;
    figures_on_the_account(world, told, total, spent).await;
    books::balance(world).await;
    books::nothing_is_made_twice(world).await;
}

/// Once, under the German company, taxed in Germany, in euros; its number stands on the Salesforce account.
async fn customer(world: &World, deal: &Deal, told: &Told) {
    let customers = world.rows("SELECT id, companyname FROM customer").await;
    assert_eq!(customers.len(), 1, "{customers:?}");
    assert_eq!(customers[0]["companyname"], deal.company);
    let customer = world.erp(&format!("customer/{}", told.customer_id)).await;
    assert_eq!(customer["subsidiary"]["id"], "3", "{customer}");
    assert_eq!(
        customer["subsidiary"]["refName"],
        "Northwind Advisory Deutschland"
    );
    assert_eq!(customer["currency"]["refName"], "Euro");
    let registration = &customer["taxRegistration"]["items"][0];
    assert_eq!(registration["nexusCountry"]["id"], "DE", "{customer}");
    let digits: String = text(&registration["taxRegistrationNumber"])
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    assert_eq!(digits, "811907980");
    let address = &customer["addressBook"]["items"][0]["addressBookAddress"];
    assert_eq!(
        (&address["country"]["id"], text(&address["zip"]).as_str()),
        (&Value::from("DE"), "20457")
    );
    let account = world.firm.sales.read("Account", &told.account_id).await.unwrap();
    assert_eq!(text(&account["ERP_Id__c"]), told.customer_id);
}

/// Workstreams, manager, billing type, region and margin, where delivery looks.
async fn project_in_kantata(world: &World, deal: &Deal, project: &Project) {
    let workspace = &project.workspace;
    assert_eq!(workspace["title"], deal.name);
    assert_eq!(
        workspace["primary_maven_id"], "17",
        "Helen Cho leads it: {workspace}"
    );
    assert_eq!(workspace["currency"], deal.currency);
    assert_eq!(number(&workspace["target_margin"]), dec!(35));
    assert_eq!(workspace["status"]["message"], "Active");
    assert_eq!(workspace["start_date"], deal.start.to_string());
    let fields = world.project_fields(&project.workspace_id).await;
    for (name, value) in [
        ("Project Code", project.code.as_str()),
        ("Billing Type", "Time and Materials"),
        ("Region", "EMEA"),
        ("Legal Entity", "Northwind Advisory Deutschland"),
    ] {
        assert_eq!(fields.get(name).map(String::as_str), Some(value), "{fields:?}");
    }
    let stories = world
        .firm
        .delivery
        .list("stories", &[("workspace_id", &project.workspace_id)])
        .await
        .unwrap();
    let titles: BTreeSet<String> = stories.iter().map(|s| text(&s["title"])).collect();
    assert_eq!(titles, BTreeSet::from(["Rollout", "Strategy"].map(str::to_owned)));
    let strategy = stories.iter().find(|s| s["title"] == "Strategy").unwrap();
    assert_eq!(strategy["time_estimate_in_minutes"], (80 + 160) * 60);
}

/// The same, where finance looks.
async fn project_in_netsuite(world: &World, deal: &Deal, told: &Told, project: &Project) {
    let job = world.erp(&format!("job/{}", project.job_id)).await;
    assert_eq!(job["companyName"], deal.name);
    assert_eq!(job["parent"]["id"], told.customer_id, "{job}");
    assert_eq!(job["subsidiary"]["id"], "3");
    assert_eq!(job["projectManager"]["id"], "17");
    assert_eq!(job["jobBillingType"]["id"], "2", "time and materials");
    assert_eq!(job["entityStatus"]["id"], "2", "active");
    assert_eq!(job["currency"]["refName"], "Euro");
    assert_eq!(text(&job["custentity_fairlead_region"]), "1", "EMEA");
    assert_eq!(number(&job["custentity_fairlead_margin"]), dec!(35));
    assert_eq!(number(&job["estimatedRevenue"]), dec!(104400));
    let tasks = world
        .rows(&format!(
            "SELECT title FROM projecttask WHERE project = {}",
            project.job_id
        ))
        .await;
    let titles: BTreeSet<String> = tasks.iter().map(|t| text(&t["title"])).collect();
    assert_eq!(titles, BTreeSet::from(["Rollout", "Strategy"].map(str::to_owned)));
    let orders = world
        .rows("SELECT id, otherrefnum FROM transaction WHERE type = 'SalesOrd'")
        .await;
    assert_eq!(orders.len(), 1, "the contract: {orders:?}");
    assert_eq!(text(&orders[0]["otherrefnum"]), "PO-4711");
}

/// One request for each role and first day, with the hours that were sold.
async fn staffing(world: &World, deal: &Deal, project: &Project) {
    let filter = [
        ("workspace_id", project.workspace_id.as_str()),
        ("include_unnamed", "true"),
    ];
    let seats = world
        .firm
        .delivery
        .list("workspace_resources", &filter)
        .await
        .unwrap();
    let roles: BTreeMap<String, String> = world
        .firm
        .delivery
        .list("roles", &[])
        .await
        .unwrap()
        .iter()
        .map(|r| (text(&r["id"]), text(&r["name"])))
        .collect();
    let mut asked: Vec<String> = Vec::new();
    for entry in world.writes("kantata").await {
        if entry.verb == Verb::Create && entry.table == "resource_requests" {
            let seat = seats.iter().find(|s| s["id"] == *entry.record.get("resource_id"));
            if let Some(seat) = seat {
                asked.push(roles[&text(&seat["role_id"])].clone());
            }
        }
    }
    asked.sort();
    let mut sold: Vec<String> = deal.lines.iter().filter_map(|l| l.role.clone()).collect();
    sold.sort();
    assert_eq!(asked, sold);
    let filter = [("workspace_id", project.workspace_id.as_str())];
    let allocations = world
        .firm
        .delivery
        .list("workspace_allocations", &filter)
        .await
        .unwrap();
    for allocation in &allocations {
        assert_eq!(allocation["start_date"], deal.start.to_string(), "{allocation}");
        assert_eq!(allocation["end_date"], deal.end.to_string(), "{allocation}");
        assert_eq!(allocation["hard"], true);
    }
    assert_eq!(allocations.len(), 3);
}

/// Who works on it shows on the opportunity, and stands in NetSuite as a forecast of cost.
async fn allocations(world: &World, deal: &Deal, told: &Told, project: &Project) {
    let soql = format!(
        "SELECT Person_Email__c, Role__c, Hours__c, Start_Date__c, End_Date__c, Status__c FROM Fairlead_Allocation__c \
         WHERE Opportunity__c = '{}' ORDER BY Hours__c",
        told.opportunity_id
    );
    let expected = [
        ("anna.keller@northwind-advisory.example", "Partner", dec!(80)),
        (
            "james.whitfield@northwind-advisory.example",
            "Senior Consultant",
            dec!(160),
        ),
        ("tom.becker@northwind-advisory.example", "Consultant", dec!(240)),
    ];
    let shown = world
        .until("confirmed allocations on the opportunity", async || {
            let shown = world.firm.sales.query(&soql).await.unwrap();
            let confirmed = shown.iter().filter(|a| a["Status__c"] == "Confirmed").count();
            (confirmed == 3).then_some(shown)
        })
        .await;
    for (row, (person, role, hours)) in shown.iter().zip(expected) {
        assert_eq!(
            (&row["Person_Email__c"], &row["Role__c"]),
            (&person.into(), &role.into()),
            "{row}"
        );
        assert_eq!(number(&row["Hours__c"]), hours, "{row}");
        assert_eq!(row["Start_Date__c"], deal.start.to_string());
    }
    let suiteql = format!(
        "SELECT a.id, a.allocationresource AS person, a.numberhours AS hours, e.laborcost AS cost, a.allocationtype AS kind \
         FROM resourceallocation a JOIN employee e ON e.id = a.allocationresource WHERE a.project = {}",
        project.job_id
    );
    let forecast = world
        .until("the forecast of cost", async || {
            let rows = world.rows(&suiteql).await;
            (rows.len() == 3).then_some(rows)
        })
        .await;
    let cost: Decimal = forecast
        .iter()
        .map(|row| number(&row["hours"]) * number(&row["cost"]))
        .sum();
    assert_eq!(
        cost,
        dec!(80) * dec!(210) + dec!(160) * dec!(105) + dec!(240) * dec!(74)
    );
    assert!(
        forecast.iter().all(|row| text(&row["kind"]) == "1"),
        "confirmed is hard: {forecast:?}"
    );
}

/// Every approved hour: right project, task, role, rate, company; once.
async fn time(world: &World, deal: &Deal, told: &Told, project: &Project) {
    assert_eq!(told.time_entries.len(), 30);
    assert_eq!(
        books::every_entry_is_posted_once(world, &project.workspace_id, &project.job_id).await,
        30
    );
    let suiteql = format!(
        "SELECT BUILTIN.DF(t.casetaskevent) AS task, BUILTIN.DF(t.item) AS role, t.rate, t.isbillable AS billable, \
         t.approvalstatus AS approval, t.billingsubsidiary AS entity, COUNT(*) AS entries FROM timebill t \
         WHERE t.customer = {} GROUP BY BUILTIN.DF(t.casetaskevent), BUILTIN.DF(t.item), t.rate, t.isbillable, \
         t.approvalstatus, t.billingsubsidiary",
        project.job_id
    );
    let rows = world.rows(&suiteql).await;
    let mut posted: Vec<_> = rows
        .iter()
        .map(|r| {
            let (billable, approval, entity) =
                (text(&r["billable"]), text(&r["approval"]), text(&r["entity"]));
            assert_eq!(
                (billable.as_str(), approval.as_str(), entity.as_str()),
                ("T", "3", "3"),
                "{r}"
            );
            (
                text(&r["role"]),
                text(&r["task"]),
                number(&r["rate"]).normalize(),
                text(&r["entries"]),
            )
        })
        .collect();
    posted.sort();
    let mut sold: Vec<_> = deal
        .lines
        .iter()
        .map(|l| {
            (
                l.role.clone().unwrap(),
                l.workstream.clone(),
                Decimal::from(l.unit_price),
                "10".to_owned(),
            )
        })
        .collect();
    sold.sort();
    assert_eq!(posted, sold);
}

/// Both expenses, on the right project; gives what they come to.
async fn expenses(world: &World, told: &Told, project: &Project) -> Decimal {
    assert_eq!(told.expenses.len(), 2);
    let reports = world
        .rows("SELECT id FROM transaction WHERE type = 'ExpRept'")
        .await;
    assert_eq!(reports.len(), 2, "{reports:?}");
    let mut booked = Vec::new();
    for report in &reports {
        let report = world.erp(&format!("expenseReport/{}", text(&report["id"]))).await;
        let line = &report["expense"]["items"][0];
        assert_eq!(line["customer"]["id"], project.job_id, "{report}");
        assert_eq!(
            (&line["isBillable"], &report["subsidiary"]["id"]),
            (&true.into(), &"3".into()),
            "{report}"
        );
        booked.push((
            text(&line["category"]["refName"]),
            number(&line["foreignamount"]).normalize(),
        ));
    }
    booked.sort();
    assert_eq!(
        booked,
        [
            ("Lodging".to_owned(), dec!(288)),
            ("Travel".to_owned(), dec!(341.5))
        ]
    );
    booked.iter().map(|(_, amount)| *amount).sum()
}

/// Seventy-five hours of each role at the sold rates and the expenses, with German tax; paid. Gives net and total.
async fn invoice(world: &World, told: &Told, spent: Decimal) -> (Decimal, Decimal) {
    assert_eq!(told.invoices.len(), 1);
    let invoice = world.erp(&format!("invoice/{}", told.invoices[0])).await;
    let net = dec!(75) * (dec!(370) + dec!(220) + dec!(165)) + spent;
    // NetSuite taxes what it bills piece by piece, and rounds each: ten days of each role, and two expenses.
    let taxed = |amount: Decimal| {
        (amount * dec!(0.19)).round_dp_with_strategy(2, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
    };
    let days = [dec!(370), dec!(220), dec!(165)].map(|rate| dec!(10) * taxed(dec!(7.5) * rate));
    let tax = days.into_iter().sum::<Decimal>() + taxed(dec!(341.50)) + taxed(dec!(288));
    assert_eq!(number(&invoice["subtotal"]), net, "{invoice}");
    assert_eq!(number(&invoice["taxTotal"]), tax, "{invoice}");
    assert_eq!(number(&invoice["total"]), net + number(&invoice["taxTotal"]));
    assert_eq!(invoice["nexus"]["refName"], "Germany");
    assert_eq!(invoice["entity"]["id"], told.customer_id);
    assert_eq!(invoice["subsidiary"]["id"], "3");
    assert_eq!(invoice["currency"]["refName"], "Euro");
    assert_eq!(text(&invoice["otherRefNum"]), "PO-4711", "the client's order");
    assert_eq!(invoice["status"]["refName"], "Paid In Full");
    assert_eq!(number(&invoice["amountRemaining"]), Decimal::ZERO);
    let payments = world
        .rows("SELECT id, foreigntotal FROM transaction WHERE type = 'CustPymt'")
        .await;
    assert_eq!(payments.len(), 1, "{payments:?}");
    (net, number(&invoice["total"]))
}

/// What sales sees: paid, how much was billed and collected, days of sales outstanding, margin.
async fn figures_on_the_account(
    world: &World,
    told: &Told,
    (net, total): (Decimal, Decimal),
    spent: Decimal,
) {
    let cost = dec!(75) * (dec!(210) + dec!(122.34) + dec!(74)) + spent;
    let margin = ((net - cost) / net * Decimal::ONE_HUNDRED).round_dp(2);
    let account = world
        .until("the margin on the account", async || {
            let account = world.firm.sales.read("Account", &told.account_id).await.unwrap();
            let settled = account["Invoice_Status__c"] == "paid" && !account["Margin_Percent__c"].is_null();
            settled.then_some(account)
        })
        .await;
    assert_eq!(
        number(&account["Billed_To_Date__c"]),
        net,
        "before tax: {account}"
    );
    assert_eq!(number(&account["Collected_To_Date__c"]), total, "{account}");
    assert_eq!(
        number(&account["DSO_Days__c"]),
        Decimal::ZERO,
        "paid on the day: {account}"
    );
    assert_eq!(number(&account["Margin_Percent__c"]), margin, "{account}");
    assert_eq!(
        account["Financials_As_Of__c"],
        Utc::now().date_naive().to_string()
    );
    let soql = format!(
        "SELECT Number__c, Status__c, Total__c, Amount_Paid__c FROM Fairlead_Invoice__c WHERE Account__c = '{}'",
        told.account_id
    );
    // The account may be told of the payment by the feedback of an earlier change, before the invoice's own turn.
    let shown = world
        .until("the invoice shown as paid", async || {
            let shown = world.firm.sales.query(&soql).await.unwrap();
            assert_eq!(shown.len(), 1, "{shown:?}");
            (shown[0]["Status__c"] == "Paid").then_some(shown)
        })
        .await;
    assert_eq!(
        (number(&shown[0]["Total__c"]), number(&shown[0]["Amount_Paid__c"])),
        (total, total)
    );
}

//! What must hold at the end: what was approved in the PSA is in the books and on an invoice, each piece once.
//!
//! Every entry carries a note of its own, which the ERP shows too: one entry is told from another without asking
//! Fairlead, and a record that breaks an invariant can be named.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use fairlead::Development;
use rust_decimal::Decimal;
use serde_json::Value;
use vendor_twins::store::{LogEntry, Record, Verb};

use crate::load::{Played, charge};
use crate::vendors::{Vendor, plain, text};
use crate::watch::Watch;

const MISSING: &str = "approved and not in the books";
const DUPLICATE: &str = "in the books more than once";

/// What was found.
#[derive(Default)]
pub(crate) struct Verdict {
    /// Invariants that do not hold, with the records that show it.
    pub(crate) broken: BTreeMap<String, Vec<String>>,
    /// How much of what was compared.
    pub(crate) compared: BTreeMap<String, u64>,
}

impl Verdict {
    pub(crate) fn holds(&self) -> bool {
        self.broken.is_empty()
    }

    pub(crate) fn missing(&self) -> usize {
        self.broken.get(MISSING).map_or(0, Vec::len)
    }

    pub(crate) fn duplicate(&self) -> usize {
        self.broken.get(DUPLICATE).map_or(0, Vec::len)
    }

    pub(crate) fn others(&self) -> usize {
        self.broken.values().map(Vec::len).sum::<usize>() - self.missing() - self.duplicate()
    }

    fn breaks(&mut self, invariant: &str, record: String) {
        self.broken.entry(invariant.to_owned()).or_default().push(record);
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, invariant: &str, what: &str, found: &T, wanted: &T) {
        if found != wanted {
            self.breaks(invariant, format!("{what}: {found:?} instead of {wanted:?}"));
        }
    }

    fn compared(&mut self, what: &str, count: usize) {
        *self.compared.entry(what.to_owned()).or_default() += u64::try_from(count).unwrap_or(u64::MAX);
    }
}

/// A time entry or expense, as both sides can tell it.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    project: String,
    person: String,
    day: String,
    minutes: i64,
    /// Price of an hour, or amount of an expense; none where it is not charged.
    money: Option<Decimal>,
}

/// What was approved in the PSA, by note.
struct Approved {
    pieces: BTreeMap<String, Piece>,
    /// Id in the PSA, and when it was approved.
    sources: BTreeMap<String, (String, Option<DateTime<Utc>>)>,
}

/// What stands in the ERP, by note: record (with the line, of an expense), what it says, when it was made.
type Posted = BTreeMap<String, Vec<(String, Piece, DateTime<Utc>)>>;

struct World<'a> {
    crm: Vendor,
    erp: Vendor,
    psa: Vendor,
    played: &'a [Played],
}

/// Compares everything.
pub(crate) async fn check(set_up: &Development, played: &[Played], watch: &Watch) -> anyhow::Result<Verdict> {
    let world = World {
        crm: Vendor::read(set_up, "salesforce").await?,
        erp: Vendor::read(set_up, "netsuite").await?,
        psa: Vendor::read(set_up, "kantata").await?,
        played,
    };
    let mut verdict = Verdict::default();
    let time = approved(&world, watch, "time_entries").await?;
    let expenses = approved(&world, watch, "expenses").await?;
    as_planned(&mut verdict, &world, &time, &expenses);
    let (time_bills, reports) = (time_in_erp(&world), expenses_in_erp(&world));
    each_once(&mut verdict, "time entries", &time, &time_bills);
    each_once(&mut verdict, "expenses", &expenses, &reports);
    sums(&mut verdict, &time, &time_bills);
    invoices(&mut verdict, &world, (&time, &time_bills), (&expenses, &reports));
    deals(&mut verdict, &world);
    keys(&mut verdict, &world.erp);
    owners(&mut verdict, &world);
    ledger(&mut verdict, watch).await?;
    journal(&mut verdict, watch, (&time, &time_bills), (&expenses, &reports)).await?;
    for exception in watch.exceptions().await? {
        let told = format!(
            "{} {}",
            text(&exception, "/title"),
            exception.get("cause").unwrap_or(&Value::Null)
        );
        verdict.breaks("a person was asked although nothing was wrong", told);
    }
    for instance in watch.not_ended().await? {
        verdict.breaks("an instance did not end", instance);
    }
    if !verdict.holds() {
        for (name, vendor) in [
            ("salesforce", &world.crm),
            ("netsuite", &world.erp),
            ("kantata", &world.psa),
        ] {
            let file = set_up.data().join(format!("{name}.writes.json"));
            std::fs::write(file, serde_json::to_vec(&vendor.log)?)?;
        }
    }
    Ok(verdict)
}

fn decimal(value: &Value) -> Option<Decimal> {
    plain(value)
        .parse::<Decimal>()
        .ok()
        .map(|number| number.normalize())
}

async fn approved(world: &World<'_>, watch: &Watch, lines: &str) -> anyhow::Result<Approved> {
    let mut approved = Approved {
        pieces: BTreeMap::new(),
        sources: BTreeMap::new(),
    };
    let is_time = lines == "time_entries";
    let submissions = if is_time {
        "timesheet_submissions"
    } else {
        "expense_report_submissions"
    };
    for deal in world.played {
        for line in watch.approved(lines, &deal.workspace_id).await? {
            let field = |name: &str| line.get(name).cloned().unwrap_or_default();
            let cents = decimal(&field(if is_time {
                "rate_in_cents"
            } else {
                "amount_in_cents"
            }));
            let person = world.psa.get("users", &plain(&field("user_id")));
            let piece = Piece {
                project: deal.project_code.clone(),
                person: person
                    .map(|user| plain(user.get("email_address")))
                    .unwrap_or_default(),
                day: plain(&field(if is_time { "date_performed" } else { "date" })),
                minutes: field("time_in_minutes").as_i64().unwrap_or_default(),
                money: cents.map(|cents| (cents / Decimal::ONE_HUNDRED).normalize()),
            };
            let id = plain(&field("id"));
            let kept = world
                .psa
                .get(lines, &id)
                .map(|record| plain(record.get("recent_submission_id")));
            let at = kept.and_then(|submission| approved_at(&world.psa, submissions, &submission));
            approved.sources.insert(plain(&field("notes")), (id, at));
            approved.pieces.insert(plain(&field("notes")), piece);
        }
    }
    Ok(approved)
}

fn approved_at(psa: &Vendor, submissions: &str, id: &str) -> Option<DateTime<Utc>> {
    let record = psa.get(submissions, id)?;
    (record.text("status") == Some("approved")).then_some(record.changed_at)
}

/// The load did what it was to do: every planned piece is approved, and nothing else.
fn as_planned(verdict: &mut Verdict, world: &World<'_>, time: &Approved, expenses: &Approved) {
    let hours = world.played.iter().flat_map(|deal| &deal.planned.hours);
    let planned: BTreeSet<&str> = hours.map(|hours| hours.notes.as_str()).collect();
    let found: BTreeSet<&str> = time.pieces.keys().map(String::as_str).collect();
    verdict.equal("the load is as planned", "approved time", &found, &planned);
    let spent = world.played.iter().flat_map(|deal| &deal.planned.spent);
    let planned: BTreeSet<&str> = spent.map(|spent| spent.notes.as_str()).collect();
    let found: BTreeSet<&str> = expenses.pieces.keys().map(String::as_str).collect();
    verdict.equal("the load is as planned", "approved expenses", &found, &planned);
}

fn project_of(erp: &Vendor, id: &str) -> String {
    erp.get("job", id)
        .map(|job| plain(job.get("entityId")))
        .unwrap_or_default()
}

fn person_of(erp: &Vendor, id: &str) -> String {
    erp.get("employee", id)
        .map(|person| plain(person.get("email")))
        .unwrap_or_default()
}

fn time_in_erp(world: &World<'_>) -> Posted {
    let mut posted = Posted::new();
    for record in world.erp.rows("timeBill") {
        let piece = Piece {
            project: project_of(&world.erp, &plain(record.get("customer"))),
            person: person_of(&world.erp, &plain(record.get("employee"))),
            day: plain(record.get("tranDate")),
            minutes: minutes(&plain(record.get("hours"))),
            money: decimal(record.get("rate")).filter(|_| *record.get("isBillable") == Value::Bool(true)),
        };
        let found = posted.entry(plain(record.get("memo"))).or_default();
        found.push((record.id.clone(), piece, record.created_at));
    }
    posted
}

/// `7:30`, which may be negative, in minutes; what does not read as that equals nothing.
fn minutes(hours: &str) -> i64 {
    let (sign, hours) = hours.strip_prefix('-').map_or((1, hours), |rest| (-1, rest));
    let read = hours.split_once(':').and_then(|(h, m)| {
        let (h, m) = (h.parse::<i64>().ok()?, m.parse::<i64>().ok()?);
        Some(sign * (h * 60 + m))
    });
    read.unwrap_or(i64::MIN)
}

fn items(record: &Record, sublist: &str) -> Vec<Value> {
    let list = record.get(sublist);
    let items = list.get("items").unwrap_or(list);
    items.as_array().cloned().unwrap_or_default()
}

fn expenses_in_erp(world: &World<'_>) -> Posted {
    let mut posted = Posted::new();
    for record in world.erp.rows("expenseReport") {
        for line in items(record, "expense") {
            let field = |name: &str| line.get(name).cloned().unwrap_or_default();
            let piece = Piece {
                project: project_of(&world.erp, &plain(&field("customer"))),
                person: person_of(&world.erp, &plain(record.get("entity"))),
                day: plain(&field("expensedate")),
                minutes: 0,
                money: decimal(&field("foreignamount")),
            };
            let id = format!("{}-{}", record.id, plain(&field("line")));
            posted
                .entry(plain(&field("memo")))
                .or_default()
                .push((id, piece, record.created_at));
        }
    }
    posted
}

/// Every approved piece stands in the books exactly once, as it was approved, and not before; nothing else stands there.
fn each_once(verdict: &mut Verdict, what: &str, approved: &Approved, posted: &Posted) {
    verdict.compared(what, approved.pieces.len());
    for (note, piece) in &approved.pieces {
        let source = approved.sources.get(note);
        let id = source.map(|(id, _)| id.as_str()).unwrap_or_default();
        match posted.get(note).map(Vec::as_slice) {
            None | Some([]) => verdict.breaks(MISSING, format!("{what} {id} {note:?}: {piece:?}")),
            Some([(erp_id, booked, at)]) => {
                let wanted = Piece {
                    money: piece
                        .money
                        .filter(|_| booked.money.is_some() || what == "expenses"),
                    ..piece.clone()
                };
                verdict.equal(
                    "booked as it was approved",
                    &format!("{what} {id} as {erp_id}"),
                    booked,
                    &wanted,
                );
                match source.and_then(|(_, approved)| *approved) {
                    Some(approved) if approved <= *at => {}
                    approved => verdict.breaks(
                        "booked before it was approved",
                        format!("{what} {id} as {erp_id}: approved {approved:?}, booked {at}"),
                    ),
                }
            }
            Some(several) => {
                let ids: Vec<&str> = several.iter().map(|(erp_id, ..)| erp_id.as_str()).collect();
                verdict.breaks(DUPLICATE, format!("{what} {id} {note:?} as {ids:?}"));
            }
        }
    }
    for (note, records) in posted
        .iter()
        .filter(|(note, _)| !approved.pieces.contains_key(*note))
    {
        let ids: Vec<&str> = records.iter().map(|(erp_id, ..)| erp_id.as_str()).collect();
        verdict.breaks(
            "in the books and not approved",
            format!("{what} {note:?} as {ids:?}"),
        );
    }
}

/// Minutes of each person, project and day; money of each project.
fn sums(verdict: &mut Verdict, approved: &Approved, posted: &Posted) {
    let (mut minutes, mut money) = (BTreeMap::<_, [i64; 2]>::new(), BTreeMap::<_, [Decimal; 2]>::new());
    let mut add = |piece: &Piece, side: usize| {
        let key = (piece.person.clone(), piece.project.clone(), piece.day.clone());
        if let Some(sum) = minutes.entry(key).or_default().get_mut(side) {
            *sum += piece.minutes;
        }
        let charged = piece
            .money
            .map(|rate| charge(rate, piece.minutes))
            .unwrap_or_default();
        if let Some(sum) = money.entry(piece.project.clone()).or_default().get_mut(side) {
            *sum += charged;
        }
    };
    approved.pieces.values().for_each(|piece| add(piece, 0));
    posted.values().flatten().for_each(|(_, piece, _)| add(piece, 1));
    verdict.compared("sums of minutes by person, project and day", minutes.len());
    verdict.compared("sums of money by project", money.len());
    for (key, [psa, erp]) in minutes {
        verdict.equal(
            "minutes by person, project and day",
            &format!("{key:?}"),
            &erp,
            &psa,
        );
    }
    for (key, [psa, erp]) in money {
        verdict.equal("money by project", &key, &erp.normalize(), &psa.normalize());
    }
}

/// An invoice that bills a piece, and what it asks for it.
type Billed = (String, Option<Decimal>);

/// Every billable piece is on exactly one invoice at what it comes to, and every invoice is the sum of its pieces.
fn invoices(
    verdict: &mut Verdict,
    world: &World<'_>,
    (time, time_bills): (&Approved, &Posted),
    (expenses, reports): (&Approved, &Posted),
) {
    let mut on_invoices: BTreeMap<(&str, String), Vec<Billed>> = BTreeMap::new();
    let mut agreed: BTreeMap<String, Vec<Decimal>> = BTreeMap::new();
    for invoice in world.erp.rows("invoice") {
        let mut sum = Decimal::ZERO;
        for (sublist, kind) in [("time", "time"), ("expCost", "expense"), ("item", "item")] {
            for line in items(invoice, sublist) {
                let amount = line.get("amount").and_then(decimal);
                if kind == "item" {
                    let project = project_of(&world.erp, &plain(invoice.get("job")));
                    agreed.entry(project).or_default().extend(amount);
                } else if line.get("apply") == Some(&Value::Bool(true)) {
                    let mut doc = line.get("doc").map(plain).unwrap_or_default();
                    if kind == "expense" {
                        doc = format!("{doc}-{}", line.get("line").map(plain).unwrap_or_default());
                    }
                    on_invoices
                        .entry((kind, doc))
                        .or_default()
                        .push((invoice.id.clone(), amount));
                } else {
                    continue;
                }
                sum += amount.unwrap_or_default();
            }
        }
        let net = decimal(invoice.get("subtotal"));
        verdict.equal(
            "an invoice is the sum of its sources",
            &invoice.id,
            &net,
            &Some(sum.normalize()),
        );
        let open = decimal(invoice.get("amountRemaining"));
        verdict.equal("an invoice is paid", &invoice.id, &open, &Some(Decimal::ZERO));
        shown_to_sales(verdict, world, invoice);
        verdict.compared("invoices", 1);
    }
    for (kind, pieces, posted) in [
        ("time", &time.pieces, time_bills),
        ("expense", &expenses.pieces, reports),
    ] {
        for (note, piece) in pieces {
            let Some([(erp_id, booked, _)]) = posted.get(note).map(Vec::as_slice) else {
                continue;
            };
            let found = on_invoices.remove(&(kind, erp_id.clone())).unwrap_or_default();
            let by_milestones = world
                .played
                .iter()
                .any(|deal| deal.project_code == booked.project && deal.planned.milestone.is_some());
            let wanted = match kind {
                "time" if by_milestones => Vec::new(),
                "time" => vec![piece.money.map(|rate| charge(rate, piece.minutes).normalize())],
                _ => vec![piece.money],
            };
            let amounts: Vec<Option<Decimal>> = found.iter().map(|(_, amount)| *amount).collect();
            let what = format!("{kind} {note:?} as {erp_id} on {found:?}");
            verdict.equal(
                "a billable source is on one invoice, at its price",
                &what,
                &amounts,
                &wanted,
            );
            verdict.compared("sources on invoices", amounts.len());
        }
    }
    for ((kind, doc), invoices) in on_invoices {
        verdict.breaks(
            "an invoice charges for what is not approved",
            format!("{kind} {doc} on {invoices:?}"),
        );
    }
    for deal in world.played {
        let wanted: Vec<Decimal> = deal
            .planned
            .milestone
            .iter()
            .map(|(_, amount)| amount.normalize())
            .collect();
        let found = agreed.remove(&deal.project_code).unwrap_or_default();
        verdict.equal("a milestone is charged once", &deal.project_code, &found, &wanted);
    }
}

/// Sales sees each invoice once, at its total.
fn shown_to_sales(verdict: &mut Verdict, world: &World<'_>, invoice: &Record) {
    let number = plain(invoice.get("tranId"));
    let shown: Vec<Option<Decimal>> = world
        .crm
        .rows("Fairlead_Invoice__c")
        .filter(|shown| shown.text("Number__c") == Some(&number))
        .map(|shown| decimal(shown.get("Total__c")))
        .collect();
    verdict.equal(
        "sales sees an invoice once, at its total",
        &number,
        &shown,
        &vec![decimal(invoice.get("total"))],
    );
}

/// One won deal is one customer, one contract, one project on each side, one set of requests.
fn deals(verdict: &mut Verdict, world: &World<'_>) {
    const ONE: &str = "a won deal is one of each";
    let companies: BTreeSet<&str> = world
        .played
        .iter()
        .map(|deal| deal.planned.deal.company.as_str())
        .collect();
    for company in companies {
        let count = world
            .erp
            .rows("customer")
            .filter(|c| c.text("companyName") == Some(company))
            .count();
        verdict.equal(ONE, &format!("customers {company:?} in the ERP"), &count, &1);
    }
    verdict.compared("deals", world.played.len());
    for deal in world.played {
        let (name, workspace) = (deal.planned.deal.name.as_str(), deal.workspace_id.as_str());
        let of = |vendor: &Vendor, table: &str, field: &str, value: &str| {
            vendor
                .rows(table)
                .filter(|record| plain(record.get(field)) == value)
                .count()
        };
        let jobs: Vec<&Record> = world
            .erp
            .rows("job")
            .filter(|job| plain(job.get("entityId")) == deal.project_code)
            .collect();
        let seats: Vec<&str> = world
            .psa
            .rows("workspace_resources")
            .filter(|seat| plain(seat.get("workspace_id")) == workspace)
            .map(|seat| seat.id.as_str())
            .collect();
        let requests = world
            .psa
            .rows("resource_requests")
            .filter(|request| seats.contains(&plain(request.get("resource_id")).as_str()))
            .count();
        let roles = deal
            .planned
            .deal
            .lines
            .iter()
            .filter(|line| line.role.is_some())
            .count();
        let orders = jobs
            .first()
            .map_or(0, |job| of(&world.erp, "salesOrder", "job", &job.id));
        let opportunity = deal.opportunity_id.as_str();
        for (what, found, wanted) in [
            ("projects in the ERP", jobs.len(), 1),
            ("contracts in the ERP", orders, 1),
            (
                "projects in the PSA",
                of(&world.psa, "workspaces", "title", name),
                1,
            ),
            ("staffing requests in the PSA", requests, roles),
            (
                "contracts in the CRM",
                of(&world.crm, "Contract", "Opportunity__c", opportunity),
                1,
            ),
            (
                "allocations in the CRM",
                of(
                    &world.crm,
                    "Fairlead_Allocation__c",
                    "Opportunity__c",
                    opportunity,
                ),
                deal.planned.staff.len(),
            ),
        ] {
            verdict.equal(ONE, &format!("{what} of {name:?}"), &found, &wanted);
        }
    }
}

/// Whether Fairlead wrote it: people's programs send no correlation id.
fn is_ours(entry: &LogEntry) -> bool {
    entry.caller.correlation_id.is_some()
}

/// Nothing was made twice under one key, even for a moment, and nothing without a key.
fn keys(verdict: &mut Verdict, erp: &Vendor) {
    let mut made: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for entry in erp
        .log
        .iter()
        .filter(|entry| is_ours(entry) && entry.verb == Verb::Create)
    {
        let key = plain(entry.record.get("externalId"));
        if key.is_empty() && KEYED.contains(&entry.table.as_str()) {
            verdict.breaks(
                "a record was made without a key",
                format!("{} {}", entry.table, entry.record.id),
            );
        } else if !key.is_empty() {
            made.entry((entry.table.as_str(), key))
                .or_default()
                .push(&entry.record.id);
        }
    }
    verdict.compared("keys in the ERP", made.len());
    for ((table, key), ids) in made.into_iter().filter(|(_, ids)| ids.len() > 1) {
        verdict.breaks("a key made one record", format!("{table} {key}: {ids:?}"));
    }
}

/// What Fairlead makes in the ERP.
const KEYED: [&str; 9] = [
    "billingSchedule",
    "customer",
    "expenseReport",
    "invoice",
    "job",
    "projectTask",
    "resourceAllocation",
    "salesOrder",
    "timeBill",
];

/// Stamps that the vendor sets itself with every write, and where Fairlead says what became of a record.
const OF_THE_VENDOR: [&str; 4] = [
    "LastModifiedDate",
    "SystemModstamp",
    "Fairlead_State__c",
    "Fairlead_Message__c",
];

/// Records of others, and the fields of them that Fairlead may write; see `config/ownership.toml`.
const OTHERS: [(&str, &[&str]); 9] = [
    (
        "salesforce Account",
        &[
            "Fairlead_Id__c",
            "ERP_Id__c",
            "Payment_Terms__c",
            "Tax_Registration__c",
            "Invoice_Status__c",
            "Billed_To_Date__c",
            "Collected_To_Date__c",
            "DSO_Days__c",
            "Margin_Percent__c",
            "Financials_As_Of__c",
        ],
    ),
    (
        "salesforce Opportunity",
        &[
            "Fairlead_Id__c",
            "Project_Id__c",
            "Project_Code__c",
            "Project_Status__c",
        ],
    ),
    ("salesforce OpportunityLineItem", &[]),
    ("kantata time_entries", &[]),
    ("kantata expenses", &[]),
    ("kantata timesheet_submissions", &[]),
    ("kantata workspace_allocations", &[]),
    // What was posted is posted: an invoice sets the ERP's own mark on what it charges for, and nothing else changes.
    ("netsuite timeBill", &["_invoice"]),
    ("netsuite expenseReport", &["_billedLines"]),
];

/// No field was written by who does not own it.
fn owners(verdict: &mut Verdict, world: &World<'_>) {
    for (name, vendor) in [
        ("salesforce", &world.crm),
        ("netsuite", &world.erp),
        ("kantata", &world.psa),
    ] {
        for entry in vendor
            .log
            .iter()
            .filter(|entry| is_ours(entry) && entry.verb != Verb::Create)
        {
            let table = format!("{name} {}", entry.table);
            let Some((_, fields)) = OTHERS.iter().find(|(others, _)| *others == table) else {
                continue;
            };
            verdict.compared("our changes of others' records", 1);
            let allowed = |field: &str| fields.contains(&field) || OF_THE_VENDOR.contains(&field);
            let foreign: Vec<&String> = entry.changed.iter().filter(|field| !allowed(field)).collect();
            if !foreign.is_empty() || entry.verb == Verb::Delete {
                let told = format!("{table} {}: {:?} {foreign:?}", entry.record.id, entry.verb);
                verdict.breaks("a field was written by who does not own it", told);
            }
        }
    }
}

/// Debits equal credits in each transaction.
async fn ledger(verdict: &mut Verdict, watch: &Watch) -> anyhow::Result<()> {
    let suiteql = "SELECT transaction, SUM(NVL(debit, 0)) - SUM(NVL(credit, 0)) AS rest \
        FROM transactionaccountingline GROUP BY transaction";
    let rows = watch.ledger(suiteql).await?;
    verdict.compared("transactions of the ledger", rows.len());
    for row in rows {
        let rest = row.get("rest").and_then(decimal);
        verdict.equal(
            "debits equal credits",
            &text(&row, "/transaction"),
            &rest,
            &Some(Decimal::ZERO),
        );
    }
    Ok(())
}

/// The journal says the same: each approved source is one line, all of them are posted, where the ERP has them.
async fn journal(
    verdict: &mut Verdict,
    watch: &Watch,
    (time, time_bills): (&Approved, &Posted),
    (expenses, reports): (&Approved, &Posted),
) -> anyhow::Result<()> {
    let mut lines: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for line in watch.lines().await? {
        let state = text(&line, "/state");
        let source = format!("{} {}", text(&line, "/kind"), text(&line, "/source"));
        let of_source = lines.entry(source).or_default();
        if !["withdrawn", "reversed"].contains(&state.as_str()) {
            of_source.push((state, text(&line, "/posting")));
        }
    }
    for (kind, approved, posted) in [("time_entry", time, time_bills), ("expense", expenses, reports)] {
        for (note, (id, _)) in &approved.sources {
            let found = lines.remove(&format!("{kind} psa/main/{id}")).unwrap_or_default();
            let in_erp = posted.get(note).and_then(|records| records.first());
            let wanted = in_erp.map(|(erp_id, ..)| ("posted".to_owned(), format!("erp/main/{erp_id}")));
            let wanted: Vec<_> = wanted.into_iter().collect();
            verdict.equal(
                "a source has one live posting line",
                &format!("{kind} {id}"),
                &found,
                &wanted,
            );
            verdict.compared("posting lines", 1);
        }
    }
    for (source, live) in lines.into_iter().filter(|(_, live)| !live.is_empty()) {
        verdict.breaks(
            "a posting line is of what is approved",
            format!("{source}: {live:?}"),
        );
    }
    let approved_minutes: i64 = time.pieces.values().map(|piece| piece.minutes).sum();
    let mut by_state: BTreeMap<String, i64> = BTreeMap::new();
    for sum in watch.sums().await? {
        let minutes = sum.get("minutes").and_then(Value::as_i64).unwrap_or_default();
        *by_state.entry(text(&sum, "/state")).or_default() += minutes;
    }
    let count = |states: &[&str]| -> i64 { states.iter().filter_map(|state| by_state.get(*state)).sum() };
    let journalled = count(&["posted", "queued", "posting", "excepted", "reversing", "reversed"]);
    verdict.equal(
        "approved minutes = posted + queued + excepted + reversed",
        "minutes in the journal",
        &journalled,
        &approved_minutes,
    );
    verdict.equal(
        "all approved minutes are posted",
        "minutes posted",
        &count(&["posted"]),
        &approved_minutes,
    );
    Ok(())
}

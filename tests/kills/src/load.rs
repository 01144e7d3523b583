//! What the firm sells, works and gets paid for, played on the vendors' own APIs.

use std::time::Duration;

use chrono::{Datelike, NaiveDate, Utc, Weekday};
use fairlead::{Development, Finance, addresses, deals};
use futures_util::{StreamExt, TryStreamExt};
use rand::Rng;
use rand::rngs::StdRng;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::Value;
use vendor_twins::firm::{Deal, Expenditure, Firm, Hours};

use crate::progress::{AT_ONCE, Progress};
use crate::vendors::text;
use crate::watch::Watch;

const LOOK: Duration = Duration::from_millis(500);
/// Deals at most; more entries make larger deals.
const MOST_DEALS: u32 = 40;
/// Entries of a deal, as long as that makes no more deals than may be.
const ENTRIES_OF_A_DEAL: u32 = 100;
/// Clients, no two alike: two spellings of one client are another proof's matter.
const COMPANIES: [&str; 40] = [
    "Aldermoor Textiles",
    "Brightwater Ferries",
    "Cinderford Mining",
    "Dunmore Pharma",
    "Eastgate Logistics",
    "Falkenberg Optik",
    "Greyfriars Insurance",
    "Hollowell Foods",
    "Ivybridge Paper",
    "Juniper Broadcasting",
    "Kestrel Aviation",
    "Lindenhof Kliniken",
    "Marchmont Estates",
    "Nordhafen Reederei",
    "Oakhampton Rail",
    "Pendragon Games",
    "Quillfeather Press",
    "Rosenthal Keramik",
    "Silverdale Water",
    "Thornbury Biotech",
    "Umbra Photonics",
    "Vossberg Anlagenbau",
    "Wexcombe Dairy",
    "Xanthos Minerals",
    "Yarrow Hospitality",
    "Zellwegen Uhren",
    "Applecross Cider",
    "Birkenstett Forst",
    "Copperfield Cables",
    "Dovetail Furniture",
    "Elmsworth Robotics",
    "Fennimore Shipping",
    "Gorseland Wind",
    "Harrowgate Steel",
    "Inverlochy Distillers",
    "Jadebrook Silk",
    "Kirschbaum Saatgut",
    "Larkspur Airports",
    "Mossgiel Telecom",
    "Netherby Glass",
];
/// Role and person of the deals by the hour, and of those by milestones.
const BY_THE_HOUR: [(&str, &str); 3] = [
    ("Partner", "anna.keller@northwind-advisory.example"),
    ("Senior Consultant", "james.whitfield@northwind-advisory.example"),
    ("Consultant", "tom.becker@northwind-advisory.example"),
];
const BY_MILESTONES: [(&str, &str); 1] = [("Consultant", "maria.santos@northwind-advisory.example")];

/// A deal, and the work on it.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) deal: Deal,
    pub(crate) staff: &'static [(&'static str, &'static str)],
    /// Time that is approved.
    pub(crate) hours: Vec<Hours>,
    /// Time that is booked and not submitted: it must not be posted.
    pub(crate) not_approved: Vec<Hours>,
    pub(crate) spent: Vec<Expenditure>,
    /// The milestone that is reached, with its price.
    pub(crate) milestone: Option<(String, Decimal)>,
}

impl Planned {
    /// What all invoices come to, before tax.
    pub(crate) fn net(&self) -> Decimal {
        let time: Decimal = self.hours.iter().filter_map(price).sum();
        let spent: i64 = self.spent.iter().map(|spent| spent.amount_in_cents).sum();
        let agreed = self
            .milestone
            .as_ref()
            .map_or(Decimal::ZERO, |(_, amount)| *amount);
        time + Decimal::new(spent, 2) + agreed
    }

    fn lines(&self) -> u64 {
        u64::try_from(self.hours.len() + self.spent.len()).unwrap_or(u64::MAX)
    }
}

/// What an entry is charged at, rounded to the cent; none where it is not charged.
fn price(hours: &Hours) -> Option<Decimal> {
    hours
        .rate_in_cents
        .map(|rate| charge(Decimal::new(rate, 2), hours.minutes))
}

/// Minutes at the price of an hour, rounded half up to the cent.
pub(crate) fn charge(rate: Decimal, minutes: i64) -> Decimal {
    (rate * Decimal::from(minutes) / Decimal::from(60))
        .round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// A deal that was played to its end.
#[derive(Debug, Clone)]
pub(crate) struct Played {
    pub(crate) planned: Planned,
    pub(crate) account_id: String,
    pub(crate) opportunity_id: String,
    pub(crate) project_code: String,
    pub(crate) workspace_id: String,
}

/// Deals with so many approved time entries. Every fifth is paid by milestones; some clients buy twice.
pub(crate) fn plan(random: &mut StdRng, entries: u32) -> Vec<Planned> {
    let count = (entries / ENTRIES_OF_A_DEAL).clamp(1, MOST_DEALS);
    let share = |n: u32| entries / count + u32::from(n < entries % count);
    // Every seventh deal is the second one of a client.
    let client = |n: u32| if n % 7 == 6 { n - 2 } else { n };
    (0..count)
        .map(|n| planned(random, n, client(n), share(n)))
        .collect()
}

fn planned(random: &mut StdRng, n: u32, client: u32, entries: u32) -> Planned {
    let (today, by_milestones) = (Utc::now().date_naive(), client % 5 == 4);
    let mut deal = if by_milestones {
        deals::fabrikam(today)
    } else {
        deals::helios(today)
    };
    let company = COMPANIES
        .get(usize::try_from(client).unwrap_or_default() % COMPANIES.len())
        .copied()
        .unwrap_or_default();
    deal.company = company.to_owned();
    deal.name = format!("{company} {n:02}");
    (deal.website, deal.tax_registration) = (None, None);
    deal.purchase_order = deal.purchase_order.map(|_| format!("PO-{:04}", 4_000 + n));
    deal.address = [
        format!("{company} Street {}", 10 + client),
        deal.address.get(1).cloned().unwrap_or_default(),
        deal.address.get(2).cloned().unwrap_or_default(),
        deal.address.get(3).cloned().unwrap_or_default(),
    ];
    let milestone = deal
        .lines
        .iter()
        .find(|line| line.role.is_none())
        .map(|line| (line.description.clone(), Decimal::from(line.unit_price)));
    let staff: &'static [(&str, &str)] = if by_milestones {
        &BY_MILESTONES
    } else {
        &BY_THE_HOUR
    };
    let days = working_days(deal.start, 10);
    let work = |mark: &str, count: u32, random: &mut StdRng| -> Vec<Hours> {
        (0..count)
            .map(|at| {
                let (role, person) = pick(random, staff);
                let line = deal.lines.iter().find(|line| line.role.as_deref() == Some(role));
                Hours {
                    person: person.to_owned(),
                    task: line.map(|line| line.workstream.clone()),
                    role: role.to_owned(),
                    date: pick(random, &days),
                    minutes: random.random_range(5..=60),
                    rate_in_cents: line
                        .filter(|_| !by_milestones)
                        .map(|l| i64::from(l.unit_price) * 100),
                    notes: format!("{mark} {n:02}-{at:05}"),
                }
            })
            .collect()
    };
    let hours = work("time", entries, random);
    let not_approved = work("not approved", 3, random);
    let spent = (0..3)
        .map(|at| Expenditure {
            person: pick(random, staff).1.to_owned(),
            date: pick(random, &days),
            category: pick(random, &["Travel", "Lodging"]).to_owned(),
            amount_in_cents: random.random_range(500..90_000),
            notes: format!("expense {n:02}-{at:05}"),
        })
        .collect();
    Planned {
        deal,
        staff,
        hours,
        not_approved,
        spent,
        milestone,
    }
}

fn pick<T: Copy>(random: &mut StdRng, among: &[T]) -> T {
    #[expect(
        clippy::indexing_slicing,
        reason = "the place is drawn from the places that there are"
    )]
    among[random.random_range(0..among.len())]
}

/// The first `count` days from `from` on that are neither Saturday nor Sunday.
fn working_days(from: NaiveDate, count: usize) -> Vec<NaiveDate> {
    from.iter_days()
        .filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
        .take(count)
        .collect()
}

/// Plays every deal to its end, some at once.
pub(crate) async fn play(
    set_up: &Development,
    plan: &[Planned],
    progress: &Progress,
    watch: &Watch,
) -> anyhow::Result<Vec<Played>> {
    let game = Game {
        firm: Firm::at(&addresses(set_up))?,
        finance: Finance::new(set_up)?,
        progress,
        watch,
        till: tokio::sync::Mutex::new(()),
    };
    let game = &game;
    futures_util::stream::iter(plan.iter().enumerate())
        .map(|(number, planned)| game.play(number, planned))
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

struct Game<'a> {
    firm: Firm,
    finance: Finance,
    progress: &'a Progress,
    watch: &'a Watch,
    /// Two deals of one client do not pay its invoices at once.
    till: tokio::sync::Mutex<()>,
}

impl Game<'_> {
    async fn play(&self, number: usize, planned: &Planned) -> anyhow::Result<Played> {
        while !self.progress.may_begin(number) {
            tokio::time::sleep(LOOK).await;
        }
        let won = self.firm.sales.win(&planned.deal).await?;
        self.progress.a_deal_is_won();
        let (code, workspace_id) = self.project(&won.opportunity_id, &planned.deal.name).await?;
        self.staff(planned, &workspace_id).await?;
        self.progress.a_stage_is_done();

        // Deals of odd numbers are billed in the middle too, while entries are on their way.
        let (first, second) = planned.hours.split_at(planned.hours.len() / 2);
        let delivery = &self.firm.delivery;
        delivery.work(&workspace_id, first).await?;
        delivery.log_time(&workspace_id, &planned.not_approved).await?;
        if number % 2 == 1 {
            self.until(|| self.watch.posted(&code) > 0).await;
            self.bill(&code).await;
        }
        delivery.work(&workspace_id, second).await?;
        delivery.spend(&workspace_id, &planned.spent).await?;
        self.progress.a_stage_is_done();

        self.until(|| self.watch.posted(&code) >= planned.lines()).await;
        self.progress.a_stage_is_done();
        if let Some((milestone, _)) = &planned.milestone {
            delivery.complete(&workspace_id, milestone).await?;
        }
        self.bill(&code).await;
        self.until(|| self.watch.invoiced(&code) >= planned.net()).await;
        self.pay(&won.account_id).await?;
        self.progress.a_deal_is_paid();
        Ok(Played {
            planned: planned.clone(),
            account_id: won.account_id,
            opportunity_id: won.opportunity_id,
            project_code: code,
            workspace_id,
        })
    }

    /// Waits until sales sees the project of the deal; gives its code and its id in the PSA.
    async fn project(&self, opportunity_id: &str, name: &str) -> anyhow::Result<(String, String)> {
        loop {
            let found = self.firm.sales.read("Opportunity", opportunity_id).await?;
            if found.get("Project_Status__c").and_then(Value::as_str) == Some("active")
                && let Some(project) = self.firm.delivery.find_project(name).await?
            {
                return Ok((text(&found, "/Project_Code__c"), text(&project, "/id")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn staff(&self, planned: &Planned, workspace_id: &str) -> anyhow::Result<()> {
        let choose = |role: &str| {
            let placed = planned.staff.iter().find(|(r, _)| *r == role);
            placed.map(|(_, person)| (*person).to_owned())
        };
        self.firm.delivery.staff(workspace_id, choose).await?;
        self.firm.delivery.confirm(workspace_id).await?;
        Ok(())
    }

    /// Asks for an invoice until somebody is there to take the request.
    async fn bill(&self, code: &str) {
        while self.finance.run_billing(code).await.is_err() {
            tokio::time::sleep(LOOK).await;
        }
        self.progress.moved();
    }

    /// The client pays every invoice that is open. Its accounts department acts once, so this is the one payment.
    async fn pay(&self, account_id: &str) -> anyhow::Result<()> {
        let account = self.firm.sales.read("Account", account_id).await?;
        let customer = text(&account, "/ERP_Id__c");
        let _till = self.till.lock().await;
        for invoice in self.firm.payer.open_invoices(&customer).await? {
            self.firm
                .payer
                .pay(&customer, &invoice, Utc::now().date_naive())
                .await?;
        }
        Ok(())
    }

    async fn until(&self, reached: impl Fn() -> bool) {
        while !reached() {
            tokio::time::sleep(LOOK).await;
        }
        self.progress.moved();
    }
}

//! One deal from won to paid, played by the firm's people on the vendors' own APIs. Fairlead does the rest.
//!
//! Every act looks first whether it has been done, so a story that was interrupted goes on where it was. What Fairlead is
//! to bring about is waited for where a user of that vendor would see it, never asked of Fairlead itself.

use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{Datelike, NaiveDate, Utc, Weekday};
use serde_json::Value;
use vendor_twins::firm::{Addresses, Deal, DealLine, Expenditure, Firm, Hours, Tryton};

use crate::books::Books;
use crate::callers::Finance;

/// How long something may take that Fairlead brings about.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where a told line goes.
pub type Say<'a> = &'a mut (dyn FnMut(&str) + Send);

/// What the story is about: the records it left, by which a test looks at the result.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Account in the CRM.
    pub account_id: String,
    /// Opportunity in the CRM.
    pub opportunity_id: String,
    /// Customer in the ERP.
    pub customer_id: String,
    /// The firm's code of the project.
    pub project_code: String,
    /// Project in the PSA.
    pub workspace_id: String,
    /// Time entries in the PSA.
    pub time_entries: Vec<String>,
    /// Expenses in the PSA.
    pub expenses: Vec<String>,
    /// Invoices in the ERP.
    pub invoices: Vec<String>,
}

/// A deal and what becomes of it.
pub struct Story<'a> {
    firm: Firm,
    /// Set where the books are in a real Tryton.
    tryton: Option<Tryton>,
    finance: &'a Finance,
    deal: Deal,
    staff: Vec<(&'static str, &'static str)>,
}

impl<'a> Story<'a> {
    /// The demonstration's deal: a German client, time and materials with a milestone on top.
    ///
    /// # Errors
    /// The HTTP client cannot be built, or a password cannot be read.
    pub fn new(addresses: &Addresses, finance: &'a Finance, deal: Deal) -> anyhow::Result<Self> {
        Ok(Self {
            firm: Firm::at(addresses)?,
            tryton: finance.at_tryton()?,
            finance,
            deal,
            staff: vec![
                ("Partner", "anna.keller@northwind-advisory.example"),
                ("Senior Consultant", "james.whitfield@northwind-advisory.example"),
                ("Consultant", "tom.becker@northwind-advisory.example"),
            ],
        })
    }

    fn books(&self) -> Books<'_> {
        match &self.tryton {
            Some(tryton) => Books::Tryton(tryton),
            None => Books::NetSuite(&self.firm.payer),
        }
    }

    /// Plays it to the end.
    ///
    /// # Errors
    /// A vendor refuses, or what Fairlead should bring about does not come.
    pub async fn play(&self, say: Say<'_>) -> anyhow::Result<Told> {
        let told = self.play_to_invoice(say).await?;
        self.play_to_payment(&told, say).await?;
        Ok(told)
    }

    /// Plays it until the invoice stands in the ledger.
    ///
    /// # Errors
    /// As [`Story::play`].
    pub async fn play_to_invoice(&self, say: Say<'_>) -> anyhow::Result<Told> {
        let mut told = Told::default();
        self.win(&mut told, say).await?;
        self.see_project(&mut told, say).await?;
        self.staff(&told, say).await?;
        self.work(&mut told, say).await?;
        self.bill(&mut told, say).await?;
        Ok(told)
    }

    /// Plays the rest of it.
    ///
    /// # Errors
    /// As [`Story::play`].
    pub async fn play_to_payment(&self, told: &Told, say: Say<'_>) -> anyhow::Result<()> {
        self.pay(told, say).await?;
        self.see_financials(told, say).await
    }

    async fn win(&self, told: &mut Told, say: Say<'_>) -> anyhow::Result<()> {
        let soql = format!(
            "SELECT Id, AccountId FROM Opportunity WHERE Name = '{}' AND IsWon = true LIMIT 1",
            self.deal.name.replace('\'', "\\'")
        );
        let known = self.firm.sales.query(&soql).await?;
        let (account_id, opportunity_id) = match known.first() {
            Some(won) => (text(won, "/AccountId")?, text(won, "/Id")?),
            None => {
                let won = self.firm.sales.win(&self.deal).await?;
                (won.account_id, won.opportunity_id)
            }
        };
        say(&format!(
            "Salesforce   {} is won for {}",
            self.deal.name, self.deal.company
        ));
        (told.account_id, told.opportunity_id) = (account_id, opportunity_id);
        Ok(())
    }

    async fn see_project(&self, told: &mut Told, say: Say<'_>) -> anyhow::Result<()> {
        let opportunity = self
            .until("the opportunity carries its project", || async {
                let found = self.firm.sales.read("Opportunity", &told.opportunity_id).await?;
                let active = found.get("Project_Status__c").and_then(Value::as_str) == Some("active");
                Ok((active && is_set(&found, "/Project_Code__c")).then_some(found))
            })
            .await?;
        let account = self
            .until("the account carries its customer number", || async {
                let found = self.firm.sales.read("Account", &told.account_id).await?;
                Ok(is_set(&found, "/ERP_Id__c").then_some(found))
            })
            .await?;
        told.customer_id = text(&account, "/ERP_Id__c")?;
        told.project_code = text(&opportunity, "/Project_Code__c")?;
        let entity = self.books().entity_of(&told.customer_id).await?;
        say(&format!(
            "{:<13}customer {} of {entity}; its number stands on the Salesforce account",
            self.books().name(),
            told.customer_id
        ));
        let project = self
            .firm
            .delivery
            .find_project(&told.project_code)
            .await?
            .context("the project is not in Kantata")?;
        told.workspace_id = text(&project, "/id")?;
        let workstreams = self
            .firm
            .delivery
            .list("stories", &[("workspace_id", &told.workspace_id)])
            .await?;
        say(&format!(
            "Kantata      project {} is active with {} workstreams and milestones",
            told.project_code,
            workstreams.len()
        ));
        Ok(())
    }

    async fn staff(&self, told: &Told, say: Say<'_>) -> anyhow::Result<()> {
        let staff = &self.staff;
        let choose = |role: &str| {
            staff
                .iter()
                .find(|(r, _)| *r == role)
                .map(|(_, person)| (*person).to_owned())
        };
        let seats = self.firm.delivery.staff(&told.workspace_id, choose).await?;
        self.firm.delivery.confirm(&told.workspace_id).await?;
        if seats > 0 {
            say(&format!(
                "Kantata      {seats} staffing requests are met and confirmed"
            ));
        }
        let soql = format!(
            "SELECT Id, Status__c FROM Fairlead_Allocation__c WHERE Opportunity__c = '{}'",
            told.opportunity_id
        );
        let shown = self
            .until("confirmed allocations are on the opportunity", || async {
                let found = self.firm.sales.query(&soql).await?;
                Ok((found.len() >= staff.len()).then_some(found))
            })
            .await?;
        say(&format!(
            "Salesforce   {} allocations show on the opportunity",
            shown.len()
        ));
        Ok(())
    }

    async fn work(&self, told: &mut Told, say: Say<'_>) -> anyhow::Result<()> {
        let filter = [("workspace_id", told.workspace_id.as_str())];
        let known = self.firm.delivery.list("time_entries", &filter).await?;
        if known.is_empty() {
            told.time_entries = self.firm.delivery.work(&told.workspace_id, &self.hours()).await?;
            told.expenses = self
                .firm
                .delivery
                .spend(&told.workspace_id, &self.expenditures())
                .await?;
        } else {
            told.time_entries = ids(&known)?;
            told.expenses = ids(&self.firm.delivery.list("expenses", &filter).await?)?;
        }
        if let Some(milestone) = self.deal.lines.iter().find(|line| line.role.is_none()) {
            self.firm
                .delivery
                .complete(&told.workspace_id, &milestone.description)
                .await?;
            say(&format!(
                "Kantata      the milestone {:?} is reached",
                milestone.description
            ));
        }
        say(&format!(
            "Kantata      {} time entries and {} expenses are approved",
            told.time_entries.len(),
            told.expenses.len()
        ));
        let expected = told.time_entries.len();
        let posted = self
            .until("approved time is in the books", || async {
                let posted = self.books().time_entries(&told.customer_id).await?;
                Ok((posted >= expected).then_some(posted))
            })
            .await?;
        self.see_marks(told).await?;
        say(&format!(
            "{:<13}{posted} time entries and {} expenses are posted",
            self.books().name(),
            told.expenses.len()
        ));
        Ok(())
    }

    /// What is posted is marked in Kantata. A row in the ERP alone may be of a batch that is still under way, whose lines
    /// an invoice would not take yet.
    async fn see_marks(&self, told: &Told) -> anyhow::Result<()> {
        for (subject, lines) in [("TimeEntry", &told.time_entries), ("Expense", &told.expenses)] {
            self.until("posted work is marked in Kantata", || async {
                let filter = [("subject_type", subject)];
                let marks = self.firm.delivery.list("external_references", &filter).await?;
                let marked: Vec<String> = marks
                    .iter()
                    .map(|mark| text(mark, "/subject_id"))
                    .collect::<anyhow::Result<_>>()?;
                Ok(lines.iter().all(|id| marked.contains(id)).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    async fn bill(&self, told: &mut Told, say: Say<'_>) -> anyhow::Result<()> {
        self.finance.run_billing(&told.project_code).await?;
        let wanted = self.invoices_wanted();
        self.until("the invoices are made", || async {
            let made = self.books().invoices(&told.customer_id).await?;
            Ok((made.len() >= wanted).then_some(()))
        })
        .await?;
        let (books, name) = (self.books(), self.books().name());
        for number in books.approve(&told.customer_id).await? {
            say(&format!("{name:<13}finance posts invoice {number}"));
        }
        let bills = books.invoices(&told.customer_id).await?;
        for bill in &bills {
            say(&format!(
                "{name:<13}invoice {} over {} {}",
                bill.number, bill.total, self.deal.currency
            ));
        }
        told.invoices = bills.into_iter().map(|bill| bill.id).collect();
        Ok(())
    }

    async fn pay(&self, told: &Told, say: Say<'_>) -> anyhow::Result<()> {
        let books = self.books();
        for number in books.pay(&told.customer_id, Utc::now().date_naive()).await? {
            say(&format!(
                "{:<13}{} pays {number}",
                books.name(),
                self.deal.company
            ));
        }
        Ok(())
    }

    async fn see_financials(&self, told: &Told, say: Say<'_>) -> anyhow::Result<()> {
        let account = self
            .until("the account shows that it is paid", || async {
                let found = self.firm.sales.read("Account", &told.account_id).await?;
                let paid = found.get("Invoice_Status__c").and_then(Value::as_str) == Some("paid");
                Ok((paid && is_set(&found, "/Margin_Percent__c")).then_some(found))
            })
            .await?;
        let shown = |field: &str| account.get(field).map(Value::to_string).unwrap_or_default();
        say(&format!(
            "Salesforce   paid: billed to date {} {}, collected {}, DSO {} days, margin {} %",
            shown("Billed_To_Date__c"),
            self.deal.currency,
            shown("Collected_To_Date__c"),
            shown("DSO_Days__c"),
            shown("Margin_Percent__c")
        ));
        Ok(())
    }

    /// Two working weeks of everybody, on days that have been.
    fn hours(&self) -> Vec<Hours> {
        let workstreams: Vec<&DealLine> = self
            .deal
            .lines
            .iter()
            .filter(|line| line.role.is_some())
            .collect();
        let mut hours = Vec::new();
        for day in working_days(self.deal.start, 10) {
            for (role, person) in &self.staff {
                let Some(line) = workstreams.iter().find(|line| line.role.as_deref() == Some(role)) else {
                    continue;
                };
                hours.push(Hours {
                    person: (*person).to_owned(),
                    task: Some(line.workstream.clone()),
                    role: (*role).to_owned(),
                    date: day,
                    minutes: 450,
                    rate_in_cents: Some(i64::from(line.unit_price) * 100),
                    notes: format!("{} for {}", line.workstream, self.deal.company),
                });
            }
        }
        hours
    }

    fn expenditures(&self) -> Vec<Expenditure> {
        let day = working_days(self.deal.start, 3)
            .last()
            .copied()
            .unwrap_or(self.deal.start);
        let spent = |person: &str, category: &str, cents: i64, notes: &str| Expenditure {
            person: person.to_owned(),
            date: day,
            category: category.to_owned(),
            amount_in_cents: cents,
            notes: notes.to_owned(),
        };
        vec![
            spent(
                "anna.keller@northwind-advisory.example",
                "Travel",
                34_150,
                "Train Munich to Hamburg and back",
            ),
            spent(
                "tom.becker@northwind-advisory.example",
                "Lodging",
                28_800,
                "Two nights in Hamburg",
            ),
        ]
    }

    fn invoices_wanted(&self) -> usize {
        let milestones = self.deal.lines.iter().filter(|line| line.role.is_none()).count();
        if self.deal.billing_method == "Time and Materials" {
            1
        } else {
            milestones
        }
    }

    async fn until<T, F, Fut>(&self, what: &str, look: F) -> anyhow::Result<T>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = anyhow::Result<Option<T>>>,
    {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if tokio::time::Instant::now() > end {
                bail!(
                    "waited {} s in vain until {what}: see the exception desk",
                    PATIENCE.as_secs()
                );
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

/// The first `count` days from `from` on that are neither Saturday nor Sunday.
fn working_days(from: NaiveDate, count: usize) -> Vec<NaiveDate> {
    from.iter_days()
        .filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
        .take(count)
        .collect()
}

fn is_set(record: &Value, pointer: &str) -> bool {
    record
        .pointer(pointer)
        .is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
}

fn text(record: &Value, pointer: &str) -> anyhow::Result<String> {
    match record.pointer(pointer) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => bail!("a record has no {pointer}: {record}"),
    }
}

fn ids(records: &[Value]) -> anyhow::Result<Vec<String>> {
    records.iter().map(|record| text(record, "/id")).collect()
}

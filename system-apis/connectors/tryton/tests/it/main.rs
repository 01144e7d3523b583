//! The connector against a real Tryton server.
//!
//! Where `FAIRLEAD_TEST_TRYTON` names no installation, each of these tests says that it is skipped.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail where it stands"
)]

mod books;
mod conformance;
mod deals;
mod lost_answers;
mod proxy;
mod signing_in;

use canonical_model::{
    Account, Address, ApprovalState, BillingMethod, Currency, EffectKey, Expense, Invoice, InvoiceLine,
    InvoiceStatus, LineSource, Minutes, Money, Project, ProjectStatus, Rate, RatePer, RecordRef, Resource,
    SourceKind, Task, TaxRegistration, TimeEntry, Write, Written,
};
use chrono::{Datelike, NaiveDate, Utc};
use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};
use system_ports::{Collection, ErpPort};
use testkit::{Tryton as Server, TrytonPerson};
use tryton_connector::{EXAMPLE, Settings, Tryton};

/// A firm's books in a Tryton of their own.
struct Books {
    erp: Tryton,
    server: Server,
    /// Somebody who may see and do everything.
    admin: TrytonPerson,
}

/// A customer with a running project and a task.
struct Engagement {
    account: String,
    project: String,
    task: String,
    person: String,
    role: String,
    travel: String,
}

/// The settings of an installation's firm.
fn settings(server: &Server, base_url: &str) -> Settings {
    let mut table: toml::Table = toml::from_str(EXAMPLE).unwrap();
    let password = format!("file:{}", server.password_file("fairlead").display());
    table.insert("base_url".into(), base_url.into());
    table.insert("password".into(), password.into());
    let items = table["items"].as_table_mut().unwrap();
    for (key, path) in [
        ("time_and_materials", "/charges/time-and-materials"),
        ("fixed_fee", "/charges/fixed-fee"),
        ("milestone", "/charges/milestone"),
        ("expenses", "/charges/expenses"),
        ("rounding", "/charges/rounding"),
    ] {
        items.insert(key.into(), server.id(path).into());
    }
    table.try_into().unwrap()
}

impl Books {
    async fn open() -> Option<Self> {
        let server = Server::start().await?;
        let admin = server.person("admin").await;
        let erp = Tryton::connect("erp/main", &settings(&server, &server.url)).unwrap();
        Some(Self { erp, server, admin })
    }

    /// A connection by another way, with other settings.
    fn other(&self, base_url: &str, change: impl FnOnce(&mut Settings)) -> Tryton {
        let mut settings = settings(&self.server, base_url);
        change(&mut settings);
        Tryton::connect("erp/main", &settings).unwrap()
    }

    async fn engagement(&self, name: &str) -> Engagement {
        let customer = write(self.erp.accounts(), &format!("customer-{name}"), account(name)).await;
        let running = Project {
            status: ProjectStatus::Active,
            ..project(name, &customer.id)
        };
        let made = write(self.erp.projects(), &format!("project-{name}"), running).await;
        let work = write(
            self.erp.tasks(),
            &format!("task-{name}"),
            task("Delivery", &made.id),
        )
        .await;
        let id = |path: &str| self.server.id(path).to_string();
        Engagement {
            account: customer.id,
            project: made.id,
            task: work.id,
            person: id("/employees/anna.keller@northwind-advisory.example"),
            role: id("/roles/consultant"),
            travel: id("/expenses/travel"),
        }
    }

    /// How many records of a model meet a domain.
    async fn count(&self, model: &str, domain: Value) -> i64 {
        let counted = self
            .admin
            .model(&format!("{model}.search_count"), json!([domain]))
            .await;
        counted.as_i64().unwrap()
    }

    /// A record as Tryton has it.
    async fn record(&self, model: &str, id: &str, fields: &[&str]) -> Value {
        let id: i64 = id.parse().unwrap();
        let mut rows = self
            .admin
            .model(&format!("{model}.read"), json!([[id], fields]))
            .await;
        rows[0].take()
    }

    /// Finance receives money for an invoice, as they do in Tryton's own client.
    async fn pay(&self, invoice: &str, amount: Decimal, kind: &str) {
        let nora = self.server.person("nora.lindqvist").await;
        let invoice: i64 = invoice.parse().unwrap();
        let party = self
            .record("account.invoice", &invoice.to_string(), &["party"])
            .await["party"]
            .clone();
        let mut context = nora.context().clone();
        let about = json!({ "model": "account.invoice", "id": invoice, "ids": [invoice],
            "active_model": "account.invoice", "active_id": invoice, "active_ids": [invoice] });
        context
            .as_object_mut()
            .unwrap()
            .extend(about.as_object().unwrap().clone());
        let opened = nora
            .call("wizard.account.invoice.pay.create", json!([nora.context()]))
            .await;
        let amount = json!({ "__class__": "Decimal", "decimal": amount.to_string() });
        let start = json!({
            "payee": party, "amount": amount, "currency": self.server.id("/currencies/EUR"), "company": self.server.id("/company"),
            "payment_method": self.server.id("/payment_method"), "date": day_value(today()), "description": "Bank",
            "invoice_account": self.server.id("/accounts/receivable"),
        });
        let shown = nora
            .call(
                "wizard.account.invoice.pay.execute",
                json!([opened[0], { "start": start }, "choice", context]),
            )
            .await;
        if shown["view"]["state"] == "ask" {
            let ask = json!({
                "type": kind, "amount": amount, "currency": self.server.id("/currencies/EUR"), "company": self.server.id("/company"),
                "lines": [], "lines_to_pay": [], "payment_lines": [], "invoice": invoice,
            });
            nora.call(
                "wizard.account.invoice.pay.execute",
                json!([opened[0], { "start": start, "ask": ask }, "pay", context]),
            )
            .await;
        }
        nora.call(
            "wizard.account.invoice.pay.delete",
            json!([opened[0], nora.context()]),
        )
        .await;
    }
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

/// A day of a month that is closed in the installation's firm.
fn closed() -> NaiveDate {
    NaiveDate::from_ymd_opt(today().year() - 1, 1, 15).unwrap()
}

fn day_value(day: NaiveDate) -> Value {
    json!({ "__class__": "date", "year": day.year(), "month": day.month(), "day": day.day() })
}

fn eur(amount: Decimal) -> Money {
    Money::new(amount, Currency::EUR)
}

fn create<T>(key: &str, record: T) -> Write<T> {
    Write {
        key: key.parse::<EffectKey>().unwrap(),
        id: None,
        expected_version: None,
        record,
    }
}

async fn try_write<T: Resource>(
    collection: &dyn Collection<T>,
    write: Write<T>,
) -> canonical_model::Result<Written> {
    let results = collection.write(&[write]).await;
    results.into_iter().next().unwrap().into_result()
}

async fn write<T: Resource>(collection: &dyn Collection<T>, key: &str, record: T) -> Written {
    try_write(collection, create(key, record)).await.unwrap()
}

fn account(name: &str) -> Account {
    Account {
        name: name.to_owned(),
        parent: None,
        website: Some(format!(
            "https://www.{}.example",
            name.to_lowercase().replace(' ', "-")
        )),
        phone: None,
        email: Some(format!("ap@{}.example", name.to_lowercase().replace(' ', "-"))),
        tax_registrations: vec![TaxRegistration {
            country: "DE".into(),
            number: "DE 811 907 980".into(),
        }],
        billing_address: Some(Address {
            lines: vec!["Ring 1".into()],
            city: Some("Berlin".into()),
            region: None,
            postal_code: Some("10115".into()),
            country: "DE".into(),
        }),
        payment_terms: Some(RecordRef::id("Net 30")),
        legal_entity: None,
        currency: None,
        financials: None,
    }
}

fn project(code: &str, account: &str) -> Project {
    Project {
        code: code.to_owned(),
        name: format!("{code} strategy"),
        account: Some(RecordRef::id(account)),
        legal_entity: None,
        region: Some("emea".into()),
        manager: None,
        billing_method: Some(BillingMethod::TimeAndMaterials),
        currency: Currency::EUR,
        budget: Some(eur(dec!(50000))),
        target_margin_percent: Some(dec!(35)),
        rate_card: None,
        start_date: Some(today()),
        end_date: None,
        status: ProjectStatus::Planned,
    }
}

fn task(name: &str, project: &str) -> Task {
    Task {
        name: name.to_owned(),
        project: RecordRef::id(project),
        parent: None,
        billable: true,
        planned_minutes: Some(Minutes::new(6000)),
        start_date: Some(today()),
        end_date: None,
        completed: false,
    }
}

fn time(work: &Engagement, minutes: i64) -> TimeEntry {
    TimeEntry {
        person: RecordRef::id(&work.person),
        project: RecordRef::id(&work.project),
        task: Some(RecordRef::id(&work.task)),
        role: Some(RecordRef::id(&work.role)),
        date: today(),
        minutes: Minutes::new(minutes),
        billable: true,
        rate: Some(Rate {
            money: eur(dec!(195)),
            per: RatePer::Hour,
        }),
        cost_rate: None,
        legal_entity: None,
        tax_code: None,
        note: Some("Grid model".into()),
        approval: ApprovalState::Approved,
        approved_by: None,
        approved_at: None,
        invoice: None,
        reverses: None,
    }
}

fn expense(work: &Engagement, date: NaiveDate, amount: Money) -> Expense {
    Expense {
        person: RecordRef::id(&work.person),
        project: RecordRef::id(&work.project),
        task: None,
        category: RecordRef::id(&work.travel),
        date,
        amount,
        fx_rate: None,
        billable: true,
        reimbursable: true,
        legal_entity: None,
        tax_code: None,
        note: Some("Train to Hamburg".into()),
        approval: ApprovalState::Approved,
        approved_by: None,
        approved_at: None,
        invoice: None,
        reverses: None,
    }
}

fn line(description: &str, amount: Decimal, kind: SourceKind, ids: &[&str]) -> InvoiceLine {
    InvoiceLine {
        description: description.to_owned(),
        quantity: Decimal::ONE,
        unit_price: eur(amount),
        amount: eur(amount),
        role: None,
        tax_code: None,
        sources: ids
            .iter()
            .map(|id| LineSource {
                kind,
                record: RecordRef::id(*id),
            })
            .collect(),
    }
}

fn invoice(work: &Engagement, date: NaiveDate, lines: Vec<InvoiceLine>) -> Invoice {
    Invoice {
        number: None,
        account: RecordRef::id(&work.account),
        project: Some(RecordRef::id(&work.project)),
        legal_entity: None,
        date,
        due_date: None,
        currency: Currency::EUR,
        purchase_order: Some("PO-7".into()),
        memo: Some("Time and expenses".into()),
        lines,
        net: None,
        tax: None,
        total: None,
        amount_paid: None,
        status: InvoiceStatus::Open,
    }
}

//! The systems around this API as doubles, with one customer, one project and two invoices.

use canonical_model::{
    Account, CanonicalId, Currency, Invoice, InvoiceStatus, Money, Opportunity, OpportunityStage, Payment,
    PaymentApplication, RecordRef,
};
use invoice_to_cash_process_api::Settings;
use process_doubles::Doubles;
use rust_decimal::{Decimal, dec};
use serde_json::json;
use testkit::Issuer;

pub(crate) const ERP: &str = "erp/main";

/// The doubles, and what the customer is called everywhere.
pub(crate) struct World {
    pub(crate) doubles: Doubles,
    pub(crate) account: CanonicalId,
    project: CanonicalId,
}

pub(crate) fn euros(amount: Decimal) -> Money {
    Money::new(amount, Currency::EUR)
}

impl World {
    pub(crate) fn start() -> Self {
        let world = Self {
            doubles: Doubles::start(),
            account: CanonicalId::generate(),
            project: CanonicalId::generate(),
        };
        world.set_up();
        world
    }

    /// As at the beginning: invoice 107 is open, 108 is paid.
    pub(crate) fn set_up(&self) {
        self.doubles.reset();
        for (connection, id) in [("crm/main", "001"), (ERP, "12")] {
            self.doubles.refer("account", self.account, connection, id);
        }
        for resource in ["project", "opportunity"] {
            self.doubles.refer(resource, self.project, "crm/main", "006");
        }
        self.doubles.refer("project", self.project, ERP, "900");
        self.doubles.put("crm", "001", &customer());
        self.doubles.put("crm", "006", &deal());
        self.invoice("107", dec!(1190), dec!(0));
        self.invoice("108", dec!(595), dec!(595));
    }

    /// The ERP has an invoice that is paid so far.
    pub(crate) fn invoice(&self, id: &str, total: Decimal, paid: Decimal) {
        let invoice = Invoice {
            number: Some(format!("INV-{id}")),
            account: RecordRef::labelled("12", "Helios Energy GmbH"),
            project: Some(RecordRef::id("900")),
            legal_entity: None,
            date: "2026-11-01".parse().unwrap(),
            due_date: Some("2999-12-01".parse().unwrap()),
            currency: Currency::EUR,
            purchase_order: None,
            memo: None,
            lines: Vec::new(),
            net: Some(euros(total / dec!(1.19))),
            tax: None,
            total: Some(euros(total)),
            amount_paid: Some(euros(paid)),
            status: if paid == total {
                InvoiceStatus::Paid
            } else {
                InvoiceStatus::Open
            },
        };
        self.doubles.put("erp", id, &invoice);
    }

    /// The ERP has a payment of an invoice.
    pub(crate) fn payment(&self, id: &str, invoice: &str, amount: Decimal) {
        let payment = Payment {
            number: Some(format!("PAY-{id}")),
            account: RecordRef::labelled("12", "Helios Energy GmbH"),
            date: "2026-11-20".parse().unwrap(),
            amount: euros(amount),
            applied: vec![PaymentApplication {
                invoice: RecordRef::id(invoice),
                amount: euros(amount),
            }],
        };
        self.doubles.put("erp", id, &payment);
    }

    /// Settings against the doubles, with a database of their own.
    pub(crate) fn settings(&self, issuer: &Issuer) -> Settings {
        let folder = tempfile::Builder::new()
            .prefix("fairlead-test-")
            .tempdir()
            .unwrap()
            .keep();
        let secret = folder.join("secret");
        std::fs::write(&secret, "for the test").unwrap();
        let fast = json!({ "interval_ms": 50, "page": 2 });
        let settings = json!({
            "http": { "port": 0 },
            "auth": { "issuer": issuer.url() },
            "database": { "url": format!("sqlite:{}", folder.join("i2c.db").display()) },
            "engine": { "poll_ms": 50, "retry": { "first_ms": 20, "max_ms": 200, "budget_ms": 20_000 } },
            "identity": {
                "token_url": issuer.url().join("token").unwrap(),
                "client_id": "i2c",
                "client_secret": format!("file:{}", secret.display()),
            },
            "systems": { "crm": self.doubles.crm, "erp": self.doubles.erp },
            "processes": { "control": self.doubles.processes, "insight": self.doubles.processes },
            "feeds": { "invoices": fast, "payments": fast },
            "accounts": { "wait_for_insight_s": 0 },
        });
        chassis::load_with(toml::Table::try_from(settings).unwrap()).unwrap()
    }

    /// What sales sees of the customer's invoices: number, total and what is paid, by number.
    pub(crate) fn shown(&self) -> Vec<(String, Decimal, Decimal)> {
        let shown = self.doubles.holdings().ours::<Invoice>("crm");
        let mut told: Vec<_> = shown
            .into_iter()
            .map(|invoice| {
                assert_eq!(invoice.account.id, "001");
                assert_eq!(invoice.project, Some(RecordRef::id("006")));
                let amount = |money: Option<Money>| money.unwrap().amount;
                (
                    invoice.number.unwrap(),
                    amount(invoice.total),
                    amount(invoice.amount_paid),
                )
            })
            .collect();
        told.sort();
        told
    }

    /// What sales sees of the account: status, billed, collected.
    pub(crate) fn standing(&self) -> Option<(String, Decimal, Decimal)> {
        let account = self.doubles.holdings().one::<Account>("crm", "001");
        assert_eq!(account.name, "Helios Energy");
        let financials = account.financials?;
        Some((
            financials.invoice_status,
            financials.billed_to_date.amount,
            financials.collected_to_date.amount,
        ))
    }
}

fn customer() -> Account {
    Account {
        name: "Helios Energy".to_owned(),
        parent: None,
        website: None,
        phone: None,
        email: None,
        tax_registrations: Vec::new(),
        billing_address: None,
        payment_terms: None,
        legal_entity: None,
        currency: Some(Currency::EUR),
        financials: None,
    }
}

fn deal() -> Opportunity {
    Opportunity {
        name: "Grid strategy".to_owned(),
        stage: OpportunityStage::Won,
        account: Some(RecordRef::id("001")),
        owner: None,
        amount: None,
        close_date: "2026-10-01".parse().unwrap(),
        signature_date: None,
        legal_entity: None,
        region: None,
        billing_method: None,
        target_margin_percent: None,
        project_manager: None,
        start_date: None,
        end_date: None,
        purchase_order: None,
        rate_card: None,
        cap: None,
        lines: Vec::new(),
        project: None,
        project_status: None,
    }
}

//! The systems around this API as doubles, with one deal that is won.

use canonical_model::{
    Account, Address, Assignment, AssignmentState, BillingMethod, CanonicalId, Currency, LegalEntity,
    MappingDomain, Minutes, Money, Opportunity, OpportunityLine, OpportunityStage, Person, Rate, RatePer,
    RecordRef,
};
use chrono::NaiveDate;
use process_doubles::Doubles;
use quote_to_project_process_api::Settings;
use rust_decimal::{Decimal, dec};
use serde_json::json;
use testkit::Issuer;

pub(crate) const CRM: &str = "crm/main";
pub(crate) const PSA: &str = "psa/main";
pub(crate) const MANAGER: &str = "helen.cho@northwind-advisory.example";
pub(crate) const CONSULTANT: &str = "tom.becker@northwind-advisory.example";

pub(crate) struct World {
    pub(crate) doubles: Doubles,
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

impl World {
    pub(crate) fn start() -> Self {
        let world = Self {
            doubles: Doubles::start(),
        };
        world.set_up();
        world
    }

    /// As at the beginning: the deal is won, nobody has done anything about it.
    pub(crate) fn set_up(&self) {
        let doubles = &self.doubles;
        doubles.reset();
        for (domain, code, values) in [
            (
                MappingDomain::LegalEntity,
                "de",
                [(CRM, "Northwind Advisory GmbH"), (PSA, "7"), ("erp/main", "3")],
            ),
            (
                MappingDomain::Region,
                "emea",
                [(CRM, "EMEA"), (PSA, "Europe"), ("erp/main", "2")],
            ),
            (
                MappingDomain::Role,
                "consultant",
                [(CRM, "Consultant"), (PSA, "117"), ("erp/main", "204")],
            ),
        ] {
            for (connection, value) in values {
                doubles.map(domain, connection, value, code);
            }
        }
        let entity = LegalEntity {
            name: "Northwind Advisory GmbH".to_owned(),
            country: "DE".to_owned(),
            currency: Currency::EUR,
            nexuses: vec!["DE".to_owned()],
            active: true,
        };
        doubles.put("erp", "3", &entity);
        for system in ["psa", "erp"] {
            doubles.put(system, "11", &person("Helen Cho", MANAGER));
            doubles.put(system, "12", &person("Tom Becker", CONSULTANT));
        }
        doubles.put("crm", "001", &customer());
        doubles.put("crm", "006", &deal());
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
            "database": { "url": format!("sqlite:{}", folder.join("q2p.db").display()) },
            "engine": { "poll_ms": 50, "retry": { "first_ms": 20, "max_ms": 200, "budget_ms": 20_000 } },
            "identity": {
                "token_url": issuer.url().join("token").unwrap(),
                "client_id": "q2p",
                "client_secret": format!("file:{}", secret.display()),
            },
            "systems": { "crm": self.doubles.crm, "erp": self.doubles.erp, "psa": self.doubles.psa },
            "processes": { "control": self.doubles.processes },
            "feeds": { "deals": fast, "assignments": fast },
        });
        chassis::load_with(toml::Table::try_from(settings).unwrap()).unwrap()
    }

    /// The PSA plans somebody's time on a project.
    pub(crate) fn plan(&self, id: &str, project: &str, hours: i64) {
        self.doubles.put("psa", id, &assignment(project, hours));
    }
}

pub(crate) fn assignment(project: &str, hours: i64) -> Assignment {
    Assignment {
        project: RecordRef::id(project),
        person: Some(RecordRef::labelled("12", CONSULTANT)),
        role: Some(RecordRef::labelled("117", "Consultant")),
        start_date: day("2026-10-15"),
        end_date: day("2026-12-20"),
        minutes: Minutes::new(hours * 60),
        state: AssignmentState::Confirmed,
    }
}

pub(crate) fn scope() -> canonical_model::ProjectScope {
    canonical_model::ProjectScope {
        project_id: CanonicalId::generate(),
        project_code: "HEL-1".to_owned(),
        account_id: CanonicalId::generate(),
        account_name: "Helios Energy GmbH".to_owned(),
        legal_entity: "de".to_owned(),
        region: None,
    }
}

fn person(name: &str, email: &str) -> Person {
    Person {
        name: name.to_owned(),
        email: email.to_owned(),
        home_entity: None,
        role: None,
        skills: Vec::new(),
        weekly_capacity_minutes: None,
        active: true,
    }
}

fn customer() -> Account {
    Account {
        name: "Helios Energy GmbH".to_owned(),
        parent: None,
        website: None,
        phone: None,
        email: None,
        tax_registrations: Vec::new(),
        billing_address: Some(Address {
            country: "DE".to_owned(),
            ..Address::default()
        }),
        payment_terms: None,
        legal_entity: None,
        currency: Some(Currency::EUR),
        financials: None,
    }
}

fn euros(amount: Decimal) -> Money {
    Money::new(amount, Currency::EUR)
}

/// Two workstreams, two demands for one role, two milestones.
fn deal() -> Opportunity {
    let role = |workstream: &str, from: &str| OpportunityLine {
        id: format!("{workstream} {from}"),
        description: "Consultant".to_owned(),
        workstream: Some(workstream.to_owned()),
        role: Some(RecordRef::id("Consultant")),
        minutes: Some(Minutes::new(6_000)),
        rate: Some(Rate {
            money: euros(dec!(150)),
            per: RatePer::Hour,
        }),
        amount: euros(dec!(15000)),
        start_date: Some(day(from)),
        end_date: None,
        milestone_date: None,
    };
    let milestone = |name: &str, due: &str| OpportunityLine {
        id: name.to_owned(),
        description: name.to_owned(),
        workstream: Some("Strategy".to_owned()),
        role: None,
        minutes: None,
        rate: None,
        amount: euros(dec!(5000)),
        start_date: None,
        end_date: None,
        milestone_date: Some(day(due)),
    };
    Opportunity {
        name: "Grid strategy".to_owned(),
        stage: OpportunityStage::Won,
        account: Some(RecordRef::labelled("001", "Helios Energy GmbH")),
        owner: None,
        amount: Some(euros(dec!(40000))),
        close_date: day("2026-10-01"),
        signature_date: None,
        legal_entity: Some(RecordRef::labelled("DE", "Northwind Advisory GmbH")),
        region: Some("EMEA".to_owned()),
        billing_method: Some(BillingMethod::Milestone),
        target_margin_percent: Some(dec!(35)),
        project_manager: Some(RecordRef::labelled("x", MANAGER)),
        start_date: Some(day("2026-10-15")),
        end_date: Some(day("2026-12-20")),
        purchase_order: None,
        rate_card: None,
        cap: None,
        lines: vec![
            role("Strategy", "2026-10-15"),
            role("Rollout", "2026-11-01"),
            milestone("Concept", "2026-11-20"),
            milestone("Handover", "2026-12-20"),
        ],
        project: None,
        project_status: None,
    }
}

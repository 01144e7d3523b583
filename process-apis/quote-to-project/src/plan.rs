//! What a won deal asks for: pure derivations from the opportunity, before any system is touched.
//!
//! Nothing is guessed: a term that a project cannot do without is a Business failure that names the field in the CRM.

use std::collections::BTreeMap;

use canonical_model::{
    BillingEvent, BillingMethod, CanonicalId, Currency, Failure, Minutes, Money, Opportunity,
    OpportunityStage, Rate, Result, Rounding,
};
use chrono::{Datelike, Months, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The terms of a won deal, all of them present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Name of the deal and of the project.
    pub name: String,
    /// Id of the account in the CRM.
    pub account_id: String,
    /// The selling entity, as the CRM calls it.
    pub legal_entity: String,
    /// The delivering region, as the CRM calls it.
    pub region: Option<String>,
    /// How it is charged.
    pub billing_method: BillingMethod,
    /// What it is worth.
    pub amount: Money,
    /// Charges shall not go beyond this.
    pub cap: Option<Money>,
    /// E-mail address of the project manager.
    pub manager_email: String,
    /// Margin that was sold, in percent.
    pub target_margin_percent: Option<Decimal>,
    /// The client's purchase order.
    pub purchase_order: Option<String>,
    /// Name of the rate card.
    pub rate_card: Option<String>,
    /// Day of signature, or of closing where the CRM does not say.
    pub signature_date: NaiveDate,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
    /// Time of roles that was sold.
    pub roles: Vec<SoldRole>,
    /// Milestones that were sold.
    pub milestones: Vec<SoldMilestone>,
}

/// Time of one role that was sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldRole {
    /// The part of the project.
    pub workstream: String,
    /// The role, as the CRM calls it.
    pub role: String,
    /// How much.
    pub minutes: Minutes,
    /// At what price.
    pub rate: Rate,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
}

/// A milestone that was sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldMilestone {
    /// What it is called.
    pub name: String,
    /// The part of the project.
    pub workstream: String,
    /// Day it is due.
    pub due_date: NaiveDate,
    /// What is paid for it.
    pub amount: Money,
}

/// A part of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workstream {
    /// What it is called.
    pub name: String,
    /// Time sold in it.
    pub minutes: Minutes,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
}

/// Somebody of a role is wanted from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// The role, as the CRM calls it.
    pub role: String,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
    /// How much time.
    pub minutes: Minutes,
    /// The workstreams it is for, for the resource manager.
    pub workstreams: Vec<String>,
}

/// Workstream of lines that name none.
const GENERAL: &str = "Delivery";

impl Terms {
    /// Reads the terms out of a won opportunity.
    ///
    /// # Errors
    /// Business `deal_not_won`, `deal_incomplete` (naming what the CRM lacks), `missing_rate` (naming the line) or
    /// `currency_mismatch_in_deal`.
    pub fn of(opportunity: &Opportunity) -> Result<Self> {
        if opportunity.stage != OpportunityStage::Won {
            return Err(Failure::business(
                "deal_not_won",
                format!("opportunity {:?} is not won", opportunity.name),
            ));
        }
        let lack = |field: &str| {
            let message = format!(
                "opportunity {:?} has no {field}; set it in the CRM and retry",
                opportunity.name
            );
            Failure::business("deal_incomplete", message)
        };
        let label = |r: &canonical_model::RecordRef| r.label.clone().unwrap_or_else(|| r.id.clone());
        let amount = opportunity.amount.ok_or_else(|| lack("amount"))?;
        let start_date = opportunity.start_date.ok_or_else(|| lack("start date"))?;
        let end_date = opportunity.end_date.ok_or_else(|| lack("end date"))?;
        if end_date < start_date {
            return Err(lack("end date on or after its start date"));
        }
        let terms = Self {
            name: opportunity.name.clone(),
            account_id: opportunity
                .account
                .as_ref()
                .map(|a| a.id.clone())
                .ok_or_else(|| lack("account"))?,
            legal_entity: opportunity
                .legal_entity
                .as_ref()
                .map(label)
                .ok_or_else(|| lack("legal entity"))?,
            region: opportunity.region.clone(),
            billing_method: opportunity.billing_method.ok_or_else(|| lack("billing method"))?,
            amount,
            cap: opportunity.cap,
            manager_email: opportunity
                .project_manager
                .as_ref()
                .map(label)
                .ok_or_else(|| lack("project manager"))?,
            target_margin_percent: opportunity.target_margin_percent,
            purchase_order: opportunity.purchase_order.clone(),
            rate_card: opportunity.rate_card.as_ref().map(label),
            signature_date: opportunity.signature_date.unwrap_or(opportunity.close_date),
            start_date,
            end_date,
            roles: sold_roles(opportunity, start_date, end_date)?,
            milestones: sold_milestones(opportunity),
        };
        terms.check_currencies()?;
        Ok(terms)
    }

    /// Currency of the deal.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.amount.currency
    }

    /// The parts of the project, in the order in which the deal names them.
    #[must_use]
    pub fn workstreams(&self) -> Vec<Workstream> {
        let mut found: Vec<Workstream> = Vec::new();
        let roles = self
            .roles
            .iter()
            .map(|r| (&r.workstream, r.minutes, r.start_date, r.end_date));
        let milestones = self
            .milestones
            .iter()
            .map(|m| (&m.workstream, Minutes::default(), m.due_date, m.due_date));
        for (name, minutes, start_date, end_date) in roles.chain(milestones) {
            match found.iter_mut().find(|w| w.name == *name) {
                Some(known) => {
                    known.minutes = known.minutes + minutes;
                    known.start_date = known.start_date.min(start_date);
                    known.end_date = known.end_date.max(end_date);
                }
                None => found.push(Workstream {
                    name: name.clone(),
                    minutes,
                    start_date,
                    end_date,
                }),
            }
        }
        if found.is_empty() {
            let (start_date, end_date) = (self.start_date, self.end_date);
            found.push(Workstream {
                name: GENERAL.to_owned(),
                minutes: Minutes::default(),
                start_date,
                end_date,
            });
        }
        found
    }

    /// Who is wanted: one demand for each role and first day.
    #[must_use]
    pub fn demands(&self) -> Vec<Demand> {
        let mut found: BTreeMap<(NaiveDate, &str), Demand> = BTreeMap::new();
        for sold in &self.roles {
            let demand = found
                .entry((sold.start_date, &sold.role))
                .or_insert_with(|| Demand {
                    role: sold.role.clone(),
                    start_date: sold.start_date,
                    end_date: sold.end_date,
                    minutes: Minutes::default(),
                    workstreams: Vec::new(),
                });
            demand.minutes = demand.minutes + sold.minutes;
            demand.end_date = demand.end_date.max(sold.end_date);
            if !demand.workstreams.contains(&sold.workstream) {
                demand.workstreams.push(sold.workstream.clone());
            }
        }
        found.into_values().collect()
    }

    /// What is charged when: nothing planned for time and materials, milestones as sold, a fixed fee on its last day
    /// unless milestones say otherwise, a retainer in equal parts at the end of each month, the last part taking the
    /// rounding.
    #[must_use]
    pub fn billing_events(&self) -> Vec<BillingEvent> {
        let event = |description: &str, date, amount| BillingEvent {
            description: description.to_owned(),
            date,
            amount,
            milestone: None,
        };
        match self.billing_method {
            BillingMethod::TimeAndMaterials => Vec::new(),
            BillingMethod::Milestone => self
                .milestones
                .iter()
                .map(|m| event(&m.name, m.due_date, m.amount))
                .collect(),
            BillingMethod::FixedFee if !self.milestones.is_empty() => self
                .milestones
                .iter()
                .map(|m| event(&m.name, m.due_date, m.amount))
                .collect(),
            BillingMethod::FixedFee => vec![event("Fixed fee", self.end_date, self.amount)],
            BillingMethod::Retainer => self.retainer_events(),
        }
    }

    fn retainer_events(&self) -> Vec<BillingEvent> {
        let mut ends = Vec::new();
        let mut month = self.start_date.with_day(1).unwrap_or(self.start_date);
        while month <= self.end_date {
            let next = month.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
            ends.push(next.pred_opt().unwrap_or(next).min(self.end_date));
            month = next;
        }
        let parts = Decimal::from(ends.len().max(1));
        let part = Money {
            amount: self.amount.amount / parts,
            ..self.amount
        }
        .rounded(Rounding::HalfUp);
        let count = ends.len();
        let mut left = self.amount;
        let mut events = Vec::with_capacity(count);
        for (n, date) in ends.into_iter().enumerate() {
            let amount = if n + 1 == count { left } else { part };
            left.amount -= amount.amount;
            let description = format!("Retainer {}", date.format("%B %Y"));
            events.push(BillingEvent {
                description,
                date,
                amount,
                milestone: None,
            });
        }
        events
    }

    fn check_currencies(&self) -> Result<()> {
        let currency = self.currency();
        let rates = self.roles.iter().map(|r| r.rate.money);
        let all = rates
            .chain(self.milestones.iter().map(|m| m.amount))
            .chain(self.cap);
        match all.into_iter().find(|money| money.currency != currency) {
            None => Ok(()),
            Some(other) => {
                let message = format!(
                    "the deal is in {currency} but one of its lines is in {}; correct it in the CRM",
                    other.currency
                );
                Err(Failure::business("currency_mismatch_in_deal", message))
            }
        }
    }
}

fn sold_roles(opportunity: &Opportunity, from: NaiveDate, to: NaiveDate) -> Result<Vec<SoldRole>> {
    let mut sold = Vec::new();
    for line in &opportunity.lines {
        let (Some(role), Some(minutes)) = (&line.role, line.minutes) else {
            continue;
        };
        let role = role.label.clone().unwrap_or_else(|| role.id.clone());
        let rate = line.rate.ok_or_else(|| {
            let message = format!(
                "line {:?} of opportunity {:?} sells {role} without a rate",
                line.description, opportunity.name
            );
            Failure::business("missing_rate", message)
        })?;
        sold.push(SoldRole {
            workstream: line.workstream.clone().unwrap_or_else(|| GENERAL.to_owned()),
            role,
            minutes,
            rate,
            start_date: line.start_date.unwrap_or(from),
            end_date: line.end_date.unwrap_or(to),
        });
    }
    Ok(sold)
}

fn sold_milestones(opportunity: &Opportunity) -> Vec<SoldMilestone> {
    let milestone = |line: &canonical_model::OpportunityLine| {
        let due_date = line.milestone_date?;
        let workstream = line.workstream.clone().unwrap_or_else(|| GENERAL.to_owned());
        Some(SoldMilestone {
            name: line.description.clone(),
            workstream,
            due_date,
            amount: line.amount,
        })
    };
    opportunity.lines.iter().filter_map(milestone).collect()
}

/// The firm's code of the project: three letters of the customer and eight characters of its canonical id, so that it
/// is the same on every try and different for every project.
#[must_use]
pub fn project_code(account_name: &str, project: CanonicalId) -> String {
    let letters: String = account_name
        .chars()
        .filter(char::is_ascii_alphabetic)
        .take(3)
        .flat_map(char::to_uppercase)
        .collect();
    let id = project.0.simple().to_string();
    let tail = id.get(id.len().saturating_sub(8)..).unwrap_or(&id).to_uppercase();
    if letters.is_empty() {
        format!("PRJ-{tail}")
    } else {
        format!("{letters}-{tail}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{OpportunityLine, RatePer, RecordRef};
    use rust_decimal::dec;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn line(workstream: &str, role: &str, hours: i64, from: &str) -> OpportunityLine {
        OpportunityLine {
            id: format!("{workstream}-{role}-{from}"),
            description: role.to_owned(),
            workstream: Some(workstream.to_owned()),
            role: Some(RecordRef::id(role)),
            minutes: Some(Minutes::new(hours * 60)),
            rate: Some(Rate {
                money: Money::new(dec!(150), Currency::EUR),
                per: RatePer::Hour,
            }),
            amount: Money::new(Decimal::from(hours * 150), Currency::EUR),
            start_date: Some(day(from)),
            end_date: None,
            milestone_date: None,
        }
    }

    fn deal(method: BillingMethod, lines: Vec<OpportunityLine>) -> Opportunity {
        Opportunity {
            name: "Grid strategy".to_owned(),
            stage: OpportunityStage::Won,
            account: Some(RecordRef::id("001")),
            owner: None,
            amount: Some(Money::new(dec!(100000), Currency::EUR)),
            close_date: day("2026-10-01"),
            signature_date: None,
            legal_entity: Some(RecordRef::labelled("DE", "Northwind Advisory GmbH")),
            region: Some("EMEA".to_owned()),
            billing_method: Some(method),
            target_margin_percent: Some(dec!(35)),
            project_manager: Some(RecordRef::labelled("x", "helen.cho@northwind-advisory.example")),
            start_date: Some(day("2026-10-15")),
            end_date: Some(day("2026-12-20")),
            purchase_order: None,
            rate_card: None,
            cap: None,
            lines,
            project: None,
            project_status: None,
        }
    }

    #[test]
    fn one_demand_stands_for_each_role_and_first_day() {
        let lines = vec![
            line("Strategy", "Consultant", 100, "2026-10-15"),
            line("Rollout", "Consultant", 50, "2026-10-15"),
            line("Rollout", "Consultant", 30, "2026-11-01"),
            line("Strategy", "Partner", 10, "2026-10-15"),
        ];
        let terms = Terms::of(&deal(BillingMethod::TimeAndMaterials, lines)).unwrap();
        let demands = terms.demands();
        let told: Vec<_> = demands
            .iter()
            .map(|d| (d.role.as_str(), d.start_date, d.minutes.count() / 60))
            .collect();
        assert_eq!(
            told,
            [
                ("Consultant", day("2026-10-15"), 150),
                ("Partner", day("2026-10-15"), 10),
                ("Consultant", day("2026-11-01"), 30)
            ]
        );
        assert_eq!(demands[0].workstreams, ["Strategy", "Rollout"]);
        assert_eq!(
            terms
                .workstreams()
                .iter()
                .map(|w| w.minutes.count() / 60)
                .collect::<Vec<_>>(),
            [110, 80]
        );
    }

    #[test]
    fn a_retainer_is_charged_in_whole_to_the_cent() {
        let terms = Terms::of(&deal(BillingMethod::Retainer, Vec::new())).unwrap();
        let events = terms.billing_events();
        let amounts: Vec<_> = events.iter().map(|e| e.amount.amount).collect();
        assert_eq!(amounts, [dec!(33333.33), dec!(33333.33), dec!(33333.34)]);
        assert_eq!(events[2].date, day("2026-12-20"));
    }

    #[test]
    fn a_deal_without_its_terms_names_what_the_crm_lacks() {
        let mut incomplete = deal(BillingMethod::FixedFee, Vec::new());
        incomplete.legal_entity = None;
        let failure = Terms::of(&incomplete).unwrap_err();
        assert_eq!(failure.code, "deal_incomplete");
        assert!(failure.message.contains("legal entity"), "{}", failure.message);

        let mut unpriced = line("Strategy", "Partner", 10, "2026-10-15");
        unpriced.rate = None;
        let failure = Terms::of(&deal(BillingMethod::TimeAndMaterials, vec![unpriced])).unwrap_err();
        assert_eq!(failure.code, "missing_rate");
    }

    #[test]
    fn a_project_code_depends_on_the_project_alone() {
        let id: CanonicalId = "0192f3a1-0000-7000-8000-00000abcdef1".parse().unwrap();
        assert_eq!(project_code("Helios Energy GmbH", id), "HEL-0ABCDEF1");
        assert_eq!(project_code("株式会社", id), "PRJ-0ABCDEF1");
    }
}

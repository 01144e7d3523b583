//! What the dashboard shows, from what insight and control say. Pure: records in, view and HTML out.

mod html;

use std::collections::BTreeSet;

use canonical_model::{ExceptionGroup, Figure, Kpi, KpiName, Money, ProjectStanding};
use experience_look::shown_money;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use html::Part;

/// One key figure as a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Card {
    /// Id of the figure, such as `days_sales_outstanding`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The value as people read it; `–` where there are no facts.
    pub value: String,
    /// What the value is counted in; empty for money, which says it itself.
    pub unit: String,
    /// The value exactly, in the figure's own unit; absent for money and where there are no facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "31.5")]
    pub amount: Option<Decimal>,
    /// Values of money, one a currency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub money: Vec<Money>,
    /// The figure's own unit.
    #[schema(example = "days")]
    pub counted_in: String,
    /// Of how many cases it is made.
    pub cases: u64,
    /// Exactly what it means.
    pub definition: String,
}

/// One project as a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectRow {
    /// The firm's code.
    pub code: String,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub account: String,
    /// The legal entity (canonical code).
    pub legal_entity: String,
    /// The region, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What was sold.
    pub budget: Money,
    /// Net invoiced.
    pub invoiced: Money,
    /// In the books, on no invoice.
    pub work_in_progress: Money,
    /// Used of the budget, in percent.
    #[schema(value_type = String, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "62.5")]
    pub burn_percent: Decimal,
    /// More is used than was sold.
    pub over_budget: bool,
    /// Time in the books, as hours and minutes.
    pub worked: String,
    /// Margin earned and sold as people read it, for readers who may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<String>,
    /// Margin earned, in percent, for readers who may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "41.2")]
    pub margin_percent: Option<Decimal>,
}

/// Work that waits for people, by owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// The role that can resolve it.
    pub owner_role: String,
    /// How many exceptions are open.
    pub open: u64,
    /// Money that waits with them.
    pub money_at_risk: Vec<Money>,
}

/// Work in progress of one age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Age {
    /// Days since the work, such as `0-30`.
    pub days: String,
    /// One sum a currency.
    pub money: Vec<Money>,
}

/// What can be selected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Choices {
    /// Legal entities with projects (canonical codes).
    pub legal_entities: Vec<String>,
    /// Regions with projects (canonical codes).
    pub regions: Vec<String>,
}

/// The whole dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dashboard {
    /// Key figures.
    pub cards: Vec<Card>,
    /// Projects, the fullest burn first.
    pub projects: Vec<ProjectRow>,
    /// Ages of work in progress: age, then one sum a currency.
    pub ages: Vec<Age>,
    /// What waits for people, of the whole firm.
    pub waiting: Vec<Waiting>,
    /// What can be selected.
    pub choices: Choices,
}

impl Dashboard {
    /// The dashboard of these figures, projects and exceptions.
    #[must_use]
    pub fn of(
        kpis: &[Kpi],
        projects: &[ProjectStanding],
        groups: &[ExceptionGroup],
        choices: Choices,
    ) -> Self {
        let mut rows: Vec<ProjectRow> = projects.iter().map(row).collect();
        rows.sort_by(|a, b| {
            b.burn_percent
                .cmp(&a.burn_percent)
                .then_with(|| a.code.cmp(&b.code))
        });
        Self {
            cards: kpis.iter().map(card).collect(),
            projects: rows,
            ages: ages(kpis),
            waiting: waiting(groups),
            choices,
        }
    }
}

impl Choices {
    /// What these projects can be narrowed to.
    #[must_use]
    pub fn of(projects: &[ProjectStanding]) -> Self {
        let entities: BTreeSet<_> = projects.iter().map(|p| &p.scope.legal_entity).collect();
        let regions: BTreeSet<_> = projects.iter().filter_map(|p| p.scope.region.as_ref()).collect();
        Self {
            legal_entities: entities.into_iter().cloned().collect(),
            regions: regions.into_iter().cloned().collect(),
        }
    }
}

fn card(kpi: &Kpi) -> Card {
    let (value, unit) = shown(kpi);
    Card {
        id: id_of(kpi.name),
        title: kpi.title.clone(),
        value,
        unit,
        amount: kpi.figure.value,
        money: kpi.figure.money.clone(),
        counted_in: kpi.unit.clone(),
        cases: kpi.figure.cases,
        definition: kpi.definition.clone(),
    }
}

fn id_of(name: KpiName) -> String {
    serde_json::to_value(name)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Value and unit as people read them. Long times are told in hours or days.
fn shown(kpi: &Kpi) -> (String, String) {
    let Figure { value, money, .. } = &kpi.figure;
    match value {
        Some(value) => {
            let (value, unit) = readable(*value, &kpi.unit);
            (short(value).to_string(), unit.to_owned())
        }
        None if money.is_empty() => ("–".to_owned(), String::new()),
        None => (shown_money(money), String::new()),
    }
}

fn readable(value: Decimal, unit: &str) -> (Decimal, &str) {
    let (hour, day) = match unit {
        "minutes" => (Decimal::from(60), Decimal::from(60 * 24)),
        "hours" => (Decimal::ONE, Decimal::from(24)),
        _ => return (value, unit),
    };
    if value.abs() >= day * Decimal::TWO {
        (value / day, "days")
    } else if value.abs() >= hour * Decimal::TWO {
        (value / hour, "hours")
    } else {
        (value, unit)
    }
}

/// One decimal is enough to read.
fn short(value: Decimal) -> Decimal {
    value
        .round_dp_with_strategy(1, RoundingStrategy::MidpointAwayFromZero)
        .normalize()
}

fn row(project: &ProjectStanding) -> ProjectRow {
    let margin = project
        .margin_percent
        .map(|earned| match project.target_margin_percent {
            Some(sold) => format!("{} % of {} %", short(earned), short(sold)),
            None => format!("{} %", short(earned)),
        });
    ProjectRow {
        code: project.scope.project_code.clone(),
        name: project.name.clone(),
        account: project.scope.account_name.clone(),
        legal_entity: project.scope.legal_entity.clone(),
        region: project.scope.region.clone(),
        budget: project.budget,
        invoiced: project.invoiced,
        work_in_progress: project.work_in_progress,
        burn_percent: short(project.burn_percent),
        over_budget: project.burn_percent > Decimal::ONE_HUNDRED,
        worked: format!("{} h", project.posted_minutes),
        margin,
        margin_percent: project.margin_percent.map(short),
    }
}

/// The ages in their order, the oldest last.
fn ages(kpis: &[Kpi]) -> Vec<Age> {
    let figure = kpis
        .iter()
        .find(|k| k.name == KpiName::WorkInProgress)
        .map(|k| &k.figure);
    let parts = figure.into_iter().flat_map(|f| &f.parts);
    let mut ages: Vec<Age> = parts
        .map(|(days, money)| Age {
            days: days.replace("over_", "over "),
            money: money.clone(),
        })
        .collect();
    ages.sort_by_key(|age| age.days.starts_with("over"));
    ages
}

fn waiting(groups: &[ExceptionGroup]) -> Vec<Waiting> {
    let mut by_role: Vec<Waiting> = Vec::new();
    for group in groups {
        let place = by_role.iter().position(|w| w.owner_role == group.owner_role);
        let mut entry = place.map(|p| by_role.remove(p)).unwrap_or_else(|| Waiting {
            owner_role: group.owner_role.clone(),
            open: 0,
            money_at_risk: Vec::new(),
        });
        entry.open += group.open;
        for money in &group.money_at_risk {
            match entry
                .money_at_risk
                .iter_mut()
                .find(|m| m.currency == money.currency)
            {
                Some(sum) => sum.amount += money.amount,
                None => entry.money_at_risk.push(*money),
            }
        }
        by_role.push(entry);
    }
    by_role.sort_by(|a, b| b.open.cmp(&a.open).then_with(|| a.owner_role.cmp(&b.owner_role)));
    by_role
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{Currency, ExceptionCause};
    use rust_decimal::dec;

    #[test]
    fn what_waits_is_summed_by_owner() {
        let group = |role: &str, open, amount| ExceptionGroup {
            cause: ExceptionCause {
                code: "role_not_mapped".to_owned(),
                subject: String::new(),
            },
            message: String::new(),
            owner_role: role.to_owned(),
            open,
            money_at_risk: vec![Money::new(amount, Currency::EUR)],
            oldest_at: chrono::DateTime::UNIX_EPOCH,
            due_at: chrono::DateTime::UNIX_EPOCH,
        };
        let told = waiting(&[
            group("data-steward", 1, dec!(5)),
            group("project-accountant", 2, dec!(7)),
            group("data-steward", 3, dec!(1)),
        ]);
        let told: Vec<_> = told
            .iter()
            .map(|w| (w.owner_role.as_str(), w.open, w.money_at_risk[0].amount))
            .collect();
        assert_eq!(
            told,
            [("data-steward", 4, dec!(6)), ("project-accountant", 2, dec!(7))]
        );
    }

    #[test]
    fn a_figure_without_facts_is_a_dash_and_a_name_cannot_become_markup() {
        let kpi = Kpi {
            name: KpiName::DaysSalesOutstanding,
            title: "<b>DSO</b>".to_owned(),
            definition: "d".to_owned(),
            unit: "days".to_owned(),
            from: chrono::NaiveDate::MIN,
            to: chrono::NaiveDate::MAX,
            figure: Figure {
                value: None,
                money: Vec::new(),
                parts: std::collections::BTreeMap::default(),
                cases: 0,
                lineage: Vec::new(),
            },
        };
        let dashboard = Dashboard::of(&[kpi], &[], &[], Choices::default());
        assert_eq!(dashboard.cards[0].value, "–");
        let html = dashboard.html().unwrap();
        assert!(!html.contains("<b>DSO"), "{html}");
        assert!(html.contains("No project has been activated yet"), "{html}");
    }

    #[test]
    fn long_times_are_told_in_hours_and_days() {
        let told = |value, unit| {
            let (value, unit) = readable(value, unit);
            format!("{} {unit}", short(value))
        };
        assert_eq!(told(dec!(90), "minutes"), "90 minutes");
        assert_eq!(told(dec!(150), "minutes"), "2.5 hours");
        assert_eq!(told(dec!(10080), "minutes"), "7 days");
        assert_eq!(told(dec!(30.44), "hours"), "30.4 hours");
        assert_eq!(told(dec!(91.250), "percent"), "91.3 percent");
    }
}

//! What the dashboard shows, from what insight and control say. Pure: records in, view and HTML out.

use askama::Template;
use canonical_model::{ExceptionGroup, Figure, Kpi, KpiName, Minutes, Money, ProjectStanding};
use experience_look::{Bar, bars, columns, shown_money};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One key figure as a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Card {
    /// Id of the figure, such as `days_sales_outstanding`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The value as people read it; `–` where there are no facts.
    pub value: String,
    /// What it is counted in; empty for money, which says it itself.
    pub unit: String,
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
    /// Time in the books, as hours and minutes.
    pub worked: String,
    /// Margin earned and sold, for readers who may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<String>,
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

/// The whole dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dashboard {
    /// Key figures.
    pub cards: Vec<Card>,
    /// Projects, the fullest burn first.
    pub projects: Vec<ProjectRow>,
    /// Ages of work in progress: age, then one sum a currency.
    pub ages: Vec<Age>,
    /// What waits for people.
    pub waiting: Vec<Waiting>,
}

/// Work in progress of one age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Age {
    /// Days since the work, such as `0-30`.
    pub days: String,
    /// One sum a currency.
    pub money: Vec<Money>,
}

impl Dashboard {
    /// The dashboard of these figures, projects and exceptions.
    #[must_use]
    pub fn of(kpis: &[Kpi], projects: &[ProjectStanding], groups: &[ExceptionGroup]) -> Self {
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
        }
    }

    /// The live part of the page, in an element with id `dashboard`.
    ///
    /// # Errors
    /// The template cannot be rendered.
    pub fn html(&self) -> Result<String, askama::Error> {
        let burn: Vec<Bar> = self
            .projects
            .iter()
            .take(8)
            .map(|p| Bar {
                label: p.code.clone(),
                value: p.burn_percent,
                shown: format!("{} %", p.burn_percent),
            })
            .collect();
        let aged: Vec<Bar> = self
            .ages
            .iter()
            .map(|age| Bar {
                label: age.days.clone(),
                value: age.money.iter().map(|m| m.amount).sum(),
                shown: shown_money(&age.money),
            })
            .collect();
        let burn_chart = bars("Used of the budget, by project, in percent", &burn);
        let age_chart = columns("Work in progress by days since the work", &aged);
        Body {
            dashboard: self,
            burn_chart,
            age_chart,
            burn: !burn.is_empty(),
            aged: !aged.is_empty(),
        }
        .render()
    }
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Body<'a> {
    dashboard: &'a Dashboard,
    burn_chart: String,
    age_chart: String,
    burn: bool,
    aged: bool,
}

impl Body<'_> {
    fn money(&self, money: &[Money]) -> String {
        shown_money(money)
    }

    fn one(&self, money: &Money) -> String {
        shown_money(std::slice::from_ref(money))
    }
}

fn card(kpi: &Kpi) -> Card {
    let is_money = kpi.name == KpiName::WorkInProgress;
    Card {
        id: id_of(kpi.name),
        title: kpi.title.clone(),
        value: shown(&kpi.figure),
        unit: if is_money || kpi.figure.value.is_none() {
            String::new()
        } else {
            kpi.unit.clone()
        },
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

fn shown(figure: &Figure) -> String {
    match figure.value {
        Some(value) => value.to_string(),
        None if figure.money.is_empty() => "–".to_owned(),
        None => shown_money(&figure.money),
    }
}

fn row(project: &ProjectStanding) -> ProjectRow {
    let margin = project
        .margin_percent
        .map(|earned| match project.target_margin_percent {
            Some(sold) => format!("{earned} % of {sold} %"),
            None => format!("{earned} %"),
        });
    ProjectRow {
        code: project.scope.project_code.clone(),
        name: project.name.clone(),
        account: project.scope.account_name.clone(),
        region: project.scope.region.clone(),
        budget: project.budget,
        invoiced: project.invoiced,
        work_in_progress: project.work_in_progress,
        burn_percent: project.burn_percent,
        worked: worked(project.posted_minutes),
        margin,
    }
}

fn worked(minutes: Minutes) -> String {
    format!("{minutes} h")
}

fn ages(kpis: &[Kpi]) -> Vec<Age> {
    let figure = kpis
        .iter()
        .find(|k| k.name == KpiName::WorkInProgress)
        .map(|k| &k.figure);
    let parts = figure.into_iter().flat_map(|f| &f.parts);
    parts
        .map(|(days, money)| Age {
            days: days.replace("over_", "over "),
            money: money.clone(),
        })
        .collect()
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
        let dashboard = Dashboard::of(&[kpi], &[], &[]);
        assert_eq!(dashboard.cards[0].value, "–");
        let html = dashboard.html().unwrap();
        assert!(!html.contains("<b>DSO"), "{html}");
        assert!(html.contains("No project has been activated yet"), "{html}");
    }
}

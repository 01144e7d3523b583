//! The dashboard as HTML: elements with ids of their own, so that each can be sent again when it looks different.

use askama::Template;
use canonical_model::{Currency, Money};
use experience_look::{Bar, bars, percent_bars, shown_money, shown_word};
use rust_decimal::Decimal;

use super::{Age, Card, Dashboard, ProjectRow, Waiting};

/// Projects that a chart shows; the table has all of them.
const CHARTED: usize = 8;

/// One element of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The element's id.
    pub id: String,
    /// The element.
    pub html: String,
}

impl Dashboard {
    /// The elements of the page in their order: the cards, the charts, what waits, the projects.
    ///
    /// # Errors
    /// A template cannot be rendered.
    pub fn parts(&self) -> Result<Vec<Part>, askama::Error> {
        let cards = self
            .cards
            .iter()
            .map(|card| (format!("kpi-{}", card.id), CardPart { card }.render()));
        let charts = ("charts".to_owned(), ChartsPart::of(self).render());
        let waiting = WaitingPart {
            waiting: &self.waiting,
        };
        let waiting = ("waiting".to_owned(), waiting.render());
        let projects = ProjectsPart {
            projects: &self.projects,
            with_margin: self.projects.iter().any(|p| p.margin.is_some()),
        };
        let projects = ("projects".to_owned(), projects.render());
        cards
            .chain([charts, waiting, projects])
            .map(|(id, html)| Ok(Part { id, html: html? }))
            .collect()
    }

    /// All elements as the page has them.
    ///
    /// # Errors
    /// A template cannot be rendered.
    pub fn html(&self) -> Result<String, askama::Error> {
        let (cards, others): (Vec<Part>, Vec<Part>) = self
            .parts()?
            .into_iter()
            .partition(|part| part.id.starts_with("kpi-"));
        Body { cards, others }.render()
    }
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Body {
    cards: Vec<Part>,
    others: Vec<Part>,
}

#[derive(Template)]
#[template(path = "card.html")]
struct CardPart<'a> {
    card: &'a Card,
}

impl CardPart<'_> {
    fn one(&self, money: &Money) -> String {
        shown_money(std::slice::from_ref(money))
    }
}

#[derive(Template)]
#[template(path = "charts.html")]
struct ChartsPart {
    burn: Option<String>,
    ages: Vec<AgeChart>,
    margin: Option<String>,
}

/// Sums of different currencies are never drawn on one scale.
struct AgeChart {
    currency: Currency,
    svg: String,
}

impl ChartsPart {
    fn of(dashboard: &Dashboard) -> Self {
        let burn = chart(dashboard, "Used of the budget, by project", |project| {
            let over = if project.over_budget { ", over" } else { "" };
            Some((project.burn_percent, format!("{} %{over}", project.burn_percent)))
        });
        let margin = chart(dashboard, "Margin earned, by project", |project| {
            Some((project.margin_percent?, project.margin.clone()?))
        });
        Self {
            burn,
            ages: age_charts(&dashboard.ages),
            margin,
        }
    }
}

fn chart(
    dashboard: &Dashboard,
    title: &str,
    value: impl Fn(&ProjectRow) -> Option<(Decimal, String)>,
) -> Option<String> {
    let rows = dashboard.projects.iter().filter_map(|project| {
        let (value, shown) = value(project)?;
        let label = project.code.clone();
        Some(Bar { label, value, shown })
    });
    let rows: Vec<Bar> = rows.take(CHARTED).collect();
    (!rows.is_empty()).then(|| percent_bars(title, &rows))
}

fn age_charts(ages: &[Age]) -> Vec<AgeChart> {
    let mut currencies: Vec<Currency> = Vec::new();
    for money in ages.iter().flat_map(|age| &age.money) {
        if !currencies.contains(&money.currency) {
            currencies.push(money.currency);
        }
    }
    let chart = |currency| {
        let rows: Vec<Bar> = ages.iter().map(|age| aged(age, currency)).collect();
        let title = format!("Work in progress in {currency} by days since the work");
        AgeChart {
            currency,
            svg: bars(&title, &rows),
        }
    };
    currencies.into_iter().map(chart).collect()
}

fn aged(age: &Age, currency: Currency) -> Bar {
    let money = age.money.iter().find(|m| m.currency == currency).copied();
    let money = money.unwrap_or_else(|| Money::new(Decimal::ZERO, currency));
    Bar {
        label: format!("{} days", age.days),
        value: money.amount,
        shown: shown_money(&[money]),
    }
}

#[derive(Template)]
#[template(path = "waiting.html")]
struct WaitingPart<'a> {
    waiting: &'a [Waiting],
}

impl WaitingPart<'_> {
    fn money(&self, money: &[Money]) -> String {
        shown_money(money)
    }

    fn role(&self, role: &str) -> String {
        shown_word(role)
    }
}

#[derive(Template)]
#[template(path = "projects.html")]
struct ProjectsPart<'a> {
    projects: &'a [ProjectRow],
    with_margin: bool,
}

impl ProjectsPart<'_> {
    fn one(&self, money: &Money) -> String {
        shown_money(std::slice::from_ref(money))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn currencies_are_drawn_apart() {
        let age = |days: &str, money: &[Money]| Age {
            days: days.to_owned(),
            money: money.to_vec(),
        };
        let ages = [
            age("0-30", &[Money::new(dec!(10), Currency::EUR)]),
            age(
                "31-60",
                &[
                    Money::new(dec!(5), Currency::EUR),
                    Money::new(dec!(900), Currency::USD),
                ],
            ),
        ];
        let charts = age_charts(&ages);
        assert_eq!(charts.len(), 2);
        assert!(
            charts[0]
                .svg
                .contains("0-30 days: 10.00 EUR; 31-60 days: 5.00 EUR"),
            "{}",
            charts[0].svg
        );
        assert!(
            charts[1]
                .svg
                .contains("0-30 days: 0.00 USD; 31-60 days: 900.00 USD"),
            "{}",
            charts[1].svg
        );
    }
}

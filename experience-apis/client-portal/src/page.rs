//! The portal as a page, readable without script.

use actix_web::{HttpResponse, web};
use askama::Template;
use canonical_model::{CanonicalId, Failure, InvoiceStatus, Money};
use chassis::{Allowed, Problem, ValidQuery};
use experience_look::{NavLink, Page, shown_money};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::handlers::{AccountQuery, accounts, invoices, projects};
use crate::permissions::{ReadPortal, account_of, is_client};
use crate::state::Portal;
use crate::view::{ClientInvoice, ClientProject};

const NAV: [NavLink; 1] = [NavLink {
    href: "/",
    label: "Projects and invoices",
}];

/// Projects and invoices.
#[derive(Template)]
#[template(path = "portal.html")]
struct Content<'a> {
    projects: &'a [ClientProject],
    invoices: &'a [ClientInvoice],
}

impl Content<'_> {
    fn money(&self, money: &Money) -> String {
        shown_money(std::slice::from_ref(money))
    }

    /// Width of a bar, 0 to 100.
    fn width(&self, percent: &Decimal) -> u32 {
        percent
            .clamp(&Decimal::ZERO, &Decimal::ONE_HUNDRED)
            .to_u32()
            .unwrap_or(0)
    }

    fn status(&self, status: &InvoiceStatus) -> (&'static str, &'static str) {
        match status {
            InvoiceStatus::Paid => ("good", "Paid"),
            InvoiceStatus::Open => ("warn", "Open"),
            InvoiceStatus::Cancelled => ("", "Cancelled"),
            InvoiceStatus::Draft => ("", "Draft"),
        }
    }
}

/// Whose projects and invoices to look at, for those who are no clients.
#[derive(Template)]
#[template(path = "accounts.html")]
struct Accounts<'a> {
    accounts: &'a [(String, CanonicalId)],
}

/// `GET /`. Who is no client and names no account chooses one.
pub(crate) async fn show(
    allowed: Allowed<ReadPortal>,
    query: ValidQuery<AccountQuery>,
    portal: web::Data<Portal>,
) -> Result<HttpResponse, Problem> {
    let person = allowed.caller.name.as_deref().unwrap_or(&allowed.caller.subject);
    if query.0.account.is_none() && !is_client(&allowed.caller) {
        let accounts = accounts(&portal).await?;
        return answer(choice(&accounts, person));
    }
    let account = account_of(&allowed.caller, query.0.account)?;
    let (projects, invoices) = (
        projects(&portal, account).await?,
        invoices(&portal, account).await?,
    );
    answer(html(&projects, &invoices, person))
}

fn answer(html: Result<String, askama::Error>) -> Result<HttpResponse, Problem> {
    let html = html.map_err(|error| {
        Failure::fault("page_not_rendered", "The page cannot be made.").with_detail(error.to_string())
    })?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(html))
}

fn html(
    projects: &[ClientProject],
    invoices: &[ClientInvoice],
    person: &str,
) -> Result<String, askama::Error> {
    let body = Content { projects, invoices }.render()?;
    framed("Projects and invoices", &body, person)
}

fn choice(accounts: &[(String, CanonicalId)], person: &str) -> Result<String, askama::Error> {
    framed("Accounts", &Accounts { accounts }.render()?, person)
}

fn framed(title: &str, body: &str, person: &str) -> Result<String, askama::Error> {
    let page = Page {
        area: "Client portal",
        title,
        nav: &NAV,
        here: "/",
        person: Some(person),
        live: None,
        body,
    };
    page.html()
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{CanonicalId, Currency};
    use rust_decimal::dec;

    #[test]
    fn the_page_says_in_words_what_its_bars_show_and_escapes_names() {
        let eur = |amount| Money::new(amount, Currency::EUR);
        let project = ClientProject {
            id: CanonicalId::generate(),
            code: "HEL-1".to_owned(),
            name: "Grid <b>strategy</b>".to_owned(),
            start_date: "2026-11-02".parse().unwrap(),
            end_date: "2026-12-31".parse().unwrap(),
            budget: eur(dec!(10000)),
            invoiced: eur(dec!(12000)),
            work_in_progress: eur(dec!(500)),
            used_percent: dec!(125),
        };
        let html = html(&[project], &[], "Dana Reyes").unwrap();
        assert!(
            html.contains("12,000.00 EUR") && html.contains("125 % of the budget"),
            "{html}"
        );
        assert!(!html.contains("<b>strategy</b>"));
        assert!(html.contains("No invoices yet"));
    }
}

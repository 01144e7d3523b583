//! The dashboard as a page. It is whole without script; with it, its parts are kept fresh by the event stream.

use actix_web::{HttpResponse, web};
use askama::Template;
use canonical_model::Failure;
use chassis::{Allowed, Problem, ValidQuery};
use experience_look::{NavLink, Page};
use url::form_urlencoded::Serializer;

use crate::handlers::SelectionQuery;
use crate::permissions::ReadDashboard;
use crate::sources::Selection;
use crate::state::Board;
use crate::view::Dashboard;

const NAV: [NavLink; 2] = [
    NavLink {
        href: "/",
        label: "Overview",
    },
    NavLink {
        href: "/docs/",
        label: "API",
    },
];

/// The whole content: what is selected, and the parts.
#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    dashboard: &'a Dashboard,
    selection: &'a Selection,
    parts: &'a str,
}

impl Overview<'_> {
    fn is_entity(&self, code: &str) -> bool {
        self.selection.legal_entity.as_deref() == Some(code)
    }

    fn is_region(&self, code: &str) -> bool {
        self.selection.region.as_deref() == Some(code)
    }
}

/// `GET /`.
pub(crate) async fn show(
    allowed: Allowed<ReadDashboard>,
    query: ValidQuery<SelectionQuery>,
    board: web::Data<Board>,
) -> Result<HttpResponse, Problem> {
    let selection = query.0.for_reader(&allowed.caller);
    let dashboard = board.read(&selection).await?;
    let person = allowed.caller.name.as_deref().unwrap_or(&allowed.caller.subject);
    let html = html(&dashboard, &selection, person).map_err(|error| {
        Failure::fault("page_not_rendered", "The page cannot be made.").with_detail(error.to_string())
    })?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(html))
}

/// The page of a dashboard.
fn html(dashboard: &Dashboard, selection: &Selection, person: &str) -> Result<String, askama::Error> {
    let parts = dashboard.html()?;
    let body = Overview {
        dashboard,
        selection,
        parts: &parts,
    }
    .render()?;
    let live = stream(selection);
    let page = Page {
        area: "Executive dashboard",
        title: "How the firm stands",
        nav: &NAV,
        here: "/",
        person: Some(person),
        live: Some(&live),
        body: &body,
    };
    page.html()
}

/// Where the page's selection is followed.
fn stream(selection: &Selection) -> String {
    let day = |day: Option<chrono::NaiveDate>| day.map(|d| d.to_string());
    let pairs = [
        ("from", day(selection.from)),
        ("to", day(selection.to)),
        ("legal_entity", selection.legal_entity.clone()),
        ("region", selection.region.clone()),
    ];
    let mut query = Serializer::new(String::new());
    for (name, value) in pairs {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    format!("/v1/dashboard/events?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Choices;

    #[test]
    fn the_page_follows_what_it_shows_and_keeps_what_was_selected() {
        let choices = Choices {
            legal_entities: vec!["de".to_owned(), "us".to_owned()],
            regions: vec!["R&D \"north\"".to_owned()],
        };
        let dashboard = Dashboard::of(&[], &[], &[], choices);
        let selection = Selection {
            legal_entity: Some("us".to_owned()),
            region: Some("R&D \"north\"".to_owned()),
            ..Selection::default()
        };
        let html = html(&dashboard, &selection, "Claire Dubois").unwrap();
        assert!(
            html.contains("data-live=\"/v1/dashboard/events?legal_entity=us&#38;region=R%26D+%22north%22\""),
            "{html}"
        );
        assert!(html.contains("<option value=\"us\" selected>"), "{html}");
        assert!(!html.contains("R&D \"north\""), "{html}");
        assert_eq!(html.matches("<h1>").count(), 1);
        for part in dashboard.parts().unwrap() {
            assert!(html.contains(&format!("id=\"{}\"", part.id)), "{}", part.id);
        }
    }
}

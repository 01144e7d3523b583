//! How Fairlead's pages look: one frame, one style sheet, and charts drawn on the server.
//!
//! Pages are readable without script and without colour; every chart is an image with a text that says the same. The
//! style sheet holds contrast of at least 4.5:1 in light and dark. Nothing here knows what a page is about.

mod charts;
mod money;
mod words;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use askama::Template;

pub use charts::{Bar, bars, columns, percent_bars};
pub use money::shown_money;
pub use words::shown_word;

/// The style sheet, to be served at `/assets/fairlead.css`.
pub const STYLE: &str = include_str!("../assets/fairlead.css");

/// The script that keeps a page's live parts fresh, to be served at `/assets/live.js`: it listens to the event stream
/// named by `data-live` and replaces the parts that the server sends. A page without script shows the same, unmoving.
pub const LIVE: &str = include_str!("../assets/live.js");

/// Registers the style sheet and the script, outside the contract: `config.map(|inner| inner.configure(assets))`.
pub fn assets(config: &mut web::ServiceConfig) {
    config
        .route("/assets/fairlead.css", web::get().to(style))
        .route("/assets/live.js", web::get().to(live));
}

async fn style() -> HttpResponse {
    asset("text/css; charset=utf-8", STYLE)
}

async fn live() -> HttpResponse {
    asset("text/javascript; charset=utf-8", LIVE)
}

fn asset(media_type: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media_type))
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .body(text)
}

/// A link of a page's navigation.
#[derive(Debug, Clone)]
pub struct NavLink {
    /// Where to.
    pub href: &'static str,
    /// What it says.
    pub label: &'static str,
}

/// The frame of a page.
#[derive(Debug, Clone, Template)]
#[template(path = "page.html")]
pub struct Page<'a> {
    /// The product's part: `Operations desk`.
    pub area: &'a str,
    /// What the page is.
    pub title: &'a str,
    /// Links of the area.
    pub nav: &'a [NavLink],
    /// `href` of the link that is this page.
    pub here: &'a str,
    /// Who is signed in.
    pub person: Option<&'a str>,
    /// Event stream that keeps the page fresh.
    pub live: Option<&'a str>,
    /// The content, already rendered by a template of the page's own.
    pub body: &'a str,
}

impl Page<'_> {
    /// The whole page as HTML.
    ///
    /// # Errors
    /// The template cannot be rendered.
    pub fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_escapes_what_people_wrote_and_marks_where_one_is() {
        let nav = [
            NavLink {
                href: "/",
                label: "Overview",
            },
            NavLink {
                href: "/audit",
                label: "Audit",
            },
        ];
        let page = Page {
            area: "Operations desk",
            title: "<script>",
            nav: &nav,
            here: "/audit",
            person: Some("a&b@example"),
            live: None,
            body: "<p>ok</p>",
        };
        let html = page.html().unwrap();
        assert!(!html.contains("<title><script>"), "{html}");
        assert!(html.contains("a&#38;b@example"), "{html}");
        assert!(
            html.contains(r#"<a href="/audit" aria-current="page">Audit</a>"#),
            "{html}"
        );
        assert!(html.contains("<p>ok</p>"));
    }
}

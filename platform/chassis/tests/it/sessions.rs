//! People in a browser.

use std::collections::BTreeMap;

use chassis::{Extras, HttpSettings, Role, SessionSettings};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use testkit::problem_of;

use crate::support::Sample;

/// As much of a browser as a session needs.
struct Browser {
    sample: Sample,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    async fn start(roles: &[Role]) -> Self {
        let settings = "client_id = 'sample'\nscopes = ['invoices:read']";
        let sessions: SessionSettings = toml::from_str(settings).unwrap();
        let extras = Extras {
            sessions: Some(sessions),
            ..Extras::default()
        };
        let sample = Sample::start_with(HttpSettings::default(), extras).await;
        sample
            .issuer
            .sign_in_as("anna.keller@northwind.example", roles, None);
        Self {
            sample,
            cookies: BTreeMap::new(),
        }
    }

    fn request(&self, method: Method, url: &str) -> RequestBuilder {
        let url = if url.starts_with('/') {
            self.sample.url(url)
        } else {
            url.to_owned()
        };
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        self.sample
            .client
            .request(method, url)
            .header("accept", "text/html")
            .header("cookie", cookies.join("; "))
    }

    async fn get(&mut self, url: &str) -> Response {
        let answer = self.request(Method::GET, url).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(
                cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
                "{cookie}"
            );
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Follows redirects until something else is answered.
    async fn visit(&mut self, url: &str) -> Response {
        let mut answer = self.get(url).await;
        while answer.status() == StatusCode::SEE_OTHER {
            let location = answer.headers()["location"].to_str().unwrap().to_owned();
            answer = self.get(&location).await;
        }
        answer
    }
}

/// A refusal as a person sees it.
async fn assert_page(answer: Response, status: StatusCode, code: &str) {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert!(
        answer.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("frame-ancestors 'none'")
    );
    assert!(answer.text().await.unwrap().contains(code));
}

#[tokio::test]
async fn a_person_is_sent_to_sign_in_and_comes_back_to_the_page() {
    let mut browser = Browser::start(&[Role::Auditor]).await;
    let first = browser.get("/page?of=june").await;
    assert_eq!(first.status(), StatusCode::SEE_OTHER);
    assert_eq!(first.headers()["location"], "/sign-in?next=%2Fpage%3Fof%3Djune");
    let page = browser.visit("/page?of=june").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().starts_with("Anna Keller|"));
    // The cookie says nothing to whoever steals a look at it.
    assert!(browser.cookies.values().all(|value| !value.contains("eyJ")));

    let out = browser.get("/sign-out").await;
    assert_eq!(out.status(), StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/page").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_program_is_refused_where_a_person_is_redirected() {
    let browser = Browser::start(&[Role::Auditor]).await;
    let answer = browser
        .sample
        .client
        .get(browser.sample.url("/page"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status(), problem_of(answer).await.code.as_str()),
        (StatusCode::UNAUTHORIZED, "missing_token")
    );
}

#[tokio::test]
async fn a_form_needs_the_token_of_its_session() {
    let mut browser = Browser::start(&[Role::Auditor]).await;
    let page = browser.visit("/page").await.text().await.unwrap();
    let csrf = page.split_once('|').unwrap().1.to_owned();
    let post = |field: &str| browser.request(Method::POST, "/page").form(&[("csrf", field)]);
    assert_eq!(post(&csrf).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    for refused in [
        post(""),
        post("guess"),
        post(&csrf).header("sec-fetch-site", "cross-site"),
    ] {
        assert_page(
            refused.send().await.unwrap(),
            StatusCode::FORBIDDEN,
            "csrf_refused",
        )
        .await;
    }
}

#[tokio::test]
async fn a_sign_in_belongs_to_the_browser_that_began_it() {
    let mut browser = Browser::start(&[Role::Auditor]).await;
    let to_issuer = browser.get("/sign-in?next=//evil.example").await;
    let location = to_issuer.headers()["location"].to_str().unwrap().to_owned();
    let back = browser.get(&location).await.headers()["location"]
        .to_str()
        .unwrap()
        .to_owned();
    let other_browser = browser.sample.client.get(&back).send().await.unwrap();
    assert_eq!(
        (
            other_browser.status(),
            problem_of(other_browser).await.code.as_str()
        ),
        (StatusCode::BAD_REQUEST, "malformed_sign_in")
    );
    let own = browser.get(&back).await;
    assert_eq!(own.headers()["location"], "/", "no redirect to another site");
}

#[tokio::test]
async fn a_session_gives_no_more_than_its_person_has() {
    let mut browser = Browser::start(&[Role::Viewer]).await;
    let page = browser.visit("/page").await;
    assert_page(page, StatusCode::FORBIDDEN, "missing_role").await;
    assert_page(
        browser.get("/no/such").await,
        StatusCode::NOT_FOUND,
        "route_not_found",
    )
    .await;
    browser
        .cookies
        .values_mut()
        .for_each(|value| *value = format!("x{value}"));
    assert_eq!(
        browser.get("/page").await.status(),
        StatusCode::SEE_OTHER,
        "a changed cookie is no session"
    );
}

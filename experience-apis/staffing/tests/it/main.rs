//! The API as it is started, before an insight that is made up; the page over a real firm is seen in `tests/` of the workspace.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

use std::path::Path;
use std::sync::{Arc, Mutex};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use staffing_experience_api::{Running, Settings, contract, run};
use testkit::Issuer;

const API: &str = "staffing-experience-api";

#[test]
fn the_committed_contract_is_what_the_code_says() {
    testkit::check_contract(&contract(), "experience/staffing.v1.json");
}

#[test]
fn the_default_settings_hold() {
    chassis::load_with::<Settings>(toml::Table::new()).unwrap();
}

/// An address where nobody answers.
const NOBODY: &str = "http://127.0.0.1:9";

/// The API, with insight there.
async fn started(folder: &Path, issuer: &Issuer, insight: &str) -> Running {
    let secret = folder.join("secret");
    std::fs::write(&secret, "not-asked-for").unwrap();
    let secret = format!("file:{}", secret.display());
    let overrides = toml::toml! {
        http = { port = 0 }
        auth = { issuer = (issuer.url().to_string()) }
        sessions = { client_secret = (secret.clone()) }
        identity = { token_url = (format!("{}token", issuer.url())), client_secret = secret }
        processes = { insight = insight }
    };
    run(&chassis::load_with(overrides).unwrap()).await.unwrap()
}

#[tokio::test]
async fn whoever_may_not_is_refused() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer, NOBODY).await;
    testkit::check_refusals(&running.base_url, &contract(), &issuer, API).await;
    let client = issuer.person_token(
        API,
        &["staffing:read"],
        &[chassis::Role::Client],
        "dana@client.example",
    );
    let url = format!("{}/v1/requests", running.base_url);
    let answer = testkit::http().get(url).bearer_auth(client).send().await.unwrap();
    assert_eq!(testkit::problem_of(answer).await.code, "missing_role");
    running.stop().await;
}

fn planned(person: &str) -> Value {
    json!({
        "project_id": canonical_model::CanonicalId::generate(), "project_code": "HEL-1",
        "account_id": canonical_model::CanonicalId::generate(), "account_name": "Helios", "legal_entity": "de",
        "assignment": format!("psa/main/{person}"), "person": person, "state": "confirmed",
        "start_date": "2026-11-09", "end_date": "2026-11-20", "minutes": 600,
        "changed_at": "2026-11-02T08:00:00Z"
    })
}

/// An insight that answers with the time of two people, one a page, whatever it is asked for, and notes the questions.
fn insight() -> (String, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let log = Arc::clone(&asked);
    let server = HttpServer::new(move || {
        let log = Arc::clone(&log);
        let answer = move |request: HttpRequest| {
            log.lock().unwrap().push(request.uri().to_string());
            let second = request.query_string().contains("cursor=1");
            let page = match (request.path(), second) {
                ("/v1/assignments", false) => {
                    json!({ "items": [planned("anna@firm.example")], "next_cursor": "1" })
                }
                ("/v1/assignments", true) => json!({ "items": [planned("tom@firm.example")] }),
                _ => json!({ "items": [] }),
            };
            std::future::ready(HttpResponse::Ok().json(page))
        };
        App::new().default_service(web::to(answer))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://{}", server.addrs().first().unwrap());
    tokio::spawn(server.run());
    (url, asked)
}

#[tokio::test]
async fn a_consultant_sees_only_their_own_time_and_a_resource_manager_everybodys() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let (insight, asked) = insight();
    let running = started(folder.path(), &issuer, &insight).await;
    let ask = async |role, path: &str| {
        let token = issuer.person_token(API, &["staffing:read"], &[role], "tom@firm.example");
        let url = format!("{}{path}", running.base_url);
        let answer = testkit::http().get(url).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        answer.text().await.unwrap()
    };
    for path in ["/v1/assignments", "/"] {
        let own = ask(chassis::Role::Consultant, path).await;
        assert!(own.contains("tom@") && !own.contains("anna@"), "{own}");
    }
    let whose = "person=tom%40firm.example";
    let of_time: Vec<_> = asked
        .lock()
        .unwrap()
        .drain(..)
        .filter(|line| line.starts_with("/v1/assignments"))
        .collect();
    assert!(
        of_time.len() == 4 && of_time.iter().all(|line| line.contains(whose)),
        "{of_time:?}"
    );
    for path in ["/v1/assignments", "/"] {
        let all = ask(chassis::Role::ResourceManager, path).await;
        assert!(all.contains("tom@") && all.contains("anna@"), "{all}");
    }
    assert!(asked.lock().unwrap().iter().all(|line| !line.contains("person=")));
    let page = ask(chassis::Role::Consultant, "/").await;
    assert!(
        page.contains("in the PSA, which owns them") && !page.contains("<form"),
        "{page}"
    );
    running.stop().await;
}

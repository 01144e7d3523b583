//! The contract, what every caller is refused, and what a steward can do.

use std::path::Path;

use control_process_api::{Running, Settings, contract, run};
use serde_json::{Value, json};
use testkit::Issuer;

const API: &str = "control-process-api";
/// The published secret key of RFC 8032, 7.1, test 1.
const AUDIT_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

#[test]
fn the_committed_contract_is_what_the_code_says() {
    testkit::check_contract(&contract(), "process/control.v1.json");
}

#[test]
fn the_default_settings_hold() {
    chassis::load_with::<Settings>(toml::Table::new()).unwrap();
}

/// The API over an empty database; no process API answers behind it.
async fn started(folder: &Path, issuer: &Issuer) -> Running {
    let secret = folder.join("secret");
    std::fs::write(&secret, "not-asked-for").unwrap();
    let key = folder.join("audit.pem");
    std::fs::write(&key, AUDIT_KEY).unwrap();
    let nobody = "http://127.0.0.1:9";
    let overrides = toml::toml! {
        http = { port = 0 }
        auth = { issuer = (issuer.url().to_string()) }
        audit = { head_every_s = 1, signing_key = (format!("file:{}", key.display())) }
        database = { url = (format!("sqlite:{}", folder.join("control.sqlite").display())) }
        identity = { token_url = (format!("{nobody}/token")), client_secret = (format!("file:{}", secret.display())) }
        processes = { quote_to_project = nobody, time_to_invoice = nobody, invoice_to_cash = nobody }
    };
    run(&chassis::load_with(overrides).unwrap()).await.unwrap()
}

#[tokio::test]
async fn whoever_may_not_is_refused() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    testkit::check_refusals(&running.base_url, &contract(), &issuer, API).await;
    running.stop().await;
}

fn account(connection: &str, id: &str, name: &str, website: &str) -> Value {
    json!({"connection": connection, "id": id, "account": {"name": name, "website": website}})
}

#[tokio::test]
async fn fifty_deals_of_one_new_company_make_one_golden_record() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    let token = issuer.service_token(API, &["accounts:match", "accounts:read"]);
    let spellings = [
        "Helios Energy GmbH",
        "HELIOS ENERGY",
        "Helios Energy AG",
        "Hélios Energy Gmbh",
        "Helios-Energy",
    ];
    let ask = |n: usize| {
        let spelling = spellings.get(n % spellings.len()).unwrap();
        testkit::http()
            .post(format!("{}/v1/account-matches", running.base_url))
            .bearer_auth(&token)
            .header("idempotency-key", format!("ask-{n}"))
            .json(&account(
                "crm/main",
                &format!("001-{n}"),
                spelling,
                "https://www.helios.example",
            ))
            .send()
    };
    let mut ids = Vec::new();
    for answer in futures_util::future::join_all((0..50).map(ask)).await {
        let answer = answer.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        ids.push(answer.json::<Value>().await.unwrap()["canonical_id"].clone());
    }
    assert!(
        ids[0].is_string() && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );

    let url = format!("{}/v1/accounts/{}", running.base_url, ids[0].as_str().unwrap());
    let golden: Value = testkit::http()
        .get(url)
        .bearer_auth(&token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(golden["references"].as_array().unwrap().len(), 50);
    running.stop().await;
}

#[tokio::test]
async fn a_doubtful_company_waits_for_a_steward_whose_ruling_is_recorded() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    let service = issuer.service_token(API, &["accounts:match"]);
    let steward = issuer.person_token(
        API,
        &["accounts:rule"],
        &[chassis::Role::DataSteward],
        "steward@firm.example",
    );
    let auditor = issuer.person_token(
        API,
        &["audit:read"],
        &[chassis::Role::Auditor],
        "auditor@firm.example",
    );
    let post = |path: &str, token: &str, body: &Value| {
        testkit::http()
            .post(format!("{}{path}", running.base_url))
            .bearer_auth(token)
            .header("idempotency-key", "a-key")
            .json(body)
            .send()
    };
    let known: Value = post(
        "/v1/account-matches",
        &service,
        &account("crm/main", "1", "Orbis Ltd", "https://orbis.example"),
    )
    .await
    .unwrap()
    .json()
    .await
    .unwrap();
    assert_eq!(known["decision"], "new");
    let doubtful = account("crm/main", "2", "Orbis Ltd", "https://orbis-other.example");
    let asked: Value = post("/v1/account-matches", &service, &doubtful)
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(asked["decision"], "ambiguous", "{asked}");
    assert_eq!(asked["candidates"][0]["canonical_id"], known["canonical_id"]);

    let ruling = json!({"request": doubtful, "canonical_id": known["canonical_id"], "reason": "same owner, two sites"});
    let ruled: Value = post("/v1/account-matches/ruling", &steward, &ruling)
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(ruled["canonical_id"], known["canonical_id"], "{ruled}");
    let again: Value = post("/v1/account-matches", &service, &doubtful)
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (again["decision"].as_str(), &again["canonical_id"]),
        (Some("matched"), &known["canonical_id"])
    );

    let url = format!("{}/v1/audit-entries?after=0", running.base_url);
    let log: Value = testkit::http()
        .get(url)
        .bearer_auth(&auditor)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let entries: Vec<canonical_model::AuditEntry> = serde_json::from_value(log["items"].clone()).unwrap();
    assert!(
        entries
            .iter()
            .any(|e| e.action == "account.ruled" && e.detail["reason"] == "same owner, two sites")
    );
    let read = |path: String| {
        let url = format!("{}{path}", running.base_url);
        let auditor = testkit::http().get(url).bearer_auth(&auditor);
        async move { auditor.send().await.unwrap() }
    };
    let export = read("/v1/audit-export".to_owned()).await;
    assert_eq!(export.headers()["content-type"], "application/x-ndjson");
    let export = export.text().await.unwrap();
    let heads = loop {
        let heads: Value = read("/v1/audit-tree-heads".to_owned())
            .await
            .json()
            .await
            .unwrap();
        if heads["items"][0]["tree_size"] == entries.len() {
            break heads;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let kept: audit_log::Head = serde_json::from_value(heads["items"][0].clone()).unwrap();
    let mut verifier = audit_log::Verifier::new(vec![kept.clone()], kept.public_key.clone());
    export.lines().for_each(|line| verifier.line(line.as_bytes()));
    let report = verifier.finish(true);
    assert_eq!(
        (report.findings.len(), report.signatures),
        (0, report.heads),
        "{report:?}"
    );
    let path = format!("/v1/audit-entries/{}/inclusion-proof", entries.len());
    let proof: Value = read(path).await.json().await.unwrap();
    assert_eq!(proof["head"]["root_hash"], kept.root_hash.as_str());
    assert_eq!(proof["line"], export.lines().last().unwrap());
    let path = format!("/v1/audit-consistency-proof?from=1&to={}", entries.len());
    let proof: Value = read(path).await.json().await.unwrap();
    assert_eq!(proof["to"]["root_hash"], kept.root_hash.as_str());
    let beyond = read(format!("/v1/audit-export?from={}", entries.len() + 1)).await;
    assert_eq!(testkit::problem_of(beyond).await.code, "audit_range_unknown");
    running.stop().await;
}

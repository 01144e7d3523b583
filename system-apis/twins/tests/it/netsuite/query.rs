//! SuiteQL.

use serde_json::{Value, json};

use super::{Account, answer};

fn column<'a>(body: &'a Value, name: &str) -> Vec<&'a str> {
    body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row[name].as_str().unwrap_or_default())
        .collect()
}

#[actix_web::test]
async fn rows_are_text_without_nulls_page_by_page() {
    let account = Account::start().await;
    let sql = "SELECT id, entityId AS Name, isInactive, supervisor, hiredate FROM employee WHERE id > ? ORDER BY id";
    let first = account.page(sql, &["11"], "?limit=4&offset=0").await.body;
    assert_eq!(
        (&first["count"], &first["hasMore"], &first["totalResults"]),
        (&json!(4), &json!(true), &json!(6))
    );
    let row = &first["items"][0];
    assert_eq!(
        (&row["id"], &row["name"], &row["isinactive"]),
        (&json!("12"), &json!("James Whitfield"), &json!("F"))
    );
    assert_eq!(
        row["hiredate"], "3/1/2021",
        "in the form of the user's preference"
    );
    let next = first["links"]
        .as_array()
        .unwrap()
        .iter()
        .find(|l| l["rel"] == "next")
        .unwrap();
    let request = account
        .request("POST", next["href"].as_str().unwrap())
        .header("prefer", "transient");
    let second = answer(request.json(&json!({"q": sql, "params": ["11"]})))
        .await
        .body;
    assert_eq!(
        (column(&second, "id"), &second["hasMore"]),
        (vec!["16", "17"], &json!(false))
    );
    let boss = account.rows("SELECT * FROM employee WHERE id = 11").await;
    assert!(boss[0].get("supervisor").is_none(), "null columns are left out");
    assert_eq!(
        account.page(sql, &["11"], "?limit=4&offset=3").await.refusal().1,
        "INVALID_PARAMETER"
    );
}

#[actix_web::test]
async fn a_record_that_slips_between_two_pages_is_seen_twice() {
    let account = Account::start().await;
    let sql = "SELECT id FROM employee ORDER BY id";
    let first = account.page(sql, &[], "?limit=3&offset=0").await.body;
    account
        .faults(json!([{"path": "suiteql", "fault": {"kind": "page_shift"}}]))
        .await;
    let second = account.page(sql, &[], "?limit=3&offset=3").await.body;
    assert_eq!(column(&first, "id").last(), column(&second, "id").first());
}

#[actix_web::test]
async fn joins_groups_and_functions_work_as_integrations_use_them() {
    let account = Account::start().await;
    let rows = account
        .rows(
            "SELECT s.name, COUNT(*) AS people, BUILTIN.DF(s.currency) AS money FROM employee e \
             LEFT JOIN subsidiary s ON s.id = e.subsidiary WHERE NVL(e.isinactive, 'F') = 'F' \
             GROUP BY s.name, BUILTIN.DF(s.currency) ORDER BY people DESC, s.name",
        )
        .await;
    assert_eq!(
        (&rows[0]["people"], &rows[0]["money"]),
        (&json!("3"), &json!("US Dollar"))
    );
    let (_, project, _) = account.engagement().await;
    let stamp = account
        .value("SELECT TO_CHAR(lastmodifieddate, 'YYYY-MM-DD HH24:MI:SS') FROM job")
        .await;
    let since = format!(
        "SELECT id FROM job WHERE lastmodifieddate >= TO_TIMESTAMP('{stamp}', 'YYYY-MM-DD HH24:MI:SS')"
    );
    assert_eq!(account.value(&since).await, project);
    let none = account.rows("SELECT id FROM job WHERE lastmodifieddate >= TO_TIMESTAMP('2199-01-01 00:00:00.0', 'YYYY-MM-DD HH24:MI:SSxFF')").await;
    assert!(none.is_empty());
}

#[actix_web::test]
async fn what_is_wrong_with_a_query_is_said_in_the_vendors_words() {
    let account = Account::start().await;
    let without = account
        .send("POST", "query/v1/suiteql", json!({"q": "SELECT id FROM job"}))
        .await;
    assert_eq!(
        (without.status, without.refusal().1.as_str()),
        (400, "INVALID_REQUEST")
    );
    for (sql, text) in [
        ("SELECT id FROM nonsense", "Record 'nonsense' was not found"),
        ("SELECT nonsense FROM job", "nonsense"),
        ("SELEKT id FROM job", "Invalid or unsupported search"),
        ("SELECT FROZEN(id) FROM job", "FROZEN"),
    ] {
        let refused = account.query(sql).await;
        let (status, code, detail) = refused.refusal();
        assert_eq!((status, code.as_str()), (400, "INVALID_PARAMETER"), "{sql}");
        assert!(
            detail.contains("Invalid search query") && detail.contains(text),
            "{detail}"
        );
    }
}

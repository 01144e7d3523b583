//! SOQL and describe.

use reqwest::Method;
use serde_json::{Value, json};
use vendor_twins::salesforce::SalesforceSettings;
use vendor_twins::store::{Store, system_clock};

use super::{Org, answer, refusal};

/// Four opportunities under two accounts, and the accounts' ids.
async fn pipeline(org: &Org) -> (String, String) {
    let alpha = org
        .create(
            "Account",
            json!({"Name": "Alpha Works", "Fairlead_Id__c": "A", "BillingCity": "Berlin"}),
        )
        .await;
    let beta = org
        .create(
            "Account",
            json!({"Name": "Beta 50% Works", "Fairlead_Id__c": "B", "Phone": "1"}),
        )
        .await;
    let deals = [
        ("One", &alpha, "Prospecting", 100.25, "2026-01-15", "EUR"),
        ("Two", &alpha, "Closed Won", 200.5, "2026-02-15", "EUR"),
        ("three", &beta, "Closed Lost", 300.0, "2026-03-15", "GBP"),
        ("Four", &beta, "Closed Won", 400.0, "2026-04-15", "USD"),
    ];
    for (name, account, stage, amount, day, currency) in deals {
        let body = json!({"Name": name, "AccountId": account, "StageName": stage, "Amount": amount,
            "CloseDate": day, "CurrencyIsoCode": currency});
        org.create("Opportunity", body).await;
    }
    org.create(
        "Opportunity",
        json!({"Name": "Loose", "StageName": "Prospecting", "CloseDate": "2026-05-15"}),
    )
    .await;
    (alpha, beta)
}

#[tokio::test]
async fn conditions_select_the_rows_they_describe() {
    let org = Org::start().await;
    let (alpha, _) = pipeline(&org).await;
    let by_id = format!("AccountId = '{}'", &alpha[..15]);
    let cases: [(&str, &[&str]); 27] = [
        ("Name = 'THREE'", &["three"]),
        ("Name != 'One'", &["Two", "three", "Four", "Loose"]),
        ("Name LIKE 't%'", &["Two", "three"]),
        ("Account.Name LIKE '%50\\% w_rks'", &["three", "Four"]),
        ("Amount > 200.5", &["three", "Four"]),
        ("Amount >= 200.5 AND Amount < 400", &["Two", "three"]),
        ("Amount = null", &["Loose"]),
        ("Amount != NULL AND IsClosed = false", &["One"]),
        ("Amount <= 100.25 OR Name = 'Four'", &["One", "Four"]),
        (
            "(IsWon = true OR Amount = 300) AND NOT Name LIKE 'F%'",
            &["Two", "three"],
        ),
        ("Name IN ('one', 'Two')", &["One", "Two"]),
        ("Name NOT IN ('One', 'Two', 'Three')", &["Four", "Loose"]),
        ("CloseDate = 2026-02-15", &["Two"]),
        (
            "CloseDate > 2026-02-15 AND CloseDate <= 2026-04-15",
            &["three", "Four"],
        ),
        (
            "CreatedDate = TODAY AND Name LIKE '%e'",
            &["One", "three", "Loose"],
        ),
        ("CreatedDate < YESTERDAY", &[]),
        ("CreatedDate >= LAST_N_DAYS:3 AND Name = 'One'", &["One"]),
        (
            "SystemModstamp >= 2020-01-01T00:00:00Z AND Name = 'One'",
            &["One"],
        ),
        ("SystemModstamp < 2020-01-01T00:00:00.000+02:00", &[]),
        (&by_id, &["One", "Two"]),
        ("Account.BillingCity = 'berlin'", &["One", "Two"]),
        (
            "Account.Owner.Username LIKE 'integration@%' AND IsWon = true",
            &["Two", "Four"],
        ),
        (
            "AccountId IN (SELECT Id FROM Account WHERE Fairlead_Id__c = 'b')",
            &["three", "Four"],
        ),
        (
            "AccountId NOT IN (SELECT Id FROM Account WHERE Fairlead_Id__c = 'b') AND IsWon = true",
            &["Two"],
        ),
        ("CALENDAR_MONTH(CloseDate) = 3", &["three"]),
        ("AccountId = ''", &["Loose"]),
        (
            "CurrencyIsoCode = 'EUR' AND ForecastCategory = 'Closed'",
            &["Two"],
        ),
    ];
    for (condition, names) in cases {
        let soql = format!("SELECT Name FROM Opportunity WHERE {condition} ORDER BY CloseDate");
        assert_eq!(org.column(&soql, "Name").await, names, "{condition}");
    }
    let by_amount = org
        .column(
            "select Name from opportunity order by amount desc nulls last, name limit 3 offset 1",
            "Name",
        )
        .await;
    assert_eq!(by_amount, ["three", "Two", "One"]);
    org.twin.stop().await;
}

#[tokio::test]
async fn rows_show_parents_and_children() {
    let org = Org::start().await;
    let (alpha, _) = pipeline(&org).await;
    let soql = "SELECT Id, o.Name, Account.Name, Account.Owner.Name FROM Opportunity o WHERE Name IN ('One', 'Loose') ORDER BY Name";
    let (_, body) = org.query(soql).await;
    assert_eq!(
        (&body["totalSize"], &body["done"], body.get("nextRecordsUrl")),
        (&json!(2), &json!(true), None)
    );
    assert_eq!(body["records"][0]["Account"], Value::Null);
    let one = &body["records"][1];
    assert_eq!(one["Account"]["Owner"]["Name"], "Fairlead Integration");
    assert_eq!(
        one["Account"]["attributes"]["url"],
        format!("/services/data/v60.0/sobjects/Account/{alpha}")
    );
    assert_eq!(one["attributes"]["type"], "Opportunity");

    let soql = "SELECT Name, (SELECT Name, Amount FROM Opportunities WHERE Amount > 150 ORDER BY Amount DESC), \
                (SELECT Id FROM Contacts) FROM Account WHERE Name LIKE '%Works' ORDER BY Name";
    let (_, body) = org.query(soql).await;
    let alpha = &body["records"][0];
    assert_eq!(alpha["Opportunities"]["totalSize"], 1);
    assert_eq!(
        alpha["Opportunities"]["records"][0]["Amount"].to_string(),
        "200.5"
    );
    assert_eq!(alpha["Contacts"], Value::Null);
    assert_eq!(body["records"][1]["Opportunities"]["records"][0]["Name"], "Four");
    org.twin.stop().await;
}

#[tokio::test]
async fn counts_and_groups_are_exact() {
    let org = Org::start().await;
    pipeline(&org).await;
    let (_, count) = org
        .query("SELECT COUNT() FROM Opportunity WHERE IsClosed = true")
        .await;
    assert_eq!((&count["totalSize"], &count["records"]), (&json!(3), &json!([])));
    let soql = "SELECT IsWon, COUNT(Id) deals, SUM(Amount), MAX(CloseDate) last, AVG(Amount) FROM Opportunity \
                GROUP BY IsWon HAVING COUNT(Amount) > 1 ORDER BY COUNT(Id) DESC";
    let (_, body) = org.query(soql).await;
    let lost = &body["records"][0];
    assert_eq!(lost["attributes"], json!({"type": "AggregateResult"}));
    assert_eq!(
        (&lost["IsWon"], &lost["deals"], &lost["last"]),
        (&json!(false), &json!(3), &json!("2026-05-15"))
    );
    assert_eq!(
        (lost["expr0"].to_string(), lost["expr1"].to_string()),
        ("400.25".to_owned(), "200.125".to_owned())
    );
    assert_eq!(body["records"][1]["expr0"].to_string(), "600.5");
    let labels = org
        .column(
            "SELECT toLabel(StageName) FROM Opportunity WHERE Name = 'Two'",
            "StageName",
        )
        .await;
    assert_eq!(labels, ["Closed Won"]);
    let (_, total) = org
        .query("SELECT SUM(Amount) s, COUNT_DISTINCT(AccountId) a FROM Opportunity WHERE Name = 'none'")
        .await;
    assert_eq!(
        (&total["records"][0]["s"], &total["records"][0]["a"]),
        (&Value::Null, &json!(0))
    );
    let years = org
        .column(
            "SELECT CALENDAR_YEAR(CloseDate) y, COUNT(Id) FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate)",
            "y",
        )
        .await;
    assert_eq!(years, [2026]);
    org.twin.stop().await;
}

#[tokio::test]
async fn wrong_queries_are_refused_with_the_place_and_the_name() {
    let org = Org::start().await;
    let cases = [
        (
            "SELECT Id, Foo FROM Account",
            "INVALID_FIELD",
            "\nSELECT Id, Foo FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Foo' on entity 'Account'.",
        ),
        (
            "SELECT Id FROM Foo__c",
            "INVALID_TYPE",
            "ERROR at Row:1:Column:16\nsObject type 'Foo__c' is not supported.",
        ),
        (
            "SELECT Id, Foo.Name FROM Account",
            "INVALID_FIELD",
            "Didn't understand relationship 'Foo' in field path.",
        ),
        (
            "SELECT Id, (SELECT Id FROM Foos) FROM Account",
            "INVALID_TYPE",
            "Didn't understand relationship 'Foos' in FROM part",
        ),
        (
            "SELECT Id FROM Account WHERE",
            "MALFORMED_QUERY",
            "unexpected token: '<EOF>'",
        ),
        (
            "SELECT Id FORM Account",
            "MALFORMED_QUERY",
            "unexpected token: 'Account'",
        ),
        (
            "SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        (
            "SELECT Id FROM Opportunity WHERE CloseDate = '2026-01-01'",
            "INVALID_FIELD",
            "value of filter criterion for field 'CloseDate' must be of type date and should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Opportunity WHERE CreatedDate > 2026-01-01",
            "INVALID_FIELD",
            "must be of type dateTime",
        ),
        (
            "SELECT Id FROM Account WHERE Name = 5",
            "INVALID_FIELD",
            "must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Account WHERE Description = 'a'",
            "INVALID_FIELD",
            "can not be filtered in a query call",
        ),
        (
            "SELECT Name, COUNT(Id) FROM Account",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: Name",
        ),
        (
            "SELECT FIELDS(ALL) FROM Account",
            "MALFORMED_QUERY",
            "LIMIT of at most 200",
        ),
        (
            "SELECT Id FROM Account OFFSET 2001",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Maximum SOQL offset allowed is 2000",
        ),
        (
            "SELECT Id FROM Account WHERE Id = 'abc'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID field: abc",
        ),
    ];
    for (soql, code, text) in cases {
        let (status, error, message) = refusal(&org.query(soql).await);
        assert_eq!((status, error.as_str()), (400, code), "{soql}: {message}");
        assert!(message.contains(text), "{soql}: {message}");
    }
    org.twin.stop().await;
}

#[tokio::test]
async fn pages_hold_every_row_once_and_ten_cursors_stay_open() {
    let settings = SalesforceSettings {
        page_size: 3,
        ..Default::default()
    };
    let org = Org::with(Store::in_memory(system_clock()), settings).await;
    let parent = org.create("Account", json!({"Name": "Parent"})).await;
    for n in 0..7 {
        org.create(
            "Account",
            json!({"Name": format!("Child {n}"), "ParentId": parent}),
        )
        .await;
    }
    let soql = "SELECT Name FROM Account WHERE Name LIKE 'Child%' ORDER BY Name";
    let (_, first) = org.query(soql).await;
    let next = first["nextRecordsUrl"].as_str().unwrap().to_owned();
    assert!(
        next.starts_with("/services/data/v60.0/query/0r8") && next.ends_with("-3"),
        "{next}"
    );
    // A record that comes in between pages does not shift them.
    org.create("Account", json!({"Name": "Child"})).await;
    let mut names: Vec<Value> = first["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["Name"].clone())
        .collect();
    let mut page = first.clone();
    while let Some(url) = page["nextRecordsUrl"].as_str().map(str::to_owned) {
        page = org.get(&url).await.1;
        assert_eq!(page["totalSize"], 7);
        names.extend(
            page["records"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["Name"].clone()),
        );
    }
    assert_eq!(page["done"], true);
    assert_eq!(names, (0..7).map(|n| format!("Child {n}")).collect::<Vec<_>>());

    let (_, nested) = org
        .query("SELECT (SELECT Name FROM ChildAccounts ORDER BY Name) FROM Account WHERE Name = 'Parent'")
        .await;
    let children = &nested["records"][0]["ChildAccounts"];
    assert_eq!(
        (&children["totalSize"], &children["done"]),
        (&json!(7), &json!(false))
    );
    let (_, more) = org.get(children["nextRecordsUrl"].as_str().unwrap()).await;
    assert_eq!(more["records"][0]["Name"], "Child 3");

    for _ in 0..10 {
        org.query(soql).await;
    }
    assert_eq!(refusal(&org.get(&next).await).1, "INVALID_QUERY_LOCATOR");

    // With a page shift, a row of the page before comes again on an OFFSET page.
    org.faults(json!([{"path": "OFFSET", "fault": {"kind": "page_shift"}, "times": 1}]))
        .await;
    let paged = format!("{soql} LIMIT 2 OFFSET 3");
    assert_eq!(org.column(&paged, "Name").await, ["Child 1", "Child 2"]);
    assert_eq!(org.column(&paged, "Name").await, ["Child 2", "Child 3"]);
    org.twin.stop().await;
}

#[tokio::test]
async fn query_all_shows_deleted_rows_too() {
    let org = Org::start().await;
    let id = org.create("Account", json!({"Name": "Gone"})).await;
    assert_eq!(org.delete(&format!("sobjects/Account/{id}")).await.0, 204);
    let soql = "SELECT Id, IsDeleted FROM Account WHERE Name = 'Gone'";
    assert_eq!(org.query(soql).await.1["totalSize"], 0);
    let (_, all) = answer(org.request(Method::GET, "queryAll/").query(&[("q", soql)])).await;
    assert_eq!(all["records"][0]["IsDeleted"], true);
    org.twin.stop().await;
}

#[tokio::test]
async fn describe_is_complete_for_typed_clients() {
    let org = Org::start().await;
    let (_, global) = org.get("sobjects").await;
    assert_eq!(
        (&global["encoding"], &global["maxBatchSize"]),
        (&json!("UTF-8"), &json!(200))
    );
    let (_, describe) = org.get("sobjects/Opportunity/describe").await;
    let keys = "aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete \
        caseSensitive compoundFieldName controllerName createable custom defaultValue defaultValueFormula \
        defaultedOnCreate dependentPicklist deprecatedAndHidden digits displayLocationInDecimal encrypted externalId \
        extraTypeInfo filterable filteredLookupInfo formulaTreatNullNumberAsZero groupable highScaleNumber \
        htmlFormatted idLookup inlineHelpText label length mask maskType name nameField namePointing nillable \
        permissionable picklistValues polymorphicForeignKey precision queryByDistance referenceTargetField \
        referenceTo relationshipName relationshipOrder restrictedDelete restrictedPicklist scale \
        searchPrefilterable soapType sortable type unique updateable writeRequiresMasterRead";
    let fields = describe["fields"].as_array().unwrap();
    for field in fields {
        for key in keys.split_whitespace() {
            assert!(field.get(key).is_some(), "{} has no {key}", field["name"]);
        }
    }
    let field = |name: &str| fields.iter().find(|f| f["name"] == name).unwrap();
    let required = |f: &Value| {
        f["createable"] == true
            && f["nillable"] == false
            && f["defaultedOnCreate"] == false
            && f["type"] != "boolean"
    };
    let required: Vec<&Value> = fields
        .iter()
        .filter(|f| required(f))
        .map(|f| &f["name"])
        .collect();
    assert_eq!(required, ["Name", "StageName", "CloseDate"]);
    assert_eq!(field("Fairlead_Id__c")["externalId"], true);
    assert_eq!(field("AccountId")["referenceTo"], json!(["Account"]));
    assert_eq!(
        (&field("Amount")["precision"], &field("Amount")["scale"]),
        (&json!(18), &json!(2))
    );
    let codes: Vec<&Value> = field("CurrencyIsoCode")["picklistValues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| &v["value"])
        .collect();
    assert_eq!(codes, ["USD", "EUR", "GBP"]);
    let children = describe["childRelationships"].as_array().unwrap();
    assert!(
        children
            .iter()
            .any(|c| c["relationshipName"] == "Fairlead_Allocations__r")
    );

    let unchanged = org
        .request(Method::GET, "sobjects/Opportunity/describe")
        .header("If-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_eq!(answer(unchanged).await, (304, Value::Null));
    org.twin.stop().await;
}

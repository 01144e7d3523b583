//! Periods, currencies, tax, billing, payments, and the ledger that they leave.

use serde_json::{Value, json};

use super::{Account, Answer, answer};

const CLOSED: &str =
    "The transaction date you specified is not within the date range of your accounting period.";

fn sale(customer: &str, date: &str, amount: f64) -> Value {
    json!({"entity": {"id": customer}, "tranDate": date, "item": {"items": [{"item": "110", "amount": amount}]}})
}

/// Debits equal credits, in each transaction and over all, in the books' currency.
async fn balances(account: &Account) {
    let sum = "SUM(NVL(debit, 0)) - SUM(NVL(credit, 0))";
    let rows = account
        .rows(&format!(
            "SELECT transaction, {sum} AS rest FROM transactionaccountingline GROUP BY transaction"
        ))
        .await;
    assert!(!rows.is_empty());
    for row in rows {
        assert_eq!(row["rest"], "0", "{row}");
    }
    assert_eq!(
        account
            .value(&format!("SELECT {sum} FROM transactionaccountingline"))
            .await,
        "0"
    );
}

async fn post(account: &Account, record: &str, body: Value) -> Answer {
    account.send("POST", &format!("record/v1/{record}"), body).await
}

#[actix_web::test]
async fn a_closed_or_locked_period_takes_nothing() {
    let account = Account::start().await;
    let (customer, project, _) = account.engagement().await;
    let time = |date: &str| json!({"employee": "11", "customer": project, "tranDate": date, "hours": "1:00", "item": "103"});
    let report = |date: &str| {
        let line = json!({"category": "1", "amount": 10, "customer": project});
        json!({"entity": {"id": "11"}, "tranDate": date, "expense": {"items": [line]}})
    };
    for date in ["2026-05-04", "2026-07-15", "2019-01-01"] {
        for (record, body) in [
            ("invoice", sale(&customer, date, 10.0)),
            ("timeBill", time(date)),
            ("expenseReport", report(date)),
        ] {
            let refused = post(&account, record, body).await;
            assert_eq!(
                refused.refusal(),
                (400, "USER_ERROR".into(), CLOSED.into()),
                "{record} {date}"
            );
        }
    }
    let id = post(&account, "invoice", sale(&customer, "2026-11-20", 10.0))
        .await
        .id();
    let entry = post(&account, "timeBill", time("2026-11-20")).await.id();
    let november = account
        .value("SELECT id FROM accountingperiod WHERE periodname = 'Nov 2026'")
        .await;
    let close = json!({"closed": true, "allLocked": true, "arLocked": true});
    account
        .send("PATCH", &format!("record/v1/accountingPeriod/{november}"), close)
        .await
        .id();
    let change = json!({"item": {"items": [{"line": 1, "amount": 11}]}});
    let refused = account
        .send("PATCH", &format!("record/v1/invoice/{id}"), change)
        .await;
    assert_eq!(refused.refusal().2, CLOSED);
    account
        .send(
            "PATCH",
            &format!("record/v1/invoice/{id}"),
            json!({"memo": "free"}),
        )
        .await
        .id();
    for path in [format!("invoice/{id}"), format!("timeBill/{entry}")] {
        let refused = answer(account.request("DELETE", &format!("record/v1/{path}"))).await;
        assert_eq!(refused.refusal().2, CLOSED, "{path}");
    }
    assert_eq!(account.value("SELECT COUNT(*) FROM transaction").await, "1");
}

#[actix_web::test]
async fn tax_follows_from_the_selling_company_and_the_buyers_country() {
    let account = Account::start().await;
    let address = |country: &str| json!({"items": [{"defaultShipping": true, "addressBookAddress": {"country": country}}]});
    let mut told = Vec::new();
    for (subsidiary, country) in [("3", "DE"), ("3", "FR"), ("2", "GB"), ("1", "US")] {
        let name = format!("{subsidiary} {country}");
        let customer =
            json!({"companyName": name, "subsidiary": {"id": subsidiary}, "addressBook": address(country)});
        let customer = account.create("customer", customer).await;
        let invoice = post(&account, "invoice", sale(&customer, "2026-11-20", 100.0))
            .await
            .id();
        let invoice = account.read("invoice", &invoice).await;
        let text = |field: &str| invoice[field]["refName"].as_str().unwrap().to_owned();
        told.push((
            text("nexus"),
            text("currency"),
            invoice["taxTotal"].as_f64().unwrap(),
            invoice["total"].as_f64().unwrap(),
        ));
    }
    let expected = [
        ("Germany", "Euro", 19.0, 119.0),
        ("Germany", "Euro", 0.0, 100.0),
        ("United Kingdom", "British Pound", 20.0, 120.0),
        ("United States", "US Dollar", 0.0, 100.0),
    ];
    let expected =
        expected.map(|(nexus, currency, tax, total)| (nexus.to_owned(), currency.to_owned(), tax, total));
    assert_eq!(told, expected);
    balances(&account).await;
}

#[actix_web::test]
async fn a_foreign_invoice_is_booked_at_the_rate_of_its_day_and_its_payment_shows_the_difference() {
    let account = Account::start().await;
    let customer = json!({"companyName": "Import", "subsidiary": {"id": "1"}, "currencyList": {"items": [{"currency": {"id": "4"}}]}});
    let customer = account.create("customer", customer).await;
    let euros = |date: &str| {
        let mut body = sale(&customer, date, 1000.0);
        body["currency"] = json!({"id": "4"});
        body
    };
    let early = post(&account, "invoice", euros("2026-08-20")).await.id();
    let late = post(&account, "invoice", euros("2026-11-20")).await.id();
    let rate = async |id: &str| {
        account.read("invoice", id).await["exchangeRate"]
            .as_f64()
            .unwrap()
    };
    assert_eq!((rate(&early).await, rate(&late).await), (1.09, 1.12));
    let pounds = json!({"entity": {"id": customer}, "currency": {"id": "2"}, "item": {"items": [{"item": "110", "amount": 1}]}});
    assert_eq!(
        post(&account, "invoice", pounds).await.refusal().1,
        "INVALID_CONTENT"
    );
    let pay = json!({"tranDate": "2026-11-21", "payment": 1000});
    let payment = account
        .send(
            "POST",
            &format!("record/v1/invoice/{early}/!transform/customerPayment"),
            pay,
        )
        .await
        .id();
    let paid = account.read("invoice", &early).await;
    assert_eq!(
        (&paid["status"]["refName"], &paid["amountRemaining"]),
        (&json!("Paid In Full"), &json!(0))
    );
    let gain = format!(
        "SELECT l.credit FROM transactionaccountingline l JOIN account a ON a.id = l.account \
         WHERE l.transaction = {payment} AND a.accttype = 'OthIncome'"
    );
    assert_eq!(account.value(&gain).await, "30");
    balances(&account).await;
}

#[actix_web::test]
async fn work_is_billed_once_and_let_go_with_its_invoice() {
    let account = Account::start().await;
    let (customer, project, task) = account.engagement().await;
    let time = json!({
        "employee": "11", "customer": project, "caseTaskEvent": task, "tranDate": "2026-11-20", "hours": "7:30", "item": "103",
        "isBillable": true, "rate": 150, "supervisorApproval": true
    });
    let entry = account.create("timeBill", time.clone()).await;
    let line = json!({"category": "1", "amount": 50, "customer": project, "isBillable": true});
    let back = json!({"category": "1", "amount": -8, "customer": project, "isBillable": true});
    let report = json!({"entity": {"id": "11"}, "tranDate": "2026-11-20", "accountingapproval": true, "expense": {"items": [line, back]}});
    let report = account.create("expenseReport", report).await;
    assert_eq!(account.read("expenseReport", &report).await["total"], 42);
    let number = |id: &str| id.parse::<u64>().unwrap();
    let bill = json!({
        "tranDate": "2026-11-30", "time": {"items": [{"apply": true, "doc": number(&entry)}]},
        "expCost": {"items": [{"apply": true, "doc": number(&report), "line": 1}]}
    });
    let path = format!("record/v1/job/{project}/!transform/invoice");
    let invoice = account.send("POST", &path, bill.clone()).await.id();
    let read = account.read("invoice", &invoice).await;
    assert_eq!(
        (&read["subtotal"], &read["entity"]["id"]),
        (&json!(1175), &json!(customer))
    );
    assert_eq!(
        account.send("POST", &path, bill.clone()).await.refusal().2,
        format!("Time entry {entry} has already been billed.")
    );
    let changed = account
        .send(
            "PATCH",
            &format!("record/v1/timeBill/{entry}"),
            json!({"hours": "8:00"}),
        )
        .await;
    assert_eq!(changed.refusal().1, "USER_ERROR");
    for path in [format!("timeBill/{entry}"), format!("expenseReport/{report}")] {
        let refused = answer(account.request("DELETE", &format!("record/v1/{path}"))).await;
        assert!(refused.refusal().2.contains("has been billed"), "{path}");
    }
    balances(&account).await;
    assert_eq!(
        answer(account.request("DELETE", &format!("record/v1/invoice/{invoice}")))
            .await
            .status,
        204
    );
    account.send("POST", &path, bill).await.id();
    let mut open = time;
    open["supervisorApproval"] = json!(false);
    let open = account.create("timeBill", open).await;
    let early = json!({"tranDate": "2026-11-30", "time": {"items": [{"apply": true, "doc": number(&open)}]}});
    assert!(
        account
            .send("POST", &path, early)
            .await
            .refusal()
            .2
            .contains("is not approved")
    );
    for hours in ["25:00", "0:00", "-25:00", "7,5"] {
        let wrong = json!({"employee": "11", "tranDate": "2026-11-20", "hours": hours});
        assert_eq!(
            post(&account, "timeBill", wrong).await.refusal().1,
            "INVALID_CONTENT",
            "{hours}"
        );
    }
    balances(&account).await;
}

#[actix_web::test]
async fn credits_and_payments_never_pass_what_is_owed() {
    let account = Account::start().await;
    let (customer, _, _) = account.engagement().await;
    let invoice = post(&account, "invoice", sale(&customer, "2026-11-20", 100.0))
        .await
        .id();
    let credit = |amount: f64| {
        let mut body = sale(&customer, "2026-11-21", amount);
        body["apply"] = json!({"items": [{"doc": {"id": invoice}, "apply": true}]});
        body
    };
    post(&account, "creditMemo", credit(40.0)).await.id();
    assert_eq!(account.read("invoice", &invoice).await["amountRemaining"], 71.4);
    let pay = |amount: f64| {
        json!({"customer": {"id": customer}, "tranDate": "2026-11-22", "payment": amount,
        "apply": {"items": [{"doc": {"id": invoice}, "apply": true, "amount": amount}]}})
    };
    assert_eq!(
        post(&account, "customerPayment", pay(71.41)).await.refusal().1,
        "INVALID_CONTENT"
    );
    post(&account, "customerPayment", pay(71.4)).await.id();
    assert_eq!(account.read("customer", &customer).await["balance"], 0);
    let refused = answer(account.request("DELETE", &format!("record/v1/invoice/{invoice}"))).await;
    assert!(refused.refusal().2.contains("applied"));
    balances(&account).await;
}

#[actix_web::test]
async fn projects_and_sales_keep_to_the_companies_of_their_customer() {
    let account = Account::start().await;
    let (customer, _, _) = account.engagement().await;
    let job = |code: &str| json!({"entityId": code, "parent": {"id": customer}, "subsidiary": {"id": "2"}, "currency": {"id": "4"}});
    assert_eq!(post(&account, "job", job("UK-1")).await.refusal().1, "USER_ERROR");
    let mut elsewhere = sale(&customer, "2026-11-20", 1.0);
    elsewhere["subsidiary"] = json!({"id": "2"});
    assert_eq!(
        post(&account, "invoice", elsewhere).await.refusal().1,
        "INVALID_CONTENT"
    );
    let relation = json!({"entity": {"id": customer}, "subsidiary": {"id": "2"}});
    account.create("customerSubsidiaryRelationship", relation).await;
    account.create("job", job("UK-1")).await;
    let homeless = post(&account, "customer", json!({"companyName": "Homeless"})).await;
    assert_eq!(homeless.refusal().2, "Please enter value(s) for: Subsidiary");
}

//! What the connector does in Tryton's own books, seen through Tryton's own eyes.

use canonical_model::{
    CreditNote, Currency, FindBy, InvoiceLine, InvoiceStatus, LineSource, ListQuery, PeriodState,
    ProjectStatus, RecordRef, SourceKind, Write,
};
use rust_decimal::{Decimal, dec};
use serde_json::json;
use system_ports::ErpPort;

use crate::{
    Books, account, closed, create, eur, expense, invoice, line, project, task, time, today, try_write, write,
};

#[actix_web::test]
async fn time_and_expenses_are_invoiced_paid_and_seen_in_the_feeds() {
    let Some(books) = Books::open().await else { return };
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let invoices = erp.invoices().changes(None, 100).await.unwrap().next_cursor;
    let payments = erp.payments().changes(None, 100).await.unwrap().next_cursor;
    let mut hours = Vec::new();
    for n in 0..3 {
        hours.push(
            write(erp.time_entries(), &format!("h-{n}"), time(&work, 20))
                .await
                .id,
        );
    }
    let spent = write(erp.expenses(), "taxi", expense(&work, today(), eur(dec!(83.46)))).await;
    // Twenty minutes at 195 are 65: three of them an hour; a price with cents makes a rest of a cent.
    let worked = InvoiceLine {
        description: "Consultant".into(),
        quantity: dec!(1),
        unit_price: eur(dec!(100.01)),
        amount: eur(dec!(100.02)),
        role: Some(RecordRef::id(&work.role)),
        tax_code: None,
        sources: hours
            .iter()
            .map(|id| LineSource {
                kind: SourceKind::TimeEntry,
                record: RecordRef::id(id),
            })
            .collect(),
    };
    let on = line("Expenses: Travel", dec!(83.46), SourceKind::Expense, &[&spent.id]);
    let made = write(erp.invoices(), "inv", invoice(&work, today(), vec![worked, on])).await;
    assert!(made.code.as_deref().unwrap().contains('-'), "{made:?}");

    let open = erp.invoices().read(&made.id).await.unwrap();
    assert_eq!(open.data.number, made.code);
    assert_eq!(open.data.status, InvoiceStatus::Open);
    assert_eq!(open.data.net, Some(eur(dec!(183.48))));
    assert_eq!(open.data.tax, Some(eur(dec!(34.86))));
    assert_eq!(open.data.total, Some(eur(dec!(218.34))));
    assert_eq!(open.data.amount_paid, Some(eur(dec!(0))));
    assert_eq!(open.data.purchase_order.as_deref(), Some("PO-7"));
    assert_eq!(open.data.project.as_ref().unwrap().id, work.project);
    assert_eq!(open.data.due_date, Some(today() + chrono::Duration::days(30)));
    let told: Vec<_> = open
        .data
        .lines
        .iter()
        .map(|line| (line.amount.amount, line.sources.len()))
        .collect();
    assert_eq!(told, [(dec!(100.01), 3), (dec!(83.46), 1), (dec!(0.01), 0)]);
    let charged = erp.time_entries().read(&hours[0]).await.unwrap().data.invoice;
    assert_eq!(charged.unwrap().id, made.id);
    let charged = erp.expenses().read(&spent.id).await.unwrap().data;
    assert_eq!(charged.invoice.unwrap().id, made.id);
    assert_eq!(
        (charged.amount, charged.project.id),
        (eur(dec!(83.46)), work.project.clone())
    );

    // The same time is charged once.
    let twice = line("Again", dec!(65), SourceKind::TimeEntry, &[&hours[0]]);
    let refused = try_write(
        erp.invoices(),
        create("twice", invoice(&work, today(), vec![twice])),
    )
    .await;
    assert_eq!(refused.unwrap_err().code, "already_invoiced");

    books.pay(&made.id, dec!(100), "partial").await;
    let part = erp.invoices().read(&made.id).await.unwrap().data;
    assert_eq!(
        (part.status, part.amount_paid),
        (InvoiceStatus::Open, Some(eur(dec!(100))))
    );
    books.pay(&made.id, dec!(118.34), "partial").await;
    let paid = erp.invoices().read(&made.id).await.unwrap().data;
    assert_eq!(
        (paid.status, paid.amount_paid),
        (InvoiceStatus::Paid, Some(eur(dec!(218.34))))
    );

    let feed = erp.invoices().changes(Some(&invoices), 100).await.unwrap();
    let last = feed
        .items
        .iter()
        .rev()
        .find(|change| change.id == made.id)
        .unwrap();
    assert_eq!(last.record.as_ref().unwrap().data.status, InvoiceStatus::Paid);
    let received = erp.payments().changes(Some(&payments), 100).await.unwrap();
    let mut amounts: Vec<Decimal> = Vec::new();
    for change in &received.items {
        let payment = &change.record.as_ref().unwrap().data;
        assert_eq!(payment.account.id, work.account);
        assert_eq!(payment.applied[0].invoice.id, made.id);
        amounts.push(payment.amount.amount);
    }
    amounts.sort();
    assert_eq!(amounts, [dec!(100), dec!(118.34)]);
    let listed = ListQuery {
        account: Some(work.account.clone()),
        ..ListQuery::default()
    };
    assert_eq!(erp.payments().list(&listed).await.unwrap().items.len(), 2);
    assert_eq!(erp.invoices().list(&listed).await.unwrap().items.len(), 1);
    balances(&books).await;
}

/// Debit is credit, over everything that is posted.
async fn balances(books: &Books) {
    let ids = books
        .admin
        .model("account.move.line.search", json!([[], 0, null, null]))
        .await;
    let rows = books
        .admin
        .model("account.move.line.read", json!([ids, ["debit", "credit"]]))
        .await;
    let amount = |row: &serde_json::Value, side: &str| -> Decimal {
        row[side]["decimal"].as_str().unwrap().parse().unwrap()
    };
    let rows = rows.as_array().unwrap();
    let debit: Decimal = rows.iter().map(|row| amount(row, "debit")).sum();
    let credit: Decimal = rows.iter().map(|row| amount(row, "credit")).sum();
    assert!(!debit.is_zero() && debit == credit, "{debit} against {credit}");
}

#[actix_web::test]
async fn a_refused_line_takes_no_other_with_it() {
    let Some(books) = Books::open().await else { return };
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let mut writes: Vec<_> = (0..20)
        .map(|n| create(&format!("e-{n}"), time(&work, 30 + n)))
        .collect();
    writes[3].record.person = RecordRef::id("999999");
    writes[11].record.task = Some(RecordRef::id("999999"));
    writes[17].record.minutes = canonical_model::Minutes::new(-60);
    let results = erp.time_entries().write(&writes).await;
    for (n, (result, write)) in results.iter().zip(&writes).enumerate() {
        assert_eq!(result.key, write.key);
        let code = result.failure.as_ref().map(|failure| failure.code.as_str());
        let expected = match n {
            3 | 11 => Some("invalid_reference"),
            17 => Some("invalid_value"),
            _ => None,
        };
        assert_eq!(code, expected, "{n}: {result:?}");
    }
    assert_eq!(books.count("timesheet.line", json!([])).await, 17);
    // Each is under its own key, with its own length.
    let listed = ListQuery {
        project: Some(work.project.clone()),
        date_from: Some(today()),
        ..ListQuery::default()
    };
    let page = erp.time_entries().list(&listed).await.unwrap();
    assert_eq!(page.items.len(), 17);
    for item in page.items {
        let n: i64 = item
            .effect_key
            .unwrap()
            .strip_prefix("e-")
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(item.data.minutes.count(), 30 + n);
        assert_eq!(item.data.task.unwrap().id, work.task);
    }
    // Written again with another length: the line is brought to it.
    let changed = write(erp.time_entries(), "e-0", time(&work, 45)).await;
    assert_eq!(changed.created, Some(false));
    let seen = erp.time_entries().read(&changed.id).await.unwrap();
    assert_eq!(seen.data.minutes.count(), 45);
}

#[actix_web::test]
async fn a_project_is_planned_opened_and_closed_with_its_tasks() {
    let Some(books) = Books::open().await else { return };
    let erp = &books.erp;
    let customer = write(erp.accounts(), "c", account("Helios")).await;
    let planned = project("HEL-1", &customer.id);
    let made = write(erp.projects(), "p", planned.clone()).await;
    assert_eq!(made.code.as_deref(), Some("HEL-1"));
    let mut seen = erp.projects().read(&made.id).await.unwrap();
    seen.data.account.as_mut().unwrap().label = None;
    let expected = canonical_model::Project {
        legal_entity: seen.data.legal_entity.clone(),
        ..planned.clone()
    };
    assert_eq!(seen.data, expected);
    let under = write(erp.tasks(), "t", task("Delivery", &made.id)).await;
    let inner = canonical_model::Task {
        parent: Some(RecordRef::id(&under.id)),
        ..task("Design", &made.id)
    };
    write(erp.tasks(), "t-2", inner).await;
    let to = async |status: ProjectStatus| {
        let change = Write {
            id: Some(made.id.clone()),
            ..create(
                "status",
                canonical_model::Project {
                    status,
                    ..planned.clone()
                },
            )
        };
        try_write(erp.projects(), change).await.unwrap();
        erp.projects().read(&made.id).await.unwrap().data.status
    };
    assert_eq!(to(ProjectStatus::Active).await, ProjectStatus::Active);
    assert_eq!(to(ProjectStatus::Closed).await, ProjectStatus::Closed);
    assert!(erp.tasks().read(&under.id).await.unwrap().data.completed);
    let by_state = |word: &str| ListQuery {
        state: Some(word.into()),
        ..ListQuery::default()
    };
    assert_eq!(
        erp.projects()
            .list(&by_state("closed"))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    assert_eq!(
        erp.projects()
            .list(&by_state("active"))
            .await
            .unwrap()
            .items
            .len(),
        0
    );
    assert_eq!(to(ProjectStatus::Active).await, ProjectStatus::Active);

    // Another project cannot have the firm's code.
    let taken = try_write(erp.projects(), create("other", planned.clone()))
        .await
        .unwrap_err();
    assert_eq!(taken.code, "already_taken");
    let found = erp.projects().find(FindBy::Code, "HEL-1").await.unwrap();
    assert_eq!((found.len(), found[0].effect_key.as_deref()), (1, Some("p")));
}

#[actix_web::test]
async fn a_change_between_read_and_write_is_seen() {
    let Some(books) = Books::open().await else { return };
    let erp = &books.erp;
    let customer = write(erp.accounts(), "c", account("Helios")).await;
    let seen = erp.accounts().read(&customer.id).await.unwrap();
    let id: i64 = customer.id.parse().unwrap();
    books
        .admin
        .model("party.party.write", json!([[id], { "name": "Helios Energy" }]))
        .await;
    let named = |version: Option<String>| Write {
        id: Some(customer.id.clone()),
        expected_version: version,
        ..create("again", account("Helios AG"))
    };
    let refused = try_write(erp.accounts(), named(seen.version)).await.unwrap_err();
    assert_eq!(refused.code, "version_conflict");
    assert_eq!(
        erp.accounts().read(&customer.id).await.unwrap().data.name,
        "Helios Energy"
    );
    // Many at once, none told a version: each reads again until its own is written.
    let writes: Vec<_> = (0..6).map(|_| named(None)).collect();
    let results = erp.accounts().write(&writes).await;
    let lost = results.iter().filter(|result| result.failure.is_some()).count();
    assert_eq!(lost, 0, "{results:?}");
    assert_eq!(
        erp.accounts().read(&customer.id).await.unwrap().data.name,
        "Helios AG"
    );
    // Many at once make one party.
    let writes: Vec<_> = (0..4).map(|_| create("one", account("Only one"))).collect();
    let results = erp.accounts().write(&writes).await;
    let ids: std::collections::BTreeSet<_> = results
        .iter()
        .map(|result| result.written.as_ref().unwrap().id.clone())
        .collect();
    assert_eq!(ids.len(), 1, "{results:?}");
    for by in [
        (FindBy::Name, "only ONE"),
        (FindBy::Email, "ap@only-one.example"),
        (FindBy::Domain, "only-one.example"),
        (FindBy::Code, "one"),
    ] {
        assert_eq!(erp.accounts().find(by.0, by.1).await.unwrap().len(), 1, "{by:?}");
    }
    let found = erp
        .accounts()
        .find(FindBy::TaxRegistration, "DE811907980")
        .await
        .unwrap();
    assert_eq!(found.len(), 2);
}

#[actix_web::test]
async fn a_credit_note_lessens_what_is_to_be_paid() {
    let Some(books) = Books::open().await else { return };
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let fee = |amount| {
        vec![line(
            "Blueprint",
            amount,
            SourceKind::Milestone,
            &["psa/main/501"],
        )]
    };
    let made = write(erp.invoices(), "inv", invoice(&work, today(), fee(dec!(1000)))).await;
    let seen = erp.invoices().read(&made.id).await.unwrap().data;
    assert_eq!(seen.lines[0].sources[0].record.id, "psa/main/501");
    let note = CreditNote {
        number: None,
        account: RecordRef::id(&work.account),
        invoice: RecordRef::id(&made.id),
        date: today(),
        currency: Currency::EUR,
        lines: fee(dec!(400)),
        total: None,
    };
    let credited = write(erp.credit_notes(), "credit", note).await;
    let back = erp.credit_notes().read(&credited.id).await.unwrap().data;
    assert_eq!(
        (back.invoice.id.as_str(), back.total),
        (made.id.as_str(), Some(eur(dec!(476))))
    );
    assert_eq!(back.lines[0].amount, eur(dec!(400)));
    let left = erp.invoices().read(&made.id).await.unwrap().data;
    assert_eq!(
        (left.status, left.amount_paid),
        (InvoiceStatus::Open, Some(eur(dec!(476))))
    );
    let received = erp.payments().list(&ListQuery::default()).await.unwrap();
    assert_eq!(received.items, [], "a credit note is no money");
    let refused = erp.invoices().read(&credited.id).await.unwrap_err();
    assert_eq!(refused.code, "not_found", "a credit note is no invoice");
    balances(&books).await;
}

#[actix_web::test]
async fn an_expense_is_paid_back_or_not_and_taken_back() {
    let Some(books) = Books::open().await else { return };
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let spent = expense(&work, today(), eur(dec!(50)));
    let own = write(erp.expenses(), "own", spent.clone()).await;
    let owed = books
        .record("account.invoice", &own.id, &["party", "amount_to_pay", "state"])
        .await;
    let anna: i64 = work.person.parse().unwrap();
    let employee = books
        .record("company.employee", &anna.to_string(), &["party"])
        .await;
    assert_eq!(
        (&owed["party"], &owed["state"]),
        (&employee["party"], &json!("posted"))
    );
    let card = canonical_model::Expense {
        reimbursable: false,
        ..spent.clone()
    };
    let by_firm = write(erp.expenses(), "card", card).await;
    let owed = books.record("account.invoice", &by_firm.id, &["party"]).await;
    assert_ne!(
        owed["party"], employee["party"],
        "nobody is owed what the firm paid"
    );
    assert!(!erp.expenses().read(&by_firm.id).await.unwrap().data.reimbursable);
    let back = canonical_model::Expense {
        amount: eur(dec!(-50)),
        reverses: Some(RecordRef::id(&own.id)),
        ..spent.clone()
    };
    let reversed = write(erp.expenses(), "back", back).await;
    let seen = erp.expenses().read(&reversed.id).await.unwrap().data;
    assert_eq!((seen.amount, seen.reverses.unwrap().id), (eur(dec!(-50)), own.id));
    let late = try_write(
        erp.expenses(),
        create("late", expense(&work, closed(), eur(dec!(1)))),
    )
    .await;
    assert_eq!(late.unwrap_err().code, "period_closed");
    balances(&books).await;
}

#[actix_web::test]
async fn the_frame_of_finance_is_read_as_it_is() {
    let Some(books) = Books::open().await else { return };
    let erp = &books.erp;
    let all = ListQuery::default();
    let entity = erp
        .legal_entities()
        .list(&all)
        .await
        .unwrap()
        .items
        .remove(0)
        .data;
    assert_eq!((entity.country.as_str(), entity.currency.code()), ("DE", "EUR"));
    assert!(entity.nexuses.contains(&"DE".to_owned()));
    let periods = erp.periods().list(&all).await.unwrap().items;
    let state = |day| {
        let found = periods
            .iter()
            .find(|p| p.data.start_date <= day && day <= p.data.end_date);
        found.unwrap().data.state
    };
    assert_eq!(
        (state(today()), state(closed())),
        (PeriodState::Open, PeriodState::Closed)
    );
    let taxes = erp.tax_codes().list(&all).await.unwrap().items;
    assert_eq!(
        (taxes[0].data.percent, taxes[0].data.country.as_str()),
        (dec!(19), "DE")
    );
    let rates = erp.fx_rates().list(&all).await.unwrap().items;
    let dollar = rates.iter().find(|rate| rate.data.from == Currency::USD).unwrap();
    assert_eq!(dollar.data.to, Currency::EUR);
    assert!(dollar.data.rate < Decimal::ONE, "{dollar:?}");
    let roles = erp.roles().list(&all).await.unwrap().items;
    assert_eq!(roles.len(), 5, "{roles:?}");
    let found = erp
        .people()
        .find(FindBy::Email, "Anna.Keller@northwind-advisory.example")
        .await
        .unwrap();
    assert_eq!((found.len(), found[0].data.name.as_str()), (1, "Anna Keller"));
    // An invoice in the future asks a person, unless the settings say otherwise.
    let work = books.engagement("Helios").await;
    let later = today() + chrono::Duration::days(1);
    let fee = || vec![line("Fee", dec!(10), SourceKind::BillingEvent, &["b"])];
    let asked = try_write(erp.invoices(), create("later", invoice(&work, later, fee()))).await;
    let asked = asked.unwrap_err();
    assert!(
        asked.code == "needs_confirmation" && asked.message.contains("invoice_date_future"),
        "{asked}"
    );
    let bold = books.other(&books.server.url, |settings| {
        settings.accept_warnings.push("invoice_date_future".into());
    });
    write(bold.invoices(), "later", invoice(&work, later, fee())).await;
    // Left for a person to post.
    let careful = books.other(&books.server.url, |settings| settings.invoice.post = false);
    let made = write(careful.invoices(), "draft", invoice(&work, today(), fee())).await;
    assert_eq!(
        careful.invoices().read(&made.id).await.unwrap().data.status,
        InvoiceStatus::Draft
    );
    assert_eq!(
        careful
            .invoices()
            .find(FindBy::EffectKey, "draft")
            .await
            .unwrap()
            .len(),
        1
    );
    let again = write(careful.invoices(), "draft", invoice(&work, today(), fee())).await;
    assert_eq!(again.id, made.id);
}

//! Both ways of each mapping, through the account: what we write is what people see there, and the other way round.

use canonical_model::{
    Assignment, AssignmentState, BillingEvent, BillingMethod, BillingSchedule, Contract, CreditNote,
    Currency, FindBy, InvoiceStatus, ListQuery, Minutes, Money, PeriodState, ProjectStatus, RecordRef,
    SourceKind, Write,
};
use rust_decimal::dec;
use serde_json::{Value, json};
use system_ports::ErpPort;

use crate::{
    ANNA, Books, CONSULTANT, GERMANY, account, create, day, eur, expense, invoice, line, project, task, time,
    try_write, write,
};

#[actix_web::test]
async fn the_frame_of_finance_is_read() {
    let books = Books::open().await;
    let erp = &books.erp;
    let all = ListQuery::default();
    let entities = erp.legal_entities().list(&all).await.unwrap().items;
    let told: Vec<_> = entities
        .iter()
        .map(|e| {
            (
                e.id.as_str(),
                e.data.name.as_str(),
                e.data.country.as_str(),
                e.data.currency.code(),
                e.data.nexuses.join(","),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("1", "Northwind Advisory, Inc.", "US", "USD", "US".to_owned()),
            ("2", "Northwind Advisory UK Ltd", "GB", "GBP", "GB".to_owned()),
            ("3", "Northwind Advisory GmbH", "DE", "EUR", "DE".to_owned()),
        ]
    );
    let period = async |name: &str| {
        let found = erp.periods().find(FindBy::Name, name).await.unwrap();
        assert_eq!(found.len(), 1, "{name}");
        found[0].data.state
    };
    assert_eq!(period("May 2026").await, PeriodState::Closed);
    assert_eq!(period("Jul 2026").await, PeriodState::Closed);
    assert_eq!(period("Nov 2026").await, PeriodState::Open);
    let november = ListQuery {
        date_from: Some(day("2026-11-01")),
        date_to: Some(day("2026-11-30")),
        ..all.clone()
    };
    assert_eq!(erp.periods().list(&november).await.unwrap().items.len(), 1);
    let taxes = erp.tax_codes().find(FindBy::Code, "VAT_DE-S").await.unwrap();
    assert_eq!(
        (taxes[0].data.percent, taxes[0].data.country.as_str()),
        (dec!(19), "DE")
    );
    let rates = erp.fx_rates().list(&all).await.unwrap().items;
    let newest = rates
        .iter()
        .rfind(|r| r.data.from == Currency::EUR && r.data.to == Currency::USD)
        .unwrap();
    assert_eq!(
        (newest.data.rate, newest.data.effective_from),
        (dec!(1.12), day("2026-09-01"))
    );
    let anna = erp
        .people()
        .find(FindBy::Email, "Anna.Keller@northwind-advisory.example")
        .await
        .unwrap();
    assert_eq!(
        (
            anna[0].id.as_str(),
            anna[0].data.name.as_str(),
            anna[0].data.active
        ),
        (ANNA, "Anna Keller", true)
    );
    assert_eq!(anna[0].data.home_entity.as_ref().unwrap().id, GERMANY);
    let roles = erp.roles().list(&all).await.unwrap().items;
    let names: Vec<_> = roles.iter().map(|r| r.data.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Partner",
            "Senior Consultant",
            "Consultant",
            "Analyst",
            "Project Manager"
        ]
    );
    let read = erp.roles().read(CONSULTANT).await.unwrap();
    assert_eq!(read.data.name, "Consultant");
}

#[actix_web::test]
async fn a_customer_is_found_by_everything_that_golden_records_match_on() {
    let books = Books::open().await;
    let accounts = books.erp.accounts();
    let sent = account("Helios Energy");
    let written = write(accounts, "q2p-customer", sent.clone()).await;
    assert_eq!(written.created, Some(true));
    let read = accounts.read(&written.id).await.unwrap();
    let mut expected = sent.clone();
    expected.payment_terms = Some(RecordRef::labelled("3", "Net 30"));
    expected.legal_entity = Some(RecordRef::labelled(GERMANY, "Northwind Advisory Deutschland"));
    assert_eq!(read.data, expected);
    assert_eq!(
        (read.object.as_str(), read.connection.as_str()),
        ("customer", "erp/main")
    );
    for (by, value) in [
        (FindBy::Name, "HELIOS ENERGY"),
        (FindBy::Domain, "helios-energy.example"),
        (FindBy::Email, "Invoices@helios-energy.example"),
        (FindBy::TaxRegistration, "DE-Helios Energy"),
        (FindBy::EffectKey, "q2p-customer"),
    ] {
        let found = accounts.find(by, value).await.unwrap();
        assert_eq!(
            found.iter().map(|f| f.id.clone()).collect::<Vec<_>>(),
            std::slice::from_ref(&written.id),
            "{by:?}"
        );
    }
    let by_hand = json!({"companyName": "Hand Made", "subsidiary": {"id": "1"}, "url": "https://www.handmade.example/x"});
    books.raw("POST", "record/v1/customer", by_hand).await;
    assert_eq!(
        accounts.find(FindBy::Domain, "handmade.example").await.unwrap()[0]
            .data
            .name,
        "Hand Made"
    );
    assert_eq!(accounts.find(FindBy::Domain, "made.example").await.unwrap(), []);

    let mut moved = sent;
    moved.billing_address.as_mut().unwrap().city = Some("Berlin".into());
    moved.currency = Some(Currency::USD);
    let again = write(accounts, "q2p-customer", moved).await;
    assert_eq!(
        (again.id.as_str(), again.created),
        (written.id.as_str(), Some(false))
    );
    let shown = books.record("customer", &written.id).await;
    assert_eq!(
        shown["addressBook"]["items"].as_array().unwrap().len(),
        1,
        "{shown}"
    );
    assert_eq!(
        shown["addressBook"]["items"][0]["addressBookAddress"]["city"],
        "Berlin"
    );
    assert_eq!(shown["taxRegistration"]["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (
            &shown["currency"]["id"],
            shown["currencyList"]["items"].as_array().unwrap().len()
        ),
        (&json!("4"), 2)
    );
}

#[actix_web::test]
async fn a_project_with_its_contract_plan_and_schedule_comes_back_as_it_was_sent() {
    let books = Books::open().await;
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let read = erp.projects().read(&work.project).await.unwrap();
    let sent = project("Helios", &work.account);
    assert_eq!(
        read.data.manager.as_ref().unwrap().label.as_deref(),
        Some("anna.keller@northwind-advisory.example")
    );
    let plain = |mut p: canonical_model::Project| {
        for reference in [&mut p.account, &mut p.legal_entity, &mut p.manager]
            .into_iter()
            .flatten()
        {
            reference.label = None;
        }
        p
    };
    assert_eq!(plain(read.data.clone()), sent);
    assert_eq!(
        erp.projects().find(FindBy::Code, "Helios").await.unwrap().len(),
        1
    );
    let closed = canonical_model::Project {
        status: ProjectStatus::Closed,
        ..sent.clone()
    };
    try_write(
        erp.projects(),
        Write {
            id: Some(work.project.clone()),
            ..create("close", closed)
        },
    )
    .await
    .unwrap();
    let filter = |state: &str| ListQuery {
        state: Some(state.into()),
        account: Some(work.account.clone()),
        ..ListQuery::default()
    };
    assert_eq!(
        erp.projects().list(&filter("closed")).await.unwrap().items.len(),
        1
    );
    assert_eq!(
        erp.projects().list(&filter("active")).await.unwrap().items.len(),
        0
    );
    assert_eq!(
        erp.projects().list(&filter("odd")).await.unwrap_err().code,
        "unknown_state"
    );

    let contract = Contract {
        name: "Grid strategy".into(),
        account: RecordRef::id(&work.account),
        opportunity: None,
        project: Some(RecordRef::id(&work.project)),
        legal_entity: Some(RecordRef::id(GERMANY)),
        billing_method: BillingMethod::TimeAndMaterials,
        currency: Currency::EUR,
        amount: eur(dec!(120000)),
        cap: Some(eur(dec!(130000))),
        purchase_order: Some("PO-9".into()),
        rate_card: Some(RecordRef::id("Standard 2026")),
        start_date: day("2026-10-01"),
        end_date: Some(day("2027-03-31")),
        signature_date: Some(day("2026-09-15")),
    };
    let order = write(erp.contracts(), "contract", contract.clone()).await;
    write(erp.contracts(), "contract", contract.clone()).await;
    let mut found = erp.contracts().read(&order.id).await.unwrap().data;
    for reference in [
        Some(&mut found.account),
        found.project.as_mut(),
        found.legal_entity.as_mut(),
    ]
    .into_iter()
    .flatten()
    {
        reference.label = None;
    }
    assert_eq!(found, contract);

    let schedule = BillingSchedule {
        name: "Helios".into(),
        project: RecordRef::labelled(&work.project, "Helios : Helios"),
        method: BillingMethod::Milestone,
        events: vec![
            BillingEvent {
                description: "Concept".into(),
                date: day("2026-12-01"),
                amount: eur(dec!(2500)),
                milestone: None,
            },
            BillingEvent {
                description: "Go-live".into(),
                date: day("2027-02-01"),
                amount: eur(dec!(7500.5)),
                milestone: None,
            },
        ],
    };
    let id = write(erp.billing_schedules(), "schedule", schedule.clone())
        .await
        .id;
    write(erp.billing_schedules(), "schedule", schedule.clone()).await;
    assert_eq!(erp.billing_schedules().read(&id).await.unwrap().data, schedule);

    let plan = Assignment {
        project: RecordRef::id(&work.project),
        person: Some(RecordRef::id(ANNA)),
        role: Some(RecordRef::id(CONSULTANT)),
        start_date: day("2026-12-01"),
        end_date: day("2026-12-31"),
        minutes: Minutes::new(2430),
        state: AssignmentState::Confirmed,
    };
    let id = write(erp.assignments(), "plan", plan.clone()).await.id;
    let shown = books.record("resourceAllocation", &id).await;
    assert_eq!(
        (&shown["allocationAmount"], &shown["allocationType"]["refName"]),
        (&json!(40.5), &json!("Hard"))
    );
    let read = erp.assignments().read(&id).await.unwrap().data;
    assert_eq!(
        (read.minutes, read.state, read.role.clone()),
        (plan.minutes, plan.state, plan.role.clone())
    );
    let cancelled = Assignment {
        state: AssignmentState::Cancelled,
        ..plan
    };
    for _ in 0..2 {
        write(erp.assignments(), "plan", cancelled.clone()).await;
    }
    assert_eq!(
        erp.assignments().find(FindBy::EffectKey, "plan").await.unwrap(),
        []
    );

    let done = canonical_model::Task {
        completed: true,
        ..task("Analysis", &work.project)
    };
    write(erp.tasks(), "Helios-task", done.clone()).await;
    assert!(erp.tasks().read(&work.task).await.unwrap().data.completed);
    write(
        erp.tasks(),
        "Helios-task",
        canonical_model::Task {
            completed: false,
            ..done
        },
    )
    .await;
    let open = erp.tasks().read(&work.task).await.unwrap().data;
    assert_eq!(
        (open.completed, open.planned_minutes, open.end_date),
        (false, Some(Minutes::new(2430)), Some(day("2026-12-31")))
    );
}

#[actix_web::test]
async fn posted_work_becomes_an_invoice_with_the_right_tax_and_links_and_is_paid() {
    let books = Books::open().await;
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let hours = [
        create("t-1", time(&work, "2026-11-19", 450)),
        create("t-2", time(&work, "2026-11-20", 20)),
    ];
    let posted = erp.time_entries().write(&hours).await;
    let ids: Vec<String> = posted.into_iter().map(|r| r.into_result().unwrap().id).collect();
    let read = erp.time_entries().read(&ids[0]).await.unwrap();
    assert_eq!(
        read.data.person.label.as_deref(),
        Some("anna.keller@northwind-advisory.example")
    );
    assert_eq!(
        (read.data.minutes, read.data.rate.unwrap().money),
        (Minutes::new(450), eur(dec!(150)))
    );
    assert_eq!(
        read.data.role.as_ref().unwrap().label.as_deref(),
        Some("Consultant")
    );
    let filter = ListQuery {
        project: Some(work.project.clone()),
        person: Some(ANNA.into()),
        state: Some("approved".into()),
        date_from: Some(day("2026-11-20")),
        ..ListQuery::default()
    };
    let listed = erp.time_entries().list(&filter).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        listed[0],
        erp.time_entries().read(&ids[1]).await.unwrap(),
        "a row reads like its record"
    );

    let train = write(
        erp.expenses(),
        "e-1",
        expense(&work, "2026-11-19", eur(dec!(84.20))),
    )
    .await
    .id;
    let taxi = Money::new(dec!(22.4), Currency::USD);
    let taxi = write(erp.expenses(), "e-2", expense(&work, "2026-11-20", taxi))
        .await
        .id;
    assert_eq!(
        erp.expenses().read(&taxi).await.unwrap().data.amount.to_string(),
        "22.4 USD"
    );

    let hours = line(
        "Consultant",
        dec!(1175),
        SourceKind::TimeEntry,
        &[&ids[0], &ids[1]],
    );
    let lines = vec![
        canonical_model::InvoiceLine {
            unit_price: eur(dec!(150)),
            ..hours
        },
        line("Travel", dec!(104.20), SourceKind::Expense, &[&train, &taxi]),
        line("Concept", dec!(2500), SourceKind::Milestone, &["ms-1"]),
    ];
    let written = write(
        erp.invoices(),
        "inv-1",
        invoice(&work, "2026-11-30", lines.clone()),
    )
    .await;
    let found = erp
        .invoices()
        .find(FindBy::Code, written.code.as_ref().unwrap())
        .await
        .unwrap();
    let bill = &found[0].data;
    assert_eq!(bill.legal_entity.as_ref().unwrap().id, GERMANY);
    let money = |m: &Option<Money>| m.unwrap().amount;
    assert_eq!(
        (money(&bill.net), money(&bill.tax), money(&bill.total)),
        (dec!(3779.20), dec!(718.04), dec!(4497.24))
    );
    let mut sources: Vec<_> = bill
        .lines
        .iter()
        .flat_map(|l| &l.sources)
        .map(|s| s.record.id.clone())
        .collect();
    sources.sort();
    let mut expected = vec![
        ids[0].clone(),
        ids[1].clone(),
        train.clone(),
        taxi.clone(),
        "ms-1".to_owned(),
    ];
    expected.sort();
    assert_eq!(sources, expected);
    let sum: rust_decimal::Decimal = bill.lines.iter().map(|l| l.amount.amount).sum();
    assert_eq!(sum, dec!(3779.20));
    let shown = books.record("invoice", &written.id).await;
    assert_eq!(
        (&shown["nexus"]["refName"], &shown["subsidiary"]["id"]),
        (&json!("Germany"), &json!(GERMANY))
    );
    assert_eq!(shown["time"]["items"].as_array().unwrap().len(), 2);

    let twice = try_write(
        erp.invoices(),
        create("inv-2", invoice(&work, "2026-11-30", lines)),
    )
    .await
    .unwrap_err();
    assert_eq!(twice.code, "already_invoiced");
    let mut edited = erp.time_entries().read(&ids[0]).await.unwrap().data;
    edited.minutes = Minutes::new(30);
    let edit = Write {
        id: Some(ids[0].clone()),
        ..create("edit", edited)
    };
    assert_eq!(
        try_write(erp.time_entries(), edit).await.unwrap_err().code,
        "already_invoiced"
    );
    let change = Write {
        id: Some(written.id.clone()),
        ..create("change", bill.clone())
    };
    assert_eq!(
        try_write(erp.invoices(), change).await.unwrap_err().code,
        "posted_document"
    );

    let feed = erp.invoices().changes(None, 10).await.unwrap();
    let paid = json!({"payment": 4497.24, "tranDate": "2026-12-10"});
    let path = format!("record/v1/invoice/{}/!transform/customerPayment", written.id);
    let (status, body, payment) = books.raw("POST", &path, paid).await;
    assert_eq!(status, 204, "{body}");
    let payment = erp.payments().read(&payment.unwrap()).await.unwrap().data;
    assert_eq!((payment.amount, payment.applied.len()), (eur(dec!(4497.24)), 1));
    assert_eq!(
        (payment.applied[0].invoice.id.as_str(), payment.date),
        (written.id.as_str(), day("2026-12-10"))
    );
    assert_eq!(erp.payments().changes(None, 10).await.unwrap().items.len(), 1);
    let news = erp.invoices().changes(Some(&feed.next_cursor), 10).await.unwrap();
    let newest = news.items.last().unwrap().record.as_ref().unwrap();
    assert_eq!(
        (newest.id.as_str(), newest.data.status),
        (written.id.as_str(), InvoiceStatus::Paid)
    );
    assert_eq!(newest.data.amount_paid, newest.data.total);
}

#[actix_web::test]
async fn a_credit_note_takes_back_what_is_still_open() {
    let books = Books::open().await;
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let fee = |amount| vec![line("Fee", amount, SourceKind::BillingEvent, &["b-1"])];
    let bill = write(
        erp.invoices(),
        "inv",
        invoice(&work, "2026-11-30", fee(dec!(1000))),
    )
    .await
    .id;
    let note = CreditNote {
        number: None,
        account: RecordRef::id(&work.account),
        invoice: RecordRef::id(&bill),
        date: day("2026-11-30"),
        currency: Currency::EUR,
        lines: fee(dec!(400)),
        total: None,
    };
    let written = write(erp.credit_notes(), "credit", note).await;
    assert!(written.code.unwrap().starts_with("CM"));
    let read = erp.credit_notes().read(&written.id).await.unwrap().data;
    assert_eq!(
        (read.invoice.id.as_str(), read.total.unwrap()),
        (bill.as_str(), eur(dec!(476)))
    );
    assert_eq!(read.lines[0].sources[0].record.id, "b-1");
    let bill = erp.invoices().read(&bill).await.unwrap().data;
    assert_eq!(
        (bill.amount_paid.unwrap(), bill.status),
        (eur(dec!(476)), InvoiceStatus::Open)
    );
}

#[actix_web::test]
async fn the_feed_tells_every_change_and_deletion_and_goes_on_behind_them() {
    let books = Books::open().await;
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let batch: Vec<_> = (1..=5)
        .map(|n| create(&format!("f-{n}"), time(&work, "2026-11-20", n * 30)))
        .collect();
    let written = erp.time_entries().write(&batch).await;
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = erp.time_entries().changes(cursor.as_deref(), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items.into_iter().map(|c| c.id));
        cursor = Some(page.next_cursor);
        if !page.more {
            break;
        }
    }
    let ids: Vec<_> = written
        .iter()
        .map(|r| r.written.as_ref().unwrap().id.clone())
        .collect();
    assert_eq!(seen, ids);
    let (status, _, _) = books
        .raw("DELETE", &format!("record/v1/timeBill/{}", ids[1]), Value::Null)
        .await;
    assert_eq!(status, 204);
    let news = erp.time_entries().changes(cursor.as_deref(), 100).await.unwrap();
    let gone: Vec<_> = news.items.iter().filter(|c| c.record.is_none()).collect();
    assert_eq!(gone.len(), 1);
    assert!(gone[0].id == ids[1] && gone[0].failure.is_none());
    assert_eq!(
        erp.time_entries()
            .changes(Some("nonsense"), 2)
            .await
            .unwrap_err()
            .code,
        "malformed_cursor"
    );
}

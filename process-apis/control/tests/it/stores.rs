//! Cross-references, mappings, the desk and the audit log, on every engine that is at hand.

use canonical_model::{
    CanonicalId, CrossReference, Currency, ExceptionCause, ExceptionRecord, ExceptionState, Failure,
    MappingDomain, Money, ReferenceMapping, ReferenceQuestion, TranslationQuestion,
};
use chrono::{DateTime, Utc};
use control_process_api::desk::{self, Filter};
use control_process_api::{MIGRATIONS, mappings, references};
use persistence::Database;
use rust_decimal::dec;

async fn databases() -> Vec<(&'static str, Database)> {
    let migrations: Vec<_> = persistence::MIGRATIONS.into_iter().chain(MIGRATIONS).collect();
    testkit::test_database(&migrations).await
}

fn reference(canonical_id: CanonicalId, connection: &str, id: &str) -> CrossReference {
    CrossReference {
        canonical_id,
        resource: "project".to_owned(),
        connection: connection.to_owned(),
        id: id.to_owned(),
        label: None,
    }
}

#[tokio::test]
async fn a_record_stands_for_one_thing_and_a_thing_for_one_record_a_system() {
    for (engine, db) in databases().await {
        let (one, other) = (CanonicalId::generate(), CanonicalId::generate());
        let note = async |reference: CrossReference| {
            db.write(move |tx| Box::pin(async move { references::note(tx, &reference, 1).await }))
                .await
        };
        assert_eq!(
            note(reference(one, "psa/main", "31")).await,
            Ok(references::Noted::New),
            "{engine}"
        );
        assert_eq!(
            note(reference(one, "psa/main", "31")).await,
            Ok(references::Noted::Known),
            "{engine}"
        );
        assert_eq!(
            note(reference(one, "erp/main", "7")).await,
            Ok(references::Noted::New),
            "{engine}"
        );
        let taken = note(reference(other, "psa/main", "31")).await.unwrap_err();
        let second = note(reference(one, "psa/main", "32")).await.unwrap_err();
        assert_eq!(
            (taken.code.as_str(), second.code.as_str()),
            ("already_referenced", "already_referenced"),
            "{engine}"
        );

        let question = ReferenceQuestion {
            resource: "project".to_owned(),
            connection: Some("psa/main".to_owned()),
            id: Some("31".to_owned()),
            canonical_id: None,
        };
        let answers = db
            .read(move |tx| Box::pin(async move { references::answer(tx, &[question]).await }))
            .await
            .unwrap();
        assert_eq!(
            (answers[0].canonical_id(), answers[0].id_in("erp/main")),
            (Some(one), Some("7")),
            "{engine}"
        );
    }
}

#[tokio::test]
async fn a_value_is_translated_by_the_code_that_it_stands_for() {
    for (engine, db) in databases().await {
        let mapping = |connection: &str, value: &str| ReferenceMapping {
            domain: MappingDomain::Role,
            connection: connection.to_owned(),
            value: value.to_owned(),
            code: "consultant".to_owned(),
        };
        let all = [mapping("psa/main", "3"), mapping("erp/main", "103")];
        db.write(move |tx| {
            Box::pin(async move {
                for (n, mapping) in all.iter().enumerate() {
                    mappings::set(tx, mapping, "steward", i64::try_from(n).unwrap()).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
        let question = |value: &str| TranslationQuestion {
            domain: MappingDomain::Role,
            from: Some("psa/main".to_owned()),
            value: value.to_owned(),
            to: Some("erp/main".to_owned()),
        };
        let questions = [question("3"), question("4")];
        let answers = db
            .read(move |tx| Box::pin(async move { mappings::translate(tx, &questions).await }))
            .await
            .unwrap();
        assert_eq!(answers[0].value.as_deref(), Some("103"), "{engine}");
        assert_eq!(
            (answers[1].code.clone(), answers[1].value.clone()),
            (None, None),
            "{engine}"
        );
        let who = db
            .read(|tx| Box::pin(async move { mappings::set_by(tx, "role:psa/main:3").await }))
            .await
            .unwrap();
        assert_eq!(who.as_deref(), Some("steward"), "{engine}");
    }
}

fn exception(
    subject: &str,
    money: Option<Money>,
    state: ExceptionState,
    due: DateTime<Utc>,
) -> ExceptionRecord {
    ExceptionRecord {
        id: CanonicalId::generate(),
        process: "time-posting".to_owned(),
        instance_id: CanonicalId::generate(),
        step: "post".to_owned(),
        business_key: "time_entry psa/main 4711".to_owned(),
        title: "Time entry 4711".to_owned(),
        failure: Failure::business("role_not_mapped", "role 117 has no counterpart"),
        cause: ExceptionCause {
            code: "role_not_mapped".to_owned(),
            subject: subject.to_owned(),
        },
        owner_role: "data_steward".to_owned(),
        assignee: None,
        money_at_risk: money,
        legal_entity: Some("de".to_owned()),
        region: None,
        state,
        opened_at: due - chrono::Duration::hours(8),
        due_at: due,
        closed_at: None,
        resolution: None,
        correlation_id: "c".to_owned(),
    }
}

#[tokio::test]
async fn open_exceptions_of_one_cause_are_one_group_with_the_money_that_waits() {
    for (engine, db) in databases().await {
        let now: DateTime<Utc> = "2026-11-24T12:00:00Z".parse().unwrap();
        let eur = |amount| Some(Money::new(amount, Currency::EUR));
        let usd = Some(Money::new(dec!(10), Currency::USD));
        let (a, b) = ("role:psa/main:117", "role:psa/main:118");
        let later = now + chrono::Duration::hours(1);
        let closed = exception(a, eur(dec!(999)), ExceptionState::Resolved, now);
        let records = vec![
            exception(a, eur(dec!(1125.50)), ExceptionState::Open, later),
            exception(a, eur(dec!(0.25)), ExceptionState::Assigned, now),
            exception(a, usd, ExceptionState::Open, later),
            exception(b, None, ExceptionState::Open, later),
            closed,
        ];
        db.write(move |tx| {
            Box::pin(async move {
                for record in &records {
                    desk::take(tx, "time-to-invoice", record).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
        let groups = db
            .read(|tx| Box::pin(async move { desk::groups(tx).await }))
            .await
            .unwrap();
        let told: Vec<_> = groups
            .iter()
            .map(|g| (g.cause.subject.as_str(), g.open, g.due_at))
            .collect();
        assert_eq!(told, [(a, 3, now), (b, 1, later)], "{engine}");
        let mut money = groups[0].money_at_risk.clone();
        money.sort_by_key(|m| m.currency);
        assert_eq!(
            money,
            [
                Money::new(dec!(1125.75), Currency::EUR),
                Money::new(dec!(10.00), Currency::USD)
            ],
            "{engine}"
        );
        let filter = Filter {
            subject: Some(a.to_owned()),
            ..Filter::default()
        };
        let listed = db
            .read(move |tx| Box::pin(async move { desk::list(tx, &filter, 0, 10).await }))
            .await
            .unwrap();
        assert_eq!(listed.len(), 4, "{engine}");
        assert_eq!(
            listed[0].state,
            ExceptionState::Assigned,
            "{engine}: the most urgent comes first"
        );
        assert_eq!(
            listed[3].state,
            ExceptionState::Resolved,
            "{engine}: what is closed comes last"
        );
    }
}

//! Facts and rates at rest.

use canonical_model::{CostRate, Currency, DealWon, Event, Fact, Money, Rate, RatePer, RecordRef};
use insight_process_api::store::{self, MIGRATION};
use persistence::Cipher;
use rust_decimal::dec;
use secrecy::SecretString;

fn event(id: &str, fact: &Fact) -> Event {
    Event {
        specversion: "1.0".to_owned(),
        id: id.to_owned(),
        source: "/process/quote-to-project".to_owned(),
        kind: fact.kind().to_owned(),
        subject: "crm/main 006".to_owned(),
        time: "2026-11-24T12:00:00Z".parse().unwrap(),
        correlation_id: "c".to_owned(),
        data: serde_json::to_value(fact).unwrap(),
    }
}

#[tokio::test]
async fn a_fact_is_kept_once_and_cost_rates_are_unreadable_without_the_key() {
    let migrations: Vec<_> = persistence::MIGRATIONS.into_iter().chain([MIGRATION]).collect();
    for (engine, db) in testkit::test_database(&migrations).await {
        let fact = Fact::DealWon(DealWon {
            opportunity: "crm/main/006".to_owned(),
            name: "Grid".to_owned(),
            amount: Money::new(dec!(100), Currency::EUR),
            won_at: "2026-11-24T11:00:00Z".parse().unwrap(),
        });
        let told = event("0192", &fact);
        assert_eq!(store::fact_of(&told).unwrap(), Some(fact.clone()));
        for expected in [true, false] {
            let (told, fact) = (told.clone(), fact.clone());
            let new = db
                .write(move |tx| Box::pin(async move { store::keep(tx, &told, &fact).await }))
                .await
                .unwrap();
            assert_eq!(new, expected, "{engine}");
        }

        let key = |text: &str| Cipher::new(&SecretString::from(text.to_owned())).unwrap();
        let right = key("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
        let wrong = key("MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
        let rate = CostRate {
            person: RecordRef::id("7"),
            rate: Rate {
                money: Money::new(dec!(87.5), Currency::EUR),
                per: RatePer::Hour,
            },
            effective_from: None,
        };
        let (rates, raw, refused) = db
            .write(move |tx| {
                Box::pin(async move {
                    store::set_cost_rate(tx, &right, "Anna@firm.example", &rate).await?;
                    let raw = tx
                        .one("SELECT rate FROM cost_rates", Vec::new())
                        .await?
                        .unwrap()
                        .text("rate")?;
                    Ok((
                        store::rates(tx, &right).await?,
                        raw,
                        store::rates(tx, &wrong).await.is_err(),
                    ))
                })
            })
            .await
            .unwrap();
        assert!(!raw.contains("87.5") && refused, "{engine}");
        assert_eq!(
            rates
                .of("anna@firm.example", "2026-11-24".parse().unwrap())
                .unwrap()
                .rate
                .money
                .amount,
            dec!(87.5)
        );
    }
}

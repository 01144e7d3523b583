//! Takes over facts from the process APIs, and rates from the systems of record.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use canonical_model::{CostRate, Event, FxRate, ListQuery, Person, Result};
use persistence::{Cipher, Database};
use process_client::{EventQuery, ProcessClient};
use process_serving::event_feed::{EventFollower, FetchEvents, TakeEvents, follow_events};
use system_client::SystemClient;
use tokio_util::sync::CancellationToken;

use crate::book::Book;
use crate::settings::Routing;
use crate::store::{self, Kept};

/// Events asked for at once.
const PAGE: u32 = 500;
/// How long a process API may wait before it says that nothing happened, in milliseconds.
const WAIT_MS: u64 = 20_000;
/// Pause before rates are asked for again after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// Follows the facts of one process API.
pub(crate) fn follow_facts(
    database: &Database,
    book: &Book,
    name: &'static str,
    client: ProcessClient,
) -> EventFollower {
    let fetch: FetchEvents = Arc::new(move |after| {
        let client = client.clone();
        Box::pin(async move {
            client
                .events(&EventQuery {
                    after,
                    limit: Some(PAGE),
                    wait_ms: Some(WAIT_MS),
                })
                .await
        })
    });
    // Facts enter the book once they are committed, never before.
    let waiting: Arc<Mutex<Vec<Kept>>> = Arc::default();
    let taken_in = Arc::clone(&waiting);
    let take: TakeEvents = Arc::new(move |tx, events| {
        let waiting = Arc::clone(&taken_in);
        Box::pin(async move {
            let mut kept = Vec::new();
            for event in &events {
                if let Some(fact) = readable(event)
                    && store::keep(tx, event, &fact).await?
                {
                    kept.push(Kept {
                        event_id: event.id.clone(),
                        subject: event.subject.clone(),
                        told_ms: event.time.timestamp_millis(),
                        fact,
                    });
                }
            }
            *waiting.lock().unwrap_or_else(PoisonError::into_inner) = kept;
            Ok(())
        })
    });
    let book = book.clone();
    let taken = Arc::new(move || {
        let kept = std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
        book.add(kept);
    });
    follow_events(database.clone(), format!("events {name}"), fetch, take, taken)
}

/// A fact that cannot be read stands in the log and in the other API's feed; those behind it go on.
fn readable(event: &Event) -> Option<canonical_model::Fact> {
    store::fact_of(event).unwrap_or_else(|failure| {
        tracing::error!(event = %event.id, code = %failure.code, %failure, "fact left out");
        None
    })
}

/// Where rates come from.
pub(crate) struct RateSources {
    pub(crate) erp: SystemClient,
    pub(crate) psa: SystemClient,
    pub(crate) routing: Routing,
}

/// Reads all rates now and then, until told to stop.
pub(crate) async fn refresh_rates(
    sources: RateSources,
    database: Database,
    cipher: Arc<Cipher>,
    book: Book,
    every: Duration,
    stop: CancellationToken,
) {
    loop {
        let pause = match refresh(&sources, &database, &cipher, &book).await {
            Ok(()) => every,
            Err(failure) => {
                tracing::warn!(code = %failure.code, %failure, "rates could not be read");
                PAUSE.min(every)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn refresh(
    sources: &RateSources,
    database: &Database,
    cipher: &Arc<Cipher>,
    book: &Book,
) -> Result<()> {
    let everything = ListQuery::default();
    let psa = &sources.routing.psa;
    let people = sources
        .psa
        .collection::<Person>(psa)
        .list_all(&everything)
        .await?;
    let costs = sources
        .psa
        .collection::<CostRate>(psa)
        .list_all(&everything)
        .await?;
    let exchange = sources
        .erp
        .collection::<FxRate>(&sources.routing.erp)
        .list_all(&everything)
        .await?;
    let priced: Vec<(String, CostRate)> = costs
        .into_iter()
        .filter_map(|cost| {
            let person = people.iter().find(|p| p.id == cost.data.person.id)?;
            Some((person.data.email.clone(), cost.data))
        })
        .collect();
    let sealing = Arc::clone(cipher);
    database
        .write(move |tx| {
            Box::pin(async move {
                for (person, rate) in &priced {
                    store::set_cost_rate(tx, &sealing, person, rate).await?;
                }
                for rate in &exchange {
                    store::set_fx_rate(tx, &rate.data).await?;
                }
                Ok(())
            })
        })
        .await?;
    book.reprice(database, cipher).await
}

//! Following another process API's events from a cursor: how facts, exceptions and decisions get from one API to another.
//!
//! Events of a page are taken in by the transaction that moves the cursor; one that was seen before is dropped by its id.
//! The other API answers as soon as something happens, so nothing is polled in vain.

use std::sync::Arc;
use std::time::Duration;

use canonical_model::{Event, EventPage, Failure, Result};
use futures_util::future::BoxFuture;
use persistence::{Database, Tx, cursors, inbox};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Failures in a row that are told at debug level only.
const QUIET_FAILURES: u32 = 3;
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks an API for the events after a cursor (the beginning where there is none), waiting for one.
pub type FetchEvents = Arc<dyn Fn(Option<String>) -> BoxFuture<'static, Result<EventPage>> + Send + Sync>;

/// Takes the new events of a page in, in the transaction that moves the cursor. It fails only where the database does.
pub type TakeEvents = Arc<dyn for<'t> Fn(&'t mut Tx, Vec<Event>) -> BoxFuture<'t, Result<()>> + Send + Sync>;

/// Events that are being followed.
pub struct EventFollower {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl EventFollower {
    /// Ends after the page in hand.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "event follower ended abnormally");
        }
    }
}

/// Follows events until stopped. `name` is the cursor's: one for each API, such as `events quote-to-project`. `taken` is
/// called after each page that is committed.
pub fn follow_events(
    db: Database,
    name: impl Into<String>,
    fetch: FetchEvents,
    take: TakeEvents,
    taken: Arc<dyn Fn() + Send + Sync>,
) -> EventFollower {
    let (stop, mut stopped) = watch::channel(false);
    let feed = EventFeed {
        db,
        name: name.into(),
        fetch,
        take,
    };
    let task = tokio::spawn(async move {
        let mut failures: u32 = 0;
        while !*stopped.borrow() {
            let page = tokio::select! {
                page = feed.page() => page,
                _ = stopped.changed() => break,
            };
            match page {
                Ok(any) => {
                    failures = 0;
                    if any {
                        taken();
                    }
                }
                Err(failure) => {
                    failures = failures.saturating_add(1);
                    feed.report(&failure, failures);
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        _ = stopped.changed() => {}
                    }
                }
            }
        }
    });
    EventFollower { task, stop }
}

/// Events that are read page by page, each when it is asked for.
#[cfg(feature = "simulation")]
pub fn by_hand(
    db: Database,
    name: impl Into<String>,
    fetch: FetchEvents,
    take: TakeEvents,
) -> crate::feed::Look {
    let feed = Arc::new(EventFeed {
        db,
        name: name.into(),
        fetch,
        take,
    });
    Arc::new(move || {
        let feed = Arc::clone(&feed);
        Box::pin(async move { feed.page().await })
    })
}

struct EventFeed {
    db: Database,
    name: String,
    fetch: FetchEvents,
    take: TakeEvents,
}

impl EventFeed {
    /// A short absence, as when the APIs of an installation start one after the other, is no news.
    fn report(&self, failure: &Failure, failures: u32) {
        if failures <= QUIET_FAILURES {
            tracing::debug!(feed = %self.name, code = %failure.code, %failure, "events could not be read");
        } else {
            tracing::warn!(feed = %self.name, code = %failure.code, %failure, failures, "events could not be read");
        }
    }

    /// Takes in the next page; whether there was anything in it.
    async fn page(&self) -> Result<bool> {
        let cursor = self.name.clone();
        let from = self
            .db
            .read(move |tx| Box::pin(async move { cursors::get(tx, &cursor).await }))
            .await?;
        let page = (self.fetch)(from.clone()).await?;
        if page.events.is_empty() {
            return Ok(false);
        }
        let (name, take) = (self.name.clone(), Arc::clone(&self.take));
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    // Another process may follow the same events: only the one that saw this cursor moves it.
                    if cursors::get(tx, &name).await? != from {
                        return Ok(());
                    }
                    let mut new = Vec::with_capacity(page.events.len());
                    for event in page.events {
                        if inbox::accept(tx, &name, &event.id).await? {
                            new.push(event);
                        }
                    }
                    take(tx, new).await?;
                    cursors::set(tx, &name, &page.next_cursor).await
                })
            })
            .await?;
        Ok(true)
    }
}

//! Following the change feed of a system of record from a watermark: the safety net under every notice.
//!
//! A page is taken in by the transaction that moves the watermark, so a change is never lost and, once taken, does not
//! come back unless the vendor tells it again. What a change means is up to the caller; nothing is decided here. A
//! system that does not answer holds up its own feed only, which is asked again with growing pauses.
//!
//! When a feed was read last is kept too. Where that is longer ago than the vendor remembers, or the vendor does not know
//! the watermark any more, changes may be lost for good: an event `feed.gap` says so, and whoever compares the systems as
//! a whole answers it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use canonical_model::{CanonicalId, Change, Changes, Event, Failure, Resource, Result, clock};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use persistence::{Database, Tx, cursors, outbox};
use serde::Deserialize;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use validator::Validate;

/// Longest pause after failures, unless the interval is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How a feed is followed.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct FeedSettings {
    /// Pause between two looks when there is nothing new, in milliseconds.
    #[validate(range(min = 20, max = 3_600_000))]
    pub interval_ms: u64,
    /// Changes asked for at once.
    #[validate(range(min = 1, max = 1000))]
    pub page: u32,
    /// Days that the vendor remembers what changed; absent = for good.
    #[serde(default)]
    #[validate(range(min = 1, max = 3650))]
    pub history_days: Option<u32>,
}

/// How often it is kept when a feed was read last.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(5);

/// Asks a system for the changes since a cursor, so many at once.
pub type Fetch<T> = Arc<dyn Fn(Option<String>, u32) -> BoxFuture<'static, Result<Changes<T>>> + Send + Sync>;

/// Takes one change in, in the transaction that moves the watermark. It fails only where the database does: a change
/// that makes no sense is put before a person, it does not stop those behind it.
pub type Take<T> = Arc<dyn for<'t> Fn(&'t mut Tx, Change<T>) -> BoxFuture<'t, Result<()>> + Send + Sync>;

/// Takes a page of changes in at once: for feeds so busy that one statement has to stand for many changes.
pub type TakePage<T> =
    Arc<dyn for<'t> Fn(&'t mut Tx, Vec<Change<T>>) -> BoxFuture<'t, Result<()>> + Send + Sync>;

/// A feed that is being followed.
pub struct Follower {
    task: JoinHandle<()>,
    wake: Arc<Notify>,
    stop: watch::Sender<bool>,
}

impl Follower {
    /// Looks now instead of at the end of the pause.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Gives what wakes this follower, for those who learn of changes earlier than it does.
    #[must_use]
    pub fn waker(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Ends after the page in hand.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "feed follower ended abnormally");
        }
    }
}

/// Follows a feed until stopped. `name` is the watermark's: one for each connection and collection, such as
/// `crm/main opportunities`.
pub fn follow<T: Resource>(
    db: Database,
    name: impl Into<String>,
    settings: FeedSettings,
    fetch: Fetch<T>,
    take: Take<T>,
) -> Follower {
    let take_page: TakePage<T> = Arc::new(move |tx, changes| {
        let take = Arc::clone(&take);
        Box::pin(async move {
            for change in changes {
                take(tx, change).await?;
            }
            Ok(())
        })
    });
    follow_pages(db, name, settings, fetch, take_page)
}

/// As [`follow`], taking each page in at once.
pub fn follow_pages<T: Resource>(
    db: Database,
    name: impl Into<String>,
    settings: FeedSettings,
    fetch: Fetch<T>,
    take: TakePage<T>,
) -> Follower {
    let (stop, stopped) = watch::channel(false);
    let wake = Arc::new(Notify::new());
    let feed = Feed {
        db,
        name: name.into(),
        settings,
        fetch,
        take,
        noted: AtomicI64::new(i64::MIN / 2),
    };
    let task = tokio::spawn(feed.run(Arc::clone(&wake), stopped));
    Follower { task, wake, stop }
}

/// One look at a feed: whether more is ready at once.
#[cfg(feature = "simulation")]
pub type Look = Arc<dyn Fn() -> BoxFuture<'static, Result<bool>> + Send + Sync>;

/// A feed that is read page by page, each when it is asked for.
#[cfg(feature = "simulation")]
pub fn by_hand<T: Resource>(
    db: Database,
    name: impl Into<String>,
    settings: FeedSettings,
    fetch: Fetch<T>,
    take: TakePage<T>,
) -> Look {
    let feed = Arc::new(Feed {
        db,
        name: name.into(),
        settings,
        fetch,
        take,
        noted: AtomicI64::new(i64::MIN / 2),
    });
    Arc::new(move || {
        let feed = Arc::clone(&feed);
        Box::pin(async move { feed.page().await })
    })
}

struct Feed<T> {
    db: Database,
    name: String,
    settings: FeedSettings,
    fetch: Fetch<T>,
    take: TakePage<T>,
    /// When it was last kept that the feed was read, in milliseconds.
    noted: AtomicI64,
}

impl<T: Resource> Feed<T> {
    async fn run(self, wake: Arc<Notify>, mut stopped: watch::Receiver<bool>) {
        let interval = Duration::from_millis(self.settings.interval_ms);
        let mut failures: u32 = 0;
        while !*stopped.borrow() {
            let pause = match self.page().await {
                Ok(true) => {
                    failures = 0;
                    continue;
                }
                Ok(false) => {
                    failures = 0;
                    interval
                }
                // Not asked, as the system is down: asked again when somebody may find out whether it is back.
                Err(failure) if failure.code == "connection_paused" => {
                    tracing::debug!(feed = %self.name, %failure, "feed waits for its connection");
                    Duration::from_millis(failure.retry_after_ms.unwrap_or(0)).max(interval)
                }
                Err(failure) => {
                    failures = failures.saturating_add(1);
                    let pause = pause_after(failures, interval, &failure);
                    tracing::warn!(feed = %self.name, code = %failure.code, %failure, failures,
                        pause_ms = %pause.as_millis(), "feed could not be read");
                    pause
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = wake.notified() => {}
                _ = stopped.changed() => {}
            }
        }
    }

    /// Keeps when the feed was read, and tells a gap since it was read before.
    async fn note_reading(&self) -> Result<()> {
        let now = clock::now();
        let noted = self.noted.load(Ordering::Relaxed);
        if now.timestamp_millis() < noted.saturating_add(NOTED_EVERY.num_milliseconds()) {
            return Ok(());
        }
        let (name, history) = (self.name.clone(), self.settings.history_days);
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    let own = reading(&name);
                    tx.lock(&own).await?;
                    let last = cursors::get(tx, &own).await?;
                    let last = last.and_then(|text| text.parse::<DateTime<Utc>>().ok());
                    cursors::set(tx, &own, &now.to_rfc3339()).await?;
                    match (last, history) {
                        (Some(last), Some(days)) if now - last > TimeDelta::days(days.into()) => {
                            let reason = format!(
                                "it was not read from {} on, and the vendor remembers {days} days",
                                last.format("%Y-%m-%d %H:%M UTC")
                            );
                            tell_gap(tx, &name, Some(last), &reason).await
                        }
                        _ => Ok(()),
                    }
                })
            })
            .await?;
        self.noted.store(now.timestamp_millis(), Ordering::Relaxed);
        Ok(())
    }

    /// The vendor does not know the watermark any more: everything is read again, and the gap is told.
    async fn begin_anew(&self, from: Option<String>, why: String) -> Result<()> {
        tracing::warn!(feed = %self.name, %why, "the feed begins anew");
        let name = self.name.clone();
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    if cursors::get(tx, &name).await? != from {
                        return Ok(());
                    }
                    let last = cursors::get(tx, &reading(&name)).await?;
                    let last = last.and_then(|text| text.parse::<DateTime<Utc>>().ok());
                    cursors::forget(tx, &name).await?;
                    let reason = format!("the vendor does not know any more how far it was read ({why})");
                    tell_gap(tx, &name, last, &reason).await
                })
            })
            .await
    }

    /// Takes in the next page; whether more is ready at once.
    async fn page(&self) -> Result<bool> {
        let from = {
            let name = self.name.clone();
            self.db
                .read(move |tx| Box::pin(async move { cursors::get(tx, &name).await }))
                .await?
        };
        let changes = match (self.fetch)(from.clone(), self.settings.page).await {
            Err(failure) if failure.code == "invalid_cursor" && from.is_some() => {
                self.begin_anew(from, failure.message).await?;
                return Ok(true);
            }
            changes => changes?,
        };
        self.note_reading().await?;
        if changes.items.is_empty() && from.as_ref() == Some(&changes.next_cursor) {
            return Ok(changes.more);
        }
        let (name, take, more) = (self.name.clone(), Arc::clone(&self.take), changes.more);
        let count = changes.items.len();
        let moved = self
            .db
            .write(move |tx| {
                Box::pin(async move {
                    // Another process may follow the same feed: only the one that saw this watermark moves it.
                    if cursors::get(tx, &name).await? != from {
                        return Ok(false);
                    }
                    take(tx, changes.items).await?;
                    cursors::set(tx, &name, &changes.next_cursor).await?;
                    Ok(true)
                })
            })
            .await?;
        if moved && count > 0 {
            tracing::debug!(feed = %self.name, count, "changes taken in");
        }
        Ok(more)
    }
}

/// Under which name it is kept when a feed was read last.
fn reading(feed: &str) -> String {
    format!("{feed} read")
}

/// Tells that changes may be lost.
async fn tell_gap(tx: &mut Tx, feed: &str, last_read_at: Option<DateTime<Utc>>, reason: &str) -> Result<()> {
    let id = CanonicalId::generate().to_string();
    let event = Event {
        specversion: "1.0".to_owned(),
        source: format!("/feed/{}", feed.replace(' ', "/")),
        kind: "feed.gap".to_owned(),
        subject: feed.to_owned(),
        time: clock::now(),
        correlation_id: id.clone(),
        id,
        data: serde_json::json!({"feed": feed, "last_read_at": last_read_at, "reason": reason}),
    };
    outbox::append(tx, &event).await
}

/// The pause doubles with every failure in a row; a vendor that names one is given it.
fn pause_after(failures: u32, interval: Duration, failure: &Failure) -> Duration {
    let doubled = interval.saturating_mul(2_u32.saturating_pow(failures.min(16)));
    let asked = Duration::from_millis(failure.retry_after_ms.unwrap_or(0));
    doubled.min(LONGEST_PAUSE).max(interval).max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::Role;
    use persistence::{MIGRATIONS, inbox};
    use std::sync::atomic::AtomicU32;
    use tokio::sync::mpsc;

    fn page(ids: &[&str], next_cursor: &str, more: bool) -> Changes<Role> {
        let change = |id: &&str| Change {
            id: (*id).to_owned(),
            changed_at: Utc::now(),
            record: None,
            failure: None,
        };
        Changes {
            items: ids.iter().map(change).collect(),
            next_cursor: next_cursor.to_owned(),
            more,
        }
    }

    #[tokio::test]
    async fn each_change_is_taken_once_over_failures_and_a_new_start() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::sqlite_in(folder.path(), &MIGRATIONS).await.unwrap();
        let (asked, mut cursors_seen) = mpsc::unbounded_channel();
        let asks = Arc::new(AtomicU32::new(0));
        let fetch: Fetch<Role> = Arc::new(move |cursor, _| {
            let (asked, ask) = (asked.clone(), asks.fetch_add(1, Ordering::SeqCst));
            Box::pin(async move {
                asked.send(cursor.clone()).ok();
                match (cursor.as_deref(), ask) {
                    (None, _) => Ok(page(&["1", "2"], "a", true)),
                    (Some("a"), 1) => Err(Failure::transient("no_answer", "no answer")),
                    (Some("a"), _) => Ok(page(&["3"], "b", false)),
                    _ => Ok(page(&[], "b", false)),
                }
            })
        });
        let take: Take<Role> = Arc::new(|tx, change| {
            Box::pin(async move {
                assert!(
                    inbox::accept(tx, "roles", &change.id).await?,
                    "{} came twice",
                    change.id
                );
                Ok(())
            })
        });
        let settings = FeedSettings {
            interval_ms: 20,
            page: 2,
            history_days: None,
        };
        let start = || {
            follow(
                db.clone(),
                "psa/main roles",
                settings.clone(),
                Arc::clone(&fetch),
                Arc::clone(&take),
            )
        };

        let follower = start();
        for expected in [None, Some("a"), Some("a"), Some("b")] {
            assert_eq!(cursors_seen.recv().await.unwrap().as_deref(), expected);
        }
        follower.stop().await;
        while cursors_seen.try_recv().is_ok() {}
        let again = start();
        assert_eq!(cursors_seen.recv().await.unwrap().as_deref(), Some("b"));
        again.stop().await;
        let watermark = db
            .read(|tx| Box::pin(async move { cursors::get(tx, "psa/main roles").await }))
            .await;
        assert_eq!(watermark.unwrap().as_deref(), Some("b"));
    }

    #[tokio::test]
    async fn a_feed_that_was_not_read_for_longer_than_its_vendor_remembers_tells_a_gap_once() {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::sqlite_in(folder.path(), &MIGRATIONS).await.unwrap();
        let read_ten_days_ago = (clock::now() - TimeDelta::days(10)).to_rfc3339();
        db.write(move |tx| {
            Box::pin(async move { cursors::set(tx, "psa/main roles read", &read_ten_days_ago).await })
        })
        .await
        .unwrap();
        let (asked, mut cursors_seen) = mpsc::unbounded_channel();
        let fetch: Fetch<Role> = Arc::new(move |cursor, _| {
            let asked = asked.clone();
            Box::pin(async move {
                asked.send(cursor.clone()).ok();
                match cursor.as_deref() {
                    Some("of-old") => Err(Failure::business("invalid_cursor", "\"of-old\" is no cursor")),
                    _ => Ok(page(&[], "new", false)),
                }
            })
        });
        let take: Take<Role> = Arc::new(|_, _| Box::pin(async { Ok(()) }));
        let settings = FeedSettings {
            interval_ms: 20,
            page: 2,
            history_days: Some(9),
        };
        let gaps = async || -> Vec<Event> {
            let page = db
                .read(|tx| Box::pin(async move { outbox::page(tx, "", 100).await }))
                .await;
            page.unwrap().events
        };
        let mut follower = follow(
            db.clone(),
            "psa/main roles",
            settings.clone(),
            Arc::clone(&fetch),
            Arc::clone(&take),
        );
        for expected in [None, Some("new"), Some("new")] {
            assert_eq!(cursors_seen.recv().await.unwrap().as_deref(), expected);
        }
        follower.stop().await;
        let told = gaps().await;
        assert_eq!((told.len(), told[0].kind.as_str()), (1, "feed.gap"));
        assert_eq!(told[0].data["feed"], "psa/main roles");

        db.write(|tx| Box::pin(async move { cursors::set(tx, "psa/main roles", "of-old").await }))
            .await
            .unwrap();
        while cursors_seen.try_recv().is_ok() {}
        follower = follow(db.clone(), "psa/main roles", settings, fetch, take);
        for expected in [Some("of-old"), None, Some("new")] {
            assert_eq!(cursors_seen.recv().await.unwrap().as_deref(), expected);
        }
        follower.stop().await;
        assert_eq!(gaps().await.len(), 2);
    }

    #[test]
    fn pauses_grow_to_a_limit_and_give_a_vendor_what_it_asks_for() {
        let interval = Duration::from_secs(2);
        let failure = Failure::transient("no_answer", "no answer");
        assert_eq!(pause_after(1, interval, &failure), Duration::from_secs(4));
        assert_eq!(pause_after(40, interval, &failure), LONGEST_PAUSE);
        let asked = failure.retry_after_ms(300_000);
        assert_eq!(pause_after(1, interval, &asked), Duration::from_secs(300));
    }
}

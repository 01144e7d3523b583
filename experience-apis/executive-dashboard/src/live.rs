//! One look at the figures for everybody who watches the same: a task a selection, which ends with its last listener.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canonical_model::{Failure, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::settings::LiveSettings;
use crate::sources::{Selection, Sources};
use crate::state::correlated;
use crate::view::Dashboard;

type Feed = Arc<watch::Sender<Arc<Dashboard>>>;

/// Everything that is watched.
pub(crate) struct Live {
    sources: Sources,
    settings: LiveSettings,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    feeds: HashMap<Selection, Feed>,
    lookers: JoinSet<()>,
}

impl Live {
    pub(crate) fn new(sources: Sources, settings: LiveSettings) -> Arc<Self> {
        Arc::new(Self {
            sources,
            settings,
            watched: Mutex::default(),
        })
    }

    pub(crate) fn settings(&self) -> &LiveSettings {
        &self.settings
    }

    /// Watches a selection: the dashboard as it is, and every change of it.
    ///
    /// # Errors
    /// The figures cannot be read at the beginning, or too many selections are watched.
    pub(crate) async fn follow(
        self: &Arc<Self>,
        selection: Selection,
    ) -> Result<watch::Receiver<Arc<Dashboard>>> {
        if let Some(feed) = self.watched().feeds.get(&selection) {
            return Ok(feed.subscribe());
        }
        let first = correlated(self.sources.read(&selection)).await?;
        let mut watched = self.watched();
        let full = watched.feeds.len() >= self.settings.max_views;
        let receiver = match watched.feeds.entry(selection.clone()) {
            // Somebody else began at the same time.
            Entry::Occupied(feed) => return Ok(feed.get().subscribe()),
            Entry::Vacant(_) if full => return Err(too_many()),
            Entry::Vacant(place) => {
                let (sender, receiver) = watch::channel(Arc::new(first));
                let feed = Arc::clone(place.insert(Arc::new(sender)));
                watched.lookers.spawn(look(Arc::clone(self), selection, feed));
                receiver
            }
        };
        while watched.lookers.try_join_next().is_some() {}
        Ok(receiver)
    }

    /// Ends all looking.
    pub(crate) async fn stop(&self) {
        let mut lookers = std::mem::take(&mut self.watched().lookers);
        lookers.shutdown().await;
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a feed that nobody listens to. Under the lock, so that nobody begins to listen in between.
    fn is_unheard(&self, selection: &Selection, feed: &Feed) -> bool {
        let mut watched = self.watched();
        let unheard = feed.receiver_count() == 0;
        if unheard {
            watched.feeds.remove(selection);
        }
        unheard
    }
}

/// Looks again and again, and passes on what has changed.
async fn look(live: Arc<Live>, selection: Selection, feed: Feed) {
    let mut failing = false;
    loop {
        tokio::time::sleep(live.settings.pause()).await;
        if live.is_unheard(&selection, &feed) {
            return;
        }
        match live.sources.read(&selection).await {
            Ok(now) => {
                failing = false;
                feed.send_if_modified(|known| {
                    let changed = **known != now;
                    if changed {
                        *known = Arc::new(now);
                    }
                    changed
                });
            }
            // Said once; the page keeps showing what was last known.
            Err(failure) if !failing => {
                failing = true;
                tracing::warn!(
                    code = failure.code,
                    "the dashboard's figures cannot be read: {}",
                    failure.message
                );
            }
            Err(_) => {}
        }
    }
}

fn too_many() -> Failure {
    Failure::transient(
        "too_many_views",
        "Too many different selections are watched just now; this page shows the figures without keeping them fresh.",
    )
}

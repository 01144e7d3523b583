//! The API turn by turn, for a simulation: nothing goes on by itself, and there is no port to listen on.

use std::sync::Arc;

use canonical_model::{Event, Expense, Milestone, Resource, Result, TimeEntry};
use persistence::Database;
use process_engine::FaultPlan;
use process_engine::testing::ByHand as Turns;
use process_serving::feed::{self, FeedSettings, Look};

use crate::dispatch::Dispatcher;
use crate::intake::Source;
use crate::running::{engine, feed_name, fetch, take_milestones, take_work};
use crate::services::Services;
use crate::settings::Settings;

/// The API, whose next turn is somebody else's choice.
pub struct ByHand {
    /// Its instances.
    pub turns: Turns<Services>,
    /// What its steps work with.
    pub services: Arc<Services>,
    /// Looks at the time entries of the PSA.
    pub time_entries: Look,
    /// Looks at the expenses of the PSA.
    pub expenses: Look,
    /// Looks at the milestones of the PSA.
    pub milestones: Look,
    dispatcher: Dispatcher,
}

impl ByHand {
    /// Puts the API together over an open database.
    ///
    /// # Errors
    /// The settings name something that is not there; failures of the database.
    pub async fn assemble(
        settings: &Settings,
        db: Database,
        faults: Arc<dyn FaultPlan>,
    ) -> anyhow::Result<Self> {
        let services = Arc::new(crate::services(settings, db)?);
        let turns = Turns::assemble(engine(settings, &services).faults(faults)).await?;
        let _first = services.engine.set(turns.engine().clone());
        let psa = format!("psa/{}", settings.routing.psa);
        let intake = &settings.intake;
        let take = take_milestones(turns.engine(), &psa);
        let milestones = feed::by_hand(
            services.db.clone(),
            feed_name::<Milestone>(&psa),
            intake.milestones.clone(),
            fetch(services.systems.collection::<Milestone>(&psa)?),
            Arc::new(move |tx, changes| {
                let take = Arc::clone(&take);
                Box::pin(async move {
                    for change in changes {
                        take(tx, change).await?;
                    }
                    Ok(())
                })
            }),
        );
        Ok(Self {
            time_entries: look::<TimeEntry>(&services, &psa, &intake.time_entries)?,
            expenses: look::<Expense>(&services, &psa, &intake.expenses)?,
            milestones,
            dispatcher: Dispatcher {
                services: Arc::clone(&services),
                engine: turns.engine().clone(),
                psa,
                intake: intake.clone(),
            },
            turns,
            services,
        })
    }

    /// Takes events of quote-to-project in.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn learn(&self, events: Vec<Event>) -> Result<()> {
        let db = &self.services.db;
        db.write(move |tx| Box::pin(crate::facts::take_in(tx, events)))
            .await
    }

    /// One look for waiting lines and for what the desk has to be told; whether more wait.
    pub async fn look_for_lines(&self) -> bool {
        self.dispatcher.lines_once().await
    }

    /// One look for what is to be charged.
    pub async fn look_for_charges(&self) {
        self.dispatcher.charges_once().await;
    }

    /// One look for sweeps that are due.
    pub async fn look_for_sweeps(&self) {
        self.dispatcher.sweeps_once().await;
    }
}

fn look<T: Source>(services: &Arc<Services>, psa: &str, settings: &FeedSettings) -> Result<Look> {
    Ok(feed::by_hand(
        services.db.clone(),
        feed_name::<T>(psa),
        settings.clone(),
        fetch(services.systems.collection::<T>(psa)?),
        take_work(services, psa),
    ))
}

/// The name under which a collection's place in the feed is kept.
#[must_use]
pub fn watermark<T: Resource>(psa: &str) -> String {
    feed_name::<T>(psa)
}

//! The sweep: what the PSA has, compared with what is posted or about to be.
//!
//! It finds what a feed did not tell. Approved work that nobody heard of is taken in. A source that has a live line and is
//! not among what the PSA lists as approved is read by itself: it lost its approval, moved to another day, or is gone.
//! Nothing is concluded from a list alone. Work is compared day by day, so that a long range takes no more memory than
//! its busiest day; a range that was interrupted goes on with the day at which it stood.

use std::collections::HashSet;

use canonical_model::{Expense, Failure, FailureClass, ListQuery, Result, SourceKind, TimeEntry};
use chrono::{Days, NaiveDate};
use futures_util::{StreamExt, TryStreamExt, stream};
use persistence::cursors;
use process_engine::{OwnerRule, Process, State};
use serde::{Deserialize, Serialize};
use system_client::{Filter, Remote, Verb};

use crate::Ctx;
use crate::intake::{self, Source};
use crate::news::{Arrival, News};
use crate::services::Services;
use crate::store::{self, reversal};

/// Name of the process of a sweep that somebody asks for.
pub const NAME: &str = "work-sweep";

/// Records of a page.
const PAGE: u32 = 1000;
/// Sources that are read by themselves at once.
const AT_ONCE: usize = 8;

/// Days of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    from: NaiveDate,
    /// None = and everything behind.
    to: Option<NaiveDate>,
}

impl Part {
    fn one_day(day: NaiveDate) -> Self {
        Self {
            from: day,
            to: Some(day),
        }
    }

    fn holds(&self, day: NaiveDate) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

/// A sweep that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// The connection, such as `psa/main`.
    pub connection: String,
    /// First day of the work.
    pub from: NaiveDate,
    /// Last day of the work.
    pub to: NaiveDate,
}

impl State for Sweep {
    fn title(&self) -> String {
        format!(
            "Compare work of {} from {} to {}",
            self.connection, self.from, self.to
        )
    }
}

/// The steps, in their order.
#[must_use]
pub fn definition() -> Process<Sweep, Services> {
    Process::named(NAME)
        .version(1)
        .step("compare_time", compare_time)
        .step("compare_expenses", compare_expenses)
        .default_owner(OwnerRule {
            role: "integration_operator",
            sla_hours: 24,
        })
}

async fn compare_time(ctx: &Ctx, sweep: &mut Sweep) -> Result<()> {
    asked_for::<TimeEntry>(ctx, sweep).await
}

async fn compare_expenses(ctx: &Ctx, sweep: &mut Sweep) -> Result<()> {
    asked_for::<Expense>(ctx, sweep).await
}

async fn asked_for<T: Source>(ctx: &Ctx, sweep: &Sweep) -> Result<()> {
    let place = format!("sweep {} {}", ctx.instance_id(), store::kind_word(T::KIND));
    let sweeping = Sweeping::<T>::begin(ctx.services(), &sweep.connection).await?;
    let parts = sweeping.parts(sweep.from, Some(sweep.to));
    sweeping.over(&place, parts).await
}

/// Compares the work of so many days back and everything dated later; and older days whose lines moved within that time,
/// for work that is entered late changes late.
///
/// # Errors
/// The PSA does not answer, or cannot list; failures of the database.
pub(crate) async fn recent<T: Source>(
    services: &Services,
    connection: &str,
    days: u32,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<()> {
    let today = now.date_naive();
    let from = today.checked_sub_days(Days::new(days.into())).unwrap_or(today);
    let place = format!("sweep {connection} {} stands", store::kind_word(T::KIND));
    let sweeping = Sweeping::<T>::begin(services, connection).await?;
    let parts = sweeping.recent_parts(from).await?;
    sweeping.over(&place, parts).await?;
    intake::note_sweep(&services.db, connection, T::KIND, now).await
}

/// A comparison under way.
struct Sweeping<'a, T: Source> {
    services: &'a Services,
    connection: &'a str,
    remote: Remote<T>,
    filters: Vec<Filter>,
    reads: bool,
}

impl<'a, T: Source> Sweeping<'a, T> {
    async fn begin(services: &'a Services, connection: &'a str) -> Result<Self> {
        let support = services.systems.support::<T>(connection).await?;
        Ok(Self {
            services,
            connection,
            remote: services.systems.collection::<T>(connection)?,
            reads: support.as_ref().is_some_and(|support| support.has(Verb::Read)),
            filters: support.map(|support| support.filters).unwrap_or_default(),
        })
    }

    /// Compares days, the earliest first; `place` names where an interrupted comparison stands.
    async fn over(&self, place: &str, mut parts: Vec<Part>) -> Result<()> {
        let db = &self.services.db;
        let name = place.to_owned();
        let stood = db
            .read(move |tx| Box::pin(async move { cursors::get(tx, &name).await }))
            .await?;
        let stood: Option<NaiveDate> = stood.and_then(|text| text.parse().ok());
        if let Some(done) = stood.and_then(|day| parts.iter().position(|part| part.from >= day)) {
            parts.drain(..done);
        }
        for part in parts {
            self.compare(part).await?;
            let (name, next) = (place.to_owned(), part.to.and_then(|to| to.succ_opt()));
            let next = next.map_or_else(String::new, |day| day.to_string());
            db.write(move |tx| Box::pin(async move { cursors::set(tx, &name, &next).await }))
                .await?;
        }
        Ok(())
    }

    fn lists_by_day(&self) -> bool {
        self.filters.contains(&Filter::Date)
    }

    /// Day by day where the PSA can list by day; else all at once.
    fn parts(&self, from: NaiveDate, to: Option<NaiveDate>) -> Vec<Part> {
        if !self.lists_by_day() {
            return vec![Part { from, to }];
        }
        let today = canonical_model::clock::now().date_naive();
        let last = to.unwrap_or(today);
        let mut parts: Vec<Part> = from
            .iter_days()
            .take_while(|day| *day <= last)
            .map(Part::one_day)
            .collect();
        if let (None, Some(behind)) = (to, last.succ_opt()) {
            parts.push(Part {
                from: behind.max(from),
                to: None,
            });
        }
        parts
    }

    /// The days from one on, and before them each day that has a live line which moved since then.
    async fn recent_parts(&self, from: NaiveDate) -> Result<Vec<Part>> {
        let (connection, kind) = (self.connection.to_owned(), T::KIND);
        let late = self.services.db.read(move |tx| {
            Box::pin(async move { reversal::days_that_moved(tx, &connection, kind, from).await })
        });
        let late = late.await?;
        if !self.lists_by_day() {
            return Ok(self.parts(late.first().copied().unwrap_or(from), None));
        }
        let mut parts: Vec<Part> = late.into_iter().map(Part::one_day).collect();
        parts.extend(self.parts(from, None));
        Ok(parts)
    }

    async fn compare(&self, part: Part) -> Result<()> {
        let approved = self.list(part).await?;
        if !self.reads {
            tracing::warn!(
                connection = self.connection,
                kind = store::kind_word(T::KIND),
                "the PSA cannot be asked for single records: what lost its approval is found by its feed only"
            );
            return Ok(());
        }
        let mut after = String::new();
        loop {
            let (connection, kind, from) = (self.connection.to_owned(), T::KIND, after.clone());
            let days = (part.from, part.to);
            let known = self.services.db.read(move |tx| {
                Box::pin(
                    async move { reversal::live_sources(tx, &connection, kind, days, &from, PAGE).await },
                )
            });
            let known = known.await?;
            let Some(last) = known.last() else { return Ok(()) };
            after.clone_from(last);
            let missing = known.iter().filter(|id| !approved.contains(*id));
            self.take(self.read(missing.cloned().collect()).await?).await?;
        }
    }

    /// Takes in everything that is approved; its ids.
    async fn list(&self, part: Part) -> Result<HashSet<String>> {
        let by_day = self.lists_by_day();
        let mut query = ListQuery {
            limit: Some(PAGE),
            state: self
                .filters
                .contains(&Filter::State)
                .then(|| "approved".to_owned()),
            date_from: by_day.then_some(part.from),
            date_to: part.to.filter(|_| by_day),
            ..ListQuery::default()
        };
        let mut approved = HashSet::new();
        loop {
            let page = self.remote.list(&query).await?;
            let mut arrivals = Vec::new();
            for record in &page.items {
                // What is not approved is looked at one by one: a list says no order of changes.
                if let News::Approved(work) = T::news(record)
                    && part.holds(work.date())
                {
                    approved.insert(record.id.clone());
                    arrivals.push(Arrival {
                        source_id: record.id.clone(),
                        changed_at: record.changed_at,
                        news: News::Approved(work),
                    });
                }
            }
            self.take(arrivals).await?;
            match page.next_cursor {
                Some(cursor) if Some(&cursor) != query.cursor.as_ref() => query.cursor = Some(cursor),
                _ => return Ok(approved),
            }
        }
    }

    /// What the PSA says of sources now, one by one.
    async fn read(&self, ids: Vec<String>) -> Result<Vec<Arrival>> {
        stream::iter(ids)
            .map(|id| async move {
                let news = match self.remote.read(&id).await {
                    Ok(record) => T::news(&record),
                    Err(failure) if failure.code == "not_found" => News::Deleted,
                    Err(failure) if failure.class == FailureClass::Business => News::Unreadable(failure),
                    Err(failure) => return Err(failure),
                };
                Ok::<_, Failure>(Arrival {
                    source_id: id,
                    changed_at: canonical_model::clock::now(),
                    news,
                })
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn take(&self, arrivals: Vec<Arrival>) -> Result<()> {
        if arrivals.is_empty() {
            return Ok(());
        }
        let (connection, kind): (_, SourceKind) = (self.connection.to_owned(), T::KIND);
        self.services
            .db
            .write(move |tx| Box::pin(async move { intake::take(tx, &connection, kind, arrivals).await }))
            .await?;
        self.services.waiting.notify_one();
        Ok(())
    }
}

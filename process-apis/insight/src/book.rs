//! The facts in memory, so that a figure is computed without reading the database.

use std::sync::{Arc, PoisonError, RwLock};

use canonical_model::Result;
use persistence::{Cipher, Database};
use tokio::sync::watch;

use crate::cost::{Rates, of_posted_work};
use crate::facts::Facts;
use crate::kpi::Costs;
use crate::store::{self, Kept};

/// Facts read from the database at a time.
const CHUNK: i64 = 5_000;

/// Everything that figures are made of.
#[derive(Debug, Default)]
pub struct Pages {
    /// The facts.
    pub facts: Facts,
    /// Cost of posted work at the rates that are known.
    pub costs: Costs,
    rates: Rates,
}

/// The facts and what follows from rates, shared by handlers and followers.
#[derive(Clone)]
pub struct Book {
    pages: Arc<RwLock<Pages>>,
    edition: watch::Sender<u64>,
}

impl Book {
    /// Reads everything that the database keeps.
    ///
    /// # Errors
    /// The database fails, or cost rates cannot be decrypted.
    pub async fn open(database: &Database, cipher: &Arc<Cipher>) -> Result<Self> {
        let book = Self {
            pages: Arc::default(),
            edition: watch::Sender::new(0),
        };
        let (mut told_ms, mut event_id) = (i64::MIN, String::new());
        loop {
            let after = event_id.clone();
            let chunk = database
                .read(move |tx| Box::pin(async move { store::facts_after(tx, told_ms, &after, CHUNK).await }))
                .await?;
            let Some(last) = chunk.last() else { break };
            (told_ms, event_id) = (last.told_ms, last.event_id.clone());
            book.write(|pages| {
                chunk
                    .into_iter()
                    .for_each(|kept| pages.facts.push(kept.event_id, kept.fact))
            });
        }
        book.reprice(database, cipher).await?;
        Ok(book)
    }

    /// Looks something up.
    pub fn read<T>(&self, look: impl FnOnce(&Pages) -> T) -> T {
        look(&self.pages.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes facts that have just been kept.
    pub fn add(&self, kept: Vec<Kept>) {
        if kept.is_empty() {
            return;
        }
        self.write(|pages| {
            kept.into_iter()
                .for_each(|kept| pages.facts.push(kept.event_id, kept.fact));
            pages.costs = of_posted_work(&pages.facts, &pages.rates);
        });
    }

    /// Reads the rates again and prices all work with them.
    ///
    /// # Errors
    /// As [`Book::open`].
    pub async fn reprice(&self, database: &Database, cipher: &Arc<Cipher>) -> Result<()> {
        let cipher = Arc::clone(cipher);
        let rates = database
            .read(move |tx| Box::pin(async move { store::rates(tx, &cipher).await }))
            .await?;
        self.write(|pages| {
            pages.costs = of_posted_work(&pages.facts, &rates);
            pages.rates = rates;
        });
        Ok(())
    }

    /// Changes whenever the book does.
    #[must_use]
    pub fn editions(&self) -> watch::Receiver<u64> {
        self.edition.subscribe()
    }

    fn write(&self, change: impl FnOnce(&mut Pages)) {
        change(&mut self.pages.write().unwrap_or_else(PoisonError::into_inner));
        self.edition.send_modify(|edition| *edition += 1);
    }
}

//! What NetSuite's ids stand for: currencies by their ISO code, people by their e-mail address.
//!
//! NetSuite refers to both by internal id, and its display name of a currency is no code ("British Pound"). The
//! directory remembers them for a while and asks again when an id turns up that it does not know.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use canonical_model::{Currency, Failure, RecordRef, Result};
use rust_decimal::Decimal;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::client::Client;
use crate::wire::Record;

/// A snapshot.
#[derive(Default)]
pub(crate) struct Lookups {
    /// Symbol by id.
    currencies: HashMap<String, String>,
    /// Worth of one unit in the account's base currency, by id.
    rates: HashMap<String, Decimal>,
    /// E-mail address by id.
    people: HashMap<String, String>,
    missed: AtomicBool,
}

impl Lookups {
    /// A snapshot of known values.
    #[cfg(test)]
    pub(crate) fn new(currencies: &[(&str, &str)], people: &[(&str, &str)]) -> Self {
        let owned = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(id, value)| ((*id).to_owned(), (*value).to_owned()))
                .collect()
        };
        Self {
            currencies: owned(currencies),
            rates: HashMap::new(),
            people: owned(people),
            missed: AtomicBool::new(false),
        }
    }

    /// The currency that a field of a record refers to.
    pub(crate) fn currency(&self, record: &Record, field: &str) -> Result<Currency> {
        let id = record.text(field).ok_or_else(|| record.bad(field))?;
        self.currency_of(&id)
    }

    /// The currency of an id.
    pub(crate) fn currency_of(&self, id: &str) -> Result<Currency> {
        let Some(symbol) = self.currencies.get(id) else {
            self.missed.store(true, Ordering::Relaxed);
            return Err(unknown(format!("NetSuite has no currency {id}")));
        };
        symbol.parse().map_err(|_| {
            unknown(format!(
                "currency {id} of NetSuite has the symbol {symbol:?}, which is no ISO code"
            ))
        })
    }

    /// The id of a currency; of several with one symbol the oldest.
    pub(crate) fn currency_id(&self, currency: Currency) -> Option<String> {
        let ids = self
            .currencies
            .iter()
            .filter(|(_, symbol)| *symbol == currency.code())
            .map(|(id, _)| id);
        ids.min_by_key(|id| (id.len(), (*id).clone())).cloned()
    }

    /// Worth of one unit of a currency in the account's base currency, by its current rate.
    pub(crate) fn rate(&self, currency: Currency) -> Option<Decimal> {
        self.rates.get(&self.currency_id(currency)?).copied()
    }

    /// A reference to a person, labelled with the e-mail address.
    pub(crate) fn person(&self, record: &Record, field: &str) -> Option<RecordRef> {
        let id = record.text(field)?;
        let address = self.people.get(&id);
        if address.is_none() {
            self.missed.store(true, Ordering::Relaxed);
        }
        let label = address.filter(|address| !address.is_empty()).cloned();
        Some(RecordRef { id, label })
    }
}

fn unknown(message: String) -> Failure {
    Failure::fault(
        "unmapped_currency",
        format!("{message}: give it its ISO code in NetSuite"),
    )
}

/// Keeps the newest snapshot.
pub(crate) struct Directory {
    life: Duration,
    held: Mutex<Option<(Instant, Arc<Lookups>)>>,
}

impl Directory {
    /// Empty; filled at the first use.
    pub(crate) fn new(life_s: u64) -> Self {
        Self {
            life: Duration::from_secs(life_s),
            held: Mutex::new(None),
        }
    }

    /// The snapshot, fetched where there is none or it is old.
    pub(crate) async fn current(&self, client: &Client) -> Result<Arc<Lookups>> {
        let mut held = self.held.lock().await;
        if let Some((_, lookups)) = held.as_ref().filter(|(at, _)| at.elapsed() < self.life) {
            return Ok(Arc::clone(lookups));
        }
        let lookups = Arc::new(fetch(client).await?);
        *held = Some((Instant::now(), Arc::clone(&lookups)));
        Ok(lookups)
    }

    /// A newer snapshot where one that was used did not know an id; `None` where nothing was missed.
    pub(crate) async fn renewed(&self, client: &Client, used: &Lookups) -> Result<Option<Arc<Lookups>>> {
        if !used.missed.swap(false, Ordering::Relaxed) {
            return Ok(None);
        }
        *self.held.lock().await = None;
        self.current(client).await.map(Some)
    }

    /// The id of a currency, asked for again where it is not known.
    pub(crate) async fn currency_id(&self, client: &Client, currency: Currency) -> Result<String> {
        if let Some(id) = self.current(client).await?.currency_id(currency) {
            return Ok(id);
        }
        *self.held.lock().await = None;
        self.current(client).await?.currency_id(currency).ok_or_else(|| {
            let message = format!("NetSuite has no currency {currency}: create it there or choose another");
            Failure::business("unknown_currency", message)
        })
    }
}

async fn fetch(client: &Client) -> Result<Lookups> {
    let currencies = client
        .query_all("SELECT id, symbol, exchangerate FROM currency WHERE 1 = 1")
        .await?;
    let people = client
        .query_all("SELECT id, email FROM employee WHERE 1 = 1")
        .await?;
    let pairs = |rows: Vec<Record>, field: &str| {
        let pairs = rows
            .into_iter()
            .filter_map(|row| Some((row.text("id")?, row.text(field).unwrap_or_default())));
        pairs.collect()
    };
    let rates = currencies
        .iter()
        .filter_map(|row| Some((row.text("id")?, row.number("exchangerate").ok()??)));
    Ok(Lookups {
        rates: rates.collect(),
        currencies: pairs(currencies, "symbol"),
        people: pairs(people, "email"),
        missed: AtomicBool::new(false),
    })
}

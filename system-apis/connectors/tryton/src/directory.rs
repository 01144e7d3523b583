//! What Tryton's ids stand for: currencies and countries by their ISO codes, people by their e-mail address, units.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use canonical_model::{Currency, Failure, RecordRef, Result};
use rust_decimal::Decimal;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::client::{Client, Search};
use crate::wire::Record;

/// A snapshot.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    /// The company of the connection.
    pub(crate) company: i64,
    /// Its party.
    pub(crate) company_party: i64,
    /// Code of the currency of its books.
    pub(crate) company_currency: String,
    /// Where it is, as far as its addresses tell.
    pub(crate) country: Option<String>,
    /// Code by id.
    currencies: HashMap<i64, String>,
    /// ISO code by id.
    countries: HashMap<i64, String>,
    /// Who somebody is, by id.
    people: HashMap<i64, Employee>,
    /// Units of time, by id: hours in one of them.
    time_units: HashMap<i64, Decimal>,
    /// Digits after the decimal point that a quantity may have, by unit.
    digits: HashMap<i64, u32>,
    missed: AtomicBool,
}

/// An employee as far as others refer to her or him.
#[derive(Debug, Clone, Default)]
pub(crate) struct Employee {
    /// E-mail address; empty where there is none.
    pub(crate) email: String,
    /// The party.
    pub(crate) party: i64,
}

impl Lookups {
    /// A snapshot of known values.
    #[cfg(test)]
    pub(crate) fn new(currencies: &[(i64, &str)], countries: &[(i64, &str)], people: &[(i64, &str)]) -> Self {
        let owned =
            |pairs: &[(i64, &str)]| pairs.iter().map(|(id, text)| (*id, (*text).to_owned())).collect();
        Self {
            company: 1,
            company_party: 1,
            company_currency: "EUR".to_owned(),
            country: Some("DE".to_owned()),
            currencies: owned(currencies),
            countries: owned(countries),
            people: people
                .iter()
                .map(|(id, email)| {
                    let email = (*email).to_owned();
                    (
                        *id,
                        Employee {
                            email,
                            party: *id + 100,
                        },
                    )
                })
                .collect(),
            time_units: HashMap::from([(9, Decimal::ONE), (10, Decimal::from(24))]),
            digits: HashMap::from([(1, 0), (9, 2), (10, 2)]),
            missed: AtomicBool::new(false),
        }
    }

    /// The currency of the company's books.
    pub(crate) fn own_currency(&self) -> Result<Currency> {
        self.company_currency.parse().map_err(|_| {
            unknown(format!(
                "the company's currency in Tryton has the code {:?}",
                self.company_currency
            ))
        })
    }

    /// The country of a company: that of the first address of its party that has one.
    pub(crate) fn company_country(&self, company: &Record) -> Option<String> {
        let addresses = company.many("party.addresses").ok()?;
        let ids = addresses.iter().filter_map(|address| address.integer("country"));
        ids.filter_map(|id| self.country(id)).map(str::to_owned).next()
    }

    /// The currency that a field of a record refers to.
    pub(crate) fn currency(&self, record: &Record, field: &str) -> Result<Currency> {
        let id = record.integer(field).ok_or_else(|| record.bad(field))?;
        let Some(code) = self.currencies.get(&id) else {
            self.missed.store(true, Ordering::Relaxed);
            return Err(unknown(format!("Tryton has no currency {id}")));
        };
        code.parse()
            .map_err(|_| unknown(format!("currency {id} of Tryton has the code {code:?}")))
    }

    fn currency_id(&self, currency: Currency) -> Option<i64> {
        let ids = self
            .currencies
            .iter()
            .filter(|(_, code)| *code == currency.code())
            .map(|(id, _)| *id);
        ids.min()
    }

    /// The ISO code of a country.
    pub(crate) fn country(&self, id: i64) -> Option<&str> {
        self.countries.get(&id).map(String::as_str)
    }

    /// The id of a country.
    pub(crate) fn country_id(&self, code: &str) -> Option<i64> {
        self.countries
            .iter()
            .find(|(_, known)| *known == code)
            .map(|(id, _)| *id)
    }

    /// A reference to a person, labelled with the e-mail address.
    pub(crate) fn person(&self, id: i64) -> RecordRef {
        let known = self.people.get(&id);
        if known.is_none() {
            self.missed.store(true, Ordering::Relaxed);
        }
        let label = known
            .map(|person| person.email.clone())
            .filter(|email| !email.is_empty());
        RecordRef {
            id: id.to_string(),
            label,
        }
    }

    /// Digits after the decimal point of quantities in a unit.
    pub(crate) fn digits_of(&self, unit: i64) -> u32 {
        self.digits.get(&unit).copied().unwrap_or_default()
    }

    /// Hours in a unit of time; `None` for what measures no time.
    pub(crate) fn hours_in(&self, unit: i64) -> Option<Decimal> {
        self.time_units.get(&unit).copied()
    }
}

fn unknown(message: String) -> Failure {
    Failure::fault(
        "unmapped_currency",
        format!("{message}: give it its ISO code in Tryton"),
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

    /// A newer snapshot.
    pub(crate) async fn fetched_again(&self, client: &Client) -> Result<Arc<Lookups>> {
        *self.held.lock().await = None;
        self.current(client).await
    }

    /// A newer snapshot where one that was used did not know an id; `None` where nothing was missed.
    pub(crate) async fn renewed(&self, client: &Client, used: &Lookups) -> Result<Option<Arc<Lookups>>> {
        if !used.missed.swap(false, Ordering::Relaxed) {
            return Ok(None);
        }
        self.fetched_again(client).await.map(Some)
    }

    /// The id of a currency, asked for again where it is not known.
    pub(crate) async fn currency_id(&self, client: &Client, currency: Currency) -> Result<i64> {
        if let Some(id) = self.current(client).await?.currency_id(currency) {
            return Ok(id);
        }
        let newer = self.fetched_again(client).await?;
        newer.currency_id(currency).ok_or_else(|| {
            let message = format!("Tryton has no currency {currency}: create it there or choose another");
            Failure::business("unknown_currency", message)
        })
    }

    /// The employee of an id, asked for again where she or he is not known.
    pub(crate) async fn employee(&self, client: &Client, id: i64) -> Result<Employee> {
        if let Some(employee) = self.current(client).await?.people.get(&id) {
            return Ok(employee.clone());
        }
        let newer = self.fetched_again(client).await?;
        newer.people.get(&id).cloned().ok_or_else(|| {
            let message = format!("Tryton has no employee {id}");
            Failure::business("invalid_reference", message)
        })
    }
}

async fn fetch(client: &Client) -> Result<Lookups> {
    let company = client.company().await?;
    let owned = |fields: &[&str]| fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>();
    let all = async |model: &str, domain: Vec<serde_json::Value>, fields: &[&str]| {
        let fields = owned(fields);
        let search = Search {
            model,
            domain,
            order: &["id"],
            limit: None,
            fields: &fields,
        };
        client.search_read(search).await.map(|found| found.rows)
    };
    let with_inactive = || vec![json!(["active", "in", [true, false]])];
    let companies = all(
        "company.company",
        vec![json!(["id", "=", company])],
        &["party", "currency.code", "party.addresses.country"],
    )
    .await?;
    let currencies = all("currency.currency", with_inactive(), &["code"]).await?;
    let countries = all("country.country", with_inactive(), &["code"]).await?;
    let people = all("company.employee", with_inactive(), &["party", "party.email"]).await?;
    let hour = client.xml_id("product", "uom_hour").await?;
    let units = all("product.uom", Vec::new(), &["factor", "category", "digits"]).await?;
    let time = units
        .iter()
        .find(|unit| unit.integer("id") == Some(hour))
        .and_then(|unit| unit.integer("category"));
    let mut time_units = HashMap::new();
    for unit in units.iter().filter(|unit| unit.integer("category") == time) {
        time_units.insert(unit.id()?, unit.amount("factor")?);
    }
    // Factors are relative to the category's base unit, which need not be the hour.
    let base = time_units.get(&hour).copied().unwrap_or(Decimal::ONE);
    for factor in time_units.values_mut() {
        *factor = factor.checked_div(base).unwrap_or(*factor);
    }
    let codes = |rows: &[Record]| {
        let pairs = rows
            .iter()
            .filter_map(|row| Some((row.integer("id")?, row.text("code")?)));
        pairs.collect::<HashMap<_, _>>()
    };
    let digits = |unit: &Record| {
        let digits = u32::try_from(unit.integer("digits")?).ok()?;
        Some((unit.integer("id")?, digits))
    };
    let employee = |row: &Record| {
        let employee = Employee {
            email: row.text("party.email").unwrap_or_default(),
            party: row.integer("party")?,
        };
        Some((row.integer("id")?, employee))
    };
    let own = companies.into_iter().next().unwrap_or_default();
    let mut lookups = Lookups {
        company,
        company_party: own.integer("party").unwrap_or_default(),
        company_currency: own.text("currency.code").unwrap_or_default(),
        country: None,
        currencies: codes(&currencies),
        countries: codes(&countries),
        people: people.iter().filter_map(employee).collect(),
        time_units,
        digits: units.iter().filter_map(digits).collect(),
        missed: AtomicBool::new(false),
    };
    lookups.country = lookups.company_country(&own);
    Ok(lookups)
}

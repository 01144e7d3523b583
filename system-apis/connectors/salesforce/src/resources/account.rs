//! Accounts.

use std::collections::BTreeMap;

use canonical_model::{Account, Currency, FindBy, ListQuery, Result, Sourced};
use system_ports::{Consistency, Idempotency, Support, Verb};

use super::{LookUp, Noun};
use crate::mapping::account::{bare_number, columns, domain_of, from_record, to_fields};
use crate::settings::{ExtensionNames, FieldName, LinkNames, Settings};
use crate::soql;
use crate::wire::{Fields, Record};

impl Noun for Account {
    const HAS_CURRENCY: bool = true;
    const MADE_BY_PEOPLE: bool = false;

    fn support() -> Support {
        Support {
            verbs: vec![
                Verb::List,
                Verb::Read,
                Verb::Find,
                Verb::Changes,
                Verb::Write,
                Verb::Link,
            ],
            filters: Vec::new(),
            find_by: vec![
                FindBy::EffectKey,
                FindBy::Name,
                FindBy::Domain,
                FindBy::TaxRegistration,
            ],
            idempotency: Idempotency::ExternalIdUpsert,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 200,
        }
    }

    fn names(settings: &Settings) -> (&FieldName, &FieldName) {
        (&settings.account.object, &settings.account.key)
    }

    fn columns(settings: &Settings) -> Vec<String> {
        columns(settings)
    }

    fn extensions(settings: &Settings) -> &ExtensionNames {
        &settings.extensions.account
    }

    fn links(settings: &Settings) -> Option<&BTreeMap<String, LinkNames>> {
        Some(&settings.links.account)
    }

    fn children(_: &Settings) -> Option<&str> {
        None
    }

    fn always(_: &Settings) -> Option<String> {
        None
    }

    fn filters(_: &Settings, _: &ListQuery) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn look_ups(settings: &Settings, by: FindBy, value: &str) -> Vec<LookUp<Self>> {
        match by {
            FindBy::Name => LookUp::field(Some("Name"), value),
            FindBy::Domain => domain_of(value)
                .map(|domain| by_domain(settings, &domain))
                .unwrap_or_default(),
            FindBy::TaxRegistration => by_tax_registration(settings, value).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn from_record(record: &Record, settings: &Settings) -> Result<Self> {
        from_record(record, settings)
    }

    fn to_fields(&self, settings: &Settings, known: Option<Currency>) -> Result<Fields> {
        to_fields(self, settings, known)
    }

    fn needs_currency(&self) -> bool {
        self.financials.is_some() && self.currency.is_none()
    }
}

/// By web site and by the addresses of contacts. The vendor allows no sub-query beside an OR: each is asked by itself.
fn by_domain(settings: &Settings, domain: &str) -> Vec<LookUp<Account>> {
    let site = LookUp {
        condition: format!("Website LIKE {}", soql::pattern(["", domain, ""])),
        meant: |found: &Sourced<Account>, value| {
            let (own, wanted) = (
                found.data.website.as_deref().and_then(domain_of),
                domain_of(value),
            );
            own.zip(wanted)
                .is_some_and(|(own, wanted)| own == wanted || own.ends_with(&format!(".{wanted}")))
        },
    };
    let contacts = settings.contact.object.name();
    let address = soql::pattern(["", &format!("@{domain}")]);
    let people = LookUp::exact(format!(
        "Id IN (SELECT AccountId FROM {contacts} WHERE Email LIKE {address})"
    ));
    vec![site, people]
}

/// However the number is spaced.
fn by_tax_registration(settings: &Settings, value: &str) -> Option<LookUp<Account>> {
    let bare = bare_number(value);
    let field = settings
        .account
        .tax_registration
        .get()
        .filter(|_| !bare.is_empty())?;
    let characters: Vec<String> = bare.chars().map(String::from).collect();
    let spread = soql::pattern(characters.iter().map(String::as_str));
    Some(LookUp {
        condition: format!("{field} LIKE {spread}"),
        meant: |found: &Sourced<Account>, value| {
            let wanted = bare_number(value);
            found
                .data
                .tax_registrations
                .iter()
                .any(|own| bare_number(&own.number) == wanted)
        },
    })
}

//! Rate cards and cost rates: set by the account's administrators, only read here.

use std::collections::BTreeSet;

use canonical_model::{CostRate, FindBy, RateCard, Result, Sourced};
use chrono::{DateTime, Utc};
use system_ports::{Support, Verb};

use super::{Noun, Shared, Stamp, params, same_text};
use crate::client::{Object, Params};
use crate::mapping::{View, rates};
use crate::wire::{Envelope, Record};

impl Noun for RateCard {
    const OBJECT: Object = Object {
        plural: "rate_cards",
        singular: "rate_card",
    };
    const LISTED_BY: Stamp = Stamp::None;
    const CHANGED_BY: Stamp = Stamp::None;

    fn support() -> Support {
        Support::read_only(&[Verb::List, Verb::Read, Verb::Find], &[FindBy::Name])
    }

    fn params() -> Params {
        params(&[("include", "rate_card_set")])
    }

    fn read(record: &Record, view: View<'_>) -> Result<Option<Self>> {
        rates::read_card(record, view).map(Some)
    }

    fn changed_at(record: &Record, _: View<'_>) -> Result<DateTime<Utc>> {
        Ok(record.instant("updated_at")?.unwrap_or(DateTime::UNIX_EPOCH))
    }

    fn meant(found: &Sourced<Self>, _: FindBy, value: &str) -> bool {
        same_text(&found.data.name, value)
    }

    async fn complete(shared: &Shared, envelope: &mut Envelope, ids: &[String]) -> Result<()> {
        let cards: BTreeSet<String> = ids.iter().cloned().collect();
        let along = params(&[("include", "rate_card_set_version,rate_card_roles")]);
        let what = "reading versions of rate cards";
        let versions = shared
            .client
            .by_ids("rate_card_versions", ("rate_card_id", &cards), &along, what)
            .await?;
        envelope.take_along(versions);
        let lines: Vec<String> = envelope
            .all("rate_card_roles")
            .filter_map(|r| r.text("id"))
            .collect();
        let roles = envelope.ids_in("rate_card_roles", &lines, "role_id");
        shared.load_roles(envelope, roles).await
    }
}

impl Noun for CostRate {
    const OBJECT: Object = Object {
        plural: "cost_rates",
        singular: "cost_rate",
    };
    const LISTED_BY: Stamp = Stamp::None;
    const CHANGED_BY: Stamp = Stamp::None;

    fn support() -> Support {
        Support::read_only(&[Verb::List, Verb::Read], &[])
    }

    fn params() -> Params {
        params(&[("include", "account_membership")])
    }

    fn read(record: &Record, view: View<'_>) -> Result<Option<Self>> {
        rates::read_cost(record, view)
    }

    fn changed_at(record: &Record, _: View<'_>) -> Result<DateTime<Utc>> {
        Ok(record.instant("updated_at")?.unwrap_or(DateTime::UNIX_EPOCH))
    }

    async fn complete(shared: &Shared, envelope: &mut Envelope, _: &[String]) -> Result<()> {
        let members: Vec<String> = envelope
            .all("account_memberships")
            .filter_map(|m| m.text("id"))
            .collect();
        let people = envelope.ids_in("account_memberships", &members, "user_id");
        shared.load_people(envelope, people).await
    }
}

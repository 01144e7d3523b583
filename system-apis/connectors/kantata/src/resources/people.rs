//! People and roles: made by the account's administrators, only read here.

use canonical_model::{FindBy, Person, Result, Role, Sourced};
use chrono::{DateTime, Utc};
use system_ports::{Support, Verb};

use super::{Noun, Shared, Stamp, params, same_text};
use crate::client::{Object, Params};
use crate::mapping::{View, person};
use crate::settings::Settings;
use crate::wire::{Envelope, Record};

impl Noun for Person {
    const OBJECT: Object = Object {
        plural: "users",
        singular: "user",
    };
    const LISTED_BY: Stamp = Stamp::None;
    const CHANGED_BY: Stamp = Stamp::None;

    fn support() -> Support {
        Support::read_only(
            &[Verb::List, Verb::Read, Verb::Find],
            &[FindBy::Email, FindBy::Name],
        )
    }

    fn params() -> Params {
        params(&[
            ("on_my_account", "true"),
            (
                "include",
                "account_membership,role,skill_memberships,custom_field_values",
            ),
        ])
    }

    fn read(record: &Record, view: View<'_>) -> Result<Option<Self>> {
        person::read(record, view).map(Some)
    }

    /// Users have no stamp; their memberships do.
    fn changed_at(record: &Record, view: View<'_>) -> Result<DateTime<Utc>> {
        let membership = view
            .envelope
            .follow(record, "account_membership_id", "account_memberships");
        let at = membership.map(|m| m.instant("updated_at")).transpose()?.flatten();
        Ok(at.unwrap_or(DateTime::UNIX_EPOCH))
    }

    fn look_up(by: FindBy, value: &str, _: &Settings) -> Option<Params> {
        Some(match by {
            FindBy::Email => params(&[("by_email_address", value)]),
            _ => params(&[("search", value)]),
        })
    }

    fn meant(found: &Sourced<Self>, by: FindBy, value: &str) -> bool {
        match by {
            FindBy::Email => same_text(&found.data.email, value),
            _ => same_text(&found.data.name, value),
        }
    }

    async fn complete(shared: &Shared, envelope: &mut Envelope, _: &[String]) -> Result<()> {
        let memberships: Vec<String> = envelope
            .all("skill_memberships")
            .filter_map(|m| m.text("id"))
            .collect();
        let skills = envelope.ids_in("skill_memberships", &memberships, "skill_id");
        shared.load(envelope, "skills", skills, Vec::new()).await?;
        let members: Vec<String> = envelope
            .all("account_memberships")
            .filter_map(|m| m.text("id"))
            .collect();
        let roles = envelope.ids_in("account_memberships", &members, "default_role_id");
        shared.load_roles(envelope, roles).await
    }
}

impl Noun for Role {
    const OBJECT: Object = Object {
        plural: "roles",
        singular: "role",
    };
    const LISTED_BY: Stamp = Stamp::None;
    const CHANGED_BY: Stamp = Stamp::None;

    fn support() -> Support {
        Support::read_only(&[Verb::List, Verb::Read, Verb::Find], &[FindBy::Name])
    }

    fn params() -> Params {
        Vec::new()
    }

    fn read(record: &Record, _: View<'_>) -> Result<Option<Self>> {
        person::read_role(record)
    }

    fn changed_at(record: &Record, _: View<'_>) -> Result<DateTime<Utc>> {
        Ok(record.instant("updated_at")?.unwrap_or(DateTime::UNIX_EPOCH))
    }

    fn meant(found: &Sourced<Self>, _: FindBy, value: &str) -> bool {
        same_text(&found.data.name, value)
    }
}

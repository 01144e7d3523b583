//! People and roles.

use canonical_model::{Minutes, Person, Result, Role};

use super::{View, label_in, role_ref};
use crate::wire::Record;

/// Reads a person.
pub(crate) fn read(record: &Record, view: View<'_>) -> Result<Person> {
    let membership = view
        .envelope
        .follow(record, "account_membership_id", "account_memberships");
    let usual = membership.and_then(|m| m.text("default_role_id"));
    let role = record.text("role_id").or(usual);
    let fields = &view.settings.fields;
    let hours = match fields.person_weekly_hours.as_deref() {
        Some(field) => view.envelope.custom_text(record, field),
        None => None,
    };
    let minutes = hours.and_then(|hours| Minutes::from_hours(hours.parse().ok()?));
    let left = membership.is_some_and(|m| m.text("disabled_at").is_some());
    Ok(Person {
        name: record.needed_text("full_name")?,
        email: record.needed_text("email_address")?,
        home_entity: label_in(view, record, fields.person_legal_entity.as_deref()),
        role: role.map(|id| role_ref(view, id)),
        skills: skills(record, view),
        weekly_capacity_minutes: minutes,
        active: !record.flag("disabled") && !left,
    })
}

fn skills(record: &Record, view: View<'_>) -> Vec<String> {
    let memberships = record.ids("skill_membership_ids");
    let memberships = memberships
        .iter()
        .filter_map(|id| view.envelope.get("skill_memberships", id));
    let names = memberships.filter_map(|m| view.envelope.follow(m, "skill_id", "skills")?.text("name"));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Reads a role; one that was deleted is none.
pub(crate) fn read_role(record: &Record) -> Result<Option<Role>> {
    if record.text("deleted_at").is_some() {
        return Ok(None);
    }
    Ok(Some(Role {
        name: record.needed_text("name")?,
    }))
}

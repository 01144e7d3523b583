//! Associations: which records belong to a record.
//!
//! Beside the kinds that `schema.json` explains: `values` and `references` are custom field values and external references,
//! `active` is the submission that a line is on while that is pending or approved, `named` leaves out seats without a person, `current` leaves out ended assignments, `participants` and `assignees` go
//! through participations and assignments, `membership`, `group_workspaces` and `milestone_invoices` say what they are.

use serde_json::Value;

use super::call::View;
use super::computed::active_submission;
use super::schema::Collection;
use crate::store::Record;

/// What an association leads to.
pub(super) struct Association<'a> {
    pub(super) collection: &'a str,
    pub(super) ids: Vec<String>,
    /// The key under which the record names the ids, and whether that is a list; `None` = a field of the record.
    pub(super) key: Option<(&'a str, bool)>,
}

/// An association by name; `None` where the collection has none of it.
pub(super) fn find<'a>(
    view: View<'_>,
    collection: &'a Collection,
    record: &Record,
    name: &str,
) -> Option<Association<'a>> {
    let definition: Vec<&str> = collection
        .includes
        .get(name)?
        .iter()
        .map(String::as_str)
        .collect();
    let of = |collection: &'a str, ids: Vec<String>, key| Association { collection, ids, key };
    Some(match *definition.as_slice() {
        ["values"] => of(
            "custom_field_values",
            values(view, collection, record),
            Some(("custom_field_value_ids", true)),
        ),
        ["references"] => of(
            "external_references",
            references(view, collection, record),
            Some(("external_reference_ids", true)),
        ),
        ["one", field, target] => of(
            target,
            record.text(field).map(str::to_owned).into_iter().collect(),
            None,
        ),
        ["active", _, target] => {
            let active = active_submission(view, target, record);
            of(target, active.map(|s| s.id.clone()).into_iter().collect(), None)
        }
        ["many", field, target] => of(target, list(record.get(field)), None),
        [kind @ ("by" | "named" | "current"), field, target, key] => {
            let records = view.having(target, field, &record.id).into_iter();
            let records = records.filter(|r| match kind {
                "named" => r.text("user_id").is_some(),
                "current" => r.get("current") == &Value::Bool(true),
                _ => true,
            });
            of(target, records.map(|r| r.id.clone()).collect(), Some((key, true)))
        }
        ["participants", key, target] => {
            let participations = view.having("participations", "workspace_id", &record.id);
            of(target, texts(&participations, "user_id"), Some((key, true)))
        }
        ["assignees", key, target] => of(target, assignees(view, &record.id), Some((key, true))),
        ["membership", key, target] => {
            let found = view.having("account_memberships", "user_id", &record.id);
            of(
                target,
                found.iter().map(|r| r.id.clone()).collect(),
                Some((key, false)),
            )
        }
        ["group_workspaces", key, target] => {
            let id = Value::from(record.id.as_str());
            let workspaces = view.tables.rows("workspaces");
            let inside = workspaces.filter(|w| {
                w.get("workspace_group_ids")
                    .as_array()
                    .is_some_and(|a| a.contains(&id))
            });
            of(target, inside.map(|w| w.id.clone()).collect(), Some((key, true)))
        }
        ["milestone_invoices", key, target] => of(
            target,
            record.text("invoice_id").map(str::to_owned).into_iter().collect(),
            Some((key, true)),
        ),
        _ => return None,
    })
}

/// People who are assigned to a task now.
pub(super) fn assignees(view: View<'_>, story_id: &str) -> Vec<String> {
    let mut assignments = view.having("assignments", "story_id", story_id);
    assignments.retain(|a| a.get("current") == &Value::Bool(true));
    texts(&assignments, "assignee_id")
}

/// Ids of a record's custom field values.
fn values(view: View<'_>, collection: &Collection, record: &Record) -> Vec<String> {
    let Some(subject) = &collection.custom else {
        return Vec::new();
    };
    let found = view.having(
        "custom_field_values",
        "_subject",
        &format!("{subject}:{}", record.id),
    );
    found.into_iter().map(|r| r.id.clone()).collect()
}

fn references(view: View<'_>, collection: &Collection, record: &Record) -> Vec<String> {
    of_record(view, collection, record)
        .into_iter()
        .map(|r| r.id.clone())
        .collect()
}

/// A record's external references.
pub(super) fn of_record<'v>(view: View<'v>, collection: &Collection, record: &Record) -> Vec<&'v Record> {
    let Some(subject) = &collection.subject else {
        return Vec::new();
    };
    view.having(
        "external_references",
        "_subject",
        &format!("{subject}:{}", record.id),
    )
}

fn texts(records: &[&Record], field: &str) -> Vec<String> {
    records
        .iter()
        .filter_map(|r| r.text(field))
        .map(str::to_owned)
        .collect()
}

/// The texts of an array.
pub(super) fn list(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

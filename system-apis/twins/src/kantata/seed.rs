//! What the account holds before anybody writes to it: the people, roles, rates and custom fields of Northwind Advisory.
//!
//! The records are data (`seed.json`); custom fields come from the customisation in the settings.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Kantata;
use super::call::{Call, Who};
use super::errors::ApiError;
use super::rules::custom;
use crate::store::{Caller, Fields, Transaction};

#[derive(Deserialize)]
struct Row {
    collection: String,
    id: String,
    fields: Fields,
}

/// Fills an empty store.
pub(super) fn plant(account: &Kantata) {
    let rows: Vec<Row> = match serde_json::from_str(include_str!("seed.json")) {
        Ok(rows) => rows,
        Err(error) => {
            tracing::error!(%error, "the seed of the Kantata twin is not readable");
            return;
        }
    };
    let caller = Caller {
        name: "seed".to_owned(),
        ..Caller::default()
    };
    let planted: Result<(), ApiError> = account.store.transact(&caller, |tx| {
        plant_custom_fields(account, tx);
        rows.into_iter().try_for_each(|row| plant_one(account, tx, row))
    });
    if let Err(error) = planted {
        tracing::error!(error = %error.body(), "the seed of the Kantata twin is refused");
    }
}

fn plant_one(account: &Kantata, tx: &mut Transaction<'_>, row: Row) -> Result<(), ApiError> {
    if row.collection != "custom_field_values" {
        tx.create(&row.collection, row.id, row.fields);
        return Ok(());
    }
    let who = Who {
        user_id: "10".to_owned(),
        permission: "administrator".to_owned(),
        page_shift: false,
    };
    let mut call = Call {
        account,
        who: &who,
        tx,
        quiet: true,
    };
    custom::set_value(&mut call, row.fields).map(drop)
}

fn plant_custom_fields(account: &Kantata, tx: &mut Transaction<'_>) {
    let own = |value: Value| value.as_object().cloned().unwrap_or_default();
    let customisation = &account.settings.customisation;
    for set in &customisation.sets {
        let fields = json!({"title": set.title, "subject_type": set.subject_type});
        tx.create("custom_field_sets", set.id.clone(), own(fields));
    }
    for field in &customisation.fields {
        let set = customisation.sets.iter().find(|s| s.id == field.set);
        let fields = json!({
            "name": field.name, "subject_type": set.map(|s| s.subject_type.as_str()), "value_type": field.value_type,
            "unique_constraint": field.unique, "custom_field_set_id": field.set});
        tx.create("custom_fields", field.id.clone(), own(fields));
        for choice in &field.choices {
            let fields = json!({"custom_field_id": field.id, "label": choice.label});
            tx.create("custom_field_choices", choice.id.clone(), own(fields));
        }
    }
}

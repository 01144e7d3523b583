//! The org's first records: the firm's users, currencies, stages, price book and one old customer.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::call::{Call, Who};
use super::errors::ApiError;
use super::{Salesforce, ids, write};
use crate::store::{Caller, Fields};

#[derive(Deserialize)]
struct Planted {
    object: String,
    /// Name by which later records refer to this one, as `@name`.
    #[serde(rename = "ref")]
    reference: String,
    fields: Fields,
}

/// Puts the seed into the (empty) store.
pub(super) fn plant(org: &Salesforce) {
    let seed: Result<Vec<Planted>, _> = serde_json::from_str(include_str!("seed.json"));
    let seed = match seed {
        Ok(seed) => seed,
        Err(error) => {
            tracing::error!(%error, "the seed of the Salesforce twin is not readable");
            return;
        }
    };
    let who = Who {
        user_id: ids::nth("005", 1),
        version: "60.0".to_owned(),
        base_url: String::new(),
        locked: false,
        page_shift: false,
    };
    let caller = Caller {
        name: "seed".to_owned(),
        ..Caller::default()
    };
    let planted = org.store.transact(&caller, |tx| {
        let mut call = Call { org, who: &who, tx };
        plant_all(&mut call, seed)
    });
    if let Err(error) = planted {
        tracing::error!(
            code = error.code,
            message = error.message,
            "the seed of the Salesforce twin is refused"
        );
    }
}

fn plant_all(call: &mut Call<'_, '_>, seed: Vec<Planted>) -> Result<(), ApiError> {
    let mut known: HashMap<String, String> = HashMap::new();
    for Planted {
        object,
        reference,
        mut fields,
    } in seed
    {
        for value in fields.values_mut() {
            let target = value
                .as_str()
                .and_then(|t| t.strip_prefix('@'))
                .and_then(|name| known.get(name));
            if let Some(id) = target {
                *value = Value::from(id.as_str());
            }
        }
        if reference == "integration" {
            fields.insert(
                "Username".to_owned(),
                Value::from(call.org.settings.integration_user.as_str()),
            );
        }
        let Some(object) = call.org.schema.object(&object) else {
            return Err(ApiError::not_found());
        };
        known.insert(reference, write::insert(call, object, fields)?);
    }
    Ok(())
}

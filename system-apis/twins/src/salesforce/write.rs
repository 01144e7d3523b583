//! Writing one record: create, update, delete, upsert. Every way in (single call, collection, tree, bulk) ends here.

use serde_json::{Map, Value};

use super::call::{Call, stamp};
use super::coerce::coerce;
use super::errors::ApiError;
use super::schema::{FieldDefinition, FieldType, Object, OnDelete};
use super::{ids, rules};
use crate::store::{Fields, Record};

/// Creates a record from what a client sent; the new id.
pub(super) fn create(
    call: &mut Call<'_, '_>,
    object: &Object,
    body: &Map<String, Value>,
) -> Result<String, ApiError> {
    if object.definition.readonly {
        let text = format!("entity type {} does not support insert", object.name());
        return Err(ApiError::of_fields(
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            text,
            &[],
        ));
    }
    let fields = read_body(call, object, body, None)?;
    let missing: Vec<&str> = object
        .fields()
        .iter()
        .filter(|f| f.required && f.default.is_none() && fields.get(&f.name).is_none_or(Value::is_null))
        .map(|f| f.name.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(required(&missing));
    }
    if call.who.locked {
        let parents: Vec<&str> = object
            .fields()
            .iter()
            .filter(|f| f.kind == FieldType::Reference)
            .filter_map(|f| fields.get(&f.name)?.as_str())
            .collect();
        return Err(ApiError::locked(&parents));
    }
    insert(call, object, fields)
}

/// Puts a record with checked values into the store, with everything that the vendor derives.
pub(super) fn insert(
    call: &mut Call<'_, '_>,
    object: &Object,
    mut fields: Fields,
) -> Result<String, ApiError> {
    for field in object.fields() {
        if let Some(value) = &field.default
            && fields.get(&field.name).is_none_or(Value::is_null)
        {
            fields.insert(field.name.clone(), value.clone());
        }
    }
    let number = call.tx.next(object.prefix());
    let id = ids::nth(object.prefix(), number);
    let user = Value::from(call.who.user_id.as_str());
    if object.definition.owner {
        fields.entry("OwnerId").or_insert_with(|| user.clone());
    }
    if object.custom() && object.field("Name").is_some() {
        fields
            .entry("Name")
            .or_insert_with(|| Value::from(ids::short(&id)));
    }
    rules::derive(call, object, None, &mut fields)?;
    unique(call, object, &id, &fields)?;
    fields.insert("CreatedById".to_owned(), user.clone());
    fields.insert("LastModifiedById".to_owned(), user);
    fields.insert(
        "LastModifiedDate".to_owned(),
        Value::from(stamp(call.tx.stamp_for(object.name(), &id))),
    );
    call.tx.create(object.name(), id.as_str(), fields);
    rules::after(call, object, &id)?;
    Ok(id)
}

/// Changes a record; `id` in the 18-character form.
pub(super) fn update(
    call: &mut Call<'_, '_>,
    object: &Object,
    id: &str,
    body: &Map<String, Value>,
) -> Result<(), ApiError> {
    let before = match call.tables().get_any(object.name(), id) {
        Some(record) if record.deleted => return Err(ApiError::deleted()),
        Some(record) => record.clone(),
        None => return Err(ApiError::not_found()),
    };
    let mut fields = read_body(call, object, body, Some(&before))?;
    let emptied: Vec<&str> = object
        .fields()
        .iter()
        .filter(|f| f.required && fields.get(&f.name).is_some_and(Value::is_null))
        .map(|f| f.name.as_str())
        .collect();
    if !emptied.is_empty() {
        return Err(required(&emptied));
    }
    if call.who.locked {
        return Err(ApiError::locked(&[id]));
    }
    rules::derive(call, object, Some(&before), &mut fields)?;
    unique(call, object, id, &fields)?;
    fields.insert(
        "LastModifiedById".to_owned(),
        Value::from(call.who.user_id.as_str()),
    );
    fields.insert(
        "LastModifiedDate".to_owned(),
        Value::from(stamp(call.tx.stamp_for(object.name(), id))),
    );
    call.tx.update(object.name(), id, fields);
    rules::after(call, object, id)
}

/// Deletes a record into the recycle bin, and what hangs on it.
pub(super) fn delete(call: &mut Call<'_, '_>, object: &Object, id: &str) -> Result<(), ApiError> {
    let record = match call.tables().get_any(object.name(), id) {
        Some(record) if record.deleted => return Err(ApiError::deleted()),
        Some(record) => record.clone(),
        None => return Err(ApiError::not_found()),
    };
    if object.definition.readonly || !object.definition.deletable {
        let text = format!("entity type {} does not support delete", object.name());
        return Err(ApiError::of_fields("INSUFFICIENT_ACCESS_OR_READONLY", text, &[]));
    }
    if call.who.locked {
        return Err(ApiError::locked(&[id]));
    }
    let org = call.org;
    for (child, lookup) in org.schema.lookups_to(object.name()) {
        let id = Value::from(id);
        let hanging: Vec<String> = call
            .tables()
            .find(child.name(), &lookup.name, &id)
            .map(|r| r.id.clone())
            .collect();
        for child_id in hanging {
            release(call, object, &record, (child, lookup), &child_id)?;
        }
    }
    call.tx.delete(object.name(), id);
    rules::after_delete(call, object, &record);
    Ok(())
}

fn release(
    call: &mut Call<'_, '_>,
    object: &Object,
    record: &Record,
    (child, lookup): (&Object, &FieldDefinition),
    child_id: &str,
) -> Result<(), ApiError> {
    match lookup.on_delete {
        OnDelete::Cascade => {
            // A record may hang on the deleted one by two lookups: the second finds it gone.
            match delete(call, child, child_id) {
                Err(error) if error.code == "ENTITY_IS_DELETED" => Ok(()),
                done => done,
            }
        }
        OnDelete::Clear => {
            let cleared = Fields::from_iter([(lookup.name.clone(), Value::Null)]);
            call.tx.update(child.name(), child_id, cleared);
            Ok(())
        }
        OnDelete::Restrict => {
            let name = record.text("Name").unwrap_or(&record.id);
            let text = format!(
                "Your attempt to delete {name} could not be completed because it is associated with the \
                 following {}.: {}",
                child.definition.plural.to_lowercase(),
                ids::short(child_id)
            );
            tracing::debug!(
                object = object.name(),
                "a deletion is refused because records hang on it"
            );
            Err(ApiError::of_fields("DELETE_FAILED", text, &[]))
        }
    }
}

/// The key field of an upsert or of a look-up by external id.
pub(super) fn key_field<'o>(object: &'o Object, name: &str) -> Result<&'o FieldDefinition, ApiError> {
    object
        .field(name)
        .filter(|f| f.external_id || f.id_lookup)
        .ok_or_else(|| {
            let text = format!("Provided external ID field does not exist or is not accessible: {name}");
            ApiError::new(404, "NOT_FOUND", text)
        })
}

/// The live records under a key.
pub(super) fn find_by_key(
    call: &Call<'_, '_>,
    object: &Object,
    key: &FieldDefinition,
    value: &str,
) -> Vec<String> {
    if key.name == "Id" {
        let id = ids::parse(value).filter(|id| call.tables().get(object.name(), id).is_some());
        return id.into_iter().collect();
    }
    let found = call.tables().find_ignoring_case(object.name(), &key.name, value);
    found.map(|r| r.id.clone()).collect()
}

/// What an upsert did.
pub(super) enum Upsert {
    Created(String),
    Updated(String),
    /// The key is not unique: nothing is written.
    Several(Vec<String>),
}

/// Creates or updates by a key whose value is not part of the body.
pub(super) fn upsert(
    call: &mut Call<'_, '_>,
    object: &Object,
    (key, value): (&FieldDefinition, &str),
    body: &Map<String, Value>,
    update_only: bool,
) -> Result<Upsert, ApiError> {
    if body.keys().any(|k| k.eq_ignore_ascii_case(&key.name)) {
        let text = format!(
            "The {} field should not be specified in the sobject data.",
            key.name
        );
        return Err(ApiError::new(400, "INVALID_FIELD", text));
    }
    let mut found = find_by_key(call, object, key, value);
    match (found.len(), found.pop()) {
        (1, Some(id)) => update(call, object, &id, body).map(|()| Upsert::Updated(id)),
        (0, _) | (_, None) => {
            if key.name == "Id" && !value.is_empty() || update_only {
                return Err(ApiError::not_found());
            }
            let mut body = body.clone();
            if key.name != "Id" {
                body.insert(key.name.clone(), Value::from(value));
            }
            create(call, object, &body).map(Upsert::Created)
        }
        (_, Some(last)) => {
            found.push(last);
            Ok(Upsert::Several(found))
        }
    }
}

/// Checks names, rights and types of what a client sent; canonical names out.
fn read_body(
    call: &Call<'_, '_>,
    object: &Object,
    body: &Map<String, Value>,
    before: Option<&Record>,
) -> Result<Fields, ApiError> {
    let mut fields = Fields::new();
    let mut refused = Vec::new();
    for (name, value) in body {
        if name == "attributes" {
            continue;
        }
        let lookup = object
            .lookup(name)
            .filter(|_| value.is_object() || object.field(name).is_none());
        let Some(field) = lookup.or_else(|| object.field(name)) else {
            return Err(ApiError::no_such_column(name, object.name()));
        };
        if field.name == "Id" {
            let text = match before {
                None => "cannot specify Id in an insert call",
                Some(_) => "The Id field should not be specified in the sobject data.",
            };
            return Err(ApiError::new(400, "INVALID_FIELD", text));
        }
        if !(if before.is_some() {
            field.update
        } else {
            field.create
        }) {
            refused.push(field.name.as_str());
            continue;
        }
        let value = match (lookup, value) {
            (Some(_), Value::Object(target)) => by_external_id(call, field, target)?,
            _ => coerce(call, object, field, value)?,
        };
        fields.insert(field.name.clone(), value);
    }
    if refused.is_empty() {
        return Ok(fields);
    }
    let text = format!(
        "Unable to create/update fields: {}. Please check the security settings of this field and verify that it \
         is read/write for your profile or permission set.",
        refused.join(", ")
    );
    Err(ApiError::of_fields(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        text,
        &refused,
    ))
}

/// A lookup given as `"Account": {"Fairlead_Id__c": "A-1"}`.
fn by_external_id(
    call: &Call<'_, '_>,
    lookup: &FieldDefinition,
    target: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let given = target.iter().find(|(name, _)| *name != "attributes");
    for object in lookup.to.iter().filter_map(|t| call.org.schema.object(t)) {
        let Some((name, value)) = given else { break };
        let Some(key) = object.field(name).filter(|f| f.external_id || f.id_lookup) else {
            continue;
        };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return match find_by_key(call, object, key, &text).as_slice() {
            [id] => Ok(Value::from(id.as_str())),
            [] => {
                let message = format!(
                    "Foreign key external ID: {} not found for field {} in entity {}",
                    text.to_lowercase(),
                    key.name,
                    object.name()
                );
                Err(ApiError::of_fields("INVALID_FIELD", message, &[]))
            }
            _ => {
                let message = format!("More than one record found for external id field: {}", key.name);
                Err(ApiError::of_fields("INVALID_FIELD", message, &[]))
            }
        };
    }
    let name = given.map_or("", |(name, _)| name.as_str());
    let relationship = lookup.relationship.as_deref().unwrap_or(&lookup.name);
    Err(ApiError::no_such_column(name, relationship))
}

fn required(missing: &[&str]) -> ApiError {
    let text = format!("Required fields are missing: [{}]", missing.join(", "));
    ApiError::of_fields("REQUIRED_FIELD_MISSING", text, missing)
}

fn unique(call: &Call<'_, '_>, object: &Object, id: &str, fields: &Fields) -> Result<(), ApiError> {
    for field in object.fields().iter().filter(|f| f.unique) {
        let Some(value) = fields.get(&field.name).and_then(Value::as_str) else {
            continue;
        };
        let mut holders = call
            .tables()
            .find_ignoring_case(object.name(), &field.name, value);
        if let Some(holder) = holders.find(|r| r.id != id) {
            let text = format!(
                "duplicate value found: {} duplicates value on record with id: {}",
                field.name,
                ids::short(&holder.id)
            );
            return Err(ApiError::of_fields("DUPLICATE_VALUE", text, &[]));
        }
    }
    Ok(())
}

//! Writing single records: upserts of masters by our key, creation of documents under our key.

use canonical_model::{Failure, Resource, Result, Write, Written};
use serde_json::Value;

use super::{Shared, version};
use crate::wire::Record;

/// The record that a write is about, where it is there: by id, else by our key.
///
/// # Errors
/// Business `not_found` for an id that is not there; Business `version_conflict` where it has another version.
pub(crate) async fn existing<T: Resource>(
    shared: &Shared,
    object: &str,
    write: &Write<T>,
) -> Result<Option<Record>> {
    let record = match &write.id {
        Some(id) => {
            let found = shared.client.get(object, id).await?;
            let missing = || Failure::business("not_found", format!("NetSuite has no {} {id}", T::NAME));
            Some(found.ok_or_else(missing)?)
        }
        None => shared.client.get(object, &format!("eid:{}", write.key)).await?,
    };
    if let (Some(expected), Some(record)) = (&write.expected_version, &record) {
        let current = version(record.instant("lastModifiedDate")?);
        if current != *expected {
            let message = format!(
                "{} {} was changed at {current}: read it again",
                T::NAME,
                record.id()?
            );
            return Err(Failure::business("version_conflict", message));
        }
    }
    Ok(record)
}

/// Writes a master record: an upsert by our key, or a change of the record of an id. The sublists in `replace` are
/// taken over whole.
pub(crate) async fn put<T: Resource>(
    shared: &Shared,
    object: &str,
    write: &Write<T>,
    existed: bool,
    replace: &[&str],
    body: &Value,
) -> Result<Written> {
    let id = match &write.id {
        Some(id) => {
            shared.client.update(object, id, replace, body).await?;
            id.clone()
        }
        None => {
            shared
                .client
                .upsert(object, write.key.as_str(), replace, body)
                .await?
        }
    };
    Ok(Written {
        id,
        code: None,
        version: None,
        created: Some(!existed),
    })
}

/// Creates a document under our key, or adopts the one that was created under it before: a posted document is not
/// written a second time.
pub(crate) async fn post<T: Resource>(
    shared: &Shared,
    object: &str,
    write: &Write<T>,
    mut body: Value,
) -> Result<Written> {
    if let Some(fields) = body.as_object_mut() {
        fields.insert("externalId".to_owned(), Value::from(write.key.as_str()));
    }
    match shared.client.create(object, write.key.as_str(), &body).await {
        Ok(id) => {
            // The number is a courtesy: the document stands whether or not it can be read just now.
            let read = shared.client.get(object, &id).await.ok().flatten();
            Ok(Written {
                code: read.and_then(|record| record.text("tranId")),
                id,
                version: None,
                created: Some(true),
            })
        }
        Err(failure) if failure.code == "already_exists" => {
            let found = shared.client.get(object, &format!("eid:{}", write.key)).await?;
            let found = found.ok_or(failure)?;
            Ok(Written {
                id: found.id()?,
                code: found.text("tranId"),
                version: None,
                created: Some(false),
            })
        }
        Err(failure) => Err(failure),
    }
}

/// Refuses to change a document that is in the books.
pub(crate) fn refuse_change<T: Resource>(write: &Write<T>, instead: &str) -> Result<()> {
    match &write.id {
        None => Ok(()),
        Some(id) => {
            let message = format!("{} {id} is in the books and is not changed: {instead}", T::NAME);
            Err(Failure::business("posted_document", message))
        }
    }
}

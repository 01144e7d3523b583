//! The schemas of a collection under names that people read: `SourcedAccount`, `AccountPage`, `WriteAccount`.
//!
//! The generic types name their schemas `Sourced`, `Change` and `Write` whatever the record, so the references between
//! them are renamed here.

use canonical_model::{Change, Changes, EffectKey, Failure, Link, Page, Sourced, Write, WriteResult};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Ref};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::Record;
use crate::batch::LARGEST_BATCH;
use crate::write::WriteResults;

/// Names of the schemas of one collection.
pub(crate) struct Names {
    pub(crate) sourced: String,
    pub(crate) page: String,
    pub(crate) change: String,
    pub(crate) changes: String,
    pub(crate) write: String,
    pub(crate) writes: String,
}

impl Names {
    pub(crate) fn of<T: Record>() -> Self {
        let name = T::name();
        Self {
            sourced: format!("Sourced{name}"),
            page: format!("{name}Page"),
            change: format!("{name}Change"),
            changes: format!("{name}Changes"),
            write: format!("Write{name}"),
            writes: format!("{name}Writes"),
        }
    }
}

/// Everything that the operations of a collection refer to.
pub(crate) fn collect<T: Record>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<T>(schemas);
    add::<Failure>(schemas);
    add::<EffectKey>(schemas);
    add::<WriteResult>(schemas);
    add::<WriteResults>(schemas);
    add::<Link>(schemas);
    let names = Names::of::<T>();
    let mut named =
        |name: &str, schema: RefOr<Schema>| schemas.push((name.to_owned(), renamed::<T>(&schema, &names)));
    named(&names.sourced, Sourced::<T>::schema());
    named(&names.page, Page::<Sourced<T>>::schema());
    named(&names.change, Change::<T>::schema());
    named(&names.changes, Changes::<T>::schema());
    named(&names.write, Write::<T>::schema());
    schemas.push((
        names.writes.clone(),
        batch("writes", &names.write, "The records to write."),
    ));
    schemas.push(("Links".to_owned(), batch("links", "Link", "What to note.")));
}

/// A type and what it refers to.
pub(crate) fn add<S: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((S::name().into_owned(), S::schema()));
    S::schemas(schemas);
}

fn batch(field: &str, item: &str, description: &str) -> RefOr<Schema> {
    let items = ArrayBuilder::new()
        .items(Ref::from_schema_name(item))
        .min_items(Some(1))
        .max_items(Some(LARGEST_BATCH))
        .description(Some(description));
    ObjectBuilder::new()
        .property(field, items)
        .required(field)
        .additional_properties(Some(
            utoipa::openapi::schema::AdditionalProperties::<Schema>::FreeForm(false),
        ))
        .into()
}

/// The schema with references to the generic types replaced. A schema that cannot be read back stays as it is, and the
/// check of the contract names the reference that leads nowhere.
fn renamed<T: Record>(schema: &RefOr<Schema>, names: &Names) -> RefOr<Schema> {
    let Ok(mut text) = serde_json::to_string(schema) else {
        return schema.clone();
    };
    let record = T::name();
    for (generic, name) in [
        ("Sourced", &names.sourced),
        ("Change", &names.change),
        ("Write", &names.write),
    ] {
        for old in [format!("{generic}_{record}"), generic.to_owned()] {
            let (old, new) = (
                format!("#/components/schemas/{old}\""),
                format!("#/components/schemas/{name}\""),
            );
            text = text.replace(&old, &new);
        }
    }
    serde_json::from_str(&text).unwrap_or_else(|_| schema.clone())
}

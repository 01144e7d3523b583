//! The org's objects and fields, read from data: the standard objects and what the customer's administrator added.
//!
//! Knows names, types and rules of fields; not records, and not the describe format (see [`super::describe`]).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An object as the schema files write it. An object named twice is one object with the fields of both.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectDefinition {
    /// API name, such as `Account` or `Fairlead_Invoice__c`.
    pub name: String,
    /// Label; needed on the first definition of an object.
    #[serde(default)]
    pub label: String,
    /// Label of several.
    #[serde(default)]
    pub plural: String,
    /// Key prefix: the first three characters of its ids.
    #[serde(default)]
    pub prefix: String,
    /// Has an `OwnerId`.
    #[serde(default)]
    pub owner: bool,
    /// Whether and how it has a `CurrencyIsoCode`.
    #[serde(default)]
    pub currency: Option<Currency>,
    /// Set-up data that the API only reads.
    #[serde(default)]
    pub readonly: bool,
    /// May be deleted.
    #[serde(default = "yes")]
    pub deletable: bool,
    /// Its fields without the system fields, which every object has.
    pub fields: Vec<FieldDefinition>,
}

/// How an object of a multi-currency org carries its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Currency {
    /// A writable field of its own.
    Own,
    /// Given at creation, then fixed.
    OnCreate,
    /// That of the record it belongs to.
    Parent,
}

/// A field as the schema files write it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldDefinition {
    /// API name.
    pub name: String,
    /// Label; derived from the name where absent.
    #[serde(default)]
    pub label: String,
    /// Type, in describe's words.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// Longest text.
    #[serde(default)]
    pub length: usize,
    /// Digits in all.
    #[serde(default)]
    pub precision: u32,
    /// Digits after the point.
    #[serde(default)]
    pub scale: u32,
    /// Must be given at creation and may not be cleared.
    #[serde(default)]
    pub required: bool,
    /// May be given at creation.
    #[serde(default = "yes")]
    pub create: bool,
    /// May be changed.
    #[serde(default = "yes")]
    pub update: bool,
    /// Objects that a reference may point to.
    #[serde(default)]
    pub to: Vec<String>,
    /// Name of the hop to the referenced record.
    #[serde(default)]
    pub relationship: Option<String>,
    /// Name of the way back, from the referenced record to its children.
    #[serde(default)]
    pub children: Option<String>,
    /// What becomes of this record when the referenced one is deleted.
    #[serde(default)]
    pub on_delete: OnDelete,
    /// Picklist values.
    #[serde(default)]
    pub values: Vec<String>,
    /// Whether other values are refused; picklists are open unless this is set.
    #[serde(default)]
    pub restricted: bool,
    /// May be the key of an upsert.
    #[serde(default)]
    pub external_id: bool,
    /// A standard field that may be the key of an upsert without being an external id.
    #[serde(default)]
    pub id_lookup: bool,
    /// Two records may not share a value (case ignored).
    #[serde(default)]
    pub unique: bool,
    /// Given a value by the vendor when absent.
    #[serde(default)]
    pub defaulted: bool,
    /// That value, where it is a constant.
    #[serde(default)]
    pub default: Option<Value>,
    /// May stand in a WHERE clause.
    #[serde(default = "yes")]
    pub filterable: bool,
    /// The compound field that this one is a part of.
    #[serde(default)]
    pub compound: Option<String>,
    /// The object's display name where that is not the field `Name`.
    #[serde(default)]
    pub name_field: bool,
}

fn yes() -> bool {
    true
}

/// What becomes of a record whose lookup target is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// The lookup is emptied.
    #[default]
    Clear,
    /// The record is deleted too.
    Cascade,
    /// The deletion is refused.
    Restrict,
}

/// Field types, in describe's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the vendor's own and say what they are")]
pub enum FieldType {
    Id,
    String,
    TextArea,
    Picklist,
    MultiPicklist,
    Reference,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    Email,
    Phone,
    Url,
    Address,
}

impl FieldType {
    /// Holds a number.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }

    /// Holds an id.
    #[must_use]
    pub fn is_id(self) -> bool {
        matches!(self, Self::Id | Self::Reference)
    }

    /// The type's name in describe.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::String => "string",
            Self::TextArea => "textarea",
            Self::Picklist => "picklist",
            Self::MultiPicklist => "multipicklist",
            Self::Reference => "reference",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Address => "address",
        }
    }
}

/// An object of the org with all its fields, system fields included.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) definition: ObjectDefinition,
    by_name: HashMap<String, usize>,
}

impl Object {
    fn new(mut definition: ObjectDefinition) -> Self {
        complete(&mut definition);
        let by_name = definition
            .fields
            .iter()
            .enumerate()
            .map(|(at, f)| (f.name.to_lowercase(), at))
            .collect();
        Self { definition, by_name }
    }

    pub(super) fn name(&self) -> &str {
        &self.definition.name
    }

    pub(super) fn prefix(&self) -> &str {
        &self.definition.prefix
    }

    pub(super) fn custom(&self) -> bool {
        self.definition.name.ends_with("__c")
    }

    pub(super) fn fields(&self) -> &[FieldDefinition] {
        &self.definition.fields
    }

    /// A field by its name, whatever the case.
    pub(super) fn field(&self, name: &str) -> Option<&FieldDefinition> {
        self.by_name
            .get(&name.to_lowercase())
            .and_then(|at| self.definition.fields.get(*at))
    }

    /// The lookup behind a hop such as `Account` or `Opportunity__r`.
    pub(super) fn lookup(&self, relationship: &str) -> Option<&FieldDefinition> {
        self.fields().iter().find(|f| {
            f.relationship
                .as_deref()
                .is_some_and(|r| r.eq_ignore_ascii_case(relationship))
        })
    }
}

/// All objects of the org.
#[derive(Debug, Clone)]
pub(super) struct Schema {
    objects: Vec<Object>,
    by_name: HashMap<String, usize>,
    by_prefix: HashMap<String, usize>,
}

impl Schema {
    /// The standard objects with a customer's additions.
    pub(super) fn new(customisation: &[ObjectDefinition]) -> Self {
        let mut definitions = standard_objects();
        for addition in customisation {
            match definitions.iter_mut().find(|d| d.name == addition.name) {
                Some(known) => known.fields.extend(addition.fields.iter().cloned()),
                None => definitions.push(addition.clone()),
            }
        }
        definitions.sort_by(|a, b| a.name.cmp(&b.name));
        let objects: Vec<Object> = definitions.into_iter().map(Object::new).collect();
        let index =
            |key: fn(&Object) -> String| objects.iter().enumerate().map(|(at, o)| (key(o), at)).collect();
        Self {
            by_name: index(|o| o.name().to_lowercase()),
            by_prefix: index(|o| o.prefix().to_owned()),
            objects,
        }
    }

    /// An object by its name, whatever the case.
    pub(super) fn object(&self, name: &str) -> Option<&Object> {
        self.by_name
            .get(&name.to_lowercase())
            .and_then(|at| self.objects.get(*at))
    }

    /// The object that an id belongs to.
    pub(super) fn object_of(&self, id: &str) -> Option<&Object> {
        self.by_prefix
            .get(super::ids::prefix(id))
            .and_then(|at| self.objects.get(*at))
    }

    pub(super) fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Every lookup that points to an object, with the object it is on.
    pub(super) fn lookups_to<'a>(
        &'a self,
        target: &'a str,
    ) -> impl Iterator<Item = (&'a Object, &'a FieldDefinition)> {
        self.objects.iter().flat_map(move |object| {
            let pointing = object
                .fields()
                .iter()
                .filter(move |f| f.to.iter().any(|t| t == target));
            pointing.map(move |field| (object, field))
        })
    }

    /// The child object and its lookup behind a child relationship such as `OpportunityLineItems`.
    pub(super) fn children(&self, parent: &str, relationship: &str) -> Option<(&Object, &FieldDefinition)> {
        self.objects.iter().find_map(|object| {
            let named = |f: &&FieldDefinition| {
                f.to.iter().any(|t| t == parent)
                    && f.children
                        .as_deref()
                        .is_some_and(|c| c.eq_ignore_ascii_case(relationship))
            };
            object.fields().iter().find(named).map(|field| (object, field))
        })
    }
}

/// The customer's fields and objects of the development org.
pub(super) fn development_customisation() -> Vec<ObjectDefinition> {
    parse(include_str!("customisation.json"))
}

fn standard_objects() -> Vec<ObjectDefinition> {
    parse(include_str!("schema.json"))
}

fn parse(text: &str) -> Vec<ObjectDefinition> {
    serde_json::from_str(text).unwrap_or_else(|error| {
        tracing::error!(%error, "a schema file of the Salesforce twin is not readable");
        Vec::new()
    })
}

/// Adds the system fields and fills in labels.
fn complete(definition: &mut ObjectDefinition) {
    let own = std::mem::take(&mut definition.fields);
    let mut fields = vec![
        system("Id", FieldType::Id),
        system("IsDeleted", FieldType::Boolean),
    ];
    fields.extend(own);
    if definition.owner {
        let mut owner = system_lookup("OwnerId", "Owner");
        (owner.create, owner.update) = (true, true);
        fields.push(owner);
    }
    if let Some(currency) = definition.currency {
        let mut code = system("CurrencyIsoCode", FieldType::Picklist);
        code.label = "Currency ISO Code".to_owned();
        (code.length, code.restricted) = (3, true);
        (code.create, code.update) = (currency != Currency::Parent, currency == Currency::Own);
        fields.push(code);
    }
    fields.push(system("CreatedDate", FieldType::DateTime));
    fields.push(system_lookup("CreatedById", "CreatedBy"));
    fields.push(system("LastModifiedDate", FieldType::DateTime));
    fields.push(system_lookup("LastModifiedById", "LastModifiedBy"));
    fields.push(system("SystemModstamp", FieldType::DateTime));
    for field in &mut fields {
        if field.label.is_empty() {
            field.label = label(&field.name);
        }
        if field.kind == FieldType::Id || field.kind == FieldType::Reference {
            field.length = 18;
        }
        if field.relationship.is_some() || field.kind != FieldType::Reference {
            continue;
        }
        field.relationship = Some(field.name.trim_end_matches("Id").to_owned());
    }
    definition.fields = fields;
}

fn system(name: &str, kind: FieldType) -> FieldDefinition {
    FieldDefinition {
        name: name.to_owned(),
        label: String::new(),
        kind,
        length: 0,
        precision: 0,
        scale: 0,
        required: false,
        create: false,
        update: false,
        to: Vec::new(),
        relationship: None,
        children: None,
        on_delete: OnDelete::Clear,
        values: Vec::new(),
        restricted: false,
        external_id: false,
        id_lookup: name == "Id",
        unique: false,
        defaulted: true,
        default: None,
        filterable: true,
        compound: None,
        name_field: false,
    }
}

fn system_lookup(name: &str, relationship: &str) -> FieldDefinition {
    let mut field = system(name, FieldType::Reference);
    field.to = vec!["User".to_owned()];
    field.relationship = Some(relationship.to_owned());
    field
}

/// `BillingStreet` is labelled "Billing Street", `AccountId` "Account ID", `Bill_Rate__c` "Bill Rate".
fn label(name: &str) -> String {
    if let Some(custom) = name.strip_suffix("__c") {
        return custom.replace('_', " ");
    }
    let mut label = String::new();
    for (at, c) in name.chars().enumerate() {
        if at > 0 && c.is_ascii_uppercase() {
            label.push(' ');
        }
        label.push(c);
    }
    match label.strip_suffix(" Id") {
        Some(stem) => format!("{stem} ID"),
        None => label,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_files_are_whole_and_every_lookup_has_its_target() {
        let schema = Schema::new(&development_customisation());
        assert_eq!(schema.objects().len(), standard_objects().len() + 2);
        for object in schema.objects() {
            assert_eq!(object.prefix().len(), 3, "{}", object.name());
            for target in object.fields().iter().flat_map(|f| &f.to) {
                assert!(
                    schema.object(target).is_some(),
                    "{} points to {target}",
                    object.name()
                );
            }
        }
        let (child, lookup) = schema.children("Opportunity", "fairlead_allocations__R").unwrap();
        assert_eq!(
            (child.name(), lookup.name.as_str()),
            ("Fairlead_Allocation__c", "Opportunity__c")
        );
    }
}

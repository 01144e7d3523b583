//! Describe: what objects and fields there are, in the complete shape that typed clients expect.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::call::{Call, Request, Response};
use super::errors::ApiError;
use super::read::condition;
use super::schema::{FieldDefinition, FieldType, Object, OnDelete};

type Answer = Result<Response, ApiError>;

/// When the schema last changed. It does not change while a twin runs; the date is fixed so that conditional
/// requests mean the same before and after a restart.
fn schema_changed() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default()
}

fn conditional(request: &Request, answer: Value) -> Response {
    let modified = schema_changed();
    let shown = modified.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let response = match condition(request, None, modified) {
        Some(status) => Response::empty(status),
        None => Response::json(200, answer),
    };
    response.header("Last-Modified", shown)
}

/// `GET sobjects`.
pub(super) fn global(call: &Call<'_, '_>, request: &Request) -> Answer {
    let objects: Vec<Value> = call
        .org
        .schema
        .objects()
        .iter()
        .map(|o| Value::Object(brief(call, o)))
        .collect();
    let answer = json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects});
    Ok(conditional(request, answer))
}

/// `GET sobjects/X`.
pub(super) fn basic(call: &Call<'_, '_>, object: &Object) -> Answer {
    Ok(Response::json(
        200,
        json!({"objectDescribe": brief(call, object), "recentItems": []}),
    ))
}

/// `GET sobjects/X/describe`.
pub(super) fn full(call: &Call<'_, '_>, object: &Object, request: &Request) -> Answer {
    let mut answer = brief(call, object);
    let fields: Vec<Value> = object.fields().iter().map(|f| field(call, object, f)).collect();
    let children: Vec<Value> = call
        .org
        .schema
        .lookups_to(object.name())
        .map(|(child, lookup)| {
            json!({
                "cascadeDelete": lookup.on_delete == OnDelete::Cascade, "childSObject": child.name(),
                "deprecatedAndHidden": false, "field": lookup.name, "junctionIdListNames": [],
                "junctionReferenceTo": [], "relationshipName": lookup.children,
                "restrictedDelete": lookup.on_delete == OnDelete::Restrict,
            })
        })
        .collect();
    let more = json!({
        "actionOverrides": [], "childRelationships": children, "compactLayoutable": true, "fields": fields,
        "defaultImplementation": null, "extendedBy": null, "extendsInterfaces": null, "implementedBy": null,
        "implementsInterfaces": null, "listviewable": null, "lookupLayoutable": null, "namedLayoutInfos": [],
        "networkScopeFieldName": null, "recordTypeInfos": [], "searchLayoutable": true, "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": format!("All {}", object.definition.plural.to_lowercase()), "name": "everything"}],
    });
    if let Value::Object(more) = more {
        answer.extend(more);
    }
    Ok(conditional(request, Value::Object(answer)))
}

fn brief(call: &Call<'_, '_>, object: &Object) -> Map<String, Value> {
    let definition = &object.definition;
    let writable = !definition.readonly;
    let base = call.path(&format!("sobjects/{}", object.name()));
    let shape = json!({
        "activateable": false, "associateEntityType": null, "associateParentEntity": null,
        "createable": writable, "custom": object.custom(), "customSetting": false, "deepCloneable": false,
        "deletable": writable && definition.deletable, "deprecatedAndHidden": false, "feedEnabled": false,
        "hasSubtypes": false, "isInterface": false, "isSubtype": false, "keyPrefix": definition.prefix,
        "label": definition.label, "labelPlural": definition.plural, "layoutable": true, "mergeable": false,
        "mruEnabled": true, "name": definition.name, "queryable": true, "replicateable": true,
        "retrieveable": true, "searchable": writable, "triggerable": true,
        "undeletable": writable && definition.deletable, "updateable": writable,
        "urls": {
            "sobject": base, "describe": format!("{base}/describe"), "rowTemplate": format!("{base}/{{ID}}"),
        },
    });
    match shape {
        Value::Object(shape) => shape,
        _ => Map::new(),
    }
}

fn soap_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Id | FieldType::Reference => "tns:ID",
        FieldType::Boolean => "xsd:boolean",
        FieldType::Int => "xsd:int",
        FieldType::Double | FieldType::Currency | FieldType::Percent => "xsd:double",
        FieldType::Date => "xsd:date",
        FieldType::DateTime => "xsd:dateTime",
        FieldType::Address => "urn:address",
        _ => "xsd:string",
    }
}

fn picklist_values(call: &Call<'_, '_>, field: &FieldDefinition) -> Vec<Value> {
    let entry = |value: &str, default: bool| json!({"active": true, "defaultValue": default, "label": value, "validFor": null, "value": value});
    let default = field.default.as_ref().and_then(Value::as_str);
    if field.name != "CurrencyIsoCode" {
        return field
            .values
            .iter()
            .map(|v| entry(v, default == Some(v)))
            .collect();
    }
    let currencies = call.tables().rows("CurrencyType");
    currencies
        .filter_map(|c| {
            Some(entry(
                c.text("IsoCode")?,
                c.get("IsCorporate") == &Value::Bool(true),
            ))
        })
        .collect()
}

/// One field in all the keys of a recorded answer.
fn field(call: &Call<'_, '_>, object: &Object, field: &FieldDefinition) -> Value {
    let named = object
        .fields()
        .iter()
        .find(|f| f.name_field)
        .map_or("Name", |f| f.name.as_str());
    let mut shape = same_for_every_field();
    let own = [
        ("compoundFieldName", json!(field.compound)),
        ("custom", json!(field.name.ends_with("__c"))),
        ("label", json!(field.label)),
        ("name", json!(field.name)),
        ("nameField", json!(field.name == named)),
        ("picklistValues", json!(picklist_values(call, field))),
    ];
    let own = own
        .into_iter()
        .chain(rights(object, field))
        .chain(extent(field))
        .chain(lookup(field));
    shape.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(shape)
}

type Keys<const N: usize> = [(&'static str, Value); N];

/// What may be done with a field.
fn rights(object: &Object, field: &FieldDefinition) -> Keys<16> {
    let kind = field.kind;
    let writable = !object.definition.readonly;
    let sortable = field.filterable && kind != FieldType::Address;
    let filled = field.defaulted && !field.create;
    let never_null = filled || field.required || matches!(kind, FieldType::Boolean | FieldType::Id);
    [
        ("aggregatable", json!(sortable && kind != FieldType::Boolean)),
        ("autoNumber", json!(field.name == "ContractNumber")),
        ("createable", json!(writable && field.create)),
        (
            "defaultValue",
            if kind == FieldType::Boolean {
                json!(false)
            } else {
                json!(field.default)
            },
        ),
        (
            "defaultedOnCreate",
            json!(field.defaulted || kind == FieldType::Boolean || field.name == "OwnerId"),
        ),
        ("externalId", json!(field.external_id)),
        ("filterable", json!(field.filterable)),
        (
            "groupable",
            json!(sortable && !kind.is_number() && kind != FieldType::DateTime),
        ),
        ("idLookup", json!(field.external_id || field.id_lookup)),
        ("nillable", json!(!never_null)),
        (
            "permissionable",
            json!(field.create && !field.required && kind != FieldType::Id),
        ),
        ("restrictedPicklist", json!(field.restricted)),
        ("searchPrefilterable", json!(kind == FieldType::Reference)),
        ("sortable", json!(sortable)),
        ("unique", json!(field.unique)),
        ("updateable", json!(writable && field.update)),
    ]
}

/// A field's type and size.
fn extent(field: &FieldDefinition) -> Keys<8> {
    let kind = field.kind;
    let dated = matches!(kind, FieldType::Date | FieldType::DateTime);
    let text = !(kind.is_number() || dated || matches!(kind, FieldType::Boolean | FieldType::Address));
    let length = if text { field.length } else { 0 };
    let whole = kind == FieldType::Int;
    [
        ("byteLength", json!(length * 3)),
        ("digits", json!(if whole { field.precision.max(9) } else { 0 })),
        (
            "extraTypeInfo",
            json!((kind == FieldType::TextArea).then_some("plaintextarea")),
        ),
        ("length", json!(length)),
        (
            "precision",
            json!(if kind.is_number() && !whole {
                field.precision
            } else {
                0
            }),
        ),
        ("scale", json!(if kind.is_number() { field.scale } else { 0 })),
        ("soapType", json!(soap_type(kind))),
        ("type", json!(kind.name())),
    ]
}

/// Where a reference points.
fn lookup(field: &FieldDefinition) -> Keys<6> {
    [
        ("cascadeDelete", json!(field.on_delete == OnDelete::Cascade)),
        ("namePointing", json!(field.to.len() > 1)),
        ("polymorphicForeignKey", json!(field.to.len() > 1)),
        ("referenceTo", json!(field.to)),
        ("relationshipName", json!(field.relationship)),
        ("restrictedDelete", json!(field.on_delete == OnDelete::Restrict)),
    ]
}

/// The keys whose value is the same for all fields of this org.
fn same_for_every_field() -> Map<String, Value> {
    let off = [
        "aiPredictionField",
        "calculated",
        "caseSensitive",
        "dependentPicklist",
        "deprecatedAndHidden",
        "displayLocationInDecimal",
        "encrypted",
        "formulaTreatNullNumberAsZero",
        "highScaleNumber",
        "htmlFormatted",
        "queryByDistance",
        "writeRequiresMasterRead",
    ];
    let none = [
        "calculatedFormula",
        "controllerName",
        "defaultValueFormula",
        "filteredLookupInfo",
        "inlineHelpText",
        "mask",
        "maskType",
        "referenceTargetField",
        "relationshipOrder",
    ];
    let off = off.map(|name| (name.to_owned(), Value::Bool(false)));
    off.into_iter()
        .chain(none.map(|name| (name.to_owned(), Value::Null)))
        .collect()
}

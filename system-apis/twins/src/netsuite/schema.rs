//! What a record type looks like: its fields, sublists, enumerations and mandatory fields, read from `schema.json`.
//!
//! The file holds facts of the REST API Browser 2026.1 and the SuiteScript record catalogue for the types of a
//! professional-services account. Custom fields and the account's own lists come from the settings.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::settings::NetSuiteSettings;

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Number,
    Integer,
    Date,
    DateTime,
    /// `h:mm`.
    Hours,
    /// A reference to a record of one of these types; none given = a list that is not exposed as records.
    Reference(Vec<String>),
    /// One of the shape's list for this field.
    Enumeration,
    /// ISO 3166 alpha-2.
    Country,
    /// A sublist of lines of this shape.
    Sublist(String),
    /// One sub-record of this shape.
    Subrecord(String),
}

/// One field.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) kind: Kind,
    pub(super) read_only: bool,
    pub(super) custom: bool,
    /// Key and label of an enumeration.
    pub(super) options: BTreeMap<String, String>,
    /// What error texts call it.
    pub(super) label: String,
}

/// The fields of a record, a line or a sub-record.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    pub(super) fields: BTreeMap<String, Field>,
    /// Fields that tell lines apart; none = lines are only ever appended.
    pub(super) key: Vec<String>,
    /// Field that NetSuite numbers from 1.
    pub(super) number: Option<String>,
}

/// One record type.
#[derive(Debug, Clone)]
pub(super) struct RecordType {
    /// Name in the case that the metadata catalogue uses; also the table of the store.
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) sublists: BTreeMap<String, Shape>,
    pub(super) required: Vec<String>,
    /// Records of several types share a number range.
    pub(super) sequence: String,
    /// Fields whose values make the display name.
    pub(super) display: Vec<String>,
    /// Reference whose display name comes first in this one's: `Customer : Project`.
    pub(super) qualifier: Option<String>,
    /// `transaction.type` of SuiteQL; present on transactions only.
    pub(super) code: Option<String>,
    pub(super) title: String,
    pub(super) prefix: String,
    pub(super) transforms: Vec<String>,
    /// Further SuiteQL tables that show these records.
    pub(super) tables: Vec<String>,
    /// Number of the type in `deletedrecord`.
    pub(super) number: usize,
}

/// All record types of the account.
pub(super) struct Schema {
    types: BTreeMap<String, RecordType>,
}

#[derive(Deserialize)]
struct FileShape {
    #[serde(default)]
    key: Vec<String>,
    #[serde(default)]
    number: Option<String>,
    fields: BTreeMap<String, String>,
    #[serde(default)]
    enums: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct FileType {
    #[serde(flatten)]
    shape: FileShape,
    #[serde(default)]
    sublists: BTreeMap<String, FileShape>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    sequence: Option<String>,
    #[serde(default)]
    display: Vec<String>,
    #[serde(default)]
    qualifier: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    transforms: Vec<String>,
    #[serde(default)]
    tables: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    shapes: BTreeMap<String, FileShape>,
    types: BTreeMap<String, FileType>,
}

impl Schema {
    /// The schema of an account with these settings.
    pub(super) fn load(settings: &NetSuiteSettings) -> Self {
        let file: File = match serde_json::from_str(include_str!("schema.json")) {
            Ok(file) => file,
            Err(error) => {
                tracing::error!(%error, "the NetSuite twin's schema file cannot be read; the account has no record types");
                File {
                    shapes: BTreeMap::new(),
                    types: BTreeMap::new(),
                }
            }
        };
        let shared: BTreeMap<String, Shape> = file
            .shapes
            .into_iter()
            .map(|(name, s)| (name, shape(s)))
            .collect();
        let mut types = BTreeMap::new();
        for (number, (name, raw)) in file.types.into_iter().enumerate() {
            if settings
                .disabled_types
                .iter()
                .any(|t| t.eq_ignore_ascii_case(&name))
            {
                continue;
            }
            let mut sublists = shared.clone();
            sublists.extend(raw.sublists.into_iter().map(|(name, s)| (name, shape(s))));
            let mut record = RecordType {
                shape: shape(raw.shape),
                sublists,
                required: raw.required,
                sequence: raw.sequence.unwrap_or_else(|| name.clone()),
                display: raw.display,
                qualifier: raw.qualifier,
                code: raw.code,
                title: if raw.title.is_empty() {
                    label(&name)
                } else {
                    raw.title
                },
                prefix: raw.prefix,
                transforms: raw.transforms,
                tables: raw.tables,
                number: number + 1,
                name: name.clone(),
            };
            record.customise(settings);
            types.insert(name.to_lowercase(), record);
        }
        Self { types }
    }

    /// A record type, by its name in any case.
    pub(super) fn get(&self, name: &str) -> Option<&RecordType> {
        self.types.get(&name.to_lowercase())
    }

    /// Every record type.
    pub(super) fn types(&self) -> impl Iterator<Item = &RecordType> {
        self.types.values()
    }
}

impl RecordType {
    /// The shape of a sublist or sub-record field.
    pub(super) fn sub_shape(&self, name: &str) -> Option<&Shape> {
        self.sublists.get(name)
    }

    /// Whether records of this type are transactions.
    pub(super) fn is_transaction(&self) -> bool {
        self.code.is_some()
    }

    /// The names of the sublist fields.
    pub(super) fn sublist_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.shape.fields.iter().filter_map(|(name, f)| match &f.kind {
            Kind::Sublist(shape) => Some((name.as_str(), shape.as_str())),
            _ => None,
        })
    }

    fn customise(&mut self, settings: &NetSuiteSettings) {
        for (name, kind) in settings.custom_fields.get(&self.name).into_iter().flatten() {
            let mut field = field(name, kind, &BTreeMap::new(), &BTreeMap::new());
            field.custom = true;
            self.shape.fields.insert(name.clone(), field);
        }
        let mut list = |field: &str, options: BTreeMap<String, String>| {
            if let Some(field) = self.shape.fields.get_mut(field) {
                field.options = options;
            }
        };
        if self.name == "job" {
            list("entityStatus", settings.job_statuses.clone());
            let billing = settings
                .job_billing_types
                .iter()
                .map(|(id, t)| (id.clone(), t.label.clone()))
                .collect();
            list("jobBillingType", billing);
        }
        if self.name == "resourceAllocation" {
            list(
                "approvalStatus",
                (1..=19).map(|n| (n.to_string(), n.to_string())).collect(),
            );
        }
    }
}

fn shape(raw: FileShape) -> Shape {
    let fields = raw
        .fields
        .iter()
        .map(|(name, spec)| (name.clone(), field(name, spec, &raw.enums, &raw.labels)))
        .collect();
    Shape {
        fields,
        key: raw.key,
        number: raw.number,
    }
}

fn field(
    name: &str,
    spec: &str,
    enums: &BTreeMap<String, BTreeMap<String, String>>,
    labels: &BTreeMap<String, String>,
) -> Field {
    let mut words = spec.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let (kind, argument) = kind.split_once(':').unwrap_or((kind, ""));
    let kind = match kind {
        "bool" => Kind::Bool,
        "num" => Kind::Number,
        "int" => Kind::Integer,
        "date" => Kind::Date,
        "datetime" => Kind::DateTime,
        "hours" => Kind::Hours,
        "ref" => Kind::Reference(
            argument
                .split(',')
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
        "enum" => Kind::Enumeration,
        "country" => Kind::Country,
        "sub" => Kind::Sublist(if argument.is_empty() { name } else { argument }.to_owned()),
        "obj" => Kind::Subrecord(argument.to_owned()),
        _ => Kind::Text,
    };
    Field {
        kind,
        read_only: words.any(|w| w == "ro"),
        custom: false,
        options: enums.get(name).cloned().unwrap_or_default(),
        label: labels.get(name).cloned().unwrap_or_else(|| label(name)),
    }
}

/// `tranDate` as `Tran Date`.
fn label(name: &str) -> String {
    let mut label = String::with_capacity(name.len() + 4);
    for (at, c) in name.char_indices() {
        if at == 0 {
            label.extend(c.to_uppercase());
        } else {
            if c.is_uppercase() {
                label.push(' ');
            }
            label.push(c);
        }
    }
    label
}

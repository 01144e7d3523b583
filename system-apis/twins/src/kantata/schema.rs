//! What each collection has, read from `schema.json`.
//!
//! `fields` gives each field's kind, then the collection that an id points to, then marks: `!` only read (what a client
//! writes to it is ignored), `=` written on create only, `?` only shown when asked for by `optional_fields`, `$` hidden
//! without financial access, `$$` hidden without cost access, `hidden` only written. An `intid` is an id that the vendor
//! writes as a number. `include_only` fields are shown only with the association of their name.
//!
//! `includes` says how an association is found: `one` and `many` follow own ids, `by` finds the records whose field holds
//! this record's id; the others are named in [`super::include`]. `filters` are described in [`super::filter`].
//! `verbs` are those of create, read, update, delete; `access` is what the caller needs for the whole collection;
//! `workspace` names the field whose project decides who sees a record; `needs` are parameters without which a list is
//! refused.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Int,
    Number,
    Bool,
    Date,
    Time,
    Id,
    IntId,
    Ids,
    /// A rate of a rate card, kept in main units.
    Rate,
    Any,
}

/// Who sees a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Everybody,
    Financial,
    Cost,
}

/// A field.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "String")]
pub(super) struct Field {
    pub(super) kind: Kind,
    pub(super) target: Option<String>,
    pub(super) read_only: bool,
    pub(super) create_only: bool,
    pub(super) optional: bool,
    pub(super) hidden: bool,
    pub(super) access: Access,
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        let mut words = text.split(' ');
        let kind = match words.next().unwrap_or_default() {
            "text" => Kind::Text,
            "int" => Kind::Int,
            "number" => Kind::Number,
            "bool" => Kind::Bool,
            "date" => Kind::Date,
            "time" => Kind::Time,
            "id" => Kind::Id,
            "intid" => Kind::IntId,
            "ids" => Kind::Ids,
            "rate" => Kind::Rate,
            _ => Kind::Any,
        };
        let mut field = Self {
            kind,
            target: None,
            read_only: false,
            create_only: false,
            optional: false,
            hidden: false,
            access: Access::Everybody,
        };
        for word in words {
            field.mark(word);
        }
        field
    }
}

impl Field {
    fn mark(&mut self, word: &str) {
        if word == "hidden" {
            self.hidden = true;
            return;
        }
        let name = word
            .trim_start_matches(['!', '=', '?', '$'])
            .trim_end_matches(['!', '=', '?', '$']);
        if !name.is_empty() {
            self.target = Some(name.to_owned());
        }
        self.read_only |= word.contains('!');
        self.create_only |= word.contains('=');
        self.optional |= word.contains('?');
        if word.contains("$$") {
            self.access = Access::Cost;
        } else if word.contains('$') {
            self.access = Access::Financial;
        }
    }
}

/// A collection.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Collection {
    /// The key in a path and in answers; filled in from the file's key.
    #[serde(skip)]
    pub(super) name: String,
    pub(super) singular: String,
    /// As external references call it; absent = they cannot point to it.
    #[serde(default)]
    pub(super) subject: Option<String>,
    /// As custom field values call it; absent = it has none.
    #[serde(default)]
    pub(super) custom: Option<String>,
    /// As event types call it; absent = its changes make no events.
    #[serde(default)]
    pub(super) event: Option<String>,
    /// As an event's `subject_type` calls it, where that differs from `subject`.
    #[serde(default)]
    pub(super) event_subject: Option<String>,
    pub(super) verbs: String,
    /// Most records of one bulk call; 0 = no bulk form.
    pub(super) bulk: usize,
    #[serde(default)]
    pub(super) require: Vec<String>,
    pub(super) order: String,
    pub(super) orders: Vec<String>,
    #[serde(default)]
    pub(super) workspace: Option<String>,
    #[serde(default)]
    pub(super) access: Option<String>,
    #[serde(default)]
    pub(super) needs: Vec<String>,
    pub(super) fields: BTreeMap<String, Field>,
    #[serde(default)]
    pub(super) include_only: Vec<String>,
    pub(super) includes: BTreeMap<String, Vec<String>>,
    pub(super) filters: BTreeMap<String, Vec<String>>,
}

impl Collection {
    pub(super) fn allows(&self, verb: char) -> bool {
        self.verbs.contains(verb)
    }

    /// What events call the kind of record.
    pub(super) fn event_subject(&self) -> Option<&str> {
        self.event_subject.as_deref().or(self.subject.as_deref())
    }
}

/// All collections.
pub(super) struct Schema(BTreeMap<String, Collection>);

impl Schema {
    pub(super) fn load() -> Self {
        let read: Result<BTreeMap<String, Collection>, _> = serde_json::from_str(include_str!("schema.json"));
        let mut collections = read.unwrap_or_else(|error| {
            tracing::error!(%error, "the schema of the Kantata twin is not readable");
            BTreeMap::new()
        });
        for (name, collection) in &mut collections {
            collection.name.clone_from(name);
        }
        Self(collections)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Collection> {
        self.0.get(name)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Collection> {
        self.0.values()
    }

    /// The collection that external references call `subject`. `Submission` stands for timesheets and expense reports.
    pub(super) fn subjects(&self, subject: &str) -> impl Iterator<Item = &Collection> {
        self.0
            .values()
            .filter(move |c| c.subject.as_deref() == Some(subject))
    }
}

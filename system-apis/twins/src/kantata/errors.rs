//! Refusals in Kantata's form: `{"errors":[{"type","message","field","index"}]}`, without codes.
//!
//! The vendor publishes the form and the statuses, but few of the messages; those here are in the manner of the framework
//! that the product is built on.

use serde_json::{Value, json};

/// One entry of `errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    kind: &'static str,
    message: String,
    field: Option<String>,
    index: Option<usize>,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    items: Vec<Item>,
}

impl ApiError {
    fn of(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        let item = Item {
            kind,
            message: message.into(),
            field: None,
            index: None,
        };
        Self {
            status,
            items: vec![item],
        }
    }

    pub(super) fn system(status: u16, message: impl Into<String>) -> Self {
        Self::of(status, "system", message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::of(401, "oauth", "Invalid OAuth 2 Request")
    }

    pub(super) fn not_found() -> Self {
        Self::system(404, "Record not found")
    }

    pub(super) fn forbidden(what: &str) -> Self {
        Self::system(403, format!("You do not have permission to {what}"))
    }

    pub(super) fn invalid(field: &str, message: impl Into<String>) -> Self {
        let mut error = Self::of(422, "validation", message);
        for item in &mut error.items {
            item.field = Some(field.to_owned());
        }
        error
    }

    /// A required field is not there.
    pub(super) fn blank(field: &str) -> Self {
        Self::invalid(field, format!("{} can't be blank", humanised(field)))
    }

    /// The same refusal of the element at `index` of an array.
    pub(super) fn at(mut self, index: usize) -> Self {
        for item in &mut self.items {
            item.index = Some(index);
        }
        self
    }

    /// Takes in the items of another refusal of the same request.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.items.extend(other.items);
        self
    }

    pub(super) fn body(&self) -> Value {
        let items = self.items.iter().map(|item| {
            let mut error = json!({"type": item.kind, "message": item.message});
            if let Some(object) = error.as_object_mut() {
                object.extend(
                    item.field
                        .iter()
                        .map(|f| ("field".to_owned(), Value::from(f.as_str()))),
                );
                object.extend(item.index.iter().map(|i| ("index".to_owned(), Value::from(*i))));
            }
            error
        });
        json!({"errors": items.collect::<Vec<_>>()})
    }
}

/// `date_performed` as a person reads it: `Date performed`.
pub(super) fn humanised(field: &str) -> String {
    let words = field.trim_end_matches("_id").replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

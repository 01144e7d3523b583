//! The texts in which a query that names something unknown is refused.

use super::Refusal;
use super::ast::Name;
use super::plan::Operand;

pub(super) fn unknown_object(name: &Name) -> Refusal {
    let message = format!(
        "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the \
         '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
        name.text
    );
    Refusal {
        code: "INVALID_TYPE",
        message,
        at: Some(name.at),
    }
}

pub(super) fn unknown_children(name: &Name) -> Refusal {
    let message = format!(
        "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom \
         relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL \
         or the describe call for the appropriate names.",
        name.text
    );
    Refusal {
        code: "INVALID_TYPE",
        message,
        at: Some(name.at),
    }
}

pub(super) fn wrong_type(operand: &Operand<'_>, kind: &str, quoted: bool, at: usize) -> Refusal {
    let quotes = if quoted { "should be" } else { "should not be" };
    let message = format!(
        "value of filter criterion for field '{}' must be of type {kind} and {quotes} enclosed in quotes",
        operand.field.name
    );
    Refusal {
        code: "INVALID_FIELD",
        message,
        at: Some(at),
    }
}

pub(super) fn unknown_field(field: &str, object: &str, path: &Name) -> Refusal {
    let message = format!(
        "No such column '{field}' on entity '{object}'. If you are attempting to use a custom field, be sure to \
         append the '__c' after the custom field name. Please reference your WSDL or the describe call for the \
         appropriate names."
    );
    Refusal {
        code: "INVALID_FIELD",
        message,
        at: Some(path.at),
    }
}

pub(super) fn unknown_relationship(relationship: &str, path: &Name) -> Refusal {
    let message = format!(
        "Didn't understand relationship '{relationship}' in field path. If you are attempting to use a custom \
         relationship, be sure to append the '__r' after the custom relationship name. Please reference your \
         WSDL or the describe call for the appropriate names."
    );
    Refusal {
        code: "INVALID_FIELD",
        message,
        at: Some(path.at),
    }
}

//! Which kind of system owns which field: the rules that keep loops from fighting.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Failure, Result};

/// A kind of system of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SystemKind {
    /// Where deals are made.
    Crm,
    /// Where the books are kept.
    Erp,
    /// Where work is planned, done and approved.
    Psa,
}

impl SystemKind {
    /// The word used in connections, settings and paths: `crm`, `erp`, `psa`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Crm => "crm",
            Self::Erp => "erp",
            Self::Psa => "psa",
        }
    }
}

/// One rule: these fields of this resource belong to that kind of system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnershipRule {
    /// Resource name, such as `account`.
    pub resource: String,
    /// Field names of the canonical record; `*` stands for every field that no other rule names.
    pub fields: Vec<String>,
    /// Who owns them.
    pub owner: SystemKind,
    /// Why, for the person whose write is refused.
    pub why: String,
}

/// All rules, as `config/ownership.toml` states them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ownership {
    /// The rules. A field that none names may be written by every system.
    #[serde(default, rename = "rule")]
    pub rules: Vec<OwnershipRule>,
}

impl Ownership {
    /// Who owns a field; `None` where no rule names it.
    #[must_use]
    pub fn owner(&self, resource: &str, field: &str) -> Option<&OwnershipRule> {
        let of_resource = || self.rules.iter().filter(|rule| rule.resource == resource);
        of_resource()
            .find(|rule| rule.fields.iter().any(|f| f == field))
            .or_else(|| of_resource().find(|rule| rule.fields.iter().any(|f| f == "*")))
    }

    /// Whether a value that comes from `origin` may change these fields in another system.
    ///
    /// # Errors
    /// Business `field_not_owned`, naming the first field that belongs to another system and why.
    pub fn check<'a>(
        &self,
        resource: &str,
        fields: impl IntoIterator<Item = &'a str>,
        origin: SystemKind,
    ) -> Result<()> {
        for field in fields {
            if let Some(rule) = self.owner(resource, field).filter(|rule| rule.owner != origin) {
                let message = format!(
                    "{field} of {resource} belongs to the {}, so a value from the {} does not change it: {}",
                    rule.owner.word(),
                    origin.word(),
                    rule.why
                );
                return Err(Failure::business("field_not_owned", message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(fields: &[&str], owner: SystemKind) -> OwnershipRule {
        let fields = fields.iter().map(|f| (*f).to_owned()).collect();
        OwnershipRule {
            resource: "account".to_owned(),
            fields,
            owner,
            why: "finance decides".to_owned(),
        }
    }

    #[test]
    fn a_named_field_wins_over_the_rest_and_an_unnamed_one_is_free() {
        let ownership = Ownership {
            rules: vec![
                rule(&["*"], SystemKind::Crm),
                rule(&["payment_terms"], SystemKind::Erp),
            ],
        };
        assert!(
            ownership
                .check("account", ["name", "website"], SystemKind::Crm)
                .is_ok()
        );
        let refused = ownership
            .check("account", ["name", "payment_terms"], SystemKind::Crm)
            .unwrap_err();
        assert_eq!(refused.code, "field_not_owned");
        assert!(refused.message.contains("payment_terms"));
        assert!(ownership.check("project", ["name"], SystemKind::Psa).is_ok());
    }
}

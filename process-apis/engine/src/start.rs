//! Starting instances.

use canonical_model::CanonicalId;

/// What to start.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a, S> {
    /// The process.
    pub process: &'a str,
    /// What makes two starts the same piece of work; one instance for each.
    pub business_key: &'a str,
    /// Correlates with logs, traces and vendor writes.
    pub correlation_id: &'a str,
    /// The state that the first step finds.
    pub state: &'a S,
}

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The instance of the business key.
    pub instance_id: CanonicalId,
    /// Whether this start made it.
    pub new: bool,
}

/// Which instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceRef {
    /// By id.
    Id(CanonicalId),
    /// By process and business key.
    Key(String, String),
}

impl From<CanonicalId> for InstanceRef {
    fn from(id: CanonicalId) -> Self {
        Self::Id(id)
    }
}

impl From<(&str, &str)> for InstanceRef {
    fn from((process, business_key): (&str, &str)) -> Self {
        Self::Key(process.to_owned(), business_key.to_owned())
    }
}

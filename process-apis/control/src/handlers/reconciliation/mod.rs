//! Comparisons of PSA, journal and ERP.

pub(crate) mod certificate;
pub(crate) mod create;
pub(crate) mod differences;
pub(crate) mod list;
pub(crate) mod read;

use canonical_model::{CanonicalId, Failure, Result};

/// A cursor is the id of the last record of the page before.
fn read_cursor(text: Option<&str>) -> Result<Option<CanonicalId>> {
    text.map(str::parse)
        .transpose()
        .map_err(|_| Failure::business("malformed_cursor", "the cursor is not one of this API's"))
}

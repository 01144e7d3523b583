//! Rate limits, general and of single endpoints, by token and minute.
//!
//! The vendor publishes neither numbers nor headers: the answer to one call too many says nothing about when to come back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::KantataSettings;

/// Calls of the present minute.
#[derive(Default)]
pub(super) struct Usage(Mutex<(i64, HashMap<String, u32>)>);

impl Usage {
    /// Counts a call; false when it is one too many.
    pub(super) fn count(
        &self,
        settings: &KantataSettings,
        token: &str,
        method: &str,
        collection: &str,
        now: DateTime<Utc>,
    ) -> bool {
        let minute = now.timestamp().div_euclid(60);
        let mut usage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if usage.0 != minute {
            *usage = (minute, HashMap::new());
        }
        let endpoint = settings
            .endpoint_limits
            .iter()
            .find(|l| l.method == method && l.collection == collection);
        let limits = [
            (settings.requests_per_minute, token.to_owned()),
            (
                endpoint.map(|l| l.per_minute),
                format!("{token} {method} {collection}"),
            ),
        ];
        let mut within = true;
        for (limit, key) in limits.into_iter().filter_map(|(limit, key)| Some((limit?, key))) {
            let used = usage.1.entry(key).or_insert(0);
            *used += 1;
            within &= *used <= limit;
        }
        within
    }
}

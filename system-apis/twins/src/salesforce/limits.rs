//! How much of the org's allowances is used: the API call counter, `/limits` and `/limits/recordCount`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::call::{Call, Request, Response};
use super::errors::ApiError;

/// Calls per hour of the last 24 hours.
#[derive(Default)]
pub(super) struct Usage {
    by_hour: Mutex<BTreeMap<i64, u64>>,
}

impl Usage {
    /// Counts a call; false when the allowance is spent.
    pub(super) fn count(&self, now: DateTime<Utc>, allowed: u64) -> bool {
        let hour = now.timestamp() / 3600;
        let mut by_hour = self.by_hour.lock().unwrap_or_else(PoisonError::into_inner);
        by_hour.retain(|h, _| *h > hour - 24);
        if by_hour.values().sum::<u64>() >= allowed {
            return false;
        }
        *by_hour.entry(hour).or_default() += 1;
        true
    }

    fn used(&self, now: DateTime<Utc>) -> u64 {
        let hour = now.timestamp() / 3600;
        let by_hour = self.by_hour.lock().unwrap_or_else(PoisonError::into_inner);
        by_hour.range(hour - 23..).map(|(_, n)| n).sum()
    }

    /// Value of `Sforce-Limit-Info`.
    pub(super) fn shown(&self, now: DateTime<Utc>, allowed: u64) -> String {
        format!("api-usage={}/{allowed}", self.used(now))
    }
}

pub(super) fn limits(call: &Call<'_, '_>) -> Result<Response, ApiError> {
    let allowed = call.org.settings.daily_api_requests;
    let left = allowed.saturating_sub(call.org.usage.used(call.tx.now()));
    let entry = |max: u64, remaining: u64| json!({"Max": max, "Remaining": remaining});
    let mut map = Map::new();
    map.insert("DailyApiRequests".to_owned(), entry(allowed, left));
    // The twin counts API calls only; the other allowances are those of a developer org, untouched.
    let untouched = [
        ("DailyAsyncApexExecutions", 250_000),
        ("DailyBulkApiBatches", 15_000),
        ("DailyBulkV2QueryFileStorageMB", 976_562),
        ("DailyBulkV2QueryJobs", 10_000),
        ("DailyDeliveredPlatformEvents", 10_000),
        ("HourlyPublishedPlatformEvents", 50_000),
        ("DataStorageMB", 5),
        ("FileStorageMB", 20),
        ("SingleEmail", 15),
        ("PermissionSets", 1_500),
    ];
    map.extend(untouched.map(|(name, max)| (name.to_owned(), entry(max, max))));
    Ok(Response::json(200, Value::Object(map)))
}

pub(super) fn record_count(call: &Call<'_, '_>, request: &Request) -> Result<Response, ApiError> {
    let wanted = request
        .param("sObjects")
        .map(|list| list.split(',').map(str::trim).collect::<Vec<_>>());
    let asked = |name: &str| {
        wanted
            .as_ref()
            .is_none_or(|w| w.iter().any(|n| n.eq_ignore_ascii_case(name)))
    };
    let objects = call.org.schema.objects().iter().filter(|o| asked(o.name()));
    let counts = objects
        .map(|o| (o.name(), call.tables().rows(o.name()).count()))
        .filter(|(_, n)| *n > 0);
    let list: Vec<Value> = counts
        .map(|(name, count)| json!({"name": name, "count": count}))
        .collect();
    Ok(Response::json(200, json!({"sObjects": list})))
}

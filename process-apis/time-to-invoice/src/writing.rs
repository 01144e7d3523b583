//! One write into the ERP, once.

use canonical_model::{EffectKey, Resource, Result, Write, Written};

use crate::Ctx;

/// Writes a record under a key, journalled and settled.
///
/// # Errors
/// The ERP refuses it, or nobody can tell whether it was written.
pub(crate) async fn write_once<T: Resource>(
    ctx: &Ctx,
    erp: &str,
    key: EffectKey,
    record: &T,
) -> Result<Written> {
    let systems = &ctx.services().systems;
    let (sender, finder) = (systems.collection::<T>(erp)?, systems.collection::<T>(erp)?);
    let send = |key: EffectKey| {
        let (remote, record) = (sender.clone(), record.clone());
        async move {
            let write = Write {
                key,
                id: None,
                expected_version: None,
                record,
            };
            remote.write(&write).await
        }
    };
    let find = |key: EffectKey| {
        let remote = finder.clone();
        async move { remote.find_by_key(&key).await }
    };
    let call = ctx.effect_with_key(&sender.target(), key, record, send, find);
    if systems.finds_every_write::<T>(erp).await? {
        call.await
    } else {
        call.eventual().await
    }
}

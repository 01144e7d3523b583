//! The two writes of a batch: into the books of the ERP, and onto the sources in the PSA.

use canonical_model::{EffectKey, Failure, Link, LinkState, Resource, Result, Write, Written};
use system_client::Verb;

use crate::Ctx;
use crate::line::PostingLine;

/// Posts records, one for each line, under keys that follow from the lines alone: whichever batch a line is in, it is
/// posted once. One outcome a line, in their order.
pub(super) async fn post<T: Resource>(
    ctx: &Ctx,
    erp: &str,
    lines: &[PostingLine],
    records: Vec<T>,
) -> Result<Vec<Result<Written>>> {
    if records.len() != lines.len() {
        return Err(Failure::fault("batch_mixed", "a batch holds lines of two kinds"));
    }
    let systems = &ctx.services().systems;
    let (sender, finder) = (systems.collection::<T>(erp)?, systems.collection::<T>(erp)?);
    let target = sender.target();
    let mut items = Vec::with_capacity(lines.len());
    for (line, record) in lines.iter().zip(&records) {
        let what = line.business_key();
        items.push((ctx.shared_key(&what), what, request(record)?));
    }
    let send_all = |keys: Vec<(usize, EffectKey)>| {
        let writes = keys.into_iter().filter_map(|(place, key)| {
            records.get(place).map(|record| Write {
                key,
                id: None,
                expected_version: None,
                record: record.clone(),
            })
        });
        let (remote, writes) = (sender.clone(), writes.collect::<Vec<_>>());
        async move { remote.write_all(&writes).await }
    };
    let find = |key: EffectKey| {
        let remote = finder.clone();
        async move { remote.find_by_key(&key).await }
    };
    let call = ctx.effects_with_keys(&target, items, send_all, find);
    if systems.finds_every_write::<T>(erp).await? {
        call.await
    } else {
        call.eventual().await
    }
}

/// Marks the sources of posted lines in the PSA, where it can show that. Posted lines stay posted whatever becomes of
/// their marks; a mark that is refused stops the batch for a person.
pub(super) async fn mark<T: Resource>(ctx: &Ctx, psa: &str, lines: &[PostingLine]) -> Result<()> {
    let marks = lines.iter().map(|line| posted(ctx, line)).collect();
    link::<T>(ctx, psa, marks).await
}

/// Sets marks in the PSA, where it can show them. A source that is gone needs none.
pub(crate) async fn link<T: Resource>(ctx: &Ctx, psa: &str, marks: Vec<Link>) -> Result<()> {
    let systems = &ctx.services().systems;
    if marks.is_empty() || !systems.can::<T>(psa, Verb::Link).await? {
        return Ok(());
    }
    let (sender, finder) = (systems.collection::<T>(psa)?, systems.collection::<T>(psa)?);
    let mut items = Vec::with_capacity(marks.len());
    for mark in &marks {
        items.push((mark.key.clone(), format!("mark {}", mark.id), request(mark)?));
    }
    let send_all = |keys: Vec<(usize, EffectKey)>| {
        let links = keys.iter().filter_map(|(place, _)| marks.get(*place).cloned());
        let (remote, links) = (sender.clone(), links.collect::<Vec<_>>());
        async move { remote.link_all(&links).await }
    };
    let find = |key: EffectKey| {
        let (remote, mark) = (finder.clone(), marks.iter().find(|mark| mark.key == key).cloned());
        async move {
            let Some(mark) = mark else { return Ok(None) };
            let found = match remote.read(&mark.id).await {
                Ok(found) => found,
                Err(failure) if is_gone(&failure) => return Ok(None),
                Err(failure) => return Err(failure),
            };
            // That a source is not in the books any more shows nowhere: such a mark is set again.
            let marked = mark.other_id.is_some() && found.links.get(&mark.system) == mark.other_id.as_ref();
            Ok(marked.then_some(Written {
                id: found.id,
                code: None,
                version: found.version,
                created: Some(false),
            }))
        }
    };
    let target = format!("{psa} {}", T::NAME);
    let results = ctx.effects_with_keys(&target, items, send_all, find).await?;
    let mut refused = results
        .into_iter()
        .filter_map(Result::err)
        .filter(|failure| !is_gone(failure));
    refused.next().map_or(Ok(()), Err)
}

/// A source that is gone cannot be marked; that it is gone is told as a change after posting.
fn is_gone(failure: &Failure) -> bool {
    failure.code == "not_found"
}

fn posted(ctx: &Ctx, line: &PostingLine) -> Link {
    Link {
        key: ctx.shared_key(&format!("mark {}", line.business_key())),
        id: line.source_id.clone(),
        system: "erp".to_owned(),
        other_id: line.erp_id.clone(),
        state: LinkState::Succeeded,
        message: None,
    }
}

fn request(record: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(record).map_err(|error| {
        Failure::fault("request_unwritable", "a record cannot be written as JSON")
            .with_detail(error.to_string())
    })
}

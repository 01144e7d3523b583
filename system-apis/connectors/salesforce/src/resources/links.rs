//! Notes on records how another system stands with them.

use std::collections::BTreeMap;

use canonical_model::{Failure, Link, LinkState, Result, WriteResult};

use super::writes::{Ready, Target, in_order};
use super::{Noun, Records};
use crate::settings::LinkNames;
use crate::soql;
use crate::wire::{Cell, Fields};

impl<T: Noun> Records<T> {
    pub(super) async fn link_all(&self, links: &[Link]) -> Vec<WriteResult> {
        let (mut ready, mut outcomes) = (Vec::new(), std::collections::HashMap::new());
        for (at, link) in links.iter().enumerate() {
            match self.noted(link) {
                Ok(fields) => ready.push(Ready {
                    at,
                    target: Target::Id(link.id.clone()),
                    fields,
                }),
                Err(failure) => {
                    outcomes.insert(at, Err(failure.at(self.client().connection())));
                }
            }
        }
        outcomes.extend(self.send(ready).await);
        in_order(links.iter().map(|link| &link.key), outcomes)
    }

    fn noted(&self, link: &Link) -> Result<Fields> {
        if !soql::is_id(&link.id) {
            return Err(self.missing(&link.id));
        }
        let empty = BTreeMap::new();
        let known = T::links(self.settings()).unwrap_or(&empty);
        // `erp/main` is noted where `erp` is, unless it has fields of its own.
        let kind = link.system.split('/').next().unwrap_or_default();
        let names = known.get(&link.system).or_else(|| known.get(kind));
        let fields = names
            .map(|names| fields(link, names))
            .transpose()?
            .filter(|fields| !fields.is_empty());
        fields.ok_or_else(|| {
            let message = format!(
                "the settings name no fields for what {} says of {} {}",
                link.system,
                T::NAME,
                link.id
            );
            Failure::fault("link_not_mapped", message)
        })
    }
}

fn fields(link: &Link, names: &LinkNames) -> Result<Fields> {
    let mut fields = Fields::default();
    let succeeded = link.state == LinkState::Succeeded;
    fields.put_custom("another system's id", &names.id, link.other_id.as_deref())?;
    let word = match link.state {
        LinkState::Pending => "Pending",
        LinkState::Succeeded => "Succeeded",
        LinkState::Failed => "Failed",
    };
    if let Some(name) = names.state.get() {
        fields.put(name, word);
    }
    let message = link.message.as_deref();
    if let Some(name) = names.entity.get() {
        fields.put_some(name, message.filter(|_| succeeded));
    }
    if let Some(name) = names.message.get() {
        // What failed before is no news once it succeeded. A text field of Salesforce holds 255 characters.
        let shown = message
            .filter(|_| !succeeded)
            .map(|text| text.chars().take(255).collect::<String>());
        fields.put(name, shown.map_or(Cell::Clear, Cell::Text));
    }
    Ok(fields)
}

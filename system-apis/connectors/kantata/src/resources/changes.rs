//! Changes: records whose stamp has moved, and the vendor's events for what moves no stamp.
//!
//! Deletions leave nothing behind but an event, and an approval or rejection may leave the stamps of its entries as they
//! were. Events only say that something happened: what they are about is read again, in the state in which it is now.

use std::collections::{BTreeMap, BTreeSet};

use canonical_model::{Change, Changes, Result};
use chrono::{DateTime, Duration, Utc};

use super::{Noun, Records};
use crate::client::{Params, asked_at};
use crate::cursor::{Feed, Place, Track};
use crate::wire::{Envelope, Record};

/// The vendor's events behind a place.
struct Events {
    envelope: Envelope,
    places: Vec<Place>,
    more: bool,
}

/// What events say: which records are gone, and which subjects have to be looked at, by the kind of their events.
#[derive(Default)]
struct News {
    gone: BTreeMap<String, DateTime<Utc>>,
    subjects: BTreeMap<String, BTreeSet<String>>,
}

impl<T: Noun> Records<T> {
    pub(super) async fn changes_since(&self, cursor: Option<&str>, limit: u32) -> Result<Changes<T>> {
        let feed = self.feed(cursor)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let what = format!("reading changes of {}", T::PATH);
        let mut part = self
            .behind(T::CHANGED_BY, feed.changed.from(), limit, Vec::new(), &what)
            .await?;
        let horizon = asked_at(&part.envelope) - Duration::seconds(self.settings().limits.overlap_s.into());
        let track = feed.events.unwrap_or_else(|| Track::starting(horizon));
        let events = self.events(&track, limit, &what).await?;
        #[cfg(not(feature = "simulation"))]
        let news = self.news(&events)?;
        #[cfg(feature = "simulation")]
        let mut news = self.news(&events)?;
        let mut ids: BTreeSet<String> = part.ids().into_iter().collect();
        #[cfg(feature = "simulation")]
        {
            use canonical_model::simulation::{Defect, planted};
            if planted(Defect::MissedDeletion) {
                news.gone.clear();
            }
            if let Some(last) = part
                .places
                .last()
                .filter(|_| part.more && planted(Defect::OffByOnePage))
            {
                ids.remove(&last.id);
            }
        }
        for (kind, subjects) in &news.subjects {
            let concerned = T::concerned(&self.shared, kind, subjects).await?;
            ids.extend(concerned.results.iter().cloned());
            part.envelope.absorb(concerned);
        }
        let ids: Vec<String> = ids.into_iter().filter(|id| !news.gone.contains_key(id)).collect();
        T::complete(&self.shared, &mut part.envelope, &ids).await?;
        let mut items = Vec::with_capacity(ids.len() + news.gone.len());
        for id in &ids {
            items.extend(self.change(&part.envelope, id)?);
        }
        items.extend(news.gone.into_iter().map(|(id, changed_at)| Change {
            id,
            changed_at,
            record: None,
            failure: None,
        }));
        items.sort_by(|a, b| (a.changed_at, &a.id).cmp(&(b.changed_at, &b.id)));
        let next = Feed {
            changed: feed.changed.advanced(&part.places, horizon, part.more),
            events: Some(track.advanced(&events.places, horizon, events.more)),
        };
        Ok(Changes {
            items,
            next_cursor: next.text()?,
            more: part.more || events.more,
        })
    }

    /// The cursor. One that is older than the vendor's memory of events begins again with everything there is.
    fn feed(&self, cursor: Option<&str>) -> Result<Feed> {
        let feed = Feed::parse(cursor).map_err(|failure| self.at_home(failure))?;
        let kept = Duration::days(self.settings().limits.event_retention_days.into());
        let oldest = (canonical_model::clock::now() - kept).timestamp();
        let lost = feed
            .events
            .as_ref()
            .is_some_and(|events| events.from().at < oldest);
        if lost && self.follows_events() {
            tracing::warn!(
                connection = self.client().connection(),
                collection = T::PATH,
                "the reader was away for longer than Kantata keeps events: it gets everything again, and deletions in \
                 between are not told"
            );
            return Ok(Feed::default());
        }
        Ok(feed)
    }

    fn follows_events(&self) -> bool {
        self.settings().subscribed_events && !T::EVENTS.is_empty()
    }

    async fn events(&self, track: &Track, limit: usize, what: &str) -> Result<Events> {
        let mut found = Events {
            envelope: Envelope::default(),
            places: Vec::new(),
            more: false,
        };
        if !self.follows_events() {
            return Ok(found);
        }
        let from = track.from();
        let mut asked: Params = vec![
            ("event_types", T::EVENTS.join(",")),
            ("order", "created_at:asc".to_owned()),
        ];
        asked.extend(from.before().map(|at| ("created_after", at)));
        if T::STORY_TYPE.is_some() {
            asked.push(("optional_fields", "previous_payload".to_owned()));
        }
        let place = |envelope: &Envelope, id: &String| -> Result<Place> {
            let event = envelope.found("subscribed_events", id)?;
            let at = event.instant("created_at")?;
            Ok(Place::new(event.needed("created_at", at)?, id.clone()))
        };
        let enough = |envelope: &Envelope| {
            let places = envelope.results.iter().filter_map(|id| place(envelope, id).ok());
            let mut places: Vec<Place> = places.filter(|place| place > from).collect();
            let reached = places.last().map_or(0, |last| last.at);
            places.sort();
            limit
                .checked_sub(1)
                .and_then(|last| places.get(last))
                .is_some_and(|last| places.len() > limit && reached > last.at)
        };
        found.envelope = self
            .client()
            .pages("subscribed_events", &asked, what, enough)
            .await?;
        let places: Result<Vec<Place>> = found
            .envelope
            .results
            .iter()
            .map(|id| place(&found.envelope, id))
            .collect();
        found.places = places.map_err(|failure| self.at_home(failure))?;
        found.places.retain(|place| place > from);
        found.places.sort();
        found.more = found.places.len() > limit;
        found.places.truncate(limit);
        Ok(found)
    }

    fn news(&self, events: &Events) -> Result<News> {
        let mut news = News::default();
        for place in &events.places {
            let event = events.envelope.found("subscribed_events", &place.id)?;
            self.tell(event, &mut news)
                .map_err(|failure| self.at_home(failure))?;
        }
        Ok(news)
    }

    fn tell(&self, event: &Record, news: &mut News) -> Result<()> {
        let (kind, subject) = (event.needed_text("event_type")?, event.needed_text("subject_id")?);
        // The feed may hold more than was asked for: unknown filters are ignored.
        if !T::EVENTS.contains(&kind.as_str()) || !of_our_type::<T>(event) {
            return Ok(());
        }
        let at = match event.instant("subject_changed_at")? {
            Some(at) => Some(at),
            None => event.instant("created_at")?,
        };
        let at = event.needed("created_at", at)?;
        match kind.split_once(':') {
            Some((noun, "deleted")) if noun == T::EVENT => {
                news.gone.insert(subject, at);
            }
            Some((noun, _)) => {
                news.subjects.entry(noun.to_owned()).or_default().insert(subject);
            }
            None => {}
        }
        Ok(())
    }

    /// One change. A record that cannot be read is a change with a failure: those behind it are not to wait for it.
    fn change(&self, envelope: &Envelope, id: &str) -> Result<Option<Change<T>>> {
        let (changed_at, record, failure) = match self.sourced(envelope, id) {
            Ok(None) => return Ok(None),
            Ok(Some(record)) => (record.changed_at, Some(record), None),
            Err(failure) => {
                let record = envelope.found(T::OBJECT.plural, id)?;
                let at = T::changed_at(record, self.view(envelope))?;
                (at, None, Some(failure))
            }
        };
        Ok(Some(Change {
            id: id.to_owned(),
            changed_at,
            record,
            failure,
        }))
    }
}

/// Whether an event about a story is about one of our type; one that does not tell may be.
fn of_our_type<T: Noun>(event: &Record) -> bool {
    let payload = event.inner("previous_payload");
    let told = payload.and_then(|payload| payload.text("story_type"));
    match (T::STORY_TYPE, told) {
        (Some(ours), Some(told)) => ours == told,
        _ => true,
    }
}

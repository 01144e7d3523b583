//! A dashboard as a stream of server-sent events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use chassis::Stopping;
use futures_util::Stream;
use futures_util::stream;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::view::{Dashboard, Part};

/// A line without meaning after so long keeps proxies from closing a quiet stream.
const QUIET: Duration = Duration::from_secs(15);

/// What one reader of the stream has seen.
struct Reader {
    feed: watch::Receiver<Arc<Dashboard>>,
    sent: BTreeMap<String, String>,
    until: Instant,
    stopping: Stopping,
}

/// The events: at first everything, then what has changed. Ends after `longest`, or when the API stops.
pub(crate) fn events(
    mut feed: watch::Receiver<Arc<Dashboard>>,
    longest: Duration,
    stopping: Stopping,
) -> impl Stream<Item = Result<Bytes, askama::Error>> {
    feed.mark_changed();
    let reader = Reader {
        feed,
        sent: BTreeMap::new(),
        until: Instant::now() + longest,
        stopping,
    };
    stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((event, reader))
    })
}

impl Reader {
    async fn next(&mut self) -> Option<Result<Bytes, askama::Error>> {
        tokio::select! {
            biased;
            () = self.stopping.0.cancelled() => None,
            () = tokio::time::sleep_until(self.until) => None,
            changed = self.feed.changed() => {
                changed.ok()?;
                let now = Arc::clone(&self.feed.borrow_and_update());
                Some(self.news(&now))
            }
            () = tokio::time::sleep(QUIET) => Some(Ok(Bytes::from_static(b": quiet\n\n"))),
        }
    }

    /// The whole view for programs, and for pages the parts that look different than before.
    fn news(&mut self, now: &Dashboard) -> Result<Bytes, askama::Error> {
        let mut text = event("dashboard", &json!(now));
        for Part { id, html } in now.parts()? {
            if self.sent.get(&id) != Some(&html) {
                text.push_str(&event("part", &json!({ "id": id, "html": html })));
                self.sent.insert(id, html);
            }
        }
        Ok(Bytes::from(text))
    }
}

/// One event. JSON has no line breaks of its own, so the data is one line.
fn event(name: &str, data: &serde_json::Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{Card, Choices};
    use futures_util::StreamExt;

    fn board(value: &str) -> Arc<Dashboard> {
        let mut board = Dashboard::of(&[], &[], &[], Choices::default());
        board.cards = vec![Card {
            id: "days_sales_outstanding".to_owned(),
            title: "Days sales outstanding".to_owned(),
            value: value.to_owned(),
            unit: "days".to_owned(),
            amount: None,
            money: Vec::new(),
            counted_in: "days".to_owned(),
            cases: 2,
            definition: "line one\nline two".to_owned(),
        }];
        Arc::new(board)
    }

    #[tokio::test]
    async fn a_reader_gets_everything_at_first_and_then_what_has_changed() {
        let (sender, feed) = watch::channel(board("31"));
        let stopping = Stopping(Default::default());
        let mut events = Box::pin(events(feed, Duration::from_secs(60), stopping.clone()));
        let first = events.next().await.unwrap().unwrap();
        let first = std::str::from_utf8(&first).unwrap();
        assert!(first.starts_with("event: dashboard\ndata: {"), "{first}");
        assert_eq!(first.matches("event: part").count(), 4, "{first}");
        assert!(
            first
                .lines()
                .all(|line| line.is_empty() || line.starts_with("event: ") || line.starts_with("data: "))
        );

        sender.send(board("32")).unwrap();
        let second = events.next().await.unwrap().unwrap();
        let second = std::str::from_utf8(&second).unwrap();
        assert_eq!(second.matches("event: part").count(), 1, "{second}");
        assert!(
            second.contains("kpi-days_sales_outstanding") && second.contains("32"),
            "{second}"
        );

        stopping.0.cancel();
        assert!(events.next().await.is_none());
    }
}

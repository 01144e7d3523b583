//! What a change in the PSA means for the line of its source: pure, so that every case can be read in one place.

use canonical_model::{CanonicalId, Failure};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::line::{LineState, Work};

/// What the PSA says about one source now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// It is approved, like this.
    Approved(Box<Work>),
    /// It is not approved, or no longer.
    NotApproved,
    /// It is gone.
    Deleted,
    /// It changed but cannot be read.
    Unreadable(Failure),
}

/// News of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Id in the PSA.
    pub source_id: String,
    /// When the PSA changed it.
    pub changed_at: DateTime<Utc>,
    /// What it says.
    pub news: News,
}

/// The live line of a source, as far as news of it go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLine {
    /// Its id.
    pub id: CanonicalId,
    /// The how many-th posting of its source it is.
    pub generation: u32,
    /// Where it stands.
    pub state: LineState,
    /// What was taken in.
    pub digest: String,
    /// News that wait until the line can take them.
    pub waiting: Option<News>,
    /// The batch that has it, or had it when it was refused.
    pub batch: Option<String>,
}

/// What to do about news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing that we do not know, or our own echo.
    Nothing,
    /// A new line.
    Queue,
    /// The line says something else now, and is queued afresh.
    Replace,
    /// The line is not to be posted.
    Withdraw,
    /// It is in the books or on its way there or back: the news are kept with the line.
    Remember,
    /// It is as it was posted, whatever was heard in between.
    Forget,
    /// Nobody can tell what it says.
    SetAside,
}

/// Decides what news mean for a line.
#[must_use]
pub fn decide(known: Option<&KnownLine>, news: &News) -> Decision {
    let Some(line) = known else {
        return match news {
            News::Approved(_) => Decision::Queue,
            News::NotApproved | News::Deleted => Decision::Nothing,
            News::Unreadable(_) => Decision::SetAside,
        };
    };
    let fixed = matches!(
        line.state,
        LineState::Posting | LineState::Posted | LineState::Reversing
    );
    match news {
        News::Unreadable(_) => Decision::SetAside,
        // Nothing of the source is in the books any more: it begins anew.
        News::Approved(_) if line.state == LineState::Reversed => Decision::Queue,
        News::NotApproved | News::Deleted if line.state == LineState::Reversed => Decision::Nothing,
        News::Approved(work) if work.digest() == line.digest => match line.state {
            LineState::Withdrawn => Decision::Replace,
            _ if line.waiting.is_some() => Decision::Forget,
            _ => Decision::Nothing,
        },
        _ if fixed && line.waiting.as_ref().is_some_and(|waiting| same(waiting, news)) => Decision::Nothing,
        _ if fixed => Decision::Remember,
        News::Approved(_) => Decision::Replace,
        News::NotApproved | News::Deleted if line.state == LineState::Withdrawn => Decision::Nothing,
        News::NotApproved | News::Deleted => Decision::Withdraw,
    }
}

/// Approval moves of itself; only what is posted counts.
fn same(one: &News, other: &News) -> bool {
    match (one, other) {
        (News::Approved(a), News::Approved(b)) => a.digest() == b.digest(),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::time;
    use canonical_model::Minutes;

    fn known(state: LineState, waiting: Option<News>) -> KnownLine {
        KnownLine {
            id: CanonicalId::generate(),
            generation: 1,
            state,
            digest: Work::Time(time()).digest(),
            waiting,
            batch: None,
        }
    }

    fn as_taken_in() -> News {
        News::Approved(Box::new(Work::Time(time())))
    }

    fn changed() -> News {
        let mut longer = time();
        longer.minutes = Minutes::new(480);
        News::Approved(Box::new(Work::Time(longer)))
    }

    #[test]
    fn a_source_becomes_one_line_and_its_echo_changes_nothing() {
        assert_eq!(decide(None, &as_taken_in()), Decision::Queue);
        assert_eq!(decide(None, &News::NotApproved), Decision::Nothing);
        for state in [
            LineState::Queued,
            LineState::Posting,
            LineState::Posted,
            LineState::Excepted,
            LineState::Skipped,
        ] {
            assert_eq!(
                decide(Some(&known(state, None)), &as_taken_in()),
                Decision::Nothing,
                "{state:?}"
            );
        }
        assert_eq!(
            decide(Some(&known(LineState::Withdrawn, None)), &as_taken_in()),
            Decision::Replace
        );
    }

    #[test]
    fn what_is_not_in_the_books_follows_the_psa() {
        for state in [LineState::Queued, LineState::Excepted, LineState::Skipped] {
            assert_eq!(decide(Some(&known(state, None)), &changed()), Decision::Replace);
            assert_eq!(
                decide(Some(&known(state, None)), &News::Deleted),
                Decision::Withdraw
            );
        }
        assert_eq!(
            decide(Some(&known(LineState::Withdrawn, None)), &News::NotApproved),
            Decision::Nothing
        );
    }

    #[test]
    fn what_is_in_the_books_or_on_its_way_is_never_changed_in_place() {
        for state in [LineState::Posting, LineState::Posted, LineState::Reversing] {
            assert_eq!(decide(Some(&known(state, None)), &changed()), Decision::Remember);
            assert_eq!(
                decide(Some(&known(state, None)), &News::NotApproved),
                Decision::Remember
            );
            assert_eq!(
                decide(Some(&known(state, Some(changed()))), &changed()),
                Decision::Nothing
            );
            assert_eq!(
                decide(Some(&known(state, Some(News::NotApproved))), &as_taken_in()),
                Decision::Forget
            );
        }
    }

    #[test]
    fn what_was_taken_out_of_the_books_begins_anew_when_it_is_approved_again() {
        let reversed = known(LineState::Reversed, None);
        assert_eq!(decide(Some(&reversed), &as_taken_in()), Decision::Queue);
        assert_eq!(decide(Some(&reversed), &changed()), Decision::Queue);
        for news in [News::NotApproved, News::Deleted] {
            assert_eq!(decide(Some(&reversed), &news), Decision::Nothing);
        }
    }

    #[test]
    fn what_cannot_be_read_is_set_aside_whatever_is_known() {
        let unreadable = News::Unreadable(Failure::business("unknown_currency", "\"XXQ\" is no currency"));
        assert_eq!(decide(None, &unreadable), Decision::SetAside);
        assert_eq!(
            decide(Some(&known(LineState::Posted, None)), &unreadable),
            Decision::SetAside
        );
    }
}

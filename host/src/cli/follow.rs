//! `hookyard event list --follow`: shows events as they come, and the changes of their states.
//!
//! It asks for the newest events again and again, so it needs nothing of the host but the list, and goes on when the
//! host was restarted.

use std::collections::VecDeque;
use std::time::Duration;

use super::client::Client;
use super::failure::{Failure, warn};
use super::poll::{Look, Poll};
use super::settings::{Connection, Settings};
use crate::admin::api::{EventList, EventState, EventSummary};

/// Interval between requests.
const INTERVAL: Duration = Duration::from_millis(500);
/// Events on a page, and the number of events whose states are watched.
const PAGE: usize = 100;
/// Most pages of one look: who reads a terminal cannot follow more.
const PAGES_MAX: usize = 10;

/// The events shown last, oldest first, with the state that was shown.
#[derive(Debug, Default)]
struct Seen(VecDeque<(String, String, EventState)>);

impl Seen {
    fn position(&self, event: &EventSummary) -> Option<usize> {
        self.0.iter().rposition(|(source, id, _)| *source == event.source && *id == event.id)
    }

    /// The new events of a list, and those with another state than was shown. Newest first, as the list. What is older
    /// than all that was shown is no news.
    fn take_news<'e>(&mut self, events: &'e [EventSummary]) -> Vec<&'e EventSummary> {
        let new = events.iter().take_while(|event| self.position(event).is_none()).count();
        let mut news: Vec<_> = events[..new].iter().collect();
        for event in &events[new..] {
            let Some(position) = self.position(event) else { continue };
            if std::mem::replace(&mut self.0[position].2, event.state) != event.state {
                news.push(event);
            }
        }
        for event in events[..new].iter().rev() {
            self.0.push_back((event.source.clone(), event.id.clone(), event.state));
        }
        let surplus = self.0.len().saturating_sub(PAGE * PAGES_MAX);
        self.0.drain(..surplus);
        news
    }
}

/// Shows events until a signal: first those of `first`, then what is new. A host that does not answer is asked again.
///
/// # Errors
/// When the output is closed.
pub(super) async fn follow(
    settings: &Settings,
    connection: &Connection,
    filters: &[(&str, &str)],
    first: &EventList,
    print: impl Fn(&EventSummary) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut poll = Poll::every(INTERVAL)?;
    let mut seen = Seen::default();
    let show = |seen: &mut Seen, events: &[EventSummary]| {
        // Newest first on a page, oldest first on the terminal.
        seen.take_news(events).into_iter().rev().try_for_each(&print)
    };
    show(&mut seen, &first.items)?;
    loop {
        // A restarted host may have another address and another token.
        let look = async { look(&settings.client(connection)?, filters, &seen).await };
        let (events, is_cut) = match poll.look(look).await? {
            Look::Found(found) => found,
            Look::Lost => continue,
            Look::Stopped => return Ok(()),
        };
        if is_cut {
            warn(&format!("more than {} new events at once: older ones are not shown", PAGE * PAGES_MAX));
        }
        show(&mut seen, &events)?;
    }
}

/// Reads pages until one has an event that was shown. Returns the events, newest first, and whether some are left out.
async fn look(
    client: &Client,
    filters: &[(&str, &str)],
    seen: &Seen,
) -> Result<(Vec<EventSummary>, bool), Failure> {
    let (mut events, mut cursor) = (Vec::new(), None::<String>);
    let limit = PAGE.to_string();
    for _ in 0..PAGES_MAX {
        let cursor_key = cursor.as_deref().map(|cursor| ("cursor", cursor));
        let query: Vec<_> =
            filters.iter().copied().chain([("limit", limit.as_str())]).chain(cursor_key).collect();
        let page: EventList = client.get(&["events"], &query).await?;
        let is_known = seen.0.is_empty() || page.items.iter().any(|event| seen.position(event).is_some());
        events.extend(page.items);
        cursor = page.next_cursor;
        if is_known || cursor.is_none() {
            return Ok((events, false));
        }
    }
    Ok((events, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, state: EventState) -> EventSummary {
        EventSummary {
            source: "moncreneau".into(),
            id: id.into(),
            event_type: "appointment.created".into(),
            state,
            created: String::new(),
            received_at: 0,
            deliveries: Vec::new(),
        }
    }

    fn news(seen: &mut Seen, events: &[(&str, EventState)]) -> Vec<String> {
        let events: Vec<_> = events.iter().map(|&(id, state)| event(id, state)).collect();
        seen.take_news(&events).into_iter().map(|event| format!("{} {}", event.id, event.state)).collect()
    }

    #[test]
    fn an_event_is_news_once_for_each_state_and_never_if_it_is_older() {
        let (pending, done) = (EventState::Pending, EventState::Done);
        let mut seen = Seen::default();
        assert_eq!(news(&mut seen, &[]), [""; 0]);
        assert_eq!(news(&mut seen, &[("b", pending), ("a", done)]), ["b pending", "a done"]);
        assert_eq!(news(&mut seen, &[("b", pending), ("a", done), ("older", done)]), [""; 0]);
        assert_eq!(news(&mut seen, &[("c", done), ("b", done), ("a", done)]), ["c done", "b done"]);
        assert_eq!(news(&mut seen, &[("c", done), ("b", done), ("a", done)]), [""; 0]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut seen = Seen::default();
        for number in 0..3 * PAGE * PAGES_MAX {
            news(&mut seen, &[(&number.to_string(), EventState::Done)]);
        }
        assert_eq!(seen.0.len(), PAGE * PAGES_MAX);
    }
}

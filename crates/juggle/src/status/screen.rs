//! `juggle status --watch` on a terminal: a full-screen view that changes the queue on request.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use event_log::{line::Kind, writer};
use flow::{
    clock::Clock,
    job::Selection,
    queue::{Pause, QueueAdmin, QueueError},
};
use monitor::{
    changes::{JobChange, failed_of_kind},
    failures::FailureGroup,
};
use queue::connection::QueueConnection;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::sync::mpsc;

use super::view::{Action, View};
use crate::{
    exit::{CliError, Exit},
    output::counted,
};
use settings::resolved::Settings;

/// The interval of reading the queue.
const BEAT: Duration = Duration::from_secs(1);
/// The interval in which the thread that reads keys notices the end.
const KEY_WAIT: Duration = Duration::from_millis(100);

/// Returns whether a full screen can be shown: standard input and output are a terminal that can move its
/// cursor.
pub(super) fn is_possible() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    io::stdin().is_terminal() && io::stdout().is_terminal() && !is_dumb
}

/// Shows the view until the user quits.
///
/// # Errors
/// Returns an error if the terminal cannot be used.
pub(super) async fn show(settings: &Settings) -> Result<Exit, CliError> {
    let broken =
        |error: io::Error| CliError::caused(Exit::File, &error).advise("The terminal cannot be used.");
    let (sender, mut keys) = mpsc::channel(16);
    let mut terminal = ratatui::try_init().map_err(broken)?;
    // Restores the terminal also if this function is left early.
    let _restored = Restore;
    std::thread::spawn(move || read_keys(&sender));
    let (mut view, clock) = (View::new(settings.output_dir.display().to_string()), Clock::start());
    let mut beat = tokio::time::interval(BEAT);
    loop {
        let action = tokio::select! {
            _ = beat.tick() => {
                view.update(super::snapshot(settings).await.map_err(|error| error.to_string()));
                None
            }
            event = keys.recv() => match event {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => view.press(key),
                Some(_) => None,
                None => Some(Action::Quit),
            },
        };
        match action {
            Some(Action::Quit) => return Ok(Exit::Done),
            Some(action) => {
                let done = act(settings, action).await;
                view.say(done.unwrap_or_else(|error| error.to_string()));
                view.update(super::snapshot(settings).await.map_err(|error| error.to_string()));
            }
            None => {}
        }
        terminal.draw(|frame| view.draw(frame, clock.now_ms())).map_err(broken)?;
    }
}

/// Passes the events of the terminal on, until nobody takes them or the terminal is gone.
fn read_keys(sender: &mpsc::Sender<Event>) {
    while !sender.is_closed() {
        let read = match event::poll(KEY_WAIT) {
            Ok(true) => event::read(),
            Ok(false) => continue,
            Err(_) => return,
        };
        let Ok(event) = read else { return };
        if sender.blocking_send(event).is_err() {
            return;
        }
    }
}

struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Does what the user asked for. Returns what was done.
async fn act(settings: &Settings, action: Action) -> Result<String, QueueError> {
    let connection = QueueConnection::visit(&settings.output_dir).await?;
    let queue = connection.queue();
    let done = match action {
        Action::SetPaused(lane, pause) => {
            let (state, event) = match pause {
                Pause::Paused => ("paused", Kind::Paused),
                Pause::Running => ("running", Kind::Resumed),
            };
            queue.set_paused(lane, pause).await.map(|()| {
                writer::note_change(&settings.output_dir, event, Some(lane), None);
                format!("The {lane} lane is {state}.")
            })
        }
        Action::Retry(group) => {
            let count = retry(&*queue, &group).await;
            count.map(|count| {
                writer::note_change(&settings.output_dir, Kind::Retried, Some(group.lane), Some(count));
                format!("{} in the queue again.", counted(count, "document"))
            })
        }
        Action::Quit => Ok(String::new()),
    };
    drop(queue);
    connection.close().await;
    done
}

/// Tries the documents of a group of failures again. Returns their number.
async fn retry(queue: &dyn QueueAdmin, group: &FailureGroup) -> Result<u64, QueueError> {
    let selection = Selection { lane: Some(group.lane), reason: Some(group.reason), ..Selection::default() };
    let ids = failed_of_kind(queue, selection, &group.kind).await?;
    JobChange::Retry.make_all(queue, &ids).await
}

//! Opens the log of events as the settings say, and notes the changes of people.

use std::{path::Path, sync::Arc};

use event_log::{
    line::{Kind, Line},
    writer::{self, EventLog},
};
use flow::{
    clock::Clock,
    events::{EventSink, NoEvents},
    lane::Lane,
};
use settings::{enums::EventLogging, resolved::Settings};

/// Opens the log of events. A run does without it if it cannot be written.
pub(crate) fn open(settings: &Settings) -> Arc<dyn EventSink> {
    if settings.event_logging == EventLogging::Off {
        return Arc::new(NoEvents);
    }
    let path = event_log::path_in(&settings.output_dir);
    match EventLog::open(&path) {
        Ok(log) => Arc::new(log),
        Err(error) => {
            tracing::warn!("no events are logged: {}: {error}", path.display());
            Arc::new(NoEvents)
        }
    }
}

/// Notes a change that a person made, if there is a log.
pub(crate) fn note(run: &Path, event: Kind, lane: Option<Lane>, count: Option<u64>) {
    let path = event_log::path_in(run);
    if let Err(error) = writer::note(&path, &Line::by_person(event, lane, count, Clock::start().now_ms())) {
        tracing::warn!("the change is not in the log of events: {}: {error}", path.display());
    }
}

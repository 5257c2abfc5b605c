//! Opens the log of events as the settings say.

use std::sync::Arc;

use event_log::writer::EventLog;
use flow::events::{EventSink, NoEvents};
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

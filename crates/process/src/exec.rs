//! Processes texts with a command of the user, in place of the built-in tokenizer.
//!
//! The command is started through `sh -c` when there are documents for it, as many times as there are
//! threads, and runs until the end of the run. Each of these children receives one document at a time, as one
//! line of JSON on its standard input, and answers with one line of JSON on its standard output before it
//! receives the next:
//!
//! ```text
//! {"id":"PG84","text":"…","meta":{"title":"…","author":"…","language":"…"}}
//!
//! {"id":"PG84","tokens":["…","…"]}
//! {"id":"PG84","text":"…"}
//! {"id":"PG84","tokens":["…"],"measures":{"mood":0.5}}
//! {"id":"PG84","error":"why"}
//! ```
//!
//! The first line is a request. The others are answers:
//!
//! * the tokens in order, none empty and none with a line feed;
//! * or another text, which the built-in processor then tokenizes;
//! * with either of them, an object of measures for `stats/`;
//! * or the reason why the document cannot be processed: it fails for good.
//!
//! `meta` has the fields of these three that `meta/` has, and is absent if it has none. The options of the
//! built-in processor apply to the answer: all of them to a text, those after the tokenizer to tokens.
//!
//! A child can rely on this: its input stays open while there may be documents. At the end of the run the
//! input is closed. A child that does not exit then receives SIGTERM, and SIGKILL two seconds later. A child
//! must answer each line, flush its answer, and exit with status 0 at the end of its input. Its standard
//! error goes to juggle's log, up to a rate. It leads a process group of its own; when it is killed, the
//! whole group is killed.
//!
//! The result of a document follows from its own answer only:
//!
//! * a child that exits without an answer: the document is tried again, as often as the stage's retries
//!   allow;
//! * no answer in time, a line longer than eight times the text plus 1 MiB, invalid JSON, another document's
//!   id, tokens that cannot be in `tokens/`: the document fails for good;
//! * in each of these cases except the timeout, if the child had other documents before, the cause may be one
//!   of those. So a new child receives the document at once, and only its answer counts;
//! * a command that cannot work at all ends the run, and no document fails for it: one that also fails
//!   without a document, or that exits with status 0 and without an answer three times in a row.
//!
//! A child that wrote an unusable or unexpected line is killed and replaced. In reading order:
//!
//! * [`config`]: the command, and the identity of its results;
//! * `request`, `answer`: the two lines;
//! * `child`, `process_group`, `stderr_tail`, `log_quota`: one child, its processes, its standard error;
//! * `child_pool`: all children, and whether the command works at all;
//! * [`stage`]: the stage that the worker runs.

pub mod config;
pub mod error;
pub mod stage;

mod answer;
mod child;
mod child_pool;
mod log_quota;
mod process_group;
mod request;
mod stderr_tail;

//! Processing in the user's own language: a command in place of the built-in tokeniser.
//!
//! The command is started through `sh -c`, as many times as there are threads, when there are documents for
//! it, and lives as long as the run. Each of these children is given one document at a time, as one line of
//! JSON on its standard input, and answers with one line of JSON on its standard output before it is given
//! the next:
//!
//! ```text
//! {"id":"PG84","text":"…","meta":{"title":"…","author":"…","language":"…"}}
//!
//! {"id":"PG84","tokens":["…","…"]}                       the tokens, in order; none empty, none with a line feed
//! {"id":"PG84","text":"…"}                               another text, which the built-in processor then works on
//! {"id":"PG84","tokens":["…"],"measures":{"mood":0.5}}   with either: an object for stats/
//! {"id":"PG84","error":"why"}                            this document cannot be done: it fails for good
//! ```
//!
//! `meta` has what `meta/` knows of these three, and is not there where it knows none. The options of the
//! built-in processor hold for what the command gives back: all of them for a text, those after the tokeniser
//! for tokens.
//!
//! What a child may rely on: its input stays open while there may be documents; at the end of the run it is
//! closed, and a child that does not end then is sent SIGTERM, and SIGKILL two seconds later. What it owes:
//! an answer for each line, flushed, and an end with status 0 when its input ends. All it says on standard
//! error goes to juggle's log, up to a rate. It leads a process group of its own; when it must go, its whole
//! group is killed.
//!
//! A document's verdict follows from its own answer only:
//!
//! * a child that ends without an answer: the document is tried again, as often as the stage's retries say;
//! * no answer in time, a line longer than eight times the text and a MiB, no JSON, another
//!   document's id, tokens that cannot stand in `tokens/`: the document fails for good;
//! * in each of these cases but that of the time, where the child had other documents before, what it did may
//!   be left over from those. So a new one is asked at once, and only its answer counts;
//! * a command that cannot work at all ends the run, and no document fails for it: one that ends with a
//!   failure also where it is given no document, or that ends by itself, well, and without an answer, three
//!   times in a row.
//!
//! A child that is no longer in step is killed and replaced. In reading order:
//!
//! * [`config`]: the command, and by which identity its results are known;
//! * `request`, `answer`: the two lines;
//! * `child`, `process_group`, `stderr_tail`, `log_quota`: one child, its processes, what it says on standard
//!   error;
//! * `child_pool`: all children, who is free, and whether the command works at all;
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

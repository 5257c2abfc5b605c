//! Measures juggle's process stage, and what it does with words alone beside other tools, on this machine.
//!
//! Texts are files below a directory, of one's own or generated. All lie in the page cache when the time
//! begins; reading them from there is part of the time of every tool, starting an interpreter and loading its
//! libraries is not. Every run is a process of its own. In reading order:
//!
//! * [`novel`]: generated texts, with the vocabulary of real ones; [`texts`]: the files;
//! * [`counter`]: what counts words; [`peer`]: how each of the others is run; [`counted`]: what a run says;
//! * [`count`]: the process that counts with juggle; [`speed`]: runs of all counters in turn;
//! * [`corpus`]: a run directory whose texts are placed; [`step`]: the process that runs the stage over it;
//! * [`stage`], [`makespan`], [`memory`]: what the stage is measured at; [`changed`]: a corpus with more
//!   words;
//! * [`cli`]: the command.

pub mod changed;
pub mod cli;
pub mod corpus;
pub mod count;
pub mod counted;
pub mod counter;
pub mod makespan;
pub mod memory;
pub mod novel;
pub mod peer;
pub mod speed;
pub mod stage;
pub mod step;
pub mod texts;

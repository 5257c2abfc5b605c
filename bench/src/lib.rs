//! Measures juggle beside other tools that do the same work: its queue, how it downloads, how it stores, and
//! how it processes.
//!
//! Every run of the queue is made of processes of its own: a server if the tool has one, and workers that
//! do the work; both begin in an empty directory and end with the run. In reading order:
//!
//! * [`job`]: the jobs, and the tally that shows that each was done exactly once;
//! * [`tool`], [`shape`]: what is compared, and in which ways it is used;
//! * [`connection`]: what every tool must do; [`peers`]: how each of them does it;
//! * [`worker`]: the process that does the work and takes the time;
//! * [`serve`]: the process that serves juggle's queue to workers;
//! * [`program`], [`server`]: starting other programs, and ending them whatever happens;
//! * [`syncs`]: how often the disk was told to make things durable;
//! * [`speed`]: runs of all tools in turn;
//! * [`backlog`], [`churn`]: juggle's queue when it is full, and when it is old;
//! * [`row`], [`report`], [`table`], [`machine`]: what is reported;
//! * [`fetch`]: downloads, with a map of its own;
//! * [`store`]: the store stage, with a map of its own;
//! * [`process`]: the process stage and counting alone, with a map of its own;
//! * [`cli`]: the command; `only`, [`amount`]: what is measured, and how much is done.

pub mod amount;
pub mod backlog;
pub mod churn;
pub mod cli;
pub mod connection;
pub mod fetch;
pub mod job;
pub mod machine;
mod only;
pub mod peers;
pub mod process;
pub mod program;
pub mod report;
pub mod row;
pub mod serve;
pub mod server;
pub mod shape;
pub mod speed;
pub mod store;
pub mod syncs;
pub mod table;
pub mod tool;
pub mod worker;

//! Measures juggle's fetch and store stages beside other downloaders, on this machine alone.
//!
//! Files of generated text are served on loopback, by nginx or by a server of the benchmark's own; every run
//! downloads them into an empty directory, and is looked at afterwards: each file must be there with the
//! right bytes. In reading order:
//!
//! * [`text`]: the texts; [`item`]: which of them, under which URLs;
//! * [`nginx`], [`server`], [`proxy`]: who serves them; [`politeness`]: what a server saw of each host;
//! * [`running`]: a program that is timed, with its memory; [`juggle`]: juggle's programs;
//! * [`downloader`]: what is compared; [`python`]: what its Python scripts need; [`bare`]: what the files
//!   alone cost;
//! * [`sizes`]: how much of it; [`speed`]: runs of all downloaders in turn;
//! * [`latency`], [`memory`], [`hosts`]: what only juggle is measured at;
//! * [`cli`]: the command.

pub mod bare;
pub mod cli;
pub mod downloader;
pub mod hosts;
pub mod item;
pub mod juggle;
pub mod latency;
pub mod memory;
pub mod nginx;
pub mod politeness;
pub mod proxy;
pub mod python;
pub mod running;
pub mod server;
pub mod sizes;
pub mod source;
pub mod speed;
pub mod text;

//! The fetch stage against real servers on loopback.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod candidates;
mod coding;
mod deadlines;
mod kept;
mod lenient;
mod limits;
mod local;
mod proxy;
mod redirects;
mod refresh;
mod refusals;
mod resume;
mod rig;
mod robots;
mod suspicion;
mod talker;
mod tls;
mod wait;
mod whole;

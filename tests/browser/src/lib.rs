//! The dashboard and the report in Chromium. `make test-browser` installs what these tests need, and runs
//! them.
//!
//! In reading order: [`browser`]: Chromium with a page; [`run`]: a run of juggle that is looked at;
//! `dashboard`, `report`: the tests.

#![cfg(test)]

mod browser;
mod dashboard;
mod report;
mod run;

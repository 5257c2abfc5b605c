//! The fetch stage against real servers on loopback.

mod loopback;

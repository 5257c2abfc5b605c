//! Cores: how many there are, and threads that share one.

use std::io;

/// True if [`bind_to_one`] has an effect on this system.
pub(crate) const CAN_BIND: bool = cfg!(target_os = "linux");

/// Returns the number of cores that this thread may use.
pub(crate) fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Binds this thread to one core, and with it the threads that it starts from now on. So they can do many
/// things at a time, but only one in parallel.
///
/// # Errors
/// Returns the error of the system.
#[cfg(target_os = "linux")]
pub(crate) fn bind_to_one() -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let allowed = sched_getaffinity(None)?;
    // The last one: the first often has the interrupts.
    let Some(core) = (0..CpuSet::MAX_CPU).rfind(|core| allowed.is_set(*core)) else { return Ok(()) };
    let mut one = CpuSet::new();
    one.set(core);
    Ok(sched_setaffinity(None, &one)?)
}

/// Does nothing, because this system has no such call.
///
/// # Errors
/// Never.
#[cfg(not(target_os = "linux"))]
pub(crate) fn bind_to_one() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_is_bound_has_one_core_and_so_have_its_children() {
        let counts = std::thread::spawn(|| {
            bind_to_one().unwrap();
            (count(), std::thread::spawn(count).join().unwrap())
        });
        assert_eq!(counts.join().unwrap(), (1, 1));
    }
}

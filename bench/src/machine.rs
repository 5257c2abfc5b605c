//! What the figures depend on besides the tools.

use std::{fs, path::Path, thread};

use serde::Serialize;

/// The facts of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// The processor's name.
    pub processor: String,
    /// The widest vector instructions that it has.
    pub simd: &'static str,
    /// Name and release of the kernel.
    pub kernel: String,
    /// The type of the file system that all data of a benchmark lies on.
    pub file_system: String,
}

impl Machine {
    /// This machine, with data below `directory`.
    #[must_use]
    pub fn here(directory: &Path) -> Self {
        let name = |file| fs::read_to_string(format!("/proc/sys/kernel/{file}")).unwrap_or_default();
        let kernel = format!("{} {}", name("ostype").trim(), name("osrelease").trim());
        Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            processor: processor(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            simd: simd(),
            kernel,
            file_system: file_system(directory),
        }
    }
}

fn processor(cpuinfo: &str) -> String {
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}

#[cfg(target_arch = "x86_64")]
fn simd() -> &'static str {
    if std::is_x86_feature_detected!("avx512bw") {
        "avx512"
    } else if std::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "sse2"
    }
}

#[cfg(target_arch = "aarch64")]
fn simd() -> &'static str {
    "neon"
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn simd() -> &'static str {
    "none"
}

/// The type of the mount that holds the directory: the one with the longest path (proc_pid_mountinfo(5): the
/// mount point is field 5, the type follows a lone dash).
fn file_system(directory: &Path) -> String {
    let Ok(directory) = directory.canonicalize() else { return "unknown".to_owned() };
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let holding = mounts.lines().filter_map(|line| {
        let point = line.split(' ').nth(4)?;
        let kind = line.split_once(" - ")?.1.split(' ').next()?;
        directory.starts_with(point).then_some((point.len(), kind))
    });
    holding.max_by_key(|(length, _)| *length).map_or("unknown", |(_, kind)| kind).to_owned()
}

/// Returns the load average of the last minute, `None` if the system does not report it (proc_loadavg(5)).
#[must_use]
pub fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The most memory that a process ever had (`VmHWM`, proc_pid_status(5)). Processes are named as in `/proc`.
#[must_use]
pub fn rss_peak_kib(process: &str) -> Option<u64> {
    status_kib(process, "VmHWM:")
}

/// The memory that a process has now (`VmRSS`).
#[must_use]
pub fn rss_kib(process: &str) -> Option<u64> {
    status_kib(process, "VmRSS:")
}

fn status_kib(process: &str, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

/// Bytes that the files below a directory take on the disk.
///
/// # Errors
/// If the directory cannot be read.
pub fn disk_bytes(directory: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes += disk_bytes(&entry.path())?,
            Ok(metadata) => bytes += metadata.blocks() * 512,
            // It was deleted meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known() {
        let machine = Machine::here(Path::new("/"));
        assert!(machine.cores > 0 && !machine.file_system.is_empty());
        assert_ne!(machine.file_system, "unknown");
        assert_eq!(processor("flags : x\nmodel name\t: A Processor\n"), "A Processor");
    }

    #[test]
    fn disk_bytes_are_those_of_all_files_below() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("below")).unwrap();
        fs::write(directory.path().join("below/file"), vec![1; 100_000]).unwrap();
        let bytes = disk_bytes(directory.path()).unwrap();
        assert!((100_000..120_000).contains(&bytes), "{bytes}");
    }
}

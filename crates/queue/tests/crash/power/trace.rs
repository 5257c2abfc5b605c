//! Stops a process before and after each of its system calls (ptrace(2)).

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Write},
    process::Child,
};

use nix::{
    errno::Errno,
    libc::user_regs_struct,
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::child::READY;

/// A system call that is about to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) thread: Pid,
    pub(crate) number: i64,
    pub(crate) arguments: [u64; 6],
}

/// Is told of the system calls of a process.
pub(crate) trait Observer {
    /// What it keeps of a call until that returns.
    type Begun;

    /// A call begins. `None` where it does not matter.
    fn begins(&mut self, call: &Call) -> Option<Self::Begun>;

    /// A call that mattered has returned.
    fn returns(&mut self, call: &Call, begun: Self::Begun, result: i64);

    /// Whether the process has lived long enough.
    fn wants_to_kill(&self) -> bool;
}

/// Follows a process that waits to be told, until it has ended.
///
/// The process says a line when it waits, and goes on after one. It must be a child of this thread, and its only one.
/// Returns whether it was killed.
pub(crate) fn trace<O: Observer>(mut child: Child, observer: &mut O) -> bool {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    while !line_of(&mut stdout).contains(READY) {}
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let mut tracer = Tracer { process, observer, threads: HashMap::new(), state: State::Runs };
    tracer.seize();
    child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    // Its lines are seen as they are written; here the pipe is only kept from filling up.
    let sink = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()).map(drop));
    tracer.follow();
    sink.join().unwrap().unwrap();
    tracer.state == State::Killed
}

fn line_of(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    assert!(stream.read_line(&mut line).unwrap() > 0, "the process ended before it began");
    line
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    /// To be killed as soon as no call that matters is under way: what it does must not go unseen.
    Condemned,
    Killed,
}

struct Tracer<'a, O: Observer> {
    process: Pid,
    observer: &'a mut O,
    /// The call that each thread is in.
    threads: HashMap<Pid, (Call, Option<O::Begun>)>,
    state: State,
}

impl<O: Observer> Tracer<'_, O> {
    fn seize(&self) {
        let options =
            Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
        for entry in fs::read_dir(format!("/proc/{}/task", self.process)).unwrap() {
            let thread = Pid::from_raw(entry.unwrap().file_name().to_str().unwrap().parse().unwrap());
            ptrace::seize(thread, options).expect("this test must be allowed to trace its children (ptrace)");
            ptrace::interrupt(thread).unwrap();
        }
    }

    fn follow(&mut self) {
        // Only what this thread has begun: other tests wait for their own.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            match waitpid(None, Some(flags)) {
                Ok(WaitStatus::PtraceSyscall(thread)) => {
                    self.stopped(thread);
                    self.go_on(thread, None);
                }
                Ok(WaitStatus::PtraceEvent(thread, _, _)) => self.go_on(thread, None),
                Ok(WaitStatus::Stopped(thread, signal)) => self.go_on(thread, Some(signal)),
                Ok(WaitStatus::Exited(thread, code)) => {
                    assert!(thread != self.process || code == 0, "the process failed by itself");
                    self.threads.remove(&thread);
                }
                Ok(WaitStatus::Signaled(thread, _, _)) => drop(self.threads.remove(&thread)),
                Ok(WaitStatus::Continued(_) | WaitStatus::StillAlive) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn stopped(&mut self, thread: Pid) {
        // A thread may be killed while it stands here.
        let Ok(registers) = ptrace::getregs(thread) else { return };
        match self.threads.remove(&thread) {
            Some((call, begun)) => {
                if let Some(begun) = begun {
                    self.observer.returns(&call, begun, result_of(&registers));
                }
            }
            None => {
                let call = call_of(thread, &registers);
                let begun = if self.state == State::Runs { self.observer.begins(&call) } else { None };
                self.threads.insert(thread, (call, begun));
            }
        }
        if self.state == State::Runs && self.observer.wants_to_kill() {
            self.state = State::Condemned;
        }
    }

    fn go_on(&mut self, thread: Pid, signal: Option<Signal>) {
        match self.state {
            State::Runs => match ptrace::syscall(thread, signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => panic!("{error}"),
            },
            // Whoever stops now stays where it is, unless it is about to begin a call that matters.
            State::Condemned if self.threads.get(&thread).is_some_and(|(_, begun)| begun.is_some()) => {
                ptrace::syscall(thread, signal).unwrap();
            }
            State::Condemned => {
                if self.threads.values().all(|(_, begun)| begun.is_none()) {
                    kill(self.process, Signal::SIGKILL).unwrap();
                    self.state = State::Killed;
                }
            }
            State::Killed => {}
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn call_of(thread: Pid, registers: &user_regs_struct) -> Call {
    let arguments = [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9];
    Call { thread, number: registers.orig_rax.cast_signed(), arguments }
}

#[cfg(target_arch = "x86_64")]
fn result_of(registers: &user_regs_struct) -> i64 {
    registers.rax.cast_signed()
}

#[cfg(target_arch = "aarch64")]
fn call_of(thread: Pid, registers: &user_regs_struct) -> Call {
    let mut arguments = [0; 6];
    arguments.copy_from_slice(&registers.regs[..6]);
    Call { thread, number: registers.regs[8].cast_signed(), arguments }
}

#[cfg(target_arch = "aarch64")]
fn result_of(registers: &user_regs_struct) -> i64 {
    registers.regs[0].cast_signed()
}

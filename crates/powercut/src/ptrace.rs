//! Stops a process before and after each of its system calls (ptrace(2)), and changes their outcome.

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
pub struct Call {
    /// The thread that makes it.
    pub thread: Pid,
    /// Its number.
    pub number: i64,
    /// Its arguments.
    pub arguments: [u64; ARGUMENTS],
}

/// The maximum number of arguments of a call (syscall(2)).
const ARGUMENTS: usize = 6;

/// The action of the tracer on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<B> {
    /// The call is made, and its return is not observed.
    Ignore,
    /// The call is made. When it returns, the observer gets this state back.
    Observe(B),
    /// The call is not made, and fails with this error.
    Fail(Errno),
    /// The call is made with this as its third argument: a write of fewer bytes.
    Shorten(u64),
    /// The process is killed before the call is made.
    Kill,
}

impl<B> Action<B> {
    /// Converts the observer's state.
    pub fn map<C>(self, change: impl FnOnce(B) -> C) -> Action<C> {
        match self {
            Self::Ignore => Action::Ignore,
            Self::Observe(begun) => Action::Observe(change(begun)),
            Self::Fail(error) => Action::Fail(error),
            Self::Shorten(argument) => Action::Shorten(argument),
            Self::Kill => Action::Kill,
        }
    }
}

/// Observes the system calls of a process.
pub trait Observer {
    /// The state of a call until it returns.
    type Begun;

    /// Decides about a call that begins.
    fn begins(&mut self, call: &Call) -> Action<Self::Begun>;

    /// Handles the return of a call with [`Action::Observe`].
    fn returns(&mut self, call: &Call, begun: Self::Begun, result: i64);

    /// Returns whether the process has run long enough. It is then killed, once no observed call is under
    /// way.
    fn is_over(&self) -> bool {
        false
    }
}

/// Follows a process that waits for its start, until it has ended. Returns whether it was killed.
///
/// The process must be the only child of this thread, and wait as
/// [`wait_for_start`](crate::child::wait_for_start) does.
///
/// # Panics
/// Panics if the process was not killed and its exit code is not 0.
pub fn trace<O: Observer>(child: Child, observer: &mut O) -> bool {
    let code = trace_to_end(child, observer);
    assert!(code.is_none_or(|code| code == 0), "the process failed by itself");
    code.is_none()
}

/// Follows a process as [`trace`] does, but accepts any exit code. Returns the exit code, or `None` if the
/// process was killed.
pub fn trace_to_end<O: Observer>(mut child: Child, observer: &mut O) -> Option<i32> {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    while !line_of(&mut stdout).contains(READY) {}
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let mut tracer = Tracer { process, observer, threads: HashMap::new(), state: State::Runs, code: None };
    tracer.seize();
    child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    // The observer sees its lines as they are written. This only keeps the pipe from filling up.
    let sink = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()).map(drop));
    tracer.follow();
    sink.join().unwrap().unwrap();
    tracer.code.filter(|_| tracer.state != State::Killed)
}

fn line_of(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    assert!(stream.read_line(&mut line).unwrap() > 0, "the process ended before it began");
    line
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    /// To be killed as soon as no observed call is under way, since the effect of such a call must not go
    /// unseen.
    Condemned,
    Killed,
}

struct Tracer<'a, O: Observer> {
    process: Pid,
    observer: &'a mut O,
    /// The call that each thread is making.
    threads: HashMap<Pid, (Call, OnReturn<O::Begun>)>,
    state: State,
    /// The exit code, if the process ended by itself.
    code: Option<i32>,
}

/// The action of the tracer when a call returns.
#[derive(Debug)]
enum OnReturn<B> {
    Nothing,
    Report(B),
    /// Restore the registers, with this result if it was not the call's own.
    Restore(Option<i64>),
}

impl<B> OnReturn<B> {
    const fn is_observed(&self) -> bool {
        matches!(self, Self::Report(_))
    }
}

impl<O: Observer> Tracer<'_, O> {
    fn seize(&self) {
        let options =
            Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
        for entry in fs::read_dir(format!("/proc/{}/task", self.process)).unwrap() {
            let thread = Pid::from_raw(entry.unwrap().file_name().to_str().unwrap().parse().unwrap());
            ptrace::seize(thread, options).expect("this test must be allowed to trace its children (ptrace)");
            // A seized thread goes on until it is stopped; only then its calls can be observed.
            ptrace::interrupt(thread).unwrap();
        }
    }

    fn follow(&mut self) {
        // Only children of this thread: other tests wait for their own.
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
                    if thread == self.process {
                        self.code = Some(code);
                    }
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
        // A thread may be killed while it is stopped here.
        let Ok(registers) = ptrace::getregs(thread) else { return };
        match self.threads.remove(&thread) {
            Some((call, OnReturn::Report(begun))) => {
                self.observer.returns(&call, begun, result_of(&registers));
            }
            Some((call, OnReturn::Restore(result))) => restore(&call, registers, result),
            Some((_, OnReturn::Nothing)) => {}
            None => {
                let call = call_of(thread, &registers);
                let on_return =
                    if self.state == State::Runs { self.begins(&call, registers) } else { OnReturn::Nothing };
                self.threads.insert(thread, (call, on_return));
            }
        }
        // Not killed at once: another thread may be in an observed call.
        if self.state == State::Runs && self.observer.is_over() {
            self.state = State::Condemned;
        }
    }

    fn begins(&mut self, call: &Call, registers: user_regs_struct) -> OnReturn<O::Begun> {
        match self.observer.begins(call) {
            Action::Ignore => OnReturn::Nothing,
            Action::Observe(begun) => OnReturn::Report(begun),
            Action::Fail(error) => {
                // These arguments name no file and no text, so the call has no effect.
                put_arguments(call.thread, registers, [u64::MAX, 0, 0, 0, 0, 0]);
                OnReturn::Restore(Some(-i64::from(error as i32)))
            }
            Action::Shorten(third) => {
                let [first, second, _, fourth, fifth, sixth] = call.arguments;
                put_arguments(call.thread, registers, [first, second, third, fourth, fifth, sixth]);
                OnReturn::Restore(None)
            }
            Action::Kill => {
                self.kill();
                OnReturn::Nothing
            }
        }
    }

    fn kill(&mut self) {
        kill(self.process, Signal::SIGKILL).unwrap();
        self.state = State::Killed;
    }

    fn go_on(&mut self, thread: Pid, signal: Option<Signal>) {
        match self.state {
            State::Runs => match ptrace::syscall(thread, signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => panic!("{error}"),
            },
            // A thread that stops now stays stopped, unless it is in an observed call.
            State::Condemned
                if self.threads.get(&thread).is_some_and(|(_, on_return)| on_return.is_observed()) =>
            {
                ptrace::syscall(thread, signal).unwrap();
            }
            State::Condemned => {
                if !self.threads.values().any(|(_, on_return)| on_return.is_observed()) {
                    self.kill();
                }
            }
            State::Killed => {}
        }
    }
}

/// Replaces the arguments of a call that is about to be made.
fn put_arguments(thread: Pid, registers: user_regs_struct, arguments: [u64; ARGUMENTS]) {
    ptrace::setregs(thread, with_arguments(registers, arguments)).unwrap();
}

/// Restores the registers that a call leaves unchanged, since compiled code relies on that.
fn restore(call: &Call, registers: user_regs_struct, result: Option<i64>) {
    let result = result.unwrap_or_else(|| result_of(&registers));
    ptrace::setregs(call.thread, with_result(with_arguments(registers, call.arguments), result)).unwrap();
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

#[cfg(target_arch = "x86_64")]
fn with_arguments(registers: user_regs_struct, arguments: [u64; ARGUMENTS]) -> user_regs_struct {
    let [rdi, rsi, rdx, r10, r8, r9] = arguments;
    user_regs_struct { rdi, rsi, rdx, r10, r8, r9, ..registers }
}

#[cfg(target_arch = "x86_64")]
fn with_result(registers: user_regs_struct, result: i64) -> user_regs_struct {
    user_regs_struct { rax: result.cast_unsigned(), ..registers }
}

#[cfg(target_arch = "aarch64")]
fn call_of(thread: Pid, registers: &user_regs_struct) -> Call {
    let mut arguments = [0; ARGUMENTS];
    arguments.copy_from_slice(&registers.regs[..ARGUMENTS]);
    Call { thread, number: registers.regs[8].cast_signed(), arguments }
}

#[cfg(target_arch = "aarch64")]
fn result_of(registers: &user_regs_struct) -> i64 {
    registers.regs[0].cast_signed()
}

#[cfg(target_arch = "aarch64")]
fn with_arguments(mut registers: user_regs_struct, arguments: [u64; ARGUMENTS]) -> user_regs_struct {
    registers.regs[..ARGUMENTS].copy_from_slice(&arguments);
    registers
}

#[cfg(target_arch = "aarch64")]
fn with_result(mut registers: user_regs_struct, result: i64) -> user_regs_struct {
    registers.regs[0] = result.cast_unsigned();
    registers
}

//! Stops a process before and after each of its system calls (ptrace(2)), and changes what becomes of them.

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
    /// Who makes it.
    pub thread: Pid,
    /// Which.
    pub number: i64,
    /// What it is given.
    pub arguments: [u64; ARGUMENTS],
}

/// The most arguments of a call (syscall(2)).
const ARGUMENTS: usize = 6;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate<B> {
    /// It is made, and nobody is told.
    Unseen,
    /// It is made, and what the observer keeps of it is given back when it returns.
    Seen(B),
    /// It is not made: it fails with this error, and nobody is told.
    Fails(Errno),
    /// It is made with this as its third argument, and nobody is told: a write of fewer bytes than there are.
    Shortened(u64),
    /// The process is killed before it is made.
    Fatal,
}

impl<B> Fate<B> {
    /// The same with another thing to keep.
    pub fn map<C>(self, change: impl FnOnce(B) -> C) -> Fate<C> {
        match self {
            Self::Unseen => Fate::Unseen,
            Self::Seen(begun) => Fate::Seen(change(begun)),
            Self::Fails(error) => Fate::Fails(error),
            Self::Shortened(argument) => Fate::Shortened(argument),
            Self::Fatal => Fate::Fatal,
        }
    }
}

/// Is told of the system calls of a process.
pub trait Observer {
    /// What it keeps of a call until that returns.
    type Begun;

    /// A call begins.
    fn begins(&mut self, call: &Call) -> Fate<Self::Begun>;

    /// A call that is [`Seen`](Fate::Seen) has returned.
    fn returns(&mut self, call: &Call, begun: Self::Begun, result: i64);

    /// Whether the process has lived long enough. It is killed once no call that is seen is under way.
    fn wants_to_kill(&self) -> bool {
        false
    }
}

/// Follows a process that waits to be told, until it has ended.
///
/// The process says a line when it waits, and goes on after one. It must be a child of this thread, and its only one.
/// Returns whether it was killed. A process that was not killed must exit with 0.
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
    // Its lines are seen as they are written; here the pipe is only kept from filling up.
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
    /// To be killed as soon as no call that matters is under way: what it does must not go unseen.
    Condemned,
    Killed,
}

struct Tracer<'a, O: Observer> {
    process: Pid,
    observer: &'a mut O,
    /// The call that each thread is in.
    threads: HashMap<Pid, (Call, Course<O::Begun>)>,
    state: State,
    /// The exit code, if the process ended by itself.
    code: Option<i32>,
}

/// What is to be done when a call returns.
#[derive(Debug)]
enum Course<B> {
    Nothing,
    Tell(B),
    /// The registers are given back as they were, with this result where it was not the call's own.
    Mend(Option<i64>),
}

impl<B> Course<B> {
    const fn is_to_be_told(&self) -> bool {
        matches!(self, Self::Tell(_))
    }
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
        // A thread may be killed while it stands here.
        let Ok(registers) = ptrace::getregs(thread) else { return };
        match self.threads.remove(&thread) {
            Some((call, Course::Tell(begun))) => {
                self.observer.returns(&call, begun, result_of(&registers));
            }
            Some((call, Course::Mend(result))) => mend(&call, registers, result),
            Some((_, Course::Nothing)) => {}
            None => {
                let call = call_of(thread, &registers);
                let course =
                    if self.state == State::Runs { self.begins(&call, registers) } else { Course::Nothing };
                self.threads.insert(thread, (call, course));
            }
        }
        if self.state == State::Runs && self.observer.wants_to_kill() {
            self.state = State::Condemned;
        }
    }

    fn begins(&mut self, call: &Call, registers: user_regs_struct) -> Course<O::Begun> {
        match self.observer.begins(call) {
            Fate::Unseen => Course::Nothing,
            Fate::Seen(begun) => Course::Tell(begun),
            Fate::Fails(error) => {
                // No file and no text are there, so that nothing can come of it.
                put_arguments(call.thread, registers, [u64::MAX, 0, 0, 0, 0, 0]);
                Course::Mend(Some(-i64::from(error as i32)))
            }
            Fate::Shortened(third) => {
                let [first, second, _, fourth, fifth, sixth] = call.arguments;
                put_arguments(call.thread, registers, [first, second, third, fourth, fifth, sixth]);
                Course::Mend(None)
            }
            Fate::Fatal => {
                self.kill();
                Course::Nothing
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
            // Whoever stops now stays where it is, unless it is about to begin a call that matters.
            State::Condemned
                if self.threads.get(&thread).is_some_and(|(_, course)| course.is_to_be_told()) =>
            {
                ptrace::syscall(thread, signal).unwrap();
            }
            State::Condemned => {
                if !self.threads.values().any(|(_, course)| course.is_to_be_told()) {
                    self.kill();
                }
            }
            State::Killed => {}
        }
    }
}

/// Changes what a call is about to be made with.
fn put_arguments(thread: Pid, registers: user_regs_struct, arguments: [u64; ARGUMENTS]) {
    ptrace::setregs(thread, with_arguments(registers, arguments)).unwrap();
}

/// Gives back the registers that a call leaves as they were, for the compiler counts on that.
fn mend(call: &Call, registers: user_regs_struct, result: Option<i64>) {
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

//! As much of a kernel as the lot asks for: descriptors given out lowest first, connections with two ends, a timer, and one set
//! that tells of a descriptor once (EPOLLONESHOT) or whenever something new happens on it (EPOLLET).

use std::collections::{BTreeMap, VecDeque};
use std::io::Result;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use shuttle::rand::Rng;
use shuttle::sync::{Condvar, Mutex};

pub const READABLE: u32 = 1;
pub const WRITABLE: u32 = 2;
pub const PEER_CLOSED: u32 = 4;
pub const BROKEN: u32 = 8;

/// A descriptor: what is to be had on it, and how the set watches it.
#[derive(Default)]
struct File {
    /// The connection that it is the server's end of.
    wire: Option<usize>,
    ready: u32,
    interest: u32,
    token: u64,
    is_in: bool,
    /// Whether the set tells of what is there only as it comes.
    is_followed: bool,
    /// Whether it is to be told: once armed, or with something new.
    is_armed: bool,
}

/// What is told.
#[derive(Clone, Copy)]
pub struct Happened {
    token: u64,
    what: u32,
}

impl Happened {
    pub const fn new(token: u64, what: u32) -> Self {
        Self { token, what }
    }

    pub fn token(&self) -> u64 {
        self.token
    }

    pub fn what(&self) -> u32 {
        self.what
    }
}

/// A connection, as its client sees it.
#[derive(Default)]
struct Wire {
    fd: Option<RawFd>,
    said: VecDeque<Request>,
    has_left: bool,
    answers: usize,
    is_closed: bool,
}

#[derive(Default)]
struct State {
    files: BTreeMap<RawFd, File>,
    wires: Vec<Wire>,
    backlog: VecDeque<usize>,
    listener: RawFd,
    /// Those who wait for the set, by how many events they have room for.
    waiting: Vec<usize>,
    /// How long workers have stayed away.
    rests: Vec<Duration>,
    /// When the timer fires.
    alarm: Option<Duration>,
}

/// What clients ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// An answer.
    Plain,
    /// An answer that is to come later, and is due at once.
    Delayed,
    /// Nothing yet: it is half a head, whose time is over at once.
    Half,
    /// Work that keeps a thread until it is released.
    Slow,
    /// An answer once so many are asked for that at the same time.
    Together(usize),
}

struct Kernel {
    state: Mutex<State>,
    changed: Condvar,
}

// One for each run.
shuttle::lazy_static! {
    static ref KERNEL: Kernel = Kernel { state: Mutex::new(State::default()), changed: Condvar::new() };
}

impl Kernel {
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
        result
    }

    /// Waits until `look` has found something.
    fn wait<R>(&self, mut look: impl FnMut(&mut State) -> Option<R>) -> R {
        let mut state = self.state.lock().unwrap();
        loop {
            if let Some(found) = look(&mut state) {
                return found;
            }
            state = self.changed.wait(state).unwrap();
        }
    }
}

impl State {
    fn open(&mut self, wire: Option<usize>) -> RawFd {
        let fd = (0..).find(|fd| !self.files.contains_key(fd)).unwrap();
        self.files.insert(fd, File { wire, ..File::default() });
        fd
    }

    fn file(&mut self, fd: RawFd) -> &mut File {
        self.files.get_mut(&fd).expect("it is open")
    }

    /// What is to be had of a connection now, of which something new may have come.
    fn update(&mut self, wire: usize, is_new: bool) {
        let Wire { fd, said, has_left, .. } = &self.wires[wire];
        let readable = if said.is_empty() && !has_left { 0 } else { READABLE };
        let ended = if *has_left { PEER_CLOSED } else { 0 };
        if let Some(fd) = *fd {
            let file = self.file(fd);
            file.ready = readable | ended;
            file.is_armed |= file.is_followed && is_new;
        }
    }
}

/// A descriptor that is closed when dropped.
pub struct Socket(RawFd);

/// What a read brings.
pub enum Read {
    Nothing,
    /// A request, and whether that was all there is.
    Said(Request, bool),
    End,
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        KERNEL.change(|state| {
            let file = state.files.remove(&self.0).expect("a descriptor is closed once");
            if let Some(wire) = file.wire {
                (state.wires[wire].fd, state.wires[wire].is_closed) = (None, true);
            }
        });
    }
}

impl Socket {
    pub fn listen() -> Self {
        Self(KERNEL.change(|state| {
            state.listener = state.open(None);
            state.listener
        }))
    }

    /// Takes a client in.
    pub fn accept(&self) -> Option<Socket> {
        KERNEL.change(|state| {
            let wire = state.backlog.pop_front();
            state.file(self.0).ready = if state.backlog.is_empty() { 0 } else { READABLE };
            let wire = wire?;
            let fd = state.open(Some(wire));
            state.wires[wire].fd = Some(fd);
            state.update(wire, true);
            Some(Socket(fd))
        })
    }

    fn wire<R>(&self, with: impl FnOnce(&mut Wire) -> R) -> R {
        KERNEL.change(|state| {
            let wire = state.file(self.0).wire.expect("a connection");
            let result = with(&mut state.wires[wire]);
            state.update(wire, false);
            result
        })
    }

    pub fn read(&self) -> Read {
        self.wire(|wire| match wire.said.pop_front() {
            Some(request) => Read::Said(request, wire.said.is_empty()),
            None if wire.has_left => Read::End,
            None => Read::Nothing,
        })
    }

    pub fn answer(&self) {
        self.wire(|wire| wire.answers += 1);
    }
}

/// A client's end.
pub struct Client(usize);

impl Client {
    pub fn connect() -> Self {
        Self(KERNEL.change(|state| {
            state.wires.push(Wire::default());
            let wire = state.wires.len() - 1;
            state.backlog.push_back(wire);
            let listener = state.listener;
            state.file(listener).ready = READABLE;
            wire
        }))
    }

    pub fn say(&self, request: Request) {
        KERNEL.change(|state| {
            state.wires[self.0].said.push_back(request);
            state.update(self.0, true);
        });
    }

    /// Waits until there are so many answers, or the server has closed; says which.
    pub fn is_answered(&self, count: usize) -> bool {
        KERNEL.wait(|state| {
            let Wire { answers, is_closed, .. } = &state.wires[self.0];
            assert!(*answers <= count, "one request has two answers");
            if *answers == count { Some(true) } else { is_closed.then_some(false) }
        })
    }

    /// Leaves, and waits until the server has noticed.
    pub fn leave(self) {
        KERNEL.change(|state| {
            state.wires[self.0].has_left = true;
            state.update(self.0, true);
        });
        KERNEL.wait(|state| state.wires[self.0].is_closed.then_some(()));
    }
}

/// The set; there is one.
pub struct Epoll;

impl Epoll {
    pub fn new() -> Result<Self> {
        Ok(Self)
    }

    pub fn add(&self, fd: RawFd, interest: u32, token: u64) -> Result<()> {
        self.control(fd, interest, token, false, false)
    }

    pub fn arm(&self, fd: RawFd, interest: u32, token: u64) -> Result<()> {
        self.control(fd, interest, token, true, false)
    }

    pub fn follow(&self, fd: RawFd, interest: u32, token: u64, is_in: bool) -> Result<()> {
        self.control(fd, interest, token, is_in, true)
    }

    fn control(&self, fd: RawFd, interest: u32, token: u64, is_in: bool, is_followed: bool) -> Result<()> {
        KERNEL.change(|state| {
            let file = state.file(fd);
            assert_eq!(file.is_in, is_in, "EEXIST or ENOENT");
            (file.interest, file.token, file.is_followed) = (interest, token, is_followed);
            (file.is_in, file.is_armed) = (true, true);
        });
        Ok(())
    }

    /// What has happened on some of the descriptors, whichever and however many.
    #[allow(unsafe_code, reason = "the set's own interface: what is there of a room once it has been filled")]
    pub fn wait<'r>(&self, happened: &'r mut [MaybeUninit<Happened>], _: Option<Duration>) -> &'r [Happened] {
        let is_ready = |file: &&mut File| file.is_armed && file.ready & file.interest != 0;
        let room = happened.len();
        KERNEL.change(|state| state.waiting.push(room));
        let count = KERNEL.wait(|state| {
            let mut files: Vec<&mut File> = state.files.values_mut().filter(is_ready).collect();
            let most = files.len().min(room);
            (most > 0).then(|| {
                let mut random = shuttle::rand::thread_rng();
                let count = random.gen_range(1..=most);
                for told in &mut happened[..count] {
                    let file = files.swap_remove(random.gen_range(0..files.len()));
                    file.is_armed = false;
                    told.write(Happened::new(file.token, file.ready & file.interest));
                }
                count
            })
        });
        KERNEL.change(|state| {
            let place = state.waiting.iter().position(|&waiting| waiting == room).expect("it was waiting");
            state.waiting.remove(place)
        });
        // SAFETY: so many have just been written.
        unsafe { std::slice::from_raw_parts(happened.as_ptr().cast(), count) }
    }
}

/// Until so many wait for the set: how many events each has room for.
pub fn waiting(count: usize) -> Vec<usize> {
    KERNEL.wait(|state| (state.waiting.len() == count).then(|| state.waiting.clone()))
}

/// What a worker that is not needed does: others go on meanwhile, or not.
pub fn rest(time: Duration) {
    KERNEL.change(|state| state.rests.push(time));
    shuttle::thread::yield_now();
}

/// Until there have been so many: how long workers have stayed away.
pub fn rests(count: usize) -> Vec<Duration> {
    KERNEL.wait(|state| (state.rests.len() >= count).then(|| state.rests.clone()))
}

/// When the timer fires.
pub fn alarm() -> Option<Duration> {
    KERNEL.change(|state| state.alarm)
}

/// Fires at once or never: what is due is due, and the far future does not come in a test.
pub struct Timer(Socket);

impl Timer {
    pub fn new() -> Result<Self> {
        Ok(Self(Socket(KERNEL.change(|state| state.open(None)))))
    }

    pub fn set(&self, after: Option<Duration>) {
        let fires = after.is_some_and(|after| after < Duration::from_secs(1));
        KERNEL.change(|state| {
            state.alarm = after;
            let file = state.file(self.0.0);
            file.ready = if fires { READABLE } else { 0 };
            file.is_armed |= file.is_followed && fires;
        });
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

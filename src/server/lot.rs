//! The lot: every connection that only waits is parked here, without a thread, with its reason and a deadline.
//!
//! The lot decides who waits, for how long, and who has to go when there is no room. It reads and writes no
//! client socket, and knows nothing of what a connection was doing: that is its payload `P`.
//!
//! A connection belongs either to the lot or to one worker. Everything that changes hands does so under one lock,
//! the arming of epoll included, so a descriptor that is closed and given out again cannot be mistaken for the old.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::reason::Reason;
use crate::sys::{self, Epoll, Timer};

/// Most bytes that waiting connections hold in all.
pub const MAX_HELD: usize = 8 * 1024 * 1024;

/// Who has to go when they hold too much.
const HOLDERS: [Reason; 3] = [Reason::Head, Reason::Write, Reason::Delay];

const LISTENER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
const NOBODY: u32 = u32::MAX;

/// How long a connection may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// Until then.
    Deadline(Instant),
    /// As long as when it was parked before for the same reason: a deadline is for a whole phase, however many
    /// bytes that comes in.
    AsBefore,
    /// For ever.
    ItCloses,
}

/// A connection in a worker's hands.
pub struct Connection {
    /// Its socket, non-blocking.
    pub socket: TcpStream,
    generation: u32,
}

impl Connection {
    fn token(&self) -> u64 {
        u64::from(self.generation) << 32 | self.socket.as_raw_fd() as u64
    }
}

/// A connection taken out of the lot.
pub struct Taken<P> {
    /// The connection.
    pub connection: Connection,
    /// Why it waited.
    pub reason: Reason,
    /// Whether it was taken because its time is over rather than because something happened.
    pub is_due: bool,
    /// What it was put in with.
    pub payload: Option<Box<P>>,
}

/// Something for a worker to do.
pub enum Event<P> {
    /// A connection may be waiting to be accepted.
    Listener,
    /// Some deadlines may be over.
    Timer,
    /// Something happened on a parked connection.
    Ready(Taken<P>),
    /// Nothing after all.
    Nothing,
}

struct Slot<P> {
    generation: u32,
    /// The queue it stands in, also while a worker has it, if it keeps its place.
    queue: Option<Reason>,
    /// Set exactly while it is parked.
    socket: Option<TcpStream>,
    is_registered: bool,
    held: u32,
    older: u32,
    newer: u32,
    deadline: Instant,
    payload: Option<Box<P>>,
}

#[derive(Clone, Copy)]
struct Queue {
    oldest: u32,
    newest: u32,
    length: usize,
}

struct Slots<P> {
    /// Indexed by descriptor: the kernel hands out the lowest number that is free, so this stays dense.
    slots: Vec<Slot<P>>,
    queues: [Queue; Reason::COUNT],
    due: BinaryHeap<Reverse<(Instant, u32, u32)>>,
    /// All connections, and those of them that wait; the others are in workers' hands.
    open: usize,
    parked: usize,
    held: usize,
    /// When the timer fires, if it is set.
    alarm: Option<Instant>,
    /// How much sooner than else idle connections are due, once the server closes; hung ones are then no longer kept.
    closing: Option<Duration>,
}

/// The lot.
pub struct Lot<P> {
    epoll: Epoll,
    timer: Timer,
    max_connections: usize,
    slots: Mutex<Slots<P>>,
}

impl<P> Lot<P> {
    /// An empty lot for so many connections.
    pub fn new(max_connections: usize) -> io::Result<Self> {
        let (epoll, timer) = (Epoll::new()?, Timer::new()?);
        epoll.add(timer.as_raw_fd(), sys::READABLE, TIMER)?;
        let empty = Queue { oldest: NOBODY, newest: NOBODY, length: 0 };
        let slots = Slots {
            slots: Vec::new(),
            queues: [empty; Reason::COUNT],
            due: BinaryHeap::new(),
            open: 0,
            parked: 0,
            held: 0,
            alarm: None,
            closing: None,
        };
        Ok(Self { epoll, timer, max_connections, slots: Mutex::new(slots) })
    }

    fn lock(&self) -> MutexGuard<'_, Slots<P>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches the listener, armed for one event.
    pub fn watch_listener(&self, listener: RawFd) -> io::Result<()> {
        self.epoll.add(listener, sys::READABLE, LISTENER)
    }

    /// Arms the listener for the next event.
    pub fn arm_listener(&self, listener: RawFd) -> io::Result<()> {
        self.epoll.arm(listener, sys::READABLE, LISTENER)
    }

    /// Waits for something to do; each event goes to one worker only.
    pub fn wait(&self) -> Event<P> {
        match self.epoll.wait() {
            None => Event::Nothing,
            Some(LISTENER) => Event::Listener,
            Some(TIMER) => Event::Timer,
            Some(token) => {
                let (fd, generation) = (token as u32, (token >> 32) as u32);
                let mut slots = self.lock();
                let is_current = slots.slots.get(fd as usize).is_some_and(|slot| slot.generation == generation);
                match if is_current { slots.take(fd, false) } else { None } {
                    Some(taken) => Event::Ready(taken),
                    None => Event::Nothing, // It was taken for another reason in between.
                }
            }
        }
    }

    /// Takes in a new connection. When the lot is full one that waits has to go, and is returned to be closed; when
    /// all that wait have to stay, the new one is. What workers have in hand, which is few and moves on at once, may
    /// go over the limit.
    pub fn open(&self, socket: TcpStream) -> (Option<Connection>, Option<TcpStream>) {
        let mut slots = self.lock();
        let mut victim = None;
        if slots.open >= self.max_connections {
            match slots.evict() {
                Some(socket) => victim = Some(socket),
                None if slots.parked >= self.max_connections => return (None, Some(socket)),
                None => {}
            }
        }
        let fd = socket.as_raw_fd() as usize;
        while slots.slots.len() <= fd {
            slots.slots.push(Slot::new());
        }
        slots.open += 1;
        let slot = &mut slots.slots[fd];
        slot.is_registered = false;
        (Some(Connection { socket, generation: slot.generation }), victim)
    }

    /// Takes out one connection that waits and could go, to get its descriptor back.
    pub fn evict(&self) -> Option<TcpStream> {
        self.lock().evict()
    }

    /// Parks a connection until something happens on it or its time is over. `held` are the bytes that its payload
    /// holds; where those are too many in all, the oldest that hold some go. Returns this connection when it has to be
    /// closed: it cannot be watched, or would hang in a lot that closes.
    pub fn park(
        &self,
        connection: Connection,
        reason: Reason,
        until: Until,
        payload: Option<Box<P>>,
        held: usize,
    ) -> Option<TcpStream> {
        let (token, generation) = (connection.token(), connection.generation);
        let fd = connection.socket.as_raw_fd();
        let mut slots = self.lock();
        if slots.closing.is_some() && reason == Reason::Hang {
            slots.release(fd as u32);
            return Some(connection.socket);
        }
        let slot = &mut slots.slots[fd as usize];
        let armed = if slot.is_registered {
            self.epoll.arm(fd, reason.interest(), token)
        } else {
            self.epoll.add(fd, reason.interest(), token)
        };
        if armed.is_err() {
            slots.release(fd as u32); // No memory in the kernel: nobody would ever wake it.
            return Some(connection.socket);
        }
        slots.parked += 1;
        let sooner = slots.closing.unwrap_or_default();
        let slot = &mut slots.slots[fd as usize];
        slot.is_registered = true;
        slot.socket = Some(connection.socket);
        slot.payload = payload;
        slot.held = held as u32;
        if let Until::Deadline(deadline) = until {
            slot.deadline = if reason == Reason::Idle { earlier(deadline, sooner) } else { deadline };
        }
        let deadline = slot.deadline;
        if until != Until::AsBefore || slot.queue != Some(reason) {
            slots.unlink(fd as u32);
            slots.link(fd as u32, reason);
        }
        if reason == Reason::Delay {
            if slots.due.len() > 2 * self.max_connections {
                // Clients have left before they were due.
                let mut due = std::mem::take(&mut slots.due);
                while let Some(entry) = due.pop() {
                    let Reverse((_, fd, generation)) = entry;
                    if slots.slots[fd as usize].generation == generation {
                        slots.due.push(entry);
                    }
                }
            }
            slots.due.push(Reverse((deadline, fd as u32, generation)));
        }
        if until != Until::ItCloses {
            slots.set_alarm(deadline, &self.timer);
        }
        slots.held += held;
        while slots.held > MAX_HELD {
            let Some(gone) = HOLDERS.iter().find_map(|&reason| slots.evict_from(reason)) else { break };
            drop(gone);
        }
        None
    }

    /// Forgets a connection; its socket is to be closed by dropping what is returned, and not before.
    pub fn close(&self, connection: Connection) -> TcpStream {
        self.lock().release(connection.socket.as_raw_fd() as u32);
        connection.socket
    }

    /// Takes out one connection whose time is over at `now`, and arms the timer for the next one, which may be due
    /// already: then another worker takes it while this one is busy.
    pub fn take_due(&self, now: Instant) -> Option<Taken<P>> {
        let mut slots = self.lock();
        if slots.alarm.is_some_and(|alarm| alarm <= now) {
            slots.alarm = None;
        }
        let taken = slots.next_due(now);
        match slots.next_deadline(now) {
            Some(next) => slots.set_alarm(next, &self.timer),
            None if slots.alarm.is_none() => self.timer.set(None),
            None => {}
        }
        // Fails only when the kernel is out of memory; the next alarm is then as good as lost, like much else.
        let _ = self.epoll.arm(self.timer.as_raw_fd(), sys::READABLE, TIMER);
        taken
    }

    /// From now on keeps no connection that is hung: those that are there are due at once. Idle ones, now and later, are
    /// due `sooner` than they would have been, so that one whose request is on its way still gets it in.
    pub fn start_closing(&self, sooner: Duration) {
        let mut slots = self.lock();
        slots.closing = Some(sooner);
        let mut fd = slots.queues[Reason::Idle as usize].oldest;
        while fd != NOBODY {
            let slot = &mut slots.slots[fd as usize];
            slot.deadline = earlier(slot.deadline, sooner);
            fd = slot.newer;
        }
        slots.set_alarm(Instant::now(), &self.timer);
    }

    /// How many connections wait for each [`Reason`], in order, and how many are in workers' hands.
    pub fn census(&self) -> [u64; Reason::COUNT + 1] {
        let slots = self.lock();
        let mut census = [0; Reason::COUNT + 1];
        census.iter_mut().zip(&slots.queues).for_each(|(count, queue)| *count = queue.length as u64);
        census[Reason::COUNT] = slots.open as u64 - census.iter().sum::<u64>();
        census
    }

    /// Makes a timer event come at `when` at the latest.
    pub fn alarm_at(&self, when: Instant) {
        self.lock().set_alarm(when, &self.timer);
    }
}

fn earlier(deadline: Instant, by: Duration) -> Instant {
    deadline.checked_sub(by).unwrap_or(deadline)
}

impl<P> Slot<P> {
    fn new() -> Self {
        Self {
            generation: 0,
            queue: None,
            socket: None,
            is_registered: false,
            held: 0,
            older: NOBODY,
            newer: NOBODY,
            deadline: Instant::now(),
            payload: None,
        }
    }
}

impl<P> Slots<P> {
    fn link(&mut self, fd: u32, reason: Reason) {
        let queue = &mut self.queues[reason as usize];
        let before = std::mem::replace(&mut queue.newest, fd);
        queue.length += 1;
        if before == NOBODY {
            queue.oldest = fd;
        } else {
            self.slots[before as usize].newer = fd;
        }
        let slot = &mut self.slots[fd as usize];
        (slot.queue, slot.older, slot.newer) = (Some(reason), before, NOBODY);
    }

    fn unlink(&mut self, fd: u32) {
        let slot = &mut self.slots[fd as usize];
        let Some(reason) = slot.queue.take() else { return };
        let (older, newer) = (slot.older, slot.newer);
        let queue = &mut self.queues[reason as usize];
        queue.length -= 1;
        match older {
            NOBODY => queue.oldest = newer,
            _ => self.slots[older as usize].newer = newer,
        }
        match newer {
            NOBODY => queue.newest = older,
            _ => self.slots[newer as usize].older = older,
        }
    }

    /// Hands a parked connection to a worker.
    fn take(&mut self, fd: u32, is_due: bool) -> Option<Taken<P>> {
        let slot = &mut self.slots[fd as usize];
        let socket = slot.socket.take()?;
        // So that an event for it that somebody has in hand is nobody's. Never one of the special tokens.
        slot.generation = slot.generation.wrapping_add(1) & 0x7fff_ffff;
        self.parked -= 1;
        self.held -= std::mem::take(&mut slot.held) as usize;
        let connection = Connection { socket, generation: slot.generation };
        let payload = slot.payload.take();
        let reason = slot.queue.unwrap_or(Reason::Idle); // Cannot fail: what is parked stands in a queue.
        if !reason.keeps_place() {
            self.unlink(fd);
        }
        Some(Taken { connection, reason, is_due, payload })
    }

    fn release(&mut self, fd: u32) {
        self.unlink(fd);
        self.open -= 1;
    }

    /// The oldest of a queue that no worker has in hand; workers are few, so few are passed over.
    fn oldest_parked(&self, reason: Reason) -> Option<u32> {
        let mut fd = self.queues[reason as usize].oldest;
        while fd != NOBODY && self.slots[fd as usize].socket.is_none() {
            fd = self.slots[fd as usize].newer;
        }
        (fd != NOBODY).then_some(fd)
    }

    fn evict_from(&mut self, reason: Reason) -> Option<TcpStream> {
        let fd = self.oldest_parked(reason)?;
        let taken = self.take(fd, true)?;
        self.release(fd);
        Some(taken.connection.socket)
    }

    /// Who goes first when there is no room: the oldest that is done anyway, is idle, is incomplete, is hung, does not take
    /// its answer.
    fn evict(&mut self) -> Option<TcpStream> {
        const ORDER: [Reason; 5] = [Reason::Linger, Reason::Idle, Reason::Head, Reason::Hang, Reason::Write];
        ORDER.iter().find_map(|&reason| self.evict_from(reason))
    }

    /// The oldest parked connection of each queue that has deadlines, with its own; all that is hung is due when the
    /// lot closes.
    fn oldest_deadlines(&self, now: Instant) -> impl Iterator<Item = (u32, Instant)> {
        [Reason::Idle, Reason::Head, Reason::Write, Reason::Linger, Reason::Hang].into_iter().filter_map(
            move |reason| {
                let fd = self.oldest_parked(reason)?;
                match reason {
                    Reason::Hang if self.closing.is_some() => Some((fd, now)),
                    Reason::Hang => None,
                    _ => Some((fd, self.slots[fd as usize].deadline)),
                }
            },
        )
    }

    fn next_due(&mut self, now: Instant) -> Option<Taken<P>> {
        while let Some(&Reverse((when, fd, generation))) = self.due.peek() {
            if when > now {
                break;
            }
            self.due.pop();
            let slot = &self.slots[fd as usize];
            if slot.generation == generation && slot.queue == Some(Reason::Delay) {
                return self.take(fd, true);
            }
        }
        let due = self.oldest_deadlines(now).find(|&(_, deadline)| deadline <= now);
        due.and_then(|(fd, _)| self.take(fd, true))
    }

    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let queued = self.oldest_deadlines(now).map(|(_, deadline)| deadline);
        queued.chain(self.due.peek().map(|&Reverse((when, ..))| when)).min()
    }

    /// Sets the timer, unless it fires by then anyway: with equal timeouts that is one call in many requests.
    fn set_alarm(&mut self, when: Instant, timer: &Timer) {
        if self.alarm.is_none_or(|alarm| when < alarm) {
            self.alarm = Some(when);
            timer.set(Some(when.saturating_duration_since(Instant::now())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    /// A lot with `count` connections, each kept alive by its other end.
    fn lot(max: usize, count: usize) -> (Lot<()>, Vec<Connection>, Vec<UnixStream>) {
        let lot = Lot::new(max).unwrap();
        let mut ends = Vec::new();
        let open = |_| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            ends.push(theirs);
            lot.open(stream(ours)).0.expect("there is room")
        };
        let connections = (0..count).map(open).collect();
        (lot, connections, ends)
    }

    /// To the lot any socket is as good as another.
    fn stream(socket: UnixStream) -> TcpStream {
        OwnedFd::from(socket).into()
    }

    fn open(lot: &Lot<()>) -> u64 {
        lot.census().iter().sum()
    }

    fn fds(connections: &[Connection]) -> Vec<RawFd> {
        connections.iter().map(|connection| connection.socket.as_raw_fd()).collect()
    }

    #[test]
    fn the_oldest_idle_goes_first_then_heads_then_hung_then_slow_readers() {
        let (lot, connections, _ends) = lot(5, 5);
        let want: Vec<RawFd> = [2, 3, 4, 1, 0].iter().map(|&at: &usize| fds(&connections)[at]).collect();
        let reasons = [Reason::Write, Reason::Hang, Reason::Idle, Reason::Idle, Reason::Head];
        let deadline = Until::Deadline(Instant::now() + Duration::from_secs(60));
        for (connection, reason) in connections.into_iter().zip(reasons) {
            assert!(lot.park(connection, reason, deadline, None, 0).is_none());
        }
        let gone: Vec<TcpStream> = std::iter::from_fn(|| lot.evict()).collect();
        assert_eq!(gone.iter().map(AsRawFd::as_raw_fd).collect::<Vec<_>>(), want);
        assert_eq!(open(&lot), 0);
    }

    #[test]
    fn with_all_that_wait_delayed_the_new_one_is_refused() {
        let (lot, connections, _ends) = lot(2, 2);
        let deadline = Until::Deadline(Instant::now() + Duration::from_secs(60));
        for connection in connections {
            assert!(lot.park(connection, Reason::Delay, deadline, None, 0).is_none());
        }
        let (third, _theirs) = UnixStream::pair().unwrap();
        let (connection, refused) = lot.open(stream(third));
        assert!(connection.is_none() && refused.is_some());
        assert_eq!(open(&lot), 2);
    }

    #[test]
    fn what_workers_have_in_hand_does_not_fill_the_lot() {
        let (lot, _connections, _ends) = lot(2, 2);
        let (third, _theirs) = UnixStream::pair().unwrap();
        let (connection, refused) = lot.open(stream(third));
        assert!(connection.is_some() && refused.is_none());
    }

    #[test]
    fn a_head_keeps_its_deadline_when_it_grows() {
        let (lot, mut connections, _ends) = lot(4, 1);
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let connection = connections.pop().unwrap();
        let fd = connection.socket.as_raw_fd();
        assert!(lot.park(connection, Reason::Head, Until::Deadline(start + second), None, 0).is_none());
        let again = lot.lock().take(fd as u32, false).unwrap();
        assert!(lot.park(again.connection, Reason::Head, Until::AsBefore, None, 0).is_none());
        assert!(lot.take_due(start).is_none());
        assert_eq!(lot.take_due(start + second).map(|taken| taken.reason), Some(Reason::Head));
    }

    #[test]
    fn delays_come_back_in_the_order_they_are_due() {
        let (lot, connections, _ends) = lot(4, 3);
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let fds = fds(&connections);
        for (connection, seconds) in connections.into_iter().zip([3, 1, 2]) {
            assert!(lot.park(connection, Reason::Delay, Until::Deadline(start + seconds * second), None, 0).is_none());
        }
        let due = std::iter::from_fn(|| lot.take_due(start + 5 * second));
        let order: Vec<RawFd> = due.map(|taken| lot.close(taken.connection).as_raw_fd()).collect();
        assert_eq!(order, [fds[1], fds[2], fds[0]]);
    }

    #[test]
    fn delays_of_clients_that_have_left_are_forgotten() {
        let (lot, mut connections, _ends) = lot(4, 2);
        let (leaving, staying) = (connections.pop().unwrap(), connections.pop().unwrap());
        let (deadline, fd) = (Instant::now() + Duration::from_secs(60), leaving.socket.as_raw_fd() as u32);
        assert!(lot.park(staying, Reason::Delay, Until::Deadline(deadline), None, 0).is_none());
        let mut leaving = Some(leaving);
        for _ in 0..100 {
            assert!(lot.park(leaving.take().unwrap(), Reason::Delay, Until::Deadline(deadline), None, 0).is_none());
            leaving = lot.lock().take(fd, false).map(|taken| taken.connection);
        }
        assert!(lot.lock().due.len() <= 9);
        assert_eq!(lot.take_due(deadline).map(|taken| taken.reason), Some(Reason::Delay));
    }

    #[test]
    fn held_bytes_are_bounded_however_many_hold_little_before_them() {
        let (lot, connections, _ends) = lot(8, 8);
        let deadline = Until::Deadline(Instant::now() + Duration::from_secs(60));
        let sizes = [(Reason::Head, 1), (Reason::Head, 1), (Reason::Write, 1), (Reason::Idle, 0)];
        let large = [Reason::Delay, Reason::Write, Reason::Delay, Reason::Write].map(|reason| (reason, MAX_HELD / 3));
        for (connection, (reason, held)) in connections.into_iter().zip(sizes.into_iter().chain(large)) {
            assert!(lot.park(connection, reason, deadline, Some(Box::new(())), held).is_none());
            assert!(lot.lock().held <= MAX_HELD);
        }
        let census = lot.census();
        assert_eq!(
            [Reason::Idle, Reason::Head, Reason::Write, Reason::Delay].map(|at| census[at as usize]),
            [1, 0, 1, 2]
        );
    }

    #[test]
    fn an_event_for_what_was_taken_meanwhile_is_nobodys() {
        let (lot, mut connections, _ends) = lot(4, 1);
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let connection = connections.pop().unwrap();
        let before = connection.token();
        assert!(lot.park(connection, Reason::Idle, Until::Deadline(start + second), None, 0).is_none());
        let taken = lot.take_due(start + second).unwrap();
        assert_ne!(taken.connection.token(), before);
    }

    #[test]
    fn held_bytes_are_bounded_by_closing_the_oldest_head() {
        let (lot, connections, _ends) = lot(4, 3);
        let deadline = Until::Deadline(Instant::now() + Duration::from_secs(60));
        let fds = fds(&connections);
        for connection in connections {
            assert!(lot.park(connection, Reason::Head, deadline, Some(Box::new(())), MAX_HELD / 2).is_none());
        }
        let left = std::iter::from_fn(|| lot.take_due(Instant::now() + Duration::from_secs(60)));
        assert_eq!(left.map(|taken| taken.connection.socket.as_raw_fd()).collect::<Vec<_>>(), fds[1..]);
    }

    #[test]
    fn a_closing_lot_keeps_nobody_for_ever() {
        let (lot, mut connections, _ends) = lot(4, 3);
        lot.start_closing(Duration::from_secs(59));
        let now = Instant::now();
        let deadline = Until::Deadline(now + Duration::from_secs(60));
        assert!(lot.park(connections.pop().unwrap(), Reason::Hang, deadline, None, 0).is_some());
        assert!(lot.park(connections.pop().unwrap(), Reason::Idle, deadline, None, 0).is_none());
        assert!(lot.park(connections.pop().unwrap(), Reason::Delay, deadline, None, 0).is_none());
        assert!(lot.take_due(now).is_none(), "its request may be on its way");
        let due = |when| lot.take_due(when).map(|taken| taken.reason);
        assert_eq!(due(now + Duration::from_secs(1)), Some(Reason::Idle));
        assert_eq!(due(now + Duration::from_secs(1)), None, "in progress");
    }

    #[test]
    fn what_is_idle_when_the_lot_closes_is_due() {
        let (lot, mut connections, _ends) = lot(4, 1);
        let deadline = Until::Deadline(Instant::now() + Duration::from_secs(60));
        assert!(lot.park(connections.pop().unwrap(), Reason::Idle, deadline, None, 0).is_none());
        lot.start_closing(Duration::from_secs(59));
        assert!(lot.take_due(Instant::now()).is_none(), "its request may be on its way");
        lot.start_closing(Duration::from_secs(1));
        assert_eq!(lot.take_due(Instant::now()).map(|taken| taken.reason), Some(Reason::Idle));
    }
}

//! The lot: every connection that only waits is parked here, without a thread, with its reason and a deadline. It is one set
//! of descriptors that all workers wait on, and one lock around [`Queues`], which decides.
//!
//! A connection belongs either to the lot or to one worker. Everything that changes hands does so under the lock, so a descriptor
//! that is closed and given out again cannot be mistaken for the old.
//!
//! Epoll is told of a connection once, and then tells of what is new on it (EPOLLET), to whoever asks next. So a request costs no
//! call to arm it. What comes while a worker has the connection is remembered in its place, and the worker that parks it lets
//! epoll tell once more, as does one that has not seen the end of what there was.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use super::queues::{Admitted, Connection, Gone, Queues, Taken, Until};
use super::reason::Reason;
use crate::sync::{Lock, sleep};
use crate::sys::{self, Epoll, Happened, Timer};

const LISTENER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
/// Most events that a worker fetches when no other waits.
const MOST_AT_ONCE: usize = 32;
/// How long one worker stays away that is not needed; two stay away twice as long.
const REST: Duration = Duration::from_millis(1);
/// How soon a connection with calls under way is looked at again, once the server closes.
const CLOSING_LOOK: Duration = Duration::from_millis(100);

/// Something for a worker to do.
pub enum Event<S, P> {
    /// A connection may be waiting to be accepted.
    Listener,
    /// Some deadlines may be over.
    Timer,
    /// Something happened on a parked connection.
    Ready(Taken<S, P>),
    /// Nothing after all, or not in time.
    Nothing,
}

struct Inside<S, P> {
    queues: Queues<S, P>,
    /// Workers that wait for the kernel.
    waiting: usize,
    /// Workers that stay away.
    resting: u32,
    /// Whether none was left to wait since one last went to rest.
    was_busy: bool,
    /// What has been fetched and nobody has begun with.
    fetched: Vec<Happened>,
    /// When the timer fires, if it is set.
    alarm: Option<Instant>,
}

pub struct Lot<S, P> {
    epoll: Epoll,
    timer: Timer,
    inside: Lock<Inside<S, P>>,
}

impl<S: AsRawFd, P> Lot<S, P> {
    /// An empty lot for so many connections.
    pub fn new(max_connections: usize, idle_timeout: Duration) -> io::Result<Self> {
        let (epoll, timer) = (Epoll::new()?, Timer::new()?);
        epoll.follow(timer.as_raw_fd(), sys::READABLE, TIMER, false)?;
        let queues = Queues::new(max_connections, idle_timeout);
        let inside = Inside { queues, waiting: 0, resting: 0, was_busy: false, fetched: Vec::new(), alarm: None };
        Ok(Self { epoll, timer, inside: Lock::new(inside) })
    }

    /// Watches the listener, armed for one event.
    pub fn watch_listener(&self, listener: RawFd) -> io::Result<()> {
        self.epoll.add(listener, sys::READABLE, LISTENER)
    }

    /// Arms the listener for the next event. Nothing comes of it where it is not watched yet.
    pub fn arm_listener(&self, listener: RawFd) {
        let _ = self.epoll.arm(listener, sys::READABLE, LISTENER);
    }

    /// Waits for something to do, at most so long; each event goes to one worker only. Who finds no other one waiting fetches
    /// several at once, of which those who come later take theirs: a busy server asks the kernel once for several requests.
    ///
    /// A worker that waits is woken by whatever comes while another is at work, though that one would soon have asked for it itself:
    /// up to a tenth of a busy server's CPU. So who comes when the server is busy, and yet another waits, first stays away for a
    /// moment.
    pub fn wait(&self, most: Option<Duration>) -> Event<S, P> {
        let mut inside = self.inside.lock();
        if inside.was_busy && inside.waiting > 0 && inside.fetched.is_empty() {
            inside.was_busy = false;
            inside.resting += 1;
            let rest = REST * inside.resting;
            drop(inside);
            sleep(rest);
            inside = self.inside.lock();
            inside.resting -= 1;
        }
        let mut next = inside.fetched.pop();
        if next.is_none() {
            let mut room = [const { MaybeUninit::uninit() }; MOST_AT_ONCE];
            let count = if inside.waiting == 0 { MOST_AT_ONCE } else { 1 };
            inside.waiting += 1;
            drop(inside);
            let happened = self.epoll.wait(&mut room[..count], most);
            inside = self.inside.lock();
            inside.waiting -= 1;
            if let [first, others @ ..] = happened {
                next = Some(*first);
                others.iter().rev().for_each(|happened| inside.fetched.push(*happened));
            }
        }
        inside.was_busy |= next.is_some() && inside.waiting == 0;
        // Whoever waits by now has not seen what is left, and is not to wait on while this worker is busy.
        if !inside.fetched.is_empty() && inside.waiting > 0 {
            self.set_timer(&mut inside, Instant::now());
        }
        let Some(next) = next else { return Event::Nothing };
        match next.token() {
            LISTENER => Event::Listener,
            TIMER => Event::Timer,
            _ => inside.queues.claim(next).map_or(Event::Nothing, Event::Ready),
        }
    }

    pub fn admit(&self, socket: S) -> Admitted<S, P> {
        let key = socket.as_raw_fd() as u32;
        self.inside.lock().queues.admit(socket, key, Instant::now())
    }

    /// Takes out one connection that waits and could go, to get its descriptor back.
    pub fn evict(&self) -> Option<Gone<S, P>> {
        self.inside.lock().queues.evict()
    }

    /// Parks a connection until something happens on it or its time is over. `is_drained`: all that had come was received before
    /// anything new could happen. Returns those who have to go since waiting
    /// connections hold too many bytes; or, as an error, this one, which cannot be watched or would hang while the server
    /// closes. Whoever comes back is to be dropped.
    pub fn park(
        &self,
        mut connection: Connection<S>,
        reason: Reason,
        until: Until,
        payload: Option<Box<P>>,
        held: usize,
        is_drained: bool,
    ) -> Result<Vec<Gone<S, P>>, Gone<S, P>> {
        let (fd, token) = (connection.socket.as_raw_fd(), connection.token());
        let mut inside = self.inside.lock();
        let until = match until {
            // Whoever parks it may not have known yet that the server closes.
            _ if reason == Reason::Calls && inside.queues.is_closing() => {
                Until::Deadline(Instant::now() + CLOSING_LOOK)
            }
            until => until,
        };
        let (interest, is_in) = (reason.interest(), connection.watched != 0);
        let is_told = is_drained && connection.watched == interest && !inside.queues.has_news(&connection);
        // Fails without memory in the kernel: nobody would ever wake it.
        let is_watched = is_told || self.epoll.follow(fd, interest, token, is_in).is_ok();
        if !(inside.queues.takes(reason) && is_watched) {
            return Err(Gone { socket: inside.queues.close(connection), payload });
        }
        connection.watched = interest;
        let (due, gone) = inside.queues.park(connection, reason, until, payload, held);
        if let Some(due) = due {
            self.set_alarm(&mut inside, due);
        }
        Ok(gone)
    }

    /// Forgets a connection; its socket is to be closed by dropping what is returned, and not before.
    pub fn close(&self, connection: Connection<S>) -> S {
        self.inside.lock().queues.close(connection)
    }

    /// Takes out one connection whose time is over at `now`, and arms the timer for the next one, which may be due
    /// already: then another worker takes it while this one is busy.
    pub fn take_due(&self, now: Instant) -> Option<Taken<S, P>> {
        let mut inside = self.inside.lock();
        if inside.alarm.is_some_and(|alarm| alarm <= now) {
            inside.alarm = None;
        }
        let taken = inside.queues.take_due(now);
        match inside.queues.next_due(now) {
            Some(next) => self.set_alarm(&mut inside, next),
            None if inside.alarm.is_none() => self.timer.set(None),
            None => {}
        }
        taken
    }

    /// See [`Queues::start_closing`].
    pub fn start_closing(&self, grace: Duration) {
        let mut inside = self.inside.lock();
        let now = Instant::now();
        inside.queues.start_closing(grace, now);
        self.set_alarm(&mut inside, now);
    }

    /// See [`Queues::census`].
    pub fn census(&self) -> [u64; Reason::COUNT + 1] {
        self.inside.lock().queues.census()
    }

    /// Makes a timer event come at `when` at the latest.
    pub fn alarm_at(&self, when: Instant) {
        self.set_alarm(&mut self.inside.lock(), when);
    }

    /// Sets the timer, unless it fires by then anyway: with equal timeouts that is one call in many requests.
    fn set_alarm(&self, inside: &mut Inside<S, P>, when: Instant) {
        if inside.alarm.is_none_or(|alarm| when < alarm) {
            self.set_timer(inside, when);
        }
    }

    #[inline(never)] // Seldom.
    fn set_timer(&self, inside: &mut Inside<S, P>, when: Instant) {
        inside.alarm = Some(when);
        self.timer.set(Some(when.saturating_duration_since(Instant::now())));
    }
}

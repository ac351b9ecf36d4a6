//! Who waits, why, for how long, and who has to go when there is no room. Values only: no lock, no clock, and of a
//! connection's socket `S` and of what it was doing `P` nothing is known. `lot` puts a lock and the kernel around it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::reason::Reason;
use crate::sys::{self, Happened};

/// Most bytes that waiting connections hold in all.
pub const MAX_HELD: usize = 8 * 1024 * 1024;
/// Who has to go when they hold too much.
const HOLDERS: [Reason; 4] = [Reason::Head, Reason::Calls, Reason::Write, Reason::Delay];
/// Who goes when there is no room for another: who is done anyway, is idle, is incomplete, is hung, does not take its answer.
const LEAVERS: [Reason; 6] = [Reason::Linger, Reason::Idle, Reason::Head, Reason::Hang, Reason::Calls, Reason::Write];
/// Who is due in the order in which they came to wait.
const IN_ORDER: [Reason; 5] = [Reason::Idle, Reason::Head, Reason::Write, Reason::Linger, Reason::Hang];

const NOBODY: u32 = u32::MAX;

/// How long a connection may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    Deadline(Instant),
    /// Idle since then: as long as the idle timeout lasts.
    IdleSince(Instant),
    /// As long as when it was parked before for the same reason: a deadline is for a whole phase, however many
    /// bytes that comes in.
    AsBefore,
    ItCloses,
}

/// A connection in a worker's hands.
pub struct Connection<S> {
    pub socket: S,
    /// Its place; the descriptor's number.
    key: u32,
    /// How often the place has been given up. An event for an earlier generation is nobody's.
    generation: u32,
    /// What the kernel's set tells of it; 0: the set has not got it.
    pub(super) watched: u32,
}

impl<S> Connection<S> {
    pub fn token(&self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.key)
    }
}

/// A connection that has been taken out.
pub struct Taken<S, P> {
    pub connection: Connection<S>,
    pub reason: Reason,
    /// Whether it was taken because its time is over rather than because something happened.
    pub is_due: bool,
    /// Whether what happened is that its client sends nothing more. Otherwise it may have come to that all the same.
    pub has_ended: bool,
    /// What it was put in with.
    pub payload: Option<Box<P>>,
}

/// What is left of a connection that is forgotten: closed by dropping it, which is for where no lock is held.
pub struct Gone<S, P> {
    pub socket: S,
    pub payload: Option<Box<P>>,
}

/// What came of a new connection.
pub struct Admitted<S, P> {
    /// `None`: there is no room, and nobody who could go.
    pub connection: Option<Connection<S>>,
    /// Who had to go: another one, or this.
    pub gone: Option<Gone<S, P>>,
}

struct Slot<S, P> {
    /// How often the place has been given up.
    generation: u32,
    /// How often one who waited here has been taken out. A delay of an earlier wait is nobody's.
    waits: u32,
    /// The queue it stands in, also while a worker has it, if it keeps its place.
    queue: Option<Reason>,
    /// Set exactly while it is parked.
    connection: Option<Connection<S>>,
    payload: Option<Box<P>>,
    /// Whether something has happened on it since it was taken, so that whoever parks it has not seen all.
    has_news: bool,
    held: u32,
    older: u32,
    newer: u32,
    /// When it is due; of an idle one, since when it is idle.
    moment: Instant,
}

#[derive(Clone, Copy)]
struct Queue {
    oldest: u32,
    newest: u32,
    length: usize,
}

/// Every connection, in a worker's hands or in one of the queues.
pub struct Queues<S, P> {
    /// Indexed by descriptor: the kernel hands out the lowest number that is free, so this stays dense.
    slots: Vec<Slot<S, P>>,
    queues: [Queue; Reason::COUNT],
    /// When each is due, its place, and which of its waits that is.
    delays: BinaryHeap<Reverse<(Instant, u32, u32)>>,
    max: usize,
    idle_timeout: Duration,
    /// All connections, and those of them that wait; the others are in workers' hands.
    open: usize,
    parked: usize,
    held: usize,
    is_closing: bool,
}

impl<S, P> Queues<S, P> {
    pub fn new(max: usize, idle_timeout: Duration) -> Self {
        let empty = Queue { oldest: NOBODY, newest: NOBODY, length: 0 };
        Self {
            slots: Vec::new(),
            queues: [empty; Reason::COUNT],
            delays: BinaryHeap::new(),
            max,
            idle_timeout,
            open: 0,
            parked: 0,
            held: 0,
            is_closing: false,
        }
    }

    /// Takes in a new connection. When there is no room one that waits has to go; when all that wait have to stay, the
    /// new one does. What workers have in hand, which is few and moves on at once, may go over the limit.
    pub fn admit(&mut self, socket: S, key: u32, now: Instant) -> Admitted<S, P> {
        let mut gone = None;
        if self.open >= self.max {
            gone = self.evict();
            if gone.is_none() && self.parked >= self.max {
                return Admitted { connection: None, gone: Some(Gone { socket, payload: None }) };
            }
        }
        if self.slots.len() <= key as usize {
            self.slots.resize_with(key as usize + 1, || Slot::new(now));
        }
        self.open += 1;
        let generation = self.slots[key as usize].generation;
        Admitted { connection: Some(Connection { socket, key, generation, watched: 0 }), gone }
    }

    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Whether a connection may wait for this: a server that closes hangs nobody any more.
    pub fn takes(&self, reason: Reason) -> bool {
        !(self.is_closing && reason == Reason::Hang)
    }

    /// Whether something has happened on a connection in a worker's hands that the worker may not have seen.
    pub fn has_news(&self, connection: &Connection<S>) -> bool {
        self.slots[connection.key as usize].has_news
    }

    /// Lets a connection wait; `held` are the bytes that its payload holds. Returns when it is due, if ever, and those
    /// who have to go because all together hold too much: the oldest that hold some.
    pub fn park(
        &mut self,
        connection: Connection<S>,
        reason: Reason,
        until: Until,
        payload: Option<Box<P>>,
        held: usize,
    ) -> (Option<Instant>, Vec<Gone<S, P>>) {
        let key = connection.key;
        let slot = &mut self.slots[key as usize];
        debug_assert!(slot.connection.is_none(), "parked twice");
        slot.connection = Some(connection);
        slot.payload = payload;
        slot.held = held as u32;
        if let Until::Deadline(moment) | Until::IdleSince(moment) = until {
            slot.moment = moment;
        }
        let is_same_wait = until == Until::AsBefore && slot.queue == Some(reason);
        if !is_same_wait {
            self.unlink(key);
            self.link(key, reason);
        }
        self.parked += 1;
        self.held += held;
        let due = (until != Until::ItCloses).then(|| self.due(key, reason));
        if let (Reason::Delay | Reason::Calls, Some(due)) = (reason, due) {
            self.forget_old_delays();
            self.delays.push(Reverse((due, key, self.slots[key as usize].waits)));
        }
        let mut gone = Vec::new();
        while self.held > MAX_HELD {
            let Some(oldest) = HOLDERS.iter().find_map(|&reason| self.evict_from(reason)) else { break };
            gone.push(oldest);
        }
        (due, gone)
    }

    /// Delays stay in their heap when clients leave before they are due.
    fn forget_old_delays(&mut self) {
        if self.delays.len() > 2 * self.max {
            for delay in std::mem::take(&mut self.delays).into_vec() {
                let Reverse((_, key, wait)) = delay;
                if self.slots[key as usize].waits == wait {
                    self.delays.push(delay);
                }
            }
        }
    }

    /// Hands the connection over that an event is for. `None`: the event is of an earlier connection, or of an earlier wait and
    /// nothing to this one, or a worker has the connection, and will be told when it parks it.
    pub fn claim(&mut self, happened: Happened) -> Option<Taken<S, P>> {
        let (key, generation) = (happened.token() as u32, (happened.token() >> 32) as u32);
        let slot = self.slots.get_mut(key as usize).filter(|slot| slot.generation == generation)?;
        slot.has_news = true;
        if slot.queue.is_none_or(|reason| happened.what() & reason.interest() == 0) {
            return None;
        }
        let taken = self.take(key, false)?;
        Some(Taken { has_ended: happened.what() & (sys::PEER_CLOSED | sys::BROKEN) != 0, ..taken })
    }

    /// Hands one connection over whose time is over.
    pub fn take_due(&mut self, now: Instant) -> Option<Taken<S, P>> {
        while let Some(&Reverse((due, key, wait))) = self.delays.peek() {
            if due > now {
                break;
            }
            self.delays.pop();
            let slot = &self.slots[key as usize];
            // Otherwise its client has left, and this may be another one.
            if slot.waits == wait && matches!(slot.queue, Some(Reason::Delay | Reason::Calls)) {
                return self.take(key, true);
            }
        }
        let (due, key) = self.first(now)?;
        if due <= now { self.take(key, true) } else { None }
    }

    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        let first = self.first(now).map(|(due, _)| due);
        match self.delays.peek() {
            Some(&Reverse((delayed, ..))) if first.is_none_or(|first| delayed < first) => Some(delayed),
            _ => first,
        }
    }

    /// Who is due first of the oldest of each queue, and when. All that is hung is due when the server closes.
    fn first(&self, now: Instant) -> Option<(Instant, u32)> {
        let mut first: Option<(Instant, u32)> = None;
        for reason in IN_ORDER {
            let Some(key) = self.oldest_parked(reason) else { continue };
            let due = match reason {
                Reason::Hang if !self.is_closing => continue,
                Reason::Hang => now,
                _ => self.due(key, reason),
            };
            if first.is_none_or(|(before, _)| due < before) {
                first = Some((due, key));
            }
        }
        first
    }

    fn due(&self, key: u32, reason: Reason) -> Instant {
        let moment = self.slots[key as usize].moment;
        if reason == Reason::Idle { moment + self.idle_timeout } else { moment }
    }

    /// From now on nobody is hung: those that are, are due. Who is idle, now or later, has `grace` since it came to be, so
    /// that one whose request is on its way still gets it in. Those that have calls under way are due at once, to say so.
    pub fn start_closing(&mut self, grace: Duration, now: Instant) {
        self.is_closing = true;
        let mut key = self.queues[Reason::Calls as usize].oldest;
        while key != NOBODY {
            let slot = &self.slots[key as usize];
            self.delays.push(Reverse((now, key, slot.waits)));
            key = slot.newer;
        }
        self.idle_timeout = self.idle_timeout.min(grace);
    }

    /// Forgets one that waits and could go.
    pub fn evict(&mut self) -> Option<Gone<S, P>> {
        LEAVERS.iter().find_map(|&reason| self.evict_from(reason))
    }

    /// Forgets a connection in a worker's hands.
    pub fn close(&mut self, connection: Connection<S>) -> S {
        self.unlink(connection.key);
        let slot = &mut self.slots[connection.key as usize];
        // So that an event for it that somebody has in hand is nobody's. The highest are the lot's own tokens.
        slot.generation = slot.generation.wrapping_add(1) & 0x7fff_ffff;
        self.open -= 1;
        connection.socket
    }

    /// How many connections wait for each [`Reason`], in order, and how many are in workers' hands.
    pub fn census(&self) -> [u64; Reason::COUNT + 1] {
        let mut census = [0; Reason::COUNT + 1];
        census.iter_mut().zip(&self.queues).for_each(|(count, queue)| *count = queue.length as u64);
        census[Reason::COUNT] = self.open as u64 - census.iter().sum::<u64>();
        census
    }

    fn take(&mut self, key: u32, is_due: bool) -> Option<Taken<S, P>> {
        let slot = &mut self.slots[key as usize];
        let connection = slot.connection.take()?;
        slot.has_news = false;
        slot.waits = slot.waits.wrapping_add(1);
        self.parked -= 1;
        self.held -= std::mem::take(&mut slot.held) as usize;
        let payload = slot.payload.take();
        let reason = slot.queue.unwrap_or(Reason::Idle); // Cannot fail: what is parked stands in a queue.
        if !reason.keeps_place() {
            self.unlink(key);
        }
        Some(Taken { connection, reason, is_due, has_ended: false, payload })
    }

    /// The oldest of a queue that no worker has in hand; workers are few, so few are passed over.
    fn oldest_parked(&self, reason: Reason) -> Option<u32> {
        let mut key = self.queues[reason as usize].oldest;
        while key != NOBODY && self.slots[key as usize].connection.is_none() {
            key = self.slots[key as usize].newer;
        }
        (key != NOBODY).then_some(key)
    }

    fn evict_from(&mut self, reason: Reason) -> Option<Gone<S, P>> {
        let key = self.oldest_parked(reason)?;
        let Taken { connection, payload, .. } = self.take(key, true)?;
        Some(Gone { socket: self.close(connection), payload })
    }

    fn link(&mut self, key: u32, reason: Reason) {
        let queue = &mut self.queues[reason as usize];
        let before = std::mem::replace(&mut queue.newest, key);
        queue.length += 1;
        if before == NOBODY {
            queue.oldest = key;
        } else {
            self.slots[before as usize].newer = key;
        }
        let slot = &mut self.slots[key as usize];
        (slot.queue, slot.older, slot.newer) = (Some(reason), before, NOBODY);
    }

    fn unlink(&mut self, key: u32) {
        let slot = &mut self.slots[key as usize];
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
}

impl<S, P> Slot<S, P> {
    fn new(now: Instant) -> Self {
        Self {
            generation: 0,
            waits: 0,
            queue: None,
            connection: None,
            payload: None,
            has_news: false,
            held: 0,
            older: NOBODY,
            newer: NOBODY,
            moment: now,
        }
    }
}

#[cfg(test)]
#[path = "queues/tests.rs"] // tests/model includes this file
mod tests;

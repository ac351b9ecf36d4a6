// The log: what the page has seen and done, and the cluster's events, the newest first, each once.

import { $, clock, make, set } from './dom.js';

const LINES = 80;
const events = new Map();           // a cluster's event, by uid -> its line
let unsaid = '', timer = 0;

function put(at, text, uid, className = '') {
  const line = make(['li', { at, uid, className }, ['time', '', clock(at)], ['span', '', text]]), log = $('log');
  // By time: what the cluster tells may be older than what stands there.
  log.insertBefore(line, [...log.children].find(other => other.at <= at) || null);
  if (log.childElementCount > LINES) {
    events.delete(log.lastChild.uid);
    log.lastChild.remove();
  }
  return line;
}

export function say(text, isAloud) {
  put(Date.now(), text);
  if (!isAloud) return;
  // For screen readers: what matters, at most one sentence in three seconds, the last one.
  unsaid = text;
  timer ||= setTimeout(() => {
    set('said', unsaid);
    timer = 0;
  }, 3000);
}

// A repeated event is one object with a count: its line moves up.
export function sayEvent(uid, at, text, isWarning) {
  events.get(uid)?.remove();
  events.set(uid, put(at, text, uid, isWarning ? 'bad' : ''));
}

// The pods that are known, what is wrong with each, and what has become of it over time. The API tells of them, or, without it, whoever answers.

import { age, ahead, list, since, span } from './dom.js';
import { IN } from './kubernetes.js';
import { say } from './log.js';

export const pods = new Map();      // by name
export const past = [];             // those that are no more and whose line still stands in the timeline
// What the page can see: pods by the API, and by its EndpointSlices who is in the Service; and what polls have told.
export const view = { isCluster: false, hasSlices: false, polls: 0, restarts: 0 };
export const LOOK_BACK = 180000;    // how far the timeline looks back
export const listeners = [];        // called with (pod, what, at), in words of the forecast
export const touched = new Set();   // to be drawn anew
let areNamed = true;

export function pod(name) {
  if (!pods.has(name)) {
    pods.set(name, { name, short: name, who: { pod: name, checks: {}, faults: [] }, ended: [], counts: [], restarts: 0, busy: {}, asked: 0, seen: -1e9, set: [], history: [], marks: [] });
    areNamed = false;
  }
  return pods.get(name);
}

export function remove(t) {
  pods.delete(t.name);
  t.isGone = true;
  areNamed = false;
  mark(t, 'gone');
  push(t, '');
  past.push(t);
  touched.add(t);
}

// The part that tells pods apart: of a Deployment's pods the last five letters; for others what they do not share, as long as it is more than
// a number. Returns what they do share.
export let before = '';
export function names() {
  if (areNamed) return;
  areNamed = true;
  const all = [...pods.keys()], random = /-[bcdfghjklmnpqrstvwxz2456789]{5}$/;
  let cut = name => name.search(random) + 1;
  if (!all.every(cut) || new Set(all.map(name => name.slice(cut(name)))).size < all.length) {
    const [first = ''] = all;
    let end = all.length > 1 ? first.length : 0;
    while (end && !all.every(name => name.startsWith(first.slice(0, end)) && /\D/.test(name.slice(end)))) end = first.lastIndexOf('-', end - 2) + 1;
    cut = () => end;
  }
  before = [...new Set(all.map(name => name.slice(0, cut(name))))].join(', ');
  for (const t of pods.values()) t.short = t.name.slice(cut(t.name)), touched.add(t);
}

export const whereOf = ({ who, api }) => [who.zone || api?.zone, who.node || api?.node].filter(one => one);
export const upOf = ({ who, api, asked }) => api ? api.begun && age(api.begun) : who.started && span(who.uptime_seconds + since(asked));

// What happened, for the timeline and for predictions.
export function mark(t, what, at = Date.now()) {
  t.marks = [...t.marks, { at, what }].filter(one => one.at > Date.now() - LOOK_BACK).slice(-40);
  for (const listener of listeners) listener(t, what, at);
}
function push(t, kind, at = Date.now()) {
  if (t.history.at(-1)?.kind !== kind) t.history.push({ at, kind });
  while (t.history.length > 60 || t.history[1]?.at < Date.now() - LOOK_BACK) t.history.shift();
}
// What an object tells of the time before the page was there.
export function recall(t) {
  const { created, last, begun, isReady, readySince } = t.api;
  for (const [kind, at] of [['wait', created], ['ok', last?.begun], ['bad', last?.at], ['warn', begun], ['ok', isReady && Math.max(begun, readySince)]]) if (at) push(t, kind, at);
}

// What the checks and polls of one that runs tell.
function failings(checks, faults, ended) {
  const polls = ended.findLast(isBad);
  return list(...['health', 'live'].map(check => failed(checks, check) || !checks[check] && faults.some(rule => rule.startsWith(check + ' fail')) && check + ' would fail'), polls && 'polls ' + polls);
}
export const isBad = status => status >= 400;
const failed = (checks, check) => isBad(checks[check]) && check + ' ' + checks[check];

// [kind, word, why]: kind is ok, warn, bad, wait, end or gone.
function judge({ api, who: { checks, faults }, member, ended, seen, asked }) {
  const service = view.hasSlices && member;
  if (api) {
    const { word, last, pause, until, isOver, message, node } = api;
    if (until && !isOver) return ['end', word, list(service, 'killed ' + ahead(0, until))];
    if (isOver && word === 'Completed') return ['end', word, last?.exit];
    // Neither a word of a pod on its way nor of one that runs.
    if (!/^(Running|Pending|ContainerCreating|PodInitializing|Init:\d.*|SchedulingGated)$/.test(word)) return ['bad', word, list(pause ? 'restart ' + ahead(...pause) : message, last?.exit)];
    if (!api.begun) return ['wait', word, message || (node ? 'on ' + node : 'no node yet')];
  } else if (view.polls - seen > 10 * pods.size + 5) return ['gone', 'Gone', 'no answer for ' + age(asked)];
  // What the API has the last word on, where it is asked, the checks tell elsewhere.
  const startup = failed(checks, 'startup'), ready = failed(checks, 'ready'), wrong = failings(checks, faults, ended);
  if (api ? api.isStarted === false : startup) return ['warn', 'Starting', list(service, startup)];
  if (wrong) return ['bad', 'Failing', wrong];
  if (api ? !api.isReady : ready) return ['warn', 'Not ready', list(service, ready)];
  if (!api) return ['ok', 'OK', Object.values(checks).some(status => status) ? 'nothing wrong' : 'no check asked yet'];
  return view.hasSlices && member !== IN ? ['warn', 'Not in Service', service] : ['ok', 'Ready', service];
}

// Judges anew, and says what has changed.
export function verdict(t) {
  const [kind, word, why] = judge(t), old = t.kind;
  t.why = why || '';
  if (t.word === word && old === kind) return;
  t.word = word, t.kind = kind;
  if (old || !t.api) push(t, kind === 'gone' ? '' : kind);
  if (old && /bad|gone/.test(old + kind)) say(list(t.name + ': ' + word, why, 'after ' + age(t.since)), true);
  t.since = Date.now();
}

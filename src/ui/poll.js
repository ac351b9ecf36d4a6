// Polls: /whoami of the page's own origin, which closes its connection, so that a Service balances each anew. It never asks a check.
// Where pods can be reached one by one, those that the Service leaves out are asked too.

import { list, since, span } from './dom.js';
import { say } from './log.js';
import { ask, json } from './place.js';
import { pod, pods, touched, view } from './pods.js';
import { isDirect, pathTo, reach } from './reach.js';

export const FAILED = 'failed';
export const versions = [];         // in the order seen: the place is the colour
export const buckets = [];          // 5 s each: {at, sum: Map(version or FAILED -> polls)}
export let recent = [];             // the last 100 polls: {pod, zone, bad}
let flying = 0, lostAt = -99;

export function colour(version) {
  if (version === FAILED) return 'bad';
  if (!versions.includes(version)) versions.push(version);
  return 'c' + Math.min(versions.indexOf(version), 5);
}

// Takes in what a pod has answered. `status` is null for an answer that was not a poll.
function heard(name, asked, status, who) {
  const isNew = !pods.has(name);
  // The API knows which pods there are; one that it does not tell of is on its way, in or out.
  if (isNew && view.isCluster) return;
  const t = pod(name), old = t.who;
  t.seen = view.polls;
  if (status) t.ended = [...t.ended, status].slice(-20);
  if (asked > t.asked) {
    t.asked = asked;
    t.ms = Date.now() - asked;
    // One that fails tells its zone and version alone.
    t.who = { ...old, ...who };
    if (who.started > old.started) {
      t.restarts++;
      if (!view.isCluster) view.restarts++, say(name + ' restarted after ' + span(old.uptime_seconds) + ', version ' + who.version);
      t.ended = status ? [status] : [], t.counts = [], t.set = [], t.off = false;
    }
  }
  if (isNew) say(list('new pod ' + name, who.zone || 'no zone', 'version ' + who.version));
  touched.add(t);
}

export async function poll() {
  // A browser has six connections for an origin; watches hold three of them.
  if (flying > (view.isCluster ? 0 : 3)) return;
  flying++;
  const asked = Date.now();
  let name, who = {}, status = 'no answer';
  try {
    const answer = await ask('whoami'), field = one => answer.headers.get('Probe-' + one);
    status = answer.status;
    who = { zone: field('Zone'), version: field('Version') };
    name = field('Pod');
    if (answer.ok) who = await answer.json(), name = who.pod || name;
  } catch { }
  flying--;
  view.polls++;
  const bad = !name || status >= 400, at = Math.floor(Date.now() / 5000);
  if (name) heard(name, asked, status, who);
  else {
    // Of many in a row the first is said.
    if (view.polls - lostAt > 20) say('a poll failed: ' + status);
    lostAt = view.polls;
  }
  recent = [...recent, { pod: name, zone: who.zone || pods.get(name)?.api?.zone || 'no zone', bad }].slice(-100);
  if (buckets.at(-1)?.at !== at) buckets.push({ at, sum: { __proto__: null } });
  while (at - buckets[0].at > 59) buckets.shift();
  count(buckets.at(-1).sum, bad ? FAILED : who.version);
}
// `sum` is an object without a prototype: of `constructor` it has no count either.
export function count(sum, key, more = 1) {
  sum[key] = (sum[key] || 0) + more;
}

// Asks one pod itself. Returns what it said, or nothing. On its own way the name that it has for itself need not be that of the API,
// as with `hostname` in its spec; it is remembered, and is what Probe-Pod has to say.
export async function visit(t) {
  const asked = t.visited = Date.now();
  try {
    const who = await json(pathTo(t, 'whoami'));
    if (who.pod !== t.name && !isDirect(t)) return;
    heard(t.name, asked, null, who);
    return who;
  } catch { }
}
// The one that is looked at each second; of the others the one that has been silent the longest.
export function visitNext(selected) {
  const silent = t => since(Math.max(t.asked, t.visited || 0)), isNext = t => t === selected;
  const [next] = [...pods.values()].filter(t => isDirect(t) && silent(t) > (isNext(t) ? .9 : 5)).sort((a, b) => isNext(b) - isNext(a) || silent(b) - silent(a));
  if (next) visit(next);
}

// The hit counts of whoever answers, or of the one that is looked at.
export async function countHits(selected) {
  if (pods.size && [...pods.values()].every(t => t.off)) return;
  try {
    const answer = await reach(selected, 'faults', { headers: { Accept: 'application/json' } }), t = pods.get(answer.headers.get('Probe-Pod'));
    t.off = answer.status === 404;
    if (answer.ok) t.counts = (await answer.json()).rules;
    touched.add(t);
  } catch { }
}

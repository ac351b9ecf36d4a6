// What will come, asked of a probeserver's POST /forecast, which plays a fresh pod from its creation with the plan in force from the start.
// An act comes at some moment of a pod's life instead, when the probes have long been ticking. So the rule is put into the plan with
// `after` as much as this pod has been listening, and its time taken off what comes: then every tick stands to the act as it does here.

import { seconds, since } from './dom.js';
import { api, json, send } from './place.js';
import { pathTo } from './reach.js';
import { cluster } from './cluster.js';
import { backOff } from './kubernetes.js';
import { visit } from './poll.js';

// What is worth a window.
const WHATS = ['not_ready', 'out_of_service', 'killed', 'restarted', 'crash_loop', 'ready', 'in_service'];
// An hour of ticks tells no more than ten minutes of them: by whole rounds of all periods, nothing changes.
const LONGEST = 600, HORIZON = 300, PODS = 200;
// What the watch needs to tell, and what the numbers leave open, in seconds.
const EARLY = .5, LATE = 1;

async function play(t, object, parameters) {
  const content = { apiVersion: 'v1', kind: 'List', items: [{ ...object, apiVersion: 'v1', kind: 'Pod', status: undefined }, ...cluster.service ? [cluster.service] : []] };
  const path = 'forecast?' + new URLSearchParams({ format: 'json', pods: PODS, ...parameters }), post = to => send(to, 'POST', content);
  // It may hang or be dead; then whoever the Service picks knows as much.
  const told = await post(pathTo(t, path)).catch(error => error.status < 500 ? Promise.reject(error) : post(path));
  return { ...told, ...Object.fromEntries(told.events.map(one => [one.what, one])) };
}
const objectOf = t => json(api.core + 'pods/' + t.name);
const window_ = (what, { share = 1, p5, p95 }, before = 0, after = 0) => ({ what, share, from: Math.max(0, Math.floor(p5 + before - EARLY)), to: Math.max(1, Math.ceil(p95 + after + LATE)) });

const common = (a, b) => b ? common(b, a % b) : a;
const ownDelay = rule => seconds(/\bafter (\S+)/.exec(rule)?.[1]);
// A rule that is set later, in a plan that begins at the start.
const later = (rule, by) => rule.replace(/ *\bafter \S+/, '') + ' after ' + Math.round(1000 * (by + ownDelay(rule))) + 'ms';

// The windows that an act on this pod opens, {at, windows: [{what, share, from, to}]}, in seconds after `at`, which is when
// the pod has told its age. The act comes as much later as the questions take, which is in the windows too.
export async function windowsOf(t, rules) {
  const object = await objectOf(t), who = await visit(t), { begun, worker, readySince, restarts, last, probes } = t.api;
  const start = t.who.faults.reduce((sum, rule) => sum + (rule.startsWith('start delay ') ? seconds(rule.slice(12).split('..')[0]) : 0), 0);
  const at = Date.now(), uptime = (who ? who.uptime_seconds : since(begun)) - start, round = probes.reduce((all, [, period]) => all * period / common(all, period), 1);
  const playFrom = async listened => {
    const after = Math.max(0, listened - round * Math.max(0, Math.ceil((listened - LONGEST) / round)));
    const kept = t.who.faults.map(rule => {
      const own = t.set.find(one => one.rule === rule);
      return own ? later(rule, Math.max(0, after - since(own.at))) : rule;
    });
    const told = await play(t, object, { plan: [...kept, ...rules.map(rule => later(rule, after))].join('; '), for: Math.ceil(after + Math.max(...rules.map(ownDelay)) + HORIZON) + 's' });
    return { ...told, after };
  };
  const first = await playFrom(uptime), { ready, listening } = first;
  // Where it has restarted, been unready, or taken long to start, as one of many at once does, its ticks are not those of a fresh pod: liveness
  // counts from when the pod's workers began, readiness from when it became ready. Both times are known to the second.
  const isPunctual = !restarts && since(begun) - since(readySince) < 5 + start, [, period = 1] = probes.find(([kind]) => kind === 'liveness') || [];
  const byLiveness = restarts || begun - worker > 1000 ? await playFrom(uptime + (begun - worker) / 1000 % period) : first, byReadiness = isPunctual || !ready ? first : await playFrom(since(readySince) + ready.p50 - listening.p50);
  const windows = WHATS.flatMap(what => {
    // What comes with a kill, or after it, comes at a tick of liveness.
    const isRestart = what === 'restarted' || what === 'crash_loop', told = first[what]?.p50 >= first.killed?.p50 ? byLiveness : byReadiness, event = told[what], pad = told === first ? 0 : 1;
    const { p5, p50, p95 } = told.listening || {};
    // One that is ready does not get ready, though a fresh one of its age might.
    if (!(event?.p50 >= p50 + told.after) || event.share < .1 || t.api.isReady && (what === 'ready' || what === 'in_service')) return [];
    // A rule that is set at run time ends with its process, so of a crash loop there is the first pause alone.
    if (what === 'crash_loop' && event.p50 > told.restarted?.p50) return [];
    const window = window_(what, event, -told.after - p95 - pad, -told.after - p5 + pad + since(at));
    return [isRestart && restarts && since(last.at) < 600 ? withPause(window, told.killed, restarts, since(last.at)) : window];
  });
  return { at, windows };
}

// The back-off that earlier restarts have left behind, which a fresh pod has not. A crash is followed by 10 s from the second on, 20, 40; a kill
// by a probe one step less, and by nothing when that long has passed since the end before. Which of them it was the API does not say.
function withPause({ from, to, ...window }, isKill, restarts, ago) {
  const low = backOff(restarts - 1), high = backOff(restarts);
  return { ...window, from: from + (isKill && ago + from >= low ? 0 : low), to: to + (isKill && ago + from >= high ? 0 : high + 16) };
}

// A new pod: from its container's start on, since how long a busy node takes until then nobody can know. Pods of one template are alike, so
// one question does for all of them.
const fresh = new Map();
export async function windowsOfNew({ name, object, api: { hash, begun, worker } }) {
  const key = hash || name;
  if (fresh.size > 20) fresh.clear();
  if (!fresh.has(key)) fresh.set(key, play(null, object, { for: HORIZON + 's' }));
  try {
    const told = await fresh.get(key), { p5, p95 } = told.container_started;
    // Ticks of startup probes count from when the workers began.
    return ['ready', 'in_service'].flatMap(what => told[what] ? [window_(what, told[what], -p95 - (begun - worker) / 1000, -p5)] : []);
  } catch {
    fresh.delete(key);
    return [];
  }
}

export async function windowsOfDeletion(t) {
  const { deletion } = await play(t, await objectOf(t), { 'delete-at': '60s', for: '300s' });
  return { windows: deletion?.gone ? [window_('gone', deletion.gone)] : [] };
}

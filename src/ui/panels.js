// The header's figures, and what the polls' answers tell in sum: versions over time, zones.

import { $, attribute, make, refill, set, share } from './dom.js';
import { pods, view } from './pods.js';
import { FAILED, buckets, colour, recent, versions } from './poll.js';

export function drawPanels() {
  const all = [...pods.values()], answers = recent.filter(one => one.pod).length, failures = recent.filter(one => one.bad).length;
  const failing = all.filter(t => t.kind === 'bad').length, sum = view.isCluster ? all.reduce((sum, t) => sum + (t.api?.restarts || 0), 0) : view.restarts;
  set($('pods'), (view.isCluster ? all.filter(t => t.api?.isReady).length + '/' : '') + pods.size);
  for (const [id, value, isAlarm] of [['failing', failing, failing], ['errors', share(failures, recent.length), failures], ['restarts', sum]]) {
    set($(id), value);
    $(id).parentNode.className = isAlarm ? 'alarm' : '';
  }
  document.title = (failing ? '\u25b2 ' + failing + ' of ' + pods.size + ' failing' : pods.size + ' pods') + ' \u00b7 probeserver';

  const zones = {};
  for (const one of recent) if (one.pod) zones[one.zone] = (zones[one.zone] || 0) + 1;
  refill($('zones'), Object.entries(zones).sort().map(([zone, count]) => [zone, share(count, answers)]), ([zone, part]) => {
    const bar = make('i', 'c0');
    bar.style.width = part.replace(' ', '');
    return make('li', '', make('div', 'row', zone, make('b', '', part)), make('div', 'bar', bar));
  });
  drawVersions();
}

// A column for each five seconds of the last five minutes.
function drawVersions() {
  const last = Math.floor(Date.now() / 5000), total = {};
  const columns = Array.from({ length: 60 }, (_, at) => {
    const { sum = new Map() } = buckets.find(one => one.at === last - 59 + at) || {};
    return [...versions, FAILED].filter(key => sum.has(key)).map(key => (total[key] = (total[key] || 0) + sum.get(key), [colour(key), sum.get(key)]));
  });
  refill($('line'), columns, column => make('div', '', ...column.map(([className, count]) => {
    const part = make('i', className);
    part.style.flexGrow = count;
    return part;
  })));
  const all = Object.values(total).reduce((a, b) => a + b, 0), legend = Object.entries(total).map(([key, count]) => [key, colour(key), share(count, all)]);
  refill($('versions'), legend, ([name, kind, part]) => make('li', 'row', make('span', '', make('i', 'swatch ' + kind), name), make('b', '', part)));
  attribute($('line'), 'aria-label', legend.map(([name, , part]) => name + ' ' + part).join(', ') || 'no answer yet');
}

// The header's figures, and what the polls' answers tell in sum: versions over time, zones.

import { $, attribute, refill, set, share } from './dom.js';
import { pods, view } from './pods.js';
import { FAILED, buckets, colour, count, recent, versions } from './poll.js';

export function drawPanels() {
  const all = [...pods.values()], failures = recent.filter(one => one.bad).length, failing = all.filter(t => t.kind === 'bad').length;
  set('pods', (view.isCluster ? all.filter(t => t.api?.isReady).length + '/' : '') + pods.size);
  for (const [id, value, isAlarm] of [
    ['failing', failing, failing], ['errors', share(failures, recent.length), failures],
    ['restarts', view.isCluster ? all.reduce((sum, t) => sum + (t.api?.restarts || 0), 0) : view.restarts],
  ]) {
    set(id, value);
    $(id).parentNode.className = isAlarm ? 'alarm' : '';
  }
  document.title = (failing ? '\u25b2 ' + failing + ' of ' + pods.size + ' failing' : pods.size + ' pods') + ' \u00b7 probeserver';

  const zones = { __proto__: null }, last = Math.floor(Date.now() / 5000), total = { __proto__: null };
  for (const one of recent) if (one.pod) count(zones, one.zone);
  drawShares('zones', zones, () => 'c0');
  // A column for each five seconds of the last five minutes.
  refill('line', Array.from({ length: 60 }, (_, at) => {
    const sum = buckets.find(one => one.at === last - 59 + at)?.sum;
    return ['div', '', ...[...versions, FAILED].filter(key => sum?.[key]).map(key => (count(total, key, sum[key]), ['i', { className: colour(key), style: 'flex-grow:' + sum[key] }]))];
  }));
  attribute($('line'), 'aria-label', drawShares('versions', total, colour) || 'no answer yet');
}

// Each name with its part of all, in words, which are returned too, and as a bar.
function drawShares(id, counts, colourOf) {
  const all = Object.values(counts).reduce((a, b) => a + b, 0), rows = Object.entries(counts).sort().map(([name, count]) => [name, share(count, all), colourOf(name)]);
  refill(id, rows.map(([name, part, className]) => ['li', '', ['div', 'row', name, ['b', '', part]], ['div', 'bar', ['i', { className, style: 'width:' + part.replace(' ', '') }]]]));
  return rows.map(([name, part]) => name + ' ' + part).join(', ');
}

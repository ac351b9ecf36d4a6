// A tile for each pod, in a list box: one of them is looked at. With many pods the tiles are cells, so that all are seen at once. Their places are
// by name and do not change; what is in trouble is said first, above them.

import { $, age, attribute, clock, list, make, refill, set, since, span } from './dom.js';
import { colour } from './poll.js';
import { before, names, pods, touched, verdict, view } from './pods.js';
import { cluster } from './cluster.js';
import { state } from './state.js';

const ORDER = ['bad', 'warn', 'end', 'wait', 'gone'];
// With a distance between up and down, so that the page does not jump to and fro.
const MANY = 36, FEW = 30;

function build(t) {
  const part = (key, tag, className) => t[key] = make(tag, className);
  t.box = make('li', { id: 'pod-' + t.name, title: t.name, onclick: () => select(t, true) },
    make('div', 'row', part('title', 'b'), part('figures', 'small')), part('badge', 'span', 'state'), part('reason', 'p', 'why'), part('where', 'p', 'dim'));
  attribute(t.box, 'role', 'option');
  attribute(t.box, 'aria-selected', false);
  const next = sorted().find(other => other.name > t.name);
  $('tiles').insertBefore(t.box, next && next !== t ? next.box : null);
}

export function select(t, isByUser) {
  const old = state.selected;
  state.selected = t;
  for (const one of [old, t]) if (one) attribute(one.box, 'aria-selected', one === t);
  attribute($('tiles'), 'aria-activedescendant', t ? t.box.id : '');
  if (!isByUser) return;
  t.box.scrollIntoView({ block: 'nearest' });
  // On a phone the pod's panel is below.
  if (matchMedia('(max-width: 70rem)').matches) $('detail').scrollIntoView({ block: 'nearest' });
}

const sorted = () => [...pods.values()].filter(t => t.box).sort((a, b) => a.name < b.name ? -1 : 1);

$('tiles').onkeydown = event => {
  const { key } = event, all = sorted(), at = all.indexOf(state.selected), columns = getComputedStyle($('tiles')).gridTemplateColumns.split(' ').length;
  const to = all[{ ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns, Home: 0, End: all.length - 1 }[key]];
  if (to) select(to), to.box.scrollIntoView({ block: 'nearest' });
  else if (key === 'Enter' || key === ' ') $('acts').firstChild.focus();
  if (to || /^(Arrow|Enter| )/.test(key)) event.preventDefault();
};

function drawTile(t, isCell) {
  verdict(t);
  if (!t.box) build(t);
  const { box, api, kind } = t;
  if (box.className !== kind) box.className = kind;
  set(t.title, t.short);
  set(t.badge, t.word);
  attribute(box, 'aria-label', list(t.name, t.word, t.why));
  if (isCell) return;
  set(t.reason, t.why);
  const restarts = (api || t).restarts, up = api ? api.begun && age(api.begun) : t.started && span(t.uptime + since(t.asked));
  set(t.figures, list(restarts && restarts + '\u00d7', up && 'up ' + up));
  refill(t.where, [[t.zone || api?.zone, t.node || api?.node].filter(one => one).join(' \u00b7 '), t.version && colour(t.version), t.version || api?.image.split(':').at(-1)].filter(one => one),
    text => /^c\d$/.test(text) ? make('i', 'swatch ' + text) : make('span', '', text, ' '));
}

export function drawTiles(isTick) {
  const isCells = pods.size > ($('tiles').className ? FEW : MANY), className = isCells ? 'cells' : '';
  if ($('tiles').className !== className) $('tiles').className = className;
  names();
  // What shows a time is drawn each second, the rest when something has changed.
  if (isTick) for (const t of pods.values()) if (!isCells || !view.isCluster || t.kind !== 'ok') touched.add(t);
  for (const t of touched) {
    // Where only answers tell, one that gives none is shown as gone for a minute.
    if (!view.isCluster && t.kind === 'gone' && since(t.since) > 60) pods.delete(t.name), t.isGone = true;
    if (!t.isGone) drawTile(t, isCells);
    else t.box?.remove();
  }
  touched.clear();
  if (!pods.has(state.selected?.name) || state.selected.isGone) select(sorted()[0] || null);
  set($('before'), before && before + '\u2026');
  drawTrouble();
}

function drawTrouble() {
  const all = [...pods.values()].filter(t => ORDER.includes(t.kind)).sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || (a.name < b.name ? -1 : 1));
  const shown = all.slice(0, 5).map(t => [t.kind, t.short, t.word, t.why, t.name]);
  if (all.length > 5) shown.push(['wait', '', 'and ' + (all.length - 5) + ' more']);
  if (view.isCluster && since(cluster.lostAt || Date.now()) > 1) shown.unshift(['bad', '', 'No word from the API since ' + clock(cluster.lostAt), cluster.why + ': this is how it was']);
  if (!shown.length) shown.push(pods.size ? ['ok', '', 'All is well', pods.size + ' pods ' + (!view.isCluster ? 'answer' : view.hasSlices ? 'are ready and in the Service' : 'are ready')] : ['wait', '', 'Waiting for the first pod']);
  refill($('trouble'), shown, ([kind, short, word, why, name]) => make('li', kind, make('button', { type: 'button', disabled: !name, onclick: () => pods.has(name) && select(pods.get(name), true) },
    make('b', '', short), make('span', 'state', word), make('span', 'why', why || ''))));
}

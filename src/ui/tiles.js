// A tile for each pod, in a list box: one of them is looked at. With many pods the tiles are cells, so that all are seen at once. Their places are
// by name and do not change; what is in trouble is said first, above them.

import { $, attribute, clock, list, make, refill, set, since } from './dom.js';
import { colour, recent } from './poll.js';
import { before, names, pods, touched, upOf, verdict, view, whereOf } from './pods.js';
import { cluster } from './cluster.js';
import { state } from './state.js';

const ORDER = ['bad', 'warn', 'end', 'wait', 'gone'];
// With a distance between up and down, so that the page does not jump to and fro.
const MANY = 36, FEW = 30;

function build(t) {
  const next = sorted().find(other => other.name > t.name);
  t.box = make(['li', { id: 'pod-' + t.name, title: t.name, role: 'option', ariaSelected: false, onclick: () => select(t, true) }]);
  $('tiles').insertBefore(t.box, next?.box || null);
}

export function select(t, isByUser) {
  const old = state.selected;
  state.selected = t;
  for (const one of [old, t]) if (one) one.box.ariaSelected = one === t;
  attribute($('tiles'), 'aria-activedescendant', t ? t.box.id : '');
  if (!isByUser) return;
  // Not in the bar of trouble, which would stay as it is.
  $('tiles').focus();
  // On a phone the pod's panel is below.
  (matchMedia('(width > 70rem)').matches ? t.box : $('detail')).scrollIntoView({ block: 'nearest' });
}

const sorted = () => [...pods.values()].filter(t => t.box).sort(byName);
export const byName = (a, b) => a.name < b.name ? -1 : 1;

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
  const { box, api, kind, word, why } = t, { version } = t.who, restarts = (api || t).restarts, up = upOf(t);
  attribute(box, 'class', kind);
  attribute(box, 'aria-label', list(t.name, word, why));
  refill(box.id, isCell ? [['span', 'state', word]] : [
    ['div', 'row', ['b', '', t.short], ['small', '', list(restarts && restarts + '\u00d7', up && 'up ' + up)]],
    ['span', 'state', word], ['p', 'why', why],
    ['p', 'dim', whereOf(t).join(' \u00b7 ') + ' ', ['i', version ? 'swatch ' + colour(version) : ''], String(version || api?.image.split(':').at(-1) || '')],
  ]);
}

export function drawTiles(isTick) {
  const isCells = pods.size > ($('tiles').className ? FEW : MANY);
  attribute($('tiles'), 'class', isCells ? 'cells' : '');
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
  set('before', before && before + '\u2026');

  const every = sorted(), all = ORDER.flatMap(kind => every.filter(t => t.kind === kind)), shown = all.slice(0, 5);
  if (all.length > 5) shown.push({ kind: 'wait', word: 'and ' + (all.length - 5) + ' more' });
  if (view.isCluster && since(cluster.lostAt || Date.now()) > 1) shown.unshift({ kind: 'bad', word: 'No word from the API since ' + clock(cluster.lostAt), why: cluster.why + ': this is how it was' });
  if (!shown.length) shown.push(!pods.size ? { kind: 'wait', word: 'Waiting for the first pod' } : recent.slice(-3).every(one => one.bad) ? { kind: 'bad', word: 'No poll is answered' } : { kind: 'ok', word: 'All is well', why: pods.size + ' pods' });
  refill('trouble', shown.map(({ kind, short = '', word, why = '', name }) => ['li', kind,
    ['button', { disabled: !name, onclick: () => pods.has(name) && select(pods.get(name), true) }, ['b', '', short], ['span', 'state', word], ['span', 'why', why]]]));
}

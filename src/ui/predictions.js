// Predicted and observed: what the forecast has said of an act, and what came of it. Each window is judged as it was shown, in whole seconds.

import { $, ahead, clock, refill, set, share } from './dom.js';
import { listeners } from './pods.js';

// What comes less often than this is told as a chance, and not judged.
const SURE = .9, KEPT = 10;
export const predictions = [];      // {t, name, act, at, isQuiet, note, windows: [{what, share, from, to, came, isInside, isVoid}]}; the newest first
let inside = 0, judged = 0;

// `from` and `to` are seconds after `at`. Quiet ones, which nobody has asked for, give way to those of acts.
export function predict(t, act, windows, isQuiet, at = Date.now()) {
  if (!isQuiet) overtake(t);
  const prediction = { t, name: t.short, act, at, isQuiet, windows: absolute(windows, at) };
  predictions.unshift(prediction);
  const last = predictions.findLastIndex(one => one.isQuiet);
  if (predictions.length > KEPT) predictions.splice(last > 0 ? last : KEPT, 1);
  return prediction;
}
export const absolute = (windows, at) => windows.map(one => ({ ...one, from: at + 1000 * one.from, to: at + 1000 * one.to }));

export const isSure = window => window.share >= SURE;
export const isOpen = window => isSure(window) && !window.came && !window.isVoid;
const windowsOn = t => predictions.flatMap(one => one.t === t ? one.windows : []);

// What was predicted of a pod holds until something else is done to it.
const overtake = t => windowsOn(t).filter(isOpen).forEach(window => window.isVoid = window.what !== 'gone');

listeners.push((t, what, at) => {
  for (const window of windowsOn(t)) {
    if (window.what !== what || window.came || window.isVoid) continue;
    window.came = at;
    window.isInside = at >= window.from && at <= window.to;
    if (isSure(window) && !window.isLate) judged++, inside += window.isInside;
  }
  if (what === 'deleted' || what === 'gone') overtake(t);
});

const wordOf = ({ what }) => what.replace(/_/g, ' ');
// "restarted in 20 to 30 s"
export const sentence = windows => windows.map(one => wordOf(one) + ' ' + ahead(one.from, one.to) + (isSure(one) ? '' : ' (' + share(one.share, 1) + ')')).join(', ');

function outcome({ came, isInside, isVoid, to, from, share: part }, at, isOne) {
  if (came) return [isInside ? 'y' : 'n', (isInside ? '\u2713 ' : '\u2717 ') + Math.max(0, (came - at) / 1000).toFixed(1) + ' s, ' + (isInside ? 'inside' : 'outside')];
  return isVoid ? ['', 'overtaken'] : !isOne ? ['', 'in ' + share(part, 1)] : to > Date.now() ? ['', ahead(from, to)] : ['n', '\u2717 not yet'];
}

export function drawPredictions() {
  const rows = predictions.flatMap(({ name, act, at, windows, note }) => {
    const label = [clock(at), name + ' ' + act];
    if (!windows.length) return [[...label, note || 'nothing to see', '', '']];
    return windows.map((window, index) => {
      if (isOpen(window) && !window.isLate && Date.now() > window.to + 1000) window.isLate = true, judged++;
      const second = time => Math.round((time - at) / 1000);
      return [...index ? ['', ''] : label, wordOf(window) + ' in ' + second(window.from) + ' to ' + second(window.to) + ' s', ...outcome(window, at, isSure(window))];
    });
  });
  refill('predicted', rows.map(([when, act, what, kind, came]) => ['tr', '', ['td', '', ['time', '', when]], ['th', { scope: 'row' }, act], ['td', '', what], ['td', kind, came]]));
  $('nothing').hidden = rows.length;
  set('tally', judged ? inside + ' of ' + judged + ' inside' : '');
}

// One picture of all pods over time: what each was, what was done to it, what is to come and whether it did. The state is told by height as well
// as by colour; the table of predictions says the same in words.

import { $, attribute, set, span } from './dom.js';
import { LOOK_BACK, past, pods } from './pods.js';
import { isSure, predictions } from './predictions.js';
import { byName } from './tiles.js';
import { state } from './state.js';

const HEIGHT = { ok: .3, wait: .3, end: .45, warn: .65, bad: 1 }, MOST = 40, AXIS = 16;

// All of them, or of many those that something has happened to.
function lanes() {
  while (past.length > 60 || past[0]?.history.at(-1).at < Date.now() - LOOK_BACK) past.shift();
  const rank = t => (t === state.selected) * 8 + predictions.some(one => one.t === t && !one.isQuiet) * 4 + (t.kind !== 'ok') * 2 + (t.history.length > 1);
  let all = [...pods.values(), ...past];
  if (all.length > MOST) all = all.filter(rank).sort((a, b) => rank(b) - rank(a)).slice(0, MOST);
  return all.sort(byName);
}

export function drawTimeline() {
  const all = lanes(), canvas = $('timeline'), width = canvas.clientWidth, at = Date.now(), lane = all.length > 12 ? 12 : 17, height = Math.max(all.length, 3) * lane + AXIS;
  const ahead = predictions.some(one => one.windows.some(window => window.to > at + 90000)) ? 360000 : 90000, scale = devicePixelRatio;
  set('lanes', all.length < pods.size ? all.length + ' of ' + pods.size + ' pods' : '');
  attribute(canvas, 'aria-label', all.length + ' pods, the last three minutes');
  // Its size begins a canvas anew: clear, and nothing set.
  canvas.width = width * scale, canvas.height = height * scale, canvas.style.height = height + 'px';
  const draw = canvas.getContext('2d'), colours = {}, { color } = getComputedStyle(canvas);
  for (const sign of $('signs').children) colours[sign.className] = getComputedStyle(sign.firstChild).backgroundColor;
  const use = (colour, alpha = 1) => (draw.globalAlpha = alpha, draw.fillStyle = draw.strokeStyle = colour, draw);
  draw.scale(scale, scale);
  draw.font = '11px system-ui';
  draw.textBaseline = 'middle';
  const left = Math.min(120, Math.max(40, ...all.map(t => draw.measureText(t.short).width + 10)));
  const x = time => left + (width - left) * Math.min(1, Math.max(0, (time - at + LOOK_BACK) / (LOOK_BACK + ahead)));
  all.forEach((t, index) => {
    const y = index * lane, inner = lane - 3;
    if (t === state.selected) use(colours.window, .15).fillRect(0, y, width, lane);
    use(color, t.isGone ? .6 : 1).fillText(t.short, 2, y + lane / 2, left - 6);
    t.history.forEach(({ at: from, kind }, place) => {
      const to = t.history[place + 1]?.at || at, part = inner * HEIGHT[kind];
      if (part && to > at - LOOK_BACK) use(colours[kind]).fillRect(x(from), y + lane - 1 - part, Math.max(1, x(to) - x(from)), part);
    });
    use(color);
    for (const { at: time, what } of t.marks) draw.fillText({ act: '\u2503', restarted: '\u25b2' }[what] || '', x(time) - 4, y + lane / 2);
  });
  draw.textAlign = 'center';
  for (const { t, windows } of predictions) {
    const y = all.indexOf(t) * lane;
    for (const { from, to, came, isInside } of windows.filter(one => y >= 0 && isSure(one) && !one.isVoid && one.to > at - LOOK_BACK)) {
      const size = Math.max(3, x(to) - x(from));
      use(colours.window, .3).fillRect(x(from), y + 1, size, lane - 2);
      use(colours.window).strokeRect(x(from) + .5, y + 1.5, size - 1, lane - 3);
      draw.beginPath();
      if (came) draw.arc(x(came), y + lane / 2, lane / 3, 0, 7);
      use(isInside ? colours.ok : colours.bad).fill();
      use(color).stroke();
    }
  }
  for (const time of [-120, -60, 0, ahead / 1500]) {
    use(color).fillText(time ? (time > 0 ? '+' : '\u2212') + span(Math.abs(time)) : 'now', x(at + 1000 * time), height - 7);
    use(color, time ? .15 : 1).fillRect(x(at + 1000 * time), 0, 1, height - AXIS);
  }
}

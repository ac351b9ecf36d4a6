// Elements and words. Whatever comes from outside reaches the page through here, as text.

export const $ = id => document.getElementById(id);
export const sleep = ms => new Promise(done => setTimeout(done, ms));

// From [tag, a class or properties, ...what is inside: texts, and elements told in the same way]. What a pod has said must be made a
// text before it comes here, since its JSON might hold such an array.
export function make([tag, as, ...inside]) {
  const element = Object.assign(document.createElement(tag), typeof as === 'string' ? { className: as } : as);
  element.append(...inside.map(one => one.map ? make(one) : one));
  return element;
}

export function set(id, text) {
  if ($(id).textContent !== String(text)) $(id).textContent = text;
}

export function attribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// Makes the inside anew only when what it shows has changed, and not while somebody uses it: has the focus there, or text selected.
export function refill(id, elements) {
  const element = $(id), { type, anchorNode } = getSelection();
  if (element.contains(document.activeElement) || type === 'Range' && element.contains(anchorNode)) return;
  if (element.key !== (element.key = JSON.stringify(elements))) element.replaceChildren(...elements.map(make));
}

export function span(seconds) {
  for (const [unit, size] of [['d', 86400], ['h', 3600], ['min', 60]])
    if (seconds >= 2 * size) return Math.floor(seconds / size) + ' ' + unit;
  return Math.max(0, Math.floor(seconds)) + ' s';
}
export const since = time => (Date.now() - time) / 1000;
export const age = time => span(since(time));

// From now to a window of time: "in 20 to 30 s".
export function ahead(from, to) {
  const first = Math.round(-since(from)), last = Math.round(-since(to));
  return last <= 0 ? 'any moment' : 'in ' + (first > 0 ? first + ' to ' : 'at most ') + last + ' s';
}

export const share = (part, all) => all ? Math.round(100 * part / all) + ' %' : '\u2013';
export const clock = at => new Date(at).toLocaleTimeString('en-GB');
export const list = (...words) => words.filter(one => one).join(', ');

// What a duration of the fault language says, in seconds.
export function seconds(duration) {
  let sum = 0;
  for (const [, number, unit] of (duration || '').matchAll(/([\d.]+)(ms|s|m|h)/g)) sum += number * { ms: .001, s: 1, m: 60, h: 3600 }[unit];
  return sum;
}

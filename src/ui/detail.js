// The pod that is looked at: all that is known of it, and what can be done to it.

import { $, age, attribute, clock, list, make, refill, set, share } from './dom.js';
import { act, deploymentOf, foretell, restart, scale } from './acts.js';
import { IN } from './kubernetes.js';
import { isBad, pods, upOf, view, whereOf } from './pods.js';
import { recent } from './poll.js';
import { isDirect, rights } from './reach.js';
import { absolute, isOpen, predictions, sentence } from './predictions.js';
import { state } from './state.js';

let shown = null, isAsking = false, toldUntil = 0;

for (const title of ['Infect', 'Cure', 'Kill', 'CPU', 'Delete']) {
  const verb = title.toLowerCase();
  $('acts').append(make(['button', { verb, onclick: () => act(state.selected, verb) }, title]));
}

$('ruleform').onsubmit = async event => {
  event.preventDefault();
  const t = state.selected, text = $('rule').value.trim();
  if (!text || isAsking) return;
  isAsking = true;
  let error;
  try {
    if (event.submitter === $('predict')) {
      const { note, windows = [] } = await foretell(t, 'rule', text);
      error = note;
      toldUntil = Date.now() + 15000;
      set('told', note ? '' : 'if set now: ' + (windows.length ? sentence(absolute(windows, Date.now())) : 'nothing comes'));
    } else error = await act(t, 'rule', text);
  } finally {
    isAsking = false;
  }
  set('ruleerror', error || '');
  attribute($('rule'), 'aria-invalid', !!error);
};
$('scaleform').onsubmit = event => {
  event.preventDefault();
  scale($('owner').textContent, +$('replicas').value);
  event.target.reset();
};
$('restart').onclick = () => restart($('owner').textContent);

const mood = status => isBad(status) ? 'n' : status ? 'y' : '';

function facts(t) {
  const { api, ms } = t, answers = recent.filter(one => one.pod).length, { last } = api || {};
  return [
    ['status', api && api.word + ' ' + api.ready], ['Service', view.hasSlices && t.member],
    ['restarts', String((api || t).restarts)], ['last end', last && list(last.exit + ' at ' + clock(last.at), (last.message || '').trim().slice(0, 300))],
    ['up', upOf(t)], ['age', api && age(api.created)],
    ['answers', answers && list(share(recent.filter(one => one.pod === t.name).length, answers), ms != null && 'in ' + ms + ' ms')],
    ['on', list(...whereOf(t), api?.ip)], ['image', api?.image], ...api?.probes.map(([kind, , text]) => [kind, text]) || [],
  ].filter(([, value]) => api || value);
}

export function drawDetail() {
  const t = state.selected;
  $('detail').hidden = !t;
  if (!t) return;
  if (shown !== t) {
    shown = t;
    // What is selected is of the one before.
    getSelection().empty();
    toldUntil = 0;
    set('ruleerror', '');
  }
  const { checks, faults } = t.who;
  set('name', t.name);
  $('head').className = t.kind;
  set('badge', t.word);
  set('why', t.why || '\u2013');
  refill('facts', facts(t).map(([name, value]) => ['div', '', ['dt', '', name], ['dd', '', value || '\u2013']]));
  refill('checks', ['health', 'live', 'ready', 'startup'].map(check => [check, checks[check]]).map(([check, status]) =>
    ['li', mood(status), ['small', '', check], ['b', '', status ? (isBad(status) ? '\u2717 ' : '\u2713 ') + status : '\u2013']]));
  refill('strip', [...Array(20 - t.ended.length).fill(0), ...t.ended].map(status => ['i', mood(status)]));
  attribute($('strip'), 'aria-label', t.ended.filter(isBad).length + ' of the last ' + t.ended.length + ' answers failed');
  const rules = faults.slice(0, 6).map((rule, at) => [rule, t.counts[at]?.rule === rule ? t.counts[at].hit + ' of ' + t.counts[at].tried + ' hit' : '']);
  if (!faults[0]) rules.push(['', 'no fault rules']);
  if (faults.length > 6) rules.push(['', 'and ' + (faults.length - 6) + ' more']);
  refill('rules', rules.map(([rule, hits]) => ['li', 'row', ['code', '', String(rule)], ['small', '', hits]]));
  const open = predictions.find(one => one.t === t && one.windows.some(isOpen));
  if (open) set('told', open.act + ': ' + sentence(open.windows.filter(isOpen)));
  else if (toldUntil < Date.now()) set('told', '');
  drawActs(t);
}

function drawActs(t) {
  // Without a way to the pod itself the Service has to pick it, which it does while it is ready.
  const isOff = t.off || t.kind === 'gone', isReachable = !t.api || isDirect(t) || t.member === IN, deployment = deploymentOf(t.api);
  for (const button of $('acts').children) {
    const { verb } = button, isDelete = verb === 'delete';
    button.hidden = isDelete ? !rights.delete || !t.api : isOff;
    button.disabled = !isDelete && !isReachable;
    attribute(button, 'aria-label', button.textContent + ' ' + t.name);
    attribute(button, 'aria-busy', !!t.busy[verb]);
  }
  $('rule').disabled = $('set').disabled = !isReachable;
  for (const [id, isHidden] of [['ruleform', isOff], ['predict', !view.isCluster], ['deployment', !deployment || !rights.scale && !rights.patch], ['scaleform', !rights.scale], ['restart', !rights.patch]]) $(id).hidden = isHidden;
  if ($('owner').textContent !== deployment) $('scaleform').reset();
  set('owner', deployment);
  // It shows while nobody has put another number there, and leaves that one alone.
  $('replicas').defaultValue = [...pods.values()].filter(one => deploymentOf(one.api) === deployment && !one.api?.until).length;
}

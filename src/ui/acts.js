// What is done to one pod, or its Deployment: first the forecast, then the act, then what was answered.

import { $, set, since, sleep } from './dom.js';
import { say } from './log.js';
import { api, json, place, reason, send } from './place.js';
import { mark, pods, view } from './pods.js';
import { poll, visit } from './poll.js';
import { isDirect, reach, rights } from './reach.js';
import { windowsOf, windowsOfDeletion } from './forecast.js';
import { predict, sentence } from './predictions.js';

let token = '';

// What the forecast says of an act, or in `note` why it says nothing. Neither, where there is nothing to ask.
export async function foretell(t, verb, text) {
  const rules = { infect: 'health fail;live fail', kill: 'process exit 1', rule: text }[verb]?.replace(/#.*/g, '').match(/[^;\s][^;\n]*/g);
  if (!view.isCluster || !rules && verb !== 'delete') return {};
  try {
    return await (rules ? windowsOf(t, rules) : windowsOfDeletion(t));
  } catch ({ name, message }) {
    return { windows: [], note: 'no forecast: ' + (name === 'TimeoutError' ? 'no answer' : message) };
  }
}

// Does it, and says how it went. Returns what was wrong with it, or nothing.
export async function act(t, verb, text) {
  if (t.busy[verb]) return;
  // A call that lasts holds one of the browser's few connections.
  if (verb === 'cpu' && [...pods.values()].filter(one => one.busy.cpu).length > (view.isCluster ? 0 : 2)) return say('enough pods burn CPU already');
  t.busy[verb] = true;
  const told = await foretell(t, verb, text);
  if (told.windows) {
    const prediction = predict(t, text || verb, told.windows, false, told.at);
    prediction.note = told.note;
    if (told.windows.length) say(t.name + ', ' + (text || verb) + ': expected ' + sentence(prediction.windows), true);
  }
  mark(t, 'act');
  // An answer that breaks off is the end of the act too.
  const [word, error] = await (verb === 'delete' ? removePod(t) : attempt(t, verb, text)).catch(({ message }) => [verb + ': ' + message, message]);
  say(t.name + ': ' + word);
  t.busy[verb] = false;
  if (isDirect(t)) visit(t);
  return error;
}

const path = verb => ({ cpu: 'cpu?for=10s', rule: 'faults' })[verb] || verb;
const options = ({ who }, verb, text) => ({ body: text, method: verb === 'cpu' ? 'GET' : 'POST', headers: { 'Probe-Control': '1', 'Probe-Pod': who.pod, Accept: 'application/json' } });

// Takes in the answer of a pod to a control call. Here as below: [what the log says, what was wrong].
async function taken(t, verb, text, answer) {
  if (!answer.ok) return [verb + ' refused, status ' + answer.status, (await answer.text()).trim()];
  if (verb === 'cpu') return ['burned one core for 10 s'];
  const { rules } = await answer.json(), faults = rules.map(one => one.rule);
  // Their clock has begun now, not with the pod's.
  t.set = [...t.set.filter(one => faults.includes(one.rule)), ...faults.filter(rule => !t.who.faults.includes(rule)).map(rule => ({ rule, at: Date.now() }))];
  t.counts = rules, t.who.faults = faults;
  return [{ infect: 'infected', cure: 'cured' }[verb] || 'rules added: ' + text];
}

const refusal = error => 'refused, ' + reason(error);
const removePod = t => json(api.core + 'pods/' + t.name, { method: 'DELETE' }).then(() => ['deleted'], error => ['deletion ' + refusal(error)]);

function askToken(text) {
  set('asktext', text);
  $('token').value = $('ask').returnValue = '';
  $('ask').showModal();
  return new Promise(done => $('ask').onclose = () => {
    if ($('ask').returnValue) token = $('token').value;
    done($('ask').returnValue);
  });
}

// Through the API server to this pod alone. Through the Service any pod may get the call: one that is not named in Probe-Pod answers 421
// and does nothing.
async function attempt(t, verb, text) {
  const { started } = t.who, isKill = verb === 'kill', isCpu = verb === 'cpu';
  // No answer to a kill: it worked, or it never arrived. The pod's next answer tells, by when it started.
  const fate = async () => {
    const asked = Date.now();
    while (t.asked < asked && since(asked) < 20) await poll(), await sleep(200);
    return t.who.started > started ? 'killed' : t.asked < asked ? 'killed, it seems: no answer since' : '';
  };
  // When a kept connection closes, a browser sends again by itself, and might kill twice: polls use those up.
  if (isKill) await Promise.all([poll(), poll()]);
  for (let begun = Date.now(); since(begun) < 30;) {
    const sent = options(t, verb, text), tried = Date.now();
    let from, status, answer;
    if (token) sent.headers.Authorization = 'Bearer ' + token;
    try {
      answer = await reach(t, path(verb), sent, isCpu ? 20000 : 5000);
      status = answer.status;
      from = answer.headers.get('Probe-Pod');
    } catch { }
    if (!from) {
      // Without the right to a pod's proxy there is the Service.
      if (status === 403) rights.proxy = false;
      if (isCpu && since(tried) > 2) return ['no answer to cpu'];
      const end = isKill ? await fate() : await sleep(200);
      if (end) return [end];
    } else if (from === t.who.pod && status !== 421) {
      if (status === 404) return t.off = true, ['control is off'];
      if (status !== 401 && !(status === 403 && token)) return taken(t, verb, text, answer);
      // The API server keeps the Authorization field for itself.
      if (place) return ['it wants a token, which kubectl port-forward alone lets pass'];
      if (!await askToken((status === 403 ? 'Wrong. ' : '') + 'Token for ' + t.name)) return ['nothing done, no token'];
      begun = Date.now();
    }
  }
  return ['not reached in 30 s'];
}

// The Deployment that has made a pod.
export function deploymentOf({ owner, hash } = {}) {
  return owner?.kind === 'ReplicaSet' && hash ? owner.name.slice(0, -hash.length - 1) : '';
}
const patch = (name, part, spec, done) => send(api.apps + 'deployments/' + name + part, 'PATCH', { spec }, 'application/merge-patch+json')
  .then(() => say(name + ': ' + done, true), error => say(name + ': ' + refusal(error), true));
export const scale = (name, replicas) => patch(name, '/scale', { replicas }, 'to have ' + replicas + ' pods');
// What `kubectl rollout restart` does.
export const restart = name => patch(name, '', { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() } } } }, 'all of its pods anew');

// The cluster's view: who is there by the API, and what becomes of it. Where the API says no, the page stays what it was.

import { age, sleep } from './dom.js';
import { follow } from './follow.js';
import { IN, OUT, membersOf, podOf, setClock, timeOf } from './kubernetes.js';
import { say, sayEvent } from './log.js';
import { api, ask, failure, json, place, reason, send } from './place.js';
import { mark, past, pod, pods, recall, remove, touched, view } from './pods.js';
import { rights } from './reach.js';

export const cluster = { service: null, port: '', lostAt: 0, why: '' };
const slices = new Map();
let strangers = [], members = new Map();    // events of pods that the page does not know yet; who is in the Service

export async function watchCluster() {
  if (!place) return say('Shown is who answers. kubectl proxy shows every pod: http://localhost:8001/api/v1/namespaces/NAMESPACE/services/NAME:http/proxy/ui');
  for (let query; ;) {
    try {
      query = await find();
    } catch (error) {
      if (!cluster.why) say(cluster.why = 'The API does not show its pods (' + reason(error) + '): shown is who answers.');
      await sleep(20000);
      continue;
    }
    const { service } = cluster;
    follow(api.core + 'pods', query, heardPod, trouble('pods'));
    follow(api.discovery + 'endpointslices', service ? 'labelSelector=kubernetes.io/service-name%3D' + service.metadata.name : '', heardSlice, trouble('EndpointSlices'));
    follow(api.core + 'events', 'fieldSelector=involvedObject.kind%3DPod', heardEvent, trouble('events'));
    return askRights();
  }
}

// Which pods: those that the Service selects; for the page of a pod, the Service that selects it, or else the whole namespace.
async function find() {
  const { kind, name, port } = place, answer = await ask(api.core + kind + '/' + name, {}, 10000);
  if (!answer.ok) throw failure(answer.status);
  setClock(answer.headers.get('Date'));
  let service = await answer.json();
  if (kind === 'pods') {
    const { labels = {} } = service.metadata, all = (await json(api.core + 'services')).items;
    service = all.find(({ spec: { selector } }) => selector && Object.keys(selector).every(key => labels[key] === selector[key]));
    if (!service) return '';
  }
  const { selector, ports = [] } = service.spec, own = ports.find(one => one.name === port || one.port === +port) || ports[0];
  cluster.port ||= own?.targetPort || own?.port;
  cluster.service = { ...service, apiVersion: 'v1', kind: 'Service' };
  return 'labelSelector=' + encodeURIComponent(Object.entries(selector).map(pair => pair.join('=')).join());
}

// Each kind of trouble is said once, and its end where it lasted.
function trouble(what) {
  const isPods = what === 'pods';
  let begun = 0, said;
  return (why, status) => {
    if (why) {
      begun ||= Date.now();
      if (why !== said) say('The API does not tell of ' + what + (status === 403 || status === 401 ? ' to this user' : '') + ': ' + why + (isPods && !view.isCluster ? '; shown is who answers' : ''), isPods);
      said = why;
      if (!isPods && status === 403) view.hasSlices &&= what === 'events';
    } else {
      // What comes and goes within a moment is not said anew each time.
      if (begun && Date.now() - begun > 2000) say('The API tells of ' + what + ' again, after ' + age(begun)), said = '';
      begun = 0;
    }
    if (isPods) cluster.lostAt = begun, cluster.why = why;
  };
}

function heardPod(type, object) {
  if (type === 'LIST') {
    const isFirst = !view.isCluster, names = object.map(one => one.metadata.name);
    view.isCluster = true;
    for (const t of [...pods.values()]) if (!names.includes(t.name)) remove(t);
    // Those that answered before the API told are no pods that have ended.
    if (isFirst) past.length = 0;
    for (const one of object) update(one, isFirst);
  } else if (type === 'DELETED') {
    const t = pods.get(object.metadata.name);
    if (t?.api?.uid === object.metadata.uid) say(t.name + ' is gone'), remove(t);
  } else update(object);
}

function update(object, isFirst) {
  const { name } = object.metadata, next = podOf(object, cluster.port);
  let t = pod(name);
  // A StatefulSet's next pod has the name of the one before.
  if (t.api && t.api.uid !== next.uid) remove(t), t = pod(name);
  const old = t.api, { last } = next;
  t.api = next;
  touched.add(t);
  if (!old) {
    recall(t);
    join(t);
    for (const event of strangers) if (event.involvedObject.name === name) heardEvent('ADDED', event);
    if (!isFirst) say('new pod ' + name);
    return;
  }
  if (next.restarts > old.restarts) t.set = [], mark(t, 'restarted'), say(name + ' restarted' + (last ? ', after ' + last.exit : ''), true);
  if (next.begun && !old.begun && !next.restarts) t.object = object, mark(t, 'ran');
  if (next.isReady !== old.isReady) mark(t, next.isReady ? 'ready' : 'not_ready');
  if (next.word !== old.word && next.word === 'CrashLoopBackOff') mark(t, 'crash_loop');
  if (next.until && !old.until) mark(t, 'deleted'), say(name + ' is being deleted');
}

function heardSlice(type, object) {
  if (type === 'LIST') slices.clear();
  for (const one of type === 'LIST' ? object : [object]) slices.set(one.metadata.name, type === 'DELETED' ? [] : membersOf(one));
  view.hasSlices = true;
  // Of several Services one is enough.
  members = new Map([...slices.values()].flat().sort(([, a], [, b]) => (a === IN) - (b === IN)));
  for (const t of pods.values()) join(t);
}
function join(t) {
  const member = members.get(t.name) || OUT, is = member === IN;
  if (!view.hasSlices || member === t.member) return;
  if (t.member && is !== (t.member === IN)) mark(t, is ? 'in_service' : 'out_of_service');
  t.member = member;
  touched.add(t);
}

function heardEvent(type, object) {
  const when = ({ series, lastTimestamp, eventTime, metadata }) => timeOf(series?.lastObservedTime || lastTimestamp || eventTime || metadata.creationTimestamp);
  if (type === 'LIST') for (const one of object.sort((a, b) => when(a) - when(b)).slice(-200)) heardEvent('OLD', one);
  if (type === 'LIST' || type === 'DELETED') return;
  const { reason, message, involvedObject: { name, uid }, series, metadata } = object, t = pods.get(name) || past.findLast(one => one.name === name), count = series?.count || object.count;
  if (!t?.api) {
    strangers = [...strangers, object].slice(-200);
    return;
  }
  if (uid && uid !== t.api.uid) return;
  sayEvent(metadata.uid, when(object), t.short + ' ' + reason + (count > 1 ? ' \u00d7' + count : '') + ': ' + (message || '').slice(0, 300), object.type === 'Warning');
  if (type !== 'OLD' && reason === 'Killing' && /failed .*probe/.test(message)) mark(t, 'killed');
}

async function askRights() {
  for (const [verb, resource, subresource] of [['create', 'pods', 'proxy'], ['delete', 'pods'], ['patch', 'deployments', 'scale'], ['patch', 'deployments']]) {
    const spec = { resourceAttributes: { namespace: place.namespace, verb, group: resource === 'pods' ? '' : 'apps', resource, subresource } };
    try {
      rights[subresource || verb] = (await send(api.review, 'POST', { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec })).status.allowed;
    } catch { }
  }
}

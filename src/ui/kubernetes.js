// What an object of the API says, reduced to what is shown. Nothing here asks, nothing keeps.

import { seconds } from './dom.js';

// How far this browser's clock is ahead of the API's, as far as that matters.
let skew = 0;
export function setClock(dateField) {
  const ahead = Date.now() - Date.parse(dateField);
  // The field has whole seconds, rounded down.
  skew = Math.abs(ahead) > 2000 ? ahead - 500 : 0;
}
export const timeOf = text => text ? Date.parse(text) + skew : 0;

// The container that serves the port, and its number: that of a Service's targetPort, a name or a number, or the first of all.
function portOf({ containers }, wanted) {
  for (const container of containers)
    for (const port of container.ports || [])
      if (!wanted || port.name === wanted || port.containerPort === +wanted) return [container, port.containerPort];
  return [containers[0], +wanted || ''];
}

const isOver = ({ phase }) => /Succeeded|Failed/.test(phase);

// The word that `kubectl get pods` has for it (pkg/printers/internalversion/printers.go).
function statusWord({ metadata, spec, status }) {
  const ended = ({ reason, exitCode }) => reason || 'ExitCode:' + exitCode;
  const { conditions = [], containerStatuses = [], initContainerStatuses = [] } = status, is = type => conditions.some(one => one.type === type && one.status === 'True');
  let word = conditions.find(one => one.reason === 'SchedulingGated')?.reason || status.reason || status.phase;
  const init = initContainerStatuses.findIndex(({ state = {}, started, name }) =>
    state.terminated?.exitCode !== 0 && !(started && spec.initContainers.some(one => one.name === name && one.restartPolicy === 'Always')));
  if (init >= 0) {
    const { terminated, waiting } = initContainerStatuses[init].state;
    word = 'Init:' + (terminated ? ended(terminated) : waiting?.reason && waiting.reason !== 'PodInitializing' ? waiting.reason : init + '/' + spec.initContainers.length);
  }
  if (init < 0 || is('Initialized')) {
    let isRunning;
    for (const { state: { waiting, terminated, running } = {}, ready } of [...containerStatuses].reverse()) {
      if (waiting?.reason) word = waiting.reason;
      else if (terminated) word = ended(terminated);
      else if (ready && running) isRunning = true;
    }
    if (word === 'Completed' && isRunning) word = is('Ready') ? 'Running' : 'NotReady';
  }
  if (metadata.deletionTimestamp && !isOver(status)) word = status.reason === 'NodeLost' ? 'Unknown' : 'Terminating';
  return word || 'Unknown';
}

// [kind, period, sentence] for each probe of a container.
function probesOf(container) {
  return ['startup', 'liveness', 'readiness'].flatMap(kind => {
    const probe = container[kind + 'Probe'];
    if (!probe) return [];
    const { httpGet, tcpSocket, exec, grpc, initialDelaySeconds, periodSeconds: period, timeoutSeconds, failureThreshold } = probe;
    const how = httpGet?.path || tcpSocket && 'port ' + tcpSocket.port || exec?.command.join(' ') || grpc && 'grpc';
    return [[kind, period, how + ' each ' + period + ' s' + (initialDelaySeconds ? ' after ' + initialDelaySeconds : '') + ', timeout ' + timeoutSeconds + ' s, ' + failureThreshold + ' failures']];
  });
}

// When a container that has ended will run again, as [from, to]. The kubelet's message tells the back-off; before there is one, the count
// of restarts does: none, 10 s, 20 s, up to 300 s, and nothing again after ten minutes of running. It looks at such a pod every 10 to 16 s,
// so a pause lasts up to that much longer.
export const backOff = restarts => restarts > 0 ? Math.min(300, 5 * 2 ** restarts) : 0;
function pauseOf({ state = {}, lastState = {}, restartCount }) {
  const { terminated, waiting } = state, end = terminated || waiting && lastState.terminated;
  if (!end) return null;
  const told = /back-off (\S+)/.exec(waiting?.message)?.[1], at = timeOf(end.finishedAt);
  const delay = told ? seconds(told) : at - timeOf(end.startedAt) < 600000 ? backOff(restartCount) : 0;
  return [at + 1000 * delay, at + 1000 * delay + (delay ? 17000 : 3000)];
}

// A pod as the page keeps it; of its containers the one that serves.
export function podOf(object, targetPort) {
  const { metadata, spec, status = {} } = object, [container, port] = portOf(spec, targetPort);
  const { labels = {}, deletionTimestamp } = metadata, all = status.containerStatuses || [], own = all.find(one => one.name === container.name) || {};
  const last = own.state?.terminated || own.lastState?.terminated, condition = status.conditions?.find(one => one.type === 'Ready');
  return {
    port, uid: metadata.uid, hash: labels['pod-template-hash'], word: statusWord(object), image: container.image, probes: probesOf(container),
    created: timeOf(metadata.creationTimestamp), worker: timeOf(status.startTime), begun: timeOf(own.state?.running?.startedAt), until: timeOf(deletionTimestamp),
    isReady: condition?.status === 'True', readySince: timeOf(condition?.lastTransitionTime),
    isOver: isOver(status), isStarted: own.started, ready: all.filter(one => one.ready).length + '/' + spec.containers.length,
    restarts: all.reduce((sum, one) => sum + one.restartCount, 0), message: own.state?.waiting?.message || status.message,
    last: last && { ...last, exit: 'exit ' + last.exitCode + ' ' + last.reason, at: timeOf(last.finishedAt), begun: timeOf(last.startedAt) },
    pause: spec.restartPolicy === 'Never' ? null : pauseOf(own), ip: status.podIP, node: spec.nodeName, zone: labels['topology.kubernetes.io/zone'],
    owner: metadata.ownerReferences?.[0],
  };
}

// Which pods an EndpointSlice has, as [name, words].
export const IN = 'in the Service';
export const OUT = 'out of the Service';
export function membersOf({ endpoints }) {
  return (endpoints || []).map(({ targetRef, conditions: { ready, serving, terminating } = {} }) => [targetRef?.name, terminating ? (serving ? 'serving and ' : '') + 'leaving' : ready === false ? OUT : IN]);
}

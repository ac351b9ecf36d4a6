// Puts it together: polls at their pace, draws at its own.

import { $, attribute, set, since } from './dom.js';
import { watchCluster } from './cluster.js';
import { drawDetail } from './detail.js';
import { drawPanels } from './panels.js';
import { drawPredictions, predict } from './predictions.js';
import { drawTiles } from './tiles.js';
import { drawTimeline } from './timeline.js';
import { listeners, view } from './pods.js';
import { countHits, poll, visitNext } from './poll.js';
import { place } from './place.js';
import { state } from './state.js';
import { windowsOfNew } from './forecast.js';

let isPaused = false, drawnAt = 0;

// What nobody has asked for is predicted all the same: when a new pod will be ready once it runs, and when one in back-off will run again,
// which the kubelet's message tells a moment after the end.
listeners.push(async (t, what) => {
  const { pause, begun } = t.api || {};
  if (what === 'ran') {
    const windows = await windowsOfNew(t);
    if (!t.api.isReady) predict(t, 'is new', windows, true, begun);
  } else if (what === 'crash_loop' && pause) predict(t, 'is in back-off', [{ what: 'restarted', share: 1, from: Math.floor(-since(pause[0])), to: Math.ceil(-since(pause[1])) }], true);
});

function draw() {
  const isTick = since(drawnAt) >= 1;
  drawTiles(isTick);
  drawDetail();
  if (!isTick) return;
  drawnAt = Date.now();
  drawPanels();
  drawPredictions();
  drawTimeline();
}

$('pause').onclick = () => {
  isPaused = !isPaused;
  attribute($('pause'), 'aria-pressed', isPaused);
  set('pause', isPaused ? 'Resume' : 'Pause');
};
(function tick() {
  const pace = +$('rate').value;
  if (!isPaused && !document.hidden) {
    poll();
    visitNext(state.selected);
    // By chance, so as not to keep step with a Service.
    if (view.polls && Math.random() < pace / 2000) countHits(state.selected);
  }
  setTimeout(tick, pace);
})();
(function frame() {
  try {
    if (!document.hidden) draw();
  } finally {
    setTimeout(frame, 100);
  }
})();
set('where', place ? place.namespace + ' / ' + place.name : location.host);
watchCluster();

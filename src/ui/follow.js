// A list of the API that stays true: list, then watch from its resourceVersion, for ever. A watch that ends goes on where it was; after a
// 410, or anything that is not to be understood, comes a new list. `heard` gets ('LIST', items) or (type, object), `trouble` the reason
// of each failure and its status, and nothing when all is well again.

import { ask, failure, json, reason } from './place.js';
import { since, sleep } from './dom.js';

const LINE = 8 << 20, PAUSE = 10000;
// The server ends a watch after so many seconds, and the page a little later, so that one that died silently is noticed.
const WATCH = 60;

export async function follow(url, query, heard, trouble) {
  url += '?' + query;
  for (let pause = 250, version; ;) {
    const begun = Date.now();
    try {
      if (!version) {
        const { items, metadata } = await json(url, {}, 15000);
        heard('LIST', items);
        trouble();
        version = metadata.resourceVersion;
      }
      version = await watch(url + '&watch=1&allowWatchBookmarks=true&timeoutSeconds=' + WATCH + '&resourceVersion=' + version, version, heard);
    } catch (error) {
      version = '';
      // An old resourceVersion is nobody's fault.
      if (error.status !== 410) trouble(reason(error), error.status);
    }
    // What lasted was well.
    pause = since(begun) > 5 ? 250 : Math.min(2 * pause, PAUSE);
    await sleep(pause * (1 + Math.random() / 2));
  }
}

// One watch, to its end. Returns the version to go on from.
async function watch(url, version, heard) {
  const answer = await ask(url, {}, (WATCH + 15) * 1000), reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    if (!answer.ok) throw failure(answer.status);
    for (let text = ''; ;) {
      const { done, value } = await reader.read();
      if (done) return version;
      const lines = (text + value).split('\n');
      // Half a line waits for its other half, or is lost with the connection and told again by the next watch.
      text = lines.pop();
      if (text.length > LINE) throw SyntaxError();
      for (const line of lines) {
        const { type, object } = JSON.parse(line);
        if (type === 'ERROR') throw failure(object.code);
        if (!object?.metadata) throw SyntaxError();
        version = object.metadata.resourceVersion;
        if (type !== 'BOOKMARK') heard(type, object);
      }
    }
  } finally {
    // One that has failed cannot be cancelled, and need not be.
    reader.cancel().catch(() => {});
  }
}

// A list of the API that stays true: list, then watch from its resourceVersion, for ever. A watch that ends goes on where it was; after a
// 410, or anything that is not to be understood, comes a new list. `heard` gets ('LIST', items) or (type, object), `trouble` the reason
// of each failure and its status, and nothing when all is well again.

import { ask, failure, json } from './place.js';
import { sleep } from './dom.js';

const LINE = 8 << 20, PAUSE = 10000;
// The server ends a watch after so many seconds, so that one that died silently is noticed.
const WATCH = 300;

export async function follow(url, query, heard, trouble) {
  let pause = 250;
  for (;;) {
    try {
      const { items, metadata } = await json(url + '?' + query, {}, 15000);
      heard('LIST', items);
      trouble();
      for (let version = metadata.resourceVersion; ;) {
        const begun = Date.now();
        version = await watch(url + '?' + query + '&watch=1&allowWatchBookmarks=true&timeoutSeconds=' + WATCH + '&resourceVersion=' + version, version, heard);
        // One that lasted was well.
        pause = Date.now() - begun > 5000 ? 250 : Math.min(2 * pause, PAUSE);
        await sleep(pause);
      }
    } catch (error) {
      // An old resourceVersion is nobody's fault.
      if (error.status !== 410) trouble(error.status ? 'status ' + error.status : error.name === 'TypeError' ? 'no connection' : error.name === 'Error' ? error.message : 'no answer', error.status);
    }
    pause = Math.min(2 * pause, PAUSE);
    await sleep(pause * (1 + Math.random() / 2));
  }
}

// One watch, to its end. Returns the version to go on from.
async function watch(url, version, heard) {
  const stop = new AbortController(), limit = ms => setTimeout(() => stop.abort(), ms);
  let timer = limit(15000);
  try {
    const answer = await ask(url, { signal: stop.signal });
    clearTimeout(timer);
    timer = limit((WATCH + 30) * 1000);
    if (!answer.ok) throw failure(answer.status);
    const reader = answer.body.getReader(), decoder = new TextDecoder();
    for (let text = ''; ;) {
      const { done, value } = await reader.read();
      if (done) return version;
      const lines = (text + decoder.decode(value, { stream: true })).split('\n');
      // Half a line waits for its other half, or is lost with the connection and told again by the next watch.
      text = lines.pop();
      if (text.length > LINE) throw new Error('a line without end');
      for (const line of lines) {
        let type, object;
        try {
          ({ type, object } = JSON.parse(line));
          if (type !== 'ERROR') version = object.metadata.resourceVersion;
        } catch {
          throw new Error('a line that is no event');
        }
        if (type === 'ERROR') throw failure(object.code);
        if (type !== 'BOOKMARK') heard(type, object);
      }
    }
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

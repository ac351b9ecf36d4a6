// The way to one pod: through the API server's proxy, whether it is ready or not; else through the Service, which picks.

import { api, ask } from './place.js';

// What this user may do, as the API server has said, by subresource or verb.
export const rights = {};

export const isDirect = t => rights.proxy && t?.api?.begun && !t.isGone;
export const pathTo = (t, path) => isDirect(t) ? api.core + 'pods/' + t.name + (t.api.port && ':' + t.api.port) + '/proxy/' + path : path;
export const reach = (t, path, options, ms) => ask(pathTo(t, path), options, ms);

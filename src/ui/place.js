// Where the page has come from: through the API server's proxy it shares the API's origin, and sees what whoever looks may see.

// SERVICE or POD as NAME, NAME:PORT or SCHEME:NAME:PORT, with anything before it.
const found = location.pathname.match(/^(.*)\/api\/v1\/namespaces\/([^/]+)\/(services|pods)\/(?:https?:)?([^/:]+):?([^/]*)\/proxy\/ui$/);
const [, prefix, namespace, kind, name, port] = found || [];
export const place = found && { namespace, kind, name, port };
const of = group => prefix + '/' + group + '/namespaces/' + namespace + '/';
export const api = {
  core: of('api/v1'), apps: of('apis/apps/v1'), discovery: of('apis/discovery.k8s.io/v1'),
  review: prefix + '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
};

export function ask(url, options, ms) {
  return fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(ms || 5000), ...options });
}

export const failure = (status, text) => Object.assign(new Error(text || 'status ' + status), { status });

// Why there was no good answer.
export const reason = ({ status, name }) => status ? 'status ' + status : { TypeError: 'no connection', SyntaxError: 'garbage' }[name] || 'no answer';

export async function json(url, options, ms) {
  const answer = await ask(url, options, ms);
  if (!answer.ok) throw failure(answer.status, (await answer.text()).trim().slice(0, 300));
  return answer.json();
}

export const send = (url, method, content, type) => json(url, { method, body: JSON.stringify(content), headers: { 'Content-Type': type || 'application/json', 'Probe-Control': '1' } }, 15000);

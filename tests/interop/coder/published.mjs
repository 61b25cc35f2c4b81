// The published client, for a test in another language: JSON lines in, JSON lines out, until the input ends.
//
//   {"id", "client": {...}, "method", "args": [...]}   one call of a CoderClient   -> {"id", "value"} or {"id", "error"}
//   {"id", "open": KIND, "options": {...}}             a stream, KIND of `streams` -> {"id", "value": true}, then
//                                                      {"from": id, "kind", "value"} for all that it hands on
//   {"id", "to": id, "method", "args": [...]}          one call of that stream     -> as above
//   {"id", "list": true}                               the names of a CoderClient's methods
//
// Bytes travel as {"$base64": "..."}. What a socket receives is held against the published schemas, which the client
// itself does for answers and event streams only: what fails them comes as kind "invalid".

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const packages = createRequire(`${process.argv[2]}/package.json`);
const coder = await import(pathToFileURL(packages.resolve('@agentuity/core/coder')).href);

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const hand = (from, kind) => (value) => say({ from, kind, value: value instanceof Error ? told(value) : value });
const opened = new Map();
// A lead hears commands, which the union of the server's messages leaves out.
const heard = coder.ServerMessageSchema.or(coder.RpcCommandMessageSchema);

/** An error as the caller of the client sees it. */
function told(error) {
  const fields = Object.fromEntries(Object.entries(error).filter(([name]) => name !== 'stack' && name !== 'cause'));
  return { ...fields, name: error._tag ?? error.name, message: error.message };
}

function revived(_, value) {
  return typeof value?.$base64 === 'string' ? Buffer.from(value.$base64, 'base64') : value;
}

// --- streams ---

function sse(id, options) {
  const kinds = ['Snapshot', 'Hydration', 'Presence', 'Broadcast', 'Open', 'Close', 'Error'];
  const handlers = kinds.map((kind) => [`on${kind}`, hand(id, kind.toLowerCase())]);
  const client = new coder.CoderSSEClient({ ...options, ...Object.fromEntries(handlers) });
  client.connect();
  return client;
}

function socket(id, options) {
  const judged = (message) => {
    hand(id, 'message')(message);
    const verdict = heard.safeParse(message);
    if (!verdict.success) hand(id, 'invalid')({ message, issues: verdict.error.issues });
  };
  const client = new coder.CoderHubWebSocketClient({
    ...options,
    onOpen: hand(id, 'open'),
    onInit: hand(id, 'init'),
    onMessage: judged,
    onStateChange: hand(id, 'state'),
    onError: hand(id, 'error'),
    onClose: (code, reason) => hand(id, 'close')({ code, reason }),
  });
  client.connect();
  return client;
}

/** An async iterator of theirs. `close` ends it as a caller's `break` does, if it listens to a signal. */
function iterated(make, message) {
  return (id, options) => {
    const stop = new AbortController();
    const frames = make({ ...options, signal: stop.signal });
    (async () => {
      try {
        for await (const frame of frames) hand(id, 'message')(message(frame));
        hand(id, 'end')(true);
      } catch (error) {
        hand(id, 'error')(error);
      }
    })();
    return { close: () => stop.abort() };
  };
}

const streams = {
  sse,
  socket,
  'sse-iterator': iterated(coder.streamCoderSessionSSE, (frame) => frame.data),
  'socket-iterator': iterated(coder.subscribeToCoderHub, (frame) => frame),
};

// --- lines ---

async function answer({ id, client, open, options, to, method, args = [], list }) {
  if (list) return Object.getOwnPropertyNames(coder.CoderClient.prototype).filter((name) => name !== 'constructor');
  if (open) {
    opened.set(id, streams[open](id, options));
    return true;
  }
  const target = to === undefined ? new coder.CoderClient(client) : opened.get(to);
  const value = target[method];
  return typeof value === 'function' ? value.apply(target, args) : value;
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line, revived);
  answer(asked).then(
    (value) => say({ id: asked.id, value }),
    (error) => say({ id: asked.id, error: told(error) })
  );
}
process.exit(0);

// An editor, by the published TypeScript library: what it hears, a line of JSON each, on standard output.
// node editor.mjs MODULES FOLDER COMMAND...
import { spawn } from 'node:child_process';
import { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

const [modules, folder, command, ...rest] = process.argv.slice(2);
const acp = await import(pathToFileURL(`${modules}/@agentclientprotocol/sdk/dist/v1/stable/acp.js`));
const say = (what, value) => console.log(JSON.stringify([what, value]));
const script = (...steps) => [{ type: 'text', text: 'script:' + JSON.stringify(steps) }];
const { session: ask, initialize } = acp.methods.agent;

async function connected(work) {
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  const app = acp
    .client({ name: 'test-editor' })
    .onRequest(acp.methods.client.session.requestPermission, async ({ params, signal }) => {
      if (params.toolCall.title.endsWith('elsewhere')) {
        say('asked', params._meta.roost.request);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        say('withdrawn', params._meta.roost.request);
        return { outcome: { outcome: 'cancelled' } };
      }
      return { outcome: { outcome: 'selected', optionId: params.options[0].optionId } };
    })
    .onNotification(acp.methods.client.session.update, ({ params }) => say('update', params));
  const stream = acp.ndJsonStream(Writable.toWeb(child.stdin), Readable.toWeb(child.stdout));
  try {
    return await app.connectWith(stream, async (peer) => {
      const can = await peer.request(initialize, { protocolVersion: acp.PROTOCOL_VERSION, clientCapabilities: {} });
      return await work(peer, can);
    });
  } finally {
    child.stdin.end();
  }
}

const sessionId = await connected(async (peer, can) => {
  say('can', can.agentCapabilities);
  const made = await peer.request(ask.new, { cwd: folder, mcpServers: [] });
  const { sessionId } = made;
  const all = script({ text: 'hello' }, { write: { path: 'made.txt', content: 'x' } }, { todos: ['one'] },
    { ask: { permission: 'bash', patterns: ['ls'] } }, { ask: { permission: 'bash', patterns: ['elsewhere'] } });
  say('prompt', await peer.request(ask.prompt, { sessionId, prompt: all }));
  const slow = peer.request(ask.prompt, { sessionId, prompt: script({ sleep: 100 }) });
  await peer.notify(ask.cancel, { sessionId });
  say('cancelled', await slow);
  try {
    await peer.request(ask.prompt, { sessionId, prompt: script({ fail: 'it broke' }) });
  } catch (error) {
    say('error', [error.message, error.data]);
  }
  return sessionId;
});
say('left', sessionId);
await connected(async (peer) => {
  const { sessions } = await peer.request(ask.list, { cwd: folder });
  say('listed', sessions.map((each) => each.sessionId));
  say('loaded', await peer.request(ask.load, { sessionId, cwd: folder, mcpServers: [] }));
  say('resumed', await peer.request('_roost/session/resume', { sessionId, after: 6 }));
});
process.exit(0);

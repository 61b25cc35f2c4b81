// The model of the real agents: what it answers follows from the last prompt, `TASK=NAME [PATH]`, and from how many tools
// have run since. Never from the number of requests: agents make some of their own, for titles and the like.
import { pathToFileURL } from "node:url";

const [modules, port] = process.argv.slice(2);
const { LLMock } = await import(pathToFileURL(`${modules}/@copilotkit/aimock/dist/index.js`));
const mock = new LLMock({ port: Number(port), host: "127.0.0.1" });
const text = m => (typeof m?.content === "string" ? m.content : (m?.content ?? []).map(p => p.text ?? "").join(""));
const said = req => req.messages.filter(m => m.role === "user").map(text);

function task(req) {
  const at = req.messages.findLastIndex(m => m.role === "user" && /TASK=/.test(text(m)));
  if (at < 0 || !(req.tools ?? []).length) return { name: "" };
  const [, name, path] = /TASK=(\w+) ?(\S*)/.exec(text(req.messages[at]));
  return { name, path, step: req.messages.slice(at + 1).filter(m => m.role === "tool").length };
}

const call = (name, args) => ({ name, arguments: JSON.stringify(args) });
const ANSWERS = {
  "": () => ({ content: "ok" }),
  write: ({ path, step }) => [
    { content: "writing", toolCalls: [call("write", { filePath: `${path}/made.txt`, content: "made\n" })] },
    { toolCalls: [call("bash", { command: "cat made.txt", description: "look" })] },
  ][step],
  wait: ({ step }) => [{ toolCalls: [call("bash", { command: "sleep 919", description: "wait" })] }][step],
  recall: (_, req) => ({ content: said(req).join(" | ") }),
};

const is = name => ({ predicate: req => task(req).name === name });
mock.addFixture({ match: is("fail"), response: { error: { message: "no such model today" }, status: 400 } });
mock.addFixture({
  match: is("slow"), chunkSize: 20, streamingProfile: { ttft: 100, tps: 20 },
  response: { content: Array.from({ length: 400 }, (_, i) => `word${i}`).join(" ") },
});
mock.addFixture({
  match: { predicate: () => true }, chunkSize: 40,
  response: req => {
    const now = task(req);
    const usage = { prompt_tokens: 1200, completion_tokens: 34, total_tokens: 1234 };
    return (ANSWERS[now.name] ?? (() => undefined))(now, req) ?? { content: "done", usage };
  },
});
await mock.start();
console.log("up");

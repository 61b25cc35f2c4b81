// The model of the real agents: what it answers follows from the last prompt, `TASK=NAME [PATH]`, and from how many tools
// have run since. Never from the number of requests: agents make some of their own, for titles and the like.
// Started with the folder of aimock's modules; says its address.
import { watch, existsSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";

const [modules] = process.argv.slice(2);
const { LLMock } = await import(pathToFileURL(`${modules}/@copilotkit/aimock/dist/index.js`));
const mock = new LLMock({ port: 0, host: "127.0.0.1" });
const text = m => (typeof m?.content === "string" ? m.content : (m?.content ?? []).map(p => p.text ?? "").join(""));
const said = req => req.messages.filter(m => m.role === "user").map(text);
const USAGE = { prompt_tokens: 1200, completion_tokens: 34, total_tokens: 1234 };

function task(req) {
  const at = req.messages.findLastIndex(m => m.role === "user" && /TASK=/.test(text(m)));
  if (at < 0 || !(req.tools ?? []).length) return { name: "" };
  const [, name, path] = [...text(req.messages[at]).matchAll(/TASK=(\w+) ?(\S*)/g)].at(-1);
  return { name, path, step: req.messages.slice(at + 1).filter(m => m.role === "tool").length };
}

// Each agent calls its tools by other names, and their fields too; Gemini's come without their fields.
const FIELDS = ["file_path", "filePath", "path", "command", "cmd", "description", "sandbox_permissions", "justification"];
const tool = (req, names) => req.tools.map(t => t.function).find(f => names.includes(f?.name));
function call(found, values) {
  const known = found.parameters?.properties ?? { file_path: 1, content: 1, command: 1, description: 1 };
  const given = Object.fromEntries(Object.entries(values).filter(([name]) => name in known));
  return { name: found.name, arguments: JSON.stringify(given) };
}
function run(req, command) {
  const asking = { sandbox_permissions: "require_escalated", justification: "the test says so" };
  const found = tool(req, ["Bash", "bash", "run_shell_command", "exec_command"]);
  return call(found, { command, cmd: command, description: "as the test says", ...asking });
}
function write(req, path, content) {
  const found = tool(req, ["Write", "write", "write_file"]);
  if (!found) return run(req, `printf '%s\\n' '${content.trim()}' > ${path}`);
  return call(found, { file_path: path, filePath: path, path, content });
}

// Roost's own tool, by whatever name the agent gives it. Who does not show it leaves a file: Pi takes no servers, and Codex
// offers their tools in a form that this model does not see.
function goal(req) {
  const said = { status: "complete", summary: "all green" };
  const found = req.tools.map(t => t.function).find(f => /roost/.test(`${f?.name} ${f?.description}`) && /goal$/.test(f?.name));
  if (found) return { name: found.name, arguments: JSON.stringify(said) };
  return run(req, `mkdir -p .roost && echo '${JSON.stringify(said)}' > .roost/goal.json`);
}

function there(path) {
  return new Promise(resolve => {
    const watcher = watch(dirname(path), () => existsSync(path) && (watcher.close(), resolve()));
    if (existsSync(path)) watcher.close(), resolve();
  });
}

const ANSWERS = {
  "": () => ({ content: "ok" }),
  write: (req, { path, step }) => [
    { content: "writing", toolCalls: [write(req, `${path}/made.txt`, "made\n")] },
    { toolCalls: [run(req, "git add made.txt && git commit -q -m made && git log --format=%s")] },
  ][step],
  wait: (req, { step }) => [{ toolCalls: [run(req, "tail -f /dev/null | cat")] }][step],
  goal: (req, { step }) => [{ toolCalls: [goal(req)] }][step],
  hold: async (req, { path }) => (await there(path), { content: "held" }),
  recall: req => ({ content: said(req).join(" | ") }),
};

const is = name => ({ predicate: req => task(req).name === name });
mock.addFixture({ match: is("fail"), response: { error: { message: "no such model today", type: "invalid_request_error" }, status: 400 } });
mock.addFixture({
  match: is("slow"), chunkSize: 20, streamingProfile: { ttft: 100, tps: 20 },
  response: { content: Array.from({ length: 4000 }, (_, i) => `word${i}`).join(" ") },
});
mock.addFixture({
  match: { predicate: () => true }, chunkSize: 40,
  response: async req => {
    const now = task(req);
    return (await ANSWERS[now.name]?.(req, now)) ?? { content: "done", usage: USAGE };
  },
});
console.log(await mock.start());

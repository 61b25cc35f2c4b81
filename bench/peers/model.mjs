// The model of the peers: it counts, in words of eight digits and a space, one to a chunk. `TASK=flood`: FLOOD words as
// fast as they are taken; `TASK=pace`: PACED words, PER_SECOND of them. Who shows no tools, for titles and the like, is
// told "ok". Started with the folder of aimock's modules; says its address.
import { pathToFileURL } from "node:url";

const [modules, flood, paced, perSecond] = process.argv.slice(2);
const { LLMock } = await import(pathToFileURL(`${modules}/@copilotkit/aimock/dist/index.js`));
const mock = new LLMock({ port: 0, host: "127.0.0.1" });
const text = m => (typeof m?.content === "string" ? m.content : (m?.content ?? []).map(p => p.text ?? "").join(""));
const asked = req => {
  const last = req.messages.findLast(m => m.role === "user" && /TASK=/.test(text(m)));
  return (req.tools ?? []).length ? [...text(last).matchAll(/TASK=(\w+)/g)].at(-1)?.[1] : undefined;
};
const count = words => Array.from({ length: words }, (_, i) => `${String(i).padStart(8, "0")} `).join("");
const is = name => ({ predicate: req => asked(req) === name });

mock.addFixture({ match: is("flood"), chunkSize: 9, response: { content: count(Number(flood)) } });
mock.addFixture({
  match: is("pace"), chunkSize: 9, response: { content: count(Number(paced)) },
  streamingProfile: { ttft: 0, tps: Number(perSecond) },
});
mock.addFixture({ match: { predicate: () => true }, response: { content: "ok" } });
console.log(await mock.start());

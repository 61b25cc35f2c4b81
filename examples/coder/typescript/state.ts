// All that is known of a session, asked at once.
import { CoderClient } from '@agentuity/core/coder';

const client = new CoderClient();
const sessionId = process.argv[2];

const [session, { participants }, history, replay] = await Promise.all([
  client.getSession(sessionId),
  client.listParticipants(sessionId),
  client.listEventHistory(sessionId, { limit: 100 }),
  client.getReplay(sessionId),
]);

console.log(session.label, session.status);
console.log('participants:', participants.map(({ role }) => role));
console.log('events:', history.events.length, 'of', history.total);
for (const { type, content } of replay.entries ?? []) console.log(`${type}:`, content ?? '');

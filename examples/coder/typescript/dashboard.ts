// A dashboard: every session with its state, the archived ones too, page by page.
import { CoderClient } from '@agentuity/core/coder';

const client = new CoderClient();
const limit = 10;

for (let offset = 0, total = 1; offset < total; offset += limit) {
  const page = await client.listSessions({ includeArchived: true, limit, offset });
  total = page.total;
  for (const { sessionId, label, bucket, status, lastActivityAt } of page.sessions) {
    console.log([sessionId, bucket, status, lastActivityAt, label].join('\t'));
  }
}

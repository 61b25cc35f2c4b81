// The sessions a person can connect to now: those that are live, and those that can be woken.
import { CoderClient } from '@agentuity/core/coder';

const { sessions, total } = await new CoderClient().listConnectableSessions({ limit: 10 });
console.log(total, 'to connect to');
for (const { sessionId, label, bucket } of sessions) console.log(sessionId, bucket, label);

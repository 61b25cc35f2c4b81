// Create a session, read it back, and print where in its life it is.
import { CoderClient } from '@agentuity/core/coder';

const client = new CoderClient(); // AGENTUITY_CODER_URL and AGENTUITY_SDK_KEY
console.log('hub:', await client.getUrl());

const created = await client.createSession({ task: 'Say hello', workflowMode: 'standard', tags: ['example', 'hello'] });
const session = await client.getSession(created.sessionId);

console.log('session:', session.sessionId, session.label, session.tags);
console.log('mode:', session.mode, session.workflowMode);
const { status, bucket, runtimeAvailable, controlAvailable, wakeAvailable, historyOnly, liveExpected } = session;
console.log('lifecycle:', { status, bucket, runtimeAvailable, controlAvailable, wakeAvailable, historyOnly, liveExpected });

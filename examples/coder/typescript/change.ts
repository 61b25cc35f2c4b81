// Retag a session, show it to the organisation, add to its metadata; then archive it, or delete it.
import { CoderClient } from '@agentuity/core/coder';

const client = new CoderClient();
const [, , sessionId, end] = process.argv;

const updated = await client.updateSession(sessionId, {
  tags: ['reviewed'],
  visibility: 'organization',
  metadata: { reviewedBy: 'anna' }, // other keys stay as they are
});
console.log(updated.tags, updated.visibility, updated.metadata);

if (end === 'delete') {
  await client.deleteSession(sessionId);
  console.log('deleted');
} else {
  console.log((await client.archiveSession(sessionId)).status);
}

// Get a session ready to attach to, waking it if need be, and say what can be done with it.
import { CoderClient } from '@agentuity/core/coder';

const session = await new CoderClient().prepareSessionForRemoteAttach(process.argv[2], { pollIntervalMs: 200 });

if (session.historyOnly) {
  console.log('history: it can be read, and not attached to');
} else if (session.runtimeAvailable) {
  console.log('attach: its agent is there');
} else {
  console.log('not yet:', session.status);
}

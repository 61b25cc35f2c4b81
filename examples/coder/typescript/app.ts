// A module of an app: each pull request of its users gets a session, which it finds again by its metadata.
import { CoderClient } from '@agentuity/core/coder';

export interface PullRequest {
  number: number;
  title: string;
  token: string;
}

const client = new CoderClient();

/** Starts a review. `token` reaches the agent as an environment variable, and is never served again. */
export async function startReview({ number, title, token }: PullRequest): Promise<string> {
  const { sessionId } = await client.createSession({
    task: `Review pull request ${number}: ${title}`,
    label: `Review #${number}`,
    metadata: { app: 'reviews', pullRequest: number },
    env: { REVIEW_TOKEN: token },
  });
  return sessionId;
}

export async function pullRequestOf(sessionId: string): Promise<unknown> {
  return (await client.getSession(sessionId)).metadata?.pullRequest;
}

if (import.meta.main) {
  const sessionId = await startReview({ number: 7, title: 'Faster lists', token: 'secret' });
  console.log(sessionId, 'reviews pull request', await pullRequestOf(sessionId));
}

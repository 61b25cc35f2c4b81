// Pick an account and one of its repositories, and pin a session to its default branch.
import { CoderClient } from '@agentuity/core/coder';

const client = new CoderClient();
const [, , accountName, fullName] = process.argv;

const { accounts } = await client.listGitHubAccounts(); // raises, with status 409, while the hub has no sign-in
const account = accounts.find((candidate) => candidate.accountName === accountName);
if (!account) throw new Error(`no account ${accountName}; there are: ${accounts.map((each) => each.accountName)}`);

const { repositories } = await client.listGitHubRepos(account.accountId);
const repository = repositories.find((candidate) => candidate.fullName === fullName);
if (!repository) throw new Error(`${accountName} has no repository ${fullName}`);

const { sessionId } = await client.createSession({
  task: 'Say what this repository is about',
  repo: { url: repository.cloneUrl, branch: repository.defaultBranch, fullName: repository.fullName },
});
const { repo } = await client.getSession(sessionId);
console.log(sessionId, 'works in', repo?.fullName, 'at', repo?.branch);

// Preloaded into Pi: the vendor's extension asks the vendor's gateway for models before anything else, at an address
// that cannot be set, and ends Pi when there is no answer. Here the gateway has none.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const packages = createRequire(`${process.env.PACKAGES}/package.json`);
const { AIGatewayService } = await import(pathToFileURL(packages.resolve('@agentuity/core/aigateway')).href);
AIGatewayService.prototype.listModels = async () => ({});

'use strict';
// What is done with the Hardhat project.

const fs = require('node:fs');
const path = require('node:path');
const { snippets } = require('../../clients/lib/book.js');

/** A deployment's name of its own, because Ignition goes on with one that it knows. */
const DEPLOYMENT = `run-${process.pid}-${Date.now()}`;

module.exports = async ({ kind, folder, step, run }) => {
  const hardhat = (more, ...args) => run(more, 'hardhat', ...args, '--network', kind);

  if (kind === 'dev') {
    await step('hardhat test: tokens, governor, proxies, clock and snapshots, with the accounts of the node', async () => {
      const out = await hardhat({}, 'test', 'mocha', '--no-compile');
      const count = Number(out.match(/(\d+) passing/)?.[1] ?? 0);
      if (count === 0) throw new Error(`no test ran:\n${out}`);
      return `${count} tests`;
    });
  }

  await step('hardhat ignition deploy', async () => {
    const module = ['ignition/modules/Civic.ts', '--deployment-id', DEPLOYMENT, '--parameters', 'ignition/parameters/localnet.json'];
    const out = await hardhat({}, 'ignition', 'deploy', ...module, '--build-profile', 'default');
    const deployments = path.join(folder, 'ignition', 'deployments', DEPLOYMENT);
    const addresses = JSON.parse(fs.readFileSync(path.join(deployments, 'deployed_addresses.json'), 'utf8'));
    const count = Object.keys(addresses).length;
    if (count !== 8) throw new Error(`${count} contracts instead of 8:\n${out}`);
    return `${count} contracts`;
  });

  await step('the configuration in docs/src/tools.md', async () => {
    const [{ text }] = snippets('hardhat', process.env.RPC_URL);
    const config = path.join(folder, `tools-${process.pid}.config.ts`);
    fs.writeFileSync(config, text);
    try {
      const out = await hardhat({}, 'run', '--no-compile', 'scripts/who.ts', '--config', config);
      if (!out.includes('chain 35679, 10 accounts')) throw new Error(out);
    } finally {
      fs.rmSync(config);
    }
  });

  // Where nobody turns the clock, its own pace has to do.
  if (kind === 'localnet') {
    await step('hardhat run: a proposal upgrades a proxy, from vote to execution', async () => {
      const out = await hardhat({ DEPLOYMENT }, 'run', '--no-compile', 'scripts/govern.ts');
      if (!out.includes('the government upgraded the register')) throw new Error(`it stopped early:\n${out}`);
    });
  }
  fs.rmSync(path.join(folder, 'ignition', 'deployments', DEPLOYMENT), { recursive: true, force: true });
};

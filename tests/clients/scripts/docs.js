'use strict';
// The snippets of docs/src/tools.md that need no project: as they stand there, but for the address of the chain.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { ethers } = require('ethers');
const { snippets } = require('../lib/book.js');
const { CHAIN_ID, RPC_URL, rpc, script } = require('../lib/suite.js');

const run = promisify(execFile);
const MODULES = process.env.NODE_PATH;
/** The page's payer: not an account of another script. */
const PAYER = ethers.HDNodeWallet.fromPhrase('test test test test test test test test test test test junk', undefined, "m/44'/60'/0'/0/9").address;

/** Runs a snippet, which has to send one payment of 1 DEF or more. */
async function pays(program, args, options) {
  const before = Number(await rpc('eth_getTransactionCount', [PAYER, 'latest']));
  const balance = BigInt(await rpc('eth_getBalance', [PAYER, 'latest']));
  const { stdout } = await run(program, args, options);
  assert.equal(Number(await rpc('eth_getTransactionCount', [PAYER, 'latest'])), before + 1);
  assert.ok(balance - BigInt(await rpc('eth_getBalance', [PAYER, 'latest'])) >= 10n ** 18n);
  return stdout;
}

const RUNNERS = {
  async bash(text) {
    const cast = process.env.CAST ?? path.join(MODULES, '@foundry-rs/cast-linux-amd64/bin/cast');
    const env = { ...process.env, PATH: `${path.dirname(cast)}${path.delimiter}${process.env.PATH}` };
    const out = await pays('bash', ['-euo', 'pipefail', '-c', text], { env });
    assert.match(out, new RegExp(`^${CHAIN_ID}$`, 'm'));
  },
  async js(text, folder) {
    // An ES module finds packages in a folder above it only.
    fs.symlinkSync(MODULES, path.join(folder, 'node_modules'));
    const file = path.join(folder, 'snippet.mjs');
    fs.writeFileSync(file, text);
    assert.match(await pays(process.execPath, [file], {}), /in block \d+, final/);
  },
  async json(text) {
    const { method, params: [network] } = JSON.parse(text);
    assert.equal(method, 'wallet_addEthereumChain');
    assert.equal(network.chainId, await rpc('eth_chainId'));
    assert.deepEqual(network.rpcUrls, [RPC_URL]);
    assert.equal(network.nativeCurrency.decimals, 18);
  },
};

script('docs', async (step) => {
  for (const { language, text } of snippets('docs', RPC_URL)) {
    await step(`a snippet in ${language}: ${text.split('\n')[0].slice(0, 60)}`, async () => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'defchain-docs-'));
      try {
        await RUNNERS[language](text, folder);
      } finally {
        fs.rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});

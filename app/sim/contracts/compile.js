'use strict';
// Bench.sol → bench.json: the code that genesis puts at the contracts' addresses, and where their storage lies.
// Needs solc and @openzeppelin/contracts, pinned in tests/clients: NODE_PATH=<its node_modules> node compile.js

const fs = require('node:fs');
const path = require('node:path');
const solc = require('solc');

const input = {
  language: 'Solidity',
  sources: { 'Bench.sol': { content: fs.readFileSync(path.join(__dirname, 'Bench.sol'), 'utf8') } },
  settings: {
    optimizer: { enabled: true, runs: 200 },
    viaIR: true,
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: { '*': { '*': ['evm.deployedBytecode.object', 'storageLayout'] } },
  },
};
const load = (name) => ({ contents: fs.readFileSync(require.resolve(name), 'utf8') });
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: load }));
const errors = (output.errors ?? []).filter((one) => one.severity === 'error');
if (errors.length > 0) throw new Error(errors.map((one) => one.formattedMessage).join('\n'));
const found = {};
for (const name of ['BenchToken', 'BenchPair']) {
  const { evm, storageLayout } = output.contracts['Bench.sol'][name];
  found[name] = {
    code: `0x${evm.deployedBytecode.object}`,
    storage: Object.fromEntries(storageLayout.storage.map((one) => [one.label, { slot: one.slot, offset: one.offset }])),
  };
}
fs.writeFileSync(path.join(__dirname, 'bench.json'), `${JSON.stringify(found, null, 1)}\n`);
console.log(`solc ${solc.version()}`);

'use strict';
// Compiles contracts/ with the pinned solc. The result lies beside the packages, one file per content of contracts/.

const fs = require('node:fs');
const path = require('node:path');
const { HERE, folder, hashOf } = require('./cache.js');

const SOURCES = ['Token.sol', 'Probe.sol'];

function compile() {
  const solc = require('solc');
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(SOURCES.map((name) => [name, { content: read(path.join(HERE, 'contracts', name)) }])),
    settings: {
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: resolve }));
  const errors = (output.errors ?? []).filter((one) => one.severity === 'error');
  if (errors.length > 0) throw new Error(`contracts do not compile:\n${errors.map((one) => one.formattedMessage).join('\n')}`);
  const contracts = {};
  for (const source of SOURCES) {
    const name = path.basename(source, '.sol');
    const { abi, evm } = output.contracts[source][name];
    contracts[name] = { abi, bytecode: `0x${evm.bytecode.object}` };
  }
  return contracts;
}

function read(file) {
  return fs.readFileSync(file, 'utf8');
}

function resolve(name) {
  try {
    return { contents: read(require.resolve(name)) };
  } catch (error) {
    return { error: error.message };
  }
}

/** ABI and creation code by contract name. */
function artifacts() {
  const inputs = [...SOURCES.map((name) => path.join(HERE, 'contracts', name)), __filename];
  const file = path.join(folder(), `contracts-${hashOf(...inputs)}.json`);
  if (fs.existsSync(file)) return JSON.parse(read(file));
  const contracts = compile();
  const aside = `${file}.${process.pid}`;
  fs.writeFileSync(aside, JSON.stringify(contracts));
  fs.renameSync(aside, file);
  return contracts;
}

module.exports = { artifacts };

#!/usr/bin/env node
'use strict';
// Installs and compiles what is missing, then runs the scripts one after another against RPC_URL and WS_URL.
//
//   node run.js                      all scripts
//   node run.js ethers viem          some of them
//   node run.js --prepare            install and compile only

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { HERE, install } = require('./lib/cache.js');

const ALL = fs.readdirSync(path.join(HERE, 'scripts')).filter((file) => file.endsWith('.js')).map((file) => path.basename(file, '.js')).sort();
const SCRIPT_LIMIT_MS = 5 * 60 * 1000;

function fail(message) {
  console.error(message);
  process.exit(2);
}

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) fail(`Node.js ${process.versions.node} is too old: install 20 or later`);

const prepareOnly = process.argv.includes('--prepare');
const asked = process.argv.slice(2).filter((word) => word !== '--prepare');
const unknown = asked.filter((name) => !ALL.includes(name));
if (unknown.length > 0) fail(`no script ${unknown.join(', ')}; there are ${ALL.join(', ')}`);
if (!prepareOnly && !process.env.RPC_URL) fail('RPC_URL is not set: say where the chain answers, such as http://127.0.0.1:8545');

let env;
try {
  env = { ...process.env, NODE_PATH: path.join(install(HERE, { verb: ['ci', '--legacy-peer-deps'] }), 'node_modules') };
} catch (error) {
  fail(error.message);
}

// In a process of its own, because only that one finds the packages.
const compiled = spawnSync(process.execPath, ['-e', "require('./lib/compile.js').artifacts()"], { cwd: HERE, env, stdio: 'inherit' });
if (compiled.status !== 0) process.exit(2);
if (prepareOnly) process.exit(0);

let failed = 0;
for (const name of asked.length > 0 ? asked : ALL) {
  const script = path.join(HERE, 'scripts', `${name}.js`);
  const run = spawnSync(process.execPath, [script], { env, stdio: 'inherit', timeout: SCRIPT_LIMIT_MS });
  if (run.status !== 0) {
    failed += 1;
    if (run.error) console.error(`${name}: ${run.error.message}`);
  }
}
process.exit(failed === 0 ? 0 : 1);

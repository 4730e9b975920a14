#!/usr/bin/env node
'use strict';
// Installs and compiles what is missing, then runs the projects against the chain at RPC_URL.
//
//   node run.js                      both projects
//   node run.js foundry              one of them
//   node run.js --prepare            install and compile only
//   node run.js --ready              ends with 3 if something would have to be installed, else with 0
//
// CHAIN_KIND says what the chain is: dev (default), whose clock can be turned, or localnet.

const { spawn } = require('node:child_process');
const { PROJECTS, prepare, ready } = require('./lib/prepare.js');

const STEP_LIMIT_MS = 4 * 60 * 1000;
const KINDS = ['dev', 'localnet'];
const NOT_READY = 3;

function fail(message) {
  console.error(message);
  process.exit(2);
}

const asked = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const has = (flag) => process.argv.includes(flag);
const unknown = asked.filter((name) => !PROJECTS.includes(name));
if (unknown.length > 0) fail(`no project ${unknown.join(', ')}; there are ${PROJECTS.join(', ')}`);
const names = asked.length > 0 ? asked : PROJECTS;
const kind = process.env.CHAIN_KIND ?? 'dev';
if (!KINDS.includes(kind)) fail(`CHAIN_KIND is ${kind}; it can be ${KINDS.join(' or ')}`);

if (has('--ready')) {
  const missing = names.filter((name) => !ready(name));
  if (missing.length > 0) console.log(`packages of ${missing.join(' and ')} are not installed`);
  process.exit(missing.length > 0 ? NOT_READY : 0);
}
if (!has('--prepare') && !process.env.RPC_URL) fail('RPC_URL is not set: say where the chain answers, such as http://127.0.0.1:8545');

/** Runs a program to its end. Throws if it fails, with all it said. */
function finished({ file, args, options }, more = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, env: { ...options.env, ...more }, stdio: ['ignore', 'pipe', 'pipe'], timeout: STEP_LIMIT_MS });
    let [out, err] = ['', ''];
    child.stdout.on('data', (bytes) => (out += bytes));
    child.stderr.on('data', (bytes) => (err += bytes));
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) return resolve(out);
      return reject(new Error(`${file.split('/').at(-1)} ${args.join(' ')}: ${signal ?? `exit status ${status}`}\n${out}${err}`));
    });
  });
}

async function run(name) {
  const { folder, call } = prepare(name);
  if (has('--prepare')) return true;
  console.log(`${name} against ${process.env.RPC_URL} (${kind})`);
  let [passed, failed] = [0, 0];
  const step = async (sentence, work) => {
    const start = Date.now();
    try {
      const said = await work();
      passed += 1;
      console.log(`  ok      ${name}: ${sentence}${said ? `: ${said}` : ''} (${Date.now() - start} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`  FAILED  ${name}: ${sentence}\n${error.message.replace(/^/gm, '          ')}`);
    }
  };
  await require(`./lib/${name}.js`)({ kind, folder, step, run: (more, ...command) => finished(call(...command), more) });
  if (passed === 0) failed += 1;
  console.log(`${name}: ${passed} steps passed, ${failed} failed\n`);
  return failed === 0;
}

(async () => {
  let good = true;
  for (const name of names) good = (await run(name)) && good;
  process.exit(good ? 0 : 1);
})().catch((error) => fail(error.message));

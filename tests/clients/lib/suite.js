'use strict';
// What every script starts from: where the chain is, who pays, and steps that say what went wrong.

const { inspect } = require('node:util');
const { HDNodeWallet, Mnemonic } = require('ethers');

const RPC_URL = process.env.RPC_URL ?? 'http://127.0.0.1:8545';
const WS_URL = process.env.WS_URL ?? RPC_URL.replace(/^http/, 'ws');
/** dev, localnet; or `ethereum` for another implementation, of which nothing is expected that only we promise. */
const KIND = process.env.CHAIN_KIND ?? 'dev';
const CHAIN_ID = Number(process.env.CHAIN_ID ?? 35_679);

const MNEMONIC = process.env.MNEMONIC ?? 'test test test test test test test test test test test junk';
/** A step that takes longer has hung: a block takes well under a second. */
const STEP_LIMIT_MS = 30_000;
const POLL_MS = 20;

const OURS = KIND === 'dev' || KIND === 'localnet';
if (!OURS && KIND !== 'ethereum') throw new Error(`CHAIN_KIND is ${KIND}; it can be dev, localnet or ethereum`);

/**
 * The private key of a funded account. Each script has an index of its own, so that scripts may run side by side; a
 * key of one's own comes through PRIVATE_KEY.
 */
function fundedKey(index) {
  if (process.env.PRIVATE_KEY) return process.env.PRIVATE_KEY;
  return HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC), `m/44'/60'/0'/0/${index}`).privateKey;
}

/** What a payee receives of a payment: all of it, until commission (D17) is charged. */
function received(value) {
  return value;
}

/** Asks until the answer is wanted (not undefined, null or false), and returns it. */
async function until(what, ask, limit = STEP_LIMIT_MS - 5_000) {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`waited ${limit} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The error that a promise fails with. */
async function failure(promise) {
  let result;
  try {
    result = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`expected an error, got ${inspect(result)}`);
}

function within(limit, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${limit} ms`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/**
 * Runs a script: `body` gets `step(sentence, work)`. All steps run, so that one fault does not hide the others; a step
 * after a failed one may fail because of it, so the first is the one to read. Ends the process: 0, or 1 if any failed.
 */
async function script(name, body) {
  let passed = 0;
  const failed = [];
  const step = async (sentence, work) => {
    const start = Date.now();
    try {
      const result = await within(STEP_LIMIT_MS, Promise.resolve().then(work));
      passed += 1;
      console.log(`  ok      ${name}: ${sentence} (${Date.now() - start} ms)`);
      return result;
    } catch (error) {
      failed.push(sentence);
      console.log(`  FAILED  ${name}: ${sentence}\n${indented(error)}`);
      return undefined;
    }
  };
  console.log(`${name} against ${RPC_URL} (${KIND})`);
  try {
    await body(step);
  } catch (error) {
    failed.push('everything after the last step above');
    console.log(`  FAILED  ${name}: outside a step\n${indented(error)}`);
  }
  if (passed === 0 && failed.length === 0) failed.push('no step ran');
  for (const sentence of failed) console.error(`${name} failed: ${sentence}`);
  console.log(`${name}: ${passed} steps passed, ${failed.length} failed\n`);
  process.exit(failed.length === 0 ? 0 : 1);
}

function indented(error) {
  const text = error instanceof Error ? (error.stack ?? String(error)) : inspect(error);
  return text.split('\n').slice(0, 25).map((line) => `          ${line}`).join('\n');
}

/** One JSON-RPC call without any library. Throws an error with `code` and `data` as answered. */
async function rpc(method, params = []) {
  const { result, error } = await post({ jsonrpc: '2.0', id: 1, method, params });
  if (error) throw Object.assign(new Error(error.message), { code: error.code, data: error.data });
  return result;
}

/** Posts any body and returns the answer's JSON. */
async function post(body) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(RPC_URL, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text });
  const answered = await answer.text();
  try {
    return JSON.parse(answered);
  } catch {
    throw new Error(`HTTP ${answer.status} and no JSON: ${answered.slice(0, 200)}`);
  }
}

module.exports = {
  RPC_URL, WS_URL, KIND, OURS, CHAIN_ID, fundedKey, received, until, failure, script, rpc, post,
};

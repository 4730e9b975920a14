'use strict';
// Every action of viem's test client, as a test suite uses it. For development chains alone: ours, or anvil itself
// (CHAIN_KIND=ethereum), of which the same is expected unless a step says otherwise.

const assert = require('node:assert/strict');
const viem = require('viem');
const { privateKeyToAccount } = require('viem/accounts');
const { CHAIN_ID, KIND, OURS, RPC_URL, failure, fundedKey, script } = require('../lib/suite.js');

const DEF = viem.parseEther('1');
const NOBODY = '0x00000000000000000000000000000000deadbeef';
/** Emits a log with topic 42; stores its caller in slot 0. */
const LOGGER = '0x602a60006000a100';
const CALLER = '0x3360005500';

const chain = viem.defineChain({
  id: CHAIN_ID,
  name: 'development',
  nativeCurrency: { name: 'DEF', symbol: 'DEF', decimals: 18 },
  rpcUrls: { default: { http: [RPC_URL] } },
});
const options = { chain, transport: viem.http(RPC_URL), pollingInterval: 20, cacheTime: 0 };
const client = viem.createPublicClient(options);
const plain = viem.createTestClient({ ...options, mode: 'anvil' });
/** The actions that were called: the last step compares them with those there are. */
const called = new Set();
const test = new Proxy(plain, {
  get: (target, name) => {
    called.add(name);
    return target[name];
  },
});
const account = privateKeyToAccount(fundedKey(6));
const wallet = viem.createWalletClient({ ...options, account });
const unsigned = viem.createWalletClient({ ...options, account: NOBODY });

const send = (fields = {}) => wallet.sendTransaction({ to: NOBODY, value: 1n, ...fields });
const receipt = (hash) => client.getTransactionReceipt({ hash });
const waiting = async () => (await test.getTxpoolStatus()).pending;
const time = async () => (await client.getBlock()).timestamp;
const near = (a, b, what) => assert.ok(a - b < 30n && b - a < 30n, `${what}: ${a}, expected about ${b}`);

async function mining(step) {
  await step('mines on demand', async () => {
    await test.setAutomine(false);
    assert.equal(await test.getAutomine(), false);
    const before = await client.getBlockNumber();
    await test.mine({ blocks: 3 });
    assert.equal(await client.getBlockNumber(), before + 3n);
    const [start, hash] = [await time(), await send()];
    assert.equal(await waiting(), 1);
    await failure(receipt(hash));
    await test.mine({ blocks: 2, interval: 60 });
    assert.equal((await receipt(hash)).status, 'success');
    assert.ok((await time()) >= start + 60n);
  });

  await step('mines by the clock', async () => {
    await test.setIntervalMining({ interval: 1 });
    const before = await client.getBlockNumber();
    for (let i = 0; (await client.getBlockNumber()) === before && i < 500; i += 1) await new Promise((done) => setTimeout(done, 20));
    assert.ok((await client.getBlockNumber()) > before);
    await test.setIntervalMining({ interval: 0 });
    await test.setAutomine(true);
    assert.equal(await test.getAutomine(), true);
    const hash = await send();
    assert.equal((await client.waitForTransactionReceipt({ hash })).status, 'success');
  });

  await step('shows and empties the pool', async () => {
    await test.setAutomine(false);
    const hash = await send();
    const content = await test.getTxpoolContent();
    const mine = Object.entries(content.pending).find(([address]) => viem.isAddressEqual(address, account.address))[1];
    assert.equal(Object.values(mine)[0].hash, hash);
    assert.ok(JSON.stringify(await test.inspectTxpool()).toLowerCase().includes(NOBODY.slice(2)));
    await test.dropTransaction({ hash });
    assert.equal(await waiting(), 0);
    await test.setAutomine(true);
  });
}

async function clock(step) {
  await step('travels in time', async () => {
    const before = await time();
    await test.increaseTime({ seconds: 86_400 });
    await test.mine({ blocks: 1 });
    near(await time(), before + 86_400n, 'a day later');
    const next = (await time()) + 1_000n;
    await test.setNextBlockTimestamp({ timestamp: next });
    await test.mine({ blocks: 1 });
    assert.equal(await time(), next);
    const error = await failure(test.setNextBlockTimestamp({ timestamp: 1n }));
    assert.match(error.details ?? error.message, /timestamp/i);
  });

  await step('keeps blocks a fixed time apart', async () => {
    await test.setBlockTimestampInterval({ interval: 100 });
    const before = await time();
    await test.mine({ blocks: 1 });
    await test.mine({ blocks: 1 });
    assert.equal(await time(), before + 200n);
    await test.removeBlockTimestampInterval();
  });
}

async function state(step) {
  await step('sets balance, nonce, code and storage', async () => {
    await test.setBalance({ address: NOBODY, value: 3n * DEF });
    assert.equal(await client.getBalance({ address: NOBODY }), 3n * DEF);
    await test.setNonce({ address: NOBODY, nonce: 9 });
    assert.equal(await client.getTransactionCount({ address: NOBODY }), 9);
    await test.setCode({ address: NOBODY, bytecode: LOGGER });
    assert.equal(await client.getCode({ address: NOBODY }), LOGGER);
    const value = viem.pad('0x2a');
    await test.setStorageAt({ address: NOBODY, index: 1, value });
    assert.equal(await client.getStorageAt({ address: NOBODY, slot: '0x1' }), value);
    await test.mine({ blocks: 1 });
    assert.equal(await client.getBalance({ address: NOBODY }), 3n * DEF);
  });

  await step('sets what blocks say', async () => {
    await test.setBlockGasLimit({ gasLimit: 33_000_000n });
    await test.setCoinbase({ address: viem.getAddress(NOBODY) });
    await test.setNextBlockBaseFeePerGas({ baseFeePerGas: viem.parseGwei('77') });
    await test.mine({ blocks: 1 });
    const block = await client.getBlock();
    assert.equal(block.gasLimit, 33_000_000n);
    assert.equal(block.baseFeePerGas, viem.parseGwei('77'));
    assert.ok(viem.isAddressEqual(block.miner, NOBODY));
    const lowest = test.setMinGasPrice({ gasPrice: viem.parseGwei('2') });
    // anvil has this for chains without a base fee only.
    if (OURS) await lowest;
    else assert.match((await failure(lowest)).message, /1559/);
  });

  await step('carries state along', async () => {
    const dump = await test.dumpState();
    await test.setBalance({ address: NOBODY, value: 1n });
    await test.loadState({ state: dump });
    assert.equal(await client.getBalance({ address: NOBODY }), 3n * DEF);
    assert.equal(await client.getCode({ address: NOBODY }), LOGGER);
  });
}

async function impersonation(step) {
  const target = viem.getAddress('0x00000000000000000000000000000000000ca11e');
  await step('sends for an account without its key, a contract too', async () => {
    await test.setCode({ address: target, bytecode: CALLER });
    await failure(unsigned.sendTransaction({ to: target }));
    await test.impersonateAccount({ address: NOBODY });
    const hash = await unsigned.sendTransaction({ to: target });
    assert.equal((await client.waitForTransactionReceipt({ hash })).status, 'success');
    assert.equal(await client.getStorageAt({ address: target, slot: '0x0' }), viem.pad(NOBODY));
    await test.stopImpersonatingAccount({ address: NOBODY });
    await failure(unsigned.sendTransaction({ to: target }));
  });

  await step('sends without a signature and without impersonation', async () => {
    const hash = await test.sendUnsignedTransaction({ from: NOBODY, to: target, value: 5n, gas: 100_000n });
    const mined = await client.waitForTransactionReceipt({ hash });
    assert.ok(viem.isAddressEqual(mined.from, NOBODY));
    assert.equal(mined.status, 'success');
  });
}

async function snapshots(step) {
  await step('goes back to a snapshot, once', async () => {
    const [number, balance, stamp] = [await client.getBlockNumber(), await client.getBalance({ address: NOBODY }), await time()];
    const id = await test.snapshot();
    await test.increaseTime({ seconds: 10_000 });
    const hash = await send();
    await client.waitForTransactionReceipt({ hash });
    await test.revert({ id });
    assert.equal(await client.getBlockNumber(), number);
    assert.equal(await client.getBalance({ address: NOBODY }), balance);
    assert.equal(await time(), stamp);
    await failure(receipt(hash));
    await test.mine({ blocks: 1 });
    near(await time(), stamp, 'time after going back');
  });

  await step('takes logging, and no forking', async () => {
    await test.setLoggingEnabled(true);
    if (!OURS) return test.setRpcUrl(RPC_URL);
    return assert.match((await failure(test.setRpcUrl(RPC_URL))).message, /does not fork/);
  });

  await step('begins anew', async () => {
    // viem asks for a fork without a URL, which anvil refuses when it does not fork.
    if (!OURS) return assert.match((await failure(test.reset())).message, /Forking not enabled/);
    await test.reset();
    assert.equal(await client.getBlockNumber(), 0n);
    return assert.equal(await client.getTransactionCount({ address: account.address }), 0);
  });
}

script('viem-test-actions', async (step) => {
  if (KIND === 'localnet') {
    await step('is for development chains', async () => {
      assert.match((await failure(plain.mine({ blocks: 1 }))).message, /does not exist|not available/);
    });
    return;
  }
  await mining(step);
  await clock(step);
  await state(step);
  await impersonation(step);
  await snapshots(step);
  await step('called every action there is', () => {
    const all = Object.keys(viem.testActions({ mode: 'anvil' })(plain));
    assert.deepEqual(all.filter((name) => !called.has(name)), []);
    assert.ok(all.length >= 28);
  });
});

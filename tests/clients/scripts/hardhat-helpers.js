'use strict';
// Every function of @nomicfoundation/hardhat-network-helpers, on a provider that is nothing but our HTTP endpoint. For
// development chains alone: ours, or anvil itself (CHAIN_KIND=ethereum).

const assert = require('node:assert/strict');
const Module = require('node:module');
const { KIND, OURS, failure, rpc, script } = require('../lib/suite.js');

const NOBODY = '0x00000000000000000000000000000000dEaDbEEf'.toLowerCase();
const DEF = 10n ** 18n;
/** Which RPC methods the helpers called. */
const called = new Set();

// The helpers ask Hardhat for its network. All they use of it is a name and an EIP-1193 provider.
const provider = {
  request: ({ method, params }) => {
    called.add(method);
    return rpc(method, params ?? []);
  },
};
const load = Module._load;
Module._load = function loadOrStandIn(request, ...rest) {
  if (request === 'hardhat') return { network: { name: KIND, provider } };
  if (request === 'hardhat/common') return { CustomError: Error };
  return load.call(this, request, ...rest);
};
const helpers = require('@nomicfoundation/hardhat-network-helpers');

const { time } = helpers;
const number = async () => Number(await rpc('eth_blockNumber'));
const balance = async (of) => BigInt(await rpc('eth_getBalance', [of, 'latest']));
const block = () => rpc('eth_getBlockByNumber', ['latest', false]);

async function blocks(step) {
  await step('mine and mineUpTo', async () => {
    const [height, stamp] = [await number(), await time.latest()];
    await helpers.mine();
    await helpers.mine(10, { interval: 600 });
    assert.equal(await number(), height + 11);
    const passed = (await time.latest()) - stamp;
    const expected = OURS ? 9 * 600 : 10 * 600;
    assert.ok(passed >= expected && passed < expected + 30, `${passed} s`);
    await helpers.mineUpTo(height + 20);
    assert.equal(await number(), height + 20);
  });

  await step('time: increase, increaseTo, setNextBlockTimestamp, latest, latestBlock', async () => {
    const before = await time.latest();
    await time.increase(3_600);
    assert.equal(await time.latest(), before + 3_600);
    await time.increaseTo(before + 10_000);
    assert.equal(await time.latest(), before + 10_000);
    await time.setNextBlockTimestamp(before + time.duration.days(2));
    await helpers.mine();
    assert.equal(await time.latest(), before + 2 * 86_400);
    assert.equal(await time.latestBlock(), await number());
    await failure(time.increaseTo(before));
  });
}

async function state(step) {
  await step('setBalance, setNonce, setCode, setStorageAt, getStorageAt', async () => {
    await helpers.setBalance(NOBODY, 100n * DEF);
    assert.equal(await balance(NOBODY), 100n * DEF);
    await helpers.setNonce(NOBODY, 7);
    assert.equal(await rpc('eth_getTransactionCount', [NOBODY, 'latest']), '0x7');
    await helpers.setCode(NOBODY, '0x602a60006000a100');
    assert.equal(await rpc('eth_getCode', [NOBODY, 'latest']), '0x602a60006000a100');
    await helpers.setStorageAt(NOBODY, 2, 40);
    assert.equal(BigInt(await helpers.getStorageAt(NOBODY, 2)), 40n);
    await helpers.mine();
    assert.equal(BigInt(await helpers.getStorageAt(NOBODY, 2)), 40n);
  });

  await step('setBlockGasLimit, setCoinbase, setNextBlockBaseFeePerGas, setPrevRandao', async () => {
    await helpers.setBlockGasLimit(25_000_000);
    await helpers.setCoinbase(NOBODY);
    await helpers.setNextBlockBaseFeePerGas(50_000_000_000);
    // anvil lacks this one.
    if (OURS) await helpers.setPrevRandao(1234);
    await helpers.mine();
    const latest = await block();
    assert.equal(BigInt(latest.gasLimit), 25_000_000n);
    assert.equal(BigInt(latest.baseFeePerGas), 50_000_000_000n);
    assert.equal(latest.miner.toLowerCase(), NOBODY);
    if (OURS) assert.equal(BigInt(latest.mixHash), 1234n);
  });

  await step('impersonateAccount and stopImpersonatingAccount', async () => {
    const [to] = await rpc('eth_accounts');
    const transfer = [{ from: NOBODY, to, value: '0x1' }];
    await failure(rpc('eth_sendTransaction', transfer));
    await helpers.impersonateAccount(NOBODY);
    const before = await balance(to);
    await rpc('eth_sendTransaction', transfer);
    if (!OURS) await helpers.mine();
    assert.equal(await balance(to), before + 1n);
    await helpers.stopImpersonatingAccount(NOBODY);
    await failure(rpc('eth_sendTransaction', transfer));
  });

  await step('dropTransaction', async () => {
    const [from, to] = await rpc('eth_accounts');
    await rpc('evm_setAutomine', [false]);
    const hash = await rpc('eth_sendTransaction', [{ from, to, value: '0x1' }]);
    const dropped = await helpers.dropTransaction(hash);
    if (OURS) assert.equal(dropped, true);
    await helpers.mine();
    assert.equal(await rpc('eth_getTransactionReceipt', [hash]), null);
    await rpc('evm_setAutomine', [true]);
  });
}

async function snapshots(step) {
  await step('takeSnapshot and restore, again and again', async () => {
    const snapshot = await helpers.takeSnapshot();
    const height = await number();
    for (let i = 0; i < 3; i += 1) {
      await helpers.mine(3);
      await helpers.setBalance(NOBODY, 1n);
      await snapshot.restore();
      assert.equal(await number(), height);
      assert.notEqual(await balance(NOBODY), 1n);
    }
  });

  await step('loadFixture runs a fixture once and comes back to it', async () => {
    let runs = 0;
    async function fixture() {
      runs += 1;
      await helpers.setBalance(NOBODY, 5n * DEF);
      await helpers.mine();
      return number();
    }
    const first = await helpers.loadFixture(fixture);
    await helpers.setBalance(NOBODY, 1n);
    await helpers.mine(5);
    assert.equal(await helpers.loadFixture(fixture), first);
    assert.equal(runs, 1);
    assert.equal(await number(), first);
    assert.equal(await balance(NOBODY), 5n * DEF);
    await failure(helpers.loadFixture(async () => {}));
    helpers.clearSnapshots?.();
  });

  await step('reset goes back to genesis, and does not fork', async () => {
    await helpers.reset();
    assert.equal(await number(), 0);
    if (OURS) assert.match((await failure(helpers.reset('http://127.0.0.1:1', 1))).message, /does not fork/);
  });
}

script('hardhat-helpers', async (step) => {
  if (KIND === 'localnet') {
    await step('is for development chains', async () => {
      assert.match((await failure(helpers.mine())).message, /only be used with Hardhat Network|does not exist/);
    });
    return;
  }
  const start = await rpc('evm_snapshot');
  await blocks(step);
  await state(step);
  await rpc('evm_revert', [start]);
  await snapshots(step);
  await step('called every method that the helpers know', () => {
    const known = [
      'hardhat_mine', 'evm_setNextBlockTimestamp', 'hardhat_setBalance', 'hardhat_setNonce', 'hardhat_setCode',
      'hardhat_setStorageAt', 'evm_setBlockGasLimit', 'hardhat_setCoinbase', 'hardhat_setNextBlockBaseFeePerGas',
      'hardhat_impersonateAccount', 'hardhat_stopImpersonatingAccount', 'hardhat_dropTransaction', 'evm_snapshot',
      'evm_revert', 'hardhat_reset', ...(OURS ? ['hardhat_setPrevRandao'] : []),
    ];
    assert.deepEqual(known.filter((method) => !called.has(method)), []);
  });
});

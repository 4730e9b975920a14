'use strict';
// cast as a person uses it at a prompt. Each step is a command line and what it prints.

const assert = require('node:assert/strict');
const { execFile, spawn } = require('node:child_process');
const fs = require('node:fs');
const { promisify } = require('node:util');
const { ethers } = require('ethers');
const { artifacts } = require('../lib/compile.js');
const { CHAIN_ID, OURS, RPC_URL, WS_URL, failure, fundedKey, received, script, until } = require('../lib/suite.js');

const run = promisify(execFile);
const DEF = ethers.parseEther('1');
const COMMAND_LIMIT_MS = 20_000;

function binary() {
  if (process.env.CAST) return process.env.CAST;
  try {
    return require.resolve('@foundry-rs/cast-linux-amd64/bin/cast');
  } catch {
    throw new Error('no cast for this machine in the packages: install Foundry and set CAST to the path of its cast');
  }
}

const CAST = binary();
// Nothing of the caller's own settings, and no line that a terminal would show in colour.
const env = { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' };

/** Runs cast and returns what it prints. The chain's address goes through the environment, as people set it. */
async function cast(...args) {
  try {
    const { stdout } = await run(CAST, args.map(String), { env: { ...env, ETH_RPC_URL: RPC_URL }, timeout: COMMAND_LIMIT_MS, maxBuffer: 1 << 26 });
    return stdout.trim();
  } catch (error) {
    throw new Error(`cast ${args.join(' ').slice(0, 200)}: ${error.stderr?.trim() || error.message}`);
  }
}

const json = async (...args) => JSON.parse(await cast(...args, '--json'));
const funded = fundedKey(3);
const contracts = artifacts();

/** A new account with money. */
async function account(value = 10n * DEF) {
  const { address, privateKey } = ethers.Wallet.createRandom();
  const receipt = await json('send', address, '--value', value, '--private-key', funded);
  assert.equal(receipt.status, '0x1');
  return { address, key: privateKey };
}

const someone = () => ethers.Wallet.createRandom().address;
const balance = async (address) => BigInt(await cast('balance', address));

async function deploy(key, name, ...constructor) {
  const receipt = await json('send', '--private-key', key, '--create', contracts[name].bytecode, ...constructor);
  assert.equal(receipt.status, '0x1');
  return receipt.contractAddress;
}

async function looking(step) {
  await step('chain-id, client, block-number, block, age, base-fee, gas-price', async () => {
    assert.equal(await cast('chain-id'), String(CHAIN_ID));
    assert.match(await cast('client'), /\w/);
    const number = Number(await cast('block-number'));
    const block = await json('block', number);
    assert.equal(Number(block.number), number);
    assert.equal(await cast('block', number, '--field', 'hash'), block.hash);
    assert.match(await cast('block', 'latest'), /gasLimit\s+\d+/);
    assert.match(await cast('age', 'latest'), /20\d\d/);
    assert.equal(BigInt(await cast('base-fee', number)), BigInt(block.baseFeePerGas));
    assert.ok(BigInt(await cast('gas-price')) > 0n);
    const finalized = Number(await cast('block', 'finalized', '--field', 'number'));
    if (OURS) assert.ok(finalized >= number);
    // cast asks for block 1, which a development chain has after its first transaction.
    await account();
    assert.ok(Number(await cast('find-block', Math.floor(Date.now() / 1_000))) >= 0);
  });

  await step('balance, nonce, code, storage, codesize', async () => {
    const { address, key } = await account();
    assert.equal(await balance(address), received(10n * DEF));
    assert.equal(await cast('balance', address, '--ether'), '10.000000000000000000');
    assert.equal(await cast('nonce', address), '0');
    const probe = await deploy(key, 'Probe');
    assert.equal(await cast('nonce', address), '1');
    assert.equal(await cast('nonce', address, '--block', 'pending'), '1');
    assert.equal(await cast('code', address), '0x');
    assert.ok(Number(await cast('codesize', probe)) > 100);
    await json('send', probe, 'note(uint256,string)', 77, 'x', '--private-key', key);
    assert.equal(BigInt(await cast('storage', probe, 0)), 77n);
  });
}

async function sending(step) {
  const kinds = [
    ['0', 21_000n, ['--legacy', '--gas-price', '3gwei']],
    ['1', 25_300n, ['--legacy', '--gas-price', '3gwei', '--access-list', JSON.stringify([{ address: ethers.ZeroAddress, storageKeys: [ethers.ZeroHash] }])]],
    ['2', 21_000n, []],
  ];
  for (const [type, gas, flags] of kinds) {
    await step(`send a transfer of type ${type}; tx and receipt`, async () => {
      const [from, to] = [await account(), someone()];
      const before = await balance(from.address);
      const receipt = await json('send', to, '--value', '1ether', '--private-key', from.key, ...flags);
      assert.equal(receipt.status, '0x1');
      assert.equal(Number(receipt.type), Number(type));
      assert.equal(BigInt(receipt.gasUsed), gas);
      assert.equal(await balance(to), received(DEF));
      assert.equal(before - (await balance(from.address)), DEF + gas * BigInt(receipt.effectiveGasPrice));
      assert.match(await cast('receipt', receipt.transactionHash), /status\s+1 \(success\)/);
      assert.equal(await cast('receipt', receipt.transactionHash, 'blockHash'), receipt.blockHash);
      const tx = await json('tx', receipt.transactionHash);
      assert.equal(Number(tx.type ?? 0), Number(type));
      assert.equal(BigInt(tx.value), DEF);
    });
  }

  await step('send a type 4 transaction with --auth', async () => {
    const [owner, to] = [await account(), someone()];
    const probe = await deploy(funded, 'Probe');
    const calls = `[(${to},${DEF},0x)]`;
    const receipt = await json('send', owner.address, 'batch((address,uint256,bytes)[])', calls, '--auth', probe, '--private-key', owner.key);
    assert.equal(receipt.status, '0x1');
    assert.equal(Number(receipt.type), 4);
    assert.equal(await balance(to), received(DEF));
    assert.equal(await cast('code', owner.address), `0xef0100${probe.slice(2).toLowerCase()}`);
  });

  await step('send --async, publish, mktx, tx-pool', async () => {
    const [from, to] = [await account(), someone()];
    const raw = await cast('mktx', to, '--value', 5, '--private-key', from.key);
    const hash = await cast('publish', raw, '--async');
    await until('the receipt', () => cast('receipt', hash, '--async').catch(() => null));
    assert.equal(await balance(to), received(5n));
    // Nonce 1 is next: 2 has to wait.
    const later = await cast('send', to, '--value', 7, '--nonce', 2, '--gas-limit', 21_000, '--async', '--private-key', from.key);
    const status = JSON.parse(await cast('rpc', 'txpool_status'));
    assert.ok(Number(status.queued) >= 1, JSON.stringify(status));
    if (OURS) {
      const content = JSON.parse(await cast('rpc', 'txpool_contentFrom', from.address));
      assert.equal(content.queued['2'].hash, later);
    }
    assert.match(await cast('tx-pool', 'status'), /queued/);
    const sent = await json('send', to, '--value', 6, '--nonce', 1, '--private-key', from.key);
    assert.equal(sent.status, '0x1');
    await until('the receipt', () => cast('receipt', later, '--async').catch(() => null));
    assert.equal(await balance(to), received(18n));
  });

  await step('send --sync', async () => {
    const [from, to] = [await account(), someone()];
    const receipt = await json('send', to, '--value', 9, '--sync', '--private-key', from.key);
    assert.equal(receipt.status, '0x1');
    assert.equal(await balance(to), received(9n));
  });
}

async function contract(step) {
  const owner = await account();
  const holder = await account();
  const token = await step('send --create an OpenZeppelin ERC-20 with constructor arguments', async () => {
    const made = await deploy(owner.key, 'Token', 'constructor(string,string,uint256)', 'Deflating Dollar', 'DDL', 1_000_000);
    assert.equal(made.toLowerCase(), ethers.getCreateAddress({ from: owner.address, nonce: 0 }).toLowerCase());
    assert.equal(await cast('call', made, 'name()(string)'), '"Deflating Dollar"');
    return made;
  });
  const transfer = 'transfer(address,uint256)';
  const balanceOf = (who, ...flags) => cast('call', token, 'balanceOf(address)(uint256)', who, ...flags).then((text) => text.split(' ')[0]);

  await step('estimate, call, send and erc20 on the token, now and at an older block', async () => {
    assert.equal(await cast('call', token, `${transfer}(bool)`, holder.address, 300, '--from', owner.address), 'true');
    const estimate = Number(await cast('estimate', token, transfer, holder.address, 300, '--from', owner.address));
    const receipt = await json('send', token, transfer, holder.address, 300, '--private-key', owner.key);
    assert.ok(Number(receipt.gasUsed) <= estimate && estimate < 100_000, `${estimate}`);
    const height = Number(receipt.blockNumber);
    assert.equal(await balanceOf(holder.address), '300');
    assert.equal(await balanceOf(holder.address, '--block', height), '300');
    assert.equal(await balanceOf(holder.address, '--block', height - 1), '0');
    assert.match(await cast('erc20', 'balance', token, holder.address), /^300\b/);
    const legacy = await json('send', token, 'approve(address,uint256)', owner.address, 50, '--legacy', '--private-key', holder.key);
    assert.equal(Number(legacy.type ?? 0), 0);
    const spent = await json('send', token, 'transferFrom(address,address,uint256)', holder.address, owner.address, 50, '--private-key', owner.key);
    assert.equal(spent.status, '0x1');
    assert.equal(await balanceOf(holder.address), '250');
  });

  await step('logs by event, address and indexed argument', async () => {
    const event = 'Transfer(address indexed,address indexed,uint256)';
    const all = await json('logs', '--from-block', 0, '--address', token, event);
    assert.deepEqual(all.map((log) => BigInt(log.data)), [1_000_000n, 300n, 50n]);
    const mine = await json('logs', '--from-block', 0, '--address', token, event, holder.address);
    assert.deepEqual(mine.map((log) => BigInt(log.data)), [50n]);
    assert.match(await cast('logs', '--from-block', 0, '--address', token, event), /transactionHash: 0x/);
  });

  await step('shows why a call, an estimate and a send revert', async () => {
    const probe = await deploy(owner.key, 'Probe');
    const text = ['failWithString(string)', 'not like this'];
    for (const command of ['call', 'estimate']) {
      assert.match((await failure(cast(command, probe, ...text))).message, /not like this/);
    }
    assert.match((await failure(cast('send', probe, ...text, '--private-key', owner.key))).message, /not like this/);
    const custom = await failure(cast('call', probe, 'failWithError(uint256)', 500, '--from', owner.address));
    const data = ethers.id('TooMuch(uint256,uint256,address)').slice(2, 10);
    assert.match(custom.message, new RegExp(data), custom.message);
    const mined = await json('send', probe, ...text, '--gas-limit', 100_000, '--private-key', owner.key);
    assert.equal(mined.status, '0x0');
    assert.equal(BigInt(await cast('storage', probe, 0)), 0n);
  });
}

async function subscribing(step) {
  await step('logs --subscribe over WebSocket', async () => {
    const owner = await account();
    const probe = await deploy(owner.key, 'Probe');
    const args = ['logs', '--subscribe', '--address', probe, 'Noted(address indexed,uint256 indexed,string)', '--rpc-url', WS_URL];
    const child = spawn(CAST, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [printed, complained] = ['', ''];
    child.stdout.on('data', (bytes) => (printed += bytes));
    child.stderr.on('data', (bytes) => (complained += bytes));
    try {
      const told = [];
      // cast does not say when it listens: events are made until one is printed; from then on none may be missing.
      await until('a printed event', async () => {
        assert.equal(child.exitCode, null, `cast ended: ${complained}`);
        told.push((await json('send', probe, 'note(uint256,string)', told.length, 'x', '--private-key', owner.key)).transactionHash);
        return printed.includes('transactionHash');
      });
      told.push((await json('send', probe, 'note(uint256,string)', 99, 'x', '--private-key', owner.key)).transactionHash);
      await until('the last event', () => printed.includes(told.at(-1)));
      const heard = [...printed.matchAll(/transactionHash: (0x[0-9a-f]{64})/g)].map((match) => match[1]);
      assert.deepEqual(heard, told.slice(told.length - heard.length));
    } finally {
      child.kill();
    }
  });

  await step('block-number and chain-id over WebSocket', async () => {
    assert.ok(Number(await cast('block-number', '--rpc-url', WS_URL)) >= 0);
    assert.equal(await cast('chain-id', '--rpc-url', WS_URL), String(CHAIN_ID));
  });
}

script('cast', async (step) => {
  await step('is the version that the tests are written for', async () => {
    assert.ok(fs.existsSync(CAST), `${CAST} is missing`);
    assert.match(await cast('--version'), /1\.7\.1/);
  });
  await looking(step);
  await sending(step);
  await contract(step);
  await subscribing(step);
});

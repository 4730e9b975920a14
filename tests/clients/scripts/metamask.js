'use strict';
// What a browser wallet of MetaMask's shape asks, call for call, without a library between: when a network is added,
// when an account is shown, when a payment is prepared, sent and followed.

const assert = require('node:assert/strict');
const { ethers } = require('ethers');
const { CHAIN_ID, RPC_URL, fundedKey, received, rpc, script, until } = require('../lib/suite.js');

const ORIGIN = 'chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn';
const QUANTITY = /^0x(0|[1-9a-f][0-9a-f]*)$/;
const VALUE = ethers.parseEther('1.5');
let id = 7_128_340_000_000;

/** As the extension's background page asks: numbers far above 2^32 as ids, and its own origin. */
async function ask(method, ...params) {
  id += 1;
  const answer = await fetch(RPC_URL, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', origin: ORIGIN },
    body: JSON.stringify({ id, jsonrpc: '2.0', method, params }),
  });
  assert.equal(answer.status, 200, `${method}: HTTP ${answer.status}`);
  const body = await answer.json();
  assert.equal(body.id, id);
  assert.equal(body.jsonrpc, '2.0');
  assert.ok(!body.error, `${method}: ${JSON.stringify(body.error)}`);
  return body.result;
}

async function quantity(method, ...params) {
  const result = await ask(method, ...params);
  assert.match(result, QUANTITY, `${method} answered ${result}`);
  return BigInt(result);
}

script('metamask', async (step) => {
  const funder = new ethers.Wallet(fundedKey(4));
  const wallet = ethers.Wallet.createRandom();
  const payee = ethers.Wallet.createRandom().address;
  const from = wallet.address.toLowerCase();

  await step('adds the network', async () => {
    assert.equal(await quantity('eth_chainId'), BigInt(CHAIN_ID));
    assert.equal(await ask('net_version'), String(CHAIN_ID));
    const block = await ask('eth_getBlockByNumber', 'latest', false);
    // This field is what tells a wallet that type 2 transactions work.
    assert.match(block.baseFeePerGas, QUANTITY);
    assert.match(block.number, QUANTITY);
    assert.match(block.hash, /^0x[0-9a-f]{64}$/);
    const tips = await ask('eth_feeHistory', '0x1', 'latest', []);
    assert.equal(tips.baseFeePerGas.length, 2);
  });

  await step('shows an account', async () => {
    const nonce = await quantity('eth_getTransactionCount', funder.address.toLowerCase(), 'pending');
    const price = await quantity('eth_gasPrice');
    const fields = { chainId: CHAIN_ID, type: 2, nonce: Number(nonce), to: from, value: ethers.parseEther('10'), gasLimit: 21_000, maxFeePerGas: 2n * price, maxPriorityFeePerGas: price / 10n };
    const hash = await ask('eth_sendRawTransaction', await funder.signTransaction(fields));
    await until('the receipt', () => rpc('eth_getTransactionReceipt', [hash]));
    const number = await ask('eth_blockNumber');
    assert.equal(await quantity('eth_getBalance', from, number), received(ethers.parseEther('10')));
    assert.equal(await quantity('eth_getBalance', from, 'latest'), received(ethers.parseEther('10')));
    assert.equal(await ask('eth_getCode', payee.toLowerCase(), 'latest'), '0x');
  });

  const fees = await step('prepares a payment', async () => {
    assert.equal(await ask('eth_getCode', payee.toLowerCase(), 'latest'), '0x');
    const block = await ask('eth_getBlockByNumber', await ask('eth_blockNumber'), false);
    const history = await ask('eth_feeHistory', '0x5', 'latest', [10, 20, 30]);
    const count = history.gasUsedRatio.length;
    assert.ok(count >= 1 && count <= 5);
    assert.equal(history.baseFeePerGas.length, count + 1);
    assert.match(history.oldestBlock, QUANTITY);
    for (const rewards of history.reward) {
      assert.equal(rewards.length, 3);
      for (const reward of rewards) assert.match(reward, QUANTITY);
      assert.ok(BigInt(rewards[0]) <= BigInt(rewards[1]) && BigInt(rewards[1]) <= BigInt(rewards[2]));
    }
    for (const fee of history.baseFeePerGas) assert.match(fee, QUANTITY);
    // With and without the fields that a wallet adds while the user still edits.
    const request = { from, to: payee.toLowerCase(), value: ethers.toQuantity(VALUE) };
    const gas = await quantity('eth_estimateGas', request);
    assert.equal(gas, 21_000n);
    assert.equal(await quantity('eth_estimateGas', { ...request, data: '0x', gasPrice: '0x0' }), gas);
    assert.equal(await quantity('eth_estimateGas', { ...request, type: '0x2', gas: block.gasLimit }), gas);
    const tip = BigInt(await ask('eth_maxPriorityFeePerGas'));
    return { gas, tip, fee: 2n * BigInt(block.baseFeePerGas) + tip };
  });

  const hash = await step('signs and sends it', async () => {
    const nonce = await quantity('eth_getTransactionCount', from, 'latest');
    assert.equal(await quantity('eth_getTransactionCount', from, 'pending'), nonce);
    const raw = await wallet.signTransaction({
      chainId: CHAIN_ID, type: 2, nonce: Number(nonce), to: payee, value: VALUE, gasLimit: fees.gas, maxFeePerGas: fees.fee, maxPriorityFeePerGas: fees.tip,
    });
    const sent = await ask('eth_sendRawTransaction', raw);
    assert.equal(sent, ethers.keccak256(raw));
    return sent;
  });

  await step('follows it until it is confirmed', async () => {
    // Null as long as it waits, never an error.
    const receipt = await until('the receipt', () => ask('eth_getTransactionReceipt', hash));
    assert.equal(receipt.status, '0x1');
    assert.equal(receipt.gasUsed, ethers.toQuantity(fees.gas));
    const tx = await ask('eth_getTransactionByHash', hash);
    assert.equal(tx.blockNumber, receipt.blockNumber);
    assert.equal(tx.from, from);
    const block = await ask('eth_getBlockByHash', receipt.blockHash, false);
    assert.ok(block.transactions.includes(hash));
    assert.ok((await quantity('eth_blockNumber')) >= BigInt(receipt.blockNumber));
    const paid = BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
    assert.equal(await quantity('eth_getBalance', from, 'latest'), received(ethers.parseEther('10')) - VALUE - paid);
    assert.equal(await quantity('eth_getBalance', payee.toLowerCase(), 'latest'), received(VALUE));
    assert.equal(await quantity('eth_getTransactionCount', from, 'latest'), 1n);
  });

  await step('looks for a token that is not there', async () => {
    const data = ethers.id('symbol()').slice(0, 10);
    assert.equal(await ask('eth_call', { to: payee.toLowerCase(), data }, 'latest'), '0x');
  });
});

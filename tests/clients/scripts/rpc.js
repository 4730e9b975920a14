'use strict';
// JSON-RPC itself over HTTP and WebSocket, as a client without a library sees it: batches, ids, errors, filters,
// subscriptions, and what a bad request is told.

const assert = require('node:assert/strict');
const { ethers } = require('ethers');
const { WebSocket } = require('ws');
const { CHAIN_ID, KIND, OURS, RPC_URL, WS_URL, failure, fundedKey, post, rpc, script, until } = require('../lib/suite.js');

const funder = new ethers.Wallet(fundedKey(5));
const NOTHING = ethers.hexlify(ethers.randomBytes(32));
const AHEAD = ethers.toQuantity(2 ** 40);

/** A signed payment by the funded account. */
async function payment(fields = {}) {
  const [nonce, price] = await Promise.all([rpc('eth_getTransactionCount', [funder.address, 'pending']), rpc('eth_gasPrice')]);
  return funder.signTransaction({
    chainId: CHAIN_ID, type: 2, nonce: Number(nonce), to: ethers.Wallet.createRandom().address, value: 1n, gasLimit: 21_000,
    maxFeePerGas: 3n * BigInt(price), maxPriorityFeePerGas: BigInt(price), ...fields,
  });
}

async function pay() {
  const hash = await rpc('eth_sendRawTransaction', [await payment()]);
  return until('the receipt', () => rpc('eth_getTransactionReceipt', [hash]));
}

/** A bare WebSocket client. */
async function connect() {
  const socket = new WebSocket(WS_URL);
  const [answers, notices] = [new Map(), []];
  let last = 0;
  socket.on('message', (bytes) => {
    const message = JSON.parse(bytes);
    if (message.method === 'eth_subscription') notices.push(message.params);
    else answers.set(message.id, message);
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const send = async (method, ...params) => {
    const id = (last += 1);
    socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    const { result, error } = await until(`an answer to ${method}`, () => answers.get(id));
    if (error) throw Object.assign(new Error(error.message), { code: error.code });
    return result;
  };
  return { send, notices, of: (id) => notices.filter((one) => one.subscription === id).map((one) => one.result), close: () => socket.terminate() };
}

async function envelope(step) {
  await step('answers a batch in order, each call for itself', async () => {
    const answers = await post([
      { jsonrpc: '2.0', id: 'a', method: 'eth_chainId', params: [] },
      { jsonrpc: '2.0', id: 2, method: 'eth_noSuchMethod', params: [] },
      { jsonrpc: '2.0', id: 3, method: 'net_version' },
      { jsonrpc: '2.0', id: 4, method: 'eth_getBalance', params: ['0x12'] },
    ]);
    assert.deepEqual(answers.map((one) => one.id), ['a', 2, 3, 4]);
    assert.equal(answers[0].result, ethers.toQuantity(CHAIN_ID));
    assert.equal(answers[1].error.code, -32601);
    assert.equal(answers[2].result, String(CHAIN_ID));
    assert.equal(answers[3].error.code, -32602);
  });

  await step('takes a batch of many signed payments', async () => {
    const first = Number(await rpc('eth_getTransactionCount', [funder.address, 'pending']));
    const raw = await Promise.all(Array.from({ length: 50 }, (_, i) => payment({ nonce: first + i })));
    const answers = await post(raw.map((one, id) => ({ jsonrpc: '2.0', id, method: 'eth_sendRawTransaction', params: [one] })));
    assert.deepEqual(answers.map((one) => one.result), raw.map((one) => ethers.keccak256(one)));
    const receipt = await until('the last receipt', () => rpc('eth_getTransactionReceipt', [ethers.keccak256(raw.at(-1))]));
    assert.equal(receipt.status, '0x1');
    assert.equal(Number(await rpc('eth_getTransactionCount', [funder.address, 'latest'])), first + raw.length);
  });

  await step('says what is wrong with a malformed request', async () => {
    // Other implementations choose other codes for these.
    const broken = (await post('{"jsonrpc":"2.0","id":1,')).error.code;
    const nothing = (await post({ id: 1 })).error.code;
    if (OURS) assert.deepEqual([broken, nothing, (await post([])).error.code], [-32700, -32600, -32600]);
    const error = await failure(rpc('eth_getBalance', ['not an address', 'latest']));
    assert.equal(error.code, -32602);
    assert.equal((await failure(rpc('eth_getBlockByNumber', ['yesterday', false]))).code, -32602);
  });

  await step('answers probes beside JSON-RPC', async () => {
    if (!OURS) return;
    for (const path of ['/health', '/ready']) {
      const answer = await fetch(RPC_URL + path);
      assert.equal(answer.status, 200, `${path}: ${answer.status} ${await answer.text()}`);
    }
  });
}

async function blocks(step) {
  await step('agrees with itself on a block by number, by hash and by tag', async () => {
    const receipt = await pay();
    const block = await rpc('eth_getBlockByNumber', [receipt.blockNumber, false]);
    assert.deepEqual(await rpc('eth_getBlockByHash', [receipt.blockHash, false]), block);
    assert.ok(block.transactions.includes(receipt.transactionHash));
    const full = await rpc('eth_getBlockByNumber', [receipt.blockNumber, true]);
    assert.deepEqual(full.transactions.map((tx) => tx.hash), block.transactions);
    assert.deepEqual(full.transactions[Number(receipt.transactionIndex)], await rpc('eth_getTransactionByHash', [receipt.transactionHash]));
    assert.equal(await rpc('eth_getBlockTransactionCountByHash', [block.hash]), ethers.toQuantity(block.transactions.length));
    const receipts = await rpc('eth_getBlockReceipts', [receipt.blockNumber]);
    assert.deepEqual(receipts[Number(receipt.transactionIndex)], receipt);
    assert.equal(receipts.length, block.transactions.length);
    if (!OURS) return;
    // Final at once (D7): the three tags name one block, or a later one when asked a moment later.
    const numbers = [];
    for (const tag of ['latest', 'safe', 'finalized', 'latest']) numbers.push(Number((await rpc('eth_getBlockByNumber', [tag, false])).number));
    assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b));
  });

  await step('answers null for what is not there, and an error where there is nothing to look into', async () => {
    const nulls = [
      ['eth_getBlockByHash', [NOTHING, false]], ['eth_getBlockByNumber', [AHEAD, false]], ['eth_getTransactionByHash', [NOTHING]],
      ['eth_getTransactionReceipt', [NOTHING]], ['eth_getBlockReceipts', [AHEAD]],
    ];
    for (const [method, params] of nulls) assert.equal(await rpc(method, params), null, method);
    const errors = [
      ['eth_getBalance', [funder.address, AHEAD]], ['eth_call', [{ to: funder.address }, AHEAD]], ['eth_getLogs', [{ blockHash: NOTHING }]],
      ['eth_getCode', [funder.address, NOTHING]],
    ];
    for (const [method, params] of errors) {
      const error = await failure(rpc(method, params));
      assert.ok(error.code < 0 && error.message.length > 5, `${method}: ${error.code} ${error.message}`);
    }
  });

  await step('says clearly what it does not do', async () => {
    if (!OURS) return;
    const proof = await failure(rpc('eth_getProof', [funder.address, [], 'latest']));
    assert.match(proof.message, /def_getProof/);
    if (KIND === 'dev') return;
    for (const method of ['eth_sendTransaction', 'eth_sign', 'eth_signTypedData_v4', 'personal_sign']) {
      assert.equal((await failure(rpc(method, []))).code, -32601, method);
    }
    assert.deepEqual(await rpc('eth_accounts'), []);
  });
}

async function refusals(step) {
  await step('refuses transactions that break a rule, and names it', async () => {
    const flipped = (raw) => {
      // The same signature with s on the other side of the curve's order (EIP-2).
      const tx = ethers.Transaction.from(raw);
      const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
      const { r, s, yParity } = tx.signature;
      const fields = ethers.decodeRlp(ethers.dataSlice(raw, 1)).slice(0, 9);
      const parity = yParity === 0 ? '0x01' : '0x';
      return ethers.concat(['0x02', ethers.encodeRlp([...fields, parity, ethers.stripZerosLeft(r), ethers.stripZerosLeft(ethers.toBeHex(order - BigInt(s), 32))])]);
    };
    // There has to be an old nonce.
    await pay();
    const good = await payment();
    const blob = { type: 3, maxFeePerBlobGas: 10n ** 10n, blobVersionedHashes: [`0x01${'00'.repeat(31)}`] };
    const cases = [
      ['no transaction', '0xdeadbeef', /./],
      ['nothing', '0x', /./],
      ['cut short', ethers.dataSlice(good, 0, ethers.dataLength(good) - 1), /./],
      ['too little gas', await payment({ gasLimit: 20_999 }), /gas/i],
      ['more than there is', await payment({ value: 10n ** 30n }), /insufficient funds/i],
      ['another chain', await payment({ chainId: 1 }), /chain/i],
      ['an old nonce', await payment({ nonce: 0 }), /nonce too low/i],
    ];
    if (OURS) cases.push(['blobs', await payment(blob), /type|blob/i], ['a malleable signature', flipped(good), /signature|sender|\bs\b/i]);
    for (const [what, raw, message] of cases) {
      const error = await failure(rpc('eth_sendRawTransaction', [raw]));
      assert.match(error.message, message, `${what}: ${error.code} ${error.message}`);
      assert.ok(error.code < 0, what);
    }
    const again = await payment();
    await rpc('eth_sendRawTransaction', [again]);
    await until('the receipt', () => rpc('eth_getTransactionReceipt', [ethers.keccak256(again)]));
    const replayed = await failure(rpc('eth_sendRawTransaction', [again]));
    assert.match(replayed.message, /nonce too low|already known/i);
  });
}

async function following(step) {
  await step('follows blocks and pending transactions with polled filters', async () => {
    const [blocks, pending] = [await rpc('eth_newBlockFilter'), await rpc('eth_newPendingTransactionFilter')];
    const receipt = await pay();
    const heads = await rpc('eth_getFilterChanges', [blocks]);
    assert.ok(heads.includes(receipt.blockHash));
    assert.ok((await rpc('eth_getFilterChanges', [pending])).includes(receipt.transactionHash));
    const more = await rpc('eth_getFilterChanges', [blocks]);
    assert.ok(!more.includes(receipt.blockHash), 'nothing twice');
    assert.equal(await rpc('eth_uninstallFilter', [blocks]), true);
    assert.equal(await rpc('eth_uninstallFilter', [blocks]), false);
    await rpc('eth_uninstallFilter', [pending]);
    if (OURS) assert.match((await failure(rpc('eth_getFilterChanges', [blocks]))).message, /filter not found/);
  });

  await step('follows every head over WebSocket, without a gap', async () => {
    const socket = await connect();
    try {
      const heads = await socket.send('eth_subscribe', 'newHeads');
      const pending = await socket.send('eth_subscribe', 'newPendingTransactions');
      const full = await socket.send('eth_subscribe', 'newPendingTransactions', true);
      const paid = [await pay(), await pay(), await pay()];
      await until('the last head', () => socket.of(heads).some((head) => head.hash === paid[2].blockHash));
      await until('the transactions', () => paid.every((one) => socket.of(pending).includes(one.transactionHash)));
      await until('whole transactions', () => paid.every((one) => socket.of(full).some((tx) => tx.hash === one.transactionHash)));
      const chain = socket.of(heads);
      for (let i = 1; i < chain.length; i += 1) assert.equal(chain[i].parentHash, chain[i - 1].hash);
      assert.equal(await socket.send('eth_unsubscribe', heads), true);
      const count = chain.length;
      const after = await pay();
      await until('the transaction', () => socket.of(pending).includes(after.transactionHash));
      assert.ok(socket.of(heads).length <= count + 1);
      await failure(socket.send('eth_subscribe', 'newDreams'));
      assert.equal(await socket.send('eth_chainId'), ethers.toQuantity(CHAIN_ID));
    } finally {
      socket.close();
    }
  });
}

script('rpc', async (step) => {
  await envelope(step);
  await blocks(step);
  await refusals(step);
  await following(step);
});

'use strict';
// viem as an application uses it: public, wallet and WebSocket clients, library defaults for fees, nonces and gas.

const assert = require('node:assert/strict');
const viem = require('viem');
const { generatePrivateKey, privateKeyToAccount } = require('viem/accounts');
const { artifacts } = require('../lib/compile.js');
const { CHAIN_ID, KIND, OURS, RPC_URL, WS_URL, failure, fundedKey, received, script, until } = require('../lib/suite.js');

const DEF = viem.parseEther('1');
const GWEI = viem.parseGwei('1');

const chain = viem.defineChain({
  id: CHAIN_ID,
  name: 'DeflationChain',
  nativeCurrency: { name: 'DEF', symbol: 'DEF', decimals: 18 },
  rpcUrls: { default: { http: [RPC_URL], webSocket: [WS_URL] } },
});
// Calls made at the same time go as one batch. A block is never kept as the answer to the next question.
const options = { chain, transport: viem.http(RPC_URL, { batch: true }), pollingInterval: 50, cacheTime: 0 };
const client = viem.createPublicClient(options);
const contracts = artifacts();

const wallet = (account) => viem.createWalletClient({ ...options, account });
const funder = wallet(privateKeyToAccount(fundedKey(2)));
const someone = () => privateKeyToAccount(generatePrivateKey()).address;
/** The two fields that viem's actions ask for. */
const at = ({ address, abi }) => ({ address, abi });
const mined = (hash) => client.waitForTransactionReceipt({ hash, timeout: 20_000 });

/** A new account with money and a client that signs for it. */
async function account(value = 10n * DEF) {
  const made = wallet(privateKeyToAccount(generatePrivateKey()));
  await mined(await funder.sendTransaction({ to: made.account.address, value }));
  return made;
}

async function deploy(owner, name, args = []) {
  const { abi, bytecode } = contracts[name];
  const receipt = await mined(await owner.deployContract({ abi, bytecode, args }));
  assert.equal(receipt.status, 'success');
  return viem.getContract({ address: receipt.contractAddress, abi, client: { public: client, wallet: owner } });
}

async function network(step) {
  await step('says which network it is', async () => {
    assert.equal(await client.getChainId(), CHAIN_ID);
    const [number, block, price] = await Promise.all([client.getBlockNumber(), client.getBlock(), client.getGasPrice()]);
    assert.ok(block.number >= number && price >= block.baseFeePerGas);
  });

  await step('gives the history of fees and estimates from it', async () => {
    const history = await client.getFeeHistory({ blockCount: 3, rewardPercentiles: [10, 50, 90] });
    const count = history.gasUsedRatio.length;
    assert.ok(count >= 1 && count <= 3, `${count} blocks`);
    assert.equal(history.baseFeePerGas.length, count + 1);
    assert.equal(history.reward.length, count);
    for (const rewards of history.reward) assert.equal(rewards.length, 3);
    for (const ratio of history.gasUsedRatio) assert.ok(ratio >= 0 && ratio <= 1);
    const block = await client.getBlock({ blockNumber: history.oldestBlock });
    assert.equal(history.baseFeePerGas[0], block.baseFeePerGas);
    const fees = await client.estimateFeesPerGas();
    assert.ok(fees.maxFeePerGas > fees.maxPriorityFeePerGas);
    assert.ok((await client.estimateMaxPriorityFeePerGas()) >= 0n);
  });

  await step('gives tagged blocks', async () => {
    const blocks = [];
    for (const blockTag of ['earliest', 'finalized', 'safe', 'latest']) blocks.push(await client.getBlock({ blockTag }));
    for (let i = 1; i < blocks.length; i += 1) assert.ok(blocks[i].number >= blocks[i - 1].number);
    // A block that exists is final.
    if (OURS) assert.ok((await client.getBlock({ blockTag: 'finalized' })).number >= blocks[3].number);
  });
}

const ACCESS_LIST = [{ address: viem.zeroAddress, storageKeys: [viem.zeroHash] }];
const TRANSFERS = [
  { type: 'legacy', hex: '0x0', fields: { gasPrice: 3n * GWEI }, gas: 21_000n },
  { type: 'eip2930', hex: '0x1', fields: { gasPrice: 3n * GWEI, accessList: ACCESS_LIST }, gas: 25_300n },
  { type: 'eip1559', hex: '0x2', fields: {}, gas: 21_000n },
];

async function transfers(step) {
  for (const { type, hex, fields, gas } of TRANSFERS) {
    await step(`sends a transfer of type ${Number(hex)} (${type}), charged to the wei`, async () => {
      const [from, to] = [await account(), someone()];
      const { address } = from.account;
      const before = await client.getBalance({ address });
      const hash = await from.sendTransaction({ type, to, value: DEF, ...fields });
      const receipt = await mined(hash);
      assert.equal(receipt.status, 'success');
      assert.equal(receipt.type, type);
      assert.equal(receipt.gasUsed, gas);
      const fee = receipt.gasUsed * receipt.effectiveGasPrice;
      assert.equal(before - (await client.getBalance({ address })), DEF + fee);
      assert.equal(await client.getBalance({ address: to }), received(DEF));
      const tx = await client.getTransaction({ hash });
      assert.equal(tx.type, type);
      assert.equal(tx.typeHex, hex);
      assert.equal(tx.from.toLowerCase(), address.toLowerCase());
      assert.equal(tx.chainId, CHAIN_ID);
      assert.equal(tx.value, DEF);
      assert.equal(tx.blockHash, receipt.blockHash);
      assert.equal(await client.getTransactionConfirmations({ hash }) >= 1n, true);
    });
  }

  await step('lets an account act as a contract with a type 4 transaction that it sends itself', async () => {
    const [owner, first, second] = [await account(), someone(), someone()];
    const probe = await deploy(funder, 'Probe');
    const authorization = await owner.signAuthorization({ contractAddress: probe.address, executor: 'self' });
    const batch = [{ to: first, value: DEF, data: '0x' }, { to: second, value: 2n * DEF, data: '0x' }];
    const data = viem.encodeFunctionData({ abi: probe.abi, functionName: 'batch', args: [batch] });
    const hash = await owner.sendTransaction({ to: owner.account.address, data, authorizationList: [authorization] });
    const receipt = await mined(hash);
    assert.equal(receipt.type, 'eip7702');
    assert.equal(receipt.status, 'success');
    assert.equal(await client.getBalance({ address: first }), received(DEF));
    assert.equal(await client.getBalance({ address: second }), received(2n * DEF));
    const { address } = owner.account;
    assert.equal(await client.getDelegation({ address }), viem.getAddress(probe.address));
    assert.equal(await client.getTransactionCount({ address }), 2);
    const tx = await client.getTransaction({ hash });
    assert.equal(tx.type, 'eip7702');
    assert.equal(viem.getAddress(tx.authorizationList[0].address), viem.getAddress(probe.address));

    const end = await owner.signAuthorization({ contractAddress: viem.zeroAddress, executor: 'self' });
    await mined(await owner.sendTransaction({ to: someone(), authorizationList: [end] }));
    assert.equal(await client.getCode({ address }), undefined);
  });

  await step('waits for the receipt in the call that sends', async () => {
    const [from, to] = [await account(), someone()];
    const receipt = await from.sendTransactionSync({ to, value: 5n });
    assert.equal(receipt.status, 'success');
    assert.equal((await client.getTransactionReceipt({ hash: receipt.transactionHash })).blockHash, receipt.blockHash);
    assert.equal(await client.getBalance({ address: to }), received(5n));
  });

  await step('counts pending transactions and replaces one', async () => {
    const [from, to] = [await account(), someone()];
    const { address } = from.account;
    const nonceOf = (blockTag) => client.getTransactionCount({ address, blockTag });
    const fees = { gas: 21_000n, maxFeePerGas: 10n * GWEI, maxPriorityFeePerGas: GWEI };
    await from.sendTransaction({ to, value: 1n, nonce: 1, ...fees });
    assert.deepEqual([await nonceOf('pending'), await nonceOf('latest')], [0, 0]);
    const same = await failure(from.sendTransaction({ to, value: 2n, nonce: 1, ...fees }));
    assert.match(same.details, /replacement transaction underpriced/);
    const hash = await from.sendTransaction({ to, value: 4n, nonce: 1, ...fees, maxFeePerGas: 20n * GWEI, maxPriorityFeePerGas: 2n * GWEI });
    await from.sendTransaction({ to, value: 8n, nonce: 0 });
    assert.equal((await mined(hash)).status, 'success');
    assert.deepEqual([await nonceOf('pending'), await nonceOf('latest')], [2, 2]);
    assert.equal(await client.getBalance({ address: to }), received(12n));
  });

  await step('names the rule that a refused transaction breaks', async () => {
    const from = await account(DEF);
    const cause = async (request, type) => {
      const error = await failure(from.sendTransaction({ to: someone(), gas: 21_000n, ...request }));
      assert.ok(error.walk((one) => one instanceof type), `${error.name}: ${error.details}`);
    };
    await mined(await from.sendTransaction({ to: someone() }));
    await cause({ value: 5n * DEF }, viem.InsufficientFundsError);
    await cause({ nonce: 0 }, viem.NonceTooLowError);
    await cause({ gas: 20_000n }, viem.IntrinsicGasTooLowError);
    // Refused at once rather than left waiting for a base fee that never comes.
    if (OURS) await cause({ maxFeePerGas: 1n, maxPriorityFeePerGas: 0n }, viem.FeeCapTooLowError);
  });
}

async function tokens(step) {
  const [owner, holder, spender] = [await account(), await account(), await account()];
  const args = ['Deflating Dollar', 'DDL', 1_000_000n];
  const token = await step('deploys an OpenZeppelin ERC-20 with constructor arguments', async () => {
    const made = await deploy(owner, 'Token', args);
    const read = made.read;
    // One batch of five calls.
    const answers = await Promise.all([read.name(), read.symbol(), read.decimals(), read.totalSupply(), read.balanceOf([owner.account.address])]);
    assert.deepEqual(answers, ['Deflating Dollar', 'DDL', 18, 1_000_000n, 1_000_000n]);
    return made;
  });
  const as = (who) => viem.getContract({ address: token.address, abi: token.abi, client: { public: client, wallet: who } });

  await step('transfers, approves and spends tokens; old blocks keep old balances', async () => {
    const { request, result } = await client.simulateContract({ ...at(token), account: owner.account, functionName: 'transfer', args: [holder.account.address, 300n] });
    assert.equal(result, true);
    const first = await mined(await owner.writeContract(request));
    await mined(await as(holder).write.approve([spender.account.address, 100n]));
    await mined(await as(spender).write.transferFrom([holder.account.address, spender.account.address, 60n]));
    const balance = (when) => token.read.balanceOf([holder.account.address], when);
    assert.equal(await balance({ blockTag: 'latest' }), 240n);
    assert.equal(await balance({ blockTag: 'pending' }), 240n);
    assert.equal(await balance({ blockNumber: first.blockNumber }), 300n);
    assert.equal(await balance({ blockNumber: first.blockNumber - 1n }), 0n);
    assert.equal(await token.read.allowance([holder.account.address, spender.account.address]), 40n);
  });

  await step('reads events by range, by argument and through an installed filter', async () => {
    const deployed = (await client.getContractEvents({ ...at(token), fromBlock: 0n, eventName: 'Transfer' }))[0].blockNumber;
    const range = { ...at(token), fromBlock: deployed, toBlock: 'latest' };
    const all = await client.getContractEvents({ ...range, eventName: 'Transfer' });
    assert.deepEqual(all.map((log) => log.args.value), [1_000_000n, 300n, 60n]);
    const mine = await client.getContractEvents({ ...range, eventName: 'Transfer', args: { from: holder.account.address } });
    assert.deepEqual(mine.map((log) => log.args.value), [60n]);
    assert.deepEqual(await client.getLogs({ address: token.address, blockHash: mine[0].blockHash }).then((logs) => logs.length), 1);

    const filter = await client.createContractEventFilter({ ...at(token), fromBlock: deployed, eventName: 'Approval' });
    assert.equal((await client.getFilterLogs({ filter })).length, 1);
    await client.getFilterChanges({ filter });
    await mined(await as(holder).write.approve([spender.account.address, 5n]));
    const [changed, ...more] = await client.getFilterChanges({ filter });
    assert.deepEqual([changed.args.value, more.length], [5n, 0]);
    assert.deepEqual(await client.getFilterChanges({ filter }), []);
    assert.equal(await client.uninstallFilter({ filter }), true);
    await failure(client.getFilterChanges({ filter }));
  });

  await step('signs typed data that the chain and viem verify', async () => {
    const data = {
      domain: { name: args[0], version: '1', chainId: CHAIN_ID, verifyingContract: token.address },
      types: {
        Permit: ['owner:address', 'spender:address', 'value:uint256', 'nonce:uint256', 'deadline:uint256']
          .map((field) => field.split(':')).map(([name, type]) => ({ name, type })),
      },
      primaryType: 'Permit',
      message: { owner: owner.account.address, spender: spender.account.address, value: 7n, nonce: 0n, deadline: 2n ** 48n },
    };
    const signature = await owner.signTypedData(data);
    assert.equal(await client.verifyTypedData({ address: owner.account.address, ...data, signature }), true);
    const { r, s, v } = viem.parseSignature(signature);
    const { owner: from, spender: to, value, deadline } = data.message;
    await mined(await as(spender).write.permit([from, to, value, deadline, Number(v), r, s]));
    assert.equal(await token.read.allowance([from, to]), 7n);
    if (KIND === 'localnet') return;
    // The node's own key makes the same signature.
    const key = privateKeyToAccount(fundedKey(8));
    const unlocked = viem.createWalletClient({ ...options, account: key.address });
    assert.equal(await unlocked.signTypedData(data), await key.signTypedData(data));
    assert.ok((await unlocked.getAddresses()).includes(key.address));
  });
}

async function calls(step) {
  const owner = await account();
  const probe = await deploy(owner, 'Probe');
  const ways = [
    ['a reason', 'failWithString', ['not like this'], (cause) => assert.equal(cause.reason, 'not like this')],
    ['a custom error', 'failWithError', [500n], (cause) => {
      assert.equal(cause.data.errorName, 'TooMuch');
      assert.deepEqual(cause.data.args, [500n, 100n, owner.account.address]);
    }],
    ['a panic', 'failWithPanic', [0n], (cause) => assert.match(cause.reason, /zero/i)],
    ['nothing', 'failBare', [], (cause) => assert.equal(cause.raw, '0x')],
  ];
  for (const [what, functionName, args, matches] of ways) {
    await step(`decodes a revert with ${what} from a call, from an estimate and when mined`, async () => {
      const request = { ...at(probe), functionName, args, account: owner.account };
      const simulated = await failure(client.simulateContract(request));
      matches(simulated.walk((one) => one instanceof viem.ContractFunctionRevertedError));
      const estimated = await failure(client.estimateContractGas(request));
      assert.ok(estimated.walk((one) => one instanceof viem.ExecutionRevertedError), estimated.message);
      const receipt = await mined(await owner.writeContract({ ...request, gas: 200_000n }));
      assert.equal(receipt.status, 'reverted');
      assert.ok(receipt.gasUsed < 200_000n, 'gas used is charged, not the limit');
      assert.equal(await probe.read.stored(), 0n);
      const again = await failure(client.simulateContract({ ...request, blockNumber: receipt.blockNumber - 1n }));
      matches(again.walk((one) => one instanceof viem.ContractFunctionRevertedError));
    });
  }

  await step('calls with state that is only supposed, and without a deployment', async () => {
    const rich = someone();
    const supposed = [{ address: rich, balance: 1_000_000n * DEF }, { address: probe.address, stateDiff: [{ slot: viem.zeroHash, value: viem.toHex(77n, { size: 32 }) }] }];
    const { data } = await client.call({ account: rich, to: someone(), value: 999_999n * DEF, stateOverride: supposed });
    assert.equal(data, undefined);
    assert.equal(await client.readContract({ ...at(probe), functionName: 'stored', stateOverride: supposed }), 77n);
    assert.equal(await probe.read.stored(), 0n);
    assert.equal(await client.estimateGas({ account: rich, to: someone(), value: DEF, stateOverride: supposed }), 21_000n);
    // Creation code that answers with 32 bytes of 0x2a, through eth_call without a receiver.
    const answered = await client.call({ data: '0x602a60005260206000f3' });
    assert.equal(BigInt(answered.data), 42n);
  });
}

async function watching(step) {
  const owner = await account();
  const probe = await deploy(owner, 'Probe');
  const note = async (number) => mined(await probe.write.note([number, `note ${number}`]));

  await step('watches events by polling', async () => {
    const [heard, told] = [[], []];
    const stop = client.watchContractEvent({ ...at(probe), eventName: 'Noted', onLogs: (logs) => heard.push(...logs), onError: (error) => heard.push(error) });
    try {
      // viem does not say when its filter is in place: from the first event heard none may be missing.
      await until('an event', async () => {
        told.push((await note(BigInt(told.length))).transactionHash);
        return heard.length > 0;
      });
      told.push((await note(1_000n)).transactionHash);
      await until('the last event', () => heard.some((log) => log.args?.number === 1_000n));
      assert.deepEqual(heard.map((log) => log.transactionHash), told.slice(told.length - heard.length));
    } finally {
      stop();
    }
  });

  await step('watches blocks, events and pending transactions through subscriptions', async () => {
    const socket = viem.createPublicClient({ chain, transport: viem.webSocket(WS_URL) });
    const { subscribe } = (await socket.transport.getRpcClient()) && socket.transport;
    const [heads, logs, pending] = [[], [], []];
    const into = (list) => ({ onData: ({ result }) => list.push(result), onError: (error) => list.push(error) });
    const open = [
      await subscribe({ params: ['newHeads'], ...into(heads) }),
      await subscribe({ params: ['logs', { address: probe.address }], ...into(logs) }),
      await subscribe({ params: ['newPendingTransactions'], ...into(pending) }),
    ];
    const watched = [];
    const stop = socket.watchBlocks({ onBlock: (block) => watched.push(block), onError: (error) => watched.push(error) });
    await socket.getBlockNumber();
    const receipt = await note(5n);
    const { transactionHash, blockHash, blockNumber } = receipt;
    await until('a header', () => heads.some((head) => head.hash === blockHash));
    await until('a watched block', () => watched.some((block) => block.number === blockNumber));
    await until('a log', () => logs.length > 0);
    await until('the hash', () => pending.includes(transactionHash));
    assert.deepEqual(logs.map((log) => [log.transactionHash, log.blockHash, BigInt(log.logIndex), log.removed]), [[transactionHash, blockHash, BigInt(receipt.logs[0].logIndex), false]]);
    const numbers = heads.map((head) => Number(head.number));
    assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i), 'no header left out');
    for (const { unsubscribe } of open) await unsubscribe();
    stop();
    const before = logs.length;
    await note(6n);
    assert.equal(logs.length, before, 'nothing after unsubscribing');
  });

  await step('watches headers and events with its own helpers over one socket', async () => {
    const socket = viem.createPublicClient({ chain, transport: viem.webSocket(WS_URL) });
    const [numbers, events] = [[], []];
    const stops = [
      socket.watchBlockNumber({ onBlockNumber: (number) => numbers.push(number) }),
      socket.watchContractEvent({ ...at(probe), eventName: 'Noted', args: { who: owner.account.address }, onLogs: (logs) => events.push(...logs) }),
    ];
    const told = [];
    await until('an event', async () => {
      told.push(await note(BigInt(200 + told.length)));
      return events.length > 0;
    });
    assert.equal(events[0].args.who, owner.account.address);
    await until('its block', () => numbers.includes(events[0].blockNumber));
    for (const stop of stops) stop();
  });
}

async function blocks(step) {
  await step('gives blocks with transactions, and errors of the right kind for what is not there', async () => {
    const from = await account();
    const receipt = await mined(await from.sendTransaction({ to: someone(), value: 1n }));
    const block = await client.getBlock({ blockHash: receipt.blockHash, includeTransactions: true });
    const tx = block.transactions[receipt.transactionIndex];
    assert.equal(tx.hash, receipt.transactionHash);
    assert.deepEqual(tx, await client.getTransaction({ hash: receipt.transactionHash }));
    assert.deepEqual(tx, await client.getTransaction({ blockHash: block.hash, index: receipt.transactionIndex }));
    assert.equal(await client.getBlockTransactionCount({ blockNumber: block.number }), block.transactions.length);
    const nothing = generatePrivateKey();
    const missing = [
      [client.getBlock({ blockHash: nothing }), viem.BlockNotFoundError],
      [client.getBlock({ blockNumber: 2n ** 40n }), viem.BlockNotFoundError],
      [client.getTransaction({ hash: nothing }), viem.TransactionNotFoundError],
      [client.getTransactionReceipt({ hash: nothing }), viem.TransactionReceiptNotFoundError],
    ];
    for (const [asked, type] of missing) assert.ok((await failure(asked)) instanceof type, type.name);
    await failure(client.getBalance({ address: from.account.address, blockNumber: 2n ** 40n }));
    await failure(client.getLogs({ blockHash: nothing }));
  });
}

script('viem', async (step) => {
  await network(step);
  await transfers(step);
  await tokens(step);
  await calls(step);
  await watching(step);
  await blocks(step);
});

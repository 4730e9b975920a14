'use strict';
// ethers v6 as an application uses it: library defaults for fees, nonces, gas and polling, contracts through their ABI.

const assert = require('node:assert/strict');
const { ethers } = require('ethers');
const { artifacts } = require('../lib/compile.js');
const { CHAIN_ID, KIND, OURS, RPC_URL, WS_URL, failure, fundedKey, received, rpc, script, until } = require('../lib/suite.js');

const DEF = ethers.parseEther('1');
const GWEI = ethers.parseUnits('1', 'gwei');

// Blocks come faster than ethers expects: by default it keeps an answer for 250 ms and asks for news every 4 s.
const provider = new ethers.JsonRpcProvider(RPC_URL, undefined, { pollingInterval: 100, cacheTimeout: -1 });
const funder = new ethers.Wallet(fundedKey(1), provider);
const contracts = artifacts();
const factory = (name, signer) => new ethers.ContractFactory(contracts[name].abi, contracts[name].bytecode, signer);

/** A new account with money, so that runs against a chain that goes on do not meet. */
async function account(value = 10n * DEF) {
  const wallet = ethers.Wallet.createRandom().connect(provider);
  const tx = await funder.sendTransaction({ to: wallet.address, value });
  await tx.wait();
  return wallet;
}

async function network(step) {
  await step('says which network it is', async () => {
    assert.equal((await provider.getNetwork()).chainId, BigInt(CHAIN_ID));
    assert.equal(await provider.send('net_version', []), String(CHAIN_ID));
    assert.match(await provider.send('web3_clientVersion', []), /\w+\/v?\d/);
  });

  await step('suggests fees that pay for the next block', async () => {
    const [fees, block] = [await provider.getFeeData(), await provider.getBlock('latest')];
    assert.ok(block.baseFeePerGas > 0n, 'a base fee');
    assert.ok(fees.maxFeePerGas >= block.baseFeePerGas + fees.maxPriorityFeePerGas, 'covers base fee and tip');
    assert.ok(fees.gasPrice >= block.baseFeePerGas, 'gas price covers the base fee');
  });

  await step('gives tagged blocks in order', async () => {
    // One after another: blocks may come in between, so that each number is at least the one before.
    const tags = ['earliest', 'finalized', 'safe', 'latest'];
    const numbers = [];
    for (const tag of tags) numbers.push((await provider.getBlock(tag)).number);
    assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b), String(tags));
    if (OURS) {
      // A block is final as soon as it exists.
      const latest = (await provider.getBlock('latest')).number;
      assert.ok((await provider.getBlock('finalized')).number >= latest);
      assert.ok((await provider.getBlock('safe')).number >= latest);
    }
  });
}

const TRANSFERS = [
  { type: 0, fields: async () => ({ gasPrice: 3n * GWEI }), gas: 21_000n },
  {
    type: 1,
    fields: async () => ({ gasPrice: 3n * GWEI, accessList: [{ address: ethers.ZeroAddress, storageKeys: [ethers.ZeroHash] }] }),
    gas: 21_000n + 2_400n + 1_900n,
  },
  { type: 2, fields: async () => ({}), gas: 21_000n },
];

async function transfers(step) {
  for (const { type, fields, gas } of TRANSFERS) {
    await step(`sends a transfer of type ${type}, charged to the wei`, async () => {
      const [from, to] = [await account(), ethers.Wallet.createRandom().address];
      const before = await provider.getBalance(from.address);
      const sent = await from.sendTransaction({ type, to, value: DEF, ...(await fields()) });
      const receipt = await sent.wait();
      assert.equal(receipt.status, 1);
      assert.equal(receipt.type, type);
      assert.equal(receipt.gasUsed, gas);
      assert.equal(receipt.from, from.address);
      assert.equal(receipt.to, to);
      assert.equal(before - (await provider.getBalance(from.address)), DEF + receipt.fee);
      assert.equal(await provider.getBalance(to), received(DEF));

      const block = await receipt.getBlock();
      const tx = await provider.getTransaction(sent.hash);
      assert.equal(tx.type, type);
      assert.equal(tx.chainId, BigInt(CHAIN_ID));
      assert.equal(tx.from, from.address);
      assert.equal(tx.blockHash, block.hash);
      assert.equal(tx.index, receipt.index);
      assert.equal(tx.accessList?.length ?? 0, type === 1 ? 1 : 0);
      const tip = type === 2 ? tx.maxPriorityFeePerGas : undefined;
      const price = type === 2 ? block.baseFeePerGas + tip : 3n * GWEI;
      assert.equal(receipt.gasPrice, type === 2 && price > tx.maxFeePerGas ? tx.maxFeePerGas : price);
      // The hash is that of the signed bytes.
      assert.equal(ethers.Transaction.from(tx).hash, sent.hash);
    });
  }

  await step('delegates an account to a contract with a type 4 transaction, and takes it back', async () => {
    const [owner, probe] = [await account(), await deployProbe()];
    const [first, second] = [ethers.Wallet.createRandom().address, ethers.Wallet.createRandom().address];
    // Another account pays the fee: the owner only signs.
    const authorization = await owner.authorize({ address: await probe.getAddress(), nonce: 0, chainId: CHAIN_ID });
    const data = probe.interface.encodeFunctionData('batch', [[[first, DEF, '0x'], [second, 2n * DEF, '0x']]]);
    const sent = await funder.sendTransaction({ type: 4, to: owner.address, data, authorizationList: [authorization] });
    const receipt = await sent.wait();
    assert.equal(receipt.type, 4);
    assert.equal(receipt.status, 1);
    assert.equal(await provider.getBalance(first), received(DEF));
    assert.equal(await provider.getBalance(second), received(2n * DEF));
    const code = ethers.concat(['0xef0100', await probe.getAddress()]);
    assert.equal(await provider.getCode(owner.address), code);
    assert.equal(await provider.getTransactionCount(owner.address), 1);
    const tx = await provider.getTransaction(sent.hash);
    assert.equal(tx.authorizationList.length, 1);
    assert.equal(tx.authorizationList[0].address, await probe.getAddress());

    const back = await owner.authorize({ address: ethers.ZeroAddress, nonce: 1, chainId: CHAIN_ID });
    await (await funder.sendTransaction({ type: 4, to: owner.address, authorizationList: [back] })).wait();
    assert.equal(await provider.getCode(owner.address), '0x');
  });
}

async function pool(step) {
  await step('holds a transaction with a nonce gap and runs it when the gap is filled', async () => {
    const [from, to] = [await account(), ethers.Wallet.createRandom().address];
    const later = await from.sendTransaction({ to, value: 2n, nonce: 1 });
    assert.equal(await from.getNonce('pending'), 0);
    assert.equal(await from.getNonce('latest'), 0);
    assert.equal(await provider.getTransactionReceipt(later.hash), null);
    const waiting = await provider.getTransaction(later.hash);
    assert.equal(waiting.blockNumber, null);
    assert.equal(waiting.nonce, 1);
    await from.sendTransaction({ to, value: 1n, nonce: 0 });
    const receipt = await provider.waitForTransaction(later.hash);
    assert.equal(receipt.status, 1);
    assert.equal(await from.getNonce('latest'), 2);
    assert.equal(await from.getNonce('pending'), 2);
    assert.equal(await provider.getBalance(to), received(3n));
  });

  await step('replaces a waiting transaction only for a higher fee', async () => {
    const from = await account();
    const fees = { maxFeePerGas: 10n * GWEI, maxPriorityFeePerGas: 2n * GWEI };
    const replaced = await from.sendTransaction({ to: from.address, nonce: 1, ...fees });
    const same = await failure(from.sendTransaction({ to: from.address, nonce: 1, value: 1n, ...fees }));
    assert.equal(same.code, 'REPLACEMENT_UNDERPRICED', same.message);
    const higher = { maxFeePerGas: 12n * GWEI, maxPriorityFeePerGas: 3n * GWEI };
    const chosen = await from.sendTransaction({ to: from.address, nonce: 1, value: 1n, ...higher });
    await from.sendTransaction({ to: from.address, nonce: 0 });
    assert.equal((await provider.waitForTransaction(chosen.hash)).status, 1);
    assert.equal(await provider.getTransactionReceipt(replaced.hash), null);
  });

  await step('refuses what can not be paid or was used, in words ethers understands', async () => {
    const from = await account(DEF);
    const to = from.address;
    const poor = await failure(from.sendTransaction({ to, value: 5n * DEF, gasLimit: 21_000n }));
    assert.equal(poor.code, 'INSUFFICIENT_FUNDS', poor.message);
    await (await from.sendTransaction({ to })).wait();
    const used = await failure(from.sendTransaction({ to, nonce: 0, value: 1n }));
    assert.equal(used.code, 'NONCE_EXPIRED', used.message);
    const cheap = { to, type: 2, maxFeePerGas: 1n, maxPriorityFeePerGas: 0n, gasLimit: 21_000n };
    if (OURS) {
      const refused = await failure(from.sendTransaction(cheap));
      assert.match(refused.message, /underpriced|base fee|fee cap/i);
    }
    const other = await from.signTransaction({ ...cheap, maxFeePerGas: 5n * GWEI, nonce: 1, chainId: 1 });
    const wrong = await failure(provider.broadcastTransaction(other));
    assert.match(wrong.message, /chain/i);
  });
}

async function deployProbe(signer = funder) {
  const probe = await factory('Probe', signer).deploy();
  return probe.waitForDeployment();
}

async function tokens(step) {
  const owner = await account();
  const holder = await account();
  const spender = await account();
  const token = await step('deploys an OpenZeppelin ERC-20 with constructor arguments', async () => {
    const made = await factory('Token', owner).deploy('Deflating Dollar', 'DDL', 1_000_000n);
    await made.waitForDeployment();
    const receipt = await made.deploymentTransaction().wait();
    assert.equal(receipt.contractAddress, await made.getAddress());
    assert.equal(receipt.contractAddress, ethers.getCreateAddress({ from: owner.address, nonce: 0 }));
    assert.ok((await made.getDeployedCode()).length > 1_000);
    assert.equal(await made.name(), 'Deflating Dollar');
    assert.equal(await made.symbol(), 'DDL');
    assert.equal(await made.decimals(), 18n);
    assert.equal(await made.totalSupply(), 1_000_000n);
    assert.equal(await made.balanceOf(owner.address), 1_000_000n);
    return made;
  });

  await step('transfers, approves and spends tokens; old blocks keep old balances', async () => {
    const first = await (await token.transfer(holder.address, 300n)).wait();
    await (await token.connect(holder).approve(spender.address, 100n)).wait();
    assert.equal(await token.allowance(holder.address, spender.address), 100n);
    await (await token.connect(spender).transferFrom(holder.address, spender.address, 60n)).wait();
    const at = (blockTag) => token.balanceOf(holder.address, { blockTag });
    assert.equal(await at('latest'), 240n);
    assert.equal(await at('pending'), 240n);
    assert.equal(await at(first.blockNumber), 300n);
    assert.equal(await at(first.blockNumber - 1), 0n);
    assert.equal(await at(first.blockHash), 300n);
    assert.equal(await token.allowance(holder.address, spender.address), 40n);
  });

  await step('approves by a typed-data signature', async () => {
    const domain = { name: 'Deflating Dollar', version: '1', chainId: CHAIN_ID, verifyingContract: await token.getAddress() };
    const types = {
      Permit: [
        { name: 'owner', type: 'address' },
        { name: 'spender', type: 'address' },
        { name: 'value', type: 'uint256' },
        { name: 'nonce', type: 'uint256' },
        { name: 'deadline', type: 'uint256' },
      ],
    };
    const message = { owner: holder.address, spender: spender.address, value: 7n, nonce: 0n, deadline: 2n ** 48n };
    const signature = await holder.signTypedData(domain, types, message);
    assert.equal(ethers.verifyTypedData(domain, types, message, signature), holder.address);
    const { v, r, s } = ethers.Signature.from(signature);
    const permit = token.connect(spender).permit;
    await (await permit(message.owner, message.spender, message.value, message.deadline, v, r, s)).wait();
    assert.equal(await token.allowance(holder.address, spender.address), 7n);
  });

  await step('decodes the custom error of OpenZeppelin', async () => {
    const error = await failure(token.connect(spender).transfer(owner.address, 1_000n));
    assert.equal(error.code, 'CALL_EXCEPTION');
    const { name, args } = token.interface.parseError(error.data);
    assert.equal(name, 'ERC20InsufficientBalance');
    assert.deepEqual([...args], [spender.address, 60n, 1_000n]);
  });

  await step('finds events by filter', async () => {
    const all = await token.queryFilter(token.filters.Transfer());
    assert.deepEqual(all.map((event) => event.args.value), [1_000_000n, 300n, 60n]);
    const mine = await token.queryFilter(token.filters.Transfer(holder.address));
    assert.deepEqual(mine.map((event) => [event.args.to, event.args.value]), [[spender.address, 60n]]);
    const [event] = await token.queryFilter(token.filters.Transfer(null, holder.address), all[1].blockNumber, all[1].blockNumber);
    assert.equal(event.transactionHash, all[1].transactionHash);
    const receipt = await event.getTransactionReceipt();
    assert.deepEqual(receipt.logs.map((log) => log.index), [event.index]);
    const byHash = await provider.getLogs({ blockHash: event.blockHash, address: await token.getAddress() });
    assert.deepEqual(byHash.map((log) => log.transactionHash), [event.transactionHash]);
    const either = [[ethers.id('Approval(address,address,uint256)'), ethers.id('Transfer(address,address,uint256)')]];
    const both = await provider.getLogs({ fromBlock: all[0].blockNumber, address: await token.getAddress(), topics: either });
    assert.equal(both.length, 5);
  });
}

async function events(step) {
  const probe = await deployProbe(await account());
  await step('hears events through a polled filter', async () => {
    const [heard, told] = [[], []];
    await probe.on('Noted', (who, number, text, event) => heard.push([number, text, event.log.transactionHash]));
    // Behind the installation of the filter in the provider's queue.
    await provider.send('eth_blockNumber', []);
    // ethers polls the filter at each block after the first that it has seen; which is that, on a chain without idle
    // blocks, is not ours to know. So more events are made until one was heard; then none may be missing.
    await until('an event', async () => {
      const sent = await probe.note(told.length, 'by filter');
      told.push([BigInt(told.length), 'by filter', sent.hash]);
      await sent.wait();
      return heard.length > 0;
    });
    await until('all events', () => heard.length >= told.length);
    assert.deepEqual(heard, told);
    await probe.removeAllListeners();
  });

  await step('hears blocks, events and pending transactions through subscriptions', async () => {
    const socket = new ethers.WebSocketProvider(WS_URL);
    try {
      const [blocks, logs, pending] = [[], [], []];
      await socket.on('block', (number) => blocks.push(number));
      await socket.on({ address: await probe.getAddress(), topics: [ethers.id('Noted(address,uint256,string)')] }, (log) => logs.push(log));
      await socket.on('pending', (hash) => pending.push(hash));
      await socket.getBlockNumber();
      const sent = await probe.note(8n, 'by subscription');
      const receipt = await sent.wait();
      await until('a header, a log and a hash', () => blocks.includes(receipt.blockNumber) && logs.length > 0 && pending.includes(sent.hash));
      assert.equal(logs.length, 1);
      const { args } = probe.interface.parseLog(logs[0]);
      assert.deepEqual([...args], [probe.runner.address, 8n, 'by subscription']);
      assert.equal(logs[0].blockHash, receipt.blockHash);
      // The head that was announced can be read at once.
      assert.equal((await socket.getBlock(receipt.blockNumber)).hash, receipt.blockHash);
    } finally {
      await socket.destroy();
    }
  });
}

async function reverts(step) {
  const caller = await account();
  const probe = await deployProbe(caller);
  const check = {
    string: (error) => assert.equal(error.reason, 'not like this'),
    custom: (error) => {
      // Filled in by ethers itself for a call, not for an estimate.
      const { name, args } = error.revert ?? probe.interface.parseError(error.data);
      assert.equal(name, 'TooMuch');
      assert.deepEqual([...args], [500n, 100n, caller.address]);
    },
    panic: (error) => assert.match(error.reason, /DIVIDE_BY_ZERO/),
    bare: (error) => assert.equal(error.data, '0x'),
  };
  const ways = [
    ['a reason', 'failWithString', ['not like this'], check.string],
    ['a custom error', 'failWithError', [500n], check.custom],
    ['a panic', 'failWithPanic', [0n], check.panic],
    ['nothing', 'failBare', [], check.bare],
  ];
  for (const [what, method, args, matches] of ways) {
    await step(`decodes a revert with ${what} from a call, from an estimate and when mined`, async () => {
      for (const way of ['staticCall', 'estimateGas', 'send']) {
        const error = await failure(probe[method][way](...args));
        assert.equal(error.code, 'CALL_EXCEPTION', `${way}: ${error.message}`);
        // ethers keeps no data of an estimate that reverts without any.
        if (what !== 'nothing' || way === 'staticCall') matches(error);
      }
      const sent = await probe[method](...args, { gasLimit: 200_000n });
      const error = await failure(sent.wait());
      assert.equal(error.code, 'CALL_EXCEPTION');
      assert.equal(error.receipt.status, 0);
      assert.equal(error.receipt.logs.length, 0);
      // Why it failed shows when it is called again on the state before it.
      matches(await failure(probe[method].staticCall(...args, { blockTag: error.receipt.blockNumber - 1 })));
      assert.equal(await probe.stored(), 0n);
    });
  }
}

async function blocks(step) {
  await step('gives a block with its transactions and all receipts at once', async () => {
    const from = await account();
    const probe = await deployProbe(from);
    const receipt = await (await probe.noteMany(3n)).wait();
    const block = await provider.getBlock(receipt.blockNumber, true);
    assert.equal(block.hash, receipt.blockHash);
    assert.ok(block.gasUsed >= receipt.gasUsed && block.gasUsed <= block.gasLimit);
    assert.ok(Math.abs(block.timestamp - Date.now() / 1_000) < 60, `block time ${block.timestamp}`);
    assert.equal(block.prefetchedTransactions[receipt.index].hash, receipt.hash);
    assert.equal((await provider.getBlock(block.number - 1)).hash, block.parentHash);
    assert.equal((await provider.getBlock(block.hash)).number, block.number);

    const all = await provider.send('eth_getBlockReceipts', [ethers.toQuantity(block.number)]);
    assert.equal(all.length, block.length);
    assert.deepEqual(all[receipt.index], await rpc('eth_getTransactionReceipt', [receipt.hash]));
    assert.equal(all.reduce((sum, one) => sum + BigInt(one.gasUsed), 0n), block.gasUsed);
    let index = 0;
    for (const one of all) for (const log of one.logs) assert.equal(Number(log.logIndex), index++);
  });

  await step('shows contracts the block that they run in', async () => {
    const from = await account();
    const probe = await deployProbe(from);
    const number = await provider.getBlockNumber();
    const [block, seen] = [await provider.getBlock(number), await probe.around({ blockTag: number })];
    assert.equal(seen.chainId, BigInt(CHAIN_ID));
    assert.equal(seen.height, BigInt(number));
    assert.equal(seen.time, BigInt(block.timestamp));
    assert.equal(seen.parent, block.parentHash);
    assert.equal(seen.balance, await provider.getBalance(from.address, number));
    assert.equal(BigInt(await provider.getStorage(await probe.getAddress(), 0)), 0n);
  });

  await step('answers null for what is not there, and an error for state of no block', async () => {
    const nothing = ethers.hexlify(ethers.randomBytes(32));
    assert.equal(await provider.getBlock(nothing), null);
    assert.equal(await provider.getBlock(2 ** 40), null);
    assert.equal(await provider.getTransaction(nothing), null);
    assert.equal(await provider.getTransactionReceipt(nothing), null);
    await failure(provider.getBalance(funder.address, 2 ** 40));
    await failure(provider.getLogs({ blockHash: nothing }));
  });
}

async function unlocked(step) {
  if (KIND === 'localnet') {
    await step('holds no keys for others', async () => {
      assert.deepEqual(await provider.send('eth_accounts', []), []);
    });
    return;
  }

  await step('signs and sends for its unlocked accounts', async () => {
    const signer = await provider.getSigner(9);
    const key = new ethers.Wallet(fundedKey(9));
    assert.equal(signer.address, key.address);
    const to = ethers.Wallet.createRandom().address;
    const receipt = await (await signer.sendTransaction({ to, value: 5n })).wait();
    assert.equal(receipt.status, 1);
    assert.equal(await provider.getBalance(to), received(5n));
    assert.equal(await signer.signMessage('hello'), await key.signMessage('hello'));
    const domain = { name: 'Mail', version: '1', chainId: CHAIN_ID, verifyingContract: to };
    const types = {
      Mail: [{ name: 'from', type: 'Person' }, { name: 'contents', type: 'string' }, { name: 'amounts', type: 'uint256[]' }],
      Person: [{ name: 'name', type: 'string' }, { name: 'wallet', type: 'address' }],
    };
    const value = { from: { name: 'Ada', wallet: key.address }, contents: 'Hello', amounts: [1n, 2n ** 200n] };
    assert.equal(await signer.signTypedData(domain, types, value), await key.signTypedData(domain, types, value));
  });
}

script('ethers', async (step) => {
  await network(step);
  await transfers(step);
  await pool(step);
  await tokens(step);
  await events(step);
  await reverts(step);
  await blocks(step);
  await unlocked(step);
});

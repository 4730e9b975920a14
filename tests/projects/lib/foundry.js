'use strict';
// What is done with the Foundry project.

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { snippets } = require('../../clients/lib/book.js');

const MNEMONIC = process.env.MNEMONIC ?? 'test test test test test test test test test test test junk';
const ETHER = 10n ** 18n;

/** The smallest project that the commands of docs/src/tools.md can be run in. */
const SMALL = {
  'src/Box.sol': 'pragma solidity ^0.8.30; contract Box { uint256 public value; function store(uint256 to) external { value = to; } }',
  'script/Deploy.s.sol': `pragma solidity ^0.8.30; import {Script} from "forge-std/Script.sol"; import {Box} from "../src/Box.sol";
    contract Deploy is Script { function run() external { vm.startBroadcast(); new Box().store(7); vm.stopBroadcast(); } }`,
  'test/Box.t.sol': `pragma solidity ^0.8.30; import {Test} from "forge-std/Test.sol"; import {Box} from "../src/Box.sol";
    contract BoxTest is Test { function test_stores() public { Box box = new Box(); box.store(block.chainid); assertEq(box.value(), 35679); } }`,
};

function equal(what, found, expected) {
  if (String(found) !== String(expected)) throw new Error(`${what} is ${found}, not ${expected}`);
}

module.exports = async ({ kind, folder, step, run }) => {
  const url = process.env.RPC_URL;
  // What the tools write goes to a folder of this run; the addresses have to be in the project's for forge to write them.
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'defchain-foundry-'));
  const addresses = (name) => path.join(folder, `addresses-${process.pid}-${name}.json`);
  const env = (name) => ({ RPC_URL: url, ADDRESSES: addresses(name), FOUNDRY_BROADCAST: path.join(scratch, name) });
  const key = async (index) => (await run({}, 'cast', 'wallet', 'private-key', MNEMONIC, `m/44'/60'/0'/0/${index}`)).trim();
  const cast = async (command, ...args) => (await run({}, 'cast', command, ...args, '--rpc-url', url)).trim();
  const [first, second] = [await key(6), await key(7)];
  const payer = (await run({}, 'cast', 'wallet', 'address', first)).trim();

  const script = async (name, ...how) => {
    const out = await run(env(name), 'forge', 'script', 'script/Deploy.s.sol', '--rpc-url', url, '--broadcast', ...how);
    if (!out.includes('ONCHAIN EXECUTION COMPLETE & SUCCESSFUL')) throw new Error(`not all of it was sent:\n${out}`);
    const log = path.join(scratch, name, 'Deploy.s.sol', '35679', 'run-latest.json');
    const { transactions, receipts } = JSON.parse(fs.readFileSync(log, 'utf8'));
    equal('the number of receipts', receipts.length, transactions.length);
    for (const receipt of receipts) equal('a status', Number(receipt.status), 1);
    return `${transactions.length} transactions`;
  };

  try {
    await step('forge script --broadcast', () => script('batch', '--private-key', first));
    await step('forge script --broadcast --slow', () => script('slow', '--slow', '--private-key', second));
    if (kind === 'dev') {
      const sender = await cast('rpc', 'eth_accounts').then((list) => JSON.parse(list)[8]);
      await step('forge script --broadcast --unlocked: the node signs', () => script('unlocked', '--unlocked', '--sender', sender));
    }

    await step('forge test --fork-url: what was deployed, gone on with on a fork', async () => {
      const { status, ...results } = { status: 0, ...JSON.parse(await run(env('batch'), 'forge', 'test', '--fork-url', url, '--json')) };
      const tests = Object.values(results).flatMap((suite) => Object.entries(suite.test_results));
      const bad = tests.filter(([, test]) => test.status !== 'Success');
      if (tests.length < 20 || bad.length > 0) throw new Error(`${tests.length} tests, not passed: ${JSON.stringify(bad)}`);
      return `${tests.length} tests`;
    });

    await step('forge create with constructor arguments, read and written by cast', async () => {
      const how = ['--rpc-url', url, '--private-key', first, '--broadcast', '--json'];
      const made = JSON.parse(await run({}, 'forge', 'create', 'src/CivicToken.sol:CivicToken', ...how, '--constructor-args', payer, 1_000n * ETHER));
      const token = made.deployedTo;
      equal('its code', (await cast('code', token)).length > 1_000, true);
      equal('the supply', (await cast('call', token, 'totalSupply()(uint256)')).split(' ')[0], 1_000n * ETHER);
      equal('the symbol', await cast('call', token, 'symbol()(string)'), '"CIV"');
      const someone = '0x00000000000000000000000000000000000000ff';
      const transfer = [token, 'transfer(address,uint256)', someone, '5'];
      const estimate = BigInt(await cast('estimate', ...transfer, '--from', payer));
      const receipt = JSON.parse(await cast('send', ...transfer, '--private-key', first, '--json'));
      equal('the status', Number(receipt.status), 1);
      equal('gas within the estimate', BigInt(receipt.gasUsed) <= estimate, true);
      equal('the balance', (await cast('call', token, 'balanceOf(address)(uint256)', someone)).split(' ')[0], 5);
      const logs = JSON.parse(await cast('logs', '--from-block', Number(receipt.blockNumber), '--address', token, 'Transfer(address,address,uint256)', '--json'));
      equal('the log', BigInt(logs[0].data), 5);
      // OpenZeppelin's ERC-20 keeps its supply in slot 2.
      equal('the slot of the supply', BigInt(await cast('storage', token, '2')), 1_000n * ETHER);
      return `at ${token}`;
    });

    await step('cast run: a transaction of the script, executed again', async () => {
      const log = path.join(scratch, 'batch', 'Deploy.s.sol', '35679', 'run-latest.json');
      const last = JSON.parse(fs.readFileSync(log, 'utf8')).transactions.at(-1).hash;
      const out = await cast('run', last);
      if (!/Transaction successfully executed/.test(out)) throw new Error(out);
    });

    await step('the commands in docs/src/tools.md', async () => {
      const small = path.join(scratch, 'small');
      const all = snippets('foundry', url);
      const config = all.find((one) => one.language === 'toml').text;
      for (const [name, text] of Object.entries({ ...SMALL, 'foundry.toml': config })) {
        fs.mkdirSync(path.join(small, path.dirname(name)), { recursive: true });
        fs.writeFileSync(path.join(small, name), text);
      }
      fs.mkdirSync(path.join(small, 'lib', 'forge-std'), { recursive: true });
      const packages = path.join(folder, 'node_modules');
      fs.cpSync(path.join(packages, '@layerzerolabs/toolbox-foundry/lib/forge-std'), path.join(small, 'lib/forge-std/src'), { recursive: true });
      const tools = ['cast', 'forge'].map((name) => path.join(packages, `@foundry-rs/${name}-linux-amd64/bin`));
      const env = { ...process.env, PATH: [...tools, process.env.PATH].join(path.delimiter), FOUNDRY_SOLC: path.join(folder, 'solc.js'), FOUNDRY_OFFLINE: 'true' };
      for (const { text } of all.filter((one) => one.language === 'bash')) {
        const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', text], { cwd: small, env });
        for (const proof of ['1 passed', 'Deployed to:', 'ONCHAIN EXECUTION COMPLETE']) equal(`"${proof}" among the answers`, stdout.includes(proof), true);
      }
    });

    await step('cast tells the reason of a refused call', async () => {
      const { deeds, parameters } = JSON.parse(fs.readFileSync(addresses('batch'), 'utf8'));
      const refusals = [
        [[parameters, 'setFee(uint256)', '1'], /OwnableUnauthorizedAccount|118cdaa7/],
        [[deeds, 'buy(string)', 'ipfs://x', '--value', '1'], /WrongPrice|[0-9a-f]{8}/],
      ];
      for (const [what, reason] of refusals) {
        const error = await cast('send', ...what, '--private-key', second).then(() => undefined, (caught) => caught);
        if (!error || !reason.test(error.message)) throw new Error(`${what}: ${error?.message ?? 'no error'}`);
      }
    });
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
    for (const name of ['batch', 'slow', 'unlocked']) fs.rmSync(addresses(name), { force: true });
  }
};

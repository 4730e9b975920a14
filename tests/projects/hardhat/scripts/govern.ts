// Uses what `ignition deploy` made on a chain whose clock nobody can turn: sells a deed, and lets the government upgrade
// the register and change a parameter. DEPLOYMENT names the deployment.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import hre, { network } from "hardhat";

const { ethers } = await network.create();
const id = process.env.DEPLOYMENT ?? "chain-35679";
const file = join(hre.config.paths.ignition, "deployments", id, "deployed_addresses.json");
const deployed: Record<string, string> = JSON.parse(await readFile(file, "utf8"));

const at = (contract: string, name = contract) => ethers.getContractAt(contract, deployed[`Civic#${name}`]);
const [admin, buyer] = await ethers.getSigners();
const [token, timelock, governor, parameters, deeds, register] = await Promise.all([
  at("CivicTokenByTime"), at("CivicTimelock"), at("CivicGovernor"), at("Parameters"), at("LandDeed"),
  at("RegisterV2", "RegisterBehindProxy"),
]);

async function mined(sent: Promise<{ wait(): Promise<{ status: number | null } | null> }>) {
  const receipt = await (await sent).wait();
  assert.equal(receipt?.status, 1);
}

/// Asks until the proposal has this state. The chain's clock goes by itself.
async function reaches(proposal: bigint, state: bigint) {
  const end = Date.now() + 40_000;
  for (;;) {
    const found = await governor.state(proposal);
    if (found === state) return;
    if (Date.now() > end) throw new Error(`the proposal is in state ${found}, not ${state}, after 40 s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// The deployment is wired as meant.
assert.equal(await token.getVotes(admin), await token.totalSupply());
assert.equal(await timelock.hasRole(await timelock.PROPOSER_ROLE(), governor), true);
assert.equal(await timelock.hasRole(await timelock.DEFAULT_ADMIN_ROLE(), admin), false);
assert.equal(await register.owner(), await timelock.getAddress());
assert.equal(await register.version(), 1n);

const price = await deeds.price();
const before = await ethers.provider.getBalance(deeds);
await mined(deeds.connect(buyer).buy("ipfs://deed", { value: price }));
assert.equal(await deeds.ownerOf(await deeds.totalSupply()), buyer.address);
assert.equal((await ethers.provider.getBalance(deeds)) - before, price);
await mined(register.connect(buyer).register("buyer"));
await assert.rejects(deeds.connect(buyer).withdraw(buyer.address), (error: Error & { data?: unknown }) => {
  return /OwnableUnauthorizedAccount|0x118cdaa7/.test(`${error.message} ${JSON.stringify(error.data)}`);
});
console.log("a deed is sold, a name registered");

const implementation = await ethers.deployContract("RegisterV2");
await implementation.waitForDeployment();
const upgrade = register.interface.encodeFunctionData("upgradeToAndCall", [
  await implementation.getAddress(),
  register.interface.encodeFunctionData("initializeV2", [4n]),
]);
const change = parameters.interface.encodeFunctionData("setFee", [250n]);
const text = `Upgrade the register (${Date.now()})`;
const targets = [await register.getAddress(), await parameters.getAddress()];
const proposal = [targets, [0n, 0n], [upgrade, change]] as [string[], bigint[], string[]];
await mined(governor.propose(...proposal, text));
const number = await governor.getProposalId(...proposal, ethers.id(text));
const [ACTIVE, SUCCEEDED, EXECUTED] = [1n, 4n, 7n];
await reaches(number, ACTIVE);
await mined(governor.castVote(number, 1));
console.log("a proposal is voted for");
await reaches(number, SUCCEEDED);
await mined(governor.queue(...proposal, ethers.id(text)));
const eta = await governor.proposalEta(number);
while (BigInt((await ethers.provider.getBlock("latest"))!.timestamp) < eta) await new Promise((resolve) => setTimeout(resolve, 100));
await mined(governor.execute(...proposal, ethers.id(text)));
assert.equal(await governor.state(number), EXECUTED);
assert.equal(await parameters.fee(), 250n);
assert.equal(await register.version(), 2n);
assert.equal(await register.holderOf("buyer"), buyer.address);
console.log("the government upgraded the register and changed the fee");

import { expect } from "chai";
import { network } from "hardhat";

const { ethers, networkHelpers } = await network.create();
const { impersonateAccount, loadFixture, mine, setBalance, time } = networkHelpers;

const SUPPLY = ethers.parseEther("1000000");
const TIMELOCK_DELAY = 2n * 24n * 3_600n;
const [PENDING, ACTIVE, CANCELED, DEFEATED, SUCCEEDED, QUEUED, , EXECUTED] = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n];
const [AGAINST, FOR, ABSTAIN] = [0, 1, 2];

async function constitution(tokenName: "CivicToken" | "CivicTokenByTime", delay: number, period: number) {
  const [admin, alice, bob, carol] = await ethers.getSigners();
  const token = await ethers.deployContract(tokenName, [admin.address, SUPPLY]);
  const timelock = await ethers.deployContract("CivicTimelock", [TIMELOCK_DELAY, [], [ethers.ZeroAddress], admin.address]);
  const governor = await ethers.deployContract("CivicGovernor", [token, timelock, delay, period]);
  const parameters = await ethers.deployContract("Parameters", [timelock]);
  await timelock.grantRole(await timelock.PROPOSER_ROLE(), governor);
  await timelock.grantRole(await timelock.CANCELLER_ROLE(), governor);
  await timelock.renounceRole(await timelock.DEFAULT_ADMIN_ROLE(), admin);
  for (const [holder, amount] of [[alice, "50000"], [bob, "30000"], [carol, "500"]] as const) {
    await token.transfer(holder, ethers.parseEther(amount));
    await token.connect(holder).delegate(holder);
  }
  return { token, timelock, governor, parameters, admin, alice, bob, carol };
}

async function byBlocks() {
  const all = await constitution("CivicToken", 100, 1_000);
  return { ...all, pass: async (clock: number) => mine(clock) };
}

async function bySeconds() {
  const all = await constitution("CivicTokenByTime", 24 * 3_600, 7 * 24 * 3_600);
  // Votes count from the second after they were delegated, and blocks of this chain may share a second.
  await time.increase(1);
  return { ...all, pass: async (clock: number) => { await time.increase(clock); } };
}

type World = Awaited<ReturnType<typeof byBlocks>>;

async function propose({ governor, parameters, alice }: World, fee: bigint, text: string) {
  const call = parameters.interface.encodeFunctionData("setFee", [fee]);
  const target = await parameters.getAddress();
  const proposal = [[target], [0n], [call]] as [string[], bigint[], string[]];
  const sent = governor.connect(alice).propose(...proposal, text);
  await expect(sent).to.emit(governor, "ProposalCreated");
  const id = await governor.getProposalId(...proposal, ethers.id(text));
  expect(await governor.state(id)).to.equal(PENDING);
  return { id, proposal, hash: ethers.id(text) };
}

async function clocks({ governor }: World) {
  return { delay: Number(await governor.votingDelay()), period: Number(await governor.votingPeriod()) };
}

for (const [name, fixture] of [["block numbers", byBlocks], ["timestamps", bySeconds]] as const) {
  describe(`CivicGovernor by ${name}`, () => {
    it("carries a proposal from the first vote to its execution", async () => {
      const world = await loadFixture(fixture);
      const { governor, parameters, alice, bob, carol, pass } = world;
      const { delay, period } = await clocks(world);
      const { id, proposal, hash } = await propose(world, 250n, "Raise the fee to 2.5 %");

      await expect(governor.connect(alice).castVote(id, FOR))
        .to.be.revertedWithCustomError(governor, "GovernorUnexpectedProposalState");
      await pass(delay + 1);
      expect(await governor.state(id)).to.equal(ACTIVE);
      await expect(governor.connect(alice).castVoteWithReason(id, FOR, "we need it"))
        .to.emit(governor, "VoteCast").withArgs(alice.address, id, FOR, ethers.parseEther("50000"), "we need it");
      await governor.connect(bob).castVote(id, AGAINST);
      await governor.connect(carol).castVote(id, ABSTAIN);
      await expect(governor.connect(alice).castVote(id, AGAINST))
        .to.be.revertedWithCustomError(governor, "GovernorAlreadyCastVote").withArgs(alice.address);
      expect(await governor.proposalVotes(id)).to.deep.equal(["30000", "50000", "500"].map((votes) => ethers.parseEther(votes)));

      await pass(period + 1);
      expect(await governor.state(id)).to.equal(SUCCEEDED);
      await expect(governor.queue(...proposal, hash)).to.emit(governor, "ProposalQueued");
      expect(await governor.state(id)).to.equal(QUEUED);
      await expect(governor.execute(...proposal, hash)).to.revert(ethers);

      await time.increaseTo(await governor.proposalEta(id));
      await expect(governor.execute(...proposal, hash))
        .to.emit(parameters, "FeeChanged").withArgs(100n, 250n)
        .and.to.emit(governor, "ProposalExecuted").withArgs(id);
      expect(await governor.state(id)).to.equal(EXECUTED);
      expect(await parameters.fee()).to.equal(250n);
    });

    it("drops a proposal without a quorum", async () => {
      const world = await loadFixture(fixture);
      const { governor, bob, carol, pass } = world;
      const { delay, period } = await clocks(world);
      const { id, proposal, hash } = await propose(world, 200n, "Nobody comes");
      await pass(delay + 1);
      await governor.connect(carol).castVote(id, FOR);
      await governor.connect(bob).castVote(id, FOR);
      expect(await governor.quorum(await governor.proposalSnapshot(id))).to.equal(ethers.parseEther("40000"));
      await pass(period + 1);
      expect(await governor.state(id)).to.equal(DEFEATED);
      await expect(governor.queue(...proposal, hash))
        .to.be.revertedWithCustomError(governor, "GovernorUnexpectedProposalState");
    });

    it("takes a vote that was signed and sent by another", async () => {
      const world = await loadFixture(fixture);
      const { governor, alice, bob, pass } = world;
      const { delay } = await clocks(world);
      const { id } = await propose(world, 300n, "By signature");
      await pass(delay + 1);
      const [, domain, version, chainId, verifyingContract] = await governor.eip712Domain();
      const fields = [["proposalId", "uint256"], ["support", "uint8"], ["voter", "address"], ["nonce", "uint256"]];
      const signature = await alice.signTypedData(
        { name: domain, version, chainId, verifyingContract },
        { Ballot: fields.map(([field, type]) => ({ name: field, type })) },
        { proposalId: id, support: FOR, voter: alice.address, nonce: await governor.nonces(alice) },
      );
      await governor.connect(bob).castVoteBySig(id, FOR, alice, signature);
      expect(await governor.hasVoted(id, alice)).to.equal(true);
      expect(await governor.hasVoted(id, bob)).to.equal(false);
    });
  });
}

describe("CivicGovernor", () => {
  it("asks for a threshold of votes to propose", async () => {
    const { governor, parameters, carol } = await loadFixture(bySeconds);
    await expect(governor.connect(carol).propose([parameters], [0n], ["0x"], "too small"))
      .to.be.revertedWithCustomError(governor, "GovernorInsufficientProposerVotes")
      .withArgs(carol.address, ethers.parseEther("500"), ethers.parseEther("1000"));
  });

  it("lets the proposer cancel before the vote", async () => {
    const world = await loadFixture(bySeconds);
    const { id, proposal, hash } = await propose(world, 400n, "On second thought");
    await expect(world.governor.connect(world.alice).cancel(...proposal, hash))
      .to.emit(world.governor, "ProposalCanceled").withArgs(id);
    expect(await world.governor.state(id)).to.equal(CANCELED);
  });

  it("carries out what the parameters refuse, and fails with their reason", async () => {
    const world = await loadFixture(bySeconds);
    const { governor, parameters, alice, pass } = world;
    const { delay, period } = await clocks(world);
    const { id, proposal, hash } = await propose(world, 501n, "Too much");
    await pass(delay + 1);
    await governor.connect(alice).castVote(id, FOR);
    await pass(period + 1);
    await governor.queue(...proposal, hash);
    await time.increaseTo(await governor.proposalEta(id));
    await expect(governor.execute(...proposal, hash))
      .to.be.revertedWithCustomError(parameters, "OutOfBounds").withArgs(501n, 500n);
  });

  it("is the only one that may change a parameter, but for an impersonated timelock", async () => {
    const { parameters, timelock, admin } = await loadFixture(bySeconds);
    await expect(parameters.setFee(1n))
      .to.be.revertedWithCustomError(parameters, "OwnableUnauthorizedAccount").withArgs(admin.address);
    const address = await timelock.getAddress();
    await impersonateAccount(address);
    await setBalance(address, ethers.parseEther("1"));
    await parameters.connect(await ethers.getSigner(address)).setFee(1n);
    expect(await parameters.fee()).to.equal(1n);
  });
});
